#!/usr/bin/env python3
"""What a format string costs: `zlog tail --format` beside `--output text`, and beside
Python's own logging.Formatter, in one run on one machine.

    python3 benches/formats.py [--records 500000] [--runs 5]

The same stored records (JSON lines, as `tail --output json` writes them) are read from
a file and written to a file, by

  text      zlog tail --output text: the message alone, and no format string
  message   --format '%(message)s', which writes the same
  basic     --format basic: level, name and message
  time      time, level, name and message, the usual string of a program
  brace     the string of `time` in the { style
  dollar    and in the $ style
  rich      time with milliseconds, process, thread, code position: nine fields
  python    json.loads, makeLogRecord and a logging.Formatter with the string of `time`

A round takes all in turn. What each writes is compared: `message` with `text`, and
`time`, `brace` and `dollar` with `python`, byte for byte. Prints the rates (median of
the rounds) and the ratio to `text` in the same round. Reading and decoding are in all
of them, so a ratio says what a user of `tail` notices, not what formatting alone costs.
Python takes a part of the records (--share), since it needs so much longer. The rates
are this machine's; the ratios travel.

Needs cargo. ZLOG=PATH measures that program instead of building one.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEADLINE = 600  # seconds for any one process; then something is stuck
PLAIN = "%(asctime)s %(levelname)s %(name)s: %(message)s"

FORMS = {
    "text": ["--output", "text"],
    "message": ["--format", "%(message)s"],
    "basic": ["--format", "basic"],
    "time": ["--format", PLAIN],
    "brace": ["--format", "{asctime} {levelname} {name}: {message}"],
    "dollar": ["--format", "$asctime $levelname $name: $message"],
    "rich": ["--format", "%(asctime)s.%(msecs)03d %(levelname)-8s [%(process)d/%(threadName)s] "
                         "%(name)s %(filename)s:%(lineno)d %(funcName)s: %(message)s",
             "--datefmt", "%Y-%m-%dT%H:%M:%S"],
}

FORMAT = f'''
import json, logging, sys
formatter = logging.Formatter({PLAIN!r})
with open(sys.argv[1]) as records, open(sys.argv[2], "w") as out:
    for number, line in zip(range(int(sys.argv[3])), records):
        out.write(formatter.format(logging.makeLogRecord(json.loads(line))) + "\\n")
'''


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--records", type=int, default=500_000)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--share", type=int, default=10, help="1 of so many is for Python")
    options = options.parse_args()
    zlog = program()
    rates = {name: [] for name in [*FORMS, "python"]}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        records = write_records(folder / "records.jsonl", options.records)
        few = max(1, options.records // options.share)
        for _ in range(options.runs):
            for name, form in FORMS.items():
                command = [zlog, "tail", "--input", records, "--quiet", "--utc", *form]
                with open(folder / name, "wb") as out:
                    rates[name].append(options.records / seconds(command, out))
            command = [sys.executable, "-c", FORMAT, records, folder / "python", str(few)]
            rates["python"].append(few / seconds(command, subprocess.DEVNULL))
        compare(folder, options.records, few)
    report(options, rates)


def program():
    if "ZLOG" in os.environ:
        return os.environ["ZLOG"]
    build = ["cargo", "build", "--release", "--quiet", "--bin", "zlog"]
    subprocess.run(build, cwd=ROOT, check=True)
    return ROOT / "target" / "release" / "zlog"


def write_records(path, count):
    """Records as a program's loggers make them, with messages of some 60 bytes."""
    levels = [(10, "DEBUG"), (20, "INFO"), (20, "INFO"), (30, "WARNING"), (40, "ERROR")]
    with open(path, "w") as out:
        for n in range(count):
            levelno, levelname = levels[n % len(levels)]
            record = {
                "name": f"shop.worker{n % 7}", "levelno": levelno, "levelname": levelname,
                "msg": f"request {n:09d} handled by worker {n % 7} in {n % 983:4d} ms",
                "args": None, "created": 1_795_000_000 + n / 1000 + 0.0004,
                "msecs": float(n % 1000),
                "process": 4242, "processName": "MainProcess", "thread": 140_000_000_000_000,
                "threadName": f"Thread-{n % 4}", "pathname": "/srv/shop/worker.py",
                "filename": "worker.py", "module": "worker", "lineno": 10 + n % 500,
                "funcName": "handle", "exc_text": None, "stack_info": None,
            }
            out.write(json.dumps(record) + "\n")
    return path


def seconds(command, out):
    environment = {**os.environ, "TZ": "UTC"}
    begun = time.monotonic()
    subprocess.run(command, stdout=out, check=True, timeout=DEADLINE, env=environment)
    return time.monotonic() - begun


def compare(folder, count, few):
    """Every form has a line for each record, and what is to be the same is."""
    texts = {name: (folder / name).read_bytes().splitlines() for name in [*FORMS, "python"]}
    for name, lines in texts.items():
        wanted = few if name == "python" else count
        if len(lines) != wanted:
            sys.exit(f"{name}: {len(lines)} lines for {wanted} records")
    same = [("message", "text"), ("time", "python"), ("brace", "python"), ("dollar", "python")]
    for one, other in same:
        for mine, theirs in zip(texts[one], texts[other]):
            if mine != theirs:
                sys.exit(f"{one} differs from {other}:\n{mine!r}\n{theirs!r}")


def report(options, rates):
    print(f"{options.records} stored records, {options.runs} rounds")
    print(time.strftime("%Y-%m-%d"), platform.machine(), f"{os.cpu_count()} processors,",
          f"Python {platform.python_version()}\n")
    print(f"{'form':<10} {'records/s':>12} {'ratio':>8}   (least to most)")
    for name, measured in rates.items():
        ratios = [mine / text for mine, text in zip(measured, rates["text"])]
        print(f"{name:<10} {statistics.median(measured):>12,.0f} {statistics.median(ratios):>8.2f}"
              f"   {min(ratios):.2f} to {max(ratios):.2f}")


if __name__ == "__main__":
    main()
