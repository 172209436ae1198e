//! A child that has ended: its status, its output, and checks of both.

use std::fmt::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::Signal;

/// The code that a shell shows for a process: 128 + n after signal n.
pub(crate) fn shell_code(status: ExitStatus) -> Option<i32> {
    status.code().or_else(|| Some(128 + status.signal()?))
}

/// A child that has ended.
pub(crate) struct Finished {
    pub(super) shown: String,
    pub(super) status: Option<ExitStatus>,
    /// Its standard output, untouched.
    pub(crate) stdout: Vec<u8>,
    /// Its standard error, untouched.
    pub(crate) stderr: Vec<u8>,
}

impl Finished {
    /// Checks that it exited with 0.
    #[track_caller]
    pub(crate) fn success(self) -> Finished {
        self.code(0)
    }

    /// Checks that it ended with this code, as a shell shows it.
    #[track_caller]
    pub(crate) fn code(self, expected: i32) -> Finished {
        if self.status.and_then(shell_code) != Some(expected) {
            self.fail(&format!("expected exit code {expected}"));
        }
        self
    }

    /// Checks that this signal ended it.
    #[track_caller]
    pub(crate) fn ended_by(self, signal: Signal) -> Finished {
        if self.status.and_then(|status| status.signal()) != Some(signal.as_raw()) {
            self.fail(&format!("expected an end by {signal:?}"));
        }
        self
    }

    /// Checks that its standard output is exactly this.
    #[track_caller]
    pub(crate) fn stdout(self, expected: impl AsRef<[u8]>) -> Finished {
        if self.stdout != expected.as_ref() {
            self.fail(&format!("expected stdout {:?}", clipped(expected.as_ref())));
        }
        self
    }

    /// Checks that its standard error is exactly this.
    #[track_caller]
    pub(crate) fn stderr(self, expected: impl AsRef<[u8]>) -> Finished {
        if self.stderr != expected.as_ref() {
            self.fail(&format!("expected stderr {:?}", clipped(expected.as_ref())));
        }
        self
    }

    /// Checks that its standard error contains this.
    #[track_caller]
    pub(crate) fn stderr_has(self, expected: &str) -> Finished {
        if !self.err().contains(expected) {
            self.fail(&format!("expected stderr with {expected:?}"));
        }
        self
    }

    /// Checks that its standard error does not contain this.
    #[track_caller]
    pub(crate) fn stderr_lacks(self, unexpected: &str) -> Finished {
        if self.err().contains(unexpected) {
            self.fail(&format!("expected stderr without {unexpected:?}"));
        }
        self
    }

    /// Its standard output as text.
    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Its standard error as text.
    pub(crate) fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Fails the test, and shows everything known about the child.
    #[track_caller]
    pub(crate) fn fail(&self, why: &str) -> ! {
        panic!("{}", report(why, &self.shown, self.status, &self.stdout, &self.stderr))
    }
}

/// Everything known about a child, for a failing test.
pub(super) fn report(
    why: &str,
    shown: &str,
    status: Option<ExitStatus>,
    stdout: &[u8],
    stderr: &[u8],
) -> String {
    let mut text = format!("{why}\n  command: {shown}\n   status: ");
    let _ = match status {
        Some(status) => write!(text, "{status}"),
        None => write!(text, "still running, killed"),
    };
    for (name, bytes) in [("stdout", stdout), ("stderr", stderr)] {
        let _ = write!(text, "\n--- {name} ({} bytes)\n{}", bytes.len(), clipped(bytes));
    }
    text
}

/// The last part of a long text.
fn clipped(bytes: &[u8]) -> String {
    const LONGEST: usize = 6000;
    let from = bytes.len().saturating_sub(LONGEST);
    String::from_utf8_lossy(&bytes[from..]).into_owned()
}
