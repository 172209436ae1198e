//! One stream of a [`TextSource`](super::TextSource): from its bytes to its records.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::encoding::Encoding;
use super::options::{LineCounts, LineOptions, StreamSpec};
use super::progress::{self, Progress};
use crate::source::Sink;
use crate::source::lines::{Line, Splitter};
use crate::source::reader::{BLOCK, Block, Origin, ReadProgress};
use zlog_core::formats::Formats;
use zlog_core::multiline::{self, Assembled, Assembler, Offer, Tag, Wait, mentions_error};
use zlog_core::parse::{self, Parser};
use zlog_core::text::prefix;
use zlog_core::wire::json;
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
    pub(super) encoding: Encoding,
    pub(super) splitter: Splitter,
    pub(super) progress: Progress,
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
    /// How long the record that may go on waits for more lines.
    wait: Duration,
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
    /// Whether the record was ended because no more lines came in time.
    is_expired: bool,
    /// The last record that ended so, for a traceback that comes later.
    previous: Option<Previous>,
}

/// A record that was delivered before its traceback came.
struct Previous {
    message: String,
    level: Level,
    received: f64,
}

/// How long after a line a traceback is taken for that of the line, in seconds.
const LATE: f64 = 1.0;

/// Maximum length of the message in the extra `traceback_of`, in bytes.
const MAX_MESSAGE: usize = 200;

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
        let formats = match options.parse.detect {
            true => options.parse.formats.clone(),
            false => Formats::none(),
        };
        let multiline = multiline::Options { formats, ..options.multiline.clone() };
        let assembler = Assembler::new(multiline);
        Stream {
            encoding: Encoding::default(),
            progress: Progress::default(),
            splitter: Splitter::new(options.max_line),
            assembly: Assembly {
                spec,
                parser: Parser::new(options.parse.clone()),
                assembler,
                piece_level: None,
                line_start: 0,
                delivered: 0,
                is_expired: false,
                previous: None,
            },
            origin: None,
            has_begun: false,
            fed: 0,
            since: Instant::now(),
            received: 0.0,
            wait: Duration::ZERO,
        }
    }

    /// The next bytes come from there.
    pub(super) fn begin_at(&mut self, origin: Option<Origin>) {
        self.fed = origin.as_ref().map_or(0, |origin| origin.offset);
        (self.assembly.line_start, self.assembly.delivered) = (self.fed, self.fed);
        self.origin = origin.map(Arc::new);
        self.encoding = Encoding::default();
        self.has_begun = true;
    }

    /// When the record that waits for more lines has waited long enough.
    pub(super) fn due(&self) -> Option<Instant> {
        (self.assembly.assembler.wait() != Wait::None).then(|| self.since + self.wait)
    }

    /// When the present state of an unfinished line is to be delivered.
    pub(super) fn state_due(&self) -> Option<Instant> {
        self.progress.due(self.since)
    }

    /// Delivers the present state of an unfinished line, if it is due.
    pub(super) fn deliver_state(
        &mut self,
        shared: &mut Shared,
        sink: &mut Sink<'_>,
    ) -> Result<ControlFlow<()>> {
        if !self.progress.is_due {
            return Ok(ControlFlow::Continue(()));
        }
        let partial = self.splitter.partial();
        let state = progress::last_state(partial).to_vec();
        let tag = Tag { received: self.received, ..Tag::default() };
        if self.assembly.take(Line { bytes: &state, part: 0 }, tag, shared, sink)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        shared.counts.replaced += self.progress.replaced(partial);
        let start = progress::last_state_start(partial);
        self.splitter.drop_partial(start);
        self.progress.sent(state);
        self.assembly.assembler.expire();
        self.assembly.deliver(shared, sink)
    }

    /// How long to wait for more lines after a block. A line waits if a traceback is likely to
    /// follow, or if more input is certain to.
    fn wait_after(&mut self, block: &Block) -> Duration {
        let Assembly { assembler, parser, .. } = &mut self.assembly;
        let options = assembler.options();
        let (short, long) = (options.short_wait(), options.wait);
        let more = || block.len >= BLOCK || self.splitter.is_within_line();
        match assembler.wait() {
            Wait::None => Duration::ZERO,
            Wait::Line(line) if !more() && !is_error(line, parser) => Duration::ZERO,
            Wait::Line(_) | Wait::Short if !more() => short,
            Wait::Line(_) | Wait::Short | Wait::Long => long,
        }
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
                let has_states = line.part == 0
                    && self.progress.has_states(line.bytes, |first| {
                        is_record(first, &mut self.assembly.parser)
                    });
                let shown = match has_states {
                    true => self.progress.finish(line.bytes),
                    false => Some(line.bytes),
                };
                if let Some(bytes) = shown
                    && self.assembly.take(Line { bytes, ..line }, tag, shared, sink)?.is_break()
                {
                    return Ok(ControlFlow::Break(()));
                }
                if has_states {
                    shared.counts.replaced += self.progress.replaced(line.bytes);
                }
                self.progress.reset();
                self.splitter.advance(&mut current.pos);
                let ahead = current.block.len - current.pos + self.splitter.carried();
                // Of UTF-16, only the end of a block has a known place.
                if ahead == 0 || !self.encoding.is_utf16() {
                    self.assembly.line_start = self.fed.saturating_sub(ahead as u64);
                }
                continue;
            }
            if current.last && self.splitter.finish() {
                continue;
            }
            if current.last {
                self.assembly.assembler.expire();
            }
            let flow = self.assembly.deliver(shared, sink)?;
            let is_record = |first: &[u8]| is_record(first, &mut self.assembly.parser);
            self.progress.observe(self.splitter.partial(), is_record);
            self.wait = self.wait_after(&current.block);
            return Ok(flow);
        }
    }
}

/// Whether the bytes are a line of a known format.
fn is_record(bytes: &[u8], parser: &mut Parser) -> bool {
    parser.recognize(&parse::backslash_replace(bytes)).is_some()
}

/// Whether a traceback is likely to follow the line.
fn is_error(line: &str, parser: &mut Parser) -> bool {
    match parser.recognize(line) {
        None | Some(Level::NOTSET) => mentions_error(line),
        Some(level) => level >= Level::ERROR,
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
        loop {
            let mut is_record = |line: &str| self.parser.recognize(line).is_some();
            match self.assembler.offer(&text, tag, &mut is_record) {
                Offer::Taken => break,
                Offer::TakeFirst => {
                    if self.deliver(shared, sink)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
        }
        self.is_expired = false;
        shared.counts.lines += 1;
        shared.counts.pieces += u64::from(tag.part > 0);
        shared.counts.cut_lines += u64::from(tag.cut);
        shared.counts.not_utf8 += u64::from(matches!(text, Cow::Owned(_)));
        Ok(ControlFlow::Continue(()))
    }

    /// Ends the record, since no more lines have come in time.
    pub(super) fn expire(&mut self) {
        self.assembler.expire();
        self.is_expired = true;
    }

    /// Delivers the records that are complete.
    pub(super) fn deliver(
        &mut self,
        shared: &mut Shared,
        sink: &mut Sink<'_>,
    ) -> Result<ControlFlow<()>> {
        while let Some(assembled) = self.assembler.peek() {
            let is_empty = assembled.head.is_empty() && assembled.trace.is_none();
            if shared.skip_empty && is_empty && !assembled.orphan {
                shared.counts.skipped += 1;
                self.assembler.pop();
                continue;
            }
            shared.counts.records += 1;
            let mut record = Record::default();
            let (parser, piece_level) = (&mut self.parser, &mut self.piece_level);
            let parsed = fill(&mut record, assembled, &self.spec, piece_level, parser);
            let previous = self.previous.take();
            if assembled.orphan && !assembled.uncaught {
                follow(&mut record, assembled, previous);
            } else if self.is_expired && assembled.trace.is_none() {
                self.previous = Some(Previous::new(&record, assembled.tag));
            }
            let flow = sink(&mut record)?;
            if !assembled.orphan && assembled.tag.part == 0 && !is_empty {
                self.assembler.note_format(parsed.is_known);
            }
            if parsed.splits {
                self.assembler.split();
            } else {
                self.assembler.pop();
            }
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
        let waits = self.assembler.wait() != Wait::None || self.assembler.peek().is_some();
        if !waits && !shared.progress.is_closed() {
            self.delivered = self.line_start;
        }
    }
}

impl Previous {
    fn new(record: &Record<'_>, tag: Tag) -> Previous {
        let message = prefix(&record.msg, MAX_MESSAGE).to_owned();
        Previous { message, level: record.level, received: tag.received }
    }
}

/// Names the record that a traceback belongs to, if it was delivered just before.
fn follow(record: &mut Record<'_>, assembled: Assembled<'_>, previous: Option<Previous>) {
    let Some(previous) = previous else { return };
    if assembled.tag.received - previous.received > LATE {
        return;
    }
    if !is_failure(assembled) {
        record.level = previous.level;
    }
    let mut json = Vec::with_capacity(previous.message.len() + 2);
    json::write_string(&previous.message, &mut json);
    let json = String::from_utf8_lossy(&json).into_owned();
    record.extras.push((Cow::Borrowed("traceback_of"), RawJson(Cow::Owned(json))));
}

/// Whether the record has a traceback, and not only a call stack.
fn is_failure(assembled: Assembled<'_>) -> bool {
    assembled.trace.is_some() || assembled.orphan && assembled.stack.is_none()
}

/// What `fill` has found.
struct Parsed {
    /// The line has a level or a time.
    is_known: bool,
    /// The traceback is left for a record of its own.
    splits: bool,
}

/// Fills in an empty record, in place: a record is large, and there are many.
fn fill<'a>(
    record: &mut Record<'a>,
    assembled: Assembled<'a>,
    spec: &StreamSpec,
    piece_level: &mut Option<Level>,
    parser: &mut Parser,
) -> Parsed {
    let Assembled { head, trace, stack, orphan, uncaught, tag } = assembled;
    parser.set_received(tag.received);
    // Neither a later piece of a long line nor a line out of a traceback has fields of
    // its own.
    let found = if orphan || tag.part > 1 {
        record.msg = Cow::Borrowed(head);
        false
    } else {
        parser.parse_into(head, record)
    };
    let is_known = found || record.created.is_some();
    if !found {
        record.level = spec.level;
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
    record.process = record.process.or(spec.process);
    parser.set_received_time(tag.received, record);
    let is_error = record.level >= Level::ERROR;
    if uncaught && !orphan && !is_error {
        return Parsed { is_known, splits: true };
    }
    if is_failure(assembled) && !is_error {
        (record.level, record.levelname) = (Level::ERROR, None);
    }
    append(&mut record.exc_text, trace);
    append(&mut record.stack_info, stack);
    Parsed { is_known, splits: false }
}

/// Appends text from below a line to a field that the line may have, too.
fn append<'a>(field: &mut Option<Cow<'a, str>>, text: Option<&'a str>) {
    let Some(text) = text else { return };
    *field = Some(match field.take() {
        Some(own) => Cow::Owned(format!("{own}\n{text}")),
        None => Cow::Borrowed(text),
    });
}
