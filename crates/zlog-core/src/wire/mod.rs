//! The wire format: frames to records and back.
//!
//! A message has two frames, topic and body. The body's dialect is recognised from its
//! bytes and never configured: one stream may mix all dialects. To add a dialect, imitate
//! `logbook.rs`: it is one file here and one variant of [`Dialect`], and tests/parity.rs
//! does not compile until it has an exemplar.
//!
//! | frames | meaning |
//! |---|---|
//! | topic, body | the usual message |
//! | body | from Logbook, or a body without a topic |
//! | none, or more than two | shown as text, with a [`fault`](Record::fault) |
//!
//! | body | dialect |
//! |---|---|
//! | a JSON object with keys of `LogRecord`, or with a message under another logger's key | `json` |
//! | a JSON object with Logbook's keys | `logbook` |
//! | begins like a pickle, and is a pickled `LogRecord` to its last byte | `pickle` |
//! | begins with the byte 0x80, but can't be decoded | shown as text, with a fault |
//! | other UTF-8 (invalid JSON too: a message may begin with `{`) | `text` |
//! | bytes that are not UTF-8 | shown with `\xff` for each such byte, with a fault |

pub(crate) mod attributes;
pub mod confirm;
pub mod json;
pub mod mark;
pub(crate) mod other_loggers;
pub mod pickle;
pub mod query;
pub mod subject;
pub mod text;
pub mod topic;

pub use attributes::QUOTED;

use std::borrow::Cow;

use crate::level::Level;
use crate::record::{Record, Text};
use crate::text::plural::counted;

/// The encoding of a body.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Dialect {
    /// One JSON object under `LogRecord` attribute names: what `zlog emit` sends.
    Json,
    /// The formatted message, as PyZMQ's `PUBHandler` sends it.
    Text,
    /// One frame of JSON from Logbook's `ZeroMQHandler`.
    Logbook,
    /// A pickled `LogRecord` dict, as `SocketHandler` makes it.
    Pickle,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Dialect; 4] = [Dialect::Json, Dialect::Text, Dialect::Logbook, Dialect::Pickle];

    /// The name in output and options.
    pub const fn name(self) -> &'static str {
        match self {
            Dialect::Json => "json",
            Dialect::Text => "text",
            Dialect::Logbook => "logbook",
            Dialect::Pickle => "pickle",
        }
    }
}

/// Reads a message, received at `received` (seconds since 1970-01-01 UTC).
///
/// Never fails. If the message can't be decoded, the dialect is `None`, and the record
/// shows its bytes and has the reason in [`fault`](Record::fault). If only the topic is
/// not UTF-8, the record is decoded and has a fault.
///
/// A level or a name that the body lacks is taken from the topic: its level and its root.
pub fn decode<'a>(frames: &[&'a [u8]], received: f64) -> (Record<'a>, Option<Dialect>) {
    let mut record = Record::default();
    let dialect = Decoder::default().decode_into(frames, received, &mut record);
    (record, dialect)
}

/// Reads messages one after the other. A JSON body with the keys of the last one is read faster.
#[derive(Debug, Default)]
pub struct Decoder {
    json: json::Reader,
    topic: topic::Parser,
}

impl Decoder {
    /// A decoder that reads objects that this rejects only as far as later records depend on them: the
    /// level, the topic, the source, the number and the time.
    pub fn with_prefilter(prefilter: Option<json::Prefilter>) -> Decoder {
        Decoder { json: json::Reader::with_prefilter(prefilter), ..Decoder::default() }
    }

    /// As [`decode`], into an empty record. It is not moved, which matters at a million records
    /// per second.
    pub fn decode_into<'a>(
        &mut self,
        frames: &[&'a [u8]],
        received: f64,
        record: &mut Record<'a>,
    ) -> Option<Dialect> {
        let dialect = match *frames {
            [topic, body] => {
                let dialect = self.decode_body(body, record);
                self.apply_topic(record, topic);
                dialect
            }
            [body] => self.decode_body(body, record),
            _ => {
                *record = wrong_number_of_frames(frames);
                None
            }
        };
        record.received = Some(received);
        dialect
    }

    /// Recognises a body's dialect and reads it.
    fn decode_body<'a>(&mut self, body: &'a [u8], record: &mut Record<'a>) -> Option<Dialect> {
        match body.first() {
            Some(b'{' | b' ' | b'\t' | b'\r' | b'\n') => {
                if let Some(dialect) = self.decode_json(body, record) {
                    return Some(dialect);
                }
            }
            _ if pickle::looks_like_pickle(body) => {
                match pickle::read(body, &pickle::Limits::DEFAULT) {
                    Ok(pickled) => {
                        *record = pickled;
                        return Some(Dialect::Pickle);
                    }
                    Err(refused) if !pickle::may_be_text(body) => {
                        *record = text::read(body);
                        record.fault = Some(Cow::Owned(refused.to_string()));
                        return None;
                    }
                    Err(_) => {}
                }
            }
            _ => {}
        }
        *record = text::read(body);
        record.fault.is_none().then_some(Dialect::Text)
    }

    fn decode_json<'a>(&mut self, body: &'a [u8], record: &mut Record<'a>) -> Option<Dialect> {
        // Indented text is common: don't try to parse it.
        if !body.trim_ascii_start().starts_with(b"{") {
            return None;
        }
        let schema = match simdutf8::basic::from_utf8(body) {
            Ok(body) => self.json.read_body_into(body, record).ok()?,
            Err(_) => {
                // Only the bytes that are not UTF-8 are escaped; the rest is read.
                let body = text::backslash_replace(body);
                let mut read = Record::default();
                let schema = self.json.read_body_into(&body, &mut read).ok()?;
                read.fault.get_or_insert(Cow::Borrowed("body is not UTF-8"));
                *record = read.into_owned();
                schema
            }
        };
        match schema {
            attributes::Schema::LogRecord
            | attributes::Schema::OtherLogger
            | attributes::Schema::Wrapper => Some(Dialect::Json),
            attributes::Schema::Logbook => Some(Dialect::Logbook),
            attributes::Schema::Other => None,
        }
    }

    /// Sets the topic, and takes from it what the body lacks.
    fn apply_topic<'a>(&mut self, record: &mut Record<'a>, frame: &'a [u8]) {
        let Ok(topic) = std::str::from_utf8(frame) else {
            return apply_undecodable_topic(record, frame);
        };
        record.topic = Cow::Borrowed(topic);
        let parts = self.topic.parse(topic);
        record.subtopic = Cow::Borrowed(parts.subtopic);
        if record.name.is_none() && !parts.root.is_empty() {
            record.name = Some(Cow::Borrowed(parts.root));
        }
        if record.level == Level::NOTSET
            && let Some(level) = parts.level
        {
            record.level = level;
        }
    }
}

#[cold]
fn apply_undecodable_topic(record: &mut Record<'_>, frame: &[u8]) {
    let topic = text::backslash_replace(frame).into_owned();
    let parts = topic::parse(&topic);
    record.subtopic = Cow::Owned(parts.subtopic.to_owned());
    if record.name.is_none() {
        record.name = Some(Cow::Owned(parts.root.to_owned()));
    }
    if record.level == Level::NOTSET {
        record.level = parts.level.unwrap_or_default();
    }
    record.topic = Cow::Owned(topic);
    record.fault = Some(match record.fault.take() {
        Some(fault) => Cow::Owned(format!("topic is not UTF-8; {fault}")),
        None => Cow::Borrowed("topic is not UTF-8"),
    });
}

/// A message that has neither one nor two frames: all of them, as lines.
#[cold]
fn wrong_number_of_frames<'a>(frames: &[&'a [u8]]) -> Record<'a> {
    let lines: Vec<Text<'a>> = frames.iter().map(|frame| text::backslash_replace(frame)).collect();
    Record {
        msg: Cow::Owned(lines.join("\n")),
        fault: Some(Cow::Owned(format!("a message of {}, not 2", counted(frames.len(), "frame")))),
        ..Record::default()
    }
}

#[cfg(test)]
mod tests;
