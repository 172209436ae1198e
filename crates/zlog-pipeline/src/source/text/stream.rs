//! One stream of a [`TextSource`](super::TextSource): from its bytes to its records.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use super::options::{LineCounts, LineOptions, StreamSpec};
use crate::source::Sink;
use crate::source::lines::{Line, Splitter};
use crate::source::reader::{Block, Origin, ReadProgress};
use zlog_core::multiline::{Assembled, Assembler, Offer, Tag};
use zlog_core::parse::{self, Parser};
use zlog_core::{Level, RawJson, Record, Result};

/// State that the streams of a source share.
pub(super) struct Shared {
    pub(super) counts: LineCounts,
    pub(super) skip_empty: bool,
    /// Closed once records that are delivered count as not read.
    pub(super) progress: Arc<ReadProgress>,
}

/// State of one stream.
pub(super) struct Stream {
    pub(super) splitter: Splitter,
    pub(super) assembly: Assembly,
    /// The file that the bytes come from.
    pub(super) origin: Option<Arc<Origin>>,
    /// There is or was such a file.
    pub(super) has_begun: bool,
    /// Offset in that file of the end of the bytes received.
    pub(super) fed: u64,
    /// When the last line was read, also as seconds since 1970-01-01 UTC.
    since: Instant,
    received: f64,
}

/// Makes records of a stream's lines.
pub(super) struct Assembly {
    spec: StreamSpec,
    pub(super) parser: Parser,
    pub(super) assembler: Assembler,
    /// The level of an overlong line's first piece; its other pieces get it too.
    piece_level: Option<Level>,
    /// Offset in the file of the first byte of the next line.
    line_start: u64,
    /// Offset in the file up to which all records were delivered.
    pub(super) delivered: u64,
}

/// Bytes of a stream that are being split into lines.
pub(super) struct CurrentBlock {
    pub(super) stream: usize,
    pub(super) at: Instant,
    pub(super) block: Block,
    pub(super) pos: usize,
    /// The stream's last line ends with this block.
    pub(super) last: bool,
    /// That is because the source was asked to finish: the stream itself goes on.
    pub(super) cut: bool,
}

impl CurrentBlock {
    /// The end of a stream.
    pub(super) fn end(stream: usize) -> CurrentBlock {
        let (at, block) = (Instant::now(), Block::default());
        CurrentBlock { stream, at, block, pos: 0, last: true, cut: false }
    }
}

impl Stream {
    pub(super) fn new(spec: StreamSpec, options: &LineOptions) -> Stream {
        let assembler = Assembler::new(options.multiline.clone());
        Stream {
            splitter: Splitter::new(options.max_line),
            assembly: Assembly {
                spec,
                parser: Parser::new(options.parse.clone()),
                assembler,
                piece_level: None,
                line_start: 0,
                delivered: 0,
            },
            origin: None,
            has_begun: false,
            fed: 0,
            since: Instant::now(),
            received: 0.0,
        }
    }

    /// The next bytes come from there.
    pub(super) fn begin_at(&mut self, origin: Option<Origin>) {
        self.fed = origin.as_ref().map_or(0, |origin| origin.offset);
        (self.assembly.line_start, self.assembly.delivered) = (self.fed, self.fed);
        self.origin = origin.map(Arc::new);
        self.has_begun = true;
    }

    /// When the record that waits for more lines has waited long enough.
    pub(super) fn due(&self) -> Option<Instant> {
        let assembler = &self.assembly.assembler;
        assembler.holds().then(|| self.since + assembler.wait())
    }

    /// Delivers the records of a block, except one that later lines may continue.
    pub(super) fn deliver_block(
        &mut self,
        current: &mut CurrentBlock,
        shared: &mut Shared,
        sink: &mut Sink<'_>,
    ) -> Result<ControlFlow<()>> {
        self.since = current.at;
        if current.block.len > 0 {
            self.received = current.block.received;
        }
        loop {
            let cut = current.cut && self.splitter.is_at_end();
            if let Some(line) = self.splitter.peek(current.block.bytes(), &mut current.pos) {
                let tag = Tag { received: self.received, part: line.part, cut };
                if self.assembly.take(line, tag, shared, sink)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                self.splitter.advance(&mut current.pos);
                let ahead = current.block.len - current.pos + self.splitter.carried();
                self.assembly.line_start = self.fed - ahead as u64;
                continue;
            }
            if current.last && self.splitter.finish() {
                continue;
            }
            if current.last {
                self.assembly.assembler.expire();
            }
            return self.assembly.deliver(shared, sink);
        }
    }
}

impl Assembly {
    /// Takes a line, after delivering the record that it completes. If the sink breaks
    /// before that, the line has not been taken and must be passed again.
    fn take(
        &mut self,
        line: Line<'_>,
        tag: Tag,
        shared: &mut Shared,
        sink: &mut Sink<'_>,
    ) -> Result<ControlFlow<()>> {
        let text = parse::backslash_replace(line.bytes);
        while self.assembler.offer(&text, tag) == Offer::TakeFirst {
            if self.deliver(shared, sink)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        shared.counts.lines += 1;
        shared.counts.pieces += u64::from(tag.part > 0);
        shared.counts.cut_lines += u64::from(tag.cut);
        shared.counts.not_utf8 += u64::from(matches!(text, Cow::Owned(_)));
        Ok(ControlFlow::Continue(()))
    }

    /// Delivers the records that are complete.
    pub(super) fn deliver(
        &mut self,
        shared: &mut Shared,
        sink: &mut Sink<'_>,
    ) -> Result<ControlFlow<()>> {
        while let Some(assembled) = self.assembler.peek() {
            let mut flow = ControlFlow::Continue(());
            if shared.skip_empty && assembled.head.is_empty() && assembled.trace.is_none() {
                shared.counts.skipped += 1;
            } else {
                shared.counts.records += 1;
                let mut record = Record::default();
                let (parser, piece_level) = (&mut self.parser, &mut self.piece_level);
                fill(&mut record, assembled, &self.spec, piece_level, parser);
                flow = sink(&mut record)?;
            }
            self.assembler.pop();
            if flow.is_break() {
                self.note_delivered(shared);
                return Ok(flow);
            }
        }
        self.note_delivered(shared);
        Ok(ControlFlow::Continue(()))
    }
}

impl Assembly {
    /// Notes that all lines before the next one were delivered, if no record waits for it.
    fn note_delivered(&mut self, shared: &Shared) {
        let waits = self.assembler.holds() || self.assembler.peek().is_some();
        if !waits && !shared.progress.is_closed() {
            self.delivered = self.line_start;
        }
    }
}

/// Fills in an empty record, in place: a record is large, and there are many.
fn fill<'a>(
    record: &mut Record<'a>,
    assembled: Assembled<'a>,
    spec: &StreamSpec,
    piece_level: &mut Option<Level>,
    parser: &mut Parser,
) {
    let Assembled { head, trace, orphan, tag } = assembled;
    parser.set_received(tag.received);
    // Neither a later piece of a long line nor a line out of a traceback has fields of
    // its own.
    let found = if orphan || tag.part > 1 {
        record.msg = Cow::Borrowed(head);
        false
    } else {
        parser.parse_into(head, record)
    };
    if !found {
        let raised = trace.is_some() && !spec.explicit;
        record.level = if raised { Level::ERROR } else { spec.level };
    }
    if tag.part > 1 {
        record.level = piece_level.unwrap_or(record.level);
    } else if tag.part == 1 {
        *piece_level = Some(record.level);
    }
    if tag.part > 0 {
        record.extras.push((Cow::Borrowed("part"), RawJson(Cow::Owned(tag.part.to_string()))));
    }
    if tag.cut {
        record.extras.push((Cow::Borrowed("cut"), RawJson(Cow::Borrowed("true"))));
    }
    if let Some(trace) = trace {
        record.exc_text = Some(match record.exc_text.take() {
            Some(own) => Cow::Owned(format!("{own}\n{trace}")),
            None => Cow::Borrowed(trace),
        });
    }
    record.process = record.process.or(spec.process);
    parser.set_received_time(tag.received, record);
}
