//! Lines inside other lines: what a collector of logs, a user's pattern or a prefix encloses
//! is read as a line of its own.

mod container;
mod otlp;

use std::borrow::Cow;

pub use self::container::{Enclosed, Enclosure, enclosed};
pub use self::otlp::Batch;
use super::{Parser, level};
use crate::level::Level;
use crate::record::{RawJson, Record};
use crate::text::json;
use crate::text::sgr::strip;
use crate::wire::attributes::Schema;

/// How deep lines are looked into: a line of Docker in a line of `docker compose`, for example.
pub(super) const MAX_DEPTH: u32 = 4;

/// The longest prefix before JSON, in bytes.
const MAX_PREFIX: usize = 256;

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
                self.parse_into(line, &mut inner);
                merge(record, inner, line);
            }
            Cow::Owned(line) => {
                let mut inner = Record::default();
                self.parse_into(&line, &mut inner);
                merge(record, inner.into_owned(), &line);
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

    /// Reads a line that ends with the JSON of a log record after a prefix: a container's or a
    /// program's name, a time, a syslog header. Returns `false` and changes nothing if the line
    /// is anything else.
    pub(super) fn read_prefixed_json<'a>(
        &mut self,
        line: &'a str,
        record: &mut Record<'a>,
    ) -> bool {
        let Some((prefix, object)) = split_prefix(line) else { return false };
        let mut inner = Record::default();
        let schema = self.read_json(object, &mut inner);
        if matches!(schema, None | Some(Schema::Other)) {
            return false;
        }
        let mut around = Record { msg: Cow::Borrowed(prefix), ..Record::default() };
        self.detect_fields(prefix, &mut around);
        let is_header = prefix[std::mem::take(&mut self.message_start)..].trim().is_empty();
        let plain = strip(prefix);
        if !is_header && !is_prefix(plain.trim(), inner.level != Level::NOTSET) {
            return false;
        }
        self.note_structure(true, "JSON after a prefix");
        *record = around;
        // A syslog priority has been removed.
        let rest = strip(&record.msg);
        let name = rest.trim().trim_end_matches(['|', ' ', '\t']);
        if !name.is_empty() {
            let name = RawJson(json::quoted(name).into());
            record.extras.push(("prefix".into(), name));
        }
        merge(record, inner, object);
        true
    }
}

/// The text before the first object of a line that ends with one, and the rest.
fn split_prefix(line: &str) -> Option<(&str, &str)> {
    // Nearly all lines of text end here.
    if !line.trim_end().ends_with('}') {
        return None;
    }
    let at = memchr::memchr(b'{', &line.as_bytes()[..line.len().min(MAX_PREFIX)])?;
    let (prefix, object) = line.split_at(at);
    let is_separate = prefix.ends_with([' ', '\t', '|', ':', 'm', ']', '>']);
    (is_separate && !prefix.trim().is_empty()).then_some((prefix, object))
}

/// Whether text before an object is a header and not the beginning of a sentence: it ends with
/// a bar; it has a time, a level, brackets or a process id, and no plain word; or the object
/// has a level, so that it is a record of its own.
fn is_prefix(prefix: &str, has_level: bool) -> bool {
    if prefix.ends_with('|') || has_level && is_names(prefix) {
        return true;
    }
    let (mut marks, mut words) = (0, 0);
    for word in prefix.split_whitespace() {
        let has_digit = word.contains(|c: char| c.is_ascii_digit());
        let bare = word.trim_matches(|c: char| "[]()<>:|-".contains(c));
        let first = bare.split(':').next().unwrap_or_default();
        let is_mark = word.starts_with(['[', '(', '<', '|'])
            || has_digit && word.contains([':', '-', '/', '['])
            || level::is_level(first);
        marks += u32::from(is_mark);
        let is_word = !is_mark && !has_digit && !bare.is_empty();
        words += u32::from(is_word && !level::is_calendar(word.as_bytes()));
    }
    marks > 0 && words <= u32::from(has_level)
}

/// Whether a prefix consists of up to three names, such as a pod's and a container's.
fn is_names(prefix: &str) -> bool {
    let mut words = prefix.split_whitespace();
    let names = words
        .by_ref()
        .take(3)
        .all(|word| word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./@#›".contains(c)));
    names && words.next().is_none() && prefix.contains(['-', '_', '/', '.', '@'])
}

/// Adds what is said around a line to the record of the line. A time in a line of text may
/// lack its zone, so a collector's time counts more.
fn merge<'a>(record: &mut Record<'a>, inner: Record<'a>, line: &str) {
    let is_text = inner.msg == line && !line.starts_with('{');
    let around = std::mem::replace(record, inner);
    if record.level == Level::NOTSET {
        (record.level, record.levelname) = (around.level, around.levelname);
    }
    record.created = match is_text {
        true => around.created.or(record.created),
        false => record.created.or(around.created),
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
