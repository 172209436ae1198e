"""A program that logs through Logbook's ZeroMQHandler."""

import logbook
from logbook.queues import ZeroMQHandler

import beacon

handler = ZeroMQHandler("tcp://127.0.0.1:*")
log = logbook.Logger("billing")

with handler.applicationbound():
    beacon.until_heard(handler.socket.last_endpoint, lambda: log.info("beacon"))
    log.debug("{} entries", 3)
    log.info("naïve ☃")
    log.notice("noticed")
    log.warn("disk at {percent}%", percent=91)
    log.error("no route", extra={"host": "db1"})
    log.critical("giving up")
    try:
        {}["answer"]
    except KeyError:
        log.exception("lookup failed")
    log.info("the end")
    beacon.until_dismissed()
