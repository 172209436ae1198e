#!/usr/bin/env python3
"""How fast lines travel through ZeroMQ into a file: zlog beside rsyslog, in one run.

    python3 benches/rsyslog.py [--lines 500000] [--runs 3]

Lines of 100 bytes go over tcp on loopback, from one process to another:

  rsyslog  rsyslogd with imfile and omczmq (PUSH), rsyslogd with imczmq (PULL) and omfile
  zlog     zlog emit --file FILE | zlog tail --file FILE

Each counts from the start of the sender until the last line is in the receiver's file; every line
must have come. The rates are this machine's; the ratio travels.

Needs cargo, and rsyslogd with its ZeroMQ modules (Debian: apt-get install rsyslog rsyslog-czmq).
"""

import argparse
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from throughput import DEADLINE, RELEASE, SENDING, build, start_receiver, write_lines

RECEIVE = """
module(load="imczmq" servercertpath="" clientcertpath="" authtype="" authenticator="off")
input(type="imczmq" endpoints="@tcp://127.0.0.1:{port}" socktype="PULL" ruleset="write")
template(name="line" type="string" string="%msg:2:$%\\n")
ruleset(name="write") {{
  action(type="omfile" file="{out}" template="line" ioBufferSize="64k" flushOnTXEnd="on")
}}
"""
SEND = """
module(load="imfile")
module(load="omczmq" authtype="" authenticator="off")
template(name="line" type="string" string="<13>Nov 27 00:00:00 host bench: %msg%")
input(type="imfile" file="{lines}" tag="bench" freshStartTail="off" ruleset="send")
ruleset(name="send") {{
  action(type="omczmq" endpoints=">tcp://127.0.0.1:{port}" socktype="PUSH" template="line"
         sendhwm="100000" sendtimeout="10000")
}}
"""


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--lines", type=int, default=500_000)
    options.add_argument("--runs", type=int, default=3)
    options = options.parse_args()
    daemon = shutil.which("rsyslogd", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if daemon is None:
        sys.exit("rsyslogd is missing: apt-get install rsyslog rsyslog-czmq")
    build()
    rates = {"rsyslog": [], "zlog": []}
    for _ in range(options.runs):
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            lines = write_lines(folder / "lines.txt", options.lines)
            rates["rsyslog"].append(options.lines / rsyslog(daemon, folder, lines))
            rates["zlog"].append(options.lines / zlog(folder, lines, options.lines))
    middle = {name: statistics.median(values) for name, values in rates.items()}
    print(f"{options.lines} lines of 100 bytes over tcp into a file, median of {options.runs} runs")
    for name, values in rates.items():
        print(f"{name:8} {middle[name]:>12,.0f} lines/s   ({min(values):,.0f} to {max(values):,.0f})")
    print(f"zlog / rsyslog  {middle['zlog'] / middle['rsyslog']:6.2f}")


def rsyslog(daemon, folder, lines):
    """Seconds for the lines through two rsyslogds."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    out = folder / "rsyslog.out"
    values = {"port": port, "out": out, "lines": lines}
    receiver = start_rsyslog(daemon, folder, "receive", RECEIVE.format(**values))
    wait_until(lambda: answers(port))
    begun = time.monotonic()
    sender = start_rsyslog(daemon, folder, "send", SEND.format(**values))
    try:
        size = lines.stat().st_size
        wait_until(lambda: out.exists() and out.stat().st_size >= size)
        return time.monotonic() - begun
    finally:
        for process in (sender, receiver):
            process.send_signal(signal.SIGKILL)
            process.wait()


def start_rsyslog(daemon, folder, name, config):
    own = folder / name
    own.mkdir()
    (own / "conf").write_text(f'global(workDirectory="{own}" maxMessageSize="8k")\n{config}')
    return subprocess.Popen([daemon, "-n", "-iNONE", "-f", own / "conf"])


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition):
    until = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > until:
            sys.exit("rsyslog lost lines, or is stuck")
        time.sleep(0.01)


def zlog(folder, lines, count):
    """Seconds for the lines through `emit` and `tail --file`."""
    out = folder / "zlog.out"
    tail, endpoint = start_receiver(
        "tail", "--count", str(count), "--file", f"{out},format=%(message)s",
        stdout=subprocess.DEVNULL,
    )
    begun = time.monotonic()
    emit = [RELEASE / "zlog", "emit", "--root", "bench", "--connect", endpoint, "--quiet"]
    emitter = subprocess.Popen([*emit, *SENDING, "--file", lines])
    tail.wait(DEADLINE)
    seconds = time.monotonic() - begun
    emitter.wait(DEADLINE)
    if out.stat().st_size != lines.stat().st_size:
        sys.exit(f"zlog lost lines: {out.stat().st_size} of {lines.stat().st_size} bytes came")
    return seconds


if __name__ == "__main__":
    main()
