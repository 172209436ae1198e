//! Values as Python's formatting sees them.

use std::borrow::Cow;

use crate::text::json;

/// The value of a record's field, or one given as JSON.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value<'a> {
    /// `None`.
    None,
    /// Also an integer (0 or 1), as in Python.
    Bool(bool),
    /// An integer; larger ones are [`Value::Big`].
    Int(i128),
    /// The decimal digits of an integer, and its minus sign.
    Big(&'a str),
    Float(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// A list or a dict, as JSON.
    Json(&'a str),
    /// A tuple, as a JSON array.
    Tuple(&'a str),
    /// A value of another type, as Python prints it. It is a number if its text is one.
    Printed {
        /// `str()`.
        text: Cow<'a, str>,
        /// `repr()`; `None` if it is not known.
        repr: Option<Cow<'a, str>>,
    },
}

impl<'a> Value<'a> {
    /// The value that `json.loads` returns; text that is no JSON stays text.
    pub(crate) fn from_json(json: &'a str) -> Value<'a> {
        let json = json.trim_ascii();
        match json.as_bytes().first() {
            Some(b'"') => json::string_value(json).map_or(Value::Text(json.into()), Value::Text),
            Some(b'[' | b'{') => Value::Json(json),
            Some(b'-' | b'0'..=b'9') if is_integer(json) => match json.parse() {
                Ok(number) => Value::Int(number),
                Err(_) => Value::Big(json),
            },
            // On overflow this is infinity, as in json.loads.
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

    /// The value as an integer; booleans are 0 and 1. `None` for other types, and beyond
    /// an i128.
    pub(crate) fn integer(&self) -> Option<i128> {
        match self {
            Value::Int(number) => Some(*number),
            Value::Bool(truth) => Some(i128::from(*truth)),
            Value::Printed { text, .. } => text.parse().ok(),
            _ => None,
        }
    }

    /// The value as a float; `None` for other types, and beyond a float's range.
    pub(crate) fn float(&self) -> Option<f64> {
        match self {
            Value::Float(number) => Some(*number),
            Value::Big(digits) => digits.parse().ok().filter(|number: &f64| number.is_finite()),
            Value::Printed { text, .. } => fraction(text),
            _ => self.integer().map(|number| number as f64),
        }
    }
}

/// A number as Python prints it, also a `Fraction`.
fn fraction(text: &str) -> Option<f64> {
    match text.split_once('/') {
        Some((above, below)) => Some(above.parse::<f64>().ok()? / below.parse::<f64>().ok()?),
        None => text.parse().ok(),
    }
}

/// Whether a JSON value is an integer to Python: a number without point or exponent.
fn is_integer(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}
