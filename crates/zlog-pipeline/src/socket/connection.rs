//! What the owner of a socket sees of its connections.

use std::fmt;
use std::time::Duration;

use super::endpoint::Role;

/// The state of an endpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConnectionState {
    /// Not connected: the last attempt failed, or the connection ended.
    NotConnected,
    /// A connection attempt or its handshake is in progress.
    Connecting,
    /// A peer answers, but the handshake failed for this reason.
    HandshakeRefused(String),
    /// This side ended the last connection because of what the peer had sent. The next one follows.
    CutOff,
    /// At least one peer is connected: messages can flow.
    Connected,
}

/// An endpoint and its state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndpointStatus {
    /// The endpoint as it was given or bound, or the path of the run directory.
    pub endpoint: String,
    /// Its role.
    pub role: Role,
    /// Whether it is the run directory: its peers are the publishers registered there.
    pub is_run_directory: bool,
    /// Its state.
    pub state: ConnectionState,
    /// Number of peers whose handshake is done.
    pub peers: usize,
    /// Whether anything answered the last connection attempt, a publisher or not.
    pub reached: bool,
    /// Why the last lookup of the host failed.
    pub unresolved: Option<String>,
}

/// An event of a connection, for the user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectionEvent {
    /// The endpoint as it was given or bound, or that of a registered publisher.
    pub endpoint: String,
    /// The peer's address, or its process for ipc; empty if it is not known.
    pub peer: String,
    /// The kind of event.
    pub kind: EventKind,
}

/// The kind of a [`ConnectionEvent`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EventKind {
    /// A peer is connected and its handshake is done.
    Connected,
    /// A connection ended.
    Disconnected,
    /// It is connected again after this delay.
    Retrying(Duration),
    /// A handshake failed, for this reason.
    HandshakeFailed(HandshakeFailure),
    /// libzmq had given the connection up, and zlog connected again.
    Reconnected,
    /// The connection was ended on this side, because of what the peer sent.
    CutOff(CutOff),
    /// Messages of a client were dropped, because its key may not publish them.
    Denied {
        /// The client's name.
        name: String,
        /// The topic of the first of them.
        topic: String,
        /// Their number.
        messages: u64,
    },
    /// Something about the lists of keys.
    Keys(String),
    /// The host could not be resolved, for this reason. The lookup is repeated.
    Unresolved(String),
}

/// What a peer sent, so that its connection was ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CutOff {
    /// A message that is too large.
    TooLarge,
    /// Something else that it must not send.
    Other(String),
}

impl fmt::Display for ConnectionEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = &self.endpoint;
        match &self.kind {
            EventKind::Connected => write!(f, "{endpoint}: connected"),
            EventKind::Disconnected => write!(f, "{endpoint}: disconnected"),
            EventKind::Retrying(pause) => {
                write!(f, "{endpoint}: reconnecting in {} ms", pause.as_millis())
            }
            EventKind::HandshakeFailed(why) => write!(f, "{endpoint}: handshake failed: {why}"),
            EventKind::Reconnected => write!(f, "{endpoint}: connecting again"),
            EventKind::CutOff(CutOff::TooLarge) => {
                write!(f, "{endpoint}: cut off: a message was too large")
            }
            EventKind::CutOff(CutOff::Other(why)) => write!(f, "{endpoint}: cut off: {why}"),
            EventKind::Denied { name, topic, messages } => {
                write!(f, "{endpoint}: {name} may not publish {topic} ({messages} dropped)")
            }
            EventKind::Keys(what) => f.write_str(what),
            EventKind::Unresolved(why) => write!(f, "{endpoint}: host not found: {why}"),
        }
    }
}

/// Says what a peer is whose socket type does not fit.
pub(super) fn wrong_type(theirs: &str) -> String {
    match theirs {
        "SUB" | "XSUB" => format!("the peer is a subscriber ({} socket)", with_article(theirs)),
        "PUB" | "XPUB" => format!("the peer is a publisher ({} socket)", with_article(theirs)),
        theirs => format!("the peer is {} socket", with_article(theirs)),
    }
}

fn with_article(name: &str) -> String {
    let article = if name.starts_with('X') { "an" } else { "a" };
    format!("{article} {name}")
}

/// Why a handshake failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HandshakeFailure {
    /// The reason, for messages.
    pub reason: String,
    /// Whether the socket types do not fit, or may not: the peer closed the connection after the
    /// greetings, as one does that notices it first.
    pub may_be_wrong_type: bool,
    /// Whether keys or encryption of both sides do not fit.
    pub is_about_keys: bool,
    /// The peer's address, if it came to a bound endpoint; may be empty.
    pub peer: String,
}

impl HandshakeFailure {
    /// The same, of this peer.
    pub(super) fn of_peer(self, peer: &str) -> HandshakeFailure {
        HandshakeFailure { peer: peer.to_owned(), ..self }
    }
}

impl<T: Into<String>> From<T> for HandshakeFailure {
    fn from(reason: T) -> HandshakeFailure {
        HandshakeFailure {
            reason: reason.into(),
            may_be_wrong_type: false,
            is_about_keys: false,
            peer: String::new(),
        }
    }
}

impl fmt::Display for HandshakeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}
