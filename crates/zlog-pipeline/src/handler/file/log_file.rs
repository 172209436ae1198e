//! A log at its path: opened, claimed for this process, and looked after, since
//! others move it away, delete it and cut it short.
//!
//! What may be here: which file stands at the path. What is written to it is
//! `appender`'s, and which records the handlers'.
//!
//! Python's `WatchedFileHandler` asks the system before each record whether the file
//! is still at its path. That would double the cost of a record, so it is asked at most
//! every [`LOOK`] of a busy stream, and when a handler is tended or closed.
//! What that means: after `mv app.log app.log.1`, the records of the next tenth of a
//! second still go to the moved file, where they belong as well as in the new one.
//! After `rm app.log` those records would be gone; so what was written since the last
//! look is read back from the deleted file, and stands at the beginning of the new one.
//! Nothing is lost, and nothing is there twice.

use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::appender::{self, Appender};
use super::lock::{Claim, is_same};
use crate::os::terminal::BLOCK;
use zlog_core::error::{Error, Result};
use zlog_core::text::escape::escape;

/// How often it is asked whether the file is still at its path.
const LOOK: Duration = Duration::from_millis(100);
/// The same while there are no records: what was moved away is let go within that.
const IDLE: Duration = Duration::from_secs(1);

/// The file at a path, for the one process that may write to it.
pub(crate) struct LogFile {
    path: PathBuf,
    file: Appender<File>,
    /// `None` for what is no regular file: that is neither locked nor looked after.
    claim: Option<Claim>,
    /// The lock is with this handle, and not with a handler that is to hand over.
    locked: bool,
    looked: Instant,
    astray: bool,
    /// How long it was then: what follows may have been written after it was deleted.
    seen: u64,
}

impl LogFile {
    /// Opens the file at `path`; it is created, with its directories, if missing.
    ///
    /// # Errors
    /// When it, or a directory on the way, can't be made or opened, or when another
    /// process writes to it.
    pub(crate) fn open(path: &Path) -> Result<LogFile> {
        let file = appender::create(path)?;
        let claim = if file.is_regular() { Some(Claim::take(path)?) } else { None };
        let locked = claim.as_ref().map_or(Ok(false), |claim| claim.lock(file.handle()))?;
        let (path, seen) = (path.to_owned(), file.size());
        Ok(LogFile { path, file, claim, locked, looked: Instant::now(), astray: false, seen })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How long it is, in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.file.size()
    }

    /// The right to write there; `None` for what is no regular file.
    pub(crate) fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    /// Appends a record in one write.
    ///
    /// # Errors
    /// It could not be written, or only a part of it.
    pub(crate) fn append(&mut self, record: &[u8]) -> Result<()> {
        self.file.append(record)
    }

    /// Appends several records in one write.
    ///
    /// # Errors
    /// They could not be written, or only as many bytes of them.
    pub(crate) fn append_block(&mut self, block: &[u8]) -> Result<(), (usize, Error)> {
        self.file.append_block(block)
    }

    /// Waits until what was written is on the disk.
    pub(crate) fn sync(&self) -> Result<()> {
        self.file.sync()
    }

    /// Looks after the file, when it is time to.
    ///
    /// # Errors
    /// It is gone from its path, and can't be opened there anew. What is appended goes
    /// to where it is now; the next look tries again.
    pub(crate) fn watch(&mut self) -> Result<()> {
        let now = Instant::now();
        if now.duration_since(self.looked) < LOOK {
            return Ok(());
        }
        self.look(now)
    }

    /// As [`LogFile::watch`], for when there are no records; returns when to look again.
    pub(crate) fn tend(&mut self, now: Instant) -> Result<Option<Instant>> {
        let due = self.looked + IDLE;
        if self.claim.is_none() {
            return Ok(None);
        }
        if now < due {
            return Ok(Some(due));
        }
        self.look(now)?;
        Ok(Some(now + IDLE))
    }

    /// Opens the path anew if another file, or none, stands there; else takes note of
    /// how long the file is, since somebody may have cut it short.
    ///
    /// # Errors
    /// As [`LogFile::watch`]'s.
    pub(crate) fn look(&mut self, now: Instant) -> Result<()> {
        let found = self.find(now);
        self.astray = found.is_err();
        found
    }

    /// Whether, at the last look, what is appended did not go to the path.
    pub(crate) fn is_astray(&self) -> bool {
        self.astray
    }

    fn find(&mut self, now: Instant) -> Result<()> {
        self.looked = now;
        let Some(claim) = &self.claim else { return Ok(()) };
        let ours = self.file.metadata()?;
        match fs::metadata(&self.path) {
            Ok(there) if is_same(&there, &ours) => {
                self.file.resize(ours.len());
                self.seen = ours.len();
                if !self.locked {
                    self.locked = claim.lock(self.file.handle())?;
                }
                Ok(())
            }
            Ok(there) if !there.is_file() => Err(self.unlike()),
            Ok(_) => self.reopen(),
            Err(error) if error.kind() == ErrorKind::NotFound => self.reopen(),
            // It can't be told: a directory that may not be searched any more.
            Err(error) => Err(Error::io(format_args!("can't look after {}", self.shown()), &error)
                .hint("Records go on into the file as it was.")),
        }
    }

    /// Opens the file at the path, whichever it is now, and lets go of the old one. What
    /// is no regular file stays open as it is.
    ///
    /// # Errors
    /// It can't be opened, or another process writes to it: records go on into the
    /// old one.
    pub(crate) fn reopen(&mut self) -> Result<()> {
        let Some(claim) = &self.claim else { return Ok(()) };
        if fs::metadata(&self.path).is_ok_and(|there| !there.is_file()) {
            return Err(self.unlike());
        }
        let old = self.file.metadata()?;
        let mut new = appender::create(&self.path)?;
        claim.renew()?;
        if is_same(&new.metadata()?, &old) {
            // Its lock goes with the handle: this one stays.
            return Ok(());
        }
        let locked = claim.lock(new.handle())?;
        let brought = if is_deleted(&old) { self.bring_over(&mut new)? } else { Ok(()) };
        self.seen = new.size();
        self.unlock();
        self.file = new;
        self.locked = locked;
        brought
    }

    /// Copies what was written since the last look from a file that was deleted.
    ///
    /// # Errors
    /// The outer one: the new file takes nothing, so the old one is still needed. The
    /// inner one: the old one can't be read.
    fn bring_over(&mut self, new: &mut Appender<File>) -> Result<Result<()>> {
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
                    // Not to be copied again, should the next block fail.
                    self.seen += read as u64;
                }
                Err(error) => return Ok(Err(self.unreadable(&error))),
            }
        }
    }

    fn unreadable(&self, error: &std::io::Error) -> Error {
        let lost = self.size().saturating_sub(self.seen);
        Error::io(format_args!("{} was deleted, and can't be read back", self.shown()), error)
            .hint(format!("The last {lost} bytes of records are lost with it."))
    }

    /// Something that is no file has taken its place: opening a pipe could take forever.
    fn unlike(&self) -> Error {
        Error::new(format!("{} is no regular file any more", self.shown()))
            .hint("Records go on into the file that was there. Put it back, or start zlog anew.")
    }

    /// Lets go of the lock on the file. Closing is not enough: a child that is just being
    /// started may still have a copy of the handle, and the lock with it.
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

/// Whether it has no name any more.
#[cfg(unix)]
fn is_deleted(file: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(file) == 0
}

/// Elsewhere a file that is open is not deleted by others.
#[cfg(not(unix))]
fn is_deleted(_file: &Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a child has between the moment when it is split off and the start of its program.
    fn copy(log: &LogFile) -> File {
        log.file.handle().try_clone().unwrap()
    }

    #[test]
    fn a_copy_that_a_child_has_for_a_moment_keeps_nobody_from_a_file_that_was_closed() {
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
