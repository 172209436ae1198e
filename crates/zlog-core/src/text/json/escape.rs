//! Escaping and unescaping of JSON strings.
//!
//! Written by hand: serde_json rejects unpaired surrogates, which Python sends, and its string
//! writer takes 1.2 to 1.9 times as long for a record.

use std::borrow::Cow;

use crate::text::hex;

/// Appends `text` as a JSON string, quotes included.
///
/// Escapes only what JSON requires: `"`, `\` and control characters below U+0020.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = find_escape(rest) {
        out.extend_from_slice(&rest[..at]);
        write_escape(rest[at], out);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// `text` as a JSON string, quotes included.
pub fn quoted(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    write_string(text, &mut out);
    String::from_utf8(out).expect("the escapes of UTF-8 are UTF-8")
}

/// The index of the first byte that JSON requires to be escaped.
///
/// Checks 16 bytes at once, then eight, then one: messages are long, and few bytes need an escape.
pub(crate) fn find_escape(bytes: &[u8]) -> Option<usize> {
    let (chunks, _) = bytes.as_chunks::<16>();
    let is_clean = |chunk: &&[u8; 16]| !chunk.iter().fold(false, |any, b| any | needs_escape(*b));
    let mut at = 16 * chunks.iter().take_while(is_clean).count();
    let (words, rest) = bytes[at..].as_chunks::<8>();
    for word in words {
        let found = mark_escapes(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    rest.iter().position(|byte| needs_escape(*byte)).map(|found| at + found)
}

/// Sets the highest bit of the first byte that [`needs_escape`]. It may set that of later bytes without
/// need, because the subtraction borrows from them.
fn mark_escapes(bytes: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = 0x80 * ONES;
    let below = |bytes: u64, least: u8| bytes.wrapping_sub(u64::from(least) * ONES) & !bytes & HIGH;
    let equal = |byte: u8| below(bytes ^ (u64::from(byte) * ONES), 1);
    below(bytes, 0x20) | equal(b'"') | equal(b'\\')
}

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            let [high, low] = hex(byte);
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// The text of a JSON string given with its quotes; `None` for any other value.
///
/// Borrows unless there are escapes. An unpaired surrogate, which Python writes and UTF-8
/// can't represent, stays an escape: `\ud800`.
pub fn string_value(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    Some(match memchr::memchr(b'\\', inner.as_bytes()) {
        None => Cow::Borrowed(inner),
        Some(first) => Cow::Owned(unescape(inner, first)),
    })
}

/// Replaces the escapes, the first of which is at `first`.
fn unescape(inner: &str, first: usize) -> String {
    let mut out = String::with_capacity(inner.len());
    out.push_str(&inner[..first]);
    let mut rest = &inner[first..];
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let (text, length) = unescape_one(&rest[at..]);
        match text {
            Some(c) => out.push(c),
            None => out.push_str(&rest[at..at + length]),
        }
        rest = &rest[at + length..];
    }
    out.push_str(rest);
    out
}

/// The character of the escape at the start of `text`, and the escape's length in bytes.
/// `None` if it means no character; the escape then stays.
fn unescape_one(text: &str) -> (Option<char>, usize) {
    let c = match text.as_bytes().get(1) {
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(&c @ (b'"' | b'\\' | b'/')) => c.into(),
        Some(b'u') => return unescape_unicode(text),
        // Not JSON: serde_json has rejected it.
        _ => return (None, 1),
    };
    (Some(c), 2)
}

fn unescape_unicode(text: &str) -> (Option<char>, usize) {
    let Some(unit) = code_unit(text) else { return (None, 1) };
    if let Some(c) = char::from_u32(unit) {
        return (Some(c), 6);
    }
    let low = text.get(6..).and_then(code_unit);
    match low {
        Some(low @ 0xdc00..=0xdfff) if unit < 0xdc00 => {
            let c = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            (char::from_u32(c), 12)
        }
        _ => (None, 6),
    }
}

/// The number in `\uXXXX` at the start of `text`.
pub(crate) fn code_unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    // from_str_radix would take a sign.
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write_string(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_required_characters_are_escaped() {
        assert_eq!(written("a\"b\\c\n\r\t\u{8}\u{c}\u{1}\u{7f}é\u{2028}"), {
            "\"a\\\"b\\\\c\\n\\r\\t\\b\\f\\u0001\u{7f}é\u{2028}\""
        });
    }

    #[test]
    fn an_escape_is_found_at_every_position_in_a_word() {
        for escape in ['"', '\\', '\n', '\0', '\u{1f}'] {
            for at in 0..20 {
                let text: String = (0..24).map(|i| if i == at { escape } else { 'é' }).collect();
                assert_eq!(string_value(&written(&text)).as_deref(), Some(&*text));
            }
        }
    }

    #[test]
    fn a_string_without_escapes_is_borrowed() {
        assert!(matches!(string_value("\"plain é\""), Some(Cow::Borrowed("plain é"))));
        assert_eq!(string_value("12"), None);
    }

    #[test]
    fn surrogate_pairs_are_joined_and_unpaired_ones_stay_escapes() {
        assert_eq!(string_value(r#""\ud83d\ude00""#).as_deref(), Some("😀"));
        assert_eq!(string_value(r#""a\ud800b""#).as_deref(), Some(r"a\ud800b"));
        assert_eq!(string_value(r#""\udc00\ud800""#).as_deref(), Some(r"\udc00\ud800"));
        assert_eq!(string_value(r#""\ud800\u0041""#).as_deref(), Some(r"\ud800A"));
    }

    proptest! {
        #[test]
        fn the_first_escape_is_found_in_any_bytes(bytes: Vec<u8>, clean in 0usize..40) {
            let bytes = [&vec![b'x'; clean], &bytes[..]].concat();
            let first = bytes.iter().position(|byte| needs_escape(*byte));
            prop_assert_eq!(find_escape(&bytes), first);
        }

        #[test]
        fn any_text_reads_back_here_and_in_serde_json(text in any::<String>()) {
            let json = written(&text);
            prop_assert_eq!(&serde_json::from_str::<String>(&json).unwrap(), &text);
            let value = string_value(&json);
            prop_assert_eq!(value.as_deref(), Some(&*text));
        }

        #[test]
        fn unescaping_gives_the_text_that_serde_json_gives(text in "[a-zé😀\"\\\\/\u{0}-\u{1f}]*") {
            // As Python's json writes text, for all characters.
            let mut json = String::from("\"");
            for unit in text.encode_utf16() {
                json.push_str(&format!("\\u{unit:04X}"));
            }
            json.push('"');
            let value = string_value(&json);
            prop_assert_eq!(value.as_deref(), Some(&*text));
        }
    }
}
