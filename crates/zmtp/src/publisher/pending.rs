//! Messages on their way from the caller to the socket's thread. Each is encoded once, into a
//! block that subscribers share.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::group::Group;
use super::run::{Batch, Run};
use crate::net::outbox::{Block, Chunk};
use crate::protocol::frame;

/// Bytes of a block. Larger messages get a block of their own.
const BLOCK: usize = 256 << 10;
/// Blocks that are kept for their memory while subscribers still use them.
const SPARE_BLOCKS: usize = 16;
/// Most bytes that wait for the thread. One message always fits.
const MAX_BYTES: usize = 512 << 10;

/// How often the thread lets others run before it waits to be woken.
const YIELDS: usize = 4;

struct Queue {
    block: BytesMut,
    /// The chunks of the block.
    chunks: Arc<Block>,
    spare: Vec<BytesMut>,
    /// The runs of what `block` holds.
    runs: Vec<Run>,
    /// Chunks that are complete.
    batches: Vec<Batch>,
    /// Bytes and messages that the thread has not passed on yet.
    bytes: usize,
    messages: usize,
    /// The thread waits, and must be woken.
    parked: bool,
    /// The caller waits for room.
    wants_room: bool,
    /// The thread has ended.
    closed: bool,
}

/// Messages on their way to the socket's thread.
///
/// Locked for each message, though the thread needs the lock rarely and shortly: so no message
/// stays behind in a buffer of a caller that sends nothing more. That takes about 10 ns.
pub(crate) struct Pending {
    queue: Mutex<Queue>,
    room: Condvar,
    max_messages: usize,
}

/// Outcome of [`Pending::push`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pushed {
    /// It is queued, and the thread must be woken.
    Wake,
    /// It is queued.
    Done,
    /// There is no room.
    Full,
    /// The thread has ended.
    Closed,
}

impl Pending {
    pub(crate) fn new(max_messages: usize) -> Pending {
        let queue = Queue {
            block: BytesMut::new(),
            chunks: Block::new(0),
            spare: Vec::new(),
            runs: Vec::new(),
            batches: Vec::new(),
            bytes: 0,
            messages: 0,
            parked: false,
            wants_room: false,
            closed: false,
        };
        Pending { queue: Mutex::new(queue), room: Condvar::new(), max_messages }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Encodes a message. The first frame is its topic. With `is_limited`, there must be room.
    pub(crate) fn push(&self, frames: &[&[u8]], is_limited: bool) -> Pushed {
        let size = frames.iter().map(|frame| frame::encoded_len(frame.len())).sum();
        let mut queue = self.lock();
        if queue.closed {
            return Pushed::Closed;
        }
        if is_limited
            && queue.messages > 0
            && (queue.bytes + size > MAX_BYTES || queue.messages >= self.max_messages)
        {
            return Pushed::Full;
        }
        queue.encode(frames, size);
        match std::mem::take(&mut queue.parked) {
            true => Pushed::Wake,
            false => Pushed::Done,
        }
    }

    /// Queues a group of messages, and empties it. One always fits into an empty queue.
    pub(crate) fn push_group(&self, group: &mut Group) -> Pushed {
        let mut queue = self.lock();
        if queue.closed {
            return Pushed::Closed;
        }
        let (bytes, messages) = (group.bytes(), group.len());
        if queue.has_little_room(self.max_messages) {
            return Pushed::Full;
        }
        // In order with messages that were encoded here.
        queue.seal();
        queue.batches.extend(group.take());
        queue.bytes += bytes;
        queue.messages += messages;
        match std::mem::take(&mut queue.parked) {
            true => Pushed::Wake,
            false => Pushed::Done,
        }
    }

    /// Waits until there is room for a message, or for `wait`.
    pub(crate) fn wait_for_room(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut queue = self.lock();
        while !queue.closed && queue.has_little_room(self.max_messages) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            queue.wants_room = true;
            queue = match self.room.wait_timeout(queue, left) {
                Ok((queue, _)) => queue,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// Takes all messages, in the socket's thread.
    pub(crate) fn take(&self) -> Vec<Batch> {
        let mut queue = self.lock();
        queue.seal();
        std::mem::take(&mut queue.batches)
    }

    /// Notes that messages were passed on.
    pub(crate) fn passed(&self, bytes: usize, messages: usize) {
        let mut queue = self.lock();
        queue.bytes -= bytes;
        queue.messages -= messages;
        if std::mem::take(&mut queue.wants_room) {
            self.room.notify_all();
        }
    }

    /// Gives the caller some time for another message. Returns whether there is one.
    ///
    /// To be woken takes longer than many messages. A caller that goes on sending would otherwise
    /// wake the thread for every few of them.
    pub(crate) fn expect(&self) -> bool {
        (0..YIELDS).any(|_| {
            std::thread::yield_now();
            self.lock().has_new()
        })
    }

    /// Asks to be woken for the next message. Returns `false` if there is one already.
    pub(crate) fn park(&self) -> bool {
        let mut queue = self.lock();
        queue.parked = !queue.has_new();
        queue.parked
    }

    /// Whether messages wait to be taken or passed on.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().messages == 0
    }

    /// Refuses further messages.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.room.notify_all();
    }
}

impl Queue {
    fn encode(&mut self, frames: &[&[u8]], size: usize) {
        if self.block.capacity() - self.block.len() < size {
            self.seal();
            self.next_block(size);
        }
        let start = self.block.len();
        for (at, body) in frames.iter().enumerate() {
            frame::put_message(&mut self.block, body, at + 1 < frames.len());
        }
        self.bytes += size;
        self.messages += 1;
        let topic = frames.first().copied().unwrap_or_default();
        let end = self.block.len();
        match self.runs.last_mut() {
            Some(run) if self.block[run.topic.clone()] == *topic => {
                run.bytes.end = end;
                run.messages += 1;
            }
            _ => {
                let topic_start = start + frame::encoded_len(topic.len()) - topic.len();
                let topic = topic_start..topic_start + topic.len();
                self.runs.push(Run { topic, bytes: start..end, messages: 1 });
            }
        }
    }

    /// Whether there is so little room that a caller waits for more.
    fn has_little_room(&self, max_messages: usize) -> bool {
        self.messages > 0 && (self.bytes >= MAX_BYTES / 2 || self.messages > max_messages / 2)
    }

    /// Whether there are messages to take.
    fn has_new(&self) -> bool {
        !self.runs.is_empty() || !self.batches.is_empty()
    }

    /// Makes a chunk of what the block holds.
    fn seal(&mut self) {
        if !self.runs.is_empty() {
            let chunk = Chunk::append(&self.chunks, self.block.split().freeze());
            self.batches.push(Batch { chunk, runs: std::mem::take(&mut self.runs) });
        }
    }

    /// Starts a block with room for `size` bytes: one that nobody uses any more, or a new one.
    fn next_block(&mut self, size: usize) {
        let size = size.max(BLOCK);
        self.chunks = Block::new(size);
        let used = std::mem::take(&mut self.block);
        if self.spare.len() < SPARE_BLOCKS && (1..=BLOCK).contains(&used.capacity()) {
            self.spare.push(used);
        }
        let free = match size {
            BLOCK => self.spare.iter_mut().position(|spare| spare.try_reclaim(BLOCK)),
            _ => None,
        };
        self.block = match free {
            Some(at) => self.spare.swap_remove(at),
            None => BytesMut::with_capacity(size),
        };
    }
}
