"""The handler: takes records from the program's threads, and never makes them wait for the
network."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import weakref
from typing import Any, Dict, Optional, Sequence, Union

from . import _records
from ._confirmed import ConfirmedPublisher
from ._keys import Keys
from ._publisher import Flush, Publisher

_FORMATTER = logging.Formatter()
_exiting = False
_handlers: "weakref.WeakSet[ZlogHandler]" = weakref.WeakSet()


class ZlogHandler(logging.Handler):
    """Publishes log records over ZeroMQ, as ``zlog emit`` does.

    A call takes the record's values, puts them into a queue and returns. A thread of its own
    encodes and sends them. Each message has the topic ``root.LEVEL.subtopic`` and a body of
    JSON with all attributes of the record: traceback, stack and extras included.

    ``bind``, ``connect``
        Endpoints, one or several: ``tcp://127.0.0.1:12345``, ``ipc:///run/app/log.sock``.
        Bind, and readers connect (``zlog tail``); or connect to a ``zlog relay`` or a
        ``zlog tail --bind``. By default, ``zlog tail`` without an endpoint finds the handler, as it
        finds ``zlog emit``: the handler connects to the user's relay, if one runs with its default
        ports. Else it binds ``tcp://127.0.0.1:12345``, or, if that is in use, a socket of its own
        in the user's run directory. ``ZLOG_ENDPOINT`` sets another default.
    ``confirm``
        Whether records are kept, in memory, until the relay that ``connect`` names has confirmed
        them: it needs ``zlog relay --spool DIR``. After a broken connection or a restart of the
        relay, the handler sends again what was not confirmed, and the relay stores it once.
        :meth:`flush` and the end of the program wait for the confirmations, within ``linger``
        seconds; stderr tells how many are missing. A text names the endpoint where the relay
        confirms (its ``--confirm-at``), and takes the place of ``connect``. ``wait`` has no
        effect.
    ``root``
        The first part of the topic. By default the logger's name.
    ``delimiter``
        Where this occurs in a message, the part before it becomes the subtopic, as ``::`` does
        with PyZMQ's ``PUBHandler``. By default messages stay whole. ``extra={"subtopic": ...}``
        always sets the subtopic.
    ``on_full``
        What a call does while ``queue_size`` records wait: ``"block"`` waits for room,
        ``"drop"`` drops the record. Dropped records are counted: readers see gaps in the
        record numbers, and a WARNING record tells the number.
    ``wait``
        How long records are held for the first subscriber, in seconds. ZeroMQ drops what
        nobody has subscribed to. Without an endpoint, for all ``zlog tail`` of the user that run.
    ``linger``
        How long :meth:`close` and the end of the process wait for records to be sent, in
        seconds.
    ``key``, ``insecure``
        As zlog's options: a file with a secret key of ``zlog keygen`` or ``zmq.auth`` in place of
        this machine's, and whether to bind without encryption what other machines can reach. With
        this machine's key, connections to servers that ``zlog keygen --trust`` knows are encrypted
        without an option, and what is bound beyond loopback admits the clients that it knows.

    The thread and the sockets are created at the first record, so a program may fork before
    it. After a fork, the child publishes under a name of its own, by default also on a socket of
    its own. A child cannot bind what its parent has bound.

    Raises ``ValueError`` for a wrong argument. An endpoint that can't be used is reported once
    on stderr, as ``logging.raiseExceptions`` says, and tried again every second.
    """

    def __init__(
        self,
        bind: Union[str, Sequence[str], None] = None,
        connect: Union[str, Sequence[str], None] = None,
        *,
        confirm: Union[bool, str] = False,
        root: Optional[str] = None,
        delimiter: Optional[str] = None,
        queue_size: int = 10_000,
        on_full: str = "block",
        wait: float = 1.0,
        linger: float = 5.0,
        key: Union[str, "os.PathLike[str]", None] = None,
        insecure: bool = False,
        level: Union[int, str] = logging.NOTSET,
    ) -> None:
        # Before logging knows the handler, which it would flush at the end of the program.
        if on_full not in ("block", "drop"):
            raise ValueError(f'on_full is "block" or "drop", not {on_full!r}')
        if queue_size < 1:
            raise ValueError(f"queue_size is at least 1, not {queue_size!r}")
        self._bind = _endpoints(bind)
        self._connect = _endpoints(connect)
        self._confirms = bool(confirm)
        if confirm:
            self._connect = (_confirm_endpoint(confirm, self._bind, self._connect),)
        self._key = None if key is None else os.fspath(key)
        self._insecure = insecure
        Keys(self._key, insecure).check(self._bind, self._connect)
        super().__init__(level)
        self._root = root
        self._delimiter = delimiter
        self._size = queue_size
        self._blocks = on_full == "block"
        self._wait = wait
        self._linger = linger
        self._prepare()
        _handlers.add(self)

    def _prepare(self) -> None:
        """The state of a process: fresh at first, and again in the child of a fork."""
        # The publisher, once it runs. A dict, whose setdefault and pop are atomic: several
        # threads and signal handlers may log the first record at once.
        self._running: Dict[str, Publisher] = {}

    # logging

    def handle(self, record: logging.LogRecord) -> Any:
        """As ``logging.Handler.handle``, but without its lock: the queue needs none."""
        accepted = self.filter(record)
        if isinstance(accepted, logging.LogRecord):
            record = accepted
        if accepted:
            self.emit(record)
        return accepted

    def emit(self, record: logging.LogRecord) -> None:
        """Queues a record. Never raises."""
        try:
            fields = _records.capture(record, self._format_exception)
        except Exception:
            # Reports it as logging does. The record goes on with its arguments unformatted.
            self.handleError(record)
            fields = self._unformatted(record)
        publisher = self._running.get("") or self._start(record)
        # SimpleQueue is written in C, and reentrant: signal handlers may log.
        if publisher.queue.qsize() >= self._size and not (
            self._blocks and publisher.wait_for_room()
        ):
            publisher.count_drop(fields)
            return
        publisher.queue.put(fields)
        if publisher.needs_caller:
            self.close()

    def _format_exception(self, exc_info: Any) -> str:
        return (self.formatter or _FORMATTER).formatException(exc_info)

    def _unformatted(self, record: logging.LogRecord) -> Dict[str, Any]:
        plain = logging.makeLogRecord({**record.__dict__, "args": None, "exc_info": None})
        plain.msg = f"{_records.text(record.msg)} {_records.encode(record.args)}"
        return _records.capture(plain, self._format_exception)

    def flush(self) -> None:
        """Waits until everything queued is given to ZeroMQ, or confirmed, up to ``linger`` seconds."""
        publisher = self._running.get("")
        # logging.shutdown flushes and then closes, which waits as well.
        if publisher is not None and publisher.is_alive() and not _exiting:
            flush = Flush()
            publisher.queue.put(flush)
            flush.wait(self._linger)

    def close(self) -> None:
        """Sends what is queued, within ``linger`` seconds, and closes the sockets.

        A later record opens them again.
        """
        publisher = self._running.pop("", None)
        if publisher is not None:
            publisher.close(self._linger)
        super().close()

    def _start(self, record: logging.LogRecord) -> Publisher:
        """The publisher of this process. Starts it if it does not run yet."""
        publisher = (ConfirmedPublisher if self._confirms else Publisher)(
            self._topic,
            lambda: self.handleError(record),
            bind=self._bind,
            connect=self._connect,
            keys=Keys(self._key, self._insecure),
            size=self._size,
            wait=self._wait,
            drops=not self._blocks,
        )
        running = self._running.setdefault("", publisher)
        if running is publisher:
            publisher.start_unless(_exiting)
            _close_with_child(self)
        return running

    def _topic(self, fields: Dict[str, Any]) -> str:
        """The topic of a record. Removes what goes into it from the fields."""
        subtopic = fields.pop("subtopic", None)
        message = fields["msg"]
        if subtopic is None and self._delimiter and self._delimiter in message:
            subtopic, fields["msg"] = message.split(self._delimiter, 1)
        root = fields["name"] if self._root is None else self._root
        parts = (root, _records.level_name(fields["levelno"]), subtopic)
        return ".".join(str(part) for part in parts if part not in (None, ""))


def _endpoints(given: Union[str, Sequence[str], None]) -> Sequence[str]:
    if given is None:
        return ()
    endpoints = (given,) if isinstance(given, str) else tuple(given)
    for endpoint in endpoints:
        if "://" not in endpoint:
            raise ValueError(
                f"{endpoint!r} is not an endpoint; write tcp://host:port or ipc:///path"
            )
    return endpoints


def _confirm_endpoint(
    confirm: Union[bool, str], bind: Sequence[str], connect: Sequence[str]
) -> str:
    """Where the relay confirms: the port before the one where it collects."""
    if isinstance(confirm, str):
        if bind or connect:
            raise ValueError("confirm= takes the place of bind= and connect= if it is an endpoint")
        return _endpoints(confirm)[0]
    if bind or len(connect) != 1:
        raise ValueError(
            'confirm=True needs the one relay that confirms: connect="tcp://host:12344"'
        )
    scheme, _, address = connect[0].partition("://")
    host, _, port = address.rpartition(":")
    if scheme == "ipc":
        return f"{connect[0]}.confirm"
    if scheme == "tcp" and port.isdigit() and int(port) > 1:
        return f"tcp://{host}:{int(port) - 1}"
    raise ValueError(f"confirm=True needs tcp://host:port or ipc:///path, not {connect[0]!r}")


def _close_with_child(handler: ZlogHandler) -> None:
    """Children of multiprocessing end without atexit, and so without logging.shutdown."""
    if "multiprocessing.util" in sys.modules:
        from multiprocessing.util import Finalize

        Finalize(handler, _close, (weakref.ref(handler),), exitpriority=0)


def _close(reference: "weakref.ref[ZlogHandler]") -> None:
    handler = reference()
    if handler is not None:
        handler.close()


def _after_fork_in_child() -> None:
    for handler in list(_handlers):
        for publisher in handler._running.values():
            publisher.forget()
        handler._prepare()


def _exit() -> None:
    global _exiting
    _exiting = True


# Runs before logging.shutdown, which closes the handlers. Records that come later, from the
# functions that run after it, are sent at once.
atexit.register(_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
