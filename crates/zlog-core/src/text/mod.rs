//! Text for people: escaping, plurals, suggestions, and parsers for typed values.

pub mod choice;
pub mod escape;
pub mod parsers;
pub mod plural;
pub mod suggest;

/// Copies `text` to `buffer` in ASCII lower case. `None` if it is too long.
pub(crate) fn ascii_lowercase<'b>(text: &str, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let lower = buffer.get_mut(..text.len())?;
    lower.copy_from_slice(text.as_bytes());
    lower.make_ascii_lowercase();
    Some(lower)
}
