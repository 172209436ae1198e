#!/usr/bin/env python3
"""How much memory emit, tail and relay use: idle, and at full speed.

    python3 benches/memory.py [--lines 3000000]

Prints the resident size (VmRSS) when connected and idle, and the largest one (VmHWM) after lines of
100 bytes have gone through at full speed, over tcp on loopback with one subscriber:

  emit | tail               emit --wire json, tail --output text
  emit | relay | tail       the same through a relay that waits for slow subscribers

Needs cargo.
"""

import argparse
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

from throughput import DEADLINE, RELEASE, SENDING, build, start_receiver, write_lines


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--lines", type=int, default=3_000_000)
    options = options.parse_args()
    build()
    print(f"{options.lines} lines of 100 bytes\n")
    print(f"{'':20} {'':6} {'idle':>9} {'at most':>9}")
    with tempfile.TemporaryDirectory() as folder:
        lines = write_lines(Path(folder) / "lines.txt", options.lines)
        measure("emit | tail", lines, options.lines, relayed=False)
        measure("emit | relay | tail", lines, options.lines, relayed=True)


def measure(name, lines, count, relayed):
    out = tempfile.TemporaryFile()
    tail, endpoint = start_receiver("tail", "--output", "text", "--count", str(count), stdout=out)
    processes = {"tail": tail}
    if relayed:
        relay = subprocess.Popen(
            [RELEASE / "zlog", "relay", "--bind", "tcp://127.0.0.1:*", "--on-full", "block",
             "--no-ask", "--publish-connect", endpoint], stderr=subprocess.PIPE, text=True)
        endpoint = next(w for w in relay.stderr.readline().split() if "://" in w)
        processes["relay"] = relay
    emitter = subprocess.Popen(
        [RELEASE / "zlog", "emit", "--root", "bench", "--connect", endpoint, *SENDING],
        stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    processes["emit"] = emitter
    # One line has arrived: all are connected.
    with open(lines, "rb") as text:
        emitter.stdin.write(text.readline())
        emitter.stdin.flush()
        while not os.fstat(out.fileno()).st_size:
            time.sleep(0.01)
        idle = {each: status(process, "VmRSS") for each, process in processes.items()}
        while block := text.read(1 << 16):
            emitter.stdin.write(block)
    largest = {}
    while processes["tail"].poll() is None:
        largest = {each: status(process, "VmHWM") or largest.get(each, 0)
                   for each, process in processes.items()}
        time.sleep(0.01)
    emitter.stdin.close()
    emitter.wait(DEADLINE)
    if relayed:
        processes["relay"].terminate()
        processes["relay"].wait(DEADLINE)
    for each in processes:
        print(f"{name:20} {each:6} {idle[each] / 1024:6.1f} MB {largest[each] / 1024:6.1f} MB")


def status(process, field):
    """A figure of a process in kB; 0 once it has ended."""
    try:
        text = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(rf"{field}:\s+(\d+)", text)
    return int(found[1]) if found else 0


if __name__ == "__main__":
    main()
