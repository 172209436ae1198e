//! A directory and a process group that end with this process, even when it is killed.
//!
//! A child process, the reaper, waits for the end of its standard input, which the system
//! closes however the parent ends. Then it removes the directory and kills its own process
//! group. The members of the group are ordinary commands (`zlog tail`, `python3`), which do
//! not watch their parent as workers do.
//!
//! Rejected: `PR_SET_PDEATHSIG` exists on Linux only, needs unsafe code between fork and
//! exec, and removes no directory.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::child::ChildProcess;
use super::protocol::{Request, Response};
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

/// How long the reaper may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// How often it tries to remove a directory in which processes may still create files.
const ATTEMPTS: usize = 10;

/// The prefix of temporary directories.
pub(super) const DIR_PREFIX: &str = "zlog-bench-";

/// Makes a temporary directory below `directory`; it is removed when it is dropped.
///
/// # Errors
/// It can't be created; the error names the place.
pub fn temp_dir_in(directory: &Path) -> Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix(DIR_PREFIX).tempdir_in(directory).map_err(|error| {
        let io = std::io::Error::from(error.kind());
        Error::io(format!("can't write to {}", escape(&directory.display().to_string())), &io)
            .hint("--dir names the directory for files that are written while measuring.")
    })
}

/// A directory with a reaper. It is removed when this is dropped.
pub struct ScratchDir {
    // Dropped before the reaper, which then has nothing left to remove.
    directory: tempfile::TempDir,
    reaper: ChildProcess,
}

impl ScratchDir {
    /// Creates a directory below `directory`, and starts its reaper.
    ///
    /// # Errors
    /// It can't be created, or the reaper can't be started.
    pub fn create_in(directory: &Path) -> Result<ScratchDir> {
        let directory = temp_dir_in(directory)?;
        let mut reaper = ChildProcess::start_leading(&Request::Reap(directory.path().to_owned()))?;
        match reaper.recv(START_TIMEOUT)? {
            Some(Response::Ready(_)) => Ok(ScratchDir { directory, reaper }),
            Some(Response::Failed(why)) => Err(Error::new(why)),
            _ => Err(Error::new("the cleanup process did not start")),
        }
    }

    /// The directory's path.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Puts the process of `command` into the reaper's group, so that it ends with this
    /// process at the latest. Ctrl-C on a terminal does not reach that group: the caller
    /// must end the process.
    #[cfg(unix)]
    pub(crate) fn join_group(&self, command: &mut Command) {
        use std::os::unix::process::CommandExt;
        command.process_group(self.reaper.id().cast_signed());
    }

    /// Without process groups, the process may outlive a parent that is killed.
    #[cfg(not(unix))]
    pub(crate) fn join_group(&self, _command: &mut Command) {
        let _ = &self.reaper;
    }
}

/// The reaper's task when its parent has ended: removes `directory`, then kills its process
/// group.
pub(super) fn clean_up(directory: &PathBuf) {
    let name = directory.file_name().and_then(|name| name.to_str());
    if name.is_some_and(|name| name.starts_with(DIR_PREFIX)) {
        // Other processes may still create files.
        for _ in 0..ATTEMPTS {
            if std::fs::remove_dir_all(directory).is_ok() || !directory.exists() {
                break;
            }
        }
    }
    end_group();
}

/// Does nothing unless this process leads its group: it would kill its parent.
#[cfg(unix)]
fn end_group() {
    use rustix::process::{Signal, getpgrp, getpid, kill_current_process_group};
    if getpgrp() == getpid() {
        // There is nobody left to report a failure to.
        let _ = kill_current_process_group(Signal::KILL);
    }
}

#[cfg(not(unix))]
fn end_group() {}
