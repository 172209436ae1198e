//! Records that are sent together.

use zlog_core::Level;

/// Formatted records, and a summary of the worst of them.
pub struct Batch<P> {
    /// The records, concatenated.
    pub(in crate::handler) text: Vec<u8>,
    /// The end of each record in `text`.
    ends: Vec<usize>,
    /// The highest level.
    pub(in crate::handler) worst: Level,
    /// The summary of the first record with that level.
    pub(in crate::handler) summary: String,
    /// Records that were dropped after these because the spool was full.
    pub(in crate::handler) dropped: u64,
    /// The number of records, from the first, that have been sent.
    pub(in crate::handler) done: usize,
    /// State that the transport keeps between two attempts.
    pub(in crate::handler) progress: P,
}

impl<P: Default> Default for Batch<P> {
    fn default() -> Batch<P> {
        Batch {
            text: Vec::new(),
            ends: Vec::new(),
            worst: Level(i32::MIN),
            summary: String::new(),
            dropped: 0,
            done: 0,
            progress: P::default(),
        }
    }
}

impl<P> Batch<P> {
    /// The number of records.
    pub(in crate::handler) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(in crate::handler) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The formatted record at `place`.
    pub(in crate::handler) fn record(&self, place: usize) -> &[u8] {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[place]]
    }

    pub(super) fn push(&mut self, level: Level, shown: &[u8], summary: impl FnOnce() -> String) {
        if self.is_empty() || level > self.worst {
            self.worst = level;
            self.summary = summary();
        }
        self.text.extend_from_slice(shown);
        self.ends.push(self.text.len());
    }
}
