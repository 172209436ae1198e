//! Security mechanisms: what follows the greeting, up to the peer's metadata, and what encrypts
//! the connection after that.

use std::sync::Arc;

use super::command::{self, Command};
use super::curve::{Client, KeyPair, Server, Session};
use super::metadata;
use super::socket_type::SocketType;
use crate::Address;
use crate::disconnect::Disconnect;

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
    /// Admits a peer, or gives the reason for the own log why not. The peer is told no reason.
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

/// A mechanism's side of a handshake.
pub(crate) trait Mechanism: Send {
    /// Its name in the greeting.
    fn name(&self) -> &'static str;

    /// Writes the first command, once the peer's greeting is known.
    ///
    /// # Errors
    /// The own keys are of no use.
    fn start(&mut self, out: &mut Vec<u8>) -> Result<(), Disconnect>;

    /// Reads a command of the peer and writes the answer to `out`. Returns the peer's metadata
    /// once it is known.
    ///
    /// # Errors
    /// The handshake has failed.
    fn read(
        &mut self,
        command: Command<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Vec<u8>>, Disconnect>;

    /// Writes the last command, once the peer is admitted and the own type is known. Returns what
    /// encrypts all that follows.
    fn finish(&mut self, own_type: SocketType, out: &mut Vec<u8>) -> Option<Session>;

    /// The peer's key, once it is proved.
    fn key(&self) -> Option<&[u8; 32]>;

    /// Why the peer has closed the connection, if that is known from how far the handshake was.
    fn explain_close(&self) -> Option<Disconnect> {
        None
    }
}

/// No security: each side sends READY. One that can be of several types waits for the peer's.
struct Null {
    types: &'static [SocketType],
}

impl Mechanism for Null {
    fn name(&self) -> &'static str {
        "NULL"
    }

    fn start(&mut self, out: &mut Vec<u8>) -> Result<(), Disconnect> {
        if let [only] = self.types {
            command::put(out, "READY", &[&metadata::of_type(*only)]);
        }
        Ok(())
    }

    fn read(
        &mut self,
        command: Command<'_>,
        _: &mut Vec<u8>,
    ) -> Result<Option<Vec<u8>>, Disconnect> {
        match command {
            Command::Ready(metadata) => Ok(Some(metadata.to_vec())),
            _ => Err(Disconnect::Malformed("another command than READY in a handshake")),
        }
    }

    fn finish(&mut self, own_type: SocketType, out: &mut Vec<u8>) -> Option<Session> {
        if self.types.len() > 1 {
            command::put(out, "READY", &[&metadata::of_type(own_type)]);
        }
        None
    }

    fn key(&self) -> Option<&[u8; 32]> {
        None
    }
}
