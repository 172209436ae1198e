//! Whole records as JSON and pickles, and garbage → `zlog tail`.

use serde_json::{Value, json};

use super::{lines, records, summaries, tail_output, text};
use crate::harness::{Finished, Python, python};

/// The output of `zlog tail` for `records.py` in one of its styles.
fn tail_of(python: &Python, style: &str, tail: &[&str]) -> Finished {
    tail_output(python.script("records", &[style]), tail)
}

/// The records of `speak` in `records.py`, without the traceback.
const SPOKEN: [&str; 5] =
    ["query took 1.50 s", "map: 1 and 'two'", "between the levels", "lookup failed", "no route"];

#[test]
fn arguments_of_json_records_are_inserted_as_in_python() {
    let Some(python) = python() else { return };
    let tail = tail_of(&python, "json", &["-o", "text"]);
    let lines = lines(&tail);
    assert_eq!(lines[..4], SPOKEN[..4]);
    assert_eq!(lines[4], "Traceback (most recent call last):");
    assert_eq!(lines.last().map(String::as_str), Some("no route"));
}

#[test]
fn json_records_keep_every_attribute_and_extra() {
    let Some(python) = python() else { return };
    let tail = tail_of(&python, "json", &["-o", "json"]);
    let records = records(&tail);
    let levels: Vec<_> = records.iter().map(|record| &record["levelno"]).collect();
    assert_eq!(levels, [20, 30, 35, 40, 40]);
    assert_eq!(text(&records[2], "levelname"), "Level 35");
    for record in &records {
        assert_eq!(record["name"], "plain");
        assert_eq!(record["filename"], "records.py");
        assert_eq!(record["funcName"], "speak");
        assert_eq!(record["processName"], "MainProcess");
        assert!(record["lineno"].is_number() && record["process"].is_number(), "{record}");
    }
    assert!(text(&records[3], "exc_text").ends_with("KeyError: 'answer'"), "{}", records[3]);
    assert_eq!(records[4]["host"], "db1");
    assert_eq!(records[4]["tries"], json!([1, 2]));
}

#[test]
fn pickled_records_of_sockethandler_and_send_pyobj_are_read() {
    let Some(python) = python() else { return };
    let tail = tail_of(&python, "pickle", &["-o", "json"]);
    let records = records(&tail);
    let expected = [
        ("app.INFO", 20, SPOKEN[0]),
        ("app.WARNING", 30, SPOKEN[1]),
        ("app.Level 35", 35, SPOKEN[2]),
        ("app.ERROR", 40, SPOKEN[3]),
        ("app.ERROR", 40, SPOKEN[4]),
    ];
    assert_eq!(summaries(&records)[..5], expected);
    assert!(text(&records[3], "exc_text").ends_with("KeyError: 'answer'"), "{}", records[3]);
    assert_eq!(records[4]["host"], "db1");
    assert_eq!(records[4]["tries"], json!([1, 2]));
    assert_eq!(records[5]["name"], "pyobj");
    assert_eq!(records[5]["levelno"], 30);
    assert!(tail.err().lines().all(|line| !line.contains("decode")), "{}", tail.err());
}

#[test]
fn one_stream_may_mix_all_dialects_with_garbage_in_between() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let canary = directory.path().join("canary");
    let script = python.script("records", &["mixed", canary.to_str().unwrap()]);
    let tail = tail_output(script, &["-o", "json"]);
    let records = records(&tail);

    assert_eq!(records[0]["topic"], "app.WARNING.disk");
    assert_eq!(text(&records[0], "msg").trim_end(), "plain text");
    assert_eq!(records.len(), 1 + 9 + 2, "nothing is left out: {records:#?}");
    let (last, before) = (&records[11], &records[10]);
    assert_eq!((text(before, "name"), text(before, "msg")), ("stream", "after the garbage"));
    assert_eq!((text(last, "name"), text(last, "msg")), ("pyobj", "one frame"));

    let marked = |record: &Value| !text(record, "fault").is_empty();
    let faults: Vec<bool> = records[1..10].iter().map(marked).collect();
    // Not UTF-8, truncated JSON, a topic that is not UTF-8, three frames, a truncated pickle,
    // two empty messages, a pickle that is no record, one with an unknown class.
    assert!(faults[0] && faults[2] && faults[3] && faults[4] && faults[7], "{records:#?}");
    assert!(!faults[1], "text that merely looks like JSON is text: {}", records[2]);
    assert_eq!(text(&records[1], "msg"), r"latin \xe9\xff text");
    assert_eq!(text(&records[2], "msg"), r#"{"msg": "cut sho"#);
    assert!(!canary.exists(), "a pickle was run");

    let undecoded = faults.iter().filter(|&&fault| fault).count();
    let said = tail.err();
    let counted = |line: &str| line.contains("decode") && line.contains(&undecoded.to_string());
    assert!(
        said.lines().any(counted),
        "the end should say that {undecoded} were undecoded: {said}"
    );
}
