"""Prints when TimedRotatingFileHandler replaces a file and under which name, and writes
records with it under a simulated clock.

    timed.py DIRECTORY

Standard input has one case per line, as JSON, with the settings `when`, `interval`, `utc`,
`at` (a time, or null), `backup_count` and `tz`. For a case with `times`, this prints the
roll-over after each time and the name of the file at it. A case with `number` logs
`messages`, each at its time, to DIRECTORY/<number>/app.log, which has the modification time
`begun`; this prints whether the handler got stuck because a name was taken.

The first line of the output is "ready", or what this Python lacks.
"""

import datetime
import json
import logging
import logging.handlers
import os
import sys
import time
import types

clock = types.SimpleNamespace(
    time=lambda: clock.now,
    now=0,
    localtime=time.localtime,
    gmtime=time.gmtime,
    strftime=time.strftime,
)


class Handler(logging.handlers.TimedRotatingFileHandler):
    def handleError(self, record):
        raise


def opened(path, case, delay=False):
    os.environ["TZ"] = case["tz"]
    time.tzset()
    at = case["at"]
    handler = Handler(
        path,
        when=case["when"],
        interval=case["interval"],
        backupCount=case["backup_count"],
        utc=case["utc"],
        atTime=at and datetime.time.fromisoformat(at),
        encoding="utf-8",
        delay=delay,
    )
    handler.setFormatter(logging.Formatter("%(message)s"))
    return handler


def schedule(case):
    """The next roll-over after each time, and the file name at it."""
    handler = opened(os.path.join(sys.argv[1], "never.log"), case, delay=True)

    class Named(Exception):
        pass

    def name(path):
        raise Named(path.removeprefix(handler.baseFilename + "."))

    handler.rotation_filename = name
    for began, late in case["times"]:
        handler.rolloverAt = handler.computeRollover(began)
        clock.now = handler.rolloverAt + late
        try:
            handler.doRollover()
        except Named as named:
            yield [handler.rolloverAt, str(named)]


def file(case):
    path = os.path.join(sys.argv[1], str(case["number"]), "app.log")
    os.utime(path, (case["begun"], case["begun"]))
    handler = opened(path, case)
    stuck = False
    for clock.now, message in case["messages"]:
        due = handler.rolloverAt
        handler.handle(logging.makeLogRecord({"msg": message}))
        stuck |= clock.now >= due == handler.rolloverAt
    handler.close()
    return stuck


def lacks():
    """What this Python lacks: since 2024, `midnight` respects its interval and summer time."""
    case = {"when": "midnight", "interval": 3, "utc": True, "at": None, "backup_count": 0}
    next(schedule({**case, "tz": "UTC", "times": [[0, 0]]}))
    handler = opened(os.path.join(sys.argv[1], "never.log"), {**case, "tz": "UTC"}, delay=True)
    right = handler.computeRollover(0) == 3 * 24 * 60 * 60
    return None if right else "the rules of 2024 for TimedRotatingFileHandler"


logging.raiseExceptions = True
logging.handlers.time = clock
missing = lacks()
print(f"Python {sys.version.split()[0]} lacks {missing}" if missing else "ready")
for line in sys.stdin:
    case = json.loads(line)
    print(json.dumps(list(schedule(case)) if "times" in case else file(case)))
