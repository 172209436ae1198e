"""Formats generated records with CPython's logging.Formatter and generated formats.

    formatter.py SEED COUNT

Prints COUNT cases, one JSON object per line: the settings of the formatter, some records
(as JSON texts), and for each record what CPython wrote, or null if it raised an
exception. `refused` is the exception of the constructor.
"""

import json
import logging
import os
import random
import sys
import time

os.environ["TZ"] = "Europe/Berlin"
time.tzset()

TEXTS = ["", "x", "app", "app.db", "it's", 'say "hi"', "é😀", "a\tb", "two\nlines", "ends\n",
         "back\\slash", "%s %d", "{0} $x", "\x1b[31m", "Level 7", "007", "12", "-3.5", "z" * 40]
# In fields other than the message, zlog deliberately escapes line ends.
ONE_LINE = [text for text in TEXTS if "\n" not in text]
NUMBERS = [0, 1, -1, 7, 42, 255, -255, 65, 0x1F600, 123456789, 2**31, 2**63 - 1, -(2**63)]
FLOATS = [0.0, -0.0, 0.5, 1.5, 2.5, -2.5, 3.14159, 1e16, 1e15, 123456.789, 1e-4, 1e-5, 1.0,
          1e22, 1e300, 5e-324, 999999.5, 0.1, 100.0, 1234567.0, 12345678.9]
ATTRIBUTES = ["name", "levelno", "levelname", "pathname", "filename", "module", "lineno",
              "funcName", "created", "asctime", "msecs", "relativeCreated", "thread",
              "threadName", "process", "processName", "taskName", "message", "msg", "args",
              "exc_info", "exc_text", "stack_info"]
COMMON = ["asctime", "levelname", "name", "message", "message", "lineno", "msecs", "process"]
NUMERIC = {"levelno", "lineno", "created", "msecs", "relativeCreated", "thread", "process",
           "tries", "ratio", "flag", "huge"}
EXTRAS = {
    "user": lambda r: r.choice(ONE_LINE),
    "tries": lambda r: r.choice(NUMBERS),
    "ratio": lambda r: r.choice(FLOATS),
    "flag": lambda r: r.choice([True, False]),
    "nothing": lambda r: None,
    "items": lambda r: [r.choice(NUMBERS + ONE_LINE + FLOATS) for _ in range(r.randrange(4))],
    "nested": lambda r: {"key": r.choice(ONE_LINE), "n": [1, {"deep": None}], "2": 3},
    "huge": lambda r: r.choice([2**64, -(2**100), 10**60, 2**200 + 1]),
    "any": lambda r: r.choice([r.choice(ONE_LINE), r.choice(NUMBERS), r.choice(FLOATS), None, True]),
}
LITERALS = [" ", ":", " - ", "|", "[", "] ", "é ", "\n", "", "a", "100", "'", '"']
DATES = ["%Y-%m-%d %H:%M:%S", "%H:%M", "%d/%b/%Y:%H:%M:%S %z", "%a %A %w %u %b %B %p %I",
         "%j %U %W %V %G %g %C %y", "%c|%x|%X|%D|%T|%R|%F|%r", "%e|%k|%l|%h|%n%t%%",
         "%-d %_d %^a %#p %-H", "%P", "%Y", "é %M"]
# For a time in UTC, glibc's %Z is GMT, and its %s is the second of a local time.
LOCAL_DATES = ["%Z", "%s"]
MSECS = [None, None, None, "", "%s.%03d", "%s %d ms", "%s,%03dZ", "%-25s|%06.2f", "%r %s",
         "%s", "%d,%s", "%s,%03d %s", "%s%%%x", "%.10s+%5.1f"]


def a_name(r, style):
    at = r.random()
    if at < 0.55:
        return r.choice(COMMON)
    if at < 0.75:
        return r.choice(ATTRIBUTES)
    if at < 0.97:
        return r.choice(list(EXTRAS))
    return r.choice(["nosuch", "Message", "", "level name", "0", "é"])


def a_width(r):
    return r.choice(["", "", "", str(r.randrange(1, 25)), "0" + str(r.randrange(1, 12))])


def percent(r):
    out = []
    for _ in range(r.randrange(1, 6)):
        out.append(r.choice(LITERALS + ["%%"]))
        name = a_name(r, "%")
        flags = "".join(r.sample("-+ #0", r.choice([0, 0, 0, 1, 1, 2])))
        precision = r.choice(["", "", "", ".", "." + str(r.randrange(12))])
        kind = "sra" if name not in NUMERIC or r.random() < 0.2 else "diuoxXeEfFgGs"
        letter = r.choice(kind) if r.random() < 0.93 else r.choice("diouxXeEfFgGcrsa%zDy")
        length = r.choice(["l", "h", "L", "ll"]) if r.random() < 0.02 else ""
        out.append(f"%({name}){flags}{a_width(r)}{precision}{length}{letter}")
    if r.random() < 0.05:
        out.append(r.choice(["%", "%(message", "%s", "%(message)", "%(message)*d", "%d", "%%%"]))
    return "".join(out)


def brace(r):
    out = []
    for _ in range(r.randrange(1, 6)):
        out.append(r.choice(LITERALS + ["{{", "}}"]))
        name = a_name(r, "{")
        if r.random() < 0.06:
            name += r.choice(["[0]", "[key]", "[n][1]", "[2]", "[n][1][deep]", ".x", "[", "[]"])
        convert = r.choice(["", "", "", "", "!r", "!s", "!a"])
        if r.random() < 0.01:
            convert = r.choice(["!", "!x", "!rr"])
        spec = ""
        if r.random() < 0.6:
            number = name in NUMERIC and not convert
            align = r.choice(["", "", "<", ">", "^", "*<", "é>", "0^", "x>"] + ["=", "0=", "_="] * number)
            if r.random() < 0.02:
                align = "="
            spec = align
            if number or r.random() < 0.03:
                spec += r.choice(["", "", "+", "-", " "]) + r.choice(["", "", "", "#"])
            spec += a_width(r)
            if number or r.random() < 0.02:
                spec += r.choice(["", "", "", ",", "_"])
            spec += r.choice(["", "", "", "." + str(r.randrange(12))])
            spec += r.choice("dbcoxXneEfFgG%" + "dfg" * 3 + "s") if number else r.choice(["", "", "s"])
            if r.random() < 0.03:
                spec += r.choice("dszBDNOS{}.,x")
            spec = ":" + spec
        out.append("{" + name + convert + spec + "}")
    if r.random() < 0.04:
        out.append(r.choice(["{", "}", "{}", "{0}", "{message", "{message:{levelno}}", "{message!r"]))
    return "".join(out)


def dollar(r):
    out = []
    for _ in range(r.randrange(1, 6)):
        out.append(r.choice(LITERALS + ["$$"]))
        name = a_name(r, "$")
        out.append(r.choice([f"${{{name}}}", f"${name}"]))
    if r.random() < 0.05:
        out.append(r.choice(["$", "${", "$ x", "${message", "$5", "$é"]))
    return "".join(out)


def arguments(r):
    values = [r.choice(NUMBERS + FLOATS + TEXTS + [None, True, [1, "a"], {"k": 1.5}])
              for _ in range(r.randrange(4))]
    shape = r.random()
    if shape < 0.4:
        return None, r.choice(TEXTS)
    if shape < 0.55:
        mapping = {"a": values[0] if values else 1, "b": "x"}
        return mapping, r.choice(["%(a)s and %(b)r"] * 6 + ["%(a)5s", "%(c)s", "plain", "%(a)d", "%s"])
    directives = [r.choice(["%s", "%r", "%d", "%5.1f", "%-6s|", "%x", "%a", "%c"]) for _ in values]
    if r.random() < 0.9:
        directives = [r.choice(["%s", "%r", "%d", "%.3e", "%+x"] if type(v) is int
                               else ["%s", "%d", "%g"] if type(v) is float else ["%s", "%a"])
                      for v in values]
    if r.random() < 0.05:
        directives.append("%s")
    return values, " ".join(["made"] + directives)


def record(r):
    args, msg = arguments(r)
    created = r.choice([0.0, 1.5, 1763712000.123456, 1792889999.999999, 951827696.789,
                        r.uniform(0, 4e9), round(r.uniform(0, 4e9), 3), 1000000000.9999999])
    made = {
        "name": r.choice(ONE_LINE), "msg": msg, "args": args,
        "levelno": r.choice([10, 20, 30, 40, 50, 35, 7]), "pathname": r.choice(ONE_LINE),
        "filename": r.choice(ONE_LINE), "module": r.choice(ONE_LINE), "lineno": r.choice(NUMBERS),
        "funcName": r.choice(ONE_LINE), "created": created,
        "msecs": r.choice([float(int(created % 1 * 1000)), created % 1 * 1000, 0.0, 999.0, 7.0]),
        "relativeCreated": r.choice(FLOATS), "thread": r.choice(NUMBERS),
        "threadName": r.choice(ONE_LINE), "process": r.choice(NUMBERS),
        "processName": r.choice(ONE_LINE), "taskName": r.choice(ONE_LINE),
        "exc_text": r.choice([None, None, None, "", "Traceback:\n  File", "ends\n"]),
        "stack_info": r.choice([None, None, None, "Stack:\n  here", ""]),
    }
    made["levelname"] = r.choice([logging.getLevelName(made["levelno"]), "AUDIT"])
    for name, value in EXTRAS.items():
        if r.random() < 0.97:
            made[name] = value(r)
    return made


def case(r):
    style = r.choice("%{$")
    text = {"%": percent, "{": brace, "$": dollar}[style](r)
    if r.random() < 0.01:
        text = r.choice(["", "no field", "%%", "{{}}", "$$"])
    utc = r.random() < 0.3
    return {
        "style": style, "format": text,
        "datefmt": r.choice(DATES + LOCAL_DATES * (not utc)) if r.random() < 0.3 else None,

        "msec": r.choice(MSECS), "utc": utc, "validate": r.random() < 0.9,
        "extras": {name: r.choice([None, None, None, "-", "n/a", ""]) for name in EXTRAS},
        "records": [json.dumps(record(r)) for _ in range(3)],
    }


def formatter(made):
    defaults = {name: value for name, value in made["extras"].items() if value is not None}
    made_of = logging.Formatter(made["format"], made["datefmt"], made["style"], made["validate"],
                                defaults=defaults)

    if made["msec"] is not None:
        made_of.default_msec_format = made["msec"]
    if made["utc"]:
        made_of.converter = time.gmtime
    return made_of


def tried(made):
    try:
        subject = formatter(made)
    except ValueError as error:
        return {**made, "refused": str(error)}
    made["wanted"], made["errors"] = [], []
    for text in made["records"]:
        attributes = json.loads(text)
        args = attributes["args"]
        attributes["args"] = tuple(args) if isinstance(args, list) else args
        try:
            made["wanted"].append(subject.format(logging.makeLogRecord(attributes)))
            made["errors"].append(None)
        except Exception as error:
            made["wanted"].append(None)
            made["errors"].append(f"{type(error).__name__}: {error}")
    return made


def main():
    r = random.Random(int(sys.argv[1]))
    for _ in range(int(sys.argv[2])):
        sys.stdout.write(json.dumps(tried(case(r))) + "\n")


if __name__ == "__main__":
    main()
