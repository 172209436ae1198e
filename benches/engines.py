#!/usr/bin/env python3
"""Records per second from `emit` to `tail -o text` over tcp, on each pair of engines, interleaved.

    benches/engines.py [ZLOG [ROUNDS]]

Prints the median of each pair, and its ratio to libzmq on both sides in the same run.
"""

import re
import statistics
import subprocess
import sys
import tempfile
import time

LINES = 300_000
ENGINES = ("libzmq", "native")


def once(zlog, file, wire, emitter, tail):
    """Sends all lines once. Returns records per second, with the start of the tail."""
    emit = [zlog, "emit", "--bind", "tcp://127.0.0.1:*", "--wait", "60s", "--wire", wire]
    emit += ["--no-detect", "--engine", emitter]
    with (
        open(file) as lines,
        subprocess.Popen(emit, stdin=lines, stderr=subprocess.PIPE, text=True) as publisher,
    ):
        endpoint = re.search(r"bound (\S+)", publisher.stderr.readline()).group(1)
        command = [zlog, "tail", "--connect", endpoint, "-o", "text", "-n", str(LINES), "-q"]
        start = time.monotonic()
        subprocess.run([*command, "--engine", tail], stdout=subprocess.DEVNULL, check=True)
        took = time.monotonic() - start
        publisher.communicate()
    return LINES / took


def main():
    zlog = sys.argv[1] if len(sys.argv) > 1 else "target/release/zlog"
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    pairs = [(one, other) for one in ENGINES for other in ENGINES]
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(f"{'x' * 300}\n" * LINES)
        file.flush()
        for wire in ("json", "text"):
            rates = {pair: [] for pair in pairs}
            for _ in range(rounds):
                for pair in pairs:
                    rates[pair].append(once(zlog, file.name, wire, *pair))
            base = statistics.median(rates[pairs[0]])
            for pair in pairs:
                rate = statistics.median(rates[pair])
                print(f"{wire}  {pair[0]:>6} -> {pair[1]:<6}  {rate:>9,.0f}/s  x {rate / base:.2f}")


if __name__ == "__main__":
    main()
