//! `--position` without `--follow`: what is new since the last run.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::follow::expect;
use super::position::{Log, compress};
use crate::harness::{Listener, zlog};

#[test]
fn runs_without_follow_publish_what_is_new_and_end() {
    let log = Log::new();
    let (listener, endpoint) = Listener::bind("");
    let run = |lines: &[&str]| {
        let emit = zlog(["emit", "-q", "--no-detect", "-c", &endpoint, "--file"]).args([&log.path]);
        let emit = emit.args(["--position"]).args([&log.position]).start();
        expect(&listener, lines);
        emit.wait().success().stderr("");
    };
    log.append("one\ntwo\nthr");
    run(&["one", "two"]);
    run(&[]);
    log.append("ee\n");
    let mut late = OpenOptions::new().append(true).open(&log.path).unwrap();
    log.rename("app.log.1");
    log.append("four\n");
    run(&["three", "four"]);
    // The writer of the renamed file still writes to it.
    late.write_all(b"late\n").unwrap();
    log.append("five\n");
    run(&["late", "five"]);
    // It has not written to it for so long that the file is given up.
    late.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
    run(&[]);
    fs::remove_file(log.sibling("app.log.1")).unwrap();
    log.append("six\n");
    run(&["six"]);
    // A traceback is not waited for.
    log.append("ERROR no connection\n");
    run(&["ERROR no connection"]);
    assert!(listener.try_next(Duration::from_millis(50)).is_none());
}

#[test]
fn a_run_without_follow_leaves_what_nobody_receives_to_the_next_run() {
    let log = Log::new();
    log.append("one\ntwo\n");
    let emit = |args: &[&str]| {
        zlog(["emit", "--no-detect", "-b", "127.0.0.1:0"]).args(args).args(["--file"]).args([
            &log.path,
            Path::new("--position"),
            &log.position,
        ])
    };
    let unread = emit(&["--wait", "20ms"]).run().code(1);
    unread
        .stderr_has("after 20ms: the next run publishes the rest")
        .stderr_has("0 records, ")
        .stderr_has("2 read and not published (no subscriber)");
    let quiet = emit(&["--wait", "20ms", "--quiet"]).run().code(1);
    quiet.stderr_has("after 20ms: the next run publishes the rest");
    let mut both = emit(&["--wait", "1h"]).start();
    let listener = Listener::connect(&both.endpoint(), "");
    expect(&listener, &["one", "two"]);
    both.wait().success();
    log.append("three\n");
    // Asked for: nobody is waited for.
    let finished = emit(&["--wait", "0s"]).run().success();
    finished.stderr_has("1 record, ").stderr_has("1 had no subscriber");
    emit(&["--wait", "20ms"]).run().success().stderr_has("0 records, ");
}

#[test]
fn a_compressed_file_is_read_once() {
    let log = Log::new();
    log.append("one\ntwo");
    compress(&log.path);
    let (listener, endpoint) = Listener::bind("");
    let path = log.sibling("app.log.gz");
    for (lines, records) in [(&["one", "two"][..], "2 records"), (&[], "0 records")] {
        let emit = zlog(["emit", "--no-detect", "-c", &endpoint, "--file"]).args([&path]);
        let emit = emit.args(["--position"]).args([&log.position]).start();
        expect(&listener, lines);
        emit.wait().success().stderr_has(records);
    }
}
