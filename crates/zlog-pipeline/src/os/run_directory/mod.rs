//! The run directory: where the processes of one user find each other without an option.
//!
//! It is `$XDG_RUNTIME_DIR/zlog`, or `/tmp/zlog-<uid>` if there is no such variable. Only its
//! owner can enter it. Each process that registers keeps a locked file in it. The system
//! releases the lock when the process ends, however it ends. Whoever finds a file without a
//! lock removes it.
//!
//! cron and other services start processes without a session, and so without
//! `XDG_RUNTIME_DIR`. If the session's directory (`/run/user/<uid>`) exists, they use it; if
//! not, they register below `/tmp`, where later sessions look, too.

mod registration;
mod watch;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

pub use self::registration::{Missed, Registered, Registration, SUBSCRIBER};
pub(crate) use self::watch::Watch;

/// The run directory of the user who runs this process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunDirectory {
    /// Where this process registers.
    own: PathBuf,
    /// Where processes without a session have registered.
    sessionless: Option<PathBuf>,
}

impl RunDirectory {
    /// Finds the directory, and creates it if it is missing. `None` on systems without users.
    ///
    /// # Errors
    /// It can't be created, or others than the user could have access.
    pub fn of_user() -> Result<Option<RunDirectory>> {
        let base = std::env::var_os("XDG_RUNTIME_DIR");
        let Some((own, sessionless)) = paths(base) else { return Ok(None) };
        create(&own)?;
        // A directory of another user in its place is ignored: it is not used for writing.
        let sessionless = sessionless.filter(|path| create(path).is_ok());
        Ok(Some(RunDirectory { own, sessionless }))
    }

    /// The directory `zlog` below this one.
    #[cfg(test)]
    pub(crate) fn below(base: &Path) -> RunDirectory {
        let own = base.join("zlog");
        create(&own).expect("a directory");
        RunDirectory { own, sessionless: None }
    }

    /// Registers this process as `<kind>-<process id>`. Others see it after
    /// [`Registration::announce`].
    ///
    /// # Errors
    /// No file can be created or locked.
    pub fn register(&self, kind: &str) -> Result<Registration> {
        Registration::new(&self.own, kind)
    }

    /// The registered processes. Removes what ended ones have left.
    pub fn registered(&self) -> Vec<Registered> {
        let mut found = Vec::new();
        // Another user may have made a directory in the place of one that was removed.
        for directory in self.directories().filter(|directory| check(directory).is_ok()) {
            let Ok(files) = fs::read_dir(directory) else { continue };
            let paths = files.flatten().map(|file| file.path());
            found.extend(paths.filter_map(|path| registration::read(&path)));
        }
        found
    }

    /// Tells registered subscribers that this process ends, and that they have got none of the
    /// records that it published.
    pub(crate) fn report_missed(&self, subscribers: &[String], records: u64) {
        for directory in self.directories().filter(|directory| check(directory).is_ok()) {
            for name in subscribers {
                registration::report_missed(directory, name, records);
            }
        }
    }

    /// The directory, for messages.
    pub fn path(&self) -> &Path {
        &self.own
    }

    fn directories(&self) -> impl Iterator<Item = &PathBuf> {
        std::iter::once(&self.own).chain(&self.sessionless)
    }
}

/// The longest path of a base directory, in bytes: the address of a socket in it may have 107.
#[cfg(unix)]
const LONGEST: usize = 64;

/// Where to register, and where processes without a session may have registered. `base` is the
/// user's directory for such files, if it is set.
#[cfg(unix)]
fn paths(base: Option<OsString>) -> Option<(PathBuf, Option<PathBuf>)> {
    use std::os::unix::fs::MetadataExt;

    let user = rustix::process::geteuid().as_raw();
    // A variable inherited through `su` names a directory of the user before.
    let is_usable = |path: &PathBuf| {
        let metadata = fs::metadata(path);
        path.is_absolute()
            && path.as_os_str().len() <= LONGEST
            && metadata.is_ok_and(|found| found.is_dir() && found.uid() == user)
    };
    let sessionless = PathBuf::from(format!("/tmp/zlog-{user}"));
    let session = PathBuf::from(format!("/run/user/{user}"));
    let set = base.map(PathBuf::from).filter(is_usable);
    Some(match set {
        Some(base) if base != session => (base.join("zlog"), None),
        _ if is_usable(&session) => (session.join("zlog"), Some(sessionless)),
        _ => (sessionless, None),
    })
}

#[cfg(not(unix))]
fn paths(_base: Option<OsString>) -> Option<(PathBuf, Option<PathBuf>)> {
    None
}

/// Creates a directory for the user alone, or checks that it is one.
fn create(path: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => check(path),
        Err(error) => Err(Error::io(format!("can't create {}", shown(path)), &error)),
    }
}

/// Checks that nobody else has access to a directory.
#[cfg(unix)]
fn check(path: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt;

    let found = fs::symlink_metadata(path)
        .map_err(|error| Error::io(format!("can't use {}", shown(path)), &error))?;
    let mode = found.mode() & 0o7777;
    let why = match () {
        () if found.is_symlink() => "it is a symbolic link".to_owned(),
        () if !found.is_dir() => "it is not a directory".to_owned(),
        () if found.uid() != rustix::process::geteuid().as_raw() => {
            format!("it belongs to another user (uid {})", found.uid())
        }
        () if mode & 0o077 != 0 => format!("other users have access to it (mode {mode:o})"),
        () => return Ok(()),
    };
    let error = Error::new(format!("can't use {}: {why}", shown(path)));
    Err(error.hint("Remove it, or set XDG_RUNTIME_DIR to a directory of yours."))
}

#[cfg(not(unix))]
fn check(_: &Path) -> Result<()> {
    Ok(())
}

fn shown(path: &Path) -> String {
    escape(&path.to_string_lossy())
}

#[cfg(all(test, unix))]
mod tests;
