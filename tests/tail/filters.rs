//! Text, sources and times: `--grep --exclude --highlight --from-source --since --until`.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{body, lines, tail};
use crate::harness::zlog;

/// The messages that `tail` with `args` shows of stored `records`.
#[track_caller]
fn shown(args: &[&str], records: impl IntoIterator<Item = Value>) -> Vec<String> {
    let tail = zlog(["tail", "-o", "json", "--input", "-"]).args(args).stdin(lines(records));
    let out = tail.run().success().out();
    let records = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.map(|record| record["msg"].as_str().unwrap().to_owned()).collect()
}

fn three() -> [Value; 3] {
    [
        json!({"msg": "disk full", "source": "web1:17:abcd"}),
        json!({"msg": "it failed", "source": "web2:4:efgh", "exc_text": "Traceback\nOSError: disk"}),
        json!({"msg": "all is well"}),
    ]
}

#[test]
fn grep_searches_messages_and_tracebacks() {
    assert_eq!(shown(&["--grep", "d.sk"], three()), ["disk full", "it failed"]);
    assert_eq!(shown(&["-i", "well", "-i", "full"], three()), ["disk full", "all is well"]);
}

#[test]
fn exclude_leaves_out_matches() {
    assert_eq!(shown(&["--exclude", "disk"], three()), ["all is well"]);
    assert_eq!(shown(&["-i", "disk", "-e", "OSError"], three()), ["disk full"]);
}

#[test]
fn grep_searches_the_message_with_its_arguments() {
    let records = [json!({"msg": "took %d ms", "args": [250]}), json!({"msg": "took %d ms"})];
    assert_eq!(shown(&["-i", "took 250 ms"], records), ["took %d ms"]);
}

#[test]
fn a_wrong_regex_is_wrong_usage() {
    zlog(["tail", "--grep", "("]).run().code(2).stderr_has("--grep");
}

#[test]
fn from_source_matches_names_and_their_beginnings() {
    assert_eq!(shown(&["--from-source", "web1:17:abcd"], three()), ["disk full"]);
    let both = ["--from-source", "web1", "--from-source", "web2:4"];
    assert_eq!(shown(&both, three()), ["disk full", "it failed"]);
}

#[test]
fn highlight_marks_matches_and_shows_all_records() {
    let colour = ["tail", "--color", "always", "-o", "text", "--input", "-"];
    let finished = zlog(colour).args(["-H", "fu.."]).stdin("disk full\nwell\n").run().success();
    let out = finished.out();
    assert!(out.contains("\x1b[") && out.contains("full\x1b[0m"), "{out:?}");
    assert!(out.ends_with("well\n"), "{out:?}");
    let finished = zlog(colour).args(["-i", "fu.."]).stdin("disk full\nwell\n").run().success();
    assert_eq!(finished.out(), out.strip_suffix("well\n").unwrap(), "grep marks as -H does");
}

#[test]
fn nothing_is_highlighted_without_colour() {
    let finished = zlog(["tail", "-o", "text", "-H", "full", "--input", "-"]).stdin("disk full\n");
    finished.run().success().stdout("disk full\n");
}

fn made(msg: &str, ago: f64) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    json!({"msg": msg, "created": now - ago})
}

#[test]
fn since_and_until_take_durations() {
    let records = || [made("old", 7200.0), made("middle", 1800.0), made("new", 60.0)];
    assert_eq!(shown(&["--since", "1h"], records()), ["middle", "new"]);
    assert_eq!(shown(&["--until", "10m"], records()), ["old", "middle"]);
    assert_eq!(shown(&["--since", "1h", "--until", "1m 30s"], records()), ["middle"]);
}

#[test]
fn since_and_until_take_rfc_3339_and_local_times() {
    let noon = 1_767_355_200.0; // 2026-01-02T12:00:00Z
    let records = || {
        [("a", -1.0), ("b", 0.0), ("c", 3600.0)]
            .map(|(m, s)| json!({"msg": m, "created": noon + s}))
    };
    assert_eq!(shown(&["--since", "2026-01-02T12:00:00Z"], records()), ["b", "c"]);
    assert_eq!(shown(&["--until", "2026-01-02T13:00:00+01:00"], records()), ["a"], "exclusive");
    assert_eq!(shown(&["--since", "2026-01-02 12:00"], records()), ["b", "c"]);
    let tail = zlog(["tail", "-o", "text", "--input", "-", "--since", "2026-01-02 13:30"]);
    let berlin = tail.env("TZ", "Europe/Berlin").stdin(lines(records()));
    berlin.run().success().stdout("c\n");
    let tail = zlog(["tail", "-o", "text", "--utc", "--input", "-", "--since", "2026-01-02 12:30"]);
    let utc = tail.env("TZ", "Europe/Berlin").stdin(lines(records()));
    utc.run().success().stdout("c\n");
}

#[test]
fn since_takes_a_time_of_day() {
    let records = [made("two days ago", 172_800.0), made("now", 0.0)];
    assert_eq!(shown(&["--since", "00:00"], records), ["now"]);
}

#[test]
fn since_and_until_take_days_and_times_of_a_day_that_are_reported() {
    let day = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC).start_of_day().unwrap();
    let midnight = day.timestamp().as_second() as f64;
    let records = || {
        [("two days ago", -25.0), ("yesterday", -23.0), ("yesterday 14:30", -9.5), ("today", 0.0)]
            .map(|(msg, hours)| json!({"msg": msg, "created": midnight + hours * 3600.0}))
    };
    let all = ["two days ago", "yesterday", "yesterday 14:30", "today"];
    assert_eq!(shown(&["--since", "yesterday"], records()), all[1..]);
    assert_eq!(shown(&["--since", "yesterday", "--until", "today"], records()), all[1..3]);
    let afternoon = ["--since", "yesterday 14:00", "--until", "15:00"];
    assert_eq!(shown(&afternoon, records()), all[2..3]);
    let date = day.yesterday().unwrap().strftime("%Y-%m-%d").to_string();
    let dated = ["--since", &format!("{date} 14:00"), "--until", "15:00"];
    assert_eq!(shown(&dated, records()), all[2..3]);
    let run = zlog(["tail", "--input", "-"]).args(afternoon).stdin("").run().success();
    assert_eq!(run.err(), format!("zlog tail: --until is {date} 15:00\n"));
    let quiet = zlog(["tail", "-q", "--input", "-"]).args(afternoon).stdin("").run().success();
    assert_eq!(quiet.err(), "");
    let none = zlog(["tail", "--input", "-"]).args(afternoon).stdin(lines([json!({})]));
    none.run().success().stdout("").stderr_has(&format!(
        "none of 1 record passes --since and --until; --since is {date} 14:00:00; --until is {date} \
         15:00:00"
    ));
}

#[test]
fn a_wrong_time_is_wrong_usage_and_the_forms_are_named() {
    let tail = zlog(["tail", "--since", "yesterday-ish"]).run().code(2);
    tail.stderr_has("yesterday-ish").stderr_has("10m");
}

#[test]
fn a_span_that_ends_before_it_begins_is_wrong_usage() {
    let tail = zlog(["tail", "--since", "10m", "--until", "20m"]).run().code(2);
    tail.stderr_has("--since").stderr_has("--until");
}

#[test]
fn filters_apply_to_a_live_stream() {
    let args = ["-i", "disk", "--from-source", "web", "--since", "1h", "-o", "text", "-n", "1"];
    let (publisher, tail) = tail(&args);
    let send = |fields: Value| publisher.send(["app.INFO".to_owned(), body(fields)]);
    let now = made("", 0.0)["created"].clone();
    send(json!({"msg": "disk 1", "source": "db", "created": now}));
    send(json!({"msg": "disk 2", "source": "web"}));
    send(json!({"msg": "other", "source": "web", "created": now}));
    send(json!({"msg": "disk 3", "source": "web", "created": now}));
    tail.wait().success().stdout("disk 3\n");
}

#[test]
fn a_strict_level_leaves_out_records_without_a_level() {
    let log = "plain\nINFO: started\nERROR: lost\n";
    let tail = |args: &[&str]| {
        let tail = zlog(["tail", "-o", "text", "--input", "-", "-l", "error"]).args(args);
        tail.stdin(log).run().success().out()
    };
    assert_eq!(tail(&[]), "plain\nERROR: lost\n");
    assert_eq!(tail(&["--strict-level"]), "ERROR: lost\n");
    let _ = zlog(["tail", "--strict-level"]).run().code(2).stderr_has("--level");
    let help = zlog(["tail", "-h"]).run().success().out();
    assert!(help.contains("or without a level"), "{help}");
}
