//! What subscribers have asked for: the set of topic prefixes, bounded.
//!
//! What may be here: bookkeeping of subscription messages, without a socket. Whose
//! they are is `subscribers`'s.

use std::collections::HashMap;

/// Most prefixes that are kept, and most bytes of them. Subscriptions come from
/// outside, and one peer can send any number.
const MOST: usize = 10_000;
const MOST_BYTES: usize = 4 << 20;

/// The prefixes that at least one peer has asked for, with how many did.
#[derive(Default)]
pub(super) struct Subscriptions {
    counts: HashMap<Box<[u8]>, usize>,
    bytes: usize,
    /// Subscriptions that came when the set was full.
    beyond: u64,
    generation: u64,
}

impl Subscriptions {
    /// Takes a message that came up from a subscriber: 1 or 0, then a prefix.
    /// Anything else is a stranger's, and ignored.
    ///
    /// `connections` bounds how often a prefix is counted: a peer that connects
    /// again repeats its subscriptions without having ended the old ones.
    pub(super) fn take(&mut self, message: &[u8], connections: usize) {
        match message.split_first() {
            Some((1, prefix)) => self.add(prefix, connections.max(1)),
            Some((0, prefix)) => self.remove(prefix),
            _ => {}
        }
    }

    fn add(&mut self, prefix: &[u8], most: usize) {
        if let Some(count) = self.counts.get_mut(prefix) {
            *count = count.saturating_add(1).min(most);
            return;
        }
        self.generation += 1;
        if self.counts.len() >= MOST || self.bytes + prefix.len() > MOST_BYTES {
            self.beyond += 1;
            return;
        }
        self.bytes += prefix.len();
        self.counts.insert(prefix.into(), 1);
    }

    fn remove(&mut self, prefix: &[u8]) {
        let Some(count) = self.counts.get_mut(prefix) else {
            if self.beyond > 0 {
                self.beyond -= 1;
                self.generation += 1;
            }
            return;
        };
        *count -= 1;
        if *count == 0 {
            self.counts.remove(prefix);
            self.bytes -= prefix.len();
            self.generation += 1;
        }
    }

    /// Forgets everything: the last connection has gone.
    pub(super) fn clear(&mut self) {
        if !self.counts.is_empty() || self.beyond > 0 {
            let generation = self.generation + 1;
            *self = Subscriptions { generation, ..Subscriptions::default() };
        }
    }

    /// Changes whenever the answer of [`Subscriptions::heard`] may.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether anybody asked for `topic`. Where the set was full: yes, to be safe.
    pub(super) fn heard(&self, topic: &[u8]) -> bool {
        self.beyond > 0 || self.counts.keys().any(|prefix| topic.starts_with(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with(messages: &[&[u8]], peers: usize) -> Subscriptions {
        let mut subscriptions = Subscriptions::default();
        for message in messages {
            subscriptions.take(message, peers);
        }
        subscriptions
    }

    #[test]
    fn a_topic_is_heard_while_somebody_wants_a_prefix_of_it() {
        let mut set = with(&[b"\x01app.ERROR"], 1);
        assert!(set.heard(b"app.ERROR.db") && set.heard(b"app.ERRORS"));
        assert!(!set.heard(b"app.INFO") && !set.heard(b"app"));
        set.take(b"\x00app.ERROR", 1);
        assert!(!set.heard(b"app.ERROR.db"));
    }

    #[test]
    fn two_who_want_the_same_are_counted_and_one_may_leave() {
        let mut set = with(&[b"\x01", b"\x01"], 2);
        set.take(b"\x00", 1);
        assert!(set.heard(b"app"));
        set.take(b"\x00", 0);
        assert!(!set.heard(b"app"));
    }

    #[test]
    fn a_peer_that_repeats_itself_is_counted_once() {
        let mut set = with(&[b"\x01a", b"\x01a", b"\x01a"], 1);
        set.take(b"\x00a", 0);
        assert!(!set.heard(b"a"));
    }

    #[test]
    fn what_is_no_subscription_is_ignored() {
        let set = with(&[b"", b"\x02app", b"hello", b"\x00never"], 1);
        assert_eq!((set.counts.len(), set.generation()), (0, 0));
    }

    #[test]
    fn the_set_is_bounded_and_beyond_it_everything_counts_as_heard() {
        let mut set = Subscriptions::default();
        for n in 0..=MOST {
            set.take(format!("\x01{n}").as_bytes(), 1);
        }
        assert_eq!(set.counts.len(), MOST);
        assert!(set.heard(b"anything"));
        set.take(format!("\x00{MOST}").as_bytes(), 1);
        assert!(!set.heard(b"anything"));

        let mut set = Subscriptions::default();
        set.take(&vec![1; MOST_BYTES + 2], 1);
        assert_eq!((set.counts.len(), set.bytes), (0, 0));
    }

    proptest! {
        /// Whatever comes, the set answers as a plain list of what was asked for does.
        #[test]
        fn it_answers_as_a_plain_list_would(
            steps in prop::collection::vec((any::<bool>(), "[ab]{0,3}"), 0..60),
            topic in "[ab]{0,4}",
        ) {
            let mut set = Subscriptions::default();
            let mut list: Vec<String> = Vec::new();
            for (add, prefix) in steps {
                if add {
                    list.push(prefix.clone());
                } else if let Some(at) = list.iter().position(|p| *p == prefix) {
                    list.remove(at);
                }
                let message = format!("{}{prefix}", if add { '\x01' } else { '\x00' });
                set.take(message.as_bytes(), usize::MAX);
            }
            prop_assert_eq!(
                set.heard(topic.as_bytes()),
                list.iter().any(|p| topic.starts_with(p.as_str()))
            );
            prop_assert_eq!(set.counts.values().sum::<usize>(), list.len());
        }
    }
}
