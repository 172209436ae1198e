//! A child command's output: its stdout and stderr, each a stream of its own.
//!
//! What may be here: the child, its pipes, its signals and its end.

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::reader::{self, Notice, Tee};
use super::text::{LineOptions, StreamSpec, TextSource};
use super::{PollStatus, Sink, Source};
use crate::os::executable;
use crate::os::fd_limit;
use crate::os::signal;
use zlog_core::error::{Error, Exit, Result};
use zlog_core::text::escape::escape;

/// How long it must be quiet after the child's end, when something else holds its
/// pipes open, before the stream is taken to have ended.
const QUIET: Duration = Duration::from_secs(1);

/// How often a child whose pipes are open is asked whether it has ended.
const CHILD_POLL: Duration = Duration::from_millis(100);

/// How often one is whose pipes are closed: it will end any moment.
const EXIT_POLL: Duration = Duration::from_millis(5);

/// What is run, and what its two streams are.
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

/// Records from the lines of a child's stdout and stderr, as they come.
///
/// The child inherits standard input, and its records carry its process id. The
/// source ends when the child has ended and its pipes are closed, or have been
/// quiet for a second: a grandchild may hold them open for ever.
pub struct CommandSource {
    text: TextSource,
    child: Child,
    status: Option<ExitStatus>,
    /// Since when nothing has come, once the child has ended.
    quiet_since: Option<Instant>,
    closed: bool,
    notices: Vec<Notice>,
}

impl CommandSource {
    /// Whether the command could be started, as far as that can be known: to be told
    /// before anybody is waited for.
    ///
    /// # Errors
    /// As [`CommandSource::spawn`]'s.
    pub fn check(program: &OsStr) -> Result<()> {
        executable::check(program).map_err(|error| start_error(program, &error))
    }

    /// Starts the command. `started` is called with its process id before any of its
    /// output is read, so that nobody can answer to the output before that.
    ///
    /// # Errors
    /// When it can't be started; the exit code is then a shell's: 127 if there is no
    /// such command, 126 if it can't be executed.
    pub fn spawn(
        options: CommandOptions,
        lines: &LineOptions,
        started: impl FnOnce(u32),
    ) -> Result<CommandSource> {
        let mut command = Command::new(&options.program);
        command.args(&options.args).stdout(Stdio::piped()).stderr(Stdio::piped());
        fd_limit::restore_inherited(&mut command);
        let mut child = command.spawn().map_err(|error| start_error(&options.program, &error))?;
        started(child.id());
        let process = Some(i64::from(child.id()));
        let specs = [options.stdout, options.stderr].map(|spec| StreamSpec { process, ..spec });
        let (text, [stdout, stderr]) = TextSource::of(specs, lines);
        let (stdout, stderr) =
            (stdout.with_tee(options.tee_stdout), stderr.with_tee(options.tee_stderr));
        if let Some(pipe) = child.stdout.take() {
            reader::spawn("child-stdout", move || stdout.read_all("the command's stdout", pipe))?;
        }
        if let Some(pipe) = child.stderr.take() {
            reader::spawn("child-stderr", move || stderr.read_all("the command's stderr", pipe))?;
        }
        Ok(CommandSource {
            text,
            child,
            status: None,
            quiet_since: None,
            closed: false,
            notices: Vec::new(),
        })
    }

    /// The child's process id.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// How the child ended: with its code or by a signal. `None` while it runs.
    pub fn exit(&self) -> Option<Exit> {
        self.status.map(exit_from)
    }

    /// Counts and notices of its lines.
    pub fn text(&self) -> &TextSource {
        &self.text
    }

    /// What a person should know, since this was last asked.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        let mut notices = self.text.take_notices();
        notices.append(&mut self.notices);
        notices
    }

    /// Ends the child, of which no more is wanted: asks it to with SIGTERM, and
    /// kills it when it has not ended `within` that time. [`CommandSource::exit`]
    /// tells nothing of an end that was made so.
    ///
    /// # Errors
    /// When it can't be killed or waited for.
    pub fn stop(&mut self, within: Duration) -> Result<()> {
        if self.status.is_some() {
            return Ok(());
        }
        let failed = |error| Error::io("ending the command", &error);
        // Should it end by itself this moment, that is what is wanted.
        let _ = signal::terminate(self.child.id());
        let until = Instant::now() + within;
        while self.child.try_wait().map_err(failed)?.is_none() {
            if Instant::now() >= until {
                self.child.kill().map_err(failed)?;
            }
            // std waits for a child without end or not at all: no condition to wait on.
            std::thread::sleep(EXIT_POLL);
        }
        Ok(())
    }

    /// As [`TextSource::finish`].
    ///
    /// # Errors
    /// As [`Source::poll`].
    pub fn finish(&mut self, within: Duration, sink: &mut Sink<'_>) -> Result<()> {
        self.closed = true;
        self.text.finish(within, sink)
    }

    fn check_child(&mut self) -> Result<()> {
        if self.status.is_none() {
            let status = self.child.try_wait();
            self.status = status.map_err(|error| Error::io("waiting for the command", &error))?;
        }
        Ok(())
    }

    /// The pipes are closed: only the child's end is missing.
    fn await_end(&mut self, until: Instant) -> Result<PollStatus> {
        loop {
            self.check_child()?;
            if self.status.is_some() {
                return Ok(PollStatus::Ended);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(PollStatus::Idle);
            }
            std::thread::sleep(left.min(EXIT_POLL));
        }
    }

    /// Nothing came: has the child ended, and for how long has it been quiet?
    fn idle(&mut self, sink: &mut Sink<'_>) -> Result<PollStatus> {
        self.check_child()?;
        if self.status.is_none() {
            return Ok(PollStatus::Idle);
        }
        if self.text.read_progress().copying() > 0 {
            // Who holds it up is the reader of --tee.
            self.quiet_since = None;
            return Ok(PollStatus::Idle);
        }
        let since = *self.quiet_since.get_or_insert_with(Instant::now);
        if since.elapsed() < QUIET {
            return Ok(PollStatus::Idle);
        }
        let text = "the command has ended, but something it started holds its output open: \
                    not waiting for more";
        self.notices.push(Notice { text: text.into(), failed: false });
        // It has been quiet for long enough.
        self.finish(Duration::ZERO, sink)?;
        Ok(PollStatus::Delivered)
    }
}

impl Source for CommandSource {
    fn poll(&mut self, wait: Duration, sink: &mut Sink<'_>) -> Result<PollStatus> {
        let until = Instant::now() + wait;
        if self.closed {
            return self.await_end(until);
        }
        match self.text.poll(wait.min(CHILD_POLL), sink)? {
            PollStatus::Delivered => {
                self.quiet_since = None;
                Ok(PollStatus::Delivered)
            }
            PollStatus::Idle => self.idle(sink),
            PollStatus::Ended => {
                self.closed = true;
                self.await_end(until)
            }
        }
    }
}

/// Why a command could not be started, with the exit code that a shell would give.
fn start_error(program: &OsStr, error: &io::Error) -> Error {
    let name = escape(&program.to_string_lossy());
    match error.kind() {
        io::ErrorKind::NotFound => Error::new(format!("{name}: no such command"))
            .hint("Check the spelling, and that it is in your PATH.")
            .exit_as(Exit::Child(127)),
        _ => Error::io(format_args!("{name}: can't be executed"), error)
            .hint("Make it executable (chmod +x), or name what runs it: sh FILE.")
            .exit_as(Exit::Child(126)),
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
    // Codes are 32 bits wide there; those that don't fit are failures still.
    status.code().map_or(Exit::Failed, |code| Exit::Child(u8::try_from(code).unwrap_or(1)))
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
