//! A file that records are appended to, each in one write, as Python's `FileHandler`
//! does it (it flushes each record), or as many together as are at hand ([`Sync`]).
//!
//! What may be here: when the file is written and synchronised. Which file stands at
//! the path is `log_file`'s, who may write to it `lock`'s, and what is written together
//! `block`'s. Files that zlog itself
//! replaces are `rolling`'s, by the rules of `rotating` and `timed`; all write through
//! `log_file`; `backups`, `compressor` and `compression` are about old files.

pub(super) mod appender;
pub(super) mod backups;
mod block;
mod compression;
pub(super) mod compressor;
mod lock;
pub(super) mod log_file;
pub(super) mod rolling;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use self::block::Block;
pub use self::compression::Compression;
use self::log_file::LogFile;
use super::{Backlog, Handler};
use crate::os::terminal::BLOCK;
use zlog_core::error::{Error, Result};
use zlog_core::format::Format;
use zlog_core::record::Record;

/// A buffer that one huge record has made larger than this is given back.
const MAX_KEPT_CAPACITY: usize = 4 * BLOCK;

/// How far a record has come when [`FileHandler`] is done with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sync {
    /// With the operating system: it survives zlog, not a power cut.
    #[default]
    None,
    /// On the disk (`fdatasync` after each record): it survives a power cut.
    Data,
    /// In a block, which is written when it is full (64 KiB) or nothing more is at hand
    /// ([`Handler::flush`]): for whoever takes so many records that a write for each
    /// would be most of the work. A crash of zlog loses a block at most. What is no
    /// regular file (a pipe, a terminal) gets each record by itself all the same.
    Block,
}

/// Appends records to a file, which is created, with its directories, if missing.
///
/// When the file is moved away or deleted, records go on into a new one at its path:
/// see [`Handler::reopen`]; without being told, the handler notices within a tenth of a
/// second of a busy stream, or with the next record of another. One that is cut short
/// (logrotate's `copytruncate`) goes on at its new end.
///
/// No other process may write to the file meanwhile: opening it there is refused. In
/// this process it may be opened again, to hand over.
pub struct FileHandler {
    file: LogFile,
    buffer: RecordBuffer,
    sync: Sync,
    /// With [`Sync::Block`].
    block: Option<Block>,
}

impl FileHandler {
    /// Opens the file at `path`, for records as `format` shows them.
    ///
    /// # Errors
    /// When the file or a directory on the way can't be made or opened, or another
    /// process writes to the file; the error names the path.
    pub fn open(path: &Path, format: Box<dyn Format>, sync: Sync) -> Result<FileHandler> {
        let file = LogFile::open(path)?;
        let gathers = sync == Sync::Block && file.lock().is_some();
        let block = gathers.then(Block::default);
        Ok(FileHandler { file, buffer: RecordBuffer::new(format), sync, block })
    }

    /// Writes the block, if there is one.
    fn write_block(&mut self) -> Result<()> {
        let Some(block) = &mut self.block else { return Ok(()) };
        let checked = self.file.check_if_due();
        block.write(|bytes| self.file.append_block(bytes))?;
        checked
    }

    /// The file that is written to.
    pub fn path(&self) -> &Path {
        self.file.path()
    }
}

impl Handler for FileHandler {
    /// # Errors
    /// When the record could not be written (a full disk, say), or only a part of
    /// it: the error names the path and says which. The next record is tried again,
    /// and stands on a line of its own. Or the file is gone from its path and can't be
    /// opened there anew: then the record is in the file that was there.
    fn handle(&mut self, record: &Record<'_>) -> Result<()> {
        if let Some(block) = &mut self.block {
            block.push(record, &mut *self.buffer.format);
            // What a block has cost is in `held`, this record included.
            let full = block.is_full();
            return if full { self.write_block().map_err(Error::with_record_kept) } else { Ok(()) };
        }
        let checked = self.file.check_if_due();
        self.file.append(self.buffer.format(record))?;
        if self.sync == Sync::Data {
            self.file.sync()?;
        }
        checked.map_err(Error::with_record_kept)
    }

    /// # Errors
    /// The block that was gathered can't be written, or only a part of it.
    fn flush(&mut self) -> Result<()> {
        self.write_block()
    }

    /// A block is written only when its first record has waited long enough: a queue
    /// tends after each record.
    fn on_timer(&mut self, now: Instant) -> Result<Option<Instant>> {
        let due = |handler: &FileHandler| handler.block.as_ref().and_then(Block::due);
        let is_due = due(self).is_some_and(|due| due <= now);
        let written = if is_due { self.write_block() } else { Ok(()) };
        let checked = self.file.on_timer(now);
        written.and(checked).map(|due_check| due_check.into_iter().chain(due(self)).min())
    }

    /// What was gathered goes into the new file: whoever has moved the old one away may
    /// have read it already, and delete it (logrotate's `compress`).
    fn reopen(&mut self) -> Result<()> {
        let reopened = self.file.reopen();
        reopened.and(self.write_block())
    }

    fn backlog(&self) -> Backlog {
        let (waiting, lost) = self.block.as_ref().map_or((0, 0), |b| (b.waiting(), b.lost()));
        Backlog { waiting, lost, unreachable: self.file.is_detached(), ..Backlog::default() }
    }

    fn close(&mut self, _until: Instant) -> Result<()> {
        let written = self.write_block();
        written.and(self.file.check(Instant::now()))
    }
}

/// Whoever stops at an error may not come to close it: what was gathered is written all
/// the same.
impl Drop for FileHandler {
    fn drop(&mut self) {
        // There is nobody left to tell.
        let _ = self.write_block();
    }
}

/// A record as it is written, in a buffer that is used again for the next one.
pub(super) struct RecordBuffer {
    format: Box<dyn Format>,
    buffer: Vec<u8>,
}

impl RecordBuffer {
    pub(super) fn new(format: Box<dyn Format>) -> RecordBuffer {
        RecordBuffer { format, buffer: Vec::new() }
    }

    /// The record's bytes, with the newline that ends it.
    pub(super) fn format(&mut self, record: &Record<'_>) -> &[u8] {
        self.buffer.clear();
        if self.buffer.capacity() > MAX_KEPT_CAPACITY {
            self.buffer.shrink_to(BLOCK);
        }
        self.format.write(record, &mut self.buffer);
        &self.buffer
    }
}

/// `.app.log.lock`, for `app.log` and `.lock`: a file beside a log that no pattern like
/// `app.log*` or `*.log` matches.
fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(suffix);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests;
