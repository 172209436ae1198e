//! ZeroMQ sockets. Frames are bytes here; `wire` decodes them. Only `libzmq` uses the `zmq` crate.

mod broken_report;
mod diagnose;
mod drain;
mod endpoint;
mod flush;
mod libzmq;
mod options;
mod slow_subscribers;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use broken_report::BrokenReport;
pub use broken_report::broken_remark;
pub use diagnose::{PeerKind, host_not_found, peer_kind, why_unreachable, wrong_peer};
pub use drain::{Drain, PublisherRequest, connected_peers};
pub use endpoint::{DEFAULT_ENDPOINT, Endpoint, InUseHints, Role, endpoint_text};
pub use flush::Flushed;
pub use libzmq::connection::{ConnectionEvent, ConnectionState, EndpointStatus, EventKind};
pub use libzmq::monitor::HandshakeFailure;
pub use libzmq::proxy::{Counts, Forwarded, Inspect, Proxy, ProxyOptions};
pub use libzmq::publisher::{Publisher, Sent, WaitOutcome};
pub use libzmq::query::{AnswerOutcome, ClientId, QueryClient, QueryServer, Reply};
pub use libzmq::raw::{RawReceiver, RawSender};
pub use libzmq::subscriber::{FrameSink, Subscriber};
pub use libzmq::{has_curve, libzmq_version};
pub use options::{DEFAULT_HWM, MIN_MAX_MESSAGE, SocketOptions};
pub use slow_subscribers::SlowSubscribers;
pub(crate) use slow_subscribers::with_process;
