"""Records that a relay confirms: each arrives once, whatever happens to the connection."""

from __future__ import annotations

import json
import random
import threading
import time
from typing import Any, Dict, Iterator, List, Optional, Tuple

import pytest
import zmq
from conftest import DEADLINE, HOST, free_port, logger_of, run, wait_until

from zlog_logging import ZlogHandler
from zlog_logging._confirmed import Window


class Store:
    """What a relay does with batches: see docs/wire-format.md."""

    def __init__(self) -> None:
        self.last: Dict[str, int] = {}
        self.records: List[Tuple[str, Dict[str, Any]]] = []
        self.batches = 0

    def take(self, frames: List[bytes]) -> Optional[bytes]:
        """The answer, or ``None`` if records before the batch are missing."""
        head = json.loads(frames[0])
        assert head["zlog"] == 1 and len(head["source"]) == 32 and len(frames) % 2 == 1
        assert 3 <= len(frames) <= 1001 and sum(map(len, frames)) <= 16 << 20
        assert head["confirmed"] < head["first"] and head["after"] < head["first"]
        self.batches += 1
        source, first = head["source"], head["first"]
        known = self.last.get(source, 0)
        if head["after"] > known and head["confirmed"] < head["after"]:
            return None
        pairs = list(zip(frames[1::2], frames[2::2]))
        for topic, body in pairs[max(0, known + 1 - first):]:
            self.records.append((topic.decode(), json.loads(body)))
        number = first + len(pairs) - 1
        self.last[source] = max(known, number)
        return self.answer(source, number)

    @staticmethod
    def answer(source: str, number: int, refused: int = 0) -> bytes:
        fields = {"zlog": 1, "answer": "confirmed", "source": source, "number": number}
        return json.dumps({**fields, "refused": refused}).encode()

    def texts(self) -> List[str]:
        return [body["msg"] for _, body in self.records]


class Relay:
    """A ROUTER at ``port`` that stores batches, in a thread of its own.

    ``loses``: batches that it reads and forgets first, as one that is killed then.
    ``replies``: gives another answer in place of the store's.
    """

    def __init__(self, port: int, store: Store, loses: int = 0, replies: Any = None) -> None:
        self.store, self._loses, self._replies = store, loses, replies
        self.read = 0
        self._stop = threading.Event()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.RCVHWM, 0)
        # The port may still be that of the relay before.
        wait_until(lambda: self._bound(port))
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _bound(self, port: int) -> bool:
        try:
            self._socket.bind(f"tcp://{HOST}:{port}")
            return True
        except zmq.ZMQError:
            return False

    def _run(self) -> None:
        while not self._stop.is_set():
            if not self._socket.poll(20):
                continue
            sender, *frames = self._socket.recv_multipart()
            self.read += 1
            if self.read <= self._loses:
                continue
            answer = self.store.take(frames)
            if self._replies is not None:
                answer = self._replies(json.loads(frames[0]), len(frames) // 2)
            if answer is not None:
                self._socket.send_multipart([sender, answer])
        self._socket.close(100)
        self._context.term()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture
def port() -> int:
    """The port where a relay confirms. The one after it is where it would collect."""
    return free_port()


@pytest.fixture
def relays() -> Iterator[List[Relay]]:
    """Relays that are stopped at the end."""
    relays: List[Relay] = []
    yield relays
    for relay in relays:
        relay.stop()


def handler_of(port: int, **options: Any) -> ZlogHandler:
    return ZlogHandler(
        connect=f"tcp://{HOST}:{port + 1}", confirm=True, root="app", linger=DEADLINE, **options
    )


SHORT = """
    import logging, sys
    from zlog_logging import ZlogHandler
    handler = ZlogHandler(connect=sys.argv[1], confirm=True, root="app", linger=float(sys.argv[2]))
    logging.getLogger().addHandler(handler)
    for i in range(3):
        logging.warning("record %d", i)
"""


def program(port: int, linger: float, script: str = SHORT) -> Any:
    return run(script, f"tcp://{HOST}:{port + 1}", str(linger))


def test_a_program_that_ends_at_once_ends_when_its_records_are_confirmed(port, relays):
    relays.append(Relay(port, Store()))
    ended = program(port, DEADLINE)
    assert (ended.returncode, ended.stderr) == (0, "")
    store = relays[0].store
    assert store.texts() == ["record 0", "record 1", "record 2"]
    assert {topic for topic, _ in store.records} == {"app.WARNING"}
    assert [body["seq"] for _, body in store.records] == [1, 2, 3]


def test_a_program_without_its_relay_ends_and_tells_what_is_not_confirmed(port):
    ended = program(port, 1)
    assert ended.returncode == 0
    told = f"zlog_logging: 3 records were not confirmed by tcp://{HOST}:{port}:"
    assert told in ended.stderr


def test_records_wait_for_a_relay_that_starts_later(port, relays):
    handler = handler_of(port)
    logger_of(handler).info("held")
    relays.append(Relay(port, Store()))
    handler.flush()
    assert relays[0].store.texts() == ["held"]
    handler.close()


def test_what_a_killed_relay_has_not_stored_is_sent_again_and_stored_once(port, relays):
    store = Store()
    # Not all of the records arrive at once: the window has 4 MiB.
    first = Relay(port, store, loses=3)
    handler = handler_of(port)
    logger = logger_of(handler)
    text = "x" * 10_000
    for at in range(300):
        logger.info("%d %s", at, text)
    wait_until(lambda: first.read >= 3)
    first.stop()
    relays.append(Relay(port, store))
    for at in range(300, 1000):
        logger.info("%d %s", at, text)
    handler.close()
    assert [int(text.split()[0]) for text in store.texts()] == list(range(1000))
    assert [body["seq"] for _, body in store.records] == list(range(1, 1001))
    assert list(store.last.values()) == [1000]


def test_flush_waits_until_everything_is_confirmed(port, relays):
    relays.append(Relay(port, Store()))
    handler = handler_of(port)
    logger = logger_of(handler)
    for at in range(2000):
        logger.info("%d", at)
        if at % 500 == 499:
            handler.flush()
            assert len(relays[0].store.records) == at + 1
    handler.close()


def test_memory_is_bounded_while_nothing_is_confirmed_and_drops_are_told(port, relays):
    handler = handler_of(port, queue_size=10, on_full="drop")
    logger = logger_of(handler)
    # Ten that were taken from the queue, and ten in it. The others are dropped.
    for _ in range(10):
        logger.info("first")
    wait_until(lambda: handler._running[""].queue.qsize() == 0)
    for _ in range(100):
        logger.info("more")
    assert handler._running[""].queue.qsize() <= 11
    relays.append(Relay(port, Store()))
    handler.close()
    texts = relays[0].store.texts()
    assert texts[:20] == ["first"] * 10 + ["more"] * 10
    assert texts[20:] == ["90 records were dropped: 10 were waiting to be sent"]
    numbers = [body["seq"] for topic, body in relays[0].store.records if topic == "app.INFO"]
    assert numbers == list(range(1, 21))


def test_callers_wait_while_nothing_is_confirmed(port, relays):
    handler = handler_of(port, queue_size=10)
    logger = logger_of(handler)
    thread = threading.Thread(target=lambda: [logger.info("%d", at) for at in range(100)])
    thread.start()
    wait_until(lambda: "" in handler._running and handler._running[""]._waiting > 0)
    relays.append(Relay(port, Store()))
    thread.join()
    handler.close()
    assert relays[0].store.texts() == [str(at) for at in range(100)]


def test_records_that_the_relay_refuses_are_counted_and_told(port, relays):
    def refuse(head, records):
        return Store.answer(head["source"], head["first"] + records - 1, refused=records)

    relays.append(Relay(port, Store(), replies=refuse))
    ended = program(port, DEADLINE)
    assert "3 records were not confirmed" in ended.stderr
    assert "3 are too long, or its key may not publish them" in ended.stderr


@pytest.mark.parametrize("reply, why", [
    (b'{"zlog":1,"answer":"refused","why":"no\\n sense"}', r"'no\n sense'"),
    (b"hello", "it does not answer as a relay does"),
    (b"[" * 4000, "it does not answer as a relay does"),
    (b'{"zlog":1,"answer":"confirmed","source":[],"number":{}}', "it does not answer"),
], ids=["refused", "text", "nested", "types"])
def test_a_relay_that_does_not_understand_is_told_once(port, relays, reply, why):
    relays.append(Relay(port, Store(), replies=lambda *_: reply))
    ended = program(port, 1)
    assert ended.returncode == 0
    assert ended.stderr.count("refuses records: ") == 1 and why in ended.stderr
    assert "3 records were not confirmed" in ended.stderr


def test_a_record_that_no_relay_reads_costs_no_other_one(port, relays):
    relays.append(Relay(port, Store()))
    script = SHORT + """
    logging.error("x" * (17 << 20))
    logging.error("after")
    """
    ended = program(port, DEADLINE, script)
    assert "1 records were not confirmed" in ended.stderr
    assert relays[0].store.texts()[3:] == ["after"]
    assert [body["seq"] for _, body in relays[0].store.records] == [1, 2, 3, 2]


def test_a_forked_child_is_a_sender_of_its_own(port, relays):
    relays.append(Relay(port, Store()))
    script = SHORT + """
    import os
    child = os.fork()
    logging.info("both")
    logging.warning("child" if child == 0 else "parent")
    if child == 0:
        logging.shutdown()
        os._exit(0)
    os.waitpid(child, 0)
    """
    ended = program(port, DEADLINE, script)
    assert (ended.returncode, ended.stderr) == (0, "")
    store = relays[0].store
    assert sorted(store.texts()) == ["child", "parent", "record 0", "record 1", "record 2"]
    assert sorted(store.last.values()) == [1, 4]


def test_callers_do_not_wait_for_an_endpoint_that_can_not_be_used():
    handler = ZlogHandler(confirm="nosuch://place", queue_size=5)
    handler.handleError = lambda record: None
    logger = logger_of(handler)
    for at in range(100):
        logger.info("%d", at)
    started = time.monotonic()
    handler.close()
    assert time.monotonic() - started < 4  # not `linger`


@pytest.mark.parametrize("wrong", [
    {"confirm": True},
    {"confirm": True, "bind": "tcp://127.0.0.1:5"},
    {"confirm": True, "connect": ["tcp://a:5", "tcp://b:5"]},
    {"confirm": True, "connect": "tcp://127.0.0.1:1"},
    {"confirm": True, "connect": "inproc://x"},
    {"confirm": "tcp://127.0.0.1:5", "connect": "tcp://127.0.0.1:6"},
    {"confirm": "localhost"},
])
def test_confirmation_needs_one_relay(wrong):
    with pytest.raises(ValueError):
        ZlogHandler(**wrong)


def test_the_confirming_endpoint_is_beside_the_collecting_one():
    def endpoint(connect: str) -> Any:
        return ZlogHandler(connect=connect, confirm=True)._connect

    assert endpoint("tcp://logs:12344") == ("tcp://logs:12343",)
    assert endpoint("tcp://[::1]:12344") == ("tcp://[::1]:12343",)
    assert endpoint("ipc:///run/zlog/collect") == ("ipc:///run/zlog/collect.confirm",)


@pytest.mark.parametrize("seed", range(50))
def test_in_any_schedule_of_losses_each_record_is_stored_once_and_in_order(seed):
    chance = random.Random(seed)
    window, store = Window(), Store()
    on_the_way: List[List[bytes]] = []
    answers: List[bytes] = []
    added = 0
    while added < 3000 or window.records:
        step = chance.randrange(6)
        if step == 0 and added < 3000:
            for _ in range(chance.randrange(1, 900)):
                added += 1
                body = json.dumps({"msg": str(added), "pad": "x" * chance.randrange(2000)})
                window.add([b"t", body.encode()])
        elif step == 1:
            on_the_way.extend(window.unsent())
        elif step in (2, 3) and on_the_way:
            answer = store.take(on_the_way.pop(0))
            assert answer is not None
            answers.append(answer)
        elif step == 4 and answers:
            assert window.answer(answers.pop(0)) is None
        elif step == 5 and chance.random() < 0.3:
            # The connection ends: what is on it, in both directions, is lost.
            on_the_way.clear()
            answers.clear()
            window.restart()
        assert (window.bytes > 0) == (window.records > 0) == (window.confirmed < added)
    assert window.bytes == 0 and window.confirmed == added
    assert [int(text) for text in store.texts()] == list(range(1, added + 1))
