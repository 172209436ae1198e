//! `--input`: stored records and other programs' logs.

use serde_json::{Value, json};

use super::{lines, shell};
use crate::harness::{Message, emit, published, python, zlog};

/// Lines of many loggers, each with its level column and its `text` output.
const LOGS: [(&str, &str, &str); 11] = [
    (r#"{"level":"warn","ts":1700000000.5,"msg":"zap","user":5}"#, "WARNING", "zap"),
    (r#"{"level":50,"time":1531171082399,"pid":3,"hostname":"h","msg":"pino"}"#, "ERROR", "pino"),
    (r#"{"timestamp":"2026-01-02T03:04:05Z","severity":"ERROR","message":"gcp"}"#, "ERROR", "gcp"),
    (r#"ts=2026-01-02T03:04:05Z level=info msg="a logfmt line" user=bob"#, "INFO", "a logfmt line"),
    (
        "2026-01-02 03:04:05,123 - root - ERROR - python",
        "ERROR",
        "2026-01-02 03:04:05,123 - root - ERROR - python",
    ),
    ("plain text", "-", "plain text"),
    (r#"{"neither":"a message"}"#, "-", r#"{"neither":"a message"}"#),
    ("<11>syslog", "ERROR", "syslog"),
    (r#"{"log":"docker\n","stream":"stdout","time":"2026-01-02T03:04:05.5Z"}"#, "-", "docker"),
    (r#"{"MESSAGE":"journald","PRIORITY":"2","__REALTIME_TIMESTAMP":"1"}"#, "CRITICAL", "journald"),
    (r#"  {"level":"error","msg":"indented"}"#, "ERROR", "indented"),
];

#[test]
fn any_json_logfmt_or_plain_log_is_rendered() {
    let log: String = LOGS.iter().map(|(line, ..)| format!("{line}\n")).collect();
    let text = zlog(["tail", "-o", "text", "--input", "-"]).stdin(log.clone()).run().success();
    let expected: String = LOGS.iter().map(|(.., message)| format!("{message}\n")).collect();
    assert_eq!(text.out(), expected);
    let pretty = zlog(["tail", "--time-format", "%H", "--input", "-"]).stdin(log).run().success();
    for (line, (_, level, _)) in pretty.out().lines().zip(LOGS) {
        assert_eq!(line.split_whitespace().nth(1), Some(level), "{line}");
    }
}

#[test]
fn text_output_gives_back_tracebacks_without_a_line_twice() {
    let traces = [
        "INFO: up\nTraceback (most recent call last):\n  File \"a.py\", line 1\nE: x\n",
        "Traceback (most recent call last):\n  File \"a.py\", line 1\nE: x\n",
        "thread 'main' panicked at src/main.rs:2:5:\nboom\nnote: run with RUST_BACKTRACE=1\n",
        "INFO: up\npanic: boom\n\ngoroutine 1 [running]:\nmain.main()\n",
        "INFO: up\nStack (most recent call last):\n  File \"a.py\", line 1\nINFO: on\n",
        "Stack (most recent call last):\n  File \"a.py\", line 1\n",
    ];
    for trace in traces {
        zlog(["tail", "-o", "text", "--input", "-"]).stdin(trace).run().success().stdout(trace);
    }
}

#[test]
fn a_crash_is_shown_at_level_error_and_a_call_stack_is_not() {
    let crash = "2026-11-26 01:00:00 INFO up\npanic: boom\n\ngoroutine 1 [running]:\nmain.main()\n";
    let tail = |input| {
        let tail = zlog(["tail", "-l", "error", "-o", "json", "--input", "-"]).stdin(input);
        tail.run().success().out()
    };
    assert_eq!(tail(crash).lines().count(), 1);
    let stack = "2024-01-02 03:04:05,678 INFO app: here\nStack (most recent call last):\n  File \"a.py\", line 3, in <module>\n    f()\n";
    assert_eq!(tail(stack), "");
}

#[test]
fn a_missing_file_is_named_with_the_directory_where_it_was_looked_for() {
    let missing = zlog(["tail", "--input", "no-such.log"]).run().code(1).stdout("");
    missing.stderr_has("no-such.log: no such file or directory\n  It was looked for in /");
}

#[test]
fn a_file_from_windows_is_read() {
    let log = "\u{feff}{\"level\":\"error\",\"msg\":\"first\"}\r\n{\"msg\":\"second\"}\r\n";
    let tail = zlog(["tail", "-o", "text", "--input", "-"]).stdin(log);
    tail.run().success().stdout("first\nsecond\n");
}

#[test]
fn unknown_fields_are_kept() {
    let (line, ..) = LOGS[0];
    let out = zlog(["tail", "--input", "-"]).stdin(line).run().success().out();
    assert_eq!(out, "2023-11-14 22:13:20.500  WARNING  zap  user=5\n");
}

#[test]
fn a_traceback_belongs_to_the_line_before_it() {
    let log = "ERROR it failed\nTraceback (most recent call last):\n  File \"x.py\", line 1, in f\nOSError: full\nINFO next\n";
    let out = zlog(["tail", "-o", "json", "--input", "-"]).stdin(log).run().success().out();
    let records: Vec<Value> = out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(records.len(), 2, "{out}");
    assert!(records[0]["exc_text"].as_str().unwrap().ends_with("OSError: full"));
}

/// The output of `tail -o json` for stored lines.
#[track_caller]
fn json_of(stored: impl Into<Vec<u8>>) -> Vec<u8> {
    zlog(["tail", "-o", "json", "--input", "-"]).stdin(stored).run().success().stdout
}

#[test]
fn json_is_read_back_byte_for_byte() {
    let odd = [
        json!({"topic": "app.ERROR.db", "name": "app", "msg": "%s", "args": ["x"], "levelno": 40,
            "exc_text": "Traceback\n  a\u{1b}[2J", "stack_info": "Stack", "lineno": 3,
            "funcName": "f", "pathname": "/x/y.py", "filename": "y.py", "module": "y",
            "msecs": 500.25, "relativeCreated": 12.5, "thread": 140_000_000_000_000_i64,
            "threadName": "MainThread", "process": 17, "processName": "p", "taskName": "t",
            "hostname": "h", "source": "s:1", "seq": 3, "user": "bob", "nested": {"a": [1, null]}}),
        json!({"msg": "", "levelno": 0}),
        json!({"msg": "caf\\xe9", "fault": "not UTF-8", "received": 1.25, "levelno": 35}),
        json!({"msg": "\u{0}\u{202e}\u{9b}\"\\\n\u{1f600}", "topic": "t", "levelname": "LOUD"}),
    ];
    let log: String = LOGS.iter().map(|(line, ..)| format!("{line}\n")).collect();
    let once = json_of(lines(odd) + &log);
    let twice = json_of(once.clone());
    assert_eq!(String::from_utf8(once).unwrap(), String::from_utf8(twice).unwrap());
}

#[test]
fn json_of_a_live_tail_is_read_back_byte_for_byte() {
    let mut emit = emit(["--test", "200", "--seed", "7"]).start();
    let tail = zlog(["tail", "-o", "json", "-n", "200", &emit.endpoint()]).run().success();
    emit.wait().success();
    assert_eq!(tail.out().lines().count(), 200);
    let again = json_of(tail.stdout.clone());
    assert_eq!(String::from_utf8(tail.stdout).unwrap(), String::from_utf8(again).unwrap());
}

#[test]
fn stored_records_look_as_live_ones_did() {
    let mut emit = emit(["--test", "50", "--seed", "7"]).start();
    let endpoint = emit.endpoint();
    let stored = zlog(["tail", "-o", "json", "-n", "50", &endpoint]).run().success().stdout;
    emit.wait().success();
    for output in ["pretty", "text", "logfmt"] {
        let shown = |bytes: Vec<u8>| {
            zlog(["tail", "-o", output, "--input", "-"]).stdin(bytes).run().success().out()
        };
        assert_eq!(shown(stored.clone()), shown(json_of(stored.clone())), "{output}");
    }
}

#[test]
fn files_and_stdin_are_read_in_the_given_order() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("a"), "a\n").unwrap();
    std::fs::write(path("b"), "b").unwrap();
    let tail = zlog(["tail", "-o", "text", "--input", &path("b"), "-", &path("a")]);
    tail.stdin("stdin").run().success().stdout("b\nstdin\na\n");
}

#[test]
fn an_unreadable_file_is_named_and_the_others_are_shown() {
    let directory = tempfile::tempdir().unwrap();
    let [good, missing] = ["good", "missing"].map(|name| directory.path().join(name));
    std::fs::write(&good, "hello\n").unwrap();
    for args in [&[][..], &["-n", "1"][..]] {
        let tail = zlog(["tail", "-o", "text"]).args(args).args(["--input"]);
        let finished = tail.args([&missing, &good]).run().code(1).stdout("hello\n");
        finished.stderr_has("missing: no such file or directory");
    }
    let tail = zlog(["tail", "-o", "text"]).args(["--input"]).args([directory.path(), &good]);
    tail.run().code(1).stdout("hello\n").stderr_has("is a directory");
}

#[test]
fn stored_records_are_filtered_by_topic_level_and_count() {
    let records = || {
        lines([
            json!({"topic": "app.INFO", "msg": "a"}),
            json!({"topic": "app.ERROR", "msg": "b", "levelno": 40}),
            json!({"name": "web", "msg": "c", "levelno": 40}),
        ])
    };
    let shown = |args: &[&str]| {
        zlog(["tail", "-o", "text"]).args(args).args(["--input", "-"]).stdin(records()).run()
    };
    shown(&["app"]).success().stdout("a\nb\n");
    shown(&["--level", "error"]).success().stdout("b\nc\n");
    shown(&["--root", "web"]).success().stdout("c\n");
    shown(&["--not", "app", "--not", "x"]).success().stdout("c\n");
    shown(&["-n", "1"]).success().stdout("a\n");
    shown(&["--stats"]).success().stderr_has("ERROR     app");
}

#[test]
fn gaps_in_stored_numbers_are_reported() {
    let records = [1, 2, 5].map(|seq| json!({"topic": "a.INFO", "source": "s", "seq": seq}));
    let tail = zlog(["tail", "--fail-on-loss", "--input", "-"]).stdin(lines(records)).run();
    tail.code(3).stderr_has("lost 2 records of s, topic a.INFO");
}

#[test]
fn reorder_sorts_stored_records_of_several_files() {
    let directory = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| directory.path().join(name));
    let made = |at: f64| json!({"msg": at.to_string(), "created": at});
    std::fs::write(&one, lines([1.5, 3.5, 5.5].map(made))).unwrap();
    std::fs::write(&two, lines([2.5, 4.5].map(made))).unwrap();
    let tail = zlog(["tail", "-o", "text", "--reorder", "1ms", "--input"]).args([&one, &two]);
    tail.run().success().stdout("1.5\n2.5\n3.5\n4.5\n5.5\n");
}

#[test]
fn records_from_a_pipe_are_shown_while_it_pauses() {
    for args in [&[][..], &["--reorder", "10ms"][..]] {
        let mut tail = zlog(["tail", "-o", "text", "--input", "-"]).args(args).stdin_open().start();
        tail.write("first\n");
        tail.expect_stdout("first");
        tail.write("second\n");
        tail.expect_stdout("second");
        tail.close_stdin();
        tail.wait().success();
    }
}

#[test]
fn an_endless_input_ends_at_a_signal() {
    let directory = tempfile::tempdir().unwrap();
    let first = directory.path().join("first.log");
    std::fs::write(&first, "first\n").unwrap();
    // An endless file of NULs has always more to read, and never a record.
    let input = ["--input", first.to_str().unwrap(), "--input", "/dev/zero"];
    let mut tail = zlog(["tail", "-o", "text"]).args(input).start();
    tail.expect_stdout("first");
    tail.interrupt();
    tail.wait().code(130);
}

#[test]
fn input_and_endpoints_exclude_each_other() {
    zlog(["tail", "--connect", "tcp://127.0.0.1:1", "--input", "-"]).run().code(2);
    let both = zlog(["tail", "tcp://127.0.0.1:1", "--input", "-"]).run();
    both.code(2).stderr_has("tcp://127.0.0.1:1");
}

#[test]
fn a_hundred_thousand_lines_are_complete() {
    let script = r#"seq 1 100000 | sed 's/.*/{"msg":"line &","levelno":20}/' |
        zlog tail -o text --input - | cksum
        seq 1 100000 | sed 's/^/line /' | cksum"#;
    let out = shell(script).wait().success().out();
    let sums: Vec<&str> = out.lines().collect();
    assert_eq!(sums[0], sums[1]);
}

/// Escapes make JSON longer than its message. A line that is written must not be longer than
/// a line that is read.
#[test]
fn the_longest_line_is_written_and_read_back_as_one_record() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str| directory.path().join(name).to_str().expect("UTF-8").to_owned();
    let tail = |input: &str, output: &str| {
        zlog(["tail", "--input", input, "-o", output]).run().success().stdout
    };
    let (text, stored) = (file("text"), file("stored.json"));
    let longest = "\u{1}".repeat(16 << 20);
    std::fs::write(&text, format!("{longest}\n")).expect("written");
    let first = tail(&text, "json");
    assert!(first.len() > 6 * longest.len(), "each takes six bytes");
    std::fs::write(&stored, &first).expect("written");
    assert!(tail(&stored, "json") == first, "it is one record");
    assert!(tail(&stored, "text") == format!("{longest}\n").into_bytes());
    // A longer line is read as a whole, too.
    let longer = format!("{}\n", "x".repeat(17 << 20));
    std::fs::write(&text, &longer).expect("written");
    assert!(tail(&text, "text") == longer.clone().into_bytes());
    assert_eq!(tail(&text, "json").iter().filter(|byte| **byte == b'\n').count(), 1);

    for source in [["--file", &stored], ["--replay", &stored]] {
        let (messages, _) = published(emit(["-r", "app"]).args(source));
        let [message] = &messages[..] else { panic!("{source:?}: {} messages", messages.len()) };
        assert!(message.json()["msg"] == longest, "{source:?}");
    }
}

/// Python's `json` reads the output: a reader of zlog's JSON must not lose the record.
#[test]
fn json_that_python_cannot_read_is_kept_as_text_marked_and_counted() {
    let deep = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let number = "7".repeat(5000);
    let values = [deep(64), deep(65), deep(100_000), number.clone(), "9".repeat(4300)];
    let quoted = [false, true, true, true, false];
    let lines = values.iter().map(|value| {
        format!(r#"{{"msg":"m","levelno":40,"before":1,"value":{value},"after":"x"}}"#)
    });
    let args = [deep(65), deep(100_000)];
    let with_args =
        args.iter().map(|value| format!(r#"{{"msg":"m %s","levelno":40,"args":[{value}]}}"#));
    let input: String = lines.chain(with_args).map(|line| line + "\n").collect();

    let stored = zlog(["tail", "--input", "-", "-o", "json"]).stdin(input.clone()).run().success();
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("in.json");
    std::fs::write(&file, &input).expect("written");
    let file = file.to_str().expect("UTF-8");
    for source in [&["--file", file][..], &["--replay", file]] {
        let (messages, emitted) = published(emit(["-r", "app"]).args(source));
        let bodies: Vec<String> = messages.iter().map(Message::text).collect();
        let stored = stored.out();
        for lines in [bodies, stored.lines().map(str::to_owned).collect()] {
            assert_eq!(lines.len(), values.len() + args.len());
            for (at, line) in lines.iter().enumerate().take(values.len()) {
                let record: Value = match quoted[at] {
                    // Python checks the others below.
                    true => serde_json::from_str(line).expect("JSON"),
                    false => continue,
                };
                assert_eq!(record["value"], values[at], "the text of it");
                assert_eq!((&record["before"], &record["after"]), (&json!(1), &json!("x")));
            }
            if let Some(python) = python() {
                let mut reader = python.script("json_lines", &[]);
                reader.write(lines.join("\n") + "\n");
                reader.close_stdin();
                assert_eq!(reader.wait().success().out(), format!("{}\n", lines.len()));
            }
        }
        emitted.stderr_has("5 with a value nested too deep or a number too long (sent as text)");
    }
    let fault = "a value is nested too deep, or a number too long: it is kept as text";
    assert_eq!(stored.out().matches(fault).count(), 5);
}

#[test]
fn text_output_gives_back_tracebacks_behind_prefixes() {
    let traceback = "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    f()\nValueError: x";
    for prefix in ["web-1  | ", "Nov 26 12:00:01 host app[123]: ", "2026-11-26T12:00:01.5Z "] {
        let lines = ["up"].into_iter().chain(traceback.lines()).chain(["on"]);
        let log: String = lines.map(|line| format!("{prefix}{line}\n")).collect();
        let text = zlog(["tail", "-o", "text", "--input", "-"]).stdin(log.clone()).run().success();
        assert_eq!(text.out(), log);
        let errors = zlog(["tail", "-o", "text", "-l", "error", "--strict-level", "--input", "-"])
            .stdin(log)
            .run()
            .success();
        assert!(errors.out().contains(&format!("{prefix}ValueError: x\n")), "{}", errors.out());
    }
}

#[test]
fn a_since_in_the_future_is_reported() {
    let tail =
        |since: &str| zlog(["tail", "--since", since, "--input", "-"]).stdin("x\n").run().err();
    let said = tail("tomorrow");
    assert!(said.contains("--since tomorrow is in the future: no record passes before"), "{said}");
    assert!(!tail("yesterday").contains("future"));
}

#[test]
fn topics_that_the_lines_of_a_log_do_not_have_are_explained() {
    let log = "2026-01-01 10:00:00 INFO hello\n2026-01-01 10:00:01 ERROR full\n";
    for select in ["--root=app", "app.ERROR"] {
        let tail = zlog(["tail", select, "--input", "-"]).stdin(log).run().success();
        tail.stderr_has("none of 2 records passes").stderr_has("the topic of a line is its level");
    }
    let none = zlog(["tail", "--input", "-", "-l", "critical"]).stdin(log).run().success();
    none.stderr_has("none of 2 records passes").stderr_lacks("the topic of a line");
}
