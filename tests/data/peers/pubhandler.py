"""Logs through PyZMQ's PUBHandler in several common configurations.

    pubhandler.py default|custom|dotted|bare|json
"""

import json
import logging
import sys

from zmq.log.handlers import PUBHandler

import beacon

STYLE = sys.argv[1]
ROOTS = {"bare": "", "dotted": "my.big.program"}


class JsonFormatter(logging.Formatter):
    """One JSON object per record, with the keys of many such formatters."""

    def format(self, record):
        fields = {
            "timestamp": "2026-01-02T03:04:05.678Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request": {"id": 7},
        }
        return json.dumps(fields)


handler = PUBHandler("tcp://127.0.0.1:*", root_topic=ROOTS.get(STYLE, "app"))
if STYLE == "custom":
    handler.setFormatter(logging.Formatter("%(name)s says: %(message)s"))
    handler.setFormatter(logging.Formatter("(%(levelname)s) %(message)s"), logging.ERROR)
if STYLE == "json":
    handler.setFormatter(JsonFormatter())

logger = logging.getLogger("shop.orders")
logger.setLevel(logging.DEBUG)
logger.addHandler(handler)

beacon.until_heard(handler.socket.last_endpoint, lambda: logger.info("beacon"))
logger.debug("cache has %d entries", 3)
logger.info("naïve ☃ 100%")
logger.warning("disk at %d%%", 91)
logger.error("no route to %s", "host")
logger.critical("giving up")
logger.info("db.pool::connected to %s", "replica")
try:
    {}["answer"]
except KeyError:
    logger.exception("lookup failed")
logger.info("the end")
beacon.until_dismissed()
