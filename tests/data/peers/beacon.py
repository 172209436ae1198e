"""Lets a publisher begin without losing its first records.

ZeroMQ drops what is published before a subscription has arrived, and a PUB
socket can't see subscriptions. So a beacon is published again and again, until
the test, which has seen one at the other end, writes a line to stdin.
"""

import select
import sys


def until_heard(endpoint, beacon):
    """Calls `beacon` until the test has heard it."""
    if isinstance(endpoint, bytes):
        endpoint = endpoint.rstrip(b"\0").decode()
    print("bound", endpoint, file=sys.stderr)
    while not select.select([sys.stdin], [], [], 0.02)[0]:
        beacon()
    sys.stdin.readline()


def until_dismissed():
    """Waits for the end of stdin: nothing is cut off by an early exit."""
    sys.stdin.read()
