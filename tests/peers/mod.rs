//! Programs over real sockets: `zlog tail` receives what they publish, and they receive what
//! `zlog emit` publishes. The scripts of those in Python are in `data/peers`.

/// Logbook's `ZeroMQHandler` → `zlog tail`.
mod logbook;
/// PyZMQ's `PUBHandler` → `zlog tail`.
mod pubhandler;
/// Whole records as JSON and pickles, and garbage → `zlog tail`.
mod records;
/// `zlog-tracing` → `zlog tail`.
mod rust;
/// The programs of docs/python.md.
mod snippets;
/// `zlog emit` → Python's logging.
mod subscriber;
/// PyZMQ's watcher, `python -m zmq.log`, as a reader, and its command line.
mod watcher;

use serde_json::Value;

use crate::harness::{Finished, Running, zlog};

/// The output of `zlog tail` with these arguments for all records of `publisher`.
#[track_caller]
fn tail_output(mut publisher: Running, tail: &[&str]) -> Finished {
    let endpoint = publisher.endpoint();
    let mut tail = zlog(["tail", &endpoint]).args(tail).start();
    tail.expect_stdout("beacon");
    publisher.write("go on\n");
    tail.expect_stdout("the end");
    publisher.wait().success();
    tail.terminate();
    tail.wait().code(143)
}

/// The lines that `tail` printed, without the beacons.
fn lines(tail: &Finished) -> Vec<String> {
    let out = tail.out();
    let ours = out.lines().filter(|line| !line.contains("beacon") && !line.contains("the end"));
    ours.map(str::to_owned).collect()
}

/// The records that `tail --output json` printed, without the beacons.
#[track_caller]
fn records(tail: &Finished) -> Vec<Value> {
    let read = |line: &String| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    lines(tail).iter().map(read).collect()
}

/// A text field of a record; empty if it is missing.
fn text<'r>(record: &'r Value, field: &str) -> &'r str {
    record[field].as_str().unwrap_or_default()
}

/// Topic, level and message of each record.
fn summaries(records: &[Value]) -> Vec<(&str, i64, &str)> {
    let summary = |record| {
        (text(record, "topic"), record["levelno"].as_i64().unwrap_or(-1), text(record, "msg"))
    };
    records.iter().map(summary).collect()
}
