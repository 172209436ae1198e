//! Frames on the wire to records and back: the only code that knows the bytes.
//!
//! A message is two frames, topic and body. The body's dialect is told from its
//! bytes, never configured: one stream may mix them all. To add a dialect,
//! imitate `logbook.rs`: one file here, one line in [`Dialect`], and
//! tests/parity.rs will not compile until it has an exemplar.
//!
//! | frames | what they are |
//! |---|---|
//! | topic, body | the usual message |
//! | body | Logbook's, or a body without a topic |
//! | none, three and more | shown as text, with a [`fault`](Record::fault) |
//!
//! | body | dialect |
//! |---|---|
//! | a JSON object with `LogRecord`'s keys, or a message under another logger's name | `json` |
//! | a JSON object with Logbook's keys | `logbook` |
//! | starts like a pickle, and is one of a `LogRecord` to its last byte | `pickle` |
//! | starts with the byte 0x80, but can't be decoded | shown as text, with a fault |
//! | other UTF-8 (broken JSON too: a message may start with `{`) | `text` |
//! | bytes that are not UTF-8 | shown with `\xff` for each such byte, with a fault |

mod attributes;
pub mod json;
pub mod logbook;
pub mod other_loggers;
pub mod pickle;
pub mod query;
pub mod text;
pub mod topic;

pub use attributes::QUOTED;

use std::borrow::Cow;

use crate::record::{Level, Record, Text};
use crate::text::plural::counted;

/// How a body is written.
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

    /// The name that a person sees, and types.
    pub const fn name(self) -> &'static str {
        match self {
            Dialect::Json => "json",
            Dialect::Text => "text",
            Dialect::Logbook => "logbook",
            Dialect::Pickle => "pickle",
        }
    }
}

/// Reads a message. `received` is when it came, in seconds since 1970-01-01 UTC.
///
/// Never fails. `None` for the dialect means that the message could not be
/// decoded: the record then shows its bytes and says why in
/// [`fault`](Record::fault). A topic that is not UTF-8 is a fault too, of a
/// record that is otherwise decoded.
///
/// What the body does not say is filled in from the topic: the level, and the
/// root as the name. The topic's text is borrowed, so this costs nothing.
pub fn decode<'a>(frames: &[&'a [u8]], received: f64) -> (Record<'a>, Option<Dialect>) {
    let mut record = Record::default();
    let dialect = decode_into(frames, received, &mut record);
    (record, dialect)
}

/// As [`decode`], into a record that is empty: without moving it about, which
/// shows where a million come each second.
pub fn decode_into<'a>(
    frames: &[&'a [u8]],
    received: f64,
    record: &mut Record<'a>,
) -> Option<Dialect> {
    let dialect = match *frames {
        [topic, body] => {
            let dialect = decode_body(body, record);
            apply_topic(record, topic);
            dialect
        }
        [body] => decode_body(body, record),
        _ => {
            *record = unexpected_frames(frames);
            None
        }
    };
    record.received = Some(received);
    dialect
}

/// Tells a body's dialect from its bytes and reads it.
fn decode_body<'a>(body: &'a [u8], record: &mut Record<'a>) -> Option<Dialect> {
    match body.first() {
        Some(b'{' | b' ' | b'\t' | b'\r' | b'\n') => {
            if let Some(dialect) = decode_json(body, record) {
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

fn decode_json<'a>(body: &'a [u8], record: &mut Record<'a>) -> Option<Dialect> {
    let body = std::str::from_utf8(body).ok()?;
    // Spares indented text the attempt.
    if !body.trim_ascii_start().starts_with('{') {
        return None;
    }
    match json::read_body_into(body, record).ok()? {
        json::Schema::LogRecord | json::Schema::OtherLogger => Some(Dialect::Json),
        json::Schema::Logbook => Some(Dialect::Logbook),
        json::Schema::Other => None,
    }
}

/// Fills in the topic, and from it what the body did not say.
fn apply_topic<'a>(record: &mut Record<'a>, frame: &'a [u8]) {
    let Ok(topic) = std::str::from_utf8(frame) else {
        return apply_undecodable_topic(record, frame);
    };
    record.topic = Cow::Borrowed(topic);
    let parts = topic::parse(topic);
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

/// A message of a number of frames that means nothing: all of them, as lines.
#[cold]
fn unexpected_frames<'a>(frames: &[&'a [u8]]) -> Record<'a> {
    let lines: Vec<Text<'a>> = frames.iter().map(|frame| text::backslash_replace(frame)).collect();
    Record {
        msg: Cow::Owned(lines.join("\n")),
        fault: Some(Cow::Owned(format!("a message of {}, not 2", counted(frames.len(), "frame")))),
        ..Record::default()
    }
}

#[cfg(test)]
mod tests;
