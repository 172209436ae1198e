//! Terminals and the standard streams: colour, escaped messages on standard error, and
//! standard output.
//!
//! # Colour
//! The first rule that applies decides:
//!
//!
//! 1. `--color always` or `--color never`;
//! 2. `NO_COLOR` set and not empty: none (<https://no-color.org>);
//! 3. `CLICOLOR_FORCE` set, not empty and not `0`: colour, in a pipe too
//!    (<https://bixense.com/clicolors/>);
//! 4. standard output is no terminal: none;
//! 5. `CLICOLOR=0` or `TERM=dumb`: none;
//! 6. otherwise colour.

mod closed;
mod stdio_writer;

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use self::stdio_writer::{Abandoned, StdioWriter};
use zlog_core::text::choice::{Choice, Named};
use zlog_core::text::escape::{Newlines, escape_into};
use zlog_core::text::wrap::wrap;
use zlog_core::{Error, Exit, Result};

/// When to colour: `--color`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ColorChoice {
    /// On a terminal, unless the environment says otherwise
    #[default]
    Auto,
    /// In a pipe and a file too
    Always,
    /// Nowhere
    Never,
}

impl Choice for ColorChoice {
    const CHOICES: &'static [Named<ColorChoice>] = &[
        Named::new(
            ColorChoice::Auto,
            "auto",
            "On a terminal, unless the environment says otherwise",
        ),
        Named::new(ColorChoice::Always, "always", "In a pipe and a file too"),
        Named::new(ColorChoice::Never, "never", "Nowhere"),
    ];
}

impl ColorChoice {
    /// Decides for standard output, with the environment of this process.
    pub fn for_stdout(self) -> bool {
        self.decide(stdout_is_terminal(), |name| std::env::var_os(name))
    }

    /// Applies the rules of the module documentation. Not `anstyle-query`: it takes an empty
    /// `CLICOLOR_FORCE` for set, and reads the process environment, which tests can't change.
    fn decide(self, terminal: bool, env: impl Fn(&str) -> Option<OsString>) -> bool {
        let set = |name| env(name).filter(|value| !value.is_empty());
        let is = |name, text| env(name).as_deref() == Some(OsStr::new(text));
        match self {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                if set("NO_COLOR").is_some() {
                    false
                } else if set("CLICOLOR_FORCE").is_some() && !is("CLICOLOR_FORCE", "0") {
                    true
                } else {
                    terminal && !is("CLICOLOR", "0") && !is("TERM", "dumb")
                }
            }
        }
    }
}

/// Whether standard output is a terminal.
pub fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether standard error is a terminal.
#[expect(clippy::disallowed_methods, reason = "nothing is written")]
pub fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Whether the reader of standard output has gone, for when nothing is written that would
/// fail. Costs a system call.
#[cfg(unix)]
pub fn stdout_is_closed() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let stdout = io::stdout();
    // No events are requested: errors and hang-ups are always reported.
    let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    // If poll fails, the next write will report the error.
    poll(&mut watched, Some(&at_once)).is_ok()
        && watched[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}

/// Always false here: the next write fails.
#[cfg(not(unix))]
pub fn stdout_is_closed() -> bool {
    false
}

/// Fails if this process was started without standard output. Each write fails, too; this is
/// for before the first one.
///
/// # Errors
/// Standard output is closed.
pub fn check_stdout() -> Result<()> {
    match closed::stdout() {
        true => Err(output_error(&not_open())
            .hint("It was closed before zlog started (>&-). Redirect it to a file or /dev/null.")),
        false => Ok(()),
    }
}

/// EBADF.
fn not_open() -> io::Error {
    // It has the same number on every system.
    io::Error::from_raw_os_error(9)
}

/// Standard input. Reads fail if this process was started without it.
pub fn stdin() -> impl io::Read {
    Stdin(io::stdin().lock())
}

struct Stdin(io::StdinLock<'static>);

impl io::Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if closed::stdin() { Err(not_open()) } else { self.0.read(buffer) }
    }
}

/// Outcome of [`wait_for_stdin`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StdinState {
    /// There is something to read.
    Input,
    /// Nothing came within the wait, or a signal ended it.
    Idle,
    /// The terminal is gone.
    HungUp,
}

/// Waits for input on standard input, for `wait` at most. Signals end the wait.
///
/// # Errors
/// The system refuses to wait.
#[cfg(unix)]
pub fn wait_for_stdin(wait: Duration) -> Result<StdinState> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let stdin = io::stdin();
    let mut watched = [PollFd::new(&stdin, PollFlags::IN)];
    let wait = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) };
    match poll(&mut watched, Some(&wait)) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok(StdinState::Idle),
        Err(error) => return Err(Error::io("standard input", &error.into())),
    }
    let events = watched[0].revents();
    Ok(if events.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
        StdinState::HungUp
    } else if events.contains(PollFlags::IN) {
        StdinState::Input
    } else {
        StdinState::Idle
    })
}

/// Waits: whether there is input is not known here before it is read.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn wait_for_stdin(wait: Duration) -> Result<StdinState> {
    std::thread::sleep(wait);
    Ok(StdinState::Input)
}

/// Whether standard input is a terminal.
pub fn stdin_is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Whether standard input is a pipe, a socket or a file that has something to be read now.
#[cfg(unix)]
pub fn stdin_has_data() -> bool {
    use rustix::fs::FileType;

    let stdin = io::stdin();
    let kind = rustix::fs::fstat(&stdin).map(|stat| FileType::from_raw_mode(stat.st_mode));
    matches!(kind, Ok(FileType::Fifo | FileType::Socket | FileType::RegularFile))
        && rustix::io::ioctl_fionread(&stdin).is_ok_and(|bytes| bytes > 0)
}

/// Always false here: it is not known before it is read.
#[cfg(not(unix))]
pub fn stdin_has_data() -> bool {
    false
}

/// Unbuffered and unescaped standard error, for the output that `--tee` copies. Messages use
/// [`eprint_line`]. A reader that stands still can't delay the exit: see [`Stdout`].
#[expect(clippy::disallowed_methods, reason = "copies a command's own output")]
pub fn stderr(linger: Duration) -> impl Write + Send {
    StdioWriter::new(io::stderr()).with_linger(linger)
}

/// Writes a line to standard error in one piece, and escapes it. All messages go this way:
/// clippy denies others.
///
/// Newlines are kept, because the next step is on a line of its own. Untrusted names and
/// paths must pass [`escape`](zlog_core::text::escape::escape) first.
///
/// Write errors (a closed pipe, a full disk) are ignored, unlike by `eprintln!`, which panics.
/// If the reader stands still, this blocks until a shutdown signal arrives.
#[expect(clippy::disallowed_methods, reason = "it escapes")]
pub fn eprint_line(line: impl Display) {
    static STDERR: Mutex<Option<StdioWriter<io::Stderr>>> = Mutex::new(None);
    let mut bytes = Vec::new();
    escape_into(&mut bytes, &line.to_string(), Newlines::Keep);
    if let Some(columns) = stderr_columns() {
        bytes = wrapped(&String::from_utf8_lossy(&bytes), columns).into_bytes();
    }
    bytes.push(b'\n');
    let mut stderr = STDERR.lock().unwrap_or_else(PoisonError::into_inner);
    let stderr = stderr.get_or_insert_with(|| StdioWriter::new(io::stderr()));
    let _ = stderr.write_all(&bytes);
}

/// The width of a terminal that does not say its own, in columns.
const DEFAULT_COLUMNS: usize = 80;

/// The width of the terminal that standard output is, in columns.
pub fn stdout_columns() -> Option<usize> {
    stdout_is_terminal().then(|| columns(io::stdout()).unwrap_or(DEFAULT_COLUMNS))
}

/// The width of the terminal that standard error is, in columns.
#[expect(clippy::disallowed_methods, reason = "nothing is written")]
fn stderr_columns() -> Option<usize> {
    columns(io::stderr())
}

#[cfg(unix)]
fn columns(stream: impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    Some(usize::from(size.ws_col)).filter(|&columns| columns > 0)
}

#[cfg(not(unix))]
fn columns<S>(_: S) -> Option<usize> {
    None
}

/// A message with its lines broken between words. Continued lines keep their indentation.
fn wrapped(message: &str, columns: usize) -> String {
    let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let lines = message.split('\n').map(|line| wrap(line, columns, indent(line)));
    lines.collect::<Vec<_>>().join("\n")
}

/// Size of the output buffer, in bytes: larger than a pipe's on Linux, so that a busy stream
/// needs few system calls.
pub const BLOCK: usize = 64 * 1024;

/// Buffered standard output, flushed only on request.
///
/// Blocks of at least [`BLOCK`] bytes bypass the buffer.
///
/// A reader that stands still blocks writes, but not the exit: after a
/// [`ShutdownSignal`](crate::os::signal::ShutdownSignal) and a second without progress, writes
/// fail and the rest is dropped. [`output_error`] then carries the signal's exit code.
pub struct Stdout {
    out: BufWriter<StdioWriter<io::Stdout>>,
}

impl Stdout {
    /// Standard output. After a signal, a slow reader has 5 s.
    pub fn new() -> Stdout {
        Stdout::over(StdioWriter::new(io::stdout()))
    }

    /// Standard output. After a signal, a reader has at most `linger`.
    pub fn with_linger(linger: Duration) -> Stdout {
        Stdout::over(StdioWriter::new(io::stdout()).with_linger(linger))
    }

    fn over(writer: StdioWriter<io::Stdout>) -> Stdout {
        Stdout { out: BufWriter::with_capacity(BLOCK, writer) }
    }

    /// Buffers or writes all of `bytes`.
    ///
    /// # Errors
    /// As [`output_error`].
    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes).map_err(|error| output_error(&error))
    }

    /// Flushes the buffer.
    ///
    /// # Errors
    /// As [`output_error`].
    pub fn send(&mut self) -> Result<()> {
        self.flush().map_err(|error| output_error(&error))
    }
}

impl Default for Stdout {
    fn default() -> Stdout {
        Stdout::new()
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The error of a failed write to standard output. Its exit code is [`Exit::Done`] for a closed
/// pipe, and the signal's [`Exit::Signal`] if output was dropped after a signal. Anything else (a
/// full disk) is a failure.
pub fn output_error(cause: &io::Error) -> Error {
    let exit = match cause.kind() {
        // Its reader wants no more.
        io::ErrorKind::BrokenPipe => Exit::Done,
        _ => Abandoned::exit(cause).unwrap_or(Exit::Failed),
    };
    Error::io("standard output", cause).exit_as(exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(choice: ColorChoice, terminal: bool, env: &[(&str, &str)]) -> bool {
        choice.decide(terminal, |name| {
            env.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn the_color_option_beats_the_environment() {
        use ColorChoice::*;
        assert!(decide(Always, false, &[("NO_COLOR", "1"), ("TERM", "dumb")]));
        assert!(!decide(Never, true, &[("CLICOLOR_FORCE", "1")]));
    }

    #[test]
    fn auto_colours_a_terminal_and_not_a_pipe() {
        assert!(decide(ColorChoice::Auto, true, &[]));
        assert!(!decide(ColorChoice::Auto, false, &[]));
    }

    #[test]
    fn the_environment_decides_in_the_documented_order() {
        let auto = |terminal, env: &[_]| decide(ColorChoice::Auto, terminal, env);
        assert!(!auto(true, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]));
        assert!(auto(true, &[("NO_COLOR", "")]), "an empty NO_COLOR is not set");
        assert!(auto(false, &[("CLICOLOR_FORCE", "1"), ("CLICOLOR", "0"), ("TERM", "dumb")]));
        assert!(!auto(false, &[("CLICOLOR_FORCE", "0")]));
        assert!(!auto(false, &[("CLICOLOR_FORCE", "")]));
        assert!(!auto(true, &[("CLICOLOR", "0")]));
        assert!(auto(true, &[("CLICOLOR", "1")]));
        assert!(!auto(true, &[("TERM", "dumb")]));
    }

    #[test]
    fn lines_of_a_message_are_broken_between_words_and_keep_their_indentation() {
        let message = "zlog tail: no such file\n  Check the spelling.";
        let broken = "zlog tail: no\nsuch file\n  Check the\n  spelling.";
        assert_eq!(wrapped(message, 14), broken);
    }

    #[test]
    fn a_full_disk_is_named() {
        let full = io::Error::from_raw_os_error(28);
        if cfg!(target_os = "linux") {
            let text = output_error(&full).to_string();
            assert_eq!(text, "standard output: no space left on device");
        }
    }
}
