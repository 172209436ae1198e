use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::harness::{DEADLINE, Running};

/// Finds the leftovers of a bench whose `--dir` is `directory`: files, and processes that
/// still have one of its files open, or named on their command line.
fn leftovers(directory: &Path) -> Vec<String> {
    let files = fs::read_dir(directory).unwrap().flatten();
    let mut left: Vec<String> = files.map(|file| file.path().display().to_string()).collect();
    for process in fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path()) {
        // One that ends meanwhile is none that is left.
        let line = fs::read(process.join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let open = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
        let mut open = open.filter_map(|file| fs::read_link(file.path()).ok());
        let named = process != PathBuf::from("/proc/self").canonicalize().unwrap()
            && line.contains(&directory.display().to_string());
        if named || open.any(|path| path.starts_with(directory)) {
            left.push(format!("{}: {line}", process.display()));
        }
    }
    left
}

/// Fails when anything is left of a bench that has ended.
#[track_caller]
pub(super) fn assert_nothing_left(directory: &Path) {
    let left = leftovers(directory);
    assert!(left.is_empty(), "{left:#?}");
}

/// Waits until nothing is left of a bench that was killed, and could not see to it
/// before it ended.
#[track_caller]
pub(super) fn until_nothing_left(directory: &Path, bench: &mut Running) {
    let start = Instant::now();
    while !leftovers(directory).is_empty() {
        if start.elapsed() > DEADLINE {
            bench.fail(&format!("something is left: {:#?}", leftovers(directory)));
        }
        std::thread::yield_now();
    }
}

/// Waits until `done`, which is said in words as `what`.
#[track_caller]
pub(super) fn until(bench: &mut Running, what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        if start.elapsed() > DEADLINE {
            bench.fail(&format!("waited in vain until {what}"));
        }
        std::thread::yield_now();
    }
}
