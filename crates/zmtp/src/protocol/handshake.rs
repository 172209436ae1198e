//! The handshake: greetings, then the commands of the mechanism.

use std::sync::Arc;

use super::command::{self, Command};
use super::greeting;
use super::mechanism::Mechanism;
use super::metadata::{self, SOCKET_TYPE};
use super::scanner::{Item, Scanner};
use super::security::{Authenticator, Credentials, Rights, Security};
use super::session::Session;
use super::socket_type::SocketType;
use crate::disconnect::Disconnect;

/// Largest command of a handshake, in bytes with its header. READY of libzmq takes up to 330.
pub(crate) const MAX_COMMAND: usize = 4096;

/// A peer whose handshake is complete.
pub(crate) struct Peer {
    /// The type of this side.
    pub(crate) own_type: SocketType,
    /// It knows the commands of ZMTP 3.1: SUBSCRIBE, CANCEL and PING.
    pub(crate) has_commands: bool,
    /// The bytes that it sent after the handshake.
    pub(crate) rest: Vec<u8>,
    /// What encrypts `rest` and all that follows, if something does.
    pub(crate) session: Option<Session>,
    /// Whether it is the server of the mechanism.
    pub(crate) is_server: bool,
    /// Its key, if the mechanism has keys.
    pub(crate) key: Option<[u8; 32]>,
    /// What it may do.
    pub(crate) rights: Rights,
}

/// The own side of a handshake.
#[derive(Clone)]
pub(crate) struct Own {
    /// The types that this side can be, the preferred one first. It answers as the one that fits
    /// the peer. A client of CURVE is always the first.
    pub(crate) socket_types: &'static [SocketType],
    pub(crate) security: Security,
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
    /// Largest message that the peer may send after the handshake.
    pub(crate) max_message: usize,
}

/// A handshake in progress.
pub(crate) struct Handshake {
    socket_types: &'static [SocketType],
    mechanism: Box<dyn Mechanism>,
    is_server: bool,
    authenticator: Option<Arc<dyn Authenticator>>,
    rights: Rights,
    address: String,
    /// What has arrived and is not parsed yet: an incomplete greeting or command.
    received: Vec<u8>,
    /// The minor version of the peer, once it has greeted.
    minor: Option<u8>,
    scanner: Scanner,
}

impl Handshake {
    /// Starts a handshake with the peer at `address`. Writes the greeting to `out`.
    pub(crate) fn new(own: &Own, address: &str, out: &mut Vec<u8>) -> Handshake {
        let mechanism = own.security.mechanism(own.socket_types, own.max_message);
        out.extend(greeting::encode(mechanism.name(), own.security.is_server()));
        Handshake {
            socket_types: own.socket_types,
            mechanism,
            is_server: own.security.is_server(),
            authenticator: own.authenticator.clone(),
            rights: Rights::default(),
            address: address.to_owned(),
            received: Vec::new(),
            minor: None,
            scanner: Scanner::new(MAX_COMMAND, 1),
        }
    }

    /// Takes bytes of the peer, and writes answers to `out`. Returns the peer once the handshake
    /// is complete; further calls are not allowed then.
    ///
    /// Holds no more than a greeting or a command of 4 KiB, and the bytes of one call.
    ///
    /// # Errors
    /// The handshake has failed. `out` may have an answer that tells the peer why.
    pub(crate) fn read(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Peer>, Disconnect> {
        self.received.extend(bytes);
        if self.minor.is_none() && !self.read_greeting(out)? {
            return Ok(None);
        }
        while let Some(item) = self.scanner.next(&self.received)? {
            let Item::Command { len, body } = item else {
                return Err(Disconnect::Malformed("a message in a handshake"));
            };
            let rest = self.received.split_off(len);
            let command = std::mem::replace(&mut self.received, rest);
            if let Some(own_type) = self.read_command(&command[body..], out)? {
                let has_commands = self.minor.is_some_and(|minor| minor >= 1);
                let rest = std::mem::take(&mut self.received);
                let key = self.mechanism.key().copied();
                let session = self.mechanism.finish(own_type, out);
                let (is_server, rights) =
                    (key.is_some() && !self.is_server, std::mem::take(&mut self.rights));
                return Ok(Some(Peer {
                    own_type,
                    has_commands,
                    rest,
                    session,
                    is_server,
                    key,
                    rights,
                }));
            }
        }
        Ok(None)
    }

    /// Reads the greeting. Returns whether it is complete.
    fn read_greeting(&mut self, out: &mut Vec<u8>) -> Result<bool, Disconnect> {
        let Some(greeting) = greeting::parse(&self.received)? else { return Ok(false) };
        if greeting.mechanism != self.mechanism.name().as_bytes() {
            return Err(Disconnect::Mechanism(text(&greeting.mechanism)));
        }
        self.received.drain(..greeting::LEN);
        self.minor = Some(greeting.minor);
        if self.mechanism.name() == "NULL" {
            self.authenticate(out)?;
        }
        self.mechanism.start(out)?;
        Ok(true)
    }

    /// Asks the authenticator.
    fn authenticate(&mut self, out: &mut Vec<u8>) -> Result<(), Disconnect> {
        let Some(authenticator) = &self.authenticator else { return Ok(()) };
        let (mechanism, key) = (self.mechanism.name(), self.mechanism.key());
        let (is_server, address) = (key.is_some() && !self.is_server, &*self.address);
        let credentials = Credentials { mechanism, key, is_server, address };
        self.rights = authenticator.admit(&credentials).map_err(|reason| {
            // The code that libzmq sends for a refusal by ZAP.
            command::put_error(out, "400");
            Disconnect::Refused(reason)
        })?;
        Ok(())
    }

    /// Why the connection has ended, if its end says less than what came before.
    pub(crate) fn explain(&self, why: Disconnect) -> Disconnect {
        match why {
            Disconnect::Closed | Disconnect::Io(_) => self.mechanism.explain_close().unwrap_or(why),
            _ => why,
        }
    }

    /// Reads a command. Returns the type of this side if the handshake is complete.
    fn read_command(
        &mut self,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<SocketType>, Disconnect> {
        let command = command::parse(body)?;
        if let Command::Error(reason) = command {
            return Err(Disconnect::RefusedByPeer(text(reason)));
        }
        let Some(metadata) = self.mechanism.read(command, out)? else { return Ok(None) };
        if self.mechanism.name() != "NULL" {
            self.authenticate(out)?;
        }
        let theirs = metadata::find(&metadata, SOCKET_TYPE)?.unwrap_or_default();
        let own_type = self.socket_types.iter().find(|own| own.fits(theirs));
        if own_type.is_none() {
            command::put_error(out, "Invalid socket type");
            return Err(Disconnect::SocketType(text(theirs)));
        }
        Ok(own_type.copied())
    }
}

/// Text of a peer: its valid characters, at most 255 bytes.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(255)]).into_owned()
}
