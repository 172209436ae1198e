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
    records: u64,
    bytes: usize,
}

/// What an answer confirms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Confirmed {
    /// The number up to which all records are confirmed.
    pub(super) number: u64,
    /// The records that were not confirmed before. Damaged ones were not sent.
    pub(super) records: u64,
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

    /// Notes a batch: its last record, how many it has, and their bytes.
    pub(super) fn add(&mut self, source: SourceId, last: u64, records: u64, bytes: usize) {
        self.sent.push_back(Sent { source, last, records, bytes });
        self.bytes += bytes;
    }

    /// Notes an answer. Returns what it confirms, if it is something new.
    ///
    /// A confirmation counts only for the batches before which everything is confirmed: those of
    /// another source may have been refused.
    pub(super) fn confirm(&mut self, source: SourceId, number: u64) -> Option<Confirmed> {
        let mut confirmed: Option<Confirmed> = None;
        while let Some(first) = self.sent.front()
            && first.source == source
            && first.last <= number
        {
            let records = confirmed.map_or(0, |before| before.records) + first.records;
            confirmed = Some(Confirmed { number: first.last, records });
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
