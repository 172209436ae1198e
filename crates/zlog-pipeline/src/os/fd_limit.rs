//! The limit on open file descriptors: sockets, files and pipes.
//!
//! The default soft limit is low (usually 1024) for programs that use select(2), which can't
//! handle more. zlog does not use it, so it raises the limit to the hard one, as Go programs
//! do. A child may use it, and gets the inherited limit back.
//!
//! libzmq aborts the process if it finds no descriptor for its I/O thread. So the last
//! descriptors are reserved: a ZeroMQ connection that takes one is shut down when its socket's
//! events are next processed (within about 50 ms). Connections for which none is left are
//! closed at once (`zmq-sys/edits/`).

use std::sync::atomic::{AtomicUsize, Ordering};

/// Descriptors needed in addition to the clients of Python's handlers: for ZeroMQ, its peers,
/// files and mail. A lower limit causes a warning, as a stream with some subscribers and
/// handlers can reach it.
pub(crate) const OTHERS: u64 = 256;

/// Number of open connections of this process, for the message.
static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);

/// The number of connections of one socket. Counted until it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Connections(usize);

impl Connections {
    /// Sets the number.
    pub(crate) fn set(&mut self, count: usize) {
        if count != self.0 {
            CONNECTIONS.fetch_add(count, Ordering::Relaxed);
            CONNECTIONS.fetch_sub(std::mem::replace(&mut self.0, count), Ordering::Relaxed);
        }
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(unix)]
pub use self::unix::{check, check_due, raise, restore_inherited};
#[cfg(unix)]
pub(crate) use self::unix::{is_reserved, too_few_for};

#[cfg(unix)]
mod unix {
    use std::io;
    use std::os::fd::{AsFd, AsRawFd, OwnedFd};
    use std::os::unix::process::CommandExt;
    use std::process::Command;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::sync::{Mutex, OnceLock, PoisonError};
    use std::time::{Duration, Instant};

    use rustix::io::Errno;
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    use super::{CONNECTIONS, OTHERS};
    use zlog_core::text::plural::counted;
    use zlog_core::{Error, Result};

    /// Descriptors that must be free at the start. Measured: `emit` opens 17 before anyone
    /// connects, and libzmq aborts `tail --last`, which uses two contexts, below 24. Whatever
    /// needs more fails with an error of its own.
    const NEEDED: usize = 32;

    /// The maximum on macOS if the hard limit is unlimited: OPEN_MAX of its limits.h.
    const OPEN_MAX: u64 = 10_240;

    /// Minimum time between two checks.
    const CHECK_INTERVAL: Duration = Duration::from_secs(1);

    /// How long descriptors must have been free before the next shortage is reported.
    const RECOVERY: Duration = Duration::from_secs(10);

    const NEXT: &str = "Raise it: `ulimit -n 4096` in the shell, LimitNOFILE= in a systemd unit.";

    /// The inherited limit, if it was raised.
    static BEFORE: OnceLock<Rlimit> = OnceLock::new();

    /// Raises the limit as far as possible. Returns a warning if it is still low.
    ///
    /// # Errors
    /// Fewer descriptors are free than every command needs.
    pub fn raise() -> Result<Option<String>> {
        let before = getrlimit(Resource::Nofile);
        if before.current != before.maximum {
            let reachable = [before.maximum, Some(OPEN_MAX)].into_iter().find(|most| {
                let higher = most.is_none_or(|most| before.current.is_some_and(|now| now < most));
                let limit = Rlimit { current: *most, maximum: before.maximum };
                higher && setrlimit(Resource::Nofile, limit).is_ok()
            });
            if reachable.is_some() {
                // A second call must not overwrite the inherited limit.
                let _ = BEFORE.set(before);
            }
        }
        let Some(most) = most().filter(|most| *most < OTHERS) else { return Ok(None) };
        if !is_room_for(NEEDED) {
            return Err(Error::new(format!(
                "the limit on open files is {most}, and ZeroMQ needs {NEEDED}"
            ))
            .hint(NEXT));
        }
        Ok(Some(format!(
            "the limit on open files is {most}, and each connection needs one\n  \
             {NEXT}"
        )))
    }

    /// The limit; `None` if there is none.
    fn most() -> Option<u64> {
        getrlimit(Resource::Nofile).current
    }

    /// A warning if the limit is too low for this many clients of Python's handlers, unless
    /// [`raise`] has returned one.
    pub(crate) fn too_few_for(clients: usize) -> Option<String> {
        let most = most().filter(|most| (OTHERS..OTHERS + clients as u64).contains(most))?;
        Some(format!(
            "the limit on open files is {most}: too low for {clients} clients \
             (--max-clients)\n  {NEXT}"
        ))
    }

    /// Number of descriptors reserved for files, lookups, and connections accepted before the
    /// first of them is shut down.
    fn reserve(most: u64) -> u64 {
        (most / 4).clamp(8, 64)
    }

    /// Whether a new descriptor is one of the reserved ones. The system assigns the lowest
    /// free number, so all below it are in use.
    pub(crate) fn is_reserved(descriptor: i32) -> bool {
        let number = u64::try_from(descriptor).unwrap_or(0);
        most().is_some_and(|most| number >= most.saturating_sub(reserve(most)))
    }

    /// Opens the lowest free descriptor.
    #[expect(clippy::disallowed_methods, reason = "a descriptor to copy; nothing is written")]
    fn take_lowest() -> io::Result<OwnedFd> {
        io::stderr().as_fd().try_clone_to_owned()
    }

    /// Whether this many descriptors are free.
    fn is_room_for(count: usize) -> bool {
        let taken: io::Result<Vec<_>> = (0..count).map(|_| take_lowest()).collect();
        taken.err().is_none_or(|error| !is_exhausted(&error))
    }

    /// Whether no descriptor is left, for this process or the system.
    fn is_exhausted(error: &io::Error) -> bool {
        let exhausted = [Errno::MFILE, Errno::NFILE].map(|errno| Some(errno.raw_os_error()));
        exhausted.contains(&error.raw_os_error())
    }

    /// Starts the child with the inherited limit: it, or a program that it starts, may use
    /// select(2), which fails beyond 1024 descriptors.
    pub fn restore_inherited(command: &mut Command) {
        let Some(before) = BEFORE.get().copied() else { return };
        let lower = move || Ok(setrlimit(Resource::Nofile, before)?);
        // SAFETY: only async-signal-safe calls are allowed between fork and exec: this is
        // one system call, without allocation or locks.
        unsafe { command.pre_exec(lower) };
    }

    /// When the next check is due, in milliseconds since the first one.
    static NEXT_CHECK: AtomicU64 = AtomicU64::new(0);
    /// Whether the last call of [`check`] came before that.
    static SKIPPED: AtomicBool = AtomicBool::new(false);

    /// The state of a shortage.
    struct Shortage {
        /// Whether it was reported.
        reported: bool,
        /// When it was last seen.
        last: Option<Instant>,
    }

    /// Checks about once a second whether only reserved descriptors are free. Returns one
    /// message per shortage. Cheap to call often.
    pub fn check(now: Instant) -> Option<String> {
        static SHORTAGE: Mutex<Shortage> = Mutex::new(Shortage { reported: false, last: None });

        let since = since_first_check(now);
        let due = NEXT_CHECK.load(Ordering::Relaxed);
        let next = since + CHECK_INTERVAL.as_millis() as u64;
        let swap = |due| {
            NEXT_CHECK.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        };
        // If several threads call this, one checks.
        let skip = since < due || !swap(due);
        SKIPPED.store(skip, Ordering::Relaxed);
        if skip {
            return None;
        }
        // A connection would get the lowest free descriptor.
        let free = match take_lowest() {
            Ok(lowest) => !is_reserved(lowest.as_raw_fd()),
            Err(error) => !is_exhausted(&error),
        };
        let mut shortage = SHORTAGE.lock().unwrap_or_else(PoisonError::into_inner);
        if !free {
            shortage.last = Some(now);
            return (!std::mem::replace(&mut shortage.reported, true)).then(describe_shortage);
        }
        if shortage.last.is_some_and(|last| now.saturating_duration_since(last) >= RECOVERY) {
            *shortage = Shortage { reported: false, last: None };
        }
        None
    }

    /// How long until a call of [`check`] that came too early must be repeated. `None` if the
    /// last one has checked.
    pub fn check_due(now: Instant) -> Option<Duration> {
        let due = Duration::from_millis(NEXT_CHECK.load(Ordering::Relaxed));
        let since = Duration::from_millis(since_first_check(now));
        SKIPPED.load(Ordering::Relaxed).then(|| due.saturating_sub(since))
    }

    /// Milliseconds since the first check.
    fn since_first_check(now: Instant) -> u64 {
        static BEGUN: OnceLock<Instant> = OnceLock::new();
        now.saturating_duration_since(*BEGUN.get_or_init(|| now)).as_millis() as u64
    }

    fn describe_shortage() -> String {
        let connections = CONNECTIONS.load(Ordering::Relaxed);
        let open = most().map_or_else(
            || "the system can open no more files".to_owned(),
            |most| format!("almost all of the {most} file descriptors are in use"),
        );
        let connections = counted(connections as u64, "connection");
        format!(
            "{open}, {connections} among them: new connections are closed until one ends\n  {NEXT}"
        )
    }
}

/// Windows has no such limit that a process could raise.
#[cfg(not(unix))]
mod elsewhere {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use zlog_core::Result;

    /// Does nothing.
    ///
    /// # Errors
    /// None.
    pub fn raise() -> Result<Option<String>> {
        Ok(None)
    }

    /// Does nothing.
    pub fn restore_inherited(_command: &mut Command) {}

    /// Always `None`.
    pub fn check(_now: Instant) -> Option<String> {
        None
    }

    /// Always `None`.
    pub fn check_due(_now: Instant) -> Option<Duration> {
        None
    }

    pub(crate) fn too_few_for(_clients: usize) -> Option<String> {
        None
    }

    pub(crate) fn is_reserved(_descriptor: i32) -> bool {
        false
    }
}
#[cfg(not(unix))]
pub use self::elsewhere::{check, check_due, raise, restore_inherited};
#[cfg(not(unix))]
pub(crate) use self::elsewhere::{is_reserved, too_few_for};
