//! ZeroMQ sockets: the only code that touches the `zmq` crate.
//!
//! What may be here: endpoints, socket options, the two sockets that zlog needs
//! ([`Publisher`], [`Subscriber`]) and what keeps their connections up. Frames
//! are bytes here; what they mean is `wire`'s.
//!
//! libzmq was measured before it was built on, and each rule that follows from
//! that stands where it is applied, with a test: subscriptions are waited for and
//! never time (`publisher`), a connection that libzmq gave up is made anew
//! (`connection`), host names are resolved here and not by libzmq (`host_names`), a subscriber has
//! a thread that does nothing but receive (`receive_thread`).

mod addresses;
mod attach;
mod connection;
mod connection_manager;
mod descriptor;
mod drain;
mod endpoint;
mod ffi;
mod flush;
mod host_names;
mod ipc_cleanup;
mod monitor;
mod options;
mod peers;
mod proxy;
mod publisher;
mod query;
mod rate_limit;
mod raw;
mod receive_thread;
mod subscriber;
mod subscriber_tracker;
mod subscriptions;
#[cfg(test)]
pub(crate) mod testing;
mod upstream;

pub use connection::{ConnectionEvent, ConnectionState, EndpointStatus, EventKind};
pub use drain::{Drain, PublisherRequest, connected_peers};
pub use endpoint::{DEFAULT_ENDPOINT, Endpoint, Role};
pub use flush::Flushed;
pub use options::{DEFAULT_HWM, LEAST_MAX_MESSAGE, SocketOptions};
pub use proxy::{Counts, Forwarded, Inspect, Proxy, ProxyOptions};
pub use publisher::{Publisher, Sent, WaitOutcome};
pub use query::{Answer, AnswerOutcome, ClientId, QueryClient, QueryServer, wait};
pub use raw::{RawReceiver, RawSender};
pub use subscriber::{FrameSink, Subscriber};
pub use subscriber_tracker::BrokenConnection;

/// The version of the libzmq in this build: major, minor, patch.
pub fn libzmq_version() -> (i32, i32, i32) {
    zmq::version()
}

/// Whether this build can encrypt and authenticate with CURVE.
pub fn has_curve() -> bool {
    zmq::has("curve").unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_is_libzmq_4_3_5_with_curve() {
        assert_eq!(libzmq_version(), (4, 3, 5));
        assert!(has_curve());
    }
}
