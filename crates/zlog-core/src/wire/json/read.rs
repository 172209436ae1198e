//! JSON to records. Text without escapes is borrowed.

use std::borrow::Cow;
use std::fmt;

use super::layout::Layout;
use super::prefilter::Prefilter;
use super::repair;
use super::value::Raw;
use crate::record::Record;
use crate::text::json::each_entry;
use crate::wire::attributes::{Attribute, Builder, Schema};

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
