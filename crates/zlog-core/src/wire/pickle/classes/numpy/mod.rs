//! numpy's scalars and arrays, as numpy 2 prints them.

mod array;
mod dtype;
mod floats;
mod time;

pub(super) use self::array::array;
use self::time::Unit;
use super::numeric::complex_text;
use super::{JsonForm, Scalar, bytes, printed, text};
use std::ops::Range;

use crate::python::repr::{push_digits, push_float, push_string};
use crate::wire::pickle::value::{Id, Pickle, Value};

/// `numpy.core.multiarray.scalar(dtype, bytes)`. numpy 2 has types in `repr()`.
pub(super) fn scalar(pickle: &Pickle<'_>, args: &[Id], with_type: bool) -> Option<Scalar> {
    let &[dtype, data] = args else { return None };
    let Value::Object(dtype) = pickle.get(dtype) else { return None };
    let code = text(pickle, *pickle.args(dtype).first()?)?;
    let data = bytes(pickle, data)?;
    let data = match byte_order(pickle, dtype.state) {
        ">" => data.iter().rev().copied().collect(),
        _ => data.into_owned(),
    };
    let (name, scalar) = match code {
        "M8" | "m8" => Unit::of_state(pickle, dtype.state)?.scalar(code.starts_with('M'), &data)?,
        _ => value(code, &data)?,
    };
    let repr = match name {
        // Before numpy 2, too.
        _ if !with_type && matches!(code, "M8" | "m8") => {
            format!("numpy.{name}({})", scalar.repr)
        }
        _ if !with_type => scalar.repr,
        "bool" => format!("np.{}_", scalar.repr),
        name => {
            format!("np.{name}({})", scalar.repr.trim_start_matches('(').trim_end_matches(')'))
        }
    };
    Some(Scalar { repr, ..scalar })
}

pub(super) fn byte_order<'p>(pickle: &'p Pickle<'_>, state: Option<Id>) -> &'p str {
    let order = match state.map(|state| pickle.get(state)) {
        Some(Value::Tuple(parts)) => parts.get(1).and_then(|&order| text(pickle, order)),
        _ => None,
    };
    order.unwrap_or("<")
}

/// The name of a numpy type, and a value of it.
pub(super) fn value(code: &str, data: &[u8]) -> Option<(&'static str, Scalar)> {
    let number = |str: String| Scalar { json: JsonForm::Raw, ..printed(str) };
    let (kind, size) = code.split_at_checked(1)?;
    let unsigned = |data: &[u8]| data.iter().rev().fold(0u64, |n, &b| n << 8 | u64::from(b));
    if !kind.starts_with(['U', 'S']) && size != data.len().to_string() {
        return None;
    }
    Some(match (kind, data.len()) {
        ("b", 1) => {
            let truth = data[0] != 0;
            let text = if truth { "True" } else { "False" };
            ("bool", Scalar { json: JsonForm::Bool(truth), ..printed(text.to_owned()) })
        }
        ("i", length @ 1..=8) => {
            let shift = 64 - 8 * length as u32;
            #[expect(clippy::cast_possible_wrap, reason = "two's complement")]
            let signed = (unsigned(data) << shift) as i64 >> shift;
            let name = ["int8", "int16", "int32", "int64"][length.ilog2() as usize];
            (name, number(signed.to_string()))
        }
        ("u", length @ 1..=8) => {
            let name = ["uint8", "uint16", "uint32", "uint64"][length.ilog2() as usize];
            (name, number(unsigned(data).to_string()))
        }
        ("f", 2) => ("float16", float(half(u16::from_le_bytes(data.try_into().ok()?)), push_half)),
        ("f", 4) => {
            let number = f32::from_le_bytes(data.try_into().ok()?);
            ("float32", float(number.into(), push_single))
        }
        ("f", 8) => ("float64", float(f64::from_le_bytes(data.try_into().ok()?), push_float)),
        ("c", 8) => {
            let part = |at: usize| Some(f32::from_le_bytes(data[at..at + 4].try_into().ok()?));
            let text = complex_text(part(0)?.into(), part(4)?.into(), push_single);
            ("complex64", printed(text))
        }
        ("c", 16) => {
            let part = |at: usize| Some(f64::from_le_bytes(data[at..at + 8].try_into().ok()?));
            ("complex128", printed(complex_text(part(0)?, part(8)?, push_float)))
        }
        ("U", _) => {
            let chars = data.chunks_exact(4).map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]]));
            let str: String = chars.map(|c| char::from_u32(c).unwrap_or('\u{fffd}')).collect();
            let mut repr = String::new();
            push_string(&str, &mut repr);
            ("str_", Scalar { str, repr, json: JsonForm::Text })
        }
        ("S", _) => ("bytes_", super::bytes_scalar(data, false)),
        _ => return None,
    })
}

fn float(number: f64, push: fn(f64, &mut String)) -> Scalar {
    let mut str = String::new();
    push(number, &mut str);
    let json = if number.is_finite() { JsonForm::Raw } else { JsonForm::NumberAsText };
    Scalar { json, ..printed(str) }
}

/// A float of 32 bits with the fewest digits that read back the same.
fn push_single(number: f64, out: &mut String) {
    push(number, 4, 1e-4..1e6, out);
}

/// The same for 16 bits.
fn push_half(number: f64, out: &mut String) {
    push(number, 2, 1e-4..1e3, out);
}

/// A float of `size` bytes, without an exponent if its size is in `full`.
fn push(number: f64, size: usize, full: Range<f64>, out: &mut String) {
    match number.is_finite() {
        true => {
            let in_full = number == 0.0 || full.contains(&number.abs());
            push_digits(&shortest(number, size), in_full, out);
        }
        false => push_float(number, out),
    }
}

/// A finite float of `size` bytes with the fewest digits that read back the same, as `1.5e3`.
pub(super) fn shortest(number: f64, size: usize) -> String {
    match size {
        2 => {
            // Half of the distance to the next number: 11 bits of precision.
            let is_same =
                |text: &String| text.parse().is_ok_and(|read: f64| to_half(read) == number);
            let mut candidates = (0..5).map(|digits| format!("{number:.digits$e}"));
            candidates.find(is_same).unwrap_or_else(|| format!("{number:e}"))
        }
        #[expect(clippy::cast_possible_truncation, reason = "it was an f32")]
        4 => format!("{:e}", number as f32),
        _ => format!("{number:e}"),
    }
}

/// The float of 16 bits that is nearest to a number.
fn to_half(number: f64) -> f64 {
    if !number.is_finite() {
        return number;
    }
    #[expect(clippy::cast_possible_truncation, reason = "-1074 to 1023")]
    let exponent = (number.abs().log2().floor() as i32).max(-14);
    let unit = 2f64.powi(exponent - 10);
    (number / unit).round_ties_even() * unit
}

/// A float of 16 bits.
fn half(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2f64.powi(-24),
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        _ => (1.0 + fraction / 1024.0) * 2f64.powi(exponent - 15),
    }
}
