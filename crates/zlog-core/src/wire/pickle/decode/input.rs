//! Reads bytes, lines and texts from a pickle.

use std::borrow::Cow;

use super::super::Refused;
use crate::record::Text;
use crate::wire::text::backslash_replace;

/// The unread part of a pickle.
pub(super) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Input<'a> {
        Input(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Refused> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Refused::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Refused> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Refused> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Refused::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// Bytes that follow their length, which has `N` bytes.
    pub(super) fn counted<const N: usize>(&mut self) -> Result<&'a [u8], Refused> {
        let mut wide = [0u8; 8];
        wide[..N].copy_from_slice(&self.array::<N>()?);
        let length = usize::try_from(u64::from_le_bytes(wide)).map_err(|_| Refused::Truncated)?;
        self.take(length)
    }

    /// A line without its line feed.
    pub(super) fn line_bytes(&mut self) -> Result<&'a [u8], Refused> {
        let end = memchr::memchr(b'\n', self.0).ok_or(Refused::Truncated)?;
        let line = self.take(end)?;
        self.0 = &self.0[1..];
        Ok(line)
    }

    pub(super) fn line(&mut self) -> Result<&'a str, Refused> {
        let line = std::str::from_utf8(self.line_bytes()?);
        line.map_err(|_| Refused::Malformed("a line that is not UTF-8"))
    }
}

/// A text in UTF-8. Unpaired surrogates become escapes, as in JSON: Python's text contains
/// them for bytes that could not be decoded, for example in file names.
pub(super) fn text(bytes: &[u8]) -> Text<'_> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(escape_surrogates(bytes)),
    }
}

#[cold]
fn escape_surrogates(mut bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 16);
    let is_surrogate = |part: &[u8]| matches!(part, [0xed, 0xa0..=0xbf, 0x80..=0xbf]);
    while let Some(at) = bytes.windows(3).position(is_surrogate) {
        out.push_str(&backslash_replace(&bytes[..at]));
        let unit = 0xd000 | u32::from(bytes[at + 1] & 0x3f) << 6 | u32::from(bytes[at + 2] & 0x3f);
        out.push_str(&format!("\\u{unit:04x}"));
        bytes = &bytes[at + 3..];
    }
    out.push_str(&backslash_replace(bytes));
    out
}

/// Protocol 0's text: Latin-1, with `\uXXXX` and `\UXXXXXXXX` for the rest.
pub(super) fn raw_unicode(line: &[u8]) -> Text<'_> {
    if line.is_ascii() && memchr::memchr(b'\\', line).is_none() {
        return backslash_replace(line);
    }
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((&byte, after)) = rest.split_first() {
        match unicode_escape(rest) {
            Some((c, length)) => {
                out.push(c);
                rest = &rest[length..];
            }
            None => {
                out.push(byte.into());
                rest = after;
            }
        }
    }
    Cow::Owned(out)
}

/// The character of a `\uXXXX` or `\UXXXXXXXX` at the start, and the length of the escape.
/// `None` for surrogates.
fn unicode_escape(bytes: &[u8]) -> Option<(char, usize)> {
    let length = match bytes {
        [b'\\', b'u', ..] => 6,
        [b'\\', b'U', ..] => 10,
        _ => return None,
    };
    let digits = bytes.get(2..length)?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let code = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    Some((char::from_u32(code)?, length))
}

/// Python 2's str in protocol 0: in quotes, with the escapes of `repr`.
pub(super) fn quoted(line: &[u8]) -> Result<Text<'_>, Refused> {
    let inner = match line {
        [b'\'', inner @ .., b'\''] | [b'"', inner @ .., b'"'] => inner,
        _ => return Err(Refused::Malformed("a text without quotes")),
    };
    if memchr::memchr(b'\\', inner).is_none() {
        return Ok(backslash_replace(inner));
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((&byte, after)) = rest.split_first() {
        let (byte, length) = match (byte, after.first()) {
            (b'\\', Some(b'n')) => (b'\n', 2),
            (b'\\', Some(b'r')) => (b'\r', 2),
            (b'\\', Some(b't')) => (b'\t', 2),
            (b'\\', Some(&c @ (b'\\' | b'\'' | b'"'))) => (c, 2),
            (b'\\', Some(b'x')) => hex(after).map_or((byte, 1), |byte| (byte, 4)),
            _ => (byte, 1),
        };
        out.push(byte);
        rest = &rest[length..];
    }
    Ok(Cow::Owned(backslash_replace(&out).into_owned()))
}

/// The byte in `xNN`.
fn hex(escape: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(escape.get(1..3)?).ok()?;
    u8::from_str_radix(digits, 16).ok()
}
