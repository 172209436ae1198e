//! Joins lines that belong to one record: tracebacks, JSON objects on several lines, and lines
//! that a user's pattern joins. Separates several JSON objects on one line.
//!
//! An [`Assembler`] serves one stream. Lines are *offered* to it. If a line does not belong
//! to the current record, that record is *closed* and must be taken ([`Assembler::peek`],
//! [`Assembler::pop`]) before the line is offered again. So a consumer can stop between any
//! two records, and nothing is queued.
//!
//! The lines of all records, in order, are the offered lines, each once. The `head` of an
//! [orphan](Assembled::orphan) without a heading is a copy of one of its lines and does not
//! count.

mod assembler;
mod json;
mod trace;

use std::sync::LazyLock;
use std::time::Duration;

use memchr::memmem::Finder;
use regex::Regex;

use crate::formats::Formats;
use crate::level::Level;
use crate::parse::Enclosure;

pub use assembler::Assembler;

/// Which lines make one record.
#[derive(Clone, Debug, Default)]
pub enum Rules {
    /// Each line is a record and delivered at once.
    Off,
    /// A traceback of the languages in `trace` belongs to the line before it, also if a collector
    /// has written a prefix before each line.
    #[default]
    Tracebacks,
    /// A matching line starts a record; other lines are appended to its message.
    Starts(Regex),
}

/// How long after a line a traceback is taken for that of the line, and a line for the next one
/// of a traceback, in seconds. What comes later than it was waited for is a record of its own.
pub const LATE: f64 = 2.0;

/// The rules and limits for joining lines.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which lines make one record.
    pub rules: Rules,
    /// With [`Rules::Tracebacks`]: find JSON objects that share a line, or have several.
    pub json: bool,
    /// With [`Rules::Tracebacks`]: the formats, some of which say what continues a record.
    pub formats: Formats,
    /// In zlog's own log files, all lines that do not begin a record belong to the one above.
    /// The first line tells whether it is such a file.
    pub own_files: bool,
    /// How long to wait for further lines of a record after its last one. A line after which
    /// a traceback is [likely](Wait::Short) waits for [`Options::short_wait`], and other lines
    /// don't wait.
    pub wait: Duration,
    /// The maximum bytes after a record's first line. A line that exceeds it starts a new
    /// record.
    pub max_bytes: usize,
    /// The maximum lines of a record. A line that exceeds it starts a new record.
    pub max_lines: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            rules: Rules::default(),
            json: true,
            formats: Formats::built_in(),
            own_files: false,
            wait: Duration::from_millis(100),
            max_bytes: 1 << 20,
            max_lines: 5000,
        }
    }
}

impl Options {
    /// How long a line waits for a traceback that is likely to follow, and how far apart the
    /// lines of a message may come.
    pub fn short_wait(&self) -> Duration {
        self.wait / 10
    }
}

/// The outcome of offering a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Offer {
    /// The line was taken. The record may be [closed](Assembler::peek) now.
    Taken,
    /// The line was not taken: take the closed record and offer the line again.
    TakeFirst,
}

/// How long the current record waits for further lines when no more input is at hand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait<'a> {
    /// There is no record that waits.
    None,
    /// A single line. Whether a traceback is likely to follow depends on its level, too:
    /// see [`mentions_error`].
    Line(&'a str),
    /// A single line after which a traceback is likely.
    Short,
    /// A part of a traceback or of another record of several lines.
    Long,
}

/// Data of a line besides its text. A record has the tag of its first line.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Tag {
    /// The number of the line in its stream, from 1; 0 if it is not known.
    pub line: u64,
    /// When the line was read: seconds since 1970-01-01 UTC.
    pub received: f64,
    /// The number of this part of a line that is too long for one record, from 1; 0 for a
    /// whole line.
    pub part: u32,
    /// Whether the end of the line is missing, because zlog had to stop.
    pub cut: bool,
    /// What a container runtime has written around the line.
    pub enclosure: Option<Enclosure>,
}

impl Tag {
    /// When the line was written, as far as is known: seconds since 1970-01-01 UTC.
    pub fn time(&self) -> f64 {
        self.enclosure.map_or(self.received, |enclosure| enclosure.created)
    }
}

/// The lines of one record.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Assembled<'a> {
    /// The message: the first line and, with [`Rules::Starts`], the lines appended to it. Of
    /// an orphan, the heading of the traceback.
    pub head: &'a str,
    /// The traceback after it.
    pub trace: Option<&'a str>,
    /// The call stack after these, which no error has caused (Python's `stack_info`).
    pub stack: Option<&'a str>,
    /// Whether the record is a traceback that follows no line. If it has no heading, `head`
    /// is its most informative line.
    pub orphan: bool,
    /// Whether the record continues the last one, which did not wait for these lines, or whose
    /// traceback was cut.
    pub continues: bool,
    /// The first line of a record whose lines have a prefix each, such as a container's name, and
    /// the length of the prefix. A traceback on its own has the fields of this line.
    pub prefixed: Option<(&'a str, usize)>,
    /// Whether a program or a thread has ended with this traceback. If the line before it
    /// reports no error, they are two records: see [`Assembler::split`].
    pub uncaught: bool,
    /// The level of a line that names none and reads like the heading of a traceback, but none
    /// follows.
    pub implied: Option<Level>,
    /// The tag of the first line.
    pub tag: Tag,
}

impl Assembled<'_> {
    /// Whether it is one whole line as it was read, with nothing before, below or around it.
    pub fn is_plain_line(&self) -> bool {
        let Tag { part, cut, enclosure, .. } = self.tag;
        let has_more = self.trace.is_some() || self.stack.is_some() || self.prefixed.is_some();
        !(has_more || self.orphan || self.uncaught || cut) && part == 0 && enclosure.is_none()
    }
}

/// Whether a line without a level reads as if a traceback may follow.
pub fn mentions_error(line: &str) -> bool {
    static WORDS: LazyLock<[Finder<'_>; 6]> = LazyLock::new(|| {
        ["rror", "xception", "RROR", "ailed", "raceback", "atal"].map(Finder::new)
    });
    WORDS.iter().any(|word| word.find(line.as_bytes()).is_some())
}

#[cfg(test)]
mod tests;
