//! Received messages: slices of the block that they were read into.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use mio::Waker;

use super::gate::Gate;
use crate::protocol::frame::{self, Frames, Header};

/// Bytes of a block. Larger messages get a block of their own.
pub(crate) const BLOCK: usize = 256 << 10;
/// Blocks that are kept for reuse.
const SPARE_BLOCKS: usize = 8;
/// Most bytes of blocks that the owner has, or that wait for it, before another one is handed over:
/// 8 usual ones that wait, and one that it has.
const MAX_BYTES: usize = 9 * BLOCK;

/// Blocks for reuse, and how to tell the thread that there is room.
pub(crate) struct Pool {
    spare: Mutex<Vec<Box<[u8]>>>,
    gate: Gate,
    waker: Arc<Waker>,
}

impl Pool {
    pub(crate) fn new(waker: Arc<Waker>) -> Pool {
        Pool { spare: Mutex::default(), gate: Gate::new(MAX_BYTES), waker }
    }

    /// A block of [`BLOCK`] bytes.
    pub(crate) fn get(&self) -> Box<[u8]> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_else(|| vec![0; BLOCK].into())
    }

    fn put(&self, block: Box<[u8]>) {
        if block.len() == BLOCK {
            let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
            if spare.len() < SPARE_BLOCKS {
                spare.push(block);
            }
        }
    }

    /// Whether another batch may be handed over.
    pub(crate) fn has_room(&self) -> bool {
        self.gate.is_open()
    }

    /// Asks to be woken when a batch is dropped.
    pub(crate) fn wait(&self) {
        self.gate.wait();
    }
}

/// Messages that were received together.
pub struct Batch {
    block: Box<[u8]>,
    end: usize,
    messages: usize,
    received: SystemTime,
    /// Where the block goes in the end. `None` for messages of this process.
    pool: Option<Arc<Pool>>,
    /// Its bytes as the pool counts them.
    held: usize,
}

impl Batch {
    /// `block` has this many whole messages up to `end`, and commands between them.
    pub(crate) fn new(block: Box<[u8]>, end: usize, messages: usize, pool: Arc<Pool>) -> Batch {
        pool.gate.add(block.len());
        let held = block.len();
        Batch { block, end, messages, received: SystemTime::now(), pool: Some(pool), held }
    }

    /// Bytes that its block takes.
    pub(crate) fn block_size(&self) -> usize {
        self.block.len()
    }

    /// Stops to count for what the owner may hold: from now on, a publisher's queues bound it.
    pub(crate) fn release(&mut self) {
        if let Some(pool) = &self.pool
            && pool.gate.remove(std::mem::take(&mut self.held))
        {
            // Fails only if the thread is gone.
            let _ = pool.waker.wake();
        }
    }

    /// Number of messages.
    pub fn len(&self) -> usize {
        self.messages
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// When they were received.
    pub fn received(&self) -> SystemTime {
        self.received
    }

    /// The messages.
    pub fn messages(&self) -> Messages<'_> {
        self.messages_from(0)
    }

    /// The messages from a position on that [`Messages::position`] has returned.
    pub fn messages_from(&self, position: usize) -> Messages<'_> {
        Messages::new(self.as_ref(), position)
    }
}

/// Its encoded messages, and commands between them.
impl AsRef<[u8]> for Batch {
    fn as_ref(&self) -> &[u8] {
        &self.block[..self.end]
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.release();
        if let Some(pool) = &self.pool {
            pool.put(std::mem::take(&mut self.block));
        }
    }
}

/// Encodes messages of this process, to be handed over as a [`Batch`].
#[derive(Default)]
pub struct BatchBuilder {
    block: Vec<u8>,
    messages: usize,
}

impl BatchBuilder {
    /// Adds a message of at least one frame.
    pub fn push(&mut self, frames: &[&[u8]]) {
        for (at, body) in frames.iter().enumerate() {
            frame::put_message(&mut self.block, body, at + 1 < frames.len());
        }
        self.messages += 1;
    }

    /// Bytes of the messages with the headers of their frames.
    pub fn encoded_len(&self) -> usize {
        self.block.len()
    }

    /// Takes the messages, if there are any.
    pub fn take(&mut self) -> Option<Batch> {
        let BatchBuilder { block, messages } = std::mem::take(self);
        let block: Box<[u8]> = block.into();
        let (end, received) = (block.len(), SystemTime::now());
        (messages > 0).then_some(Batch { block, end, messages, received, pool: None, held: 0 })
    }
}

/// The messages of a [`Batch`], in order.
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    block: &'a [u8],
    at: usize,
}

impl<'a> Messages<'a> {
    /// The messages of a block from a position on.
    pub(crate) fn new(block: &'a [u8], position: usize) -> Messages<'a> {
        Messages { block, at: position.min(block.len()) }
    }

    /// Where the next message stands, for [`Batch::messages_from`].
    pub fn position(&self) -> usize {
        self.at
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    #[inline]
    fn next(&mut self) -> Option<Message<'a>> {
        let mut start = self.at;
        loop {
            let header = Header::parse(self.block.get(self.at..)?).ok()??;
            self.at += header.len + usize::try_from(header.size).ok()?;
            if header.command {
                start = self.at;
            } else if !header.more {
                return Some(Message(self.block.get(start..self.at)?));
            }
        }
    }
}

/// A received message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a>(&'a [u8]);

impl<'a> Message<'a> {
    /// Its frames, at least one.
    #[inline]
    pub fn frames(&self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        Frames(self.0)
    }

    /// The message with the headers of its frames.
    pub(crate) fn encoded(&self) -> &'a [u8] {
        self.0
    }

    /// Bytes of the message with the headers of its frames.
    pub fn encoded_len(&self) -> usize {
        self.0.len()
    }
}
