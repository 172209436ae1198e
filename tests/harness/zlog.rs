//! Builds a command line of the `zlog` under test.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::process::Command;
use std::time::Duration;

use super::finished::Finished;
use super::running::{Input, Running};
use super::{DEADLINE, clear_environment};

/// A `zlog` that is not started yet.
#[must_use = "start it: run() or start()"]
pub(crate) struct Zlog {
    command: Command,
    input: Input,
    stdout: Option<OwnedFd>,
    deadline: Duration,
}

/// `zlog` with these arguments, no input and a clean environment.
pub(crate) fn zlog<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Zlog {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zlog"));
    clear_environment(&mut command);
    command.args(args);
    Zlog { command, input: Input::Empty, stdout: None, deadline: DEADLINE }
}

impl Zlog {
    /// Adds arguments.
    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Zlog {
        self.command.args(args);
        self
    }

    /// Sets its input.
    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Zlog {
        self.input = Input::Bytes(bytes.into());
        self
    }

    /// Keeps its input open, for [`Running::write`].
    pub(crate) fn stdin_open(mut self) -> Zlog {
        self.input = Input::Open;
        self
    }

    /// Sends its standard output there instead of to [`Running::stdout`].
    pub(crate) fn stdout(mut self, to: impl Into<OwnedFd>) -> Zlog {
        self.stdout = Some(to.into());
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Zlog {
        self.command.env(name, value);
        self
    }

    /// Removes an environment variable.
    pub(crate) fn without_env(mut self, name: &str) -> Zlog {
        self.command.env_remove(name);
        self
    }

    /// Sets a time limit in place of [`DEADLINE`].
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

    /// The command, to start it in a terminal.
    pub(crate) fn into_command(self) -> Command {
        self.command
    }
}
