//! What is asked of publishers: every prefix that somebody here wants.
//!
//! What may be here: bookkeeping of subscriptions that are passed on, without a
//! socket. They come from outside, so the set is bounded twice over: a long prefix
//! is passed on shortened, and when there are too many, everything is asked for.
//! Both are wider than what was wanted, and the publishing side sorts the rest out.

use std::collections::HashMap;

/// Most prefixes that are passed on one by one. zlog's own publishers keep as many.
const MOST: usize = 10_000;
/// Longest prefix that is passed on whole: a longer one could exceed what a publisher
/// takes, which would hang up on all who listen here.
const LONGEST: usize = 1024;

/// What changes for publishers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// A prefix is wanted from now on.
    Begin(Vec<u8>),
    /// Nobody wants it any more.
    End(Vec<u8>),
}

impl Change {
    /// As it is sent to publishers: 1 or 0, then the prefix.
    pub(super) fn message(&self) -> Vec<u8> {
        let (first, prefix) = match self {
            Change::Begin(prefix) => (1, prefix),
            Change::End(prefix) => (0, prefix),
        };
        let mut message = Vec::with_capacity(prefix.len() + 1);
        message.push(first);
        message.extend_from_slice(prefix);
        message
    }
}

/// The prefixes that are wanted, with how many want each.
#[derive(Default)]
pub(super) struct Wants {
    counts: HashMap<Box<[u8]>, usize>,
    /// Those that came when the set was full; while there are any, everything is asked for.
    beyond: usize,
}

impl Wants {
    /// Takes a message that came up from subscribers: 1 or 0, then a prefix. Anything
    /// else is a stranger's, and ignored.
    pub(super) fn take(&mut self, message: &[u8]) -> Option<Change> {
        match message.split_first() {
            Some((1, prefix)) => self.add(prefix),
            Some((0, prefix)) => self.remove(prefix),
            _ => None,
        }
    }

    /// One more wants `prefix`.
    pub(super) fn add(&mut self, prefix: &[u8]) -> Option<Change> {
        let prefix = &prefix[..prefix.len().min(LONGEST)];
        if let Some(count) = self.counts.get_mut(prefix) {
            *count = count.saturating_add(1);
            return None;
        }
        // Room for the empty one is always kept: it is what `beyond` asks for.
        if self.counts.len() >= MOST && !prefix.is_empty() {
            self.beyond += 1;
            return (self.beyond == 1).then(|| self.add(b"")).flatten();
        }
        self.counts.insert(prefix.into(), 1);
        Some(Change::Begin(prefix.to_vec()))
    }

    /// One less wants `prefix`.
    pub(super) fn remove(&mut self, prefix: &[u8]) -> Option<Change> {
        let prefix = &prefix[..prefix.len().min(LONGEST)];
        let Some(count) = self.counts.get_mut(prefix) else {
            if self.beyond == 0 {
                return None;
            }
            self.beyond -= 1;
            return (self.beyond == 0).then(|| self.remove(b"")).flatten();
        };
        *count -= 1;
        if *count > 0 {
            return None;
        }
        self.counts.remove(prefix);
        Some(Change::End(prefix.to_vec()))
    }

    /// What publishers were asked for.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = &[u8]> {
        self.counts.keys().map(|prefix| &**prefix)
    }

    /// How many different prefixes are wanted.
    pub(super) fn len(&self) -> usize {
        self.counts.len() + self.beyond
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_prefix_is_passed_on_with_its_first_and_its_last() {
        let mut wants = Wants::default();
        assert_eq!(wants.take(b"\x01app"), Some(Change::Begin(b"app".to_vec())));
        assert_eq!(wants.add(b"app"), None);
        assert_eq!(wants.take(b"\x00app"), None);
        assert_eq!(wants.remove(b"app"), Some(Change::End(b"app".to_vec())));
        assert_eq!(wants.take(b"\x00app"), None, "nobody wanted it");
        assert_eq!(wants.len(), 0);
    }

    #[test]
    fn what_is_no_subscription_is_ignored() {
        let mut wants = Wants::default();
        for message in [&b""[..], b"\x02app", b"hello"] {
            assert_eq!(wants.take(message), None);
        }
    }

    #[test]
    fn a_long_prefix_is_passed_on_shortened_and_ended_alike() {
        let mut wants = Wants::default();
        let long = vec![b'a'; 60_000];
        assert_eq!(wants.add(&long), Some(Change::Begin(vec![b'a'; LONGEST])));
        assert_eq!(wants.add(&long[1..]), None, "the same, as far as it is passed on");
        assert_eq!(wants.remove(&long), None);
        assert_eq!(wants.remove(&long[1..]), Some(Change::End(vec![b'a'; LONGEST])));
    }

    #[test]
    fn beyond_the_bound_everything_is_asked_for_until_it_is_not() {
        let mut wants = Wants::default();
        for n in 0..MOST {
            assert!(wants.add(n.to_string().as_bytes()).is_some());
        }
        assert_eq!(wants.add(b"x"), Some(Change::Begin(Vec::new())));
        assert_eq!(wants.add(b"y"), None);
        assert_eq!(wants.remove(b"x"), None);
        assert_eq!(wants.remove(b"y"), Some(Change::End(Vec::new())));
    }

    proptest! {
        /// What publishers were asked for is what somebody wants, no more and no less.
        #[test]
        fn what_is_passed_on_is_what_is_wanted(
            steps in prop::collection::vec((any::<bool>(), "[ab]{0,2}"), 0..60),
        ) {
            let mut wants = Wants::default();
            let mut wanted: Vec<Vec<u8>> = Vec::new();
            let mut asked = std::collections::HashSet::new();
            for (add, prefix) in steps {
                let prefix = prefix.into_bytes();
                let change = match (add, wanted.iter().position(|p| *p == prefix)) {
                    (true, _) => { wanted.push(prefix.clone()); wants.add(&prefix) }
                    (false, at) => {
                        at.map(|at| wanted.remove(at));
                        wants.remove(&prefix)
                    }
                };
                match change {
                    Some(Change::Begin(p)) => prop_assert!(asked.insert(p)),
                    Some(Change::End(p)) => prop_assert!(asked.remove(&p)),
                    None => {}
                }
                let set: std::collections::HashSet<_> = wanted.iter().cloned().collect();
                prop_assert_eq!(&asked, &set);
            }
        }
    }
}
