"""Lets a publisher begin without losing its first records.

ZeroMQ drops messages that are published before a subscription arrives, and a PUB
socket can't see subscriptions. So this publishes beacons until the test, which has
received one at the other end, writes a line to stdin.
"""

import select
import sys


def until_heard(endpoint, beacon):
    """Calls `beacon` until the test has received one."""
    if isinstance(endpoint, bytes):
        endpoint = endpoint.rstrip(b"\0").decode()
    print("bound", endpoint, file=sys.stderr)
    while not select.select([sys.stdin], [], [], 0.02)[0]:
        beacon()
    sys.stdin.readline()


def until_dismissed():
    """Waits for the end of stdin, so that an early exit cuts nothing off."""
    sys.stdin.read()
