//! Stores the last messages of each topic, for subscribers that start later.
//!
//! # What is stored
//! At most [`Limits::per_topic`] messages of each topic, and at most [`Limits::bytes`] in
//! all; the oldest message is evicted first. A message whose topic is longer than 1 KiB, or
//! that is larger than the limit, is refused and counted. Messages of a single frame have no
//! topic: they are stored under the empty one, and only a request for everything returns
//! them.
//!
//! A message costs its bytes and some 200 more, so the limit in bytes bounds the number of
//! topics, too.
//!
//! Whoever sends stored messages shares their bytes with [`History`], which counts the
//! evicted messages that are still shared ([`History::exceeds_outstanding_limit`]).

use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Weak};

/// The cost of a message in addition to its bytes: its places in the lists, and a share of
/// its topic's.
const OVERHEAD: usize = 224;
/// The longest topic that is stored.
const MAX_TOPIC_BYTES: usize = 1024;

/// How much is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Messages of each topic.
    pub per_topic: usize,
    /// Bytes of all messages, including the cost of storing them.
    pub bytes: usize,
}

/// How much is stored now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HistorySize {
    /// Topics with stored messages.
    pub topics: usize,
    /// Messages.
    pub messages: usize,
    /// Bytes of the messages, including the cost of storing them.
    pub bytes: usize,
    /// Messages that were refused: too large, or with too long a topic.
    pub refused: u64,
}

/// The most memory that a free slot may keep for its next message.
const MAX_SPARE_BYTES: usize = 1024;

/// A position in `History::slots`.
type Slot = usize;
const NONE: Slot = Slot::MAX;

/// A stored message. Its bytes are shared, and live as long as this value.
#[derive(Clone, PartialEq, Debug)]
pub struct StoredMessage {
    /// Its number: how many messages had arrived before it.
    pub arrival: u64,
    /// When it arrived, in seconds since 1970-01-01 UTC.
    pub received: f64,
    frames: Arc<Vec<u8>>,
}

impl StoredMessage {
    /// Its frames, without sharing them.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.frames.as_slice();
        std::iter::from_fn(move || {
            let (len, after) = rest.split_first_chunk()?;
            let (frame, after) = after.split_at_checked(u32::from_ne_bytes(*len) as usize)?;
            rest = after;
            Some(frame)
        })
    }

    /// Its frames.
    pub fn frames(&self) -> impl Iterator<Item = SharedFrame> + use<> {
        let message = Arc::clone(&self.frames);
        let mut at = 0;
        std::iter::from_fn(move || {
            let len = message.get(at..)?.first_chunk().map(|len| u32::from_ne_bytes(*len))?;
            let start = at + size_of::<u32>();
            at = start + len as usize;
            Some(SharedFrame { message: Arc::clone(&message), range: start..at })
        })
    }
}

/// A frame of a stored message.
#[derive(Clone, Debug)]
pub struct SharedFrame {
    message: Arc<Vec<u8>>,
    range: Range<usize>,
}

impl From<Vec<u8>> for SharedFrame {
    fn from(bytes: Vec<u8>) -> SharedFrame {
        SharedFrame { range: 0..bytes.len(), message: Arc::new(bytes) }
    }
}

impl AsRef<[u8]> for SharedFrame {
    fn as_ref(&self) -> &[u8] {
        self.message.get(self.range.clone()).unwrap_or_default()
    }
}

/// A message in the list of all messages, in order of arrival.
struct Message {
    arrival: u64,
    received: f64,
    topic: usize,
    older: Slot,
    newer: Slot,
    /// Its frames, each after its length. The memory is reused unless it is shared.
    frames: Arc<Vec<u8>>,
}

/// A topic and its messages, the oldest first.
struct Topic {
    name: Box<[u8]>,
    messages: VecDeque<Slot>,
}

/// Stores the last messages.
pub struct History {
    limits: Limits,
    slots: Vec<Message>,
    free: Vec<Slot>,
    oldest: Slot,
    newest: Slot,
    topics: Vec<Topic>,
    free_topics: Vec<usize>,
    index: HashMap<Box<[u8]>, usize>,
    /// The topic used last: messages of one tend to come in a row.
    last: usize,
    /// Messages that have arrived, stored or refused.
    arrived: u64,
    size: HistorySize,
    /// Evicted messages that were shared at that time, and the cost of each.
    outstanding: Vec<(Weak<Vec<u8>>, usize)>,
    /// The cost of all outstanding messages. Some may have been released since.
    outstanding_bytes: usize,
}

impl History {
    /// Stores messages within `limits`.
    pub fn new(limits: Limits) -> History {
        History {
            limits,
            slots: Vec::new(),
            free: Vec::new(),
            oldest: NONE,
            newest: NONE,
            topics: Vec::new(),
            free_topics: Vec::new(),
            index: HashMap::new(),
            last: 0,
            arrived: 0,
            size: HistorySize::default(),
            outstanding: Vec::new(),
            outstanding_bytes: 0,
        }
    }

    /// How much is stored.
    pub fn size(&self) -> HistorySize {
        self.size
    }

    /// How many messages have arrived, stored or refused: the number of the next one.
    pub fn arrived(&self) -> u64 {
        self.arrived
    }

    /// Whether evicted messages that are still shared take more bytes than [`Limits::bytes`].
    pub fn exceeds_outstanding_limit(&mut self) -> bool {
        if self.outstanding_bytes > self.limits.bytes {
            self.outstanding.retain(|(message, _)| message.strong_count() > 0);
            self.outstanding_bytes = self.outstanding.iter().map(|(_, cost)| cost).sum();
        }
        self.outstanding_bytes > self.limits.bytes
    }

    /// Stores a message. `received` is when it arrived, in seconds since 1970-01-01 UTC.
    ///
    /// The bytes are copied: libzmq receives messages in blocks, and holding on to one
    /// message would hold on to its whole block.
    pub fn push(&mut self, frames: &[&[u8]], received: f64) {
        let arrival = self.arrived;
        self.arrived += 1;
        let name = if frames.len() > 1 { frames[0] } else { &[] };
        let bytes = frames.iter().map(|frame| frame.len() + size_of::<u32>()).sum::<usize>();
        let cost = bytes + OVERHEAD + name.len();
        if name.len() > MAX_TOPIC_BYTES || cost > self.limits.bytes || self.limits.per_topic == 0 {
            self.size.refused += 1;
            return;
        }
        let topic = self.find_or_add_topic(name);
        if self.topics[topic].messages.len() >= self.limits.per_topic {
            self.evict(self.topics[topic].messages[0]);
        }
        let slot = self.allocate_slot();
        let message = &mut self.slots[slot];
        message.arrival = arrival;
        message.received = received;
        message.topic = topic;
        // The frames of a free slot are not shared, so nothing is copied.
        let kept = Arc::make_mut(&mut message.frames);
        kept.clear();
        kept.shrink_to(2 * bytes);
        for frame in frames {
            // No frame reaches 4 GiB: see `--max-message`.
            kept.extend_from_slice(&(frame.len() as u32).to_ne_bytes());
            kept.extend_from_slice(frame);
        }
        self.append(slot);
        self.topics[topic].messages.push_back(slot);
        self.size.messages += 1;
        self.size.bytes += cost;
        while self.size.bytes > self.limits.bytes {
            let topic = self.evict(self.oldest);
            if self.topics[topic].messages.is_empty() {
                self.remove_topic(topic);
            }
        }
    }

    /// The last `n` messages of topics that begin with one of `prefixes`, in order of
    /// arrival.
    pub fn last(&self, n: usize, prefixes: &[impl AsRef<[u8]>]) -> Vec<StoredMessage> {
        let mut prefixes: Vec<&[u8]> = prefixes.iter().map(AsRef::as_ref).collect();
        // After sorting, a prefix is followed by those that it covers. Without these, only the
        // greatest prefix that is not greater than a name can be a prefix of it, so a request
        // with very many prefixes costs one binary search for each topic.
        prefixes.sort_unstable();
        prefixes.dedup_by(|next, kept| next.starts_with(kept));
        let wanted = |name: &[u8]| {
            let at = prefixes.partition_point(|prefix| *prefix <= name).checked_sub(1);
            at.is_some_and(|at| name.starts_with(prefixes[at]))
        };
        // The heap has the newest message of each topic. The newest of all is taken, and the
        // one before it in its topic takes its place.
        let mut heap: BinaryHeap<(u64, usize, usize)> = self
            .topics
            .iter()
            .enumerate()
            .filter(|(_, topic)| wanted(&topic.name))
            .filter_map(|(at, topic)| {
                let newest = topic.messages.len().checked_sub(1)?;
                Some((self.slots[topic.messages[newest]].arrival, at, newest))
            })
            .collect();
        let mut last = Vec::new();
        while last.len() < n
            && let Some((arrival, topic, at)) = heap.pop()
        {
            let messages = &self.topics[topic].messages;
            let Message { received, frames, .. } = &self.slots[messages[at]];
            last.push(StoredMessage { arrival, received: *received, frames: Arc::clone(frames) });
            if let Some(before) = at.checked_sub(1) {
                heap.push((self.slots[messages[before]].arrival, topic, before));
            }
        }
        last.reverse();
        last
    }

    /// The messages of a topic whose number is less than `before`, the newest first.
    pub fn of_topic(
        &self,
        topic: &[u8],
        before: u64,
    ) -> impl Iterator<Item = StoredMessage> + use<'_> {
        let messages = self.index.get(topic).map(|at| &self.topics[*at].messages);
        let earlier = move |messages: &'_ VecDeque<Slot>| {
            messages.partition_point(|slot| self.slots[*slot].arrival < before)
        };
        let messages = messages.into_iter().flat_map(move |messages| {
            let count = earlier(messages);
            messages.range(..count).rev()
        });
        messages.map(|slot| {
            let Message { arrival, received, frames, .. } = &self.slots[*slot];
            StoredMessage { arrival: *arrival, received: *received, frames: Arc::clone(frames) }
        })
    }

    /// The position of a topic, which is added if it is new.
    fn find_or_add_topic(&mut self, name: &[u8]) -> usize {
        let known = |topic: &Topic| *topic.name == *name && !topic.messages.is_empty();
        if self.topics.get(self.last).is_some_and(known) {
            return self.last;
        }
        if let Some(at) = self.index.get(name) {
            self.last = *at;
            return self.last;
        }
        let topic = Topic { name: name.into(), messages: VecDeque::new() };
        self.last = match self.free_topics.pop() {
            Some(at) => {
                self.topics[at] = topic;
                at
            }
            None => {
                self.topics.push(topic);
                self.topics.len() - 1
            }
        };
        self.index.insert(name.into(), self.last);
        self.size.topics += 1;
        self.last
    }

    /// A free slot.
    fn allocate_slot(&mut self) -> Slot {
        self.free.pop().unwrap_or_else(|| {
            self.slots.push(Message {
                arrival: 0,
                received: 0.0,
                topic: 0,
                older: NONE,
                newer: NONE,
                frames: Arc::default(),
            });
            self.slots.len() - 1
        })
    }

    /// Makes a slot the newest.
    fn append(&mut self, slot: Slot) {
        self.slots[slot].older = self.newest;
        self.slots[slot].newer = NONE;
        match self.newest {
            NONE => self.oldest = slot,
            newest => self.slots[newest].newer = slot,
        }
        self.newest = slot;
    }

    /// Evicts a message, which must be the oldest of its topic. Returns the topic, which may
    /// have no message left.
    fn evict(&mut self, slot: Slot) -> usize {
        let Message { topic, older, newer, ref mut frames, .. } = self.slots[slot];
        let bytes = frames.len();
        // The next message reuses the memory. A large buffer is freed: no limit counts it.
        if Arc::strong_count(frames) > 1 {
            let cost = bytes + OVERHEAD;
            self.outstanding.push((Arc::downgrade(&std::mem::take(frames)), cost));
            self.outstanding_bytes += cost;
        } else if frames.capacity() > MAX_SPARE_BYTES {
            *frames = Arc::default();
        }
        match older {
            NONE => self.oldest = newer,
            older => self.slots[older].newer = newer,
        }
        match newer {
            NONE => self.newest = older,
            newer => self.slots[newer].older = older,
        }
        let of = &mut self.topics[topic];
        of.messages.pop_front();
        self.size.messages -= 1;
        self.size.bytes -= bytes + OVERHEAD + of.name.len();
        self.free.push(slot);
        topic
    }

    fn remove_topic(&mut self, topic: usize) {
        let name = std::mem::take(&mut self.topics[topic].name);
        self.topics[topic].messages = VecDeque::new();
        self.index.remove(&name);
        self.free_topics.push(topic);
        self.size.topics -= 1;
    }
}

#[cfg(test)]
mod tests;
