//! The parts of a record: message, traceback, call stack.

use super::{Assembled, Assembler, Kind, Prefix, json, trace};
use crate::level::Level;

impl Assembler {
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
            prefixed: None,
            uncaught: false,
            implied: self.implied(),
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

    /// See [`Assembled::implied`].
    fn implied(&self) -> Option<Level> {
        let has_trace = self.kind == Kind::Orphan || self.committed > self.head;
        if self.heading == 0 || has_trace {
            return None;
        }
        let is_last = self.is_last && self.committed == self.text.len();
        trace::level_of_heading(&self.text[self.prefix.len..self.first], is_last)
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
            false => self.own(line),
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

    /// A further line of the record, without its prefix.
    fn own<'l>(&self, line: &'l str) -> &'l str {
        if self.is_bare { line } else { self.prefix.strip(line).unwrap_or(line) }
    }

    /// Removes the message of the record that [`peek`](Assembler::peek) returns: its traceback
    /// is a record of its own.
    pub fn split(&mut self) {
        let Some(rest) = self.text.get(self.head + 1..self.committed) else { return self.pop() };
        let heading = trace::heading_len(rest, |line| self.own(line));
        self.tag.line +=
            memchr::memchr_iter(b'\n', &self.text.as_bytes()[..=self.head]).count() as u64;
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
}
