"""What arrives, what is counted, and what never makes the program wait."""

from __future__ import annotations

import logging
import logging.config
import os
import subprocess
import sys
import textwrap
import threading
import time

import pytest
import zmq
from conftest import DEADLINE, PACKAGE, free_port, logger_of, run, wait_until

from zlog_logging import LogRecordSubscriber, ZlogHandler
from zlog_logging._keys import Keys
from zlog_logging._publisher import Publisher

SHORT = """
    import logging, sys
    from zlog_logging import ZlogHandler
    logging.getLogger().addHandler(ZlogHandler(sys.argv[1], root="app", wait=60))
    for i in range(3):
        logging.warning("record %d", i)
"""


def test_a_program_that_ends_at_once_loses_nothing(reader):
    reader.start()
    ended = run(SHORT, reader.endpoint)
    reader.wait_for(3)
    assert reader.texts() == ["record 0", "record 1", "record 2"]
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_program_that_nobody_listens_to_ends_after_the_wait(reader):
    started = time.monotonic()
    ended = run(SHORT.replace("wait=60", "wait=1"), reader.endpoint)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert time.monotonic() - started < DEADLINE


def test_a_program_that_ends_before_its_wait_is_over_tells_what_it_did_not_send(reader):
    ended = run(SHORT.replace("wait=60", "wait=600, linger=1"), reader.endpoint)
    assert ended.returncode == 0
    assert "zlog_logging: 3 records were not sent:" in ended.stderr


def test_wrong_arguments_leave_nothing_behind_for_the_end_of_the_program():
    ended = run("""
        from zlog_logging import ZlogHandler
        try:
            ZlogHandler("localhost:5")
        except ValueError as error:
            print(error)
    """)
    assert "'localhost:5' is not an endpoint" in ended.stdout
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_program_that_dies_of_an_exception_still_publishes_it(reader):
    reader.start()
    script = SHORT + """
    sys.excepthook = lambda *error: logging.critical("died", exc_info=error)
    raise SystemError("end")
    """
    run(script, reader.endpoint)
    assert "SystemError: end" in reader.wait_for(4)[3][1]["exc_text"]


def test_records_of_many_threads_arrive_once_and_in_order(reader):
    reader.start()
    handler = ZlogHandler(reader.endpoint, queue_size=100, wait=DEADLINE, linger=DEADLINE)
    logger = logger_of(handler)

    def work(number):
        for at in range(2000):
            logger.info("%d %d", number, at)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    handler.close()
    reader.wait_for(16_000)
    for number in range(8):
        own = [text for text in reader.texts() if text.startswith(f"{number} ")]
        assert own == [f"{number} {at}" for at in range(2000)]
    assert [body["seq"] for _, body in reader.messages] == list(range(1, 16_001))


def test_dropped_records_leave_a_gap_and_are_told(reader):
    handler = ZlogHandler(reader.endpoint, queue_size=10, on_full="drop", wait=DEADLINE)
    logger = logger_of(handler)
    # Nobody subscribes yet, so that the queue fills up.
    for at in range(100):
        logger.info("%d", at)
    reader.start()
    report = reader.wait_for(11)[10]
    assert [body["seq"] for _, body in reader.messages[:10]] == list(range(1, 11))
    assert report[0] == "zlog_logging.WARNING"
    assert report[1]["msg"] == "90 records were dropped: 10 were waiting to be sent"
    logger.info("after")
    handler.close()
    after = reader.wait_for(12)[11][1]
    assert (after["msg"], after["seq"]) == ("after", 101)


def test_a_slow_subscriber_makes_callers_wait_and_loses_nothing(reader):
    """With on_full="block". The subscriber reads nothing until everything else is full."""
    context = zmq.Context()
    slow = context.socket(zmq.SUB)
    slow.setsockopt(zmq.RCVHWM, 10)
    # Small, but not so small that the system fills it once per timer of TCP.
    slow.setsockopt(zmq.RCVBUF, 1 << 17)
    slow.setsockopt(zmq.RECONNECT_IVL, 10)
    slow.subscribe("")
    slow.connect(reader.endpoint)
    handler = ZlogHandler(reader.endpoint, queue_size=10, wait=DEADLINE, linger=DEADLINE)
    logger = logger_of(handler)
    sent = []

    def work():
        for at in range(10_000):
            logger.info("%d %s", at, "x" * 3000)
            sent.append(at)

    thread = threading.Thread(target=work)
    thread.start()
    # Stands still: the callers wait.
    wait_until(lambda: len(sent) > 1000 and (before := len(sent)) and not time.sleep(0.5)
               and len(sent) == before)
    got = []
    while len(got) < 10_000:
        assert slow.poll(DEADLINE * 1000)
        got.append(int(slow.recv_multipart()[1].split(b'"msg": "')[1].split(b" ")[0]))
    thread.join()
    handler.close()
    slow.close(0)
    context.term()
    assert got == list(range(10_000))


def test_a_program_without_its_collector_tells_what_it_did_not_send(reader):
    script = SHORT.replace("sys.argv[1], ", "connect=sys.argv[1], ").replace("wait=60", "wait=1")
    ended = run(script, reader.endpoint)
    assert ended.returncode == 0
    assert "zlog_logging: 3 records were not sent" in ended.stderr


def test_an_endpoint_that_is_taken_is_reported_once_and_costs_the_program_nothing():
    port = free_port()
    context = zmq.Context()
    taken = context.socket(zmq.PUB)
    taken.bind(f"tcp://127.0.0.1:{port}")
    script = """
        import logging, sys
        from zlog_logging import ZlogHandler
        logging.getLogger().addHandler(ZlogHandler(sys.argv[1], queue_size=5))
        for i in range(100):
            logging.warning("record %d", i)
        print("done")
    """
    ended = run(script, f"tcp://127.0.0.1:{port}")
    taken.close(0)
    context.term()
    assert (ended.returncode, ended.stdout) == (0, "done\n")
    assert ended.stderr.count("--- Logging error ---") == 1
    assert "Address already in use" in ended.stderr
    assert "zlog_logging: 100 records were not sent:" in ended.stderr


def test_an_endpoint_that_becomes_free_is_used(reader):
    context = zmq.Context()
    taken = context.socket(zmq.PUB)
    taken.bind(reader.endpoint)
    handler = ZlogHandler(reader.endpoint, wait=DEADLINE)
    handler.handleError = lambda record: None
    logger_of(handler).info("held")
    taken.close(0)
    context.term()
    reader.start()
    assert reader.wait_for(1)[0][1]["msg"] == "held"
    handler.close()


def test_an_endpoint_that_becomes_free_at_the_end_of_the_program_is_used(reader):
    context = zmq.Context()
    taken = context.socket(zmq.PUB)
    taken.bind(reader.endpoint)
    handler = ZlogHandler(reader.endpoint, wait=DEADLINE, linger=DEADLINE)
    reported = threading.Event()
    handler.handleError = lambda record: reported.set()
    logger_of(handler).info("held")
    assert reported.wait(DEADLINE)
    closing = threading.Thread(target=handler.close)
    closing.start()
    wait_until(lambda: not handler._running)
    taken.close(0)
    context.term()
    reader.start()
    assert reader.wait_for(1)[0][1]["msg"] == "held"
    closing.join()


def test_a_handler_that_was_closed_opens_again(reader):
    reader.start()
    handler = ZlogHandler(reader.endpoint, wait=DEADLINE)
    logger = logger_of(handler)
    for text in ("first", "second"):
        logger.info(text)
        handler.close()
    reader.wait_for(2)
    assert reader.texts() == ["first", "second"]
    assert len({body["source"] for _, body in reader.messages}) == 2


def test_the_end_of_an_empty_queue_is_always_noticed():
    # CPython 3.10 and older waited for ever in one of some ten thousand cases.
    class Nobody:
        def recv(self, flags):
            raise zmq.Again

    publisher = Publisher(
        lambda fields: "", lambda: None, bind=(), connect=(), keys=Keys(None, False), size=1,
        wait=0, drops=False,
    )
    publisher._closing.set()

    def send():
        for _ in range(100_000):
            publisher.queue.put(None)
            publisher._send_queue(Nobody())

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    sender.join(DEADLINE)
    assert not sender.is_alive()


def test_flush_waits_until_everything_is_sent(reader):
    reader.start()
    handler = ZlogHandler(reader.endpoint, wait=DEADLINE)
    logger = logger_of(handler)
    for at in range(1000):
        logger.info("%d", at)
    handler.flush()
    assert handler._running[""].queue.qsize() == 0
    reader.wait_for(1000)
    handler.close()


FORK = """
    import logging, os, sys, multiprocessing
    from zlog_logging import ZlogHandler
    logging.getLogger().setLevel(10)
    handler = ZlogHandler(connect=sys.argv[1], root="app", wait=60)
    logging.getLogger().addHandler(handler)
    logging.info("parent before")

    def child():
        for i in range(100):
            logging.info("child %d", i)

    if __name__ == "__main__":
        if sys.argv[2] == "os.fork":
            pid = os.fork()
            if pid == 0:
                child()
                logging.shutdown()
                os._exit(0)
            os.waitpid(pid, 0)
        else:
            process = multiprocessing.get_context(sys.argv[2]).Process(target=child)
            process.start()
            process.join()
        logging.info("parent after")
"""


@pytest.mark.parametrize("way", ["os.fork", "fork"])
def test_a_forked_child_publishes_under_its_own_source(reader, way):
    reader.start(bind=True)
    ended = run(FORK, reader.endpoint, way)
    assert (ended.returncode, ended.stderr) == (0, "")
    reader.wait_for(102)
    sources = {body["source"]: [] for _, body in reader.messages}
    for _, body in reader.messages:
        sources[body["source"]].append(body["msg"])
    assert sorted(sources.values(), key=len) == [
        ["parent before", "parent after"], [f"child {i}" for i in range(100)],
    ]


def test_a_spawned_child_publishes_when_it_configures_logging(reader, tmp_path):
    reader.start(bind=True)
    script = tmp_path / "spawned.py"
    script.write_text(textwrap.dedent(FORK))
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    subprocess.run(
        [sys.executable, str(script), reader.endpoint, "spawn"],
        env=environment, check=True, timeout=2 * DEADLINE,
    )
    reader.wait_for(103)
    assert sorted(set(reader.texts())) == sorted(
        {"parent before", "parent after", *(f"child {i}" for i in range(100))}
    )


def test_a_signal_handler_may_log_at_any_time(reader):
    reader.start()
    script = """
        import logging, os, signal, sys
        from zlog_logging import ZlogHandler
        logging.getLogger().setLevel(10)
        logging.getLogger().addHandler(ZlogHandler(sys.argv[1], root="app", wait=60))
        signals = []
        def on_signal(*_):
            signals.append(1)
            logging.error("signal")
        signal.signal(signal.SIGALRM, on_signal)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        for i in range(20000):
            logging.info("%d", i)
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        print(len(signals))
    """
    ended = run(script, reader.endpoint)
    assert (ended.returncode, ended.stderr) == (0, "")
    signals = int(ended.stdout)
    assert signals > 0
    reader.wait_for(20_000 + signals)
    assert reader.texts().count("signal") == signals


def test_a_record_after_logging_has_shut_down_is_sent(reader):
    reader.start()
    script = """
        import atexit, sys
        atexit.register(lambda: logging.error("late"))     # runs after logging.shutdown
        import logging
        from zlog_logging import ZlogHandler
        logging.getLogger().addHandler(ZlogHandler(sys.argv[1], root="app", wait=60))
        logging.error("early")
    """
    ended = run(script, reader.endpoint)
    assert (ended.returncode, ended.stderr) == (0, "")
    reader.wait_for(2)
    assert reader.texts() == ["early", "late"]


def test_asyncio_tasks_log_without_waiting(reader):
    reader.start()
    script = """
        import asyncio, logging, sys
        from zlog_logging import ZlogHandler
        logging.getLogger().setLevel(10)
        handler = ZlogHandler(sys.argv[1], root="app", on_full="drop", wait=60)
        logging.getLogger().addHandler(handler)
        async def work(number):
            for at in range(100):
                logging.info("%d %d", number, at)
                await asyncio.sleep(0)
        async def main():
            await asyncio.gather(*(work(number) for number in range(10)))
        asyncio.run(main())
    """
    ended = run(script, reader.endpoint)
    assert (ended.returncode, ended.stderr) == (0, "")
    reader.wait_for(1000)


def test_dict_config_makes_the_handler(reader):
    reader.start()
    logging.config.dictConfig({
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"zlog": {
            "class": "zlog_logging.ZlogHandler",
            "bind": reader.endpoint, "root": "app", "wait": 60, "on_full": "drop", "level": "INFO",
        }},
        "loggers": {"configured": {"handlers": ["zlog"], "level": "DEBUG"}},
    })
    logger = logging.getLogger("configured")
    logger.debug("not this")
    logger.info("this")
    logger.handlers[0].close()
    assert reader.wait_for(1)[0][0] == "app.INFO"
    assert reader.texts() == ["this"]


@pytest.mark.parametrize("wrong", [
    {"bind": "127.0.0.1:5"}, {"on_full": "wait"}, {"queue_size": 0},
])
def test_wrong_arguments_are_refused_at_once(wrong):
    with pytest.raises(ValueError):
        ZlogHandler(**wrong)


def test_a_python_reader_reports_lost_records(reader):
    context = zmq.Context()
    publisher = context.socket(zmq.XPUB)
    publisher.bind(reader.endpoint)
    with LogRecordSubscriber(reader.endpoint) as subscriber:
        publisher.recv()
        for seq in (1, 2, 5):
            body = f'{{"msg": "{seq}", "levelno": 20, "source": "s", "seq": {seq}}}'
            publisher.send_multipart([b"app.INFO", body.encode()])
        publisher.send_multipart([b"app.ERROR.db", b"plain text\n"])
        records = iter(subscriber)
        messages = [next(records).getMessage() for _ in range(5)]
        assert messages == ["1", "2", "2 records of app.INFO from s were lost", "5", "plain text"]
        assert subscriber.lost == 2
    publisher.close(0)
    context.term()


def test_a_python_reader_gives_records_to_handlers_of_their_level(reader):
    class Kept(logging.Handler):
        def __init__(self, level):
            super().__init__(level)
            self.texts = []

        def emit(self, record):
            self.texts.append(record.getMessage())

    every, errors = Kept(0), Kept(logging.ERROR)
    subscriber = LogRecordSubscriber(reader.endpoint)
    thread = threading.Thread(target=subscriber.run, args=(every, errors))
    thread.start()
    handler = ZlogHandler(reader.endpoint, wait=DEADLINE)
    logger = logger_of(handler)
    logger.info("a")
    logger.error("b")
    handler.close()
    wait_until(lambda: every.texts == ["a", "b"])
    subscriber.stop()
    thread.join()
    subscriber.close()
    assert errors.texts == ["b"]
