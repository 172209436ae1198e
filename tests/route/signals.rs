//! SIGHUP: files that were moved away, and terminals that close.

use rustix::process::Signal;

use super::{path, send, tail, wait_for_file};
use crate::harness::{Publisher, python};

#[test]
fn files_are_reopened_on_sighup() {
    let directory = tempfile::tempdir().unwrap();
    let [direct, queued] = ["direct.log", "queued.log"].map(|name| path(&directory, name));
    let behind = format!("{queued},queue=10");
    let (publisher, mut tail) = tail(&["--file", &direct, "--file", &behind]);
    send(&publisher, "app.INFO", 20, "one");
    for file in [&direct, &queued] {
        wait_for_file(file.as_ref(), |text| text.ends_with("one\n"));
        std::fs::rename(file, format!("{file}.1")).unwrap();
    }
    tail.signal(Signal::HUP);
    for file in [&direct, &queued] {
        // Without waiting for a record.
        let until = std::time::Instant::now() + crate::harness::DEADLINE;
        while !std::path::Path::new(file).exists() {
            assert!(std::time::Instant::now() < until, "{file} is not there");
            std::thread::yield_now();
        }
    }
    send(&publisher, "app.INFO", 20, "two");
    for file in [&direct, &queued] {
        wait_for_file(file.as_ref(), |text| text.ends_with("two\n"));
    }
    tail.terminate();
    tail.wait().code(143).stderr_lacks("lost");
    for file in [&direct, &queued] {
        let [old, new] = [format!("{file}.1"), file.clone()].map(std::fs::read_to_string);
        let (old, new) = (old.unwrap(), new.unwrap());
        assert!(old.ends_with("one\n") && old.lines().count() == 1, "{old}");
        assert!(new.ends_with("two\n") && new.lines().count() == 1, "{new}");
    }
}

#[test]
fn messages_received_before_a_tail_ends_are_handled() {
    const RECORDS: usize = 10_000;
    let directory = tempfile::tempdir().unwrap();
    let file = path(&directory, "app.log");
    let handler = format!("{file},format=%(message)s");
    let (publisher, mut tail) = tail(&["--file", &handler, "--hwm", "1000"]);
    tail.signal(Signal::STOP);
    for n in 0..RECORDS {
        send(&publisher, "app.INFO", 20, &n.to_string());
    }
    publisher.close();
    tail.terminate();
    tail.signal(Signal::CONT);
    tail.wait().code(143).stderr_lacks("lost");
    let text = std::fs::read_to_string(&file).unwrap();
    let expected: String = (0..RECORDS).map(|n| format!("{n}\n")).collect();
    assert!(text == expected, "{} of {RECORDS}", text.lines().count());
}

#[test]
fn without_handlers_sighup_ends_a_tail() {
    let (_publisher, mut tail) = tail(&[]);
    tail.signal(Signal::HUP);
    let finished = tail.wait();
    assert!(finished.stdout.is_empty());
    finished.stderr_lacks("panic");
}

/// A terminal of the test: closing it must not leave a tail behind.
#[test]
fn closing_the_terminal_ends_a_tail_unless_nohup_started_it() {
    let Some(python) = python() else { return };
    for (kept, expected) in [("ends", "exit -1"), ("nohup", "goes on")] {
        let directory = tempfile::tempdir().unwrap();
        let file = path(&directory, "app.log");
        let publisher = Publisher::bind();
        let zlog = env!("CARGO_BIN_EXE_zlog");
        let script = python.script("hangup", &[kept, zlog, &publisher.endpoint, &file]);
        publisher.wait_for_subscription();
        send(&publisher, "app.INFO", 20, "one");
        let out = script.wait().success().out();
        assert_eq!(out.trim(), expected);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.ends_with("one\n"), "{text}");
    }
}
