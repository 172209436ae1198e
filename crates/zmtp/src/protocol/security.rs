//! Says which mechanism secures a socket's connections, who may connect, and what a peer may do.

use std::sync::Arc;

use super::curve::{Client, Server};
use super::keys::KeyPair;
use super::mechanism::{Mechanism, Null};
use super::socket_type::SocketType;
use crate::Address;

/// The security of a socket's connections. Both sides of a connection must have the same
/// mechanism.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub enum Security {
    /// None: NULL.
    #[default]
    Null,
    /// CURVE as the server, with its long-term keys. Whoever knows the public key may connect
    /// unless an [`Authenticator`] decides.
    CurveServer(KeyPair),
    /// CURVE as a client.
    CurveClient {
        /// The client's long-term keys.
        keys: KeyPair,
        /// The server's public key. No other server is connected to.
        server: [u8; 32],
    },
}

impl Security {
    /// The own side of a handshake, as one of these types.
    pub(crate) fn mechanism(
        &self,
        types: &'static [SocketType],
        max_message: usize,
    ) -> Box<dyn Mechanism> {
        match self {
            Security::Null => Box::new(Null { types }),
            Security::CurveServer(keys) => Box::new(Server::new(keys.clone(), max_message)),
            Security::CurveClient { keys, server } => {
                Box::new(Client::new(types[0], keys.clone(), *server, max_message))
            }
        }
    }

    /// Whether this side is the server of its mechanism.
    pub(crate) fn is_server(&self) -> bool {
        matches!(self, Security::CurveServer(_))
    }
}

/// Who wants to connect.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    /// The mechanism: `NULL` or `CURVE`.
    pub mechanism: &'a str,
    /// The peer's long-term public key, if the mechanism has keys. The peer has proved that the
    /// secret key is its own.
    pub key: Option<&'a [u8; 32]>,
    /// Whether the peer is the server of the mechanism.
    pub is_server: bool,
    /// The peer's address, such as `192.0.2.7:51234`. For ipc, the peer's process, as
    /// `process 17`, or empty.
    pub address: &'a str,
}

/// Beginnings of topics; `None` for all topics.
pub type Prefixes = Option<Arc<[Box<[u8]>]>>;

/// What a peer may do. By default everything.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Rights {
    /// Its name, under which refused messages are counted.
    pub name: Arc<str>,
    /// Its public key, with CURVE.
    pub key: Option<Arc<[u8; 32]>>,
    /// Messages that a subscriber takes from it, by their first frames.
    pub send: Prefixes,
    /// Messages that a publisher sends to it. A peer of a router must have no limits, unless
    /// [`Options::admit_limited`](crate::Options::admit_limited) is set.
    pub receive: Prefixes,
}

impl Rights {
    /// Whether the peer may send messages of this topic.
    pub fn may_send(&self, topic: &[u8]) -> bool {
        allows(&self.send, topic)
    }
}

/// Whether prefixes allow a topic.
pub(crate) fn allows(prefixes: &Prefixes, topic: &[u8]) -> bool {
    prefixes.as_ref().is_none_or(|all| all.iter().any(|prefix| topic.starts_with(prefix)))
}

/// Decides who may connect.
///
/// Asked in the thread of the socket, which serves nobody else meanwhile: answer from memory.
pub trait Authenticator: Send + Sync {
    /// Admits a peer, or gives the reason why not, for the log of this side. The peer does not get it.
    ///
    /// # Errors
    /// The peer may not connect.
    fn admit(&self, peer: &Credentials<'_>) -> Result<Rights, String>;

    /// The security of a connection that begins, at this bound or connected address; `None` for
    /// that of the socket.
    fn security(&self, _: &Address, _is_bound: bool) -> Option<Security> {
        None
    }

    /// The peer at a connected address has another mechanism, of this name.
    fn note_mechanism(&self, _: &Address, _theirs: &str) {}

    /// Whether [`Authenticator::admit`] may answer otherwise than before. Asked once a second while
    /// there are connections with keys; their peers are then admitted again, or disconnected.
    fn has_changed(&self) -> bool {
        false
    }
}
