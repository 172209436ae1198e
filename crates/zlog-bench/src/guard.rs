//! A directory and processes that are gone when this process is, also when it is
//! killed and can't see to it itself.
//!
//! What may be here: both sides of that. A child process, the guard, waits for the
//! end of its standard input, which the system closes whoever ends the parent and
//! however; then it removes the directory and kills its own process group, which is
//! that of the processes. They are the commands that people use (`zlog tail`,
//! `python3`), not workers that look after their parent themselves.
//!
//! Considered and not taken: `PR_SET_PDEATHSIG`, which is Linux alone, needs unsafe
//! code between fork and exec, and removes no directory.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::job::{Job, Told};
use super::lab::{PREFIX, directory_in};
use super::partner::Partner;
use zlog_core::error::{Error, Result};

/// How long the guard may take to be there.
const STARTING: Duration = Duration::from_secs(10);
/// How often it tries to remove a directory in which files may still be made.
const TRIES: usize = 10;

/// A directory that is guarded. It is removed when this is dropped.
pub struct Home {
    // Before the guard, which has nothing left to do then.
    directory: tempfile::TempDir,
    guard: Partner,
}

impl Home {
    /// Makes a directory below `directory`, with a guard.
    ///
    /// # Errors
    /// It can't be made, or the guard can't be started.
    pub fn below(directory: &Path) -> Result<Home> {
        let directory = directory_in(directory)?;
        let mut guard = Partner::start_leading(&Job::Guard(directory.path().to_owned()))?;
        match guard.hear(STARTING)? {
            Some(Told::Ready(_)) => Ok(Home { directory, guard }),
            Some(Told::Failed(why)) => Err(Error::new(why)),
            _ => Err(Error::new("the process that cleans up did not start")),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Puts the process that `command` will start into the guard's group: it ends with
    /// this process at the latest. Ctrl-C on a terminal does not reach it, so whoever
    /// starts it sees to its end.
    #[cfg(unix)]
    pub fn adopt(&self, command: &mut Command) {
        use std::os::unix::process::CommandExt;
        command.process_group(self.guard.id().cast_signed());
    }

    /// There are no process groups here: it may outlive a process that is killed.
    #[cfg(not(unix))]
    pub fn adopt(&self, _command: &mut Command) {
        let _ = &self.guard;
    }
}

/// The guard's side, when its parent has ended or needs it no more: removes
/// `directory`, then ends this process and all others of its group.
pub(super) fn clean_up(directory: &PathBuf) {
    let name = directory.file_name().and_then(|name| name.to_str());
    if name.is_some_and(|name| name.starts_with(PREFIX)) {
        // Files may be made meanwhile by processes that still run.
        for _ in 0..TRIES {
            if std::fs::remove_dir_all(directory).is_ok() || !directory.exists() {
                break;
            }
        }
    }
    end_group();
}

/// Does nothing in a process that was not started to lead a group: it would end
/// whoever started it.
#[cfg(unix)]
fn end_group() {
    use rustix::process::{Signal, getpgrp, getpid, kill_current_process_group};
    if getpgrp() == getpid() {
        // Nothing can be done about a failure, and nobody be told.
        let _ = kill_current_process_group(Signal::KILL);
    }
}

#[cfg(not(unix))]
fn end_group() {}
