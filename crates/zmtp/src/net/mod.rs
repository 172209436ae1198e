//! Connections: transports, and one event loop for each socket.

pub(crate) mod backoff;
pub(crate) mod driver;
pub(crate) mod link;
pub(crate) mod links;
pub(crate) mod outbox;
pub(crate) mod role;
mod staged;
pub(crate) mod status;
pub(crate) mod transport;
#[cfg(unix)]
mod unix_socket;
