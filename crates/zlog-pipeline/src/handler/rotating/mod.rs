//! A file that is replaced when it has grown, by Python's `RotatingFileHandler`
//! rules: `app.log` becomes `app.log.1`, what was that `app.log.2`, and so on.
//!
//! What may be here: when to roll over, and the renaming. The rules are those of
//! CPython's `Lib/logging/handlers.py`, with gh-116263 (August 2024, in 3.12 and
//! later): an empty file is never rolled over, however long the record. A
//! differential test holds both against each other (tests/handlers).
//!
//! Differences, on purpose: a roll-over that fails loses no record. It is written to the
//! file as it stands, the failure is reported, and the next record takes the roll-over
//! up where it stopped, since the same renaming done twice would push old files out.
//! And old files may be compressed: `app.log.1.gz` moves up and goes as `app.log.1` does.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

pub use super::file::Compression;
use super::file::backups::{BackupNames, list, strip_compression};
use super::file::compressor::Backups;
use super::file::log_file::LogFile;
use super::file::rolling::{RollingFileHandler, RolloverRule};
use zlog_core::error::Result;
use zlog_core::format::Format;

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

/// Appends records to a file that is replaced as it grows. The file is created, with
/// its directories, if missing; it is moved, deleted, cut short and locked as
/// [`FileHandler`](super::file::FileHandler) says.
pub type RotatingFileHandler = RollingFileHandler<BySize>;

/// The rule: a file is replaced before it grows beyond a size.
pub struct BySize {
    rotation: Rotation,
    /// A roll-over has given each old file its next number, and stopped after that.
    shifted: bool,
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
        let file = LogFile::open(path)?;
        let rotates = rotation.max_bytes > 0 && rotation.backup_count > 0;
        let backups = match file.lock() {
            Some(lock) if rotates => {
                let (log, numbers) = (path.to_owned(), 1..rotation.backup_count.saturating_add(1));
                let list = Box::new(move || uncompressed(&log, numbers.clone()));
                Some(Backups::new(lock.share(), rotation.compress, list)?)
            }
            _ => None,
        };
        let rule = BySize { rotation, shifted: false };
        Ok(RollingFileHandler::new(file, format, backups, rule))
    }
}

impl RolloverRule for BySize {
    fn roll(&mut self, file: &mut LogFile, backups: &Backups, record: &[u8]) -> Result<()> {
        if is_full(file.size(), record, self.rotation.max_bytes) {
            self.roll_over(file, backups, record)
        } else {
            Ok(())
        }
    }
}

impl BySize {
    /// Python's `doRollover`.
    fn roll_over(&mut self, file: &mut LogFile, backups: &Backups, record: &[u8]) -> Result<()> {
        let mut names = backups.names();
        // Another may stand there by now, or the same one cut short.
        file.check(Instant::now())?;
        if !is_full(file.size(), record, self.rotation.max_bytes) {
            return Ok(());
        }
        if !self.shifted {
            shift(&mut names, file.path(), self.rotation.backup_count)?;
            self.shifted = true;
        }
        names.retire(file.path(), &numbered(file.path(), 1))?;
        self.shifted = false;
        drop(names);
        file.reopen()?;
        backups.wake();
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

/// Gives each old file the next number, the oldest first. Nothing has the first one then.
fn shift(names: &mut BackupNames, path: &Path, backup_count: u32) -> Result<()> {
    // Those that are there, and not each that could be: a million may be kept.
    let mut numbers: Vec<u32> =
        list(path, |end| number(strip_compression(end), &(1..backup_count)))?
            .into_iter()
            .map(|(_, n)| n)
            .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
        .into_iter()
        .rev()
        .try_for_each(|number| names.shift(&numbered(path, number), &numbered(path, number + 1)))
}

/// Old files that are not compressed, the oldest first.
fn uncompressed(path: &Path, numbers: Range<u32>) -> Result<Vec<PathBuf>> {
    let mut old = list(path, |end| number(end, &numbers))?;
    old.retain(|(path, _)| path.symlink_metadata().is_ok_and(|old| old.is_file()));
    old.sort_unstable_by_key(|(_, number)| std::cmp::Reverse(*number));
    Ok(old.into_iter().map(|(path, _)| path).collect())
}

/// The number at the end of a name, as it is written there.
fn number(end: &str, among: &Range<u32>) -> Option<u32> {
    let number: u32 = end.parse().ok()?;
    (among.contains(&number) && number.to_string() == end).then_some(number)
}

/// `app.log.1`
fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

#[cfg(test)]
mod tests;
