//! Joins lines that belong to one record: tracebacks, and lines that a user's pattern joins.
//!
//! An [`Assembler`] serves one stream. Lines are *offered* to it. If a line does not belong
//! to the current record, that record is *closed* and must be taken ([`Assembler::peek`],
//! [`Assembler::pop`]) before the line is offered again. So a consumer can stop between any
//! two records, and nothing is queued.
//!
//! The lines of all records, in order, are the offered lines, each once. The `head` of an
//! [orphan](Assembled::orphan) is a copy of a line of its `trace` and does not count.

mod trace;

use std::time::Duration;

use regex::Regex;

use trace::{Step, Trace};

/// Which lines make one record.
#[derive(Clone, Debug, Default)]
pub enum Rules {
    /// Each line is a record and delivered at once.
    Off,
    /// A traceback (Python, Java, Rust, Go, JavaScript, .NET) belongs to the line before it.
    #[default]
    Tracebacks,
    /// A matching line starts a record; other lines are appended to its message.
    Starts(Regex),
}

/// The rules and limits for joining lines.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which lines make one record.
    pub rules: Rules,
    /// How long to wait for further lines of a record after its last one.
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
            wait: Duration::from_millis(100),
            max_bytes: 1 << 20,
            max_lines: 5000,
        }
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

/// Data of a line besides its text. A record has the tag of its first line.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Tag {
    /// When the line was read: seconds since 1970-01-01 UTC.
    pub received: f64,
    /// The number of this part of a line that is too long for one record, from 1; 0 for a
    /// whole line.
    pub part: u32,
    /// Whether the end of the line is missing, because zlog had to stop.
    pub cut: bool,
}

/// The lines of one record.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Assembled<'a> {
    /// The first line and, with [`Rules::Starts`], the lines appended to it.
    pub head: &'a str,
    /// The traceback after it.
    pub trace: Option<&'a str>,
    /// Whether the traceback follows no line. `head` is then its most informative line.
    pub orphan: bool,
    /// The tag of the first line.
    pub tag: Tag,
}

/// Joins the lines of one stream.
#[derive(Debug)]
pub struct Assembler {
    options: Options,
    /// The current lines, joined by newlines. `text[..committed]` is the record; lines
    /// after that belong to it only if the next line continues the traceback.
    text: String,
    committed: usize,
    /// The length of the first line; with [`Rules::Starts`], of all lines.
    head: usize,
    /// The length of the first line, which the limits don't count: it may be longer than
    /// any traceback.
    first: usize,
    lines: usize,
    phase: Phase,
    kind: Kind,
    trace: Option<Trace>,
    /// The traceback of a record that was cut, for a next line that continues it.
    resume: Option<Trace>,
    tag: Tag,
    cuts: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// There is no record.
    Empty,
    /// More lines may follow.
    Open,
    /// The record is complete without the uncommitted lines.
    Closed,
    /// As `Closed`, and the uncommitted lines are complete records too.
    Expired,
}

/// The kind of the first line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// An ordinary line.
    Plain,
    /// A line that belongs to a traceback if one follows (`TypeError: …`).
    Header,
    /// Part of a traceback that follows no line.
    Orphan,
}

/// The capacity that the buffer keeps between records, in bytes.
const MAX_KEPT_CAPACITY: usize = 1 << 20;

impl Assembler {
    /// An assembler without a record.
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

    /// How long to wait for further lines after the last one.
    pub fn wait(&self) -> Duration {
        self.options.wait
    }

    /// The number of records that were cut because they exceeded a limit.
    pub fn cuts(&self) -> u64 {
        self.cuts
    }

    /// Whether there is a record to which further lines may belong.
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

    /// Ends the wait for further lines, at a timeout or at the end of the stream.
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

    /// Removes the record that [`peek`](Assembler::peek) returns.
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
        // The uncommitted lines are records of their own.
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

    /// Begins a record, whose first line are the first `len` bytes of `text`.
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

    /// Appends the line to the record, if it belongs to it.
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
        let uncommitted = self.text.len() > self.committed;
        let mut step = self.trace.map_or(Step::Not, |trace| trace.follows(line));
        if matches!(step, Step::Not) && !uncommitted && self.kind != Kind::Orphan && self.lines == 1
        {
            step = Trace::begins(line);
            self.kind = Kind::Plain;
        }
        let (trace, committed) = match step {
            Step::Not => return false,
            Step::Part(trace) => (trace, true),
            Step::Maybe(trace) => (trace, false),
        };
        if !self.has_room(line) {
            self.resume = self.trace.filter(|_| !uncommitted);
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

    /// Whether the line fits the limits of the record. Counts the cut if not.
    fn has_room(&mut self, line: &str) -> bool {
        let added = self.text.len() - self.first + 1 + line.len();
        let room = added <= self.options.max_bytes && self.lines < self.options.max_lines;
        self.cuts += u64::from(!room);
        room
    }
}

/// Whether no traceback can belong to the line: an empty line, or a JSON object, which has
/// its traceback in a field. These are delivered at once.
fn stands_alone(line: &str) -> bool {
    line.is_empty() || (line.starts_with('{') && line.ends_with('}'))
}

#[cfg(test)]
mod tests;
