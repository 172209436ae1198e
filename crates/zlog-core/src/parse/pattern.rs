//! The user's pattern, whose named groups become fields.

use std::borrow::Cow;

use jiff::tz::TimeZone;
use regex::{CaptureLocations, Regex};

use crate::formats::field::{Field, push_extra};
use crate::formats::time::exact;
use crate::record::Record;
use crate::wire::other_loggers::levels::{self, Scale};

/// A pattern and the positions of its groups in a line.
#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
    /// Reused, since creating it allocates.
    locations: CaptureLocations,
    groups: Vec<(usize, Field)>,
}

impl Pattern {
    pub(super) fn new(regex: Regex) -> Pattern {
        let named = regex.capture_names().enumerate().filter_map(|(at, name)| Some((at, name?)));
        let groups = named.map(|(at, name)| (at, Field::new(name))).collect();
        Pattern { locations: regex.capture_locations(), groups, regex }
    }

    /// The record of a line; `None` if the line doesn't match. Without a group `message`,
    /// the line is the message.
    pub(super) fn parse<'a>(&mut self, line: &'a str, zone: &TimeZone) -> Option<Record<'a>> {
        self.regex.captures_read(&mut self.locations, line)?;
        let mut record = super::message_only(line);
        for (at, field) in &self.groups {
            let Some((start, end)) = self.locations.get(*at) else { continue };
            fill(field, &line[start..end], zone, &mut record);
        }
        Some(record)
    }
}

/// Sets the field of a group. A time or level that can't be read becomes an extra, since it
/// may not be part of the message.
fn fill<'a>(field: &Field, text: &'a str, zone: &TimeZone, record: &mut Record<'a>) {
    match field {
        Field::Message => record.msg = Cow::Borrowed(text),
        Field::Level => match levels::read(&levels::plain(text), Scale::Unknown) {
            Some(reading) => record.level = reading.level,
            None => push_extra(record, "level", Cow::Borrowed(text)),
        },
        Field::Time => {
            record.created = exact(text, zone);
            if record.created.is_none() {
                push_extra(record, "time", Cow::Borrowed(text));
            }
        }
        other => other.set(Cow::Borrowed(text), record),
    }
}
