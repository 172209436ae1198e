#!/usr/bin/env python3
"""What each stage of a chain costs: emit, any number of relays one behind the other, tail.

    benches/relay_tree.py [ZLOG [RELAYS [ROUNDS [LINES]]]]

Lines of 100 bytes go from `emit --file` over tcp through 0 to RELAYS relays to `tail -o text`; then through one relay
with a file, and through one that keeps them on disk until they are confirmed (`--spool`). Prints records a second, and
the microseconds of processor time that each process takes for a record. Medians. The figures of docs/scale-model.py.
"""
import os, shutil, socket, statistics, subprocess, sys, tempfile, time

ZLOG = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "target/release/zlog")
RELAYS, ROUNDS, LINES = (int(sys.argv[n]) if len(sys.argv) > n else default for n, default in ((2, 3), (3, 3), (4, 500_000)))
work = tempfile.mkdtemp(prefix="zlog-tree-", dir=os.environ.get("BENCH_DIR"))
environment = {"PATH": os.environ["PATH"], "HOME": work, "XDG_RUNTIME_DIR": work, "ZLOG_CONFIG": ""}


def endpoint():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{probe.getsockname()[1]}"


def start(name, *args, **files):
    with open(f"{work}/{name}.err", "wb") as error:
        return subprocess.Popen([ZLOG, *args], env=environment, stdin=subprocess.DEVNULL, stderr=error, **files)


def wait_for(name, text):
    deadline = time.monotonic() + 60
    while text not in open(f"{work}/{name}.err", encoding="utf-8").read():
        if time.monotonic() > deadline:
            sys.exit(f"{name} does not say {text!r}")
        time.sleep(0.01)


def microseconds(process, count=LINES):
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return (usage.ru_utime + usage.ru_stime) / count * 1e6


def chain(relays, more=(), confirmed=False):
    """Records a second, and the processor time of emit, of one relay and of tail."""
    places, started = [endpoint() for _ in range(relays + 1)], []
    confirm = endpoint()
    extra = [word.replace("CONFIRM", confirm) for word in more]
    # The last relay publishes for tail; each other one sends to the next.
    for number in reversed(range(relays)):
        last = number == relays - 1
        publish = ["--publish-bind" if last else "--publish-connect", places[number + 1]]
        started.append(start(f"relay{number}", "relay", "--bind", places[number], *publish, "--no-ask",
                             "--on-full", "block", *extra, stdout=subprocess.DEVNULL))
        wait_for(f"relay{number}", "bound")
    read = ["--connect"] if relays else ["--bind"]
    begun = None
    with open(f"{work}/out", "wb") as out:
        tail = start("tail", "tail", *read, places[-1], "-n", str(LINES), "-o", "text", stdout=out)
        time.sleep(0.5)
        begun = time.monotonic()
        spool = ["--spool", f"{work}/spool", "--confirm-at", confirm, "--confirm"] if confirmed else ["--wait", "60s"]
        emit = start("emit", "emit", "--file", f"{work}/lines", "--root", "app", "--connect", places[0], *spool,
                     "--linger", "60s")
        used = {"tail": microseconds(tail)}
        took = time.monotonic() - begun
    used["emit"] = microseconds(emit)
    for relay in started:
        relay.terminate()
        used["relay"] = microseconds(relay)
    for name in ("spool", "relay-spool", "file"):
        shutil.rmtree(f"{work}/{name}", ignore_errors=True)
    if os.path.exists(f"{work}/file.log"):
        os.remove(f"{work}/file.log")
    return LINES / took, used


with open(f"{work}/lines", "w", encoding="utf-8") as file:
    for n in range(LINES):
        file.write(f"{n:08} worker finished the request for /shop/articles/{n % 997:04}".ljust(99, ".") + "\n")
print(f"{time.strftime('%F %H:%MZ', time.gmtime())}, load {os.getloadavg()[0]:.1f}, {LINES:,} lines of 100 bytes\n")
print("| chain | records/s | emit, µs | relay, µs | tail, µs |\n|---|---:|---:|---:|---:|")
cases = [(f"emit → {n} relays → tail" if n != 1 else "emit → relay → tail", n, (), False) for n in range(RELAYS + 1)]
cases.append(("… and the relay writes a file", 1, ("--file", f"{work}/file.log"), False))
cases.append(("… confirmed, from disk to disk", 1, ("--spool", f"{work}/relay-spool", "--confirm-at", "CONFIRM"), True))
try:
    for name, relays, more, confirmed in cases:
        results = [chain(relays, more, confirmed) for _ in range(ROUNDS)]
        middle = lambda key: f"{statistics.median(used[key] for _, used in results):.2f}" if key in results[0][1] else ""
        rate = statistics.median(rate for rate, _ in results)
        print(f"| {name} | {rate:,.0f} | {middle('emit')} | {middle('relay')} | {middle('tail')} |", flush=True)
finally:
    shutil.rmtree(work, ignore_errors=True)
