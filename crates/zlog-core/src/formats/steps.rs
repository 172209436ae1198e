//! Deterministic patterns, as those of most formats: after each byte, one step can follow. They are
//! matched without backtracking, several times as fast as by a general regular expression, and
//! need no automaton, which would take longer to compile than a short run of zlog.

use std::ops::Range;

use regex_syntax::hir::{Capture, Class, Hir, HirKind, Look, Repetition};

use super::prefix::differ;

/// Where the groups begin and end in a line: group N at 2N and 2N + 1. Group 0 is the whole
/// match. [`UNSET`] for groups that are not in it.
pub(super) type Slots = [usize];

/// No position.
pub(super) const UNSET: usize = usize::MAX;

/// A pattern as steps that are taken one after the other.
#[derive(Debug)]
pub(super) struct Steps {
    steps: Box<[Step]>,
    /// The sets that each byte is in: one bit for each set.
    sets: Box<[u32; 256]>,
    /// The names of the groups, from the group 1 on.
    names: Box<[Option<Box<str>>]>,
}

#[derive(Debug)]
enum Step {
    Literal(Box<[u8]>),
    /// One byte of each set.
    Fixed(Box<[u32]>),
    /// As many bytes of a set as there are.
    Run {
        set: u32,
        min: usize,
        max: usize,
    },
    /// The end of the line.
    End,
    /// A group begins or ends.
    Mark(usize),
    /// As many times as the steps match. `slots` are those of the groups within.
    Repeat {
        steps: Box<[Step]>,
        min: usize,
        max: usize,
        slots: Range<usize>,
    },
    /// The first of several ways that matches, and the slots of the groups within.
    Either(Box<[Box<[Step]>]>, Range<usize>),
}

impl Steps {
    /// The steps of a pattern for the start of a line; `None` if a byte may leave several ways
    /// to go on.
    pub(super) fn new(pattern: &Hir) -> Option<Steps> {
        // All patterns are for the start of a line.
        let pattern = match pattern.kind() {
            HirKind::Concat(parts) if *parts[0].kind() == HirKind::Look(Look::Start) => {
                &Hir::concat(parts[1..].to_vec())
            }
            _ => pattern,
        };
        let mut compiler = Compiler::default();
        let steps = compiler.compile(pattern, Set::NONE)?.into();
        let mut names = Vec::new();
        each_group(pattern, &mut |group| names.push(group.name.clone()));
        Some(Steps { steps, sets: compiler.table(), names: names.into() })
    }

    /// The number of groups, with the whole match.
    pub(super) fn groups(&self) -> usize {
        self.names.len() + 1
    }

    /// The numbers and the names of the groups.
    pub(super) fn names(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(&self.names).filter_map(|(number, name)| Some((number, name.as_deref()?)))
    }

    /// Whether a line begins with a match. Sets the slots that there are.
    pub(super) fn read(&self, line: &[u8], slots: &mut Slots) -> bool {
        slots.fill(UNSET);
        let Some(end) = self.run(&self.steps, line, 0, slots) else { return false };
        if let [start, stop, ..] = slots {
            (*start, *stop) = (0, end);
        }
        true
    }

    /// Takes steps from `at`. Returns the end.
    fn run(&self, steps: &[Step], line: &[u8], mut at: usize, slots: &mut Slots) -> Option<usize> {
        let is_in = |byte: &u8, set: u32| self.sets[usize::from(*byte)] & set != 0;
        for step in steps {
            match step {
                Step::Fixed(sets) => {
                    let text = line.get(at..at + sets.len())?;
                    if !text.iter().zip(sets).all(|(byte, set)| is_in(byte, *set)) {
                        return None;
                    }
                    at += sets.len();
                }
                Step::Run { set, min, max } => {
                    let text = &line[at..max.saturating_add(at).min(line.len())];
                    let count = text.iter().position(|byte| !is_in(byte, *set));
                    let count = count.unwrap_or(text.len());
                    if count < *min {
                        return None;
                    }
                    at += count;
                }
                Step::Mark(slot) => {
                    if let Some(slot) = slots.get_mut(*slot) {
                        *slot = at;
                    }
                }
                Step::Literal(text) => {
                    let found = line.get(at..at + text.len())?;
                    // A call of memcmp costs more than the few bytes.
                    if !found.iter().zip(text).all(|(one, other)| one == other) {
                        return None;
                    }
                    at += text.len();
                }
                Step::End => (at == line.len()).then_some(())?,
                Step::Repeat { steps, min, max, slots: within } => {
                    let mut count = 0;
                    while count < *max
                        && let Some(end) = self.run(steps, line, at, slots)
                    {
                        (at, count) = (end, count + 1);
                    }
                    if count < *min {
                        return None;
                    }
                    // Groups are within steps that match once at most.
                    if count == 0 {
                        unset(slots, within);
                    }
                }
                Step::Either(ways, within) => {
                    let end = ways.iter().find_map(|way| {
                        unset(slots, within);
                        self.run(way, line, at, slots)
                    });
                    at = end?;
                }
            }
        }
        Some(at)
    }
}

fn unset(slots: &mut Slots, within: &Range<usize>) {
    if let Some(slots) = slots.get_mut(within.clone()) {
        slots.fill(UNSET);
    }
}

/// A set of bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Set([bool; 256]);

impl Set {
    const NONE: Set = Set([false; 256]);

    fn byte(byte: u8) -> Set {
        Set::of([(byte, byte)])
    }

    /// `None` for a set of characters beyond ASCII.
    fn class(class: &Class) -> Option<Set> {
        let Class::Bytes(class) = class else { return None };
        Some(Set::of(class.iter().map(|range| (range.start(), range.end()))))
    }

    fn of(ranges: impl IntoIterator<Item = (u8, u8)>) -> Set {
        let mut set = Set::NONE;
        for (first, last) in ranges {
            set.0[usize::from(first)..=usize::from(last)].fill(true);
        }
        set
    }

    fn with(mut self, other: &Set) -> Set {
        self.0.iter_mut().zip(other.0).for_each(|(one, other)| *one |= other);
        self
    }

    fn meets(&self, other: &Set) -> bool {
        self.0.iter().zip(other.0).any(|(one, other)| *one && other)
    }
}

#[derive(Default)]
struct Compiler {
    /// The sets of the pattern. The first has the bit 0.
    sets: Vec<Set>,
}

/// The longest text that is matched as sets of one byte.
const SHORT: usize = 2;

/// The largest number of bytes of one set that are matched one by one.
const MAX_FIXED: u32 = 32;

impl Compiler {
    /// For each byte, the bits of the sets that it is in.
    fn table(&self) -> Box<[u32; 256]> {
        let mut table = Box::new([0; 256]);
        for (bit, set) in self.sets.iter().enumerate() {
            for (byte, bits) in table.iter_mut().enumerate() {
                *bits |= u32::from(set.0[byte]) << bit;
            }
        }
        table
    }

    /// The bit of a set; `None` if there are too many.
    fn bit(&mut self, set: Set) -> Option<u32> {
        let at = self.sets.iter().position(|known| *known == set).unwrap_or_else(|| {
            self.sets.push(set);
            self.sets.len() - 1
        });
        1_u32.checked_shl(u32::try_from(at).ok()?)
    }

    /// The steps of a pattern. `next` are the bytes that may follow it.
    fn compile(&mut self, pattern: &Hir, next: Set) -> Option<Vec<Step>> {
        Some(match pattern.kind() {
            HirKind::Empty => Vec::new(),
            HirKind::Look(Look::End) => vec![Step::End],
            HirKind::Look(_) => return None,
            HirKind::Literal(text) if text.0.len() <= SHORT => {
                let bits = text.0.iter().map(|byte| self.bit(Set::byte(*byte)));
                vec![Step::Fixed(bits.collect::<Option<_>>()?)]
            }
            HirKind::Literal(text) => vec![Step::Literal(text.0.clone())],
            HirKind::Class(class) => vec![self.run_of(class, 1, Some(1), next)?],
            HirKind::Capture(Capture { index, sub, .. }) => {
                let slot = usize::try_from(*index).ok()? * 2;
                let mut steps = vec![Step::Mark(slot)];
                steps.extend(self.compile(sub, next)?);
                steps.push(Step::Mark(slot + 1));
                steps
            }
            HirKind::Concat(parts) => self.sequence(parts, next)?,
            HirKind::Repetition(repetition) => vec![self.repeated(repetition, next)?],
            HirKind::Alternation(ways) => vec![self.either(ways, next)?],
        })
    }

    fn sequence(&mut self, parts: &[Hir], mut next: Set) -> Option<Vec<Step>> {
        let mut backwards = Vec::new();
        for part in parts.iter().rev() {
            backwards.push(self.compile(part, next)?);
            next = first(part, next);
        }
        let mut steps: Vec<Step> = Vec::new();
        for step in backwards.into_iter().rev().flatten() {
            match (steps.last_mut(), step) {
                (Some(Step::Fixed(sets)), Step::Fixed(more)) => {
                    *sets = [&sets[..], &more].concat().into()
                }
                (_, step) => steps.push(step),
            }
        }
        Some(steps)
    }

    fn run_of(&mut self, class: &Class, min: u32, max: Option<u32>, next: Set) -> Option<Step> {
        let set = Set::class(class)?;
        let bit = self.bit(set)?;
        if max == Some(min) && min <= MAX_FIXED {
            return Some(Step::Fixed(vec![bit; min as usize].into()));
        }
        if max != Some(min) && set.meets(&next) {
            return None;
        }
        let max = max.map_or(usize::MAX, |max| max as usize);
        Some(Step::Run { set: bit, min: min as usize, max })
    }

    fn repeated(&mut self, repetition: &Repetition, next: Set) -> Option<Step> {
        let Repetition { min, max, greedy, sub } = repetition;
        let is_fixed = *max == Some(*min);
        if !greedy && !is_fixed {
            return None;
        }
        if let HirKind::Class(class) = sub.kind() {
            return self.run_of(class, *min, *max, next);
        }
        let begin = first(sub, next);
        let may_repeat = *max != Some(1);
        let slots = slots(sub);
        // Steps that match nothing would be repeated for ever; a group that is repeated has the
        // position of the last time.
        if is_empty(sub) || may_repeat && !slots.is_empty() || !is_fixed && begin.meets(&next) {
            return None;
        }
        let steps = self.compile(sub, if may_repeat { begin.with(&next) } else { next })?.into();
        let max = max.map_or(usize::MAX, |max| max as usize);
        Some(Step::Repeat { steps, min: *min as usize, max, slots })
    }

    /// Alternatives of which one at most matches.
    fn either(&mut self, ways: &[Hir], next: Set) -> Option<Step> {
        let mut steps: Vec<Box<[Step]>> = Vec::new();
        for (at, way) in ways.iter().enumerate() {
            let differs =
                |other: &Hir| differ(way, other) || !first(way, next).meets(&first(other, next));
            let is_last = at + 1 == ways.len();
            if is_empty(way) && !is_last || !ways[..at].iter().all(differs) {
                return None;
            }
            steps.push(self.compile(way, next)?.into());
        }
        let slots = ways.iter().map(slots).filter(|slots| !slots.is_empty());
        let slots = slots.reduce(|all, slots| all.start..slots.end);
        Some(Step::Either(steps.into(), slots.unwrap_or_default()))
    }
}

/// The bytes that a pattern may begin with, and if it may be empty, those of `next`.
fn first(pattern: &Hir, next: Set) -> Set {
    match pattern.kind() {
        HirKind::Empty => next,
        HirKind::Look(_) => Set::NONE,
        HirKind::Literal(literal) => Set::byte(literal.0[0]),
        HirKind::Class(class) => Set::class(class).unwrap_or(Set::NONE),
        HirKind::Capture(capture) => first(&capture.sub, next),
        HirKind::Concat(parts) => parts.iter().rev().fold(next, |next, part| first(part, next)),
        HirKind::Repetition(Repetition { min: 0, sub, .. }) => first(sub, next).with(&next),
        HirKind::Repetition(repetition) => first(&repetition.sub, next),
        HirKind::Alternation(ways) => {
            ways.iter().fold(Set::NONE, |all, way| all.with(&first(way, next)))
        }
    }
}

fn is_empty(pattern: &Hir) -> bool {
    pattern.properties().minimum_len() == Some(0)
}

/// The slots of the groups within a pattern, whose numbers follow each other.
fn slots(pattern: &Hir) -> Range<usize> {
    let mut first = None;
    each_group(pattern, &mut |group| {
        first.get_or_insert(2 * group.index as usize);
    });
    let count = pattern.properties().explicit_captures_len();
    first.map_or(0..0, |first| first..first + 2 * count)
}

/// Calls `found` for each group of a pattern, in the order of their numbers.
fn each_group<'p>(pattern: &'p Hir, found: &mut dyn FnMut(&'p Capture)) {
    match pattern.kind() {
        HirKind::Capture(group) => {
            found(group);
            each_group(&group.sub, found);
        }
        HirKind::Repetition(repetition) => each_group(&repetition.sub, found),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().for_each(|part| each_group(part, found));
        }
        _ => {}
    }
}
