//! Escapes text from outside, so that it can't control a terminal or forge lines.
//!
//! [`is_unsafe`] lists the characters. Standard output is escaped only on a terminal, since
//! in a pipe the next program needs the original text. Messages on standard error are
//! always escaped.

use std::io::Write;

use super::choice::{Choice, Named};
use super::hex;

/// The treatment of line feeds in text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Newlines {
    /// As they are: a text may take several lines
    #[default]
    Keep,
    /// Further lines are indented by four spaces: none can look like a record
    Indent,
    /// As \x0a: a text is part of one line
    Escape,
}

impl Choice for Newlines {
    const CHOICES: &'static [Named<Newlines>] = &[
        Named::new(Newlines::Keep, "keep", "As they are: a text may take several lines"),
        Named::new(
            Newlines::Indent,
            "indent",
            "Further lines are indented by four spaces: none can look like a record",
        ),
        Named::new(Newlines::Escape, "escape", r"As \x0a: a text is part of one line"),
    ];
}

/// Whether a terminal may do anything but display this character.
///
/// - C0 except tab, DEL and C1: they move the cursor, clear, set titles, and begin escape
///   sequences.
/// - Bidirectional controls and marks, U+2028 and U+2029: they change the order or the
///   lines in which text is displayed (<https://trojansource.codes>).
/// - Format characters without width, and tag characters: they hide text from the reader,
///   but not from a search or a shell.
///
/// The joiners U+200C and U+200D are safe: Persian, Hindi and many emoji need them, and
/// they neither move nor reorder anything.
pub fn is_unsafe(c: char) -> bool {
    match c {
        '\t' => false,
        '\u{00}'..='\u{1F}' | '\u{7F}'..='\u{9F}' => true,
        '\u{61C}' | '\u{180E}' | '\u{FEFF}' => true,
        '\u{200B}' | '\u{200E}'..='\u{200F}' | '\u{2028}'..='\u{202E}' => true,
        '\u{2060}'..='\u{206F}' | '\u{FFF9}'..='\u{FFFB}' => true,
        '\u{E0000}'..='\u{E007F}' => true,
        _ => false,
    }
}

/// For each byte, whether an [unsafe](is_unsafe) character may begin with it. Only lead
/// bytes are set, so that a scan stops at character boundaries.
const SUSPECT: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = byte != b'\t' as usize;
        byte += 1;
    }
    let leads = [0x7F, 0xC2, 0xD8, 0xE1, 0xE2, 0xEF, 0xF3];
    let mut i = 0;
    while i < leads.len() {
        table[leads[i]] = true;
        i += 1;
    }
    table
};

/// Splits text at its first [unsafe](is_unsafe) character. Returns the text before it, and
/// the character with the text after it.
pub(crate) fn split_unsafe(text: &str) -> (&str, Option<(char, &str)>) {
    let mut from = 0;
    while let Some(found) = text.as_bytes()[from..].iter().position(|&b| SUSPECT[b as usize]) {
        let at = from + found;
        let mut rest = text[at..].chars();
        match rest.next() {
            Some(c) if is_unsafe(c) => return (&text[..at], Some((c, rest.as_str()))),
            Some(c) => from = at + c.len_utf8(),
            None => break,
        }
    }
    (text, None)
}

/// Whether text has a character that ends a line for some program: one at which Python's
/// `str.splitlines` splits.
pub fn ends_line(text: &str) -> bool {
    let mut rest = text;
    while let (_, Some((c, after))) = split_unsafe(rest) {
        if matches!(c, '\n' | '\u{B}'..='\r' | '\u{1C}'..='\u{1E}' | '\u{85}' | '\u{2028}' | '\u{2029}')
        {
            return true;
        }
        rest = after;
    }
    false
}

/// Appends text with [unsafe](is_unsafe) characters escaped: `\x1b` up to U+009F,
/// `\u{202e}` beyond. Backslashes are not doubled: this is for people, not for parsers.
pub fn escape_into(out: &mut Vec<u8>, text: &str, newlines: Newlines) {
    let mut rest = text;
    loop {
        let (plain, found) = split_unsafe(rest);
        out.extend_from_slice(plain.as_bytes());
        let Some((c, after)) = found else { return };
        if c == '\n' && newlines == Newlines::Keep {
            out.push(b'\n');
        } else {
            escape_char(out, c);
        }
        rest = after;
    }
}

/// As [`escape_into`], for bytes. Those that are not UTF-8 are written as `\xff`.
pub(crate) fn escape_bytes_into(out: &mut Vec<u8>, bytes: &[u8], newlines: Newlines) {
    for chunk in bytes.utf8_chunks() {
        escape_into(out, chunk.valid(), newlines);
        for &byte in chunk.invalid() {
            escape_byte(out, byte);
        }
    }
}

fn escape_char(out: &mut Vec<u8>, c: char) {
    match u8::try_from(c) {
        Ok(byte) => escape_byte(out, byte),
        // Writing to a Vec can't fail.
        Err(_) => drop(write!(out, "\\u{{{:x}}}", u32::from(c))),
    }
}

fn escape_byte(out: &mut Vec<u8>, byte: u8) {
    let [high, low] = hex(byte);
    out.extend_from_slice(&[b'\\', b'x', high, low]);
}

/// Appends JSON with [unsafe](is_unsafe) characters as JSON escapes (`\u202e`, two of them
/// beyond U+FFFF), so that strings read back unchanged.
///
/// Control characters below U+0020 occur only between values, as white space, and become
/// spaces.
pub fn escape_json_into(out: &mut Vec<u8>, json: &str) {
    let mut rest = json;
    loop {
        let (plain, found) = split_unsafe(rest);
        out.extend_from_slice(plain.as_bytes());
        let Some((c, after)) = found else { return };
        if c < ' ' {
            out.push(b' ');
        } else {
            json_escape_char(out, c);
        }
        rest = after;
    }
}

/// As [`escape_json_into`].
pub fn escape_json(json: &str) -> String {
    let mut out = Vec::with_capacity(json.len());
    escape_json_into(&mut out, json);
    // It was UTF-8, and escapes are ASCII.
    String::from_utf8(out).unwrap_or_default()
}

/// Appends one character as a JSON escape `\u`, or as two if UTF-16 needs two.
pub(crate) fn json_escape_char(out: &mut Vec<u8>, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        // Writing to a Vec can't fail.
        drop(write!(out, "\\u{unit:04x}"));
    }
}

/// Escapes text from outside that is part of a message, newlines included.
///
/// Messages are also escaped when they are printed, but their newlines are kept: without
/// this, the text could begin a line that looks like a message of zlog.
pub fn escape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    escape_into(&mut out, text, Newlines::Escape);
    String::from_utf8_lossy(&out).into_owned()
}

/// Appends text that is part of a line. Text that would end a line is escaped even if
/// `escape` is off, so that a topic or a name can't look like another record.
pub(crate) fn write_inline(out: &mut Vec<u8>, text: &str, escape: bool) {
    if escape || ends_line(text) {
        escape_into(out, text, Newlines::Escape);
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(text: &str, newlines: Newlines) -> String {
        let mut out = Vec::new();
        escape_into(&mut out, text, newlines);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn plain_text_tabs_and_joiners_pass_unchanged() {
        for text in ["", "plain\ttext", "Grüße, 世界", "👩‍👩‍👧", "می‌خواهم", "\u{a0}\u{e1}\u{fffd}"]
        {
            assert_eq!(escaped(text, Newlines::Escape), text);
        }
    }

    #[test]
    fn characters_that_move_the_cursor_or_reorder_text_are_escaped() {
        let cases = [
            ("\x1b[2J", "\\x1b[2J"),
            ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
            ("a\rb\x08", "a\\x0db\\x08"),
            ("\u{9b}31m\u{7f}", "\\x9b31m\\x7f"),
            ("a\u{202e}b\u{2066}", "a\\u{202e}b\\u{2066}"),
            ("\u{200b}\u{feff}\u{61c}\u{2028}", "\\u{200b}\\u{feff}\\u{61c}\\u{2028}"),
            ("\u{e0041}x", "\\u{e0041}x"),
            ("\0", "\\x00"),
        ];
        for (text, shown) in cases {
            assert_eq!(escaped(text, Newlines::Keep), shown);
        }
    }

    #[test]
    fn newlines_are_kept_or_escaped() {
        assert_eq!(escaped("a\nb", Newlines::Keep), "a\nb");
        assert_eq!(escaped("a\nb", Newlines::Escape), "a\\x0ab");
    }

    #[test]
    fn a_line_ends_where_python_splits_it() {
        let ends = "\n\r\u{b}\u{c}\u{1c}\u{1d}\u{1e}\u{85}\u{2028}\u{2029}";
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let text = format!("\u{1b}{c}b");
            assert_eq!(ends_line(&text), ends.contains(c), "{:x}", u32::from(c));
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_shown_as_bytes() {
        let mut out = Vec::new();
        escape_bytes_into(&mut out, b"a\xff\x1b\xe2\x80b", Newlines::Escape);
        assert_eq!(out, b"a\\xff\\x1b\\xe2\\x80b");
    }

    #[test]
    fn the_byte_scan_covers_all_of_unicode() {
        let mut text = String::new();
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            text.clear();
            text.push(c);
            assert_eq!(split_unsafe(&text).1.is_some(), is_unsafe(c), "{:x}", u32::from(c));
        }
    }

    proptest! {
        #[test]
        fn no_unsafe_character_is_left(text in any::<String>()) {
            let shown = escaped(&text, Newlines::Escape);
            prop_assert!(!shown.chars().any(is_unsafe), "{:?}", shown);
        }

        #[test]
        fn the_byte_scan_finds_every_unsafe_character(c in any::<char>()) {
            let text = format!("a{c}b");
            let found = split_unsafe(&text).1.map(|(c, _)| c);
            prop_assert_eq!(found, is_unsafe(c).then_some(c));
        }

        #[test]
        fn json_strings_read_back_after_escaping(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            let mut out = Vec::new();
            escape_json_into(&mut out, &json);
            prop_assert!(!out.iter().any(u8::is_ascii_control));
            prop_assert!(!String::from_utf8(out.clone()).unwrap().chars().any(is_unsafe));
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
