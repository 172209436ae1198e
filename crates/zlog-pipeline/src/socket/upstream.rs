//! What a relay asks of its publishers: what somebody here has subscribed to.
//!
//! What may be here: which subscriptions are passed on, without a socket. They come from
//! outside, and a publisher ends a peer that asks for too much, which would cost all who
//! listen here. So what is passed on keeps to what zlog's publishers allow one peer
//! (`subscriptions`): where it would not, everything is asked for, and what nobody wants
//! any more is cancelled later. Both are more than was wanted, and the publishing side
//! sorts the rest out.

use std::collections::HashMap;
use std::time::Instant;

use super::rate_limit::RateLimit;
use super::subscriptions::{Edge, MOST_OF_PEER, cost};

/// The most that the prefixes cost that are passed on one by one. There is room left for
/// the empty one.
const MOST: usize = MOST_OF_PEER - 1024;
/// Longest prefix that is passed on.
const LONGEST: usize = 1024;
/// Messages to publishers, at once and a second: half of what zlog's take.
const RATE: (u64, u64) = (25_000, 500);

/// What publishers have been asked for.
pub(super) struct UpstreamSubscriptions {
    /// Prefixes that were passed on, and whether they are still wanted.
    asked: HashMap<Box<[u8]>, bool>,
    cost: usize,
    /// Those of them that are not wanted any more, and not cancelled yet.
    unwanted: usize,
    /// Prefixes that are wanted and were not passed on: everything is asked for instead.
    left_out: usize,
    /// Whether everything is wanted, and whether it has been asked for.
    all_wanted: bool,
    all_asked: bool,
    rate: RateLimit,
}

impl UpstreamSubscriptions {
    pub(super) fn new(now: Instant) -> UpstreamSubscriptions {
        UpstreamSubscriptions {
            asked: HashMap::new(),
            cost: 0,
            unwanted: 0,
            left_out: 0,
            all_wanted: false,
            all_asked: false,
            rate: RateLimit::new(RATE, now),
        }
    }

    /// Takes note of a prefix that is wanted from now on, or not any more. Returns the
    /// message for publishers: 1 or 0, then a prefix.
    pub(super) fn note(&mut self, edge: Edge<'_>, now: Instant) -> Option<Vec<u8>> {
        match edge {
            Edge::First(b"") => self.all_wanted = true,
            Edge::Last(b"") => self.all_wanted = false,
            Edge::First(prefix) => return self.begin(prefix, now),
            Edge::Last(prefix) => return self.end(prefix, now),
        }
        self.update_all(now)
    }

    fn begin(&mut self, prefix: &[u8], now: Instant) -> Option<Vec<u8>> {
        if let Some(wanted) = self.asked.get_mut(prefix) {
            *wanted = true;
            self.unwanted -= 1;
            return None;
        }
        let fits = prefix.len() <= LONGEST && self.cost + cost(prefix) <= MOST;
        if !fits || !self.rate.is_within(now) {
            self.left_out += 1;
            return self.update_all(now);
        }
        self.cost += cost(prefix);
        self.asked.insert(prefix.into(), true);
        Some(self.message(1, prefix))
    }

    fn end(&mut self, prefix: &[u8], now: Instant) -> Option<Vec<u8>> {
        let Some(wanted) = self.asked.get_mut(prefix) else {
            self.left_out -= 1;
            return self.update_all(now);
        };
        if !self.rate.is_within(now) {
            *wanted = false;
            self.unwanted += 1;
            return None;
        }
        self.asked.remove(prefix);
        self.cost -= cost(prefix);
        Some(self.message(0, prefix))
    }

    /// Asks for everything, or not any more.
    fn update_all(&mut self, now: Instant) -> Option<Vec<u8>> {
        let wanted = self.all_wanted || self.left_out > 0;
        if wanted == self.all_asked || (!wanted && !self.rate.is_within(now)) {
            return None;
        }
        self.all_asked = wanted;
        Some(self.message(wanted.into(), b""))
    }

    /// The next cancel that was put off, if there may be one by now.
    pub(super) fn next_deferred(&mut self, now: Instant) -> Option<Vec<u8>> {
        if let Some(message) = self.update_all(now) {
            return Some(message);
        }
        if self.unwanted == 0 || !self.rate.is_within(now) {
            return None;
        }
        let prefix = self.asked.iter().find(|(_, wanted)| !**wanted)?.0.clone();
        self.unwanted -= 1;
        self.asked.remove(&prefix);
        self.cost -= cost(&prefix);
        Some(self.message(0, &prefix))
    }

    fn message(&mut self, first: u8, prefix: &[u8]) -> Vec<u8> {
        self.rate.count();
        [&[first], prefix].concat()
    }

    /// What publishers have been asked for and was not cancelled.
    pub(super) fn asked(&self) -> impl Iterator<Item = &[u8]> {
        let all: Option<&[u8]> = self.all_asked.then_some(b"");
        all.into_iter().chain(self.asked.keys().map(|prefix| &**prefix))
    }

    /// How many different prefixes are wanted.
    pub(super) fn len(&self) -> usize {
        self.asked.len() - self.unwanted + self.left_out + usize::from(self.all_wanted)
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
    fn a_prefix_that_is_too_long_is_asked_for_as_everything() {
        let now = Instant::now();
        let mut upstream = UpstreamSubscriptions::new(now);
        let long = vec![b'a'; LONGEST + 1];
        assert_eq!(upstream.note(Edge::First(&long), now), message(1, b""));
        assert_eq!(upstream.note(Edge::First(b""), now), None);
        assert_eq!(upstream.note(Edge::Last(&long), now), None);
        assert_eq!(upstream.len(), 1);
        assert_eq!(upstream.note(Edge::Last(b""), now), message(0, b""));
        assert_eq!(upstream.len(), 0);
    }

    #[test]
    fn what_is_asked_for_stays_within_what_a_publisher_takes_from_a_peer() {
        let now = Instant::now();
        let mut upstream = UpstreamSubscriptions::new(now);
        let prefix = |n: usize| format!("{n:0>1000}").into_bytes();
        let mut sum = 0;
        let mut n = 0;
        while upstream.note(Edge::First(&prefix(n)), now) != message(1, b"") {
            sum += cost(&prefix(n));
            n += 1;
        }
        assert!(sum + cost(b"") <= MOST_OF_PEER && n > 900, "{n}: {sum}");
        assert_eq!(upstream.note(Edge::Last(&prefix(n)), now), message(0, b""));
    }

    #[test]
    fn whoever_comes_and_goes_without_end_does_not_make_a_relay_do_so() {
        let start = Instant::now();
        let mut upstream = UpstreamSubscriptions::new(start);
        let mut sent = 0;
        for _ in 0..2 * RATE.0 {
            sent += u64::from(upstream.note(Edge::First(b"a"), start).is_some());
            sent += u64::from(upstream.note(Edge::Last(b"a"), start).is_some());
        }
        assert!(sent <= RATE.0 + 1, "{sent}");
        assert_eq!(upstream.len(), 0);
        assert_eq!(upstream.next_deferred(start), None);
        // Within a second, what nobody wants is cancelled.
        let later = start + Duration::from_secs(1);
        while upstream.next_deferred(later).is_some() {}
        assert!(upstream.asked.is_empty() && !upstream.all_asked);
    }

    proptest! {
        /// Whatever is wanted is asked for, and in the end nothing else is.
        #[test]
        fn what_is_asked_for_covers_what_is_wanted(
            steps in prop::collection::vec((any::<bool>(), "[ab]{0,2}"), 0..60),
            at_once in 0u64..20,
        ) {
            let start = Instant::now();
            let mut upstream = UpstreamSubscriptions::new(start);
            upstream.rate = RateLimit::new((at_once, 1000), start);
            let mut wanted: HashSet<Vec<u8>> = HashSet::new();
            let mut asked: HashSet<Vec<u8>> = HashSet::new();
            let apply = |message: Option<Vec<u8>>, asked: &mut HashSet<Vec<u8>>| {
                match message.as_deref().and_then(<[u8]>::split_first) {
                    Some((1, prefix)) => asked.insert(prefix.to_vec()),
                    Some((_, prefix)) => asked.remove(prefix),
                    None => true,
                }
            };
            for (add, prefix) in steps {
                let prefix = prefix.into_bytes();
                let message = match add {
                    true if wanted.insert(prefix.clone()) => upstream.note(Edge::First(&prefix), start),
                    false if wanted.remove(&prefix) => upstream.note(Edge::Last(&prefix), start),
                    _ => None,
                };
                prop_assert!(apply(message, &mut asked), "asked for twice, or cancelled twice");
                prop_assert!(asked.contains(&b""[..]) || wanted.is_subset(&asked));
                prop_assert_eq!(upstream.len(), wanted.len());
            }
            let later = start + Duration::from_secs(1);
            while let Some(message) = upstream.next_deferred(later) {
                prop_assert!(apply(Some(message), &mut asked));
            }
            let everything = upstream.left_out > 0 && asked.contains(&b""[..]);
            prop_assert!(asked == wanted || everything);
        }
    }
}
