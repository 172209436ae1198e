//! Tracks the subscribers of a publisher by connection: their names for messages, and which
//! of them disconnected without unsubscribing.
//!
//! A subscriber that ends in order unsubscribes first, or announces its end (see `drain`).
//! One that is killed, or whose network breaks, does neither, and messages in flight to it
//! are lost. libzmq does not tell how many.

use std::collections::{BTreeMap, HashSet, VecDeque};

use super::descriptor::Descriptor;
use crate::socket::broken_report::BrokenConnection;

/// Most prefixes tracked per subscriber, and their maximum length: they are untrusted. A
/// subscriber beyond these limits counts as subscribed to everything.
const MAX_PREFIXES: usize = 64;
const MAX_PREFIX_LEN: usize = 256;
/// Most subscribers tracked.
const MAX_SUBSCRIBERS: usize = 10_000;
/// Ended connections whose further messages are ignored. libzmq queues 256 messages of each.
const MAX_ENDED: usize = 1024;

struct Tracked {
    descriptor: Descriptor,
    subscriber: BrokenConnection,
    /// It has unsubscribed, or announced its end.
    orderly: bool,
    /// It was disconnected because of what it sent.
    misused: bool,
}

/// The subscribers of a publisher, by connection number. Numbers are never reused.
#[derive(Default)]
pub(super) struct SubscriberTracker {
    connected: BTreeMap<u64, Tracked>,
    /// Disconnected since the last [`SubscriberTracker::broken`]. Their last messages may
    /// be read after the disconnect is known.
    gone: Vec<(u64, BrokenConnection)>,
    /// The latest connections that have ended. Subscriptions of theirs may still be queued,
    /// and must not make them connected again.
    ended: VecDeque<u64>,
}

impl SubscriberTracker {
    /// Reads a message of a peer: 1 or 0, then a prefix. `sent` is the number of messages
    /// sent so far; `name` returns the peer's name.
    pub(super) fn handle(
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
        if !self.connected.contains_key(&connection)
            && (self.connected.len() >= MAX_SUBSCRIBERS || self.ended.contains(&connection))
        {
            return;
        }
        let connected = self.connected.entry(connection).or_insert_with(|| {
            let subscriber = BrokenConnection {
                peer: name(),
                before: sent,
                sent: 0,
                prefixes: HashSet::new(),
                others: 0,
            };
            Tracked { descriptor, subscriber, orderly: false, misused: false }
        });
        connected.orderly = false;
        let subscriber = &mut connected.subscriber;
        if subscriber.prefixes.len() < MAX_PREFIXES && prefix.len() <= MAX_PREFIX_LEN {
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
            self.expect_end(connection);
        }
    }

    /// Notes that this connection will end in order. Returns whether it is still open.
    pub(super) fn expect_end(&mut self, connection: u64) -> bool {
        self.gone.retain(|(gone, _)| *gone != connection);
        let Some(connected) = self.connected.get_mut(&connection) else { return false };
        connected.orderly = true;
        true
    }

    /// Notes that this connection is being ended because of what it sent. What it loses is
    /// no loss to report.
    pub(super) fn misused(&mut self, connection: u64) {
        self.gone.retain(|(gone, _)| *gone != connection);
        if let Some(connected) = self.connected.get_mut(&connection) {
            connected.misused = true;
        }
    }

    /// Notes that a connection ended after `sent` messages, because of what it sent if it was
    /// `misused`, and returns its number. If two have the same descriptor it is the older one:
    /// the system reuses descriptors at once.
    pub(super) fn disconnected(
        &mut self,
        descriptor: Descriptor,
        misused: bool,
        sent: u64,
    ) -> Option<u64> {
        let mut all = self.connected.iter();
        let connection = *all.find(|(_, connected)| connected.descriptor == descriptor)?.0;
        let tracked = self.connected.remove(&connection)?;
        if self.ended.len() == MAX_ENDED {
            self.ended.pop_front();
        }
        self.ended.push_back(connection);
        if !tracked.orderly && !tracked.misused && !misused {
            let subscriber = tracked.subscriber;
            let sent = sent.saturating_sub(subscriber.before);
            self.gone.push((connection, BrokenConnection { sent, ..subscriber }));
        }
        Some(connection)
    }

    /// Takes the subscribers that disconnected without unsubscribing. Call it after reading
    /// all messages of peers.
    pub(super) fn broken(&mut self) -> impl Iterator<Item = BrokenConnection> + '_ {
        self.gone.drain(..).map(|(_, subscriber)| subscriber)
    }

    /// The descriptors and names of all subscribers.
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
    fn a_subscriber_that_ends_without_unsubscribing_is_broken_and_one_that_unsubscribed_is_not() {
        let mut tracker = SubscriberTracker::default();
        for (message, whose) in [(b"\x01app.", 1), (b"\x01web.", 2), (b"\x01web.", 2)] {
            tracker.handle(message, (whose, whose as Descriptor), 10, name);
        }
        tracker.handle(b"\x00web.", (2, 2), 15, name);
        for whose in [2, 1, 1, 9] {
            tracker.disconnected(whose, false, 20);
        }
        let broken: Vec<BrokenConnection> = tracker.broken().collect();
        assert_eq!(broken.len(), 1);
        assert_eq!((&*broken[0].peer, broken[0].sent), ("127.0.0.1:5", 10));
        assert!(broken[0].subscribed_to("app.INFO") && !broken[0].subscribed_to("web.INFO"));
        assert_eq!(tracker.broken().count(), 0);
    }

    #[test]
    fn the_last_messages_of_a_subscriber_may_be_read_after_its_disconnect() {
        let mut tracker = SubscriberTracker::default();
        for whose in [1, 2] {
            tracker.handle(b"\x01a", (whose, 7), 0, name);
            tracker.handle(b"\x01b", (whose, 7), 0, name);
            assert_eq!(tracker.disconnected(7, false, 5), Some(whose));
        }
        tracker.handle(b"\x00a", (1, 7), 5, name);
        tracker.handle(b"\x00b", (1, 7), 5, name);
        assert!(!tracker.expect_end(2), "nobody is to wait for its end");
        assert_eq!(tracker.broken().count(), 0);
    }

    #[test]
    fn of_two_connections_with_one_descriptor_the_older_one_has_ended() {
        let mut tracker = SubscriberTracker::default();
        tracker.handle(b"\x01old", (1, 7), 0, name);
        tracker.handle(b"\x01new", (2, 7), 0, name);
        assert_eq!(tracker.disconnected(7, false, 5), Some(1));
        let broken: Vec<BrokenConnection> = tracker.broken().collect();
        assert!(
            broken.len() == 1 && broken[0].subscribed_to("old") && !broken[0].subscribed_to("new")
        );
    }

    #[test]
    fn memory_is_bounded_and_a_subscriber_beyond_the_limit_counts_as_subscribed_to_everything() {
        let mut tracker = SubscriberTracker::default();
        for n in 0..2 * MAX_PREFIXES {
            tracker.handle(format!("\x01{n}").as_bytes(), (1, 1), 0, name);
        }
        tracker.handle(&[1; 2 * MAX_PREFIX_LEN], (1, 1), 0, name);
        for whose in 0..2 * MAX_SUBSCRIBERS as u64 {
            tracker.handle(b"\x01", (whose, 1), 0, name);
        }
        let kept = (tracker.connected.len(), tracker.connected[&1].subscriber.prefixes.len());
        assert_eq!(kept, (MAX_SUBSCRIBERS, MAX_PREFIXES));
        tracker.disconnected(1, false, 0);
        assert!(tracker.broken().all(|broken| broken.subscribed_to("x")));
    }

    #[test]
    fn a_connection_ended_for_misuse_is_not_broken_even_if_it_subscribes_again() {
        let mut tracker = SubscriberTracker::default();
        for (connection, descriptor) in [(1, 7), (2, 8)] {
            tracker.handle(b"\x01a", (connection, descriptor), 0, name);
        }
        tracker.misused(1);
        tracker.handle(b"\x01a", (1, 7), 5, name);
        tracker.disconnected(7, false, 9);
        tracker.disconnected(8, true, 9);
        tracker.handle(b"\x01a", (1, 7), 9, name);
        tracker.handle(b"\x01a", (2, 8), 9, name);
        assert_eq!((tracker.broken().count(), tracker.iter().count()), (0, 0));
    }

    #[test]
    fn a_subscriber_was_sent_messages_of_its_topics_since_it_subscribed() {
        let mut tracker = SubscriberTracker::default();
        tracker.handle(b"\x01app.", (1, 7), 10, name);
        tracker.disconnected(7, false, 20);
        let broken = tracker.broken().next().expect("it is broken");
        assert!(broken.was_sent("app.INFO", 11));
        assert!(!broken.was_sent("app.INFO", 10) && !broken.was_sent("web.INFO", 11));
    }

    #[test]
    fn a_message_that_is_not_a_subscription_is_ignored() {
        let mut tracker = SubscriberTracker::default();
        for message in [&b""[..], b"\x02app", b"\x00never"] {
            tracker.handle(message, (1, 1), 0, name);
        }
        assert_eq!(tracker.iter().count(), 0);
    }
}
