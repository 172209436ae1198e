//! SIGHUP: the file is reloaded, and no record is lost or written twice.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{configured, lines_come};
use crate::harness::{DEADLINE, zlog};

/// Waits until the file exists and ends with `text`.
#[track_caller]
fn appears(path: &Path, text: &str) {
    let until = Instant::now() + DEADLINE;
    while !fs::read_to_string(path).is_ok_and(|found| found.ends_with(text)) {
        assert!(Instant::now() < until, "{} does not end with {text:?}", path.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until the file has grown, and returns its new length.
#[track_caller]
fn grows(path: &Path, length: u64) -> u64 {
    let until = Instant::now() + DEADLINE;
    loop {
        let now = path.metadata().map_or(0, |meta| meta.len());
        if now > length {
            return now;
        }
        assert!(Instant::now() < until, "{} does not grow", path.display());
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// How many times the file is changed.
const CHANGES: usize = 20;

/// A configuration with a handler that stays the same and one that writes to another file
/// in each version. Both get every record.
fn version(directory: &Path, number: usize) -> String {
    let path = |name: &str| directory.join(name);
    format!(
        "version = 1\n[relay]\non-full = \"block\"\n\
         [handlers.all]\nclass = \"file\"\npath = {:?}\nformat = \"bare\"\n\
         [handlers.side]\nclass = \"file\"\npath = {:?}\nformat = \"bare\"\n\
         queue = {}\n\
         [root]\nhandlers = [\"all\", \"side\"]\n",
        path("all.log"),
        path(&format!("side-{number:02}.log")),
        // Alternately with and without a queue.
        number % 2 * 100,
    )
}

/// Configurations with an error: a syntax error, an unknown key, and a file that can't be
/// opened.
fn wrong(directory: &Path, number: usize) -> String {
    let good = version(directory, 99);
    match number % 3 {
        0 => format!("{good}\n[handlers"),
        1 => format!("{good}\n[handlers.more]\nclass = \"file\"\nfilename = \"a\"\n"),
        _ => {
            let path = directory.join("all.log/more.log");
            format!("{good}\n[handlers.more]\nclass = \"file\"\npath = {path:?}\n")
        }
    }
}

#[test]
fn reloading_loses_and_duplicates_no_record() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("relay.toml");
    fs::write(&file, version(directory.path(), 0)).unwrap();
    let mut relay = configured(&file, &[]);
    let args = ["emit", "-c", &relay.collect, "--wait", "60s", "--linger", "60s"];
    let mut emit = zlog(args).stdin_open().start();

    // This thread writes lines while the main thread changes the file.
    let enough = Arc::new(AtomicBool::new(false));
    let enough_too = Arc::clone(&enough);
    let writer = std::thread::spawn(move || {
        let mut number = 0;
        while !enough_too.load(Ordering::Relaxed) {
            let lines: String = (number..number + 50).map(|number| format!("{number}\n")).collect();
            emit.write(lines);
            number += 50;
            // The stream must last as long as the changes.
            std::thread::sleep(Duration::from_millis(1));
        }
        emit.close_stdin();
        emit.wait().success();
        number
    });

    let mut reported = BTreeMap::new();
    let mut length = 0;
    for change in 1..=CHANGES {
        length = grows(&directory.path().join("all.log"), length);
        let (text, says) = match change % 2 {
            1 => (version(directory.path(), change), ": 2 handlers, 1 unchanged"),
            _ => (wrong(directory.path(), change / 2), "continuing with the current configuration"),
        };
        fs::write(&file, text).unwrap();
        let before: usize = *reported.entry(says).or_default();
        relay.running.signal(Signal::HUP);
        lines_come(&mut relay.running, says, before + 1);
        reported.insert(says, before + 1);
    }
    enough.store(true, Ordering::Relaxed);
    let written: usize = writer.join().unwrap();
    // A relay that ends does not wait for records still on the way.
    appears(&directory.path().join("all.log"), &format!("{}\n", written - 1));
    appears(&directory.path().join("side-19.log"), &format!("{}\n", written - 1));
    relay.running.terminate();
    let said = relay.running.wait().code(143).err();

    let lines = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
    let expected: String = (0..written).map(|number| format!("{number}\n")).collect();
    assert!(lines("all.log") == expected, "all.log is not complete\n{said}");
    // Each record is in one of the files, and the files are in order.
    let sides = (0..CHANGES).filter(|change| *change == 0 || change % 2 == 1);
    let sides: Vec<String> = sides.map(|change| lines(&format!("side-{change:02}.log"))).collect();
    assert!(sides.concat() == expected, "the side files are not complete\n{said}");
    assert!(sides.iter().all(|text| !text.is_empty()), "a version without records");
    let wrong = fs::read_to_string(directory.path().join("side-99.log")).unwrap_or_default();
    assert_eq!(wrong, "", "a file of a rejected configuration");
    assert!(said.contains("relay.toml:") && said.contains("unknown key"), "{said}");
}

/// A pipe can provide the configuration at the start, as `<(…)` does. A running relay must
/// not wait for it.
#[test]
fn a_pipe_is_read_at_the_start_and_refused_on_reload() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    let log = directory.path().join("app.log");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, mode).unwrap();
    let text =
        format!("version = 1\n[handlers.a]\nclass = \"file\"\npath = {log:?}\nformat = \"bare\"\n");
    let writer = std::thread::spawn({
        let (pipe, text) = (pipe.clone(), text.clone());
        move || fs::write(pipe, text).unwrap()
    });
    let mut relay = configured(&pipe, &[]);
    writer.join().unwrap();
    for time in 1..=2 {
        relay.running.signal(Signal::HUP);
        lines_come(&mut relay.running, "pipe is not a regular file", time);
        lines_come(&mut relay.running, "continuing with the current configuration", time);
    }
    zlog(["emit", "-c", &relay.collect, "--wait", "60s"]).stdin("still here\n").run().success();
    appears(&log, "still here\n");
    // A regular file at the same path is read, but not a login from a pipe.
    let other = directory.path().join("other");
    fs::rename(&pipe, &other).unwrap();
    let mail = "[handlers.m]\nclass = \"smtp\"\nserver = \"smtp://127.0.0.1:1\"\nto = \"a@b.org\"";
    fs::write(&pipe, format!("{text}{mail}\nlogin = {other:?}\n")).unwrap();
    relay.running.signal(Signal::HUP);
    lines_come(&mut relay.running, "handler m: ", 1);
    lines_come(&mut relay.running, "continuing with the current configuration", 3);
    fs::write(&pipe, text).unwrap();
    relay.running.signal(Signal::HUP);
    lines_come(&mut relay.running, ": 1 handler, 1 unchanged", 1);
    relay.running.terminate();
    let _ = relay.running.wait().code(143);
}

#[test]
fn settings_that_need_a_restart_are_reported_until_they_are_reverted() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("relay.toml");
    let log = directory.path().join("app.log");
    let write = |relay: &str| {
        let text = format!(
            "version = 1\n[relay]\n{relay}\n[handlers.a]\nclass = \"file\"\npath = {log:?}\n"
        );
        fs::write(&file, text).unwrap();
    };
    write("hwm = 100");
    let mut relay = configured(&file, &[]);
    let restart = "need a restart: hwm, keep";
    for (text, reads, restarts) in
        [("hwm = 200\nkeep = 5", 1, 1), ("hwm = 200\nkeep = 5", 2, 2), ("hwm = 100", 3, 2)]
    {
        write(text);
        relay.running.signal(Signal::HUP);
        lines_come(&mut relay.running, ": 1 handler, 1 unchanged", reads);
        lines_come(&mut relay.running, restart, restarts);
    }
    relay.running.terminate();
    let said = relay.running.wait().code(143).err();
    assert_eq!(said.matches(restart).count(), 2, "{said}");
}

#[test]
fn log_files_are_reopened_as_well() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("relay.toml");
    let log = directory.path().join("app.log");
    let text = format!("version = 1\n[handlers.a]\nclass = \"file\"\npath = {log:?}\n");
    fs::write(&file, text).unwrap();
    let mut relay = configured(&file, &[]);
    appears(&log, "");
    fs::rename(&log, directory.path().join("app.log.1")).unwrap();
    relay.running.signal(Signal::HUP);
    lines_come(&mut relay.running, "reloaded ", 1);
    relay.running.terminate();
    let _ = relay.running.wait().code(143);
    assert!(log.exists());
}
