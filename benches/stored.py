#!/usr/bin/env python3
"""Reading stored JSON lines: `zlog tail --input` beside hl, jq and fblog, in one run on one machine.

    python3 benches/stored.py [--records 1000000] [--runs 3] [--zlog PATH] [--hl PATH] [--fblog PATH]

Each prints the same file to /dev/null: as text in colour (`pretty`), the messages alone (`text`), and only
errors (`-l error`). Programs that are not there are left out; hl and fblog are built from their repositories.
jq and fblog read a tenth of the file, since they need much longer. Prints seconds for all records (median), their ratio to
zlog, processor time, the most memory (never less than this script has itself), and how long `zlog tail -n 1` takes for
the first line.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

WORDS = "connection refused accepted request timeout user session cache query slow retry payment shipped stock".split()
LEVELS = ["debug"] * 20 + ["info"] * 60 + ["warning"] * 15 + ["error"] * 5
MESSAGE = 'if .level == "error" then .msg else empty end'


def write(path, count):
    """About 215 bytes a line."""
    chance = random.Random(1)
    with open(path, "w", encoding="utf-8") as file:
        for number in range(count):
            second, milli = divmod(number, 1000)
            file.write(json.dumps({
                "ts": f"2026-11-20T{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}.{milli:03}Z",
                "level": chance.choice(LEVELS), "logger": chance.choice(["shop.db", "shop.web", "shop.mail"]),
                "msg": " ".join(chance.choices(WORDS, k=9)), "request": f"{chance.getrandbits(64):016x}",
                "elapsed": round(chance.random(), 4), "status": chance.choice([200, 200, 200, 404, 500]),
            }) + "\n")


def run(command):
    """Seconds, processor seconds and MB."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command}: {said.decode()[-500:]}")
    return time.monotonic() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--records", type=int, default=1_000_000)
    arguments.add_argument("--runs", type=int, default=3)
    for program in ("zlog", "hl", "jq", "fblog"):
        arguments.add_argument(f"--{program}", default="target/release/zlog" if program == "zlog" else program)
    args = arguments.parse_args()
    with tempfile.TemporaryDirectory() as work:
        whole, part = f"{work}/whole.jsonl", f"{work}/part.jsonl"
        write(whole, args.records)
        with open(whole, encoding="utf-8") as lines, open(part, "w", encoding="utf-8") as file:
            file.writelines(line for line, _ in zip(lines, range(args.records // 10)))
        zlog, hl = [args.zlog, "tail", "-q", "--input", whole], [args.hl, "-P", "--color=always", whole]
        tables = {
            "pretty": [zlog + ["--color", "always"], hl, [args.jq, "-C", ".", part], [args.fblog, part]],
            "text": [zlog + ["-o", "text"], [args.hl, "-P", "--color=never", whole], [args.jq, "-r", ".msg", part]],
            "-l error": [zlog + ["-l", "error", "--color", "always"], hl + ["-l", "error"],
                         [args.jq, "-r", MESSAGE, part], [args.fblog, "-f", 'level == "error"', part]],
        }
        size = Path(whole).stat().st_size / args.records
        print(f"{args.records:,} records of {size:.0f} bytes, {args.runs} rounds, medians\n")
        print("| | program | s | of zlog | processor, s | MB, at most |\n|---|---|---:|---:|---:|---:|")
        for what, commands in tables.items():
            commands = [command for command in commands if shutil.which(command[0])]
            rounds = [[run(command) for command in commands] for _ in range(args.runs)]
            base = None
            for command, *runs in zip(commands, *rounds):
                factor = 10 if part in command else 1
                seconds, processor, memory = (statistics.median(column) for column in zip(*runs))
                base = base or seconds
                print(f"| {what} | {Path(command[0]).name} | {seconds * factor:.2f} | {seconds * factor / base:.2f} × |"
                      f" {processor * factor:.2f} | {memory:.0f} |")
        first = statistics.median(run(zlog + ["-n", "1"])[0] for _ in range(11))
        print(f"\nThe first line of the whole file, from start to end of zlog: {first * 1000:.1f} ms")


if __name__ == "__main__":
    main()
