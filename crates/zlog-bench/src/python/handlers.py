"""Times one of Python's logging handlers, for `zlog bench --compare-python`.

    python3 -c SCRIPT < TASK

TASK is a JSON object on the first line of standard input. Messages to zlog are JSON, one
per line on standard output. The script exits when standard input ends.
"""

import array
import collections
import json
import logging
import logging.handlers
import os
import queue
import sys
import threading
import time

# Time, level, logger and message, as zlog's handlers write them.
FORMAT = "%(asctime)s %(levelname)-8s %(name)s: %(message)s"
KEPT = 4096  # latencies that are buffered before they are counted, to bound memory


def main():
    task = json.loads(sys.stdin.readline())
    threading.Thread(target=exit_with_parent, daemon=True).start()
    handler, close = HANDLERS[task["handler"]](task)
    log = prepare(task, handler)
    warm_up = run(log, task, None, task["warm_up_seconds"]) if task["warm_up_seconds"] else None
    warmed = warm_up["calls"] if warm_up else 0
    before = cpu_seconds()
    measured = run(log, task, task["count"], task["duration_seconds"])
    close()
    closing = (time.perf_counter_ns() - measured.pop("end")) / 1e9
    measured.update(warmed=warmed, closing_seconds=closing,
                    cpu_seconds=cpu_seconds() - before, peak_memory=peak_memory())
    send(done=measured)
    os._exit(0)  # does not wait for threads and sockets of libraries


def send(**message):
    print(json.dumps(message), flush=True)


def exit_with_parent():
    while sys.stdin.readline():
        pass
    os._exit(1)


def cpu_seconds():
    return time.process_time()


def peak_memory():
    try:
        with open("/proc/self/status") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


# Handlers, each with a function to call after the last log call.


def file_handler(task):
    handler = formatted(logging.FileHandler(task["path"], encoding="utf-8"))
    return handler, handler.close


def smtp_handler(task):
    host, port = task["address"].rsplit(":", 1)
    handler = formatted(logging.handlers.SMTPHandler(
        (host, int(port)), task["from"], [task["to"]], "zlog bench"))
    return handler, handler.close


def queue_handler(task):
    file, _ = file_handler(task)
    records = queue.Queue(-1)  # as in the logging cookbook
    listener = logging.handlers.QueueListener(records, file)
    listener.start()

    def close():
        listener.stop()
        file.close()

    return logging.handlers.QueueHandler(records), close


def socket_handler(task):
    host, port = task["address"].rsplit(":", 1)
    handler = logging.handlers.SocketHandler(host, int(port))
    return handler, handler.close


def pub_handler(task):
    import zmq
    from zmq.log.handlers import PUBHandler

    context = zmq.Context()
    # A PUB drops at full speed. These are the options of zlog's publisher.
    publisher = context.socket(zmq.XPUB)
    publisher.set(zmq.XPUB_NODROP, 1)
    publisher.set(zmq.SNDHWM, task["high_water_mark"])
    publisher.bind("tcp://127.0.0.1:*")
    send(ready=publisher.get(zmq.LAST_ENDPOINT).rstrip(b"\0").decode())
    publisher.recv()  # the subscription: messages sent before it are lost
    handler = PUBHandler(publisher)
    handler.root_topic = task["root"]
    handler.setFormatter(logging.Formatter(FORMAT))

    def close():
        publisher.close(linger=60_000)
        context.term()

    return handler, close


def formatted(handler):
    handler.setFormatter(logging.Formatter(FORMAT))
    return handler


HANDLERS = {
    "file": file_handler,
    "smtp": smtp_handler,
    "queue": queue_handler,
    "socket": socket_handler,
    "pub": pub_handler,
}


# Calls.


def prepare(task, handler):
    """Returns a function that makes call `number`."""
    logging.raiseExceptions = True
    failures = []

    def handle_error(record):
        # By default Python goes on after a failure, and the record is lost.
        if not failures:
            failures.append(sys.exc_info()[1])
            send(failed=f"{type(failures[0]).__name__}: {failures[0]}")
            os._exit(1)

    handler.handleError = handle_error
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.NOTSET)
    with open(task["records"], encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    calls = [(logging.getLogger(name).log, level, msg) for name, level, msg in records]
    length = len(calls)

    def log(number):
        write, level, msg = calls[number % length]
        write(level, msg)

    return log


def run(log, task, count, seconds):
    """Makes calls from all threads, each with its share of the count and the rate."""
    threads, results = task["threads"], []
    start = time.perf_counter_ns()
    until = start + int(seconds * 1e9) if seconds else None

    def call_from(thread):
        share = None if count is None else count // threads + (thread < count % threads)
        results.append(caller(log, thread, threads, share, task["rate"], start, until))

    others = [threading.Thread(target=call_from, args=(n,)) for n in range(1, threads)]
    for other in others:
        other.start()
    call_from(0)
    for other in others:
        other.join()
    latency = collections.Counter()
    for result in results:
        latency.update(result["latency"])
    end = max(result["end"] for result in results)
    return {
        "calls": sum(result["calls"] for result in results),
        "seconds": (end - start) / 1e9,
        "end": end,
        "latency": sorted(latency.items()),
    }


def caller(log, thread, threads, share, rate, start, until):
    """One thread's calls. With a rate, latency is measured from when a call was due."""
    clock = time.perf_counter_ns
    held, at, calls, end = array.array("q", bytes(8 * KEPT)), 0, 0, start
    latency = collections.Counter()
    while (share is None or calls < share) and (until is None or end < until):
        number = calls * threads + thread
        if rate:
            begin = start + int(number * 1e9 / rate)
            if until is not None and begin >= until:
                break
            wait = begin - clock()
            if wait > 0:
                time.sleep(wait / 1e9)
        else:
            begin = clock()
        log(number)
        end = clock()
        held[at] = end - begin
        at += 1
        calls += 1
        if at == KEPT:
            latency.update(map(rounded, held))
            at = 0
    latency.update(map(rounded, held[:at]))
    return {"calls": calls, "end": end, "latency": latency}


def rounded(nanos):
    """Keeps at least three digits, which limits the number of distinct values."""
    shift = max(nanos.bit_length() - 11, 0)
    return nanos >> shift << shift


main()
