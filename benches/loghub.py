#!/usr/bin/env python3
"""Checks zlog's line formats against the 16 systems of the loghub collection.

    git clone https://github.com/logpai/loghub
    benches/loghub.py loghub [--zlog target/debug/zlog] [--wrong 3]

For each line of each sample of 2,000 lines, `zlog formats --explain` must find the time, the
level (where the line has one) and the logger that the collection's own table of the sample
(*_structured.csv) has. Prints the counts per system; with --wrong N, also N lines of each kind of
difference.
"""

import argparse
import csv
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
# The words of each collection on Python's scale.
LEVELS = {
    "V": "Level 5", "D": "DEBUG", "I": "INFO", "W": "WARNING", "E": "ERROR", "F": "CRITICAL",
    "notice": "Level 25", "error": "ERROR", "warn": "WARNING", "Info": "INFO", "Error": "ERROR",
    "Warning": "WARNING", "INFO": "INFO", "WARN": "WARNING", "WARNING": "WARNING",
    "ERROR": "ERROR", "SEVERE": "ERROR", "FATAL": "CRITICAL", "FAILURE": "CRITICAL",
    "DEBUG": "DEBUG",
}


def civil(*parts):
    """The parts of a time without a year: month, day, hour, minute, second, microsecond."""
    return tuple(int(part) for part in parts)


def clock(text):
    time, _, fraction = text.replace(",", ".").partition(".")
    return [*time.split(":"), (fraction + "000000")[:6]]


def epoch(text):
    time = datetime.datetime.fromtimestamp(int(text), datetime.timezone.utc)
    return (time.year, *civil(time.month, time.day, time.hour, time.minute, time.second, 0))


def ymd(text, separator="-"):
    return text.split(separator)


def bgl(row):
    year, month, day, rest = row["Time"].split("-")
    hour, minute, second, micros = rest.split(".")
    return civil(year, month, day, hour, minute, second, micros)


def healthapp(row):
    date, time = row["Time"].split("-")
    hour, minute, second, millis = time.split(":")
    return civil(date[:4], date[4:6], date[6:], hour, minute, second, int(millis) * 1000)


def apache(row):
    _, month, day, time, year = row["Time"].split()
    return civil(year, MONTHS.index(month) + 1, day, *clock(time))


def syslog(month, day, time):
    return civil(MONTHS.index(month) + 1, day, *clock(time))


# For each system: the time, the word of the level, and the logger of a row. A time of six
# numbers has no year.
SYSTEMS = {
    "Android": (lambda r: civil(*ymd(r["Date"]), *clock(r["Time"])), "Level", "Component"),
    "Apache": (apache, "Level", None),
    "BGL": (bgl, "Level", "Component"),
    "HDFS": (
        lambda r: civil(
            2000 + int(r["Date"].zfill(6)[:2]), r["Date"].zfill(6)[2:4], r["Date"].zfill(6)[4:],
            r["Time"].zfill(6)[:2], r["Time"].zfill(6)[2:4], r["Time"].zfill(6)[4:], 0,
        ),
        "Level", "Component",
    ),
    "HPC": (lambda r: epoch(r["Time"]), None, "Component"),
    "Hadoop": (lambda r: civil(*ymd(r["Date"]), *clock(r["Time"])), "Level", "Component"),
    "HealthApp": (healthapp, None, "Component"),
    "Linux": (lambda r: syslog(r["Month"], r["Date"], r["Time"]), None, "Component"),
    "Mac": (lambda r: syslog(r["Month"], r["Date"], r["Time"]), None, "Component"),
    "OpenSSH": (lambda r: syslog(r["Date"], r["Day"], r["Time"]), None, "sshd"),
    "OpenStack": (lambda r: civil(*ymd(r["Date"]), *clock(r["Time"])), "Level", "Component"),
    "Proxifier": (
        lambda r: civil(*r["Time"].split()[0].split("."), *clock(r["Time"].split()[1])),
        None, "Program",
    ),
    "Spark": (
        lambda r: civil(2000 + int(r["Date"][:2]), *ymd(r["Date"], "/")[1:], *clock(r["Time"])),
        "Level", "Component",
    ),
    "Thunderbird": (lambda r: epoch(r["Timestamp"]), None, "Component"),
    "Windows": (lambda r: civil(*ymd(r["Date"]), *clock(r["Time"])), "Level", "Component"),
    "Zookeeper": (lambda r: civil(*ymd(r["Date"]), *clock(r["Time"])), "Level", None),
}


def wanted(system, row, line):
    """The time, level and logger of a line by the collection's table."""
    time, level, name = SYSTEMS[system]
    level = LEVELS[row[level]] if level else None
    if system == "OpenSSH":
        name = "sshd"
    elif system == "Zookeeper":
        # The table splits at the wrong colon: `[thread:class@line]`.
        name = row["Component"].rpartition(":")[2]
    else:
        name = row[name] or None if name else None
    if system in ("Linux", "Mac"):
        # The version of a program, and a dash, are no part of its name.
        name = re.sub(r" [0-9.]+$", "", name).removeprefix("-- ")
    if system == "Thunderbird" and " " in name:
        # These nine lines have no program: the table takes a part of their text for it.
        name = None
    return time(row), level, name


def found(explained):
    fields = explained["fields"]
    created = fields.get("created")
    time = None
    if created:
        stamp = datetime.datetime.fromisoformat(created.replace("Z", "+00:00"))
        time = (stamp.year, *civil(stamp.month, stamp.day, stamp.hour, stamp.minute, stamp.second,
                                   stamp.microsecond))
    level = fields.get("levelname") or None
    if level is None and "levelno" in fields:
        level = f"Level {fields['levelno']}"
    return time, level, fields.get("name")


def check(zlog, directory, system, show):
    """Checks a system. Returns the number of lines, and of those with each field right."""
    log = directory / system / f"{system}_2k.log"
    if not log.exists():
        log = directory / f"{system}_2k.log"
    # Times without a zone are local.
    run = subprocess.run([zlog, "formats", "--json", "--explain", log], capture_output=True,
                         text=True, check=True, env={**os.environ, "TZ": "UTC"})
    explained = [json.loads(line) for line in run.stdout.splitlines()]
    lines = log.read_text(errors="surrogateescape").split("\n")
    with open(f"{log}_structured.csv", newline="", errors="surrogateescape") as table:
        rows = list(csv.DictReader(table))
    assert len(explained) == len(rows), (system, len(explained), len(rows))
    right = dict.fromkeys(("time", "level", "name"), 0)
    for row, line, explanation in zip(rows, lines, explained):
        expected, got = wanted(system, row, line), found(explanation)
        for kind, one, other in zip(right, expected, got):
            if kind == "time" and one and other and len(one) < len(other):
                other = other[1:]
            if one == other:
                right[kind] += 1
            elif show.get((system, kind), 0) > 0:
                show[system, kind] -= 1
                print(f"  {system}: {kind} is {other}, not {one}: {line[:150]}", file=sys.stderr)
    return len(rows), right


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--zlog", default="target/debug/zlog")
    parser.add_argument("--wrong", type=int, default=0)
    args = parser.parse_args()
    show = {(system, kind): args.wrong for system in SYSTEMS for kind in ("time", "level", "name")}
    print("| system | lines | time | level | logger |\n|---|---|---|---|---|")
    complete = True
    for system, (_, level, name) in SYSTEMS.items():
        count, right = check(args.zlog, args.directory, system, show)
        complete &= all(number == count for number in right.values())
        shown = [right["time"], right["level"] if level else "has none", right["name"]]
        if name is None and system == "Apache":
            shown[2] = "has none"
        print(f"| {system} | {count} | " + " | ".join(map(str, shown)) + " |")
    sys.exit(0 if complete else 1)


main()
