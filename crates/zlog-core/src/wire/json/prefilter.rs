//! Rejects objects by their level and their text, before they are read in whole.

use std::borrow::Cow;
use std::fmt;

use super::entry::Entry;
use super::value::ValueKind;
use crate::level::Level;
use crate::record::{RawJson, Record};
use crate::wire::attributes::{Attribute, Builder, Schema};
use crate::wire::other_loggers::{level_key, level_of_word, time, time_keys};

/// Decides from the level and the JSON text of an object that its record will not pass.
pub struct Prefilter(Box<Rejects>);

type Rejects = dyn Fn(Level, &str) -> bool + Send;

impl Prefilter {
    /// Rejects the objects for which `rejects` returns `true`. It is called with objects without nested ones.
    pub fn new(rejects: impl Fn(Level, &str) -> bool + Send + 'static) -> Prefilter {
        Prefilter(Box::new(rejects))
    }

    pub(super) fn rejects(&self, level: Level, object: &str) -> bool {
        (self.0)(level, object)
    }
}

impl fmt::Debug for Prefilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prefilter")
    }
}

/// What some keys of an object mean, where that follows from all of its keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyRoles {
    /// The entry whose value alone gives the level, if it is a number of Python's or a word.
    level: usize,
    /// The entry with the time, if no attribute has it.
    time: Option<usize>,
    schema: Schema,
}

impl KeyRoles {
    /// The roles of the keys of the object `text`. `None` if the level or the time depends on several
    /// keys, or on objects in the object.
    pub(super) fn of(entries: &[Entry], text: &str) -> Option<KeyRoles> {
        if !entries.iter().all(|entry| entry.is_flat(text)) {
            return None;
        }
        let places = |is: fn(Attribute) -> bool| -> Vec<usize> {
            let entries = entries.iter().enumerate();
            entries.filter(|(_, entry)| is(entry.attribute)).map(|(at, _)| at).collect()
        };
        let keys = || entries.iter().map(|entry| entry.key_in(text));
        let is_time = |it| matches!(it, Attribute::Stored(_) | Attribute::Created);
        let has_no_other_time = places(is_time).is_empty();
        let time = match time_keys(keys())[..] {
            [] => None,
            [time] if has_no_other_time => Some(time),
            _ => return None,
        };
        let numbers = places(|attribute| attribute == Attribute::LevelNo);
        let (level, schema) = match (&numbers[..], &places(Attribute::is_level)[..]) {
            ([level], _) | ([], [level]) => (*level, Schema::LogRecord),
            ([], []) if has_no_other_time => (level_key(keys())?, Schema::OtherLogger),
            _ => return None,
        };
        Some(KeyRoles { level, time, schema })
    }

    /// The level of the object `text`; `None` if it takes more than one value to know it.
    pub(super) fn level(self, entries: &[Entry], text: &str) -> Option<Level> {
        let entry = &entries[self.level];
        let json = entry.json(text);
        match entry.attribute {
            Attribute::LevelNo => json.parse().ok().map(Level).filter(|it| *it != Level::NOTSET),
            _ if entry.kind == ValueKind::PlainString => level_of_word(&json[1..json.len() - 1]),
            _ => None,
        }
    }

    /// Fills a record that will not pass with what later records depend on: the topic, the source, the
    /// number and the time. Returns whose keys the object has.
    pub(super) fn build<'a>(
        self,
        entries: &[Entry],
        text: &'a str,
        stored: bool,
        record: &mut Record<'a>,
    ) -> Schema {
        if let Some(at) = self.time {
            record.created = time(&RawJson(Cow::Borrowed(entries[at].json(text))));
        }
        let mut builder = Builder::new(record, stored);
        let is_needed = |entry: &&Entry| entry.attribute.is_needed_if_rejected(self.schema);
        entries.iter().filter(is_needed).for_each(|entry| entry.set(text, &mut builder));
        self.schema
    }
}
