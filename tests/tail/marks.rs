//! Marks: losses that no later record shows, with the source, the topic and the exact number.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{ANY_PORT, Listener, Running, Zlog, python, zlog};

/// With what the topics of marks begin.
const MARKS: &str = "\u{10ffff}zlog.mark\0";

/// An emitter on the native engine that drops, with short queues.
fn dropping(args: &[&str]) -> Zlog {
    let emit = ["emit", "-b", ANY_PORT, "--wait", "60s", "--engine", "native"];
    let emit = zlog(emit).args(["--on-full", "drop", "--hwm", "100", "--linger", "60s"]);
    emit.args(["--no-detect"]).args(args)
}

fn tail(endpoint: &str, engine: &str) -> Zlog {
    zlog(["tail", "-c", endpoint, "--engine", engine, "-o", "text", "--fail-on-loss"])
}

/// The number in `text` before `unit`.
#[track_caller]
fn number(text: &str, unit: &str) -> u64 {
    let (before, _) = text.split_once(unit).expect(text);
    let number = before.split_whitespace().next_back().expect(text);
    number.replace(',', "").parse().expect(text)
}

/// Lets a tail read one record, stops it, writes lines until some are dropped, ends the emitter's
/// input, and lets the tail go on. Returns how many lines were written.
#[track_caller]
fn lose_the_end(emit: &mut Running, tail: &mut Running) -> u64 {
    emit.write("first\n");
    tail.expect_stdout("first");
    tail.signal(Signal::STOP);
    let line = "x".repeat(1000) + "\n";
    // More than the buffers of both sides and of the system hold.
    for _ in 0..40 {
        emit.write(line.repeat(500));
    }
    emit.close_stdin();
    tail.signal(Signal::CONT);
    1 + 40 * 500
}

#[test]
fn a_loss_at_the_end_of_a_stream_is_reported_exactly() {
    for engine in ["native", "libzmq"] {
        let mut emit = dropping(&["-r", "app"]).stdin_open().start();
        let mut tail = tail(&emit.endpoint(), engine).start();
        let written = lose_the_end(&mut emit, &mut tail);
        let dropped = number(&emit.wait().success().err(), " dropped");
        tail.expect_stderr(&format!("lost {}", grouped(dropped)));
        tail.terminate();
        let finished = tail.wait().code(3);
        let printed = finished.out().lines().count() as u64;
        assert!(dropped > 0, "{}", finished.err());
        assert_eq!(
            (written - printed, number(&finished.err(), " records lost in all")),
            (dropped, dropped)
        );
        assert!(finished.err().contains(", topic app.INFO\n"), "{}", finished.err());
    }
}

/// As messages write a number.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[test]
fn the_loss_of_a_whole_topic_is_reported_and_that_of_another_topic_is_not() {
    let mut emit =
        dropping(&["-r", "app", "--topic-delim", "--wait-for", "2"]).stdin_open().start();
    let endpoint = emit.endpoint();
    let mut tail = tail(&endpoint, "native").args(["--root", "app"]).start();
    let mut other = zlog(["tail", "-c", &endpoint, "--engine", "native", "-o", "text"])
        .args(["--fail-on-loss", "app.INFO.web"])
        .start();
    emit.write("first\n");
    tail.expect_stdout("first");
    emit.write("web::one\n");
    other.expect_stdout("one");
    tail.signal(Signal::STOP);
    let line = "x".repeat(1000) + "\n";
    for _ in 0..40 {
        emit.write(line.repeat(500));
    }
    // Nothing of this topic arrives.
    emit.write("db::x\n".repeat(7));
    emit.write("web::the end\n");
    other.expect_stdout("the end");
    tail.signal(Signal::CONT);
    // The source is idle, and has not ended.
    tail.expect_stderr("lost 7 records of ");
    emit.close_stdin();
    let dropped = number(&emit.wait().success().err(), " dropped");
    tail.terminate();
    let finished = tail.wait().code(3);
    assert!(finished.err().contains(", topic app.INFO.db\n"), "{}", finished.err());
    assert_eq!(number(&finished.err(), " records lost in all"), dropped);
    other.terminate();
    other.wait().code(143).stderr_lacks("lost");
}

#[test]
fn a_late_reader_and_a_restarted_source_have_lost_nothing() {
    let mut emit = dropping(&["-r", "app", "--source", "web1"]).stdin_open().start();
    let endpoint = emit.endpoint();
    let mut first = tail(&endpoint, "native").start();
    emit.write("1\n2\n3\n");
    first.expect_stdout("3");
    let mut late = tail(&endpoint, "native").start();
    // It gets the marks of records that it has not seen.
    emit.write("4\n");
    until_shown(&mut emit, &mut late);
    emit.close_stdin();
    emit.wait().success();
    let again = zlog(["emit", "-b", &endpoint, "--wait", "60s", "--wait-for", "2", "-r", "app"]);
    let again = again.args(["--source", "web1", "--engine", "native"]).stdin("5\n6\n").run();
    again.success();
    for mut tail in [first, late] {
        tail.expect_stdout("6");
        tail.terminate();
        tail.wait().code(143).stderr_lacks("lost");
    }
}

/// Writes until the tail shows something: its subscription may take a moment.
#[track_caller]
fn until_shown(emit: &mut Running, tail: &mut Running) {
    let until = std::time::Instant::now() + crate::harness::DEADLINE;
    while tail.stdout.bytes().is_empty() {
        assert!(std::time::Instant::now() < until, "it shows nothing");
        emit.write("again\n");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn readers_that_do_not_know_marks_get_none() {
    let python = python();
    // One more reads the marks alone.
    let readers = if python.is_some() { "4" } else { "3" };
    let args = ["emit", "-b", ANY_PORT, "--wait", "60s", "--engine", "native", "--wait-for"];
    let mut emit = zlog(args).args([readers]).stdin_open().start();
    let endpoint = emit.endpoint();
    let listener = Listener::connect(&endpoint, "");
    let marks = Listener::connect(&endpoint, MARKS);
    let watcher = python.map(|python| python.module("zmq.log", &[&endpoint]));
    let mut tail = zlog(["tail", "-c", &endpoint, "-o", "raw"]).start();
    emit.write("one\n");
    tail.expect_stdout("one");
    // The mark of an idle topic. The record after it shows that it would have come.
    marks.next();
    emit.write("two\n");
    emit.close_stdin();
    emit.wait().success().stderr_has("2 records");
    let topics: Vec<String> = listener.everything().into_iter().map(|it| it.topic).collect();
    assert_eq!(topics, ["INFO", "INFO"]);
    tail.expect_stdout("two");
    tail.terminate();
    let printed = tail.wait().code(143).out();
    assert_eq!(printed.lines().count(), 2, "{printed}");
    if let Some(mut watcher) = watcher {
        watcher.expect_stdout("two");
        watcher.interrupt();
        let printed = watcher.wait().success().out();
        assert_eq!(printed.lines().count(), 2, "{printed}");
    }
}

#[test]
fn marks_are_no_records_for_counts_and_handlers() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("app.log");
    let args = ["emit", "-b", ANY_PORT, "--wait", "60s", "--wait-for", "2", "--engine", "native"];
    let mut emit = zlog(args).stdin_open().start();
    let endpoint = emit.endpoint();
    let marks = Listener::connect(&endpoint, MARKS);
    let tail = ["tail", "--engine", "native", "-n", "2", "--stats", "-o", "text", "-c"];
    let mut tail = zlog(tail).args([&endpoint]).args(["--file", file.to_str().unwrap()]).start();
    emit.write("one\n");
    tail.expect_stdout("one");
    // The mark of an idle topic comes before the second record.
    marks.next();
    emit.write("two\n");
    let finished = tail.wait().success().stdout("one\ntwo\n");
    let total = finished.err().lines().find(|line| line.ends_with(" total")).map(str::to_owned);
    assert_eq!(total.expect("counts").split_whitespace().next(), Some("2"));
    let written = std::fs::read_to_string(&file).unwrap();
    assert_eq!(written.lines().count(), 2, "{written}");
    emit.close_stdin();
    emit.wait().success();
}
