//! `str()` and `repr()` of values, as Python prints them.
//!
//! Lists and dicts stay JSON text until they are printed, which keeps all digits of
//! integers and the order of keys.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::value::Value;
use super::{number, push};
use crate::text::json;

/// Below this depth, values are shown as JSON: each level is parsed again, and is a
/// recursive call.
const MAX_DEPTH: usize = 32;

/// `str(value)`: as [`push_repr`], but a string is itself.
pub(crate) fn push_str(value: &Value<'_>, out: &mut String) {
    match value {
        Value::Text(text) | Value::Printed { text, .. } => out.push_str(text),
        _ => push_repr(value, out),
    }
}

/// `repr(value)`.
pub(crate) fn push_repr(value: &Value<'_>, out: &mut String) {
    push_value(value, MAX_DEPTH, out);
}

/// `str(value)`; borrowed if the value is text.
pub(super) fn str<'v>(value: &'v Value<'_>) -> Cow<'v, str> {
    match value {
        Value::Text(text) | Value::Printed { text, .. } => Cow::Borrowed(text),
        _ => Cow::Owned(repr(value)),
    }
}

/// `repr(value)`.
pub(super) fn repr(value: &Value<'_>) -> String {
    let mut out = String::new();
    push_repr(value, &mut out);
    out
}

/// The value after `!s`, `!r` or `!a`.
pub(crate) fn by_letter(letter: char, value: &Value<'_>) -> String {
    match letter {
        'r' => repr(value),
        'a' => ascii(value),
        _ => str(value).into_owned(),
    }
}

/// `ascii(value)`: as `repr`, with other characters than ASCII escaped.
pub(super) fn ascii(value: &Value<'_>) -> String {
    let repr = repr(value);
    let mut out = String::with_capacity(repr.len());
    for c in repr.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            push_escape(c, &mut out);
        }
    }
    out
}

fn push_value(value: &Value<'_>, depth: usize, out: &mut String) {
    match value {
        Value::None => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(number) => out.push_str(itoa::Buffer::new().format(*number)),
        Value::Big(digits) => out.push_str(digits),
        Value::Float(number) => push_float(*number, out),
        Value::Text(text) => push_string(text, out),
        Value::Printed { text, repr } => out.push_str(repr.as_ref().unwrap_or(text)),
        Value::Tuple(json) => match elements(json) {
            Some(elements) if depth > 0 => push_tuple(&elements, depth - 1, out),
            _ => out.push_str(json),
        },
        Value::Json(json) if depth == 0 => out.push_str(json),
        Value::Json(json) if json.starts_with('{') => match json::entries(json) {
            Some(entries) => push_dict(entries, depth - 1, out),
            None => out.push_str(json),
        },
        Value::Json(json) => match elements(json) {
            Some(elements) => push_list(&elements, depth - 1, out),
            None => out.push_str(json),
        },
    }
}

fn push_tuple(elements: &[&str], depth: usize, out: &mut String) {
    out.push('(');
    push_elements(elements, depth, out);
    out.push_str(if elements.len() == 1 { ",)" } else { ")" });
}

fn push_list(elements: &[&str], depth: usize, out: &mut String) {
    out.push('[');
    push_elements(elements, depth, out);
    out.push(']');
}

fn push_elements(elements: &[&str], depth: usize, out: &mut String) {
    for (at, element) in elements.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        push_value(&Value::from_json(element), depth, out);
    }
}

fn push_dict(entries: Vec<(Cow<'_, str>, &str)>, depth: usize, out: &mut String) {
    out.push('{');
    for (at, (key, value)) in entries.into_iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        push_string(&key, out);
        out.push_str(": ");
        push_value(&Value::from_json(value), depth, out);
    }
    out.push('}');
}

/// A string in single quotes; in double quotes if it contains single and no double ones.
pub(crate) fn push_string(text: &str, out: &mut String) {
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

/// `b'…'`: bytes that are no printable ASCII are escaped.
pub(crate) fn push_bytes(bytes: &[u8], out: &mut String) {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    out.push('b');
    out.push(quote);
    for &byte in bytes {
        match char::from(byte) {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == '\\' || c == quote => out.extend(['\\', c]),
            c @ ' '..='~' => out.push(c),
            _ => push(out, format_args!("\\x{byte:02x}")),
        }
    }
    out.push(quote);
}

/// `\x1b`, `\u200b` or `\U0001f600`, depending on the code point.
fn push_escape(c: char, out: &mut String) {
    match u32::from(c) {
        code @ 0..=0xff => push(out, format_args!("\\x{code:02x}")),
        code @ 0x100..=0xffff => push(out, format_args!("\\u{code:04x}")),
        code => push(out, format_args!("\\U{code:08x}")),
    }
}

/// `str.isprintable` for one character.
///
/// Rust's `Debug` escapes the same categories of Unicode. A letter is put before the
/// character, since `Debug` escapes a combining mark at the start.
fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    let mut buffer = [b'a'; 5];
    let length = c.encode_utf8(&mut buffer[1..]).len();
    let text = std::str::from_utf8(&buffer[..=length]).unwrap_or_default();
    text.escape_debug().nth(1) != Some('\\')
}

/// `repr(float)`: the fewest digits that read back the same.
pub(crate) fn push_float(number: f64, out: &mut String) {
    if !number.is_finite() {
        out.push_str(number::not_finite(number));
        return;
    }
    let mut text = format!("{number:e}");
    if text.len() > MIN_AMBIGUOUS_LEN {
        text = prefer_even(number, text);
    }
    push_digits(&text, number == 0.0 || (1e-4..1e16).contains(&number.abs()), out);
}

/// A float with the digits `text`, as in `1.5e3`, in full or with its exponent.
pub(crate) fn push_digits(text: &str, in_full: bool, out: &mut String) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if in_full {
        push_fixed(mantissa, exponent, out);
    } else {
        out.push_str(mantissa);
        out.push_str(&number::exponent_suffix(exponent));
    }
}

/// Up to this length, no two shortest texts are equally near to a float.
const MIN_AMBIGUOUS_LEN: usize = 15;

/// CPython takes the even one of two shortest texts that are equally near, and Rust the larger one.
fn prefer_even(number: f64, shortest: String) -> String {
    let mantissa = shortest.split('e').next().unwrap_or_default();
    let decimals = mantissa.bytes().filter(u8::is_ascii_digit).count() - 1;
    let even = format!("{number:.decimals$e}");
    if even.parse() == Ok(number) { even } else { shortest }
}

/// Writes `d.ddd` times a power of ten in full, with at least one digit after the point.
fn push_fixed(mantissa: &str, exponent: i32, out: &mut String) {
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => ("-", mantissa),
        None => ("", mantissa),
    };
    let mut digits = mantissa.chars().filter(char::is_ascii_digit);
    out.push_str(sign);
    if exponent < 0 {
        out.push_str("0.");
        out.extend((exponent + 1..0).map(|_| '0'));
        out.extend(digits);
        return;
    }
    out.extend((0..=exponent).map(|_| digits.next().unwrap_or('0')));
    out.push('.');
    out.push(digits.next().unwrap_or('0'));
    out.extend(digits);
}

/// The elements of an array.
pub(crate) fn elements(value: &str) -> Option<Vec<&str>> {
    let elements: Vec<&RawValue> = serde_json::from_str(value).ok()?;
    Some(elements.into_iter().map(RawValue::get).collect())
}
