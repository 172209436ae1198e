//! Decides which subscriptions a relay sends to its publishers.
//!
//! The subscriptions come from outside, and a publisher disconnects a peer that exceeds its
//! limits, which would cut off all subscribers of the relay. So the relay keeps within the
//! limits of zlog's publishers ([`MAX_PEER_COST`]): beyond them it
//! subscribes to everything instead, and cancels unused prefixes later. The publishing side
//! filters the surplus.

use std::collections::HashMap;
use std::time::Instant;

use super::options::MAX_PEER_COST;
use super::rate_limit::RateLimit;

/// Cost of a prefix in addition to its bytes, about what it takes here. libzmq needs 48 bytes
/// of memory for each byte of a prefix that is not shared with another one.
const PREFIX_OVERHEAD: usize = 64;
/// Limit on the total cost of the prefixes sent, with room left for the empty one.
const MAX_COST: usize = MAX_PEER_COST - 1024;
/// Longest prefix sent.
const MAX_PREFIX_LEN: usize = 1024;
/// Limit on messages to publishers: half of what zlog's accept.
const RATE: (u64, u64) = (25_000, 500);

/// A prefix that gained its first subscriber, or lost its last one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PrefixChange<'m> {
    Added(&'m [u8]),
    Removed(&'m [u8]),
}

/// Cost of a prefix.
pub(super) fn cost(prefix: &[u8]) -> usize {
    prefix.len() + PREFIX_OVERHEAD
}

/// The subscriptions sent to publishers.
pub(super) struct UpstreamSubscriptions {
    /// The prefixes sent, and whether each is still wanted.
    sent: HashMap<Box<[u8]>, bool>,
    cost: usize,
    /// How many of them are no longer wanted and not cancelled yet.
    unwanted: usize,
    /// Wanted prefixes that were not sent: everything is subscribed to instead.
    not_sent: usize,
    /// Whether the empty prefix is wanted by itself, and whether it was sent.
    all_wanted: bool,
    all_sent: bool,
    rate: RateLimit,
}

impl UpstreamSubscriptions {
    pub(super) fn new(now: Instant) -> UpstreamSubscriptions {
        UpstreamSubscriptions {
            sent: HashMap::new(),
            cost: 0,
            unwanted: 0,
            not_sent: 0,
            all_wanted: false,
            all_sent: false,
            rate: RateLimit::new(RATE, now),
        }
    }

    /// Notes a prefix that is wanted from now on, or not any more. Returns the message to
    /// send to publishers, if any: 1 or 0, then a prefix.
    pub(super) fn note(&mut self, change: PrefixChange<'_>, now: Instant) -> Option<Vec<u8>> {
        match change {
            PrefixChange::Added(b"") => self.all_wanted = true,
            PrefixChange::Removed(b"") => self.all_wanted = false,
            PrefixChange::Added(prefix) => return self.add(prefix, now),
            PrefixChange::Removed(prefix) => return self.remove(prefix, now),
        }
        self.update_all(now)
    }

    fn add(&mut self, prefix: &[u8], now: Instant) -> Option<Vec<u8>> {
        if let Some(wanted) = self.sent.get_mut(prefix) {
            *wanted = true;
            self.unwanted -= 1;
            return None;
        }
        let fits = prefix.len() <= MAX_PREFIX_LEN && self.cost + cost(prefix) <= MAX_COST;
        if !fits || !self.rate.is_within(now) {
            self.not_sent += 1;
            return self.update_all(now);
        }
        self.cost += cost(prefix);
        self.sent.insert(prefix.into(), true);
        Some(self.message(1, prefix))
    }

    fn remove(&mut self, prefix: &[u8], now: Instant) -> Option<Vec<u8>> {
        let Some(wanted) = self.sent.get_mut(prefix) else {
            self.not_sent -= 1;
            return self.update_all(now);
        };
        if !self.rate.is_within(now) {
            *wanted = false;
            self.unwanted += 1;
            return None;
        }
        self.sent.remove(prefix);
        self.cost -= cost(prefix);
        Some(self.message(0, prefix))
    }

    /// Subscribes to everything, or cancels that, as needed.
    fn update_all(&mut self, now: Instant) -> Option<Vec<u8>> {
        let wanted = self.all_wanted || self.not_sent > 0;
        if wanted == self.all_sent || (!wanted && !self.rate.is_within(now)) {
            return None;
        }
        self.all_sent = wanted;
        Some(self.message(wanted.into(), b""))
    }

    /// The next deferred cancel, once the rate limit allows it.
    pub(super) fn next_deferred(&mut self, now: Instant) -> Option<Vec<u8>> {
        if let Some(message) = self.update_all(now) {
            return Some(message);
        }
        if self.unwanted == 0 || !self.rate.is_within(now) {
            return None;
        }
        let prefix = self.sent.iter().find(|(_, wanted)| !**wanted)?.0.clone();
        self.unwanted -= 1;
        self.sent.remove(&prefix);
        self.cost -= cost(&prefix);
        Some(self.message(0, &prefix))
    }

    fn message(&mut self, first: u8, prefix: &[u8]) -> Vec<u8> {
        self.rate.count();
        [&[first], prefix].concat()
    }

    /// The prefixes sent and not cancelled.
    pub(super) fn sent(&self) -> impl Iterator<Item = &[u8]> {
        let all: Option<&[u8]> = self.all_sent.then_some(b"");
        all.into_iter().chain(self.sent.keys().map(|prefix| &**prefix))
    }

    /// Number of different prefixes wanted.
    pub(super) fn len(&self) -> usize {
        self.sent.len() - self.unwanted + self.not_sent + usize::from(self.all_wanted)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::*;
    use proptest::prelude::*;

    fn message(first: u8, prefix: &[u8]) -> Option<Vec<u8>> {
        Some([&[first], prefix].concat())
    }

    #[test]
    fn a_prefix_that_is_too_long_is_replaced_by_everything() {
        let now = Instant::now();
        let mut upstream = UpstreamSubscriptions::new(now);
        let long = vec![b'a'; MAX_PREFIX_LEN + 1];
        assert_eq!(upstream.note(PrefixChange::Added(&long), now), message(1, b""));
        assert_eq!(upstream.note(PrefixChange::Added(b""), now), None);
        assert_eq!(upstream.note(PrefixChange::Removed(&long), now), None);
        assert_eq!(upstream.len(), 1);
        assert_eq!(upstream.note(PrefixChange::Removed(b""), now), message(0, b""));
        assert_eq!(upstream.len(), 0);
    }

    #[test]
    fn the_total_stays_within_what_a_publisher_accepts_from_one_peer() {
        let now = Instant::now();
        let mut upstream = UpstreamSubscriptions::new(now);
        let prefix = |n: usize| format!("{n:0>1000}").into_bytes();
        let mut sum = 0;
        let mut n = 0;
        while upstream.note(PrefixChange::Added(&prefix(n)), now) != message(1, b"") {
            sum += cost(&prefix(n));
            n += 1;
        }
        assert!(sum + cost(b"") <= MAX_PEER_COST && n > 900, "{n}: {sum}");
        assert_eq!(upstream.note(PrefixChange::Removed(&prefix(n)), now), message(0, b""));
    }

    #[test]
    fn a_subscriber_that_comes_and_goes_endlessly_does_not_make_the_relay_do_so() {
        let start = Instant::now();
        let mut upstream = UpstreamSubscriptions::new(start);
        let mut sent = 0;
        for _ in 0..2 * RATE.0 {
            sent += u64::from(upstream.note(PrefixChange::Added(b"a"), start).is_some());
            sent += u64::from(upstream.note(PrefixChange::Removed(b"a"), start).is_some());
        }
        assert!(sent <= RATE.0 + 1, "{sent}");
        assert_eq!(upstream.len(), 0);
        assert_eq!(upstream.next_deferred(start), None);
        // Within a second, unused prefixes are cancelled.
        let later = start + Duration::from_secs(1);
        while upstream.next_deferred(later).is_some() {}
        assert!(upstream.sent.is_empty() && !upstream.all_sent);
    }

    proptest! {
        /// Wanted prefixes are always covered, and in the end nothing else is subscribed to.
        #[test]
        fn what_is_asked_for_covers_what_is_wanted(
            steps in prop::collection::vec((any::<bool>(), "[ab]{0,2}"), 0..60),
            at_once in 0u64..20,
        ) {
            let start = Instant::now();
            let mut upstream = UpstreamSubscriptions::new(start);
            upstream.rate = RateLimit::new((at_once, 1000), start);
            let mut wanted: HashSet<Vec<u8>> = HashSet::new();
            let mut sent: HashSet<Vec<u8>> = HashSet::new();
            let apply = |message: Option<Vec<u8>>, sent: &mut HashSet<Vec<u8>>| {
                match message.as_deref().and_then(<[u8]>::split_first) {
                    Some((1, prefix)) => sent.insert(prefix.to_vec()),
                    Some((_, prefix)) => sent.remove(prefix),
                    None => true,
                }
            };
            for (add, prefix) in steps {
                let prefix = prefix.into_bytes();
                let message = match add {
                    true if wanted.insert(prefix.clone()) => upstream.note(PrefixChange::Added(&prefix), start),
                    false if wanted.remove(&prefix) => upstream.note(PrefixChange::Removed(&prefix), start),
                    _ => None,
                };
                prop_assert!(apply(message, &mut sent), "sent twice, or cancelled twice");
                prop_assert!(sent.contains(&b""[..]) || wanted.is_subset(&sent));
                prop_assert_eq!(upstream.len(), wanted.len());
            }
            let later = start + Duration::from_secs(1);
            while let Some(message) = upstream.next_deferred(later) {
                prop_assert!(apply(Some(message), &mut sent));
            }
            let everything = upstream.not_sent > 0 && sent.contains(&b""[..]);
            prop_assert!(sent == wanted || everything);
        }
    }
}
