//! A file that records are appended to, each in one write: after it, the record is
//! the system's, and a crash of zlog loses nothing. Python's `FileHandler` does the
//! same (it flushes each record).
//!
//! What may be here: when the file is opened, written and synchronised. Files that
//! are replaced as they grow are `rotating`'s; both write through `appender`.

pub(super) mod appender;
mod compress;

use std::fs::File;
use std::path::{Path, PathBuf};

use self::appender::{Appender, create};
pub use self::compress::Compression;
use super::Handler;
use crate::error::Result;
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
pub struct FileHandler {
    path: PathBuf,
    file: Appender<File>,
    line: Line,
    sync: Sync,
}

impl FileHandler {
    /// Opens the file at `path`, for records as `format` shows them.
    ///
    /// # Errors
    /// When the file or a directory on the way can't be made or opened; the error
    /// names the path.
    pub fn open(path: &Path, format: Box<dyn Format>, sync: Sync) -> Result<FileHandler> {
        let file = create(path)?;
        Ok(FileHandler { path: path.to_owned(), file, line: Line::new(format), sync })
    }

    /// The file that is written to.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Handler for FileHandler {
    /// # Errors
    /// When the record could not be written (a full disk, say), or only a part of
    /// it: the error names the path and says which. The next record is tried again,
    /// and stands on a line of its own.
    fn handle(&mut self, record: &Record<'_>) -> Result<()> {
        self.file.append(self.line.of(record))?;
        match self.sync {
            Sync::None => Ok(()),
            Sync::Data => self.file.sync(),
        }
    }

    /// Nothing is held here.
    fn flush(&mut self) -> Result<()> {
        Ok(())
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

#[cfg(test)]
mod tests;
