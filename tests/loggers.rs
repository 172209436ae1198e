//! The output of many loggers: `tests/fixtures/loggers/NAME/` has the program that wrote
//! `output.log`, and `expected.jsonl` with a record for each of its records.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::harness::zlog;

/// What an expected record says of every record; `null` where the logger does not say it.
const ALWAYS: [&str; 4] = ["levelno", "created", "name", "msg"];

fn fixtures() -> BTreeMap<String, PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/loggers");
    let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let directories = entries.filter(|path| path.is_dir());
    directories.map(|path| (path.file_name().unwrap().display().to_string(), path)).collect()
}

fn records(text: &str) -> Vec<Map<String, Value>> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The differences between what was read of a fixture and what was expected.
fn differences(directory: &Path) -> Vec<String> {
    let log = fs::read(directory.join("output.log")).unwrap();
    let expected = records(&fs::read_to_string(directory.join("expected.jsonl")).unwrap());
    let tail = zlog(["tail", "-o", "json", "--input", "-"]).env("TZ", "UTC").stdin(log);
    let found = records(&tail.run().success().out());
    let mut differences = Vec::new();
    if found.len() != expected.len() {
        differences.push(format!("{} records instead of {}", found.len(), expected.len()));
    }
    for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert!(ALWAYS.iter().all(|key| expected.contains_key(*key)), "record {}", at + 1);
        for (key, expected) in expected {
            let found = found.get(key).unwrap_or(&Value::Null);
            if !is_as_expected(key, found, expected) {
                differences.push(format!("record {}: {key} {found}, not {expected}", at + 1));
            }
        }
    }
    differences
}

fn is_as_expected(key: &str, found: &Value, expected: &Value) -> bool {
    match expected {
        // Records without a level have the number 0.
        Value::Null => found.is_null() || key == "levelno" && found == 0,
        // A time whose year the logger leaves out.
        Value::String(time) if key == "created" => {
            let micros = (found.as_f64().unwrap_or_default() * 1e6).round() as i64;
            let found = Timestamp::from_microsecond(micros).unwrap();
            found.strftime("%m-%dT%H:%M:%S.%6f").to_string() == *time
        }
        expected => found == expected,
    }
}

#[test]
fn the_output_of_every_logger_is_read() {
    let fixtures = fixtures();
    assert!(fixtures.len() >= 40, "{} loggers", fixtures.len());
    let mut wrong = Vec::new();
    for (name, directory) in &fixtures {
        let differences = differences(directory);
        wrong.extend(differences.into_iter().map(|text| format!("{name}: {text}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_fixture_says_how_it_was_made() {
    for (name, directory) in fixtures() {
        let files = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name());
        let program = files
            .filter_map(|file| file.into_string().ok())
            .any(|file| file.to_ascii_lowercase().starts_with("make.") || file == "README.md");
        assert!(program, "{name} has neither a program nor a README.md");
    }
}
