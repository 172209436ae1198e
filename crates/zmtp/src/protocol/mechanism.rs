//! Defines a security mechanism: what follows the greeting, up to the peer's metadata, and what
//! encrypts the connection after that. Has the one without security, NULL.

use super::command::{self, Command};
use super::metadata;
use super::session::Session;
use super::socket_type::SocketType;
use crate::disconnect::Disconnect;

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

    /// Writes the last command, once the peer is admitted and the type of this side is known. Returns what
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
pub(super) struct Null {
    pub(super) types: &'static [SocketType],
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
