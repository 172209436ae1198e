//! Errors as a person meets them, and the exit codes.
//!
//! An [`Error`] names the thing, the cause and, as its hint, the next step. A
//! closed pipe is not an error but an [`Exit`]: whoever read the output has had
//! enough, and that is success.

use std::fmt;
use std::io;
use std::path::Path;

use crate::text::escape::visible;

/// What a fallible function of zlog returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// How a command ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// It did what was asked, or the reader of its output went away.
    Done,
    /// It failed.
    Failed,
    /// The command line was wrong.
    Usage,
    /// An expectation given on the command line was not met.
    Unmet,
    /// A wrapped command ended with this code, which is passed on.
    Child(u8),
    /// A signal ended it.
    Signal(u8),
}

impl Exit {
    /// The exit code: 0 done, 1 failed, 2 usage, 3 unmet, 128 + n for signal n.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Unmet => 3,
            Exit::Child(code) => code,
            Exit::Signal(number) => 128u8.saturating_add(number),
        }
    }

    /// The same, or [`Exit::Unmet`] when an expectation was not met (`--fail-on-loss`) and
    /// this says no more than that nothing failed, or that a signal has ended the work.
    #[must_use]
    pub fn or_unmet(self, unmet: bool) -> Exit {
        match self {
            Exit::Done | Exit::Child(0) | Exit::Signal(_) if unmet => Exit::Unmet,
            exit => exit,
        }
    }
}

/// An error: what failed and why, and what to do about it.
#[derive(Debug)]
pub struct Error {
    what: String,
    hint: Option<String>,
    exit: Exit,
}

impl Error {
    /// Something failed: `what` names the thing and the cause.
    pub fn new(what: impl Into<String>) -> Error {
        Error { what: what.into(), hint: None, exit: Exit::Failed }
    }

    /// The command line asks for something that can't be.
    pub fn usage(what: impl Into<String>) -> Error {
        Error { what: what.into(), hint: None, exit: Exit::Usage }
    }

    /// An I/O error met while doing `what`. A closed pipe becomes [`Exit::Done`].
    pub fn io(what: impl fmt::Display, error: &io::Error) -> Error {
        let exit =
            if error.kind() == io::ErrorKind::BrokenPipe { Exit::Done } else { Exit::Failed };
        Error { what: format!("{what}: {}", plain(error)), hint: None, exit }
    }

    /// As [`Error::io`], about a file that somebody named: with what may be meant instead.
    pub fn of_file(what: impl fmt::Display, path: &Path, error: &io::Error) -> Error {
        let io = Error::io(what, error);
        match error.kind() {
            io::ErrorKind::NotFound if path.is_relative() => match std::env::current_dir() {
                Ok(here) => {
                    let here = visible(&here.to_string_lossy());
                    io.hint(format!("It was looked for in {here}."))
                }
                Err(_) => io,
            },
            io::ErrorKind::IsADirectory => io.hint("Name the file in it."),
            io::ErrorKind::PermissionDenied => {
                io.hint("The user that zlog runs as must be allowed to read it.")
            }
            _ => io,
        }
    }

    /// No thread could be started.
    pub fn no_thread(error: &io::Error) -> Error {
        Error::io("can't start a thread", error)
            .hint("The system has no more to give: see `ulimit -u`, and its memory.")
    }

    /// The next step, as a sentence: "Try `zlog tail --connect …`."
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }

    /// One more sentence, before the next step.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Error {
        let note = note.into();
        self.hint = Some(match self.hint {
            Some(hint) => format!("{note} {hint}"),
            None => note,
        });
        self
    }

    /// One more next step, after the others.
    #[must_use]
    pub fn also(mut self, hint: impl Into<String>) -> Error {
        let hint = hint.into();
        self.hint = Some(match self.hint {
            Some(before) => format!("{before} {hint}"),
            None => hint,
        });
        self
    }

    /// Says where it happened: `handler errors.log: can't open …`.
    #[must_use]
    pub fn within(mut self, place: impl fmt::Display) -> Error {
        self.what = format!("{place}: {}", self.what);
        self
    }

    /// Asks for another exit code than the one that goes with its kind.
    #[must_use]
    pub fn exit_as(mut self, exit: Exit) -> Error {
        self.exit = exit;
        self
    }

    /// The thing and the cause, without the next step.
    pub fn message(&self) -> &str {
        &self.what
    }

    /// The next step, if there is one.
    pub fn next_step(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The exit code that this error asks for. [`Exit::Done`] means: say nothing.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

/// An I/O error without Rust's "(os error 2)".
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// What is wrong with a value that was typed.
impl From<String> for Error {
    fn from(what: String) -> Error {
        Error::usage(what)
    }
}

/// What is wrong with a value that was typed.
impl From<&str> for Error {
    fn from(what: &str) -> Error {
        Error::usage(what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_the_design() {
        let codes = [
            (Exit::Done, 0),
            (Exit::Failed, 1),
            (Exit::Usage, 2),
            (Exit::Unmet, 3),
            (Exit::Child(7), 7),
            (Exit::Signal(2), 130),
            (Exit::Signal(15), 143),
        ];
        for (exit, code) in codes {
            assert_eq!(exit.code(), code, "{exit:?}");
        }
    }

    #[test]
    fn an_unmet_expectation_wins_over_a_signal_and_not_over_a_failure() {
        for exit in [Exit::Done, Exit::Child(0), Exit::Signal(2), Exit::Unmet] {
            assert_eq!(exit.or_unmet(true), Exit::Unmet, "{exit:?}");
            assert_eq!(exit.or_unmet(false), exit);
        }
        for exit in [Exit::Failed, Exit::Usage, Exit::Child(7)] {
            assert_eq!(exit.or_unmet(true), exit);
        }
    }

    #[test]
    fn a_closed_pipe_is_success_and_a_full_disk_is_not() {
        let closed = io::Error::from(io::ErrorKind::BrokenPipe);
        assert_eq!(Error::io("writing", &closed).exit(), Exit::Done);
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(Error::io("writing", &full).exit(), Exit::Failed);
    }

    #[test]
    fn an_error_names_the_thing_the_cause_and_the_next_step() {
        let missing = io::Error::from_raw_os_error(2);
        let error = Error::io("app.log", &missing).hint("Check the path.");
        assert_eq!(error.to_string(), "app.log: no such file or directory\n  Check the path.");
    }
}
