//! JSON objects, read before it is known which lines belong to one record.

use super::{Parser, read_json_line};
use crate::level::Level;
use crate::parse::{Batch, enclosed};
use crate::record::Record;
use crate::wire;
use crate::wire::attributes::Schema;
use crate::wire::json::Prefilter;

/// Reads lines that are whole JSON objects as a [`Parser`] does, and keeps nothing of the lines before.
/// So they can be read on another thread; the parser then only [notes](Parser::note_object) them.
#[derive(Debug, Default)]
pub struct ObjectReader(wire::json::Reader);

impl ObjectReader {
    /// A reader that reads, of the objects that this rejects, only what later records depend on: the
    /// level, the topic, the source, the number and the time.
    pub fn with_prefilter(prefilter: Option<Prefilter>) -> ObjectReader {
        ObjectReader(wire::json::Reader::with_prefilter(prefilter))
    }

    /// Fills an empty record. Returns `false` for a line that needs the parser, and leaves the record in
    /// any state: a line that is no object, and one that others are [enclosed] in.
    pub fn read<'a>(&mut self, line: &'a str, record: &mut Record<'a>) -> bool {
        let is_whole = line.starts_with('{') && line.ends_with('}');
        if !is_whole || enclosed(line).is_some() || Batch::of(line).is_some() {
            return false;
        }
        let schema = read_json_line(&mut self.0, line, record);
        schema.is_some_and(|schema| schema != Schema::Wrapper)
    }
}

impl Parser {
    /// Whether an [`ObjectReader`] reads JSON objects as this parser does.
    pub fn takes_objects(&self) -> bool {
        self.opens_lines() && self.explanation.is_none()
    }

    /// Takes a record that an [`ObjectReader`] has read as that of the next line. Returns whether a level
    /// was found.
    pub fn note_object(&mut self, record: &Record<'_>) -> bool {
        self.message_start = 0;
        if !self.is_own_file {
            self.own = None;
        }
        self.counts.quoted += u64::from(record.fault.as_deref() == Some(wire::QUOTED));
        record.level != Level::NOTSET
    }
}
