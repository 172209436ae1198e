"""Writes the exemplars in this directory with CPython and Logbook.

    python crates/zlog-core/tests/data/wire/generate.py          # needs `pip install logbook pyzmq`

They were made with CPython 3.11 and Logbook 1.10. Times, process ids and paths are those
of the run; the tests don't depend on them.
"""

import collections
import datetime
import decimal
import json
import logging
import math
import pathlib
import pickle
import struct
import uuid
from logging.handlers import SocketHandler

HERE = pathlib.Path(__file__).parent


def write(name, rows):
    with (HERE / name).open("w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row) + "\n")


def percent():
    numbers = [0, 1, -1, 7, 42, -255, 123456789, 2**63, -(2**70), True, False,
               0.0, -0.0, 0.5, 1.5, 2.5, -2.5, 3.14159, 1e16, 1e15, 123456.789, 1e-4,
               1e-5, 1.0, 1e22, 1e300, 5e-324, 999999.5, 0.1, 100.0, 1234567.0]
    others = ["text", "it's", 'say "x"', "both ' and \"", "é😀", "", "a\tb\n\x00\x7f",
              "\u200b\xad\u2028\ue000\u0301x", None, [], [1, "a", None], {"a": 1.0, "b": [True]}]
    directives = ["%s", "%r", "%a", "%d", "%i", "%u", "%o", "%x", "%X", "%e", "%E", "%f", "%F",
                  "%g", "%G", "%c", "%5s", "%-8s|", "%.2s", "%8.3r", "%05d", "%+d", "% d",
                  "%#x", "%#o", "%#X", "%08.3f", "%-8.1f|", "%+.2e", "%#.0f", "%#g", "%.0f",
                  "%.3g", "%.10g", "%#.3g", "%.5d", "%08.4d", "%-8d|", "%+08d", "%#010x", "%ld",
                  "%.0e", "%#.0e", "%.17g", "%20.10f", "%.0s", "%+s", "%.3x", "% x", "%5c|"]
    cases = [(d, [v]) for d in directives for v in numbers + others]
    cases += [
        ("no directive", [1]), ("%s", [1, 2]), ("%s %s", [1]), ("%", [1]), ("%s %", [1]),
        ("%d%%", [5]), ("%5%|%s", [5]), ("%z", [1]), ("%*d", [5, 42]), ("%-*d|", [5, 42]),
        ("%*d|", [-5, 42]), ("%.*f", [2, 3.14159]), ("%*.*f", [8, 2, 3.14159]), ("%*d", ["x", 1]),
        ("%(a)s and %(b)r", {"a": 1, "b": "x"}), ("%(missing)s", {"a": 1}), ("%s", {"a": 1}),
        ("%s %s", {"a": 1}), ("plain", {"a": 1}), ("%(a)s %s", {"a": 1}), ("%(a)s", [1]),
        ("%(f(x))s", {"f(x)": 2}), ("%(a", {"a": 1}), ("%(a)05.1f", {"a": 2}), ("%()s", {"": 3}),
        ("%(a)*d", {"a": 1}), ("%(a)%", {"a": 1}), ("%s took %.1f ms", ["GET /", 12.345]),
        ("é %s 😀", ["ü"]), ("%c%c", [65, "é"]), ("%c", ["ab"]), ("%c", [-1]), ("%c", [0x1F600]),
        ("%s", [[{"k": [1, {"z": "q'"}]}]]), ("%hd %lld", [1, 2]), ("%s" * 3, ["a", "b", "c"]),
        ("%.d", [0]), ("%.s", ["x"]), ("%#.f", [1]), ("%# 012.3f", [3.5]), ("%+ d", [3]),
    ]
    for msg, args in cases:
        try:
            want = msg % (tuple(args) if isinstance(args, list) else args)
        except (TypeError, ValueError, KeyError, OverflowError):
            want = None
        yield {"msg": msg, "args": args, "want": want}


def record(**extra):
    made = logging.LogRecord("app.db", logging.ERROR, "/srv/app/db.py", 42, "lost %s after %d",
                             ("peer é", 3), None, "connect", None)
    made.created, made.msecs, made.relativeCreated = 1763712000.123456, 123.0, 4567.25
    made.thread, made.threadName, made.process = 140604056902528, "MainThread", 4242
    made.__dict__.update(extra)
    return made


def values():
    utc = datetime.timezone.utc
    east = datetime.timezone(datetime.timedelta(hours=-3, minutes=-30))
    shared = ["shared"]
    yield "scalars", [None, True, False, 0, 255, 256, 65535, 65536, -1, 2**31, -(2**31), 2**63,
                      -(2**63), 2**64, -(2**100), 2**1000, 0.5, -1e300], None
    yield "texts", ["", "a", "é", "😀", "x" * 300, "line\nbreak", "back\\slash \\u0041", "\x00"], None
    yield "bytes", [b"", b"a\x00'", b"y" * 300], ["b''", "b\"a\\x00'\"", f"b'{'y' * 300}'"]
    yield "containers", [[], [1], (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), {}, {"a": {"b": [1]}}], None
    yield "set", {7}, [7]
    yield "frozenset", frozenset({8}), [8]
    yield "shared", [shared, shared, {"again": shared}], None
    yield "keys", {1: "a", None: "b", True: "c", (1, 2): "d"}, "skip"
    yield "ordered", collections.OrderedDict([("z", 1), ("a", 2)]), {"z": 1, "a": 2}
    yield "counter", collections.Counter("aab"), "skip"
    yield "deque", collections.deque([1, 2]), [1, 2]
    yield "datetime", datetime.datetime(2025, 11, 21, 8, 0, 1, 2), "2025-11-21 08:00:01.000002"
    yield "aware", datetime.datetime(2025, 11, 21, 8, 0, tzinfo=utc), "2025-11-21 08:00:00+00:00"
    yield "east", datetime.datetime(2025, 11, 21, 8, 0, tzinfo=east), "2025-11-21 08:00:00-03:30"
    yield "date", datetime.date(2025, 11, 21), "2025-11-21"
    yield "decimal", decimal.Decimal("1.50"), "1.50"
    yield "uuid", uuid.UUID("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"), "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
    yield "path", pathlib.PurePosixPath("/var/log/app.log"), "/var/log/app.log"
    yield "relative", pathlib.PurePosixPath("log/app.log"), "log/app.log"
    yield "exception", ValueError("boom", 3), "ValueError('boom', 3)"
    yield "class", ValueError, "<class 'ValueError'>"
    yield "nan", math.nan, "nan"
    yield "deep", deep(40), None


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


def pickles():
    for protocol in range(6):
        handler_like = dict(record().__dict__, msg="lost peer é after 3", args=None, exc_info=None)
        handler_like.pop("message", None)
        yield row("socket handler", protocol, handler_like)
        yield row("object", protocol, record())
        yield row("dict", protocol, record().__dict__)
        for what, value, want in values():
            yield row(what, protocol, record(extra=value).__dict__, value if want is None else want)


def row(what, protocol, value, want=None):
    return {"what": what, "protocol": protocol, "hex": pickle.dumps(value, protocol).hex(),
            "want": want}


def framed():
    handler = SocketHandler("localhost", 0)
    made = record()
    data = handler.makePickle(made)
    assert struct.unpack(">L", data[:4])[0] == len(data) - 4
    yield {"what": "framed", "protocol": 1, "hex": data.hex(), "want": None}


def logbook_records():
    import logbook
    from logbook.queues import ZeroMQHandler

    sent = []

    class Socket:
        def send(self, body):
            sent.append(json.loads(body))

        def close(self, linger):
            pass

    handler = ZeroMQHandler.__new__(ZeroMQHandler)
    logbook.Handler.__init__(handler)
    handler.socket = Socket()
    log = logbook.Logger("db")
    with handler.applicationbound():
        for level in ["trace", "debug", "info", "notice", "warning", "error", "critical"]:
            getattr(log, level)("plain {}", level)
        log.info("hello {0} {who}", "é", who="you")
        log.info("100% sure", extra={"request": 7, "user": {"id": 1}})
        try:
            1 / 0
        except ZeroDivisionError:
            log.exception("bad")
    return sent


if __name__ == "__main__":
    write("percent.jsonl", percent())
    write("pickles.jsonl", [*pickles(), *framed()])
    write("logbook.jsonl", logbook_records())
