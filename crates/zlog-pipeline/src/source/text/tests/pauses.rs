//! Tracebacks whose lines come one by one, with pauses between them.

use std::fs;

use super::traces::directory;
use super::*;
use crate::source::text::shared::Shared;
use crate::source::text::stream::CurrentBlock;

/// The records of lines that come with these pauses between them, by a simulated clock.
fn read_slowly(text: &str, pause: Duration) -> Vec<Record<'static>> {
    read_slowly_of(StreamSpec::default(), text, pause)
}

fn read_slowly_of(spec: StreamSpec, text: &str, pause: Duration) -> Vec<Record<'static>> {
    let options = LineOptions::default();
    let mut stream = Stream::new(spec, &options);
    let mut shared = Shared {
        counts: LineCounts::default(),
        skip_empty: false,
        explained: None,
        objects: None,
        progress: Arc::default(),
    };
    let (begin, mut elapsed) = (Instant::now(), Duration::ZERO);
    let mut seen = Vec::new();
    for line in text.split_inclusive('\n') {
        elapsed += pause;
        let at = begin + elapsed;
        stream.channels.expire(at);
        let (buffer, received) = (line.as_bytes().to_vec(), 1.8e9 + elapsed.as_secs_f64());
        let block =
            Block { len: buffer.len(), buffer: buffer.into(), received, ..Block::default() };
        let mut current = CurrentBlock { at, block, last: false, ..CurrentBlock::end(0) };
        let _ = stream.channels.deliver(&mut shared, &mut keep(&mut seen)).unwrap();
        let _ = stream.deliver_block(&mut current, &mut shared, &mut keep(&mut seen)).unwrap();
    }
    let mut end = CurrentBlock { at: begin + elapsed, ..CurrentBlock::end(0) };
    let _ = stream.deliver_block(&mut end, &mut shared, &mut keep(&mut seen)).unwrap();
    seen
}

/// The text of the records at ERROR, and the messages of those that they belong to.
fn shown(records: &[Record<'_>]) -> String {
    let mut out = String::new();
    for record in records.iter().filter(|record| record.level >= Level::ERROR) {
        let parts = [Some(&record.msg), record.exc_text.as_ref(), record.stack_info.as_ref()];
        let parts = parts.into_iter().flatten().map(|text| &**text);
        let of = record.extras.iter().filter(|(key, _)| key == "traceback_of");
        for part in parts.chain(of.map(|(_, message)| message.0.trim_matches('"'))) {
            out.push_str(part);
            out.push('\n');
        }
    }
    out
}

/// Lines that say nothing by themselves: source code, rules, further lines of a message.
const SAY_NOTHING: [&str; 7] = [
    "second line) (could not open)",
    "second line) (could not open) ---> System.ArgumentException: first line",
    "Promise.reject(new Error('nobody waits'));",
    "nil.foo if ARGV[0] == \"nil\"",
    "/app/text.js:1",
    "throw 'just text';",
    "  throw new Error('could not start', { cause });",
];

#[test]
fn a_crash_is_shown_at_error_with_its_message_however_slowly_its_lines_come() {
    let says_something = |line: &&str| {
        // A line below ERROR is raised by the traceback that follows at once.
        if line.contains("INFO") {
            return false;
        }
        let is_source = line.trim().chars().all(|c| "=^]".contains(c));
        !is_source && !SAY_NOTHING.contains(line)
    };
    let mut files = 0;
    for entry in fs::read_dir(directory()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ext| ext != "txt") {
            continue;
        }
        files += 1;
        let name = path.file_stem().unwrap().to_string_lossy();
        let text = fs::read_to_string(&path).unwrap();
        let at_once = shown(&read_slowly(&text, Duration::ZERO));
        for millis in [5, 50, 400, 1000] {
            let slowly = shown(&read_slowly(&text, Duration::from_millis(millis)));
            for line in at_once.lines().filter(says_something) {
                assert!(slowly.contains(line), "{name}, {millis} ms: {line}");
            }
        }
    }
    assert!(files > 30, "{files}");
}

/// Headings that say by themselves that a program has failed.
const HEADINGS: [&str; 24] = [
    "Exception in thread \"main\" java.lang.IllegalStateException: boom",
    "java.lang.IllegalStateException: boom",
    "java.lang.NullPointerException",
    "Unhandled exception. System.InvalidOperationException: boom",
    "Unhandled Exception: System.InvalidOperationException: boom",
    "Unhandled exception. Shop.Failure: boom",
    "Unhandled Exception:",
    "Unhandled exception at main.cr:1:1: boom (Exception)",
    "Unhandled rejection Error: boom",
    "Uncaught TypeError: boom is not a function",
    "Uncaught (in promise) Error: boom",
    "TypeError: boom is not a function",
    "Error: boom",
    "ValueError: boom",
    "fatal error: all goroutines are asleep - deadlock!",
    "fatal error: concurrent map writes",
    "SIGSEGV: segmentation violation",
    "panic: boom",
    "thread 'main' panicked at src/main.rs:2:5:",
    "terminate called after throwing an instance of 'std::runtime_error'",
    "PHP Fatal error:  Uncaught Exception: boom in /srv/a.php:3",
    "main.rb:2:in `f': boom (RuntimeError)",
    "** (RuntimeError) boom",
    "Traceback (most recent call last):",
];

#[test]
fn a_heading_of_a_crash_is_an_error_by_itself_also_behind_a_prefix() {
    for heading in HEADINGS {
        for prefix in ["", "web-1  | ", "2026-11-26T12:00:01Z ", "Nov 26 12:00:01 h app[7]: "] {
            let text = format!("{prefix}up\n{prefix}{heading}\n{prefix}on\n");
            for millis in [0, 50, 3000] {
                let records = read_slowly(&text, Duration::from_millis(millis));
                let levels: Vec<_> = records.iter().map(|record| record.level).collect();
                let is_error = levels[0] == Level::INFO && levels[1] >= Level::ERROR;
                assert!(is_error, "{prefix}{heading}, {millis} ms: {records:#?}");
                assert!(shown(&records).contains(&format!("{prefix}{heading}")), "{records:#?}");
            }
        }
    }
}

#[test]
fn text_that_mentions_an_exception_is_no_error() {
    for line in [
        "retrying after TimeoutError: slow",
        "Unhandled exceptions are reported by mail",
        "Uncaught fish: 3",
        "NoErrors: 3",
        "panic mode is off",
        "SIGTERM received",
        "INFO ValueError: handled",
        "2026-11-26 12:00:01 INFO java.lang.Error: handled",
    ] {
        let records = read_slowly(&format!("up\n{line}\n"), Duration::ZERO);
        assert!(records.iter().all(|record| record.level == Level::INFO), "{records:#?}");
    }
}

#[test]
fn a_message_of_perl_is_a_warning_and_an_error_at_the_end_or_with_its_frames() {
    let message = "it failed at main.pl line 3.";
    let frames = "\tmain::f() called at main.pl line 9\n";
    let cases = [
        (format!("{message}\non\n"), Level::WARNING),
        (format!("{message}\n"), Level::ERROR),
        (format!("up\n{message}\n"), Level::ERROR),
        (format!("web-1  | {message}\nweb-1  | on\n"), Level::WARNING),
        (format!("\x1b[31m{message}\x1b[0m\n"), Level::ERROR),
        (format!("{message}\n{frames}on\n"), Level::ERROR),
        (format!("WARNING: {message}\n"), Level::WARNING),
    ];
    for (text, expected) in cases {
        let records = read_slowly(&text, Duration::ZERO);
        let found = records.iter().find(|record| record.msg.contains("it failed")).unwrap();
        assert_eq!(found.level, expected, "{text}");
    }
    let late = read_slowly(&format!("{message}\n{frames}"), Duration::from_millis(400));
    assert_eq!((late[0].level, late[1].level), (Level::WARNING, Level::ERROR));
    assert_eq!(late[1].extras[0].1.0, format!("{message:?}"));
}

#[test]
fn the_rest_of_a_message_that_comes_late_has_the_level_of_its_record_and_names_it() {
    let cases = [
        ("fail: Shop.Web[14]", "      it failed", Level::ERROR),
        ("web-1  | fail: Shop.Web[14]", "web-1  |       it failed", Level::ERROR),
        ("=ERROR REPORT==== 26-Nov-2026::17:50:57 ===", "it failed", Level::ERROR),
    ];
    for (first, second, level) in cases {
        let text = format!("{first}\n{second}\n");
        let joined = read_slowly(&text, Duration::ZERO);
        assert_eq!((joined.len(), joined[0].level), (1, level), "{text}");
        let late = read_slowly(&text, Duration::from_millis(400));
        assert_eq!((late.len(), late[1].level), (2, level), "{text}");
        let (key, message) = late[1].extras.last().unwrap();
        assert_eq!((&**key, &*message.0), ("continuation_of", &*format!("{first:?}")));
        let later = read_slowly(&text, Duration::from_secs(3));
        assert_eq!(later[1].level, Level::INFO, "{text}");
    }
}

#[test]
fn text_after_an_exception_is_the_rest_of_its_message_at_the_end_of_a_command() {
    let spec = StreamSpec { process: Some(7), ..StreamSpec::default() };
    let crash = "Traceback (most recent call last):\n  File \"a.py\", line 1\nE: one\ntwo\n";
    for before in ["", "up\n"] {
        let text = format!("{before}{crash}");
        let records = read_slowly_of(spec, &text, Duration::ZERO);
        assert_eq!(shown(&records).matches("two").count(), 1, "{records:#?}");
        let records = read_slowly_of(spec, &text, Duration::from_millis(50));
        assert_eq!(shown(&records).matches("two").count(), 0, "a message comes at once");
        let records = read_slowly(&text, Duration::ZERO);
        assert_eq!(shown(&records).matches("two").count(), 0, "the stream may be of several");
    }
}
