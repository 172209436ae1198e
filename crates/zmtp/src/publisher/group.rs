//! Messages of a received batch on their way to subscribers: they are sent as they were received,
//! from the block that they were read into.

use std::time::SystemTime;

use bytes::Bytes;

use super::run::{self, Run};
use crate::net::outbox::{Block, Chunk};
use crate::protocol::frame::Header;
use crate::{Batch, Message, Messages};

/// A batch whose messages are sent on. Its block is reused once they are written.
pub struct SharedBatch {
    chunk: Chunk,
    received: SystemTime,
}

impl From<Batch> for SharedBatch {
    fn from(mut batch: Batch) -> SharedBatch {
        batch.release();
        let (received, block_size) = (batch.received(), batch.block_size());
        let bytes = Bytes::from_owner(batch);
        SharedBatch { chunk: Chunk::append(&Block::new(block_size), bytes), received }
    }
}

impl SharedBatch {
    /// When its messages were received.
    pub fn received(&self) -> SystemTime {
        self.received
    }

    /// The messages from a position on that [`Messages::position`] has returned.
    pub fn messages_from(&self, position: usize) -> Messages<'_> {
        Messages::new(&self.chunk.bytes, position)
    }
}

/// Messages of one batch that are sent together: [`Publisher::forward`](crate::Publisher::forward).
#[derive(Default)]
pub struct Group {
    chunk: Option<Chunk>,
    runs: Vec<Run>,
    messages: usize,
    bytes: usize,
}

impl Group {
    /// Adds a message of `batch` that ends at the position `end`. A group has messages of one
    /// batch, in order.
    #[inline]
    pub fn push(&mut self, batch: &SharedBatch, message: &Message<'_>, end: usize) {
        let bytes = message.encoded();
        // The frame was checked when it was received.
        let Ok(Some(header)) = Header::parse(bytes) else { return };
        let (start, size) = (end - bytes.len(), usize::try_from(header.size).unwrap_or(0));
        let topic = &bytes[header.len..header.len + size];
        let chunk = self.chunk.get_or_insert_with(|| batch.chunk.clone());
        self.messages += 1;
        self.bytes += bytes.len();
        match self.runs.last_mut() {
            // Commands may stand between two messages.
            Some(run) if run.bytes.end == start && chunk.bytes[run.topic.clone()] == *topic => {
                run.bytes.end = end;
                run.messages += 1;
            }
            _ => {
                let topic = start + header.len..start + header.len + size;
                self.runs.push(Run { topic, bytes: start..end, messages: 1 });
            }
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

    /// Bytes of the messages with the headers of their frames.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes everything, and leaves the group empty.
    pub(super) fn take(&mut self) -> Option<run::Batch> {
        (self.messages, self.bytes) = (0, 0);
        let runs = std::mem::take(&mut self.runs);
        self.chunk.take().map(|chunk| run::Batch { chunk, runs })
    }

    /// Drops all messages.
    pub fn clear(&mut self) {
        self.take();
    }
}
