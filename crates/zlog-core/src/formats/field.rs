//! The fields of a record that the named groups of a pattern fill.

use std::borrow::Cow;

use crate::record::{RawJson, Record, Text};
use crate::text::json;
use crate::wire::attributes::{NumberField, TextField};

/// What a named group is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Field {
    /// `time`
    Time,
    /// `level`
    Level,
    /// `message`: the text after all that was recognised.
    Message,
    /// `subtopic`
    Subtopic,
    /// An attribute of `LogRecord` that is text.
    Text(TextField),
    /// One that is a number, and its name.
    Number(NumberField, &'static str),
    /// Any other name: an extra.
    Extra(&'static str),
}

impl Field {
    /// The field of a group. The text of other names is kept for the life of the process:
    /// a process compiles a few patterns.
    pub(crate) fn new(name: &str) -> Field {
        match name {
            "time" => Field::Time,
            "level" => Field::Level,
            "message" => Field::Message,
            "subtopic" => Field::Subtopic,
            // The level has a group of its own, and a line names no sender.
            "levelname" | "source" => Field::Extra(name.to_owned().leak()),
            _ => match (TextField::of_key(name), NumberField::of_key(name)) {
                (Some(field), _) => Field::Text(field),
                (_, Some(field)) => Field::Number(field, name.to_owned().leak()),
                _ => Field::Extra(name.to_owned().leak()),
            },
        }
    }

    /// Sets the field to the text of its group. Time, level and message are not set here. A
    /// number that can't be read becomes an extra.
    pub(crate) fn set<'a>(&self, text: Text<'a>, record: &mut Record<'a>) {
        match self {
            Field::Time | Field::Level | Field::Message => {}
            Field::Subtopic => record.subtopic = text,
            Field::Text(field) => *field.of(record) = Some(text),
            Field::Number(field, name) => match text.parse() {
                Ok(number) => *field.of(record) = Some(number),
                Err(_) => push_extra(record, name, text),
            },
            Field::Extra(name) => push_extra(record, name, text),
        }
    }
}

/// Adds an extra: a number as such, other text as a string.
pub(crate) fn push_extra<'a>(record: &mut Record<'a>, name: &'static str, text: Text<'a>) {
    let json = if is_number(&text) { text } else { Cow::Owned(json::quoted(&text)) };
    record.extras.push((Cow::Borrowed(name), RawJson(json)));
}

/// Whether text is a number in JSON, without a sign or an exponent, of a length that all
/// readers hold.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let leads = whole.len() > 1 && whole.starts_with('0');
    text.len() < 16 && digits(whole) && digits(fraction) && !leads
}
