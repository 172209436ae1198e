//! The digits of numbers as CPython writes them, without sign, width and grouping: for
//! those, `%` directives and the mini-language have different rules.

use super::{FormatError, Value};

/// CPython refuses to convert more digits between text and integers.
const MAX_DIGITS: usize = 4300;

const NOT_A_NUMBER: FormatError = FormatError("needs a number");
const NOT_AN_INTEGER: FormatError = FormatError("needs an integer");
const NOT_FINITE: FormatError = FormatError("can't convert infinity or NaN to an integer");
const TOO_LARGE: FormatError = FormatError("the number is too large");

/// The sign and the digits of a number.
pub(super) struct Digits {
    /// Whether there is a minus sign; `-0.0` has one.
    pub(super) negative: bool,
    /// The digits, and the exponent if there is one.
    pub(super) digits: String,
}

/// The digits of an integer in the base of `letter`: `d o x X b`. Floats are an error,
/// unless `truncate_floats` drops their fractions.
pub(super) fn integer(
    value: &Value<'_>,
    letter: char,
    truncate_floats: bool,
) -> Result<Digits, FormatError> {
    let number = match value {
        Value::Float(_) if !truncate_floats => return Err(NOT_AN_INTEGER),
        Value::Float(number) if !number.is_finite() => return Err(NOT_FINITE),
        // Up to here the integer part is exact, and fits.
        Value::Float(number) if number.abs() < 1e38 => *number as i128,
        Value::Float(number) => return big_integer(&format!("{:.0}", number.trunc()), letter),
        Value::Big(digits) => return big_integer(digits, letter),
        Value::Printed { .. } if value.integer().is_none() => {
            let number = Value::Float(value.float().ok_or(NOT_A_NUMBER)?);
            return integer(&number, letter, truncate_floats);
        }
        _ => value.integer().ok_or(NOT_A_NUMBER)?,
    };
    let size = number.unsigned_abs();
    let digits = match letter {
        'o' => format!("{size:o}"),
        'x' => format!("{size:x}"),
        'X' => format!("{size:X}"),
        'b' => format!("{size:b}"),
        _ => itoa::Buffer::new().format(size).to_owned(),
    };
    Ok(Digits { negative: number < 0, digits })
}

/// The digits of an integer beyond an i128, given in decimal.
fn big_integer(decimal: &str, letter: char) -> Result<Digits, FormatError> {
    let (negative, decimal) = match decimal.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, decimal),
    };
    if decimal.len() > MAX_DIGITS {
        return Err(TOO_LARGE);
    }
    let bits = match letter {
        'o' => 3,
        'x' | 'X' => 4,
        'b' => 1,
        _ => return Ok(Digits { negative, digits: decimal.to_owned() }),
    };
    let mut limbs: Vec<u32> = Vec::new();
    for digit in decimal.bytes() {
        let mut carry = u64::from(digit - b'0');
        for limb in &mut limbs {
            carry += u64::from(*limb) * 10;
            *limb = carry as u32;
            carry >>= 32;
        }
        if carry > 0 {
            limbs.push(carry as u32);
        }
    }
    let bit = |at: usize| limbs.get(at / 32).map_or(0, |limb| limb >> (at % 32) & 1);
    let mut digits = String::new();
    for group in (0..(limbs.len() * 32).div_ceil(bits)).rev() {
        let digit = (0..bits).rev().fold(0, |digit, at| digit * 2 + bit(group * bits + at));
        if digit > 0 || !digits.is_empty() {
            digits.extend(char::from_digit(digit, 16));
        }
    }
    if letter == 'X' {
        digits.make_ascii_uppercase();
    }
    Ok(Digits { negative, digits })
}

/// How to write a float.
#[derive(Clone, Copy)]
pub(super) struct FloatFormat {
    /// `e f g`; capitals give a capital E, INF and NAN.
    pub(super) letter: char,
    /// The digits after the point; for `g`, all digits.
    pub(super) precision: usize,
    /// `#`: keeps the point, and with `g` the trailing zeros.
    pub(super) alternate: bool,
    /// Writes `.0` after an integer, as `str()` does for floats.
    pub(super) point_zero: bool,
}

/// The digits of a value as a float.
pub(super) fn float(value: &Value<'_>, format: FloatFormat) -> Result<Digits, FormatError> {
    let number = value.float().ok_or(match value {
        Value::Big(_) => TOO_LARGE,
        _ => NOT_A_NUMBER,
    })?;
    Ok(float_digits(number, format))
}

/// As [`float`], for a number.
pub(super) fn float_digits(number: f64, format: FloatFormat) -> Digits {
    let (size, precision) = (number.abs(), format.precision);
    let mut digits = match format.letter.to_ascii_lowercase() {
        _ if !number.is_finite() => not_finite(size).to_owned(),
        'f' => fixed(size, precision, format.alternate),
        'e' => exponential(size, precision, format.alternate),
        _ => general(size, format),
    };
    if format.letter.is_ascii_uppercase() {
        digits.make_ascii_uppercase();
    }
    Digits { negative: number.is_sign_negative() && !number.is_nan(), digits }
}

/// `inf`, `-inf` or `nan`.
pub(super) fn not_finite(number: f64) -> &'static str {
    if number.is_nan() {
        "nan"
    } else if number < 0.0 {
        "-inf"
    } else {
        "inf"
    }
}

fn fixed(size: f64, precision: usize, point: bool) -> String {
    let mut digits = format!("{size:.precision$}");
    if point && precision == 0 {
        digits.push('.');
    }
    digits
}

fn exponential(size: f64, precision: usize, point: bool) -> String {
    let (mantissa, exponent) = split(size, precision);
    let point = if point && precision == 0 { "." } else { "" };
    format!("{mantissa}{point}{}", exponent_suffix(exponent))
}

/// The mantissa with `precision` digits after its point, and the exponent.
fn split(size: f64, precision: usize) -> (String, i32) {
    let text = format!("{size:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (mantissa.to_owned(), exponent.parse().unwrap_or(0))
}

/// An exponent as C writes it: a sign and at least two digits.
pub(super) fn exponent_suffix(exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("e{sign}{:02}", exponent.unsigned_abs())
}

/// `g`: fixed or exponential depending on the exponent, without trailing zeros.
fn general(size: f64, format: FloatFormat) -> String {
    let precision = format.precision.max(1);
    let (mantissa, exponent) = split(size, precision - 1);
    let most = i32::try_from(precision).unwrap_or(i32::MAX);
    // `.0` takes the place of one digit.
    let fits = most - i32::from(format.point_zero);
    let (mut digits, tail) = if exponent < -4 || exponent >= fits {
        (mantissa, exponent_suffix(exponent))
    } else {
        let decimals = usize::try_from(most - 1 - exponent).unwrap_or(0);
        (format!("{size:.decimals$}"), String::new())
    };
    if format.alternate {
        if !digits.contains('.') {
            digits.push('.');
        }
    } else if digits.contains('.') {
        digits.truncate(digits.trim_end_matches('0').trim_end_matches('.').len());
    }
    if format.point_zero && tail.is_empty() {
        match digits.find('.') {
            None => digits.push_str(".0"),
            Some(at) if at + 1 == digits.len() => digits.push('0'),
            Some(_) => {}
        }
    }
    digits + &tail
}
