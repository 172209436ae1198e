//! Which formats a line can have, from the bytes that it contains anywhere: a line without a
//! bracket has none of the formats whose patterns need one.

use crate::text::parsers::syntax_error;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

/// A set of [needed](of_pattern) bytes: one bit for each.
pub(super) type Bytes = u64;

/// Bytes that patterns may need. `0` stands for all digits and `A` for all capitals.
const BYTES: &[u8] = b"0A\t\x1b!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// The bit of each byte; 0 for those that are not looked at.
const BITS: [Bytes; 256] = {
    let mut bits = [0; 256];
    let mut at = 0;
    while at < BYTES.len() {
        bits[BYTES[at] as usize] = 1 << at;
        at += 1;
    }
    let mut byte = b'A';
    while byte <= b'Z' {
        bits[byte as usize] = bits[b'A' as usize];
        byte += 1;
    }
    let mut byte = b'0';
    while byte <= b'9' {
        bits[byte as usize] = bits[b'0' as usize];
        byte += 1;
    }
    bits
};

/// The set of bytes in a text.
pub(super) fn bytes(text: &[u8]) -> Bytes {
    let add = |all: Bytes, byte: &u8| all | BITS[usize::from(*byte)];
    // This looks at each byte of each line, so text in lower case is skipped 16 bytes at once.
    let (chunks, rest) = text.as_chunks::<16>();
    let all = chunks.iter().filter(|chunk| !is_lower(chunk));
    let all = all.fold(0, |all, chunk| all | chunk.iter().fold(0, add));
    rest.iter().fold(all, add)
}

/// Whether there are only letters in lower case and spaces, which have no bits.
fn is_lower(text: &[u8; 16]) -> bool {
    text.iter().fold(true, |all, byte| all & (byte.is_ascii_lowercase() | (*byte == b' ')))
}

/// The bytes that every match of the pattern contains: `-0[]` for `\[\d+-\w*\]`. `0` stands for
/// any digit and `A` for any capital.
///
/// # Errors
/// The pattern is not a regular expression; the text says why.
pub fn of_pattern(pattern: &str) -> Result<String, String> {
    let mut parser = ParserBuilder::new().unicode(false).utf8(false).build();
    let hir = parser.parse(pattern).map_err(|error| syntax_error(&error))?;
    let needed = needed(&hir);
    let bytes = BYTES.iter().filter(|byte| needed & BITS[usize::from(**byte)] != 0);
    Ok(bytes.map(|byte| char::from(*byte)).collect())
}

fn needed(pattern: &Hir) -> Bytes {
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(literal) => bytes(&literal.0),
        HirKind::Class(Class::Bytes(class)) => {
            let members = class.iter().flat_map(|range| range.start()..=range.end());
            members.map(|byte| BITS[usize::from(byte)]).reduce(|all, bit| all & bit).unwrap_or(0)
        }
        HirKind::Class(Class::Unicode(_)) => 0,
        HirKind::Repetition(repetition) if repetition.min == 0 => 0,
        HirKind::Repetition(repetition) => needed(&repetition.sub),
        HirKind::Capture(capture) => needed(&capture.sub),
        HirKind::Concat(parts) => parts.iter().map(needed).fold(0, |all, part| all | part),
        HirKind::Alternation(ways) => {
            ways.iter().map(needed).reduce(|all, way| all & way).unwrap_or(0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_found_wherever_it_is_in_a_text() {
        for length in 0..50 {
            for (at, byte) in (0..length).flat_map(|at| b"0A \x1bz|".map(|byte| (at, byte))) {
                let mut text = vec![b'a'; length];
                text[at] = byte;
                assert_eq!(bytes(&text), BITS[usize::from(byte)], "{text:?}");
            }
        }
    }

    #[test]
    fn the_needed_bytes_of_a_pattern_are_those_that_every_match_contains() {
        for (pattern, wanted) in [
            (r"\[\d+-\w*\]", "0-[]"),
            (r"(?<level>INFO|WARN): ", "A:"),
            ("(?:a:|b-)c", ""),
            ("(?:a:|b-:)c", ":"),
            ("x?(?:=)+/{0,2}", "="),
            ("[0-9a]", ""),
            ("[A-F]{2}", "A"),
            ("\x1b\\[32m", "0\x1b["),
            (r"[^\]]", ""),
        ] {
            assert_eq!(of_pattern(pattern).unwrap(), wanted, "{pattern}");
        }
        assert!(of_pattern("(").unwrap_err().contains("unclosed group"));
    }
}
