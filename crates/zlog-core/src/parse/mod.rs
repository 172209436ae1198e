//! Lines of text to records.
//!
//! # What is recognised
//! The message is the whole line, unchanged; only the level and a leading time are read
//! from it. Four formats are parsed, since they name or delimit their fields:
//!
//! - A **JSON object** with a message: time, level, message, logger and `LogRecord`
//!   attributes become fields, other keys extras. An object without a message is its own
//!   message. So is one after a prefix (`web_1  | {…}`).
//! - A **logfmt** line (`level=info msg="…" user=5`), likewise.
//! - A **syslog or systemd priority** (`<PRI>`) is removed. It sets the level and the extra
//!   `facility`, if it has one.
//! - **`sub.topic::message`**, if a delimiter is set.
//!
//! A line inside another one (Docker's `log`, journald's `MESSAGE`) is read as a line.
//!
//! A user's pattern ([`Options::pattern`]) replaces all of this except the delimiter. The
//! message that it finds is read as a line.

mod level;
mod logfmt;
mod pattern;
mod priority;
mod time;
mod wrapped;

use std::borrow::Cow;

use jiff::tz::TimeZone;
use regex::Regex;

use crate::record::{Level, RawJson, Record};
use crate::wire;
use crate::wire::json::Schema;
pub use crate::wire::text::backslash_replace;
use pattern::Pattern;
pub use priority::FACILITIES;

/// The parts of a line to recognise.
#[derive(Clone, Debug)]
pub struct Options {
    /// Recognise level, time, JSON, logfmt and priorities. The default is yes.
    pub detect: bool,
    /// The named groups `time`, `level`, `name`, `message` and `subtopic` become fields,
    /// others extras. Nothing else is recognised then. A line that doesn't match is its own
    /// message.
    pub pattern: Option<Regex>,
    /// The delimiter between subtopic and message (PyZMQ: `::`). `None`: lines have no
    /// subtopic.
    pub topic_delim: Option<String>,
}

impl Default for Options {
    fn default() -> Options {
        Options { detect: true, pattern: None, topic_delim: None }
    }
}

/// A parsed line.
#[derive(Debug)]
pub struct Parsed<'a> {
    /// The record. Its level is NOTSET if none was found.
    pub record: Record<'a>,
    /// Whether a level was found.
    pub level_found: bool,
}

/// Parses lines.
#[derive(Debug)]
pub struct Parser {
    detect: bool,
    pattern: Option<Pattern>,
    topic_delim: Option<String>,
    /// The zone of times without one. Looked up once, since that takes a lock.
    zone: TimeZone,
    unmatched: u64,
    quoted: u64,
    /// How many lines the present one is inside of.
    depth: u32,
}

impl Parser {
    /// A parser with the given options.
    pub fn new(options: Options) -> Parser {
        Parser {
            detect: options.detect,
            pattern: options.pattern.map(Pattern::new),
            topic_delim: options.topic_delim.filter(|delim| !delim.is_empty()),
            zone: TimeZone::system(),
            unmatched: 0,
            quoted: 0,
            depth: 0,
        }
    }

    /// The number of lines that did not match the user's pattern.
    pub fn unmatched(&self) -> u64 {
        self.unmatched
    }

    /// The number of records with a value that is kept as text, since it exceeds the limits
    /// of readers.
    pub fn quoted(&self) -> u64 {
        self.quoted
    }

    /// Parses a line. Never fails: a line that is not recognised is the message.
    pub fn parse<'a>(&mut self, line: &'a str) -> Parsed<'a> {
        let mut record = Record::default();
        let level_found = self.parse_into(line, &mut record);
        Parsed { record, level_found }
    }

    /// As [`Parser::parse`], into an empty record, which is not moved. Returns whether a
    /// level was found.
    pub fn parse_into<'a>(&mut self, line: &'a str, record: &mut Record<'a>) -> bool {
        if self.pattern.is_some() && self.depth == 0 {
            record.msg = Cow::Borrowed(line);
            self.parse_pattern(line, record);
        } else if self.detect && json_of(line).starts_with('{') {
            if self.read_json(line, record) == Some(Schema::Wrapper) {
                self.look_into(record);
            }
        } else if !(self.detect && self.read_prefixed_json(line, record)) {
            record.msg = Cow::Borrowed(line);
            if let Some(delim) = &self.topic_delim {
                split_topic(line, delim, record);
            }
            if let (true, Cow::Borrowed(message)) = (self.detect, &record.msg) {
                self.detect_fields(message, record);
            }
        }
        record.level != Level::NOTSET
    }

    fn parse_pattern<'a>(&mut self, line: &'a str, record: &mut Record<'a>) {
        let Some(pattern) = &mut self.pattern else { return };
        match pattern.parse(line, &self.zone) {
            Some(read) => {
                *record = read;
                if self.detect {
                    self.look_into_message(record);
                }
            }
            None => self.unmatched += 1,
        }
        if let (Some(delim), "") = (&self.topic_delim, &*record.subtopic)
            && let Cow::Borrowed(message) = record.msg
        {
            split_topic(message, delim, record);
        }
    }

    /// Fills an empty record from a JSON object. A line that is none is the message.
    fn read_json<'a>(&mut self, line: &'a str, record: &mut Record<'a>) -> Option<Schema> {
        let schema = read_json_line(line, record);
        self.quoted += u64::from(record.fault.as_deref() == Some(wire::QUOTED));
        schema
    }

    fn detect_fields<'a>(&self, line: &'a str, record: &mut Record<'a>) {
        if logfmt::read(line, &self.zone, record) {
            return;
        }
        let line = priority::read(line, record);
        let stamp = time::leading(line, &self.zone);
        let rest = stamp.map_or(line, |stamp| &line[stamp.end..]);
        record.created = stamp.map(|stamp| stamp.seconds);
        if record.level == Level::NOTSET
            && let Some(level) = level::of_line(line, rest)
        {
            record.level = level;
        }
    }
}

fn message_only(line: &str) -> Record<'_> {
    Record { msg: Cow::Borrowed(line), ..Record::default() }
}

/// Moves the text before the first delimiter to the subtopic. Text with white space is
/// prose that contains the delimiter, and stays.
fn split_topic<'a>(message: &'a str, delim: &str, record: &mut Record<'a>) {
    if let Some((subtopic, message)) = message.split_once(delim)
        && !subtopic.is_empty()
        && !subtopic.contains(|c: char| c.is_whitespace() || c.is_control())
    {
        record.subtopic = Cow::Borrowed(subtopic);
        record.msg = Cow::Borrowed(message);
    }
}

/// The line without a byte order mark, which Windows writes, and without leading space.
fn json_of(line: &str) -> &str {
    line.strip_prefix('\u{feff}').unwrap_or(line).trim_start()
}

/// Fills an empty record from a JSON object. Returns `None` if the line is none; it is then the
/// message. An object without a message is its own message, and its other fields are extras.
fn read_json_line<'a>(line: &'a str, record: &mut Record<'a>) -> Option<Schema> {
    let json = json_of(line);
    let Ok(schema) = wire::json::read_into(json, record) else {
        record.msg = Cow::Borrowed(line);
        return None;
    };
    if schema == Schema::LogRecord {
        return Some(schema);
    }
    // These keys are fields only in records that zlog stored. Those of other programs
    // must stay extras: as fields they would not be sent on.
    if !record.topic.is_empty() || record.received.is_some() || record.fault.is_some() {
        *record = wire::json::read_body(json).unwrap_or_else(|_| message_only(line));
    }
    keep_sender(record);
    if schema == Schema::Other {
        record.msg = Cow::Borrowed(line);
    }
    Some(schema)
}

/// Makes extras of another program's `source` and `seq`: a sender sets its own.
fn keep_sender(record: &mut Record<'_>) {
    if let Some(source) = record.source.take() {
        record.extras.push(("source".into(), RawJson(wire::json::quoted(&source).into())));
    }
    if let Some(seq) = record.seq.take() {
        record.extras.push(("seq".into(), RawJson(seq.to_string().into())));
    }
}

#[cfg(test)]
mod tests;
