//! Several handlers at once: `zlog tail --file … --exec …`, and routes as in Python's
//! logging.

/// Handlers that fail, hang or are full, and what is reported.
mod outages;
/// Which handlers get a record, compared with CPython's logger hierarchies.
mod python;
/// SIGHUP: files that were moved away, and terminals that close.
mod signals;
/// Which handler gets what, and what is still printed.
mod tail;

use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use crate::harness::{DEADLINE, Publisher, Running, zlog};

/// A publisher, and a `zlog tail` that has subscribed to it.
#[track_caller]
fn tail(args: &[&str]) -> (Publisher, Running) {
    let publisher = Publisher::bind();
    let tail = zlog(["tail", &publisher.endpoint]).args(args).start();
    publisher.wait_for_subscription();
    (publisher, tail)
}

/// Publishes a record.
fn send(publisher: &Publisher, topic: &str, level: i32, msg: &str) {
    let name = topic.split('.').next();
    let record = json!({"msg": msg, "levelno": level, "name": name, "created": 1.5});
    publisher.send([topic, &record.to_string()]);
}

/// A stored record.
fn stored(name: &str, level: i32, msg: &str) -> Value {
    json!({"msg": msg, "levelno": level, "name": name, "created": 1.5})
}

/// Stored records, one a line.
fn lines(records: impl IntoIterator<Item = Value>) -> String {
    records.into_iter().map(|record| format!("{record}\n")).collect()
}

/// Waits until `wanted` accepts the content of the file, and returns it.
#[track_caller]
fn wait_for_file(path: &Path, wanted: impl Fn(&str) -> bool) -> String {
    let until = Instant::now() + DEADLINE;
    loop {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        if wanted(&text) {
            return text;
        }
        assert!(Instant::now() < until, "{} holds {text:?}", path.display());
        std::thread::yield_now();
    }
}

/// A path below `directory`, as text.
fn path(directory: &tempfile::TempDir, name: &str) -> String {
    directory.path().join(name).to_str().unwrap().to_owned()
}
