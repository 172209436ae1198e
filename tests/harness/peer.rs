//! Programs of others that `zlog` is tried on, and what is done where one is missing.
//!
//! What may be here: finding them. Each has a file of its own that runs it.

use std::io::Write;
use std::path::PathBuf;

/// A program of the system's, which `.ci/install-peers` installs; `None`, and a word on
/// standard error, where there is none.
#[track_caller]
pub(super) fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = places.map(|place| place.join(name)).find(|program| program.exists());
    found.or_else(|| left_out(name, ".ci/install-peers installs it"))
}

/// A test that needs a peer says that it was left out, and passes; under `CI=true` it
/// fails.
#[track_caller]
pub(crate) fn left_out<T>(peer: &str, why: &str) -> Option<T> {
    if std::env::var("CI").is_ok_and(|ci| ci == "true") {
        panic!("needed under CI=true: {peer}: {why}");
    }
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Not eprintln!, which cargo hides when a test passes.
    #[expect(clippy::disallowed_methods, reason = "a test's own words")]
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: no {peer} here: {why}");
    None
}
