//! A file that is replaced, whatever the rule that replaces it.
//!
//! What may be here: what all such files do with a record and at the end. When a file is
//! replaced, and what its old files are called, are rules: `rotating`'s and `timed`'s.

use std::path::Path;
use std::time::Instant;

use super::compressor::Backups;
use super::log_file::LogFile;
use super::{Backlog, Handler, RecordBuffer};
use zlog_core::error::{Error, Result};
use zlog_core::format::Format;
use zlog_core::record::Record;

/// When a file is replaced, and what becomes of the old one.
pub(crate) trait RolloverRule {
    /// Replaces `file` where `record`, whose bytes these are, is to stand in a new one.
    ///
    /// # Errors
    /// It could not be replaced: the record goes into the file as it stands, and the next
    /// one tries again.
    fn roll(&mut self, file: &mut LogFile, backups: &Backups, record: &[u8]) -> Result<()>;
}

/// Appends records to a file that is replaced by a rule. The file is created, with its
/// directories, if missing; it is moved, deleted, cut short and locked as
/// [`FileHandler`](super::FileHandler) says.
pub struct RollingFileHandler<R> {
    file: LogFile,
    buffer: RecordBuffer,
    /// `None` for a file that is never replaced.
    backups: Option<Backups>,
    pub(in crate::handler) rule: R,
}

impl<R> RollingFileHandler<R> {
    pub(in crate::handler) fn new(
        file: LogFile,
        format: Box<dyn Format>,
        backups: Option<Backups>,
        rule: R,
    ) -> RollingFileHandler<R> {
        RollingFileHandler { file, buffer: RecordBuffer::new(format), backups, rule }
    }

    /// The file that is written to.
    pub fn path(&self) -> &Path {
        self.file.path()
    }
}

impl<R: RolloverRule> Handler for RollingFileHandler<R> {
    /// # Errors
    /// When the record could not be written, as [`FileHandler`](super::FileHandler)'s, or
    /// when the file could not be replaced: then the record has been written all the same.
    fn handle(&mut self, record: &Record<'_>) -> Result<()> {
        let mut outcome = self.file.check_if_due();
        let bytes = self.buffer.format(record);
        if let Some(backups) = &self.backups {
            outcome = outcome.and(self.rule.roll(&mut self.file, backups, bytes));
        }
        self.file.append(bytes)?;
        outcome.map_err(Error::with_record_kept)
    }

    /// Nothing is held here.
    ///
    /// # Errors
    /// What old file could not be compressed: it stays as it is.
    fn flush(&mut self) -> Result<()> {
        self.backups.as_ref().map_or(Ok(()), Backups::check)
    }

    fn on_timer(&mut self, now: Instant) -> Result<Option<Instant>> {
        let due = self.file.on_timer(now);
        self.flush().and(due)
    }

    fn reopen(&mut self) -> Result<()> {
        self.file.reopen()
    }

    fn backlog(&self) -> Backlog {
        Backlog { unreachable: self.file.is_detached(), ..Backlog::default() }
    }

    /// Waits for old files to be compressed, too.
    fn close(&mut self, until: Instant) -> Result<()> {
        let checked = self.file.check(Instant::now());
        checked.and(self.backups.as_mut().map_or(Ok(()), |backups| backups.finish(until)))
    }
}
