//! Errors for people, and exit codes.
//!
//! An [`Error`] says what failed, the cause, and the next step.

use std::error::Error as StdError;
use std::fmt;
use std::io;

/// The result of a fallible function of zlog.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// How a command ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// The command did its work, or the reader of its output went away.
    Done,
    /// The command failed.
    Failed,
    /// The command line was wrong.
    Usage,
    /// An expectation given on the command line was not met (`--fail-on-loss`).
    ExpectationFailed,
    /// A wrapped command ended with this code, which is passed on.
    Child(u8),
    /// A signal ended the command, or a wrapped command. The process ends by this signal.
    Signal(u8),
}

impl Exit {
    /// The exit code: 0 done, 1 failed, 2 usage, 3 expectation failed, and for signal n the code
    /// that a shell shows, 128 + n.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::ExpectationFailed => 3,
            Exit::Child(code) => code,
            Exit::Signal(number) => 128u8.saturating_add(number),
        }
    }

    /// [`Exit::ExpectationFailed`] if `failed` and this is a success or a signal; else this.
    #[must_use]
    pub fn or_expectation_failed(self, failed: bool) -> Exit {
        match self {
            Exit::Done | Exit::Child(0) | Exit::Signal(_) if failed => Exit::ExpectationFailed,
            exit => exit,
        }
    }
}

/// An error: its kind, a message, the cause, and the next step.
///
/// The kind is the exit code that the error asks for. [`Display`](fmt::Display) writes the
/// message, and the next step on a line of its own.
#[derive(Debug)]
pub struct Error {
    exit: Exit,
    message: String,
    cause: Option<io::Error>,
    hint: Option<String>,
}

impl Error {
    /// Something failed: `message` names the thing and the cause.
    pub fn new(message: impl Into<String>) -> Error {
        Error::with_exit(Exit::Failed, message.into(), None)
    }

    /// The command line or a configuration asks for something impossible.
    pub fn usage(message: impl Into<String>) -> Error {
        Error::with_exit(Exit::Usage, message.into(), None)
    }

    /// An I/O error met while doing `what`.
    pub fn io(what: impl fmt::Display, error: &io::Error) -> Error {
        // io::Error can't be cloned.
        let cause = match error.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(error.kind(), error.to_string()),
        };
        Error::with_exit(Exit::Failed, format!("{what}: {}", io_cause(error)), Some(cause))
    }

    fn with_exit(exit: Exit, message: String, cause: Option<io::Error>) -> Error {
        // Libraries put the texts of I/O errors into their own.
        Error { exit, message: without_os_codes(message), cause, hint: None }
    }

    /// Sets the next step, a sentence: "Try `zlog tail --connect …`."
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }

    /// Puts one more sentence before the next step.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Error {
        let note = note.into();
        self.hint = Some(match self.hint {
            Some(hint) => format!("{note} {hint}"),
            None => note,
        });
        self
    }

    /// Adds one more next step after the others.
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
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// Asks for another exit code than the default of its kind.
    #[must_use]
    pub fn exit_as(mut self, exit: Exit) -> Error {
        self.exit = exit;
        self
    }

    /// The failure and its cause, in one line, without the next step.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The next step, if there is one.
    pub fn next_step(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The exit code that this error asks for. [`Exit::Done`] means: print nothing.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

/// The text of an I/O error, in lower case as other causes if it is the system's.
fn io_cause(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(_) => error.to_string().to_lowercase(),
        None => error.to_string(),
    }
}

/// A text without the numbers that Rust adds to the system's errors: " (os error 2)".
fn without_os_codes(mut text: String) -> String {
    const CODE: &str = " (os error ";
    let mut from = 0;
    while let Some(start) = text[from..].find(CODE).map(|at| from + at) {
        let digits = text[start + CODE.len()..].bytes().take_while(u8::is_ascii_digit).count();
        let end = start + CODE.len() + digits;
        match digits > 0 && text[end..].starts_with(')') {
            true => text.replace_range(start..=end, ""),
            false => from = end,
        }
    }
    text
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  {hint}")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}

/// A mistake in a value that a user typed.
impl From<String> for Error {
    fn from(message: String) -> Error {
        Error::usage(message)
    }
}

/// A mistake in a value that a user typed.
impl From<&str> for Error {
    fn from(message: &str) -> Error {
        Error::usage(message)
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
            (Exit::ExpectationFailed, 3),
            (Exit::Child(7), 7),
            (Exit::Signal(2), 130),
            (Exit::Signal(15), 143),
        ];
        for (exit, code) in codes {
            assert_eq!(exit.code(), code, "{exit:?}");
        }
    }

    #[test]
    fn a_failed_expectation_overrides_a_signal_but_not_a_failure() {
        for exit in [Exit::Done, Exit::Child(0), Exit::Signal(2), Exit::ExpectationFailed] {
            assert_eq!(exit.or_expectation_failed(true), Exit::ExpectationFailed, "{exit:?}");
            assert_eq!(exit.or_expectation_failed(false), exit);
        }
        for exit in [Exit::Failed, Exit::Usage, Exit::Child(7)] {
            assert_eq!(exit.or_expectation_failed(true), exit);
        }
    }

    #[test]
    fn no_message_has_the_number_of_an_error_of_the_system() {
        for (text, shown) in [
            ("no server: Connection refused (os error 111)", "no server: Connection refused"),
            ("a (os error 2), b (os error 13): c", "a, b: c"),
            ("a file (os error) and (os error x)", "a file (os error) and (os error x)"),
        ] {
            assert_eq!(Error::new(text).message(), shown);
            assert_eq!(Error::usage(text).message(), shown);
        }
        let foreign = io::Error::other(io::Error::from_raw_os_error(111).to_string());
        let error = Error::io("server", &foreign);
        assert!(!error.message().contains("os error"), "{error}");
    }

    #[test]
    fn an_io_error_is_a_failure() {
        for kind in [io::ErrorKind::BrokenPipe, io::ErrorKind::StorageFull] {
            assert_eq!(Error::io("writing", &kind.into()).exit(), Exit::Failed);
        }
    }

    #[test]
    fn an_error_names_the_thing_the_cause_and_the_next_step() {
        let missing = io::Error::from_raw_os_error(2);
        let error = Error::io("app.log", &missing).hint("Check the path.").within("handler file");
        let message = "handler file: app.log: no such file or directory";
        assert_eq!(error.to_string(), format!("{message}\n  Check the path."));
        assert_eq!((error.message(), error.next_step()), (message, Some("Check the path.")));
        let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
        assert_eq!(cause.map(io::Error::kind), Some(io::ErrorKind::NotFound));
    }
}
