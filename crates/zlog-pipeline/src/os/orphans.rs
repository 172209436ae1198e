//! Reaps orphans if this process inherits them: as process 1 of a container, or as a
//! subreaper (`PR_SET_CHILD_SUBREAPER` outlives exec).
//!
//! Such a process becomes the parent of orphaned processes and must wait for them, or they
//! stay zombies and use up process ids. Waiting for any child would also take the exit
//! status of commands that `emit` or `--exec` has started. So zlog runs in a child process,
//! and this process only waits and forwards signals.

use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus, wait};

use crate::os::signal::{self, Forwarding, ShutdownSignal};
use zlog_core::{Error, Exit, Result};

/// If this process inherits orphans, runs this command line in a child process and returns how
/// the child ended. Otherwise `None`.
///
/// Must be called before any thread or child is started.
///
/// # Errors
/// The child can't be started. This process may then do the work; orphans stay zombies.
pub fn run_in_child() -> Result<Option<Exit>> {
    if !inherits_orphans() {
        return Ok(None);
    }
    let signals = Forwarding::install(ShutdownSignal::default())?;
    let mut words = std::env::args_os();
    let mut command = Command::new("/proc/self/exe");
    command.arg0(words.next().unwrap_or_default()).args(words);
    signal::end_with_this_thread(&mut command);
    // Child::wait would race with the wait below.
    let child = command.spawn().map_err(|error| {
        Error::io("can't start zlog as a child of process 1", &error)
            .hint("Mount /proc, or orphaned processes stay zombies.")
    })?;
    signals.begin(child.id());
    let status = wait_for(Pid::from_child(&child));
    signals.end();
    Ok(Some(status.map_or(Exit::Failed, exit_of)))
}

#[cfg(target_os = "linux")]
fn inherits_orphans() -> bool {
    use rustix::process::{child_subreaper, getpid};

    // Old kernels do not know the question, and have no subreapers.
    getpid().is_init() || child_subreaper().is_ok_and(|is| is.is_some())
}

/// Other systems have no containers whose process 1 is any program.
#[cfg(not(target_os = "linux"))]
fn inherits_orphans() -> bool {
    false
}

/// Reaps children until `child` has ended.
fn wait_for(child: Pid) -> Option<WaitStatus> {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((ended, status))) if ended == child => return Some(status),
            Ok(_) | Err(Errno::INTR) => {}
            // There are no children: that can't be.
            Err(_) => return None,
        }
    }
}

fn exit_of(status: WaitStatus) -> Exit {
    let number = |number: i32| u8::try_from(number & 0xff).unwrap_or(1);
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Exit::Child(number(code)),
        (None, Some(signal)) => Exit::Signal(number(signal)),
        (None, None) => Exit::Failed,
    }
}
