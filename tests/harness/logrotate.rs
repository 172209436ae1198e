//! The real logrotate, on files of the test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::clear_environment;
use super::peer::installed;
use super::running::{Input, Running};

/// logrotate, with a state file of its own instead of the system's.
pub(crate) struct Logrotate {
    program: PathBuf,
    directory: tempfile::TempDir,
}

/// logrotate; `None`, and a message on standard error, where it is not installed.
#[track_caller]
pub(crate) fn logrotate() -> Option<Logrotate> {
    let program = installed("logrotate")?;
    Some(Logrotate { program, directory: tempfile::tempdir().unwrap() })
}

impl Logrotate {
    /// Rotates `log` with these directives, whether or not it is due. Returns whether it did:
    /// the name of a backup with the time in it may be in use.
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
