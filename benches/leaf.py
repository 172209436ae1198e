#!/usr/bin/env python3
"""What a site with a NATS server of its own costs, and the centre that copies its stream.

    benches/leaf.py [--rounds 3] [--lines 200000] [--rate 500] [--zlog target/release/zlog] [--server nats-server]

The servers run with examples/scale/4-nats-server.conf, 5-leaf.conf and 5-all.json, and also with a sync_interval of
two minutes, the default. `emit --nats` stores lines of 100 bytes at the site: as fast as it can (a tenth of the lines
where each is synchronised), and for ten seconds at `--rate`. Prints records a second; microseconds of processor time a
record of emit, of the site's server, and of the centre's servers together; how long after the site the centre has
the last record; and the most memory of a server. Medians. Linux only.
"""
import argparse, itertools, json, os, re, shutil, socket, statistics, subprocess, sys, tempfile, time

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--lines", type=int, default=200_000)
parser.add_argument("--rate", type=int, default=500)
parser.add_argument("--zlog", default="target/release/zlog")
parser.add_argument("--server", default=shutil.which("nats-server"))
args = parser.parse_args()
ZLOG, EXAMPLES = os.path.abspath(args.zlog), os.path.join(os.path.dirname(__file__), "../examples/scale/")
work = tempfile.mkdtemp(prefix="zlog-leaf-", dir=os.environ.get("BENCH_DIR"))
environment = {"PATH": os.environ["PATH"], "HOME": work, "XDG_RUNTIME_DIR": work, "ZLOG_CONFIG": ""}
TICK = os.sysconf("SC_CLK_TCK")
SITE, *CENTRE = (f"127.{1 + os.getpid() % 250}.{os.getpid() // 250 % 250}.{n}" for n in (1, 2, 3, 4))


def start(name, address, file, *words):
    """A server with an example, some words of which are replaced."""
    with open(EXAMPLES + file, encoding="utf-8") as example:
        text = example.read()
    for old, new in ((r"/var/lib/nats", f"{work}/{name}"), (r"server_name: \w+", f"server_name: {name}"), *words):
        text = re.sub(old, new, text)
    for number, other in enumerate(CENTRE, 1):
        text = text.replace(f"//nats{number}:", f"//{other}:")
    with open(f"{work}/{name}.conf", "w", encoding="utf-8") as config:
        config.write(text)
    process = subprocess.Popen([args.server, "-c", config.name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: socket.create_connection((address, 4222)).close() is None, f"{name} does not start")
    return process


def until(condition, failure):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except (OSError, KeyError):
            pass
        time.sleep(0.02)
    sys.exit(failure)


def ask(address, request, body=b""):
    """The answer of JetStream."""
    with socket.create_connection((address, 4222), timeout=2) as connection:
        file = connection.makefile("rwb")
        file.readline()
        file.write(b'CONNECT {"verbose":false}\r\nSUB in 1\r\nPUB $JS.API.STREAM.%s in %d\r\n%s\r\n' % (request.encode(), len(body), body))
        file.flush()
        while not (line := file.readline()).startswith(b"MSG"):
            pass
        return json.loads(file.read(int(line.split()[-1])))


def stored(address, stream):
    return ask(address, f"INFO.{stream}")["state"]["messages"]


def used(processes):
    """Seconds of processor time of all of them."""
    ticks = 0
    for process in processes:
        with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:
            ticks += sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13]))
    return ticks / TICK


def memory(processes):
    sizes = []
    for process in processes:
        with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
            sizes.append(next(int(line.split()[1]) for line in status if line.startswith("VmHWM")))
    return max(sizes, default=0) / 1024


def measure(sync, rate, servers):
    """One run with so many servers at the centre."""
    started, sync = [], ("sync_interval: always", f"sync_interval: {sync}")
    try:
        single = [(r"(?s)\ncluster \{.*?\n\}", "")] if servers == 1 else []
        for number, address in enumerate(CENTRE[:servers], 1):
            started.append(start(f"nats{number}", address, "4-nats-server.conf", (r"0\.0\.0\.0", address), sync, *single))
        site = start("site1", SITE, "5-leaf.conf", (r"127\.0\.0\.1:4222", f"{SITE}:4222"), sync)
        centre, started = started, [*started, site]
        lines = 10 * rate or args.lines // (10 if "always" in sync[1] else 1)
        target = f"nats://{SITE}:4222,stream=SITE1,prefix=zlog.site1,max-bytes=0"
        # The stream exists, and is copied, before the clock starts.
        subprocess.run([ZLOG, "emit", "-m", "first", "--nats", target], env=environment, check=True, capture_output=True)
        if centre:
            with open(EXAMPLES + "5-all.json", encoding="utf-8") as file:
                config = json.load(file) | {"num_replicas": servers}
            config["sources"] = config["sources"][:1]
            until(lambda: "config" in ask(CENTRE[0], "CREATE.ALL", json.dumps(config).encode()), "no stream ALL")
            until(lambda: stored(CENTRE[0], "ALL") == 1, "nothing is copied")
        before = used([site]), used(centre)
        begun = time.monotonic()
        pace = ["--rate", str(rate)] if rate else []
        emit = subprocess.Popen([ZLOG, "emit", "--file", f"{work}/lines", "-n", str(lines), "--root", "app", "--nats",
                                 target, "--linger", "60s", *pace], env=environment, stdin=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(emit.pid, 0)
        emit.returncode, took = os.waitstatus_to_exitcode(status), time.monotonic() - begun
        if emit.returncode or stored(SITE, "SITE1") != lines + 1:
            sys.exit("not all records are stored")
        if centre:
            until(lambda: stored(CENTRE[0], "ALL") == lines + 1, "not all records are copied")
        behind = time.monotonic() - begun - took
        cost = [usage.ru_utime + usage.ru_stime, used([site]) - before[0], used(centre) - before[1]]
        return [lines / took, *(seconds / lines * 1e6 for seconds in cost), behind, memory([site]), memory(centre)]
    finally:
        for process in started:
            process.kill()
            process.wait()
        for name in ("site1", "nats1", "nats2", "nats3"):
            shutil.rmtree(f"{work}/{name}", ignore_errors=True)


try:
    with open(f"{work}/lines", "w", encoding="utf-8") as file:
        for n in range(args.lines):
            file.write(f"{n:08} worker finished the request for /shop/articles/{n % 997:04}".ljust(99, ".") + "\n")
    version = subprocess.run([args.server, "--version"], capture_output=True, text=True).stdout.strip()
    print(f"{time.strftime('%F %H:%MZ', time.gmtime())}, {version}, load {os.getloadavg()[0]:.1f}, {args.lines:,} lines of 100 bytes\n")
    print("| sync_interval | lines | centre | records/s | emit, µs | site's server, µs | centre's, µs | behind, s | MiB, site | MiB, centre |")
    print("|---|---|---|---:|---:|---:|---:|---:|---:|---:|")
    for sync, rate, servers in itertools.product(("always", "2m"), (0, args.rate), (0, 1, 3)):
        rounds = [measure(sync, rate, servers) for _ in range(args.rounds)]
        cells = [statistics.median(values) for values in zip(*rounds)]
        shown = [f"{cells[0]:,.0f}", *(f"{cell:.1f}" for cell in cells[1:5]), *(f"{cell:.0f}" for cell in cells[5:])]
        if not servers:
            shown[3] = shown[4] = shown[6] = ""
        pace = f"{rate}/s" if rate else "all at once"
        print(f"| {sync} | {pace} | {servers or 'none'} | {' | '.join(shown)} |", flush=True)
finally:
    shutil.rmtree(work, ignore_errors=True)
