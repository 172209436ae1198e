//! How many files this process may have open: sockets, files and pipes, each of which
//! takes a descriptor.
//!
//! What may be here: raising the limit, giving children the one that they would have
//! had, and telling when it is reached. What becomes of those who then can't be let in
//! is the business of the sockets.
//!
//! The limit that a process starts with is low (1024 as a rule) for the sake of programs
//! that wait with select(2), which can't count further. zlog does not, so it takes what
//! it may have, as Go's programs do; a child may wait so, and gets the old limit back.
//!
//! libzmq ends a process that has no descriptor for its I/O thread (it aborts). When a
//! connection over tcp finds none, it tries again without a pause; when one over ipc
//! does, it aborts, too. So the last ones are kept back: a ZeroMQ connection that takes one
//! of them is hung up on, as soon as its socket is looked after (within some 50 ms). What
//! comes over ipc faster than that can still take them all.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What is wanted beside the connections of Python's handlers: ZeroMQ's own and its
/// peers', files and their archives, mail. Below it a warning is due: a stream with some
/// subscribers and handlers would meet it.
pub(crate) const OTHERS: u64 = 256;

/// Connections of this process that are counted.
static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);

/// The connections of a socket, counted as long as this lives.
#[derive(Debug, Default)]
pub(crate) struct Connections(usize);

impl Connections {
    /// There are so many now.
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
pub(crate) use self::unix::{is_surplus, look, too_few_for};
#[cfg(unix)]
pub use self::unix::{raise, restore_inherited};

#[cfg(unix)]
mod unix {
    use std::io;
    use std::os::fd::{AsFd, AsRawFd, OwnedFd};
    use std::os::unix::process::CommandExt;
    use std::process::Command;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Mutex, OnceLock, PoisonError};
    use std::time::{Duration, Instant};

    use rustix::io::Errno;
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    use super::{CONNECTIONS, OTHERS};
    use crate::os::terminal;
    use zlog_core::error::{Error, Result};

    /// What must be free at the start. Measured: an `emit` opens 17 before anybody
    /// connects, and a `tail --last`, which has libzmq twice, is aborted by it where it
    /// finds less than 24. Whatever needs more than this fails with an error of its own.
    const NEEDED: usize = 32;

    /// What may be had on macOS where the limit is none: OPEN_MAX of its limits.h.
    const OPEN_MAX: u64 = 10_240;

    /// How often it is looked whether descriptors have run out.
    const EVERY: Duration = Duration::from_secs(1);

    /// How long there must have been some before the next lack is another one.
    const OVER: Duration = Duration::from_secs(10);

    const NEXT: &str = "Raise it where zlog is started: `ulimit -n 4096` in a shell, LimitNOFILE= \
                        in a systemd unit.";

    /// The limit that this process was started with, where it has another now.
    static BEFORE: OnceLock<Rlimit> = OnceLock::new();

    /// Takes as many descriptors as this process may have.
    ///
    /// # Errors
    /// When there are not even those that every command needs.
    pub fn raise() -> Result<()> {
        let before = getrlimit(Resource::Nofile);
        if before.current != before.maximum {
            let reachable = [before.maximum, Some(OPEN_MAX)].into_iter().find(|most| {
                let higher = most.is_none_or(|most| before.current.is_some_and(|now| now < most));
                let limit = Rlimit { current: *most, maximum: before.maximum };
                higher && setrlimit(Resource::Nofile, limit).is_ok()
            });
            if reachable.is_some() {
                // Only the first time is it what the process was started with.
                let _ = BEFORE.set(before);
            }
        }
        let Some(most) = most() else { return Ok(()) };
        if most < OTHERS {
            if !is_room_for(NEEDED) {
                return Err(Error::new(format!(
                    "at most {most} files may be open at once, and ZeroMQ needs {NEEDED} to begin with"
                ))
                .hint(NEXT));
            }
            terminal::eprint_line(format_args!(
                "zlog: at most {most} files may be open at once, and each connection takes one of \
                 them\n  {NEXT}"
            ));
        }
        Ok(())
    }

    /// How many there may be; `None` for any number.
    fn most() -> Option<u64> {
        getrlimit(Resource::Nofile).current
    }

    /// Says so when there are too few descriptors for so many clients of Python's
    /// handlers, unless [`raise`] has.
    pub(crate) fn too_few_for(clients: usize) -> Option<String> {
        let most = most().filter(|most| (OTHERS..OTHERS + clients as u64).contains(most))?;
        Some(format!(
            "at most {most} files may be open at once: not enough for {clients} clients \
             (--max-clients) and what else is open\n  {NEXT}"
        ))
    }

    /// How many are kept back where there may be `most`: for files, for lookups of names,
    /// and for connections that come before the first of them is hung up on.
    fn reserve(most: u64) -> u64 {
        (most / 4).clamp(8, 64)
    }

    /// Whether a new connection with this descriptor takes one of those that are kept
    /// back. The system gives the lowest number that is free: so all below are taken.
    pub(crate) fn is_surplus(descriptor: i32) -> bool {
        let number = u64::try_from(descriptor).unwrap_or(0);
        most().is_some_and(|most| number >= most.saturating_sub(reserve(most)))
    }

    /// Takes the lowest descriptor that is free.
    #[expect(clippy::disallowed_methods, reason = "a descriptor to copy; nothing is written")]
    fn take_lowest() -> io::Result<OwnedFd> {
        io::stderr().as_fd().try_clone_to_owned()
    }

    /// Whether so many descriptors are free.
    fn is_room_for(count: usize) -> bool {
        let taken: io::Result<Vec<_>> = (0..count).map(|_| take_lowest()).collect();
        taken.err().is_none_or(|error| !is_lack(&error))
    }

    /// Whether it says that there is no descriptor, for this process or at all.
    fn is_lack(error: &io::Error) -> bool {
        let lack = [Errno::MFILE, Errno::NFILE].map(|errno| Some(errno.raw_os_error()));
        lack.contains(&error.raw_os_error())
    }

    /// Starts the child with the limit that it would have without zlog: it, or a program
    /// that it starts, may wait with select(2), which breaks beyond 1024 descriptors.
    pub fn restore_inherited(command: &mut Command) {
        let Some(before) = BEFORE.get().copied() else { return };
        let lower = move || Ok(setrlimit(Resource::Nofile, before)?);
        // SAFETY: between fork and exec only what is async-signal-safe may be called:
        // this is one system call, without allocation and without locks.
        unsafe { command.pre_exec(lower) };
    }

    /// What is known of descriptors that have run out.
    struct Lack {
        /// Since when there are none, told once.
        out: bool,
        /// When there were none for the last time.
        last: Option<Instant>,
    }

    /// Looks, about once a second, whether descriptors have run out but for those that are
    /// kept back, and tells so once for each time that they do. Cheap to call often.
    pub(crate) fn look(now: Instant) {
        static BEGUN: OnceLock<Instant> = OnceLock::new();
        static NEXT_LOOK: AtomicU64 = AtomicU64::new(0);
        static LACK: Mutex<Lack> = Mutex::new(Lack { out: false, last: None });

        let since = now.saturating_duration_since(*BEGUN.get_or_init(|| now)).as_millis() as u64;
        let due = NEXT_LOOK.load(Ordering::Relaxed);
        let next = since + EVERY.as_millis() as u64;
        let swap = |due| {
            NEXT_LOOK.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        };
        // Of several threads, one looks.
        if since < due || !swap(due) {
            return;
        }
        // The lowest number that is free is what a connection would get.
        let free = match take_lowest() {
            Ok(lowest) => !is_surplus(lowest.as_raw_fd()),
            Err(error) => !is_lack(&error),
        };
        let mut lack = LACK.lock().unwrap_or_else(PoisonError::into_inner);
        if !free {
            lack.last = Some(now);
            if !std::mem::replace(&mut lack.out, true) {
                tell_lack();
            }
        } else if lack.last.is_some_and(|last| now.saturating_duration_since(last) >= OVER) {
            *lack = Lack { out: false, last: None };
        }
    }

    fn tell_lack() {
        let connections = CONNECTIONS.load(Ordering::Relaxed);
        let open = most().map_or_else(
            || "the system can open no more files".to_owned(),
            |most| format!("almost all of the {most} files that may be open at once are open"),
        );
        let s = if connections == 1 { "" } else { "s" };
        terminal::eprint_line(format_args!(
            "zlog: {open}, {connections} connection{s} among them, and no more may be: whoever \
             else connects is hung up on until one ends\n  {NEXT}"
        ));
    }
}

/// Elsewhere there is no such limit, or none that a process could raise.
#[cfg(not(unix))]
mod elsewhere {
    use std::process::Command;
    use std::time::Instant;

    use zlog_core::error::Result;

    /// Nothing to raise.
    ///
    /// # Errors
    /// None.
    pub fn raise() -> Result<()> {
        Ok(())
    }

    /// Nothing was changed.
    pub fn restore_inherited(_command: &mut Command) {}

    pub(crate) fn too_few_for(_clients: usize) -> Option<String> {
        None
    }

    pub(crate) fn look(_now: Instant) {}

    pub(crate) fn is_surplus(_descriptor: i32) -> bool {
        false
    }
}
#[cfg(not(unix))]
pub(crate) use self::elsewhere::{is_surplus, look, too_few_for};
#[cfg(not(unix))]
pub use self::elsewhere::{raise, restore_inherited};
