"""The wire format: what a record is as a topic and a body (see docs/wire-format.md)."""

from __future__ import annotations

import json
import logging
import os
from typing import Any, Callable, Dict, List, Optional, Tuple

_LEVELS = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}
_LEVEL_NUMBERS = {
    **{name: number for number, name in _LEVELS.items()}, "WARN": 30, "FATAL": 50,
}

#: The attributes that every record has. Others are extras, or come from formatters.
_EMPTY = logging.LogRecord("", 0, "", 0, "", None, None).__dict__
_STANDARD = frozenset(_EMPTY) | {"message", "asctime", "taskName"}
_ATTRIBUTES = len(_EMPTY)
_METHODS = frozenset(dir(logging.LogRecord))
_SCALARS = (str, int, float, bool, type(None))

#: Longer integers have more digits than ``str`` converts (``sys.set_int_max_str_digits``).
_MAX_BITS = 2000

#: Extras with these names would be taken for zlog's own fields.
_RENAMED = {"source": "source_", "seq": "seq_"}

FormatException = Callable[[Any], str]


def level_name(number: int) -> str:
    """The name of a level in a topic: Python's own names, whatever ``addLevelName`` says."""
    return _LEVELS.get(number) or f"Level {number}"


def level_of_topic(topic: str) -> Tuple[str, int]:
    """The name in front of the level, and the level: the first part that is a level name.

    Without one, the whole topic and ``NOTSET``.
    """
    parts = topic.split(".")
    for at, part in enumerate(parts):
        number = _LEVEL_NUMBERS.get(part, 0)
        if part.startswith("Level ") and part[6:].lstrip("-").isdigit():
            number = int(part[6:])
        if number:
            return ".".join(parts[:at]), number
    return topic, logging.NOTSET


def capture(record: logging.LogRecord, format_exception: FormatException) -> Dict[str, Any]:
    """The fields of a record, independent of whatever the caller changes afterwards.

    Raises what ``record.getMessage()`` raises.
    """
    fields = record.__dict__.copy()
    fields["msg"] = record.getMessage()
    fields["args"] = None
    exc_info = fields.pop("exc_info", None)
    if exc_info and not fields.get("exc_text"):
        fields["exc_text"] = format_exception(exc_info)
    # One attribute was removed. The same number means that there are no extras.
    if len(fields) != _ATTRIBUTES - 1:
        _capture_extras(fields)
    return fields


def _capture_extras(fields: Dict[str, Any]) -> None:
    fields.pop("message", None)
    fields.pop("asctime", None)
    for name in [name for name in fields if name not in _STANDARD]:
        value = fields[name]
        # Something that can change is encoded now.
        if type(value) not in _SCALARS:
            fields[name] = json.loads(encode(value))
        if name in _RENAMED:
            fields[_free_name(fields, _RENAMED[name])] = fields.pop(name)


def _free_name(fields: Dict[str, Any], name: str) -> str:
    while name in fields:
        name += "_"
    return name


def encode(value: Any) -> str:
    """JSON. What JSON lacks becomes a string: ``str`` of objects, ``nan``, ``inf``."""
    try:
        return json.dumps(value, default=str, allow_nan=False)
    except Exception:  # An object's own __str__ may raise anything.
        return json.dumps(_plain(value, 0))


def _plain(value: Any, depth: int) -> Any:
    """``value`` as JSON can hold it. Deep and recursive values are cut at 32 levels."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= _MAX_BITS else hex(value)
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if depth < 32 and isinstance(value, dict):
        return {text(key): _plain(item, depth + 1) for key, item in value.items()}
    if depth < 32 and isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, depth + 1) for item in value]
    return text(value) if depth < 32 else "..."


def text(value: Any) -> str:
    """``str(value)``, or a text that names what that raises."""
    try:
        return str(value)
    except Exception as error:
        return f"<{type(value).__name__}: str() failed with {type(error).__name__}>"


def frames(topic: str, fields: Dict[str, Any]) -> List[bytes]:
    """The two frames of a message."""
    # Lone surrogates (from surrogateescape) are not UTF-8; json.dumps escapes them in bodies.
    return [topic.encode("utf-8", "backslashreplace"), encode(fields).encode("ascii")]


def decode(topic: bytes, body: bytes) -> logging.LogRecord:
    """The record of a message: a whole one for JSON, or else the text of ``PUBHandler``.

    It has the attribute ``topic``. Never raises: what can't be read becomes the message.
    """
    name = topic.decode("utf-8", "backslashreplace")
    fields: Optional[Dict[str, Any]] = None
    try:
        value = json.loads(body)
        fields = value if isinstance(value, dict) else None
    except (ValueError, RecursionError):
        pass
    root, level = level_of_topic(name)
    if fields is None or not ("msg" in fields or "levelno" in fields):
        message = body.decode("utf-8", "backslashreplace").rstrip("\n")
        fields = {"msg": message, "args": None}
    # They would hide the methods of the record.
    for method in _METHODS.intersection(fields):
        del fields[method]
    if not isinstance(fields.get("name"), str):
        fields["name"] = root
    if type(fields.get("levelno")) is not int:
        fields["levelno"] = level
    fields.setdefault("levelname", logging.getLevelName(fields["levelno"]))
    fields["topic"] = name
    args = fields.get("args")
    if isinstance(args, list):
        fields["args"] = tuple(args)
    return logging.makeLogRecord(fields)


def new_source(hostname: str) -> str:
    """A name for this process that no other publisher has."""
    return f"{hostname}:{os.getpid()}:{os.urandom(4).hex()}"
