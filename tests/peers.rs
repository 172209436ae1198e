//! Real peers over real sockets: what Python programs publish reaches `zlog tail`,
//! and Python programs understand what `zlog emit` publishes.
//!
//! The Python ends are the scripts in `data/peers`.

/// Logbook's `ZeroMQHandler` → `zlog tail`.
mod logbook;
/// PyZMQ's `PUBHandler` → `zlog tail`.
mod pubhandler;
/// Whole records, as JSON and pickled, and garbage → `zlog tail`.
mod records;
/// `zlog emit` → a Python program's own logging.
mod subscriber;
/// PyZMQ's watcher, `python -m zmq.log`: what it reads, and its command line.
mod watcher;

use serde_json::Value;

use crate::harness::{Finished, Running, zlog};

/// What `zlog tail` with these arguments makes of all that `publisher` has to say.
#[track_caller]
fn overhear(mut publisher: Running, tail: &[&str]) -> Finished {
    let endpoint = publisher.endpoint();
    let mut tail = zlog(["tail", &endpoint]).args(tail).start();
    tail.expect_stdout("beacon");
    publisher.write("go on\n");
    tail.expect_stdout("the end");
    publisher.wait().success();
    tail.terminate();
    tail.wait().code(143)
}

/// The lines that `tail` printed, but for those that only synchronise.
fn lines(tail: &Finished) -> Vec<String> {
    let out = tail.out();
    let ours = out.lines().filter(|line| !line.contains("beacon") && !line.contains("the end"));
    ours.map(str::to_owned).collect()
}

/// The same for `tail --output json`.
#[track_caller]
fn records(tail: &Finished) -> Vec<Value> {
    let read = |line: &String| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    lines(tail).iter().map(read).collect()
}

/// A text field of a record; empty when it has none.
fn text<'r>(record: &'r Value, field: &str) -> &'r str {
    record[field].as_str().unwrap_or_default()
}

/// Topic, level and message of each record.
fn outlines(records: &[Value]) -> Vec<(&str, i64, &str)> {
    let outline = |record| {
        (text(record, "topic"), record["levelno"].as_i64().unwrap_or(-1), text(record, "msg"))
    };
    records.iter().map(outline).collect()
}
