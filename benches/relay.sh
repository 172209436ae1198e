#!/usr/bin/env bash
# Both ratios for the relay in docs/performance.md, in one run on this machine: messages
# passed on beside libzmq's zmq_proxy, and records of SocketHandler taken beside the
# receiver of Python's logging cookbook.
#
#     benches/relay.sh        # about five minutes, with the builds; do nothing else meanwhile
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python3 benches/relay.py --runs 3 --messages 1000000
python3 benches/socket_handler.py
