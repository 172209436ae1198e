//! Lines of text to records.
//!
//! # What is recognised
//! The message is the whole line, unchanged. The [`formats`](crate::formats) find its time,
//! level, logger and other fields; in a line of no format, only a level and a leading time are
//! looked for. Four kinds of lines are parsed, since they name or delimit their fields:
//!
//! - A **JSON object** with a message: time, level, message, logger and `LogRecord`
//!   attributes become fields, other keys extras. An object without a message is its own
//!   message.
//! - A **logfmt** line (`level=info msg="…" user=5`), likewise.
//! - A **syslog or systemd priority** (`<PRI>`) is removed. It sets the level and the extra
//!   `facility`, if it has one.
//! - **`sub.topic::message`**, if a delimiter is set.
//!
//! A line inside another one (journald's `MESSAGE`), and one behind a collector's prefix
//! (`web_1  | …`), is read as a line. The lines inside those
//! of a container runtime ([`enclosed`]) are a stream of their own, with tracebacks, and a
//! [`Batch`] of OpenTelemetry is as many records as it has.
//!
//! A user's pattern ([`Options::pattern`]) replaces all of this except the delimiter, and so
//! does a format that the user names ([`Options::format`]). The message that a pattern finds is
//! read as a line.

mod level;
mod logfmt;
mod object;
mod pattern;
pub(crate) mod prefix;
mod priority;
mod wrapped;

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use regex::Regex;

use crate::formats::time::{LastTime, leading};
use crate::formats::{Explanation, Formats, Input, Matcher};
use crate::level::Level;
use crate::record::{RawJson, Record};
use crate::text::json;
use crate::wire;
use crate::wire::attributes::Schema;
pub use crate::wire::text::backslash_replace;
use pattern::Pattern;

/// The last second of the year 9999.
const LATEST: f64 = 253_402_300_799.0;
pub use object::ObjectReader;
pub use priority::FACILITIES;
pub use wrapped::{Batch, Enclosed, Enclosure, enclosed};

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
    /// The formats of lines of text.
    pub formats: Formats,
    /// The name of the only format that lines may have. Nothing else is recognised then. A
    /// line that doesn't match is its own message.
    pub format: Option<String>,
    /// Lines may be older than their reading, so a time without a date says nothing.
    pub stored: bool,
    /// Split the lines of zlog's own log files, in the default format, into time, level, logger
    /// and message: if the first line has that format. Other lines stay whole.
    pub own_files: bool,
    /// Note which formats are tried with each line: see [`Parser::explanation`].
    pub explain: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            detect: true,
            pattern: None,
            topic_delim: None,
            formats: Formats::built_in(),
            format: None,
            stored: false,
            own_files: false,
            explain: false,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// Lines that do not match the user's pattern or format.
    unmatched: u64,
    /// Records with a value that is kept as text.
    quoted: u64,
}

/// Parses the lines of one stream.
#[derive(Debug)]
pub struct Parser {
    detect: bool,
    pattern: Option<Pattern>,
    matcher: Matcher,
    json: wire::json::Reader,
    topic_delim: Option<String>,
    /// Reads lines of zlog's own files; `None` if the stream is no such file.
    own: Option<Matcher>,
    /// Whether it is one: the first line tells.
    is_own_file: bool,
    /// The last time at the start of a line without a format.
    last_leading: LastTime,
    /// The zone of times without one. Looked up once, since that takes a lock.
    zone: TimeZone,
    /// When lines are read: seconds since 1970-01-01 UTC.
    received: f64,
    /// Lines may be older than their reading.
    stored: bool,
    /// The time of the last record that had one.
    last_time: Option<f64>,
    /// Where the message begins in the last line, after the fields of its format.
    message_start: usize,
    counts: Counts,
    /// How many lines the present one is inside of.
    depth: u32,
    /// The format of the last line behind a prefix that had one.
    last_behind: Option<usize>,
    /// What was tried with the last line, if that is noted.
    explanation: Option<Box<Explanation>>,
}

impl Parser {
    /// A parser with the given options.
    pub fn new(options: Options) -> Parser {
        let format = options.format.as_deref();
        Parser {
            detect: options.detect,
            pattern: options.pattern.map(Pattern::new),
            matcher: Matcher::new(options.formats, format, !options.stored),
            json: wire::json::Reader::default(),
            topic_delim: options.topic_delim.filter(|delim| !delim.is_empty()),
            own: options.own_files.then(|| Matcher::new(Formats::own_files(), None, false)),
            is_own_file: false,
            last_leading: LastTime::default(),
            zone: TimeZone::system(),
            received: Timestamp::now().as_duration().as_secs_f64(),
            stored: options.stored,
            last_time: None,
            message_start: 0,
            counts: Counts::default(),
            depth: 0,
            last_behind: None,
            explanation: options.explain.then(Box::default),
        }
    }

    /// Sets when the next lines were read, in seconds since 1970-01-01 UTC: a year or a date
    /// that they leave out is the last that is not after it. It is the time of the parser's
    /// making at first.
    pub fn set_received(&mut self, received: f64) {
        self.received = received;
    }

    /// Sets when a record was received, if it does not say so itself: at `received`.
    ///
    /// A stored line was not received when it was read. One without a time gets the time of
    /// the record before it here, where readers show it as a time that is not the sender's.
    pub fn set_received_time(&mut self, received: f64, record: &mut Record<'_>) {
        if !self.stored {
            record.received.get_or_insert(received);
            return;
        }
        match record.time() {
            Some(time) if time.abs() <= LATEST => self.last_time = Some(time),
            // It can't be shown: it is no time.
            Some(_) => {}
            None => record.received = self.last_time,
        }
    }

    /// From now on, lines are read as they are written: the end of a followed file was reached.
    pub fn set_live(&mut self) {
        self.stored = false;
        self.matcher.set_live();
    }

    /// Where the message begins in the last line: after the fields that its format has found.
    pub fn message_start(&self) -> usize {
        self.message_start
    }

    /// The number of lines that did not match the user's pattern or format.
    pub fn unmatched(&self) -> u64 {
        self.counts.unmatched
    }

    /// The number of records with a value that is kept as text, since it exceeds the limits
    /// of readers.
    pub fn quoted(&self) -> u64 {
        self.counts.quoted
    }

    /// Whether lines may be [enclosed] in others: nothing else says what they are.
    pub fn opens_lines(&self) -> bool {
        self.detect && self.pattern.is_none() && !self.matcher.is_forced()
    }

    /// Parses a line. Never fails: a line that is not recognised is the message. Its level is
    /// NOTSET if none was found.
    pub fn parse<'a>(&mut self, line: &'a str) -> Record<'a> {
        let mut record = Record::default();
        self.parse_behind(prefix::length(line), line, &mut record);
        record
    }

    /// As [`Parser::parse`], for a line without a collector's prefix, into an empty record, which
    /// is not moved. Returns whether a level was found.
    pub fn parse_into<'a>(&mut self, line: &'a str, record: &mut Record<'a>) -> bool {
        self.parse_behind(0, line, record)
    }

    /// As [`Parser::parse_into`], for a line whose prefix, which the
    /// [assembler](crate::multiline::Assembled::prefixed) has found, has `prefix` bytes.
    pub fn parse_behind<'a>(
        &mut self,
        prefix: usize,
        line: &'a str,
        record: &mut Record<'a>,
    ) -> bool {
        self.message_start = 0;
        if let Some(explanation) = self.explanation.as_mut().filter(|_| self.depth == 0) {
            **explanation = Explanation::default();
        }
        if self.pattern.is_some() && self.depth == 0 {
            record.msg = Cow::Borrowed(line);
            self.parse_pattern(line, record);
        } else if self.matcher.is_forced() && self.depth == 0 {
            record.msg = Cow::Borrowed(line);
            match self.read_format(&Input::new(line), record) {
                Some(message) => self.message_start = line.len() - message.len(),
                None => self.counts.unmatched += 1,
            }
        } else if self.read_own(line, record) {
            // The record is complete.
        } else if self.detect && self.read_enclosed(line, record) {
            // So is this one.
        } else if self.detect && json_of(line).starts_with('{') {
            let schema = self.read_json(line, record);
            self.note_structure(schema.is_some(), "JSON");
            if schema == Some(Schema::Wrapper) {
                self.look_into(record);
            }
        } else {
            record.msg = Cow::Borrowed(line);
            if let Some(delim) = &self.topic_delim {
                split_topic(line, delim, record);
            }
            if let (true, Cow::Borrowed(message)) = (self.detect, &record.msg) {
                let prefix = if message.len() == line.len() { prefix } else { 0 };
                self.detect_fields(message, prefix, record);
            }
        }
        record.level != Level::NOTSET
    }

    /// Reads a line of zlog's own files. `false` if it is none.
    fn read_own<'a>(&mut self, line: &'a str, record: &mut Record<'a>) -> bool {
        let Some(own) = &mut self.own else { return false };
        if let Some(explanation) = &mut self.explanation {
            explanation.attempts = own.explain(&Input::Line(line), &self.zone, self.received);
        }
        let end = own.read(&Input::Line(line), &self.zone, self.received, record);
        if let Some(end) = end {
            record.msg = Cow::Borrowed(&line[end..]);
            self.is_own_file = true;
        } else if !self.is_own_file {
            self.own = None;
        }
        end.is_some()
    }

    /// The level of a line of a known format: one with a time, a level or both. NOTSET if it
    /// names none. Does not count the line.
    pub fn recognize(&mut self, line: &str) -> Option<Level> {
        let (counts, last) = (self.counts, self.matcher.last);
        let record = self.parse(line);
        (self.counts, self.matcher.last) = (counts, last);
        (record.level != Level::NOTSET || record.created.is_some()).then_some(record.level)
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
            None => self.counts.unmatched += 1,
        }
        if let (Some(delim), "") = (&self.topic_delim, &*record.subtopic)
            && let Cow::Borrowed(message) = record.msg
        {
            split_topic(message, delim, record);
        }
    }

    /// Fills an empty record from a JSON object. A line that is none is the message.
    fn read_json<'a>(&mut self, line: &'a str, record: &mut Record<'a>) -> Option<Schema> {
        let schema = read_json_line(&mut self.json, line, record);
        self.counts.quoted += u64::from(record.fault.as_deref() == Some(wire::QUOTED));
        schema
    }

    /// Reads a line of text, whose prefix has `prefix` bytes.
    fn detect_fields<'a>(&mut self, whole: &'a str, prefix: usize, record: &mut Record<'a>) {
        let line = priority::read(whole, record);
        let input = Input::new(line);
        if self.read_structure(whole, &input, prefix, record) {
            return;
        }
        let mut rest = self.read_time(line, line.len() < whole.len(), record);
        if prefix > 0 && record.created.is_none() {
            rest = self.read_time_in_prefix(whole, record).unwrap_or(rest);
        }
        self.message_start = whole.len() - rest.len();
        if record.level == Level::NOTSET {
            let own = &whole[prefix..];
            let behind = || (prefix > 0).then(|| level::of_line(&Input::new(own), own)).flatten();
            record.level = level::of_line(&input, rest).or_else(behind).unwrap_or_default();
        }
    }

    /// Reads the line in `input`, which is `whole` without a priority, if it has a format, is logfmt, or is a
    /// prefix before such a line. Returns `false` and changes nothing else.
    fn read_structure<'a>(
        &mut self,
        whole: &'a str,
        input: &Input<'a>,
        prefix: usize,
        record: &mut Record<'a>,
    ) -> bool {
        let Some(rest) = self.read_format(input, record) else {
            if prefix > 0 && self.read_behind_names(whole, record)
                || self.read_behind_words(whole, record)
            {
                return true;
            }
            let is_logfmt = logfmt::read(whole, &self.zone, record);
            self.note_structure(is_logfmt, "logfmt");
            return is_logfmt;
        };
        self.message_start = whole.len() - rest.len();
        if self.read_behind_header(whole, prefix, record) {
            return true;
        }
        if record.level == Level::NOTSET
            && let Some(level) = level::of_line(input, rest)
        {
            record.level = level;
        }
        true
    }

    /// Reads the time at the start of a line without a format. Returns the rest.
    #[inline]
    fn read_time<'a>(&mut self, line: &'a str, syslog: bool, record: &mut Record<'a>) -> &'a str {
        // RFC 5424 has a version before the time.
        let version = line.strip_prefix("1 ").filter(|_| syslog);
        let line = version.unwrap_or(line);
        let stamp = leading(line, &self.zone, &mut self.last_leading);
        record.created = stamp.map(|stamp| stamp.seconds);
        stamp.map_or(line, |stamp| &line[stamp.end..])
    }

    /// Fills the record with the fields of the line's format. Returns the message after them;
    /// `None` if the line has no format.
    #[inline]
    fn read_format<'a>(&mut self, input: &Input<'a>, record: &mut Record<'a>) -> Option<&'a str> {
        if let Some(explanation) = &mut self.explanation {
            explanation.attempts = self.matcher.explain(input, &self.zone, self.received);
        }
        let end = self.matcher.read(input, &self.zone, self.received, record)?;
        Some(match *input {
            Input::Line(line) => &line[end..],
            // `end` is a position in the line without colours.
            Input::Plain(_, line) => line,
        })
    }

    /// Which formats were tried with the last line, and why; `None` without
    /// [`Options::explain`].
    pub fn explanation(&self) -> Option<&Explanation> {
        self.explanation.as_deref()
    }

    /// Notes that a line names its fields, if it does.
    fn note_structure(&mut self, is_structured: bool, name: &'static str) {
        if let Some(explanation) = self.explanation.as_mut().filter(|_| is_structured) {
            explanation.structured.get_or_insert(name);
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
fn read_json_line<'a>(
    reader: &mut wire::json::Reader,
    line: &'a str,
    record: &mut Record<'a>,
) -> Option<Schema> {
    let json = json_of(line);
    let Ok(schema) = reader.read_into(json, record) else {
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
        record.extras.push(("source".into(), RawJson(json::quoted(&source).into())));
    }
    if let Some(seq) = record.seq.take() {
        record.extras.push(("seq".into(), RawJson(seq.to_string().into())));
    }
}

#[cfg(test)]
mod tests;
