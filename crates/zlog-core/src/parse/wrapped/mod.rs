//! Lines inside other lines: what a collector of logs, a user's pattern or a prefix encloses
//! is read as a line of its own.

mod behind;
mod container;
mod otlp;

use std::borrow::Cow;

pub use self::container::{Enclosed, Enclosure, enclosed};
pub use self::otlp::Batch;
use super::{Parser, prefix};
use crate::level::Level;
use crate::record::{RawJson, Record};
use crate::text::json;

/// How deep lines are looked into: a line of Docker in a line of `docker compose`, for example.
pub(super) const MAX_DEPTH: u32 = 4;

impl Parser {
    /// Reads the message of a record as a line. What that line says of itself counts more than
    /// what is said around it.
    pub(super) fn look_into(&mut self, record: &mut Record<'_>) {
        if self.depth == MAX_DEPTH || record.msg.is_empty() {
            return;
        }
        self.depth += 1;
        match std::mem::take(&mut record.msg) {
            Cow::Borrowed(line) => {
                let mut inner = Record::default();
                self.parse_behind(prefix::length(line), line, &mut inner);
                merge(record, inner, true);
            }
            Cow::Owned(line) => {
                let mut inner = Record::default();
                self.parse_behind(prefix::length(&line), &line, &mut inner);
                merge(record, inner.into_owned(), true);
            }
        }
        self.depth -= 1;
    }

    /// Reads a whole line that a container runtime has enclosed. Returns `false` and changes
    /// nothing if the line is anything else.
    pub(super) fn read_enclosed<'a>(&mut self, line: &'a str, record: &mut Record<'a>) -> bool {
        let Some(inner) = enclosed(line).filter(|inner| !inner.is_partial) else { return false };
        *record = inner.enclosure.around(inner.text);
        self.look_into(record);
        true
    }

    /// As [`Parser::look_into`], for a message that a user's pattern has found. The fields that
    /// the pattern names stay.
    pub(super) fn look_into_message(&mut self, record: &mut Record<'_>) {
        let (created, name) = (record.created, record.name.clone());
        let (level, levelname) = (record.level, record.levelname.clone());
        self.look_into(record);
        record.created = created.or(record.created);
        if name.is_some() {
            record.name = name;
        }
        if level != Level::NOTSET {
            (record.level, record.levelname) = (level, levelname);
        }
    }
}

/// Whether two times are of the same moment, and one was read in the wrong zone: they differ by
/// quarters of an hour, as zones do, and by the seconds between writing a line and collecting it.
fn is_of_other_zone(one: f64, other: f64) -> bool {
    const ZONES: f64 = 900.0;
    const DELAY: f64 = 5.0;
    let quarters = ((one - other) / ZONES).round();
    quarters != 0.0 && (one - other - quarters * ZONES).abs() <= DELAY
}

/// Adds what is said around a line to the record of the line.
///
/// The line's own time counts, unless it was written in a zone that it does not name. That shows
/// beside a time around it that names its zone (`is_zoned`).
fn merge<'a>(record: &mut Record<'a>, inner: Record<'a>, is_zoned: bool) {
    let around = std::mem::replace(record, inner);
    if record.level == Level::NOTSET {
        (record.level, record.levelname) = (around.level, around.levelname);
    }
    record.created = match (record.created, around.created) {
        (Some(own), Some(around)) if is_zoned && is_of_other_zone(own, around) => Some(around),
        (own, around) => own.or(around),
    };
    if let (Some(own), Some(name)) = (&record.name, &around.name)
        && own != name
    {
        let name = RawJson(Cow::Owned(json::quoted(name)));
        record.extras.push(("program".into(), name));
    }
    record.name = record.name.take().or(around.name);
    record.exc_text = record.exc_text.take().or(around.exc_text);
    record.stack_info = record.stack_info.take().or(around.stack_info);
    record.process = record.process.or(around.process);
    record.process_name = record.process_name.take().or(around.process_name);
    record.thread = record.thread.or(around.thread);
    record.thread_name = record.thread_name.take().or(around.thread_name);
    record.task_name = record.task_name.take().or(around.task_name);
    record.hostname = record.hostname.take().or(around.hostname);
    record.pathname = record.pathname.take().or(around.pathname);
    record.filename = record.filename.take().or(around.filename);
    record.module = record.module.take().or(around.module);
    record.func_name = record.func_name.take().or(around.func_name);
    record.lineno = record.lineno.or(around.lineno);
    record.fault = record.fault.take().or(around.fault);
    if record.subtopic.is_empty() {
        record.subtopic = around.subtopic;
    }
    for (key, value) in around.extras {
        if !record.extras.iter().any(|(name, _)| *name == key) {
            record.extras.push((key, value));
        }
    }
}

#[cfg(test)]
mod tests;
