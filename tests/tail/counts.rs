//! Counts: `--stats` and `--count-by`.

use std::time::Instant;

use serde_json::{Value, json};

use super::{lines, tail};
use crate::harness::{DEADLINE, zlog};

/// The words of each line.
fn rows(text: &str) -> Vec<String> {
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// Stored records: two minutes, two levels, two users.
fn stored() -> String {
    let of = |created: f64, levelno, user| {
        json!({"name": "db", "created": created, "levelno": levelno, "user": user,
            "source": "web1:17:abcd", "http": {"status": 500 + levelno}})
    };
    lines([of(0.5, 40, "bo"), of(1.0, 20, "al"), of(59.0, 20, "bo"), of(180.0, 40, "bo")])
}

#[track_caller]
fn counts(args: &[&str]) -> Vec<String> {
    let tail = zlog(["tail", "--utc", "--input", "-"]).args(args).stdin(stored());
    rows(&tail.run().success().out())
}

#[test]
fn stats_of_stored_records_are_grouped_by_logger_and_level_at_the_rate_of_their_times() {
    let stats = |args: &[&str]| {
        let tail = zlog(["tail", "-o", "text", "--input", "-"]).args(args).stdin(stored());
        rows(&tail.run().success().err())
    };
    let all =
        ["records rate level topic", "2 0.7/min ERROR db", "2 0.7/min INFO db", "4 1.3/min total"];
    assert_eq!(stats(&["--stats"]), all);
    let both = stats(&["--stats=1m"]);
    assert_eq!(both[1..4], ["1 1.0/min ERROR db", "2 2.1/min INFO db", "3 3.1/min total"]);
    assert_eq!(both[5..], ["1 - ERROR db", "1 - total"]);
}

#[test]
fn count_by_counts_each_value_of_a_field() {
    assert_eq!(counts(&["--count-by", "level"]), ["2 ERROR", "2 INFO", "4 total"]);
    assert_eq!(counts(&["--count-by", "user"]), ["3 bo", "1 al", "4 total"]);
    assert_eq!(counts(&["--count-by", "http.status"]), ["2 520", "2 540", "4 total"]);
    assert_eq!(counts(&["--count-by", "source"]), ["4 web1:17:abcd", "4 total"]);
    assert_eq!(counts(&["--count-by", "topic"]), ["2 db.ERROR", "2 db.INFO", "4 total"]);
    assert_eq!(counts(&["--count-by", "nothing"]), ["4 (none)", "4 total"]);
    assert_eq!(counts(&["--count-by", "user", "-l", "error"]), ["2 bo", "2 total"]);
}

#[test]
fn count_by_every_prints_a_line_for_each_interval_also_for_empty_ones() {
    let expected = [
        "1970-01-01 00:00:00 3 ERROR=1 INFO=2",
        "1970-01-01 00:01:00 0",
        "1970-01-01 00:02:00 0",
        "1970-01-01 00:03:00 1 ERROR=1",
    ];
    assert_eq!(counts(&["--count-by", "level", "--every", "1m"]), expected);
    let day = counts(&["--count-by", "user", "--every", "1d", "--time-format", "%d.%m."]);
    assert_eq!(day, ["01.01. 4 bo=3 al=1"]);
    // The local midnight.
    let tokyo = zlog(["tail", "--count-by", "level", "--every", "1d", "--input", "-"]);
    let tokyo = tokyo.env("TZ", "Asia/Tokyo").stdin(stored()).run().success();
    assert!(tokyo.out().starts_with("1970-01-01 00:00:00"), "{}", tokyo.out());
}

#[test]
fn intervals_that_do_not_divide_a_day_are_counted_from_1970_also_before_it() {
    let at = |created: f64| json!({"msg": "m", "levelno": 20, "created": created});
    let times = [-1.0, 0.0, 419.0, 420.0, 1_700_000_000.0, 1e300, -1e300];
    let tail = zlog(["tail", "--utc", "--count-by", "level", "--every", "7m", "--input", "-"]);
    let out = rows(&tail.stdin(lines(times.map(at))).run().success().out());
    let found = |row: &str| assert!(out.iter().any(|found| found == row), "{row}: {out:?}");
    found("1969-12-31 23:53:00 1 INFO=1");
    found("1970-01-01 00:00:00 2 INFO=2");
    found("1970-01-01 00:07:00 1 INFO=1");
    found("2023-11-14 22:13:00 1 INFO=1");
    // Beyond the calendar.
    found("(no time) 2 INFO=2");
    assert_eq!(out.len(), 5);
}

#[test]
fn count_by_prints_json_for_programs() {
    let args = ["tail", "--utc", "--count-by", "level", "-o", "json", "--input", "-"];
    let run = |more: &[&str]| -> Vec<Value> {
        let out = zlog(args).args(more).stdin(stored()).run().success().out();
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    assert_eq!(run(&[]), [json!({"total": 4, "counts": {"ERROR": 2, "INFO": 2}})]);
    let intervals = run(&["--every", "60"]);
    let first = json!({"time": "1970-01-01T00:00:00.000000Z", "seconds": 60, "total": 3,
        "counts": {"ERROR": 1, "INFO": 2}});
    assert_eq!(intervals[0], first);
    assert_eq!(intervals.len(), 4);
}

#[test]
fn records_without_a_time_are_counted_apart() {
    let input = "plain line\n{\"msg\":\"x\",\"created\":60}\n";
    let args = ["tail", "--utc", "--count-by", "level", "--every", "1m", "--input", "-"];
    let out = rows(&zlog(args).stdin(input).run().success().out());
    let total: u32 = out
        .iter()
        .map(|row| row.split(' ').find_map(|word| word.parse::<u32>().ok()).unwrap())
        .sum();
    assert_eq!(total, 2, "{out:?}");
}

#[test]
fn live_records_are_counted_as_intervals_pass() {
    let (publisher, mut tail) = tail(&["--count-by", "level", "--every", "1s"]);
    for _ in 0..3 {
        publisher.send(["app.ERROR", "boom"]);
    }
    let total = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let counts = text.split_whitespace().filter_map(|word| word.strip_prefix("ERROR="));
        (counts.filter_map(|count| count.parse::<u32>().ok()).sum::<u32>() == 3).then_some(())
    };
    let found = tail.stdout.wait_for(Instant::now() + DEADLINE, total);
    assert!(found.is_some(), "{}", String::from_utf8_lossy(&tail.stdout.bytes()));
    // An interval without records has a line, too.
    tail.expect_stdout("         0");
    tail.terminate();
    tail.wait().code(143);
}

#[test]
fn strangers_cannot_make_the_counts_grow_or_steer_a_terminal() {
    let records = (0..30_000).map(|n| json!({"user": format!("{n}\x1b[2J"), "created": 0}));
    let args = ["tail", "--count-by", "user", "--input", "-"];
    let evil = "\x1b[2J\u{9b}2J\u{202e}";
    let json = zlog(args).args(["-o", "json"]).stdin(lines([json!({"user": evil})])).run().out();
    assert_eq!(json, "{\"total\":1,\"counts\":{\"\\u001b[2J\\u009b2J\\u202e\":1}}\n");
    let out = zlog(args).stdin(lines(records)).run().success().out();
    assert!(out.lines().count() <= 10_002, "{}", out.lines().count());
    assert!(out.contains("(others)") && out.ends_with("    30,000  total\n"));
    assert!(!out.contains('\x1b'));
}

#[test]
fn counts_replace_the_records_and_refuse_what_they_can_not_do() {
    for args in [
        &["--count-by", "level", "--format", "{message}"][..],
        &["--count-by", "level", "--console"],
        &["--count-by", "level", "--output", "raw"],
        &["--count-by", "level", "--every", "0.5s"],
        &["--count-by", "a b"],
        &["--every", "1m"],
    ] {
        zlog(["tail", "--input", "-"]).args(args).run().code(2);
    }
}
