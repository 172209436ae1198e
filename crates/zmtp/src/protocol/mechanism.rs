//! Security mechanisms: what follows the greeting, up to the peer's metadata.
//!
//! NULL is the only one so far. CURVE is to be another [`Mechanism`]: its exchange of keys fits
//! [`Mechanism::read`], and the [`Authenticator`] is asked with the peer's key. It also has to
//! encrypt what follows the handshake, frame by frame, for each peer.

use super::command::{self, Command};
use super::metadata::{self, SOCKET_TYPE};
use super::socket_type::SocketType;
use crate::disconnect::Disconnect;

/// Who wants to connect.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    /// The mechanism: `NULL`.
    pub mechanism: &'a str,
    /// The peer's public key, if the mechanism has keys.
    pub key: Option<&'a [u8; 32]>,
    /// The peer's address, such as `192.0.2.7:51234`. Empty for ipc.
    pub address: &'a str,
}

/// Decides who may connect.
///
/// Asked in the thread of the socket, which serves nobody else meanwhile: answer from memory.
pub trait Authenticator: Send + Sync {
    /// Admits a peer, or gives the reason for the own log why not. The peer is told no reason.
    ///
    /// # Errors
    /// The peer may not connect.
    fn admit(&self, peer: &Credentials<'_>) -> Result<(), String>;
}

/// A mechanism's side of a handshake.
pub(crate) trait Mechanism: Send {
    /// Its name in the greeting.
    fn name(&self) -> &'static str;

    /// Reads a command of the peer and writes the answer to `out`. Returns the peer's metadata
    /// when the handshake is complete.
    fn read<'c>(
        &mut self,
        command: Command<'c>,
        out: &mut Vec<u8>,
    ) -> Result<Option<&'c [u8]>, Disconnect>;

    /// Writes the first command, once the peer's greeting is known and it is admitted.
    fn start(&mut self, out: &mut Vec<u8>);

    /// The peer's key, once it is known.
    fn key(&self) -> Option<&[u8; 32]>;
}

/// No security: each side sends READY.
pub(crate) struct Null {
    pub(crate) socket_type: SocketType,
}

impl Mechanism for Null {
    fn name(&self) -> &'static str {
        "NULL"
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        command::put_ready(out, &[(SOCKET_TYPE, self.socket_type.name().as_bytes())]);
    }

    fn read<'c>(
        &mut self,
        command: Command<'c>,
        _: &mut Vec<u8>,
    ) -> Result<Option<&'c [u8]>, Disconnect> {
        match command {
            Command::Ready(metadata) => {
                metadata::find(metadata, SOCKET_TYPE)?;
                Ok(Some(metadata))
            }
            _ => Err(Disconnect::Malformed("another command than READY in a handshake")),
        }
    }

    fn key(&self) -> Option<&[u8; 32]> {
        None
    }
}
