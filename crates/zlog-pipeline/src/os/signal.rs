//! Signals: the request to stop, what is passed on to a child command, and what a child
//! gets that must not stay behind.
//!
//! What may be here: everything that differs between platforms about signals.
//! The rest of zlog asks [`ShutdownSignal`] and knows no signal numbers but through it.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crossbeam_channel::Receiver;
#[cfg(unix)]
use signal_hook::consts::signal::{SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
use signal_hook::consts::signal::{SIGINT, SIGTERM};
use signal_hook::flag;
#[cfg(unix)]
use signal_hook::iterator::SignalsInfo;
#[cfg(unix)]
use signal_hook::iterator::exfiltrator::{SignalOnly, WithOrigin};
#[cfg(unix)]
use signal_hook::low_level::{emulate_default_handler, siginfo::Cause};

use zlog_core::error::{Error, Exit, Result};

/// The first that caught signals. There is one terminal and one standard error, and so
/// what waits for them may ask without being told whom.
static OF_PROCESS: OnceLock<ShutdownSignal> = OnceLock::new();

/// Whether somebody has asked this process to stop. Cheap to clone and to ask.
#[derive(Clone, Debug, Default)]
pub struct ShutdownSignal {
    signal: Arc<AtomicUsize>,
    passed_on: Arc<AtomicBool>,
    ending: Arc<AtomicBool>,
}

impl ShutdownSignal {
    /// Catches SIGINT and SIGTERM from now on: the first is a request that
    /// [`ShutdownSignal::requested`] tells of, the second ends the process at once.
    ///
    /// # Errors
    /// When the system refuses to install a handler.
    pub fn install() -> Result<ShutdownSignal> {
        let stop = ShutdownSignal::default();
        let again = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            stop.catch(signal, &again).map_err(|error| Error::io("can't catch signals", &error))?;
        }
        Ok(stop.of_this_process())
    }

    /// The one that knows of this process's signals; `None` while they end it at once.
    pub fn of_process() -> Option<&'static ShutdownSignal> {
        OF_PROCESS.get()
    }

    fn of_this_process(self) -> ShutdownSignal {
        // Another has it already: both know of every signal.
        let _ = OF_PROCESS.set(self.clone());
        self
    }

    /// The order matters: the handler that ends the process looks at the flag
    /// before the next one sets it, so it lets the first signal pass.
    fn catch(&self, signal: i32, again: &Arc<AtomicBool>) -> std::io::Result<()> {
        let code = i32::from(Exit::Signal(number(signal)).code());
        flag::register_conditional_shutdown(signal, code, Arc::clone(again))?;
        flag::register(signal, Arc::clone(again))?;
        flag::register_usize(signal, Arc::clone(&self.signal), signal as usize)?;
        Ok(())
    }

    /// Whether a signal has come.
    pub fn requested(&self) -> bool {
        self.signal.load(Ordering::Relaxed) != 0
    }

    /// As the signal of this number does it.
    #[cfg(test)]
    pub(crate) fn ask(&self, signal: usize) {
        self.signal.store(signal, Ordering::Relaxed);
    }

    /// Whether nothing is to be waited for any more that may take for ever: a signal has
    /// come, or the child that it was passed on to has ended.
    pub fn is_ending(&self) -> bool {
        self.requested() || self.ending.load(Ordering::Relaxed)
    }

    /// Whether a child was asked to stop instead of this process: see [`Forwarding`].
    pub fn passed_on(&self) -> bool {
        self.passed_on.load(Ordering::Relaxed)
    }

    /// How a process that a signal stopped exits; `None` when none has come.
    pub fn exit(&self) -> Option<Exit> {
        match self.signal.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(Exit::Signal(number(signal as i32))),
        }
    }
}

/// SIGHUP, for a command that goes on at it: the custom by which a program is asked to
/// open its files anew, or to read its configuration again.
///
/// The system sends the same signal when the terminal of a command is closed, which is
/// to end it: then it becomes a request to stop.
#[derive(Debug)]
pub struct Hangup {
    came: Arc<AtomicBool>,
    stop: ShutdownSignal,
    /// Whether it is to end with its terminal: it has one, and was not started by
    /// `nohup` or the like.
    ends: bool,
}

impl Hangup {
    /// Catches SIGHUP from now on.
    ///
    /// # Errors
    /// When the system refuses to install a handler.
    pub fn install(stop: &ShutdownSignal) -> Result<Hangup> {
        // Asked before: afterwards it is no longer ignored.
        let ends = has_terminal() && !is_hangup_ignored();
        let came = Arc::new(AtomicBool::new(false));
        #[cfg(unix)]
        flag::register(SIGHUP, Arc::clone(&came))
            .map_err(|error| Error::io("can't catch signals", &error))?;
        Ok(Hangup { came, stop: stop.clone(), ends })
    }

    /// Something to wait for beside records: there is a word in it after each SIGHUP,
    /// which [`Hangup::take`] knows of by then.
    ///
    /// # Errors
    /// When the system refuses to install a handler or to start a thread.
    pub fn wakeups() -> Result<Receiver<()>> {
        let (word, words) = crossbeam_channel::bounded(1);
        #[cfg(not(unix))]
        drop(word);
        #[cfg(unix)]
        {
            let mut signals = SignalsInfo::<SignalOnly>::new([SIGHUP])
                .map_err(|error| Error::io("can't catch signals", &error))?;
            // One that is still there says the same.
            let pass_on = move || {
                for _ in signals.forever() {
                    let _ = word.try_send(());
                }
            };
            std::thread::Builder::new()
                .name("zlog-hangup".into())
                .spawn(pass_on)
                .map_err(|error| Error::io("can't start a thread", &error))?;
        }
        Ok(words)
    }

    /// Whether one has come since the last time, and the command is to go on.
    pub fn take(&self) -> bool {
        // Read first: the write is for the one time in a million.
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

/// Whether this process belongs to a terminal that is there.
fn has_terminal() -> bool {
    cfg!(unix) && std::fs::File::open("/dev/tty").is_ok()
}

/// Whether whoever started this process wants it to survive its terminal.
fn is_hangup_ignored() -> bool {
    // Elsewhere than on Linux it can't be read: then a terminal that closes ends it.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // The first signal is the lowest bit, and SIGHUP the first signal.
    mask.is_some_and(|mask| mask & 1 != 0)
}

/// Makes SIGINT, SIGTERM and SIGHUP do nothing here: for a child whose parent gets
/// them too, and tells it what to do.
///
/// # Errors
/// When the system refuses to install a handler.
pub fn ignore_signals() -> Result<()> {
    let signals = [SIGINT, SIGTERM];
    #[cfg(unix)]
    let signals = [signals[0], signals[1], SIGHUP];
    for signal in signals {
        // A handler that nobody looks at, since what is ignored stays so in children.
        flag::register(signal, Arc::new(AtomicBool::new(false)))
            .map_err(|error| Error::io("can't catch signals", &error))?;
    }
    Ok(())
}

fn number(signal: i32) -> u8 {
    u8::try_from(signal).unwrap_or(0)
}

/// Signals on their way to a child.
///
/// They are caught before the child is started: what comes in between must neither
/// end this process and leave the child alone, nor get lost.
#[derive(Debug)]
pub struct Forwarding {
    /// The child's process number; 0 while there is none.
    child: Arc<AtomicU32>,
    stop: ShutdownSignal,
}

impl Forwarding {
    /// Catches signals from now on, on a thread of its own. While no child runs, a
    /// signal is a request to `stop`, and a second one ends this process at once.
    ///
    /// Not passed on are those that the terminal has sent to the whole foreground
    /// process group already (Ctrl-C, Ctrl-\): the child has them, and one more would
    /// be a second Ctrl-C.
    ///
    /// # Errors
    /// When the system refuses to install a handler or to start a thread.
    pub fn install(stop: ShutdownSignal) -> Result<Forwarding> {
        let child = Arc::new(AtomicU32::new(0));
        catch(Arc::clone(&child), stop.clone())?;
        Ok(Forwarding { child, stop: stop.of_this_process() })
    }

    /// From now on signals are `child`'s, and so is one that came while it was started.
    pub fn begin(&self, child: u32) {
        self.child.store(child, Ordering::SeqCst);
        let missed = self.stop.signal.swap(0, Ordering::SeqCst);
        if missed != 0 {
            self.stop.passed_on.store(true, Ordering::Relaxed);
            // A child that has ended already needs no signal.
            let _ = send(child, missed as i32);
        }
    }

    /// The child has ended: a signal is a request to stop again.
    pub fn end(&self) {
        self.child.store(0, Ordering::SeqCst);
        if self.stop.passed_on() {
            self.stop.ending.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(unix)]
fn catch(child: Arc<AtomicU32>, stop: ShutdownSignal) -> Result<()> {
    let caught = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2];
    let mut signals = SignalsInfo::<WithOrigin>::new(caught)
        .map_err(|error| Error::io("can't catch signals", &error))?;
    let pass_on = move || {
        for origin in signals.forever() {
            let child = child.load(Ordering::SeqCst);
            if child == 0 {
                let asked = stop.signal.swap(origin.signal as usize, Ordering::SeqCst);
                if asked != 0 {
                    // The second one: at once. It can't be refused for these signals.
                    let _ = emulate_default_handler(origin.signal);
                }
                continue;
            }
            if !matches!(origin.signal, SIGUSR1 | SIGUSR2) {
                stop.passed_on.store(true, Ordering::Relaxed);
            }
            if !matches!(origin.cause, Cause::Kernel) {
                // A child that has just ended needs no signal.
                let _ = send(child, origin.signal);
            }
        }
    };
    std::thread::Builder::new()
        .name("zlog-signals".into())
        .spawn(pass_on)
        .map(drop)
        .map_err(|error| Error::no_thread(&error))
}

/// Where there are no signals to pass on, the console sends Ctrl-C to the child itself.
#[cfg(not(unix))]
fn catch(_child: Arc<AtomicU32>, _stop: ShutdownSignal) -> Result<()> {
    Ok(())
}

/// Asks the system to end the child that `command` will start, with SIGTERM, should this
/// process be gone before it, whatever has ended this one: SIGKILL, too.
///
/// To the system it is the thread which starts the child whose end counts: that must be
/// one that stays for as long as the child is wanted.
#[cfg(target_os = "linux")]
pub fn end_with_this_thread(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt;

    use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};

    let parent = getpid();
    let ask = move || {
        set_parent_process_death_signal(Some(Signal::TERM))?;
        // It may have gone just before: then nobody would send anything.
        if getppid() == Some(parent) { Ok(()) } else { Err(std::io::ErrorKind::NotFound.into()) }
    };
    // SAFETY: between fork and exec only what is async-signal-safe may be called: these
    // are two system calls, and an error that needs no memory; no locks.
    unsafe { command.pre_exec(ask) };
}

/// Elsewhere no system call asks for that: a child ends with its input, or when somebody
/// ends it.
#[cfg(not(target_os = "linux"))]
pub fn end_with_this_thread(_: &mut std::process::Command) {}

/// Asks a process to end.
///
/// # Errors
/// The system's: no such process, not permitted.
pub fn terminate(process: u32) -> std::io::Result<()> {
    send(process, SIGTERM)
}

/// Sends a signal to a process.
///
/// # Errors
/// The system's: no such process, not permitted, no such signal.
#[cfg(unix)]
pub(crate) fn send(process: u32, signal: i32) -> std::io::Result<()> {
    use rustix::process::{Pid, Signal, kill_process};
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    match (process, Signal::from_named_raw(signal)) {
        (Some(process), Some(signal)) => Ok(kill_process(process, signal)?),
        _ => Err(std::io::ErrorKind::InvalidInput.into()),
    }
}

/// There are no signals to send.
#[cfg(not(unix))]
pub(crate) fn send(_process: u32, _signal: i32) -> std::io::Result<()> {
    Ok(())
}
