//! A file that records are appended to, each in one write: after it, the record is
//! the system's, and a crash of zlog loses nothing. Python's `FileHandler` does the
//! same (it flushes each record).
//!
//! What may be here: when the file is written and synchronised. Which file stands at
//! the path is `log_file`'s, who may write to it `lock`'s. Files that zlog itself
//! replaces are `rotating`'s and `timed`'s; all three write through `log_file`;
//! `names`, `archive` and `compress` are about their old files.

pub(super) mod appender;
pub(super) mod archive;
mod compress;
mod lock;
pub(super) mod log_file;
pub(super) mod names;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

pub use self::compress::Compression;
use self::log_file::LogFile;
use super::Handler;
use crate::error::{Error, Result};
use crate::format::Format;
use crate::record::Record;
use crate::term::BLOCK;

/// A buffer that one huge record has made larger than this is given back.
const KEEP: usize = 4 * BLOCK;

/// How far a record has come when [`FileHandler`] is done with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sync {
    /// With the operating system: it survives zlog, not a power cut.
    #[default]
    None,
    /// On the disk (`fdatasync` after each record): it survives a power cut.
    Data,
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
    line: Line,
    sync: Sync,
}

impl FileHandler {
    /// Opens the file at `path`, for records as `format` shows them.
    ///
    /// # Errors
    /// When the file or a directory on the way can't be made or opened, or another
    /// process writes to the file; the error names the path.
    pub fn open(path: &Path, format: Box<dyn Format>, sync: Sync) -> Result<FileHandler> {
        Ok(FileHandler { file: LogFile::open(path)?, line: Line::new(format), sync })
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
        let watched = self.file.watch();
        self.file.append(self.line.of(record))?;
        match self.sync {
            Sync::None => {}
            Sync::Data => self.file.sync()?,
        }
        watched.map_err(Error::with_record_kept)
    }

    /// Nothing is held here.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn tend(&mut self, now: Instant) -> Result<Option<Instant>> {
        self.file.tend(now)
    }

    fn reopen(&mut self) -> Result<()> {
        self.file.reopen()
    }

    fn close(&mut self, _until: Instant) -> Result<()> {
        self.file.look(Instant::now())
    }
}

/// A record as it is written, in a buffer that is used again for the next one.
pub(super) struct Line {
    format: Box<dyn Format>,
    buffer: Vec<u8>,
}

impl Line {
    pub(super) fn new(format: Box<dyn Format>) -> Line {
        Line { format, buffer: Vec::new() }
    }

    /// The record's bytes, with the newline that ends it.
    pub(super) fn of(&mut self, record: &Record<'_>) -> &[u8] {
        self.buffer.clear();
        if self.buffer.capacity() > KEEP {
            self.buffer.shrink_to(BLOCK);
        }
        self.format.write(record, &mut self.buffer);
        &self.buffer
    }
}

/// `.app.log.lock`, for `app.log` and `.lock`: a file beside a log that no pattern like
/// `app.log*` or `*.log` matches.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(suffix);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests;
