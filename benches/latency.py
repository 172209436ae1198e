#!/usr/bin/env python3
"""How long a line takes from emit's standard input to tail's standard output.

    python3 benches/latency.py [--lines 2000] [--runs 3]

Two loads, each through processes that are connected over tcp on loopback:

  lone     the next line is written when the one before has come out, 2 ms later
  1000/s   a line each millisecond, whatever comes out; late lines count from the
           millisecond in which they were due (open loop)

Rows:

  zlog        zlog emit | zlog tail -o text, lines at INFO
  error       the same with lines at ERROR, which wait for a traceback
  single      the same with emit --no-multiline
  bare        the same pipes and sockets with PyZMQ alone: read a line, send it;
              receive it, write it
  libzmq      one process sends to itself over tcp with PyZMQ: no pipes

Prints p50, p90, p99 and the maximum in microseconds (median of the runs; the
maximum is that of all runs). The figures are this machine's; the ratios to
`bare` travel. Needs cargo and python3 with venv; PyZMQ goes into a throw-away
environment under target/.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

from throughput import RELEASE, build, peers

PAUSE = 0.002
PERIOD = 0.001
WARM_UP = 50
ROWS = ("zlog", "error", "single", "bare", "libzmq")

SENDER = """
import sys, zmq
socket = zmq.Context().socket(zmq.XPUB)
socket.connect(sys.argv[1])
socket.recv()  # the subscription
for line in iter(sys.stdin.buffer.readline, b""):
    socket.send_multipart([b"app.INFO", line])
"""
RECEIVER = """
import os, zmq
socket = zmq.Context().socket(zmq.SUB)
port = socket.bind_to_random_port("tcp://127.0.0.1")
socket.subscribe(b"")
os.write(2, b"bound tcp://127.0.0.1:%d\\n" % port)
while True:
    os.write(1, socket.recv_multipart()[1])
"""
ALONE = """
import sys, time, zmq
count, pause = int(sys.argv[1]), float(sys.argv[2])
context = zmq.Context()
receiver = context.socket(zmq.SUB)
port = receiver.bind_to_random_port("tcp://127.0.0.1")
receiver.subscribe(b"")
sender = context.socket(zmq.XPUB)
sender.connect(f"tcp://127.0.0.1:{port}")
# A bound SUB sends its subscription when its thread enters libzmq.
while not sender.poll(1):
    receiver.poll(1)
sender.recv()
for n in range(count):
    begun = time.monotonic()
    sender.send_multipart([b"app.INFO", b"INFO line %d" % n])
    receiver.recv_multipart()
    print(time.monotonic() - begun)
    time.sleep(pause)
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--no-build", action="store_true", help="measure the release build that is there")
    options = parser.parse_args()
    if not options.no_build:
        build()
    python = peers()
    results = {(row, load): [] for row in ROWS for load in ("lone", "1000/s")}
    # The rows take turns, so that a change of the machine's load meets all of them.
    for _ in range(options.runs):
        for row, load in results:
            measured = measure(python, row, load, options.lines)
            if measured:
                results[row, load].append(sorted(measured))
    report(options, results)


def measure(python, row, load, lines):
    """Latencies in seconds."""
    if row == "libzmq":
        if load != "lone":
            return None
        command = [python, "-c", ALONE, str(lines + WARM_UP), str(PAUSE)]
        output = subprocess.run(command, capture_output=True, check=True).stdout
        return [float(line) for line in output.split()][WARM_UP:]
    receiver, endpoint = start_receiver(python, row)
    sender = start_sender(python, row, endpoint)
    try:
        measure_load = lone if load == "lone" else paced
        level = b"ERROR" if row == "error" else b"INFO"
        return measure_load(sender, receiver, level, lines + WARM_UP)[WARM_UP:]
    finally:
        for process in (sender, receiver):
            process.kill()
            process.wait()


def start_receiver(python, row):
    zlog = [RELEASE / "zlog", "tail", "--bind", "tcp://127.0.0.1:*", "-o", "text"]
    command = [python, "-c", RECEIVER] if row == "bare" else zlog
    receiver = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
    )
    words = receiver.stderr.readline().decode().split()
    return receiver, next(word for word in words if "://" in word)


def start_sender(python, row, endpoint):
    zlog = [RELEASE / "zlog", "emit", "--connect", endpoint, "--root", "app", "--wait", "10s", "--quiet"]
    if row == "single":
        zlog.append("--no-multiline")
    command = [python, "-c", SENDER, endpoint] if row == "bare" else zlog
    return subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0)


def lone(sender, receiver, level, lines):
    latencies = []
    for n in range(lines):
        begun = time.monotonic()
        os.write(sender.stdin.fileno(), b"%s line %d\n" % (level, n))
        os.read(receiver.stdout.fileno(), 65536)
        latencies.append(time.monotonic() - begun)
        time.sleep(PAUSE)
    return latencies


def paced(sender, receiver, level, lines):
    """A child writes by the clock; this process reads."""
    begin = time.monotonic() + 1.0
    writer = os.fork()
    if writer == 0:
        for n in range(lines):
            due = begin + n * PERIOD
            while (left := due - time.monotonic()) > 0:
                time.sleep(left)
            os.write(sender.stdin.fileno(), b"%s line %d\n" % (level, n))
        os._exit(0)
    latencies, rest = [], b""
    while len(latencies) < lines:
        data = os.read(receiver.stdout.fileno(), 65536)
        if not data:
            sys.exit("the receiver has ended")
        now = time.monotonic()
        *complete, rest = (rest + data).split(b"\n")
        latencies += [now - (begin + int(line.split()[-1]) * PERIOD) for line in complete]
    os.waitpid(writer, 0)
    return latencies


def report(options, results):
    print(f"    {options.lines} lines, median of {options.runs} runs, microseconds;")
    print(f"    {os.cpu_count()} cores, {platform.system()} {platform.machine()}")
    print()
    print(f"    {'':<8} {'load':<8} {'p50':>8} {'p90':>8} {'p99':>8} {'max':>8}  p50 / bare")
    for (row, load), runs in results.items():
        if not runs:
            continue
        p50, p90, p99 = (percentile(runs, share) for share in (0.5, 0.9, 0.99))
        ratio = p50 / percentile(results["bare", load], 0.5)
        print(f"    {row:<8} {load:<8} {p50:>8,.0f} {p90:>8,.0f} {p99:>8,.0f} "
              f"{max(run[-1] for run in runs) * 1e6:>8,.0f}  {ratio:10.2f}")


def percentile(runs, share):
    """The median over the runs of a percentile, in microseconds."""
    return statistics.median(run[min(int(len(run) * share), len(run) - 1)] for run in runs) * 1e6


if __name__ == "__main__":
    main()
