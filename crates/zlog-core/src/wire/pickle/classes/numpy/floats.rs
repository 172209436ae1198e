//! The floats of an array: all with an exponent or none, and their points below each other.

use super::super::Scalar;
use super::{shortest, to_half};

/// The most digits after the point.
const PRECISION: usize = 8;

/// The texts of floats of `size` bytes, all of the same width. `has_sign`: a `+` is shown.
pub(super) fn texts(elements: &[Scalar], size: usize, has_sign: bool) -> Vec<String> {
    let numbers: Vec<f64> = elements.iter().map(|element| number(&element.str, size)).collect();
    let finite = || numbers.iter().filter(|number| number.is_finite());
    let has_exponents = has_exponents(&numbers, size);
    let precision = finite().map(|number| precision(*number, size, has_exponents)).max();
    let precision = precision.unwrap_or(0);
    let exponents = finite().map(|number| split(*number, precision).1.unsigned_abs());
    let width = exponents.max().unwrap_or(0).to_string().len().max(2);
    let shown = |number: &f64| {
        number.is_finite().then(|| match has_exponents {
            true => Digits::scientific(*number, precision, width),
            false => Digits::fixed(*number, size),
        })
    };
    let plus = |number: f64| if has_sign && !number.is_sign_negative() { "+" } else { "" };
    let signed = |number: &f64| {
        let digits = shown(number)?;
        Some(Digits { whole: format!("{}{}", plus(*number), digits.whole), ..digits })
    };
    let shown: Vec<Option<Digits>> = numbers.iter().map(signed).collect();
    let widest = |part: fn(&Digits) -> usize| shown.iter().flatten().map(part).max().unwrap_or(0);
    let (mut whole, rest) =
        (widest(|digits| digits.whole.len()), widest(|digits| digits.rest.len()));
    // The point is counted.
    let after = rest + 1;
    if finite().count() < numbers.len() {
        let has_longer = has_sign || numbers.contains(&f64::NEG_INFINITY);
        let longest = if has_longer { "-inf" } else { "inf" };
        whole = whole.max(longest.len().saturating_sub(after));
    }
    let text = |(digits, number): (Option<Digits>, &f64)| match digits {
        Some(digits) => format!("{:>whole$}.{:rest$}", digits.whole, digits.rest),
        None => {
            let sign = if number.is_nan() && has_sign { "+" } else { plus(*number) };
            let name = if number.is_nan() {
                "nan"
            } else if *number < 0.0 {
                "-inf"
            } else {
                "inf"
            };
            format!("{:>width$}", format!("{sign}{name}"), width = whole + after)
        }
    };
    shown.into_iter().zip(&numbers).map(text).collect()
}

/// The number that the shortest text of a float of `size` bytes stands for.
fn number(text: &str, size: usize) -> f64 {
    match size {
        4 => text.parse::<f32>().map_or(f64::NAN, f64::from),
        2 => to_half(text.parse().unwrap_or(f64::NAN)),
        _ => text.parse().unwrap_or(f64::NAN),
    }
}

/// Whether numbers have exponents: large or small ones, and those of very different sizes.
fn has_exponents(numbers: &[f64], size: usize) -> bool {
    let sizes = || numbers.iter().map(|n| n.abs()).filter(|n| n.is_finite() && *n != 0.0);
    let largest = sizes().fold(0.0, f64::max);
    let smallest = sizes().fold(f64::INFINITY, f64::min);
    // numpy computes with the size of the elements.
    let (limit, least, ratio) = match size {
        2 => (1e3, to_half(1e-4), to_half(largest / smallest)),
        4 => (1e6, f64::from(1e-4f32), (largest as f32 / smallest as f32).into()),
        _ => (1e8, 1e-4, largest / smallest),
    };
    largest > 0.0 && (largest >= limit || smallest < least || ratio > 1000.0)
}

/// How many digits after the point a number has.
fn precision(number: f64, size: usize, has_exponent: bool) -> usize {
    let shortest = shortest(number, size);
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let digits = mantissa.split_once('.').map_or(0, |(_, digits)| digits.len());
    let exponent: isize = if has_exponent { 0 } else { exponent.parse().unwrap_or(0) };
    let precision = digits.saturating_add_signed(-exponent).min(PRECISION);
    // Cut after so many digits, it may end with zeros.
    let text = match has_exponent {
        true => split(number, precision).0,
        false => format!("{number:.precision$}"),
    };
    text.split_once('.').map_or(0, |(_, digits)| digits.trim_end_matches('0').len())
}

/// The mantissa with so many digits after its point, and the exponent.
fn split(number: f64, precision: usize) -> (String, i32) {
    let text = format!("{number:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (mantissa.to_owned(), exponent.parse().unwrap_or(0))
}

/// A finite float in decimal digits.
struct Digits {
    /// Those before the point, and the sign.
    whole: String,
    /// What follows the point.
    rest: String,
}

impl Digits {
    fn fixed(number: f64, size: usize) -> Digits {
        let precision = precision(number, size, false);
        Digits::new(&format!("{number:.precision$}"), "")
    }

    fn scientific(number: f64, precision: usize, width: usize) -> Digits {
        let (mantissa, exponent) = split(number, precision);
        let sign = if exponent < 0 { '-' } else { '+' };
        Digits::new(&mantissa, &format!("e{sign}{:0width$}", exponent.unsigned_abs()))
    }

    fn new(digits: &str, exponent: &str) -> Digits {
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        Digits { whole: whole.to_owned(), rest: format!("{fraction}{exponent}") }
    }
}
