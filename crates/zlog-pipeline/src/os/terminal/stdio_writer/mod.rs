//! Writing to a descriptor that this process was started with, so that a reader who
//! stands still holds up the work but never the end.
//!
//! What may be here: how bytes get out, and when that is given up. What they are, and
//! what their loss means, is known above.
//!
//! # A reader who stands still
//! A write to a full pipe, or to a terminal that was stopped (Ctrl-S), waits, and goes
//! on waiting after a signal: a process in the middle of it never comes to see that it
//! was asked to end. So nothing here waits in a write; it waits in `poll`, looks up every
//! [`TICK`], and once it was asked to end, gives up what nobody takes.
//!
//! `O_NONBLOCK` is no flag of a descriptor but of what it refers to, which is shared with
//! the shell and with every other program in the pipeline: it is not for zlog to set.
//! Instead:
//!
//! - a pipe or terminal is opened once more, by its name in `/proc`: the same pipe, with
//!   flags of zlog's own;
//! - a socket, which can't be opened again, takes the wish with each call;
//! - where neither is to be had (another system, another user's terminal), `poll` is asked
//!   before each write, which is then of no more than what always finds room in a pipe;
//! - files, and devices like `/dev/null`, don't wait for anybody.
//!
//! But for the third, none of that costs a system call as long as there is room.
//!
//! Considered and not taken: signals that end a blocked call (one that comes between the
//! look at the flag and the call is missed, and calls of every other thread end, too); a
//! thread that writes (a switch between threads for each record of a quiet stream).

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use crate::os::signal::ShutdownSignal;
use zlog_core::error::Exit;

/// How long nothing may move, once this process was asked to end, before what is left is
/// given up.
const STILL: Duration = Duration::from_secs(1);
/// How long all of it may take in the end, unless something else was asked for.
const WHOLE: Duration = Duration::from_secs(5);

#[cfg(unix)]
pub(super) use self::unix::StdioWriter;

/// How long the end may be held up.
#[derive(Debug)]
struct ShutdownDeadline {
    /// Who knows whether this process was asked to end; `None`: the process's own.
    stop: Option<ShutdownSignal>,
    still: Duration,
    whole: Duration,
    /// When a write first met the request.
    asked: Option<Instant>,
    /// When something was last taken since then.
    moved: Option<Instant>,
    over: bool,
}

impl Default for ShutdownDeadline {
    fn default() -> ShutdownDeadline {
        let (stop, asked, moved) = (None, None, None);
        ShutdownDeadline { stop, still: STILL, whole: WHOLE, asked, moved, over: false }
    }
}

impl ShutdownDeadline {
    /// Something was taken. Reads no clock as long as nothing was asked for.
    fn note_progress(&mut self) {
        if self.asked.is_some() {
            self.moved = Some(Instant::now());
        }
    }

    /// Fails when the end has been held up for long enough; for good.
    fn check(&mut self) -> io::Result<()> {
        let Some(stop) = self.stop.as_ref().or_else(|| ShutdownSignal::of_process()) else {
            return Ok(());
        };
        let ending = stop.is_ending();
        // A child that was asked to stop may print for as long as somebody reads it; where
        // nobody does, it would wait for that, and we for it.
        if !(ending || stop.passed_on()) {
            return Ok(());
        }
        if !self.over {
            let now = Instant::now();
            let asked = *self.asked.get_or_insert(now);
            let moved = self.moved.unwrap_or(asked);
            self.over = now - moved >= self.still || (ending && now - asked >= self.whole);
        }
        match self.over {
            true => {
                let exit = stop.exit().unwrap_or(Exit::Failed);
                Err(io::Error::new(io::ErrorKind::TimedOut, Abandoned { exit }))
            }
            false => Ok(()),
        }
    }
}

/// Nobody took what was to be written, and this process was asked to end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Abandoned {
    /// How it exits for that.
    exit: Exit,
}

impl Abandoned {
    /// How this process exits, if that is what `error` is about.
    pub(super) fn exit(error: &io::Error) -> Option<Exit> {
        let inner = error.get_ref()?.downcast_ref::<Abandoned>()?;
        Some(inner.exit)
    }
}

impl fmt::Display for Abandoned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its reader did not take all of it before the end")
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

    /// How often a write that waits looks up.
    const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
    /// How long it waits when `poll` sees room, and a write finds too little of it.
    const MOMENT: Duration = Duration::from_millis(1);
    /// What finds room in every pipe of which `poll` says that it has some: PIPE_BUF, which
    /// POSIX lets be 512.
    const LITTLE: usize = if cfg!(target_os = "linux") { 4096 } else { 512 };

    /// The way out through a descriptor.
    #[derive(Debug)]
    pub(in crate::os::terminal) struct StdioWriter<F> {
        pub(super) shared: F,
        pub(super) mode: WriteMode,
        pub(super) deadline: ShutdownDeadline,
    }

    /// How to write without waiting: see the head of this module.
    #[derive(Debug)]
    pub(super) enum WriteMode {
        /// The same pipe or terminal, opened again.
        Own(File),
        /// A socket.
        Socket,
        /// What may wait, and has to be asked before.
        Asked,
        /// What never waits.
        Plain,
        /// Standard output, which was closed before this process started.
        Closed,
    }

    impl<F: AsFd> StdioWriter<F> {
        pub(in crate::os::terminal) fn new(shared: F) -> StdioWriter<F> {
            // What can't be looked at is taken for the worst.
            let mode = mode(shared.as_fd()).unwrap_or(WriteMode::Asked);
            StdioWriter { shared, mode, deadline: ShutdownDeadline::default() }
        }

        /// Gives up when the end has been held up for `whole` in all.
        #[must_use]
        pub(in crate::os::terminal) fn with_linger(mut self, whole: Duration) -> StdioWriter<F> {
            self.deadline.still = super::STILL.min(whole);
            self.deadline.whole = whole;
            self
        }

        fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
            match &self.mode {
                WriteMode::Own(file) => (&*file).write(bytes),
                WriteMode::Socket => {
                    SockRef::from(&self.shared).send_with_flags(bytes, libc::MSG_DONTWAIT)
                }
                WriteMode::Asked => Ok(rustix::io::write(&self.shared, little(bytes))?),
                WriteMode::Plain => Ok(rustix::io::write(&self.shared, bytes)?),
                WriteMode::Closed => Err(super::super::not_open()),
            }
        }

        /// Waits for room.
        fn wait(&mut self) -> io::Result<()> {
            loop {
                self.deadline.check()?;
                let mut watched = [PollFd::new(&self.shared, PollFlags::OUT)];
                match poll(&mut watched, Some(&TICK)) {
                    Ok(0) | Err(Errno::INTR) => {}
                    // Also when the reader has gone: the write says it.
                    Ok(_) => return Ok(()),
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }

    impl<F: AsFd> Write for StdioWriter<F> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.deadline.over {
                self.deadline.check()?;
            }
            let mut in_vain = false;
            loop {
                if let WriteMode::Asked = self.mode {
                    self.wait()?;
                }
                match self.try_write(bytes) {
                    Ok(written) => {
                        self.deadline.note_progress();
                        return Ok(written);
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    // Also of a descriptor that somebody else has set so.
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        if std::mem::replace(&mut in_vain, true) {
                            std::thread::sleep(MOMENT);
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

    /// As much as finds room, and whole lines if there are any: others may write there, too.
    fn little(bytes: &[u8]) -> &[u8] {
        if bytes.len() <= LITTLE {
            return bytes;
        }
        let lines = bytes[..LITTLE].iter().rposition(|byte| *byte == b'\n');
        &bytes[..lines.map_or(LITTLE, |at| at + 1)]
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
            return Ok(WriteMode::Plain);
        }
        // The end of a pseudo-terminal that programs control it by would be that of a new one.
        let controls = rustix::pty::ptsname(shared, Vec::new()).is_ok();
        match open_again(shared) {
            Ok(own) if !controls => Ok(WriteMode::Own(own)),
            _ => Ok(WriteMode::Asked),
        }
    }

    /// Opens the same pipe or terminal once more. Other systems than Linux have no such
    /// names, or give the same description again.
    fn open_again(shared: BorrowedFd<'_>) -> io::Result<File> {
        if !cfg!(target_os = "linux") {
            return Err(ErrorKind::Unsupported.into());
        }
        // It must not become the terminal of a process that has none.
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
        let name = format!("/proc/self/fd/{}", shared.as_raw_fd());
        File::options().write(true).custom_flags(flags).open(name)
    }
}

/// Where there is no `poll`, a write may wait for good.
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
    pub(super) fn with_linger(mut self, whole: Duration) -> StdioWriter<W> {
        self.deadline.whole = whole;
        self
    }
}

#[cfg(not(unix))]
impl<W: io::Write> io::Write for StdioWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.deadline.over {
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
