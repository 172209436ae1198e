"""Writes records with RotatingFileHandler.

    rotating.py DIRECTORY

Standard input has one case per line, as JSON: `max_bytes`, `backup_count`, and the
`messages`, which are logged to DIRECTORY/<number of the case>/app.log. Files may exist
there before.
"""

import json
import logging
import logging.handlers
import os
import sys
import tempfile


def opened(kind, path, **settings):
    made = kind(path, encoding="utf-8", **settings)
    made.setFormatter(logging.Formatter("%(message)s"))
    return made


def file(handler, messages):
    for message in messages:
        handler.handle(logging.makeLogRecord({"msg": message}))
    handler.close()


class Today(logging.handlers.RotatingFileHandler):
    """Before August 2024 (gh-116263, in 3.12 and later) an empty file was rolled over too."""

    def shouldRollover(self, record):
        return os.path.getsize(self.baseFilename) > 0 and super().shouldRollover(record)


def kind():
    """Python's handler; in versions without the rule, with only that rule added."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "app.log")
        python = logging.handlers.RotatingFileHandler
        file(opened(python, path, maxBytes=1, backupCount=1), ["message"])
        return Today if os.path.exists(path + ".1") else python


logging.raiseExceptions = True
HANDLER = kind()
for number, line in enumerate(sys.stdin):
    case = json.loads(line)
    settings = {"maxBytes": case["max_bytes"], "backupCount": case["backup_count"]}
    path = os.path.join(sys.argv[1], str(number), "app.log")
    file(opened(HANDLER, path, **settings), case["messages"])
print("done")
