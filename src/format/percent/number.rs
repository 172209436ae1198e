//! `%d %o %x %e %f %g`: numbers as CPython writes them.

use super::repr;
use super::{Digits, Spec};

/// `%d %i %u %o %x %X`. `None` where Python raises `TypeError`.
pub(super) fn integer(spec: Spec, conversion: char, value: &str) -> Option<Digits> {
    let decimal = matches!(conversion, 'd' | 'i' | 'u');
    let text = whole_number(value, decimal)?;
    let (negative, text) = match text.strip_prefix('-') {
        Some(text) => (text != "0", text),
        None => (false, &*text),
    };
    let (base, mut digits) = match conversion {
        'o' => ("0o", format!("{:o}", text.parse::<u128>().ok()?)),
        'x' => ("0x", format!("{:x}", text.parse::<u128>().ok()?)),
        'X' => ("0X", format!("{:X}", text.parse::<u128>().ok()?)),
        _ => ("", text.to_owned()),
    };
    let missing = spec.precision.unwrap_or(0).saturating_sub(digits.len());
    digits.insert_str(0, &"0".repeat(missing));
    let mut prefix = sign(spec, negative).to_owned();
    if spec.alternate {
        prefix.push_str(base);
    }
    Some(Digits { prefix, digits })
}

/// A JSON value as the decimal digits of a whole number. A float is cut at the
/// point for `%d`, and is none for the others.
fn whole_number(value: &str, cut_floats: bool) -> Option<String> {
    match value {
        "true" => return Some("1".to_owned()),
        "false" => return Some("0".to_owned()),
        _ => {}
    }
    if repr::is_integer(value) {
        return Some(value.to_owned());
    }
    let number = repr::number(value).filter(|_| cut_floats)?;
    Some(format!("{:.0}", number.trunc()))
}

fn sign(spec: Spec, negative: bool) -> &'static str {
    match (negative, spec.plus, spec.space) {
        (true, ..) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        (false, false, false) => "",
    }
}

/// `%e %E %f %F %g %G`. `None` where Python raises `TypeError`, and for what is
/// beyond a float.
pub(super) fn float(spec: Spec, conversion: char, value: &str) -> Option<Digits> {
    let number = match value {
        "true" => 1.0,
        "false" => 0.0,
        _ => repr::number(value)?,
    };
    let size = number.abs();
    let precision = spec.precision.unwrap_or(6);
    let mut digits = match conversion.to_ascii_lowercase() {
        'f' => fixed(size, precision, spec.alternate),
        'e' => exponential(size, precision, spec.alternate),
        _ => general(size, precision, spec.alternate),
    };
    if conversion.is_ascii_uppercase() {
        digits.make_ascii_uppercase();
    }
    Some(Digits { prefix: sign(spec, number.is_sign_negative()).to_owned(), digits })
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
    format!("{mantissa}{point}{}", suffix(exponent))
}

/// The mantissa with `precision` digits after its point, and the exponent.
fn split(size: f64, precision: usize) -> (String, i32) {
    let text = format!("{size:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (mantissa.to_owned(), exponent.parse().unwrap_or(0))
}

/// An exponent as C writes it: a sign, and two digits at least.
pub(super) fn suffix(exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("e{sign}{:02}", exponent.unsigned_abs())
}

/// `%g`: fixed or exponential by the exponent, without trailing zeros.
fn general(size: f64, precision: usize, keep_zeros: bool) -> String {
    let precision = precision.max(1);
    let (mantissa, exponent) = split(size, precision - 1);
    let most = i32::try_from(precision).unwrap_or(i32::MAX);
    let (mut digits, tail) = if exponent < -4 || exponent >= most {
        (mantissa, suffix(exponent))
    } else {
        let decimals = usize::try_from(most - 1 - exponent).unwrap_or(0);
        (format!("{size:.decimals$}"), String::new())
    };
    if keep_zeros {
        if !digits.contains('.') {
            digits.push('.');
        }
    } else if digits.contains('.') {
        digits.truncate(digits.trim_end_matches('0').trim_end_matches('.').len());
    }
    digits + &tail
}
