"""The loggers, levels and files of the logging cookbook, in one program.

    cookbook.py files DIRECTORY   writes the files itself, with a dictConfig
    cookbook.py socket PORT       sends every record to a zlog relay instead

cookbook.toml has the same configuration as the dictConfig here, and the files must have
the same bytes. The time of a record is derived from its source line, so that both runs
have the same times.
"""

import logging
import logging.config
import logging.handlers
import os
import sys


class Calm(logging.Filter):
    """Accepts records of the root logger up to WARNING."""

    def filter(self, record):
        return record.name == "root" and record.levelno <= logging.WARNING


CONFIG = {
    "version": 1,
    "formatters": {
        "full": {
            "format": "%(asctime)s %(name)-12s %(levelname)-8s %(message)s",
            "datefmt": "%m-%d %H:%M",
        },
        "default": {"format": "%(asctime)s %(levelname)s %(message)s"},
        "braces": {
            "format": "{asctime} {levelname:>8} {funcName}:{lineno:04d} {message}",
            "style": "{",
        },
        "dollars": {"format": "$levelname:$name:${module}: $message", "style": "$"},
        "audit": {"format": "%(asctime)s.%(msecs)03d [%(user)s] %(message)s", "datefmt": "%H:%M:%S"},
    },
    "filters": {"calm": {"()": Calm}},
    "handlers": {
        "everything": {
            "class": "logging.FileHandler",
            "filename": "everything.log",
            "formatter": "full",
        },
        "errors": {
            "class": "logging.FileHandler",
            "filename": "errors.log",
            "formatter": "default",
            "level": "ERROR",
        },
        "calm": {
            "class": "logging.FileHandler",
            "filename": "calm.log",
            "formatter": "dollars",
            "filters": ["calm"],
        },
        "big": {
            "class": "logging.handlers.RotatingFileHandler",
            "filename": "big.log",
            "maxBytes": 2000,
            "backupCount": 3,
            "formatter": "default",
            "level": "INFO",
        },
        "foo": {
            "class": "logging.handlers.WatchedFileHandler",
            "filename": "foo.log",
            "formatter": "braces",
        },
        "db": {
            "class": "logging.FileHandler",
            "filename": "db.log",
            "formatter": "default",
        },
        "noise": {
            "class": "logging.FileHandler",
            "filename": "noise.log",
        },
        "audit": {
            "class": "logging.FileHandler",
            "filename": "audit.log",
            "formatter": "audit",
        },
    },
    "loggers": {
        "foo": {"handlers": ["foo"]},
        "shop.db": {"level": "WARNING", "handlers": ["db"]},
        "shop.db.pool": {"level": "DEBUG"},
        "noise": {"level": "ERROR", "handlers": ["noise"], "propagate": False},
        "audit": {"handlers": ["audit"], "propagate": False},
    },
    "root": {"level": "DEBUG", "handlers": ["everything", "errors", "calm", "big"]},
}


def record(*args, **kwargs):
    made = logging.LogRecord(*args, **kwargs)
    made.created = 1_700_000_000 + made.lineno * 61 + 0.125
    made.msecs = 125.0
    return made


def fail():
    try:
        {}["missing"]
    except KeyError:
        logging.getLogger("shop.db").exception("a query failed\non two lines")


def work():
    logging.debug("a debugging message, with %s", "arguments")
    logging.info("%(count)d of a mapping", {"count": 3})
    logging.warning("the last that is calm: %r", "é €")
    logging.error("no longer calm")
    logging.log(25, "a level of its own")
    for name in ["foo", "foo.bar", "foobar", "shop", "shop.db", "shop.db.pool", "shop.dbx", "noise", "noise.x"]:
        logger = logging.getLogger(name)
        for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
            logger.log(level, "%s of %s", logging.getLevelName(level), name)
    for number in range(100):
        logging.getLogger("foo").info("number %5d %s", number, "x" * (number % 37))
    logging.getLogger("audit").info("somebody logged in", extra={"user": "fred"})
    logging.getLogger("audit.x").critical("and out", extra={"user": 17})
    fail()
    logging.getLogger("foo").warning("from here", stack_info=True)


if __name__ == "__main__":
    logging.setLogRecordFactory(record)
    what, where = sys.argv[1:]
    if what == "files":
        os.chdir(where)
        logging.config.dictConfig(CONFIG)
    else:
        handler = logging.handlers.SocketHandler("127.0.0.1", int(where))
        logging.basicConfig(level=logging.NOTSET, handlers=[handler])
    work()
    logging.shutdown()
