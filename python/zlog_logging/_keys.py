"""CURVE keys, those of ``zlog keygen``: which sockets are encrypted, and who is admitted.

They are in ``~/.config/zlog``, or the directory that ``ZLOG_KEYS`` names: ``machine.key``,
``known_servers`` with lines ``HOST[:PORT] KEY [NAME]``, and ``authorized_clients`` with lines
``NAME KEY [publish=PREFIX,...] [read=PREFIX,...]``. The rules are zlog's:

- What other machines can reach is bound with the own key, and admits known clients only.
- A connection to a server whose key is known is encrypted, and never without.
- A port of the own machine that asks for encryption must have the own key.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import logging
import os
import socket
import stat
import sys
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

import zmq
from zmq.utils import z85

#: Seconds to wait for the greeting of a server on this machine.
_GREETING_WAIT = 1.0
#: What a client sends first: a signature, and ZMTP 3.0 with the mechanism NULL.
_GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
#: Where the mechanism is in a greeting.
_MECHANISM = slice(12, 32)
#: Whose clients :class:`_Admission` decides on.
_ZAP_DOMAIN = b"zlog"
#: Without it, libzmq admits everybody when nobody decides. Older PyZMQs lack the name.
_ZAP_ENFORCE_DOMAIN = 93


class OwnKey(NamedTuple):
    """A key pair in Z85."""

    public: bytes
    secret: bytes


class Keys:
    """The keys of the sockets of one handler or subscriber.

    ``key``
        A file with a secret key. With it, connections and what is bound on loopback are encrypted,
        too. By default this machine's, where a key is needed.
    ``insecure``
        Whether to bind without encryption what other machines can reach.
    """

    def __init__(self, key: Optional[str] = None, insecure: bool = False) -> None:
        self._file = key
        self._insecure = insecure
        self._directory = _directory()
        #: What runs while clients are admitted. Ended by :meth:`close`.
        self._admission: Optional[_Admission] = None

    def check(self, bind: Iterable[str], connect: Iterable[str]) -> None:
        """Raises ``ValueError`` if a key that the endpoints need is missing or wrong."""
        for endpoint in bind:
            if self._encrypts(endpoint):
                self._required(f"can't bind {endpoint}: other machines can reach it, and nothing "
                               "is encrypted. Make a key with `zlog keygen`, or, on a network that "
                               "you trust, pass insecure=True")
        for endpoint in connect:
            self._server_of(endpoint)

    def bind(self, ours: "zmq.Socket[Any]", endpoint: str, right: str) -> None:
        """Binds for clients that have a right without limits: ``publish``, or ``read``. Raises ``zmq.ZMQError`` or ``ValueError``."""
        if not self._encrypts(endpoint):
            _set_plain(ours)
            ours.bind(endpoint)
            return
        own = self._required(f"can't bind {endpoint} encrypted: make a key with `zlog keygen`")
        if self._admission is None:
            self._admission = _Admission(
                ours.context, os.path.join(self._directory, "authorized_clients"), right
            )
        ours.curve_publickey, ours.curve_secretkey = own
        ours.curve_server = True
        ours.zap_domain = _ZAP_DOMAIN
        ours.setsockopt(_ZAP_ENFORCE_DOMAIN, 1)
        ours.bind(endpoint)

    def connect(self, ours: "zmq.Socket[Any]", endpoint: str) -> None:
        """Connects. Raises ``zmq.ZMQError`` or ``ValueError``."""
        server = self._server_of(endpoint) or self._server_here(endpoint)
        if server is None:
            _set_plain(ours)
        else:
            own, server_key = server
            ours.curve_publickey, ours.curve_secretkey = own
            ours.curve_serverkey = server_key
        ours.connect(endpoint)

    def close(self) -> None:
        """Ends what admits clients. Call it before the context ends."""
        if self._admission is not None:
            self._admission.stop()
            self._admission = None

    def _encrypts(self, endpoint: str) -> bool:
        """Whether an endpoint is bound with encryption."""
        host = _host_and_port(endpoint)
        if host is None:
            return False
        return self._file is not None or not (self._insecure or _is_loopback(host[0]))

    def _required(self, problem: str) -> OwnKey:
        own = self._own()
        if own is None:
            raise ValueError(problem)
        return own

    def _own(self) -> Optional[OwnKey]:
        path = self._file or os.path.join(self._directory, "machine.key")
        if self._file is None and not os.path.lexists(path):
            return None
        return _read_pair(path)

    def _server_of(self, endpoint: str) -> Optional[Tuple[OwnKey, bytes]]:
        """The own key and the server's, if the server is known."""
        host = _host_and_port(endpoint)
        if host is None:
            return None
        name = f"{host[0]}:{host[1]}"
        servers: Dict[str, bytes] = {}
        for words in _lines(os.path.join(self._directory, "known_servers")):
            # A server whose key is written wrongly must not become one without encryption.
            servers.setdefault(words[0].lower(), _key(words[1] if len(words) > 1 else "", words))
        key = servers.get(name.lower()) or servers.get(host[0].lower())
        if key is not None:
            return self._required(
                f"can't connect to {endpoint}: its key is known, but this machine has none. "
                "Make one with `zlog keygen`"
            ), key
        if self._file is not None:
            raise ValueError(
                f"can't connect to {endpoint} with a key: the server's key is not known. Get its "
                f".pub file, then: zlog keygen --trust FILE --host {name}"
            )
        return None

    def _server_here(self, endpoint: str) -> Optional[Tuple[OwnKey, bytes]]:
        """The own key, twice, if a port of this machine asks for encryption."""
        host = _host_and_port(endpoint)
        if host is None or not _is_loopback(host[0]):
            return None
        own = self._own()
        if own is None or not _asks_for_curve(*host):
            return None
        return own, own.public


def _set_plain(ours: "zmq.Socket[Any]") -> None:
    """Back to no mechanism, after another endpoint of the same socket."""
    if zmq.has("curve"):
        ours.curve_server = False


def _directory() -> str:
    """``ZLOG_KEYS``, or ``zlog`` in the directory of configurations."""
    given = os.environ.get("ZLOG_KEYS")
    if given:
        return given
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return os.path.join(base if os.path.isabs(base) else os.path.expanduser("~/.config"), "zlog")


def _host_and_port(endpoint: str) -> Optional[Tuple[str, str]]:
    """Those of a tcp endpoint, without the address of the own end."""
    scheme, _, address = endpoint.partition("://")
    host, colon, port = address.rpartition(";")[2].rpartition(":")
    return (host, port) if scheme == "tcp" and colon else None


def _is_loopback(host: str) -> bool:
    if host in ("*", ""):
        return False
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    if host == "lo":
        return True
    try:
        found = socket.getaddrinfo(host, None)
    except OSError:
        return False  # an interface, or a host that is not known yet
    return all(ipaddress.ip_address(str(it[4][0]).partition("%")[0]).is_loopback for it in found)


def _asks_for_curve(host: str, port: str) -> bool:
    """Reads the greeting of a server on this machine. ``False`` if none answers."""
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _GREETING_WAIT) as peer:
            peer.settimeout(_GREETING_WAIT)
            peer.sendall(_GREETING)
            greeting = b""
            while len(greeting) < _MECHANISM.stop:
                read = peer.recv(64)
                if not read:
                    return False
                greeting += read
    except (OSError, ValueError):
        return False
    return greeting[_MECHANISM].rstrip(b"\0") == b"CURVE"


def _lines(path: str) -> Iterator[List[str]]:
    """The words of each line of a list. A missing list is empty."""
    try:
        with open(path, encoding="utf-8") as file:
            found = os.fstat(file.fileno())
            if os.name == "posix" and (
                found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o022
            ):
                raise ValueError(f"others may write {path}, so its keys are not trusted. Look "
                                 f"through it, then: chmod go-w {path}")
            text = file.read()
    except FileNotFoundError:
        return
    for line in text.splitlines():
        words = line.split()
        if words and not words[0].startswith("#"):
            yield words


def _key(text: str, line: List[str]) -> bytes:
    key = text.encode()
    if _decoded(key) is None:
        # Without the text: it may be a secret key by mistake.
        raise ValueError(f"the entry of {line[0]!r} in a list of keys has no valid key")
    return key


def _decoded(key: bytes) -> Optional[bytes]:
    """The 32 bytes of a key. ``None`` for what is not Z85."""
    if len(key) != 40:
        return None
    try:
        return bytes(z85.decode(key))  # type: ignore[no-untyped-call]
    except Exception:
        return None


def _read_pair(path: str) -> OwnKey:
    """The keys of a secret certificate, as ``zlog keygen`` and ``zmq.auth`` write it."""
    fields: Dict[str, bytes] = {}
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if os.name == "posix" and mode & 0o077:
                raise ValueError(f"others may read the secret key in {path} (mode {mode:04o}). If "
                                 f"nobody has: chmod 600 {path}")
            for line in file:
                name, is_field, value = line.partition("=")
                if is_field:
                    fields[name.strip()] = value.strip().strip("\"'").encode()
    except OSError as error:
        raise ValueError(f"can't read the key in {path}: {error.strerror}") from None
    secret = fields.get("secret-key", b"")
    if _decoded(secret) is None:
        raise ValueError(f"{path} has no secret key. Name the other file of the pair: NAME.key, or "
                         "PyZMQ's NAME.key_secret")
    return OwnKey(zmq.curve_public(secret), secret)


def fingerprint(key: bytes) -> str:
    """What people compare, as zlog prints it: 16 bytes of a BLAKE2b hash of the key."""
    digest = hashlib.blake2b(_decoded(key) or b"", digest_size=16).hexdigest()
    return ":".join(digest[at : at + 4] for at in range(0, len(digest), 4))


class _Admission:
    """Admits the clients of a list, by libzmq's authentication protocol (ZAP).

    The list is read for each new connection. A client whose right is limited is refused: libzmq does
    not say whose subscription is whose.
    """

    def __init__(self, context: "zmq.Context[Any]", path: str, right: str) -> None:
        from zmq.auth.thread import ThreadAuthenticator

        self._path, self._right = path, right
        self._told: Set[bytes] = set()
        # PyZMQ logs each connection. That must not come back to the handler.
        log = logging.Logger("zlog_logging.auth")
        log.addHandler(logging.NullHandler())
        self._authenticator = ThreadAuthenticator(context, log=log)
        self._authenticator.start()
        self._authenticator.configure_curve_callback(
            _ZAP_DOMAIN.decode(), credentials_provider=self
        )

    def callback(self, domain: str, key: bytes) -> bool:
        """Whether a key is admitted. Called in the authenticator's thread."""
        try:
            refusal = self._refusal(key)
        except (OSError, ValueError) as error:
            refusal = str(error)
        if refusal is not None and key not in self._told and len(self._told) < 1000:
            self._told.add(key)
            if logging.raiseExceptions and sys.stderr is not None:
                print(f"zlog_logging: refused the client {fingerprint(key)}: {refusal}",
                      file=sys.stderr)
        return refusal is None

    def _refusal(self, key: bytes) -> Optional[str]:
        for words in _lines(self._path):
            if words[1:2] == [key.decode()]:
                if any(word.startswith(f"{self._right}=") for word in words[2:]):
                    return (f"its right to {self._right} is limited, which a Python program can't "
                            "check; let both connect to a zlog relay, which can")
                return None
        return f"it is not trusted. To admit it: zlog keygen --trust '{key.decode()}' --name NAME"

    def stop(self) -> None:
        self._authenticator.stop()
