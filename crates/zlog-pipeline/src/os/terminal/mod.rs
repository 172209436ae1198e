//! Terminals: whether there is one, colour, escaping of text from outside, and
//! the writer for standard output.
//!
//! What may be here: everything that depends on a terminal being at the other
//! end, environment variables included. What is shown there is `format`'s.
//!
//! # Colour
//! The first of these that says something decides:
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
use zlog_core::error::{Error, Result};
use zlog_core::text::choice::{Choice, Named};
use zlog_core::text::escape::{Newlines, escape_into};

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
    /// Decides for standard output in this process's environment.
    pub fn for_stdout(self) -> bool {
        self.decide(stdout_is_terminal(), |name| std::env::var_os(name))
    }

    /// The decision itself; its rules stand at the head of this module.
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

/// Whether a person may be looking at standard output.
pub fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether a person may be looking at standard error.
#[expect(clippy::disallowed_methods, reason = "nothing is written")]
pub fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Whether whoever read standard output has gone, for when there is nothing to
/// write that would show it. Costs a system call.
#[cfg(unix)]
pub fn stdout_is_closed() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let stdout = io::stdout();
    // Nothing is asked for: errors and hang-ups are told all the same.
    let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    // A failure says nothing about the reader; the next write will.
    poll(&mut watched, Some(&at_once)).is_ok()
        && watched[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}

/// Elsewhere the next write shows it.
#[cfg(not(unix))]
pub fn stdout_is_closed() -> bool {
    false
}

/// Fails if this process was started without standard output: what is written there is
/// lost. Each write fails as well; this is for before the first.
///
/// # Errors
/// Standard output is closed.
pub fn check_stdout() -> Result<()> {
    match closed::stdout() {
        true => Err(output_error(&not_open())
            .hint("It was closed before zlog started (>&-): send it to a file or /dev/null.")),
        false => Ok(()),
    }
}

/// The system's error for a descriptor that is not open.
fn not_open() -> io::Error {
    // The same number on every system.
    io::Error::from_raw_os_error(9)
}

/// Standard input. Reading fails if this process was started without it.
pub fn stdin() -> impl io::Read {
    Stdin(io::stdin().lock())
}

struct Stdin(io::StdinLock<'static>);

impl io::Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if closed::stdin() { Err(not_open()) } else { self.0.read(buffer) }
    }
}

/// Whether standard input is typed rather than piped.
pub fn stdin_is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Standard error as it is, not buffered and not escaped, for what `--tee` copies there: a
/// command's own bytes. Messages go through [`eprint_line`]. A reader who stands still holds up
/// the end as little as with [`Stdout`].
#[expect(clippy::disallowed_methods, reason = "copies a command's own output")]
pub fn stderr(linger: Duration) -> impl Write + Send {
    StdioWriter::new(io::stderr()).with_linger(linger)
}

/// Writes a line for a person on standard error, in one piece, and escapes what is in it.
/// This is the only way there: clippy refuses others.
///
/// Newlines stay, because a message has its next step on a line of its own. A name or a
/// path from outside that could hold one goes through [`escape`](zlog_core::text::escape::escape) first.
///
/// Where standard error can't be written (a closed pipe, a full disk) nobody is
/// there to be told, and the work goes on: unlike `eprintln!`, this never panics. Where
/// it is full and nobody reads it, this waits, until the process is asked to end.
#[expect(clippy::disallowed_methods, reason = "it escapes")]
pub fn eprint_line(line: impl Display) {
    static STDERR: Mutex<Option<StdioWriter<io::Stderr>>> = Mutex::new(None);
    let mut bytes = Vec::new();
    escape_into(&mut bytes, &line.to_string(), Newlines::Keep);
    bytes.push(b'\n');
    let mut stderr = STDERR.lock().unwrap_or_else(PoisonError::into_inner);
    let stderr = stderr.get_or_insert_with(|| StdioWriter::new(io::stderr()));
    let _ = stderr.write_all(&bytes);
}

/// How much is gathered before it is written: well above a pipe's own buffer on
/// Linux's default page size, so that a busy stream costs few system calls.
pub const BLOCK: usize = 64 * 1024;

/// Standard output: buffered, and flushed only when asked.
///
/// Blocks of [`BLOCK`] bytes and more pass by the buffer.
///
/// A reader who stands still holds a write up for as long as he does, but not the end:
/// once this process was asked to end ([`ShutdownSignal`](crate::os::signal::ShutdownSignal)) and nothing has
/// moved for a second, what is left is given up, and so is all that comes after it.
/// [`output_error`] is then one with the exit code of that request.
pub struct Stdout {
    out: BufWriter<StdioWriter<io::Stdout>>,
}

impl Stdout {
    /// Standard output of this process. A reader who is merely slow gets 5 s in the end.
    pub fn new() -> Stdout {
        Stdout::over(StdioWriter::new(io::stdout()))
    }

    /// The same, with as long as `linger` in the end; and no more than that also for a
    /// reader who stands still.
    pub fn with_linger(linger: Duration) -> Stdout {
        Stdout::over(StdioWriter::new(io::stdout()).with_linger(linger))
    }

    fn over(writer: StdioWriter<io::Stdout>) -> Stdout {
        Stdout { out: BufWriter::with_capacity(BLOCK, writer) }
    }

    /// Writes all of `bytes`, or keeps them until the next flush.
    ///
    /// # Errors
    /// As [`output_error`].
    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes).map_err(|error| output_error(&error))
    }

    /// Writes what is held.
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

/// What a failed write to standard output means: a closed pipe is the quiet
/// [`Exit::Done`](zlog_core::error::Exit::Done), what was given up because the process was
/// asked to end the [`Exit::Signal`](zlog_core::error::Exit::Signal) of that request, and
/// anything else (a full disk) an error.
pub fn output_error(error: &io::Error) -> Error {
    let told = Error::io("standard output", error);
    match Abandoned::exit(error) {
        Some(exit) => told.exit_as(exit),
        None => told,
    }
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
    fn a_full_disk_is_named() {
        let full = io::Error::from_raw_os_error(28);
        if cfg!(target_os = "linux") {
            let text = output_error(&full).to_string();
            assert_eq!(text, "standard output: no space left on device");
        }
    }
}
