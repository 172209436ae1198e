//! The `text` dialect: the formatted message, as PyZMQ's `PUBHandler` sends it. It has no
//! time, level or name; the topic has the level and the root.

use std::borrow::Cow;

use crate::record::{Record, Text};
use crate::text::hex;

/// Appends the message with its arguments inserted, and `exc_text` and `stack_info` each
/// on a new line, exactly as Python's `Formatter.format` does.
pub fn write(record: &Record<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(record.message().as_bytes());
    for part in [&record.exc_text, &record.stack_info].into_iter().flatten() {
        if part.is_empty() {
            continue;
        }
        // Python adds a line break after an empty message too.
        if out[start..].last() != Some(&b'\n') {
            out.push(b'\n');
        }
        out.extend_from_slice(part.as_bytes());
    }
}

/// Reads a body as a message. Removes one line break at its end, which `PUBHandler`'s
/// formats add to every message.
///
/// A body that is not UTF-8 is converted by [`backslash_replace`] and has a `fault`.
pub fn read(body: &[u8]) -> Record<'_> {
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    let msg = backslash_replace(body);
    let fault = matches!(msg, Cow::Owned(_)).then_some(Cow::Borrowed("body is not UTF-8"));
    Record { msg, fault, ..Record::default() }
}

/// Converts bytes to text, with `\xff` for each byte that is not UTF-8, as Python's
/// `bytes.decode(errors="backslashreplace")` does.
///
/// The result is owned if and only if something was replaced.
pub fn backslash_replace(bytes: &[u8]) -> Text<'_> {
    if let Ok(text) = simdutf8::basic::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        for &byte in chunk.invalid() {
            out.push_str("\\x");
            out.extend(hex(byte).map(char::from));
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(record: &Record<'_>) -> String {
        let mut out = b"before\n".to_vec();
        write(record, &mut out);
        String::from_utf8(out).unwrap().strip_prefix("before\n").unwrap().to_owned()
    }

    #[test]
    fn traceback_and_stack_follow_on_lines_of_their_own() {
        let mut record = Record { msg: "m".into(), ..Record::default() };
        assert_eq!(written(&record), "m");
        record.exc_text = Some("Traceback\nE\n".into());
        record.stack_info = Some("Stack".into());
        assert_eq!(written(&record), "m\nTraceback\nE\nStack");
        record.exc_text = Some("".into());
        assert_eq!(written(&record), "m\nStack");
        record.msg = "".into();
        assert_eq!(written(&record), "\nStack");
    }

    #[test]
    fn the_line_break_of_pubhandlers_formats_is_not_part_of_the_message() {
        assert_eq!(read(b"m\n").msg, "m");
        assert_eq!(read(b"m\r\n\n").msg, "m\r\n");
        assert_eq!(read(b"\n").msg, "");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_shown_as_python_shows_them() {
        assert_eq!(backslash_replace(b"a\xffb\xe2\x82"), "a\\xffb\\xe2\\x82");
        assert!(matches!(backslash_replace("é\0".as_bytes()), Cow::Borrowed("é\0")));
        let record = read(b"\xff");
        assert_eq!((&*record.msg, record.fault.as_deref()), ("\\xff", Some("body is not UTF-8")));
    }
}
