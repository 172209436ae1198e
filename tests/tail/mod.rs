//! `zlog tail`: which records are shown, how, and what is reported.

mod blocked_reader;
mod colour;
mod conditions;
mod connections;
mod counts;
mod dialects;
mod ends;
mod files;
mod filters;
mod hostile;
mod left_out;
mod limits;
mod losses;
mod marks;
mod no_output;
mod output;
mod stored;
mod topics;

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{DEADLINE, Input, Publisher, Running, zlog};

/// A publisher, and a `zlog tail` that has subscribed to it.
///
/// `prefixes` is how many subscriptions `args` make; all of them are waited for.
#[track_caller]
fn tail_of(prefixes: usize, args: &[&str]) -> (Publisher, Running) {
    let publisher = Publisher::bind();
    let tail = zlog(["tail", &publisher.endpoint]).args(args).start();
    for _ in 0..prefixes {
        publisher.wait_for_subscription();
    }
    (publisher, tail)
}

/// The same for a tail with one subscription: of everything or of one topic.
#[track_caller]
fn tail(args: &[&str]) -> (Publisher, Running) {
    tail_of(1, args)
}

/// The body of a minimal record with these fields added.
fn body(fields: Value) -> String {
    let mut record = json!({"msg": "hello", "levelno": 20, "created": 1.5});
    let (Value::Object(all), Value::Object(more)) = (&mut record, fields) else { panic!() };
    all.extend(more);
    record.to_string()
}

/// Stored records, one per line.
fn lines(records: impl IntoIterator<Item = Value>) -> String {
    records.into_iter().map(|record| body(record) + "\n").collect()
}

/// A shell script in which `zlog` is the program under test.
fn shell(script: &str) -> Running {
    let mut command = Command::new("bash");
    let script = format!("zlog() {{ '{}' \"$@\"; }}\n{script}", env!("CARGO_BIN_EXE_zlog"));
    command.env("TZ", "UTC").args(["-c", &script]);
    Running::start(command, Input::Empty).with_deadline(DEADLINE)
}
