"""Logs through Python's SocketHandler or DatagramHandler.

    network_logging.py tcp|udp PORT NAME COUNT      records under the logger NAME
    network_logging.py queue PORT NAME COUNT        the same from a worker process with a
                                                    QueueHandler and a QueueListener here
    network_logging.py steady PORT NAME             numbers until there is a line on stdin;
                                                    prints their count
    network_logging.py lines PORT NAME              each further line of stdin
    network_logging.py drops PORT NAME COUNT        numbers until the handler has dropped COUNT,
                                                    then 100 more; prints the dropped ones
    network_logging.py rich PORT                    one record of each kind
    network_logging.py anonymous PORT               a record without process and thread
    network_logging.py overlong PORT                a record, one of 2,000,000 bytes, and a record
    network_logging.py large PORT                   one record of 150,000 characters, as a datagram
    network_logging.py dies PORT                    ends in the middle of its second record

PORT is a port of 127.0.0.1, or the path of a Unix socket. Logging begins after a line on
stdin, so that several processes can begin at once.
"""

import datetime
import decimal
import logging
import multiprocessing
import os
import sys
import threading
import time
from logging.handlers import DatagramHandler, QueueHandler, QueueListener, SocketHandler

style, place = sys.argv[1:3]
# With a path instead of a port, Python's handlers connect to a Unix socket.
address = (place, None) if place.startswith("/") else ("127.0.0.1", int(place))


class Stranger:
    """A class that exists only in this program."""

    def __init__(self):
        self.secret = 7


def logger(name, handler):
    made = logging.getLogger(name)
    made.setLevel(1)
    made.addHandler(handler)
    return made


def rich(log):
    log.info("%s took %.2f s", "query", 1.5)
    log.log(35, "between the levels")
    try:
        {}["answer"]
    except KeyError:
        log.exception("lookup failed", stack_info=True)
    shared = ["shared"]
    log.error("extras", extra={
        "list": [1, 2.5, None, True], "tuple": (1, ("two",)), "bytes": b"raw\xff",
        "when": datetime.datetime(2025, 11, 21, 8, 0, 1, tzinfo=datetime.timezone.utc),
        "price": decimal.Decimal("1.50"), "twice": {"a": shared, "b": shared},
    })
    log.warning("a stranger", extra={"who": Stranger(), "seq": 5})
    worker = threading.Thread(target=lambda: log.info("from a thread"), name="worker-7")
    worker.start()
    worker.join()


def numbered(log, count):
    for number in range(count):
        log.info("%s record %d", log.name, number)


def steady(log):
    def wait():
        sys.stdin.readline()
        stopped.set()

    stopped = threading.Event()
    threading.Thread(target=wait).start()
    count = 0
    while not stopped.is_set():
        log.info("%d", count)
        count += 1
        if count % 20 == 0:
            time.sleep(0.001)
    print(count)


def drops(log, most):
    """A handler that has no socket after it has dropped a record."""
    handler, = log.handlers
    count, dropped, end = 0, [], None
    while count != end:
        log.info("%d", count, extra={"filler": "x" * 4000})
        if handler.sock is None:
            dropped.append(count)
            if len(dropped) == most:
                print(f"dropped {most}", flush=True)
                end = count + 101
        count += 1
    print(count, *dropped)


def large(log):
    """Sends a record that is too long for a UDP datagram."""
    log.info("x" * 150_000)


def from_a_worker(name, count):
    """The worker does not wait for the network; its listener does."""
    fork = multiprocessing.get_context("fork")
    records = fork.Queue()
    listener = QueueListener(records, SocketHandler(*address))
    log = logger(name, QueueHandler(records))
    worker = fork.Process(target=numbered, args=(log, count))
    worker.start()
    listener.start()
    worker.join()
    listener.stop()


print("ready", flush=True)
sys.stdin.readline()
if style == "tcp":
    numbered(logger(sys.argv[3], SocketHandler(*address)), int(sys.argv[4]))
if style == "udp":
    numbered(logger(sys.argv[3], DatagramHandler(*address)), int(sys.argv[4]))
if style == "queue":
    from_a_worker(sys.argv[3], int(sys.argv[4]))
if style == "steady":
    steady(logger(sys.argv[3], SocketHandler(*address)))
if style == "lines":
    log = logger(sys.argv[3], SocketHandler(*address))
    for line in sys.stdin:
        log.info("%s", line.rstrip())
if style == "drops":
    drops(logger(sys.argv[3], SocketHandler(*address)), int(sys.argv[4]))
if style == "rich":
    rich(logger("app.db", SocketHandler(*address)))
if style == "anonymous":
    logging.logProcesses = logging.logMultiprocessing = logging.logThreads = False
    logger("app", SocketHandler(*address)).info("from nobody")
if style == "overlong":
    log = logger("app", SocketHandler(*address))
    log.info("before")
    log.info("x" * 2_000_000)
    log.info("after")
if style == "large":
    large(logger("app", DatagramHandler(*address)))
if style == "dies":
    handler = SocketHandler(*address)
    log = logger("mortal", handler)
    log.info("whole")
    pickled = handler.makePickle(logging.makeLogRecord({"msg": "cut"}))
    handler.sock.sendall(pickled[:-5])
    os._exit(1)
