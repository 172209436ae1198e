//! Finds the format of a line, and reads its fields.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use jiff::tz::TimeZone;

use super::field::Field;
use super::pattern::Groups;
use super::prefix::Candidates;
use super::time::{self, Context};
use super::{Compiled, Definition, Format, Formats};
use crate::level::Level;
use crate::record::Record;
use crate::text::sgr;
use crate::wire::attributes::TextField;

/// Reads the lines of one stream.
#[derive(Debug)]
pub(crate) struct Matcher {
    formats: Formats,
    /// The only format to try.
    forced: Option<usize>,
    /// The format of the last line that had one.
    pub(crate) last: Option<usize>,
    /// The groups of the last line that was tried with a format, by format.
    groups: Vec<Groups>,
    /// Times without a date are of the day of reading.
    dateless: bool,
}

/// Why a format does not fit a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mismatch {
    /// The pattern does not match.
    Pattern,
    /// The group `time` is not in the format's form.
    Time(String),
    /// The group `level` has a word that the format does not know.
    Level(String),
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mismatch::Pattern => f.write_str("the pattern does not match"),
            Mismatch::Time(text) => write!(f, "{text:?} is no time in its format"),
            Mismatch::Level(word) => write!(f, "{word:?} is none of its levels"),
        }
    }
}

/// Why a format was tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// `--format-in` names it.
    Forced,
    /// The last line that had a format had this one.
    Last,
    /// The bytes of the line allow it.
    Order,
}

/// A format that was tried with a line.
#[derive(Clone, PartialEq, Debug)]
pub struct Attempt {
    /// The format's name.
    pub format: &'static str,
    /// Why it was tried.
    pub reason: Reason,
    /// Why it does not fit, if it doesn't.
    pub mismatch: Option<Mismatch>,
}

/// What was tried with a line. The first attempt without a mismatch gave the fields; those
/// after it would have matched too.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Explanation {
    /// In the order of trying.
    pub attempts: Vec<Attempt>,
    /// What is before the line that is meant: the format of a header, or `a prefix`.
    pub prefix: Option<&'static str>,
    /// `JSON` or `logfmt`, if the line is that. The attempts are then those with the line in its
    /// message, or with the prefix.
    pub structured: Option<&'static str>,
}

impl Explanation {
    /// The format of the line.
    pub fn matched(&self) -> Option<&'static str> {
        self.attempt().map(|attempt| attempt.format)
    }

    /// The attempt that gave the fields.
    pub fn attempt(&self) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.mismatch.is_none())
    }
}

/// A line whose fields are read: as it is, or without colours.
pub(crate) enum Input<'a> {
    /// Fields borrow from it.
    Line(&'a str),
    /// The line without its colours, of which fields are copies, and the line itself.
    Plain(String, &'a str),
}

/// The first bytes of a line, in which colours are looked for. Enough for its fields.
const SEARCHED: usize = 256;

impl<'a> Input<'a> {
    /// The line; without its colours, if it has some near its start.
    pub(crate) fn new(line: &'a str) -> Input<'a> {
        let start = &line.as_bytes()[..line.len().min(SEARCHED)];
        match memchr::memchr(0x1b, start) {
            Some(_) => Input::Plain(sgr::strip(line).into_owned(), line),
            None => Input::Line(line),
        }
    }

    /// The line with its colours.
    pub(crate) fn whole(&self) -> &'a str {
        match self {
            Input::Line(line) | Input::Plain(_, line) => line,
        }
    }

    /// Whether the bytes of the line before `end` are known to have no colour.
    pub(crate) fn has_no_colour_before(&self, end: usize) -> bool {
        matches!(self, Input::Line(_)) && end <= SEARCHED
    }

    pub(crate) fn text(&self) -> &str {
        match self {
            Input::Line(line) => line,
            Input::Plain(plain, _) => plain,
        }
    }

    /// The line with its colours, if it has any.
    fn coloured(&self) -> Option<Input<'a>> {
        match self {
            Input::Line(_) => None,
            Input::Plain(_, line) => Some(Input::Line(line)),
        }
    }

    fn field(&self, range: Range<usize>) -> Option<Cow<'a, str>> {
        Some(match self {
            Input::Line(line) => Cow::Borrowed(line.get(range)?),
            Input::Plain(plain, _) => Cow::Owned(plain.get(range)?.to_owned()),
        })
    }
}

/// The parts of a line that decide whether a format fits.
struct Found {
    created: Option<f64>,
    /// The time has a date.
    dated: bool,
    level: Option<Level>,
    /// Where the message begins.
    end: usize,
}

impl Matcher {
    /// A matcher that tries all formats, or `only` one of them. `dateless`: a time without a
    /// date is of the day on which it was read.
    pub(crate) fn new(formats: Formats, only: Option<&str>, dateless: bool) -> Matcher {
        let forced = only.and_then(|name| formats.definitions().position(|one| one.name == name));
        Matcher { formats, forced, last: None, groups: Vec::new(), dateless }
    }

    /// From now on, a time without a date is of the day on which it is read.
    pub(crate) fn set_live(&mut self) {
        self.dateless = true;
    }

    /// Whether only one format is tried.
    pub(crate) fn is_forced(&self) -> bool {
        self.forced.is_some()
    }

    /// Fills the fields of a record. Returns where the message begins; `None` if no format
    /// matches, and the record is as it was.
    pub(crate) fn read<'a>(
        &mut self,
        input: &Input<'a>,
        zone: &TimeZone,
        received: f64,
        record: &mut Record<'a>,
    ) -> Option<usize> {
        let context = Context { zone, received };
        if let Some(forced) = self.forced {
            return self.attempt(forced, input, context, record).ok();
        }
        let (lower, others) = self.around_last();
        if self.last.is_some() {
            let first = self.candidates(input, lower).chain(self.last);
            let end = self.attempt_each(first, input, context, record);
            if end.is_some() {
                return end;
            }
        }
        let others = self.candidates(input, others);
        self.attempt_each(others, input, context, record)
    }

    /// The formats that are tried before the last one that matched, since they have a lower rank
    /// and are more particular, and those that are tried after it.
    fn around_last(&self) -> (Candidates, Candidates) {
        let Some(last) = self.last else { return (Candidates::NONE, Candidates::ALL) };
        let lower = Candidates::below(self.formats.0.formats[last].lower);
        let mut others = Candidates::ALL;
        others.drop(&lower);
        others.remove(last);
        (lower, others)
    }

    /// The formats of `within` that a line can have, in the order of trying.
    fn candidates(&self, input: &Input<'_>, within: Candidates) -> Candidates {
        let mut candidates = self.formats.candidates(input.text(), within);
        if let Some(line) = input.coloured() {
            candidates.add(&self.formats.candidates(line.text(), within));
        }
        candidates
    }

    /// Tries formats until one matches. Returns where the message begins.
    fn attempt_each<'a>(
        &mut self,
        formats: impl Iterator<Item = usize>,
        input: &Input<'a>,
        context: Context<'_>,
        record: &mut Record<'a>,
    ) -> Option<usize> {
        for format in formats {
            if let Ok(end) = self.attempt(format, input, context, record) {
                self.last = Some(format);
                return Some(end);
            }
        }
        None
    }

    /// Which formats [`Matcher::read`] tries with the line, and which others match. Call it
    /// before that: it does not change which format is tried first.
    pub(crate) fn explain(
        &mut self,
        input: &Input<'_>,
        zone: &TimeZone,
        received: f64,
    ) -> Vec<Attempt> {
        let context = Context { zone, received };
        let order: Vec<usize> = match self.forced {
            Some(forced) => vec![forced],
            None => {
                let (lower, others) = self.around_last();
                let first = self.candidates(input, lower).chain(self.last);
                first.chain(self.candidates(input, others)).collect()
            }
        };
        let mut attempts = Vec::new();
        for at in order {
            let mismatch = self.attempt(at, input, context, &mut Record::default()).err();
            let reason = match (self.forced, self.last) {
                (Some(_), _) => Reason::Forced,
                (None, Some(last)) if last == at => Reason::Last,
                (None, _) => Reason::Order,
            };
            let format = self.definition(at).name;
            attempts.push(Attempt { format, reason, mismatch });
        }
        attempts
    }

    fn definition(&self, format: usize) -> Definition {
        self.formats.0.formats[format].definition
    }

    /// Tries one format, and fills the record if it matches.
    fn attempt<'a>(
        &mut self,
        format: usize,
        input: &Input<'a>,
        context: Context<'_>,
        record: &mut Record<'a>,
    ) -> Result<usize, Mismatch> {
        let Format { definition, has_colours, .. } = &self.formats.0.formats[format];
        let coloured = input.coloured().filter(|_| *has_colours);
        let input = coloured.as_ref().unwrap_or(input);
        let compiled = self.formats.0.formats[format].compiled().ok_or(Mismatch::Pattern)?;
        if self.groups.len() <= format {
            self.groups.resize(format + 1, Groups::default());
        }
        let context = Context { zone: compiled.zone.as_ref().unwrap_or(context.zone), ..context };
        let groups = &mut self.groups[format];
        let text = input.text();
        if !compiled.pattern.read(text.as_bytes(), groups) {
            return Err(Mismatch::Pattern);
        }
        let found = check(definition, compiled, groups, text, context)?;
        // A pattern is matched against bytes.
        if !text.is_char_boundary(found.end) {
            return Err(Mismatch::Pattern);
        }
        let level_name = level_as_name(compiled, groups, text).filter(|_| found.level.is_none());
        let end = level_name.unwrap_or(found.end);
        if record.level == Level::NOTSET {
            record.level = found.level.unwrap_or_default();
        }
        record.created = found.created.filter(|_| self.dateless || found.dated);
        for (at, field) in &compiled.groups {
            let Some((start, end)) = groups.get(*at) else { continue };
            let mut range = trimmed(text.as_bytes(), start, end);
            if *field == Field::Text(TextField::Name) {
                if level_name.is_some() {
                    continue;
                }
                // A name of segments with colons: `shop::web:`.
                range.end = range.start
                    + text.get(range.clone()).map_or(0, |name| name.trim_end_matches(':').len());
            }
            if !matches!(&text.as_bytes()[range.clone()], b"" | b"-")
                && let Some(text) = input.field(range)
            {
                field.set(text, record);
            }
        }
        Ok(end)
    }
}

/// Where the name of the logger begins, if it is a level: in `Jan  2 03:04:05 web-1 error: it
/// failed`, there is no program.
fn level_as_name(compiled: &Compiled, groups: &Groups, text: &str) -> Option<usize> {
    const LEVELS: [&str; 8] =
        ["debug", "info", "notice", "warn", "warning", "error", "critical", "fatal"];
    let is_name = |(_, field): &&(usize, Field)| *field == Field::Text(TextField::Name);
    let (start, end) = groups.get(compiled.groups.iter().find(is_name)?.0)?;
    let name = text.get(start..end)?;
    LEVELS.iter().any(|level| level.eq_ignore_ascii_case(name)).then_some(start)
}

/// The range without blanks at its ends: columns are padded.
fn trimmed(text: &[u8], mut start: usize, mut end: usize) -> Range<usize> {
    while start < end && text[start] == b' ' {
        start += 1;
    }
    while start < end && text[end - 1] == b' ' {
        end -= 1;
    }
    start..end
}

/// Reads time and level, which confirm that the format is the line's.
fn check(
    definition: &Definition,
    compiled: &Compiled,
    groups: &mut Groups,
    text: &str,
    context: Context<'_>,
) -> Result<Found, Mismatch> {
    let mut found = Found { created: None, dated: false, level: None, end: 0 };
    found.end = groups.get(0).map_or(0, |(_, end)| end);
    for (at, field) in &compiled.groups {
        let Some((start, end)) = groups.get(*at) else { continue };
        let Some(value) = text.get(trimmed(text.as_bytes(), start, end)) else { continue };
        match field {
            Field::Time => {
                let read = time::read(&compiled.times, value, context, &mut groups.last_time);
                let (created, dated) = read.ok_or_else(|| Mismatch::Time(value.to_owned()))?;
                (found.created, found.dated) = (Some(created), dated);
            }
            Field::Level if !value.is_empty() => {
                found.level = level(definition, value);
                if found.level.is_none() {
                    return Err(Mismatch::Level(value.to_owned()));
                }
            }
            Field::Message => found.end = start,
            _ => {}
        }
    }
    Ok(found)
}

fn level(definition: &Definition, word: &str) -> Option<Level> {
    if definition.levels.is_empty() {
        return Level::from_word(word);
    }
    let known = definition.levels.iter().find(|(text, _)| *text == word);
    known.map(|(_, level)| *level)
}
