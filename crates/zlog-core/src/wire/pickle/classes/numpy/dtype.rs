//! The types of numpy's elements, and their texts.

use super::super::{Scalar, bytes, integer, printed, text};
use super::{byte_order, floats, time, value};
use crate::python::repr::{push_float, push_string};
use crate::wire::pickle::value::{Id, Pickle, Value};
use time::Unit;

/// The type of the elements of an array.
pub(super) struct Dtype<'p> {
    /// `f8`.
    code: &'p str,
    /// Bytes of an element.
    pub(super) width: usize,
    /// The unit of times.
    unit: Option<Unit>,
}

impl<'p> Dtype<'p> {
    /// `None` for a type that is not printed: structured ones, and those of machines with
    /// another order of bytes.
    pub(super) fn of(pickle: &'p Pickle<'_>, id: Id) -> Option<Dtype<'p>> {
        let Value::Object(dtype) = pickle.get(id) else { return None };
        let code = text(pickle, *pickle.args(dtype).first()?)?;
        if byte_order(pickle, dtype.state) == ">" {
            return None;
        }
        let (kind, count) = code.split_at_checked(1)?;
        let count: usize = count.parse().ok()?;
        let width = match kind {
            "b" | "i" | "u" | "f" => Some(count).filter(|width| *width <= 8),
            "c" => Some(count).filter(|width| matches!(width, 8 | 16)),
            "S" => Some(count),
            "U" => count.checked_mul(4),
            "M" | "m" | "O" => Some(8),
            _ => None,
        };
        let width = width.filter(|width| *width > 0)?;
        let unit = match kind {
            "M" | "m" => Some(Unit::of_state(pickle, dtype.state)?),
            _ => None,
        };
        Some(Dtype { code, width, unit })
    }

    pub(super) fn is_object(&self) -> bool {
        self.code.starts_with('O')
    }

    /// An element: its `str()` and its `repr()`.
    pub(super) fn element(&self, data: &[u8]) -> Option<Scalar> {
        match (self.code.as_bytes()[0], &self.unit) {
            (kind @ (b'M' | b'm'), Some(unit)) => {
                unit.scalar(kind == b'M', data).map(|(_, scalar)| scalar)
            }
            (b'S', _) => {
                let end = data.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                value(self.code, &data[..end]).map(|(_, scalar)| scalar)
            }
            (b'U', _) => {
                let (_, scalar) = value(self.code, data)?;
                let str = scalar.str.trim_end_matches('\0').to_owned();
                let mut repr = String::new();
                push_string(&str, &mut repr);
                Some(Scalar { str, repr, ..scalar })
            }
            _ => value(self.code, data).map(|(_, scalar)| scalar),
        }
    }

    /// The `str()` of an array without axes.
    pub(super) fn str(&self, element: &Scalar) -> String {
        match self.code.starts_with('S') {
            true => format!("np.bytes_({})", element.repr),
            false => element.str.clone(),
        }
    }

    /// Whether `repr()` leaves out the name.
    pub(super) fn is_implied(&self) -> bool {
        matches!(self.code, "i8" | "f8" | "c16" | "b1")
    }

    /// The name in `repr()`.
    pub(super) fn name(&self) -> Option<String> {
        let count = &self.code[1..];
        Some(match (self.code, &self.unit) {
            (code, Some(unit)) => unit.dtype_name(code.starts_with('M')),
            (code, _) if code.starts_with('U') => format!("'<U{count}'"),
            (code, _) if code.starts_with('S') => format!("'|S{count}'"),
            (code, _) if code.starts_with('O') => "object".to_owned(),
            (code, _) => value(code, &vec![0; self.width])?.0.to_owned(),
        })
    }

    /// The texts of elements in an array, of the same width where numpy pads them.
    pub(super) fn texts(
        &self,
        elements: &[Scalar],
        data: &[&[u8]],
        is_scalar: bool,
    ) -> Vec<String> {
        let reprs = || elements.iter().map(|element| element.repr.clone());
        let padded = |texts: Vec<String>, least: usize| {
            let width = texts.iter().map(String::len).max().unwrap_or(0).max(least);
            let width = if is_scalar { 0 } else { width };
            texts.into_iter().map(|text| format!("{text:>width$}")).collect()
        };
        match self.code.as_bytes()[0] {
            b'f' => floats::texts(elements, self.width, false),
            b'c' => self.complex_texts(data).unwrap_or_else(|| reprs().collect()),
            b'b' => padded(reprs().collect(), "False".len()),
            kind @ (b'M' | b'm') => {
                let is_nat = |element: &Scalar| element.str == time::NAT;
                let shown = |element: &Scalar| match kind == b'M' || is_nat(element) {
                    true => format!("'{}'", element.str),
                    false => time::number(&element.repr).to_owned(),
                };
                padded(elements.iter().map(shown).collect(), 0)
            }
            b'U' | b'S' | b'O' => reprs().collect(),
            _ => padded(reprs().collect(), 0),
        }
    }

    fn complex_texts(&self, data: &[&[u8]]) -> Option<Vec<String>> {
        let half = self.width / 2;
        let code = format!("f{half}");
        let part = |at: usize| -> Option<Vec<Scalar>> {
            data.iter().map(|data| Some(value(&code, &data[at..at + half])?.1)).collect()
        };
        let real = floats::texts(&part(0)?, half, false);
        let imaginary = floats::texts(&part(half)?, half, true);
        let join = |(real, imaginary): (String, String)| {
            let end = imaginary.trim_end().len();
            format!("{real}{}j{}", &imaginary[..end], &imaginary[end..])
        };
        Some(real.into_iter().zip(imaginary).map(join).collect())
    }
}

/// An element of an array of objects, if it is of a type whose text is not made of others.
pub(super) fn object(pickle: &Pickle<'_>, id: Id) -> Option<Scalar> {
    Some(match pickle.get(id) {
        Value::None => printed("None".to_owned()),
        Value::Bool(truth) => printed(if *truth { "True" } else { "False" }.to_owned()),
        Value::Int(number) => printed(number.to_string()),
        Value::Float(number) => {
            let mut text = String::new();
            push_float(*number, &mut text);
            printed(text)
        }
        Value::Str(str) => {
            let mut repr = String::new();
            push_string(str, &mut repr);
            Scalar { repr, ..printed(str.to_string()) }
        }
        Value::Bytes(_) | Value::Object(_) => {
            super::super::bytes_scalar(&bytes(pickle, id)?, false)
        }
        _ => return None,
    })
}

impl Unit {
    /// The unit in the state of a dtype: `(b's', 25, 1, 1)`, the last part of its last part.
    pub(super) fn of_state(pickle: &Pickle<'_>, state: Option<Id>) -> Option<Unit> {
        let Value::Tuple(parts) = pickle.get(state?) else { return None };
        let Value::Tuple(metadata) = pickle.get(*parts.get(8)?) else { return None };
        let Value::Tuple(unit) = pickle.get(*metadata.get(1)?) else { return None };
        let &[name, count, ..] = &unit[..] else { return None };
        Unit::new(&bytes(pickle, name)?, integer(pickle, count)?)
    }
}
