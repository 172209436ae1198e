//! Options and limits of a socket.

use std::sync::Arc;
use std::time::Duration;

use crate::protocol::security::{Authenticator, Security};

/// Default bytes queued for a peer. More falls out of the processor's cache: with 2 MiB, a message of
/// 300 bytes takes a quarter more of processor time (benches/results/2026-11-27-engine.md).
const QUEUE_BYTES: usize = 512 << 10;
/// Bytes for each message of a queue whose length was chosen: a usual message is smaller.
const MESSAGE_BYTES: usize = 1024;

/// What a publisher does when a subscriber of a message has no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WhenFull {
    /// It sends the message to nobody until there is room for all.
    Block,
    /// It drops the message for that subscriber, and counts it.
    Drop,
    /// As [`WhenFull::Block`], but a subscriber that messages wait for is disconnected if it has
    /// taken no bytes for this time, or was absent for it ([`Options::keep_absent`]). What is
    /// queued for it is reported as unsent.
    ///
    /// On Linux, the bytes count that the peer's machine has taken, which makes room for them as
    /// its program reads: in steps of up to 128 KiB (measured on loopback; 36 KiB for ipc).
    /// Elsewhere, those that the system here has taken, in larger steps.
    CutOff(Duration),
}

/// Options of a socket: time-outs, and limits on everything that a peer can make grow.
#[derive(Clone)]
pub struct Options {
    /// Time limit for connecting, and then for the handshake.
    pub handshake: Duration,
    /// First delay before a reconnect. It doubles with each attempt; half of it is random.
    pub reconnect: Duration,
    /// Longest delay before a reconnect.
    pub reconnect_max: Duration,
    /// A tcp peer whose machine gives no sign of life for this time is disconnected. It is asked
    /// (PING) after a third of it.
    ///
    /// A peer that does not read, or is suspended, can't answer. As long as its machine
    /// acknowledges what is sent (TCP_INFO, on Linux), it stays connected. So does what is behind a
    /// proxy that answers in its place. Elsewhere, publishers keep a silent peer, and subscribers
    /// disconnect it. A suspension of this process does not count.
    pub dead_after: Duration,
    /// Largest message that a peer may send, in bytes of all its frames with their headers. A
    /// publisher receives only subscriptions.
    pub max_message: usize,
    /// Most frames of a message that a peer may send.
    pub max_parts: usize,
    /// Most connections that are accepted at a time. Further ones are closed at once.
    pub max_connections: usize,
    /// Whether a connection is closed at once that was accepted with this file descriptor: the
    /// system gives out the lowest one, so this keeps some for other purposes.
    pub refuse_descriptor: Option<fn(i32) -> bool>,
    /// Publisher and router: bytes and messages queued for each peer, with a reference of up to 64
    /// bytes for each message. One message always fits. See [`Options::set_queue`].
    pub queue_bytes: usize,
    /// See [`Options::queue_bytes`].
    pub queue_messages: usize,
    /// Publisher: what happens when a subscriber's queue is full.
    pub when_full: WhenFull,
    /// Publisher: keeps the subscriptions of a subscriber at a connected address that disconnects
    /// without cancelling, and queues messages for it.
    pub keep_absent: bool,
    /// Publisher: a subscriber that subscribes to this prefix announces its end in order.
    pub end_marker: Option<Box<[u8]>>,
    /// Publisher: keeps for the owner what becomes of the subscriptions of all subscribers
    /// together: [`Publisher::take_changes`](crate::Publisher::take_changes).
    pub track_changes: bool,
    /// Publisher: subscriptions to prefixes for which this is true are noted for the owner:
    /// [`Publisher::take_noted`](crate::Publisher::take_noted).
    pub note: Option<fn(&[u8]) -> bool>,
    /// Publisher: messages whose topic begins with this are notices, about other messages.
    ///
    /// A notice goes only to those who have subscribed to a prefix that begins with this one: a
    /// subscriber of everything does not get it. It never waits for a subscriber, and counts
    /// nowhere as a message. While a subscriber has no room, its last notice of each topic is
    /// kept, and sent once there is room; of 4096 topics at most.
    ///
    /// Subscriber: notices that a peer may not send are not counted as refused.
    pub notice_prefix: Option<Box<[u8]>>,
    /// Publisher: limit on the subscriptions of one subscriber, as the sum of their lengths and
    /// 64 bytes for each.
    pub subscription_bytes: usize,
    /// Publisher: the same for all subscribers together.
    pub subscription_bytes_total: usize,
    /// Publisher: subscriptions and cancels of one subscriber: burst, and then per second.
    pub subscription_rate: (u32, u32),
    /// Router: messages of one peer that the owner has not taken. Then the peer is not read.
    pub unread_messages: usize,
    /// Router: serves peers that may not receive everything, too. The owner must answer them only
    /// about what they have sent, and check what they may send.
    pub admit_limited: bool,
    /// Subscriber and router: bytes of incomplete messages of all peers together. Beyond them, the
    /// peer with the most is disconnected. A router also reads nobody while the owner has not
    /// taken this many bytes of messages.
    pub incomplete_bytes: usize,
    /// Subscriber: PUSH sockets are served, too. A client of CURVE can't be of two types.
    pub accept_push: bool,
    /// The security of all connections.
    pub security: Security,
    /// Who may connect; everybody if there is none.
    pub authenticator: Option<Arc<dyn Authenticator>>,
}

impl Options {
    /// For a publisher: subscribers may send subscriptions of 4 KiB.
    pub fn publisher() -> Options {
        Options { max_message: 4096, max_parts: 1, ..Options::subscriber() }
    }

    /// Limits the queue of each peer to this many messages, and to 1 KiB for each of them, though
    /// not to less than the default bytes.
    pub fn set_queue(&mut self, messages: usize) {
        self.queue_messages = messages;
        self.queue_bytes = messages.saturating_mul(MESSAGE_BYTES).max(QUEUE_BYTES);
    }

    /// For a subscriber: publishers may send messages of 128 MiB.
    pub fn subscriber() -> Options {
        Options {
            handshake: Duration::from_secs(5),
            reconnect: Duration::from_millis(100),
            reconnect_max: Duration::from_millis(400),
            dead_after: Duration::from_secs(30),
            max_message: 128 << 20,
            max_parts: 256,
            max_connections: 10_000,
            refuse_descriptor: None,
            queue_bytes: QUEUE_BYTES,
            queue_messages: 50_000,
            when_full: WhenFull::Block,
            keep_absent: false,
            end_marker: None,
            track_changes: false,
            note: None,
            notice_prefix: None,
            subscription_bytes: 16 << 20,
            subscription_bytes_total: 64 << 20,
            subscription_rate: (200_000, 1000),
            unread_messages: 100,
            admit_limited: false,
            incomplete_bytes: 256 << 20,
            accept_push: false,
            security: Security::Null,
            authenticator: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_has_a_kib_for_each_message_and_no_less_than_the_default() {
        for (messages, bytes) in [(4, QUEUE_BYTES), (8000, 8_192_000), (usize::MAX, usize::MAX)] {
            let mut options = Options::publisher();
            options.set_queue(messages);
            assert_eq!((options.queue_messages, options.queue_bytes), (messages, bytes));
        }
    }
}
