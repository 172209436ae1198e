"""Ports, programs that use the handler, and a reader of raw messages."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest
import zmq

DEADLINE = 60.0

# Not 127.0.0.1: a reader that connects from there to its own port would take it.
HOST = "127.0.0.2"


PACKAGE = Path(__file__).resolve().parent.parent


def run(script: str, *args: str) -> subprocess.CompletedProcess:
    """Runs a program that uses the handler, to its end. One that hangs tells where, and ends."""
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    # Since 3.12, Python warns when a process with threads forks.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c"]
    guard = f"import faulthandler; faulthandler.dump_traceback_later({DEADLINE}, exit=True)\n"
    command += [guard + textwrap.dedent(script), *args]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=2 * DEADLINE
    )


def logger_of(handler: logging.Handler) -> logging.Logger:
    logger = logging.Logger("app", logging.DEBUG)
    logger.addHandler(handler)
    return logger


def wait_until(condition: Any) -> None:
    """Waits for a condition; fails after ``DEADLINE`` seconds."""
    until = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < until, "the condition did not come true"
        time.sleep(0.005)


class Reader:
    """Collects what a publisher sends to ``endpoint``, in a thread of its own."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.endpoint = f"tcp://{HOST}:{port}"
        self.messages: List[Tuple[str, Dict[str, Any]]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def start(self, bind: bool = False) -> "Reader":
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.RECONNECT_IVL, 10)
        self._socket.setsockopt(zmq.RCVHWM, 0)
        self._socket.subscribe("")
        if bind:
            self._socket.bind(self.endpoint)
        else:
            self._socket.connect(self.endpoint)
        self._thread.start()
        return self

    def _run(self) -> None:
        while not self._stop.is_set():
            if self._socket.poll(20):
                topic, body = self._socket.recv_multipart()
                self.messages.append((topic.decode(), json.loads(body)))
        self._socket.close(0)
        self._context.term()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def wait_for(self, count: int) -> List[Tuple[str, Dict[str, Any]]]:
        """The first messages, once there are ``count``."""
        wait_until(lambda: len(self.messages) >= count)
        return self.messages

    def texts(self) -> List[str]:
        return [body["msg"] for _, body in self.messages]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def reader() -> Iterator[Reader]:
    """A reader that is not started yet."""
    reader = Reader(free_port())
    yield reader
    reader.stop()
