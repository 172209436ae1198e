"""Locks a file like a second writer: with flock, without waiting.

    lock.py FILE

Prints "locked" or "refused", and holds the lock until its standard input ends.
"""

import fcntl
import sys

with open(sys.argv[1], "a", encoding="utf-8") as file:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        print("locked")
    except BlockingIOError:
        print("refused")
    sys.stdin.read()
