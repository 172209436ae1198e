#!/usr/bin/env python3
"""Runs zlog for long, with restarts: memory and descriptors stay flat, and reported = lost.

    tests/soak/soak.py [MINUTES [LINES_A_SECOND]]

An `emit` and an `emit --spool` get numbered lines. A relay publishes them to a `tail`, and writes the
confirmed ones to a file. It is restarted every minute: in turns with SIGTERM and SIGKILL. ZLOG names the
program (target/release/zlog). Exit code 1: something is wrong. Put what it prints, with the date and the
machine, into benches/results/.
"""
import os, re, signal, subprocess, sys, tempfile, time

MINUTES = float(sys.argv[1]) if len(sys.argv) > 1 else 60
RATE = int(sys.argv[2]) if len(sys.argv) > 2 else 100
ZLOG = os.path.abspath(os.environ.get("ZLOG", "target/release/zlog"))
RESTART_EVERY = 60  # seconds
SAMPLE_EVERY = 5
# Memory that the second half may have more than the second quarter.
GROWTH = 1.1
GROWTH_KIB = 2048


def start(name, *args, **files):
    """Starts a zlog whose stderr is appended to NAME.err."""
    error = open(os.path.join(work, name + ".err"), "ab")
    return subprocess.Popen([ZLOG, *args], stderr=error, env=environment, **files)


def said(name):
    with open(os.path.join(work, name + ".err"), encoding="utf-8") as file:
        return file.read()


def start_relay():
    return start(
        "relay", "relay", "-b", inlet, "-p", outlet, "--no-ask", "--on-full", "block",
        "--spool", f"{work}/relay", "--confirm-at", confirm, "--file", f"{work}/file,topic=sure,format=%(message)s",
        "--linger", "20s", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def sample(process):
    """Resident KiB and descriptors."""
    with open(f"/proc/{process.pid}/status") as status:
        resident = int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])
    return resident, len(os.listdir(f"/proc/{process.pid}/fd"))


def numbers(path, word):
    """The numbers of the lines `WORD NUMBER`: how many there are, repeated and out of order ones, and the set."""
    seen, repeated, reordered, last = set(), 0, 0, -1
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            first, _, rest = line.partition(" ")
            if first != word or not rest.endswith("\n"):
                continue
            number = int(rest)
            if number in seen:
                repeated += 1
            elif number < last:
                reordered += 1
            seen.add(number)
            last = max(last, number)
    return seen, repeated, reordered


def total(pattern, text):
    return sum(int(number.replace(",", "")) for number in re.findall(pattern, text))


work = tempfile.mkdtemp(prefix="zlog-soak-")
environment = {**os.environ, "XDG_RUNTIME_DIR": work, "HOME": work}
inlet, outlet, confirm = (f"ipc://{work}/{name}" for name in ("in", "out", "confirm"))
open(f"{work}/file", "w").close()
relay = start_relay()
tail = start("tail", "tail", "-c", outlet, "-o", "text", "plain", stdout=open(f"{work}/tail.out", "wb"))
common = ("emit", "--no-detect", "--wait", "60s", "--linger", "30s")
plain = start("plain", *common, "-r", "plain", "-c", inlet, stdin=subprocess.PIPE)
sure = start("sure", *common, "-r", "sure", "--spool", f"{work}/emit", "--confirm", "--confirm-at", confirm,
             stdin=subprocess.PIPE)
print(f"{time.strftime('%FT%TZ', time.gmtime())}: {MINUTES:g} minutes, {RATE} lines a second each, in {work}", flush=True)

begun, sent, restarts, sampled = time.monotonic(), 0, 0, 0
samples = {"emit": [], "emit --spool": [], "tail": []}
while (elapsed := time.monotonic() - begun) < 60 * MINUTES:
    if elapsed >= (restarts + 1) * RESTART_EVERY:
        relay.send_signal((signal.SIGTERM, signal.SIGKILL)[restarts % 2])
        relay.wait()
        relay = start_relay()
        restarts += 1
    if elapsed >= sampled:
        sampled += SAMPLE_EVERY
        for name, process in zip(samples, (plain, sure, tail)):
            samples[name].append(sample(process))
    due = int(elapsed * RATE) + 1
    for process, word in ((plain, "plain"), (sure, "sure")):
        process.stdin.write("".join(f"{word} {n}\n" for n in range(sent, due)).encode())
        process.stdin.flush()
    sent = due
    time.sleep(0.1)
for process in (plain, sure):
    process.stdin.close()
codes = [process.wait() for process in (plain, sure)]
# The last line is printed some milliseconds after `emit` has ended.
deadline = time.monotonic() + 30
while f"plain {sent - 1}\n".encode() not in open(f"{work}/tail.out", "rb").read()[-100_000:]:
    if time.monotonic() > deadline:
        break
    time.sleep(0.1)
relay.terminate()
relay.wait()
tail.terminate()
tail.wait()

wrong = []
printed, repeated, reordered = numbers(f"{work}/tail.out", "plain")
missing = sent - min(printed) - len(printed)
reported = total(r"zlog tail: lost ([\d,]+)", said("tail"))
print(f"plain: {sent} lines, {missing} lost, {reported} reported, {repeated} repeated, {reordered} out of order")
if missing != reported or repeated or reordered:
    wrong.append("plain: lost and reported differ, or lines came again or out of order")
stored, repeated, reordered = numbers(f"{work}/file", "sure")
told = total(r"handing over ([\d,]+) record", said("relay"))
print(f"confirmed: {sent} lines, {sent - len(stored)} lost, {repeated} repeated of {told} told, {reordered} out of order")
if len(stored) != sent or repeated > told or reordered or codes[1]:
    wrong.append("confirmed: lines are missing, out of order, or came again untold")
print(f"{restarts} restarts of the relay, exit codes {codes}")
for name, values in samples.items():
    quarter = max(1, len(values) // 4)
    before, after = values[quarter:2 * quarter] or values, values[2 * quarter:] or values
    peaks = [max(value[0] for value in part) for part in (before, after)]
    descriptors = [max(value[1] for value in part) for part in (before, after)]
    print(f"{name}: memory {peaks[0]} KiB in the second quarter, {peaks[1]} after; descriptors {descriptors[0]}, {descriptors[1]}")
    if peaks[1] > peaks[0] * GROWTH + GROWTH_KIB or descriptors[1] > descriptors[0] + 2:
        wrong.append(f"{name}: memory or descriptors grow")
for text in wrong:
    print(f"WRONG: {text}")
print(f"{time.strftime('%FT%TZ', time.gmtime())}: {'wrong' if wrong else 'nothing is wrong'}")
sys.exit(bool(wrong))
