//! The topics that a proxy has forwarded: which subscribers got messages, and which messages
//! nobody had subscribed to.

use super::super::subscriptions::Subscriptions;
use crate::socket::broken_report::BrokenConnection;
use zlog_core::topic_table::TopicTable;

/// Most topics remembered. They come from outside.
const MAX_TOPICS: usize = 16_384;

/// The state of a topic.
struct Forwarded {
    /// The number of its last message among all messages.
    last: u64,
    /// Whether anybody has subscribed to it, as of this generation of subscriptions.
    has_subscriber: bool,
    generation: u64,
}

/// The topics of forwarded messages.
pub(super) struct ForwardedTopics {
    topics: TopicTable<Forwarded>,
    /// The number of the last message whose topic is not in the table.
    last_other: u64,
}

impl ForwardedTopics {
    pub(super) fn new() -> ForwardedTopics {
        ForwardedTopics { topics: TopicTable::new(MAX_TOPICS), last_other: 0 }
    }

    /// Notes that message `number` has this topic. Returns whether anybody has subscribed to
    /// it. Called for each message: one look-up, which mostly finds the last topic again.
    pub(super) fn note(
        &mut self,
        topic: &[u8],
        number: u64,
        subscriptions: &Subscriptions,
    ) -> bool {
        // A generation that never exists, so that subscribers are looked up.
        let new = || Forwarded { last: 0, has_subscriber: false, generation: u64::MAX };
        let text = std::str::from_utf8(topic).ok();
        // A full table keeps its topics: to forget one could hide a loss.
        let found = text.and_then(|text| self.topics.get_or_insert_with("", text, new, |_| false));
        let Some(known) = found else {
            self.last_other = number;
            return subscriptions.has_subscriber(topic);
        };
        known.last = number;
        if known.generation != subscriptions.generation() {
            known.generation = subscriptions.generation();
            known.has_subscriber = subscriptions.has_subscriber(topic);
        }
        known.has_subscriber
    }

    /// Whether a message was sent over a connection that has broken, as far as is known.
    pub(super) fn reached(&self, broken: &BrokenConnection) -> bool {
        let mut topics = self.topics.iter();
        broken.was_there(self.last_other)
            || topics.any(|(_, topic, known)| broken.was_sent(topic, known.last))
    }
}
