#!/usr/bin/env python3
"""How fast lines travel: zlog, PyZMQ and bare libzmq, in one run on one machine.

    python3 benches/throughput.py [--lines 1000000] [--runs 3]

Pushes the same lines of 100 bytes through

  bare    zlog bench bare-send and bare-receive: zlog's frames, bare libzmq
  zlog    zlog emit --wire json | zlog tail --output text
  pyzmq   logging with PUBHandler | python -m zmq.log

each over tcp on loopback, from one process to another, and prints the three
rates (median of the runs) and zlog's ratio to the other two. The rates are this
machine's; the ratios travel.

Needs cargo and python3 with venv; PyZMQ goes into a throw-away environment
under target/.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RELEASE = ROOT / "target" / "release"
DEADLINE = 600  # seconds for any one process; then something is stuck

PUBLISH = '''
import logging, sys, zmq
from zmq.log.handlers import PUBHandler
socket = zmq.Context().socket(zmq.XPUB)
socket.sndhwm = 0  # a PUB socket drops at full speed; it must deliver to be measured
port = socket.bind_to_random_port("tcp://127.0.0.1")
print(f"tcp://127.0.0.1:{port}", flush=True)
socket.recv()  # the subscription
handler = PUBHandler(socket)
handler.root_topic = "bench"
handler.setFormatter(logging.Formatter("%(message)s"))
logger = logging.getLogger("bench")
logger.setLevel(logging.INFO)
logger.addHandler(handler)
with open(sys.argv[1]) as lines:
    for line in lines:
        logger.info(line.rstrip("\\n"))
'''


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--lines", type=int, default=1_000_000)
    options.add_argument("--runs", type=int, default=3)
    options = options.parse_args()
    build()
    python = peers()
    rates = {"bare": [], "zlog": [], "pyzmq": []}
    with tempfile.TemporaryDirectory() as folder:
        lines = write_lines(Path(folder) / "lines.txt", options.lines)
        for _ in range(options.runs):
            rates["bare"].append(options.lines / bare(lines, options.lines))
            rates["zlog"].append(options.lines / zlog(lines, options.lines))
            rates["pyzmq"].append(options.lines / pyzmq(python, lines, options.lines))
    report(options, rates)


def build():
    subprocess.run(
        ["cargo", "build", "--release", "--quiet", "--bin", "zlog"], cwd=ROOT, check=True,
    )


def peers():
    """The Python of an environment that has PyZMQ; made when it is not there."""
    environment = ROOT / "target" / "throughput-python"
    python = environment / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "pyzmq"], check=True)
    return python


def write_lines(path, count):
    """Lines of 100 bytes, newline included, that differ."""
    with open(path, "w") as out:
        for n in range(count):
            out.write(f"request {n:09d} handled by worker {n % 7} in {n % 983:4d} ms".ljust(99, ".") + "\n")
    return path


SENDING = ["--wait", "10s", "--linger", "60s"]


def start_receiver(*command, stdout):
    """A subscriber on a free port, and the endpoint that it has bound."""
    receiver = subprocess.Popen(
        [RELEASE / "zlog", *command, "--bind", "tcp://127.0.0.1:*"],
        stdout=stdout, stderr=subprocess.PIPE,
    )
    words = receiver.stderr.readline().decode().split()
    return receiver, next(word for word in words if "://" in word)


def start_bare_receiver(count):
    """A subscriber that prints its count, and the seconds from the first message to the last."""
    return start_receiver(
        "bench", "bare-receive", "--topic", "bench.", "--count", str(count),
        stdout=subprocess.PIPE,
    )


def bare_sender(endpoint, wire, count):
    """A publisher of the lines that it reads, over and over."""
    return [RELEASE / "zlog", "bench", "bare-send", "--connect", endpoint, "--wire", wire,
            "--count", str(count), "--wait-for", "1", *SENDING]


def bare(lines, count):
    """Seconds for `count` messages as large as zlog makes them of these lines."""
    receiver, endpoint = start_bare_receiver(count)
    begun = time.monotonic()
    with open(lines) as stdin:
        sender = subprocess.Popen(bare_sender(endpoint, "json", count), stdin=stdin)
    receiver.communicate(timeout=DEADLINE)
    seconds = time.monotonic() - begun
    sender.wait(DEADLINE)
    return seconds


def zlog(lines, count):
    """Seconds for the lines through `emit` and `tail`; every one must arrive."""
    with tempfile.TemporaryFile() as out:
        tail, endpoint = start_receiver(
            "tail", "--output", "text", "--count", str(count), stdout=out)
        begun = time.monotonic()
        emit = [RELEASE / "zlog", "emit", "--root", "bench", "--connect", endpoint,
                "--quiet", *SENDING]
        with open(lines) as stdin:
            emitter = subprocess.Popen(emit, stdin=stdin)
        tail.wait(DEADLINE)
        seconds = time.monotonic() - begun
        emitter.wait(DEADLINE)
        if out.tell() != os.path.getsize(lines):
            out.seek(0, os.SEEK_END)
            if out.tell() != os.path.getsize(lines):
                sys.exit(f"zlog lost lines: {out.tell()} of {os.path.getsize(lines)} bytes came")
    return seconds


def pyzmq(python, lines, count):
    """Seconds for the lines through PUBHandler and its watcher."""
    publisher = subprocess.Popen(
        [python, "-c", PUBLISH, lines], stdout=subprocess.PIPE, text=True
    )
    endpoint = publisher.stdout.readline().strip()
    begun = time.monotonic()
    watcher = subprocess.Popen([python, "-m", "zmq.log", endpoint], stdout=subprocess.PIPE)
    came = 0
    while came < count and time.monotonic() - begun < DEADLINE:
        block = os.read(watcher.stdout.fileno(), 1 << 16)
        if not block:
            break
        came += block.count(b"\n")
    seconds = time.monotonic() - begun
    watcher.kill()
    watcher.wait()
    publisher.wait(DEADLINE)
    if came < count:
        sys.exit(f"PyZMQ lost lines: {came} of {count} came")
    return seconds


def report(options, rates):
    middle = {name: statistics.median(values) for name, values in rates.items()}
    print(f"{options.lines} lines of 100 bytes, tcp on loopback,")
    print(f"median of {options.runs} runs, {os.cpu_count()} cores, "
          f"{platform.system()} {platform.machine()}, Python {platform.python_version()}")
    print()
    for name, values in rates.items():
        spread = f"{min(values):,.0f} to {max(values):,.0f}"
        print(f"{name:6} {middle[name]:>12,.0f} records/s   ({spread})")
    print()
    print(f"zlog / pyzmq  {middle['zlog'] / middle['pyzmq']:6.2f}")
    print(f"zlog / bare   {middle['zlog'] / middle['bare']:6.2f}")


if __name__ == "__main__":
    main()
