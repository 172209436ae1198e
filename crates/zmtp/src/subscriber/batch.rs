//! Received messages: slices of the block that they were read into.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use mio::Waker;

use super::gate::Gate;
use crate::protocol::frame::{Frames, Header};

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
    pool: Arc<Pool>,
}

impl Batch {
    /// `block` has this many whole messages up to `end`, and commands between them.
    pub(crate) fn new(block: Box<[u8]>, end: usize, messages: usize, pool: Arc<Pool>) -> Batch {
        pool.gate.add(block.len());
        Batch { block, end, messages, received: SystemTime::now(), pool }
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
        Messages { block: &self.block[..self.end], at: position.min(self.end) }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        let block = std::mem::take(&mut self.block);
        let bytes = block.len();
        self.pool.put(block);
        if self.pool.gate.remove(bytes) {
            // Fails only if the thread is gone.
            let _ = self.pool.waker.wake();
        }
    }
}

/// The messages of a [`Batch`], in order.
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    block: &'a [u8],
    at: usize,
}

impl Messages<'_> {
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

    /// Bytes of the message with the headers of its frames.
    pub fn encoded_len(&self) -> usize {
        self.0.len()
    }
}
