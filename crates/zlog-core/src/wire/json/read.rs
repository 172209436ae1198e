//! JSON to records. Text without escapes is borrowed.

use std::borrow::Cow;
use std::fmt;

use super::layout::Layout;
use super::prefilter::Prefilter;
use super::repair;
use crate::record::{Record, Text};
use crate::text::json::{each_entry, string_value};
use crate::wire::attributes::{Attribute, Builder, Schema, Value};

/// A text is not a JSON object.
#[derive(Debug)]
pub struct ParseError(serde_json::Error);

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a JSON object: {}", self.0)
    }
}

impl std::error::Error for ParseError {}

/// Reads a stored record ([`Writer::write_stored`](super::Writer::write_stored)), or a line of another
/// logger's JSON.
///
/// # Errors
/// `text` is not one JSON object. Unexpected values are not errors.
pub fn read(text: &str) -> Result<Record<'_>, ParseError> {
    let mut record = Record::default();
    Reader::default().read_into(text, &mut record)?;
    Ok(record)
}

/// As [`read`], for a body from the wire: there `topic`, `received` and `fault` are extras,
/// since senders must not set these fields.
///
/// # Errors
/// As [`read`].
pub fn read_body(text: &str) -> Result<Record<'_>, ParseError> {
    let mut record = Record::default();
    Reader::default().read_body_into(text, &mut record)?;
    Ok(record)
}

/// Reads objects one after the other. One with the keys of the last one is read faster.
///
/// It reads only a part of an object that the prefilter rejects: the level, and what later records depend
/// on (topic, source, number and time).
#[derive(Debug, Default)]
pub(crate) struct Reader {
    layout: Layout,
    prefilter: Option<Prefilter>,
}

impl Reader {
    /// A reader with this prefilter.
    pub(crate) fn with_prefilter(prefilter: Option<Prefilter>) -> Reader {
        Reader { prefilter, ..Reader::default() }
    }

    /// As [`read`], into an empty record, which stays empty on an error.
    ///
    /// # Errors
    /// As [`read`].
    pub(crate) fn read_into<'a>(
        &mut self,
        text: &'a str,
        record: &mut Record<'a>,
    ) -> Result<Schema, ParseError> {
        self.build(text, true, record)
    }

    /// As [`read_body`], into an empty record, which stays empty on an error.
    ///
    /// # Errors
    /// As [`read`].
    pub(in crate::wire) fn read_body_into<'a>(
        &mut self,
        text: &'a str,
        record: &mut Record<'a>,
    ) -> Result<Schema, ParseError> {
        self.build(text, false, record)
    }

    fn build<'a>(
        &mut self,
        text: &'a str,
        stored: bool,
        record: &mut Record<'a>,
    ) -> Result<Schema, ParseError> {
        if let Some(prefilter) = &self.prefilter {
            if self.layout.find(text) {
                if let Some(schema) = self.layout.reject(text, prefilter, stored, record) {
                    return Ok(schema);
                }
                let mut builder = Builder::new(record, stored);
                self.layout.build(text, &mut builder);
                return Ok(builder.finish());
            }
        } else {
            let mut builder = Builder::new(record, stored);
            if self.layout.read(text, &mut builder) {
                return Ok(builder.finish());
            }
            *record = Record::default();
        }
        let mut builder = Builder::new(record, stored);
        let mut learns = self.layout.forget(text);
        let read = each_entry(text, |key, value| {
            let attribute = Attribute::of_key(&key);
            match &key {
                Cow::Borrowed(key) if learns => self.layout.add(text, key, attribute, value),
                Cow::Borrowed(_) => {}
                Cow::Owned(_) => (learns, self.layout) = (false, Layout::default()),
            }
            builder.set_as(attribute, || key, &Raw::new(value));
        });
        match read {
            Ok(()) => {
                if learns {
                    self.layout.finish(text);
                }
                Ok(builder.finish())
            }
            Err(error) => {
                self.layout = Layout::default();
                *record = Record::default();
                build_repaired(text, stored, error, record)
            }
        }
    }
}

/// The slow path: repairs the text and copies the record.
#[cold]
fn build_repaired(
    text: &str,
    stored: bool,
    error: serde_json::Error,
    record: &mut Record<'_>,
) -> Result<Schema, ParseError> {
    let Some(repaired) = repair::repair(text) else { return Err(ParseError(error)) };
    let mut borrowing = Record::default();
    let mut builder = Builder::new(&mut borrowing, stored);
    each_entry(&repaired, |key, value| builder.set(key, &Raw::new(value))).map_err(ParseError)?;
    let schema = builder.finish();
    *record = borrowing.into_owned();
    Ok(schema)
}

/// What a value is, as far as that is known without reading it again.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum ValueKind {
    Unknown,
    /// A string without escapes.
    PlainString,
    Integer(i64),
    Float(f64),
}

impl ValueKind {
    /// What `json`, a valid value of this attribute, is.
    pub(super) fn of(attribute: Attribute, json: &str) -> ValueKind {
        let raw = Raw::new(json);
        match (raw.string(), raw.integer(), raw.number()) {
            (Some(Cow::Borrowed(_)), ..) => ValueKind::PlainString,
            (_, _, Some(number)) if attribute.is_float() => ValueKind::Float(number),
            (_, Some(number), _) => ValueKind::Integer(number),
            _ => ValueKind::Unknown,
        }
    }
}

/// A value as JSON text, which is known to be valid.
pub(super) struct Raw<'a> {
    pub(super) json: &'a str,
    pub(super) kind: ValueKind,
}

impl<'a> Raw<'a> {
    fn new(json: &'a str) -> Raw<'a> {
        Raw { json, kind: ValueKind::Unknown }
    }
}

impl<'a> Value<'a> for Raw<'a> {
    fn is_null(&self) -> bool {
        self.kind == ValueKind::Unknown && self.json == "null"
    }

    fn string(&self) -> Option<Text<'a>> {
        match self.kind {
            ValueKind::PlainString => Some(Cow::Borrowed(&self.json[1..self.json.len() - 1])),
            _ => string_value(self.json),
        }
    }

    fn text(&self) -> Option<Text<'a>> {
        if self.kind == ValueKind::PlainString {
            return self.string();
        }
        match self.json.as_bytes().first() {
            Some(b'"') => self.string(),
            Some(b'{' | b'[') | None => None,
            Some(_) => Some(Cow::Borrowed(self.json)),
        }
    }

    fn integer(&self) -> Option<i64> {
        if let ValueKind::Integer(number) = self.kind {
            return Some(number);
        }
        if let Ok(number) = self.json.parse() {
            return Some(number);
        }
        exact_integer(self.number()?)
    }

    fn number(&self) -> Option<f64> {
        if let ValueKind::Float(number) = self.kind {
            return Some(number);
        }
        // Only numbers begin like this. Rust's parser would also accept `inf`.
        match self.json.as_bytes().first() {
            Some(b'-' | b'0'..=b'9') => self.json.parse().ok().filter(|n: &f64| n.is_finite()),
            _ => None,
        }
    }

    fn json(&self) -> Text<'a> {
        Cow::Borrowed(self.json)
    }
}

/// Converts a float to an integer; `None` if it has a fraction, or is too large for an f64
/// to represent each integer.
pub(in crate::wire) fn exact_integer(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole and within the exact integers")]
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}
