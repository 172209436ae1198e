//! PyZMQ's `PUBHandler` → `zlog tail`.

use serde_json::{Value, json};

use super::{lines, records, summaries, tail_output, text};
use crate::harness::{Finished, python};

/// The output of `zlog tail` for `pubhandler.py` in one of its styles.
#[track_caller]
fn tail_of(style: &str, tail: &[&str]) -> Option<Finished> {
    Some(tail_output(python()?.script("pubhandler", &[style]), tail))
}

#[test]
fn default_formats_arrive_with_topic_level_and_text() {
    let Some(tail) = tail_of("default", &["-o", "json"]) else { return };
    let records = records(&tail);
    let topics: Vec<_> = records.iter().map(|record| text(record, "topic")).collect();
    let plain = ["app.DEBUG", "app.INFO", "app.WARNING", "app.ERROR", "app.CRITICAL"];
    assert_eq!(topics[..5], plain);
    let levels: Vec<_> = records.iter().map(|record| &record["levelno"]).collect();
    assert_eq!(levels, [10, 20, 30, 40, 50, 20, 40]);
    assert!(records.iter().all(|record| record["name"] == "app"), "the root names the logger");
    assert!(records.iter().all(|record| record["fault"].is_null()));

    let debug = text(&records[0], "msg");
    assert!(debug.starts_with("DEBUG pubhandler.py:"), "{debug}");
    assert!(debug.trim_end().ends_with(" - cache has 3 entries"), "{debug}");
    assert_eq!(text(&records[1], "msg").trim_end(), "naïve ☃ 100%");
    assert!(text(&records[3], "msg").trim_end().ends_with("no route to host - None"));
}

#[test]
fn a_subtopic_is_the_last_part_of_the_topic() {
    let Some(tail) = tail_of("default", &["-o", "json"]) else { return };
    let records = records(&tail);
    let subtopic = &records[5];
    assert_eq!(subtopic["topic"], "app.INFO.db.pool");
    assert_eq!(text(subtopic, "msg").trim_end(), "connected to replica");
}

#[test]
fn a_traceback_in_the_text_arrives_whole() {
    let Some(tail) = tail_of("default", &["-o", "text"]) else { return };
    let lines = lines(&tail);
    let first = lines.iter().position(|line| line.starts_with("Traceback (most")).unwrap();
    assert_eq!(lines.last().map(String::as_str), Some("KeyError: 'answer'"));
    assert!(lines[..first].iter().any(|line| line.contains("lookup failed")), "{lines:?}");
}

#[test]
fn the_newline_that_ends_each_default_format_makes_no_empty_lines() {
    for output in ["text", "pretty"] {
        let Some(tail) = tail_of("default", &["-o", output, "-e", "lookup failed"]) else { return };
        let lines = lines(&tail);
        assert_eq!(lines.len(), 6, "{output}: {lines:#?}");
        assert!(lines[0].trim_end().ends_with("cache has 3 entries"), "{output}: {}", lines[0]);
    }
}

#[test]
fn custom_formats_arrive_unchanged() {
    let Some(tail) = tail_of("custom", &["-o", "text", "-e", "lookup failed"]) else { return };
    let expected = [
        "shop.orders says: cache has 3 entries",
        "shop.orders says: naïve ☃ 100%",
        "shop.orders says: disk at 91%",
        "(ERROR) no route to host",
        "shop.orders says: giving up",
        "shop.orders says: connected to replica",
    ];
    assert_eq!(lines(&tail), expected);
}

#[test]
fn a_root_with_dots_is_separated_from_the_level_and_the_subtopic() {
    let Some(tail) = tail_of("dotted", &["-o", "json"]) else { return };
    let records = records(&tail);
    assert_eq!(records[2]["topic"], "my.big.program.WARNING");
    assert_eq!(records[2]["levelno"], 30);
    assert_eq!(records[2]["name"], "my.big.program");
    assert_eq!(records[5]["topic"], "my.big.program.INFO.db.pool");
    assert_eq!(records[5]["levelno"], 20);
}

#[test]
fn an_empty_root_leaves_topics_that_begin_with_the_level() {
    let Some(tail) = tail_of("bare", &["-o", "json"]) else { return };
    let records = records(&tail);
    assert_eq!(records[3]["topic"], "ERROR");
    assert_eq!(records[3]["levelno"], 40);
    assert_eq!(records[5]["topic"], "INFO.db.pool");
}

#[test]
fn fields_of_a_json_formatter_are_recognised() {
    let Some(tail) = tail_of("json", &["-o", "json"]) else { return };
    let records = records(&tail);
    let expected = [
        ("app.DEBUG", 10, "cache has 3 entries"),
        ("app.INFO", 20, "naïve ☃ 100%"),
        ("app.WARNING", 30, "disk at 91%"),
        ("app.ERROR", 40, "no route to host"),
        ("app.CRITICAL", 50, "giving up"),
        ("app.INFO.db.pool", 20, "connected to replica"),
        ("app.ERROR", 40, "lookup failed"),
    ];
    assert_eq!(summaries(&records), expected);
    for record in &records {
        assert_eq!(record["name"], "shop.orders");
        assert_eq!(record["request"], json!({"id": 7}), "extras are kept");
        let created = record["created"].as_f64().unwrap_or_default();
        assert!((created - 1_767_323_045.678).abs() < 1e-3, "{record}");
    }
}

#[test]
fn topics_given_as_arguments_filter_at_the_publisher() {
    // The beacon and the end are INFO, so this topic must be subscribed to too.
    let tail = ["-t", "app.INFO", "-t", "app.ERR", "-o", "json"];
    let Some(tail) = tail_of("default", &tail) else { return };
    let levels: Vec<Value> = records(&tail).iter().map(|r| r["levelno"].clone()).collect();
    assert_eq!(levels, [20, 40, 20, 40]);
}
