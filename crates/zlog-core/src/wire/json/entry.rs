//! A key of an object, and where its value stands in the text.

use std::borrow::Cow;
use std::ops::Range;

use super::value::{Raw, ValueKind};
use crate::text::json::ALWAYS_WITHIN_LIMITS;
use crate::wire::attributes::{Attribute, Builder};

/// A key of the object, and its last value.
#[derive(Debug)]
pub(super) struct Entry {
    /// Length of the text between the value before and this one: `,"levelno":`.
    pub(super) before: usize,
    /// Where the key is in that.
    pub(super) key: Range<usize>,
    pub(super) attribute: Attribute,
    /// Where the last value begins.
    pub(super) start: usize,
    /// Its length as JSON.
    pub(super) value: usize,
    /// What the last value is, if it has come again.
    pub(super) kind: ValueKind,
}

impl Entry {
    /// Gives the builder its key and its value in `text`.
    pub(super) fn set<'a>(&self, text: &'a str, builder: &mut Builder<'_, 'a>) {
        let value = Raw { json: self.json(text), kind: self.kind };
        builder.set_as(self.attribute, || Cow::Borrowed(self.key_in(text)), &value);
    }

    /// Its key in `text`.
    pub(super) fn key_in<'a>(&self, text: &'a str) -> &'a str {
        &text[self.start - self.before..][self.key.clone()]
    }

    /// Its value in `text`, as JSON.
    pub(super) fn json<'a>(&self, text: &'a str) -> &'a str {
        &text[self.start..][..self.value]
    }

    /// Whether its value has no others in it, and is within the limits of readers.
    pub(super) fn is_flat(&self, text: &str) -> bool {
        match text.as_bytes()[self.start] {
            b'"' => true,
            b'{' | b'[' => false,
            _ => self.value <= ALWAYS_WITHIN_LIMITS,
        }
    }
}
