//! Python's values as text: `str()`, `repr()`, `%` formatting and the format
//! mini-language, as CPython computes them.

pub(crate) mod directive;
pub(crate) mod format_spec;
mod number;
pub(crate) mod percent;
pub(crate) mod repr;
mod value;

use std::fmt::Write as _;

pub(crate) use value::Value;

/// The largest width and precision, so that a hostile `%999999999d` can't fill the memory.
/// CPython has no such limit.
pub(crate) const MAX_WIDTH: usize = 1000;

/// Why a value can't be formatted, where Python raises an exception: a clause that
/// follows the name of the directive ("needs a number").
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FormatError(pub(crate) &'static str);

const TOO_WIDE: FormatError = FormatError("asks for more than 1000 characters");

/// The first `precision` characters of `text`.
fn truncated(text: &str, precision: Option<usize>) -> &str {
    let cut = precision.and_then(|max| text.char_indices().nth(max));
    cut.map_or(text, |(at, _)| &text[..at])
}

/// Writing to a `String` can't fail.
fn push(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("a String takes every write");
}
