"""A ZeroMQ socket that standard input controls, a command a line: for tests/sockets/matrix.rs.

The argument is the library: zmq (PyZMQ) or pyomq. A frame is written as hex digits, or as
xN: N bytes, all of them 'x'.
"""

import importlib
import sys
import time

zmq = importlib.import_module(sys.argv[1])
context = zmq.Context()
socket = None


def read_frame(text):
    return b"x" * int(text[1:]) if text.startswith("x") else bytes.fromhex(text[1:])


def write_frame(frame):
    frame = bytes(frame)
    if len(frame) > 64 and frame == b"x" * len(frame):
        return f"x{len(frame)}"
    return "." + frame.hex()


def open_socket(kind, *keys):
    global socket
    socket = context.socket(getattr(zmq, kind))
    socket.linger = 0
    socket.sndhwm = 0
    socket.rcvhwm = 0
    if keys:
        public, secret, *server = (key.encode() for key in keys)
        socket.curve_publickey, socket.curve_secretkey = public, secret
        if server:
            socket.curve_serverkey = server[0]
        else:
            socket.curve_server = True
    return "done"


def attach(how, endpoint):
    if how == "connect":
        socket.connect(endpoint)
        return endpoint
    for attempt in range(500):
        try:
            socket.bind(endpoint)
            break
        except Exception:  # The socket before it is being closed.
            time.sleep(0.01)
    bound = socket.last_endpoint
    return (bound.decode() if isinstance(bound, bytes) else bound).rstrip("\0")


def change(subscribe, prefix):
    if socket.socket_type == zmq.XSUB:
        socket.send((b"\x01" if subscribe else b"\x00") + prefix)
    else:
        (socket.subscribe if subscribe else socket.unsubscribe)(prefix)
    return "done"


def receive(timeout):
    # A bound SUB sends its subscriptions only when it is used.
    if not socket.poll(int(timeout)):
        return "nothing"
    return " ".join(write_frame(frame) for frame in socket.recv_multipart())


for line in sys.stdin:
    command, *words = line.split()
    if command == "open":
        answer = open_socket(*words)
    elif command in ("subscribe", "unsubscribe"):
        answer = change(command == "subscribe", read_frame(words[0]))
    elif command in ("bind", "connect"):
        answer = attach(command, words[0])
    elif command == "send":
        socket.send_multipart([read_frame(word) for word in words])
        answer = "done"
    elif command == "receive":
        answer = receive(words[0])
    else:
        socket.close()
        answer = "done"
    print(answer, flush=True)
