//! Waits for orphans where this process inherits them: as process 1 of a container, and
//! as a subreaper (`PR_SET_CHILD_SUBREAPER` outlives exec).
//!
//! A process whose parent has ended becomes a child of such a process. If nobody waits
//! for it when it ends, it remains as a zombie and takes a process number. But a call
//! that waits for any child can take the exit status of a command that `emit` or `--exec`
//! has started. So zlog runs in a child process of its own, and this one only waits, for
//! every child, and passes signals on.

use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus, child_subreaper, getpid, wait};

use crate::os::signal::{self, Forwarding, ShutdownSignal};
use zlog_core::error::{Error, Exit, Result};

/// Runs this command line in a child process if this process inherits orphans, and
/// returns how the child ended; `None` if there is nothing to do here.
///
/// To be called before any thread or child is started.
///
/// # Errors
/// When no child can be started.
pub fn run_in_child() -> Result<Option<Exit>> {
    // An old kernel that does not know the question has no subreapers.
    if !getpid().is_init() && !child_subreaper().is_ok_and(|is| is.is_some()) {
        return Ok(None);
    }
    let signals = Forwarding::install(ShutdownSignal::default())?;
    let mut words = std::env::args_os();
    let mut command = Command::new("/proc/self/exe");
    command.arg0(words.next().unwrap_or_default()).args(words);
    signal::end_with_this_thread(&mut command);
    // std's own wait is not used: it would race with the one below.
    let child = command.spawn().map_err(|error| {
        Error::io("can't run zlog in a child process, to wait for orphans here", &error)
            .hint("It starts /proc/self/exe: mount /proc, or let another program be process 1.")
    })?;
    signals.begin(child.id());
    let status = wait_for(Pid::from_child(&child))?;
    signals.end();
    Ok(Some(exit_of(status)))
}

/// Waits for all children until `child` has ended.
fn wait_for(child: Pid) -> Result<WaitStatus> {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((ended, status))) if ended == child => return Ok(status),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(Error::io("waiting for children", &error.into())),
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
