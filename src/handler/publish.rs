//! Publishes on a ZeroMQ socket.
