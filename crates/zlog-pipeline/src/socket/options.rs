//! Socket options, the same for all sockets of a command.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::engine::Engine;
use super::keyring::Keyring;

/// Minimum of [`SocketOptions::max_message`], in bytes: libzmq aborts handshakes below
/// about 276.
pub const MIN_MAX_MESSAGE: usize = 4096;

/// Limit on the cost of one peer's subscriptions, their bytes and 64 for each: 10,000 of 40
/// bytes.
pub(super) const MAX_PEER_COST: usize = 1 << 20;
/// Limit on the cost of all peers' subscriptions. Beyond it, the largest peer is disconnected.
pub(super) const MAX_TOTAL_COST: usize = 4 << 20;
/// Limit on subscriptions and cancels of a connection: burst, and per second. A well-behaved
/// peer sends each of them once.
pub(super) const SUBSCRIPTION_RATE: (u32, u32) = (50_000, 1000);

/// Default high-water mark: messages queued per peer.
///
/// Measured with 1,000,000 messages of 365 bytes over tcp: 10,000 and 100,000 are no faster
/// (1.5, 1.4 and 1.3 million a second). A smaller mark bounds the memory that long lines
/// take, and the loss when a subscriber dies.
pub const DEFAULT_HWM: u32 = 8000;

/// Default of [`Stall::Usual`].
const USUAL_STALL: Duration = Duration::from_secs(30);

/// When a publisher that waits for a subscriber cuts it off: once it has taken nothing for this
/// long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stall {
    /// Never.
    Never,
    /// After this time. Only the native engine can.
    After(Duration),
    /// After 30 s, if the engine can.
    Usual,
}

impl Stall {
    /// What was typed: nothing is the usual time, and zero is never.
    pub fn typed(stall: Option<Duration>) -> Stall {
        match stall {
            None => Stall::Usual,
            Some(Duration::ZERO) => Stall::Never,
            Some(stall) => Stall::After(stall),
        }
    }

    /// The time, if there is one.
    pub(super) fn limit(self) -> Option<Duration> {
        match self {
            Stall::Never => None,
            Stall::After(stall) => Some(stall),
            Stall::Usual => Some(USUAL_STALL),
        }
    }
}

/// Options of a socket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SocketOptions {
    /// The engine; `None` for the native one, or libzmq if an endpoint needs that.
    pub engine: Option<Engine>,
    /// Whether endpoints that other machines can reach are bound without encryption.
    pub insecure: bool,
    /// The file of the key to use, to encrypt all tcp connections with it. Without it, the machine's
    /// key encrypts what other machines can reach.
    pub key: Option<PathBuf>,
    /// The keys: see [`SocketOptions::secured`].
    pub keyring: Option<Arc<Keyring>>,
    /// High-water mark: messages queued per peer before a publisher feels backpressure, and
    /// before a subscriber leaves messages with the sender. 0 is unlimited. Subscriptions,
    /// which travel upstream, have marks of their own.
    pub hwm: u32,
    /// Largest accepted message, in bytes of all its frames; a peer that sends a larger one is
    /// disconnected. At least 4 KiB, or handshakes fail.
    pub max_message: u64,
    /// Time limit for connecting, and then for the handshake. Half-open peers and strangers
    /// are disconnected by it. Without it, one attempt at an address that does not answer
    /// takes over two minutes; the default of 5 s leaves room for three SYNs.
    pub handshake: Duration,
    /// First delay before a reconnect.
    pub reconnect: Duration,
    /// Maximum delay before a reconnect: the delay doubles up to this.
    pub reconnect_max: Duration,
    /// Publisher: when a subscriber that messages wait for is cut off.
    pub stall: Stall,
    /// Longest that one send waits for room. The caller's loop checks signals in between.
    pub send_slice: Duration,
}

impl SocketOptions {
    /// For a publisher. Subscriptions are small: frames of up to 4 KiB.
    pub fn publisher() -> SocketOptions {
        SocketOptions { max_message: MIN_MAX_MESSAGE as u64, ..SocketOptions::subscriber() }
    }

    /// For a subscriber: frames of up to 128 MiB.
    pub fn subscriber() -> SocketOptions {
        SocketOptions {
            // A command reports another name.
            engine: Engine::of_environment().unwrap_or(None),
            insecure: false,
            key: None,
            keyring: None,
            hwm: DEFAULT_HWM,
            max_message: 128 << 20,
            handshake: Duration::from_secs(5),
            reconnect: Duration::from_millis(100),
            // Less than the time that `emit` waits for its first subscriber.
            reconnect_max: Duration::from_millis(400),
            stall: Stall::Never,
            send_slice: Duration::from_millis(100),
        }
    }
}
