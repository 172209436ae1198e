//! Runs a command once: writes its input, reads its standard error, and ends it when it takes
//! too long.

use std::io::Error as IoError;

/// The input of the command.
pub(super) struct Input<'t, E> {
    /// Its standard input.
    pub(super) text: &'t [u8],
    /// Variables added to its environment.
    pub(super) environment: E,
}

/// How a run ended.
pub(super) enum RunOutcome {
    /// The command could not be started.
    NotStarted(IoError),
    /// It exited.
    Ended {
        /// Whether its exit code was 0.
        success: bool,
        /// The exit code or signal, and the first line of its standard error.
        description: String,
    },
    /// It took too long and was ended.
    TooLong,
    /// Watching it failed, and it was ended.
    Unknown(IoError),
}

#[cfg(unix)]
pub(super) use self::unix::run;

/// Pipes have no deadlines on this system.
#[cfg(not(unix))]
pub(super) fn run<E>(_: &[String], _: Input<'_, E>, _: std::time::Instant) -> RunOutcome {
    RunOutcome::NotStarted(std::io::ErrorKind::Unsupported.into())
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

    use super::{Input, RunOutcome};
    use crate::os::signal;
    use zlog_core::text::escape::escape;

    /// The most bytes of its standard error that are kept.
    const MAX_STDERR: usize = 4096;
    /// How often to check whether it has exited, at first and later: std can only wait without
    /// a limit or not at all.
    const POLL_INTERVAL: Duration = Duration::from_millis(5);
    const MAX_POLL_INTERVAL: Duration = Duration::from_millis(100);
    /// How long a process group has to exit after SIGTERM.
    const GRACE: Duration = Duration::from_millis(500);
    /// Environment variables that other programs must not see.
    const SECRETS: [&str; 5] = [
        crate::handler::smtp::USER_VARIABLE,
        crate::handler::smtp::PASSWORD_VARIABLE,
        crate::nats::server::USER_VARIABLE,
        crate::nats::server::PASSWORD_VARIABLE,
        crate::nats::server::TOKEN_VARIABLE,
    ];

    /// Runs a command until it exits, at most until `deadline`.
    pub(in crate::handler::exec) fn run<E: Iterator<Item = (&'static str, String)>>(
        command: &[String],
        input: Input<'_, E>,
        deadline: Instant,
    ) -> RunOutcome {
        let mut process = match start(command, input.environment) {
            Ok(process) => process,
            Err(error) => return RunOutcome::NotStarted(error),
        };
        match process.feed_until_exit(input.text, deadline) {
            Ok(Some(status)) => RunOutcome::Ended {
                success: status.success(),
                description: process.describe_exit(status),
            },
            Ok(None) => RunOutcome::TooLong,
            Err(error) => RunOutcome::Unknown(error),
        }
    }

    /// A running command. Dropping it ends its process group.
    struct Process {
        child: Child,
        /// It was reaped: its pid may already belong to another process.
        ended: bool,
        stdin: Option<ChildStdin>,
        stderr: Option<ChildStderr>,
        stderr_head: Vec<u8>,
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
        // Its output must not appear between the records that zlog prints.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        // A process group of its own: Ctrl-C is for zlog, which lets the command finish its
        // batch, and everything that the command started can be ended with it.
        command.process_group(0);
        // The thread of the handler, which waits for the command.
        signal::end_with_this_thread(&mut command);
        crate::os::fd_limit::restore_inherited(&mut command);
        let mut child = command.spawn()?;
        let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
        let process = Process { child, ended: false, stdin, stderr, stderr_head: Vec::new() };
        if let Some(stdin) = &process.stdin {
            ioctl_fionbio(stdin, true)?;
        }
        if let Some(stderr) = &process.stderr {
            ioctl_fionbio(stderr, true)?;
        }
        Ok(process)
    }

    impl Process {
        /// Writes the input and reads standard error until it exits; `None` on a timeout.
        fn feed_until_exit(
            &mut self,
            text: &[u8],
            deadline: Instant,
        ) -> io::Result<Option<ExitStatus>> {
            let mut rest = text;
            let mut look = POLL_INTERVAL;
            loop {
                if let Some(status) = self.child.try_wait()? {
                    self.ended = true;
                    // Read the rest; a process that it left behind may keep the pipe open.
                    self.read_stderr()?;
                    return Ok(Some(status));
                }
                self.feed(&mut rest)?;
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Ok(None);
                }
                let moved = self.await_pipes(look.min(left))?;
                self.read_stderr()?;
                look = if moved { POLL_INTERVAL } else { MAX_POLL_INTERVAL.min(look * 2) };
            }
        }

        /// Writes as much input as the pipe takes, and closes it after the last byte.
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
                    // It does not want more input; its exit code tells whether that is an error.
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => self.stdin = None,
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        }

        /// Reads its standard error, so that it never blocks, and keeps the first bytes.
        fn read_stderr(&mut self) -> io::Result<()> {
            let mut buffer = [0; 4096];
            while let Some(stderr) = &mut self.stderr {
                match stderr.read(&mut buffer) {
                    Ok(0) => self.stderr = None,
                    Ok(read) => {
                        let room = MAX_STDERR - self.stderr_head.len();
                        self.stderr_head.extend_from_slice(&buffer[..read.min(room)]);
                        // Read one block at a time: a command that never stops writing needs its input
                        // too, and has a deadline.
                        break;
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        }

        /// Waits until a pipe is ready; returns whether one is.
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

        /// How it exited, and the first line of its standard error.
        fn describe_exit(&self, status: ExitStatus) -> String {
            let how = match (status.code(), status.signal()) {
                (Some(code), _) => format!("exit code {code}"),
                (None, Some(signal)) => format!("ended by signal {signal}"),
                (None, None) => status.to_string(),
            };
            let said = String::from_utf8_lossy(&self.stderr_head);
            match said.lines().map(str::trim).find(|line| !line.is_empty()) {
                Some(line) => format!("{how}: {}", escape(line)),
                None => how,
            }
        }

        /// Sends its process group SIGTERM, and after a while SIGKILL. The command may exit before
        /// what it has started, so the group has ended only when it is empty.
        fn terminate(&mut self) {
            let group = Pid::from_child(&self.child);
            // Not reaped yet, so the pid is still its own. A group that has just ended needs no
            // signal.
            let _ = kill_process_group(group, Signal::TERM);
            let until = Instant::now() + GRACE;
            loop {
                let gone = matches!(self.child.try_wait(), Ok(Some(_)) | Err(_));
                // The number stays reserved while the group has members.
                if gone && test_kill_process_group(group).is_err() {
                    return;
                }
                if Instant::now() >= until {
                    let _ = kill_process_group(group, Signal::KILL);
                    let _ = self.child.wait();
                    return;
                }
                std::thread::sleep(POLL_INTERVAL);
            }
        }
    }

    impl Drop for Process {
        fn drop(&mut self) {
            if !self.ended {
                self.terminate();
            }
        }
    }
}
