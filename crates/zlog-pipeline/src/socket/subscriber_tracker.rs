//! The subscribers of a publisher, for messages about them: who is at the other end of a
//! connection, and which connections ended although the peer had not unsubscribed.
//!
//! A subscriber that ends in an orderly way unsubscribes first, or says that it is about to
//! end (`drain`). One that was killed, or whose network broke, does neither, and what was
//! on its way to it is lost. libzmq does not tell how much that is.
//!
//! What may be here: bookkeeping, without a socket.

use std::collections::{BTreeMap, HashSet};

use super::descriptor::Descriptor;

/// Most prefixes of a subscriber that are kept, and longest one. They come from outside;
/// beyond that, a subscriber counts as one of every topic.
const MOST: usize = 64;
const LONGEST: usize = 256;
/// Most subscribers that are kept.
const MAX_SUBSCRIBERS: usize = 10_000;

/// A subscriber whose connection broke.
#[derive(Debug)]
pub struct BrokenConnection {
    /// Its address.
    pub peer: String,
    /// Messages that were sent while it was connected, to any subscriber: no more than that
    /// can be lost.
    pub sent: u64,
    prefixes: HashSet<Box<[u8]>>,
    /// Subscriptions that are not in `prefixes`.
    others: usize,
}

impl BrokenConnection {
    /// Whether it had subscribed to this topic.
    pub fn subscribed_to(&self, topic: &str) -> bool {
        self.others > 0 || self.prefixes.iter().any(|p| topic.as_bytes().starts_with(p))
    }
}

/// A connection and the subscriber at its other end. `sent` counts messages up to its
/// subscription.
struct Tracked {
    descriptor: Descriptor,
    subscriber: BrokenConnection,
    /// It has unsubscribed, or said that it is about to end.
    orderly: bool,
}

/// The subscribers of a publisher, by the numbers of their connections, which are never
/// used again.
#[derive(Default)]
pub(super) struct SubscriberTracker {
    connected: BTreeMap<u64, Tracked>,
    /// Those whose connection has ended since [`SubscriberTracker::broken`] was asked. What they have
    /// sent before may come later than the news of that.
    gone: Vec<(u64, BrokenConnection)>,
}

impl SubscriberTracker {
    /// Takes a message that came up from a peer: 1 or 0, then a prefix. `sent` messages were
    /// sent before; `name` finds out who the peer is.
    pub(super) fn take(
        &mut self,
        message: &[u8],
        whose: (u64, Descriptor),
        sent: u64,
        name: impl FnOnce() -> String,
    ) {
        match message.split_first() {
            Some((1, prefix)) => self.subscribe(prefix, whose, sent, name),
            Some((0, prefix)) => self.unsubscribe(prefix, whose.0),
            _ => {}
        }
    }

    fn subscribe(
        &mut self,
        prefix: &[u8],
        (connection, descriptor): (u64, Descriptor),
        sent: u64,
        name: impl FnOnce() -> String,
    ) {
        if self.connected.len() >= MAX_SUBSCRIBERS && !self.connected.contains_key(&connection) {
            return;
        }
        let connected = self.connected.entry(connection).or_insert_with(|| {
            let subscriber =
                BrokenConnection { peer: name(), sent, prefixes: HashSet::new(), others: 0 };
            Tracked { descriptor, subscriber, orderly: false }
        });
        connected.orderly = false;
        let subscriber = &mut connected.subscriber;
        if subscriber.prefixes.len() < MOST && prefix.len() <= LONGEST {
            subscriber.prefixes.insert(prefix.into());
        } else if !subscriber.prefixes.contains(prefix) {
            subscriber.others += 1;
        }
    }

    fn unsubscribe(&mut self, prefix: &[u8], connection: u64) {
        let gone = self.gone.iter_mut().find(|(gone, _)| *gone == connection);
        let connected = self.connected.get_mut(&connection).map(|found| &mut found.subscriber);
        let Some(subscriber) = gone.map(|(_, subscriber)| subscriber).or(connected) else { return };
        if !subscriber.prefixes.remove(prefix) {
            subscriber.others = subscriber.others.saturating_sub(1);
        }
        if subscriber.prefixes.is_empty() && subscriber.others == 0 {
            self.forget(connection);
        }
    }

    /// The end of this connection will be no surprise. Returns whether it is still to come.
    pub(super) fn forget(&mut self, connection: u64) -> bool {
        self.gone.retain(|(gone, _)| *gone != connection);
        let Some(connected) = self.connected.get_mut(&connection) else { return false };
        connected.orderly = true;
        true
    }

    /// A connection has ended after `sent` messages. Returns its number. Of two with one
    /// descriptor it is the older one: the system uses a descriptor again at once.
    pub(super) fn disconnected(&mut self, descriptor: Descriptor, sent: u64) -> Option<u64> {
        let mut all = self.connected.iter();
        let connection = *all.find(|(_, connected)| connected.descriptor == descriptor)?.0;
        let Tracked { subscriber, orderly, .. } = self.connected.remove(&connection)?;
        if !orderly {
            let sent = sent.saturating_sub(subscriber.sent);
            self.gone.push((connection, BrokenConnection { sent, ..subscriber }));
        }
        Some(connection)
    }

    /// Those whose connection has ended although they had not unsubscribed. To be asked once
    /// everything that has come up was taken.
    pub(super) fn broken(&mut self) -> impl Iterator<Item = BrokenConnection> + '_ {
        self.gone.drain(..).map(|(_, subscriber)| subscriber)
    }

    /// The descriptors and addresses of all that are subscribed.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Descriptor, &str)> {
        let subscribed = self.connected.values().filter(|connected| !connected.orderly);
        subscribed.map(|connected| (connected.descriptor, connected.subscriber.peer.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> String {
        "127.0.0.1:5".to_owned()
    }

    #[test]
    fn who_ends_without_unsubscribing_is_broken_off_and_who_unsubscribed_is_not() {
        let mut tracker = SubscriberTracker::default();
        for (message, whose) in [(b"\x01app.", 1), (b"\x01web.", 2), (b"\x01web.", 2)] {
            tracker.take(message, (whose, whose as Descriptor), 10, name);
        }
        tracker.take(b"\x00web.", (2, 2), 15, name);
        for whose in [2, 1, 1, 9] {
            tracker.disconnected(whose, 20);
        }
        let broken: Vec<BrokenConnection> = tracker.broken().collect();
        assert_eq!(broken.len(), 1);
        assert_eq!((&*broken[0].peer, broken[0].sent), ("127.0.0.1:5", 10));
        assert!(broken[0].subscribed_to("app.INFO") && !broken[0].subscribed_to("web.INFO"));
        assert_eq!(tracker.broken().count(), 0);
    }

    #[test]
    fn what_a_subscriber_sent_before_its_end_may_come_after_the_news_of_it() {
        let mut tracker = SubscriberTracker::default();
        for whose in [1, 2] {
            tracker.take(b"\x01a", (whose, 7), 0, name);
            tracker.take(b"\x01b", (whose, 7), 0, name);
            assert_eq!(tracker.disconnected(7, 5), Some(whose));
        }
        tracker.take(b"\x00a", (1, 7), 5, name);
        tracker.take(b"\x00b", (1, 7), 5, name);
        assert!(!tracker.forget(2), "nobody is to wait for its end");
        assert_eq!(tracker.broken().count(), 0);
    }

    #[test]
    fn of_two_connections_with_one_descriptor_the_older_one_has_ended() {
        let mut tracker = SubscriberTracker::default();
        tracker.take(b"\x01old", (1, 7), 0, name);
        tracker.take(b"\x01new", (2, 7), 0, name);
        assert_eq!(tracker.disconnected(7, 5), Some(1));
        let broken: Vec<BrokenConnection> = tracker.broken().collect();
        assert!(
            broken.len() == 1 && broken[0].subscribed_to("old") && !broken[0].subscribed_to("new")
        );
    }

    #[test]
    fn what_is_kept_is_bounded_and_beyond_it_a_subscriber_counts_as_one_of_everything() {
        let mut tracker = SubscriberTracker::default();
        for n in 0..2 * MOST {
            tracker.take(format!("\x01{n}").as_bytes(), (1, 1), 0, name);
        }
        tracker.take(&[1; 2 * LONGEST], (1, 1), 0, name);
        for whose in 0..2 * MAX_SUBSCRIBERS as u64 {
            tracker.take(b"\x01", (whose, 1), 0, name);
        }
        let kept = (tracker.connected.len(), tracker.connected[&1].subscriber.prefixes.len());
        assert_eq!(kept, (MAX_SUBSCRIBERS, MOST));
        tracker.disconnected(1, 0);
        assert!(tracker.broken().all(|broken| broken.subscribed_to("x")));
    }

    #[test]
    fn what_is_no_subscription_is_ignored() {
        let mut tracker = SubscriberTracker::default();
        for message in [&b""[..], b"\x02app", b"\x00never"] {
            tracker.take(message, (1, 1), 0, name);
        }
        assert_eq!(tracker.iter().count(), 0);
    }
}
