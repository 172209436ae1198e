//! Lines that belong to the line before them: tracebacks, and whatever a user's
//! own pattern joins.
//!
//! What may be here: which lines make one record. What the lines say (level,
//! time, fields) is `parse`'s; where they come from is `source`'s. The shapes of
//! tracebacks are in `trace`.
//!
//! An [`Assembler`] serves one stream. A line is *offered* to it; when the line
//! does not belong to the record that is held, that record is *closed* and has to
//! be taken ([`Assembler::peek`], [`Assembler::pop`]) before the line is offered
//! again. So a consumer can stop between any two records, and nothing is queued.
//!
//! Guarantee: the lines of all records, in order, are the lines that were
//! offered, each once. An [orphan](Assembled::orphan)'s `head` is a copy of one
//! line of its `trace`, and not counted.

mod trace;

use std::time::Duration;

use regex::Regex;

use trace::{Step, Trace};

/// Which lines make one record.
#[derive(Clone, Debug, Default)]
pub enum Rules {
    /// Each line is a record, delivered as it comes.
    Off,
    /// A traceback (Python, Java, Rust, Go, JavaScript, .NET) belongs to the line before it.
    #[default]
    Tracebacks,
    /// A line that matches starts a record; others are appended to its message.
    Starts(Regex),
}

/// How lines are put together, and for how long and how much is waited.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which lines make one record.
    pub rules: Rules,
    /// How long a record is held for lines that may follow, after its last one.
    pub wait: Duration,
    /// Most bytes that are added to a record's first line. The line that exceeds
    /// it starts a new record.
    pub max_bytes: usize,
    /// Most lines in one record. The line that exceeds it starts a new record.
    pub max_lines: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            rules: Rules::default(),
            wait: Duration::from_millis(100),
            max_bytes: 1 << 20,
            max_lines: 5000,
        }
    }
}

/// What became of a line that was offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Offer {
    /// It is in. If the record is [closed](Assembler::peek) now, take it.
    Taken,
    /// It is not in: the closed record must be taken first, and the line offered again.
    TakeFirst,
}

/// What is known of a line besides its text; goes with the record it starts.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Tag {
    /// When it was read: seconds since 1970-01-01 UTC.
    pub received: f64,
    /// Which piece of a line too long for one record it is, from 1; 0 for a whole line.
    pub part: u32,
    /// Whether it is the beginning of a line whose end was not at hand when zlog was asked
    /// to stop.
    pub cut: bool,
}

/// The lines of one record.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Assembled<'a> {
    /// The line that starts it, and under [`Rules::Starts`] those appended to it.
    pub head: &'a str,
    /// The traceback that follows it.
    pub trace: Option<&'a str>,
    /// The traceback followed no line: `head` is the line of it that says most.
    pub orphan: bool,
    /// As given with its first line.
    pub tag: Tag,
}

/// Puts the lines of one stream together.
#[derive(Debug)]
pub struct Assembler {
    options: Options,
    /// The lines held, joined by newlines. `text[..committed]` is the record; lines
    /// after that are on trial: theirs, if the line that follows them says so.
    text: String,
    committed: usize,
    /// Length of the first line; of all of them under [`Rules::Starts`].
    head: usize,
    /// Length of the first line, which the bounds don't count: it may be longer
    /// than any traceback.
    first: usize,
    lines: usize,
    phase: Phase,
    kind: Kind,
    trace: Option<Trace>,
    /// The traceback of a record that was cut, for the line that goes on with it.
    resume: Option<Trace>,
    tag: Tag,
    cuts: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Nothing is held.
    Empty,
    /// More lines may follow.
    Open,
    /// The record is whole, and lines on trial are not part of it.
    Closed,
    /// As `Closed`, and the lines on trial are whole too: nothing is waited for.
    Expired,
}

/// What the first line is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// An ordinary line.
    Plain,
    /// A line that is part of the traceback, if one follows (`TypeError: …`).
    Header,
    /// Part of a traceback that follows no line.
    Orphan,
}

/// A buffer that has grown beyond this is given back after its record.
const MAX_KEPT_CAPACITY: usize = 1 << 20;

impl Assembler {
    /// An assembler that holds nothing.
    pub fn new(options: Options) -> Assembler {
        Assembler {
            options,
            text: String::new(),
            committed: 0,
            head: 0,
            first: 0,
            lines: 0,
            phase: Phase::Empty,
            kind: Kind::Plain,
            trace: None,
            resume: None,
            tag: Tag::default(),
            cuts: 0,
        }
    }

    /// How long a record is held after its last line.
    pub fn wait(&self) -> Duration {
        self.options.wait
    }

    /// How many records were cut because they grew too large.
    pub fn cuts(&self) -> u64 {
        self.cuts
    }

    /// Whether a record is held that more lines may follow.
    pub fn holds(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Offers the next line, without its newline.
    pub fn offer(&mut self, line: &str, tag: Tag) -> Offer {
        let phase = self.phase;
        match phase {
            Phase::Empty => {
                self.text.push_str(line);
                self.tag = tag;
                self.begin(line.len());
                Offer::Taken
            }
            Phase::Open if tag.part == 0 && self.extend(line) => {
                self.tag.cut |= tag.cut;
                Offer::Taken
            }
            Phase::Open => {
                self.phase = Phase::Closed;
                Offer::TakeFirst
            }
            Phase::Closed | Phase::Expired => Offer::TakeFirst,
        }
    }

    /// The wait is over, or the stream: what is held becomes records as it is.
    pub fn expire(&mut self) {
        if self.phase != Phase::Empty {
            self.phase = Phase::Expired;
        }
    }

    /// The closed record, if there is one.
    pub fn peek(&self) -> Option<Assembled<'_>> {
        if matches!(self.phase, Phase::Empty | Phase::Open) {
            return None;
        }
        let (text, tag) = (&self.text[..self.committed], self.tag);
        if self.kind == Kind::Orphan {
            let head = self.trace.map_or(text, |trace| trace.summary_line(text));
            return Some(Assembled { head, trace: Some(text), orphan: true, tag });
        }
        // The newline between the two belongs to neither.
        let trace = text.get(self.head + 1..);
        Some(Assembled { head: &text[..self.head], trace, orphan: false, tag })
    }

    /// Lets go of the record that [`peek`](Assembler::peek) showed.
    pub fn pop(&mut self) {
        if matches!(self.phase, Phase::Empty | Phase::Open) {
            return;
        }
        if self.text.len() == self.committed {
            self.text.clear();
            self.text.shrink_to(MAX_KEPT_CAPACITY);
            self.phase = Phase::Empty;
            return;
        }
        // Lines that were on trial, and not part of it: records of their own.
        self.text.drain(..=self.committed);
        self.tag.part = 0;
        let expired = self.phase == Phase::Expired;
        let first = self.text.find('\n').unwrap_or(self.text.len());
        self.begin(first);
        if expired {
            self.phase = Phase::Expired;
        } else if first < self.text.len() {
            self.phase = Phase::Closed;
        }
    }

    /// The first `len` bytes of what is held are the first line of a record.
    fn begin(&mut self, len: usize) {
        (self.committed, self.head, self.first, self.lines) = (len, len, len, 1);
        (self.phase, self.kind, self.trace) = (Phase::Open, Kind::Plain, None);
        let resume = self.resume.take();
        match self.options.rules {
            Rules::Off => self.phase = Phase::Closed,
            Rules::Starts(_) if self.tag.part > 0 => self.phase = Phase::Closed,
            Rules::Starts(_) => {}
            Rules::Tracebacks => {
                let line = &self.text[..len];
                if self.tag.part > 0 || stands_alone(line) {
                    self.phase = Phase::Closed;
                    return;
                }
                let resumed = resume.map_or(Step::Not, |trace| trace.follows(line));
                let (kind, trace) = match (resumed, Trace::begins(line)) {
                    (Step::Part(trace), _) | (_, Step::Part(trace)) => (Kind::Orphan, Some(trace)),
                    (_, Step::Maybe(trace)) => (Kind::Header, Some(trace)),
                    (_, Step::Not) => (Kind::Plain, None),
                };
                (self.kind, self.trace) = (kind, trace);
            }
        }
    }

    /// Appends the line to the record that is held, if it belongs there.
    fn extend(&mut self, line: &str) -> bool {
        match &self.options.rules {
            Rules::Off => false,
            Rules::Starts(start) => {
                if start.is_match(line) || !self.has_room(line) {
                    return false;
                }
                self.append(line);
                self.committed = self.text.len();
                self.head = self.committed;
                true
            }
            Rules::Tracebacks => self.extend_trace(line),
        }
    }

    fn extend_trace(&mut self, line: &str) -> bool {
        let on_trial = self.text.len() > self.committed;
        let mut step = self.trace.map_or(Step::Not, |trace| trace.follows(line));
        if matches!(step, Step::Not) && !on_trial && self.kind != Kind::Orphan && self.lines == 1 {
            step = Trace::begins(line);
            self.kind = Kind::Plain;
        }
        let (trace, committed) = match step {
            Step::Not => return false,
            Step::Part(trace) => (trace, true),
            Step::Maybe(trace) => (trace, false),
        };
        if !self.has_room(line) {
            self.resume = self.trace.filter(|_| !on_trial);
            return false;
        }
        self.append(line);
        self.trace = Some(trace);
        if committed {
            self.committed = self.text.len();
            if self.kind == Kind::Header {
                self.kind = Kind::Orphan;
            }
        }
        true
    }

    fn append(&mut self, line: &str) {
        self.text.push('\n');
        self.text.push_str(line);
        self.lines += 1;
    }

    /// Whether the record may grow by this line; counts the cut if not.
    fn has_room(&mut self, line: &str) -> bool {
        let added = self.text.len() - self.first + 1 + line.len();
        let room = added <= self.options.max_bytes && self.lines < self.options.max_lines;
        self.cuts += u64::from(!room);
        room
    }
}

/// Lines that no traceback belongs to: an empty one, and a JSON object, whose
/// traceback would be among its fields. They are delivered at once.
fn stands_alone(line: &str) -> bool {
    line.is_empty() || (line.starts_with('{') && line.ends_with('}'))
}

#[cfg(test)]
mod tests;
