//! A line of text to a record.
//!
//! What may be here: what a line says. How lines are cut and put together is
//! `source`'s and `multiline`'s; JSON, and what other loggers call their fields,
//! is `wire`'s.
//!
//! # What is recognised
//! A line is never rewritten: its message is the line as it stands, and only the
//! level and a leading time are read from it. Four shapes are taken apart, because
//! they name or frame their fields:
//!
//! - a **JSON object** with a message: time, level, message, logger and the
//!   `LogRecord` attributes become fields, the rest extras. One without a message
//!   is its own message, and nothing is taken out of it.
//! - a **logfmt** line with a message (`level=info msg="…" user=5`), likewise;
//! - a **syslog or systemd priority** (`<PRI>`): removed; it gives the level, and the
//!   extra `facility` if it names one;
//! - **`sub.topic::message`**, where a delimiter was given.
//!
//! A user's own pattern ([`Options::pattern`]) replaces all but the last. The level
//! words are in `level`, with the rules that keep prose from being taken for them.

mod level;
mod logfmt;
mod pattern;
mod priority;
mod time;

use std::borrow::Cow;

use jiff::tz::TimeZone;
use regex::Regex;

use crate::record::{Level, Record};
use crate::wire;
use crate::wire::json::Schema;
pub use crate::wire::text::backslash_replace;
use pattern::Pattern;
pub use priority::FACILITIES;

/// What is looked for in a line.
#[derive(Clone, Debug)]
pub struct Options {
    /// Recognise level, time, JSON, logfmt and priorities. Default: yes.
    pub detect: bool,
    /// Named groups: `time`, `level`, `name`, `message` and `subtopic` become fields,
    /// others extras. Nothing else is then recognised; a line that doesn't match is
    /// its own message.
    pub pattern: Option<Regex>,
    /// What stands between subtopic and message (PyZMQ: `::`); `None`: there is no
    /// subtopic in lines.
    pub topic_delim: Option<String>,
}

impl Default for Options {
    fn default() -> Options {
        Options { detect: true, pattern: None, topic_delim: None }
    }
}

/// A line that was looked at.
#[derive(Debug)]
pub struct Parsed<'a> {
    /// Its level is NOTSET unless one was found.
    pub record: Record<'a>,
    /// Whether the line says its level.
    pub level_found: bool,
}

/// Reads lines.
#[derive(Debug)]
pub struct Parser {
    detect: bool,
    pattern: Option<Pattern>,
    topic_delim: Option<String>,
    /// Where times without a zone are from. Looked up once: it costs a lock.
    zone: TimeZone,
    unmatched: u64,
    quoted: u64,
}

impl Parser {
    /// A parser.
    pub fn new(options: Options) -> Parser {
        Parser {
            detect: options.detect,
            pattern: options.pattern.map(Pattern::new),
            topic_delim: options.topic_delim.filter(|delim| !delim.is_empty()),
            zone: TimeZone::system(),
            unmatched: 0,
            quoted: 0,
        }
    }

    /// How many lines the user's pattern did not match.
    pub fn unmatched(&self) -> u64 {
        self.unmatched
    }

    /// How many records have a value that is kept as the text of its JSON, since readers
    /// could not take it otherwise.
    pub fn quoted(&self) -> u64 {
        self.quoted
    }

    /// What the line says. Never fails: what is not understood is the message.
    pub fn parse<'a>(&mut self, line: &'a str) -> Parsed<'a> {
        let mut record = Record::default();
        let level_found = self.parse_into(line, &mut record);
        Parsed { record, level_found }
    }

    /// As [`Parser::parse`], into a record that is empty: without moving it about.
    /// Returns whether the line says its level.
    pub fn parse_into<'a>(&mut self, line: &'a str, record: &mut Record<'a>) -> bool {
        record.msg = Cow::Borrowed(line);
        if self.pattern.is_some() {
            self.parse_pattern(line, record);
        } else if self.detect && json_of(line).starts_with('{') {
            if let Some(read) = read_json_line(line) {
                self.quoted += u64::from(read.fault.as_deref() == Some(wire::QUOTED));
                *record = read;
            }
        } else {
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
            Some(read) => *record = read,
            None => self.unmatched += 1,
        }
        if let (Some(delim), "") = (&self.topic_delim, &*record.subtopic)
            && let Cow::Borrowed(message) = record.msg
        {
            split_topic(message, delim, record);
        }
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

/// Moves what stands before the first delimiter to the subtopic. What has blanks
/// in it is prose in which the delimiter happens to stand, and stays.
fn split_topic<'a>(message: &'a str, delim: &str, record: &mut Record<'a>) {
    if let Some((subtopic, message)) = message.split_once(delim)
        && !subtopic.is_empty()
        && !subtopic.contains(|c: char| c.is_whitespace() || c.is_control())
    {
        record.subtopic = Cow::Borrowed(subtopic);
        record.msg = Cow::Borrowed(message);
    }
}

/// A line from where JSON could begin: what may stand before it is the mark at the
/// start of files that Windows writes, and blanks.
fn json_of(line: &str) -> &str {
    line.strip_prefix('\u{feff}').unwrap_or(line).trim_start()
}

/// A JSON object as a record; `None` when it is none.
fn read_json_line(line: &str) -> Option<Record<'_>> {
    let json = json_of(line);
    let (mut record, schema) = wire::json::read_with_schema(json).ok()?;
    if schema == Schema::Other {
        let Record { created, level, levelname, name, .. } = record;
        return Some(Record { created, level, levelname, name, ..message_only(line) });
    }
    // Only zlog's own stored records mean by these what zlog does. They are never
    // sent, so another program's must stay extras, or would be lost.
    let stored = !record.topic.is_empty() || record.received.is_some() || record.fault.is_some();
    if stored && schema != Schema::LogRecord {
        record = wire::json::read_body(json).ok()?.0;
    }
    Some(record)
}

#[cfg(test)]
mod tests;
