//! A log file at its path, although others move it away, delete it or truncate it.
//!
//! Python's `WatchedFileHandler` checks before each record whether the file is still at its
//! path. That would double the cost of a record, so this module checks at most every
//! [`CHECK_INTERVAL`] on a busy stream, and whenever a handler is idle or closed. After `mv
//! app.log app.log.1`, records of the next 100 ms still go to the moved file, where they are
//! kept as well. After `rm app.log` those records would be lost; so everything written since
//! the last check is copied from the deleted file to the start of the new one. Nothing is
//! lost or written twice.

use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::appender::{self, Appender};
use super::lock::{FileLock, is_same};
use crate::os::terminal::BLOCK;
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

/// How often a busy handler checks whether the file is still at its path.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);
/// The same without records: a file that was moved away is released within this time.
const IDLE_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// How long the path may be empty before a file is created there: logrotate, with `create`, creates one
/// right after it has moved the old one, and renames any that it finds to `app.log-2026112721.backup`.
const CREATE_PAUSE: Duration = Duration::from_millis(5);

/// The file at a path, for the one process that may write to it.
pub(crate) struct LogFile {
    path: PathBuf,
    file: Appender<File>,
    /// `None` for a non-regular file, which is neither locked nor checked.
    lock: Option<FileLock>,
    /// This handle has the lock, not a handler that is about to hand over.
    locked: bool,
    checked: Instant,
    detached: bool,
    /// Its length at the last check: what follows may have been written after it was deleted.
    seen: u64,
}

impl LogFile {
    /// Opens the file at `path`. Creates it and its directories if they are missing.
    ///
    /// # Errors
    /// It or its directory can't be created or opened, or another process writes to it.
    pub(crate) fn open(path: &Path) -> Result<LogFile> {
        let file = appender::create(path)?;
        let lock = if file.is_regular() { Some(FileLock::acquire(path)?) } else { None };
        let locked = lock.as_ref().map_or(Ok(false), |lock| lock.lock_log(file.handle()))?;
        let (path, seen) = (path.to_owned(), file.size());
        Ok(LogFile { path, file, lock, locked, checked: Instant::now(), detached: false, seen })
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its length in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.file.size()
    }

    /// The lock on it; `None` for a non-regular file.
    pub(crate) fn lock(&self) -> Option<&FileLock> {
        self.lock.as_ref()
    }

    /// Appends a record in one write.
    ///
    /// # Errors
    /// It could not be written, or only in part.
    pub(crate) fn append(&mut self, record: &[u8]) -> Result<()> {
        self.file.append(record)
    }

    /// Appends several records in one write.
    ///
    /// # Errors
    /// They could not be written, or only as many bytes as the error says.
    pub(crate) fn append_block(&mut self, block: &[u8]) -> Result<(), (usize, Error)> {
        self.file.append_block(block)
    }

    /// Waits until the written data is on disk.
    pub(crate) fn sync(&self) -> Result<()> {
        self.file.sync()
    }

    /// Checks the path if [`CHECK_INTERVAL`] has passed.
    ///
    /// # Errors
    /// The file has left its path and can't be reopened there. Records go on to the old file;
    /// the next check tries again.
    pub(crate) fn check_if_due(&mut self) -> Result<()> {
        let now = Instant::now();
        if now.duration_since(self.checked) < CHECK_INTERVAL {
            return Ok(());
        }
        self.check(now)
    }

    /// Like [`LogFile::check_if_due`], without records.
    ///
    /// # Errors
    /// See [`LogFile::check_if_due`].
    pub(crate) fn on_timer(&mut self, now: Instant) -> Result<()> {
        if self.due().is_some_and(|due| due <= now) { self.check(now) } else { Ok(()) }
    }

    /// When to check the path if there are no records; `None` for a non-regular file.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.lock.as_ref().map(|_| self.checked + IDLE_CHECK_INTERVAL)
    }

    /// The warning about the lock, if there is one.
    pub(crate) fn take_notices(&self) -> Vec<String> {
        self.lock.as_ref().and_then(FileLock::take_warning).into_iter().collect()
    }

    /// Reopens the path if it has another file or none. Otherwise takes over the file's
    /// length, since somebody may have truncated it.
    ///
    /// # Errors
    /// See [`LogFile::check_if_due`].
    pub(crate) fn check(&mut self, now: Instant) -> Result<()> {
        let found = self.find(now);
        self.detached = found.is_err();
        found
    }

    /// Whether the last check found that records do not go to the path.
    pub(crate) fn is_detached(&self) -> bool {
        self.detached
    }

    fn find(&mut self, now: Instant) -> Result<()> {
        self.checked = now;
        let Some(lock) = &self.lock else { return Ok(()) };
        let ours = self.file.metadata()?;
        match fs::metadata(&self.path) {
            Ok(there) if is_same(&there, &ours) => {
                self.file.resize(ours.len());
                self.seen = ours.len();
                if !self.locked {
                    self.locked = lock.lock_log(self.file.handle())?;
                }
                Ok(())
            }
            Ok(there) if !there.is_file() => Err(self.not_regular()),
            Ok(_) => self.reopen(),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                thread::sleep(CREATE_PAUSE);
                self.reopen()
            }
            // Unknown: for example, the directory may no longer be searched.
            Err(error) => Err(Error::io(format_args!("can't check {}", self.shown()), &error)
                .hint("Records still go to the same file.")),
        }
    }

    /// Opens the file that is now at the path and releases the old one. Keeps a non-regular
    /// file open.
    ///
    /// # Errors
    /// It can't be opened, or another process writes to it. Records go on to the old file.
    pub(crate) fn reopen(&mut self) -> Result<()> {
        let Some(lock) = &self.lock else { return Ok(()) };
        if fs::metadata(&self.path).is_ok_and(|there| !there.is_file()) {
            return Err(self.not_regular());
        }
        let old = self.file.metadata()?;
        let mut new = appender::create(&self.path)?;
        lock.renew()?;
        if is_same(&new.metadata()?, &old) {
            // The lock belongs to the old handle, so keep that one.
            return Ok(());
        }
        let locked = lock.lock_log(new.handle())?;
        let brought = if is_deleted(&old) { self.copy_unseen(&mut new)? } else { Ok(()) };
        self.seen = new.size();
        self.unlock();
        self.file = new;
        self.locked = locked;
        brought
    }

    /// Copies what was written since the last check from a deleted file.
    ///
    /// # Errors
    /// Outer: the new file can't be written, so the old one is still needed. Inner: the old
    /// file can't be read.
    fn copy_unseen(&mut self, new: &mut Appender<File>) -> Result<Result<()>> {
        let mut rest = Vec::new();
        loop {
            rest.clear();
            let mut old = self.file.handle();
            let read = old
                .seek(SeekFrom::Start(self.seen))
                .and_then(|_| old.take(BLOCK as u64).read_to_end(&mut rest));
            match read {
                Ok(0) => return Ok(Ok(())),
                Ok(read) => {
                    new.append(&rest)?;
                    // Do not copy this again if the next block fails.
                    self.seen += read as u64;
                }
                Err(error) => return Ok(Err(self.unreadable(&error))),
            }
        }
    }

    fn unreadable(&self, error: &std::io::Error) -> Error {
        let lost = self.size().saturating_sub(self.seen);
        Error::io(format_args!("{} was deleted and can't be read back", self.shown()), error)
            .hint(format!("The last {lost} bytes of records are lost."))
    }

    // Opening what is there now could block forever (a pipe).
    fn not_regular(&self) -> Error {
        Error::new(format!("{} is not a regular file any more", self.shown()))
            .hint("Records still go to the old file. Put it back, or restart zlog.")
    }

    /// Releases the lock on the file. Closing is not enough: a child that is being started may
    /// still hold a copy of the descriptor, and the lock with it.
    fn unlock(&self) {
        if self.locked {
            let _ = self.file.handle().unlock();
        }
    }

    fn shown(&self) -> String {
        escape(&self.path.display().to_string())
    }
}

impl Drop for LogFile {
    fn drop(&mut self) {
        self.unlock();
    }
}

/// Whether no name is left for it.
#[cfg(unix)]
fn is_deleted(file: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(file) == 0
}

/// On other systems nobody can delete an open file.
#[cfg(not(unix))]
fn is_deleted(_file: &Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file that a child process has between `fork` and `exec`.
    fn copy(log: &LogFile) -> File {
        log.file.handle().try_clone().unwrap()
    }

    #[test]
    fn a_descriptor_copied_into_a_child_does_not_keep_the_lock() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.log");
        let first = LogFile::open(&path).unwrap();
        let _copy = copy(&first);
        drop(first);
        let mut second = LogFile::open(&path).unwrap();
        let _copy = copy(&second);
        let moved = directory.path().join("moved.log");
        fs::rename(&path, &moved).unwrap();
        second.reopen().unwrap();
        LogFile::open(&moved).map(drop).unwrap();
    }
}
