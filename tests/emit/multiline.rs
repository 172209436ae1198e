//! Tracebacks and other records of several lines.

use std::time::Duration;

use super::{records, text};
use crate::harness::{Listener, emit};

const PYTHON: &str = "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    boom()\nValueError: boom";
const JAVA: &str = "java.lang.IllegalStateException: boom\n\tat com.example.A.run(A.java:7)\nCaused by: java.io.IOException: disk\n\t... 12 more";
const RUST: &str = "thread 'main' panicked at src/main.rs:2:5:\nboom\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace";
const GO: &str =
    "panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/tmp/a.go:4 +0x1d\nexit status 2";

#[test]
fn a_traceback_is_attached_to_the_line_before_it() {
    for (language, traceback) in [("python", PYTHON), ("java", JAVA), ("rust", RUST), ("go", GO)] {
        let input = format!("ERROR request failed\n{traceback}\nINFO next\n");
        let records = records(emit(["-r", "a"]).stdin(input));
        assert_eq!(records.len(), 2, "{language}: {records:#?}");
        assert_eq!(records[0]["msg"], "ERROR request failed", "{language}");
        assert_eq!(text(&records[0], "exc_text"), traceback, "{language}");
        assert_eq!(records[1]["msg"], "INFO next", "{language}");
        assert!(records[1]["exc_text"].is_null(), "{language}");
    }
}

#[test]
fn a_traceback_without_a_line_before_it_is_an_error_with_its_last_line_as_message() {
    let record = &records(emit(["-r", "a"]).stdin(format!("{PYTHON}\n")))[0];
    assert_eq!(record["msg"], "ValueError: boom");
    assert_eq!(record["levelno"], 40);
    assert_eq!(text(record, "exc_text"), PYTHON);
}

#[test]
fn a_crash_after_an_ordinary_line_is_an_error_now_and_after_a_pause() {
    let java = format!("Exception in thread \"main\" {JAVA}");
    for (language, crash) in [("go", GO), ("rust", RUST), ("java", &java), ("python", PYTHON)] {
        let mut emit = emit(["-r", "a"]).stdin_open().start();
        let listener = Listener::connect(&emit.endpoint(), "a.ERROR");
        emit.write(format!("INFO at once\n{crash}\n"));
        let at_once = listener.next().json();
        assert!(text(&at_once, "exc_text").lines().count() > 0, "{language}: {at_once:#}");
        emit.write("ERROR later\n");
        assert_eq!(listener.next().json()["msg"], "ERROR later", "{language}");
        emit.write(format!("{crash}\n"));
        let later = listener.next().json();
        assert_eq!(later["levelname"], "ERROR", "{language}");
        if language == "python" {
            assert_eq!(later["traceback_of"], "ERROR later");
        }
        emit.close_stdin();
        emit.wait().success();
    }
}

#[test]
fn a_record_waits_for_its_traceback_only_for_a_while() {
    let mut emit = emit(["-r", "a", "--multiline-wait", "50ms"]).stdin_open().start();
    let listener = Listener::connect(&emit.endpoint(), "");
    emit.write("ERROR something\n");
    // Nothing follows and the input stays open; the record is published anyway.
    assert_eq!(listener.next().json()["msg"], "ERROR something");
    emit.close_stdin();
    emit.wait().success();
}

#[test]
fn a_record_waits_for_its_traceback_for_as_long_as_was_set() {
    let mut emit = emit(["-r", "a", "--multiline-wait", "1h"]).stdin_open().start();
    let listener = Listener::connect(&emit.endpoint(), "");
    emit.write("ERROR something\n");
    assert_eq!(listener.try_next(Duration::from_millis(300)), None);
    emit.write("Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nKeyError: 7\n");
    emit.close_stdin();
    let record = listener.next().json();
    assert_eq!(record["msg"], "ERROR something");
    assert!(text(&record, "exc_text").ends_with("KeyError: 7"), "{record}");
    emit.wait().success();
}

#[test]
fn an_endless_traceback_is_published_in_bounded_pieces_without_loss() {
    let frame = "  File \"a.py\", line 1, in recurse\n    recurse()\n";
    let input = format!("ERROR deep\nTraceback (most recent call last):\n{}", frame.repeat(60_000));
    let records = records(emit(["-r", "a"]).stdin(input.clone()));
    assert!(records.len() > 1, "one record of {} bytes", input.len());
    let mut lines = 0;
    for record in &records {
        let size = text(record, "msg").len() + text(record, "exc_text").len();
        assert!(size < 2 << 20, "a record of {size} bytes");
        let exc = text(record, "exc_text");
        // A piece may repeat one line of its own as its message.
        lines += exc.lines().count();
        if !exc.contains(text(record, "msg")) {
            lines += text(record, "msg").lines().count();
        }
    }
    assert_eq!(lines, input.lines().count());
}

#[test]
fn a_multiline_pattern_marks_the_first_line_of_a_record() {
    let input = "# one\n  more of one\nand more\n# two\n";
    let records = records(emit(["-r", "a", "--multiline", "^#"]).stdin(input));
    assert_eq!(records.len(), 2, "{records:#?}");
    assert_eq!(records[0]["msg"], "# one\n  more of one\nand more");
    assert_eq!(records[1]["msg"], "# two");
}

#[test]
fn without_multiline_every_line_is_a_record() {
    let input = format!("ERROR failed\n{PYTHON}\n");
    let records = records(emit(["-r", "a", "--no-multiline"]).stdin(input.clone()));
    let messages: Vec<_> = records.iter().map(|record| text(record, "msg")).collect();
    assert_eq!(messages, input.lines().collect::<Vec<_>>());
}

#[test]
fn tracebacks_of_stdout_and_stderr_are_not_mixed() {
    let script = "printf 'ERROR out\\n  plain\\n'; printf 'Traceback (most recent call last):\\n  File \"x\"\\nE: e\\n' >&2";
    let records = records(emit(["--", "sh", "-c", script]));
    let out = records.iter().find(|record| text(record, "msg") == "ERROR out").unwrap();
    assert!(out["exc_text"].is_null(), "{records:#?}");
}

#[test]
fn the_tracebacks_of_several_containers_are_records_of_their_own_at_error() {
    let names = ["web-1  | ", "db-1   | "];
    let both = |line: &str| names.map(|name| format!("{name}{line}\n")).concat();
    let input: String = ["INFO up"].into_iter().chain(PYTHON.lines()).map(both).collect();
    let mut records = records(emit(["-r", "a"]).stdin(input));
    records.retain(|record| record["levelno"] == 40);
    assert_eq!(records.len(), 2, "{records:#?}");
    for (record, name) in records.iter().zip(names) {
        let lines: Vec<String> = PYTHON.lines().map(|line| format!("{name}{line}")).collect();
        assert_eq!(text(record, "exc_text"), lines.join("\n"));
        assert_eq!(text(record, "msg"), format!("{name}ValueError: boom"));
    }
}

#[test]
fn output_that_follows_a_traceback_at_once_keeps_its_own_level() {
    let records = records(emit(["-r", "a"]).stdin(format!("{PYTHON}\nworking\non\n")));
    let found: Vec<_> =
        records.iter().map(|record| (text(record, "msg"), record["levelno"].as_i64())).collect();
    assert_eq!(found, [("ValueError: boom", Some(40)), ("working", Some(20)), ("on", Some(20))]);
}
