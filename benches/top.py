#!/usr/bin/env python3
"""Measures `zlog top` with 10,000 topics at 200,000 records a second, in tmux.

    python3 benches/top.py [--rate N] [--seconds N] [ZLOG]    # default: target/release/zlog

An emitter publishes JSON lines at that rate, over tcp. `zlog top` shows them in a terminal of 80x24,
which is then resized to 200x60; a key is pressed every second. Then `zlog top --once` counts alone.
Says what arrived and what was lost, the lag, the processor time and the memory of `top`. Needs tmux.
Takes a minute and a half.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import tempfile
import threading
import time

TOPICS = 10_000
LEVELS = ["INFO"] * 90 + ["WARNING"] * 9 + ["ERROR"]


def lines():
    """A line for each topic, with a message of 60 bytes."""
    out = []
    for number in range(TOPICS):
        level = LEVELS[number % len(LEVELS)]
        topic = f"shop.{level}.service-{number % 100:02}.part-{number // 100:02}"
        message = f"order {number} of the day was placed and its payment accepted"
        out.append(json.dumps({"topic": topic, "levelname": level, "msg": message}))
    return ("\n".join(out) + "\n").encode()


class Emitter:
    """`zlog emit`, which is fed with lines for as long as it runs."""

    def __init__(self, zlog, rate, environment):
        args = [zlog, "emit", "--bind", "tcp://127.0.0.1:*", "--rate", f"{rate}/s", "--trust-topic"]
        self.process = subprocess.Popen(
            args, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )
        self.endpoint = self.process.stderr.readline().decode().split()[-1]
        self.is_over = False
        self.feeder = threading.Thread(target=self.feed)
        self.feeder.start()

    def feed(self):
        block = lines()
        while not self.is_over:
            view = memoryview(block)
            while view and not self.is_over:
                view = view[self.process.stdin.write(view) :]
        self.process.stdin.close()

    def stop(self):
        """Ends it. Returns its summary."""
        self.is_over = True
        self.feeder.join()
        summary = self.process.stderr.read().decode()
        self.process.wait()
        return summary.strip()


def usage(process):
    """Seconds of processor time, and MiB of memory."""
    fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    status = pathlib.Path(f"/proc/{process}/status").read_text()
    return seconds, int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def watch(tmux, environment, process, keys, seconds):
    """Presses a key each second. Returns a line of figures, and the picture."""
    run = {"env": environment, "check": True}
    before, _ = usage(process)
    started = time.monotonic()
    for second in range(seconds):
        subprocess.run([*tmux, "send-keys", keys[second % len(keys)]], **run)
        time.sleep(1)
    took = time.monotonic() - started
    after, memory = usage(process)
    shown = subprocess.run([*tmux, "capture-pane", "-p"], stdout=subprocess.PIPE, **run)
    picture = shown.stdout.decode().splitlines()
    cores = (after - before) / took
    return f"{picture[1].strip()}; {cores:.2f} cores, {memory:.0f} MiB", picture


def main():
    built = pathlib.Path(__file__).resolve().parent.parent / "target/release/zlog"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("zlog", nargs="?", type=pathlib.Path, default=built)
    parser.add_argument("--rate", type=int, default=200_000)
    parser.add_argument("--seconds", type=int, default=25, help="for each size of the terminal")
    options = parser.parse_args()
    zlog, seconds = str(options.zlog.resolve()), options.seconds
    with tempfile.TemporaryDirectory() as directory:
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "ZLOG_CONFIG": ""}
        environment["XDG_RUNTIME_DIR"] = directory
        environment.pop("TMUX", None)
        run = {"env": environment, "check": True}
        tmux = ["tmux", "-S", f"{directory}/tmux", "-f", "/dev/null"]
        emitter = Emitter(zlog, options.rate, environment)
        size = ["-x", "80", "-y", "24"]
        subprocess.run([*tmux, "new-session", "-d", *size, zlog, "top", emitter.endpoint], **run)
        found = subprocess.run(
            [*tmux, "list-panes", "-F", "#{pane_pid}"], stdout=subprocess.PIPE, **run
        )
        process = int(found.stdout)
        keys = ["Down", "s", "NPage", "r", "2", "1"]
        for columns, rows in [(80, 24), (200, 60)]:
            resize = ["resize-window", "-x", str(columns), "-y", str(rows)]
            subprocess.run([*tmux, *resize], **run)
            figures, picture = watch(tmux, environment, process, keys, seconds)
            print(f"{columns}x{rows}: {figures}")
            tabs = next(line for line in picture if line.startswith("1 topics"))
            print(f"    {tabs.split('  ')[0]}", flush=True)
        subprocess.run([*tmux, "send-keys", "q"], **run)
        print(f"emit: {emitter.stop()}")

        emitter = Emitter(zlog, options.rate, environment)
        once = [zlog, "top", "--once", "-o", "json", "--interval", f"{seconds}s", emitter.endpoint]
        report = json.loads(subprocess.run(once, stdout=subprocess.PIPE, **run).stdout)
        keys = ["seconds", "records", "rate", "lost", "lag", "max_lag", "incomplete"]
        print("--once:", {key: report[key] for key in keys}, len(report["topics"]), "topics")
        print(f"emit: {emitter.stop()}")


if __name__ == "__main__":
    main()
