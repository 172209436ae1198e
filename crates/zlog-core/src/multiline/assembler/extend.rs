//! Which lines belong to the current record.

use super::json::{self, Scan};
use super::{Assembler, FORMATTED, IsRecord, Kind, LineStart, Phase, Prefix, Rules, Step, Trace};
use crate::formats::Continuation;

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

/// Whether the ordinary lines of a stream are records of a known format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum StreamFormat {
    /// There were none yet.
    Unseen,
    /// All since the beginning, or the last [`FORMATTED`].
    Known,
    /// The number of those since the last line without one.
    Unknown(u8),
}

impl StreamFormat {
    pub(super) fn note(&mut self, is_known: bool) {
        *self = match *self {
            _ if !is_known => StreamFormat::Unknown(0),
            StreamFormat::Unknown(lines) if lines + 1 < FORMATTED => {
                StreamFormat::Unknown(lines + 1)
            }
            _ => StreamFormat::Known,
        };
    }
}

/// A line that may be a further one of the record.
#[derive(Clone, Copy)]
pub(super) struct Further<'l> {
    whole: &'l str,
    /// The line as the program has written it: without its prefix.
    pub(super) own: &'l str,
    /// Whether a traceback begins with that.
    pub(super) begins: Step,
    /// Whether one begins with that, or with what follows a prefix.
    begins_behind: Step,
    /// The prefix of the record's lines, if this is one of them.
    prefix: Prefix,
}

impl Assembler {
    /// Appends the line to the record, if it belongs to it.
    pub(super) fn extend(&mut self, line: &str, time: f64, is_record: &mut IsRecord<'_>) -> bool {
        match (&self.options.rules, self.kind) {
            (Rules::Off, _) => false,
            (Rules::Starts(start), _) => !start.is_match(line) && self.extend_message(line),
            (Rules::Tracebacks, Kind::Json(scan)) => self.extend_json(line, scan),
            (Rules::Tracebacks, kind) => {
                let Some(line) = self.further(line) else { return false };
                let is_taken = match kind {
                    Kind::Continued(format) if self.continues_format(format, line) => {
                        self.extend_message(line.whole)
                    }
                    _ => self.extend_trace(line, time, is_record),
                };
                if is_taken && self.prefix.len > 0 {
                    self.is_bare |= line.own.len() == line.whole.len();
                    self.prefix = line.prefix;
                }
                is_taken
            }
        }
    }

    /// What is known about a line that may be a further one of the record. `None` if it is one of
    /// another program.
    pub(super) fn further<'l>(&mut self, whole: &'l str) -> Option<Further<'l>> {
        let line_start = *self.line_start.get_or_insert_with(|| LineStart::at(whole));
        let (start, prefix) = match self.prefix {
            _ if self.is_bare => (0, self.prefix),
            // The first line's prefix may be that of a record whose traceback has none.
            prefix if self.lines == 1 && line_start.prefix.len == 0 => {
                prefix.find(whole, line_start.prefix).unwrap_or((0, prefix))
            }
            prefix => prefix.find(whole, line_start.prefix)?,
        };
        let own = &whole[start..];
        let begins = match start {
            start if start == line_start.prefix.len => line_start.begins,
            // The whole line begins no traceback, since it has a prefix.
            0 => Step::Not,
            _ => Trace::begins(own),
        };
        Some(Further { whole, own, begins, begins_behind: line_start.begins, prefix })
    }

    /// Whether the line continues the message by the rule of its format.
    fn continues_format(&self, format: Continuation, line: Further<'_>) -> bool {
        self.trace.is_none()
            && line.begins == Step::Not
            && self.options.formats.continues(format, line.own)
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

    /// Appends the line to the traceback, if it belongs to it.
    fn extend_trace(&mut self, line: Further<'_>, time: f64, is_record: &mut IsRecord<'_>) -> bool {
        let uncommitted = self.text.len() > self.committed;
        let is_apart = time - self.last_time > self.options.short_wait().as_secs_f64();
        let Some((trace, belongs)) = self.step(line, uncommitted, is_apart, is_record) else {
            return false;
        };
        let line = line.whole;
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
        line: Further<'_>,
        uncommitted: bool,
        is_apart: bool,
        is_record: &mut IsRecord<'_>,
    ) -> Option<(Trace, Belongs)> {
        let mut step = self.trace.map_or(Step::Not, |trace| trace.follows(line.own));
        let is_at_head = !uncommitted && self.kind != Kind::Orphan && self.committed == self.head;
        // An exception may be the message above the traceback, too.
        let begins = matches!(line.begins, Step::Part(_)) && !matches!(step, Step::Part(_));
        if (step == Step::Not || begins && self.kind == Kind::Header) && is_at_head {
            step = line.begins;
            if self.kind == Kind::Header {
                self.kind = Kind::Plain;
            }
            if step == Step::Not && matches!(self.kind, Kind::Plain | Kind::Continued(_)) {
                step = Trace::begins_after(&self.text[self.prefix.len..self.first], line.own);
            }
        }
        match step {
            Step::Not => None,
            Step::Part(trace) => Some((trace, Belongs::Certain)),
            Step::Maybe(trace) => Some((trace, Belongs::Possible)),
            Step::Text(_) | Step::MaybeText(_) if is_record(line.own) => None,
            Step::Text(_) if matches!(line.begins_behind, Step::Part(_)) => None,
            Step::Text(trace) => {
                let belongs = self.message_belongs(uncommitted, is_apart, is_record)?;
                Some((trace, belongs))
            }
            Step::MaybeText(_) if line.begins != Step::Not => None,
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
