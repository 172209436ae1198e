"""The thread that encodes records and sends them: the only one that touches ZeroMQ."""

from __future__ import annotations

import errno
import logging
import queue
import socket
import sys
import threading
import time
from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Union

import zmq

from . import _meeting, _records
from ._keys import Keys

#: Seconds between two attempts to open the endpoints, and at the end of the program.
_RETRY = 1.0
_RETRY_AT_END = 0.05
#: Longest wait for a record between two looks at new and ended subscriptions, in seconds.
_IDLE = 5.0
#: Longest pause between two attempts to send to a subscriber whose queue is full, in seconds.
_STALL = 0.02
#: Records that are queued for each subscriber in ZeroMQ.
_HIGH_WATER_MARK = 10_000
#: Most records between two looks at subscriptions.
_BATCH = 256
#: Most topics that are numbered. Beyond them, numbering starts again under a new source.
_MAX_TOPICS = 65_536


class Flush(threading.Event):
    """Set when everything before it in the queue was given to ZeroMQ."""


class Drops:
    """The records of each topic that were dropped since the last look."""

    def __init__(self) -> None:
        #: Whether this is in the queue.
        self.is_queued = False
        # Reentrant: a signal handler may log while its thread counts.
        self._lock = threading.RLock()
        self._topics: Dict[str, int] = {}

    def add(self, topic: str) -> None:
        with self._lock:
            self._topics[topic] = self._topics.get(topic, 0) + 1

    def take(self) -> Dict[str, int]:
        with self._lock:
            topics, self._topics = self._topics, {}
        return topics


Fields = Dict[str, Any]
#: ``Drops`` stands where records were dropped. ``None`` wakes the thread up when it is to end.
Item = Union[Fields, Flush, Drops, None]


class Publisher(threading.Thread):
    """Sends the records that are put into ``queue``.

    ``bind``, ``connect``
        Endpoints. Without any, readers of this user find it: see ``_meeting``.
    ``keys``
        What encrypts them.
    ``topic_of``
        Gives the topic of a record, and removes from the fields what goes into it.
    ``drops``
        Whether a subscriber whose queue is full loses records. Otherwise the thread waits.
    ``size``
        Number of records in ``queue`` from which on callers wait or drop.
    ``report``
        Called within an ``except`` block when the endpoints can't be opened.
    """

    def __init__(
        self,
        topic_of: Callable[[Fields], str],
        report: Callable[[], None],
        *,
        bind: Sequence[str],
        connect: Sequence[str],
        keys: Keys,
        size: int,
        wait: float,
        drops: bool,
    ) -> None:
        super().__init__(name="zlog-publisher", daemon=True)
        self.queue: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self._topic_of, self._report = topic_of, report
        self._bind, self._connect, self._keys = bind, connect, keys
        self._size, self._wait, self._drops = size, wait, drops
        self._room = threading.Condition()
        self._waiting = 0
        #: False while the endpoints can't be opened, and after the end. Nobody waits then.
        self._sends = True
        self._closing = threading.Event()
        self._deadline = float("inf")
        self._dropped = Drops()
        self._untold = 0
        self._unsent = 0
        self._hostname = socket.gethostname()
        self._source = _records.new_source(self._hostname)
        self._numbers: Dict[str, int] = {}
        self._subscriptions = 0
        #: The names of registered readers that have subscribed.
        self._readers: Set[bytes] = set()
        self._registration: Optional[_meeting.Registration] = None
        #: Whether the thread could not be started: `close` sends the queue instead.
        self.needs_caller = False

    # Called by the program's threads

    def start_unless(self, exiting: bool) -> None:
        """Starts the thread, unless the interpreter ends: it would be killed, or refused."""
        self.needs_caller = exiting
        if not exiting:
            try:
                self.start()
            except RuntimeError:
                self.needs_caller = True

    def wait_for_room(self) -> bool:
        """Returns whether there is room, now or after a wait.

        ``False`` when waiting makes no sense: the endpoints can't be used, or the thread ends.
        """
        while self._sends and not self._closing.is_set():
            with self._room:
                if self.queue.qsize() < self._size:
                    return True
                self._waiting += 1
                try:
                    # Bounded: the thread may end meanwhile.
                    self._room.wait(0.1)
                finally:
                    self._waiting -= 1
        return self.queue.qsize() < self._size

    def count_drop(self, fields: Fields) -> None:
        """Counts a record that was dropped because the queue is full."""
        self._dropped.add(self._topic_of(fields))
        # Their numbers follow those of the records that are queued now.
        if not self._dropped.is_queued:
            self._dropped.is_queued = True
            self.queue.put(self._dropped)

    def close(self, within: float) -> None:
        """Sends what is queued, within that many seconds, and ends the thread."""
        self._deadline = time.monotonic() + within
        self._closing.set()
        self.queue.put(None)
        if self.needs_caller:
            self.run()
        elif self.is_alive():
            # Half a second for closing the sockets.
            self.join(within + 0.5)
        else:
            self._tell_unsent()

    def forget(self) -> None:
        """In the child of a fork: leaves to the parent what is the parent's."""
        if self._registration is not None:
            self._registration.forget()

    # The thread

    def run(self) -> None:
        """Opens the endpoints, waits for a subscriber and sends, until it is closed."""
        context = zmq.Context()
        try:
            self._publish(context)
        finally:
            self._sends = False
        self._keys.close()
        context.term()
        registration, self._registration = self._registration, None
        if registration is not None:
            registration.end()
        self._tell_unsent()

    def _publish(self, context: "zmq.Context[Any]") -> None:
        publisher = self._open_socket(context)
        if publisher is None:
            return
        if self._await_subscriber(publisher):
            self._send_queue(publisher)
        self._report_missed()
        left = max(0.0, self._deadline - time.monotonic())
        publisher.close(linger=int(left * 1000))

    def _open_socket(self, context: "zmq.Context[Any]") -> "Optional[zmq.Socket[Any]]":
        """The socket, or ``None`` if the thread is to end before the endpoints can be used."""
        reported = False
        while True:
            publisher: "zmq.Socket[Any]" = context.socket(zmq.XPUB)
            publisher.setsockopt(zmq.SNDHWM, _HIGH_WATER_MARK)
            publisher.setsockopt(zmq.XPUB_NODROP, int(not self._drops))
            try:
                for endpoint in self._bind:
                    self._keys.bind(publisher, endpoint, "read")
                for endpoint in self._connect:
                    self._keys.connect(publisher, endpoint)
                if not self._bind and not self._connect:
                    self._registration = _meeting.open_default(publisher, self._keys)
            # RuntimeError: no thread can be started at the end of the interpreter.
            except (zmq.ZMQError, OSError, ValueError, RuntimeError) as error:
                self._sends = False
                self._keys.close()
                publisher.close(linger=0)
                if not reported:
                    self._report()
                    reported = True
                if not self._waits_to_retry(getattr(error, "errno", None)):
                    return None
                continue
            self._sends = True
            return publisher

    def _waits_to_retry(self, error: Optional[int]) -> bool:
        """Waits, and returns whether to open the endpoints again after an error.

        At the end of the program only an address in use is tried again: whoever has it may end as
        well, as the process does that this one replaces.
        """
        if not self._closing.wait(_RETRY):
            return True
        if error != errno.EADDRINUSE or time.monotonic() >= self._deadline:
            return False
        time.sleep(_RETRY_AT_END)
        return True

    def _await_subscriber(self, publisher: "zmq.Socket[Any]") -> bool:
        """Holds records until somebody subscribes: ZeroMQ drops them before.

        Without endpoints, it must be all tails of the user that run, and none may have just
        started.

        ``False`` if the thread must end before the wait is over.
        """
        until = time.monotonic() + self._wait
        while not self._subscriptions or self._is_reader_missing():
            now = time.monotonic()
            if now >= until:
                break
            if now >= self._deadline:
                return False
            # In short turns: the deadline may be set meanwhile.
            left = min(until - now, max(0.0, self._deadline - now), 0.1)
            if publisher.poll(int(left * 1000) + 1):
                self._read_subscriptions(publisher)
        return True

    def _is_reader_missing(self) -> bool:
        if self._bind or self._connect:
            return False
        return bool(_meeting.missing_readers(self._readers)) or _meeting.has_new_reader()

    def _report_missed(self) -> None:
        records = sum(self._numbers.values())
        if records and not self._bind and not self._connect:
            _meeting.report_missed(self._readers, records)

    def _read_subscriptions(self, publisher: "zmq.Socket[Any]") -> None:
        while True:
            try:
                message = publisher.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            reader = _meeting.registered_reader(message[1:])
            if reader is not None:
                # Those that have gone are no longer looked for.
                self._readers.add(reader)
                continue
            change = {b"\x01": 1, b"\x00": -1}.get(message[:1], 0)
            self._subscriptions = max(0, self._subscriptions + change)

    def _send_queue(self, publisher: "zmq.Socket[Any]") -> None:
        """Sends the queue until the thread is closed and the queue is empty."""
        sent = 0
        while True:
            try:
                # Not with a timeout of 0: CPython 3.10 and older may wait for ever then.
                is_closing = self._closing.is_set()
                item = self.queue.get_nowait() if is_closing else self.queue.get(timeout=_IDLE)
            except queue.Empty:
                if self._closing.is_set():
                    return
                self._read_subscriptions(publisher)
                continue
            if isinstance(item, dict):
                self._send(publisher, item)
                sent += 1
            elif isinstance(item, Drops):
                self._number_drops()
            elif item is not None:
                item.set()
            self._tell_room()
            is_empty = self.queue.qsize() == 0
            if is_empty and self._untold:
                self._send(publisher, self._drop_notice())
            # XPUB keeps what nobody reads.
            if is_empty or sent % _BATCH == 0:
                self._read_subscriptions(publisher)

    def _tell_room(self) -> None:
        """Wakes callers that wait for room, if there is some."""
        if self._waiting and self.queue.qsize() <= self._size // 2:
            with self._room:
                self._room.notify_all()

    def _frames(self, fields: Fields) -> List[bytes]:
        """Numbers a record, and encodes it."""
        topic = self._topic_of(fields)
        if len(self._numbers) >= _MAX_TOPICS:
            self._numbers.clear()
            self._source = _records.new_source(self._hostname)
        number = self._numbers[topic] = self._numbers.get(topic, 0) + 1
        fields.update(hostname=self._hostname, source=self._source, seq=number)
        return _records.frames(topic, fields)

    def _send(self, publisher: "zmq.Socket[Any]", fields: Fields) -> None:
        frames = self._frames(fields)
        # ZeroMQ drops what nobody has subscribed to. A collector is expected, a reader is not.
        self._unsent += bool(self._connect) and not self._subscriptions
        while True:
            try:
                publisher.send_multipart(frames, zmq.DONTWAIT)
                return
            except zmq.Again:
                # A subscriber's queue is full. XPUB can't be polled for room.
                if time.monotonic() >= self._deadline:
                    self._unsent += 1
                    return
                self._read_subscriptions(publisher)
                time.sleep(_STALL)

    def _number_drops(self) -> None:
        """Dropped records take numbers, so that readers see a gap."""
        self._dropped.is_queued = False
        for topic, count in self._dropped.take().items():
            self._numbers[topic] = self._numbers.get(topic, 0) + count
            self._untold += count

    def _drop_notice(self) -> Fields:
        """A record that tells how many were dropped: no other may follow."""
        count, self._untold = self._untold, 0
        message = f"{count} records were dropped: {self._size} were waiting to be sent"
        record = logging.LogRecord(
            "zlog_logging", logging.WARNING, __file__, 0, message, None, None
        )
        return _records.capture(record, str)

    def _tell_unsent(self) -> None:
        unsent = self._unsent + self._untold + sum(self._dropped.take().values())
        while not self.queue.empty():
            unsent += isinstance(self.queue.get(), dict)
        if unsent:
            tell(f"{unsent} records were not {self._why_unsent()}")

    def _why_unsent(self) -> str:
        return (
            "sent: the endpoint could not be used, nobody subscribed, or a subscriber took too "
            "long. Start a reader, or raise linger=."
        )


def tell(text: str) -> None:
    """Tells the user something on stderr, unless ``logging.raiseExceptions`` forbids it."""
    if logging.raiseExceptions and sys.stderr is not None:
        print(f"zlog_logging: {text}", file=sys.stderr)
