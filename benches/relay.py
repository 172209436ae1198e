#!/usr/bin/env python3
"""How fast messages pass through `zlog relay`, beside zmq_proxy, in one run.

    python3 benches/relay.py [--messages 2000000] [--size 265] [--runs 5]

The same publisher and the same subscriber (bare libzmq) on both sides of

  zmq_proxy   libzmq's own, XSUB to XPUB, called through PyZMQ's zmq.proxy
  zlog        zlog relay --on-full block
  keep        the same with --keep 1000, which copies each message

all over tcp on loopback, a process each, with the same high-water marks and
blocking instead of dropping, so that every message arrives: the subscriber
counts them. A round takes all three in turn. Prints the rates (median of the
rounds) and the ratio to zmq_proxy in the same round. The rates are this
machine's; the ratios travel.

Needs cargo and python3 with venv; PyZMQ goes into a throw-away environment
under target/.
"""

import argparse
import os
import platform
import statistics
import subprocess
import time
from pathlib import Path

from throughput import DEADLINE, RELEASE, bare_sender, build, peers, start_bare_receiver

HWM = 8000  # what zlog's sockets have
XPUB_NODROP = 69

PROXY = f"""
import sys, zmq
context = zmq.Context()
collect = context.socket(zmq.XSUB)
publish = context.socket(zmq.XPUB)
for socket in (collect, publish):
    socket.sndhwm = socket.rcvhwm = {HWM}
publish.setsockopt({XPUB_NODROP}, 1)
port = collect.bind_to_random_port("tcp://127.0.0.1")
publish.connect(sys.argv[1])
print(f"bound tcp://127.0.0.1:{{port}}", file=sys.stderr, flush=True)
zmq.proxy(collect, publish)
"""


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--messages", type=int, default=2_000_000)
    options.add_argument("--size", type=int, default=265, help="bytes of a body")
    options.add_argument("--runs", type=int, default=5)
    options = options.parse_args()
    build()
    relay = [RELEASE / "zlog", "relay", "--bind", "tcp://127.0.0.1:*", "--on-full", "block",
             "--no-ask", "--publish-connect"]
    keep = [*relay[:-2], "--keep", "1000", "--ask", "tcp://127.0.0.1:*", relay[-1]]
    between = {
        "zmq_proxy": [peers(), "-c", PROXY],
        "zlog": relay,
        "keep": keep,
    }
    rates = {name: [] for name in between}
    for _ in range(options.runs):
        for name, command in between.items():
            rates[name].append(options.messages / through(command, options))
    report(options, rates)


def through(command, options):
    """Seconds from the first message to the last, as the subscriber sees them."""
    receiver, endpoint = start_bare_receiver(options.messages)
    relay = subprocess.Popen([*command, endpoint], stderr=subprocess.PIPE, text=True)
    try:
        collect = next(w for w in relay.stderr.readline().split() if "://" in w)
        subprocess.run(bare_sender(collect, "text", options.messages),
                       input=b"x" * options.size + b"\n", check=True, timeout=DEADLINE)
        return float(receiver.communicate(timeout=DEADLINE)[0].split()[1])
    finally:
        receiver.kill()
        relay.kill()
        relay.communicate()


def report(options, rates):
    print(f"{options.messages} messages of {options.size} bytes, {options.runs} rounds")
    print(time.strftime("%Y-%m-%d"), platform.machine(), f"{os.cpu_count()} processors\n")
    print(f"{'through':<12} {'messages/s':>12} {'ratio':>8}   (least to most)")
    for name, measured in rates.items():
        ratios = [mine / proxy for mine, proxy in zip(measured, rates["zmq_proxy"])]
        print(f"{name:<12} {statistics.median(measured):>12,.0f} {statistics.median(ratios):>8.2f}"
              f"   {min(ratios):.2f} to {max(ratios):.2f}")


if __name__ == "__main__":
    main()
