//! Which formats a line can have, from its first bytes: one table look-up per byte, for all
//! formats at once.
//!
//! Most lines of text have no format, or one of very few. Trying a hundred expressions on each
//! would cost more than all the rest of a record's way.

use crate::text::parsers::syntax_error;
use std::collections::HashMap;

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

/// The longest prefix that is kept of a pattern, in bytes.
const MAX_LEN: usize = 32;

/// Formats in one table.
pub(super) const MAX_FORMATS: usize = 256;
const WORDS: usize = MAX_FORMATS / 64;

/// A set of formats, by their position in the order of trying.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Candidates([u64; WORDS]);

impl Candidates {
    pub(super) const NONE: Candidates = Candidates([0; WORDS]);
    pub(super) const ALL: Candidates = Candidates([u64::MAX; WORDS]);

    /// These formats without those that are `excluded`.
    pub(super) fn without(mut self, excluded: impl Fn(usize) -> bool) -> Candidates {
        for (at, word) in self.0.iter_mut().enumerate() {
            let mut rest = *word;
            while rest != 0 {
                let format = rest & rest.wrapping_neg();
                rest ^= format;
                if excluded(at * 64 + format.trailing_zeros() as usize) {
                    *word ^= format;
                }
            }
        }
        self
    }

    /// The formats before `end`.
    pub(super) fn below(end: usize) -> Candidates {
        let bits = |word: usize| end.saturating_sub(64 * word);
        let word = |bits: usize| if bits < 64 { (1 << bits) - 1 } else { u64::MAX };
        Candidates(std::array::from_fn(|at| word(bits(at))))
    }

    pub(super) fn insert(&mut self, format: usize) {
        self.0[format / 64] |= 1 << (format % 64);
    }

    pub(super) fn remove(&mut self, format: usize) {
        self.0[format / 64] &= !(1 << (format % 64));
    }

    pub(super) fn drop(&mut self, others: &Candidates) {
        for (word, other) in self.0.iter_mut().zip(others.0) {
            *word &= !other;
        }
    }

    pub(super) fn add(&mut self, others: &Candidates) {
        for (word, other) in self.0.iter_mut().zip(others.0) {
            *word |= other;
        }
    }

    pub(super) fn keep(&mut self, others: &Candidates) {
        for (word, other) in self.0.iter_mut().zip(others.0) {
            *word &= other;
        }
    }

    fn meets(&self, others: &Candidates) -> bool {
        self.0.iter().zip(others.0).any(|(word, other)| word & other != 0)
    }
}

/// Iterates in the order of trying.
impl Iterator for Candidates {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let at = self.0.iter().position(|word| *word != 0)?;
        let format = at * 64 + self.0[at].trailing_zeros() as usize;
        self.remove(format);
        Some(format)
    }
}

/// The table: for each position in a line, the formats that allow the byte there.
pub(super) struct Filter {
    all: Candidates,
    /// The class of each byte: bytes that no prefix tells apart have the same.
    classes: [u8; 256],
    /// The class after the end of the line, and the number of classes before it.
    end: usize,
    /// By position and class.
    allowed: Vec<Candidates>,
    /// By position, the formats whose prefixes go on there.
    open: Vec<Candidates>,
}

impl Filter {
    /// A filter for these prefixes, at most [`MAX_FORMATS`]; see [`of_pattern`].
    pub(super) fn new<'p>(prefixes: impl Iterator<Item = &'p [&'p str]>) -> Filter {
        let mut all = Candidates::NONE;
        let mut sets: HashMap<&str, usize> = HashMap::new();
        // The numbers of the sets of each prefix.
        let mut numbers: Vec<Vec<usize>> = Vec::new();
        for (format, prefix) in prefixes.enumerate() {
            all.insert(format);
            let number = |set: &&'p str| {
                let next = sets.len();
                *sets.entry(set).or_insert(next)
            };
            numbers.push(prefix.iter().map(number).collect());
        }
        let (classes, members) = classes(&sets);
        let end = members.len();
        let longest = numbers.iter().map(Vec::len).max().unwrap_or(0);
        let mut allowed = vec![Candidates::ALL; longest * (end + 1)];
        let mut open = vec![Candidates::NONE; longest];
        let rows = allowed.chunks_exact_mut(end + 1).zip(&mut open);
        for (position, (row, open)) in rows.enumerate() {
            // The formats that have a set at this position.
            let mut with = vec![Candidates::NONE; sets.len()];
            for (format, prefix) in numbers.iter().enumerate() {
                if let Some(set) = prefix.get(position) {
                    with[*set].insert(format);
                    open.insert(format);
                }
            }
            row[end].drop(open);
            for (set, with) in
                with.iter().enumerate().filter(|(_, with)| **with != Candidates::NONE)
            {
                let outside = row.iter_mut().zip(&members).filter(|(_, within)| !within[set]);
                outside.for_each(|(allowed, _)| allowed.drop(with));
            }
        }
        Filter { all, classes, end, allowed, open }
    }

    /// The formats of `within` whose prefix the line has.
    pub(super) fn candidates(&self, line: &[u8], within: Candidates) -> Candidates {
        let mut found = self.all;
        found.keep(&within);
        let rows = self.allowed.chunks_exact(self.end + 1).zip(&self.open);
        for (position, (row, open)) in rows.enumerate() {
            if !found.meets(open) {
                break;
            }
            let class =
                line.get(position).map_or(self.end, |b| self.classes[usize::from(*b)].into());
            found.keep(&row[class]);
        }
        found
    }
}

/// Groups the bytes by the sets that they are in. Returns the class of each byte, and for each
/// class, by the numbers of the sets, which it is in.
///
/// A set is written as pairs of its first and last bytes. The empty one stands for all bytes.
fn classes(sets: &HashMap<&str, usize>) -> ([u8; 256], Vec<Vec<bool>>) {
    let mut within = vec![vec![false; sets.len()]; 256];
    for (set, number) in sets {
        let pairs = if set.is_empty() { b"\0\xff" } else { set.as_bytes() };
        for pair in pairs.chunks_exact(2) {
            let bytes = &mut within[usize::from(pair[0])..=usize::from(pair[1])];
            bytes.iter_mut().for_each(|within| within[*number] = true);
        }
    }
    let mut classes = [0; 256];
    let mut members: Vec<Vec<bool>> = Vec::new();
    for (class, within) in classes.iter_mut().zip(within) {
        let known = members.iter().position(|other| *other == within);
        let number = known.unwrap_or_else(|| {
            members.push(within);
            members.len() - 1
        });
        *class = u8::try_from(number).expect("at most one class per byte");
    }
    (classes, members)
}

/// The sets of bytes with which every match of the pattern begins, one for each position:
/// `["IIWWEE", "09", "09"]` for `[IWE]\d\d`. An empty set stands for any byte.
///
/// # Errors
/// The pattern is not a regular expression; the text says why.
pub fn of_pattern(pattern: &str) -> Result<Vec<String>, String> {
    let mut parser = ParserBuilder::new().unicode(false).utf8(false).build();
    let hir = parser.parse(pattern).map_err(|error| syntax_error(&error))?;
    let mut sets = prefix(&[&hir]).sets;
    sets.truncate(MAX_LEN);
    let end = sets.iter().rposition(is_telling).map_or(0, |last| last + 1);
    sets.truncate(end);
    Ok(sets.into_iter().map(|set| set.map(text).unwrap_or_default()).collect())
}

/// A set of ASCII bytes; `None` for any byte.
type Set = Option<[bool; 128]>;

/// Whether few bytes are in the set. One that has all letters rules out hardly any line.
fn is_telling(set: &Set) -> bool {
    const MANY: usize = 48;
    set.is_some_and(|set| set.iter().filter(|is_in| **is_in).count() < MANY)
}

#[derive(Clone)]
struct Prefix {
    sets: Vec<Set>,
    /// Whether every match has exactly this length.
    whole: bool,
}

/// Whether no text can be a match of both patterns, since their prefixes differ.
pub(super) fn differ(one: &Hir, other: &Hir) -> bool {
    let (one, other) = (prefix(&[one]).sets, prefix(&[other]).sets);
    let apart = |(one, other): (Set, Set)| match (one, other) {
        (Some(one), Some(other)) => !one.iter().zip(other).any(|(one, other)| *one && other),
        _ => false,
    };
    one.into_iter().zip(other).any(apart)
}

/// The prefix of patterns that follow each other.
fn prefix(parts: &[&Hir]) -> Prefix {
    let Some((first, rest)) = parts.split_first() else {
        return Prefix { sets: Vec::new(), whole: true };
    };
    match first.kind() {
        HirKind::Empty | HirKind::Look(_) => prefix(rest),
        HirKind::Literal(literal) => {
            let sets = literal.0.iter().map(|byte| set([(*byte, *byte)])).collect();
            followed(Prefix { sets, whole: true }, rest)
        }
        HirKind::Class(Class::Bytes(class)) => {
            let ranges = class.iter().map(|range| (range.start(), range.end()));
            followed(Prefix { sets: vec![set(ranges)], whole: true }, rest)
        }
        HirKind::Class(Class::Unicode(_)) => Prefix { sets: vec![None], whole: false },
        HirKind::Capture(capture) => prefix(&[&[&*capture.sub], rest].concat()),
        HirKind::Concat(parts) => prefix(&[&parts.iter().collect::<Vec<_>>()[..], rest].concat()),
        HirKind::Alternation(parts) => {
            let all = parts.iter().map(|part| prefix(&[part])).reduce(either);
            all.map_or(Prefix { sets: Vec::new(), whole: false }, |all| followed(all, rest))
        }
        HirKind::Repetition(repetition) => {
            let once = prefix(&[&*repetition.sub]);
            let least = repetition.min.min(MAX_LEN as u32) as usize;
            let mut all = Prefix { sets: Vec::new(), whole: once.whole };
            for _ in 0..if once.whole { least } else { least.min(1) } {
                all.sets.extend_from_slice(&once.sets);
            }
            if repetition.max == Some(repetition.min) || !once.whole && least > 0 {
                return followed(all, rest);
            }
            let rest = prefix(rest);
            let more = match (repetition.max, once.sets.as_slice()) {
                // Both ways go on alike to the end of the shorter one.
                (Some(1), _) => {
                    let after = if once.whole { &rest.sets[..] } else { &[] };
                    let sets = [&once.sets[..], after].concat();
                    either(Prefix { sets, whole: false }, rest)
                }
                (_, [set]) if once.whole => repeated(*set, &rest),
                _ => Prefix { sets: Vec::new(), whole: false },
            };
            all.sets.extend(more.sets);
            Prefix { whole: false, ..all }
        }
    }
}

/// The prefix of a pattern that others follow.
fn followed(mut first: Prefix, rest: &[&Hir]) -> Prefix {
    if first.whole && first.sets.len() < MAX_LEN {
        let rest = prefix(rest);
        first.sets.extend(rest.sets);
        first.whole = rest.whole;
    }
    first
}

/// The prefix of any number of bytes of a set, and of what follows them: each byte is of the
/// set, or one of those that may have followed by then.
fn repeated(set: Set, rest: &Prefix) -> Prefix {
    let mut union = set;
    let sets = rest.sets.iter().map(|next| {
        union = joined(union, *next);
        union
    });
    Prefix { sets: sets.collect(), whole: false }
}

fn joined(one: Set, other: Set) -> Set {
    let (one, other) = (one?, other?);
    Some(std::array::from_fn(|at| one[at] || other[at]))
}

/// The prefix of one of two patterns.
fn either(mut one: Prefix, other: Prefix) -> Prefix {
    one.whole &= other.whole && one.sets.len() == other.sets.len();
    one.sets.truncate(other.sets.len());
    for (set, other) in one.sets.iter_mut().zip(other.sets) {
        *set = joined(*set, other);
    }
    one
}

fn set(ranges: impl IntoIterator<Item = (u8, u8)>) -> Set {
    let mut set = [false; 128];
    for (first, last) in ranges {
        if last >= 0x80 {
            return None;
        }
        set[usize::from(first)..=usize::from(last)].fill(true);
    }
    Some(set)
}

/// The set as pairs of first and last.
fn text(set: [bool; 128]) -> String {
    let mut pairs = String::new();
    let mut at = 0;
    while let Some(first) = set[at..].iter().position(|within| *within) {
        let first = at + first;
        at = set[first..].iter().position(|within| !within).map_or(128, |length| first + length);
        pairs.extend([first, at - 1].map(|byte| char::from(byte as u8)));
        if at == 128 {
            break;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_of_a_pattern_has_the_bytes_that_every_match_begins_with() {
        for (pattern, wanted) in [
            (r"[IWE]\d{2} x", &["EEIIWW", "09", "09", "  ", "xx"][..]),
            (r"(?<level>INFO|WARN)\b", &["IIWW", "AANN", "FFRR", "NO"]),
            (r"a+b", &["aa", "ab"]),
            (r"(?<x>\d+):[xy]", &["09", "0:", "0:xy"]),
            (r"a?b", &["ab"]),
            (r"(?:a-)?b-c", &["ab", "--", "bc"]),
            (r"x*", &[]),
            (r"\[[^\]]+\]", &["[["]),
            (r"[^ ]x", &["", "xx"]),
            (r"(?:a.*)?b", &["ab"]),
            (r"(?:Jan|Feb) \d", &["FFJJ", "aaee", "bbnn", "  ", "09"]),
            (r"ab|a", &["aa"]),
            ("", &[]),
        ] {
            let found = of_pattern(pattern).unwrap();
            let found: Vec<&str> = found.iter().map(String::as_str).collect();
            assert_eq!(found, wanted, "{pattern}");
        }
        assert!(of_pattern("(").unwrap_err().contains("unclosed group"));
    }

    #[test]
    fn the_formats_below_a_position_are_those_before_it() {
        for end in [0, 1, 63, 64, 65, 200, MAX_FORMATS] {
            assert_eq!(Candidates::below(end).collect::<Vec<_>>(), Vec::from_iter(0..end));
        }
    }

    #[test]
    fn the_candidates_of_a_line_are_the_formats_with_its_first_bytes_in_order() {
        let prefixes: [&[&str]; 4] = [&["09", "09"], &[], &["AZ"], &["09", "::"]];
        let filter = Filter::new(prefixes.iter().copied());
        let of =
            |line: &str| filter.candidates(line.as_bytes(), Candidates::ALL).collect::<Vec<_>>();
        assert_eq!(of("12:"), [0, 1]);
        assert_eq!(of("1:2"), [1, 3]);
        assert_eq!(of("1"), [1]);
        assert_eq!(of("X"), [1, 2]);
        assert_eq!(of(""), [1]);
        assert_eq!(of("é"), [1]);
    }
}
