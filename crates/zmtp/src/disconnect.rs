//! Why a connection ended.

use std::fmt;
use std::io;

/// Why a connection ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Disconnect {
    /// The peer closed it.
    Closed,
    /// The system ended it, or it could not be made.
    Io(io::ErrorKind),
    /// The peer does not speak ZMTP.
    NotZmtp,
    /// The peer speaks ZMTP of this major version, which is older than 3.
    OldVersion(u8),
    /// The peer's security mechanism differs from that of this side.
    Mechanism(String),
    /// The authenticator refused the peer, for this reason.
    Refused(String),
    /// The peer refused the handshake, for this reason.
    RefusedByPeer(String),
    /// A CURVE command of this name can't be decrypted: a key differs from what the other side
    /// expects, or the command was changed on its way.
    Undecipherable(&'static str),
    /// The server has closed the connection at the first encrypted command: most likely it has
    /// another key than the expected one.
    ServerKey,
    /// An encrypted command was repeated, is missing, or came out of order.
    Replayed,
    /// Sockets of the peer's type can't be connected to one of this type.
    SocketType(String),
    /// The handshake, or the connection attempt before it, took too long.
    HandshakeTimeout,
    /// The peer broke the protocol.
    Malformed(&'static str),
    /// The peer's message is larger than this many bytes.
    MessageTooLarge(usize),
    /// The peer's message has more frames than this.
    TooManyParts(usize),
    /// Incomplete messages of all peers take too much memory, and those of this one the most.
    IncompleteMessages,
    /// The subscriber sent something else than a subscription.
    NotASubscription,
    /// The subscriber has too many or too long subscriptions.
    TooManySubscriptions,
    /// The subscriber cancels what it has not subscribed to.
    BogusCancels,
    /// The subscriber subscribes and cancels too often.
    SubscriptionRate,
    /// No sign of life for the time of [`Options::dead_after`](crate::Options::dead_after).
    Dead,
    /// The subscriber read nothing for the time of
    /// [`WhenFull::CutOff`](crate::WhenFull::CutOff).
    Stalled,
    /// This side closed it.
    Local,
}

impl Disconnect {
    /// Whether this side has ended the connection because of what the peer has sent after the
    /// handshake.
    pub fn is_offence(&self) -> bool {
        matches!(
            self,
            Disconnect::Malformed(_)
                | Disconnect::MessageTooLarge(_)
                | Disconnect::TooManyParts(_)
                | Disconnect::IncompleteMessages
                | Disconnect::NotASubscription
                | Disconnect::TooManySubscriptions
                | Disconnect::BogusCancels
                | Disconnect::SubscriptionRate
        )
    }
}

impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Disconnect::Closed => f.write_str("the peer closed the connection"),
            Disconnect::Io(kind) => kind.fmt(f),
            Disconnect::NotZmtp => f.write_str("the peer does not speak ZMTP"),
            Disconnect::OldVersion(major) => {
                write!(f, "the peer speaks ZMTP {major}, which is older than ZMTP 3")
            }
            Disconnect::Mechanism(theirs) => {
                write!(f, "the peer's security mechanism is {}", theirs.escape_debug())
            }
            Disconnect::Refused(reason) => write!(f, "not admitted: {}", reason.escape_debug()),
            Disconnect::RefusedByPeer(reason) => {
                write!(f, "the peer refused the handshake: {}", reason.escape_debug())
            }
            Disconnect::Undecipherable(command) => {
                write!(f, "the peer's {command} can't be decrypted: the keys of both sides differ")
            }
            Disconnect::ServerKey => {
                f.write_str("the server's key is not the expected one, or it broke off")
            }
            Disconnect::Replayed => {
                f.write_str("an encrypted command was repeated, is missing or out of order")
            }
            Disconnect::SocketType(theirs) => {
                write!(f, "the peer is a {} socket", theirs.escape_debug())
            }
            Disconnect::HandshakeTimeout => f.write_str("the handshake took too long"),
            Disconnect::Malformed(what) => write!(f, "the peer broke the protocol: {what}"),
            Disconnect::MessageTooLarge(max) => {
                write!(f, "the peer's message is larger than {max} bytes")
            }
            Disconnect::TooManyParts(max) => {
                write!(f, "the peer's message has more than {max} frames")
            }
            Disconnect::IncompleteMessages => {
                f.write_str("incomplete messages take too much memory, and this peer's the most")
            }
            Disconnect::NotASubscription => {
                f.write_str("it sent something other than a subscription")
            }
            Disconnect::TooManySubscriptions => f.write_str("it has too many subscriptions"),
            Disconnect::BogusCancels => {
                f.write_str("it cancels subscriptions that it does not have")
            }
            Disconnect::SubscriptionRate => f.write_str("it subscribes and cancels endlessly"),
            Disconnect::Dead => f.write_str("the peer does not answer"),
            Disconnect::Stalled => f.write_str("the subscriber does not read"),
            Disconnect::Local => f.write_str("closed on this side"),
        }
    }
}

impl From<io::Error> for Disconnect {
    fn from(error: io::Error) -> Disconnect {
        Disconnect::Io(error.kind())
    }
}
