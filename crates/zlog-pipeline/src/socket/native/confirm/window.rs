//! What a sender has sent and the receiver has not confirmed. No I/O.

use std::collections::VecDeque;

use crate::spool::SourceId;

/// Most batches, and bytes, that are sent ahead of their confirmation. Enough for a receiver that
/// takes 10 ms to sync its disk, at 400 MB/s.
const MAX_BATCHES: usize = 64;
const MAX_BYTES: usize = 4 << 20;

/// A batch that was sent.
struct Sent {
    source: SourceId,
    last: u64,
    bytes: usize,
}

/// The batches that were sent on the current connection, in order.
#[derive(Default)]
pub(super) struct Window {
    sent: VecDeque<Sent>,
    bytes: usize,
}

impl Window {
    /// Whether another batch may be sent.
    pub(super) fn has_room(&self) -> bool {
        self.sent.len() < MAX_BATCHES && self.bytes < MAX_BYTES
    }

    /// Whether everything that was sent is confirmed.
    pub(super) fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// Notes a batch: its last record, and its bytes.
    pub(super) fn add(&mut self, source: SourceId, last: u64, bytes: usize) {
        self.sent.push_back(Sent { source, last, bytes });
        self.bytes += bytes;
    }

    /// Notes an answer. Returns the number up to which all records are confirmed, if it has
    /// changed.
    ///
    /// A confirmation counts only for the batches before which everything is confirmed: those of
    /// another source may have been refused.
    pub(super) fn confirm(&mut self, source: SourceId, number: u64) -> Option<u64> {
        let mut confirmed = None;
        while let Some(first) = self.sent.front()
            && first.source == source
            && first.last <= number
        {
            confirmed = Some(first.last);
            self.bytes -= first.bytes;
            self.sent.pop_front();
        }
        confirmed
    }

    /// The connection has ended: what was sent is sent again.
    pub(super) fn clear(&mut self) {
        *self = Window::default();
    }
}
