//! Helpers for the unit tests of handlers.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::Handler;
use zlog_core::format::{Format, Options, Output};
use zlog_core::{Record, Result};

/// Far longer than anything here takes.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

/// An empty directory, and the path of a log in it.
pub(super) fn log_path() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.log");
    (directory, path)
}

/// Formats a record as its message alone.
pub(super) fn text() -> Box<dyn Format> {
    Output::Text.format(Options::default()).unwrap()
}

/// A record with nothing but a message.
pub(super) fn record(msg: &str) -> Record<'_> {
    Record { msg: msg.into(), ..Record::default() }
}

/// Runs timed work whenever it is due until no record waits. Returns the errors.
pub(super) fn drain(handler: &mut impl Handler) -> Vec<String> {
    let start = Instant::now();
    let mut errors = Vec::new();
    while handler.backlog().waiting > 0 {
        assert!(start.elapsed() < DEADLINE, "{:?}: {errors:?}", handler.backlog());
        let now = Instant::now();
        errors.extend(handler.on_timer(now).err().map(|error| error.to_string()));
        if let Some(due) = handler.due(now) {
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }
    errors
}

/// Closes the handler, with plenty of time.
pub(super) fn close(handler: &mut impl Handler) -> Result<()> {
    handler.close(Instant::now() + DEADLINE)
}
