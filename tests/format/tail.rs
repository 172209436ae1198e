//! `tail --format`: output, and errors at the start.

use serde_json::{Value, json};

use crate::harness::{Finished, zlog};

/// Runs `tail` with `args` on stored records.
fn tail(args: &[&str], records: &[Value]) -> Finished {
    let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
    zlog(["tail", "--utc", "--input", "-"]).args(args).stdin(lines).run()
}

fn record() -> Value {
    json!({
        "topic": "app.ERROR.db", "name": "app", "levelno": 40, "msg": "disk %s is full",
        "args": ["sda"], "created": 1.5, "msecs": 500.0, "lineno": 42,
        "exc_text": "Traceback:\n  File", "user": "bob", "hostname": "web1",
    })
}

#[track_caller]
fn shown(args: &[&str]) -> String {
    tail(args, &[record()]).success().stderr_lacks("did not fit").out()
}

#[test]
fn a_format_string_gives_the_output_of_python() {
    let format = "%(asctime)s %(levelname)-8s %(name)s:%(lineno)04x %(message)s";
    let expected =
        "1970-01-01 00:00:01,500 ERROR    app:002a disk sda is full\nTraceback:\n  File\n";
    assert_eq!(shown(&["--format", format]), expected);
    let format = "{asctime} {levelname:<8} {name}:{lineno:04x} {message}";
    assert_eq!(shown(&["--format", format]), expected);
    let format = "${levelname} $name $$5 $message on $hostname, ${topic}";
    let expected = "ERROR app $5 disk sda is full on web1, app.ERROR.db\nTraceback:\n  File\n";
    assert_eq!(shown(&["--format", format]), expected);
}

#[test]
fn ready_made_formats_go_by_name() {
    assert_eq!(shown(&["--format", "basic"]), "ERROR:app:disk sda is full\nTraceback:\n  File\n");
    assert_eq!(shown(&["--format", "bare"]), "disk sda is full\nTraceback:\n  File\n");
    assert_eq!(shown(&["--format", "syslog"]), "app: disk sda is full#012Traceback:#012  File\n");
    for name in ["pretty", "logfmt"] {
        assert_eq!(shown(&["--format", name]), shown(&["--output", name]), "{name}");
    }
    assert!(shown(&["--format", "json"]).starts_with(r#"{"topic":"app.ERROR.db","#));
}

#[test]
fn times_follow_datefmt_or_have_milliseconds() {
    let with = |args: &[&str]| {
        let all = [&["--format", "%(asctime)s|%(levelno)d"], args].concat();
        shown(&all).lines().next().unwrap().to_owned()
    };
    assert_eq!(with(&[]), "1970-01-01 00:00:01,500|40");
    assert_eq!(with(&["--datefmt", "%H:%M:%S"]), "00:00:01|40");
    assert_eq!(with(&["--time-format", "%S.%3f"]), "01.500|40");
    assert_eq!(with(&["--msec-format", "%s.%03dZ"]), "1970-01-01 00:00:01.500Z|40");
    assert_eq!(with(&["--msec-format", ""]), "1970-01-01 00:00:01|40");
}

#[test]
fn an_unknown_field_is_refused_with_a_list_of_the_known_ones() {
    let refused = tail(&["--format", "%(levlname)s"], &[]).code(2);
    let refused = refused.stderr_has("unknown field \"levlname\": did you mean levelname?");
    let refused = refused.stderr_has("asctime, created, filename");
    refused.stderr_has("--extra NAME");
    tail(&["--format", "%(user)s"], &[]).code(2).stderr_has("\"user\"");
}

#[test]
fn extras_are_declared_and_may_have_a_default() {
    let records = [record(), json!({"msg": "m", "levelno": 20})];
    let format = ["--format", "{user}:{message}"];
    let shown = tail(&[&format[..], &["--extra", "user=nobody"]].concat(), &records).success();
    shown.stdout("bob:disk sda is full\nTraceback:\n  File\nnobody:m\n");
    let shown = tail(&[&format[..], &["--extra", "user"]].concat(), &records).success();
    let shown = shown.stderr_has("1 record did not fit --format");
    let last = shown.out().lines().last().unwrap().to_owned();
    assert_eq!(last, "[unformatted: {user}: the record has no user] INFO:root:m");
    let number = ["--format", "%(tries)03d|%(message)s", "--extra", "tries=0"];
    tail(&number, &records[1..]).success().stdout("000|m\n");
    let misfit = ["--format", "%(tries)03d", "--extra", "tries=none"];
    tail(&misfit, &[]).code(2).stderr_has("whose default is \"none\"");
}

#[test]
fn a_record_that_does_not_fit_is_shown_with_the_reason() {
    let records = [
        json!({"msg": "a", "name": "x", "levelno": 20, "tries": "many"}),
        json!({"msg": "b %d", "args": ["x"], "tries": 2, "exc_text": "Traceback"}),
        json!({"msg": "c", "tries": 3}),
    ];
    let format = ["--format", "%(tries)d %(message)s", "--extra", "tries"];
    let shown = tail(&format, &records).success().stderr_has("2 records did not fit --format");
    let expected = "[unformatted: %(tries)d needs a number] INFO:x:a\n\
                    2 [unformatted: needs a number] b %d [\"x\"]\nTraceback\n3 c\n";
    shown.stdout(expected);
}

#[test]
fn invalid_formats_are_refused_at_the_start() {
    let cases = [
        ("%(message)z", "unknown conversion"),
        ("%(message)d", "needs a number"),
        ("%(message)99999s", "1000 characters"),
        ("%(message)s %s", "names no field"),
        ("{message:d}", "needs a number"),
        ("{message!x}", "!r, !s or !a"),
        ("{message:{lineno}}", "can't be nested"),
        ("{message", "not closed"),
        ("$message $", "$$ for a dollar sign"),
        ("{message} %(name)s", "more than one style"),
        ("no field", "not a ready-made format"),
        ("jsn", "Did you mean json?"),
    ];
    for (format, why) in cases {
        tail(&["--format", format], &[]).code(2).stderr_has(why);
    }
    for style in ["%", "percent", "{", "brace"] {
        tail(&["--format", "{message} %(name)s", "--style", style], &[]).success();
    }
    let dollar = tail(&["--format", "{message}", "--style", "$"], &[]).code(2);
    dollar.stderr_has("read in style $, whose fields look like ${message}");
    tail(&["--format", "json", "--style", "{"], &[]).code(2).stderr_has("has no style");
    tail(&["--format", "json", "-o", "json"], &[]).code(2).stderr_has("cannot be used with");
    tail(&["--extra", "user"], &[]).code(2).stderr_has("--format");
    tail(&["--format", "{asctime}", "--msec-format", "%s"], &[]).code(2).stderr_has("%s,%03d");
}
