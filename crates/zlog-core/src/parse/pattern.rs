//! The user's pattern, whose named groups become fields.

use std::borrow::Cow;

use jiff::tz::TimeZone;
use regex::{CaptureLocations, Regex};

use super::time;
use crate::record::{Level, RawJson, Record};
use crate::wire::json;

/// A pattern and the positions of its groups in a line.
#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
    /// Reused, since creating it allocates.
    locations: CaptureLocations,
    groups: Vec<(usize, Group)>,
}

#[derive(Debug)]
enum Group {
    Time,
    Level,
    Name,
    Message,
    Subtopic,
    Extra(String),
}

impl Pattern {
    pub(super) fn new(regex: Regex) -> Pattern {
        let named = regex.capture_names().enumerate().filter_map(|(at, name)| Some((at, name?)));
        let groups = named.map(|(at, name)| (at, Group::new(name))).collect();
        Pattern { locations: regex.capture_locations(), groups, regex }
    }

    /// The record of a line; `None` if the line doesn't match. Without a group `message`,
    /// the line is the message.
    pub(super) fn parse<'a>(&mut self, line: &'a str, zone: &TimeZone) -> Option<Record<'a>> {
        self.regex.captures_read(&mut self.locations, line)?;
        let mut record = super::message_only(line);
        for (at, group) in &self.groups {
            let Some((start, end)) = self.locations.get(*at) else { continue };
            group.fill(&line[start..end], zone, &mut record);
        }
        Some(record)
    }
}

impl Group {
    fn new(name: &str) -> Group {
        match name {
            "time" => Group::Time,
            "level" => Group::Level,
            "name" => Group::Name,
            "message" => Group::Message,
            "subtopic" => Group::Subtopic,
            other => Group::Extra(other.into()),
        }
    }

    /// Sets the field of the group. A time or level that can't be read becomes an extra,
    /// since it may not be part of the message.
    fn fill<'a>(&self, text: &'a str, zone: &TimeZone, record: &mut Record<'a>) {
        match self {
            Group::Name => record.name = Some(Cow::Borrowed(text)),
            Group::Message => record.msg = Cow::Borrowed(text),
            Group::Subtopic => record.subtopic = Cow::Borrowed(text),
            Group::Level => match Level::from_word(text) {
                Some(level) => record.level = level,
                None => extra(record, "level", text),
            },
            Group::Time => {
                record.created = time::exact(text, zone);
                if record.created.is_none() {
                    extra(record, "time", text);
                }
            }
            Group::Extra(name) => extra(record, name, text),
        }
    }
}

fn extra(record: &mut Record<'_>, name: &str, text: &str) {
    record.extras.push((Cow::Owned(name.into()), RawJson(Cow::Owned(json::quoted(text)))));
}
