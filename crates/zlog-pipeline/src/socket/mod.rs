//! ZeroMQ sockets: the only code that touches the `zmq` crate.
//!
//! What may be here: endpoints, socket options, the two sockets that zlog needs
//! ([`Publisher`], [`Subscriber`]) and what keeps their connections up. Frames
//! are bytes here; what they mean is `wire`'s.
//!
//! libzmq was measured before it was built on, and each rule that follows from
//! that stands where it is applied, with a test: subscriptions are waited for and
//! never time (`publisher`), a connection that libzmq gave up is made anew
//! (`links`), host names are resolved here and not by libzmq (`names`), a subscriber has
//! a thread that does nothing but receive (`receive`).

mod addresses;
mod attach;
mod bare;
mod closing;
mod descriptor;
mod desk;
mod endpoint;
mod ffi;
mod flush;
mod leavings;
mod links;
mod monitor;
mod names;
mod options;
mod pace;
mod peers;
mod proxy;
mod publisher;
mod readers;
mod receive;
mod subscriber;
mod subscriptions;
#[cfg(test)]
pub(crate) mod testing;
mod upstream;
mod watch;

pub use bare::{BareReceiver, BareSender};
pub use closing::{Ask, Closing, connected_peers};
pub use desk::{Answer, Asker, Desk, Given, Inquiry, wait};
pub use endpoint::{DEFAULT_ENDPOINT, Endpoint, Role};
pub use flush::Flushed;
pub use links::{LinkEvent, LinkState, LinkStatus, Occurrence};
pub use options::{DEFAULT_HWM, LEAST_MAX_MESSAGE, SocketOptions};
pub use proxy::{Counts, Forwarded, Look, Proxy, ProxyOptions};
pub use publisher::{Publisher, Sent, Waited};
pub use readers::Broken;
pub use subscriber::{FrameSink, Subscriber};

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
