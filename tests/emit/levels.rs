//! The level and the fields of a line.

use serde_json::{Value, json};

use super::{records, text};
use crate::harness::{emit, published};

/// Level and message of each record that is published.
#[track_caller]
fn recognised(args: &[&str], input: &str) -> Vec<(i64, String)> {
    let records = records(emit(args).stdin(input));
    let outline = |r: &Value| (r["levelno"].as_i64().unwrap(), text(r, "msg").to_owned());
    records.iter().map(outline).collect()
}

#[test]
fn levels_are_recognised_in_common_line_formats() {
    let shapes = [
        (40, "ERROR: disk full"),
        (40, "[ERROR] disk full"),
        (30, "[warn] careful"),
        (10, "DEBUG starting"),
        (50, "2026-01-02 03:04:05,678 CRITICAL gone"),
        (40, "2026-01-02 03:04:05,678 - app.db - ERROR - refused"),
        (20, "2026-01-02T03:04:05Z  INFO app: listening"),
        (30, "WARNING:root:careful"),
        (40, "error: could not compile"),
        (40, "<3>kernel trouble"),
    ];
    let input: String = shapes.iter().map(|(_, line)| format!("{line}\n")).collect();
    let found = recognised(&["-r", "a", "-l", "25"], &input);
    let levels: Vec<_> = found.iter().map(|(level, _)| *level).collect();
    let expected: Vec<_> = shapes.iter().map(|(level, _)| *level).collect();
    assert_eq!(levels, expected, "{found:#?}");
}

#[test]
fn words_that_only_look_like_levels_do_not_change_the_default() {
    let input = "INFORMATION desk\nError handling was improved\nno ERROR was found in it\nplain\n";
    let found = recognised(&["-r", "a", "-l", "25"], input);
    assert!(found.iter().all(|(level, _)| *level == 25), "{found:?}");
}

#[test]
fn json_lines_are_parsed() {
    let line = r#"{"time":"2026-01-02T03:04:05.500Z","level":"error","message":"refused","logger":"app.db","port":5432,"tags":["a","b"]}"#;
    let record = &records(emit(["-r", "a"]).stdin(format!("{line}\n")))[0];
    assert_eq!(record["msg"], "refused");
    assert_eq!(record["levelno"], 40);
    assert_eq!(record["name"], "app.db");
    assert_eq!(record["created"], 1_767_323_045.5);
    assert_eq!(record["port"], 5432);
    assert_eq!(record["tags"], json!(["a", "b"]));
}

#[test]
fn logfmt_lines_are_parsed() {
    let line = r#"ts=2026-01-02T03:04:05.5Z level=warn logger=app.db msg="slow \"query\"" took=1.2s rows=7"#;
    let record = &records(emit(["-r", "a"]).stdin(format!("{line}\n")))[0];
    assert_eq!(record["msg"], "slow \"query\"");
    assert_eq!(record["levelno"], 30);
    assert_eq!(record["name"], "app.db");
    assert_eq!(record["created"], 1_767_323_045.5);
    assert_eq!(record["took"], "1.2s");
    assert_eq!(record["rows"], 7);
}

#[test]
fn a_syslog_priority_gives_level_and_facility_and_is_removed_from_the_message() {
    let records =
        records(emit(["-r", "a"]).stdin("<3>trouble\n<165>notice of local4\n<7>detail\n"));
    let levels: Vec<_> = records.iter().map(|r| (&r["levelno"], text(r, "msg"))).collect();
    let expected =
        [(&json!(40), "trouble"), (&json!(25), "notice of local4"), (&json!(10), "detail")];
    assert_eq!(levels, expected);
    assert!(!records[1]["facility"].is_null(), "{}", records[1]);
}

#[test]
fn with_no_detect_lines_are_published_unchanged() {
    let input = "ERROR: x\n{\"level\":\"error\",\"msg\":\"y\"}\nlevel=error msg=z\n<3>w\n";
    let found = recognised(&["-r", "a", "--no-detect"], input);
    let lines: Vec<_> = input.lines().map(|line| (20, line.to_owned())).collect();
    assert_eq!(found, lines);
}

#[test]
fn a_pattern_replaces_the_detection() {
    let pattern = r"^(?<time>\S+) (?<level>\w+) (?<name>\S+) \[(?<subtopic>[^]]*)\] (?<message>.*) took=(?<took>\S+)$";
    let input = "2026-01-02T03:04:05.5Z E shop [db] refused took=3ms\nERROR: no match\n";
    let (messages, finished) = published(emit(["-r", "a", "--pattern", pattern]).stdin(input));
    finished.success();
    assert_eq!(messages[0].topic, "a.ERROR.db");
    let record = messages[0].json();
    assert_eq!(record["msg"], "refused");
    assert_eq!(record["levelno"], 40);
    assert_eq!(record["name"], "shop");
    assert_eq!(record["created"], 1_767_323_045.5);
    assert_eq!(record["took"], "3ms");
    let other = messages[1].json();
    assert_eq!((text(&other, "msg"), &other["levelno"]), ("ERROR: no match", &json!(20)));
}

#[test]
fn an_invalid_pattern_is_wrong_usage() {
    crate::harness::zlog(["emit", "--pattern", "(", "-m", "x"])
        .run()
        .code(2)
        .stderr_has("--pattern");
}
