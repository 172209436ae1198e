//! Python's values, and how they print: `str()`, `repr()`, `%` directives and the
//! format mini-language, as CPython computes them.
//!
//! What may be here: from a value and what is asked of it to text. Which value is
//! asked for is `percent`'s (arguments of a message) and `template`'s (fields of a
//! record).

pub(crate) mod directive;
pub(crate) mod format_spec;
mod number;
pub mod percent;
pub(crate) mod repr;
mod value;

use std::fmt::Write as _;

pub(crate) use value::Value;

/// Widest field and most digits that may be asked for: a hostile `%999999999d` must
/// not fill the memory. CPython has no such limit.
pub(crate) const MAX_WIDTH: usize = 1000;

/// What Python raises an exception for, and why: a clause that follows the name of
/// the directive ("needs a number, not text").
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FormatError(pub(crate) &'static str);

/// Writing to a `String` can't fail.
fn push(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("a String takes every write");
}
