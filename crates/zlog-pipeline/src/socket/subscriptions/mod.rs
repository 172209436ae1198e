//! Who has subscribed to what: one table for each publishing socket, bounded.
//!
//! It says how many peers could get a topic below a root, whether a topic has a
//! subscriber, and which prefix gets its first subscriber or loses its last one, which is
//! what a relay asks of its publishers ([`UpstreamSubscriptions`](super::upstream::UpstreamSubscriptions)).
//!
//! The table is what libzmq's own is: a set of prefixes for each pipe. libzmq names the
//! pipe with each message, and with the cancels that it makes when the pipe ends
//! (`zmq-sys/edits.rs`). The number of a pipe is never used again, so that no message can
//! be taken for that of another peer; the descriptor of a connection is used again at once.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::Instant;

use super::rate_limit::RateLimit;

/// What a prefix costs besides its bytes. Here it is about that; libzmq spends 48 bytes
/// of memory for each byte of a prefix that it shares with no other.
const EACH: usize = 64;
/// The most that the prefixes of one peer may cost: 10,000 of 40 bytes.
pub(super) const MOST_OF_PEER: usize = 1 << 20;
/// The most that those of all peers may cost. Beyond it, who has most is ended.
const MOST_OF_ALL: usize = 4 << 20;
/// Cancels of what was never subscribed to, for one connection. libzmq sends none.
const MOST_BOGUS: u32 = 100;
/// Messages of a connection: at once, and a second. libzmq sends each subscription once,
/// and another time to cancel it.
const RATE: (u64, u64) = (50_000, 1000);
/// Peers without a subscription are forgotten when there are so many.
const PURGE: usize = 1024;

/// Whose message it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin<'a> {
    /// The number of the pipe.
    pub(super) pipe: u64,
    /// The number of the connection; 0 for a socket of this process, which is trusted. A
    /// pipe can get another: when libzmq connects again.
    pub(super) connection: u64,
    /// Where it comes from, for people to read.
    pub(super) address: &'a str,
}

/// What follows from a message.
#[derive(PartialEq, Eq, Debug, Default)]
pub(super) struct Taken<'m> {
    /// The first subscriber of a prefix has come, or its last one has gone.
    pub(super) edge: Option<Edge<'m>>,
    /// A peer that asked for too much: its connection is to be ended.
    pub(super) ended: Option<Ended>,
}

/// A prefix that gets its first subscriber, or loses its last one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Edge<'m> {
    First(&'m [u8]),
    Last(&'m [u8]),
}

/// A peer whose connection is to be ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Ended {
    pub(super) connection: u64,
    pub(super) address: Box<str>,
    pub(super) why: Misuse,
}

/// What a peer did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Misuse {
    /// Sent a frame that is no subscription, or a larger one than is taken.
    Frame,
    /// Holds too many subscriptions, or too long ones.
    Subscriptions,
    /// Holds the most while all peers together hold too many.
    MostOfAll,
    /// Cancelled what it had not subscribed to.
    Cancels,
    /// Subscribes and cancels without end.
    Rate,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Misuse::Frame => "it sent a frame that is no subscription, or one over 4 KiB",
            Misuse::Subscriptions => "it holds more subscriptions than a peer may have",
            Misuse::MostOfAll => {
                "all peers together hold more subscriptions than there is room for, and it holds \
                 the most"
            }
            Misuse::Cancels => "it cancels subscriptions that it never made",
            Misuse::Rate => "it subscribes and cancels without end",
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
    /// Its connection is to be ended: what it still subscribes to is ignored.
    ended: bool,
}

/// The table.
pub(super) struct Subscriptions {
    peers: HashMap<u64, Peer>,
    /// How many peers hold each prefix, and how often this side does itself.
    prefixes: HashMap<Box<[u8]>, usize>,
    /// Of all peers that have not been ended.
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
    /// Takes a message that came up from a peer: 1 or 0, then a prefix. Anything else is
    /// ignored.
    pub(super) fn take<'m>(
        &mut self,
        message: &'m [u8],
        from: Origin<'_>,
        now: Instant,
    ) -> Taken<'m> {
        let (subscribes, prefix) = match message.split_first() {
            Some((1, prefix)) => (true, prefix),
            Some((0, prefix)) => (false, prefix),
            _ => return Taken::default(),
        };
        self.meet(from, now);
        let edge = match subscribes {
            true => self.add(from.pipe, prefix),
            false => self.remove(from.pipe, prefix),
        };
        Taken { edge, ended: self.judge(from.pipe, now) }
    }

    /// Whether anything has come through this pipe and connection.
    pub(super) fn knows(&self, pipe: u64, connection: u64) -> bool {
        self.peers.get(&pipe).is_some_and(|peer| peer.connection == connection)
    }

    /// Notes a peer, or that it has a new connection, for which it starts over.
    fn meet(&mut self, from: Origin<'_>, now: Instant) {
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

    fn add<'m>(&mut self, pipe: u64, prefix: &'m [u8]) -> Option<Edge<'m>> {
        let peer = self.peers.get_mut(&pipe)?;
        if peer.ended || !peer.prefixes.insert(prefix.into()) {
            return None;
        }
        peer.cost += cost(prefix);
        self.cost += cost(prefix);
        self.hold(prefix)
    }

    fn remove<'m>(&mut self, pipe: u64, prefix: &'m [u8]) -> Option<Edge<'m>> {
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

    /// Whether a peer costs too much by now: the sender of a message, or who has most.
    fn judge(&mut self, pipe: u64, now: Instant) -> Option<Ended> {
        let peer = self.peers.get_mut(&pipe)?;
        peer.rate.count();
        if peer.ended || peer.connection == 0 {
            return None;
        }
        let (whose, why) = if peer.bogus > MOST_BOGUS {
            (pipe, Misuse::Cancels)
        } else if !peer.rate.is_within(now) {
            (pipe, Misuse::Rate)
        } else if peer.cost > MOST_OF_PEER {
            (pipe, Misuse::Subscriptions)
        } else if self.cost > MOST_OF_ALL {
            let others = self.peers.iter().filter(|(_, peer)| !peer.ended && peer.connection != 0);
            (*others.max_by_key(|(_, peer)| peer.cost)?.0, Misuse::MostOfAll)
        } else {
            return None;
        };
        let peer = self.peers.get_mut(&whose)?;
        peer.ended = true;
        self.cost -= peer.cost;
        Some(Ended { connection: peer.connection, address: peer.address.clone(), why })
    }

    /// Notes that this side wants `prefix` itself. Counted: each call needs a
    /// [`Subscriptions::release`].
    pub(super) fn hold<'m>(&mut self, prefix: &'m [u8]) -> Option<Edge<'m>> {
        if let Some(holders) = self.prefixes.get_mut(prefix) {
            *holders += 1;
            return None;
        }
        self.prefixes.insert(prefix.into(), 1);
        self.generation += 1;
        Some(Edge::First(prefix))
    }

    /// Takes a [`Subscriptions::hold`] back.
    pub(super) fn release<'m>(&mut self, prefix: &'m [u8]) -> Option<Edge<'m>> {
        let holders = self.prefixes.get_mut(prefix)?;
        *holders -= 1;
        if *holders > 0 {
            return None;
        }
        self.prefixes.remove(prefix);
        self.generation += 1;
        Some(Edge::Last(prefix))
    }

    /// Changes whenever the answer of [`Subscriptions::heard`] may.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether anybody asked for `topic`.
    pub(super) fn has_subscriber(&self, topic: &[u8]) -> bool {
        // There can be tens of thousands of prefixes, and this is asked for each topic.
        if self.prefixes.len() <= topic.len() {
            return self.prefixes.keys().any(|prefix| topic.starts_with(prefix));
        }
        (0..=topic.len()).any(|end| self.prefixes.contains_key(&topic[..end]))
    }

    /// Peers that could get a topic below `root`: they asked for a prefix of
    /// `root.`, or for a longer one that begins with it. Without a root, all.
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

/// What a prefix costs.
pub(super) fn cost(prefix: &[u8]) -> usize {
    prefix.len() + EACH
}

#[cfg(test)]
mod tests;
