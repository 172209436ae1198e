//! The state of one stream: the lines of the current record, and whether more may follow.

use super::json::{self, Scan, Shape};
use super::prefix::Prefix;
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
    /// What a collector has written before the first line.
    prefix: Prefix,
    /// The further lines have no such prefix.
    is_bare: bool,
    phase: Phase,
    kind: Kind,
    trace: Option<Trace>,
    /// The traceback of the last record, for a next line that continues it.
    resume: Option<Resume>,
    /// Whether the record continues the traceback of the last one.
    continues: bool,
    /// The formats of the ordinary lines, and those of the lines that have a prefix before that.
    formats: [StreamFormat; 2],
    /// The lines up to `message_end` belong to the traceback only if a record of a known format
    /// comes next.
    needs_record: bool,
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
    /// The prefix of its lines.
    prefix: Prefix,
    /// The record was cut, so the next line is certain to be the next of the traceback.
    /// Otherwise, it did not come in time.
    is_cut: bool,
}

/// Whether the ordinary lines of a stream are records of a known format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum StreamFormat {
    /// There were none yet.
    Unseen,
    /// All since the beginning, or the last [`FORMATTED`].
    Known,
    /// The number of those since the last line without one.
    Unknown(u8),
}

impl StreamFormat {
    fn note(&mut self, is_known: bool) {
        *self = match *self {
            _ if !is_known => StreamFormat::Unknown(0),
            StreamFormat::Unknown(lines) if lines + 1 < FORMATTED => {
                StreamFormat::Unknown(lines + 1)
            }
            _ => StreamFormat::Known,
        };
    }
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
    /// As `Probable`, if a record of a known format comes next.
    IfRecord,
    /// If a later line is certain to.
    Possible,
}

/// Whether a line is a record of a known format, rather than any text.
type IsRecord<'f> = dyn FnMut(&str) -> bool + 'f;

/// If so many ordinary lines in a row have a known format, one without is part of a message.
const FORMATTED: u8 = 16;

/// Whether a traceback begins with the line, and the prefix of the line if none does without one.
fn begins(line: &str) -> (Step, Prefix) {
    match Trace::begins(line) {
        Step::Not => {
            let prefix = Prefix::of(line);
            let step = if prefix.len > 0 { Trace::begins(&line[prefix.len..]) } else { Step::Not };
            (step, prefix)
        }
        step => (step, Prefix::default()),
    }
}

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
            prefix: Prefix::default(),
            is_bare: false,
            phase: Phase::Empty,
            kind: Kind::Plain,
            trace: None,
            resume: None,
            continues: false,
            formats: [StreamFormat::Unseen; 2],
            needs_record: false,
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
                self.begin(line.len(), is_record);
                Offer::Taken
            }
            Phase::Open if tag.part == 0 && self.extend(line, tag.time(), is_record) => {
                self.tag.cut |= tag.cut;
                self.last_time = tag.time();
                Offer::Taken
            }
            Phase::Open => {
                // The line above a traceback is its own, and not the end of a message.
                let own = self.strip(line).unwrap_or_default();
                if !matches!(Trace::begins(own), Step::Part(trace) if trace.belongs_to_a_line()) {
                    self.needs_record = self.needs_record && !is_record(own);
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
            self.resume = resume.map(|trace| self.resume(trace, false));
        }
        if self.phase != Phase::Empty {
            self.phase = Phase::Expired;
        }
    }

    fn resume(&self, trace: Trace, is_cut: bool) -> Resume {
        let prefix = if self.is_bare { Prefix::default() } else { self.prefix };
        Resume { trace, prefix, is_cut }
    }

    /// A further line as the program has written it. `None` if it is one of another program.
    fn strip<'l>(&self, line: &'l str) -> Option<&'l str> {
        if self.is_bare {
            return Some(line);
        }
        let own = self.prefix.strip(line);
        // The prefix may be the beginning of a record whose traceback has none.
        own.or_else(|| (self.lines == 1 && Prefix::of(line).len == 0).then_some(line))
    }

    fn commit_message(&mut self) {
        if !self.needs_record {
            self.committed = self.committed.max(self.message_end);
        }
    }

    /// Notes whether the last ordinary line was a record of a known format; if it had a prefix,
    /// whether it was one behind that. Where all are, other lines may be parts of messages.
    pub fn note_format(&mut self, is_known: bool, behind_prefix: Option<bool>) {
        self.formats[0].note(is_known);
        if let Some(is_known) = behind_prefix {
            self.formats[1].note(is_known);
        }
    }

    /// The closed record, if there is one.
    pub fn peek(&self) -> Option<Assembled<'_>> {
        if matches!(self.phase, Phase::Empty | Phase::Open) {
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
            prefixed: None,
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
        let first = if orphan { Some(text) } else { record.trace };
        let first = first.map(|trace| trace.lines().next().unwrap_or_default());
        if self.prefix.len > 0 {
            return Some(self.peek_prefixed(record, text, first));
        }
        if head == 0 && orphan {
            record.head = trace::summary_line(text);
        }
        record.uncaught = first.is_some_and(trace::is_uncaught);
        Some(record)
    }

    /// Completes a record whose first line has a prefix. `first` is the first line of the
    /// traceback.
    fn peek_prefixed<'a>(
        &self,
        mut record: Assembled<'a>,
        text: &'a str,
        first: Option<&'a str>,
    ) -> Assembled<'a> {
        let own = |line: &'a str| match line.as_ptr() == text.as_ptr() {
            true => &line[self.prefix.len..],
            false => self.strip(line).unwrap_or(line),
        };
        record.uncaught = first.is_some_and(|first| trace::is_uncaught(own(first)));
        record.prefixed = text.lines().next().map(|line| (line, self.prefix.len));
        if record.orphan && self.heading == 0 {
            let lines: Vec<&str> = text.lines().collect();
            let plain: Vec<&str> = lines.iter().map(|line| own(line)).collect();
            let plain = plain.join("\n");
            let summary = trace::summary_line(&plain);
            // The same line, with its prefix.
            let before = &plain.as_bytes()[..summary.as_ptr() as usize - plain.as_ptr() as usize];
            let number = memchr::memchr_iter(b'\n', before).count();
            record.head = lines.get(number).copied().unwrap_or(text);
        }
        record
    }

    /// Removes the message of the record that [`peek`](Assembler::peek) returns: its traceback
    /// is a record of its own.
    pub fn split(&mut self) {
        let Some(rest) = self.text.get(self.head + 1..self.committed) else { return self.pop() };
        let heading = trace::heading_len(rest, |line| self.strip(line).unwrap_or(line));
        self.text.drain(..=self.head);
        self.committed -= self.head + 1;
        self.stack = self.stack.map(|stack| stack - self.head - 1);
        (self.kind, self.heading, self.tag.part) = (Kind::Orphan, heading, 0);
        if self.is_bare {
            self.prefix = Prefix::default();
        } else if self.prefix.len > 0 {
            self.prefix = Prefix::of(self.text.lines().next().unwrap_or_default());
        }
    }

    /// Whether the lines of a traceback that goes on have a prefix, so that lines of other
    /// programs may come between them.
    pub fn may_be_interleaved(&self) -> bool {
        let is_trace = self.kind != Kind::Plain || self.text.len() > self.first;
        self.phase == Phase::Open && is_trace && self.prefix.len > 0 && !self.is_bare
    }

    /// The most lines of other programs that may come between those of the traceback.
    pub fn max_between(&self) -> usize {
        // An exception may be mentioned, and no traceback follow.
        if self.text.len() > self.committed || self.committed == self.first { 20 } else { 1000 }
    }

    /// Whether the line has the prefix of another program.
    pub fn is_of_other(&self, line: &str) -> bool {
        self.prefix.strip(line).is_none() && Prefix::of(line).len > 0
    }

    /// Whether the line is one of the program whose record this is.
    pub fn is_of_same(&self, line: &str) -> bool {
        self.phase != Phase::Empty && self.prefix.len > 0 && self.prefix.strip(line).is_some()
    }

    /// Moves the record to another assembler of the stream, which has none.
    pub fn move_record(&mut self, other: &mut Assembler) {
        std::mem::swap(self, other);
        (self.formats, self.last_time) = (other.formats, other.last_time);
    }

    /// Removes the record that [`peek`](Assembler::peek) returns.
    pub fn pop(&mut self) {
        if matches!(self.phase, Phase::Empty | Phase::Open) {
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
        self.text.drain(..=self.committed);
        self.tag.part = 0;
        let expired = self.phase == Phase::Expired;
        let first = self.text.find('\n').unwrap_or(self.text.len());
        self.begin(first, &mut |_| false);
        if expired {
            self.phase = Phase::Expired;
        } else if first < self.text.len() {
            self.phase = Phase::Closed;
        }
    }

    /// Begins a record, whose first line are the first `len` bytes of `text`.
    fn begin(&mut self, len: usize, is_record: &mut IsRecord<'_>) {
        (self.committed, self.head, self.first, self.lines) = (len, len, len, 1);
        (self.message_end, self.needs_record) = (0, false);
        (self.prefix, self.is_bare) = (Prefix::default(), false);
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
                None => self.begin_line(len, is_record),
            },
        }
    }

    fn begin_line(&mut self, len: usize, is_record: &mut IsRecord<'_>) {
        let line = &self.text[..len];
        let resumed = self.resume.take().and_then(|resume| {
            let own = resume.prefix.strip(line)?;
            let step = match resume.trace.follows(own) {
                step @ (Step::Part(_) | Step::Text(_)) if resume.is_cut => step,
                step @ Step::Part(_) if !is_record(own) => step,
                step @ Step::Text(_)
                    if self.formats[usize::from(resume.prefix.len > 0)] == StreamFormat::Known
                        && !is_record(own)
                        && Trace::begins(own) == Step::Not =>
                {
                    step
                }
                _ => return None,
            };
            Some((step, if resume.prefix.len > 0 { Prefix::of(line) } else { Prefix::default() }))
        });
        self.continues = resumed.is_some();
        let (step, prefix) = resumed.unwrap_or_else(|| begins(line));
        self.prefix = prefix;
        (self.kind, self.trace) = match step {
            Step::Part(trace) | Step::Text(trace) => (Kind::Orphan, Some(trace)),
            Step::Maybe(trace) => (Kind::Header, Some(trace)),
            Step::MaybeText(_) | Step::Not => (self.plain_kind(len), None),
        };
        self.heading = if self.trace.is_some_and(Trace::is_heading) { len } else { 0 };
        self.stack = self.trace.filter(|trace| trace.is_stack()).map(|_| 0);
    }

    /// The kind of a first line that begins no traceback.
    fn plain_kind(&mut self, len: usize) -> Kind {
        let (line, formats) = (&self.text[..len], &self.options.formats);
        if let Some(continuation) = formats.continuation(line) {
            self.prefix = Prefix::default();
            return Kind::Continued(continuation);
        }
        let own = (self.prefix.len > 0).then(|| &line[self.prefix.len..]);
        own.and_then(|own| formats.continuation(own)).map_or(Kind::Plain, Kind::Continued)
    }

    /// Appends the line to the record, if it belongs to it.
    fn extend(&mut self, line: &str, time: f64, is_record: &mut IsRecord<'_>) -> bool {
        match (&self.options.rules, self.kind) {
            (Rules::Off, _) => false,
            (Rules::Starts(start), _) => !start.is_match(line) && self.extend_message(line),
            (Rules::Tracebacks, Kind::Json(scan)) => self.extend_json(line, scan),
            (Rules::Tracebacks, _) => {
                let Some(own) = self.strip(line) else { return false };
                let is_bare = self.prefix.len > 0 && own.len() == line.len();
                let prefix = self.prefix.after(line);
                let is_taken = match self.kind {
                    Kind::Continued(continuation)
                        if self.trace.is_none()
                            && self.options.formats.continues(continuation, own)
                            && Trace::begins(own) == Step::Not =>
                    {
                        self.extend_message(line)
                    }
                    _ => self.extend_trace(line, own, time, is_record),
                };
                if is_taken {
                    self.is_bare |= is_bare;
                    self.prefix = prefix;
                }
                is_taken
            }
        }
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

    /// Appends the line to the traceback, if it belongs to it. `own` is the line without its
    /// prefix.
    fn extend_trace(
        &mut self,
        line: &str,
        own: &str,
        time: f64,
        is_record: &mut IsRecord<'_>,
    ) -> bool {
        let uncommitted = self.text.len() > self.committed;
        let is_apart = time - self.last_time > self.options.short_wait().as_secs_f64();
        let Some((trace, belongs)) = self.step(own, uncommitted, is_apart, is_record) else {
            return false;
        };
        if !self.has_room(line) {
            let trace = self.trace.filter(|_| !uncommitted);
            self.resume = trace.map(|trace| self.resume(trace, true));
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
            Belongs::Probable | Belongs::IfRecord => {
                self.message_end = self.text.len();
                self.needs_record = belongs == Belongs::IfRecord;
            }
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
            step = Trace::begins(line);
            if self.kind == Kind::Header {
                self.kind = Kind::Plain;
            }
            if step == Step::Not && matches!(self.kind, Kind::Plain | Kind::Continued(_)) {
                step = Trace::begins_after(&self.text[self.prefix.len..self.first], line);
            }
        }
        match step {
            Step::Not => None,
            Step::Part(trace) => Some((trace, Belongs::Certain)),
            Step::Maybe(trace) => Some((trace, Belongs::Possible)),
            Step::Text(_) | Step::MaybeText(_) if is_record(line) => None,
            Step::Text(_) if matches!(begins(line).0, Step::Part(_)) => None,
            Step::Text(trace) => {
                let belongs = self.message_belongs(uncommitted, is_apart, is_record)?;
                Some((trace, belongs))
            }
            Step::MaybeText(_) if Trace::begins(line) != Step::Not => None,
            Step::MaybeText(trace) => Some((trace, Belongs::Possible)),
        }
    }

    /// Whether any text after an exception is a part of its message. In a stream of unknown
    /// format it may as well be the program's output, so it is one only if the line above it
    /// announces more.
    fn message_belongs(
        &self,
        uncommitted: bool,
        is_apart: bool,
        is_record: &mut IsRecord<'_>,
    ) -> Option<Belongs> {
        const ANNOUNCES_MORE: [char; 6] = [':', ',', '(', '[', '{', '\\'];
        let format = self.format(is_record);
        if format == StreamFormat::Known {
            return Some(Belongs::Probable);
        }
        // A message is written in one piece.
        if is_apart {
            return None;
        }
        if !uncommitted && self.text.trim_end().ends_with(ANNOUNCES_MORE) {
            return Some(Belongs::Certain);
        }
        let is_first = format == StreamFormat::Unseen;
        Some(if is_first { Belongs::IfRecord } else { Belongs::Possible })
    }

    /// Whether the ordinary lines of the stream, and the record's own, have a known format, so
    /// that a line without one is no record.
    fn format(&self, is_record: &mut IsRecord<'_>) -> StreamFormat {
        let is_behind = self.prefix.len > 0 && !self.is_bare;
        let format = self.formats[usize::from(is_behind)];
        let start = if is_behind { self.prefix.len } else { 0 };
        match (self.kind, format) {
            (_, StreamFormat::Unknown(_)) => format,
            (Kind::Plain, _) if !is_record(&self.text[start..self.first]) => {
                StreamFormat::Unknown(0)
            }
            (Kind::Plain | Kind::Continued(_), _) => StreamFormat::Known,
            _ => format,
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
