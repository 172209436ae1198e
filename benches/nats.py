#!/usr/bin/env python3
"""zlog on NATS JetStream beside bare async-nats, with the same messages in the same run.

    cargo build --release --bin zlog --example nats_raw
    benches/nats.py [--rounds 3] [--lines 300000] [--replay 10000000] [--server nats-server]

Prints records a second that the server has confirmed: from one emitter and from ten, and the same messages
from as many bare publishers; by the protocol for batches (NATS 2.14), too. Then, how fast a stream is read.
The server flushes every two minutes (its default). Put what it prints into benches/results/.
"""
import argparse, json, os, shutil, socket, statistics, subprocess, sys, tempfile, time

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--lines", type=int, default=300_000)
parser.add_argument("--replay", type=int, default=10_000_000)
parser.add_argument("--server", default=shutil.which("nats-server"))
parser.add_argument("--target", default="target/release")
args = parser.parse_args()
ZLOG, RAW = os.path.abspath(f"{args.target}/zlog"), os.path.abspath(f"{args.target}/examples/nats_raw")
work = tempfile.mkdtemp(prefix="zlog-nats-", dir=os.environ.get("BENCH_DIR"))
environment = {"PATH": os.environ["PATH"], "HOME": work, "XDG_RUNTIME_DIR": work, "ZLOG_CONFIG": ""}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


PORT = free_port()
URL = f"nats://127.0.0.1:{PORT}"
EMITTERS = 10


def lines(path, count, number):
    """Lines of 100 bytes."""
    with open(path, "w", encoding="utf-8") as file:
        for n in range(count):
            file.write(f"{number}-{n:08} worker finished the request for /shop/articles/{n % 997:04}".ljust(99, ".") + "\n")
    return path


def run(commands):
    """Runs them at once. Returns the seconds until all have ended, what they say, and the most memory of one (MiB)."""
    begun = time.monotonic()
    started = [subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True) for command in commands]
    said, most = [], 0
    for process in started:
        said.append(process.stderr.read())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{process.args}: {process.returncode}: {said[-1]}")
        most = max(most, usage.ru_maxrss)
    return time.monotonic() - begun, said, most / 1024


def emitters(count, stream):
    """Records a second from so many emitters, and the memory of one."""
    per = args.lines // count
    took, said, memory = run([[ZLOG, "emit", "--file", lines(f"{work}/{n}", per, n), "--root", f"app{n}", "--source",
                               f"s{n}", "--nats", f"{URL},stream={stream},prefix={stream},max-bytes=0", "--linger", "60s"]
                              for n in range(count)])
    if any(f"{per:,} records stored" not in text for text in said):
        sys.exit(f"not all were stored: {said}")
    return args.lines // count * count / took, memory


def ask(request, stream):
    """The answer of JetStream."""
    with socket.create_connection(("127.0.0.1", PORT)) as connection:
        file = connection.makefile("rwb")
        file.readline()
        file.write(f'CONNECT {{"verbose":false}}\r\nSUB in 1\r\nPUB $JS.API.STREAM.{request}.{stream} in 0\r\n\r\n'.encode())
        file.flush()
        while not (line := file.readline()).startswith(b"MSG"):
            pass
        return json.loads(file.read(int(line.split()[-1])))


def row(name, values, memory, base=None):
    middle = statistics.median(values)
    ratio = f"{middle / base:.2f} ×" if base else ""
    print(f"| {name} | {middle:,.0f} | {min(values):,.0f} to {max(values):,.0f} | {ratio} | {memory:.0f} |", flush=True)
    return middle


server = subprocess.Popen([args.server, "-js", "-sd", f"{work}/store", "-a", "127.0.0.1", "-p", str(PORT)],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
try:
    while True:
        try:
            socket.create_connection(("127.0.0.1", PORT)).close()
            break
        except OSError:
            time.sleep(0.05)
    version = subprocess.run([args.server, "--version"], capture_output=True, text=True).stdout.strip()
    print(f"{time.strftime('%F %H:%MZ', time.gmtime())}, {version}, load {os.getloadavg()[0]:.1f}, {args.lines:,} lines of 100 bytes\n")
    print("| | records/s | range | of raw | MiB, one process |\n|---|---:|---|---:|---:|")
    for count in (1, EMITTERS):
        results = {"zlog": [], "acks": [], "fast": []}
        memories = dict.fromkeys(results, 0)
        for _ in range(args.rounds):
            rate, memories["zlog"] = emitters(count, "Z")
            results["zlog"].append(rate)
            for how in ("acks", "fast"):
                # Each process gets the first messages of the stream: by their identity, others' are dropped.
                for number in range(count):
                    ask("DELETE", f"R{number}")
                per = args.lines // count
                _, said, memory = run([[RAW, "publish", URL, "Z", f"R{n}", str(per), how] for n in range(count)])
                results[how].append(per * count / max(float(text.split()[1]) for text in said))
                memories[how] = memory
                if sum(ask("INFO", f"R{n}")["state"]["messages"] for n in range(count)) != per * count:
                    sys.exit(f"{how}: not all were stored")
            ask("DELETE", "Z")
        plural = "1 emitter" if count == 1 else f"{count} emitters"
        base = statistics.median(results["acks"])
        row(f"{plural}: `zlog emit --nats`", results["zlog"], memories["zlog"], base)
        row(f"{plural}: async-nats, a confirmation for each", results["acks"], memories["acks"])
        row(f"{plural}: async-nats, batches (ADR-50, fast)", results["fast"], memories["fast"], base)
    if args.replay:
        emitters(1, "Z")
        for n in range(EMITTERS):
            ask("DELETE", f"R{n}")
        run([[RAW, "fill", URL, "Z", "R0", str(args.replay)]])
        base = None
        for name, command in [("async-nats, fetching", [RAW, "fetch", URL, "R0"]),
                              ("`zlog tail -o raw`", [ZLOG, "tail", "--from-nats", f"{URL},stream=R0,prefix=R0", "-o", "raw"])]:
            took, _, memory = run([command])
            base = row(f"{args.replay:,} stored records: {name}", [args.replay / took], memory, base)
    with open(f"/proc/{server.pid}/status", encoding="ascii") as status:
        print("\nThe server:", next(line for line in status if line.startswith("VmHWM")).split(maxsplit=1)[1].strip())
finally:
    server.kill()
    server.wait()
    shutil.rmtree(work, ignore_errors=True)
