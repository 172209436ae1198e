//! What the owner of a publisher is told of its subscribers, and the room in their queues.

use std::collections::HashMap;

use super::pending::Run;
use super::role::Peer;
use super::{Dropped, End, PeerStatus};
use crate::Options;
use crate::net::link::Link;
use crate::net::outbox::{Chunk, Outbox};
use crate::protocol::frame;

/// Topics that are counted apart for a subscriber whose messages were dropped, and subscribers.
pub(super) const MAX_DROPPED: usize = 1024;
/// Counts dropped messages. Topics beyond the first ones are counted together, as the empty
/// topic.
pub(super) fn count_dropped(counts: &mut HashMap<Box<[u8]>, u64>, topic: &[u8], dropped: usize) {
    let dropped = dropped as u64;
    let topic = match counts.contains_key(topic) || counts.len() < MAX_DROPPED {
        true => topic,
        false => &[],
    };
    match counts.get_mut(topic) {
        Some(count) => *count += dropped,
        None => drop(counts.insert(topic.into(), dropped)),
    }
}

pub(super) fn sorted(counts: HashMap<Box<[u8]>, u64>) -> Vec<(Box<[u8]>, u64)> {
    let mut topics: Vec<_> = counts.into_iter().collect();
    topics.sort_unstable();
    topics
}

/// The bytes and the number of the messages of `run` for which a queue has room. One message fits
/// into an empty one.
pub(super) fn room(outbox: &Outbox, chunk: &Chunk, run: &Run, options: &Options) -> (usize, usize) {
    let bytes = options.queue_bytes.saturating_sub(outbox.bytes());
    let messages = options.queue_messages.saturating_sub(outbox.messages());
    if run.bytes.len() <= bytes && run.messages <= messages {
        return (run.bytes.len(), run.messages);
    }
    let encoded = &chunk.bytes[run.bytes.clone()];
    match frame::first_messages(encoded, messages, bytes) {
        (_, 0) if outbox.messages() == 0 => frame::first_messages(encoded, 1, usize::MAX),
        fits => fits,
    }
}

pub(super) fn status_of(link: &Link<Peer>) -> PeerStatus {
    PeerStatus {
        connection: link.id,
        address: link.address.clone(),
        endpoint: link.endpoint.clone(),
        queued_bytes: link.outbox.bytes(),
        queued_messages: link.outbox.messages(),
        is_full: false,
    }
}

pub(super) fn dropped_of(
    link: &Link<Peer>,
    counts: HashMap<Box<[u8]>, u64>,
    end: Option<End>,
) -> Option<Dropped> {
    let topics = sorted(counts);
    let unsent = if end.is_some() { link.outbox.messages() } else { 0 };
    let some = !topics.is_empty() || end.as_ref().is_some_and(|end| end.messages > 0);
    some.then(|| Dropped {
        connection: link.id,
        address: link.address.clone(),
        endpoint: link.endpoint.clone(),
        topics,
        unsent: unsent as u64,
        end,
    })
}
