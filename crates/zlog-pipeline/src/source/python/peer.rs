//! Who sends, as far as the system knows. A record itself says nothing reliable about its
//! sender.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::os::resolve::is_loopback;

/// The sender that the system names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sender {
    /// A port of a machine.
    Net(SocketAddr),
    /// A process of this machine, where the system names it: its id (0 if it is in another
    /// container), and its user.
    Local(Option<(i32, u32)>),
}

/// A client or the sender of a datagram.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    sender: Sender,
    /// The listening socket: for a local process, that says more than its own address.
    listener: Arc<str>,
    /// The machine of a remote client, for its records: `SocketHandler` does not send it, and
    /// this machine's name would be filled in.
    host: Option<String>,
}

impl Peer {
    pub(super) fn new(sender: Sender, listener: &Arc<str>) -> Peer {
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

    /// Its process, where the system names one (0 stands for one in another container).
    pub(super) fn process(&self) -> Option<i64> {
        match self.sender {
            Sender::Local(Some((process, _))) if process > 0 => Some(process.into()),
            _ => None,
        }
    }

    /// Whether both are on the same machine.
    pub(super) fn shares_machine(&self, other: &Peer) -> bool {
        match (self.sender, other.sender) {
            (Sender::Net(own), Sender::Net(other)) => own.ip() == other.ip(),
            (Sender::Local(_), Sender::Local(_)) => true,
            _ => false,
        }
    }

    /// Its machine, if that is not this one.
    pub(super) fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listener = &self.listener;
        match self.sender {
            Sender::Net(address) => address.fmt(f),
            Sender::Local(None) => write!(f, "a program at {listener}"),
            // A process of another container has no id here.
            Sender::Local(Some((0, user))) => write!(f, "a program of user {user} at {listener}"),
            Sender::Local(Some((process, user))) => {
                write!(f, "process {process} (user {user}) at {listener}")
            }
        }
    }
}
