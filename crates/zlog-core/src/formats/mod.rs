//! The formats of lines of text: where a line has its time, its level, its logger and other
//! fields.
//!
//! A format is data: a file in `crates/zlog-core/formats/`, or a user's own. The built-in ones
//! are compiled in as `BUILT_IN`, which is generated from the files. See
//! docs/line-formats.md.
//!
//! # Cost
//! The format that matched the last line of a stream is tried first of its rank. For others,
//! `Filter` finds the formats that the first bytes of a line allow, and of these, those whose
//! `needed` bytes the line contains: none for most lines without a format. A pattern is compiled
//! when a line is first tried with it, most into `Steps`, which takes microseconds.

mod built_in;
pub(crate) mod field;
mod matcher;
mod needed;
mod pattern;
mod prefix;
mod steps;
pub(crate) mod time;

use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};

use jiff::tz::TimeZone;

use crate::level::Level;
use field::Field;
pub use matcher::{Attempt, Explanation, Mismatch, Reason};
pub(crate) use matcher::{Input, Matcher};
pub use needed::of_pattern as needed_of_pattern;
use pattern::Pattern;
pub use prefix::of_pattern as prefix_of_pattern;
use prefix::{Candidates, Filter, MAX_FORMATS};
use time::TimeFormat;

/// What a format file says. The texts live as long as the process, which reads its few formats
/// once.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Definition {
    /// The name, for `--format-in`.
    pub name: &'static str,
    /// What writes such lines.
    pub title: &'static str,
    /// The place in the order of trying: 1 is first. Formats of one rank follow each other by
    /// name.
    pub rank: u8,
    /// A regular expression for the start of a line, over bytes, whose named groups are
    /// fields. The rest of the line is the message.
    pub pattern: &'static str,
    /// The formats of the group `time`. The first that reads it counts.
    pub times: &'static [&'static str],
    /// The zone of times that name none; without it, they are local.
    pub zone: Option<&'static str>,
    /// The level of each text of the group `level`. Without any, levels are words as in
    /// [`Level::from_word`].
    pub levels: &'static [(&'static str, Level)],
    /// The lines that continue a record.
    pub continues: Option<Continues>,
    /// The sets of bytes that the pattern begins with, as [`prefix_of_pattern`] returns them.
    pub prefix: &'static [&'static str],
    /// The bytes that the pattern needs, as [`needed_of_pattern`] returns them.
    pub needed: &'static str,
}

/// The lines that continue a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Continues {
    /// Those that begin with a match of this regular expression.
    Matches(&'static str),
    /// All that do not match the format's pattern.
    Others,
}

impl Definition {
    /// The values of keys that a format file leaves out.
    pub const DEFAULT: Definition = Definition {
        name: "",
        title: "",
        rank: 50,
        pattern: "",
        times: &[],
        zone: None,
        levels: &[],
        continues: None,
        prefix: &[],
        needed: "",
    };

    /// Checks the pattern and the formats of times.
    ///
    /// # Errors
    /// The key that is wrong, and what is wrong with it.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        Compiled::new(self).map(drop)
    }
}

/// The parts of a definition, ready for use.
struct Compiled {
    pattern: Pattern,
    groups: Box<[(usize, Field)]>,
    times: Box<[TimeFormat]>,
    zone: Option<TimeZone>,
    continues: Option<Pattern>,
}

impl Compiled {
    fn new(definition: &Definition) -> Result<Compiled, (&'static str, String)> {
        let pattern = Pattern::new(definition.pattern).map_err(|why| ("pattern", why))?;
        let names = pattern.names().into_iter();
        let groups: Box<[_]> = names.map(|(number, name)| (number, Field::new(name))).collect();
        let times = definition.times.iter().map(|spec| TimeFormat::new(spec));
        let unknown = |directive| ("time", format!("{directive} is no directive for times"));
        let times: Box<[_]> = times.collect::<Result<_, _>>().map_err(unknown)?;
        let has_time = groups.iter().any(|(_, field)| *field == Field::Time);
        match (has_time, times.is_empty()) {
            (true, true) => {
                return Err(("time", "the group `time` of the pattern needs it".into()));
            }
            (false, false) => return Err(("time", "the pattern has no group `time`".into())),
            _ => {}
        }
        let zone = definition.zone.map(TimeZone::get).transpose();
        let zone = zone.map_err(|_| ("zone", "is no name of a time zone".to_owned()))?;
        let continues = match definition.continues {
            Some(Continues::Matches(pattern)) => Some(Pattern::new(pattern)),
            Some(Continues::Others) | None => None,
        };
        let continues = continues.transpose();
        let continues = continues.map_err(|why| ("continues", why))?;
        Ok(Compiled { pattern, groups, times, zone, continues })
    }
}

/// A definition, and its parts once they were needed.
struct Format {
    definition: Definition,
    /// The number of formats of a lower rank.
    lower: usize,
    /// What the pattern needs.
    needed: needed::Bytes,
    /// The pattern is for lines with their colours.
    has_colours: bool,
    compiled: OnceLock<Option<Compiled>>,
}

impl Format {
    /// The parts; `None` if the definition is wrong. [`Definition::check`] has said so then.
    fn compiled(&self) -> Option<&Compiled> {
        self.compiled.get_or_init(|| Compiled::new(&self.definition).ok()).as_ref()
    }
}

/// A list of formats in the order of trying. Cheap to clone.
#[derive(Clone)]
pub struct Formats(Arc<List>);

struct List {
    formats: Vec<Format>,
    /// Made for the first line.
    filter: OnceLock<Filter>,
    /// The formats that say what continues a record.
    continued: Candidates,
    /// Those of them that a line without colours, colons and tabs can have.
    continued_plain: Candidates,
}

/// The name of the format of zlog's own log files. Only files that begin with it have it.
const OWN_FILES_NAME: &str = "zlog";

/// The format that says which lines continue a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Continuation(usize);

impl Formats {
    /// The built-in formats.
    pub fn built_in() -> Formats {
        static BUILT_IN: LazyLock<Formats> = LazyLock::new(|| Formats::new(Vec::new()));
        BUILT_IN.clone()
    }

    /// No formats: only a leading time and the word of a level are read from lines.
    pub fn none() -> Formats {
        Formats::of(Vec::new())
    }

    /// The format of zlog's own log files alone.
    pub fn own_files() -> Formats {
        static OWN_FILES: LazyLock<Formats> = LazyLock::new(|| {
            let own =
                built_in::BUILT_IN.iter().filter(|definition| definition.name == OWN_FILES_NAME);
            Formats::of(own.copied().collect())
        });
        OWN_FILES.clone()
    }

    /// A user's own formats and the built-in ones. A format of the same name replaces the
    /// built-in one. Formats beyond the 256th are left out.
    pub fn new(own: Vec<Definition>) -> Formats {
        let mut definitions = built_in::BUILT_IN.to_vec();
        definitions.retain(|one| {
            one.name != OWN_FILES_NAME && !own.iter().any(|own| own.name == one.name)
        });
        definitions.extend(own);
        Formats::of(definitions)
    }

    fn of(mut definitions: Vec<Definition>) -> Formats {
        definitions.sort_by_key(|definition| (definition.rank, definition.name));
        definitions.truncate(MAX_FORMATS);
        let (mut continued, mut continued_plain) = (Candidates::NONE, Candidates::NONE);
        for (at, definition) in definitions.iter().enumerate() {
            if definition.continues.is_some() {
                continued.insert(at);
                if !definition.needed.contains(['\x1b', ':', '\t']) {
                    continued_plain.insert(at);
                }
            }
        }
        let new = |definition: &Definition| {
            let lower = definitions.partition_point(|other| other.rank < definition.rank);
            let has_colours =
                definition.pattern.contains(r"\x1b") || definition.needed.contains('\x1b');
            let needed = needed::bytes(definition.needed.as_bytes());
            let (definition, compiled) = (*definition, OnceLock::new());
            Format { definition, lower, needed, has_colours, compiled }
        };
        let formats = definitions.iter().map(new).collect();
        Formats(Arc::new(List { formats, filter: OnceLock::new(), continued, continued_plain }))
    }

    /// The formats of `within` that the line can have: its first bytes allow them, and it
    /// contains the bytes that they need.
    fn candidates(&self, line: &str, within: Candidates) -> Candidates {
        let prefixes = || Filter::new(self.0.formats.iter().map(|format| format.definition.prefix));
        let filter = self.0.filter.get_or_init(prefixes);
        let begin_alike = filter.candidates(line.as_bytes(), within);
        if begin_alike == Candidates::NONE {
            return begin_alike;
        }
        let bytes = needed::bytes(line.as_bytes());
        begin_alike.without(|format| self.0.formats[format].needed & !bytes != 0)
    }

    /// The definitions in the order of trying.
    pub fn definitions(&self) -> impl Iterator<Item = &Definition> {
        self.0.formats.iter().map(|format| &format.definition)
    }

    /// The definition with this name.
    pub fn find(&self, name: &str) -> Option<&Definition> {
        self.definitions().find(|definition| definition.name == name)
    }

    /// The format of a record's first line, if its format says which lines continue the
    /// record. Most lines are ruled out by their first bytes. `is_plain`: the line has no colour,
    /// no colon and no tab.
    pub fn continuation(&self, first: &str, is_plain: bool) -> Option<Continuation> {
        let within = if is_plain { self.0.continued_plain } else { self.0.continued };
        if within == Candidates::NONE {
            return None;
        }
        let find = |line: &str| {
            let mut candidates = self.candidates(line, within);
            let matches = |at: &usize| {
                let compiled = self.0.formats[*at].compiled();
                compiled.is_some_and(|compiled| compiled.pattern.is_match(line.as_bytes()))
            };
            candidates.find(matches).map(Continuation)
        };
        find(first).or_else(|| match Input::new(first) {
            Input::Plain(plain, _) if !is_plain => find(&plain),
            _ => None,
        })
    }

    /// Whether a line continues a record of this format.
    pub fn continues(&self, continuation: Continuation, line: &str) -> bool {
        let Some(compiled) = self.0.formats[continuation.0].compiled() else { return false };
        match &compiled.continues {
            Some(pattern) => pattern.is_match(line.as_bytes()),
            None => !compiled.pattern.is_match(line.as_bytes()),
        }
    }
}

impl Default for Formats {
    fn default() -> Formats {
        Formats::built_in()
    }
}

impl fmt::Debug for Formats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.definitions().map(|definition| definition.name)).finish()
    }
}
