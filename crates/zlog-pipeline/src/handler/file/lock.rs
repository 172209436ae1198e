//! Keeps a second process from writing to a log file.
//!
//! Two advisory locks (`flock`) work together, since each covers a gap of the other:
//!
//! - **`.app.log.lock`** next to the log is never renamed. A lock on the log alone would move
//!   with it: between the rename (by a rollover or logrotate) and the lock on the new file, a
//!   second writer could take over. The leading dot hides it from patterns like `app.log*` in
//!   shells, log shippers and logrotate.
//! - **The log itself** is locked through the handle that writes to it. This is the only lock
//!   where no file can be created next to the log (root created the log for a service in one
//!   of its own directories), and it sees through links: `/var/log/app.log` and
//!   `/data/app.log` may be two names of one file.
//!
//! The system releases a lock when its process ends, even in a crash, so a leftover lock file
//! blocks nobody. On a normal exit the owner deletes the file. The next process may have
//! opened it just before that, so after locking it checks that the file still exists and
//! starts over if it does not. The file contains the writer's pid and host, for messages
//! only: they may be stale.
//!
//! NFS: Linux forwards `flock` to the server, so it works between machines unless the mount
//! has `nolock` or `local_lock`. Where locks do not work at all, zlog writes without one and
//! returns a warning ([`FileLock::take_warning`]): no log would be worse.
//!
//! Within a process locks are shared: opening a path that is already open hands it over, as
//! when a configuration is reloaded.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::shared::Shared;
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

/// The paths locked by this process.
static LOCKS: Mutex<BTreeMap<PathBuf, LockEntry>> = Mutex::new(BTreeMap::new());

/// State that all locks of one path share.
struct LockEntry {
    count: usize,
    /// How many of them belong to handlers that write.
    writers: usize,
    /// `None` if no file can be created next to the log, or locks do not work here.
    lock: Option<File>,
    /// Why locks do not work here, until it was returned.
    warning: Option<String>,
    shared: Arc<Shared>,
}

/// The right to write to a path. Released when its last owner in this process drops it.
pub(crate) struct FileLock {
    /// The log, with its directory resolved.
    path: PathBuf,
    shared: Arc<Shared>,
    /// Belongs to a handler, not to a thread that only compresses replaced files.
    writes: bool,
}

impl FileLock {
    /// Locks `path`, whose directory exists.
    ///
    /// # Errors
    /// Another process writes to it, or the lock file can't be created.
    pub(crate) fn acquire(path: &Path) -> Result<FileLock> {
        let path = resolved(path)?;
        let mut locks = locks();
        if let Some(entry) = locks.get_mut(&path) {
            entry.renew(&path)?;
            entry.count += 1;
            entry.writers += 1;
            let shared = Arc::clone(&entry.shared);
            return Ok(FileLock { path, shared, writes: true });
        }
        let shared = Arc::new(Shared::new(&path));
        let (lock, warning) = lock(&path)?;
        let entry = LockEntry { count: 1, writers: 1, lock, warning, shared: Arc::clone(&shared) };
        locks.insert(path.clone(), entry);
        Ok(FileLock { path, shared, writes: true })
    }

    /// The state shared by all handlers of this process that write to this path.
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Locks again if the lock file is gone, perhaps with its directory.
    ///
    /// # Errors
    /// As [`FileLock::acquire`], if another process was faster.
    pub(crate) fn renew(&self) -> Result<()> {
        locks().get_mut(&self.path).map_or(Ok(()), |entry| entry.renew(&self.path))
    }

    /// Why locks do not work here, if they do not. Returned once.
    pub(crate) fn take_warning(&self) -> Option<String> {
        locks().get_mut(&self.path)?.warning.take()
    }

    /// Locks `log`, open at this path, against writers that use another name for it. Returns
    /// false if another handler of this process has the lock and is about to hand over.
    ///
    /// # Errors
    /// Another process has the lock.
    #[cfg(unix)]
    pub(crate) fn lock_log(&self, log: &File) -> Result<bool> {
        match log.try_lock() {
            Err(TryLockError::WouldBlock) => {}
            // Where locks do not work, the lock file has already given a warning.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(true),
        }
        if locks().get(&self.path).is_some_and(|entry| entry.writers > 1) {
            return Ok(false);
        }
        Err(taken(&self.path, None))
    }

    /// On other systems a lock on the log would also keep readers away.
    #[cfg(not(unix))]
    pub(crate) fn lock_log(&self, _log: &File) -> Result<bool> {
        Ok(true)
    }

    /// A second owner, for a thread that works on replaced files.
    pub(crate) fn share(&self) -> FileLock {
        if let Some(entry) = locks().get_mut(&self.path) {
            entry.count += 1;
        }
        FileLock { path: self.path.clone(), shared: Arc::clone(&self.shared), writes: false }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // The mutex is held until the lock is released: nobody in this process can ask before.
        let mut locks = locks();
        let Some(entry) = locks.get_mut(&self.path) else { return };
        entry.count -= 1;
        entry.writers -= usize::from(self.writes);
        if entry.count == 0 {
            if let Some(lock) = &entry.lock
                && is_at(lock, &lock_path(&self.path))
            {
                let _ = fs::remove_file(lock_path(&self.path));
            }
            if let Some(lock) = &entry.lock {
                // Closing is not enough: a child that is being started may still hold a copy of
                // the descriptor.
                let _ = lock.unlock();
            }
            locks.remove(&self.path);
        }
    }
}

impl LockEntry {
    fn renew(&mut self, path: &Path) -> Result<()> {
        let held = self.lock.as_ref().is_some_and(|lock| is_at(lock, &lock_path(path)));
        if !held {
            (self.lock, self.warning) = lock(path)?;
        }
        Ok(())
    }
}

fn locks() -> MutexGuard<'static, BTreeMap<PathBuf, LockEntry>> {
    LOCKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The path with its directory resolved. The last component is kept: it is the name that
/// is renamed, even if it is a link.
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
    super::sibling(path, ".lock")
}

/// Locks the lock file of `path`. Returns the file, or `None` and perhaps a warning.
fn lock(path: &Path) -> Result<(Option<File>, Option<String>)> {
    let at = lock_path(path);
    loop {
        let mut file = match open(&at) {
            Ok(file) => file,
            // The lock on the log itself must do.
            Err(error) if is_closed(error.kind()) => return Ok((None, None)),
            Err(error) => return Err(unusable(&at, &error)),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(path, holder(&mut file))),
            Err(TryLockError::Error(error)) => {
                let (at, path) = (shown(&at), shown(path));
                let warning = format!(
                    "can't lock {at}: {error}. Nothing keeps other programs from writing to {path}"
                );
                return Ok((None, Some(warning)));
            }
        }
        // Otherwise its last owner deleted it after we opened it.
        if is_at(&file, &at) {
            // Only for messages: a full disk must not stop the log.
            let host = gethostname::gethostname();
            let line = format!("{} {}\n", std::process::id(), host.to_string_lossy());
            let _ = file.set_len(0).and_then(|()| file.write_all(line.as_bytes()));
            return Ok((Some(file), None));
        }
    }
}

/// Opens or creates a lock file; read-only if another user created it.
fn open(at: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    // Whoever may write to the directory could have placed a link here.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        libc::O_NOFOLLOW | libc::O_NONBLOCK,
    );
    let file = match options.clone().write(true).create(true).open(at) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => match options.open(at) {
            // The cause is that it can't be created.
            Err(missing) if missing.kind() == ErrorKind::NotFound => return Err(error),
            opened => opened?,
        },
        opened => opened?,
    };
    if file.metadata()?.is_file() { Ok(file) } else { Err(ErrorKind::InvalidInput.into()) }
}

/// Whether no lock file can be created in this directory.
fn is_closed(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::InvalidFilename
    )
}

/// The owner of a lock according to its file: `process 1234`.
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
    Error::new(format!("can't write to {}: {holder} already writes to it", shown(path))).hint(
        "A log file has one writer: stop the other one, or name another file. \
         To log several programs to one file, send their records to one zlog that writes it.",
    )
}

fn unusable(at: &Path, error: &io::Error) -> Error {
    let hint = "It keeps other writers away from the log. Check what is there, \
                or log to another directory.";
    Error::io(format_args!("can't open the lock file {}", shown(at)), error).hint(hint)
}

fn shown(path: &Path) -> String {
    escape(&path.display().to_string())
}

/// Whether `file` is the file at `path`.
fn is_at(file: &File, path: &Path) -> bool {
    let there = fs::symlink_metadata(path);
    there.and_then(|there| Ok(is_same(&there, &file.metadata()?))).unwrap_or(false)
}

/// Whether both belong to the same file.
#[cfg(unix)]
pub(crate) fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    one.dev() == other.dev() && one.ino() == other.ino()
}

/// On other systems nobody can replace an open file.
#[cfg(not(unix))]
pub(crate) fn is_same(_one: &Metadata, _other: &Metadata) -> bool {
    true
}
