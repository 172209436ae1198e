//! The subscriptions of all subscribers, within limits.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use super::absent::{OWNER, is_absent};
use crate::protocol::security::{Prefixes, allows};
use crate::{Disconnect, Options};

/// What a subscription takes in addition to its bytes, about.
const OVERHEAD: usize = 64;

/// Most cancels of what a peer has not subscribed to. Well-behaved ones send none, or a few when
/// both cross.
const MAX_BOGUS: u32 = 100;

/// The limits, of [`Options`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    per_peer: usize,
    total: usize,
    rate: (u32, u32),
}

impl Limits {
    pub(crate) fn of(options: &Options) -> Limits {
        Limits {
            per_peer: options.subscription_bytes,
            total: options.subscription_bytes_total,
            rate: options.subscription_rate,
        }
    }
}

struct Peer {
    prefixes: HashSet<Arc<[u8]>>,
    bytes: usize,
    /// Cancels of what it has not subscribed to.
    bogus: u32,
    /// Subscriptions and cancels that it may send now, as of `at`.
    allowance: f64,
    at: Instant,
    /// Beginnings of the topics that it may receive.
    receives: Prefixes,
}

impl Peer {
    fn new(allowance: f64, at: Instant) -> Peer {
        let receives = None;
        Peer { prefixes: HashSet::new(), bytes: 0, bogus: 0, allowance, at, receives }
    }
}

/// A peer that must be disconnected, by its slot.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Offender(pub(crate) usize, pub(crate) Disconnect);

/// The subscriptions of all subscribers, which are numbered by their slots.
///
/// A topic is looked up once for each length that a subscription has, however many there are.
/// Subscriptions to the same prefix by the same subscriber count once, as in libzmq.
pub(crate) struct Subscriptions {
    limits: Limits,
    peers: HashMap<usize, Peer>,
    by_prefix: HashMap<Arc<[u8]>, Vec<usize>>,
    /// Number of prefixes of each length.
    lengths: BTreeMap<usize, usize>,
    bytes: usize,
    generation: u64,
    has_begun: bool,
    /// Prefixes that have their first subscriber, or none any more, since the last call of
    /// [`Subscriptions::take_changes`]; if that is tracked. One that changes back is not in here:
    /// so their number is bounded.
    changed: Option<HashSet<Arc<[u8]>>>,
}

impl Subscriptions {
    pub(crate) fn new(limits: Limits) -> Subscriptions {
        Subscriptions {
            limits,
            peers: HashMap::new(),
            by_prefix: HashMap::new(),
            lengths: BTreeMap::new(),
            bytes: 0,
            generation: 0,
            has_begun: false,
            changed: None,
        }
    }

    /// Subscribes a peer to a prefix, or cancels that.
    ///
    /// # Errors
    /// A limit is exceeded. The offender may be another peer.
    pub(crate) fn apply(
        &mut self,
        peer: usize,
        subscribe: bool,
        prefix: &[u8],
        now: Instant,
    ) -> Result<(), Offender> {
        let (burst, per_second) = self.limits.rate;
        let known = self.known(peer, now);
        let elapsed = now.saturating_duration_since(known.at).as_secs_f64();
        known.at = now;
        known.allowance = f64::from(burst).min(known.allowance + elapsed * f64::from(per_second));
        if known.allowance < 1.0 {
            return Err(Offender(peer, Disconnect::SubscriptionRate));
        }
        known.allowance -= 1.0;
        if subscribe {
            self.add(peer, prefix)
        } else {
            self.cancel(peer, prefix)
        };
        self.check(peer)
    }

    fn known(&mut self, peer: usize, now: Instant) -> &mut Peer {
        let burst = self.limits.rate.0;
        self.peers.entry(peer).or_insert_with(|| Peer::new(burst.into(), now))
    }

    /// Limits what a peer receives, whatever it subscribes to.
    pub(crate) fn restrict(&mut self, peer: usize, receives: Prefixes) {
        let known = self.known(peer, Instant::now());
        if known.receives != receives {
            known.receives = receives;
            self.generation += 1;
        }
    }

    /// From now on, keeps changes for [`Subscriptions::take_changes`].
    pub(crate) fn track_changes(&mut self) {
        self.changed = Some(HashSet::new());
    }

    /// The prefixes that have gained their first subscriber (`true`) or lost their last one since
    /// the last call.
    pub(crate) fn take_changes(&mut self) -> Vec<(bool, Arc<[u8]>)> {
        let changed = self.changed.as_mut().map(std::mem::take).unwrap_or_default();
        changed.into_iter().map(|prefix| (self.has_prefix(&prefix), prefix)).collect()
    }

    fn note_change(&mut self, prefix: &Arc<[u8]>) {
        if let Some(changed) = &mut self.changed
            && !changed.remove(prefix)
        {
            changed.insert(Arc::clone(prefix));
        }
    }

    /// Subscribes the owner to a prefix, or cancels that. No limits apply.
    pub(crate) fn apply_own(&mut self, subscribe: bool, prefix: &[u8], now: Instant) {
        self.peers.entry(OWNER).or_insert_with(|| Peer::new(0.0, now));
        match subscribe {
            true => self.add(OWNER, prefix),
            false => self.cancel(OWNER, prefix),
        }
    }

    fn add(&mut self, peer: usize, prefix: &[u8]) {
        let Some(known) = self.peers.get_mut(&peer) else { return };
        if known.prefixes.contains(prefix) {
            return;
        }
        let shared = self.by_prefix.get_key_value(prefix).map(|(prefix, _)| Arc::clone(prefix));
        let prefix = shared.unwrap_or_else(|| prefix.into());
        let cost = prefix.len() + OVERHEAD;
        known.bytes += cost;
        self.bytes += cost;
        known.prefixes.insert(Arc::clone(&prefix));
        let peers = self.by_prefix.entry(Arc::clone(&prefix)).or_default();
        peers.push(peer);
        if peers.len() == 1 {
            *self.lengths.entry(prefix.len()).or_default() += 1;
            self.note_change(&prefix);
        }
        self.generation += 1;
        self.has_begun = true;
    }

    fn cancel(&mut self, peer: usize, prefix: &[u8]) {
        let Some(known) = self.peers.get_mut(&peer) else { return };
        if let Some(prefix) = known.prefixes.take(prefix) {
            known.bytes -= prefix.len() + OVERHEAD;
            self.forget(peer, &prefix);
        } else {
            known.bogus += 1;
        }
    }

    fn forget(&mut self, peer: usize, prefix: &Arc<[u8]>) {
        self.bytes -= prefix.len() + OVERHEAD;
        self.generation += 1;
        let Some(peers) = self.by_prefix.get_mut(prefix) else { return };
        peers.retain(|other| *other != peer);
        if peers.is_empty() {
            self.by_prefix.remove(prefix);
            if let Some(count) = self.lengths.get_mut(&prefix.len()) {
                *count -= 1;
                if *count == 0 {
                    self.lengths.remove(&prefix.len());
                }
            }
            self.note_change(prefix);
        }
    }

    fn check(&self, peer: usize) -> Result<(), Offender> {
        if self.peers.get(&peer).is_some_and(|peer| peer.bogus > MAX_BOGUS) {
            return Err(Offender(peer, Disconnect::BogusCancels));
        }
        let bytes = |peer: &Peer| peer.bytes;
        if self.peers.get(&peer).map_or(0, bytes) > self.limits.per_peer {
            return Err(Offender(peer, Disconnect::TooManySubscriptions));
        }
        if self.bytes > self.limits.total {
            let peers = self.peers.iter().filter(|(number, _)| **number != OWNER);
            let largest = peers.max_by_key(|(_, peer)| bytes(peer));
            let largest = largest.map_or(peer, |(peer, _)| *peer);
            return Err(Offender(largest, Disconnect::TooManySubscriptions));
        }
        Ok(())
    }

    /// Removes a peer that is gone.
    pub(crate) fn remove(&mut self, peer: usize) {
        self.cancel_all(peer);
        self.peers.remove(&peer);
    }

    /// Cancels all subscriptions of a peer, whose limits stay.
    pub(crate) fn cancel_all(&mut self, peer: usize) {
        let Some(known) = self.peers.get_mut(&peer) else { return };
        known.bytes = 0;
        for prefix in std::mem::take(&mut known.prefixes) {
            self.forget(peer, &prefix);
        }
    }

    /// Whether anybody has ever subscribed to anything, the owner included.
    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Whether any peer has subscribed to exactly this prefix.
    pub(crate) fn has_prefix(&self, prefix: &[u8]) -> bool {
        self.by_prefix.contains_key(prefix)
    }

    /// Whether a peer has no subscriptions.
    pub(crate) fn has_none(&self, peer: usize) -> bool {
        self.peers.get(&peer).is_none_or(|peer| peer.prefixes.is_empty())
    }

    /// Whether a peer has no subscriptions, or this one.
    pub(crate) fn has_none_but(&self, peer: usize, prefix: Option<&[u8]>) -> bool {
        let Some(peer) = self.peers.get(&peer) else { return true };
        peer.prefixes.is_empty() || prefix.is_some_and(|prefix| peer.prefixes.contains(prefix))
    }

    /// Moves the subscriptions of a peer to another number, but not the one to `except`.
    pub(crate) fn renumber(&mut self, from: usize, to: usize, except: Option<&[u8]>) {
        let Some(mut peer) = self.peers.remove(&from) else { return };
        peer.bogus = 0;
        let except = except.filter(|prefix| peer.prefixes.contains(*prefix));
        for prefix in &peer.prefixes {
            for number in self.by_prefix.get_mut(prefix).into_iter().flatten() {
                if *number == from {
                    *number = to;
                }
            }
        }
        self.generation += 1;
        self.peers.insert(to, peer);
        if let Some(except) = except {
            self.cancel(to, except);
        }
    }

    /// Changes whenever the answer of another method may change.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Sets `found` to the peers that receive a topic, each once. Prefixes shorter than `shortest`,
    /// which is at most the length of the topic, are left out.
    pub(crate) fn find(&self, topic: &[u8], shortest: usize, found: &mut Vec<usize>) {
        found.clear();
        for (length, _) in self.lengths.range(shortest..=topic.len()) {
            found.extend(self.by_prefix.get(&topic[..*length]).into_iter().flatten());
        }
        found.sort_unstable();
        found.dedup();
        found.retain(|peer| self.may_receive(*peer, topic));
    }

    fn may_receive(&self, peer: usize, topic: &[u8]) -> bool {
        self.peers.get(&peer).is_none_or(|peer| allows(&peer.receives, topic))
    }

    /// Whether any peer receives a topic.
    pub(crate) fn has(&self, topic: &[u8]) -> bool {
        let mut lengths = self.lengths.range(..=topic.len());
        let mut peers = |(length, _): (&usize, _)| {
            let peers = self.by_prefix.get(&topic[..*length]).into_iter().flatten();
            peers.copied().any(|peer| self.may_receive(peer, topic))
        };
        lengths.any(&mut peers)
    }

    /// Number of peers that could receive a topic that begins with `root`, without those that are
    /// absent. The owner counts, if it has subscribed.
    pub(crate) fn peers_below(&self, root: &[u8]) -> usize {
        let fits = |prefix: &Arc<[u8]>| prefix.starts_with(root) || root.starts_with(prefix);
        let here = self.peers.iter().filter(|(number, _)| !is_absent(**number));
        let may_read = |peer: &Peer| {
            let overlaps = |it: &[u8]| it.starts_with(root) || root.starts_with(it);
            peer.receives.as_ref().is_none_or(|all| all.iter().any(|prefix| overlaps(prefix)))
        };
        here.filter(|(_, peer)| may_read(peer) && peer.prefixes.iter().any(fits)).count()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limits() -> Limits {
        Limits::of(&Options { subscription_rate: (1000, 1), ..Options::publisher() })
    }

    /// A prefix of few different ones, so that they overlap.
    fn prefix() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(0..2u8, 0..4)
    }

    #[test]
    fn a_peer_that_often_comes_back_has_cancelled_nothing() {
        let mut subscriptions = Subscriptions::new(limits());
        let now = Instant::now();
        subscriptions.apply(0, true, b"app", now).unwrap();
        for peer in 0..200 {
            subscriptions.renumber(peer, peer + 1, Some(b"the end"));
            subscriptions.apply(peer + 1, true, b"app", now).unwrap();
        }
        assert!(subscriptions.has(b"app.INFO"));
    }

    proptest! {
        #[test]
        fn a_topic_finds_exactly_the_peers_with_a_prefix_of_it(
            changes in proptest::collection::vec((0..4usize, any::<bool>(), prefix()), 0..60),
            gone in 0..8usize,
            topic in proptest::collection::vec(0..2u8, 0..6),
        ) {
            let mut subscriptions = Subscriptions::new(limits());
            let mut model: HashSet<(usize, Vec<u8>)> = HashSet::new();
            let now = Instant::now();
            for (peer, subscribe, prefix) in changes {
                subscriptions.apply(peer, subscribe, &prefix, now).unwrap();
                let _ = match subscribe {
                    true => model.insert((peer, prefix)),
                    false => model.remove(&(peer, prefix)),
                };
            }
            subscriptions.remove(gone);
            model.retain(|(peer, _)| *peer != gone);
            let mut expected: Vec<usize> = model.iter()
                .filter(|(_, prefix)| topic.starts_with(prefix)).map(|(peer, _)| *peer).collect();
            expected.sort_unstable();
            expected.dedup();
            let mut found = Vec::new();
            subscriptions.find(&topic, 0, &mut found);
            prop_assert_eq!(&found, &expected);
            prop_assert_eq!(subscriptions.has(&topic), !expected.is_empty());
            let bytes: usize = model.iter().map(|(_, prefix)| prefix.len() + OVERHEAD).sum();
            prop_assert_eq!(subscriptions.bytes, bytes);
        }
    }

    #[test]
    fn a_peer_receives_only_what_it_may_whatever_it_subscribes_to() {
        let mut subscriptions = Subscriptions::new(limits());
        let (now, mut found) = (Instant::now(), Vec::new());
        let prefixes = |all: &[&str]| Some(all.iter().map(|it| it.as_bytes().into()).collect());
        subscriptions.restrict(1, prefixes(&["app.ERROR", "db."]));
        for (peer, prefix) in [(1, &b""[..]), (1, b"app"), (2, b"app.")] {
            subscriptions.apply(peer, true, prefix, now).unwrap();
        }
        for (topic, peers) in
            [(&b"app.ERROR.x"[..], &[1, 2][..]), (b"app.INFO", &[2]), (b"db.INFO", &[1])]
        {
            subscriptions.find(topic, 0, &mut found);
            assert_eq!(found, peers, "{topic:?}");
        }
        assert!(subscriptions.has(b"db.INFO") && !subscriptions.has(b"web.INFO"));
        assert_eq!(
            [&b"app."[..], b"db.", b"web."].map(|it| subscriptions.peers_below(it)),
            [2, 1, 0]
        );
        subscriptions.renumber(1, 7, None);
        subscriptions.find(b"app.INFO", 0, &mut found);
        assert_eq!(found, [2], "rights move with the peer");
        subscriptions.restrict(7, None);
        subscriptions.find(b"app.INFO", 0, &mut found);
        assert_eq!(found, [2, 7]);
    }

    #[test]
    fn a_peer_with_too_many_subscriptions_offends_and_the_largest_if_all_have_too_many() {
        let options = Options {
            subscription_bytes: 10 * (OVERHEAD + 2),
            subscription_bytes_total: 15 * (OVERHEAD + 2),
            ..Options::publisher()
        };
        let now = Instant::now();
        let mut subscriptions = Subscriptions::new(Limits::of(&options));
        let mut subscribe = |peer, n: u16| {
            (0..n).find_map(|n| subscriptions.apply(peer, true, &n.to_be_bytes(), now).err())
        };
        assert_eq!(subscribe(1, 10), None);
        assert_eq!(subscribe(2, 6), Some(Offender(1, Disconnect::TooManySubscriptions)));
        assert_eq!(subscribe(1, 11), Some(Offender(1, Disconnect::TooManySubscriptions)));
    }

    #[test]
    fn a_peer_that_subscribes_and_cancels_endlessly_offends_and_a_pause_helps() {
        let options = Options { subscription_rate: (10, 1), ..Options::publisher() };
        let mut subscriptions = Subscriptions::new(Limits::of(&options));
        let now = Instant::now();
        let flood = |subscriptions: &mut Subscriptions, at| {
            (0..).find(|n| subscriptions.apply(1, n % 2 == 0, b"x", at).is_err())
        };
        assert_eq!(flood(&mut subscriptions, now), Some(10));
        let later = now + std::time::Duration::from_secs(3);
        assert_eq!(flood(&mut subscriptions, later), Some(3));
    }
}
