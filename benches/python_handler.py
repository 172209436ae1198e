#!/usr/bin/env python3
"""What a log call costs the caller: zlog_logging.ZlogHandler beside Python's own handlers.

    python3 benches/python_handler.py [--calls 20000] [--runs 5]

Each handler runs in a process of its own, in turn, and logs the same message with two arguments:

  paced     1,000 calls a second, as a busy service logs: the caller's p50 and p99
  at once   all calls in one loop: the caller's p50 and p99, and calls a second until the
            last record was handed over (the handler closed)

FileHandler writes to a file, SocketHandler to a process that reads and discards, QueueHandler
to a QueueListener with a FileHandler, PUBHandler and ZlogHandler to a subscriber in another
process. Medians of the runs.

Needs python3 with venv; PyZMQ goes into a throw-away environment under target/.
"""

import argparse
import json
import logging
import logging.handlers
import multiprocessing
import os
import platform
import queue
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HANDLERS = ["FileHandler", "QueueHandler", "SocketHandler", "PUBHandler", "ZlogHandler"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--measure", choices=HANDLERS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(args.measure, args.calls)))
        return
    python = environment()
    results = {name: [] for name in HANDLERS}
    for run in range(args.runs):
        for name in HANDLERS if run % 2 == 0 else HANDLERS[::-1]:
            command = [python, __file__, "--measure", name, "--calls", str(args.calls)]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            results[name].append(json.loads(output))
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()}, "
          f"median of {args.runs} runs, microseconds\n")
    print(f"{'':14}{'paced':>16}{'at once':>18}{'calls/s':>12}")
    print(f"{'':14}{'p50':>8}{'p99':>8}{'p50':>9}{'p99':>9}")
    for name, runs in results.items():
        value = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        print(f"{name:14}{value['paced50']:8.1f}{value['paced99']:8.1f}{value['p50']:9.1f}"
              f"{value['p99']:9.1f}{value['rate']:12,.0f}")


def environment():
    """A Python with PyZMQ and zlog_logging."""
    place = ROOT / "target" / "python-handler"
    python = place / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "pyzmq"], check=True)
    return str(python)


def measure(name, calls):
    sys.path.insert(0, str(ROOT / "python"))
    logger = logging.Logger("bench")
    handler, close = OPEN[name]()
    logger.addHandler(handler)
    for number in range(500):
        logger.info("warm-up %d", number)
    paced = []
    due = time.perf_counter()
    for number in range(2000):
        due += 0.001
        time.sleep(max(0.0, due - time.perf_counter()))
        paced.append(timed(logger, number))
    started = time.perf_counter()
    times = [timed(logger, number) for number in range(calls)]
    close()
    elapsed = time.perf_counter() - started
    return {
        "paced50": percentile(paced, 50), "paced99": percentile(paced, 99),
        "p50": percentile(times, 50), "p99": percentile(times, 99), "rate": calls / elapsed,
    }


def timed(logger, number):
    begin = time.perf_counter_ns()
    logger.info("request %d took %.1f ms", number, 12.5)
    return time.perf_counter_ns() - begin


def percentile(values, which):
    """In microseconds."""
    return sorted(values)[min(len(values) - 1, len(values) * which // 100)] / 1000


def file_handler():
    directory = tempfile.TemporaryDirectory()
    handler = logging.FileHandler(os.path.join(directory.name, "log"))
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))

    def close():
        handler.close()
        directory.cleanup()

    return handler, close


def queue_handler():
    target, close_target = file_handler()
    records = queue.Queue(-1)
    listener = logging.handlers.QueueListener(records, target)
    listener.start()

    def close():
        listener.stop()
        close_target()

    return logging.handlers.QueueHandler(records), close


def discard(port):
    server = socket.create_server(("127.0.0.1", 0))
    port.put(server.getsockname()[1])
    connection, _ = server.accept()
    while connection.recv(1 << 16):
        pass


def socket_handler():
    port = multiprocessing.Queue()
    reader = multiprocessing.Process(target=discard, args=(port,), daemon=True)
    reader.start()
    handler = logging.handlers.SocketHandler("127.0.0.1", port.get())

    def close():
        handler.close()
        reader.join()

    return handler, close


def subscribe(endpoint, subscribed):
    import zmq

    reader = zmq.Context().socket(zmq.SUB)
    reader.setsockopt(zmq.RECONNECT_IVL, 10)
    reader.subscribe("")
    reader.connect(endpoint)
    reader.recv_multipart()
    subscribed.set()
    while True:
        reader.recv_multipart()


def subscriber(endpoint):
    subscribed = multiprocessing.Event()
    reader = multiprocessing.Process(target=subscribe, args=(endpoint, subscribed), daemon=True)
    reader.start()
    return reader, subscribed


def free_endpoint():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{probe.getsockname()[1]}"


def pub_handler():
    from zmq.log.handlers import PUBHandler

    endpoint = free_endpoint()
    reader, subscribed = subscriber(endpoint)
    handler = PUBHandler(endpoint)
    handler.root_topic = "bench"
    return opened(handler, handler.ctx.destroy, reader, subscribed)


def zlog_handler():
    from zlog_logging import ZlogHandler

    endpoint = free_endpoint()
    reader, subscribed = subscriber(endpoint)
    handler = ZlogHandler(endpoint, root="bench", wait=10)
    return opened(handler, handler.close, reader, subscribed)


def opened(handler, close_handler, reader, subscribed):
    """Logs until the subscriber has received something."""
    record = logging.makeLogRecord({"msg": "begin", "levelno": 20, "levelname": "INFO"})
    while not subscribed.wait(0.02):
        handler.handle(record)

    def close():
        close_handler()
        reader.kill()
        reader.join()

    return handler, close


OPEN = {
    "FileHandler": file_handler, "QueueHandler": queue_handler, "SocketHandler": socket_handler,
    "PUBHandler": pub_handler, "ZlogHandler": zlog_handler,
}

if __name__ == "__main__":
    main()
