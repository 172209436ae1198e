"""Passes the records that `zlog emit` publishes to Python's logging.

    make_log_record.py ENDPOINT FILE

Each body becomes a LogRecord, which a Formatter prints and a RotatingFileHandler writes.
Ends after a record with the message `the end`.
"""

import datetime
import json
import logging
import logging.handlers
import sys

import zmq

socket = zmq.Context.instance().socket(zmq.SUB)
socket.subscribe(b"")
socket.connect(sys.argv[1])

screen = logging.Formatter("%(levelname)s|%(levelno)d|%(name)s|%(processName)s|%(message)s")
files = logging.handlers.RotatingFileHandler(
    sys.argv[2], maxBytes=20_000, backupCount=1000, encoding="utf-8"
)
files.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

while True:
    topic, body = socket.recv_multipart()
    record = logging.makeLogRecord(json.loads(body))
    print(screen.format(record))
    # Python prints the milliseconds from a separate field, which must agree.
    printed = datetime.datetime.strptime(screen.formatTime(record), "%Y-%m-%d %H:%M:%S,%f")
    printed = printed.replace(tzinfo=datetime.timezone.utc).timestamp()
    assert abs(printed - record.created) < 0.002, (printed, record.created, record.msecs)
    files.handle(record)
    if record.getMessage() == "the end":
        break
files.close()
