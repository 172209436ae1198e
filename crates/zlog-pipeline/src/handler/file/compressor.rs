//! The thread that compresses files that were replaced.
//!
//! What may be here: which file is compressed when, and what becomes of it. Renaming and
//! deleting are `backups`'s, the formats `compression`'s.
//!
//! The thread asks which files are not compressed yet, at the start and whenever one
//! was replaced; so what a crash has left is taken up by itself. It writes to a
//! temporary name, and only a complete file gets its own (`app.log.1.gz`), upon which
//! the other is deleted. No roll-over waits for it: a file that is renamed meanwhile is
//! found under its new name at the end, and one that is deleted is given up.

use std::convert::Infallible;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::backups::{BackupNames, failed};
use super::compression::{Compression, Encoding};
use super::lock::FileLock;
use crate::os::terminal::BLOCK;
use zlog_core::error::{Error, Result};

/// How often a thread asks whether another of this process is done with the same files.
const AGAIN: Duration = Duration::from_secs(1);

/// Lists the files that were replaced, compressed ones left out, the oldest first.
pub(crate) type List = Box<dyn Fn() -> Result<Vec<PathBuf>> + Send>;

/// What all that write to one path in this process agree on.
pub(super) struct Shared {
    /// Where the compressed file grows.
    temporary: PathBuf,
    names: Mutex<BackupNames>,
    /// Held by the one thread that compresses.
    working: Mutex<()>,
}

impl Shared {
    pub(super) fn new(path: &Path) -> Shared {
        Shared {
            temporary: super::sibling(path, ".compressing"),
            names: Mutex::default(),
            working: Mutex::default(),
        }
    }
}

/// The old files of one log.
pub(crate) struct Backups {
    lock: FileLock,
    thread: Option<Thread>,
}

/// The thread that compresses.
struct Thread {
    /// A word that there is something to do; `None` once it is to end.
    wake: Option<Sender<()>>,
    /// Nothing is ever sent: it is closed when the thread has ended.
    ended: Receiver<Infallible>,
    state: Arc<WorkerState>,
}

/// What the thread and its owner tell each other.
#[derive(Default)]
struct WorkerState {
    abandoned: AtomicBool,
    error: Mutex<Option<Error>>,
}

impl Backups {
    /// The old files of the log that `claim` is for; those that `list` names are
    /// compressed.
    ///
    /// # Errors
    /// No thread can be started.
    pub(crate) fn new(lock: FileLock, how: Compression, list: List) -> Result<Backups> {
        let thread = match Encoding::new(how) {
            None => None,
            Some(encoding) => Some(Thread::start(lock.share(), encoding, list)?),
        };
        Ok(Backups { lock, thread })
    }

    /// The names, for as long as they are not to change otherwise.
    pub(crate) fn names(&self) -> MutexGuard<'_, BackupNames> {
        self.lock.shared().names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that a file was replaced.
    pub(crate) fn wake(&self) {
        if let Some(wake) = self.thread.as_ref().and_then(|thread| thread.wake.as_ref()) {
            // One word that waits is enough; a thread that has ended says so itself.
            let _ = wake.try_send(());
        }
    }

    /// Whether all went well since the last time.
    ///
    /// # Errors
    /// What could not be compressed; it stays as it is, until the next is replaced.
    pub(crate) fn check(&self) -> Result<()> {
        let Some(thread) = &self.thread else { return Ok(()) };
        let error = thread.state.error.lock().unwrap_or_else(PoisonError::into_inner).take();
        error.map_or(Ok(()), Err)
    }

    /// Waits until everything is compressed, not beyond `until`. The rest is taken up
    /// by the next start.
    ///
    /// # Errors
    /// As [`Backups::check`]'s.
    pub(crate) fn finish(&mut self, until: Instant) -> Result<()> {
        if let Some(thread) = &mut self.thread {
            thread.wake = None;
            let _ = thread.ended.recv_deadline(until);
        }
        self.check()
    }
}

impl Thread {
    fn start(lock: FileLock, encoding: Encoding, list: List) -> Result<Thread> {
        let (wake, woken) = bounded(1);
        let (running, ended) = bounded::<Infallible>(0);
        let state = Arc::new(WorkerState::default());
        let theirs = Arc::clone(&state);
        let work = move || {
            let worker = Worker { lock, encoding, list, state: &theirs };
            worker.run(&woken);
            // The claim first: whoever waits for the end may open the path again.
            drop(worker);
            drop(running);
        };
        thread::Builder::new()
            .name("compress".to_owned())
            .spawn(work)
            .map_err(|error| Error::io("can't start a thread to compress old files", &error))?;
        Ok(Thread { wake: Some(wake), ended, state })
    }
}

/// What is half done is left undone: it takes a moment, not the rest of the file.
impl Drop for Thread {
    fn drop(&mut self) {
        self.wake = None;
        self.state.abandoned.store(true, Ordering::Relaxed);
        let _ = self.ended.recv();
    }
}

/// The thread's own state.
struct Worker<'t> {
    /// As long as it works, no other process may.
    lock: FileLock,
    encoding: Encoding,
    list: List,
    state: &'t WorkerState,
}

impl Worker<'_> {
    fn run(&self, woken: &Receiver<()>) {
        loop {
            let working = match self.lock.shared().working.try_lock() {
                Ok(working) => Some(working),
                Err(TryLockError::Poisoned(working)) => Some(working.into_inner()),
                // A handler that is to hand over to this one's.
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

    /// Compresses all there is, and goes on after one that fails.
    ///
    /// # Errors
    /// The first that failed.
    fn compress_all(&self) -> Result<()> {
        // What a crash has left is begun anew.
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
        // Opened while no name changes, or it could be another file by now.
        let mut names = self.names();
        let file = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            opened => opened.map_err(|error| failed("can't compress", path, &error))?,
        };
        names.compressing = Some(path.to_owned());
        drop(names);
        let done = self.write(&file, temporary);
        if !matches!(done, Ok(true)) {
            self.names().compressing = None;
            let _ = fs::remove_file(temporary);
        }
        done.map(drop).map_err(|error| failed("can't compress", path, &error))
    }

    /// Compresses a file and puts it in its place. Returns false when it was abandoned
    /// on the way, or is to be left for now.
    fn write(&self, file: &File, temporary: &Path) -> io::Result<bool> {
        let metadata = file.metadata()?;
        let mut options = OpenOptions::new();
        // New, so that nobody can have put a link to somewhere else there.
        let out = options.write(true).create_new(true).open(temporary)?;
        out.set_permissions(metadata.permissions())?;
        let mut out = self.encoding.start(out)?;
        let read = self.copy(file, &mut out)?;
        if self.is_abandoned() {
            return Ok(false);
        }
        let out = out.finish()?;
        // As old as its records. A system that can't have that loses nothing.
        let _ = out.set_times(fs::FileTimes::new().set_modified(metadata.modified()?));
        // The records are not to be gone in a power cut between here and there.
        out.sync_all()?;
        let mut names = self.names();
        // A handler that has not noticed yet that it was moved may have added to it: the
        // next time, then.
        if file.metadata()?.len() != read {
            return Ok(false);
        }
        let Some(path) = names.compressing.take() else { return Ok(false) };
        fs::rename(temporary, self.encoding.name_of(&path))?;
        fs::remove_file(&path).map(|()| true)
    }

    /// Copies to the end of the file, or until it is not wanted any more.
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

    fn names(&self) -> MutexGuard<'_, BackupNames> {
        self.lock.shared().names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_abandoned(&self) -> bool {
        self.state.abandoned.load(Ordering::Relaxed)
    }
}
