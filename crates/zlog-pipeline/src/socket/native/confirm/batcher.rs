//! Makes batches of the records of a spool.

use std::io;

use super::payload;
use crate::spool::{SourceId, Spool, SpoolReader};
use zlog_core::wire::confirm::{Batch, MAX_RECORDS};

/// Bytes of a batch. One record always fits.
const BATCH_BYTES: usize = 256 << 10;

/// A record that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Read {
    pub(super) source: SourceId,
    pub(super) number: u64,
    pub(super) payload: Vec<u8>,
}

/// A batch and its records.
pub(super) struct Records {
    pub(super) batch: Batch,
    pub(super) payloads: Vec<Vec<u8>>,
}

impl Records {
    pub(super) fn source(&self) -> SourceId {
        SourceId(self.batch.source)
    }

    pub(super) fn last(&self) -> u64 {
        self.batch.first + self.count() - 1
    }

    pub(super) fn count(&self) -> u64 {
        self.payloads.len() as u64
    }

    pub(super) fn bytes(&self) -> usize {
        self.payloads.iter().map(Vec::len).sum()
    }

    /// Topics and bodies, in turns.
    pub(super) fn frames(&self) -> impl Iterator<Item = &[u8]> {
        // What the checksum of the spool covers is whole.
        let messages = self.payloads.iter().filter_map(|payload| payload::read(payload));
        messages.flat_map(|message| [message.topic, message.body])
    }
}

/// Makes batches of records in order. No I/O.
#[derive(Default)]
pub(super) struct Batcher {
    /// The last record of the batch before.
    before: Option<(SourceId, u64)>,
    /// Read, and not in a batch yet.
    next: Option<Read>,
}

impl Batcher {
    /// The next batch of the records that `read` returns, the first of which is behind
    /// `confirmed`; `None` if there is no further record.
    pub(super) fn next(
        &mut self,
        confirmed: u64,
        mut read: impl FnMut() -> Option<Read>,
    ) -> Option<Records> {
        let first = match self.next.take() {
            Some(next) => next,
            None => read()?,
        };
        let after = match self.before {
            Some((source, number)) if source == first.source => number,
            Some(_) => 0,
            // Everything before it is confirmed, or damaged.
            None => confirmed.min(first.number - 1),
        };
        let batch = Batch { source: first.source.0, confirmed, after, first: first.number };
        let (source, mut last, mut bytes) = (first.source, first.number, first.payload.len());
        let mut payloads = vec![first.payload];
        while payloads.len() < MAX_RECORDS
            && bytes < BATCH_BYTES
            && let Some(next) = read()
        {
            let fits = bytes + next.payload.len() <= BATCH_BYTES;
            if next.source != source || next.number != last + 1 || !fits {
                self.next = Some(next);
                break;
            }
            (last, bytes) = (next.number, bytes + next.payload.len());
            payloads.push(next.payload);
        }
        self.before = Some((source, last));
        Some(Records { batch, payloads })
    }
}

/// Reads a spool in batches, from the first record that is not confirmed.
pub(super) struct SpoolBatcher {
    reader: SpoolReader,
    batcher: Batcher,
    damaged: u64,
    /// The highest number that was read: what is damaged before it was counted.
    counted: u64,
}

impl SpoolBatcher {
    pub(super) fn new(confirmed: u64) -> SpoolBatcher {
        let (reader, batcher) = (SpoolReader::new(confirmed), Batcher::default());
        SpoolBatcher { reader, batcher, damaged: 0, counted: confirmed }
    }

    /// Begins again behind `confirmed`.
    pub(super) fn restart(&mut self, confirmed: u64) {
        let SpoolBatcher { damaged, counted, .. } = *self;
        *self = SpoolBatcher { damaged, counted, ..SpoolBatcher::new(confirmed) };
    }

    /// The number of the last record that was read, or is damaged.
    pub(super) fn position(&self) -> u64 {
        self.reader.position()
    }

    /// Number of damaged records since the last call.
    pub(super) fn take_damaged(&mut self) -> u64 {
        std::mem::take(&mut self.damaged)
    }

    /// See [`SpoolReader::waits`].
    pub(super) fn waits(&self) -> Option<&io::Error> {
        self.reader.waits()
    }

    /// The next batch; `None` if there is no further record.
    pub(super) fn next(&mut self, spool: &mut Spool) -> Option<Records> {
        let reader = &mut self.reader;
        let next = self.batcher.next(spool.done(), || read(reader, spool));
        let (damaged, position) = (reader.take_damaged(), reader.position());
        self.damaged += damaged.min(position.saturating_sub(self.counted));
        self.counted = self.counted.max(position);
        next
    }
}

fn read(reader: &mut SpoolReader, spool: &mut Spool) -> Option<Read> {
    loop {
        if let Some(entry) = reader.next_entry() {
            let (source, number, payload) = (entry.source, entry.number, entry.payload.to_vec());
            return Some(Read { source, number, payload });
        }
        if !reader.load(spool) {
            return None;
        }
    }
}
