//! Who sends: what the system knows of the other end.
//!
//! What may be here: names for messages. What is in a record says nothing about its
//! sender that could be relied on.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use super::address::is_loopback;

/// The other end, as the system gives it with what was received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::source) enum Sender {
    /// A port of a machine.
    Net(SocketAddr),
    /// A process of this machine: its number, unless it is in another container, and
    /// its user. Where the system tells.
    Local(Option<(i32, u32)>),
}

/// Who sends.
#[derive(Clone, Debug)]
pub(in crate::source) struct Peer {
    sender: Sender,
    /// Where it came in: that of a local one says more than its own end.
    listener: Arc<str>,
    /// The machine that the records of a client elsewhere come from: `SocketHandler`
    /// doesn't say, and this one would be put in for it.
    host: Option<String>,
}

impl Peer {
    pub(in crate::source) fn new(sender: Sender, listener: &Arc<str>) -> Peer {
        let (sender, host) = match sender {
            Sender::Net(address) => {
                let ip = address.ip().to_canonical();
                let host = (!is_loopback(ip)).then(|| ip.to_string());
                (Sender::Net(SocketAddr::new(ip, address.port())), host)
            }
            Sender::Local(_) => (sender, None),
        };
        Peer { sender, listener: Arc::clone(listener), host }
    }

    /// Its process, where the system names one: 0 stands for one of another container.
    pub(in crate::source) fn process(&self) -> Option<i64> {
        match self.sender {
            Sender::Local(Some((process, _))) if process > 0 => Some(process.into()),
            _ => None,
        }
    }

    /// Whether both are on the same machine, as far as the system tells.
    pub(in crate::source) fn shares_machine(&self, other: &Peer) -> bool {
        match (self.sender, other.sender) {
            (Sender::Net(own), Sender::Net(other)) => own.ip() == other.ip(),
            (Sender::Local(_), Sender::Local(_)) => true,
            _ => false,
        }
    }

    /// Its machine, if that is another.
    pub(in crate::source) fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listener = &self.listener;
        match self.sender {
            Sender::Net(address) => address.fmt(f),
            Sender::Local(None) => write!(f, "a program at {listener}"),
            // It has no number here.
            Sender::Local(Some((0, user))) => write!(f, "a program of user {user} at {listener}"),
            Sender::Local(Some((process, user))) => {
                write!(f, "process {process} (user {user}) at {listener}")
            }
        }
    }
}
