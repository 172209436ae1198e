//! ZeroMQ sockets. Frames are bytes here; `wire` decodes them. Outside tests, only `libzmq` uses the
//! `zmq` crate, and only `native` and `keyring` use `zmtp`.

mod addresses;
mod bind;
mod broken_report;
mod connection;
mod connector;
mod diagnose;
mod drain;
mod endpoint;
mod engine;
mod exposure;
mod flush;
mod host_names;
mod keyring;
mod libzmq;
mod misuse_report;
mod native;
mod open;
mod options;
mod proxy;
mod publisher;
mod rate_limit;
mod registered_publishers;
mod slow_subscribers;
mod subscriber;
#[cfg(test)]
pub(crate) mod testing;
mod upstream;
mod wake;

pub(crate) use broken_report::BrokenReport;
pub use broken_report::broken_remark;
pub use connection::{
    ConnectionEvent, ConnectionState, CutOff, EndpointStatus, EventKind, HandshakeFailure,
};
pub use diagnose::{PeerKind, host_not_found, peer_kind, why_unreachable, wrong_peer};
pub use drain::{Drain, PublisherRequest, connected_peers};
pub use endpoint::{DEFAULT_ENDPOINT, Endpoint, InUseHints, Role, endpoint_text};
pub use engine::{ENGINE_VARIABLE, Engine};
pub(crate) use flush::{CountNotNeeded, NotNeeded};
pub use flush::{Flushed, PeerLoss};
pub use keyring::Keyring;
pub use libzmq::raw::{RawReceiver, RawSender};
pub use libzmq::{has_curve, libzmq_version};
pub use native::confirm::{
    ConfirmService, ConfirmWhen, Confirmation, ConfirmedOptions, ReceiveOptions, ReceivedCounts,
    open_confirmed,
};
pub use native::query::{AnswerOutcome, ClientId, QueryClient, QueryServer, Reply};
pub use options::{DEFAULT_HWM, MIN_MAX_MESSAGE, SocketOptions, Stall};
pub use proxy::{
    Counts, Forwarded, HandedCount, Inspect, Marker, Proxy, ProxyOptions, ProxySocket, Waker,
};
pub use publisher::{Publisher, Sent, WaitOutcome};
pub(crate) use slow_subscribers::with_process;
pub use slow_subscribers::{SlowSubscribers, name_lacking};
pub use subscriber::{FrameSink, Subscriber};
