"""Writes tracebacks.txt: tracebacks as CPython prints them.

Run with python3.11 or later, in this directory: python3 tracebacks.py
Each traceback follows a line `# <its most informative line>`.
"""

import asyncio
import os
import traceback


class Custom(Exception):
    pass


def plain():
    return {}["price"]


def during():
    try:
        plain()
    except KeyError:
        raise Custom("while handling")


def caused():
    try:
        during()
    except Custom as error:
        raise RuntimeError("caused") from error


def recursion():
    return recursion()


def syntax():
    compile("a b\n", "<input>", "exec")


def noted():
    error = ValueError("with a note")
    error.add_note("  the note, indented")
    raise error


def empty():
    raise Custom


def group():
    raise ExceptionGroup("two", [ValueError(1), ExceptionGroup("inner", [TypeError(2)])])


def group_in_a_chain():
    try:
        plain()
    except KeyError as error:
        raise ExceptionGroup("chained", [ValueError(1)]) from error


async def task():
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(asyncio.sleep(0))
        tasks.create_task(asyncio.to_thread(plain))


CASES = [
    (plain, "KeyError: 'price'"),
    (during, "Custom: while handling"),
    (caused, "RuntimeError: caused"),
    (recursion, "RecursionError: maximum recursion depth exceeded"),
    (syntax, "SyntaxError: invalid syntax"),
    (noted, "ValueError: with a note"),
    (empty, "Custom"),
    (group, "ExceptionGroup: two (2 sub-exceptions)"),
    (group_in_a_chain, "ExceptionGroup: chained (1 sub-exception)"),
    (
        lambda: asyncio.run(task()),
        "ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)",
    ),
]

with open("tracebacks.txt", "w") as out:
    for function, summary in CASES:
        try:
            function()
        except BaseException:
            text = traceback.format_exc().replace("__main__.", "").replace(__file__, "app.py")
            text = text.replace(os.path.dirname(os.__file__), "lib")
            print(f"# {summary}\n{text}", end="", file=out)
