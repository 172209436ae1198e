"""Closes the terminal of a `zlog tail --file`, and prints whether and how it ends.

Waits for the first record in the file, closes the terminal, and prints how the tail
ended. With `nohup`, the tail starts with SIGHUP ignored.
"""

import os
import pty
import signal
import sys
import time

kept, zlog, endpoint, path = sys.argv[1:]
DEADLINE = time.monotonic() + 60


def wait_until(true):
    while not true():
        if time.monotonic() > DEADLINE:
            sys.exit("it took too long")
        time.sleep(0.01)


child, terminal = pty.fork()
if child == 0:
    if kept == "nohup":
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.execv(zlog, [zlog, "tail", endpoint, "--file", path])

wait_until(lambda: os.path.exists(path) and os.path.getsize(path) > 0)
os.close(terminal)
if kept == "nohup":
    # The tail reopens its files at the signal, which recreates a moved file.
    os.rename(path, path + ".old")
    os.kill(child, signal.SIGHUP)
    wait_until(lambda: os.path.exists(path))
    os.rename(path + ".old", path)
    print("goes on")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
else:
    _, status = os.waitpid(child, 0)
    print("exit", os.waitstatus_to_exitcode(status))
