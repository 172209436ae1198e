//! Numbers that JSON does not have.

use super::super::value::{Id, Pickle, Value};
use super::{JsonForm, Scalar, integer, printed, quoted, text};
use crate::python::repr::push_float;

/// `decimal.Decimal("1.50")`, `fractions.Fraction(1, 3)`.
pub(super) fn decimal(pickle: &Pickle<'_>, name: &str, args: &[Id]) -> Option<Scalar> {
    let scalar = match (name, args) {
        ("Decimal", &[digits]) => quoted("Decimal", text(pickle, digits)?.to_owned()),
        ("Fraction", &[above, below]) => {
            let (above, below) = (integer(pickle, above)?, integer(pickle, below)?);
            let str = if below == 1 { above.to_string() } else { format!("{above}/{below}") };
            Scalar { str, ..printed(format!("Fraction({above}, {below})")) }
        }
        // Before Python 3.12.
        ("Fraction", &[both]) => {
            let str = text(pickle, both)?.to_owned();
            let (above, below) = str.split_once('/').unwrap_or((&str, "1"));
            Scalar { repr: format!("Fraction({above}, {below})"), ..printed(str) }
        }
        _ => return None,
    };
    Some(Scalar { json: JsonForm::NumberAsText, ..scalar })
}

/// `complex(1.0, 2.0)`.
pub(super) fn complex(pickle: &Pickle<'_>, args: &[Id]) -> Option<Scalar> {
    let &[real, imaginary] = args else { return None };
    let (Value::Float(real), Value::Float(imaginary)) = (pickle.get(real), pickle.get(imaginary))
    else {
        return None;
    };
    Some(printed(complex_text(*real, *imaginary, push_float)))
}

/// `(1+2j)`, or `2j` without a real part.
pub(super) fn complex_text(real: f64, imaginary: f64, push: impl Fn(f64, &mut String)) -> String {
    let part = |number: f64| {
        let mut text = String::new();
        push(number, &mut text);
        text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
    };
    if real == 0.0 && real.is_sign_positive() {
        return format!("{}j", part(imaginary));
    }
    let imaginary = part(imaginary);
    let plus = if imaginary.starts_with('-') { "" } else { "+" };
    format!("({}{plus}{imaginary}j)", part(real))
}
