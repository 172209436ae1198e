use proptest::prelude::*;

use super::*;

/// A record as the tests see it: message, traceback, orphan without a heading of its own.
type Seen = (String, Option<String>, bool);

/// Stands for the parser: lines of these programs begin with a level.
fn is_record(line: &str) -> bool {
    line.starts_with("INFO") || line.starts_with("ERROR")
}

fn feed(options: &Options, lines: &[&str]) -> Vec<Seen> {
    feed_with_pauses(options, lines, |_| false).0
}

/// Offers lines; the wait expires after each line for which `pause` is true.
fn feed_with_pauses(
    options: &Options,
    lines: &[&str],
    pause: impl Fn(usize) -> bool,
) -> (Vec<Seen>, u64) {
    let mut assembler = Assembler::new(options.clone());
    let mut records = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        while assembler.offer(line, Tag::default(), &mut is_record) == Offer::TakeFirst {
            take(&mut assembler, &mut records);
        }
        if pause(at) {
            assembler.expire();
            while take(&mut assembler, &mut records) {}
        }
    }
    assembler.expire();
    while take(&mut assembler, &mut records) {}
    (records, assembler.cuts())
}

fn take(assembler: &mut Assembler, records: &mut Vec<Seen>) -> bool {
    let Some(record) = assembler.peek() else { return false };
    let rest = [record.trace, record.stack].into_iter().flatten().collect::<Vec<_>>().join("\n");
    let trace = record.trace.or(record.stack);
    // The head is a copy if it lies in one of the other parts.
    let range = trace.map(|trace| trace.as_bytes().as_ptr_range());
    let is_copy = range.is_some_and(|range| range.contains(&record.head.as_ptr()));
    let is_known = is_record(record.head);
    records.push((record.head.into(), trace.map(|_| rest), is_copy));
    if !is_copy {
        assembler.note_format(is_known, None);
    }
    assembler.pop();
    true
}

/// The only record of these lines.
fn only(text: &str) -> Seen {
    let lines: Vec<&str> = text.split('\n').chain(["INFO: next"]).collect();
    let mut records = feed(&Options::default(), &lines);
    assert_eq!(records.pop(), Some(("INFO: next".into(), None, false)), "{text}");
    assert_eq!(records.len(), 1, "{records:#?}");
    records.remove(0)
}

/// All lines of the records, which are the lines that were offered.
fn lines_of(records: &[Seen]) -> Vec<String> {
    let mut lines = Vec::new();
    for (head, trace, orphan) in records {
        if !orphan {
            lines.extend(head.split('\n').map(String::from));
        }
        if let Some(trace) = trace {
            lines.extend(trace.split('\n').map(String::from));
        }
    }
    lines
}

fn one_record(head: &str, trace: &str) {
    let mut lines = vec![head];
    lines.extend(trace.split('\n'));
    lines.push("INFO: next");
    let records = feed(&Options::default(), &lines);
    let whole = vec![(head.into(), Some(trace.into()), false), ("INFO: next".into(), None, false)];
    assert_eq!(records, whole, "a traceback after a line belongs to it");
}

fn orphan(summary: &str, trace: &str) {
    assert_eq!(only(trace), (summary.into(), Some(trace.into()), true));
}

/// A traceback on its own whose first lines are its message.
fn headed(head: &str, trace: &str) {
    let rest = trace.strip_prefix(head).and_then(|rest| rest.strip_prefix('\n')).unwrap();
    assert_eq!(only(trace), (head.into(), Some(rest.into()), false));
}

const PYTHON: &str = "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\n    ~^^\nValueError: boom";
const CHAINED: &str = "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\nKeyError: 'x'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"a.py\", line 3, in f\n    h()\n__main__.Wrong: second";
const CAUSED: &str = "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nKeyError: 'x'\n\nThe above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\n  File \"a.py\", line 3, in f\nRuntimeError";
const GROUP: &str = "  + Exception Group Traceback (most recent call last):\n  |   File \"a.py\", line 1, in <module>\n  |     raise g\n  | ExceptionGroup: two (2 sub-exceptions)\n  +-+---------------- 1 ----------------\n    | ValueError: 1\n    +---------------- 2 ----------------\n    | TypeError: 2\n    +------------------------------------";
const JAVA: &str = "java.lang.IllegalStateException: no\n\tat com.example.Main.run(Main.java:10)\n\tat java.base/java.lang.Thread.run(Thread.java:829) ~[?:?]\nCaused by: java.io.IOException: disk\n\tat com.example.Disk.read(Disk.java:3)\n\t... 12 more\n\tSuppressed: java.lang.Exception: close\n\t\tat com.example.Disk.close(Disk.java:9)";
const RUST: &str = "thread 'main' panicked at src/main.rs:2:5:\nindex out of bounds\nstack backtrace:\n   0: rust_begin_unwind\n             at /rustc/1/library/std/src/panicking.rs:645:5\n   1: core::panicking::panic_fmt\nnote: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.";
const RUST_ASSERT: &str = "thread 'a b' (4711) panicked at src/lib.rs:9:1:\nassertion `left == right` failed\n  left: 1\n right: 2\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace";
const RUST_OLD: &str = "thread 'main' panicked at 'boom', src/main.rs:2:5\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace";
const GO: &str = "panic: boom [recovered]\n\tpanic: boom\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x46a1e1]\n\ngoroutine 1 [running]:\nmain.(*T).Do(0xc00001, {0x1, 0x2})\n\t/tmp/x.go:4 +0x1d\nmain.main()\n\t/tmp/x.go:9 +0x25\n\ngoroutine 7 [select, 2 minutes]:\nnet/http.(*Server).Serve(...)\n\t/usr/lib/go/x.go:1\ncreated by main.main in goroutine 1\n\t/tmp/x.go:7 +0x11\nexit status 2";
const NODE: &str = "TypeError: Cannot read properties of undefined (reading 'x')\n    at f (/app/a.js:1:2)\n    at async Promise.all (index 0)\n    at node:internal/main/run_main_module:28:49 {\n  code: 'ENOENT',\n  errno: -2\n}";
const DOTNET: &str = "Unhandled exception. System.InvalidOperationException: no\n   at App.Program.Main(String[] args) in C:\\app\\Program.cs:line 12\n   --- End of inner exception stack trace ---\n   at App.X()";

#[test]
fn tracebacks_belong_to_the_line_they_follow() {
    let all = [PYTHON, CHAINED, CAUSED, GROUP, JAVA, RUST, RUST_ASSERT, RUST_OLD, GO, NODE, DOTNET];
    for trace in all {
        one_record("ERROR: it failed", trace);
    }
    one_record("ERROR: x", "\tat com.example.Main.run(Main.java:10)\n\tat a.B.c(Native Method)");
    one_record(
        "http: panic serving 127.0.0.1:1: boom",
        "goroutine 5 [running]:\nmain.f()\n\t/x.go:1",
    );
    one_record(
        "SyntaxError soon",
        "  File \"<stdin>\", line 1\n    a b\n      ^\nSyntaxError: invalid syntax",
    );
    one_record(
        "go: out",
        "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:\nmain.main()\n\t/x.go:3 +0x1",
    );
}

/// AWS Lambda logs the exception before its traceback.
#[test]
fn an_exception_is_the_message_of_the_traceback_below_it() {
    one_record("[ERROR] ValueError: x", PYTHON);
    one_record("ValueError: x", PYTHON);
}

#[test]
fn the_properties_of_a_rejected_promise_belong_to_it() {
    let rejection = "[UnhandledPromiseRejection: This error originated inside of a promise] {\n  code: 'ERR_UNHANDLED_REJECTION'\n}\n\nNode.js v20.20.2";
    let frame =
        "node:internal/process/promises:288\n      triggerUncaughtException(err, true);\n      ^\n";
    assert_eq!(only(rejection).1.as_deref(), Some(rejection));
    let framed = format!("{frame}\n{rejection}");
    assert_eq!(only(&framed).1, Some(framed));
}

#[test]
fn an_orphan_has_its_most_informative_line_as_head() {
    orphan("ValueError: boom", PYTHON);
    orphan("__main__.Wrong: second", CHAINED);
    orphan("RuntimeError", CAUSED);
    orphan("ExceptionGroup: two (2 sub-exceptions)", GROUP);
    headed("java.lang.IllegalStateException: no", JAVA);
    headed("thread 'main' panicked at src/main.rs:2:5:\nindex out of bounds", RUST);
    headed("thread 'main' panicked at 'boom', src/main.rs:2:5", RUST_OLD);
    headed(GO.split("\n\n").next().unwrap(), GO);
    headed("TypeError: Cannot read properties of undefined (reading 'x')", NODE);
    headed("Unhandled exception. System.InvalidOperationException: no", DOTNET);
}

#[test]
fn lines_that_only_look_like_a_traceback_stay_records() {
    let lines = [
        "INFO: a",
        "java.lang.Exception: mentioned",
        "TypeError: mentioned too",
        "    at noon we eat",
        "",
        "",
        "Traceback is a word",
        "goroutine pool started",
        "  indented",
    ];
    let records = feed(&Options::default(), &lines);
    let plain: Vec<Seen> = lines.iter().map(|line| (String::from(*line), None, false)).collect();
    assert_eq!(records, plain);
}

#[test]
fn an_empty_line_after_a_traceback_is_a_record_unless_the_traceback_continues() {
    let mut lines: Vec<&str> = PYTHON.split('\n').collect();
    lines.extend(["", "INFO: on"]);
    let records = feed(&Options::default(), &lines);
    assert_eq!(records[0], ("ValueError: boom".into(), Some(PYTHON.into()), true));
    assert_eq!(records[1..], [(String::new(), None, false), ("INFO: on".into(), None, false)]);
}

/// The layout of Microsoft.Extensions.Logging.Console, from its documentation.
#[test]
fn the_lines_of_dotnets_console_logger_are_one_record() {
    let lines = [
        "info: Microsoft.Hosting.Lifetime[0]",
        "      Now listening on: http://localhost:5000",
        "      and on another port",
        "fail: App.Orders[17]",
        "      Order 3 failed",
        "      System.InvalidOperationException: no",
        "         at App.Orders.Run() in /src/Orders.cs:line 12",
        "         --- End of inner exception stack trace ---",
        "warn: App[0]",
        "not indented",
    ];
    let records = feed(&Options::default(), &lines);
    let traces: Vec<usize> =
        records.iter().map(|record| record.1.as_ref().map_or(0, |it| it.lines().count())).collect();
    assert_eq!((records.len(), &traces[..]), (4, &[0, 2, 0, 0][..]));
    assert_eq!(records[0].0, lines[..3].join("\n"));
    assert_eq!(records[1].0, lines[3..6].join("\n"));
}

/// Where the lines of a stream have a known format, others are parts of messages.
#[test]
fn a_message_of_several_lines_belongs_to_its_traceback_if_other_lines_have_a_known_format() {
    let trace = format!(
        "{PYTHON}\nsecond line\n\tthird\n\nDuring handling of the above exception, another exception occurred:\n\n{PYTHON}\nlast line"
    );
    one_record("ERROR: it failed", &trace);
    let lines: Vec<&str> = PYTHON.split('\n').chain(["working", "on"]).collect();
    let plain: Vec<&str> = ["started"].into_iter().chain(lines.iter().copied()).collect();
    let heads = |lines: &[&str]| {
        let records = feed(&Options::default(), lines);
        records.into_iter().map(|record| record.0).collect::<Vec<_>>()
    };
    assert_eq!(heads(&plain), ["started", "working", "on"], "no line has a known format");
    let known = [&["INFO: started"], &lines[..]].concat();
    assert_eq!(heads(&known), ["INFO: started"]);
    let mixed = [&["a line", "INFO: started"], &lines[..]].concat();
    assert_eq!(heads(&mixed), ["a line", "INFO: started", "working", "on"], "not every line has");
    let two = [&["INFO: started"], &lines[..], &PYTHON.split('\n').collect::<Vec<_>>()].concat();
    assert_eq!(heads(&two), ["INFO: started", "working", "on"], "a traceback has its own line");
}

/// The records of a traceback and what follows it, `pause` seconds later.
fn after_a_traceback(head: Option<&str>, pause: f64, rest: &[&str]) -> Vec<Seen> {
    let mut assembler = Assembler::new(Options::default());
    let mut records = Vec::new();
    let lines = head.into_iter().chain(PYTHON.split('\n')).map(|line| (line, 0.0));
    for (line, pause) in lines.chain(rest.iter().map(|line| (*line, pause))) {
        let received = 1e9 + pause;
        let tag = Tag { received, ..Tag::default() };
        while assembler.offer(line, tag, &mut is_record) == Offer::TakeFirst {
            take(&mut assembler, &mut records);
        }
    }
    assembler.expire();
    while take(&mut assembler, &mut records) {}
    records
}

#[test]
fn text_after_an_exception_is_its_message_if_the_stream_or_the_line_above_says_so() {
    let cases: [(Option<&str>, f64, &[&str], usize); 9] = [
        // Where other lines have a known format, a pause does not matter.
        (Some("INFO: up"), 0.001, &["second line"], 1),
        (Some("INFO: up"), 0.08, &["second line", "third"], 1),
        (Some("INFO: up"), 0.001, &["second line", "INFO: on"], 2),
        // It may be the output of the program.
        (None, 0.001, &["working", "on"], 3),
        (Some("started"), 0.001, &["working", "on"], 3),
        // A record of a known format comes next: the stream has one.
        (None, 0.001, &["second line", "INFO: on"], 2),
        (Some("started"), 0.001, &["working", "INFO: on"], 3),
        // SQLAlchemy's and PostgreSQL's additions.
        (None, 0.5, &["[SQL: SELECT 1]", "working"], 2),
        (None, 0.5, &["LINE 1: SELECT x", "          ^", "working"], 2),
    ];
    for (head, pause, rest, expected) in cases {
        let records = after_a_traceback(head, pause, rest);
        assert_eq!(records.len(), expected, "{head:?}, {rest:?} after {pause} s: {records:#?}");
    }
}

#[test]
fn a_line_that_announces_more_is_followed_by_a_line_of_the_message() {
    for (last, expected) in [("ValueError: bad values:", 2), ("ValueError: (", 2), ("E: bad", 3)] {
        let lines =
            ["Traceback (most recent call last):", "  File \"a.py\", line 1", last, "- one", "on"];
        let records = feed(&Options::default(), &lines);
        assert_eq!(records.len(), expected, "{last}: {records:#?}");
    }
}

#[test]
fn a_line_of_a_message_that_comes_after_the_wait_is_a_part_of_the_traceback() {
    for (first, expected) in [("INFO: up", true), ("started", false)] {
        let mut assembler = Assembler::new(Options::default());
        let mut records = Vec::new();
        for (at, line) in [first].into_iter().chain(PYTHON.split('\n')).enumerate() {
            while assembler.offer(line, Tag::default(), &mut is_record) == Offer::TakeFirst {
                take(&mut assembler, &mut records);
            }
            if at == 0 {
                assembler.expire();
                take(&mut assembler, &mut records);
            }
        }
        assembler.expire();
        take(&mut assembler, &mut records);
        assert_eq!(assembler.offer("second line", Tag::default(), &mut is_record), Offer::Taken);
        assembler.expire();
        let late = assembler.peek().unwrap();
        assert_eq!((late.orphan, late.continues), (expected, expected), "{first}");
    }
}

#[test]
fn the_lines_of_a_traceback_that_come_apart_are_parts_of_it_but_not_what_comes_much_later() {
    const RUBY: &str = "a.rb:2:in `f': x (E)\n\tfrom a.rb:9:in `<main>'";
    const RACE: &str = "WARNING: DATA RACE\nRead at 0x00c0 by goroutine 7:\n  main.main()";
    for trace in [PYTHON, CHAINED, CAUSED, RUST, RUST_OLD, GO, RUBY, RACE] {
        for prefix in ["", "web-1  | ", "2026-11-26T12:00:01Z "] {
            let lines: Vec<&str> = trace.split('\n').chain(["any line"]).collect();
            let whole: Vec<String> = lines.iter().map(|line| format!("{prefix}{line}")).collect();
            let parts = parts_that_come_apart(whole.iter().map(|line| (&**line, 0.0)));
            for (line, is_part) in lines.iter().zip(parts) {
                let expected = !line.is_empty() && *line != "any line";
                assert_eq!(is_part, expected, "{prefix}{line:?} of {trace}");
            }
        }
    }
    // Only the first line has a prefix.
    let elixir =
        ["12:00:01 [error] ** (RuntimeError) x", "    a.exs:4: A.f/1", "    a.exs:5: A.g/1", "x"];
    assert_eq!(
        parts_that_come_apart(elixir.map(|line| (line, 0.0)).into_iter()),
        [true, true, true, false]
    );
    // The name of a field may be any text.
    let pydantic = [
        "Traceback (most recent call last):",
        "E: 1 validation error for M",
        "number",
        "  Field required",
        "x",
        "y",
        "z",
        "  indented",
    ];
    let parts = parts_that_come_apart(pydantic.map(|line| (line, 0.0)).into_iter());
    assert_eq!(parts, [true, true, false, true, false, false, false, false]);
    let parts = parts_that_come_apart(PYTHON.split('\n').zip([0.0, 0.5, 3.0, 3.1]));
    assert_eq!(parts, [true, true, false, false]);
}

/// Which of these lines are tracebacks, if each ends the wait for the next one.
fn parts_that_come_apart<'l>(lines: impl Iterator<Item = (&'l str, f64)>) -> Vec<bool> {
    let mut assembler = Assembler::new(Options::default());
    let mut parts = Vec::new();
    for (line, received) in lines {
        let tag = Tag { received, ..Tag::default() };
        assert_eq!(assembler.offer(line, tag, &mut is_record), Offer::Taken);
        assembler.expire();
        parts.push(assembler.peek().unwrap().orphan);
        assembler.pop();
    }
    parts
}

#[test]
fn two_tracebacks_in_a_row_are_two_records() {
    let twice = format!("{PYTHON}\n{PYTHON}");
    let lines: Vec<&str> = twice.split('\n').collect();
    let records = feed(&Options::default(), &lines);
    assert_eq!(records, vec![("ValueError: boom".into(), Some(PYTHON.into()), true); 2]);
}

#[test]
fn json_objects_on_one_line_are_records_and_one_on_several_lines_is_one() {
    let cases: [(&[&str], &[&str]); 6] = [
        (&[r#"{"a":1}{"b":"}{"} {"c":{}}"#], &[r#"{"a":1}"#, r#"{"b":"}{"}"#, r#"{"c":{}}"#]),
        (
            &["{", r#"  "msg": "x","#, r#"  "list": ["#, "    1", "  ]", "}", "{", "}"],
            &["{\n  \"msg\": \"x\",\n  \"list\": [\n    1\n  ]\n}", "{\n}"],
        ),
        (&[r#"{"a": {"#, r#""b": 1}}"#, "INFO: next"], &["{\"a\": {\n\"b\": 1}}", "INFO: next"]),
        // What looks like an object and is none stays lines.
        (&["{", "INFO: next"], &["{", "INFO: next"]),
        (&["{", "\"a\": 1", "", "}"], &["{", "\"a\": 1", "", "}"]),
        (&["{", "\"a\": 1} and more", "x"], &["{", "\"a\": 1} and more", "x"]),
    ];
    for (lines, expected) in cases {
        let records = feed(&Options::default(), lines);
        let heads: Vec<&str> = records.iter().map(|record| &*record.0).collect();
        assert_eq!(heads, expected);
        assert!(records.iter().all(|record| record.1.is_none()));
        let off = Options { json: false, ..Options::default() };
        assert_eq!(feed(&off, lines).len(), lines.len());
    }
}

#[test]
fn json_objects_and_empty_lines_are_delivered_at_once() {
    for line in [r#"{"msg":"x"}"#, ""] {
        let mut assembler = Assembler::new(Options::default());
        assert_eq!(assembler.offer(line, Tag::default(), &mut is_record), Offer::Taken);
        assert_eq!(assembler.peek().map(|record| record.head), Some(line));
    }
}

#[test]
fn a_line_that_exceeds_a_limit_starts_a_record_that_continues_the_traceback() {
    let options = Options { max_lines: 3, ..Options::default() };
    let lines: Vec<&str> = PYTHON.split('\n').collect();
    let (records, cuts) = feed_with_pauses(&options, &lines, |_| false);
    assert_eq!(cuts, 1);
    assert_eq!(records.len(), 2);
    assert_eq!(lines_of(&records), lines);
    assert_eq!(records[1].1.as_deref(), Some("    ~^^\nValueError: boom"));
    assert!(records[1].2, "the rest is a traceback, not an ordinary line");
}

#[test]
fn a_long_first_line_leaves_room_for_its_traceback() {
    let options = Options { max_bytes: PYTHON.len() + 1, ..Options::default() };
    let long = "x".repeat(5000);
    let mut lines = vec![long.as_str()];
    lines.extend(PYTHON.split('\n'));
    let (records, cuts) = feed_with_pauses(&options, &lines, |_| false);
    assert_eq!((records.len(), cuts), (1, 0));
}

#[test]
fn matching_lines_start_records_and_other_lines_are_appended() {
    let start = Regex::new(r"^\d{4}").unwrap();
    let options = Options { rules: Rules::Starts(start), ..Options::default() };
    let records = feed(&options, &["lost", "  and found", "2024 a", " b", "", "c", "2025 d"]);
    let heads: Vec<&str> = records.iter().map(|record| record.0.as_str()).collect();
    assert_eq!(heads, ["lost\n  and found", "2024 a\n b\n\nc", "2025 d"]);
    assert!(records.iter().all(|record| record.1.is_none()));
}

#[test]
fn without_rules_each_line_is_a_record() {
    let options = Options { rules: Rules::Off, ..Options::default() };
    let lines: Vec<&str> = PYTHON.split('\n').collect();
    let records = feed(&options, &lines);
    assert_eq!(lines_of(&records), lines);
    assert_eq!(records.len(), lines.len());
}

fn any_line() -> impl Strategy<Value = String> {
    let known: Vec<String> = [PYTHON, CHAINED, GROUP, JAVA, RUST, RUST_OLD, GO, NODE, DOTNET]
        .iter()
        .flat_map(|trace| trace.split('\n').map(String::from))
        .chain(["", "", "fatal error: x", "{}", "java.lang.Error", "INFO: x"].map(String::from))
        .collect();
    prop_oneof![4 => proptest::sample::select(known), 1 => "[ -~]{0,12}"]
}

proptest! {
    #[test]
    fn no_line_is_lost_or_duplicated(
        lines in proptest::collection::vec(any_line(), 0..60),
        pauses in proptest::collection::vec(any::<bool>(), 60),
        max_lines in 1usize..12,
        max_bytes in 1usize..300,
        rules in 0..3,
    ) {
        let rules = match rules {
            0 => Rules::Off,
            1 => Rules::Starts(Regex::new("^[a-zA-Z]").unwrap()),
            _ => Rules::Tracebacks,
        };
        let options = Options { rules, max_lines, max_bytes, ..Options::default() };
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let (records, _) = feed_with_pauses(&options, &lines, |at| pauses[at]);
        prop_assert_eq!(lines_of(&records), lines);
    }
}

/// Printed by CPython: tests/data/lines/tracebacks.py.
const BY_PYTHON: &str = include_str!("../../tests/data/lines/tracebacks.txt");

#[test]
fn each_traceback_of_cpython_is_one_record() {
    for case in BY_PYTHON.split("# ").filter(|case| !case.is_empty()) {
        let (summary, trace) = case.split_once('\n').unwrap();
        orphan(summary, trace.trim_end());
        one_record("ERROR: it failed", trace.trim_end());
    }
}
