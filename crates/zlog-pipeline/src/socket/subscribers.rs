//! Who has subscribed: each peer with the prefixes it asked for, bounded.
//!
//! What may be here: telling peers apart and counting those that matter, without
//! a socket. Which topics are heard by anybody is `subscriptions`'s.
//!
//! A peer is known by the descriptor of its connection, which libzmq attaches to
//! what comes in (`ZMQ_SRCFD`, the property `__fd`) and names when a connection
//! ends. So a `tail` of three topics is one subscriber, and a peer that only
//! shook hands, or that wants other topics, is none.

use std::collections::HashMap;

/// Most prefixes that are kept, over all peers. They come from outside; beyond
/// them nobody new is counted.
const MOST: usize = 10_000;
/// Longest prefix that is kept whole. The rest says nothing about a root.
const LONGEST: usize = 1024;

/// The descriptor of a peer's connection.
pub(super) type Descriptor = i32;

/// The peers that have subscribed.
#[derive(Default)]
pub(super) struct Subscribers {
    prefixes: HashMap<Descriptor, Vec<Box<[u8]>>>,
    total: usize,
}

impl Subscribers {
    /// Takes a message that came up from a peer: 1 or 0, then a prefix.
    pub(super) fn take(&mut self, message: &[u8], whose: Descriptor) {
        match message.split_first() {
            Some((1, prefix)) if self.total < MOST => {
                let kept = &prefix[..prefix.len().min(LONGEST)];
                self.prefixes.entry(whose).or_default().push(kept.into());
                self.total += 1;
            }
            Some((0, prefix)) => self.remove(prefix, whose),
            _ => {}
        }
    }

    fn remove(&mut self, prefix: &[u8], whose: Descriptor) {
        let Some(prefixes) = self.prefixes.get_mut(&whose) else { return };
        let kept = &prefix[..prefix.len().min(LONGEST)];
        if let Some(at) = prefixes.iter().position(|known| **known == *kept) {
            prefixes.swap_remove(at);
            self.total -= 1;
        }
    }

    /// A connection has ended, and with it what its peer asked for.
    pub(super) fn gone(&mut self, whose: Descriptor) {
        self.total -= self.prefixes.remove(&whose).map_or(0, |prefixes| prefixes.len());
    }

    /// Peers that could get a topic below `root`: they asked for a prefix of
    /// `root.`, or for a longer one that begins with it. Without a root, all.
    pub(super) fn relevant(&self, root: &str) -> usize {
        let mut below = root.as_bytes().to_vec();
        if !root.is_empty() {
            below.push(b'.');
        }
        let matters = |prefix: &[u8]| prefix.starts_with(&below) || below.starts_with(prefix);
        let peers = self.prefixes.values();
        peers.filter(|prefixes| prefixes.iter().any(|prefix| matters(prefix))).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(messages: &[(&[u8], Descriptor)]) -> Subscribers {
        let mut subscribers = Subscribers::default();
        for (message, whose) in messages {
            subscribers.take(message, *whose);
        }
        subscribers
    }

    #[test]
    fn a_peer_of_three_topics_is_one_subscriber() {
        let subscribers = with(&[(b"\x01app.A", 5), (b"\x01app.B", 5), (b"\x01app.C", 5)]);
        assert_eq!(subscribers.relevant("app"), 1);
    }

    #[test]
    fn only_who_could_hear_the_root_is_counted() {
        let subscribers = with(&[
            (b"\x01ap", 1),
            (b"\x01app.ERROR", 2),
            (b"\x01apple", 3),
            (b"\x01web", 4),
            (b"\x01web.INFO", 4),
        ]);
        assert_eq!(subscribers.relevant("app"), 2);
        assert_eq!(subscribers.relevant("web"), 1);
        assert_eq!(subscribers.relevant(""), 4);
    }

    #[test]
    fn who_has_gone_or_taken_everything_back_is_not_counted() {
        let mut subscribers = with(&[(b"\x01a", 1), (b"\x01a", 2), (b"\x00a", 1)]);
        assert_eq!(subscribers.relevant(""), 2 - 1);
        subscribers.gone(2);
        assert_eq!((subscribers.relevant(""), subscribers.total), (0, 0));
        subscribers.gone(2);
        subscribers.take(b"\x00never", 9);
        assert_eq!(subscribers.total, 0);
    }

    #[test]
    fn what_is_no_subscription_is_nobodys() {
        assert_eq!(with(&[(b"", 1), (b"\x02app", 1), (b"hello", 1)]).relevant(""), 0);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut subscribers = Subscribers::default();
        for n in 0..=MOST {
            subscribers.take(format!("\x01{n}").as_bytes(), 1);
        }
        subscribers.take(&vec![1; 2 * LONGEST], 1);
        assert_eq!(subscribers.total, MOST);
        subscribers.gone(1);
        subscribers.take(&vec![1; 2 * LONGEST], 1);
        assert_eq!(subscribers.prefixes[&1][0].len(), LONGEST);
    }
}
