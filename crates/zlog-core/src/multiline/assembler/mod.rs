//! The state of one stream: the lines of the current record, and whether more may follow.

mod extend;
mod interleaved;
mod peek;

use self::extend::StreamFormat;
use super::json::{self, Scan, Shape};
use super::trace::{self, Step, Trace};
use super::{Assembled, LATE, Offer, Options, Rules, Tag, Wait};
use crate::formats::{Continuation, Formats};
use crate::parse::prefix::{Prefix, begins_as_text};

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
    /// The format of the last record, for a next line that continues its message, and the prefix
    /// of its lines.
    late_message: Option<(Continuation, Prefix)>,
    /// Whether the record continues the last one.
    continues: bool,
    /// The stream has ended.
    is_last: bool,
    /// What is known about the line that is to be offered again.
    line_start: Option<LineStart>,
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
    /// Whether the first line may be the only one with that.
    may_be_bare: bool,
    /// The record was cut, so the next line is certain to be the next of the traceback.
    /// Otherwise, it did not come in time.
    is_cut: bool,
    /// Lines that perhaps belong to the traceback, and were delivered as others.
    skipped: u8,
}

/// The most lines after which a traceback goes on that did not come in time.
const MAX_SKIPPED: u8 = 2;

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

/// Whether a line is a record of a known format, rather than any text.
type IsRecord<'f> = dyn FnMut(&str) -> bool + 'f;

/// If so many ordinary lines in a row have a known format, one without is part of a message.
const FORMATTED: u8 = 16;

/// What is known about a line.
#[derive(Clone, Copy, Debug)]
struct LineStart {
    /// Whether a traceback begins with the line, after its prefix if it has one.
    begins: Step,
    /// Its prefix, unless a traceback begins with the whole line.
    prefix: Prefix,
    /// It has none of the bytes that most structure needs: see [`trace::is_plain`].
    is_plain: bool,
}

impl LineStart {
    fn at(line: &str) -> LineStart {
        let is_plain = trace::is_plain(line);
        let begins = Trace::begins_if(line, is_plain);
        if begins != Step::Not {
            return LineStart { begins, prefix: Prefix::default(), is_plain };
        }
        let prefix = match is_plain && begins_as_text(line) {
            true => Prefix::default(),
            false => Prefix::of(line),
        };
        let own = &line[prefix.len..];
        let has_trace = prefix.len > 0 && !begins_with_level(own);
        let begins = match if has_trace { Trace::begins(own) } else { Step::Not } {
            Step::Not if prefix.len == 0 || has_trace => Trace::begins_by_end(own),
            step => step,
        };
        LineStart { begins, prefix, is_plain }
    }
}

/// Whether the text begins with a word such as `INFO`, as most lines do after a time.
fn begins_with_level(text: &str) -> bool {
    let is_word = text.as_bytes().get(..4).is_some_and(|it| it.iter().all(u8::is_ascii_uppercase));
    is_word && !["SIG", "FATAL ERROR: ", "WARNING: "].iter().any(|start| text.starts_with(start))
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
            late_message: None,
            continues: false,
            is_last: false,
            line_start: None,
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
                self.is_last = false;
                let is_late = tag.time() - self.last_time > LATE;
                self.resume = self.resume.filter(|resume| resume.is_cut || !is_late);
                self.late_message = self.late_message.filter(|_| !is_late);
                (self.tag, self.last_time) = (tag, tag.time());
                let line_start = self.line_start.take();
                self.begin(line.len(), line_start, is_record);
                Offer::Taken
            }
            Phase::Open if tag.part == 0 && self.extend(line, tag.time(), is_record) => {
                self.tag.cut |= tag.cut;
                (self.line_start, self.last_time) = (None, tag.time());
                Offer::Taken
            }
            Phase::Open => {
                if self.message_end > self.committed {
                    self.end_message(line, is_record);
                }
                self.phase = Phase::Closed;
                Offer::TakeFirst
            }
            Phase::Closed | Phase::Expired => Offer::TakeFirst,
        }
    }

    /// Ends the wait for further lines at the end of the stream. If that `is_of_one_program`, it
    /// has perhaps ended with an exception, so text after one is the rest of its message.
    pub fn end(&mut self, is_of_one_program: bool) {
        let is_text = self.trace.is_some_and(Trace::is_text);
        if self.phase == Phase::Open && is_text && is_of_one_program {
            (self.message_end, self.needs_record) = (self.text.len(), false);
        }
        self.expire();
        self.is_last = true;
    }

    /// Ends the wait for further lines.
    pub fn expire(&mut self) {
        if self.phase == Phase::Open {
            let format = match self.kind {
                Kind::Continued(format) if self.trace.is_none() => Some(format),
                _ => None,
            };
            self.late_message = format.map(|format| (format, self.prefix));
            self.commit_message();
            let is_trace = self.kind == Kind::Orphan || self.committed > self.head;
            let has_ended = !is_trace || !self.text[self.committed..].trim().is_empty();
            let resume = self.trace.filter(|_| !has_ended);
            self.resume = resume.map(|trace| self.resume(trace, false)).or(self.resume);
        }
        if self.phase != Phase::Empty {
            self.phase = Phase::Expired;
        }
    }

    fn resume(&self, trace: Trace, is_cut: bool) -> Resume {
        let prefix = if self.is_bare { Prefix::default() } else { self.prefix };
        Resume { trace, prefix, may_be_bare: self.lines == 1, is_cut, skipped: 0 }
    }

    /// Ends the record before the line.
    fn end_message(&mut self, line: &str, is_record: &mut IsRecord<'_>) {
        let next = self.further(line);
        let begins = next.map_or(Step::Not, |next| next.begins);
        // The line above a traceback is its own, and not the end of a message.
        if matches!(begins, Step::Part(trace) if trace.belongs_to_a_line()) {
            return;
        }
        self.needs_record &= !next.is_some_and(|next| is_record(next.own));
        self.commit_message();
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

    /// Whether there is a closed record.
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed | Phase::Expired)
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

    /// Begins a record, whose first line are the first `len` bytes of `text`. `line_start` is what is
    /// known
    /// about it.
    fn begin(&mut self, len: usize, line_start: Option<LineStart>, is_record: &mut IsRecord<'_>) {
        (self.committed, self.head, self.first, self.lines) = (len, len, len, 1);
        (self.message_end, self.needs_record) = (0, false);
        (self.prefix, self.is_bare) = (Prefix::default(), false);
        (self.phase, self.kind, self.trace, self.stack) = (Phase::Open, Kind::Plain, None, None);
        self.continues = false;
        let line = &self.text[..len];
        if std::mem::take(&mut self.options.own_files) {
            let own = Formats::own_files();
            if own.continuation(line, false).is_some() {
                self.options.formats = own;
            }
        }
        match self.options.rules {
            _ if self.tag.part > 0 => self.phase = Phase::Closed,
            Rules::Off => (self.phase, self.prefix) = (Phase::Closed, Prefix::of(line)),
            Rules::Starts(_) => self.prefix = Prefix::of(line),
            // Delivered at once: no traceback belongs to an empty line.
            Rules::Tracebacks if line.is_empty() => self.phase = Phase::Closed,
            Rules::Tracebacks => match json::shape(line).filter(|_| self.options.json) {
                // An object has its traceback in a field.
                Some(Shape::Object) => self.phase = Phase::Closed,
                Some(Shape::Objects) => {
                    (self.phase, self.kind) = (Phase::Closed, Kind::Objects);
                }
                Some(Shape::Open(scan)) => self.kind = Kind::Json(scan),
                None => self.begin_line(len, line_start, is_record),
            },
        }
        self.late_message = None;
    }

    fn begin_line(
        &mut self,
        len: usize,
        line_start: Option<LineStart>,
        is_record: &mut IsRecord<'_>,
    ) {
        let late_message = self.late_message;
        let line = &self.text[..len];
        let line_start = line_start.unwrap_or_else(|| LineStart::at(line));
        let resume = self.resume.take();
        let resumed = resume.and_then(|resume| self.resumed(resume, line, line_start, is_record));
        let (resumed, later) = match (resume, resumed) {
            (Some(resume), Some((Step::Maybe(trace) | Step::MaybeText(trace), _))) => {
                (None, Some(Resume { trace, skipped: resume.skipped + 1, ..resume }))
            }
            // An empty line is no record of a traceback.
            (resume, Some((_, prefix))) if prefix.len == line.len() => (None, resume),
            (_, resumed) => (resumed, None),
        };
        let continued = late_message
            .filter(|late| self.continues_late(*late, line, line_start, is_record))
            .map(|(format, _)| format);
        self.continues = resumed.is_some() || continued.is_some();
        let (step, prefix) = resumed.unwrap_or((line_start.begins, line_start.prefix));
        self.prefix = prefix;
        (self.kind, self.trace) = match step {
            Step::Part(trace) | Step::Text(trace) => (Kind::Orphan, Some(trace)),
            Step::Maybe(trace) => (Kind::Header, Some(trace)),
            Step::MaybeText(_) | Step::Not => {
                let plain = || self.plain_kind(len, line_start.is_plain);
                (continued.map_or_else(plain, Kind::Continued), None)
            }
        };
        self.resume = later.filter(|later| later.skipped <= MAX_SKIPPED);
        self.heading = if self.trace.is_some_and(Trace::is_heading) { len } else { 0 };
        self.stack = self.trace.filter(|trace| trace.is_stack()).map(|_| 0);
    }

    /// The step of a traceback whose record has ended, if the line may continue it, and the
    /// prefix.
    fn resumed(
        &self,
        resume: Resume,
        line: &str,
        line_start: LineStart,
        is_record: &mut IsRecord<'_>,
    ) -> Option<(Step, Prefix)> {
        let found = resume.prefix.find(line, line_start.prefix);
        let is_bare = found.is_none() && resume.may_be_bare && line_start.prefix.len == 0;
        let (start, mut prefix) = found.or(is_bare.then_some((0, Prefix::default())))?;
        let own = &line[start..];
        let step = resume.trace.follows(own);
        let is_next = match step {
            Step::Not => false,
            Step::Part(_) | Step::Text(_) if resume.is_cut => true,
            Step::Part(_) => !is_record(own),
            _ if line_start.begins != Step::Not || is_record(own) => false,
            Step::Text(_) => self.formats[usize::from(prefix.len > 0)] == StreamFormat::Known,
            Step::Maybe(_) | Step::MaybeText(_) => true,
        };
        prefix.len = start;
        is_next.then_some((step, prefix))
    }

    /// Whether the line continues the message of the last record.
    fn continues_late(
        &self,
        (format, prefix): (Continuation, Prefix),
        line: &str,
        line_start: LineStart,
        is_record: &mut IsRecord<'_>,
    ) -> bool {
        let Some((start, _)) = prefix.find(line, line_start.prefix) else { return false };
        let own = &line[start..];
        line_start.begins == Step::Not
            && self.options.formats.continues(format, own)
            && !is_record(own)
    }

    /// The kind of a first line that begins no traceback.
    fn plain_kind(&mut self, len: usize, is_plain: bool) -> Kind {
        let (line, formats) = (&self.text[..len], &self.options.formats);
        if let Some(continuation) = formats.continuation(line, is_plain) {
            self.prefix = Prefix::default();
            return Kind::Continued(continuation);
        }
        let own = (self.prefix.len > 0).then(|| &line[self.prefix.len..]);
        own.and_then(|own| formats.continuation(own, is_plain)).map_or(Kind::Plain, Kind::Continued)
    }
}
