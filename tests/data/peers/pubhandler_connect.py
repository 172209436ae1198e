"""Logs through a PUBHandler whose socket connects to a collector.

    pubhandler_connect.py ENDPOINT
"""

import logging
import sys

import zmq
from zmq.log.handlers import PUBHandler

import beacon

socket = zmq.Context.instance().socket(zmq.PUB)
socket.connect(sys.argv[1])
handler = PUBHandler(socket, root_topic="connects")
logger = logging.getLogger("connects")
logger.setLevel(logging.DEBUG)
logger.addHandler(handler)

beacon.until_heard(sys.argv[1], lambda: logger.info("beacon"))
logger.warning("connected and done")
beacon.until_dismissed()
