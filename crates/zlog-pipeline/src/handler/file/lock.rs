//! One writer for one file: what keeps a second process away.
//!
//! What may be here: locks. When a file is opened and written is `log_file`'s.
//!
//! Two advisory locks (`flock`) stand together, since each leaves open what the other
//! closes:
//!
//! - On **`.app.log.lock`** beside the log, which is never renamed. A lock on the log
//!   alone would go away with it: between the moment when the log is renamed (by a
//!   roll-over, by logrotate) and the moment when the new one is opened and locked, a
//!   second writer could come in, and the first would then have to stop. The name
//!   begins with a dot, so that `app.log*` in a shell, a log shipper or logrotate does
//!   not match it.
//! - On **the log itself**, by the handle that writes to it. That is all there is
//!   where no file may be made beside the log (a log that root has made for a service
//!   in a directory of root's), and it sees through links: `/var/log/app.log` and
//!   `/data/app.log` may be one file under two names.
//!
//! The system lets go of a lock when its process ends, however it ends, so a lock file
//! that was left behind (a crash) refuses nobody. Whoever holds it deletes it on a
//! normal end; the next one may have opened it just before, so whoever gets a lock
//! looks whether the file is still there, and begins again if not. It holds the pid
//! and the host of its writer: for messages only, since it may be stale.
//!
//! NFS: Linux passes `flock` on to the server, so it holds between machines, unless
//! the mount says `nolock` or `local_lock`. Where locks are not to be had at all, that
//! is told on stderr, and the file is written to without: no log at all would be worse.
//!
//! Within a process the locks are shared: a path that is opened again while it is open
//! (a configuration that is loaded anew, before the old one is let go) hands over.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::archive::Shared;
use crate::os::terminal::eprint_line;
use zlog_core::error::{Error, Result};
use zlog_core::text::escape::escape;

/// What is claimed in this process, by path.
static CLAIMS: Mutex<BTreeMap<PathBuf, Entry>> = Mutex::new(BTreeMap::new());

/// What the claims of one path share.
struct Entry {
    claims: usize,
    /// How many of them are of handlers that write.
    writers: usize,
    /// `None` where no file can be made beside the log, or locks can't be had.
    lock: Option<File>,
    shared: Arc<Shared>,
}

/// The right to write to a path; it ends when the last of this process is dropped.
pub(crate) struct Claim {
    /// The log, its directory resolved.
    path: PathBuf,
    shared: Arc<Shared>,
    /// It is a handler's, and not of who only works on old files.
    writes: bool,
}

impl Claim {
    /// Claims `path`, whose directory exists.
    ///
    /// # Errors
    /// Another process writes to it, or the lock file can't be made.
    pub(crate) fn take(path: &Path) -> Result<Claim> {
        let path = resolved(path)?;
        let mut claims = claims();
        if let Some(entry) = claims.get_mut(&path) {
            entry.renew(&path)?;
            entry.claims += 1;
            entry.writers += 1;
            let shared = Arc::clone(&entry.shared);
            return Ok(Claim { path, shared, writes: true });
        }
        let shared = Arc::new(Shared::new(&path));
        let lock = lock(&path)?;
        let entry = Entry { claims: 1, writers: 1, lock, shared: Arc::clone(&shared) };
        claims.insert(path.clone(), entry);
        Ok(Claim { path, shared, writes: true })
    }

    /// What all that write to this path in this process have to agree on.
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Takes the lock anew if its file is gone, with its directory perhaps.
    ///
    /// # Errors
    /// As [`Claim::take`]'s: somebody else was faster.
    pub(crate) fn renew(&self) -> Result<()> {
        claims().get_mut(&self.path).map_or(Ok(()), |entry| entry.renew(&self.path))
    }

    /// Locks `log`, which is open at this path, against writers that came to it by
    /// another name. Returns whether it is locked by this handle: another handler of
    /// this process may have it, which is to hand over.
    ///
    /// # Errors
    /// Another process has it.
    #[cfg(unix)]
    pub(crate) fn lock(&self, log: &File) -> Result<bool> {
        match log.try_lock() {
            Err(TryLockError::WouldBlock) => {}
            // Where locks can't be had, that has been told.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(true),
        }
        if claims().get(&self.path).is_some_and(|entry| entry.writers > 1) {
            return Ok(false);
        }
        Err(taken(&self.path, None))
    }

    /// Elsewhere a lock on the log would keep readers away too.
    #[cfg(not(unix))]
    pub(crate) fn lock(&self, _log: &File) -> Result<bool> {
        Ok(true)
    }

    /// For who works on old files: as long as that lasts, no other process may write.
    pub(crate) fn share(&self) -> Claim {
        if let Some(entry) = claims().get_mut(&self.path) {
            entry.claims += 1;
        }
        Claim { path: self.path.clone(), shared: Arc::clone(&self.shared), writes: false }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // The lock is let go before anybody in this process can ask for it again.
        let mut claims = claims();
        let Some(entry) = claims.get_mut(&self.path) else { return };
        entry.claims -= 1;
        entry.writers -= usize::from(self.writes);
        if entry.claims == 0 {
            if let Some(lock) = &entry.lock
                && is_at(lock, &lock_path(&self.path))
            {
                let _ = fs::remove_file(lock_path(&self.path));
            }
            if let Some(lock) = &entry.lock {
                // Closing is not enough: a child that is just being started may still
                // have a copy of the handle.
                let _ = lock.unlock();
            }
            claims.remove(&self.path);
        }
    }
}

impl Entry {
    fn renew(&mut self, path: &Path) -> Result<()> {
        let held = self.lock.as_ref().is_some_and(|lock| is_at(lock, &lock_path(path)));
        if !held {
            self.lock = lock(path)?;
        }
        Ok(())
    }
}

fn claims() -> MutexGuard<'static, BTreeMap<PathBuf, Entry>> {
    CLAIMS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The path with its directory resolved. The name stays: it is the name that is
/// renamed, a link too.
fn resolved(path: &Path) -> Result<PathBuf> {
    let failed = |error: &io::Error| {
        Error::io(format_args!("can't lock {}", shown(path)), error).hint("Name another file.")
    };
    let name = path.file_name().ok_or_else(|| failed(&ErrorKind::InvalidInput.into()))?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = fs::canonicalize(directory.unwrap_or(Path::new(".")));
    Ok(directory.map_err(|error| failed(&error))?.join(name))
}

/// `.app.log.lock`
fn lock_path(path: &Path) -> PathBuf {
    super::beside(path, ".lock")
}

/// Takes the lock of `path`.
fn lock(path: &Path) -> Result<Option<File>> {
    let at = lock_path(path);
    loop {
        let mut file = match open(&at) {
            Ok(file) => file,
            // The lock on the log itself has to do.
            Err(error) if is_closed(error.kind()) => return Ok(None),
            Err(error) => return Err(unusable(&at, &error)),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(path, holder(&mut file))),
            Err(TryLockError::Error(error)) => {
                eprint_line(format_args!(
                    "zlog: can't lock {}: {error}. Nothing keeps a second writer from {}.",
                    shown(&at),
                    shown(path),
                ));
                return Ok(None);
            }
        }
        // Else its last holder has deleted it after we opened it.
        if is_at(&file, &at) {
            // For messages alone: a full disk is no reason not to go on.
            let host = gethostname::gethostname();
            let line = format!("{} {}\n", std::process::id(), host.to_string_lossy());
            let _ = file.set_len(0).and_then(|()| file.write_all(line.as_bytes()));
            return Ok(Some(file));
        }
    }
}

/// Opens or makes a lock file; for reading, where another user has made it.
fn open(at: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    // Whoever may write to the directory could have put a link to somewhere else here.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        libc::O_NOFOLLOW | libc::O_NONBLOCK,
    );
    let file = match options.clone().write(true).create(true).open(at) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => match options.open(at) {
            // What counts is that it can't be made.
            Err(missing) if missing.kind() == ErrorKind::NotFound => return Err(error),
            opened => opened?,
        },
        opened => opened?,
    };
    if file.metadata()?.is_file() { Ok(file) } else { Err(ErrorKind::InvalidInput.into()) }
}

/// Whether no lock file can be made there, whatever one does.
fn is_closed(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::InvalidFilename
    )
}

/// Who holds a lock, by what is written in it: `process 1234`.
fn holder(lock: &mut File) -> Option<String> {
    let mut text = String::new();
    lock.take(256).read_to_string(&mut text).ok()?;
    let (pid, host) = text.lines().next()?.split_once(' ')?;
    let pid: u32 = pid.parse().ok()?;
    if gethostname::gethostname().to_string_lossy() == host {
        return Some(format!("process {pid}"));
    }
    Some(format!("process {pid} on {}", escape(host)))
}

fn taken(path: &Path, holder: Option<String>) -> Error {
    let holder = holder.unwrap_or_else(|| "another process".to_owned());
    Error::new(format!("can't write to {}: {holder} does so already", shown(path))).hint(
        "A log file has one writer: stop that one, or name another file. \
         To have many programs in one file, send their records to one zlog that writes it.",
    )
}

fn unusable(at: &Path, error: &io::Error) -> Error {
    let hint = "It keeps a second writer away from the log. Check what stands there, \
                or log to another directory.";
    Error::io(format_args!("can't open the lock file {}", shown(at)), error).hint(hint)
}

fn shown(path: &Path) -> String {
    escape(&path.display().to_string())
}

/// Whether `file` is what stands at `path`.
fn is_at(file: &File, path: &Path) -> bool {
    let there = fs::symlink_metadata(path);
    there.and_then(|there| Ok(is_same(&there, &file.metadata()?))).unwrap_or(false)
}

/// Whether both are of one file.
#[cfg(unix)]
pub(crate) fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    one.dev() == other.dev() && one.ino() == other.ino()
}

/// Elsewhere a file that is open is not taken away by others.
#[cfg(not(unix))]
pub(crate) fn is_same(_one: &Metadata, _other: &Metadata) -> bool {
    true
}
