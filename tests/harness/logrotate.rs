//! The real logrotate, on files of a test's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::clear_environment;
use super::peer::installed;
use super::running::{Input, Running};

/// The program, with a state of its own: what the system's has done is nothing to it.
pub(crate) struct Logrotate {
    program: PathBuf,
    directory: tempfile::TempDir,
}

/// logrotate; `None`, and a word on standard error, where there is none.
#[track_caller]
pub(crate) fn logrotate() -> Option<Logrotate> {
    let program = installed("logrotate")?;
    Some(Logrotate { program, directory: tempfile::tempdir().unwrap() })
}

impl Logrotate {
    /// Rotates `log` by these directives, whether or not it is due. Gives whether it did:
    /// a name with the time in it may be taken by the file before.
    #[track_caller]
    pub(crate) fn rotate(&self, log: &Path, directives: &str) -> bool {
        let [config, state] = ["config", "state"].map(|name| self.directory.path().join(name));
        fs::write(&config, format!("{} {{\n{directives}\n}}\n", log.display())).unwrap();
        let mut command = Command::new(&self.program);
        clear_environment(&mut command);
        command.arg("--force").arg("--state").args([&state, &config]);
        let finished = Running::start(command, Input::Empty).wait();
        let is_taken = finished.err().contains("already exists, skipping rotation");
        if !is_taken {
            finished.success();
        }
        !is_taken
    }
}
