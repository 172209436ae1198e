//! The subscriptions of a publishing socket's peers, within limits.
//!
//! Answers how many peers could receive a topic below a root, whether a topic has a
//! subscriber, and which prefix gained its first or lost its last subscriber. A relay sends
//! the latter upstream (see `upstream`).
//!
//! The table mirrors libzmq's own: a set of prefixes per pipe. libzmq names the pipe with
//! each message, and with the cancels that it makes when the pipe ends (added by
//! `zmq-sys/edits/`). Pipe numbers are never reused, so a message can't be taken for
//! another peer's; descriptors are reused at once.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::Instant;

use crate::socket::options::{MAX_PEER_COST, MAX_TOTAL_COST, SUBSCRIPTION_RATE};
use crate::socket::rate_limit::RateLimit;
use crate::socket::upstream::{PrefixChange, cost};

/// Limit on cancels of prefixes that the peer never subscribed to. libzmq sends none.
const MAX_BOGUS_CANCELS: u32 = 100;
/// Limit on messages of a connection: burst, and per second.
const RATE: (u64, u64) = (SUBSCRIPTION_RATE.0 as u64, SUBSCRIPTION_RATE.1 as u64);
/// Number of peers at which those without a subscription are removed.
const PURGE: usize = 1024;

/// The sender of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin<'a> {
    /// Number of the pipe.
    pub(super) pipe: u64,
    /// Number of the connection; 0 for a socket of this process, which is trusted. A pipe
    /// gets a new one when libzmq reconnects.
    pub(super) connection: u64,
    /// The peer's address, for messages.
    pub(super) address: &'a str,
}

/// Result of a message.
#[derive(PartialEq, Eq, Debug, Default)]
pub(super) struct Update<'m> {
    /// The prefix that gained its first or lost its last subscriber.
    pub(super) change: Option<PrefixChange<'m>>,
    /// The peer to disconnect.
    pub(super) offender: Option<Offender>,
}

/// A peer that must be disconnected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Offender {
    pub(super) connection: u64,
    pub(super) address: Box<str>,
    pub(super) why: Misuse,
}

/// A violation of the protocol by a peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Misuse {
    /// Sent a frame that is not a subscription, or is too large.
    Frame,
    /// Holds too many or too long subscriptions.
    Subscriptions,
    /// Holds the most, while all peers together hold too many.
    LargestPeer,
    /// Cancelled prefixes it had not subscribed to.
    Cancels,
    /// Subscribes and cancels too often.
    Rate,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Misuse::Frame => "it sent something other than a subscription, or more than 4 KiB",
            Misuse::Subscriptions => "it has too many subscriptions",
            Misuse::LargestPeer => {
                "all subscribers together have too many subscriptions, and it has the most"
            }
            Misuse::Cancels => "it cancels subscriptions that it does not have",
            Misuse::Rate => "it subscribes and cancels endlessly",
        })
    }
}

struct Peer {
    prefixes: HashSet<Box<[u8]>>,
    cost: usize,
    connection: u64,
    address: Box<str>,
    rate: RateLimit,
    bogus: u32,
    /// It is being disconnected: further subscriptions are ignored.
    ended: bool,
}

/// The subscriptions of all peers, and of this side.
pub(super) struct Subscriptions {
    peers: HashMap<u64, Peer>,
    /// Number of holders of each prefix: peers, and [`Subscriptions::hold`].
    prefixes: HashMap<Box<[u8]>, usize>,
    /// Total cost of the peers that are not being disconnected.
    cost: usize,
    generation: u64,
    purge_at: usize,
}

impl Default for Subscriptions {
    fn default() -> Subscriptions {
        Subscriptions {
            peers: HashMap::new(),
            prefixes: HashMap::new(),
            cost: 0,
            generation: 0,
            purge_at: PURGE,
        }
    }
}

impl Subscriptions {
    /// Applies a message of a peer: 1 or 0, then a prefix. Anything else is ignored.
    pub(super) fn apply<'m>(
        &mut self,
        message: &'m [u8],
        from: Origin<'_>,
        now: Instant,
    ) -> Update<'m> {
        let (subscribes, prefix) = match message.split_first() {
            Some((1, prefix)) => (true, prefix),
            Some((0, prefix)) => (false, prefix),
            _ => return Update::default(),
        };
        self.register(from, now);
        let change = match subscribes {
            true => self.add(from.pipe, prefix),
            false => self.remove(from.pipe, prefix),
        };
        Update { change, offender: self.check_limits(from.pipe, now) }
    }

    /// Whether the pipe is known with this connection.
    pub(super) fn knows(&self, pipe: u64, connection: u64) -> bool {
        self.peers.get(&pipe).is_some_and(|peer| peer.connection == connection)
    }

    /// Registers a new peer, or a new connection of a known pipe, which starts over.
    fn register(&mut self, from: Origin<'_>, now: Instant) {
        if self.knows(from.pipe, from.connection) {
            return;
        }
        if self.peers.len() >= self.purge_at {
            self.peers.retain(|_, peer| !peer.prefixes.is_empty());
            self.purge_at = PURGE.max(2 * self.peers.len());
        }
        let before = self.peers.remove(&from.pipe);
        let (prefixes, cost, counted) = match before {
            Some(peer) => (peer.prefixes, peer.cost, !peer.ended),
            None => (HashSet::new(), 0, true),
        };
        if !counted {
            self.cost += cost;
        }
        let peer = Peer {
            prefixes,
            cost,
            connection: from.connection,
            address: from.address.into(),
            rate: RateLimit::new(RATE, now),
            bogus: 0,
            ended: false,
        };
        self.peers.insert(from.pipe, peer);
    }

    fn add<'m>(&mut self, pipe: u64, prefix: &'m [u8]) -> Option<PrefixChange<'m>> {
        let peer = self.peers.get_mut(&pipe)?;
        if peer.ended || !peer.prefixes.insert(prefix.into()) {
            return None;
        }
        peer.cost += cost(prefix);
        self.cost += cost(prefix);
        self.hold(prefix)
    }

    fn remove<'m>(&mut self, pipe: u64, prefix: &'m [u8]) -> Option<PrefixChange<'m>> {
        let peer = self.peers.get_mut(&pipe)?;
        if !peer.prefixes.remove(prefix) {
            peer.bogus = peer.bogus.saturating_add(1);
            return None;
        }
        peer.cost -= cost(prefix);
        if !peer.ended {
            self.cost -= cost(prefix);
        }
        self.release(prefix)
    }

    /// Whether a peer exceeds a limit: the sender of the message, or the largest peer.
    fn check_limits(&mut self, pipe: u64, now: Instant) -> Option<Offender> {
        let peer = self.peers.get_mut(&pipe)?;
        peer.rate.count();
        if peer.ended || peer.connection == 0 {
            return None;
        }
        let (whose, why) = if peer.bogus > MAX_BOGUS_CANCELS {
            (pipe, Misuse::Cancels)
        } else if !peer.rate.is_within(now) {
            (pipe, Misuse::Rate)
        } else if peer.cost > MAX_PEER_COST {
            (pipe, Misuse::Subscriptions)
        } else if self.cost > MAX_TOTAL_COST {
            let others = self.peers.iter().filter(|(_, peer)| !peer.ended && peer.connection != 0);
            (*others.max_by_key(|(_, peer)| peer.cost)?.0, Misuse::LargestPeer)
        } else {
            return None;
        };
        let peer = self.peers.get_mut(&whose)?;
        peer.ended = true;
        self.cost -= peer.cost;
        Some(Offender { connection: peer.connection, address: peer.address.clone(), why })
    }

    /// Holds `prefix` for this side. Counted: each call needs a [`Subscriptions::release`].
    pub(super) fn hold<'m>(&mut self, prefix: &'m [u8]) -> Option<PrefixChange<'m>> {
        if let Some(holders) = self.prefixes.get_mut(prefix) {
            *holders += 1;
            return None;
        }
        self.prefixes.insert(prefix.into(), 1);
        self.generation += 1;
        Some(PrefixChange::Added(prefix))
    }

    /// Reverts a [`Subscriptions::hold`].
    pub(super) fn release<'m>(&mut self, prefix: &'m [u8]) -> Option<PrefixChange<'m>> {
        let holders = self.prefixes.get_mut(prefix)?;
        *holders -= 1;
        if *holders > 0 {
            return None;
        }
        self.prefixes.remove(prefix);
        self.generation += 1;
        Some(PrefixChange::Removed(prefix))
    }

    /// Changes whenever an answer of [`Subscriptions::has_subscriber`] may change.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether any peer receives `topic`.
    pub(super) fn has_subscriber(&self, topic: &[u8]) -> bool {
        // Called once per topic and generation, with up to tens of thousands of prefixes.
        if self.prefixes.len() <= topic.len() {
            return self.prefixes.keys().any(|prefix| topic.starts_with(prefix));
        }
        (0..=topic.len()).any(|end| self.prefixes.contains_key(&topic[..end]))
    }

    /// Whether any peer has subscribed to exactly this prefix.
    pub(super) fn has_prefix(&self, prefix: &[u8]) -> bool {
        self.prefixes.contains_key(prefix)
    }

    /// Number of peers that could receive a topic below `root`: their prefix begins with
    /// `root.`, or `root.` with their prefix. The empty root matches all.
    pub(super) fn peers_below(&self, root: &str) -> usize {
        let mut below = root.as_bytes().to_vec();
        if !root.is_empty() {
            below.push(b'.');
        }
        let matters = |prefix: &[u8]| prefix.starts_with(&below) || below.starts_with(prefix);
        let peers = self.peers.values();
        peers.filter(|peer| peer.prefixes.iter().any(|prefix| matters(prefix))).count()
    }
}

#[cfg(test)]
mod tests;
