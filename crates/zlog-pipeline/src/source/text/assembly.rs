//! From the lines of a channel to its records.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::options::{Explained, LineOptions, StreamSpec};
use super::shared::Shared;
use crate::source::Sink;
use zlog_core::formats::Formats;
use zlog_core::multiline::{self, Assembled, Assembler, LATE, Offer, Tag, Wait, mentions_error};
use zlog_core::parse::{Batch, Parser};
use zlog_core::text::json;
use zlog_core::text::prefix;
use zlog_core::{Level, RawJson, Record, Result};

/// Makes records of a channel's lines.
pub(super) struct Assembly {
    spec: StreamSpec,
    pub(super) parser: Parser,
    pub(super) assembler: Assembler,
    pub(super) held: PartialLine,
    /// The level of an overlong line's first piece; its other pieces get it too.
    piece_level: Option<Level>,
    /// The batch that is being delivered.
    batch: Option<Batch>,
    /// Whether the record was ended because no more lines came in time.
    is_expired: bool,
    /// The last record that ended so, for a traceback that comes later.
    previous: Option<Previous>,
    /// When the last line was read.
    pub(super) since: Instant,
    /// When it was written, as far as is known: seconds since 1970-01-01 UTC.
    last_time: f64,
    /// How long the record that may go on waits for more lines.
    wait: Duration,
    /// The lines of other channels since the last line.
    pub(super) others: usize,
}

/// The parts of an enclosed line whose end has not come.
#[derive(Default)]
pub(super) struct PartialLine {
    pub(super) text: String,
    /// The tag of the first part, if there is one.
    pub(super) tag: Option<Tag>,
    /// How many pieces of the line, which is too long for one record, were taken before.
    pub(super) pieces: u32,
    /// The end will not come.
    is_ended: bool,
}

impl PartialLine {
    /// The tag of the text: it is a piece of a line if others came before, or follow.
    pub(super) fn piece(&self, goes_on: bool) -> Option<Tag> {
        let part = if goes_on || self.pieces > 0 { self.pieces + 1 } else { 0 };
        self.tag.map(|tag| Tag { part, ..tag })
    }
}

/// A record that was delivered before its traceback, or the rest of it, came.
struct Previous {
    message: String,
    level: Level,
    /// It is a warning or an error, so a traceback after it may be its own.
    is_error: bool,
    has_trace: bool,
    time: f64,
}

/// Maximum length of the message in the extra `traceback_of`, in bytes.
const MAX_MESSAGE: usize = 200;

impl Assembly {
    pub(super) fn new(spec: StreamSpec, options: &LineOptions) -> Assembly {
        let formats = match options.parse.detect {
            true => options.parse.formats.clone(),
            false => Formats::none(),
        };
        let own_files = options.parse.own_files && options.parse.detect;
        let multiline = multiline::Options { formats, own_files, ..options.multiline.clone() };
        Assembly {
            spec,
            parser: Parser::new(options.parse.clone()),
            assembler: Assembler::new(multiline),
            held: PartialLine::default(),
            piece_level: None,
            batch: None,
            is_expired: false,
            previous: None,
            since: Instant::now(),
            last_time: 0.0,
            wait: Duration::ZERO,
            others: 0,
        }
    }

    /// Moves the record to another assembly of the stream, which has none.
    pub(super) fn move_record(&mut self, other: &mut Assembly) {
        self.assembler.move_record(&mut other.assembler);
        other.previous = self.previous.take();
        (other.is_expired, other.since, other.others) = (self.is_expired, self.since, 0);
        other.last_time = self.last_time;
        other.set_wait(true);
    }

    /// Whether a record waits for more lines.
    pub(super) fn waits(&self) -> bool {
        self.held.tag.is_some() || self.assembler.wait() != Wait::None
    }

    /// Whether a record is complete and not delivered.
    pub(super) fn has_record(&self) -> bool {
        self.assembler.is_closed()
    }

    /// When the record that waits for more lines has waited long enough.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waits().then(|| self.since + self.wait)
    }

    /// Sets how long the record waits for more lines. A line waits if a traceback is likely to
    /// follow, or if more input is certain to (`more`).
    pub(super) fn set_wait(&mut self, more: bool) {
        let options = self.assembler.options();
        let (short, long) = (options.short_wait(), options.wait);
        self.wait = match self.assembler.wait() {
            // Its end is certain to come, unless the container is stopped.
            _ if self.held.tag.is_some() => long * 10,
            Wait::None => Duration::ZERO,
            Wait::Line(line) if !more && !is_error(line, &mut self.parser) => Duration::ZERO,
            Wait::Line(_) | Wait::Short if !more => short,
            Wait::Line(_) | Wait::Short | Wait::Long => long,
        };
    }

    /// Whether the record has waited long enough when another channel has a line that was
    /// written at `time`.
    pub(super) fn is_overtaken(&mut self, time: f64) -> bool {
        self.set_wait(false);
        self.held.tag.is_none() && self.waits() && time - self.last_time > self.wait.as_secs_f64()
    }

    /// See [`Assembler::waits_for_its_own`].
    pub(super) fn waits_for_its_own(&mut self) -> bool {
        let is_error = |line: &str| self.parser.recognize(line) >= Some(Level::ERROR);
        self.assembler.waits_for_its_own(is_error)
    }

    /// See [`Assembler::offer`].
    pub(super) fn offer(&mut self, line: &str, tag: Tag) -> Offer {
        let mut is_record = |line: &str| self.parser.recognize(line).is_some();
        let offer = self.assembler.offer(line, tag, &mut is_record);
        if offer == Offer::Taken {
            (self.is_expired, self.last_time) = (false, tag.time());
        }
        offer
    }

    /// Ends the record, since no more lines have come in time.
    pub(super) fn expire(&mut self) {
        self.assembler.expire();
        self.held.is_ended = self.held.tag.is_some();
        self.is_expired = true;
    }

    /// Ends the record: the stream has ended.
    pub(super) fn end(&mut self) {
        // A command's stdout and stderr are streams of one program each.
        self.assembler.end(self.spec.process.is_some());
        self.held.is_ended = self.held.tag.is_some();
    }

    /// Delivers the records that are complete.
    pub(super) fn deliver(
        &mut self,
        shared: &mut Shared,
        sink: &mut Sink<'_>,
    ) -> Result<ControlFlow<()>> {
        loop {
            while self.has_record() {
                if self.deliver_record(shared, sink)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            let Some(tag) = self.held.piece(false).filter(|_| self.held.is_ended) else {
                return Ok(ControlFlow::Continue(()));
            };
            let text = std::mem::take(&mut self.held.text);
            if self.offer(&text, tag) == Offer::Taken {
                shared.counts.pieces += u64::from(tag.part > 0);
                self.held = PartialLine::default();
                self.assembler.expire();
            } else {
                self.held.text = text;
            }
        }
    }

    /// Delivers a record that is complete, or the next one of a batch.
    fn deliver_record(
        &mut self,
        shared: &mut Shared,
        sink: &mut Sink<'_>,
    ) -> Result<ControlFlow<()>> {
        let Some(assembled) = self.assembler.peek() else { return Ok(ControlFlow::Continue(())) };
        let is_empty = assembled.head.is_empty() && assembled.trace.is_none();
        if shared.skip_empty && is_empty && !assembled.orphan {
            shared.counts.skipped += 1;
            self.assembler.pop();
            return Ok(ControlFlow::Continue(()));
        }
        if self.batch.is_none() && self.parser.opens_lines() {
            self.batch = Batch::of(assembled.head);
        }
        let object = self.batch.as_ref().and_then(|batch| batch.peek(assembled.head));
        let assembled =
            Assembled { head: object.as_deref().unwrap_or(assembled.head), ..assembled };
        shared.counts.records += 1;
        let (parser, piece_level) = (&mut self.parser, &mut self.piece_level);
        let mut finish = |record: &mut Record<'_>, is_known: bool| {
            let previous = self.previous.take().filter(|previous| previous.precedes(assembled));
            if let Some(previous) = &previous {
                previous.follow(record, assembled);
            }
            if self.is_expired && !is_empty {
                let previous = previous.unwrap_or_else(|| Previous::new(record, is_known));
                self.previous = Some(Previous { time: assembled.tag.time(), ..previous });
            }
            sink(record)
        };
        // A record that later lines may belong to is needed in whole.
        let reads_ahead = assembled.is_plain_line() && parser.takes_objects() && !self.is_expired;
        let mut objects = shared.objects.as_mut().filter(|_| reads_ahead);
        let (parsed, flow) = match objects.take_if(|objects| objects.find(assembled.head)) {
            Some(objects) => objects.with_next(|record| {
                let parsed = complete(record, assembled, &self.spec, parser);
                let flow = finish(record, parsed.is_known);
                (parsed, flow)
            }),
            None => {
                let mut record = Record::default();
                let parsed = fill(&mut record, assembled, &self.spec, piece_level, parser);
                shared.explained = explained(assembled, parser);
                let flow = finish(&mut record, parsed.is_known);
                (parsed, flow)
            }
        };
        let flow = flow?;
        let has_trace = assembled.trace.is_some();
        let is_line =
            !assembled.orphan && !assembled.continues && assembled.tag.part == 0 && !is_empty;
        self.remove_delivered(&parsed, is_line && (parsed.is_known || !has_trace));
        Ok(flow)
    }

    /// Removes the record that was delivered. `tells_format`: what is known of it says how lines look.
    fn remove_delivered(&mut self, parsed: &Parsed, tells_format: bool) {
        if let Some(batch) = &mut self.batch {
            batch.advance();
            if !batch.is_at_end() {
                return;
            }
            self.batch = None;
        }
        if tells_format {
            self.assembler.note_format(parsed.is_known, parsed.is_known_behind);
        }
        if parsed.splits {
            self.assembler.split();
        } else {
            self.assembler.pop();
        }
    }
}

impl Previous {
    /// `is_known`: the line names its level.
    fn new(record: &Record<'_>, is_known: bool) -> Previous {
        let message = prefix(&record.msg, MAX_MESSAGE).to_owned();
        let has_trace = record.exc_text.is_some() || record.stack_info.is_some();
        let least = if is_known { Level::WARNING } else { Level::ERROR };
        let is_error = record.level >= least || mentions_error(&record.msg);
        Previous { message, level: record.level, is_error, has_trace, time: 0.0 }
    }

    /// Whether a traceback belongs to this record, or lines continue it. A whole traceback after
    /// a record that is no warning or error is that of a crash.
    fn precedes(&self, assembled: Assembled<'_>) -> bool {
        let is_own = self.is_error || !begins_python(assembled);
        let follows = assembled.continues || assembled.orphan && !self.has_trace && is_own;
        follows && !assembled.uncaught && assembled.tag.time() - self.time <= LATE
    }

    /// Names this record in that of its traceback, or of further lines of its message.
    fn follow(&self, record: &mut Record<'_>, assembled: Assembled<'_>) {
        if !is_failure(assembled) {
            record.level = self.level;
        }
        let message = RawJson(Cow::Owned(json::quoted(&self.message)));
        let key = if assembled.orphan { "traceback_of" } else { "continuation_of" };
        record.extras.push((Cow::Borrowed(key), message));
    }
}

/// Whether a traceback is likely to follow the line.
fn is_error(line: &str, parser: &mut Parser) -> bool {
    match parser.recognize(line) {
        None | Some(Level::NOTSET) => mentions_error(line),
        Some(level) => level >= Level::ERROR,
    }
}

/// Whether the record has a traceback, and not only a call stack.
fn is_failure(assembled: Assembled<'_>) -> bool {
    assembled.trace.is_some() || assembled.orphan && assembled.stack.is_none()
}

/// Whether the record is a traceback with Python's heading, which names its error itself. Frames
/// alone belong to the line above them.
fn begins_python(assembled: Assembled<'_>) -> bool {
    let first = assembled.trace.and_then(|trace| trace.lines().next());
    first.is_some_and(|line| line.contains("Traceback (most recent call last)"))
}

/// How a record was read, if the parser notes that.
fn explained(assembled: Assembled<'_>, parser: &Parser) -> Option<Explained> {
    let explanation = parser.explanation()?;
    let Assembled { head, trace, stack, orphan, tag, .. } = assembled;
    let is_parsed = !orphan && tag.part <= 1;
    // The head of a traceback without a heading is one of its lines.
    let is_copy = trace.is_some_and(|it| it.as_bytes().as_ptr_range().contains(&head.as_ptr()));
    let mut text = String::from(if is_copy { "" } else { head });
    for more in [trace, stack].into_iter().flatten() {
        text.push_str(if text.is_empty() { "" } else { "\n" });
        text.push_str(more);
    }
    Some(Explained {
        line: tag.line,
        text,
        message_start: if is_parsed { parser.message_start() } else { 0 },
        explanation: is_parsed.then(|| explanation.clone()),
    })
}

/// What `fill` has found.
struct Parsed {
    /// The line has a level or a time.
    is_known: bool,
    /// It has one behind its prefix, if it has a prefix.
    is_known_behind: Option<bool>,
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
    let Assembled { head, trace, stack, orphan, prefixed, uncaught, implied, tag, .. } = assembled;
    parser.set_received(tag.received);
    // Neither a later piece of a long line nor a line out of a traceback has fields of
    // its own. Its prefix may have some.
    let found = match prefixed {
        Some((first, len)) if orphan => {
            let found = parser.parse_behind(len, first, record);
            record.msg = Cow::Borrowed(head);
            // `panic:` is a level, too.
            record.level = record.level.min(Level::ERROR);
            found
        }
        _ if orphan || tag.part > 1 => {
            record.msg = Cow::Borrowed(head);
            false
        }
        Some((_, len)) => parser.parse_behind(len, head, record),
        None => parser.parse_into(head, record),
    };
    let is_known = found || record.created.is_some();
    let is_behind = |(_, len)| found || is_known && parser.message_start() > len;
    let is_known_behind = prefixed.map(is_behind);
    if let Some(enclosure) = tag.enclosure {
        enclosure.surround(record);
    }
    if !found {
        record.level = level_of_none(implied, spec);
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
        return Parsed { is_known, is_known_behind, splits: true };
    }
    if is_failure(assembled) && !is_error {
        (record.level, record.levelname) = (Level::ERROR, None);
    }
    append(&mut record.exc_text, trace);
    append(&mut record.stack_info, stack);
    Parsed { is_known, is_known_behind, splits: false }
}

/// As [`fill`], for the record of a [plain line](Assembled::is_plain_line) that is an object and was
/// read before.
fn complete(
    record: &mut Record<'_>,
    assembled: Assembled<'_>,
    spec: &StreamSpec,
    parser: &mut Parser,
) -> Parsed {
    let Assembled { implied, tag, .. } = assembled;
    parser.set_received(tag.received);
    let found = parser.note_object(record);
    let is_known = found || record.created.is_some();
    if !found {
        record.level = level_of_none(implied, spec);
    }
    record.process = record.process.or(spec.process);
    parser.set_received_time(tag.received, record);
    Parsed { is_known, is_known_behind: None, splits: false }
}

/// The level of a line that names none.
fn level_of_none(implied: Option<Level>, spec: &StreamSpec) -> Level {
    implied.map_or(spec.level, |level| level.max(spec.level))
}

/// Appends text from below a line to a field that the line may have, too.
fn append<'a>(field: &mut Option<Cow<'a, str>>, text: Option<&'a str>) {
    let Some(text) = text else { return };
    *field = Some(match field.take() {
        Some(own) => Cow::Owned(format!("{own}\n{text}")),
        None => Cow::Borrowed(text),
    });
}
