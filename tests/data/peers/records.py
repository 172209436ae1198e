"""Publishes whole records in several ways, and messages that are not records.

    records.py json|pickle|mixed [CANARY]

`mixed` sends all dialects in one stream, with garbage in between. Unpickling one of the
pickles would create the file CANARY.
"""

import json
import logging
import os
import pickle
import sys
from logging.handlers import SocketHandler

import zmq

import beacon

socket = zmq.Context.instance().socket(zmq.PUB)
socket.bind("tcp://127.0.0.1:*")


class JsonHandler(logging.Handler):
    """Sends the attributes of the record, with the arguments separate."""

    def emit(self, record):
        fields = dict(record.__dict__)
        if record.exc_info:
            fields["exc_text"] = logging.Formatter().formatException(record.exc_info)
        fields["exc_info"] = None
        socket.send_multipart([f"app.{record.levelname}".encode(), json.dumps(fields).encode()])


class PickleHandler(SocketHandler):
    """Sends SocketHandler's pickle without the length that precedes it in TCP."""

    def __init__(self):
        super().__init__("localhost", 0)

    def emit(self, record):
        socket.send_multipart([f"app.{record.levelname}".encode(), self.makePickle(record)[4:]])


class PyobjHandler(logging.Handler):
    """Sends one frame without a topic with PyZMQ's send_pyobj."""

    def emit(self, record):
        fields = dict(record.__dict__)
        fields["exc_info"] = None
        socket.send_pyobj(fields)


def logger(name, *handlers):
    made = logging.getLogger(name)
    made.setLevel(1)
    made.handlers[:] = handlers
    return made


def speak(log):
    """The records for each dialect."""
    log.info("%s took %.2f s", "query", 1.5)
    log.warning("map: %(a)s and %(b)r", {"a": 1, "b": "two"})
    log.log(35, "between the levels")
    try:
        {}["answer"]
    except KeyError:
        log.exception("lookup failed")
    log.error("no route", extra={"host": "db1", "tries": [1, 2]})


class Bomb:
    """A pickle that attacks programs that unpickle it."""

    def __reduce__(self):
        return os.system, (f"touch '{sys.argv[2]}'",)


def garbage():
    """Messages that are invalid in all dialects, and edge cases."""
    socket.send_multipart([b"app.INFO", b"latin \xe9\xff text"])
    socket.send_multipart([b"app.INFO", b'{"msg": "cut sho'])
    socket.send_multipart([b"\xff\xfe.INFO", b"odd topic"])
    socket.send_multipart([b"app.INFO", b"one", b"two"])
    socket.send(b"\x80\x04\x95")
    socket.send(b"")
    socket.send_multipart([b"", b""])
    socket.send_multipart([b"app.ERROR", pickle.dumps(Bomb())])
    socket.send_multipart([b"app.ERROR", pickle.dumps({"msg": Bomb(), "levelno": 40}, 2)])


plain = logger("plain", JsonHandler())
beacon.until_heard(socket.last_endpoint, lambda: plain.info("beacon"))
if sys.argv[1] == "json":
    speak(plain)
if sys.argv[1] == "pickle":
    speak(logger("stream", PickleHandler()))
    logger("pyobj", PyobjHandler()).warning("by %s", "itself")
if sys.argv[1] == "mixed":
    socket.send_multipart([b"app.WARNING.disk", b"plain text\n"])
    garbage()
    logger("stream", PickleHandler()).info("after the garbage")
    logger("pyobj", PyobjHandler()).info("one frame")
plain.info("the end")
beacon.until_dismissed()
