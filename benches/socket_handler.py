#!/usr/bin/env python3
"""How fast records of Python's SocketHandler are taken: zlog beside the receiver of
Python's logging cookbook, in one run on one machine.

    python3 benches/socket_handler.py [--records 400000] [--senders 10] [--runs 3] [--extras 25]

The senders blast records that were pickled before, so that the receiver is what
limits. Both receivers are processes that end when all has been sent and taken;
every record must have come. The rates are this machine's; the ratio travels.

  python  a ThreadingTCPServer that unpickles each record and hands it to a logger
          with a FileHandler, as in the cookbook; but reads the four bytes of the
          length whole, which the cookbook's does not
  zlog    what --zlog says; {file} in it is where it writes a line for each record

Python takes a part of the records (--share), since it needs so much longer.
"""

import argparse
import logging
import os
import platform
import re
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from logging.handlers import SocketHandler
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FORMAT = "%(relativeCreated)5d %(name)-15s %(levelname)-8s %(message)s"  # the cookbook's
ZLOG = ("{zlog} relay --listen 127.0.0.1:0 --publish-bind 'tcp://127.0.0.1:*' --no-ask "
        "--file '{file},format=" + FORMAT + "'")
DEADLINE = 600  # seconds for any one process; then something is stuck

RECEIVE = '''
import logging, pickle, socketserver, struct, sys
path, senders, form = sys.argv[1], int(sys.argv[2]), sys.argv[3]

class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while header := self.rfile.read(4):
            body = self.rfile.read(struct.unpack(">L", header)[0])
            record = logging.makeLogRecord(pickle.loads(body))
            logging.getLogger(record.name).handle(record)

class Server(socketserver.ThreadingTCPServer):
    daemon_threads = False  # server_close() waits for them

logging.basicConfig(filename=path, format=form, level=1)
server = Server(("127.0.0.1", 0), Handler)
print("listening on 127.0.0.1:%d" % server.server_address[1], file=sys.stderr, flush=True)
for _ in range(senders):
    server.handle_request()
server.server_close()
'''

SEND = '''
import socket, sys
port, count, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
frames = open(path, "rb").read().split(b"--frame--")
block = b"".join(frames)
sock = socket.create_connection(("127.0.0.1", port))
print("ready", flush=True)
sys.stdin.readline()
for _ in range(count // len(frames)):
    sock.sendall(block)
sock.sendall(b"".join(frames[:count % len(frames)]))
sock.close()
'''


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--records", type=int, default=400_000, help="of all senders together")
    options.add_argument("--senders", type=int, default=10)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--share", type=int, default=10, help="Python takes one in so many")
    options.add_argument("--extras", type=int, default=0,
                         help="so many records of a hundred have extras, a list among them")
    options.add_argument("--zlog", default=ZLOG, help="the command; {zlog} is the program")
    options.add_argument("--built", action="store_true", help="do not build, it is there")
    options = options.parse_args()
    if not options.built:
        build = ["cargo", "build", "--release", "--quiet", "--bin", "zlog"]
        subprocess.run(build, cwd=ROOT, check=True)
    rates, costs = {"python": [], "zlog": []}, {"python": [], "zlog": []}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        size = write_frames(folder / "frames", options.extras)
        for run in range(options.runs):
            for name, count in [("python", options.records // options.share),
                                ("zlog", options.records)]:
                out = folder / f"{name}-{run}.log"
                seconds, processor = measured(options, name, count, folder, out)
                rates[name].append(count / seconds)
                costs[name].append(processor / count * 1e6)
                out.unlink(missing_ok=True)
    report(options, size, rates, costs)


def write_frames(path, extras=0):
    """A thousand records as SocketHandler sends them; their size on the average."""
    handler = SocketHandler("127.0.0.1", 0)
    frames = []
    for number in range(1000):
        extra = {"request": number, "tags": ["web", "eu"]} if number % 100 < extras else {}
        record = logging.LogRecord(
            f"shop.part{number % 7}", logging.INFO + 10 * (number % 3), "/srv/shop/web.py", number,
            "GET /cart/%d 200 in %d ms", (number, number % 97), None, "handle")
        record.__dict__.update(extra)
        frames.append(handler.makePickle(record))
    path.write_bytes(b"--frame--".join(frames))
    return sum(map(len, frames)) // len(frames)


def measured(options, name, count, folder, out):
    """Seconds for `count` records, and the receiver's seconds of processor time."""
    if name == "python":
        command = [sys.executable, "-c", RECEIVE, out, str(options.senders), FORMAT]
    else:
        places = {"zlog": ROOT / "target" / "release" / "zlog", "file": out}
        command = [word.format(**places) for word in shlex.split(options.zlog)]
    receiver = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    port = port_of(receiver)
    senders = [start_sender(port, count, n, options.senders, folder) for n in range(options.senders)]
    begun = time.monotonic()
    for sender in senders:
        sender.stdin.write("go\n")
        sender.stdin.flush()
    for sender in senders:
        if sender.wait(DEADLINE):
            sys.exit(f"a sender to {name} failed")
    if name == "zlog":
        receiver.send_signal(signal.SIGTERM)  # it takes what has been sent, and ends
    said = receiver.stderr.read()
    _, _, usage = os.wait4(receiver.pid, 0)
    seconds = time.monotonic() - begun
    receiver.returncode = 0
    came = lines_of(out) if out.exists() else int(re.search(r"(\d+) records", said)[1])
    if came != count:
        sys.exit(f"{name} took {came} of {count} records: {said}")
    return seconds, usage.ru_utime + usage.ru_stime


def port_of(receiver):
    for line in receiver.stderr:
        if found := re.search(r"listening on 127\.0\.0\.1:(\d+)", line):
            return found[1]
    sys.exit("the receiver does not listen")


def start_sender(port, count, number, senders, folder):
    """One that has connected, and waits for its start."""
    share = count // senders + (number < count % senders)
    sender = subprocess.Popen(
        [sys.executable, "-c", SEND, port, str(share), folder / "frames"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    sender.stdout.readline()
    return sender


def lines_of(path):
    with open(path, "rb") as out:
        return sum(block.count(b"\n") for block in iter(lambda: out.read(1 << 20), b""))


def report(options, size, rates, costs):
    middle = {name: statistics.median(values) for name, values in rates.items()}
    cost = {name: statistics.median(values) for name, values in costs.items()}
    print(f"{options.records:,} records of {size} bytes pickled ({options.extras} % with extras), "
          f"{options.senders} senders,")
    print(f"median of {options.runs} runs, {os.cpu_count()} cores, "
          f"{platform.system()} {platform.machine()}, Python {platform.python_version()}")
    print(f"zlog: {options.zlog}")
    print()
    for name, values in rates.items():
        spread = f"{min(values):,.0f} to {max(values):,.0f}"
        print(f"{name:7} {middle[name]:>10,.0f} records/s   ({spread}), "
              f"{cost[name]:6.2f} µs of processor time a record")
    print()
    print(f"zlog / python, records a second           {middle['zlog'] / middle['python']:5.1f}")
    print(f"zlog / python, records a processor second {cost['python'] / cost['zlog']:5.1f}")


if __name__ == "__main__":
    main()
