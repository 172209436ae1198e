//! A file that is replaced, whatever the rule that replaces it.
//!
//! What may be here: what all such files do with a record and at the end. When a file is
//! replaced, and what its old files are called, are rules: `rotating`'s and `timed`'s.

use std::path::Path;
use std::time::Instant;

use super::archive::Archive;
use super::log_file::LogFile;
use super::{Handler, Held, Line};
use zlog_core::error::{Error, Result};
use zlog_core::format::Format;
use zlog_core::record::Record;

/// When a file is replaced, and what becomes of the old one.
pub(crate) trait Rule {
    /// Replaces `file` where `record`, whose bytes these are, is to stand in a new one.
    ///
    /// # Errors
    /// It could not be replaced: the record goes into the file as it stands, and the next
    /// one tries again.
    fn roll(&mut self, file: &mut LogFile, archive: &Archive, record: &[u8]) -> Result<()>;
}

/// Appends records to a file that is replaced by a rule. The file is created, with its
/// directories, if missing; it is moved, deleted, cut short and locked as
/// [`FileHandler`](super::FileHandler) says.
pub struct RollingFileHandler<R> {
    file: LogFile,
    line: Line,
    /// `None` for a file that is never replaced.
    archive: Option<Archive>,
    pub(in crate::handler) rule: R,
}

impl<R> RollingFileHandler<R> {
    pub(in crate::handler) fn new(
        file: LogFile,
        format: Box<dyn Format>,
        archive: Option<Archive>,
        rule: R,
    ) -> RollingFileHandler<R> {
        RollingFileHandler { file, line: Line::new(format), archive, rule }
    }

    /// The file that is written to.
    pub fn path(&self) -> &Path {
        self.file.path()
    }
}

impl<R: Rule> Handler for RollingFileHandler<R> {
    /// # Errors
    /// When the record could not be written, as [`FileHandler`](super::FileHandler)'s, or
    /// when the file could not be replaced: then the record has been written all the same.
    fn handle(&mut self, record: &Record<'_>) -> Result<()> {
        let mut outcome = self.file.watch();
        let bytes = self.line.of(record);
        if let Some(archive) = &self.archive {
            outcome = outcome.and(self.rule.roll(&mut self.file, archive, bytes));
        }
        self.file.append(bytes)?;
        outcome.map_err(Error::with_record_kept)
    }

    /// Nothing is held here.
    ///
    /// # Errors
    /// What old file could not be compressed: it stays as it is.
    fn flush(&mut self) -> Result<()> {
        self.archive.as_ref().map_or(Ok(()), Archive::check)
    }

    fn tend(&mut self, now: Instant) -> Result<Option<Instant>> {
        let due = self.file.tend(now);
        self.flush().and(due)
    }

    fn reopen(&mut self) -> Result<()> {
        self.file.reopen()
    }

    fn held(&self) -> Held {
        Held { away: self.file.is_astray(), ..Held::default() }
    }

    /// Waits for old files to be compressed, too.
    fn close(&mut self, until: Instant) -> Result<()> {
        let looked = self.file.look(Instant::now());
        looked.and(self.archive.as_mut().map_or(Ok(()), |archive| archive.finish(until)))
    }
}
