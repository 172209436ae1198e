//! A block of records that is written at once: how long records wait in it, and how many a
//! failed write costs.

use std::time::{Duration, Instant};

use crate::handler::buffer::clear;
use crate::os::terminal::BLOCK;
use zlog_core::format::Format;
use zlog_core::{Error, Record, Result};

/// The longest time that a record waits in a block while records for other handlers keep
/// coming. Too short to notice for someone who follows the file.
pub(super) const MAX_WAIT: Duration = Duration::from_millis(200);

/// Formatted records.
#[derive(Default)]
pub(super) struct Block {
    bytes: Vec<u8>,
    /// The end of each record in `bytes`.
    ends: Vec<usize>,
    /// The deadline for writing the first record.
    due: Option<Instant>,
    lost: u64,
}

impl Block {
    /// Adds a record, formatted by `format`.
    pub(super) fn push(&mut self, record: &Record<'_>, format: &mut dyn Format) {
        if self.ends.is_empty() {
            self.due = Some(Instant::now() + MAX_WAIT);
        }
        format.write(record, &mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    /// Whether it must be written without waiting for more records.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= BLOCK
    }

    /// The deadline for writing it, full or not; `None` for an empty block.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Records waiting to be written.
    pub(super) fn waiting(&self) -> u64 {
        self.ends.len() as u64
    }

    /// Records lost in failed writes.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    /// Writes the block with `append`, whose error carries the number of bytes written.
    /// Records beyond those bytes, or only partly within them, are lost: a second attempt
    /// could tear others.
    ///
    /// # Errors
    /// The error of `append`.
    pub(super) fn write(
        &mut self,
        append: impl FnOnce(&[u8]) -> Result<(), (usize, Error)>,
    ) -> Result<()> {
        if self.ends.is_empty() {
            return Ok(());
        }
        let appended = append(&self.bytes).map_err(|(written, error)| {
            let whole = self.ends.partition_point(|end| *end <= written);
            self.lost += (self.ends.len() - whole) as u64;
            error
        });
        clear(&mut self.bytes);
        self.ends.clear();
        self.due = None;
        appended
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::buffer::MAX_KEPT_CAPACITY;
    use crate::handler::testing::{record, text};

    fn block(messages: &[&str]) -> Block {
        let mut format = text();
        let mut block = Block::default();
        for message in messages {
            block.push(&record(message), &mut *format);
        }
        block
    }

    #[test]
    fn records_are_written_once_and_together() {
        let mut block = block(&["one", "two"]);
        assert_eq!((block.waiting(), block.is_full()), (2, false));
        let mut written = Vec::new();
        for _ in 0..2 {
            let append = |bytes: &[u8]| {
                written.push(bytes.to_vec());
                Ok(())
            };
            block.write(append).unwrap();
        }
        assert_eq!(written, [b"one\ntwo\n"]);
        assert_eq!((block.waiting(), block.lost(), block.due()), (0, 0, None));
    }

    #[test]
    fn what_a_failed_write_has_cost_is_counted_in_whole_records() {
        for (written, lost) in [(0, 3), (3, 3), (4, 2), (7, 2), (8, 1), (11, 1)] {
            let mut block = block(&["one", "two", "six"]);
            let append = |_: &[u8]| Err((written, Error::new("the disk is full")));
            assert!(block.write(append).is_err());
            assert_eq!((block.waiting(), block.lost()), (0, lost), "{written}");
        }
    }

    #[test]
    fn the_memory_of_a_huge_record_is_given_back() {
        let mut block = block(&[&"x".repeat(2 * MAX_KEPT_CAPACITY)]);
        assert!(block.is_full());
        block.write(|_| Ok(())).unwrap();
        assert!(block.bytes.capacity() <= MAX_KEPT_CAPACITY);
    }
}
