"""Pickles records with extras of every kind.

    pickles.py SEED COUNT

Prints one line per record: the pickle, and the attributes that `pickle.loads` returns, as
the JSON that zlog must write. SocketHandler pickles every other record.
"""

import collections
import datetime
import decimal
import json
import logging
import pickle
import random
import sys
import uuid
from logging.handlers import SocketHandler

chance = random.Random(int(sys.argv[1]))
handler = SocketHandler("localhost", 0)
ALPHABET = "abc XYZ019_.-'\"\\/\n\t\x00\x7féßλ世😀\u2028\ufeff"


def text(most=12):
    return "".join(chance.choice(ALPHABET) for _ in range(chance.randrange(most)))


def halves():
    """The result of `os.fsdecode` for a name that is not UTF-8."""
    return text(4) + chance.randbytes(3).decode("utf-8", "surrogateescape") + chr(0xD800) + text(4)


def scalar():
    return chance.choice([
        lambda: None, lambda: chance.random() < 0.5, lambda: chance.randrange(-300, 70000),
        lambda: chance.randrange(-(2**40), 2**40), lambda: chance.randrange(-(2**90), 2**90),
        lambda: chance.uniform(-1e6, 1e6), lambda: float(chance.randrange(10)), text,
        lambda: text(400), halves, lambda: chance.randbytes(chance.randrange(8)),
        lambda: bytearray(chance.randbytes(3)),
        lambda: datetime.datetime.fromtimestamp(chance.uniform(0, 4e9), zone()),
        lambda: datetime.date.fromordinal(chance.randrange(1, 3_000_000)),
        lambda: decimal.Decimal(chance.randrange(-(10**12), 10**12)).scaleb(-chance.randrange(6)),
        lambda: uuid.UUID(int=chance.getrandbits(128)),
    ])()


def zone():
    if chance.random() < 0.5:
        return None
    return datetime.timezone(datetime.timedelta(minutes=chance.randrange(-840, 841)))


def value(depth, made):
    kind = chance.random()
    if depth == 0 or kind < 0.5:
        return scalar()
    if kind < 0.6 and made:
        return chance.choice(made)  # the same object again
    parts = [value(depth - 1, made) for _ in range(chance.randrange(5))]
    new = chance.choice([
        lambda: parts, lambda: tuple(parts), lambda: {text(): part for part in parts},
        lambda: collections.OrderedDict((text(), part) for part in parts),
        lambda: collections.Counter(text()), lambda: collections.deque(parts), lambda: {chance.randrange(50)},
        lambda: frozenset([text()]),
        lambda: {key: part for key, part in zip([1, None, True and "t", -7], parts)},
    ])()
    made.append(new)
    return new


def deep():
    """A value with the maximum number of levels."""
    nested = scalar()
    for _ in range(chance.randrange(55)):
        nested = [nested] if chance.random() < 0.5 else {"k": nested}
    return nested


def shown(item):
    """The JSON that zlog writes for a value: the JSON type, or Python's `str`."""
    if isinstance(item, dict):
        return {shown(key) if isinstance(key, str) else str(key): shown(part)
                for key, part in item.items()}
    if isinstance(item, (list, tuple, set, frozenset, collections.deque)):
        return [shown(part) for part in item]
    if isinstance(item, str):
        return item.encode("utf-8", "backslashreplace").decode()
    if item is None or isinstance(item, (bool, int, float)):
        return item
    return str(item)


def record():
    made = []
    extras = {f"x_{n}_{text(4)}": value(4, made) for n in range(chance.randrange(5))}
    if chance.random() < 0.2:
        extras["deep"] = deep()
    level = chance.choice([10, 20, 30, 40, 50, 5, 35])
    attributes = {"name": text() or "app", "levelno": level,
                  "levelname": logging.getLevelName(level), "msg": "%s: " + text().replace("%", ""),
                  "args": (text(),), "lineno": chance.randrange(5000), "pathname": "/srv/" + text()}
    base = logging.LogRecord("n", level, "/srv/app.py", 1, "m", (), None, "func")
    return logging.makeLogRecord({**base.__dict__, **attributes, **extras})


for number in range(int(sys.argv[2])):
    one, protocol = record(), number % 6
    if number % 2:
        protocol, body = "SocketHandler", handler.makePickle(one)[4:]
    else:
        body = pickle.dumps(one.__dict__, protocol)
    loaded = pickle.loads(body)
    # As published: with the arguments inserted, and without null values.
    loaded["msg"] = logging.makeLogRecord(loaded).getMessage()
    loaded["args"] = None
    want = {key: shown(part) for key, part in loaded.items() if part is not None}
    print(json.dumps({"protocol": protocol, "hex": body.hex(), "want": want}))
