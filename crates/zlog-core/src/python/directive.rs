//! `%` directives: parsed from text, and applied to a value.

use super::{FormatError, MAX_WIDTH, TOO_WIDE, Value, number, repr, truncated};

/// The flags, width and precision of a directive.
#[derive(Default, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Spec {
    left: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

/// A width or a precision as written in a directive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Count {
    /// Not given.
    Absent,
    /// Digits.
    Given(i128),
    /// `*`: the next argument has it.
    Argument,
}

/// A parsed directive.
#[derive(Debug)]
pub(crate) struct Directive<'t> {
    /// `(key)`.
    pub(crate) key: Option<&'t str>,
    flags: Spec,
    pub(crate) width: Count,
    /// The number after the point; a point alone is 0.
    pub(crate) precision: Count,
    /// The conversion letter.
    pub(crate) conversion: char,
}

impl Directive<'_> {
    /// The flags with a width and a precision, which may come from arguments.
    pub(crate) fn spec(
        &self,
        width: Option<i128>,
        precision: Option<i128>,
    ) -> Result<Spec, FormatError> {
        let mut spec = self.flags;
        if let Some(width) = width {
            spec.left |= width < 0;
            spec.width = size(width.saturating_abs())?;
        }
        spec.precision = precision.map(|precision| size(precision.max(0))).transpose()?;
        Ok(spec)
    }
}

fn size(number: i128) -> Result<usize, FormatError> {
    let size = usize::try_from(number).ok().filter(|&size| size <= MAX_WIDTH);
    size.ok_or(TOO_WIDE)
}

/// Reads the directive after a `%`. Returns it and the rest of the text. The caller
/// handles `%%`.
pub(crate) fn read(text: &str) -> Result<(Directive<'_>, &str), FormatError> {
    const CUT: FormatError = FormatError("is incomplete");
    let (key, rest) = match text.strip_prefix('(') {
        Some(inner) => {
            let end = closing(inner).ok_or(CUT)?;
            (Some(&inner[..end]), &inner[end + 1..])
        }
        None => (None, text),
    };
    let (flags, rest) = flags(rest);
    let (width, rest) = count(rest)?;
    let (precision, rest) = match rest.strip_prefix('.') {
        Some(rest) => match count(rest)? {
            (Count::Absent, rest) => (Count::Given(0), rest),
            other => other,
        },
        None => (Count::Absent, rest),
    };
    // C's length modifiers mean nothing to Python.
    let rest = rest.strip_prefix(['h', 'l', 'L']).unwrap_or(rest);
    let conversion = rest.chars().next().ok_or(CUT)?;
    let directive = Directive { key, flags, width, precision, conversion };
    Ok((directive, &rest[conversion.len_utf8()..]))
}

/// The position of the parenthesis that closes the key at the start of `text`. A key may
/// contain parentheses in pairs.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' if depth == 0 => return Some(at),
            b')' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn flags(text: &str) -> (Spec, &str) {
    let mut spec = Spec::default();
    for (at, flag) in text.bytes().enumerate() {
        match flag {
            b'-' => spec.left = true,
            b'+' => spec.plus = true,
            b' ' => spec.space = true,
            b'#' => spec.alternate = true,
            b'0' => spec.zero = true,
            _ => return (spec, &text[at..]),
        }
    }
    (spec, "")
}

fn count(text: &str) -> Result<(Count, &str), FormatError> {
    if let Some(rest) = text.strip_prefix('*') {
        return Ok((Count::Argument, rest));
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    if number.is_empty() {
        return Ok((Count::Absent, rest));
    }
    let number = number.parse().map_err(|_| TOO_WIDE)?;
    Ok((Count::Given(number), rest))
}

/// Writes a value as its directive says.
pub(crate) fn convert(
    spec: Spec,
    conversion: char,
    value: &Value<'_>,
    out: &mut String,
) -> Result<(), FormatError> {
    match conversion {
        's' => pad_text(spec, &repr::str(value), out),
        'r' => pad_text(spec, &repr::repr(value), out),
        'a' => pad_text(spec, &repr::ascii(value), out),
        'c' => pad_text(Spec { precision: None, ..spec }, &character(value)?, out),
        'd' | 'i' | 'u' => decimal(spec, value, out)?,
        'o' | 'x' | 'X' => {
            let number = number::integer(value, conversion, false)?;
            pad_integer(spec, conversion, number, out);
        }
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
            let precision = spec.precision.unwrap_or(6);
            let alternate = spec.alternate;
            let format =
                number::FloatFormat { letter: conversion, precision, alternate, point_zero: false };
            let number = number::float(value, format)?;
            pad_number(spec, sign(spec, number.negative), &number.digits, out);
        }
        _ => return Err(FormatError("has an unknown conversion")),
    }
    Ok(())
}

/// `%d`. Numbers that fit an i128 allocate nothing: most formats have line numbers or
/// milliseconds.
fn decimal(spec: Spec, value: &Value<'_>, out: &mut String) -> Result<(), FormatError> {
    let number = match value {
        Value::Float(number) if number.abs() < 1e38 => Some(*number as i128),
        _ => value.integer(),
    };
    match (number, spec.precision) {
        (Some(number), None) => {
            let mut digits = itoa::Buffer::new();
            let digits = digits.format(number.unsigned_abs());
            pad_number(spec, sign(spec, number < 0), digits, out);
        }
        _ => pad_integer(spec, 'd', number::integer(value, 'd', true)?, out),
    }
    Ok(())
}

fn pad_text(spec: Spec, text: &str, out: &mut String) {
    let text = truncated(text, spec.precision);
    if spec.width == 0 {
        out.push_str(text);
        return;
    }
    let fill = spec.width.saturating_sub(text.chars().count());
    if !spec.left {
        out.extend(std::iter::repeat_n(' ', fill));
    }
    out.push_str(text);
    if spec.left {
        out.extend(std::iter::repeat_n(' ', fill));
    }
}

fn sign(spec: Spec, negative: bool) -> &'static str {
    match (negative, spec.plus, spec.space) {
        (true, ..) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        (false, false, false) => "",
    }
}

/// Writes an integer with its precision (the minimum number of digits) and its prefix.
fn pad_integer(spec: Spec, conversion: char, number: number::Digits, out: &mut String) {
    let mut digits = number.digits;
    let missing = spec.precision.unwrap_or(0).saturating_sub(digits.len());
    digits.insert_str(0, &"0".repeat(missing));
    let base = match conversion {
        'o' => "0o",
        'x' => "0x",
        'X' => "0X",
        _ => "",
    };
    let mut prefix = sign(spec, number.negative).to_owned();
    if spec.alternate {
        prefix.push_str(base);
    }
    pad_number(spec, &prefix, &digits, out);
}

/// Fills a number up to its width. Zeros go between the prefix and the digits.
fn pad_number(spec: Spec, prefix: &str, digits: &str, out: &mut String) {
    let fill = spec.width.saturating_sub(prefix.len() + digits.len());
    let (before, zeros, after) = match (spec.left, spec.zero) {
        (true, _) => (0, 0, fill),
        (false, true) => (0, fill, 0),
        (false, false) => (fill, 0, 0),
    };
    out.extend(std::iter::repeat_n(' ', before));
    out.push_str(prefix);
    out.extend(std::iter::repeat_n('0', zeros));
    out.push_str(digits);
    out.extend(std::iter::repeat_n(' ', after));
}

/// `%c`: a code point, or a string of one character.
fn character(value: &Value<'_>) -> Result<String, FormatError> {
    if let Value::Text(text) = value {
        return match text.chars().count() {
            1 => Ok(text.to_string()),
            _ => Err(FormatError("needs one character")),
        };
    }
    let number = value.integer().ok_or(FormatError("needs one character"))?;
    let c = u32::try_from(number).ok().and_then(char::from_u32);
    c.map(String::from).ok_or(FormatError("needs the number of a character"))
}
