"""Asks TimedRotatingFileHandler when it replaces a file and how it calls it; and
files records with it, by a clock that is set.

    timed.py DIRECTORY

Standard input has a case a line, as JSON, with the settings `when`, `interval`, `utc`,
`at` (a time, or null), `backup_count` and `tz`. One with `times` asks for the roll-over
after each, and for the name of a file that is due then; the answers are printed. One
with `number` logs `messages`, each at the time it stands with, to
DIRECTORY/<number>/app.log, whose modification time is `begun`; what is printed is
whether it was given up on, for a name that was taken.

The first line that is printed is "ready", or says what this Python lacks.
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
    """The next roll-over, and the name at it, after each of the times."""
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
    """Midnight counts its interval since 2024, and looks at summer time before it."""
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
