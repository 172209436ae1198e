//! `str()` and `repr()` of JSON values, as Python prints what `json.loads` gives.
//!
//! Values stay JSON text until they are printed: a whole number keeps all its
//! digits, an object the order of its keys.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{number, push};
use crate::wire::json;

/// Deeper than this, values are shown as their JSON: each level is read anew,
/// and calls itself.
const MAX_DEPTH: usize = 32;

/// `str(value)`: as [`repr`], but a string is itself.
pub(super) fn str(value: &str) -> Cow<'_, str> {
    json::string_value(value).unwrap_or_else(|| Cow::Owned(repr(value)))
}

/// `repr(value)`.
pub(super) fn repr(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    push_repr(value, MAX_DEPTH, &mut out);
    out
}

fn push_repr(value: &str, depth: usize, out: &mut String) {
    match value.as_bytes().first() {
        Some(b'n') => out.push_str("None"),
        Some(b't') => out.push_str("True"),
        Some(b'f') => out.push_str("False"),
        Some(b'"') => push_string(&json::string_value(value).unwrap_or_default(), out),
        Some(b'[') if depth > 0 => match elements(value) {
            Some(elements) => push_list(&elements, depth - 1, out),
            None => out.push_str(value),
        },
        Some(b'{') if depth > 0 => match json::entries(value) {
            Some(entries) => push_dict(&entries, depth - 1, out),
            None => out.push_str(value),
        },
        Some(b'-' | b'0'..=b'9') => push_number(value, out),
        _ => out.push_str(value),
    }
}

fn push_list(elements: &[&str], depth: usize, out: &mut String) {
    out.push('[');
    for (at, element) in elements.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        push_repr(element, depth, out);
    }
    out.push(']');
}

fn push_dict(entries: &[(Cow<'_, str>, &str)], depth: usize, out: &mut String) {
    out.push('{');
    for (at, (key, value)) in entries.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        push_string(key, out);
        out.push_str(": ");
        push_repr(value, depth, out);
    }
    out.push('}');
}

/// A string in quotes: single ones, unless it has such and no double ones.
fn push_string(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c == quote => out.extend(['\\', c]),
            c if is_printable(c) => out.push(c),
            c => push_escape(c, out),
        }
    }
    out.push(quote);
}

/// `\x1b`, `\u200b` or `\U0001f600`, by the size of the code point.
pub(super) fn push_escape(c: char, out: &mut String) {
    match u32::from(c) {
        code @ 0..=0xff => push(out, format_args!("\\x{code:02x}")),
        code @ 0x100..=0xffff => push(out, format_args!("\\u{code:04x}")),
        code => push(out, format_args!("\\U{code:08x}")),
    }
}

/// `str.isprintable` for one character.
///
/// Rust's `Debug` escapes the same categories of Unicode. A letter goes before,
/// for on its own a combining mark would be escaped too.
fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    let mut buffer = [b'a'; 5];
    let length = c.encode_utf8(&mut buffer[1..]).len();
    let text = std::str::from_utf8(&buffer[..=length]).unwrap_or_default();
    text.escape_debug().nth(1) != Some('\\')
}

fn push_number(value: &str, out: &mut String) {
    if is_integer(value) {
        out.push_str(if value == "-0" { "0" } else { value });
    } else {
        // Overflow is what json.loads makes of it: `inf`.
        push_float(value.parse().unwrap_or(f64::NAN), out);
    }
}

/// `repr(float)`: the fewest digits that read back the same.
fn push_float(number: f64, out: &mut String) {
    let text = format!("{number:e}");
    let Some((mantissa, exponent)) = text.split_once('e') else {
        out.push_str(&text);
        return;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let text = format!("{number}");
        out.push_str(&text);
        if !text.contains('.') {
            out.push_str(".0");
        }
    } else {
        out.push_str(mantissa);
        out.push_str(&number::suffix(exponent));
    }
}

/// The elements of an array.
pub(super) fn elements(value: &str) -> Option<Vec<&str>> {
    let elements: Vec<&RawValue> = serde_json::from_str(value).ok()?;
    Some(elements.into_iter().map(RawValue::get).collect())
}

/// Whether a JSON value is an integer to Python: a number without point or exponent.
pub(super) fn is_integer(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// A JSON number as a float; `None` for other types and beyond a float's range.
pub(super) fn number(value: &str) -> Option<f64> {
    match value.as_bytes().first() {
        Some(b'-' | b'0'..=b'9') => value.parse().ok().filter(|n: &f64| n.is_finite()),
        _ => None,
    }
}

/// A JSON integer, or a truth value as 0 or 1.
pub(super) fn integer(value: &str) -> Option<i64> {
    match value {
        "true" => Some(1),
        "false" => Some(0),
        _ if is_integer(value) => value.parse().ok(),
        _ => None,
    }
}
