//! A child command's output: stdout and stderr, each a stream of its own.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::reader::{Notice, ReadProgress, Severity, Tee};
use super::text::{LineOptions, StreamSpec, TextSource};
use super::{PollStatus, Sink, Source, SourceCounts};
use crate::os::{executable, fd_limit, signal, thread};
use zlog_core::text::escape::escape;
use zlog_core::{Error, Exit, Result};

/// How long the pipes must be quiet after the child's exit, where another process holds
/// them open, before the output is taken to have ended.
const QUIET: Duration = Duration::from_secs(1);

/// How often a child is checked for its exit while its pipes are open.
const CHILD_POLL: Duration = Duration::from_millis(100);

/// The same once its pipes are closed: it is about to exit.
const EXIT_POLL: Duration = Duration::from_millis(5);

/// The command, and how its two streams are read.
pub struct CommandOptions {
    /// The program, looked up in `PATH`.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Lines of its stdout.
    pub stdout: StreamSpec,
    /// Lines of its stderr; WARNING is usual.
    pub stderr: StreamSpec,
    /// Where its stdout is copied to.
    pub tee_stdout: Option<Tee>,
    /// Where its stderr is copied to.
    pub tee_stderr: Option<Tee>,
}

/// Called with the child's process id when it has started, and with `None` when it has
/// exited and the id may be used again: for whoever forwards signals.
pub type OnChild = Box<dyn FnMut(Option<u32>) + Send>;

/// Records from the lines of a child's stdout and stderr, as they come.
///
/// The child inherits standard input, and its records carry its process id. The source
/// ends when the child has exited and its pipes are closed, or have been quiet for a
/// second: a grandchild may hold them open for ever.
pub struct CommandSource {
    text: TextSource,
    child: Child,
    on_child: OnChild,
    status: Option<ExitStatus>,
    quiet: QuietTime,
    closed: bool,
    notices: Vec<Notice>,
}

/// Since when the pipes of a child that has exited have been quiet.
#[derive(Default)]
struct QuietTime(Option<Instant>);

impl QuietTime {
    /// Whether they have been quiet for [`QUIET`] at the time `now`. It starts anew while
    /// `copying`: then the reader of --tee is slow, and may hold up bytes in the pipes.
    fn is_over(&mut self, now: Instant, copying: bool) -> bool {
        if copying {
            self.0 = None;
            return false;
        }
        now.duration_since(*self.0.get_or_insert(now)) >= QUIET
    }
}

impl CommandSource {
    /// Starts the command. `on_child` is called before any of its output is read, so that
    /// nobody who reacts to the output can be too early.
    ///
    /// # Errors
    /// It can't be started. The exit code is then that of a shell: 127 if there is no such
    /// command, 126 if it can't be executed.
    pub fn spawn(
        options: CommandOptions,
        lines: &LineOptions,
        mut on_child: OnChild,
    ) -> Result<CommandSource> {
        let mut command = Command::new(&options.program);
        command.args(&options.args).stdout(Stdio::piped()).stderr(Stdio::piped());
        fd_limit::restore_inherited(&mut command);
        let mut child = command.spawn().map_err(|error| start_error(&options.program, &error))?;
        on_child(Some(child.id()));
        let process = Some(i64::from(child.id()));
        let specs = [options.stdout, options.stderr].map(|spec| StreamSpec { process, ..spec });
        let (mut text, [stdout, stderr]) = TextSource::of(specs, lines);
        // Whether a signal has cut them shows at the child's exit.
        text.hold_cut_lines();
        let (stdout, stderr) =
            (stdout.with_tee(options.tee_stdout), stderr.with_tee(options.tee_stderr));
        if let Some(pipe) = child.stdout.take() {
            thread::spawn("child-stdout", move || stdout.read_all("the command's stdout", pipe))?;
        }
        if let Some(pipe) = child.stderr.take() {
            thread::spawn("child-stderr", move || stderr.read_all("the command's stderr", pipe))?;
        }
        Ok(CommandSource {
            text,
            child,
            on_child,
            status: None,
            quiet: QuietTime::default(),
            closed: false,
            notices: Vec::new(),
        })
    }

    fn check_child(&mut self) -> Result<()> {
        if self.status.is_none() {
            let status = self.child.try_wait();
            self.status = status.map_err(|error| Error::io("waiting for the command", &error))?;
            if self.status.is_some() {
                (self.on_child)(None);
            }
        }
        Ok(())
    }

    /// Waits for the child's exit, once its pipes are closed, and delivers last lines without
    /// an end.
    fn await_exit(&mut self, until: Instant, sink: &mut Sink<'_>) -> Result<PollStatus> {
        loop {
            self.check_child()?;
            if let Some(status) = self.status {
                self.text.end_held(ended_by_signal(status), sink)?;
                return Ok(PollStatus::Ended);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(PollStatus::Idle);
            }
            std::thread::sleep(left.min(EXIT_POLL));
        }
    }

    /// Nothing came: checks whether the child has exited and its pipes have been quiet for
    /// long enough.
    fn idle(&mut self, sink: &mut Sink<'_>) -> Result<PollStatus> {
        self.check_child()?;
        if self.status.is_none() {
            return Ok(PollStatus::Idle);
        }
        if !self.quiet.is_over(Instant::now(), self.text.progress().copying() > 0) {
            return Ok(PollStatus::Idle);
        }
        let text = "the command has ended, but a process that it started keeps its output open: \
                    not waiting for it. SIGPIPE may end it when it writes: redirect its output";
        self.notices.push(Notice { text: text.into(), severity: Severity::Loss });
        self.finish(Duration::ZERO, sink)?;
        Ok(PollStatus::Delivered)
    }
}

impl Source for CommandSource {
    fn poll(&mut self, wait: Duration, sink: &mut Sink<'_>) -> Result<PollStatus> {
        let until = Instant::now() + wait;
        if self.closed {
            return self.await_exit(until, sink);
        }
        match self.text.poll(wait.min(CHILD_POLL), sink)? {
            PollStatus::Delivered => {
                self.quiet = QuietTime::default();
                Ok(PollStatus::Delivered)
            }
            PollStatus::Idle => self.idle(sink),
            PollStatus::Ended => {
                self.closed = true;
                self.await_exit(until, sink)
            }
        }
    }

    fn finish(&mut self, within: Duration, sink: &mut Sink<'_>) -> Result<()> {
        self.closed = true;
        self.text.finish(within, sink)
    }

    fn take_notices(&mut self) -> Vec<Notice> {
        let mut notices = self.text.take_notices();
        notices.append(&mut self.notices);
        notices
    }

    fn counts(&self) -> SourceCounts {
        self.text.counts()
    }

    fn read_progress(&self) -> Option<Arc<ReadProgress>> {
        self.text.read_progress()
    }

    /// The child's own exit code, or the signal that ended it; success while it runs, and
    /// after [`Source::stop`].
    fn exit(&self) -> Exit {
        self.status.map_or(Exit::Done, exit_from)
    }

    fn stop(&mut self, within: Duration) -> Result<()> {
        if self.status.is_some() {
            return Ok(());
        }
        let failed = |error| Error::io("ending the command", &error);
        // It fails only if the child has just exited by itself.
        let _ = signal::terminate(self.child.id());
        let until = Instant::now() + within;
        while self.child.try_wait().map_err(failed)?.is_none() {
            if Instant::now() >= until {
                self.child.kill().map_err(failed)?;
            }
            // std has no wait with a timeout.
            std::thread::sleep(EXIT_POLL);
        }
        Ok(())
    }
}

/// Why a command could not be started, with the exit code of a shell.
fn start_error(program: &OsStr, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => executable::not_found(program).exit_as(Exit::Child(127)),
        _ if Path::new(program).is_dir() => {
            Error::new(format!("{}: is a directory", escape(&program.to_string_lossy())))
                .hint("Name the command within it.")
                .exit_as(Exit::Child(126))
        }
        _ => Error::io(
            format_args!("{}: can't be executed", escape(&program.to_string_lossy())),
            error,
        )
        .hint(if error.raw_os_error() == Some(libc::ENOEXEC) {
            "Begin it with a line such as #!/bin/sh, or run it with its interpreter: sh FILE."
        } else {
            "Make it executable (chmod +x), or run it with its interpreter: sh FILE."
        })
        .exit_as(Exit::Child(126)),
    }
}

/// Whether a signal ended the child, or a child of a shell: its exit code is then 128 and more.
fn ended_by_signal(status: ExitStatus) -> bool {
    match exit_from(status) {
        Exit::Child(code) => code > 128,
        exit => matches!(exit, Exit::Signal(_)),
    }
}

#[cfg(unix)]
fn exit_from(status: ExitStatus) -> Exit {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Child(u8::try_from(code & 0xff).unwrap_or(1)),
        (None, Some(signal)) => Exit::Signal(u8::try_from(signal).unwrap_or(0)),
        (None, None) => Exit::Failed,
    }
}

#[cfg(not(unix))]
fn exit_from(status: ExitStatus) -> Exit {
    // Exit codes have 32 bits there; those that don't fit are failures too.
    status.code().map_or(Exit::Failed, |code| Exit::Child(u8::try_from(code).unwrap_or(1)))
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
