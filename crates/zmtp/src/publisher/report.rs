//! Reports to the owner of a publisher: the state of its subscribers, and what was dropped for them.
//! Also computes the room in a queue.

use std::collections::HashMap;

use super::absent::Absent;
use super::peer::Peer;
use super::run::Run;
use super::{Dropped, End, PeerStatus};
use crate::net::link::Link;
use crate::net::outbox::{Chunk, Outbox};
use crate::protocol::frame;
use crate::{Disconnect, Options};

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

/// Adds what was dropped for a subscriber that is gone. Subscribers beyond the first ones are
/// counted together: strangers may come and go at any rate.
pub(super) fn add_dropped(all: &mut Vec<Dropped>, dropped: Dropped) {
    if all.len() < MAX_DROPPED {
        all.push(dropped);
        return;
    }
    if all.len() == MAX_DROPPED {
        let (address, endpoint) = (String::new(), dropped.endpoint.clone());
        let (connection, topics, unsent, end) = (0, Vec::new(), 0, None);
        all.push(Dropped { connection, address, endpoint, topics, unsent, end });
    }
    let rest = &mut all[MAX_DROPPED];
    let count: u64 = dropped.topics.iter().map(|(_, count)| count).sum();
    match rest.topics.first_mut() {
        Some((_, total)) => *total += count,
        None if count > 0 => rest.topics.push((Box::default(), count)),
        None => {}
    }
    rest.unsent += dropped.unsent;
    if let Some(end) = dropped.end {
        let first = End { why: end.why.clone(), messages: 0, was_announced: true };
        let total = rest.end.get_or_insert(first);
        if !end.was_announced {
            (total.why, total.was_announced) = (end.why, false);
            total.messages += end.messages;
        }
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
        queued_messages: link.outbox.unsent(),
        is_full: false,
    }
}

pub(super) fn status_of_absent(absent: &Absent) -> PeerStatus {
    PeerStatus {
        connection: 0,
        address: String::new(),
        endpoint: absent.endpoint.clone(),
        queued_bytes: absent.outbox.bytes(),
        queued_messages: absent.outbox.messages(),
        is_full: false,
    }
}

/// What was dropped for a subscriber that is absent. If `end` tells why it is given up, what waits
/// for it is unsent.
pub(super) fn dropped_of_absent(absent: &mut Absent, end: Option<Disconnect>) -> Option<Dropped> {
    let topics = sorted(std::mem::take(&mut absent.peer.dropped));
    let unsent = if end.is_some() { absent.outbox.messages() as u64 } else { 0 };
    let end = end.map(|why| End { why, messages: unsent, was_announced: false });
    let (connection, address, endpoint) = (0, String::new(), absent.endpoint.clone());
    let some = !topics.is_empty() || unsent > 0;
    some.then_some(Dropped { connection, address, endpoint, topics, unsent, end })
}

pub(super) fn dropped_of(
    link: &Link<Peer>,
    counts: HashMap<Box<[u8]>, u64>,
    end: Option<End>,
) -> Option<Dropped> {
    let topics = sorted(counts);
    let unsent = if end.is_some() { link.outbox.unsent() } else { 0 };
    let has_messages = end.as_ref().is_some_and(|end| end.messages > 0);
    let some = !topics.is_empty() || unsent > 0 || has_messages;
    some.then(|| Dropped {
        connection: link.id,
        address: link.address.clone(),
        endpoint: link.endpoint.clone(),
        topics,
        unsent: unsent as u64,
        end,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Address;

    fn ended(connection: u64, was_announced: bool) -> Dropped {
        let topics = vec![(b"a"[..].into(), 1), (b"b"[..].into(), 2)];
        let end = Some(End { why: Disconnect::Closed, messages: 10, was_announced });
        let endpoint = Address::parse("tcp://127.0.0.1:5555").expect("an address");
        Dropped { connection, address: "peer".to_owned(), endpoint, topics, unsent: 4, end }
    }

    #[test]
    fn subscribers_beyond_the_limit_are_counted_together() {
        let mut all = Vec::new();
        for connection in 1..=MAX_DROPPED as u64 {
            add_dropped(&mut all, ended(connection, false));
        }
        assert_eq!(all.last(), Some(&ended(MAX_DROPPED as u64, false)));
        for (was_announced, count) in [(true, 1), (false, 2), (true, 3), (false, 4)] {
            add_dropped(&mut all, ended(2000, was_announced));
            assert_eq!(all.len(), MAX_DROPPED + 1);
            let rest = &all[MAX_DROPPED];
            assert_eq!((rest.connection, &*rest.address, rest.unsent), (0, "", 4 * count));
            assert_eq!(rest.topics, [(Box::default(), 3 * count)]);
            // What was announced is no loss.
            let end = rest.end.as_ref().expect("an end");
            assert_eq!((end.messages, end.was_announced), (count / 2 * 10, count == 1));
        }
    }
}
