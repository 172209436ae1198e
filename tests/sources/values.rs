//! Values in extras, compared with what Python's `logging.Formatter` prints.

use std::collections::HashMap;
use std::fs;

use serde_json::Value;

use crate::harness::{ANY_PORT, python, zlog};

/// Generated records. `ZLOG_CASES` and `ZLOG_SEED` set others.
const RECORDS: &str = "2000";

/// The texts of `number value` lines by number.
fn texts(lines: &str) -> HashMap<u64, &str> {
    lines
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(number, text)| Some((number.parse().ok()?, text)))
        .collect()
}

#[test]
fn generated_values_print_as_logging_formatter_prints_them_in_files_and_after_the_wire() {
    let Some(python) = python() else { return };
    let count = std::env::var("ZLOG_CASES").unwrap_or_else(|_| RECORDS.to_owned());
    let seed = std::env::var("ZLOG_SEED").unwrap_or_else(|_| fastrand::u32(..).to_string());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("values.log");
    let format = "extra=number,extra=value,format=%(number)d %(value)s";
    let handler = format!("{},{format}", file.display());
    let listen = ["relay", "--listen", "127.0.0.1:0", "--publish-bind", ANY_PORT];
    let mut relay = zlog(listen).args(["--file", &handler]).start();
    let port = relay.expect_address("listening on").port().to_string();
    let endpoint = relay.endpoint();
    let tail = ["tail", &endpoint, "-n", &count, "--format", "%(number)d %(value)s"];
    let mut tail = zlog(tail).args(["--extra", "number", "--extra", "value"]).start();
    tail.expect_stderr("connected");
    let script = python.script("values", &[&seed, &count, &port]);
    let wanted = script.wait().success().out();
    let tail = tail.wait().success().out();
    relay.terminate();
    relay.wait().code(143).stderr_lacks("lost");
    let file = fs::read_to_string(&file).unwrap();
    let (file, tail) = (texts(&file), texts(&tail));
    let mut wrong = Vec::new();
    for line in wanted.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let number = case["number"].as_u64().unwrap();
        // Newlines in fields are always escaped.
        let want = &*case["text"].as_str().unwrap().replace('\n', "\\x0a");
        for (place, got) in [("file", file.get(&number)), ("tail", tail.get(&number))] {
            if got.copied() != Some(want) {
                wrong.push(format!("{place}, {}: {want:?}, zlog {got:?}", case["kind"]));
            }
        }
    }
    assert_eq!(wanted.lines().count().to_string(), count);
    let some: Vec<_> = wrong.iter().take(10).cloned().collect();
    assert!(wrong.is_empty(), "seed {seed}, {} wrong:\n{}", wrong.len(), some.join("\n"));
}
