//! The state of one stream: the lines of the current record, and whether more may follow.

use super::json::{self, Scan, Shape};
use super::trace::{self, Step, Trace};
use super::{Assembled, LATE, Offer, Options, Rules, Tag, Wait};
use crate::formats::{Continuation, Formats};

/// Joins the lines of one stream.
#[derive(Debug)]
pub struct Assembler {
    options: Options,
    /// The current lines, joined by newlines. `text[..committed]` is the record; lines
    /// after that belong to it only if a later line continues the traceback.
    text: String,
    /// The length of the objects of a line that were removed: see [`Kind::Objects`].
    taken: usize,
    committed: usize,
    /// The length of the message.
    head: usize,
    /// The length of the traceback's heading, if the record begins with a traceback.
    heading: usize,
    /// Where the call stack begins.
    stack: Option<usize>,
    /// The end of lines that belong to the traceback's message unless another traceback
    /// begins; 0 if there are none.
    message_end: usize,
    /// The length of the first line, which the limits don't count: it may be longer than
    /// any traceback.
    first: usize,
    lines: usize,
    phase: Phase,
    kind: Kind,
    trace: Option<Trace>,
    /// The traceback of the last record, for a next line that continues it.
    resume: Option<Resume>,
    /// Whether the record continues the traceback of the last one.
    continues: bool,
    /// Whether a traceback begins with the line that is to be offered again.
    begins: Option<Step>,
    /// Ordinary lines of a known format since the last one without, up to [`FORMATTED`].
    formatted: u8,
    tag: Tag,
    /// When the last line was written or read.
    last_time: f64,
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

/// A traceback whose record has ended before it.
#[derive(Clone, Copy, Debug)]
struct Resume {
    trace: Trace,
    /// The record was cut, so the next line is certain to be the next of the traceback.
    /// Otherwise, it did not come in time.
    is_cut: bool,
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
    /// A line whose format says what continues it, as that of .NET's console logger does.
    Continued(Continuation),
    /// The beginning of a JSON object.
    Json(Scan),
    /// Several JSON objects.
    Objects,
}

/// Whether a line belongs to the current traceback.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Belongs {
    /// Yes.
    Certain,
    /// Yes, unless another traceback begins after it.
    Probable,
    /// If a later line is certain to.
    Possible,
}

/// Whether a line is a record of a known format, rather than any text.
type IsRecord<'f> = dyn FnMut(&str) -> bool + 'f;

/// If so many ordinary lines in a row have a known format, or all since the beginning, one
/// without is part of a message.
const FORMATTED: u8 = 16;

/// The capacity that the buffer keeps between records, in bytes.
const MAX_KEPT_CAPACITY: usize = 1 << 20;

impl Assembler {
    /// An assembler without a record.
    pub fn new(options: Options) -> Assembler {
        Assembler {
            options,
            text: String::new(),
            taken: 0,
            committed: 0,
            head: 0,
            heading: 0,
            stack: None,
            message_end: 0,
            first: 0,
            lines: 0,
            phase: Phase::Empty,
            kind: Kind::Plain,
            trace: None,
            resume: None,
            continues: false,
            begins: None,
            formatted: FORMATTED,
            tag: Tag::default(),
            last_time: 0.0,
            cuts: 0,
        }
    }

    /// The number of records that were cut because they exceeded a limit.
    pub fn cuts(&self) -> u64 {
        self.cuts
    }

    /// How long the record waits for further lines when no more input is at hand.
    pub fn wait(&self) -> Wait<'_> {
        match (self.phase, self.kind) {
            (Phase::Empty | Phase::Closed | Phase::Expired, _) => Wait::None,
            _ if !matches!(self.options.rules, Rules::Tracebacks) => Wait::Long,
            (_, Kind::Plain) if self.committed == self.first => {
                Wait::Line(&self.text[..self.first])
            }
            (_, Kind::Continued(_)) => Wait::Short,
            _ => Wait::Long,
        }
    }

    /// The limits, and how long the waits are.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Offers the next line, without its newline. `is_record` tells whether a line is a record
    /// of a known format; it is asked only where the line may be part of a message.
    pub fn offer(&mut self, line: &str, tag: Tag, is_record: &mut IsRecord<'_>) -> Offer {
        let phase = self.phase;
        match phase {
            Phase::Empty => {
                self.text.push_str(line);
                let is_late = tag.time() - self.last_time > LATE;
                self.resume = self.resume.filter(|resume| resume.is_cut || !is_late);
                (self.tag, self.last_time) = (tag, tag.time());
                let begins = self.begins.take();
                self.begin(line.len(), begins, is_record);
                Offer::Taken
            }
            Phase::Open if tag.part == 0 && self.extend(line, tag.time(), is_record) => {
                self.tag.cut |= tag.cut;
                (self.begins, self.last_time) = (None, tag.time());
                Offer::Taken
            }
            Phase::Open => {
                // The line above a traceback is its own, and not the end of a message.
                if !matches!(self.begins(line), Step::Part(_)) {
                    self.commit_message();
                }
                self.phase = Phase::Closed;
                Offer::TakeFirst
            }
            Phase::Closed | Phase::Expired => Offer::TakeFirst,
        }
    }

    /// Ends the wait for further lines, at a timeout or at the end of the stream.
    pub fn expire(&mut self) {
        if self.phase == Phase::Open {
            self.commit_message();
            let is_trace = self.kind == Kind::Orphan || self.committed > self.head;
            let has_ended = !is_trace || !self.text[self.committed..].trim().is_empty();
            let resume = self.trace.filter(|_| !has_ended);
            self.resume = resume.map(|trace| Resume { trace, is_cut: false });
        }
        if self.phase != Phase::Empty {
            self.phase = Phase::Expired;
        }
    }

    fn commit_message(&mut self) {
        self.committed = self.committed.max(self.message_end);
    }

    /// Notes whether the last ordinary line was a record of a known format. Where all are, other
    /// lines may be parts of messages.
    pub fn note_format(&mut self, is_known: bool) {
        self.formatted = if is_known { self.formatted.saturating_add(1).min(FORMATTED) } else { 0 };
    }

    /// Whether there is a closed record.
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed | Phase::Expired)
    }

    /// The closed record, if there is one.
    pub fn peek(&self) -> Option<Assembled<'_>> {
        if !self.is_closed() {
            return None;
        }
        let (text, tag) = (&self.text[self.taken..self.committed], self.tag);
        let orphan = self.kind == Kind::Orphan;
        let mut record = Assembled {
            head: text,
            trace: None,
            stack: None,
            orphan,
            continues: self.continues,
            uncaught: false,
            tag,
        };
        if self.kind == Kind::Objects {
            record.head = &text[..json::first_object(text)];
            return Some(record);
        }
        let head = if orphan { self.heading } else { self.head }.min(text.len());
        // A newline between two parts belongs to neither.
        let rest = if head == 0 && orphan { 0 } else { head + 1 };
        record.head = &text[..head];
        record.stack = self.stack.and_then(|stack| text.get(stack..));
        let end =
            self.stack.filter(|stack| *stack < text.len()).map_or(text.len(), |at| at.max(1) - 1);
        record.trace = text.get(rest..end).filter(|_| rest < end);
        if head == 0 && orphan {
            record.head = trace::summary_line(text);
        }
        let first = if orphan { Some(text) } else { record.trace };
        let first = first.map(|trace| trace.lines().next().unwrap_or_default());
        record.uncaught = first.is_some_and(trace::is_uncaught);
        Some(record)
    }

    /// Removes the message of the record that [`peek`](Assembler::peek) returns: its traceback
    /// is a record of its own.
    pub fn split(&mut self) {
        let Some(rest) = self.text.get(self.head + 1..self.committed) else { return self.pop() };
        let heading = trace::heading_len(rest);
        self.tag.line +=
            memchr::memchr_iter(b'\n', &self.text.as_bytes()[..=self.head]).count() as u64;
        self.text.drain(..=self.head);
        self.committed -= self.head + 1;
        self.stack = self.stack.map(|stack| stack - self.head - 1);
        (self.kind, self.heading, self.tag.part) = (Kind::Orphan, heading, 0);
    }

    /// Removes the record that [`peek`](Assembler::peek) returns.
    pub fn pop(&mut self) {
        if !self.is_closed() {
            return;
        }
        if self.kind == Kind::Objects {
            let objects = &self.text[self.taken..self.committed];
            let rest = objects[json::first_object(objects)..].trim_start();
            self.taken = self.committed - rest.len();
            if !rest.is_empty() {
                return;
            }
            self.taken = 0;
        }
        if self.text.len() == self.committed {
            self.text.clear();
            self.text.shrink_to(MAX_KEPT_CAPACITY);
            self.phase = Phase::Empty;
            return;
        }
        // The uncommitted lines are records of their own.
        self.tag.line +=
            memchr::memchr_iter(b'\n', &self.text.as_bytes()[..=self.committed]).count() as u64;
        self.text.drain(..=self.committed);
        self.tag.part = 0;
        let expired = self.phase == Phase::Expired;
        let first = self.text.find('\n').unwrap_or(self.text.len());
        self.begin(first, None, &mut |_| false);
        if expired {
            self.phase = Phase::Expired;
        } else if first < self.text.len() {
            self.phase = Phase::Closed;
        }
    }

    /// Whether a traceback begins with the line that is offered. Each line is asked once, though
    /// it may be offered again.
    fn begins(&mut self, line: &str) -> Step {
        *self.begins.get_or_insert_with(|| Trace::begins(line))
    }

    /// Begins a record, whose first line are the first `len` bytes of `text`. `begins`: whether a
    /// traceback begins with it, if that is known.
    fn begin(&mut self, len: usize, begins: Option<Step>, is_record: &mut IsRecord<'_>) {
        (self.committed, self.head, self.first, self.lines) = (len, len, len, 1);
        self.message_end = 0;
        (self.phase, self.kind, self.trace, self.stack) = (Phase::Open, Kind::Plain, None, None);
        self.continues = false;
        let line = &self.text[..len];
        if std::mem::take(&mut self.options.own_files) {
            let own = Formats::own_files();
            if own.continuation(line).is_some() {
                self.options.formats = own;
            }
        }
        match self.options.rules {
            Rules::Off => self.phase = Phase::Closed,
            _ if self.tag.part > 0 => self.phase = Phase::Closed,
            Rules::Starts(_) => {}
            // Delivered at once: no traceback belongs to an empty line.
            Rules::Tracebacks if line.is_empty() => self.phase = Phase::Closed,
            Rules::Tracebacks => match json::shape(line).filter(|_| self.options.json) {
                // An object has its traceback in a field.
                Some(Shape::Object) => self.phase = Phase::Closed,
                Some(Shape::Objects) => {
                    (self.phase, self.kind) = (Phase::Closed, Kind::Objects);
                }
                Some(Shape::Open(scan)) => self.kind = Kind::Json(scan),
                None => self.begin_line(len, begins, is_record),
            },
        }
    }

    fn begin_line(&mut self, len: usize, begins: Option<Step>, is_record: &mut IsRecord<'_>) {
        let line = &self.text[..len];
        let resumed = match self.resume.take() {
            Some(Resume { trace, is_cut: true }) => trace.follows(line),
            Some(Resume { trace, .. }) if !is_record(line) => match trace.follows(line) {
                step @ Step::Part(_) => step,
                _ => Step::Not,
            },
            _ => Step::Not,
        };
        self.continues = matches!(resumed, Step::Part(_) | Step::Text(_));
        (self.kind, self.trace) = match (resumed, begins.unwrap_or_else(|| Trace::begins(line))) {
            (Step::Part(trace) | Step::Text(trace), _) | (_, Step::Part(trace)) => {
                (Kind::Orphan, Some(trace))
            }
            (_, Step::Maybe(trace)) => (Kind::Header, Some(trace)),
            _ => match self.options.formats.continuation(line) {
                Some(continuation) => (Kind::Continued(continuation), None),
                None => (Kind::Plain, None),
            },
        };
        self.heading = if self.trace.is_some_and(Trace::is_heading) { len } else { 0 };
        self.stack = self.trace.filter(|trace| trace.is_stack()).map(|_| 0);
    }

    /// Appends the line to the record, if it belongs to it.
    fn extend(&mut self, line: &str, time: f64, is_record: &mut IsRecord<'_>) -> bool {
        match (&self.options.rules, self.kind) {
            (Rules::Off, _) => false,
            (Rules::Starts(start), _) => !start.is_match(line) && self.extend_message(line),
            (Rules::Tracebacks, Kind::Json(scan)) => self.extend_json(line, scan),
            (Rules::Tracebacks, kind) => match kind {
                Kind::Continued(format) if self.continues_format(format, line) => {
                    self.extend_message(line)
                }
                _ => self.extend_trace(line, time, is_record),
            },
        }
    }

    /// Whether the line continues the message by the rule of its format.
    fn continues_format(&mut self, format: Continuation, line: &str) -> bool {
        self.trace.is_none()
            && self.options.formats.continues(format, line)
            && self.begins(line) == Step::Not
    }

    /// Appends the line to the message.
    fn extend_message(&mut self, line: &str) -> bool {
        if !self.has_room(line) {
            return false;
        }
        self.append(line);
        self.committed = self.text.len();
        self.head = self.committed;
        true
    }

    fn extend_json(&mut self, line: &str, mut scan: Scan) -> bool {
        let is_long = self.lines >= json::MAX_LINES || self.text.len() >= json::MAX_BYTES;
        if is_long || !json::continues(line) || !self.has_room(line) {
            return false;
        }
        let end = scan.feed(line);
        if end.map_or(scan.is_broken(), |end| end < line.trim_end().len()) {
            return false;
        }
        self.append(line);
        self.kind = Kind::Json(scan);
        if end.is_some() {
            (self.committed, self.head) = (self.text.len(), self.text.len());
            self.phase = Phase::Closed;
        }
        true
    }

    fn extend_trace(&mut self, line: &str, time: f64, is_record: &mut IsRecord<'_>) -> bool {
        let uncommitted = self.text.len() > self.committed;
        let is_apart = time - self.last_time > self.options.short_wait().as_secs_f64();
        let Some((trace, belongs)) = self.step(line, uncommitted, is_apart, is_record) else {
            return false;
        };
        if !self.has_room(line) {
            let trace = self.trace.filter(|_| !uncommitted);
            self.resume = trace.map(|trace| Resume { trace, is_cut: true });
            return false;
        }
        self.append(line);
        if trace.is_stack() && self.stack.is_none() {
            self.stack = Some(self.text.len() - line.len());
        }
        let follows_heading = self.trace.is_some_and(Trace::is_heading);
        self.trace = Some(trace);
        if trace.is_heading() && follows_heading && matches!(self.kind, Kind::Header | Kind::Orphan)
        {
            self.heading = self.text.len();
        }
        match belongs {
            Belongs::Certain => {
                self.committed = self.text.len();
                if self.kind == Kind::Header {
                    self.kind = Kind::Orphan;
                }
            }
            Belongs::Probable => self.message_end = self.text.len(),
            Belongs::Possible => {}
        }
        true
    }

    /// The state after the line, and whether it belongs to the traceback.
    fn step(
        &mut self,
        line: &str,
        uncommitted: bool,
        is_apart: bool,
        is_record: &mut IsRecord<'_>,
    ) -> Option<(Trace, Belongs)> {
        let mut step = self.trace.map_or(Step::Not, |trace| trace.follows(line));
        let is_at_head = !uncommitted && self.kind != Kind::Orphan && self.committed == self.head;
        if step == Step::Not && is_at_head {
            step = self.begins(line);
            if self.kind == Kind::Header {
                self.kind = Kind::Plain;
            }
            if step == Step::Not && matches!(self.kind, Kind::Plain | Kind::Continued(_)) {
                step = Trace::begins_after(&self.text[..self.first], line);
            }
        }
        match step {
            Step::Not => None,
            Step::Part(trace) => Some((trace, Belongs::Certain)),
            Step::Maybe(trace) => Some((trace, Belongs::Possible)),
            // A message is written in one piece.
            Step::Text(_) if is_apart => None,
            Step::Text(_) | Step::MaybeText(_) if is_record(line) => None,
            Step::Text(_) if matches!(self.begins(line), Step::Part(_)) => None,
            Step::Text(trace) if !self.is_plain(is_record) => Some((trace, Belongs::Probable)),
            Step::MaybeText(_) if self.begins(line) != Step::Not => None,
            Step::Text(trace) | Step::MaybeText(trace) => Some((trace, Belongs::Possible)),
        }
    }

    /// Whether the ordinary lines of the stream have no known format, so that a line without
    /// one says nothing.
    fn is_plain(&self, is_record: &mut IsRecord<'_>) -> bool {
        match self.kind {
            Kind::Plain => self.formatted < FORMATTED || !is_record(&self.text[..self.first]),
            Kind::Continued(_) => false,
            _ => self.formatted < FORMATTED,
        }
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
