//! Text: escaping, JSON, colours, plurals, suggestions, and parsers for typed values.

pub mod choice;
pub mod escape;
pub mod json;
pub mod parsers;
pub mod plural;
pub mod sgr;
pub mod suggest;
pub mod width;
pub mod wrap;

/// The longest prefix of `text` of at most `most` bytes that ends on a character boundary.
pub fn prefix(text: &str, most: usize) -> &str {
    let fits = |&end: &usize| text.is_char_boundary(end);
    &text[..(0..=most.min(text.len())).rev().find(fits).unwrap_or(0)]
}

/// The two hexadecimal digits of a byte.
pub(crate) fn hex(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)])
}

/// Copies `text` to `buffer` in ASCII lower case. `None` if it is too long.
pub(crate) fn ascii_lowercase<'b>(text: &str, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let lower = buffer.get_mut(..text.len())?;
    lower.copy_from_slice(text.as_bytes());
    lower.make_ascii_lowercase();
    Some(lower)
}
