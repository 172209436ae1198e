//! Prints formatted records on standard output.
//!
//! Generic over its writer, so that a byte vector can test it.

use std::io::{self, Write};

use crate::os::terminal::{BLOCK, output_error};
use zlog_core::format::Format;
use zlog_core::{Record, Result};

use super::{Backlog, HandleError, Handler, clear};

/// Writes records in blocks: when a block is full, and when the source pauses
/// ([`Handler::flush`]).
///
/// Dropping it loses what was not flushed.
pub struct Console<W> {
    writer: W,
    format: Box<dyn Format>,
    buffer: Vec<u8>,
    /// Records in the buffer.
    waiting: u64,
    /// Records of blocks that were not written, or only in part.
    lost: u64,
    /// The width of the terminal, which a user may change.
    width: Option<Width>,
}

/// Gives the columns of the terminal, if there is one.
type Width = fn() -> Option<usize>;

impl<W: Write> Console<W> {
    /// Writes records formatted by `format` to `writer`.
    pub fn new(writer: W, format: Box<dyn Format>) -> Console<W> {
        let buffer = Vec::with_capacity(2 * BLOCK);
        Console { writer, format, buffer, waiting: 0, lost: 0, width: None }
    }

    /// Fits records to the width of a terminal. It is asked for before the first record of each
    /// block, so there is at most one system call more for each write.
    #[must_use]
    pub(crate) fn follow_width(mut self, width: Width) -> Console<W> {
        self.width = Some(width);
        self
    }

    /// The number of records that did not fit the format: see [`Format::failures`].
    pub fn unformatted(&self) -> u64 {
        self.format.failures()
    }

    fn write_block(&mut self) -> io::Result<()> {
        let written = self.writer.write_all(&self.buffer);
        // After a failure nobody knows how much was written, so the block is not repeated.
        clear(&mut self.buffer);
        written
    }

    /// Counts the waiting records as written or lost.
    fn finish_block(&mut self, written: io::Result<()>) -> Result<()> {
        let records = std::mem::take(&mut self.waiting);
        written.map_err(|error| {
            self.lost += records;
            output_error(&error)
        })
    }
}

impl<W: Write> Handler for Console<W> {
    fn handle(&mut self, record: &Record<'_>) -> Result<(), HandleError> {
        if self.buffer.is_empty()
            && let Some(columns) = self.width.and_then(|width| width())
        {
            self.format.set_terminal_width(columns);
        }
        self.format.write(record, &mut self.buffer);
        self.waiting += 1;
        if self.buffer.len() < BLOCK {
            return Ok(());
        }
        let written = self.write_block();
        self.finish_block(written).map_err(HandleError::record_taken)
    }

    fn flush(&mut self) -> Result<()> {
        let written = if self.buffer.is_empty() { Ok(()) } else { self.write_block() };
        // The writer may buffer, too.
        let flushed = written.and_then(|()| self.writer.flush());
        self.finish_block(flushed)
    }

    fn backlog(&self) -> Backlog {
        Backlog { waiting: self.waiting, lost: self.lost, ..Backlog::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::buffer::MAX_KEPT_CAPACITY;
    use crate::handler::testing::{record, text};
    use zlog_core::Exit;

    /// Counts writes and flushes, and fails on request.
    #[derive(Default)]
    struct Probe {
        written: Vec<u8>,
        writes: usize,
        flushes: usize,
        fails: Option<io::ErrorKind>,
        /// Flushing fails like this.
        holds: Option<io::ErrorKind>,
    }

    impl Write for Probe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if let Some(kind) = self.fails {
                return Err(kind.into());
            }
            self.writes += 1;
            self.written.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            self.flushes += 1;
            self.holds.map_or(Ok(()), |kind| Err(kind.into()))
        }
    }

    #[test]
    fn records_are_buffered_until_a_flush() {
        let mut console = Console::new(Probe::default(), text());
        console.handle(&record("one")).unwrap();
        console.handle(&record("two")).unwrap();
        assert_eq!(console.writer.writes, 0);
        console.flush().unwrap();
        assert_eq!(console.writer.written, b"one\ntwo\n");
        assert_eq!((console.writer.writes, console.writer.flushes), (1, 1));
    }

    #[test]
    fn a_busy_stream_is_written_in_blocks() {
        let mut console = Console::new(Probe::default(), text());
        let line = "x".repeat(99);
        for _ in 0..10_000 {
            console.handle(&record(&line)).unwrap();
        }
        console.flush().unwrap();
        assert_eq!(console.writer.written.len(), 1_000_000);
        assert!(console.writer.writes <= 1_000_000 / BLOCK + 1, "{}", console.writer.writes);
    }

    #[test]
    fn the_buffer_shrinks_after_a_huge_record() {
        let mut console = Console::new(io::sink(), text());
        console.handle(&record(&"x".repeat(4 * MAX_KEPT_CAPACITY))).unwrap();
        assert!(console.buffer.capacity() <= MAX_KEPT_CAPACITY);
    }

    #[test]
    fn records_of_a_block_that_was_not_written_are_counted() {
        let mut console = Console::new(Probe::default(), text());
        console.handle(&record("one")).unwrap();
        assert_eq!(console.backlog(), Backlog { waiting: 1, ..Backlog::default() });
        console.flush().unwrap();
        assert_eq!(console.backlog(), Backlog::default());
        console.writer.fails = Some(io::ErrorKind::BrokenPipe);
        console.handle(&record("two")).unwrap();
        console.flush().unwrap_err();
        assert_eq!(console.backlog(), Backlog { lost: 1, ..Backlog::default() });
        let error = console.handle(&record(&"x".repeat(BLOCK))).unwrap_err();
        assert!(error.record_taken, "it would be counted twice");
        assert_eq!(console.backlog(), Backlog { lost: 2, ..Backlog::default() });
        // A writer with its own buffer fails in `flush`.
        (console.writer.fails, console.writer.holds) = (None, Some(io::ErrorKind::BrokenPipe));
        console.handle(&record("three")).unwrap();
        console.flush().unwrap_err();
        assert_eq!(console.backlog(), Backlog { lost: 3, ..Backlog::default() });
    }

    #[test]
    fn a_closed_pipe_is_success_and_a_full_disk_names_itself() {
        let cases =
            [(io::ErrorKind::BrokenPipe, Exit::Done), (io::ErrorKind::StorageFull, Exit::Failed)];
        for (kind, exit) in cases {
            let mut console = Console::new(Probe { fails: Some(kind), ..Probe::default() }, text());
            console.handle(&record("one")).unwrap();
            let error = console.flush().unwrap_err();
            assert_eq!(error.exit(), exit);
            assert!(error.to_string().starts_with("standard output: "), "{error}");
        }
    }
}
