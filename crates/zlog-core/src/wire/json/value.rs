//! Values as JSON text.

use std::borrow::Cow;

use crate::record::Text;
use crate::text::json::string_value;
use crate::wire::attributes::{Attribute, Value};

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
    pub(super) fn new(json: &'a str) -> Raw<'a> {
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
