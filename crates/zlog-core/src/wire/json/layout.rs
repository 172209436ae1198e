//! The keys of an object: the next object of a sender mostly has the same in the same order, so
//! that only its values have to be read.

use super::entry::Entry;
use super::prefilter::{KeyRoles, Prefilter};
use super::value::ValueKind;
use crate::record::Record;
use crate::text::json::{ALWAYS_WITHIN_LIMITS, find_escape};
use crate::wire::attributes::{Attribute, Builder, Schema};

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
    /// The entries that tell whether a record can pass, before the others are read.
    roles: Option<KeyRoles>,
    /// While keys are added: the length of the text up to the end of the last value.
    added: usize,
    /// An object has had the same keys.
    has_repeated: bool,
    /// The objects with other keys since then.
    misses: u32,
}

impl Layout {
    /// Reads an object that has these keys. `false` if it has others or is not valid; the builder
    /// is then of no use.
    pub(super) fn read<'a>(&mut self, text: &'a str, builder: &mut Builder<'_, 'a>) -> bool {
        builder.reserve(self.extras);
        self.find_each(text, |entry| entry.set(text, builder))
    }

    /// Finds the values of an object, as [`Layout::read`] does, for [`Layout::reject`] and
    /// [`Layout::build`]. Reading takes longer in two steps.
    pub(super) fn find(&mut self, text: &str) -> bool {
        self.find_each(text, |_| ())
    }

    fn find_each(&mut self, text: &str, each: impl FnMut(&Entry)) -> bool {
        self.changed.clear();
        let is_found = !self.entries.is_empty() && self.find_values(text, each).is_some();
        if is_found && text.len() <= MAX_BYTES {
            self.last.clear();
            self.last.push_str(text);
        } else {
            for &(entry, value) in &self.changed {
                let entry = &mut self.entries[entry];
                (entry.value, entry.kind) = (value, ValueKind::Unknown);
            }
        }
        self.has_repeated |= is_found;
        is_found
    }

    /// Gives the builder the object `text`, whose values were [found](Layout::find).
    pub(super) fn build<'a>(&self, text: &'a str, builder: &mut Builder<'_, 'a>) {
        builder.reserve(self.extras);
        self.entries.iter().for_each(|entry| entry.set(text, builder));
    }

    /// Fills an empty record as [`KeyRoles::build`] does, of the object `text`, whose values were
    /// [found](Layout::find). `None` if its record may pass; the record stays empty.
    pub(super) fn reject<'a>(
        &self,
        text: &'a str,
        prefilter: &Prefilter,
        stored: bool,
        record: &mut Record<'a>,
    ) -> Option<Schema> {
        let roles = self.roles?;
        let level = roles.level(&self.entries, text)?;
        prefilter.rejects(level, text).then(|| {
            record.level = level;
            roles.build(&self.entries, text, stored, record)
        })
    }

    fn find_values(&mut self, text: &str, mut each: impl FnMut(&Entry)) -> Option<()> {
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
            entry.start = start;
            each(entry);
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
            start: position(value),
            value: value.len(),
            kind: ValueKind::Unknown,
        });
        self.added = position(value) + value.len();
    }

    /// All keys of `text` were added.
    pub(super) fn finish(&mut self, text: &str) {
        text.clone_into(&mut self.last);
        self.roles = KeyRoles::of(&self.entries, text);
    }
}

/// Length of what two texts begin with alike, in bytes.
///
/// Compares eight bytes at once: objects of a sender have most of their bytes in common, in short pieces.
fn common_len(one: &[u8], other: &[u8]) -> usize {
    let (chunks, _) = one.as_chunks::<8>();
    let (others, _) = other.as_chunks::<8>();
    for (at, (one, other)) in chunks.iter().zip(others).enumerate() {
        let different = u64::from_le_bytes(*one) ^ u64::from_le_bytes(*other);
        if different != 0 {
            return 8 * at + different.trailing_zeros() as usize / 8;
        }
    }
    let at = 8 * chunks.len().min(others.len());
    at + one[at..].iter().zip(&other[at..]).take_while(|(one, other)| one == other).count()
}

/// The length of the string or the number that `text` begins with, and what it is. `None` if it
/// has neither, or one that is not simple: with a pair of Unicode escapes, or an exponent.
fn read_value(text: &[u8]) -> Option<(usize, ValueKind)> {
    match text.first()? {
        b'"' => read_string(text),
        b'-' | b'0'..=b'9' => {
            let len = number_len(text).filter(|len| *len <= ALWAYS_WITHIN_LIMITS)?;
            Some((len, ValueKind::Unknown))
        }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::common_len;

    proptest! {
        #[test]
        fn the_common_length_ends_at_the_first_difference(
            common: Vec<u8>,
            one in proptest::collection::vec(0u8..3, 0..20),
            other in proptest::collection::vec(0u8..3, 0..20),
        ) {
            let [one, other] = [one, other].map(|rest| [&common[..], &rest].concat());
            let expected = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
            prop_assert_eq!(common_len(&one, &other), expected);
        }
    }
}
