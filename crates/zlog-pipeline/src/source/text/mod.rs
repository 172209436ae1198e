//! Lines of text from any byte stream, as records: what standard input, files
//! and a child's output have in common.
//!
//! What may be here: from bytes that have arrived to records, in order. ReadProgress
//! is `reader`'s, where lines end is `lines`', which lines make one record is
//! `multiline`'s, and what they say is `parse`'s.
//!
//! # What becomes of odd input
//! | input | record |
//! |---|---|
//! | bytes that are not UTF-8 | each as `\xNN` (Python's `backslashreplace`), counted |
//! | NULs at the start of a line, or 512 and more in a row: a hole in a file | skipped, counted; a line before them ends |
//! | other NULs, and other control characters | kept |
//! | `\r\n` | ends a line, as `\n` does; a `\r` elsewhere is kept |
//! | an empty line | a record with an empty message, or skipped and counted ([`LineOptions::skip_empty`]) |
//! | a last line without newline | a record |
//! | a line whose end is not at hand when zlog is asked to stop | a record, marked by the extra `cut`, counted |
//! | a line longer than [`LineOptions::max_line`], or one that begins with `{` and is longer than eight times that | one record for each piece, numbered from 1 in the extra `part`, counted |
//! | JSON with a value that readers could not take (see [`QUOTED`](zlog_core::wire::QUOTED)) | the value is kept as text, counted |
//! | a traceback | `exc_text` of the record before it (see `multiline`) |
//!
//! So nothing is lost, and what is changed is counted ([`LineCounts`]).

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};

use memchr::memchr;

use super::lines::{Line, Splitter};
use super::reader::{
    BLOCKS, Block, Notice, ReadProgress, ReaderEvent, ReaderHandle, ReaderMessage,
};
use super::{PollStatus, Sink, Source};
use zlog_core::error::{Error, Result};
use zlog_core::multiline::{self, Assembled, Assembler, Offer, Tag};
use zlog_core::parse::{self, Parser};
use zlog_core::record::{Level, RawJson, Record};

/// How long the end of a line is waited for when zlog is asked to stop in the middle of it.
/// A file or a full pipe gives it at once; longer than this waits only for a program that
/// writes its lines in parts.
const LINE_END: Duration = Duration::from_millis(500);

/// How lines become records.
#[derive(Clone, Debug)]
pub struct LineOptions {
    /// The longest line that is one record, in bytes. Default: 16 MiB. A line that begins
    /// with `{` may be eight times as long: JSON takes up to six bytes for one of a
    /// message, and holds more than the message.
    pub max_line: usize,
    /// What is looked for in a line.
    pub parse: parse::Options,
    /// Which lines make one record.
    pub multiline: multiline::Options,
    /// Leave empty lines out.
    pub skip_empty: bool,
}

impl Default for LineOptions {
    fn default() -> LineOptions {
        LineOptions {
            max_line: 16 << 20,
            parse: parse::Options::default(),
            multiline: multiline::Options::default(),
            skip_empty: false,
        }
    }
}

/// The longest line of stored records, as [`LineOptions::max_line`]: the largest message
/// that a tail takes unless `--max-message` says otherwise. So each record that zlog has
/// written reads back as one.
pub const LONGEST_STORED_LINE: usize = 128 << 20;

/// What is known of a stream before anything is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamSpec {
    /// The level of lines that don't say theirs.
    pub level: Level,
    /// Somebody asked for that level, so a traceback doesn't raise it to ERROR.
    pub explicit: bool,
    /// The process that writes the stream, where it is known.
    pub process: Option<i64>,
}

impl Default for StreamSpec {
    fn default() -> StreamSpec {
        StreamSpec { level: Level::INFO, explicit: false, process: None }
    }
}

/// What was done with the lines so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LineCounts {
    /// Lines read, pieces of overlong ones counted each.
    pub lines: u64,
    /// Records delivered.
    pub records: u64,
    /// Lines with bytes that are not UTF-8, shown as `\xNN`.
    pub not_utf8: u64,
    /// Pieces of lines longer than the bound.
    pub pieces: u64,
    /// Empty lines left out.
    pub skipped: u64,
    /// NULs left out: at the start of a line, or many in a row.
    pub nuls: u64,
    /// Lines that `--pattern` did not match, delivered as they were.
    pub unmatched: u64,
    /// Tracebacks cut because they exceeded their bounds.
    pub cuts: u64,
    /// Records with a value that is kept as text ([`QUOTED`](zlog_core::wire::QUOTED)).
    pub quoted: u64,
    /// Lines whose end was not at hand when zlog was asked to stop.
    pub cut_lines: u64,
}

/// Makes records of what its readers send.
pub struct TextSource {
    streams: Vec<Stream>,
    shared: Shared,
    messages: Receiver<ReaderMessage>,
    spare: Sender<Vec<u8>>,
    current: Option<CurrentBlock>,
    /// Streams that have not ended.
    live: usize,
    failure: Option<Error>,
    notices: Vec<Notice>,
    failed: bool,
    progress: Arc<ReadProgress>,
    /// Dropped with the source, which tells readers that wait to end.
    _stop: Sender<()>,
}

/// What all streams of a source use.
struct Shared {
    parser: Parser,
    counts: LineCounts,
    skip_empty: bool,
}

/// One stream's state.
struct Stream {
    splitter: Splitter,
    assembly: Assembly,
    /// When the last line that is held was read, and the same as seconds since
    /// 1970-01-01 UTC.
    since: Instant,
    received: f64,
}

/// From a stream's lines to its records.
struct Assembly {
    spec: StreamSpec,
    assembler: Assembler,
    /// The level of an overlong line's first piece: the others are of it.
    piece_level: Option<Level>,
}

/// What is being taken apart.
struct CurrentBlock {
    stream: usize,
    at: Instant,
    block: Block,
    pos: usize,
    /// The stream's last line ends with it.
    last: bool,
    /// ... because zlog was asked to stop, and not because the stream has ended.
    cut: bool,
}

/// What waiting for readers came to.
enum Wait {
    /// Something is there to be worked on.
    Something,
    /// Nothing came.
    Nothing,
}

impl TextSource {
    /// A source of `specs.len()` streams, and what their readers send with.
    pub(crate) fn new(
        specs: &[StreamSpec],
        options: &LineOptions,
    ) -> (TextSource, Vec<ReaderHandle>) {
        let (sender, messages) = bounded(BLOCKS);
        // Room for every block there is: those under way, one at each end.
        let (spare, spares) = bounded(BLOCKS + specs.len() + 1);
        let (stop, stopped) = bounded(0);
        let progress = Arc::new(ReadProgress::default());
        let reader = |stream| ReaderHandle {
            stream,
            messages: sender.clone(),
            spare: spares.clone(),
            stop: stopped.clone(),
            progress: Arc::clone(&progress),
            tee: None,
            unused: Vec::new(),
        };
        let readers = (0..specs.len()).map(reader).collect();
        let source = TextSource {
            streams: specs.iter().map(|spec| Stream::new(*spec, options)).collect(),
            shared: Shared {
                parser: Parser::new(options.parse.clone()),
                counts: LineCounts::default(),
                skip_empty: options.skip_empty,
            },
            messages,
            spare,
            current: None,
            live: specs.len(),
            failure: None,
            notices: Vec::new(),
            failed: false,
            progress,
            _stop: stop,
        };
        (source, readers)
    }

    /// As [`TextSource::new`], for a number of streams that is known beforehand.
    pub(crate) fn of<const N: usize>(
        specs: [StreamSpec; N],
        options: &LineOptions,
    ) -> (TextSource, [ReaderHandle; N]) {
        let (source, readers) = TextSource::new(&specs, options);
        let readers =
            <[ReaderHandle; N]>::try_from(readers).ok().expect("as many readers as streams");
        (source, readers)
    }

    /// What was done so far.
    pub fn counts(&self) -> LineCounts {
        let cuts = self.streams.iter().map(|stream| stream.assembly.assembler.cuts()).sum();
        let nuls = self.streams.iter().map(|stream| stream.splitter.nuls()).sum();
        let parser = &self.shared.parser;
        let (unmatched, quoted) = (parser.unmatched(), parser.quoted());
        LineCounts { unmatched, quoted, cuts, nuls, ..self.shared.counts }
    }

    /// How far the reading has come.
    pub fn read_progress(&self) -> Arc<ReadProgress> {
        Arc::clone(&self.progress)
    }

    /// What a person should know, since this was last asked.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Tells a person something that no reader has to tell.
    pub(crate) fn add_notice(&mut self, notice: Notice) {
        self.failed |= notice.failed;
        self.notices.push(notice);
    }

    /// Whether input was missed: the command is to fail in the end.
    pub fn failed(&self) -> bool {
        self.failed
    }

    /// Stops before the end: delivers what has arrived and what is held. A line that has
    /// arrived in part is read on to its end, which may take as long as `within` (and no
    /// longer than 500 ms); if that does not come, the part is delivered, marked, and
    /// counted. The source has then ended.
    ///
    /// # Errors
    /// As [`Source::poll`].
    pub fn finish(&mut self, within: Duration, sink: &mut Sink<'_>) -> Result<()> {
        // Readers may go on, and faster than this: take what is there, no more.
        for _ in 0..self.messages.len() {
            if self.deliver_ready(sink)?.is_break() {
                return Ok(());
            }
            let Ok(message) = self.messages.try_recv() else { break };
            self.take(message);
        }
        self.finish_lines(Instant::now() + within.min(LINE_END), sink)?;
        let ends =
            (0..self.streams.len()).map(|at| CurrentBlock { cut: true, ..CurrentBlock::end(at) });
        for end in ends {
            if self.deliver_ready(sink)?.is_break() {
                return Ok(());
            }
            self.current = Some(end);
        }
        self.live = 0;
        let _ = self.deliver_ready(sink)?;
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Reads on, until then at the latest, in streams whose last line has arrived in part.
    /// What comes after that line is left, as if it had not been read.
    fn finish_lines(&mut self, until: Instant, sink: &mut Sink<'_>) -> Result<()> {
        while self.deliver_ready(sink)?.is_continue()
            && self.streams.iter().any(|stream| stream.splitter.is_within_line())
        {
            let Ok(mut message) = self.messages.recv_deadline(until) else { break };
            if let ReaderEvent::Bytes(block) = &mut message.event {
                if !self.streams[message.stream].splitter.is_within_line() {
                    continue;
                }
                block.len = memchr(b'\n', block.bytes()).map_or(block.len, |at| at + 1);
            }
            self.take(message);
        }
        Ok(())
    }

    /// Delivers what can be delivered without waiting.
    fn deliver_ready(&mut self, sink: &mut Sink<'_>) -> Result<ControlFlow<()>> {
        for stream in &mut self.streams {
            if stream.assembly.deliver(&mut self.shared, sink)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        if let Some(mut current) = self.current.take() {
            let stream = &mut self.streams[current.stream];
            if stream.lines(&mut current, &mut self.shared, sink)?.is_break() {
                self.current = Some(current);
                return Ok(ControlFlow::Break(()));
            }
            if !current.block.buffer.is_empty() {
                // No room means that there are enough of them.
                let _ = self.spare.try_send(current.block.buffer);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Waits until there is something to work on.
    fn wait(&mut self, until: Instant) -> Wait {
        let message = match self.messages.try_recv() {
            Ok(message) => message,
            Err(TryRecvError::Disconnected) => return self.readers_gone(),
            Err(TryRecvError::Empty) => {
                // Nothing is under way, so what is held is as old as it looks.
                let due = self.streams.iter().filter_map(Stream::due).min();
                match self.messages.recv_deadline(due.map_or(until, |due| due.min(until))) {
                    Ok(message) => message,
                    Err(RecvTimeoutError::Disconnected) => return self.readers_gone(),
                    Err(RecvTimeoutError::Timeout) => return self.expire(Instant::now(), None),
                }
            }
        };
        self.expire(message.at, Some(message.stream));
        self.take(message);
        Wait::Something
    }

    /// Closes what has been held for long enough at the time `now`; not in the
    /// stream `except`, where more has come.
    fn expire(&mut self, now: Instant, except: Option<usize>) -> Wait {
        let mut found = Wait::Nothing;
        for (at, stream) in self.streams.iter_mut().enumerate() {
            if except != Some(at) && stream.due().is_some_and(|due| due <= now) {
                stream.assembly.assembler.expire();
                found = Wait::Something;
            }
        }
        found
    }

    /// A reader that goes without a word has panicked; its stream ends all the same.
    fn readers_gone(&mut self) -> Wait {
        self.live = 0;
        for stream in &mut self.streams {
            stream.assembly.assembler.expire();
        }
        Wait::Something
    }

    fn take(&mut self, message: ReaderMessage) {
        let ReaderMessage { stream, at, event } = message;
        let mut current = CurrentBlock { at, ..CurrentBlock::end(stream) };
        match event {
            ReaderEvent::Bytes(block) => current = CurrentBlock { block, last: false, ..current },
            ReaderEvent::Break => {}
            ReaderEvent::End => self.live -= 1,
            ReaderEvent::Failed(error) => {
                self.live -= 1;
                self.failure = Some(error);
            }
            ReaderEvent::Notice(notice) => return self.add_notice(notice),
        }
        self.current = Some(current);
    }
}

impl Source for TextSource {
    fn poll(&mut self, wait: Duration, sink: &mut Sink<'_>) -> Result<PollStatus> {
        let before = self.shared.counts.records;
        let until = Instant::now() + wait;
        let mut taken = false;
        loop {
            let flow = self.deliver_ready(sink)?;
            if flow.is_break() || self.shared.counts.records > before {
                return Ok(PollStatus::Delivered);
            }
            if let Some(error) = self.failure.take() {
                return Err(error);
            }
            if self.live == 0 {
                return Ok(PollStatus::Ended);
            }
            // An input without records, a hole for one, must not keep the caller.
            if taken && Instant::now() >= until {
                return Ok(PollStatus::Delivered);
            }
            let waited = self.wait(until);
            taken = true;
            // A notice is for a person who is watching: hand control back for it.
            if matches!(waited, Wait::Nothing) || !self.notices.is_empty() {
                return Ok(PollStatus::Idle);
            }
        }
    }
}

impl CurrentBlock {
    /// The end of a stream.
    fn end(stream: usize) -> CurrentBlock {
        let (at, block) = (Instant::now(), Block::default());
        CurrentBlock { stream, at, block, pos: 0, last: true, cut: false }
    }
}

impl Stream {
    fn new(spec: StreamSpec, options: &LineOptions) -> Stream {
        let assembler = Assembler::new(options.multiline.clone());
        Stream {
            splitter: Splitter::new(options.max_line),
            assembly: Assembly { spec, assembler, piece_level: None },
            since: Instant::now(),
            received: 0.0,
        }
    }

    /// When what is held has waited long enough.
    fn due(&self) -> Option<Instant> {
        let assembler = &self.assembly.assembler;
        assembler.holds().then(|| self.since + assembler.wait())
    }

    /// Delivers the records of a block, up to the one that may go on in the next.
    fn lines(
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
    /// Takes a line in, delivering what it closes. If the sink has enough before the
    /// line is in, it has to be given again.
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

    /// Delivers the records that are whole.
    fn deliver(&mut self, shared: &mut Shared, sink: &mut Sink<'_>) -> Result<ControlFlow<()>> {
        while let Some(assembled) = self.assembler.peek() {
            let mut flow = ControlFlow::Continue(());
            if shared.skip_empty && assembled.head.is_empty() && assembled.trace.is_none() {
                shared.counts.skipped += 1;
            } else {
                shared.counts.records += 1;
                let mut record = Record::default();
                let (parser, piece_level) = (&mut shared.parser, &mut self.piece_level);
                fill(&mut record, assembled, &self.spec, piece_level, parser);
                flow = sink(record)?;
            }
            self.assembler.pop();
            if flow.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Fills in an empty record, in its place: it is large, and there are many.
fn fill<'a>(
    record: &mut Record<'a>,
    assembled: Assembled<'a>,
    spec: &StreamSpec,
    piece_level: &mut Option<Level>,
    parser: &mut Parser,
) {
    let Assembled { head, trace, orphan, tag } = assembled;
    // A later piece of a long line says nothing by itself, and neither does a
    // line out of a traceback.
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
    // A stored record knows when it was received first.
    record.received = record.received.or(Some(tag.received));
}

#[cfg(test)]
pub(super) mod tests;
