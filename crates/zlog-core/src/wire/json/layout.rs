//! The keys of an object: the next object of a sender mostly has the same in the same order, so
//! that only its values have to be read.

use std::borrow::Cow;
use std::ops::Range;

use super::read::{Raw, ValueKind};
use crate::text::json::find_escape;
use crate::wire::attributes::{Attribute, Builder};

/// Longer objects are not remembered: senders must not take memory.
const MAX_BYTES: usize = 16 << 10;
/// Keys that have not come again are forgotten after this many other objects.
const MAX_MISSES: u32 = 16;

/// The keys of an object, and the object itself: what the next one has in common with it is
/// compared in one go, and not read again.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// The last object.
    last: String,
    entries: Vec<Entry>,
    /// The entries whose values differ in the object that is being read, and the lengths of the
    /// values in the last one.
    changed: Vec<(usize, usize)>,
    /// How many of the entries are extras.
    extras: usize,
    /// While keys are added: the length of the text up to the end of the last value.
    added: usize,
    /// An object has had the same keys.
    has_repeated: bool,
    /// The objects with other keys since then.
    misses: u32,
}

#[derive(Debug)]
struct Entry {
    /// Length of the text between the value before and this one: `,"levelno":`.
    before: usize,
    /// Where the key is in that.
    key: Range<usize>,
    attribute: Attribute,
    /// Length of the last value as JSON.
    value: usize,
    /// What the last value is, if it has come again.
    kind: ValueKind,
}

impl Layout {
    /// Reads an object that has these keys. `false` if it has others or is not valid; the builder
    /// is then of no use.
    pub(super) fn read<'a>(&mut self, text: &'a str, builder: &mut Builder<'_, 'a>) -> bool {
        self.changed.clear();
        builder.reserve(self.extras);
        let is_read = !self.entries.is_empty() && self.read_entries(text, builder).is_some();
        if is_read && text.len() <= MAX_BYTES {
            self.last.clear();
            self.last.push_str(text);
        } else {
            for &(entry, value) in &self.changed {
                let entry = &mut self.entries[entry];
                (entry.value, entry.kind) = (value, ValueKind::Unknown);
            }
        }
        self.has_repeated |= is_read;
        is_read
    }

    fn read_entries<'a>(&mut self, text: &'a str, builder: &mut Builder<'_, 'a>) -> Option<()> {
        let (bytes, last) = (text.as_bytes(), self.last.as_bytes());
        // Where the parts that are compared begin, and how much they have in common.
        let (mut at, mut last_at) = (0, 0);
        let mut common = common_len(bytes, last);
        for (index, entry) in self.entries.iter_mut().enumerate() {
            common = common.checked_sub(entry.before)?;
            let start = at + entry.before;
            let len = entry.value;
            last_at += entry.before + len;
            // A number is the same only if it ends there, too.
            if common > len {
                common -= len;
                at = start + len;
                if entry.kind == ValueKind::Unknown {
                    entry.kind = ValueKind::of(entry.attribute, &text[start..at]);
                }
            } else {
                (entry.value, entry.kind) = read_value(&bytes[start..])?;
                self.changed.push((index, len));
                at = start + entry.value;
                common = common_len(&bytes[at..], &last[last_at..]);
            }
            let key = || Cow::Borrowed(&text[start - entry.before..][entry.key.clone()]);
            let value = Raw { json: &text[start..at], kind: entry.kind };
            builder.set_as(entry.attribute, key, &value);
        }
        (bytes[at..] == last[last_at..]).then_some(())
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
        self.extras += usize::from(attribute == Attribute::Extra);
        let key_start = position(key) - self.added;
        self.entries.push(Entry {
            before: position(value) - self.added,
            key: key_start..key_start + key.len(),
            attribute,
            value: value.len(),
            kind: ValueKind::Unknown,
        });
        self.added = position(value) + value.len();
    }

    /// All keys of `text` were added.
    pub(super) fn finish(&mut self, text: &str) {
        text.clone_into(&mut self.last);
    }
}

/// Length of what two texts begin with alike, in bytes.
///
/// Compares 32 bytes at once: objects of a sender have most of their bytes in common.
fn common_len(one: &[u8], other: &[u8]) -> usize {
    let (chunks, _) = one.as_chunks::<32>();
    let (others, _) = other.as_chunks::<32>();
    let at = 32 * chunks.iter().zip(others).take_while(|(one, other)| one == other).count();
    at + one[at..].iter().zip(&other[at..]).take_while(|(one, other)| one == other).count()
}

/// The length of the string or the number that `text` begins with, and what it is. `None` if it
/// has neither, or one that is not simple: with a pair of Unicode escapes, or an exponent.
fn read_value(text: &[u8]) -> Option<(usize, ValueKind)> {
    match text.first()? {
        b'"' => read_string(text),
        b'-' | b'0'..=b'9' => Some((number_len(text)?, ValueKind::Unknown)),
        _ => None,
    }
}

fn read_string(text: &[u8]) -> Option<(usize, ValueKind)> {
    let (mut at, mut kind) = (1, ValueKind::PlainString);
    loop {
        at += find_escape(&text[at..])?;
        match text[at..] {
            [b'"', ..] => return Some((at + 1, kind)),
            [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => at += 2,
            [b'\\', b'u', a, b, c, d, ..] if is_character([a, b, c, d]) => at += 6,
            _ => return None,
        }
        kind = ValueKind::Unknown;
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
