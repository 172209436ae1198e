//! One run of a command: fed, watched, and ended when it takes too long.
//!
//! What may be here: processes and their pipes. What a run means for the records is
//! the handler's.

use std::io::Error as IoError;

/// What a command is given.
pub(super) struct Input<'t, E> {
    /// On its standard input.
    pub(super) text: &'t [u8],
    /// In its environment.
    pub(super) environment: E,
}

/// How a run came out.
pub(super) enum Run {
    /// Nothing was run.
    NotStarted(IoError),
    /// It ended by itself; `how`, for a person, with its first words on standard error.
    Ended {
        /// With exit code 0.
        well: bool,
        /// Else, how.
        how: String,
    },
    /// It took too long, and was ended.
    TooLong,
    /// It can't be watched any more, and was ended.
    Unknown(IoError),
}

#[cfg(unix)]
pub(super) use self::unix::run;

/// Pipes can't be watched with a deadline there.
#[cfg(not(unix))]
pub(super) fn run<E>(_: &[String], _: Input<'_, E>, _: std::time::Instant) -> Run {
    Run::NotStarted(std::io::ErrorKind::Unsupported.into())
}

#[cfg(unix)]
mod unix {
    use std::io::{self, ErrorKind, Read, Write};
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Child, ChildStderr, ChildStdin, Command, ExitStatus, Stdio};
    use std::time::{Duration, Instant};

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::ioctl_fionbio;
    use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

    use super::{Input, Run};
    use crate::os::signal;
    use zlog_core::text::escape::escape;

    /// Bytes of its standard error that are kept.
    const SAID: usize = 4096;
    /// How often it is asked whether it has ended, at first and after a while: std
    /// tells of that without end or not at all.
    const LOOK: Duration = Duration::from_millis(5);
    const LOOK_LATER: Duration = Duration::from_millis(100);
    /// How long a process group has to end by itself when it is asked to.
    const GRACE: Duration = Duration::from_millis(500);
    /// The password is zlog's, and no other program's.
    const SECRETS: [&str; 2] =
        [crate::handler::smtp::USER_VARIABLE, crate::handler::smtp::PASSWORD_VARIABLE];

    /// Runs a command until it has ended, not beyond `deadline`.
    pub(in crate::handler::exec) fn run<E: Iterator<Item = (&'static str, String)>>(
        command: &[String],
        input: Input<'_, E>,
        deadline: Instant,
    ) -> Run {
        let mut process = match start(command, input.environment) {
            Ok(process) => process,
            Err(error) => return Run::NotStarted(error),
        };
        match process.converse(input.text, deadline) {
            Ok(Some(status)) => Run::Ended { well: status.success(), how: process.how(status) },
            Ok(None) => Run::TooLong,
            Err(error) => Run::Unknown(error),
        }
    }

    /// A command that runs. Dropping it ends its process group, if it runs still.
    struct Process {
        child: Child,
        /// Reaped: its number may be another's by now.
        ended: bool,
        stdin: Option<ChildStdin>,
        stderr: Option<ChildStderr>,
        said: Vec<u8>,
    }

    fn start(
        words: &[String],
        environment: impl Iterator<Item = (&'static str, String)>,
    ) -> io::Result<Process> {
        let (program, args) = words.split_first().ok_or(ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command.args(args).envs(environment);
        for secret in SECRETS {
            command.env_remove(secret);
        }
        // What it prints may not come between the records that zlog prints.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        // A group of its own: Ctrl-C is for zlog, which has it finish its batch, and all
        // that it has started can be ended with it.
        command.process_group(0);
        // That of the handler, which waits for it.
        signal::end_with_this_thread(&mut command);
        crate::os::fd_limit::restore_inherited(&mut command);
        let mut child = command.spawn()?;
        let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
        let process = Process { child, ended: false, stdin, stderr, said: Vec::new() };
        if let Some(stdin) = &process.stdin {
            ioctl_fionbio(stdin, true)?;
        }
        if let Some(stderr) = &process.stderr {
            ioctl_fionbio(stderr, true)?;
        }
        Ok(process)
    }

    impl Process {
        /// Feeds it and listens, until it has ended; `None` when it takes too long.
        fn converse(&mut self, text: &[u8], deadline: Instant) -> io::Result<Option<ExitStatus>> {
            let mut rest = text;
            let mut look = LOOK;
            loop {
                if let Some(status) = self.child.try_wait()? {
                    self.ended = true;
                    // What it has said last; what it left behind may hold the pipe open.
                    self.listen()?;
                    return Ok(Some(status));
                }
                self.feed(&mut rest)?;
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Ok(None);
                }
                let moved = self.await_pipes(look.min(left))?;
                self.listen()?;
                look = if moved { LOOK } else { LOOK_LATER.min(look * 2) };
            }
        }

        /// Writes what it reads at once, and closes its input after the last of it.
        fn feed(&mut self, rest: &mut &[u8]) -> io::Result<()> {
            while let Some(stdin) = &mut self.stdin {
                if rest.is_empty() {
                    self.stdin = None;
                    break;
                }
                match stdin.write(rest) {
                    Ok(written) => *rest = &rest[written..],
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    // It has read enough; its exit code says whether that is well.
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => self.stdin = None,
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        }

        /// Reads what it has said: all of it, or it would stand still; the first is kept.
        fn listen(&mut self) -> io::Result<()> {
            let mut buffer = [0; 4096];
            while let Some(stderr) = &mut self.stderr {
                match stderr.read(&mut buffer) {
                    Ok(0) => self.stderr = None,
                    Ok(read) => {
                        let room = SAID - self.said.len();
                        self.said.extend_from_slice(&buffer[..read.min(room)]);
                        // A chatty one must be fed too, and may not outlast its deadline.
                        break;
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        }

        /// Waits until it reads, speaks or closes; returns whether one of them happened.
        fn await_pipes(&self, wait: Duration) -> io::Result<bool> {
            let mut watched = Vec::with_capacity(2);
            watched.extend(self.stdin.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::OUT)));
            watched.extend(self.stderr.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
            let wait = Timespec::try_from(wait).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
            match poll(&mut watched, Some(&wait)) {
                Ok(ready) => Ok(ready > 0),
                Err(rustix::io::Errno::INTR) => Ok(false),
                Err(error) => Err(error.into()),
            }
        }

        /// For a person: how it ended, and its first line on standard error.
        fn how(&self, status: ExitStatus) -> String {
            let how = match (status.code(), status.signal()) {
                (Some(code), _) => format!("exit code {code}"),
                (None, Some(signal)) => format!("ended by signal {signal}"),
                (None, None) => status.to_string(),
            };
            let said = String::from_utf8_lossy(&self.said);
            match said.lines().map(str::trim).find(|line| !line.is_empty()) {
                Some(line) => format!("{how}: {}", escape(line)),
                None => how,
            }
        }

        /// Asks its group to end, and makes it after a while. The command itself may be
        /// the first to go, and what it has started may not listen: the group has ended
        /// when nobody is left in it.
        fn end(&mut self) {
            let group = Pid::from_child(&self.child);
            // Not reaped yet, so the number is still its own. One that has just ended
            // needs no signal.
            let _ = kill_process_group(group, Signal::TERM);
            let until = Instant::now() + GRACE;
            loop {
                let gone = matches!(self.child.try_wait(), Ok(Some(_)) | Err(_));
                // As long as somebody is in it, its number is no other's.
                if gone && test_kill_process_group(group).is_err() {
                    return;
                }
                if Instant::now() >= until {
                    let _ = kill_process_group(group, Signal::KILL);
                    let _ = self.child.wait();
                    return;
                }
                std::thread::sleep(LOOK);
            }
        }
    }

    impl Drop for Process {
        fn drop(&mut self) {
            if !self.ended {
                self.end();
            }
        }
    }
}
