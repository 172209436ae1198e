"""The other direction: records from a publisher to Python's handlers."""

from __future__ import annotations

import logging
import os
from collections import OrderedDict
from types import TracebackType
from typing import Any, Iterator, Optional, Sequence, Tuple, Type, Union

import zmq

from . import _records
from ._keys import Keys

#: Most pairs of source and topic whose numbers are remembered. The oldest is forgotten first.
_MAX_STREAMS = 65_536
#: A greater gap begins another numbering, as in zlog.
_MAX_GAP = 1 << 32
#: How often a loop looks whether it was stopped, in milliseconds.
_LOOK_MS = 500


class LogRecordSubscriber:
    """Receives records: those of :class:`ZlogHandler`, ``zlog emit``, ``zlog relay`` and PyZMQ's
    ``PUBHandler``.

    ``connect``, ``bind``
        Endpoints, one or several. By default, connects to ``tcp://127.0.0.1:12345``.
    ``topics``
        Prefixes of topics: ``myprogram.ERROR``. By default everything.
    ``key``, ``insecure``
        As those of :class:`ZlogHandler`.

    Iterate over it for records, or give them to handlers::

        with LogRecordSubscriber(topics=["shop."]) as subscriber:
            subscriber.run(logging.FileHandler("shop.log"))

    Each record has the attribute ``topic``. A gap in the numbers of a source and topic yields a
    WARNING record of the logger ``zlog_logging`` that tells how many records were lost;
    ``lost`` counts all of them.

    Raises ``zmq.ZMQError`` for an endpoint that can't be used, and ``ValueError`` for a key.
    """

    def __init__(
        self,
        connect: Union[str, Sequence[str], None] = None,
        bind: Union[str, Sequence[str], None] = None,
        *,
        topics: Union[str, Sequence[str]] = "",
        key: Union[str, "os.PathLike[str]", None] = None,
        insecure: bool = False,
    ) -> None:
        if connect is None and bind is None:
            connect = "tcp://127.0.0.1:12345"
        #: Number of lost records, as far as their numbers show it.
        self.lost = 0
        self._next: "OrderedDict[Tuple[str, str], int]" = OrderedDict()
        self._stopped = False
        self._keys = Keys(None if key is None else os.fspath(key), insecure)
        self._context: "zmq.Context[Any]" = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        try:
            for topic in _list(topics):
                self._socket.subscribe(topic)
            for endpoint in _list(bind):
                self._keys.bind(self._socket, endpoint, "publish")
            for endpoint in _list(connect):
                self._keys.connect(self._socket, endpoint)
        except Exception:
            self.close()
            raise

    def run(self, *handlers: logging.Handler) -> None:
        """Gives each record to the handlers whose level it has, until :meth:`stop`.

        Without handlers, to the logger with the record's name.
        """
        for record in self:
            if not handlers:
                logging.getLogger(record.name).handle(record)
            for handler in handlers:
                if record.levelno >= handler.level:
                    handler.handle(record)

    def stop(self) -> None:
        """Ends loops over this subscriber within half a second. Any thread may call it."""
        self._stopped = True

    def close(self) -> None:
        """Closes the socket."""
        self._stopped = True
        self._socket.close(linger=0)
        self._keys.close()
        self._context.term()

    def __enter__(self) -> LogRecordSubscriber:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[logging.LogRecord]:
        while not self._stopped:
            if not self._socket.poll(_LOOK_MS):
                continue
            frames = self._socket.recv_multipart()
            topic, body = (b"", frames[0]) if len(frames) == 1 else (frames[0], frames[1])
            record = _records.decode(topic, body)
            missing = self._missing(record)
            if missing:
                self.lost += missing
                yield _loss(record, missing)
            yield record

    def _missing(self, record: logging.LogRecord) -> int:
        """How many records of the same source and topic are missing before this one."""
        source, number = getattr(record, "source", None), getattr(record, "seq", None)
        if not isinstance(source, str) or type(number) is not int:
            return 0
        stream = (source, record.__dict__["topic"])
        expected = self._next.pop(stream, number)
        if len(self._next) >= _MAX_STREAMS:
            self._next.popitem(last=False)
        # A lower number is repeated or late.
        self._next[stream] = max(expected, number + 1) if number > 1 else number + 1
        return number - expected if 0 < number - expected <= _MAX_GAP else 0


def _loss(record: logging.LogRecord, missing: int) -> logging.LogRecord:
    topic, source = record.__dict__["topic"], record.__dict__["source"]
    report = logging.makeLogRecord({
        "name": "zlog_logging", "levelno": logging.WARNING, "levelname": "WARNING",
        "msg": "%d records of %s from %s were lost", "args": (missing, topic, source),
        "topic": topic,
    })
    return report


def _list(given: Union[str, Sequence[str], None]) -> Sequence[str]:
    return () if given is None else (given,) if isinstance(given, str) else given
