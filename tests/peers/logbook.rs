//! Logbook's `ZeroMQHandler` → `zlog tail`.

use super::{lines, records, tail_output, text};
use crate::harness::python;

#[test]
fn records_arrive_with_python_levels_and_the_channel_as_logger() {
    let Some(python) = python() else { return };
    let tail = tail_output(python.script("logbook_handler", &[]), &["-o", "json"]);
    let records = records(&tail);
    let summary: Vec<_> = records
        .iter()
        .map(|record| (record["levelno"].as_i64().unwrap_or(-1), text(record, "name")))
        .collect();
    let levels = [10, 20, 25, 30, 40, 50, 40].map(|level| (level, "billing"));
    assert_eq!(summary, levels, "Logbook counts levels its own way");
    assert!(text(&records[6], "exc_text").contains("KeyError"), "{}", records[6]);
    assert!(records.iter().all(|record| record["fault"].is_null()));
    assert!(records.iter().all(|record| record["created"].is_number()), "Logbook says when");
}

#[test]
fn messages_arrive_with_their_arguments_inserted() {
    let Some(python) = python() else { return };
    let tail = tail_output(python.script("logbook_handler", &[]), &["-o", "text"]);
    let expected = [
        "3 entries",
        "naïve ☃",
        "noticed",
        "disk at 91%",
        "no route",
        "giving up",
        "lookup failed",
    ];
    assert_eq!(lines(&tail)[..7], expected);
}
