//! The subscribers of a publisher, for messages about them: who is at the other end of a
//! connection, and which connections ended although the peer had not unsubscribed.
//!
//! A subscriber that ends in an orderly way unsubscribes first, or says that it is about to
//! end (`closing`). One that was killed, or whose network broke, does neither, and what was
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
const MOST_READERS: usize = 10_000;

/// A subscriber whose connection broke.
#[derive(Debug)]
pub struct Broken {
    /// Its address.
    pub peer: String,
    /// Messages that were sent while it was connected, to any subscriber: no more than that
    /// can be lost.
    pub sent: u64,
    prefixes: HashSet<Box<[u8]>>,
    /// Subscriptions that are not in `prefixes`.
    others: usize,
}

impl Broken {
    /// Whether it had subscribed to this topic.
    pub fn wants(&self, topic: &str) -> bool {
        self.others > 0 || self.prefixes.iter().any(|p| topic.as_bytes().starts_with(p))
    }
}

/// A connection and the subscriber at its other end. `sent` counts messages up to its
/// subscription.
struct Connected {
    descriptor: Descriptor,
    reader: Broken,
    /// It has unsubscribed, or said that it is about to end.
    orderly: bool,
}

/// The subscribers of a publisher, by the numbers of their connections, which are never
/// used again.
#[derive(Default)]
pub(super) struct Readers {
    connected: BTreeMap<u64, Connected>,
    /// Those whose connection has ended since [`Readers::broken`] was asked. What they have
    /// sent before may come later than the news of that.
    gone: Vec<(u64, Broken)>,
}

impl Readers {
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
        if self.connected.len() >= MOST_READERS && !self.connected.contains_key(&connection) {
            return;
        }
        let connected = self.connected.entry(connection).or_insert_with(|| {
            let reader = Broken { peer: name(), sent, prefixes: HashSet::new(), others: 0 };
            Connected { descriptor, reader, orderly: false }
        });
        connected.orderly = false;
        let reader = &mut connected.reader;
        if reader.prefixes.len() < MOST && prefix.len() <= LONGEST {
            reader.prefixes.insert(prefix.into());
        } else if !reader.prefixes.contains(prefix) {
            reader.others += 1;
        }
    }

    fn unsubscribe(&mut self, prefix: &[u8], connection: u64) {
        let gone = self.gone.iter_mut().find(|(gone, _)| *gone == connection);
        let connected = self.connected.get_mut(&connection).map(|found| &mut found.reader);
        let Some(reader) = gone.map(|(_, reader)| reader).or(connected) else { return };
        if !reader.prefixes.remove(prefix) {
            reader.others = reader.others.saturating_sub(1);
        }
        if reader.prefixes.is_empty() && reader.others == 0 {
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
    pub(super) fn gone(&mut self, descriptor: Descriptor, sent: u64) -> Option<u64> {
        let mut all = self.connected.iter();
        let connection = *all.find(|(_, connected)| connected.descriptor == descriptor)?.0;
        let Connected { reader, orderly, .. } = self.connected.remove(&connection)?;
        if !orderly {
            let sent = sent.saturating_sub(reader.sent);
            self.gone.push((connection, Broken { sent, ..reader }));
        }
        Some(connection)
    }

    /// Those whose connection has ended although they had not unsubscribed. To be asked once
    /// everything that has come up was taken.
    pub(super) fn broken(&mut self) -> impl Iterator<Item = Broken> + '_ {
        self.gone.drain(..).map(|(_, reader)| reader)
    }

    /// The descriptors and addresses of all that are subscribed.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Descriptor, &str)> {
        let subscribed = self.connected.values().filter(|connected| !connected.orderly);
        subscribed.map(|connected| (connected.descriptor, connected.reader.peer.as_str()))
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
        let mut readers = Readers::default();
        for (message, whose) in [(b"\x01app.", 1), (b"\x01web.", 2), (b"\x01web.", 2)] {
            readers.take(message, (whose, whose as Descriptor), 10, name);
        }
        readers.take(b"\x00web.", (2, 2), 15, name);
        for whose in [2, 1, 1, 9] {
            readers.gone(whose, 20);
        }
        let broken: Vec<Broken> = readers.broken().collect();
        assert_eq!(broken.len(), 1);
        assert_eq!((&*broken[0].peer, broken[0].sent), ("127.0.0.1:5", 10));
        assert!(broken[0].wants("app.INFO") && !broken[0].wants("web.INFO"));
        assert_eq!(readers.broken().count(), 0);
    }

    #[test]
    fn what_a_subscriber_sent_before_its_end_may_come_after_the_news_of_it() {
        let mut readers = Readers::default();
        for whose in [1, 2] {
            readers.take(b"\x01a", (whose, 7), 0, name);
            readers.take(b"\x01b", (whose, 7), 0, name);
            assert_eq!(readers.gone(7, 5), Some(whose));
        }
        readers.take(b"\x00a", (1, 7), 5, name);
        readers.take(b"\x00b", (1, 7), 5, name);
        assert!(!readers.forget(2), "nobody is to wait for its end");
        assert_eq!(readers.broken().count(), 0);
    }

    #[test]
    fn of_two_connections_with_one_descriptor_the_older_one_has_ended() {
        let mut readers = Readers::default();
        readers.take(b"\x01old", (1, 7), 0, name);
        readers.take(b"\x01new", (2, 7), 0, name);
        assert_eq!(readers.gone(7, 5), Some(1));
        let broken: Vec<Broken> = readers.broken().collect();
        assert!(broken.len() == 1 && broken[0].wants("old") && !broken[0].wants("new"));
    }

    #[test]
    fn what_is_kept_is_bounded_and_beyond_it_a_subscriber_counts_as_one_of_everything() {
        let mut readers = Readers::default();
        for n in 0..2 * MOST {
            readers.take(format!("\x01{n}").as_bytes(), (1, 1), 0, name);
        }
        readers.take(&[1; 2 * LONGEST], (1, 1), 0, name);
        for whose in 0..2 * MOST_READERS as u64 {
            readers.take(b"\x01", (whose, 1), 0, name);
        }
        let kept = (readers.connected.len(), readers.connected[&1].reader.prefixes.len());
        assert_eq!(kept, (MOST_READERS, MOST));
        readers.gone(1, 0);
        assert!(readers.broken().all(|broken| broken.wants("x")));
    }

    #[test]
    fn what_is_no_subscription_is_ignored() {
        let mut readers = Readers::default();
        for message in [&b""[..], b"\x02app", b"\x00never"] {
            readers.take(message, (1, 1), 0, name);
        }
        assert_eq!(readers.iter().count(), 0);
    }
}
