"""Times one of Python's logging handlers, for `zlog bench --compare-python`.

    python3 -c SCRIPT < JOB

JOB is a JSON object on the first line of standard input. What is measured comes
out as JSON, a line for each message. The end of standard input means: give up.
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
KEPT = 4096  # latencies that are held before they are counted: memory stays bounded


def main():
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=give_up_with_parent, daemon=True).start()
    handler, close = HANDLERS[job["handler"]](job)
    log = prepare(job, handler)
    warm_up = run(log, job, None, job["warm_up_seconds"]) if job["warm_up_seconds"] else None
    warmed = warm_up["calls"] if warm_up else 0
    before = cpu_seconds()
    measured = run(log, job, job["count"], job["duration_seconds"])
    close()
    closing = (time.perf_counter_ns() - measured.pop("end")) / 1e9
    measured.update(warmed=warmed, closing_seconds=closing,
                    cpu_seconds=cpu_seconds() - before, peak_memory=peak_memory())
    say(done=measured)
    os._exit(0)  # threads and sockets of libraries need not be waited for


def say(**message):
    print(json.dumps(message), flush=True)


def give_up_with_parent():
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


# Handlers: each with what has to be done when the last call has returned.


def file_handler(job):
    handler = formatted(logging.FileHandler(job["path"], encoding="utf-8"))
    return handler, handler.close


def smtp_handler(job):
    host, port = job["address"].rsplit(":", 1)
    handler = formatted(logging.handlers.SMTPHandler(
        (host, int(port)), job["from"], [job["to"]], "zlog bench"))
    return handler, handler.close


def queue_handler(job):
    behind, _ = file_handler(job)
    records = queue.Queue(-1)  # as in the logging cookbook
    listener = logging.handlers.QueueListener(records, behind)
    listener.start()

    def close():
        listener.stop()
        behind.close()

    return logging.handlers.QueueHandler(records), close


def socket_handler(job):
    host, port = job["address"].rsplit(":", 1)
    handler = logging.handlers.SocketHandler(host, int(port))
    return handler, handler.close


def pub_handler(job):
    import zmq
    from zmq.log.handlers import PUBHandler

    context = zmq.Context()
    # A PUB drops at full speed. These are the options of zlog's own publisher.
    publisher = context.socket(zmq.XPUB)
    publisher.set(zmq.XPUB_NODROP, 1)
    publisher.set(zmq.SNDHWM, job["high_water_mark"])
    publisher.bind("tcp://127.0.0.1:*")
    say(ready=publisher.get(zmq.LAST_ENDPOINT).rstrip(b"\0").decode())
    publisher.recv()  # the subscription: what is sent before it is lost
    handler = PUBHandler(publisher)
    handler.root_topic = job["root"]
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


def prepare(job, handler):
    """A function that makes call `number`."""
    logging.raiseExceptions = True
    failures = []

    def handle_error(record):
        # Python goes on after a handler has failed, and the record is lost.
        if not failures:
            failures.append(sys.exc_info()[1])
            say(failed=f"{type(failures[0]).__name__}: {failures[0]}")
            os._exit(1)

    handler.handleError = handle_error
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.NOTSET)
    with open(job["records"], encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    calls = [(logging.getLogger(name).log, level, msg) for name, level, msg in records]
    length = len(calls)

    def log(number):
        write, level, msg = calls[number % length]
        write(level, msg)

    return log


def run(log, job, count, seconds):
    """Calls from all threads, each with its share of the count and of the rate."""
    threads, tallies = job["threads"], []
    start = time.perf_counter_ns()
    until = start + int(seconds * 1e9) if seconds else None

    def call_from(thread):
        share = None if count is None else count // threads + (thread < count % threads)
        tallies.append(caller(log, thread, threads, share, job["rate"], start, until))

    others = [threading.Thread(target=call_from, args=(n,)) for n in range(1, threads)]
    for other in others:
        other.start()
    call_from(0)
    for other in others:
        other.join()
    latency = collections.Counter()
    for tally in tallies:
        latency.update(tally["latency"])
    end = max(tally["end"] for tally in tallies)
    return {
        "calls": sum(tally["calls"] for tally in tallies),
        "seconds": (end - start) / 1e9,
        "end": end,
        "latency": sorted(latency.items()),
    }


def caller(log, thread, threads, share, rate, start, until):
    """One thread's calls. With a rate, a call's time counts from when it was due."""
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
    """To three digits or more: there are not too many different ones."""
    shift = max(nanos.bit_length() - 11, 0)
    return nanos >> shift << shift


main()
