//! The values of key=value pairs, for pretty and logfmt.

use std::borrow::Cow;

use crate::record::{RawJson, Text};
use crate::text::escape::{
    Newlines, ends_line, escape_into, json_escape_char, split_unsafe, write_inline,
};

/// Whether text needs no quotes after a `=`.
fn is_bare(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b > b' ' && !matches!(b, b'"' | b'=' | b'\\' | 0x7F))
}

/// Appends text as the value of a pair; if necessary, in quotes with JSON's escapes. It
/// never ends a line.
///
/// `escape`: also escape characters that are unsafe for a terminal
/// ([`crate::text::escape::is_unsafe`]); the value still reads back.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str, escape: bool) {
    let plain = || if escape { split_unsafe(text).1.is_none() } else { !ends_line(text) };
    if is_bare(text) && plain() {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| needs_escape(c, escape)) {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let mut chars = rest[at..].chars();
        match chars.next() {
            Some('\n') => out.extend_from_slice(b"\\n"),
            Some('\r') => out.extend_from_slice(b"\\r"),
            Some('\t') => out.extend_from_slice(b"\\t"),
            Some(c @ ('"' | '\\')) => out.extend_from_slice(&[b'\\', c as u8]),
            Some(c) => json_escape_char(out, c),
            None => break,
        }
        rest = chars.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
    out.push(b'"');
}

fn needs_escape(c: char, escape: bool) -> bool {
    c < ' '
        || matches!(c, '"' | '\\' | '\u{7F}' | '\u{85}' | '\u{2028}' | '\u{2029}')
        || (escape && crate::text::escape::is_unsafe(c))
}

/// Appends a JSON value as the value of a pair: plain strings without quotes, others as
/// JSON, in quotes if they contain spaces or quotes.
pub(crate) fn write_json(out: &mut Vec<u8>, value: &RawJson<'_>, escape: bool) {
    let json = &*value.0;
    match json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        // Without escapes, the text between the quotes is the value.
        Some(inner) if !inner.contains('\\') => write_text(out, inner, escape),
        // The escapes of a pair are JSON's.
        Some(_) if escape || ends_line(json) => crate::text::escape::escape_json_into(out, json),
        Some(_) => out.extend_from_slice(json.as_bytes()),
        None => write_text(out, json, escape),
    }
}

/// As [`write_json`], for people: objects and lists without quotes around them, since they
/// need not read back.
pub(crate) fn write_pretty_json(out: &mut Vec<u8>, value: &RawJson<'_>, escape: bool) {
    let json = &*value.0;
    if json.starts_with('"') {
        write_json(out, value, escape);
    } else if escape || ends_line(json) {
        // Line feeds between JSON values are white space.
        escape_into(out, &one_line(json), Newlines::Escape);
    } else {
        out.extend_from_slice(json.as_bytes());
    }
}

/// Appends extras as people see them: `key=value key=value`.
pub(crate) fn write_fields<'r>(
    out: &mut Vec<u8>,
    extras: impl IntoIterator<Item = &'r (Text<'r>, RawJson<'r>)>,
    escape: bool,
) {
    for (key, value) in extras {
        if !out.is_empty() {
            out.push(b' ');
        }
        write_inline(out, key, escape);
        out.push(b'=');
        write_pretty_json(out, value, escape);
    }
}

fn one_line(json: &str) -> Cow<'_, str> {
    if json.contains(['\n', '\r']) {
        Cow::Owned(json.replace(['\n', '\r'], " "))
    } else {
        Cow::Borrowed(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str, escape: bool) -> String {
        let mut out = Vec::new();
        write_text(&mut out, value, escape);
        String::from_utf8(out).unwrap()
    }

    fn json(value: &str, write: fn(&mut Vec<u8>, &RawJson<'_>, bool)) -> String {
        let mut out = Vec::new();
        write(&mut out, &RawJson(value.into()), true);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_is_quoted_only_if_necessary() {
        assert_eq!(text("plain", true), "plain");
        assert_eq!(text("größe", true), "größe");
        assert_eq!(text("", true), r#""""#);
        assert_eq!(text("a b", true), r#""a b""#);
        assert_eq!(text("a=\"b\\\n", true), r#""a=\"b\\\n""#);
    }

    #[test]
    fn unsafe_characters_are_escaped_for_a_terminal() {
        assert_eq!(text("a\u{202e}b", true), "\"a\\u202eb\"");
        assert_eq!(text("a\u{202e}b", false), "a\u{202e}b");
        assert_eq!(text("a\u{85}\u{2028}b", false), "\"a\\u0085\\u2028b\"", "it ends no line");
        assert_eq!(text("\u{e0041}", true), "\"\\udb40\\udc41\"");
        assert_eq!(text("\x1b", false), "\"\\u001b\"", "a control character is always escaped");
    }

    #[test]
    fn json_strings_lose_unnecessary_quotes() {
        for write in [write_json, write_pretty_json] {
            assert_eq!(json("\"host\"", write), "host");
            assert_eq!(json("\"two words\"", write), "\"two words\"");
            assert_eq!(json("\"a\\nb\u{202e}\"", write), "\"a\\nb\\u202e\"");
            assert_eq!(json("12", write), "12");
            assert_eq!(json("null", write), "null");
        }
    }

    #[test]
    fn objects_are_quoted_if_they_must_read_back() {
        assert_eq!(json("{\"a\":1}", write_json), r#""{\"a\":1}""#);
        assert_eq!(
            json("{\"a\":1,\n \"b\":\"\u{7f}\"}", write_pretty_json),
            "{\"a\":1,  \"b\":\"\\x7f\"}"
        );
    }
}
