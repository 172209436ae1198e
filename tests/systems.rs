//! The lines of usual servers and libraries, by name: `tests/fixtures/systems.jsonl` has a line
//! of each after its documentation, with the level (0 for none), the time and the logger that it
//! says. `tests/fixtures/loggers/` has the output of real programs.

use std::fs;
use std::path::Path;

use jiff::tz::TimeZone;
use serde_json::Value;
use zlog_core::parse::{Options, Parser};

/// A minute after the time of all lines: 2024-01-02 03:04:05 UTC.
const READ: f64 = 1_704_164_705.0;

#[test]
fn the_lines_of_the_usual_systems_give_level_time_and_logger() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/systems.jsonl");
    let text = fs::read_to_string(path).unwrap();
    // Many lines have no zone.
    let is_utc = TimeZone::system().to_offset_info(jiff::Timestamp::UNIX_EPOCH).offset().is_zero();
    let mut wrong = Vec::new();
    for case in text.lines() {
        let case: Value = serde_json::from_str(case).unwrap();
        let mut parser = Parser::new(Options::default());
        parser.set_received(READ);
        let record = parser.parse(case["line"].as_str().unwrap());
        let time = record.created.map(|created| (created * 1e6).round());
        let wanted = case["created"].as_f64().map(|created| (created * 1e6).round());
        let is_right = record.level.0 == case["levelno"]
            && record.name.as_deref() == case["name"].as_str()
            && (time == wanted || !is_utc && time.is_some() == wanted.is_some());
        if !is_right {
            let (level, name) = (record.level.0, record.name);
            wrong.push(format!("{level} {:?} {name:?}, not as in {case}", record.created));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
