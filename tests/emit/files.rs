//! `--file` and `--follow`.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use zlog_core::text::plural::grouped;

use crate::harness::{ANY_PORT, Listener, Running, emit, published, zlog};

use super::texts;

#[test]
fn files_are_published_whole_in_the_order_given() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (directory.path().join("1.log"), directory.path().join("2.log"));
    fs::write(&one, "a\nb\n").unwrap();
    fs::write(&two, "c\nd").unwrap();
    let emit = emit(["--file", two.to_str().unwrap(), one.to_str().unwrap()]);
    assert_eq!(texts(emit), ["c", "d", "a", "b"]);
}

#[test]
fn a_missing_file_is_named_and_the_others_are_published() {
    let directory = tempfile::tempdir().unwrap();
    let there = directory.path().join("there.log");
    fs::write(&there, "a\n").unwrap();
    let missing = directory.path().join("missing.log");
    let (messages, emit) =
        published(emit(["--file", missing.to_str().unwrap(), there.to_str().unwrap()]));
    emit.code(1).stderr_has("missing.log").stderr_has("no such file");
    assert_eq!(messages.len(), 1);
}

/// The wait would take longer than a test may.
#[test]
fn files_that_can_not_be_read_are_reported_before_the_wait_for_subscribers() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (missing, there, here) = (path("missing.log"), path("there.log"), path("."));
    fs::write(&there, "a\n").unwrap();
    let emit = |args: &[&str]| zlog(["emit", "-b", ANY_PORT, "--wait", "10h"]).args(args);
    for (args, says) in [
        (
            &["--file", &missing][..],
            "missing.log: no such file or directory\n  Add --follow to wait for it.",
        ),
        (&["--file", "missing.log"], ". Add --follow to wait for it."),
        (&["--file", &missing, &here], "is a directory\n  Name a file in that directory."),
        (&["--follow", "--file", &here], "is a directory"),
        (&["--replay", &missing], "missing.log: no such file or directory"),
        (&["--replay", &here], "is a directory"),
    ] {
        let finished = emit(args).run().code(1).stderr_has(says);
        finished.stderr_has("zlog emit: reading ").stderr_lacks("records").stderr_lacks("listens");
    }
    // The other files are read, and a followed file is waited for.
    let mut some = emit(&["--file", &missing, &there]).start();
    let endpoint = some.endpoint();
    some.expect_stderr("missing.log: no such file");
    let listener = Listener::connect(&endpoint, "");
    assert_eq!(listener.next().json()["msg"], "a");
    assert_eq!(some.wait().code(1).err().matches("missing.log").count(), 1);
    let mut later = emit(&["--follow", "--file", &missing]).start();
    later.expect_stderr("missing.log does not exist yet: waiting for it");
    later.terminate();
    assert_eq!(later.wait().code(143).err().matches("missing.log").count(), 1);
}

#[test]
fn a_pipe_is_opened_only_to_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, mode).unwrap();
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::write(pipe, "through the pipe\n").unwrap()
    });
    assert_eq!(texts(emit(["--file", pipe.to_str().unwrap()])), ["through the pipe"]);
    writer.join().unwrap();
}

#[test]
fn a_dash_among_the_files_is_standard_input() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("1.log");
    fs::write(&file, "a\n").unwrap();
    assert_eq!(texts(emit(["--file", file.to_str().unwrap(), "-"]).stdin("b\n")), ["a", "b"]);
}

/// `emit --follow` of a file, and a subscriber.
fn follow(path: &Path, more: &[&str]) -> (Running, Listener) {
    let mut emit =
        emit(["-r", "f", "--file", path.to_str().unwrap(), "--follow"]).args(more).start();
    let listener = Listener::connect(&emit.endpoint(), "");
    (emit, listener)
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[track_caller]
fn expect(listener: &Listener, messages: &[&str]) {
    for message in messages {
        assert_eq!(listener.next().json()["msg"], *message);
    }
}

#[test]
fn a_followed_file_is_published_as_it_grows() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("app.log");
    append(&log, "old\n");
    let (mut emit, listener) = follow(&log, &[]);
    expect(&listener, &["old"]);
    append(&log, "new\nnewer\n");
    expect(&listener, &["new", "newer"]);
    append(&log, "in ");
    append(&log, "two writes\n");
    expect(&listener, &["in two writes"]);
    emit.terminate();
    emit.wait().code(143);
}

#[test]
fn a_followed_file_that_is_rotated_is_read_to_its_end_and_then_the_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("app.log");
    append(&log, "first\n");
    let (mut emit, listener) = follow(&log, &[]);
    expect(&listener, &["first"]);
    let old = directory.path().join("app.log.1");
    append(&log, "last of the old\n");
    fs::rename(&log, &old).unwrap();
    append(&log, "first of the new\n");
    expect(&listener, &["last of the old", "first of the new"]);
    append(&log, "second of the new\n");
    expect(&listener, &["second of the new"]);
    emit.terminate();
    emit.wait().code(143);
}

#[test]
fn a_followed_file_may_be_created_later() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("app.log");
    let (mut emit, listener) = follow(&log, &[]);
    append(&log, "here I am\n");
    expect(&listener, &["here I am"]);
    emit.interrupt();
    emit.wait().code(130);
}

#[test]
fn with_from_end_only_new_lines_are_published() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("app.log");
    append(&log, "old\n");
    let (mut emit, listener) = follow(&log, &["--from-end"]);
    // When emit has found the end can't be seen from outside: append until a line comes.
    let first = (0..1000).find_map(|number| {
        append(&log, &format!("new {number}\n"));
        listener.try_next(Duration::from_millis(200))
    });
    let first = first.expect("an added line should have come").json();
    assert!(first["msg"].as_str().unwrap().starts_with("new "), "{first}");
    emit.terminate();
    emit.wait().code(143);
}

/// A file that was truncated while its writer went on at its old offset.
fn with_a_hole(path: &Path) {
    fs::write(path, "INFO: before\n").unwrap();
    OpenOptions::new().write(true).open(path).unwrap().set_len(200 << 20).unwrap();
    append(path, "ERROR: after\n");
}

#[test]
fn a_hole_in_a_file_is_skipped_and_counted_and_the_level_after_it_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("app.log");
    with_a_hole(&log);
    let path = log.to_str().unwrap();
    let nuls = grouped((200 << 20) - "INFO: before\n".len() as u64);
    for source in ["--file", "--replay"] {
        let (messages, emit) = published(emit(["-r", "f", source, path]));
        emit.success().stderr_has(&format!("; {nuls} NULs dropped"));
        let topics: Vec<&str> = messages.iter().map(|message| &*message.topic).collect();
        assert_eq!(topics, ["f.INFO", "f.ERROR"], "{source}");
        assert_eq!(messages[1].json()["msg"], "ERROR: after");
    }
    let tail = zlog(["tail", "--input", path, "--format", "bare"]).run().success();
    tail.stdout("INFO: before\nERROR: after\n").stderr_has(&format!("{nuls} NULs dropped"));
}
