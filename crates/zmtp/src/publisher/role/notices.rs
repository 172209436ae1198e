//! Gives notices to the subscribers of their topics, and queues them as there is room.

use super::super::peer::Peer;
use super::PublisherRole;
use crate::net::links::Links;
use crate::protocol::frame;

impl PublisherRole {
    /// Gives the last of some notices of a topic to those who have subscribed to a prefix of at
    /// least `shortest` bytes.
    pub(super) fn put_notice(
        &mut self,
        links: &mut Links<Peer>,
        topic: &[u8],
        shortest: usize,
        encoded: &[u8],
        messages: usize,
    ) {
        let (before, _) = frame::first_messages(encoded, messages - 1, usize::MAX);
        // Not remembered: most notices have a topic of their own.
        let mut peers = Vec::new();
        self.shared.subscriptions().find(topic, shortest, &mut peers);
        for slot in peers {
            if let Some(absent) = self.absent.get_mut(slot) {
                absent.peer.notices.put(topic, &encoded[before..]);
            } else if let Some(link) = links.get_mut(slot) {
                link.peer.notices.put(topic, &encoded[before..]);
            }
            self.queue_notices(links, slot);
        }
    }

    /// Queues the notices of a subscriber as far as it has room.
    fn queue_notices(&mut self, links: &mut Links<Peer>, slot: usize) {
        let still_wait = if let Some(absent) = self.absent.get_mut(slot) {
            absent.peer.notices.move_to(&mut absent.outbox, &self.options)
        } else if let Some(link) = links.get_mut(slot).filter(|link| link.is_ready()) {
            let queued = link.outbox.bytes();
            let still_wait = link.peer.notices.move_to(&mut link.outbox, &self.options);
            if link.outbox.bytes() > queued && !std::mem::replace(&mut link.peer.is_dirty, true) {
                self.dirty.push(slot);
            }
            still_wait
        } else {
            false
        };
        if still_wait && !self.noticed.contains(&slot) {
            self.noticed.push(slot);
        }
    }

    /// Queues notices that wait. Returns whether there is something to write.
    pub(super) fn queue_waiting(&mut self, links: &mut Links<Peer>) -> bool {
        for slot in std::mem::take(&mut self.noticed) {
            self.queue_notices(links, slot);
        }
        !self.dirty.is_empty()
    }
}
