//! Ends the waits of a command that has nothing to do: at a signal, and when the reader of its
//! output is gone. Without these, it would have to look several times a second.

use crossbeam_channel::{Receiver, Sender};
#[cfg(unix)]
use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGTERM};
#[cfg(unix)]
use signal_hook::iterator::SignalsInfo;
#[cfg(unix)]
use signal_hook::iterator::exfiltrator::SignalOnly;

use super::thread;
use zlog_core::{Error, Result};

/// A channel that gets a message after each SIGINT and SIGTERM; with `hangup` also after each
/// SIGHUP, and with `stdout` when the reader of standard output is gone.
///
/// # Errors
/// The system refuses to install a handler or to start a thread.
pub fn wakeups(hangup: bool, stdout: bool) -> Result<(Sender<()>, Receiver<()>)> {
    let (wake, wakes) = crossbeam_channel::bounded(1);
    if stdout {
        at_closed_stdout(wake.clone())?;
    }
    at_signals(hangup, wake.clone())?;
    Ok((wake, wakes))
}

/// Sends a message after each SIGINT and SIGTERM, and with `hangup` after each SIGHUP. They must
/// have been caught before, so that the flag of the one who catches them is set first.
#[cfg(unix)]
fn at_signals(hangup: bool, wake: Sender<()>) -> Result<()> {
    let caught = [SIGINT, SIGTERM, SIGHUP];
    let caught = if hangup { &caught[..] } else { &caught[..2] };
    let mut signals = SignalsInfo::<SignalOnly>::new(caught)
        .map_err(|error| Error::io("can't catch signals", &error))?;
    thread::spawn("zlog-signals", move || {
        for _ in signals.forever() {
            // A message that is still queued serves for this signal, too.
            let _ = wake.try_send(());
        }
    })
    .map(drop)
}

/// Windows has no signals: looks at the flags regularly.
#[cfg(not(unix))]
fn at_signals(_hangup: bool, wake: Sender<()>) -> Result<()> {
    thread::spawn("zlog-signals", move || {
        while !matches!(wake.try_send(()), Err(error) if error.is_disconnected()) {
            std::thread::sleep(super::clock::TICK);
        }
    })
    .map(drop)
}

/// Sends a message when the reader of standard output is gone.
#[cfg(unix)]
fn at_closed_stdout(wake: Sender<()>) -> Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};

    thread::spawn("zlog-stdout", move || {
        let stdout = std::io::stdout();
        // No events are requested: errors and hang-ups are always reported.
        let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
        while poll(&mut watched, None) == Err(rustix::io::Errno::INTR) {}
        let _ = wake.try_send(());
    })
    .map(drop)
}

/// Not known here: the next write fails.
#[cfg(not(unix))]
fn at_closed_stdout(_wake: Sender<()>) -> Result<()> {
    Ok(())
}
