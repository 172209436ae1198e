//! Records that are sent together.

use zlog_core::record::Level;

/// Records as they are shown, one after the other, and the worst of them.
pub(in crate::handler) struct Batch<P> {
    /// All of them.
    pub(in crate::handler) text: Vec<u8>,
    /// Where each ends in `text`.
    ends: Vec<usize>,
    /// The level of the worst.
    pub(in crate::handler) worst: Level,
    /// What was said of the first of the worst.
    pub(in crate::handler) head: String,
    /// Records that came after these, and found no room.
    pub(in crate::handler) dropped: u64,
    /// How many of them, from the first, need not be sent again.
    pub(in crate::handler) done: usize,
    /// What the transport remembers between two tries.
    pub(in crate::handler) progress: P,
}

impl<P: Default> Default for Batch<P> {
    fn default() -> Batch<P> {
        Batch {
            text: Vec::new(),
            ends: Vec::new(),
            worst: Level(i32::MIN),
            head: String::new(),
            dropped: 0,
            done: 0,
            progress: P::default(),
        }
    }
}

impl<P> Batch<P> {
    /// Records in it.
    pub(in crate::handler) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(in crate::handler) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The record at this place, as it is shown.
    pub(in crate::handler) fn record(&self, place: usize) -> &[u8] {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[place]]
    }

    pub(super) fn push(&mut self, level: Level, shown: &[u8], head: impl FnOnce() -> String) {
        if self.is_empty() || level > self.worst {
            self.worst = level;
            self.head = head();
        }
        self.text.extend_from_slice(shown);
        self.ends.push(self.text.len());
    }
}
