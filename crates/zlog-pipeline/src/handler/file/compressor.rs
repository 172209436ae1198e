//! The thread that compresses replaced files.
//!
//! The thread lists the files that are not compressed yet, when it starts and whenever a file
//! was replaced, so it also continues what a crash interrupted. It writes to a temporary name;
//! only a complete file gets its own name (`app.log.1.gz`), and then the original is deleted.
//! Rollovers do not wait for it: it finds a file that was renamed meanwhile under its new
//! name, and drops the work on one that was deleted.

use std::convert::Infallible;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::backups::{BackupNames, failed};
use super::compression::Compression;
use super::lock::FileLock;
use crate::os::terminal::BLOCK;
use crate::os::thread;
use zlog_core::{Error, Result};

/// How often the thread checks whether another thread of this process, working on the same
/// files, has finished.
const AGAIN: Duration = Duration::from_secs(1);

/// Lists the replaced files that are not compressed, oldest first.
pub(crate) type List = Box<dyn Fn() -> Result<Vec<PathBuf>> + Send>;

/// The replaced files of one log.
pub(crate) struct Backups {
    lock: FileLock,
    thread: Option<Thread>,
}

/// The compressing thread.
struct Thread {
    /// Wakes the thread; `None` tells it to end.
    wake: Option<Sender<()>>,
    /// Never carries a message: it disconnects when the thread has ended.
    ended: Receiver<Infallible>,
    state: Arc<WorkerState>,
}

/// State that the thread shares with its owner.
#[derive(Default)]
struct WorkerState {
    abandoned: AtomicBool,
    error: Mutex<Option<Error>>,
}

impl Backups {
    /// The replaced files of the log that `lock` protects. Compresses those that `list`
    /// returns.
    ///
    /// # Errors
    /// The thread can't be started.
    pub(crate) fn new(lock: FileLock, how: Compression, list: List) -> Result<Backups> {
        let thread = match how {
            Compression::None => None,
            how => Some(Thread::start(lock.share(), how, list)?),
        };
        Ok(Backups { lock, thread })
    }

    /// The names; nothing else in this process renames files while the guard is held.
    pub(crate) fn names(&self) -> MutexGuard<'_, BackupNames> {
        self.lock.shared().names()
    }

    /// Tells the thread that a file was replaced.
    pub(crate) fn wake(&self) {
        if let Some(wake) = self.thread.as_ref().and_then(|thread| thread.wake.as_ref()) {
            // One pending wake-up is enough; a thread that has ended reports that itself.
            let _ = wake.try_send(());
        }
    }

    /// Returns what went wrong since the last call.
    ///
    /// # Errors
    /// A file could not be compressed. It stays as it is until the next one is replaced.
    pub(crate) fn check(&self) -> Result<()> {
        let Some(thread) = &self.thread else { return Ok(()) };
        let error = thread.state.error.lock().unwrap_or_else(PoisonError::into_inner).take();
        error.map_or(Ok(()), Err)
    }

    /// Waits until everything is compressed, at most until `until`. The next start
    /// continues with the rest.
    ///
    /// # Errors
    /// See [`Backups::check`].
    pub(crate) fn finish(&mut self, until: Instant) -> Result<()> {
        if let Some(thread) = &mut self.thread {
            thread.wake = None;
            let _ = thread.ended.recv_deadline(until);
        }
        self.check()
    }
}

impl Thread {
    fn start(lock: FileLock, compression: Compression, list: List) -> Result<Thread> {
        let (wake, woken) = bounded(1);
        let (running, ended) = bounded::<Infallible>(0);
        let state = Arc::new(WorkerState::default());
        let theirs = Arc::clone(&state);
        let work = move || {
            let worker = Worker { lock, compression, list, state: &theirs };
            worker.run(&woken);
            // Drop the lock first: whoever waits for `ended` may open the path again.
            drop(worker);
            drop(running);
        };
        thread::spawn("compress", work)?;
        Ok(Thread { wake: Some(wake), ended, state })
    }
}

/// Abandons a half-written file: waiting for the rest could take long.
impl Drop for Thread {
    fn drop(&mut self) {
        self.wake = None;
        self.state.abandoned.store(true, Ordering::Relaxed);
        let _ = self.ended.recv();
    }
}

/// The state of the thread.
struct Worker<'t> {
    /// Keeps other processes away while the thread works.
    lock: FileLock,
    compression: Compression,
    list: List,
    state: &'t WorkerState,
}

impl Worker<'_> {
    fn run(&self, woken: &Receiver<()>) {
        loop {
            let working = match self.lock.shared().working.try_lock() {
                Ok(working) => Some(working),
                Err(TryLockError::Poisoned(working)) => Some(working.into_inner()),
                // The thread of a handler that is about to hand over to this one.
                Err(TryLockError::WouldBlock) => None,
            };
            let was_free = working.is_some();
            if let Some(working) = working {
                if let Err(error) = self.compress_all() {
                    let mut kept = self.state.error.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.get_or_insert(error);
                }
                drop(working);
            }
            let woken = if was_free {
                woken.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                woken.recv_timeout(AGAIN)
            };
            if woken == Err(RecvTimeoutError::Disconnected) {
                return;
            }
        }
    }

    /// Compresses every file, even if one fails.
    ///
    /// # Errors
    /// The first failure.
    fn compress_all(&self) -> Result<()> {
        // Discard what a crash left behind.
        let _ = fs::remove_file(&self.lock.shared().temporary);
        let mut failed = Ok(());
        let mut tried = Vec::new();
        loop {
            let next = (self.list)()?.into_iter().find(|path| !tried.contains(path));
            let Some(next) = next else { return failed };
            if self.is_abandoned() {
                return failed;
            }
            failed = failed.and(self.compress(&next));
            tried.push(next);
        }
    }

    fn compress(&self, path: &Path) -> Result<()> {
        let temporary = &self.lock.shared().temporary;
        // Open it under the guard: without, another file could have this name by now.
        let mut names = self.lock.shared().names();
        let file = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            opened => opened.map_err(|error| failed("can't compress", path, &error))?,
        };
        names.compressing = Some(path.to_owned());
        drop(names);
        let done = self.write(&file, temporary);
        if !matches!(done, Ok(true)) {
            self.lock.shared().names().compressing = None;
            let _ = fs::remove_file(temporary);
        }
        done.map(drop).map_err(|error| failed("can't compress", path, &error))
    }

    /// Compresses a file and replaces it. Returns false if the work was abandoned or has to
    /// wait.
    fn write(&self, file: &File, temporary: &Path) -> io::Result<bool> {
        let metadata = file.metadata()?;
        let mut options = OpenOptions::new();
        // `create_new`: nobody can have placed a symbolic link here.
        let out = options.write(true).create_new(true).open(temporary)?;
        out.set_permissions(metadata.permissions())?;
        let mut out = self.compression.encoder(out)?;
        let read = self.copy(file, &mut out)?;
        if self.is_abandoned() {
            return Ok(false);
        }
        let out = out.finish()?;
        // Keep the modification time. Nothing is lost where that is not possible.
        let _ = out.set_times(fs::FileTimes::new().set_modified(metadata.modified()?));
        // Sync before the original is deleted: a power cut must not lose the records.
        out.sync_all()?;
        let mut names = self.lock.shared().names();
        // A handler that has not noticed the rename yet may have appended to it. Try again
        // the next time.
        if file.metadata()?.len() != read {
            return Ok(false);
        }
        let Some(path) = names.compressing.take() else { return Ok(false) };
        fs::rename(temporary, self.compression.name_of(&path))?;
        fs::remove_file(&path).map(|()| true)
    }

    /// Copies up to the end of the file, or until the work is abandoned.
    fn copy(&self, mut file: &File, out: &mut impl io::Write) -> io::Result<u64> {
        let mut block = vec![0; BLOCK];
        let mut copied = 0;
        while !self.is_abandoned() {
            match file.read(&mut block) {
                Ok(0) => break,
                Ok(read) => {
                    out.write_all(&block[..read])?;
                    copied += read as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(copied)
    }

    fn is_abandoned(&self) -> bool {
        self.state.abandoned.load(Ordering::Relaxed)
    }
}
