//! Replaces a file by the clock, by the rules of Python's `TimedRotatingFileHandler`: at
//! midnight `app.log` becomes `app.log.2026-11-20`. `schedule` computes times and names.
//!
//! Intended differences from CPython 3.13: if the new name exists (in the hour that occurs
//! twice when summer time ends, or after a clock was set back), Python stops replacing the
//! file until the program restarts, and earlier versions deleted the older file. Here the
//! records stay in the file until the next rollover. As in `rotating`, a failure loses no
//! record, and replaced files may be compressed.

mod schedule;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Instant, UNIX_EPOCH};

use jiff::civil::Time;
use jiff::tz::TimeZone;

use self::schedule::Schedule;
pub use self::schedule::When;
pub use super::file::Compression;
use super::file::backups::{BackupNames, list, strip_compression};
use super::file::compressor::Backups;
use super::file::log_file::LogFile;
use super::file::rolling::{RollingFileHandler, RolloverRule, check_may_rename};
use zlog_core::Result;
use zlog_core::format::Format;

/// When to replace a file, and what to keep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// The unit, or the time of day or the weekday.
    pub when: When,
    /// The number of units between two rollovers; at least one.
    pub interval: u32,
    /// How many replaced files are kept (`backupCount`); zero keeps all.
    pub backup_count: u32,
    /// Use UTC instead of the time zone of this machine.
    pub utc: bool,
    /// The time of day, for midnight and weekdays (`atTime`).
    pub at_time: Option<Time>,
    /// How replaced files are compressed.
    pub compress: Compression,
}

/// Appends records to a file that is replaced by the clock. Creates the file and its
/// directories, locks it, and notices moves, deletions and truncation, like
/// [`FileHandler`](super::file::FileHandler).
///
/// As in Python, records trigger the rollover: a stream that is silent over midnight is
/// rolled over by the first record of the morning, which starts the new file. Also as in
/// Python, the age of an existing file is the time of its last record.
pub type TimedRotatingFileHandler = RollingFileHandler<ByClock>;

/// Replaces a file at scheduled times.
pub struct ByClock {
    when: When,
    backup_count: u32,
    schedule: Schedule,
    /// The clock, in seconds since 1970-01-01 UTC.
    now: Box<dyn Fn() -> i64 + Send>,
    due: i64,
}

impl TimedRotatingFileHandler {
    /// Opens the file at `path` for records formatted by `format`. Uses the time zone of this
    /// machine, or UTC.
    ///
    /// # Errors
    /// See [`FileHandler::open`](super::file::FileHandler::open); or the interval is zero, or the
    /// file is not a regular one (a device, a pipe, a link).
    pub fn open(
        path: &Path,
        format: Box<dyn Format>,
        timing: Timing,
    ) -> Result<TimedRotatingFileHandler> {
        let zone = if timing.utc { TimeZone::UTC } else { TimeZone::system() };
        let now = || crate::os::clock::now() as i64;
        TimedRotatingFileHandler::open_with_clock(path, format, timing, zone, Box::new(now))
    }

    /// [`TimedRotatingFileHandler::open`] with the clock `now` in the time zone `zone`.
    ///
    /// # Errors
    /// See [`TimedRotatingFileHandler::open`].
    fn open_with_clock(
        path: &Path,
        format: Box<dyn Format>,
        timing: Timing,
        zone: TimeZone,
        now: Box<dyn Fn() -> i64 + Send>,
    ) -> Result<TimedRotatingFileHandler> {
        let when = timing.when;
        let schedule = Schedule::new(when, timing.interval, timing.at_time, zone)?;
        let begun = fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        let begun = begun.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let begun = begun.map_or_else(&now, |time| time.as_secs() as i64);
        check_may_rename(path)?;
        let file = LogFile::open(path)?;
        let backups = match file.lock() {
            Some(lock) => {
                let log = path.to_owned();
                let list = Box::new(move || uncompressed(&log, when));
                Some(Backups::new(lock.share(), timing.compress, list)?)
            }
            None => None,
        };
        let (due, backup_count) = (schedule.next(begun), timing.backup_count);
        let rule = ByClock { when, backup_count, schedule, now, due };
        Ok(RollingFileHandler::new(file, format, backups, rule))
    }
}

impl RolloverRule for ByClock {
    fn roll(&mut self, file: &mut LogFile, backups: &Backups, _record: &[u8]) -> Result<()> {
        let now = (self.now)();
        if now >= self.due { self.roll_over(file, backups, now) } else { Ok(()) }
    }
}

impl ByClock {
    /// Python's `doRollover`.
    fn roll_over(&mut self, file: &mut LogFile, backups: &Backups, now: i64) -> Result<()> {
        let path = file.path().to_owned();
        let mut names = backups.names();
        // By now there may be another file.
        file.check(Instant::now())?;
        let dated = dated(&path, &self.schedule.name(self.due, now));
        let exists = |how: Compression| how.name_of(&dated).symlink_metadata().is_ok();
        if Compression::ALL.into_iter().any(exists) {
            // Two intervals with one name: see the module documentation.
            self.due = self.schedule.next(now);
            return Ok(());
        }
        names.retire(&path, &dated)?;
        self.due = self.schedule.next(now);
        file.reopen()?;
        backups.wake();
        delete_old(&mut names, &path, self.when, self.backup_count as usize)
    }
}

/// Deletes the oldest files beyond those to keep: Python's `getFilesToDelete`.
fn delete_old(names: &mut BackupNames, path: &Path, when: When, keep: usize) -> Result<()> {
    if keep == 0 {
        return Ok(());
    }
    let ends = list(path, |end| {
        when.names(strip_compression(end)).then(|| strip_compression(end).to_owned())
    })?;
    // A file and its compressed form count as one.
    let ends: BTreeSet<String> = ends.into_iter().map(|(_, end)| end).collect();
    for end in ends.iter().take(ends.len().saturating_sub(keep)) {
        for how in Compression::ALL {
            names.delete(&how.name_of(&dated(path, end)))?;
        }
    }
    Ok(())
}

/// Replaced files that are not compressed, oldest first.
fn uncompressed(path: &Path, when: When) -> Result<Vec<PathBuf>> {
    let old = list(path, |end| when.names(end).then_some(()))?;
    let mut old: Vec<PathBuf> = old.into_iter().map(|(path, ())| path).collect();
    old.retain(|path| path.symlink_metadata().is_ok_and(|old| old.is_file()));
    old.sort();
    Ok(old)
}

/// `app.log.2026-11-20`
fn dated(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(end);
    name.into()
}

#[cfg(test)]
mod tests;
