//! A file that is replaced by a rule. The rules are in `rotating` and `timed`.

use std::path::Path;
use std::time::Instant;

use super::compressor::Backups;
use super::log_file::LogFile;
use crate::handler::buffer::RecordBuffer;
use crate::handler::{Backlog, HandleError, Handler};
use zlog_core::format::Format;
use zlog_core::text::escape::escape;
use zlog_core::{Error, Record, Result};

/// Decides when a file is replaced, and renames the old ones.
pub(crate) trait RolloverRule {
    /// Replaces `file` if `record` (its bytes) belongs in a new one.
    ///
    /// # Errors
    /// The file could not be replaced: the record goes to the old file, and the next
    /// record tries again.
    fn roll(&mut self, file: &mut LogFile, backups: &Backups, record: &[u8]) -> Result<()>;
}

/// Appends records to a file that is replaced by a rule. Creates the file and its
/// directories, locks it, and notices moves, deletions and truncation, like
/// [`FileHandler`](super::FileHandler).
pub struct RollingFileHandler<R> {
    file: LogFile,
    buffer: RecordBuffer,
    /// `None` for a file that is never replaced.
    backups: Option<Backups>,
    pub(in crate::handler) rule: R,
}

/// Refuses a path that has no regular file, and would be renamed: a device, a pipe, a link.
///
/// # Errors
/// It has none.
pub(in crate::handler) fn check_may_rename(path: &Path) -> Result<()> {
    match path.symlink_metadata() {
        Ok(there) if !there.is_file() => {
            let link =
                if there.is_symlink() { "; name the file that the link leads to" } else { "" };
            let shown = escape(&path.to_string_lossy());
            Err(Error::usage(format!("{shown} is not a regular file, and can't be rotated"))
                .hint(format!("Leave out max-bytes and when{link}.")))
        }
        _ => Ok(()),
    }
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
}

impl<R: RolloverRule> Handler for RollingFileHandler<R> {
    /// # Errors
    /// The record could not be written (see [`FileHandler`](super::FileHandler)), or the file
    /// could not be replaced, in which case the record was written.
    fn handle(&mut self, record: &Record<'_>) -> Result<(), HandleError> {
        let mut outcome = self.file.check_if_due();
        let bytes = self.buffer.format(record);
        if let Some(backups) = &self.backups {
            outcome = outcome.and(self.rule.roll(&mut self.file, backups, bytes));
        }
        self.file.append(bytes)?;
        outcome.map_err(HandleError::record_taken)
    }

    /// Nothing is buffered here.
    ///
    /// # Errors
    /// A replaced file could not be compressed. It stays as it is.
    fn flush(&mut self) -> Result<()> {
        self.backups.as_ref().map_or(Ok(()), Backups::check)
    }

    fn on_timer(&mut self, now: Instant) -> Result<()> {
        let checked = self.file.on_timer(now);
        self.flush().and(checked)
    }

    fn due(&self, _: Instant) -> Option<Instant> {
        self.file.due()
    }

    fn reopen(&mut self) -> Result<()> {
        self.file.reopen()
    }

    fn backlog(&self) -> Backlog {
        Backlog { unreachable: self.file.is_detached(), ..Backlog::default() }
    }

    fn take_notices(&mut self) -> Vec<String> {
        self.file.take_notices()
    }

    /// Also waits until replaced files are compressed.
    fn close(&mut self, until: Instant) -> Result<()> {
        let checked = self.file.check(Instant::now());
        checked.and(self.backups.as_mut().map_or(Ok(()), |backups| backups.finish(until)))
    }
}
