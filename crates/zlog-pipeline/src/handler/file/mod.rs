//! Appends records to a file: one write per record, as Python's `FileHandler` does (it
//! flushes each record), or in blocks ([`Sync::Block`]).
//!
//! `log_file` keeps track of the file at the path, `lock` keeps other writers away, and
//! `block` gathers records. `rolling` replaces files by the rules in `rotating` and `timed`;
//! `backups`, `compressor` and `compression` handle replaced files.

pub(super) mod appender;
pub(super) mod backups;
mod block;
mod compression;
pub(super) mod compressor;
mod lock;
pub(super) mod log_file;
pub(super) mod rolling;
mod shared;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use self::block::Block;
pub use self::compression::Compression;
use self::log_file::LogFile;
use super::buffer::RecordBuffer;
use super::{Backlog, HandleError, Handler};
use zlog_core::format::Format;
use zlog_core::{Record, Result};

/// How durable a record is when [`FileHandler::handle`] returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sync {
    /// The operating system has it: it survives a crash of zlog, but not a power cut.
    #[default]
    None,
    /// It is on disk (`fdatasync` after each record): it survives a power cut.
    Data,
    /// It is in a block, which is written when it is full (64 KiB) or when the source pauses
    /// ([`Handler::flush`]). Saves a system call per record; a crash of zlog loses at most one
    /// block. Pipes, terminals and other non-regular files still get one write per record.
    Block,
}

/// Appends records to a file. Creates it and its directories if they are missing.
///
/// When the file is moved away or deleted, the handler opens a new one at its path: at once
/// on [`Handler::reopen`], otherwise within 100 ms on a busy stream and with the next record
/// on an idle one. After truncation (logrotate's `copytruncate`) it continues at the new end.
///
/// The file is locked against other processes. The same process may open it again, so that
/// one handler can hand over to another.
pub struct FileHandler {
    file: LogFile,
    buffer: RecordBuffer,
    sync: Sync,
    /// Only with [`Sync::Block`].
    block: Option<Block>,
}

impl FileHandler {
    /// Opens the file at `path` for records formatted by `format`.
    ///
    /// # Errors
    /// The file or its directory can't be created or opened, or another process writes to the
    /// file. The error names the path.
    pub fn open(path: &Path, format: Box<dyn Format>, sync: Sync) -> Result<FileHandler> {
        let file = LogFile::open(path)?;
        let gathers = sync == Sync::Block && file.lock().is_some();
        let block = gathers.then(Block::default);
        Ok(FileHandler { file, buffer: RecordBuffer::new(format), sync, block })
    }

    /// Writes the gathered block, if any.
    fn write_block(&mut self) -> Result<()> {
        let Some(block) = &mut self.block else { return Ok(()) };
        let checked = self.file.check_if_due();
        block.write(|bytes| self.file.append_block(bytes))?;
        checked
    }
}

impl Handler for FileHandler {
    /// # Errors
    /// The record could not be written, or only in part (for example, the disk is full). The
    /// error names the path and says which. The next record is tried again, on a new line.
    /// Or the file has left its path and can't be reopened there: the record was then
    /// written to the old file.
    fn handle(&mut self, record: &Record<'_>) -> Result<(), HandleError> {
        if let Some(block) = &mut self.block {
            block.push(record, &mut *self.buffer.format);
            // `backlog` counts the records that a failed block has cost, including this one.
            let full = block.is_full();
            return if full {
                self.write_block().map_err(HandleError::record_taken)
            } else {
                Ok(())
            };
        }
        let checked = self.file.check_if_due();
        self.file.append(self.buffer.format(record))?;
        if self.sync == Sync::Data {
            self.file.sync()?;
        }
        checked.map_err(HandleError::record_taken)
    }

    /// # Errors
    /// The gathered block can't be written, or only in part.
    fn flush(&mut self) -> Result<()> {
        self.write_block()
    }

    /// Writes a block only when its oldest record is due: a queue calls this after every record.
    fn on_timer(&mut self, now: Instant) -> Result<()> {
        let is_due = self.block.as_ref().and_then(Block::due).is_some_and(|due| due <= now);
        let written = if is_due { self.write_block() } else { Ok(()) };
        let checked = self.file.on_timer(now);
        written.and(checked)
    }

    fn due(&self, _: Instant) -> Option<Instant> {
        let block = self.block.as_ref().and_then(Block::due);
        block.into_iter().chain(self.file.due()).min()
    }

    /// Writes gathered records to the new file: whoever moved the old one away may have read
    /// it already and may delete it (logrotate's `compress`).
    fn reopen(&mut self) -> Result<()> {
        let reopened = self.file.reopen();
        reopened.and(self.write_block())
    }

    fn backlog(&self) -> Backlog {
        let (waiting, lost) = self.block.as_ref().map_or((0, 0), |b| (b.waiting(), b.lost()));
        Backlog { waiting, lost, unreachable: self.file.is_detached(), ..Backlog::default() }
    }

    fn take_notices(&mut self) -> Vec<String> {
        self.file.take_notices()
    }

    fn close(&mut self, _until: Instant) -> Result<()> {
        let written = self.write_block();
        written.and(self.file.check(Instant::now()))
    }
}

/// Writes gathered records even if an error prevented `close`.
impl Drop for FileHandler {
    fn drop(&mut self) {
        // Nobody is left to receive the error.
        let _ = self.write_block();
    }
}

/// A hidden file next to `path`: `.app.log.lock` for `app.log` and `.lock`. Patterns like
/// `app.log*` and `*.log` do not match it.
fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(suffix);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests;
