//! A file that is replaced by the clock, by Python's `TimedRotatingFileHandler`
//! rules: at midnight `app.log` becomes `app.log.2026-11-20`.
//!
//! What may be here: the renaming, and which old files go. When, and to what name,
//! is [`schedule`]'s.

pub mod schedule;

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use jiff::civil::Time;
use jiff::tz::TimeZone;

use self::schedule::Schedule;
pub use self::schedule::When;
use super::Handler;
pub use super::file::Compression;
use super::file::Line;
use super::file::appender::{Appender, create};
use super::rotating::rename;
use crate::error::{Error, Result};
use crate::format::Format;
use crate::record::Record;
use crate::term::visible;

/// When a file is replaced, and what is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// The unit, or the time of day or week.
    pub when: When,
    /// Every so many of them; at least one.
    pub interval: u32,
    /// How many replaced files are kept (`backupCount`); with zero, all.
    pub backup_count: u32,
    /// By UTC and not by this machine's zone.
    pub utc: bool,
    /// The time of day, for midnight and weekly (`atTime`).
    pub at_time: Option<Time>,
    /// How replaced files are compressed.
    pub compress: Compression,
}

/// Appends records to a file that is replaced by the clock. The file is created, with
/// its directories, if missing.
pub struct TimedRotatingFileHandler {
    path: PathBuf,
    file: Appender<File>,
    line: Line,
    timing: Timing,
    schedule: Schedule,
    /// The time of day, in seconds since 1970-01-01 UTC.
    now: Box<dyn Fn() -> i64 + Send>,
    /// When the file is to be replaced; `None` for never.
    due: Option<i64>,
}

impl TimedRotatingFileHandler {
    /// Opens the file at `path`, for records as `format` shows them.
    ///
    /// # Errors
    /// As [`FileHandler::open`](super::file::FileHandler::open)'s; or the interval is
    /// zero.
    pub fn open(
        path: &Path,
        format: Box<dyn Format>,
        timing: Timing,
    ) -> Result<TimedRotatingFileHandler> {
        let zone = if timing.utc { TimeZone::UTC } else { TimeZone::system() };
        let now = || crate::clock::now() as i64;
        TimedRotatingFileHandler::open_with_clock(path, format, timing, zone, Box::new(now))
    }

    /// [`TimedRotatingFileHandler::open`] with another clock, `now`, which shows the
    /// time of `zone`.
    ///
    /// # Errors
    /// As [`TimedRotatingFileHandler::open`]'s.
    pub fn open_with_clock(
        path: &Path,
        format: Box<dyn Format>,
        timing: Timing,
        zone: TimeZone,
        now: Box<dyn Fn() -> i64 + Send>,
    ) -> Result<TimedRotatingFileHandler> {
        let schedule = Schedule::new(timing.when, timing.interval, timing.at_time, zone)?;
        let begun = fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        let file = create(path)?;
        let begun = begun.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let begun = begun.map_or_else(&now, |time| time.as_secs() as i64);
        let due = file.is_regular().then(|| schedule.next(begun));
        let line = Line::new(format);
        Ok(TimedRotatingFileHandler {
            path: path.to_owned(),
            file,
            line,
            timing,
            schedule,
            now,
            due,
        })
    }
}

impl Handler for TimedRotatingFileHandler {
    /// # Errors
    /// As [`RotatingFileHandler`](super::rotating::RotatingFileHandler)'s.
    fn handle(&mut self, record: &Record<'_>) -> Result<()> {
        let now = (self.now)();
        let rolled = match self.due {
            Some(due) if now >= due => self.roll_over(due, now),
            _ => Ok(()),
        };
        self.file.append(self.line.of(record))?;
        rolled
    }

    /// Nothing is held here.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl TimedRotatingFileHandler {
    /// Python's `doRollover`.
    fn roll_over(&mut self, due: i64, now: i64) -> Result<()> {
        let dated = dated(&self.path, &self.schedule.name(due, now));
        if !dated.exists() {
            rename(&self.path, &dated)?;
            self.file = create(&self.path)?;
        }
        self.due = Some(self.schedule.next(now));
        self.delete_old()
    }

    /// Deletes the oldest files beyond those that are kept: Python's `getFilesToDelete`.
    fn delete_old(&self) -> Result<()> {
        let keep = self.timing.backup_count as usize;
        let (Some(directory), Some(base)) = (self.path.parent(), self.path.file_name()) else {
            return Ok(());
        };
        if keep == 0 {
            return Ok(());
        }
        let here = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let mut old: Vec<PathBuf> = fs::read_dir(here)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>())
            .map_err(|error| failed("can't list", here, &error))?;
        old.retain(|path| {
            let name = path.file_name().map(OsStr::as_encoded_bytes).unwrap_or_default();
            let end = name.strip_prefix(base.as_encoded_bytes()).unwrap_or_default();
            let end = end.strip_prefix(b".").and_then(|end| std::str::from_utf8(end).ok());
            end.is_some_and(|end| self.timing.when.names(end))
        });
        old.sort();
        for path in &old[..old.len().saturating_sub(keep)] {
            fs::remove_file(path).map_err(|error| failed("can't delete", path, &error))?;
        }
        Ok(())
    }
}

fn failed(what: &str, path: &Path, error: &io::Error) -> Error {
    Error::io(format_args!("{what} {}", visible(&path.display().to_string())), error)
        .hint("Old files stay. Check who may write to their directory.")
}

/// `app.log.2026-11-20`
fn dated(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".");
    name.push(end);
    name.into()
}
