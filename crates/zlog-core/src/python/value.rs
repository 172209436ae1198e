//! A value as Python's formatting sees it.

use std::borrow::Cow;

use super::repr;
use crate::wire::json;

/// A value: of a record's field, or one that came as JSON.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value<'a> {
    /// `None`.
    None,
    /// Truth values are whole numbers too.
    Bool(bool),
    /// A whole number; larger ones are [`Value::Big`].
    Int(i128),
    /// A whole number, by its digits and perhaps a minus.
    Big(&'a str),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// A list or a dict, as JSON.
    Json(&'a str),
    /// A tuple, as a JSON array.
    Tuple(&'a str),
}

impl<'a> Value<'a> {
    /// What `json.loads` makes of a JSON text. What is no JSON is text.
    pub(crate) fn from_json(json: &'a str) -> Value<'a> {
        let json = json.trim_ascii();
        match json.as_bytes().first() {
            Some(b'"') => json::string_value(json).map_or(Value::Text(json.into()), Value::Text),
            Some(b'[' | b'{') => Value::Json(json),
            Some(b'-' | b'0'..=b'9') if repr::is_integer(json) => match json.parse() {
                Ok(number) => Value::Int(number),
                Err(_) => Value::Big(json),
            },
            // Overflow is what json.loads makes of it: infinity.
            Some(b'-' | b'0'..=b'9') => match json.parse() {
                Ok(number) => Value::Float(number),
                Err(_) => Value::Text(json.into()),
            },
            _ => match json {
                "null" => Value::None,
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                _ => Value::Text(json.into()),
            },
        }
    }

    /// The whole number it is; truth values are 0 and 1. `None` for other types and
    /// beyond what fits.
    pub(crate) fn integer(&self) -> Option<i128> {
        match self {
            Value::Int(number) => Some(*number),
            Value::Bool(truth) => Some(i128::from(*truth)),
            _ => None,
        }
    }

    /// It as a float; `None` for other types and beyond a float's range.
    pub(super) fn float(&self) -> Option<f64> {
        match self {
            Value::Float(number) => Some(*number),
            Value::Big(digits) => digits.parse().ok().filter(|number: &f64| number.is_finite()),
            _ => self.integer().map(|number| number as f64),
        }
    }
}
