//! ZeroMQ sockets: the only code that touches the `zmq` crate.
