//! Signals: shutdown requests, SIGHUP, and forwarding to a child command.
//!
//! Everything about signals that depends on the platform is here. Other modules use
//! [`ShutdownSignal`] instead of signal numbers.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

#[cfg(unix)]
use signal_hook::consts::signal::{SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
use signal_hook::consts::signal::{SIGINT, SIGTERM};
use signal_hook::flag;
#[cfg(unix)]
use signal_hook::iterator::SignalsInfo;
#[cfg(unix)]
use signal_hook::iterator::exfiltrator::WithOrigin;
#[cfg(unix)]
use signal_hook::low_level::{emulate_default_handler, siginfo::Cause};

use super::thread;
use zlog_core::{Error, Exit, Result};

/// The first installed one. Writers to the terminal and standard error use it without having
/// it passed to them.
static OF_PROCESS: OnceLock<ShutdownSignal> = OnceLock::new();

/// Whether a signal has asked this process to end. Cheap to clone and to check.
#[derive(Clone, Debug, Default)]
pub struct ShutdownSignal {
    signal: Arc<AtomicUsize>,
    was_forwarded: Arc<AtomicBool>,
    ending: Arc<AtomicBool>,
    catches_hangup: bool,
}

impl ShutdownSignal {
    /// Catches SIGINT and SIGTERM from now on: the first one makes
    /// [`ShutdownSignal::requested`] return true, the second one ends the process at once.
    ///
    /// # Errors
    /// The system refuses to install a handler.
    pub fn install() -> Result<ShutdownSignal> {
        ShutdownSignal::catching(&[SIGINT, SIGTERM])
    }

    /// Also catches SIGHUP, for a command whose terminal may be closed, unless it was started
    /// with SIGHUP ignored, as by `nohup`.
    ///
    /// # Errors
    /// As [`ShutdownSignal::install`].
    pub fn install_with_hangup() -> Result<ShutdownSignal> {
        #[cfg(unix)]
        if !is_ignored(SIGHUP) {
            return ShutdownSignal::catching(&[SIGINT, SIGTERM, SIGHUP]);
        }
        ShutdownSignal::install()
    }

    fn catching(signals: &[i32]) -> Result<ShutdownSignal> {
        let catches_hangup = cfg!(unix) && signals.len() > 2;
        let stop = ShutdownSignal { catches_hangup, ..ShutdownSignal::default() };
        let again = Arc::new(AtomicBool::new(false));
        for signal in signals {
            stop.catch(*signal, &again)
                .map_err(|error| Error::io("can't catch signals", &error))?;
        }
        Ok(stop.of_this_process())
    }

    /// The installed one; `None` while signals end this process at once.
    pub(crate) fn of_process() -> Option<&'static ShutdownSignal> {
        OF_PROCESS.get()
    }

    fn of_this_process(self) -> ShutdownSignal {
        // If another one is installed, both see every signal.
        let _ = OF_PROCESS.set(self.clone());
        self
    }

    /// The order matters: the handler that ends the process reads the flag before the next
    /// handler sets it, so the first signal passes.
    fn catch(&self, signal: i32, again: &Arc<AtomicBool>) -> std::io::Result<()> {
        flag::register_conditional_default(signal, Arc::clone(again))?;
        flag::register(signal, Arc::clone(again))?;
        flag::register_usize(signal, Arc::clone(&self.signal), signal as usize)?;
        Ok(())
    }

    /// Whether SIGHUP is caught, too.
    pub fn catches_hangup(&self) -> bool {
        self.catches_hangup
    }

    /// Whether a signal has arrived.
    pub fn requested(&self) -> bool {
        self.signal.load(Ordering::Relaxed) != 0
    }

    /// Simulates the arrival of a signal.
    #[cfg(test)]
    pub(crate) fn ask(&self, signal: usize) {
        self.signal.store(signal, Ordering::Relaxed);
    }

    /// Whether unbounded waits must end: a signal has arrived, or the child that a signal was
    /// forwarded to has ended.
    pub(crate) fn is_ending(&self) -> bool {
        self.requested() || self.ending.load(Ordering::Relaxed)
    }

    /// Whether a signal was forwarded to a child: see [`Forwarding`].
    pub fn was_forwarded(&self) -> bool {
        self.was_forwarded.load(Ordering::Relaxed)
    }

    /// How a process ends that a signal has stopped; `None` without a signal.
    pub fn exit(&self) -> Option<Exit> {
        match self.signal.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(Exit::Signal(number(signal as i32))),
        }
    }
}

/// SIGHUP as a request to reopen files or to reload the configuration.
///
/// The system also sends it when a command's terminal is closed. Then it is a request to
/// shut down.
#[derive(Debug)]
pub struct Hangup {
    came: Arc<AtomicBool>,
    stop: ShutdownSignal,
    /// Whether to end with the terminal: there is one, and the command was not started with
    /// `nohup` or the like.
    ends: bool,
}

impl Hangup {
    /// Catches SIGHUP from now on.
    ///
    /// # Errors
    /// The system refuses to install a handler.
    pub fn install(stop: &ShutdownSignal) -> Result<Hangup> {
        // Checked first: once caught, it is no longer ignored.
        #[cfg(unix)]
        let ends = has_terminal() && !is_ignored(SIGHUP);
        #[cfg(not(unix))]
        let ends = false;
        let came = Arc::new(AtomicBool::new(false));
        #[cfg(unix)]
        flag::register(SIGHUP, Arc::clone(&came))
            .map_err(|error| Error::io("can't catch signals", &error))?;
        Ok(Hangup { came, stop: stop.clone(), ends })
    }

    /// Whether a SIGHUP that is not a shutdown request has arrived since the last call.
    pub fn take(&self) -> bool {
        // Called for each record: the load avoids an atomic write in nearly all cases.
        if !(self.came.load(Ordering::Relaxed) && self.came.swap(false, Ordering::Relaxed)) {
            return false;
        }
        let gone = self.ends && !has_terminal();
        #[cfg(unix)]
        if gone {
            self.stop.signal.store(SIGHUP as usize, Ordering::Relaxed);
        }
        !gone
    }
}

/// Whether this process has a terminal that is still open.
fn has_terminal() -> bool {
    cfg!(unix) && std::fs::File::open("/dev/tty").is_ok()
}

/// Whether this process ignores a signal. Before it catches any, these are the signals that it
/// was started to ignore: by `nohup`, or as a background job of a script.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action, sigaction only writes the present one to `action`, for
    // which all zeros are valid, too.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// Ends this process by `signal`, as if it had never been caught, so that its parent (a shell,
/// systemd) sees which signal ended it. Call it after everything has been cleaned up.
///
/// Returns if the signal does not end this process, as for process 1 of a container. Writes no
/// core file: where a signal like SIGSEGV has ended a wrapped command, it would show the wrong
/// process.
#[cfg(unix)]
pub fn end_by(signal: u8) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = Rlimit { current: Some(0), ..getrlimit(Resource::Core) };
    // If these fail, a core file is written.
    let _ = setrlimit(Resource::Core, limit);
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // A program that takes core files (systemd-coredump) ignores the limit.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
    let signal = i32::from(signal);
    let mut signals = std::mem::MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: sigemptyset initialises the set, and all calls fail for numbers that are no
    // signals.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::sigemptyset(signals.as_mut_ptr());
        libc::sigaddset(signals.as_mut_ptr(), signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, signals.as_ptr(), std::ptr::null_mut());
        libc::raise(signal);
    }
}

/// Does nothing: on Windows, no process ends by a signal.
#[cfg(not(unix))]
pub fn end_by(_signal: u8) {}

/// Makes SIGINT, SIGTERM and SIGHUP have no effect: for a child whose parent receives them,
/// too, and controls it.
///
/// # Errors
/// The system refuses to install a handler.
pub fn ignore_signals() -> Result<()> {
    let signals = [SIGINT, SIGTERM];
    #[cfg(unix)]
    let signals = [signals[0], signals[1], SIGHUP];
    for signal in signals {
        // Caught, not ignored: children would inherit an ignored signal.
        flag::register(signal, Arc::new(AtomicBool::new(false)))
            .map_err(|error| Error::io("can't catch signals", &error))?;
    }
    Ok(())
}

fn number(signal: i32) -> u8 {
    u8::try_from(signal).unwrap_or(0)
}

/// Forwards signals to a child.
///
/// They are caught before the child is started, so that a signal in between neither ends this
/// process without the child nor is lost.
#[derive(Debug)]
pub struct Forwarding {
    /// The child's process id; 0 while there is none.
    child: Arc<AtomicU32>,
    stop: ShutdownSignal,
}

impl Forwarding {
    /// Catches signals from now on, on a thread of its own. While there is no child, a signal
    /// sets `stop`, and a second one ends this process at once.
    ///
    /// Signals that the terminal sends to the whole foreground process group (Ctrl-C, Ctrl-\)
    /// are not forwarded: the child has them already, and would take them for a second Ctrl-C.
    /// Signals that this process was started to ignore (`nohup`) are not caught, so that the
    /// child ignores them, too.
    ///
    /// # Errors
    /// The system refuses to install a handler or to start a thread.
    pub fn install(stop: ShutdownSignal) -> Result<Forwarding> {
        let child = Arc::new(AtomicU32::new(0));
        catch(Arc::clone(&child), stop.clone())?;
        Ok(Forwarding { child, stop: stop.of_this_process() })
    }

    /// Forwards signals to `child` from now on, including one that arrived before.
    pub fn begin(&self, child: u32) {
        self.child.store(child, Ordering::SeqCst);
        let missed = self.stop.signal.swap(0, Ordering::SeqCst);
        if missed != 0 {
            self.stop.was_forwarded.store(true, Ordering::Relaxed);
            // Fails if the child has already ended.
            let _ = send(child, missed as i32);
        }
    }

    /// Notes that the child has ended: signals set `stop` again.
    pub fn end(&self) {
        self.child.store(0, Ordering::SeqCst);
        if self.stop.was_forwarded() {
            self.stop.ending.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(unix)]
fn catch(child: Arc<AtomicU32>, stop: ShutdownSignal) -> Result<()> {
    let caught = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2];
    let caught = caught.into_iter().filter(|signal| !is_ignored(*signal));
    let mut signals = SignalsInfo::<WithOrigin>::new(caught)
        .map_err(|error| Error::io("can't catch signals", &error))?;
    let pass_on = move || {
        for origin in signals.forever() {
            let child = child.load(Ordering::SeqCst);
            if child == 0 {
                let asked = stop.signal.swap(origin.signal as usize, Ordering::SeqCst);
                if asked != 0 {
                    // Can't fail for these signals.
                    let _ = emulate_default_handler(origin.signal);
                }
                continue;
            }
            if !matches!(origin.signal, SIGUSR1 | SIGUSR2) {
                stop.was_forwarded.store(true, Ordering::Relaxed);
            }
            if !matches!(origin.cause, Cause::Kernel) {
                // Fails if the child has just ended.
                let _ = send(child, origin.signal);
            }
        }
    };
    thread::spawn("zlog-signals", pass_on).map(drop)
}

/// On Windows, the console sends Ctrl-C to the child itself.
#[cfg(not(unix))]
fn catch(_child: Arc<AtomicU32>, _stop: ShutdownSignal) -> Result<()> {
    Ok(())
}

/// Makes the system send SIGTERM to the child when the calling thread ends, for whatever
/// reason, SIGKILL included.
///
/// The thread counts, not the process: it must live as long as the child is needed.
#[cfg(target_os = "linux")]
pub fn end_with_this_thread(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt;

    use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};

    let parent = getpid();
    let ask = move || {
        set_parent_process_death_signal(Some(Signal::TERM))?;
        // If the parent has just ended, no signal would follow.
        if getppid() == Some(parent) { Ok(()) } else { Err(std::io::ErrorKind::NotFound.into()) }
    };
    // SAFETY: only async-signal-safe calls are allowed between fork and exec: these are two
    // system calls and an error without allocation; no locks.
    unsafe { command.pre_exec(ask) };
}

/// Not supported here: the child ends with its input, or when it is killed.
#[cfg(not(target_os = "linux"))]
pub fn end_with_this_thread(_: &mut std::process::Command) {}

/// Stops this process as Ctrl-Z does, and returns when it is continued.
///
/// # Errors
/// The system refuses.
#[cfg(unix)]
pub fn suspend() -> std::io::Result<()> {
    use rustix::process::{Signal, getpid, kill_process};
    Ok(kill_process(getpid(), Signal::TSTP)?)
}

/// Does nothing: Windows has no job control.
#[cfg(not(unix))]
pub fn suspend() -> std::io::Result<()> {
    Ok(())
}

/// Sends SIGTERM to a process.
///
/// # Errors
/// No such process, or no permission.
pub fn terminate(process: u32) -> std::io::Result<()> {
    send(process, SIGTERM)
}

/// Sends a signal to a process.
///
/// # Errors
/// No such process, no permission, or no such signal.
#[cfg(unix)]
pub(crate) fn send(process: u32, signal: i32) -> std::io::Result<()> {
    use rustix::process::{Pid, Signal, kill_process};
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    match (process, Signal::from_named_raw(signal)) {
        (Some(process), Some(signal)) => Ok(kill_process(process, signal)?),
        _ => Err(std::io::ErrorKind::InvalidInput.into()),
    }
}

/// Does nothing: Windows has no signals.
#[cfg(not(unix))]
pub(crate) fn send(_process: u32, _signal: i32) -> std::io::Result<()> {
    Ok(())
}
