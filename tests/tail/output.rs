//! Output: `--output --utc --time-format --separator --align --show --hide`.

use serde_json::{Value, json};

use super::{body, lines, tail};
use crate::harness::zlog;

/// A record with every field that `pretty` shows.
fn full() -> Value {
    json!({
        "topic": "app.ERROR.db", "name": "app", "levelno": 40, "msg": "disk %s is full",
        "args": ["sda"], "source": "web1:17:abcd", "seq": 7, "created": 1.5,
        "exc_text": "Traceback (most recent call last):\n  File \"x.py\", line 1\nOSError: full",
        "tries": 3, "user": "bob",
    })
}

/// The output of `tail` with `args` for stored records.
#[track_caller]
fn shown(args: &[&str], records: impl IntoIterator<Item = Value>) -> String {
    let tail = zlog(["tail"]).args(args).args(["--input", "-"]).stdin(lines(records));
    tail.run().success().out()
}

#[test]
fn pretty_shows_time_level_topic_message_extras_and_the_traceback_indented() {
    let expected = "\
1970-01-01 00:00:01.500  ERROR    app.db  disk sda is full  tries=3 user=bob
    Traceback (most recent call last):
      File \"x.py\", line 1
    OSError: full
";
    assert_eq!(shown(&[], [full()]), expected);
    assert_eq!(shown(&["-o", "pretty"], [full()]), expected);
}

#[test]
fn show_and_hide_choose_the_fields() {
    let cases: [(&[&str], &str); 6] = [
        (&["--show", "name"], "ERROR    app  disk sda is full  tries=3 user=bob\n"),
        (
            &["--show", "topic,source"],
            "ERROR    app.ERROR.db  web1:17:abcd  disk sda is full  tries",
        ),
        (&["--hide", "extras"], "ERROR    app.db  disk sda is full\n"),
        (&["--hide", "tries"], "ERROR    app.db  disk sda is full  user=bob\n"),
        (
            &["--hide", "extras,level", "--show", "user"],
            "500  app.db  disk sda is full  user=bob\n",
        ),
        (
            &["--hide", "time", "--hide", "exc_text"],
            "ERROR    app.db  disk sda is full  tries=3 user=bob\n",
        ),
    ];
    for (args, line) in cases {
        let out = shown(args, [full()]);
        assert!(out.contains(line), "{args:?}: {out}");
        assert_eq!(out.contains("Traceback"), !args.contains(&"exc_text"), "{args:?}: {out}");
    }
}

#[test]
fn alignment_cuts_nothing() {
    let long = "long.".repeat(40);
    let records = [
        json!({"topic": "a.INFO", "msg": "first"}),
        json!({"topic": long, "msg": "x".repeat(5000), "source": "s".repeat(300)}),
        json!({"topic": "a.INFO", "msg": "last"}),
    ];
    let out = shown(&[], records);
    for text in [&long, &"x".repeat(5000)] {
        assert!(out.contains(text.as_str()));
    }
    assert_eq!(out.lines().count(), 3);
}

#[test]
fn messages_are_aligned_unless_no_align_is_given() {
    let records = || ["a.INFO", "abc.INFO", "b.INFO"].map(|t| json!({"topic": t, "msg": "here"}));
    let columns =
        |out: &str| -> Vec<usize> { out.lines().map(|line| line.find("here").unwrap()).collect() };
    let aligned = columns(&shown(&[], records()));
    assert_eq!(aligned[1], aligned[2]);
    let ragged = columns(&shown(&["--no-align"], records()));
    assert_eq!(ragged[1], ragged[2] + 2);
    assert!(shown(&["--separator", " | "], records()).contains("a | here"));
}

#[test]
fn times_are_local_or_utc_in_the_given_format() {
    let shown = |args: &[&str]| {
        let tail = zlog(["tail", "--input", "-"]).args(args).env("TZ", "Asia/Tokyo");
        tail.stdin(lines([json!({})])).run().success().out()
    };
    assert!(shown(&[]).starts_with("1970-01-01 09:00:01.500  INFO"));
    assert!(shown(&["--utc"]).starts_with("1970-01-01 00:00:01.500  INFO"));
    assert!(shown(&["--time-format", "%H:%M"]).starts_with("09:00  INFO"));
    for (preset, time) in [
        ("short", "09:00:01.500  "),
        ("full", "1970-01-01 09:00:01.500  "),
        ("iso", "1970-01-01T09:00:01.500000+09:00  "),
        ("rfc3339", "1970-01-01T09:00:01.500000+09:00  "),
        ("unix", "1.500000  "),
        ("unix-ms", "1500  "),
        ("elapsed", "+0.000     "),
        ("delta", "+0.000     "),
    ] {
        let shown = shown(&["--time-format", preset]);
        assert!(shown.starts_with(&format!("{time}INFO")), "{preset}: {shown}");
    }
    assert!(shown(&["--utc", "--dateformat", "%d.%m.%y"]).starts_with("01.01.70  INFO"));
    let shown = shown(&["--timestamp", "-o", "text", "--time-format", "%H"]);
    assert_eq!(shown, "09  | hello\n");
}

#[test]
fn a_wrong_time_format_is_wrong_usage() {
    zlog(["tail", "--time-format", "%!"]).run().code(2).stderr_has("%!");
}

#[test]
fn the_time_of_arrival_is_marked_when_the_sender_gave_none() {
    let (publisher, tail) = tail(&["-n", "1"]);
    publisher.send(["app.INFO", "hello"]);
    let out = tail.wait().success().out();
    // Date and time, the mark, level, topic, message.
    let words: Vec<&str> = out.split_whitespace().collect();
    let [_, time, "INFO", "app", "hello"] = words[..] else { panic!("{out:?}") };
    assert!(time.ends_with('~'), "{out:?}");
}

#[test]
fn text_is_the_message_and_its_traceback_as_python_writes_them() {
    let expected = "disk sda is full\nTraceback (most recent call last):\n  File \"x.py\", line 1\nOSError: full\n";
    assert_eq!(shown(&["-o", "text"], [full()]), expected);
}

#[test]
fn text_with_a_timestamp_looks_as_zmq_log_prints_it() {
    let record = || [json!({"topic": "app.INFO"})];
    let out = shown(&["-o", "text", "--timestamp"], record());
    assert_eq!(out, "1970-01-01 00:00:01.500 app.INFO | hello\n");
    let out = shown(&["-o", "text", "--timestamp", "--separator", ": "], record());
    assert_eq!(out, "1970-01-01 00:00:01.500 app.INFO: hello\n");
    let two = || ["a.INFO", "abc.INFO"].map(|t| json!({"topic": t, "created": 0}));
    let out =
        shown(&["-o", "text", "--timestamp", "--align"], [two()[1].clone(), two()[0].clone()]);
    let bars: Vec<_> = out.lines().map(|line| line.find('|')).collect();
    assert_eq!(bars[0], bars[1], "{out}");
}

#[test]
fn logfmt_is_one_line_that_is_read_back() {
    let out = shown(&["-o", "logfmt"], [full()]);
    assert_eq!(out.lines().count(), 1, "{out}");
    for pair in ["level=error", "topic=app.ERROR.db", "msg=\"disk sda is full\"", "user=bob"] {
        assert!(out.contains(pair), "{pair} in {out}");
    }
    let again = zlog(["tail", "-o", "text", "--input", "-"]).stdin(out).run().success();
    assert!(again.out().starts_with("disk sda is full\nTraceback"), "{}", again.out());
}

#[test]
fn json_is_one_record_a_line_with_every_field() {
    let out = shown(&["-o", "json"], [full()]);
    assert_eq!(out.lines().count(), 1);
    let record: Value = serde_json::from_str(&out).unwrap();
    for (key, value) in full().as_object().unwrap() {
        assert_eq!(&record[key], value, "{key}");
    }
}

#[test]
fn raw_is_the_body_byte_for_byte() {
    let (publisher, tail) = tail(&["-o", "raw", "-n", "3"]);
    publisher.send(["app.INFO", r#"{ "msg" : "spaced" }"#]);
    publisher.send([b"app.INFO".as_slice(), b"\xff\x00\x1b[2J"]);
    publisher.send(["app.INFO", ""]);
    tail.wait().success().stdout(b"{ \"msg\" : \"spaced\" }\n\xff\x00\x1b[2J\n\n");
}

#[test]
fn raw_works_neither_with_stored_records_nor_with_reorder() {
    zlog(["tail", "-o", "raw", "--input", "-"]).run().code(2).stderr_has("--output json");
    zlog(["tail", "-o", "raw", "--reorder", "1s"]).run().code(2).stderr_has("--reorder");
}

#[test]
fn a_record_is_shown_at_once() {
    for output in ["pretty", "json", "logfmt", "text", "raw"] {
        let (publisher, mut tail) = tail(&["-o", output]);
        for text in ["first", "second"] {
            publisher.send(["app.INFO".to_owned(), body(json!({"msg": text}))]);
            tail.expect_stdout(text);
        }
        tail.terminate();
        tail.wait().code(143);
    }
}
