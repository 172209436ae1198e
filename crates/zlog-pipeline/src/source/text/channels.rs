//! The lines of a stream, and those that a container runtime has enclosed in them: a channel
//! of its own for each of the program's stdout and stderr. A traceback whose lines have a prefix
//! gets a channel when a line of another program comes between them.

use std::ops::ControlFlow;
use std::time::Instant;

use super::assembly::Assembly;
use super::options::{LineCounts, LineOptions, StreamSpec};
use super::shared::Shared;
use crate::source::Sink;
use zlog_core::Result;
use zlog_core::multiline::{Offer, Tag};
use zlog_core::parse::{Enclosed, Parser, backslash_replace, enclosed};

/// Makes records of a stream's lines.
pub(super) struct Channels {
    spec: StreamSpec,
    options: LineOptions,
    /// The assembly of the stream's own lines; then, once they are needed, one for stdout and one
    /// for stderr of a container, and those of interleaved tracebacks.
    assemblies: Vec<Assembly>,
    /// The one that has taken the last line.
    last: usize,
    /// Offset in the file of the first byte of the next line.
    line_start: u64,
    /// Offset in the file up to which all records were delivered.
    pub(super) delivered: u64,
}

/// The channel of the first interleaved traceback.
const INTERLEAVED: usize = 3;

/// The most tracebacks that are read at the same time.
const MAX_INTERLEAVED: usize = 16;

impl Channels {
    pub(super) fn new(spec: StreamSpec, options: &LineOptions) -> Channels {
        Channels {
            spec,
            options: options.clone(),
            assemblies: vec![Assembly::new(spec, options)],
            last: 0,
            line_start: 0,
            delivered: 0,
        }
    }

    /// The next line begins at this offset of another file.
    pub(super) fn begin_at(&mut self, offset: u64) {
        (self.line_start, self.delivered) = (offset, offset);
    }

    /// The next line begins at this offset.
    pub(super) fn next_line_at(&mut self, offset: u64) {
        self.line_start = offset;
    }

    /// From now on, lines are read as they are written.
    pub(super) fn set_live(&mut self) {
        self.options.parse.stored = false;
        self.assemblies.iter_mut().for_each(|assembly| assembly.parser.set_live());
    }

    /// Lines that did not match, records with a value that is kept as text, and tracebacks
    /// that were cut.
    pub(super) fn counts(&self) -> LineCounts {
        let parsers = || self.assemblies.iter().map(|assembly| &assembly.parser);
        LineCounts {
            unmatched: parsers().map(Parser::unmatched).sum(),
            quoted: parsers().map(Parser::quoted).sum(),
            cuts: self.assemblies.iter().map(|assembly| assembly.assembler.cuts()).sum(),
            ..LineCounts::default()
        }
    }

    /// Whether the bytes are a line of a known format.
    pub(super) fn is_record(&mut self, bytes: &[u8]) -> bool {
        self.assemblies[0].parser.recognize(&backslash_replace(bytes)).is_some()
    }

    /// The number of channels.
    #[cfg(test)]
    pub(super) fn channels(&self) -> usize {
        self.assemblies.len()
    }

    /// Whether a record waits for more lines.
    pub(super) fn waits(&self) -> bool {
        self.assemblies.iter().any(Assembly::waits)
    }

    /// When a record that waits for more lines has waited long enough.
    pub(super) fn due(&self) -> Option<Instant> {
        self.assemblies.iter().filter_map(Assembly::due).min()
    }

    /// Ends the records that have waited long enough at the time `now`. Returns whether there
    /// are any.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        self.expire_except(None, now)
    }

    /// As [`Channels::expire`], except in the channel of the last line.
    pub(super) fn expire_others(&mut self, now: Instant) {
        self.expire_except(Some(self.last), now);
    }

    fn expire_except(&mut self, except: Option<usize>, now: Instant) -> bool {
        let mut found = false;
        for (at, assembly) in self.assemblies.iter_mut().enumerate() {
            if except.is_some_and(|except| except != at) {
                // It may have taken a line since the last block.
                assembly.set_wait(false);
            }
            if except != Some(at) && assembly.due().is_some_and(|due| due <= now) {
                assembly.expire();
                found = true;
            }
        }
        found
    }

    /// Ends all records: the stream has ended.
    pub(super) fn end(&mut self) {
        self.assemblies.iter_mut().for_each(Assembly::end);
    }

    /// Bytes were read at the time `now`.
    pub(super) fn begin_block(&mut self, now: Instant) {
        self.assemblies[self.last].since = now;
    }

    /// Sets how long records wait for more lines. `more`: more input is certain to follow.
    pub(super) fn set_waits(&mut self, more: bool) {
        self.assemblies.iter_mut().for_each(|assembly| assembly.set_wait(more));
    }

    /// Takes a line, after delivering the record that it completes. If the sink breaks
    /// before that, the line has not been taken and must be passed again.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        tag: Tag,
        shared: &mut Shared,
        sink: &mut Sink<'_>,
    ) -> Result<ControlFlow<()>> {
        let line = backslash_replace(bytes);
        let opens = tag.part == 0 && self.assemblies[0].parser.opens_lines();
        let inner = if opens { enclosed(&line) } else { None };
        if inner.is_some() != (1..INTERLEAVED).contains(&self.last) {
            // Text that mixes both is no stream. It keeps its order.
            self.end();
            if self.deliver(shared, sink)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        let flow = match inner {
            None => {
                let at = self.channel_of(&line);
                self.offer(at, &line, tag, shared, sink)?
            }
            Some(inner) => self.take_enclosed(&inner, tag, shared, sink)?,
        };
        if flow.is_continue() {
            shared.counts.lines += 1;
            shared.counts.pieces += u64::from(tag.part > 0);
            shared.counts.cut_lines += u64::from(tag.cut);
            shared.counts.not_utf8 += u64::from(line.len() != bytes.len());
        }
        Ok(flow)
    }

    /// The channel of a line that is not enclosed. A traceback that goes on gets a channel of its
    /// own if the line is one of another program.
    fn channel_of(&mut self, line: &str) -> usize {
        let is_open = self.assemblies[0].assembler.may_be_interleaved();
        let interleaved = self.assemblies.iter().skip(INTERLEAVED);
        if !is_open && !interleaved.clone().any(Assembly::waits) {
            return 0;
        }
        if is_open && !self.assemblies[0].assembler.is_of_other(line) {
            return 0;
        }
        let is_open = is_open && self.assemblies[0].waits_for_its_own();
        for assembly in self.assemblies.iter_mut().skip(INTERLEAVED).filter(|it| it.waits()) {
            assembly.others += 1;
            if assembly.others > assembly.assembler.max_between() {
                assembly.assembler.expire();
            }
        }
        let has_prefix = |assembly: &Assembly| assembly.assembler.is_of_same(line);
        let found = self.assemblies.iter().skip(INTERLEAVED).position(has_prefix);
        if let Some(found) = found {
            self.assemblies[INTERLEAVED + found].others = 0;
            return INTERLEAVED + found;
        }
        if is_open && let Some(free) = self.free_channel() {
            let (own, rest) = self.assemblies.split_at_mut(1);
            own[0].move_record(&mut rest[free - 1]);
        }
        0
    }

    /// A channel without a record. `None` if too many tracebacks are being read.
    fn free_channel(&mut self) -> Option<usize> {
        self.open();
        let mut interleaved = self.assemblies.iter().skip(INTERLEAVED);
        let is_free = |assembly: &Assembly| !assembly.waits() && !assembly.has_record();
        if let Some(free) = interleaved.position(is_free) {
            return Some(INTERLEAVED + free);
        }
        if self.assemblies.len() == INTERLEAVED + MAX_INTERLEAVED {
            return None;
        }
        self.assemblies.push(self.new_assembly());
        Some(self.assemblies.len() - 1)
    }

    fn new_assembly(&self) -> Assembly {
        let mut options = self.options.clone();
        options.parse.own_files = false;
        Assembly::new(self.spec, &options)
    }

    /// As [`Channels::take`], for an enclosed line, or a part of one.
    fn take_enclosed(
        &mut self,
        inner: &Enclosed<'_>,
        tag: Tag,
        shared: &mut Shared,
        sink: &mut Sink<'_>,
    ) -> Result<ControlFlow<()>> {
        self.open();
        let at = 1 + usize::from(inner.enclosure.is_stderr);
        let other = &mut self.assemblies[3 - at];
        if other.is_overtaken(inner.enclosure.created) {
            other.expire();
            if self.deliver(shared, sink)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        let held = &mut self.assemblies[at].held;
        let (len, before) = (held.text.len(), held.tag);
        held.text.push_str(&inner.text);
        let first = held.tag.get_or_insert(Tag { enclosure: Some(inner.enclosure), ..tag });
        first.cut |= tag.cut;
        let piece = held.piece(inner.is_partial);
        let is_long = held.text.len() >= self.options.max_line;
        let Some(tag) = piece.filter(|_| is_long || !inner.is_partial) else {
            self.note_channel(at);
            return Ok(ControlFlow::Continue(()));
        };
        let mut line = std::mem::take(&mut held.text);
        let flow = self.offer(at, &line, tag, shared, sink)?;
        let held = &mut self.assemblies[at].held;
        if flow.is_break() {
            line.truncate(len);
            held.tag = before;
        } else {
            line.clear();
            held.tag = None;
            held.pieces = if inner.is_partial { tag.part } else { 0 };
            shared.counts.pieces += u64::from(tag.part > 0);
        }
        held.text = line;
        Ok(flow)
    }

    /// Makes the channels of enclosed lines, if there are none.
    fn open(&mut self) {
        if self.assemblies.len() == 1 {
            let channels = [(); 2].map(|()| self.new_assembly());
            self.assemblies.extend(channels);
        }
    }

    /// Offers a line to a channel, after delivering the record that it completes.
    fn offer(
        &mut self,
        mut at: usize,
        line: &str,
        tag: Tag,
        shared: &mut Shared,
        sink: &mut Sink<'_>,
    ) -> Result<ControlFlow<()>> {
        while self.assemblies[at].offer(line, tag) == Offer::TakeFirst {
            let flow = self.assemblies[at].deliver(shared, sink)?;
            self.note_delivered(shared);
            if flow.is_break() {
                return Ok(flow);
            }
            if at >= INTERLEAVED && !self.assemblies[at].waits() {
                at = 0;
            }
        }
        self.note_channel(at);
        Ok(ControlFlow::Continue(()))
    }

    /// Notes that the last line was one of this channel.
    fn note_channel(&mut self, at: usize) {
        self.assemblies[at].since = self.assemblies[self.last].since;
        self.last = at;
    }

    /// Delivers the records that are complete.
    pub(super) fn deliver(
        &mut self,
        shared: &mut Shared,
        sink: &mut Sink<'_>,
    ) -> Result<ControlFlow<()>> {
        // Interleaved tracebacks have begun before the record of the other lines.
        let first = self.assemblies.len().min(INTERLEAVED);
        let (others, interleaved) = self.assemblies.split_at_mut(first);
        for assembly in interleaved.iter_mut().chain(others) {
            if assembly.deliver(shared, sink)?.is_break() {
                self.note_delivered(shared);
                return Ok(ControlFlow::Break(()));
            }
        }
        self.note_delivered(shared);
        Ok(ControlFlow::Continue(()))
    }

    /// Notes that all lines before the next one were delivered, if no record waits for it.
    fn note_delivered(&mut self, shared: &Shared) {
        let has_record = |assembly: &Assembly| assembly.waits() || assembly.has_record();
        if !shared.progress.is_closed() && !self.assemblies.iter().any(has_record) {
            self.delivered = self.line_start;
        }
    }
}
