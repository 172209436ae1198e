//! Tracebacks whose lines alternate with those of other programs.

use super::{Assembler, Kind, Phase, Prefix};
use crate::parse::prefix;

impl Assembler {
    /// Whether the record goes on and its lines have a prefix, so that lines of other programs
    /// may come between them.
    pub fn may_be_interleaved(&self) -> bool {
        self.phase == Phase::Open && self.prefix.len > 0 && !self.is_bare
    }

    /// Whether the record is worth a place of its own while lines of other programs pass:
    /// it is a traceback, or a line about an error (`is_error`) of a container, whose traceback
    /// may follow. Other lines would change places with these for nothing, and in the journal of
    /// a system, errors would.
    pub fn waits_for_its_own(&self, is_error: impl FnOnce(&str) -> bool) -> bool {
        let is_trace =
            matches!(self.kind, Kind::Header | Kind::Orphan) || self.committed > self.first;
        is_trace || {
            let line = &self.text[..self.first];
            prefix::is_of_container(&line[..self.prefix.len]) && is_error(line)
        }
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
        // What is left of its last record, and of the line that ended that.
        (self.resume, self.line_start, other.line_start) = (None, None, None);
    }
}
