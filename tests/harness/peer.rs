//! Finds the programs that `zlog` is tested against, and reports missing ones.

use std::io::Write;
use std::path::PathBuf;

/// A program that `.ci/install-peers` installs; `None`, and a message on standard error, where
/// it is missing.
#[track_caller]
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = places.map(|place| place.join(name)).find(|program| program.exists());
    found.or_else(|| left_out(name, ".ci/install-peers installs it"))
}

/// Reports that a test was left out, which then passes. Under `CI=true` it fails.
#[track_caller]
pub(crate) fn left_out<T>(peer: &str, why: &str) -> Option<T> {
    if std::env::var("CI").is_ok_and(|ci| ci == "true") {
        panic!("needed under CI=true: {peer}: {why}");
    }
    skipped(&format!("no {peer} here: {why}"));
    None
}

/// Reports that a test, or a part of it, was left out since it can't be tried on this machine.
pub(crate) fn skipped(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Not eprintln!, whose output cargo hides when the test passes.
    #[expect(clippy::disallowed_methods, reason = "a test's own words")]
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}
