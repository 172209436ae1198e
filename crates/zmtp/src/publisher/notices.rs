//! Keeps the notices that wait for room in the queue of a subscriber: see
//! [`Options::notice_prefix`](crate::Options::notice_prefix).

use std::collections::{HashMap, VecDeque};

use crate::Options;
use crate::net::outbox::Outbox;

/// Most topics whose notices wait for a subscriber, and most bytes of them with their topics. Further
/// ones are dropped.
const MAX_WAITING: usize = 4096;
const MAX_BYTES: usize = 1 << 20;

/// The last notice of each topic, in the order in which the topics came.
#[derive(Default)]
pub(super) struct Notices {
    /// Topics and encoded messages.
    waiting: VecDeque<(Box<[u8]>, Vec<u8>)>,
    /// The number of each topic's notice; `first` is that of the first one that waits.
    numbers: HashMap<Box<[u8]>, usize>,
    first: usize,
    /// Bytes of all that wait.
    bytes: usize,
}

impl Notices {
    /// Adds an encoded notice, or replaces the one of the same topic.
    pub(super) fn put(&mut self, topic: &[u8], encoded: &[u8]) {
        let known = self.numbers.get(topic).map(|number| number - self.first);
        let replaced = known.map_or(0, |at| self.waiting[at].1.len());
        let added = encoded.len() + if known.is_none() { topic.len() } else { 0 };
        let is_full = known.is_none() && self.waiting.len() >= MAX_WAITING;
        if is_full || self.bytes + added - replaced > MAX_BYTES {
            return;
        }
        self.bytes = self.bytes + added - replaced;
        if let Some(at) = known {
            self.waiting[at].1 = encoded.to_vec();
        } else {
            self.numbers.insert(topic.into(), self.first + self.waiting.len());
            self.waiting.push_back((topic.into(), encoded.to_vec()));
        }
    }

    /// Moves notices to a queue while it has room. Returns whether some still wait.
    pub(super) fn move_to(&mut self, outbox: &mut Outbox, options: &Options) -> bool {
        while outbox.bytes() < options.queue_bytes && outbox.messages() < options.queue_messages {
            let Some((topic, encoded)) = self.waiting.pop_front() else { return false };
            self.first += 1;
            self.bytes -= topic.len() + encoded.len();
            self.numbers.remove(&topic);
            outbox.push_bytes(encoded);
        }
        !self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(outbox: &Outbox) -> Vec<u8> {
        outbox.unwritten().flat_map(|piece| piece.to_vec()).collect()
    }

    #[test]
    fn the_last_notice_of_each_topic_is_kept_in_the_order_of_the_topics() {
        let mut notices = Notices::default();
        let mut outbox = Outbox::default();
        let options = |queue_messages| Options { queue_messages, ..Options::publisher() };
        for (topic, encoded) in [(b"b", b"1"), (b"a", b"2"), (b"b", b"3")] {
            notices.put(topic, encoded);
        }
        assert!(notices.move_to(&mut outbox, &options(0)), "there is no room");
        assert!(!notices.move_to(&mut outbox, &options(1)));
        assert_eq!((written(&outbox), outbox.messages()), (b"32".to_vec(), 0));
        notices.put(b"b", b"4");
        assert!(!notices.move_to(&mut outbox, &options(1)));
        assert_eq!(written(&outbox), b"324");
    }

    #[test]
    fn the_number_of_topics_is_limited_and_known_ones_are_still_replaced() {
        let mut notices = Notices::default();
        let mut outbox = Outbox::default();
        for n in 0..2 * MAX_WAITING {
            notices.put(&n.to_be_bytes(), b"a");
        }
        notices.put(&7_usize.to_be_bytes(), b"b");
        assert!(!notices.move_to(&mut outbox, &Options::publisher()));
        let written = written(&outbox);
        assert_eq!((written.len(), written[7]), (MAX_WAITING, b'b'));
    }
}
