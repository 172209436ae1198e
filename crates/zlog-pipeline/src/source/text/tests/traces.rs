//! Tracebacks: which lines are one record, and its level.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

const PYTHON: &str = "Traceback (most recent call last):\n  File \"a.py\", line 1\nE: x\n";
const STACK: &str = "Stack (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\n";

/// Output of real runtimes: see `make.py` there.
pub(super) fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../zlog-core/tests/data/traces")
}

/// One line for each record that is not empty: the level, the number of lines in `exc_text` and
/// `stack_info`, and the first line of the message.
fn summary(records: &[Record<'_>]) -> String {
    let lines = |text: &Option<_>| text.as_deref().map_or(0, |text: &str| text.split('\n').count());
    let mut out = String::new();
    for record in records.iter().filter(|record| !record.msg.is_empty()) {
        let message = record.msg.lines().next().unwrap_or_default();
        let (exc, stack) = (lines(&record.exc_text), lines(&record.stack_info));
        writeln!(out, "{} {exc} {stack} {message}", record.level_name()).unwrap();
    }
    out
}

#[test]
fn the_tracebacks_of_real_runtimes_are_one_record_each_at_error() {
    let mut found = String::new();
    let mut paths: Vec<PathBuf> =
        fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ext| ext == "txt"));
    paths.sort();
    for path in &paths {
        let name = path.file_stem().unwrap().to_string_lossy();
        let (records, counts) = read_all(&fs::read(path).unwrap());
        assert_eq!(counts.cuts, 0, "{name}");
        writeln!(found, "# {name}\n{}", summary(&records)).unwrap();
    }
    if std::env::var_os("ZLOG_UPDATE").is_some() {
        fs::write(directory().join("expected"), &found).unwrap();
    }
    let expected = fs::read_to_string(directory().join("expected")).unwrap();
    for (found, expected) in found.split("# ").zip(expected.split("# ")) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len(), "a file is missing");
}

#[test]
fn the_last_words_of_a_runtime_are_an_error_of_their_own() {
    for line in [
        "PHP Fatal error:  Allowed memory size of 134217728 bytes exhausted in /x.php on line 3",
        "PHP Parse error:  syntax error, unexpected end of file in /x.php on line 9",
        "thread 'main' has overflowed its stack",
        "fatal runtime error: stack overflow",
        "Exception: java.lang.OutOfMemoryError thrown from the UncaughtExceptionHandler",
        "java.lang.OutOfMemoryError: Java heap space",
        "# A fatal error has been detected by the Java Runtime Environment:",
        "test.rb:1:in `foo': unhandled exception",
        "[UnhandledPromiseRejection: This error originated either by throwing inside of a",
        "terminate called after throwing an instance of 'std::runtime_error'",
        "Segmentation fault (core dumped)",
    ] {
        let (records, _) = read_all(format!("INFO up\n{line}\n").as_bytes());
        let error = records.iter().find(|record| record.level == Level::ERROR);
        assert!(error.is_some_and(|error| error.msg.contains(&line[..8])), "{line}: {records:?}");
    }
}

#[test]
fn a_traceback_in_colours_is_a_traceback() {
    let java = "Exception in thread \"main\" java.lang.X: y\n\tat a.B.c(B.java:1)\n";
    let rust = "thread 'main' panicked at src/main.rs:2:5:\nboom\n";
    for crash in [PYTHON, java, rust] {
        let lines = crash.lines().map(|line| format!("\x1b[1;31m{line}\x1b[0m\n"));
        let text = format!("INFO up\n{}", lines.collect::<String>());
        let (records, _) = read_all(text.as_bytes());
        let errors = records.iter().filter(|record| record.level == Level::ERROR).count();
        assert_eq!(errors, 1, "{text}: {records:?}");
        assert!(records.len() <= 2, "{text}: {records:?}");
    }
}

#[test]
fn a_crash_is_an_error_whether_it_comes_with_the_line_before_it_or_later() {
    let crashes = [
        "panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/s/m.go:1 +0x1\nexit status 2\n",
        "Exception in thread \"main\" java.lang.Error: x\n\tat a.B.c(B.java:1)\n\t... 3 more\n",
        "thread 'main' panicked at src/main.rs:2:5:\nboom\n",
        PYTHON,
        "java.lang.Error: x\n\tat a.B.c(B.java:1)\n",
    ];
    for crash in crashes {
        for head in ["2026-11-26 01:00:00 INFO up\n", "no level\n", "WARNING: odd\n", "ERROR: e\n"]
        {
            for pause in [false, true] {
                let records = read_with_pause(head, crash, pause);
                let errors = records.iter().filter(|record| record.level >= Level::ERROR).count();
                let is_error = head.starts_with("ERROR");
                let expected = if is_error && pause { 2 } else { 1 };
                assert_eq!(errors, expected, "{head}{crash}pause: {pause}");
            }
        }
    }
}

/// The records of two texts. With a pause, the second comes when the first was delivered.
fn read_with_pause(first: &str, second: &str, pause: bool) -> Vec<Record<'static>> {
    let (mut source, [reader]) = TextSource::of([StreamSpec::default()], &LineOptions::default());
    let mut seen = Vec::new();
    reader.send(block(first.as_bytes())).unwrap();
    if pause {
        poll_until(&mut source, &mut seen, |seen| seen.len() == 1);
    }
    reader.send(block(second.as_bytes())).unwrap();
    reader.send(ReaderEvent::End).unwrap();
    seen.extend(all(&mut source));
    seen
}

#[test]
fn a_crash_after_a_line_without_an_error_is_a_record_of_its_own() {
    let records = read_with_pause("INFO: up\n", "panic: boom\n\ngoroutine 1 [running]:\n", false);
    assert_eq!(messages(&records), ["INFO: up", "panic: boom"]);
    assert_eq!((records[0].level, records[1].level), (Level::INFO, Level::ERROR));
    assert_eq!(records[1].exc_text.as_deref(), Some("\ngoroutine 1 [running]:"));
}

#[test]
fn a_traceback_raises_its_record_to_error_whatever_level_the_line_or_the_user_names() {
    let input = format!("INFO: a\n{PYTHON}working\n{PYTHON}CRITICAL: c\n{PYTHON}");
    for level in [Level::DEBUG, Level::INFO] {
        let spec = StreamSpec { level, process: Some(7) };
        let (mut source, [reader]) = TextSource::of([spec], &LineOptions::default());
        reader.send(block(input.as_bytes())).unwrap();
        reader.send(ReaderEvent::End).unwrap();
        let records = all(&mut source);
        assert_eq!(messages(&records), ["INFO: a", "working", "CRITICAL: c"]);
        let levels: Vec<Level> = records.iter().map(|record| record.level).collect();
        assert_eq!(levels, [Level::ERROR, Level::ERROR, Level::CRITICAL]);
        assert_eq!(records[1].exc_text.as_deref(), Some(PYTHON.trim_end()));
    }
}

#[test]
fn a_traceback_without_a_line_before_it_is_an_error() {
    let (records, _) = read_all(PYTHON.as_bytes());
    assert_eq!((&*records[0].msg, records[0].level), ("E: x", Level::ERROR));
    assert!(records[0].received.is_some_and(|at| at > 1e9));
}

#[test]
fn a_call_stack_belongs_to_its_record_and_raises_nothing() {
    for (head, level) in [("INFO: here\n", Level::INFO), ("ERROR: here\n", Level::ERROR)] {
        let records = read_with_pause(head, STACK, false);
        assert_eq!(records.len(), 1, "{records:#?}");
        assert_eq!(
            (records[0].level, records[0].stack_info.as_deref()),
            (level, Some(STACK.trim_end()))
        );
        assert_eq!(records[0].exc_text, None);

        let late = read_with_pause(head, STACK, true);
        assert_eq!(late.len(), 2, "{late:#?}");
        assert_eq!((late[1].level, late[1].stack_info.as_deref()), (level, Some(STACK.trim_end())));
    }
    let both = read_with_pause("INFO: here\n", &format!("{PYTHON}{STACK}"), false);
    assert_eq!((both.len(), both[0].level), (1, Level::ERROR));
    assert_eq!(both[0].exc_text.as_deref(), Some(PYTHON.trim_end()));
    assert_eq!(both[0].stack_info.as_deref(), Some(STACK.trim_end()));
}

#[test]
fn a_late_traceback_names_the_record_that_it_belongs_to() {
    let records = read_with_pause("ERROR: it \"failed\"\n", PYTHON, true);
    assert_eq!(messages(&records), ["ERROR: it \"failed\"", "E: x"]);
    let (key, value) = &records[1].extras[0];
    assert_eq!((&**key, &*value.0), ("traceback_of", r#""ERROR: it \"failed\"""#));
    let records = read_with_pause("", PYTHON, false);
    assert!(records[0].extras.is_empty(), "it follows nothing");
}

#[test]
fn a_crash_some_time_after_a_line_that_reports_no_error_does_not_name_that_line() {
    for (head, is_named) in [
        ("INFO: step 1\n", false),
        ("step 1\n", false),
        ("it failed\n", true),
        ("WARNING: x\n", true),
        ("ERROR: x\n", true),
    ] {
        let records = read_with_pause(head, PYTHON, true);
        assert_eq!((records.len(), records[1].level), (2, Level::ERROR), "{head}");
        assert_eq!(!records[1].extras.is_empty(), is_named, "{head}");
    }
}

#[test]
fn the_rest_of_a_traceback_that_comes_later_is_an_error_too_and_names_the_same_record() {
    let rest = ["    boom()\n", "ValueError: boom\n", PYTHON];
    for (head, level) in [("INFO: up\n", Level::ERROR), ("CRITICAL: c\n", Level::CRITICAL)] {
        let begin = format!("{head}Traceback (most recent call last):\n  File \"a.py\", line 1\n");
        let (mut source, [reader]) =
            TextSource::of([StreamSpec::default()], &LineOptions::default());
        let mut seen = Vec::new();
        for (at, text) in [&*begin].into_iter().chain(rest).enumerate() {
            reader.send(block(text.as_bytes())).unwrap();
            poll_until(&mut source, &mut seen, |seen| seen.len() == at + 1);
        }
        let levels: Vec<Level> = seen.iter().map(|record| record.level).collect();
        assert_eq!(levels, [level, Level::ERROR, Level::ERROR, Level::ERROR]);
        let names = |record: &Record<'_>| {
            record.extras.iter().map(|(key, value)| format!("{key}={}", value.0)).collect()
        };
        let names: Vec<String> = seen.iter().map(names).collect();
        let of = format!("traceback_of={:?}", head.trim_end());
        assert_eq!(names, ["", &of, &of, ""], "the last traceback is another one");
    }
}

#[test]
fn only_a_line_after_which_a_traceback_is_likely_waits_for_one() {
    let cases = [
        ("INFO: line 1\n", false),
        ("plain\n", false),
        ("{\"msg\":\"x\"}\n", false),
        ("\n", false),
        ("WARNING: half\nINFO", true),
        ("ERROR: it failed\n", true),
        ("could not connect: the request failed\n", true),
        ("java.lang.IllegalStateException: x\n", true),
        ("Traceback (most recent call last):\n", true),
        ("{\n", true),
    ];
    // Longer than the test, so that no clock ends a wait.
    let multiline = multiline::Options { wait: DEADLINE * 100, ..multiline::Options::default() };
    let options = LineOptions { multiline, ..LineOptions::default() };
    for (input, waits) in cases {
        let (mut source, [reader]) = TextSource::of([StreamSpec::default()], &options);
        reader.send(block(input.as_bytes())).unwrap();
        let mut seen = Vec::new();
        // The first poll ends the wait of a line that has none, the second one delivers it.
        for _ in 0..2 {
            source.poll(Duration::ZERO, &mut keep(&mut seen)).unwrap();
        }
        assert_eq!(seen.is_empty(), waits, "{input}");
    }
}

#[test]
fn what_ends_a_program_is_a_record_of_its_own_at_error() {
    for crash in [
        // Rust, PHP, Java, JavaScript, Elixir, Swift, C and C++, the shell
        "fatal runtime error: stack overflow",
        "PHP Fatal error:  Allowed memory size of 1 bytes exhausted in /a.php on line 3",
        "PHP Parse error:  syntax error, unexpected end of file in /a.php on line 3",
        "Fatal error: Allowed memory size of 1 bytes exhausted in /a.php on line 3",
        "Parse error: syntax error, unexpected end of file in /a.php on line 3",
        "Exception: java.lang.StackOverflowError thrown from the UncaughtExceptionHandler",
        "java.lang.OutOfMemoryError: Java heap space",
        "[UnhandledPromiseRejection: This error originated inside of an async function]",
        "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
        "error: Uncaught (in promise) Error: no",
        "** (EXIT from #PID<0.98.0>) shutdown",
        "*** Program crashed: Illegal instruction at 0x1 ***",
        "*** stack smashing detected ***: terminated",
        "double free or corruption (out)",
        "Segmentation fault (core dumped)",
        "Aborted",
        "Bus error",
        "Illegal instruction",
        "Floating point exception",
        "Killed",
        // With frames
        "Fatal Python error: Aborted\n\nCurrent thread 0x7f (most recent call first):\n  File \"a\"",
        "fatal error: all goroutines are asleep\n\ngoroutine 1 [running]:\nmain.main()\n\t/a.go:3",
        "SIGQUIT: quit\nPC=0x1 m=0\n\ngoroutine 1 [running]:\nmain.main()\n\t/a.go:3 +0x1",
        "Unhandled Exception:\nSystem.Exception: no\n  at A.B () [0x00000] in a.cs:3",
        "PHP Fatal error:  Uncaught Exception: no in /a.php:3\nStack trace:\n#0 {main}",
        "WARNING: DATA RACE\nWrite at 0x00c000012088 by goroutine 7:\n  main.main.func1()",
        "# A fatal error has been detected by the Java Runtime Environment:\n#\n#  SIGSEGV",
    ] {
        let records = read_with_pause("INFO: up\n", &format!("{crash}\n"), false);
        let levels: Vec<Level> = records.iter().map(|record| record.level).collect();
        assert_eq!(levels, [Level::INFO, Level::ERROR], "{crash}");
    }
}
