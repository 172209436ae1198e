//! ZeroMQ sockets: the only code that uses the `zmq` crate.
//!
//! Frames are bytes here; `wire` decodes them.
//!
//! libzmq's behaviour was measured first. Each consequence is documented and tested in the
//! module that implements it: callers wait for subscriptions, not for time (`publisher`);
//! connections that libzmq gave up are reopened (`connection`); host names are resolved here,
//! not by libzmq (`host_names`); a subscriber has a thread that only receives
//! (`receive_thread`).

mod addresses;
mod attach;
mod broken_report;
mod connection;
mod connection_manager;
mod descriptor;
mod diagnose;
mod drain;
mod endpoint;
#[cfg(unix)]
mod event_watch;
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
mod registered_publishers;
mod slow_subscribers;
mod subscriber;
mod subscriber_tracker;
mod subscriptions;
#[cfg(test)]
pub(crate) mod testing;
mod upstream;
mod wake;

pub(crate) use broken_report::BrokenReport;
pub use broken_report::broken_remark;
pub use connection::{ConnectionEvent, ConnectionState, EndpointStatus, EventKind};
pub use diagnose::{PeerKind, host_not_found, peer_kind, why_unreachable};
pub use drain::{Drain, PublisherRequest, connected_peers};
pub use endpoint::{DEFAULT_ENDPOINT, Endpoint, InUseHints, Role, endpoint_text};
pub use flush::Flushed;
pub use monitor::HandshakeFailure;
pub use options::{DEFAULT_HWM, MIN_MAX_MESSAGE, SocketOptions};
pub use proxy::{Counts, Forwarded, Inspect, Proxy, ProxyOptions};
pub use publisher::{Publisher, Sent, WaitOutcome};
pub use query::{AnswerOutcome, ClientId, QueryClient, QueryServer, Reply};
pub use raw::{RawReceiver, RawSender};
pub use slow_subscribers::SlowSubscribers;
pub(crate) use slow_subscribers::with_process;
pub use subscriber::{FrameSink, Subscriber};

/// The version of libzmq: major, minor, patch.
pub fn libzmq_version() -> (i32, i32, i32) {
    zmq::version()
}

/// Whether libzmq was built with CURVE encryption and authentication.
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
