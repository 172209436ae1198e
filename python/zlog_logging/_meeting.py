"""Where a publisher without an endpoint and the readers of the same user find each other.

As ``zlog emit`` does: it connects to the user's relay, if one runs; else it binds the default
endpoint; else a socket of its own in the user's run directory, where ``zlog tail`` looks. The
run directory is ``$XDG_RUNTIME_DIR/zlog``, or ``/tmp/zlog-<uid>``. Each process keeps a locked
file in it, which the system unlocks when the process ends, however it ends.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

import zmq

from ._keys import Keys

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

DEFAULT_ENDPOINT = "tcp://127.0.0.1:12345"
#: The longest path of a base directory, in bytes: the address of a socket in it may have 107.
_LONGEST_BASE = 64
#: What the names of a process's sockets may end in.
_SOCKETS = ("", ".collect", ".ask")
#: Subscriptions of registered readers begin with this, and end in their names. No topic does.
_REGISTERED = b"\xffzlog.registered."
#: Longest file that is read, in bytes.
_MAX_BYTES = 4096
#: How old the registration of each reader must be before records are published, in seconds. If
#: one has just started, others of the same script may be about to register.
_SETTLE_TIME = 0.2
#: Most names that are tried: another process may have the same id in another container.
_MAX_NAMES = 100


def default_endpoint() -> Tuple[Optional[str], str]:
    """``ZLOG_ENDPOINT`` or its default: the role if it fixes one, and the endpoint."""
    text = os.environ.get("ZLOG_ENDPOINT") or DEFAULT_ENDPOINT
    role, colon, endpoint = text.partition(":")
    if colon and role in ("bind", "connect"):
        return role, _spelled_out(endpoint)
    return None, _spelled_out(text)


def _spelled_out(endpoint: str) -> str:
    """``tcp://127.0.0.1:12345`` for ``12345`` and ``:12345``."""
    if "://" in endpoint:
        return endpoint
    host, _, port = endpoint.rpartition(":")
    return f"tcp://{host or '127.0.0.1'}:{port}"


class Registration:
    """The locked file of this process in the run directory."""

    def __init__(self, directory: str) -> None:
        for number in range(_MAX_NAMES):
            name = f"emit-{os.getpid()}" + (f"-{number}" if number else "")
            #: The path of the socket.
            self.socket = os.path.join(directory, name)
            file = _create_locked(self.socket + ".lock")
            if file is not None:
                self._file = file
                return
        raise OSError(errno.EEXIST, f"can't register in {directory}: all names are taken")

    def announce(self, default: str) -> None:
        """Tells readers where this process publishes."""
        text = f"default {default}\npublishes ipc://{self.socket}\n"
        os.write(self._file, text.encode())

    def end(self) -> None:
        """Removes the file. Call it when the socket is closed."""
        _remove(self.socket)
        os.close(self._file)

    def forget(self) -> None:
        """In the child of a fork: leaves the file to the parent, whose lock it would keep."""
        os.close(self._file)


def open_default(publisher: "zmq.Socket[Any]", keys: Keys) -> Optional[Registration]:
    """Binds or connects a publisher. Returns a registration to end after the socket is closed.

    Raises ``zmq.ZMQError`` if neither the default endpoint nor a socket of its own can be used.
    """
    role, default = default_endpoint()
    if role == "connect":
        keys.connect(publisher, default)
        return None
    directory = None if role else _own_directory()
    if directory is None:
        keys.bind(publisher, default, "read")
        return None
    relays = sorted(
        (name, found["collects"])
        for name, found in _registered()
        if name.startswith("relay") and found.get("default") == default and "collects" in found
    )
    if relays:
        keys.connect(publisher, relays[0][1])
        return None
    try:
        keys.bind(publisher, default, "read")
        return None
    except zmq.ZMQError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        in_use = error
    try:
        registration = Registration(directory)
    except OSError:
        raise in_use from None
    try:
        keys.bind(publisher, f"ipc://{registration.socket}", "read")
        registration.announce(default)
    except BaseException:
        registration.end()
        raise
    return registration


def missing_readers(subscribed: Set[bytes]) -> List[str]:
    """The names of the user's ``zlog tail`` processes that have not subscribed yet.

    ``subscribed`` has what :func:`registered_reader` returned for subscriptions so far.
    """
    return [name for name, _ in _readers() if name.encode() not in subscribed]


def has_new_reader() -> bool:
    """Whether a ``zlog tail`` process has just started."""
    now = time.time() * 1000
    # Negative if the clock was set back.
    return any(0 <= now - since < _SETTLE_TIME * 1000 for since in _since())


def _since() -> Iterator[float]:
    """When the readers have registered, in milliseconds since 1970."""
    for _, found in _readers():
        with contextlib.suppress(ValueError):
            yield float(found.get("since", ""))


def report_missed(subscribed: Set[bytes], records: int) -> None:
    """Tells readers that have not subscribed that this process has published without them."""
    line = f"missed {os.getpid()} {records}\n".encode()
    for name in missing_readers(subscribed):
        for directory in filter(_is_private, _paths()):
            # It may have ended meanwhile.
            with contextlib.suppress(OSError):
                path = os.path.join(directory, name + ".lock")
                file = _open_regular(path, os.O_WRONLY | os.O_APPEND)
                try:
                    if os.fstat(file).st_size < _MAX_BYTES:
                        os.write(file, line)
                finally:
                    os.close(file)


def _readers() -> Iterator[Tuple[str, Dict[str, str]]]:
    """The user's ``zlog tail`` processes, and what they have announced."""
    role, default = default_endpoint()
    if role or _own_directory() is None:
        return
    for name, found in _registered():
        if name.startswith("tail") and found.get("default") == default:
            yield name, found


def registered_reader(prefix: bytes) -> Optional[bytes]:
    """The name of the process that tells by this subscription that it has made all others."""
    return prefix[len(_REGISTERED) :] if prefix.startswith(_REGISTERED) else None


def _paths() -> List[str]:
    """Where this process registers, and where processes without a session have registered."""
    user = os.geteuid()

    def is_usable(path: str) -> bool:
        # A variable inherited through su names a directory of the user before.
        try:
            found = os.stat(path)
        except OSError:
            return False
        length = len(os.fsencode(path))
        return (
            os.path.isabs(path)
            and length <= _LONGEST_BASE
            and stat.S_ISDIR(found.st_mode)
            and found.st_uid == user
        )

    base = os.environ.get("XDG_RUNTIME_DIR", "")
    session, sessionless = f"/run/user/{user}", f"/tmp/zlog-{user}"
    if is_usable(base) and base != session:
        return [os.path.join(base, "zlog")]
    if is_usable(session):
        return [os.path.join(session, "zlog"), sessionless]
    return [sessionless]


def _own_directory() -> Optional[str]:
    """The directory of this process, created if it is missing. ``None`` if it can't be used."""
    if fcntl is None:
        return None
    path = _paths()[0]
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass
    except OSError:
        return None
    return path if _is_private(path) else None


def _is_private(path: str) -> bool:
    """Whether a directory belongs to the user, and nobody else has access to it."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid == os.geteuid()
        and not stat.S_IMODE(found.st_mode) & 0o077
    )


def _registered() -> Iterator[Tuple[str, Dict[str, str]]]:
    """The names of the registered processes, and what they have announced."""
    for directory in filter(_is_private, _paths()):
        for name in os.listdir(directory):
            stem, extension = os.path.splitext(name)
            if extension == ".lock":
                text = _read(os.path.join(directory, name))
                lines = (line.partition(" ") for line in text.splitlines())
                yield stem, {key: endpoint for key, _, endpoint in lines}


def _read(path: str) -> str:
    """What a process has announced. Removes the files of a process that has ended."""
    try:
        file = _open_regular(path, os.O_RDONLY)
    except OSError:
        return ""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.read(file, _MAX_BYTES).decode(errors="replace")
        # Perhaps another process has just removed it.
        return text if _is_at(file, path) else ""
    except OSError:
        # Where locks do not work, nobody can register.
        return ""
    else:
        # Only one at a time may remove it: meanwhile, a new process may have made its own.
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(file, path):
                _remove(path[: -len(".lock")])
        return ""
    finally:
        os.close(file)


def _open_regular(path: str, flags: int) -> int:
    """Opens a regular file. Raises ``OSError`` for anything else: a pipe would have to wait."""
    file = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)
    raise OSError(errno.EINVAL, f"{path} is not a regular file")


def _create_locked(path: str) -> Optional[int]:
    """Creates a file and locks it. ``None`` if another process has a file of this name."""
    while True:
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            file = os.open(path, flags, 0o600)
        except FileExistsError:
            # Removes it if its process has ended.
            _read(path)
            if os.path.lexists(path):
                return None
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            os.close(file)
            raise
        # Others lock it for a moment to see whether its process has ended, and remove it then.
        if _is_at(file, path):
            return file
        os.close(file)


def _is_at(file: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(file), os.lstat(path))
    except OSError:
        return False


def _remove(socket: str) -> None:
    for suffix in (*_SOCKETS, ".lock"):
        try:
            os.unlink(socket + suffix)
        except OSError:
            # Most of them do not exist.
            pass
