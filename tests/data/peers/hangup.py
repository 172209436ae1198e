"""A `zlog tail --file` in a terminal that closes: whether it ends, and how.

Waits for a first record in the file, closes the terminal, and prints what became
of the tail. With `nohup` SIGHUP is ignored when it starts.
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
    # It takes the signal for a request to open its files anew: a moved one comes back.
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
