"""Logs to random logger hierarchies, and prints which handlers of Python get a record.

Prints one JSON object per line: loggers with levels, handlers and propagate; the levels
of handlers; and records with the handlers that received them.
"""

import json
import logging
import random
import sys

logging.raiseExceptions = False
logging.lastResort = None


class Noting(logging.Handler):
    def __init__(self, name, level, got):
        super().__init__(level)
        self.set_name(name)
        self.got = got

    def emit(self, record):
        self.got.add(self.name)


def a_name(rng):
    return ".".join(rng.choice("ab") for _ in range(rng.randint(1, 4)))


def a_level(rng):
    return rng.choice([0, 0, 10, 20, 25, 30, 40, 50])


def a_tree(rng):
    root = logging.RootLogger(logging.NOTSET)
    manager = logging.Manager(root)
    root.manager = manager
    got = set()
    handlers = {name: a_level(rng) for name in "wxyz"[: rng.randint(1, 4)]}
    real = {name: Noting(name, level, got) for name, level in handlers.items()}
    names = {a_name(rng) for _ in range(rng.randint(0, 6))}
    if rng.random() < 0.8:
        names.add("")
    loggers = []
    for name in sorted(names):
        logger = manager.getLogger(name) if name else root
        level, propagate = a_level(rng), rng.random() < 0.75
        mine = rng.sample(sorted(handlers), rng.randint(0, len(handlers)))
        logger.setLevel(level)
        logger.propagate = propagate
        for handler in mine:
            logger.addHandler(real[handler])
        loggers.append({"name": name, "level": level, "handlers": mine, "propagate": propagate})
    records = []
    for _ in range(12):
        name = rng.choice([a_name(rng), a_name(rng), rng.choice(sorted(names) or ["a"])])
        name = name or "root"
        level = rng.choice([5, 10, 15, 20, 25, 30, 40, 50, 60])
        logger = root if name == "root" else manager.getLogger(name)
        got.clear()
        logger.log(level, "x")
        records.append({"name": name, "level": level, "got": sorted(got)})
    return {"handlers": handlers, "loggers": loggers, "records": records}


seed, count = map(int, sys.argv[1:])
rng = random.Random(seed)
for _ in range(count):
    print(json.dumps(a_tree(rng)))
