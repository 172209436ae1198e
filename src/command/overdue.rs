//! Ends a command by its deadline although a handler hangs: in a file of a network file system
//! that is away, for example, or in a pipe whose reader has stopped. Handlers with a queue have a
//! deadline of their own; this is for those that run in the command's own thread.

use std::process;
use std::time::Duration;

use super::report_losses;
use zlog_core::text::plural::grouped;
use zlog_core::{Exit, Result};
use zlog_pipeline::os::signal::{self, ShutdownSignal};
use zlog_pipeline::os::{terminal, thread, wakeup};
use zlog_pipeline::router::Observer;

/// What a command may take beyond the time that it allows itself.
const RESERVE: Duration = Duration::from_secs(3);

/// Ends the process by the signal that asked it to stop, if it still runs `within` and 3 s after
/// that signal. Tells what its handlers have lost.
///
/// # Errors
/// The system refuses to install a handler or to start a thread.
pub(super) fn end_when_overdue(
    command: &'static str,
    stop: &ShutdownSignal,
    within: Duration,
    handlers: Observer,
) -> Result<()> {
    let (stop, within) = (stop.clone(), within.saturating_add(RESERVE));
    let wakes = wakeup::wakeups(false, false)?.1;
    let watch = move || {
        let signal = loop {
            if let Some(Exit::Signal(signal)) = stop.exit() {
                break signal;
            }
            if wakes.recv().is_err() {
                return;
            }
        };
        std::thread::sleep(within);
        let seconds = grouped(within.as_secs());
        terminal::eprint_line(format_args!(
            "zlog {command}: it has not ended within {seconds} s: a handler hangs. It is \
             stopped now; records that it had not read are not counted"
        ));
        report_losses(command, &handlers.abandoned());
        signal::end_by(signal);
        // The first process of a container does not end by a signal.
        process::exit(i32::from(Exit::Signal(signal).code()));
    };
    thread::spawn("zlog-overdue", watch).map(drop)
}
