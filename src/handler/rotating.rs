//! A file that is replaced when it has grown, by Python's `RotatingFileHandler`
//! rules: `app.log` becomes `app.log.1`, what was that `app.log.2`, and so on.
//!
//! What may be here: when to roll over, and the renaming. The rules are those of
//! CPython's `Lib/logging/handlers.py`, with gh-116263 (August 2024, in 3.12 and
//! later): an empty file is never rolled over, however long the record. A
//! differential test holds both against each other (tests/handlers).
//!
//! One difference, on purpose: a roll-over that fails loses no record. It is
//! written to the file as it stands, the failure is reported, and the next record
//! takes the roll-over up where it stopped, since the same renaming done twice would
//! push old files out.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::Handler;
pub use super::file::Compression;
use super::file::Line;
use super::file::appender::{Appender, create};
use crate::error::{Error, Exit, Result};
use crate::format::Format;
use crate::record::Record;
use crate::term::visible;

/// When a file is replaced, and what is kept. With a zero in either, it never is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rotation {
    /// A file is replaced before a record would bring it to this many bytes
    /// (`maxBytes`). The record is counted in characters, as Python does it.
    pub max_bytes: u64,
    /// How many replaced files are kept (`backupCount`).
    pub backup_count: u32,
    /// How replaced files are compressed.
    pub compress: Compression,
}

/// How far a roll-over has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// None is under way. The first step gives each replaced file the next number.
    Shift,
    /// There is no `.1` any more: the file itself becomes it.
    Rename,
    /// The file is opened anew.
    Open,
}

/// Appends records to a file that is replaced as it grows. The file is created, with
/// its directories, if missing.
pub struct RotatingFileHandler {
    path: PathBuf,
    file: Appender<File>,
    line: Line,
    rotation: Rotation,
    step: Step,
}

impl RotatingFileHandler {
    /// Opens the file at `path`, for records as `format` shows them.
    ///
    /// A path that is no regular file (a device, a pipe) is never rolled over.
    ///
    /// # Errors
    /// As [`FileHandler::open`](super::file::FileHandler::open)'s.
    pub fn open(
        path: &Path,
        format: Box<dyn Format>,
        rotation: Rotation,
    ) -> Result<RotatingFileHandler> {
        let file = create(path)?;
        let rotates = rotation.max_bytes > 0 && rotation.backup_count > 0 && file.is_regular();
        let rotation = if rotates { rotation } else { Rotation::default() };
        let line = Line::new(format);
        Ok(RotatingFileHandler { path: path.to_owned(), file, line, rotation, step: Step::Shift })
    }

    /// The file that is written to.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Handler for RotatingFileHandler {
    /// # Errors
    /// When the record could not be written, as
    /// [`FileHandler`](super::file::FileHandler)'s, or when the file could not be
    /// replaced: then the record has been written all the same.
    fn handle(&mut self, record: &Record<'_>) -> Result<()> {
        let bytes = self.line.of(record);
        let mut rolled = Ok(());
        if is_full(self.file.size(), bytes, self.rotation.max_bytes) {
            rolled = roll_over(&self.path, self.rotation, &mut self.file, &mut self.step);
        }
        self.file.append(bytes)?;
        rolled
    }

    /// Nothing is held here.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Python's `shouldRollover`.
fn is_full(size: u64, record: &[u8], max_bytes: u64) -> bool {
    // Characters are counted only where they can matter: there are no more of them
    // than bytes.
    max_bytes > 0
        && size > 0
        && size + record.len() as u64 >= max_bytes
        && size + characters(record) >= max_bytes
}

/// How many characters UTF-8 has: `len()` of the string in Python.
fn characters(text: &[u8]) -> u64 {
    text.iter().filter(|byte| **byte & 0xC0 != 0x80).count() as u64
}

/// Python's `doRollover`, from `step` on.
fn roll_over(
    path: &Path,
    rotation: Rotation,
    file: &mut Appender<File>,
    step: &mut Step,
) -> Result<()> {
    if *step == Step::Shift {
        for number in (1..rotation.backup_count).rev() {
            rename(&numbered(path, number), &numbered(path, number.saturating_add(1)))?;
        }
        *step = Step::Rename;
    }
    if *step == Step::Rename {
        rename(path, &numbered(path, 1))?;
        *step = Step::Open;
    }
    *file = create(path)?;
    *step = Step::Shift;
    Ok(())
}

/// `app.log.1`
fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    name.into()
}

/// Renames a file, over what is there. One that is missing is no loss.
pub(super) fn rename(from: &Path, to: &Path) -> Result<()> {
    let renamed = match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        renamed => renamed,
    };
    renamed.map_err(|error: io::Error| {
        let [from, to] = [from, to].map(|path| visible(&path.display().to_string()));
        Error::io(format_args!("can't rename {from} to {to}"), &error)
            .hint("Records go on into the file as it is. Check who may write to its directory.")
            .exit_as(Exit::Failed)
    })
}

#[cfg(test)]
mod tests;
