//! Writes to an inherited descriptor so that a reader that stands still can block the work,
//! but not the exit.
//!
//! # A reader that stands still
//! A write to a full pipe or a stopped terminal (Ctrl-S) blocks, and continues to block after
//! a signal: the process would never notice the shutdown request. So this writer never blocks
//! in a write; it waits in `poll`, checks for a request every [`POLL_INTERVAL`], and after
//! one drops what nobody reads.
//!
//! `O_NONBLOCK` belongs to the open file, which is shared with the shell and all other
//! programs of the pipeline, so zlog must not set it. Instead:
//!
//! - pipes and terminals are opened again through `/proc`: the same pipe, with flags of
//!   zlog's own;
//! - sockets, which can't be opened again, take a flag with each call;
//! - where neither works (another system, another user's terminal), each write is preceded by
//!   `poll` and limited to what always fits into a pipe;
//! - files and devices like `/dev/null` never block.
//!
//! Only the third costs a system call while there is room.
//!
//! Rejected: signals that interrupt a blocked call (one that arrives between the check and the
//! call is missed, and it interrupts the calls of all threads); a writing thread (a context
//! switch for each record of a quiet stream).

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use crate::os::signal::ShutdownSignal;
use zlog_core::Exit;

/// How long there may be no progress after a shutdown request.
const STALL_LIMIT: Duration = Duration::from_secs(1);
/// Default limit on the time for all output after a shutdown request.
const TOTAL_LIMIT: Duration = Duration::from_secs(5);

#[cfg(unix)]
pub(super) use self::unix::StdioWriter;

/// Limits on how long output may delay the exit.
#[derive(Debug)]
struct ShutdownDeadline {
    /// The signal to check; `None`: the process's own.
    stop: Option<ShutdownSignal>,
    stall_limit: Duration,
    total_limit: Duration,
    /// When a write first noticed the request.
    requested_at: Option<Instant>,
    /// When bytes were last taken since then.
    progressed_at: Option<Instant>,
    expired: bool,
}

impl Default for ShutdownDeadline {
    fn default() -> ShutdownDeadline {
        let (stop, requested_at, progressed_at) = (None, None, None);
        ShutdownDeadline {
            stop,
            stall_limit: STALL_LIMIT,
            total_limit: TOTAL_LIMIT,
            requested_at,
            progressed_at,
            expired: false,
        }
    }
}

impl ShutdownDeadline {
    /// Notes progress. Reads no clock before a request.
    fn note_progress(&mut self) {
        if self.requested_at.is_some() {
            self.progressed_at = Some(Instant::now());
        }
    }

    /// Fails, from then on always, once a limit is exceeded.
    fn check(&mut self) -> io::Result<()> {
        let Some(stop) = self.stop.as_ref().or_else(|| ShutdownSignal::of_process()) else {
            return Ok(());
        };
        let ending = stop.is_ending();
        // A child that a signal was forwarded to may print as long as somebody reads. If
        // nobody does, the child would block, and this process would wait for it.
        if !(ending || stop.was_forwarded()) {
            return Ok(());
        }
        if !self.expired {
            let now = Instant::now();
            let asked = *self.requested_at.get_or_insert(now);
            let moved = self.progressed_at.unwrap_or(asked);
            self.expired =
                now - moved >= self.stall_limit || (ending && now - asked >= self.total_limit);
        }
        match self.expired {
            true => {
                let exit = stop.exit().unwrap_or(Exit::Failed);
                Err(io::Error::new(io::ErrorKind::TimedOut, Abandoned { exit }))
            }
            false => Ok(()),
        }
    }
}

/// Output was dropped after a shutdown request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Abandoned {
    /// The exit code of the request.
    exit: Exit,
}

impl Abandoned {
    /// The exit code, if `error` is this error.
    pub(super) fn exit(error: &io::Error) -> Option<Exit> {
        let inner = error.get_ref()?.downcast_ref::<Abandoned>()?;
        Some(inner.exit)
    }
}

impl fmt::Display for Abandoned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its reader stopped reading")
    }
}

impl std::error::Error for Abandoned {}

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::io::{self, ErrorKind, IsTerminal, Write};
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
    use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::Errno;
    use socket2::SockRef;

    use super::ShutdownDeadline;

    /// Longest wait between two checks for a shutdown request.
    const POLL_INTERVAL: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
    /// Delay after `poll` reported room and the write still found none.
    const RETRY_DELAY: Duration = Duration::from_millis(1);
    /// A size that fits into every pipe for which `poll` reports room: POSIX allows PIPE_BUF to be
    /// as small as 512 bytes.
    const PIPE_BUF: usize = if cfg!(target_os = "linux") { 4096 } else { 512 };

    /// A writer to an inherited descriptor.
    #[derive(Debug)]
    pub(in crate::os::terminal) struct StdioWriter<F> {
        pub(super) shared: F,
        pub(super) mode: WriteMode,
        pub(super) deadline: ShutdownDeadline,
    }

    /// How to write without blocking: see the module documentation.
    #[derive(Debug)]
    pub(super) enum WriteMode {
        /// A pipe or terminal, opened again.
        Reopened(File),
        /// A socket: a flag with each call.
        Socket,
        /// May block: `poll` before each write.
        Polled,
        /// Never blocks.
        Direct,
        /// Standard output that was closed before this process started.
        Closed,
    }

    impl<F: AsFd> StdioWriter<F> {
        pub(in crate::os::terminal) fn new(shared: F) -> StdioWriter<F> {
            // If the type is unknown, assume that it blocks.
            let mode = mode(shared.as_fd()).unwrap_or(WriteMode::Polled);
            StdioWriter { shared, mode, deadline: ShutdownDeadline::default() }
        }

        /// Limits the time after a shutdown request to `limit`, in total and without progress.
        #[must_use]
        pub(in crate::os::terminal) fn with_linger(mut self, limit: Duration) -> StdioWriter<F> {
            self.deadline.stall_limit = super::STALL_LIMIT.min(limit);
            self.deadline.total_limit = limit;
            self
        }

        fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
            match &self.mode {
                WriteMode::Reopened(file) => (&*file).write(bytes),
                WriteMode::Socket => {
                    SockRef::from(&self.shared).send_with_flags(bytes, libc::MSG_DONTWAIT)
                }
                WriteMode::Polled => Ok(rustix::io::write(&self.shared, chunk(bytes))?),
                WriteMode::Direct => Ok(rustix::io::write(&self.shared, bytes)?),
                WriteMode::Closed => Err(super::super::not_open()),
            }
        }

        /// Waits for room.
        fn wait(&mut self) -> io::Result<()> {
            loop {
                self.deadline.check()?;
                let mut watched = [PollFd::new(&self.shared, PollFlags::OUT)];
                match poll(&mut watched, Some(&POLL_INTERVAL)) {
                    Ok(0) | Err(Errno::INTR) => {}
                    // Also if the reader has gone: the write reports that.
                    Ok(_) => return Ok(()),
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }

    impl<F: AsFd> Write for StdioWriter<F> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.deadline.expired {
                self.deadline.check()?;
            }
            let mut in_vain = false;
            loop {
                if let WriteMode::Polled = self.mode {
                    self.wait()?;
                }
                match self.try_write(bytes) {
                    Ok(written) => {
                        self.deadline.note_progress();
                        return Ok(written);
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    // Also if another program has set O_NONBLOCK.
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        if std::mem::replace(&mut in_vain, true) {
                            std::thread::sleep(RETRY_DELAY);
                        }
                        self.wait()?;
                    }
                    Err(error) => return Err(error),
                }
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The first bytes that always fit, and whole lines if possible: others may write, too.
    fn chunk(bytes: &[u8]) -> &[u8] {
        if bytes.len() <= PIPE_BUF {
            return bytes;
        }
        let lines = bytes[..PIPE_BUF].iter().rposition(|byte| *byte == b'\n');
        &bytes[..lines.map_or(PIPE_BUF, |at| at + 1)]
    }

    fn mode(shared: BorrowedFd<'_>) -> io::Result<WriteMode> {
        if super::super::closed::stdout() && shared.as_raw_fd() == libc::STDOUT_FILENO {
            return Ok(WriteMode::Closed);
        }
        let kind = File::from(shared.try_clone_to_owned()?).metadata()?.file_type();
        if kind.is_socket() {
            return Ok(WriteMode::Socket);
        }
        if !kind.is_fifo() && !shared.is_terminal() {
            return Ok(WriteMode::Direct);
        }
        // Opening the controlling end of a pseudo-terminal would create a new terminal.
        let controls = rustix::pty::ptsname(shared, Vec::new()).is_ok();
        match open_again(shared) {
            Ok(own) if !controls => Ok(WriteMode::Reopened(own)),
            _ => Ok(WriteMode::Polled),
        }
    }

    /// Opens the same pipe or terminal again. Only Linux has such names with a new open file
    /// description.
    fn open_again(shared: BorrowedFd<'_>) -> io::Result<File> {
        if !cfg!(target_os = "linux") {
            return Err(ErrorKind::Unsupported.into());
        }
        // It must not become the controlling terminal.
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
        let name = format!("/proc/self/fd/{}", shared.as_raw_fd());
        File::options().write(true).custom_flags(flags).open(name)
    }
}

/// Without `poll`, writes may block.
#[cfg(not(unix))]
#[derive(Debug)]
pub(super) struct StdioWriter<W> {
    inner: W,
    deadline: ShutdownDeadline,
}

#[cfg(not(unix))]
impl<W: io::Write> StdioWriter<W> {
    pub(super) fn new(inner: W) -> StdioWriter<W> {
        StdioWriter { inner, deadline: ShutdownDeadline::default() }
    }

    #[must_use]
    pub(super) fn with_linger(mut self, limit: Duration) -> StdioWriter<W> {
        self.deadline.total_limit = limit;
        self
    }
}

#[cfg(not(unix))]
impl<W: io::Write> io::Write for StdioWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.deadline.expired {
            self.deadline.check()?;
        }
        let written = self.inner.write(bytes);
        self.deadline.note_progress();
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
