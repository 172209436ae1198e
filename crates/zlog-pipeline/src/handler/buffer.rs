//! Reused buffers for formatted records.

use crate::os::terminal::BLOCK;
use zlog_core::Record;
use zlog_core::format::Format;

/// Buffers that one huge record made larger than this are shrunk again.
pub(super) const MAX_KEPT_CAPACITY: usize = 4 * BLOCK;

/// Empties a buffer, and shrinks it after a huge record.
pub(super) fn clear(buffer: &mut Vec<u8>) {
    buffer.clear();
    if buffer.capacity() > MAX_KEPT_CAPACITY {
        buffer.shrink_to(BLOCK);
    }
}

/// Formats one record at a time.
pub(super) struct RecordBuffer {
    pub(super) format: Box<dyn Format>,
    bytes: Vec<u8>,
}

impl RecordBuffer {
    pub(super) fn new(format: Box<dyn Format>) -> RecordBuffer {
        RecordBuffer { format, bytes: Vec::new() }
    }

    /// The formatted record, including its final newline.
    pub(super) fn format(&mut self, record: &Record<'_>) -> &[u8] {
        clear(&mut self.bytes);
        self.format.write(record, &mut self.bytes);
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::testing::{record, text};

    #[test]
    fn the_buffer_shrinks_after_a_huge_record() {
        let mut buffer = RecordBuffer::new(text());
        buffer.format(&record(&"x".repeat(4 * MAX_KEPT_CAPACITY)));
        assert_eq!(buffer.format(&record("small")), b"small\n");
        assert!(buffer.bytes.capacity() <= MAX_KEPT_CAPACITY);
    }
}
