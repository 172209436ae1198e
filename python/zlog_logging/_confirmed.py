"""The thread that sends records to a relay and keeps them until it has confirmed them.

docs/wire-format.md defines the messages.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import queue
import time
from typing import Any, Deque, Iterator, List, Optional, Tuple

import zmq

from ._publisher import Drops, Flush, Item, Publisher, tell

#: Most records of a batch.
_BATCH_RECORDS = 500
#: Bytes of a batch. One record always fits, unless it is longer than a relay reads.
_BATCH_BYTES = 256 << 10
#: Longest record. A relay reads batches of 16 MiB.
_MAX_RECORD = (16 << 20) - 4096
#: Batches that are sent ahead of their confirmation.
_WINDOW_BATCHES = 64
#: Bytes that are kept until they are confirmed, beyond which the queue is not read.
_WINDOW_BYTES = 4 << 20
#: Longest answer of a relay, in bytes.
_MAX_ANSWER = 4096
#: Milliseconds between two signs of life on a connection, and without one until it is ended.
_HEARTBEAT = 10_000
_HEARTBEAT_TIMEOUT = 30_000
#: Shortest and longest pause until the queue is looked at while answers are awaited, in seconds.
_PAUSE = (0.005, 0.05)
#: The same until a connection is opened again.
_REOPEN = (0.1, 1.0)
#: Longest wait for a record while nothing is to be confirmed, in seconds.
_IDLE = 5.0
#: Seconds without a confirmation after which that is told.
_TELL_AFTER = 3.0


class _Batch:
    """Records whose numbers follow each other."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.frames: List[bytes] = []
        self.bytes = 0

    @property
    def records(self) -> int:
        return len(self.frames) // 2

    @property
    def last(self) -> int:
        return self.first + self.records - 1


class Window:
    """What is not confirmed, in order, and how much of it was sent on the current connection.

    No I/O.
    """

    def __init__(self) -> None:
        #: Who has numbered the records.
        self.source = os.urandom(16).hex()
        #: Up to this number, all records are confirmed.
        self.confirmed = 0
        #: Records that the relay has refused.
        self.refused = 0
        #: Of the records that are not confirmed.
        self.bytes = 0
        self._last = 0
        self._batches: Deque[_Batch] = collections.deque()
        self._sent = 0

    @property
    def records(self) -> int:
        """Number of records that are not confirmed."""
        return self._last - self.confirmed

    @property
    def last(self) -> int:
        """The number of the last record."""
        return self._last

    def add(self, frames: List[bytes]) -> None:
        """Adds a record: its topic and its body."""
        size = sum(map(len, frames))
        batch = self._batches[-1] if len(self._batches) > self._sent else None
        if batch is None or batch.records == _BATCH_RECORDS or batch.bytes + size > _BATCH_BYTES:
            batch = _Batch(self._last + 1)
            self._batches.append(batch)
        batch.frames.extend(frames)
        batch.bytes += size
        self.bytes += size
        self._last += 1

    def unsent(self) -> Iterator[List[bytes]]:
        """The messages to send next. Each counts as sent when the next one is asked for."""
        while self._sent < min(len(self._batches), _WINDOW_BATCHES):
            batch = self._batches[self._sent]
            head = {
                "zlog": 1,
                "source": self.source,
                "confirmed": self.confirmed,
                "after": batch.first - 1,
                "first": batch.first,
            }
            yield [json.dumps(head).encode(), *batch.frames]
            self._sent += 1

    def restart(self) -> None:
        """On a new connection, what is not confirmed is sent again."""
        self._sent = 0

    def answer(self, frame: bytes) -> Optional[str]:
        """Notes an answer of the relay. Returns why the relay refuses a batch, if it does."""
        try:
            answer = json.loads(frame)
            kind, source = answer["answer"], answer.get("source")
            number, refused = int(answer.get("number", 0)), int(answer.get("refused", 0))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return "it does not answer as a relay does"
        if kind != "confirmed":
            return str(answer.get("why", "it does not say why"))
        if source == self.source:
            self._confirm(number, refused)
        return None

    def _confirm(self, number: int, refused: int) -> None:
        records = 0
        while self._sent and self._batches[0].last <= number:
            batch = self._batches.popleft()
            self._sent -= 1
            self.bytes -= batch.bytes
            self.confirmed = batch.last
            records += batch.records
        self.refused += min(max(0, refused), records)


class _Connection:
    """A socket, and what tells that its connection has ended."""

    def __init__(self, context: "zmq.Context[Any]", keys: Any, endpoint: str) -> None:
        self.socket: "zmq.Socket[Any]" = context.socket(zmq.DEALER)
        self._monitor: "Optional[zmq.Socket[Any]]" = None
        try:
            self.socket.setsockopt(zmq.MAXMSGSIZE, _MAX_ANSWER)
            self.socket.setsockopt(zmq.HEARTBEAT_IVL, _HEARTBEAT)
            self.socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, _HEARTBEAT_TIMEOUT)
            self._monitor = self.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
            keys.connect(self.socket, endpoint)
        except BaseException:
            self.close()
            raise
        self._poller = zmq.Poller()
        self._poller.register(self.socket, zmq.POLLIN)
        self._poller.register(self._monitor, zmq.POLLIN)

    def has_ended(self) -> bool:
        return self._monitor is not None and self._monitor.poll(0) != 0

    def answers(self) -> Iterator[bytes]:
        """What has arrived."""
        with contextlib.suppress(zmq.Again):
            while True:
                yield self.socket.recv_multipart(zmq.NOBLOCK)[0]

    def wait(self, seconds: float) -> None:
        """Waits for an answer, or the end of the connection."""
        self._poller.poll(int(seconds * 1000) + 1)

    def close(self) -> None:
        if self._monitor is not None:
            self.socket.disable_monitor()
            self._monitor.close(linger=0)
        self.socket.close(linger=0)


class ConfirmedPublisher(Publisher):
    """Sends the records that are put into ``queue`` to the relay that ``connect`` names, and keeps
    them until they are confirmed.

    Kept are at most ``size`` records and 4 MiB, and one record. While so many are not confirmed, the
    queue is not read: callers wait or drop.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        (self._endpoint,) = self._connect
        self._window = Window()
        self._connection: Optional[_Connection] = None
        #: The last record before each flush that waits.
        self._flushes: Deque[Tuple[int, Flush]] = collections.deque()
        self._too_long = 0
        self._has_reported = self._has_told = False
        self._reopen_at, self._reopen_after = 0.0, _REOPEN[0]
        self._progress_at = 0.0

    def _publish(self, context: "zmq.Context[Any]") -> None:
        self._context = context
        self._progress_at = time.monotonic()
        pause = _PAUSE[0]
        try:
            while not self._is_done():
                before = (self._window.confirmed, self._window.last)
                self._step()
                if self._window.records == 0:
                    self._await_record()
                    continue
                moved = before != (self._window.confirmed, self._window.last)
                pause = _PAUSE[0] if moved else min(2 * pause, _PAUSE[1])
                self._await_answer(pause)
        finally:
            self._disconnect()
            self._unsent += self._window.records + self._window.refused + self._too_long

    def _is_done(self) -> bool:
        if not self._closing.is_set():
            return False
        is_empty = self._window.records == 0 and self.queue.empty() and not self._untold
        # `_sends`: the endpoint can't be used, as far as that is known without the relay.
        return is_empty or not self._sends or time.monotonic() >= self._deadline

    def _step(self) -> None:
        """Does what can be done without waiting."""
        if self._connection is not None:
            has_ended = self._connection.has_ended()
            self._receive(self._connection)
            if has_ended:
                self._disconnect()
        self._read_queue()
        if self._connection is None and time.monotonic() >= self._reopen_at:
            self._open_connection()
        if self._connection is not None:
            with contextlib.suppress(zmq.Again):
                for message in self._window.unsent():
                    self._connection.socket.send_multipart(message, zmq.DONTWAIT)
        self._tell_delay()

    def _await_record(self) -> None:
        """Waits for a record, while nothing is to be confirmed."""
        if self._closing.is_set():
            return
        with contextlib.suppress(queue.Empty):
            self._take(self.queue.get(timeout=_IDLE))
        self._progress_at = time.monotonic()

    def _await_answer(self, seconds: float) -> None:
        seconds = max(0.0, min(seconds, self._deadline - time.monotonic()))
        if self._connection is not None:
            self._connection.wait(seconds)
        else:
            time.sleep(seconds)

    def _read_queue(self) -> None:
        """Takes records as long as there is room for what is not confirmed."""
        while self._window.records < self._size and self._window.bytes < _WINDOW_BYTES:
            try:
                item = self.queue.get_nowait()
            except queue.Empty:
                if self._untold:
                    self._add(self._frames(self._drop_notice()))
                return
            self._take(item)
            self._tell_room()

    def _take(self, item: Item) -> None:
        if isinstance(item, dict):
            self._add(self._frames(item))
        elif isinstance(item, Drops):
            self._number_drops()
        elif item is not None:
            self._flushes.append((self._window.last, item))
            self._set_flushes()

    def _add(self, frames: List[bytes]) -> None:
        if sum(map(len, frames)) > _MAX_RECORD:
            # Its number is used, so that readers see a gap.
            self._too_long += 1
            return
        self._window.add(frames)

    def _set_flushes(self) -> None:
        while self._flushes and self._flushes[0][0] <= self._window.confirmed:
            self._flushes.popleft()[1].set()

    def _receive(self, connection: _Connection) -> None:
        before = self._window.confirmed
        for frame in connection.answers():
            why = self._window.answer(frame)
            if why is not None:
                self._tell_once(f"{self._endpoint} refuses records: {why!r}")
                self._reopen_after = _REOPEN[1]
                self._disconnect()
                break
        if self._window.confirmed != before:
            self._progress_at, self._has_told = time.monotonic(), False
            self._reopen_after = _REOPEN[0]
            self._set_flushes()

    def _open_connection(self) -> None:
        try:
            self._connection = _Connection(self._context, self._keys, self._endpoint)
        # RuntimeError: no thread can be started at the end of the interpreter.
        except (zmq.ZMQError, OSError, ValueError, RuntimeError):
            self._sends = False
            self._reopen_after = _REOPEN[1]
            self._reopen_at = time.monotonic() + self._reopen_after
            if not self._has_reported:
                self._report()
                self._has_reported = True
            return
        self._sends = True
        self._window.restart()

    def _disconnect(self) -> None:
        """Closes the connection. It is opened again after a pause."""
        if self._connection is None:
            return
        self._connection.close()
        self._connection = None
        self._reopen_at = time.monotonic() + self._reopen_after
        self._reopen_after = min(2 * self._reopen_after, _REOPEN[1])

    def _tell_delay(self) -> None:
        if self._window.records and time.monotonic() - self._progress_at >= _TELL_AFTER:
            self._tell_once(
                f"{self._window.records} records wait: {self._endpoint} has confirmed nothing for "
                f"{_TELL_AFTER:.0f} seconds. Start there: zlog relay --spool DIR"
            )

    def _tell_once(self, text: str) -> None:
        """Until something is confirmed."""
        if not self._has_told:
            self._has_told = True
            tell(text)

    def _why_unsent(self) -> str:
        why = []
        if self._window.refused or self._too_long:
            why.append(
                f"{self._window.refused + self._too_long} are too long, or its key may not publish "
                "them"
            )
        if self._window.records:
            why.append("the relay was not reached, or took too long, and may have the last ones")
        return f"confirmed by {self._endpoint}: {'; '.join(why) or 'they were dropped'}. " \
               "See its messages, or raise linger=."
