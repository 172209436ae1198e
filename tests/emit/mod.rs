//! `zlog emit`: what is published, as seen on the wire, and how it ends.

/// `-- COMMAND`: a child's output, signals and exit code.
mod command;
/// Subscribers that are late, slow or absent; rates and limits.
mod delivery;
/// Binding and connecting.
mod endpoints;
mod engines;
/// Summaries, signals, exit codes.
mod exits;
/// A fault in publishing or copying does not stop the job.
mod faults;
/// `--file` and `--follow`.
mod files;
/// `--follow`: subscribers that come and go, rotated files.
mod follow;
/// The level and the fields of a line.
mod levels;
/// Tracebacks and other records of several lines.
mod multiline;
/// Odd input: no byte is lost in silence.
mod odd_input;
/// `--position` without `--follow`.
mod once;
/// `--position`: runs that continue where the last one ended.
mod position;
/// `-q`, and jobs that nobody listens to.
mod quiet;
/// Topics, names and what else a record carries.
mod records;
/// stdin, `--message`, `--test` and `--replay`.
mod sources;
/// `--tee` to a reader that does not read.
mod tee;

use serde_json::Value;

use crate::harness::{Zlog, published};

/// The records that `emit` publishes; it must succeed.
#[track_caller]
fn records(emit: Zlog) -> Vec<Value> {
    let (messages, finished) = published(emit);
    finished.success();
    messages.iter().map(|message| message.json()).collect()
}

/// Their messages.
#[track_caller]
fn texts(emit: Zlog) -> Vec<String> {
    records(emit).iter().map(|record| text(record, "msg").to_owned()).collect()
}

/// Their topics.
#[track_caller]
fn topics(emit: Zlog) -> Vec<String> {
    let (messages, finished) = published(emit);
    finished.success();
    messages.into_iter().map(|message| message.topic).collect()
}

/// A text field; empty when the record has none.
fn text<'r>(record: &'r Value, field: &str) -> &'r str {
    record[field].as_str().unwrap_or_default()
}
