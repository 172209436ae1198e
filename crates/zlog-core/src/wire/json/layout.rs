//! The keys of an object: the next object of a sender mostly has the same in the same order, so
//! that only its values have to be read.

use std::borrow::Cow;
use std::ops::Range;

use super::read::Raw;
use crate::text::json::find_escape;
use crate::wire::attributes::{Attribute, Builder, Value};

/// Longer objects are not remembered: senders must not take memory.
const MAX_BYTES: usize = 16 << 10;
/// Longer values are not remembered: they rarely come again.
const MAX_VALUE: usize = 64;
/// Keys that have not come again are forgotten after this many other objects.
const MAX_MISSES: u32 = 16;

/// The keys of an object.
#[derive(Debug, Default)]
pub(super) struct Layout {
    entries: Vec<Entry>,
    /// What follows the last value.
    end: String,
    /// While keys are added: the length of the text up to the end of the last value.
    added: usize,
    /// An object has had the same keys.
    has_repeated: bool,
    /// The objects with other keys since then.
    misses: u32,
}

#[derive(Debug)]
struct Entry {
    /// The text between the value before and this one: `,"levelno":`.
    before: String,
    /// Where the key is in that.
    key: Range<usize>,
    attribute: Attribute,
    /// The last value as JSON; empty if it was too long.
    value: String,
    /// The last value as a number, if it has come again.
    number: Option<f64>,
}

impl Layout {
    /// Reads an object that has these keys. `false` if it has others or is not valid; the builder
    /// is then of no use.
    pub(super) fn read<'a>(&mut self, text: &'a str, builder: &mut Builder<'_, 'a>) -> bool {
        let is_read = !self.entries.is_empty() && self.read_entries(text, builder);
        self.has_repeated |= is_read;
        is_read
    }

    fn read_entries<'a>(&mut self, text: &'a str, builder: &mut Builder<'_, 'a>) -> bool {
        let mut rest = text;
        for entry in &mut self.entries {
            let Some(after) = rest.strip_prefix(entry.before.as_str()) else { return false };
            let key = Cow::Borrowed(&rest[entry.key.clone()]);
            let Some((value, next)) = entry.read_value(after) else { return false };
            builder.set_as(entry.attribute, key, &value);
            rest = next;
        }
        rest == self.end
    }

    /// Forgets the keys, unless they are likely to come again. Returns whether those of `text`,
    /// which has others, are to be [added](Layout::add).
    pub(super) fn forget(&mut self, text: &str) -> bool {
        if !self.has_repeated && !self.entries.is_empty() && self.misses < MAX_MISSES {
            self.misses += 1;
            return false;
        }
        *self = Layout::default();
        text.len() <= MAX_BYTES
    }

    /// Adds a key and its value, which are parts of the object `text`.
    pub(super) fn add(&mut self, text: &str, key: &str, attribute: Attribute, value: &str) {
        let position = |part: &str| part.as_ptr().addr() - text.as_ptr().addr();
        let before = text[self.added..position(value)].to_owned();
        let key_start = position(key) - self.added;
        self.added = position(value) + value.len();
        let value = if value.len() <= MAX_VALUE { value.to_owned() } else { String::new() };
        let key = key_start..key_start + key.len();
        self.entries.push(Entry { before, key, attribute, value, number: None });
    }

    /// All keys of `text` were added.
    pub(super) fn finish(&mut self, text: &str) {
        self.end = text[self.added..].to_owned();
    }
}

impl Entry {
    /// The value at the beginning of `text`, and the rest. `None` if it is of another kind than
    /// simple strings and numbers, and is not the last one again.
    fn read_value<'a>(&mut self, text: &'a str) -> Option<(Raw<'a>, &'a str)> {
        let ends = |len: usize| matches!(text.as_bytes().get(len), Some(b',' | b'}' | b' '));
        let known = self.value.len();
        let is_same = known > 0 && text.starts_with(&self.value) && ends(known);
        let len = if is_same { known } else { value_len(text.as_bytes())? };
        let (json, rest) = text.split_at(len);
        let mut value = Raw::new(json);
        if !is_same {
            self.number = None;
            self.value.clear();
            self.value.push_str(if len <= MAX_VALUE { json } else { "" });
        } else if self.attribute.is_float() {
            self.number = self.number.or_else(|| value.number());
            value.number = self.number;
        }
        Some((value, rest))
    }
}

/// The length of the string or the number that `text` begins with. `None` if it has neither, or
/// one that is not simple: with a pair of Unicode escapes, or an exponent.
fn value_len(text: &[u8]) -> Option<usize> {
    match text.first()? {
        b'"' => string_len(text),
        b'-' | b'0'..=b'9' => number_len(text),
        _ => None,
    }
}

fn string_len(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += find_escape(&text[at..])?;
        match text[at..] {
            [b'"', ..] => return Some(at + 1),
            [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => at += 2,
            [b'\\', b'u', a, b, c, d, ..] if is_character([a, b, c, d]) => at += 6,
            _ => return None,
        }
    }
}

/// Whether these are the digits of an escaped character, and not of half a pair of them.
fn is_character(digits: [u8; 4]) -> bool {
    let is_half = matches!(digits[..2], [b'd' | b'D', b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F']);
    !is_half && digits.iter().all(u8::is_ascii_hexdigit)
}

fn number_len(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| text[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let start = usize::from(text[0] == b'-');
    let whole = start + digits(start);
    let has_zero = text.get(start) == Some(&b'0') && whole - start > 1;
    if whole == start || has_zero {
        return None;
    }
    if text.get(whole) != Some(&b'.') {
        return Some(whole);
    }
    let fraction = digits(whole + 1);
    (fraction > 0).then_some(whole + 1 + fraction)
}
