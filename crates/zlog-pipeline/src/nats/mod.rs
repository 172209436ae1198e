//! NATS servers and JetStream: addresses, logins, connections, streams. The handler and the source
//! of NATS share this. The options exist without the feature `nats`, too.

#[cfg(feature = "nats")]
pub(crate) mod connection;
#[cfg(feature = "nats")]
pub(crate) mod ensure;
pub mod server;
pub mod stream;

/// The error of a build without NATS.
#[cfg(not(feature = "nats"))]
pub fn missing() -> zlog_core::Error {
    zlog_core::Error::usage("this zlog was built without NATS")
        .hint("Build it with the feature nats, which is on by default.")
}
