//! A child that has ended: its status, its output, and checks of both.

use std::fmt::Write as _;
use std::process::ExitStatus;

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

    /// Checks that it exited with this code.
    #[track_caller]
    pub(crate) fn code(self, expected: i32) -> Finished {
        let code = self.status.and_then(|status| status.code());
        if code != Some(expected) {
            self.fail(&format!("expected exit code {expected}"));
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
