//! Replaces a file when it has grown, by the rules of Python's `RotatingFileHandler`:
//! `app.log` becomes `app.log.1`, `app.log.1` becomes `app.log.2`, and so on.
//!
//! The rules are those of CPython's `Lib/logging/handlers.py`, including gh-116263 (August
//! 2024, in 3.12 and later): an empty file is never rolled over, however long the record. A
//! differential test compares the two (tests/handlers).
//!
//! Intended differences: a failed rollover loses no record. The record goes to the old file,
//! the failure is reported, and the next record continues the rollover where it stopped,
//! since renaming twice would push out old files. And replaced files may be compressed:
//! `app.log.1.gz` is renamed and deleted like `app.log.1`.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

pub use super::file::Compression;
use super::file::backups::{BackupNames, list, strip_compression};
use super::file::compressor::Backups;
use super::file::log_file::LogFile;
use super::file::rolling::{RollingFileHandler, RolloverRule, check_may_rename};
use zlog_core::Result;
use zlog_core::format::Format;

/// When to replace a file, and what to keep. If either number is zero, it is never replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rotation {
    /// The file is replaced before a record would bring it to this many bytes
    /// (`maxBytes`). As in Python, the record is measured in characters.
    pub max_bytes: u64,
    /// How many replaced files are kept (`backupCount`).
    pub backup_count: u32,
    /// How replaced files are compressed.
    pub compress: Compression,
}

/// Appends records to a file that is replaced as it grows. Creates the file and its
/// directories, locks it, and notices moves, deletions and truncation, like
/// [`FileHandler`](super::file::FileHandler).
pub type RotatingFileHandler = RollingFileHandler<BySize>;

/// Replaces a file before it grows beyond a size.
pub struct BySize {
    rotation: Rotation,
    /// A rollover gave each replaced file its next number, then failed.
    shifted: bool,
}

impl RotatingFileHandler {
    /// Opens the file at `path` for records formatted by `format`.
    ///
    /// # Errors
    /// See [`FileHandler::open`](super::file::FileHandler::open); or the file would be replaced,
    /// and is not a regular one (a device, a pipe, a link).
    pub fn open(
        path: &Path,
        format: Box<dyn Format>,
        rotation: Rotation,
    ) -> Result<RotatingFileHandler> {
        let rotates = rotation.max_bytes > 0 && rotation.backup_count > 0;
        if rotates {
            check_may_rename(path)?;
        }
        let file = LogFile::open(path)?;
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
        // By now there may be another file, or the same one truncated.
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
    // Count characters only where it matters: there are never more of them than bytes.
    max_bytes > 0
        && size > 0
        && size + record.len() as u64 >= max_bytes
        && size + characters(record) >= max_bytes
}

/// The number of UTF-8 characters: Python's `len()` of the string.
fn characters(text: &[u8]) -> u64 {
    text.iter().filter(|byte| **byte & 0xC0 != 0x80).count() as u64
}

/// Gives each replaced file the next number, oldest first, which frees number 1.
fn shift(names: &mut BackupNames, path: &Path, backup_count: u32) -> Result<()> {
    // List the existing files instead of trying every number: a million may be kept.
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

/// Replaced files that are not compressed, oldest first.
fn uncompressed(path: &Path, numbers: Range<u32>) -> Result<Vec<PathBuf>> {
    let mut old = list(path, |end| number(end, &numbers))?;
    old.retain(|(path, _)| path.symlink_metadata().is_ok_and(|old| old.is_file()));
    old.sort_unstable_by_key(|(_, number)| std::cmp::Reverse(*number));
    Ok(old.into_iter().map(|(path, _)| path).collect())
}

/// The number in a suffix, if it is written in its usual form.
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
