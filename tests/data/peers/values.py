"""Logs generated values through a real SocketHandler.

    values.py SEED COUNT PORT

Each record has its number as `number` and one value as `value`. Prints a JSON line for each
record: its number, the kind of the value, and what `logging.Formatter` prints for
`%(value)s`.
"""

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import http
import ipaddress
import json
import logging
import math
import pathlib
import random
import re
import sys
import types
import uuid
import zoneinfo
from logging.handlers import SocketHandler

import dateutil.tz
import numpy
import pendulum
import pytz

chance = random.Random(int(sys.argv[1]))
ALPHABET = "abc XYZ019_.-'\"\\/%éßλ世😀"
ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Colour(str, enum.Enum):
    RED = "red"

    __str__ = str.__str__


class Names(list):
    pass


class Sizes(dict):
    pass


class Name(str):
    pass


class Count(int):
    pass


class PaymentError(Exception):
    pass


@dataclasses.dataclass
class Order:
    number: int
    lines: list

    @dataclasses.dataclass
    class Line:
        """A nested class."""
        text: str


def text(most=8):
    return "".join(chance.choice(ALPHABET) for _ in range(chance.randrange(most)))


def local():
    """A local time that is not near a change of the clocks, which pickles do not tell apart."""
    day = datetime.datetime(chance.randrange(1971, 2036), chance.choice([1, 2, 6, 7, 8, 12]), 15)
    return day + datetime.timedelta(seconds=chance.randrange(86400),
                                    microseconds=chance.choice([0, chance.randrange(10**6)]))


def aware():
    name, minutes = chance.choice(ZONES), chance.randrange(-840, 841)
    return chance.choice([
        lambda: local().replace(tzinfo=zoneinfo.ZoneInfo(name)),
        lambda: local().replace(tzinfo=datetime.timezone(datetime.timedelta(minutes=minutes))),
        lambda: local().replace(tzinfo=datetime.timezone.utc),
        lambda: pytz.timezone(name).localize(local()),
        lambda: local().replace(tzinfo=pytz.FixedOffset(minutes)),
        lambda: local().replace(tzinfo=dateutil.tz.gettz(name)),
        lambda: local().replace(tzinfo=dateutil.tz.tzoffset(None, minutes * 60)),
        lambda: local().replace(tzinfo=dateutil.tz.tzutc()),
        lambda: pendulum.instance(local(), tz=name),
        lambda: pendulum.datetime(2025, 7, chance.randrange(1, 29), tz=name),
    ])()


def number():
    return chance.choice([
        lambda: chance.randrange(-(2**70), 2**70), lambda: chance.uniform(-1e6, 1e6),
        lambda: chance.choice([math.nan, math.inf, -math.inf, -0.0, 1e16, 1e-7, 1e300]),
        lambda: decimal.Decimal(chance.randrange(-(10**9), 10**9)).scaleb(-chance.randrange(9)),
        lambda: fractions.Fraction(chance.randrange(-99, 99), chance.randrange(1, 99)),
        lambda: complex(chance.randrange(-9, 9), chance.uniform(-9, 9)),
        lambda: chance.choice([True, False, None]),
        lambda: Count(chance.randrange(99)), lambda: chance.choice(list(Level)),
        lambda: chance.choice(list(http.HTTPStatus)),
    ])()


def numpy_scalar():
    kind = chance.choice(["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
                          "float16", "float32", "float64", "complex64", "complex128", "bool_", "str_"])
    if kind.startswith(("float", "complex")):
        number = chance.choice([chance.uniform(-10, 10), chance.uniform(-1, 1) / 1000, 0.1, 2.0,
                                chance.randrange(-99, 99) * 10.0 ** chance.randrange(-6, 8),
                                float("nan"), float("inf")])
        with numpy.errstate(all="ignore"):
            return getattr(numpy, kind)(number)
    return numpy.str_(text()) if kind == "str_" else getattr(numpy, kind)(chance.randrange(100))


UNITS = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "25s", "7D"]


def numpy_time():
    kind = chance.choice([numpy.datetime64, numpy.timedelta64])
    number = chance.choice([0, -1, 7, 20000, chance.randrange(-500, 500), "NaT"])
    return kind(number, chance.choice(UNITS))


def numpy_parts(kind, size):
    """The elements of an array that is not of numbers."""
    if kind == "str":
        return [text() for _ in range(size)]
    if kind == "bytes":
        return [chance.randbytes(chance.randrange(4)) for _ in range(size)]
    if kind == "object":
        return [chance.choice([None, True, 1, -2.5, "a'b", b"x"]) for _ in range(size)]
    if kind.startswith("complex"):
        part = lambda: chance.choice([0, 1, -2.5, chance.uniform(-9, 9), 1e9 * chance.random(),
                                      chance.choice([math.nan, math.inf, -math.inf, 3])])
        return [complex(part(), part()) for _ in range(size)]
    most = 40 if kind.endswith(("[Y]", "[M]")) else 20000
    rare = "NaT" if chance.random() < .3 else 5
    return [rare if chance.random() < .2 else chance.randrange(-most, most) for _ in range(size)]


def numpy_other_array():
    kind = chance.choice(["str", "bytes", "object", "complex64", "complex128",
                          f"datetime64[{chance.choice(UNITS)}]",
                          f"timedelta64[{chance.choice(UNITS)}]"])
    shape = chance.choice([(), (0,), (0, 3), (1,), (3,), (2, 2), (1, 2, 3), (30,)])
    parts = numpy_parts(kind, math.prod(shape))
    if not parts and kind in ("str", "bytes"):
        shape, parts = (1,), ["x" if kind == "str" else b"x"]
    dtype = kind if kind not in ("str", "bytes") else None
    with numpy.errstate(all="ignore"):
        array = numpy.array(parts, dtype=dtype).reshape(shape)
    return chance.choice([array, numpy.asfortranarray(array)])


def numpy_large_array():
    kind = chance.choice(["int64", "int8", "float64", "float32", "bool", "complex128",
                          "datetime64[s]"])
    # Of more, zlog does not look for the elements.
    others = [] if kind == "complex128" else [(3, 340), (340, 3), (2, 3, 170), (12, 12, 12)]
    shape = chance.choice([(1001,), (20000,), (40, 40), *others])
    numbers = numpy.arange(math.prod(shape)).astype("int64")
    with numpy.errstate(all="ignore"):
        array = (numbers * chance.choice([1, 1, 1000])).astype(kind)
    array = array.reshape(shape)
    return chance.choice([array, numpy.asfortranarray(array)])


def numpy_array():
    if chance.random() < .5:
        return chance.choice([numpy_other_array, numpy_large_array])()
    kind = chance.choice(["int8", "int16", "int64", "uint32", "uint64", "bool", "float16",
                          "float32", "float64"])
    shape = chance.choice([(), (0,), (0, 3), (1,), (3,), (2, 2), (1, 2, 3), (12, 2), (40,), (2, 25)])
    size = math.prod(shape)
    if kind.startswith("float"):
        scale = chance.choice([1, 1, 100, 1e-3, 1e-6, 1e4, 1e7])
        rare = chance.choice([[], [], [math.nan], [math.inf, 0.0], [-math.inf, -0.0, 1.0]])
        digits = chance.choice([1, 3, 15])
        parts = [chance.choice(rare) if rare and chance.random() < .3
                 else round(chance.uniform(-10, 10), digits) * scale for _ in range(size)]
    else:
        most = chance.choice([2, 100])
        parts = [chance.randrange(most) for _ in range(size)]
    with numpy.errstate(all="ignore"):
        array = numpy.array(parts, dtype=kind).reshape(shape)
    return chance.choice([array, numpy.asfortranarray(array)])


def short():
    return chance.choice([
        lambda: Name(text()), lambda: Colour.RED, lambda: chance.randbytes(chance.randrange(6)),
        lambda: bytearray(chance.randbytes(3)), text,
        lambda: uuid.UUID(int=chance.getrandbits(128)),
        lambda: pathlib.PurePosixPath(chance.choice([".", "a/b", "/", "/var/log", "..", "a'b"])),
        lambda: pathlib.PureWindowsPath(chance.choice([".", "C:\\a\\b", "C:/", "a\\b"])),
        lambda: ipaddress.ip_address(chance.getrandbits(32)),
        lambda: ipaddress.ip_address(1 << 120 | chance.getrandbits(60)),
        lambda: ipaddress.ip_network("10.0.0.0/8"), lambda: ipaddress.ip_interface("::1/64"),
        lambda: range(chance.randrange(9)), lambda: ..., lambda: int, lambda: type(None),
        lambda: re.compile("a+'"), lambda: len,
    ])()


def moment():
    return chance.choice([
        local, lambda: local().date(), lambda: local().time(), lambda: aware().timetz(),
        lambda: datetime.timedelta(chance.randrange(-3, 3), chance.randrange(86400), chance.choice([0, 5])),
        lambda: datetime.timezone(datetime.timedelta(hours=chance.randrange(-3, 4))),
        lambda: zoneinfo.ZoneInfo(chance.choice(ZONES)), lambda: pendulum.date(2025, 2, 3),
    ])()


def exception():
    return chance.choice([
        lambda: ValueError(), lambda: ValueError(text()), lambda: ValueError(text(), 3),
        lambda: KeyError(text()), lambda: PaymentError(text()), lambda: PaymentError(text(), 5),
        lambda: FileNotFoundError(2, "No such file", "/no/such"), lambda: OSError(5, text()),
        lambda: UnicodeDecodeError("utf-8", b"a\xff", 1, 2, "invalid start byte"),
        lambda: UnicodeEncodeError("ascii", "aé世", 1, 3, "not in range"),
        lambda: ZeroDivisionError("division by zero"),
    ])()


def plain():
    """A value that may be in any container: its repr() is known."""
    return chance.choice([lambda: chance.randrange(-99, 99), text, lambda: None, lambda: True,
                          lambda: chance.uniform(-9, 9), lambda: chance.randbytes(3), local,
                          lambda: decimal.Decimal("1.50"), lambda: aware() if chance.random() < .3 else 7,
                          lambda: uuid.UUID(int=5), lambda: PaymentError("x", 1), numpy_scalar, numpy_time,
                          lambda: math.nan, lambda: datetime.timedelta(1, 2), lambda: 2 + 1j,
                          numpy_array,
                          lambda: pathlib.PureWindowsPath("C:\\a"), lambda: Name("n"), lambda: int])()


def container(depth=2):
    parts = [container(depth - 1) if depth and chance.random() < .3 else plain()
             for _ in range(chance.randrange(4))]
    return chance.choice([
        lambda: parts, lambda: tuple(parts), lambda: {text(): part for part in parts},
        lambda: dict(zip([1, None, (2, "x"), True], parts)), lambda: {chance.randrange(50), "a"},
        lambda: frozenset([text()]), lambda: set(), lambda: frozenset(),
        lambda: collections.deque(parts), lambda: collections.deque(parts, 9),
        lambda: collections.Counter("abca"), lambda: collections.defaultdict(list, {"a": parts}),
        lambda: Names(parts), lambda: Sizes(a=parts), lambda: types.SimpleNamespace(a=parts, b=1),
        lambda: Order(5, parts), lambda: Order.Line(text()),
    ])()


# Values that zlog once printed otherwise, and of which few are generated.
RARE = [datetime.time(2, 5, 8, tzinfo=dateutil.tz.gettz(name)) for name in ["UTC", "Etc/GMT+3"]]


def rare():
    return RARE.pop()


KINDS = [aware, number, numpy_scalar, numpy_array, short, moment, exception, container, plain]
handler = SocketHandler("127.0.0.1", int(sys.argv[3]))
formatter = logging.Formatter("%(value)s")
for count in range(int(sys.argv[2])):
    kind = rare if RARE else KINDS[count % len(KINDS)]
    value = kind()
    record = logging.makeLogRecord({"name": "values", "levelno": 20, "levelname": "INFO",
                                    "msg": "m", "number": count, "value": value})
    print(json.dumps({"number": count, "kind": f"{kind.__name__} {type(value).__name__}",
                      "text": formatter.format(record)}))
    handler.emit(record)
handler.close()
