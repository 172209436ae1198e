//! The `zlog` under test, as a command that is being put together.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::process::Command;
use std::time::Duration;

use super::finished::Finished;
use super::running::{Input, Running};
use super::{DEADLINE, clear_environment};

/// A `zlog` that has not been started yet.
#[must_use = "start it: run() or start()"]
pub(crate) struct Zlog {
    command: Command,
    input: Input,
    stdout: Option<OwnedFd>,
    deadline: Duration,
}

/// `zlog` with these arguments, nothing to read and a clean environment.
pub(crate) fn zlog<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Zlog {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zlog"));
    clear_environment(&mut command);
    command.args(args);
    Zlog { command, input: Input::Empty, stdout: None, deadline: DEADLINE }
}

impl Zlog {
    /// More arguments.
    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Zlog {
        self.command.args(args);
        self
    }

    /// Reads these bytes.
    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Zlog {
        self.input = Input::Bytes(bytes.into());
        self
    }

    /// Reads what the test will write as it goes.
    pub(crate) fn stdin_open(mut self) -> Zlog {
        self.input = Input::Open;
        self
    }

    /// Writes there, and not where [`Running::stdout`] would read it.
    pub(crate) fn stdout(mut self, to: impl Into<OwnedFd>) -> Zlog {
        self.stdout = Some(to.into());
        self
    }

    /// Sets a variable of its environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Zlog {
        self.command.env(name, value);
        self
    }

    /// May take this long, instead of [`DEADLINE`].
    pub(crate) fn deadline(mut self, deadline: Duration) -> Zlog {
        self.deadline = deadline;
        self
    }

    /// Starts it.
    #[track_caller]
    pub(crate) fn start(self) -> Running {
        Running::start_into(self.command, self.input, self.stdout).with_deadline(self.deadline)
    }

    /// Runs it to its end.
    #[must_use = "check how it ended: success(), code(n)"]
    #[track_caller]
    pub(crate) fn run(self) -> Finished {
        self.start().wait()
    }

    /// The command itself, for a terminal to start.
    pub(crate) fn into_command(self) -> Command {
        self.command
    }
}
