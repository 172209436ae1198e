//! Records from lines of text, for every source that reads bytes: standard input, files
//! and a child's output.
//!
//! Threads of `reader` read the bytes, `lines` splits them into lines, `multiline`
//! decides which lines make one record, and `parse` recognises their fields.
//!
//! # Odd input
//! | input | record |
//! |---|---|
//! | bytes that are not UTF-8 | each as `\xNN` (Python's `backslashreplace`), counted |
//! | NULs at the start of a line, or 512 and more in a row: a hole in a file | skipped, counted; a line before them ends |
//! | other NULs, and other control characters | kept |
//! | `\r\n` | ends a line, as `\n` does |
//! | `\r` elsewhere: a progress bar | the last state of the line, counted; while the line goes on, each new state, at most ten times a second. In a line that begins with a level or a time, `\r` is kept |
//! | UTF-16, with or without a byte order mark | decoded, with a notice |
//! | a byte order mark of UTF-8 at the beginning | dropped, with a notice |
//! | an empty line | a record with an empty message, or skipped and counted ([`LineOptions::skip_empty`]) |
//! | a last line without newline | a record; of a command that a signal ended, marked by the extra `cut`, counted |
//! | a line whose end has not come when the source is asked to finish | a record, marked by the extra `cut`, counted |
//! | a line longer than [`LineOptions::max_line`], or one that begins with `{` and is longer than eight times that | one record for each piece, numbered from 1 in the extra `part`, counted |
//! | JSON with a value that readers could not take (see [`QUOTED`](zlog_core::wire::QUOTED)) | the value is kept as text, counted |
//! | a traceback | `exc_text` of the record before it, at ERROR or above (see `multiline`) |
//! | a traceback whose lines have a prefix each, perhaps between lines of other programs | the same, with the prefixes; after the lines between (see `channels`) |
//! | a crash after a line below ERROR | a record of its own, at ERROR |
//! | a call stack | `stack_info` of the record before it |
//! | a traceback, or the rest of one, that comes later than it was waited for, within two seconds | a record, with the message of the record that it belongs to in the extra `traceback_of` |
//!
//! So nothing is lost, and what is changed is counted ([`LineCounts`]).

mod assembly;
mod channels;
mod encoding;
mod last;
mod options;
mod progress;
mod shared;
mod stream;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded, never, select};
use memchr::memchr;

use self::encoding::Encoding;
pub(super) use self::last::start_of_last;
pub use self::options::{Explained, LONGEST_STORED_LINE, LineCounts, LineOptions, StreamSpec};
use self::shared::Shared;
use self::stream::{CurrentBlock, Stream};
use super::position::{PositionFile, SAVE_INTERVAL};
use super::reader::{
    BLOCKS, Notice, ReadProgress, ReaderEvent, ReaderHandle, ReaderMessage, Severity,
};
use super::{PollStatus, Sink, Source, SourceCounts};
use zlog_core::{Exit, Result};

/// Longest wait for the end of a line when the source is asked to finish in the middle of
/// it. A file or a full pipe gives the rest at once; a longer wait would be for a program
/// that writes its lines in parts.
const LINE_END: Duration = Duration::from_millis(500);

/// Makes records of what its readers send.
pub struct TextSource {
    streams: Vec<Stream>,
    /// How further streams are made, for files that take the name of another one.
    new_stream: Box<dyn Fn() -> Stream + Send>,
    shared: Shared,
    messages: Receiver<ReaderMessage>,
    /// A message in here ends a wait.
    wake: Receiver<()>,
    /// Returns buffers to the readers.
    spare: Sender<Vec<u8>>,
    current: Option<CurrentBlock>,
    /// Streams that have not ended.
    live: usize,
    /// Streams that have not been read to their end for the first time.
    behind: Vec<usize>,
    /// Whether a last line without its end is held until [`TextSource::end_held`].
    holds_cut_lines: bool,
    notices: Vec<Notice>,
    failed: bool,
    progress: Arc<ReadProgress>,
    positions: Option<PositionFile>,
    is_unsaved_reported: bool,
    /// Dropped with the source: that wakes and ends readers that wait.
    _stop: Sender<()>,
}

impl TextSource {
    /// A source of `specs.len()` streams, and a handle for the reader of each.
    pub(crate) fn new(
        specs: &[StreamSpec],
        options: &LineOptions,
    ) -> (TextSource, Vec<ReaderHandle>) {
        TextSource::buffered(specs, options, BLOCKS)
    }

    /// As [`TextSource::new`], with at most `blocks` blocks that were read ahead.
    pub(crate) fn buffered(
        specs: &[StreamSpec],
        options: &LineOptions,
        blocks: usize,
    ) -> (TextSource, Vec<ReaderHandle>) {
        let (sender, messages) = bounded(blocks);
        // Room for every buffer: those in the channel and one at each end.
        let (spare, spares) = bounded(blocks + specs.len() + 1);
        let (stop, stopped) = bounded(0);
        let progress = Arc::new(ReadProgress::default());
        let streams = Arc::new(AtomicUsize::new(specs.len()));
        let reader = |stream| ReaderHandle {
            stream,
            streams: Arc::clone(&streams),
            messages: sender.clone(),
            spare: spares.clone(),
            stop: stopped.clone(),
            progress: Arc::clone(&progress),
            tee: None,
            unused: Vec::new(),
        };
        let readers = (0..specs.len()).map(reader).collect();
        let (spec, further) = (specs.first().copied().unwrap_or_default(), options.clone());
        let source = TextSource {
            new_stream: Box::new(move || Stream::new(spec, &further)),
            streams: specs.iter().map(|spec| Stream::new(*spec, options)).collect(),
            shared: Shared {
                counts: LineCounts::default(),
                skip_empty: options.skip_empty,
                explained: None,
                objects: None,
                progress: Arc::clone(&progress),
            },
            messages,
            wake: never(),
            spare,
            current: None,
            live: specs.len(),
            behind: (0..specs.len()).collect(),
            holds_cut_lines: false,
            notices: Vec::new(),
            failed: false,
            progress,
            positions: None,
            is_unsaved_reported: false,
            _stop: stop,
        };
        (source, readers)
    }

    /// As [`TextSource::new`], for a number of streams that is known at compile time.
    pub(crate) fn of<const N: usize>(
        specs: [StreamSpec; N],
        options: &LineOptions,
    ) -> (TextSource, [ReaderHandle; N]) {
        let (source, readers) = TextSource::new(&specs, options);
        let readers = <[ReaderHandle; N]>::try_from(readers).ok().expect("a reader per stream");
        (source, readers)
    }

    /// Adds a notice that comes from no reader.
    pub(crate) fn add_notice(&mut self, notice: Notice) {
        self.failed |= notice.failed();
        self.shared.counts.gaps += u64::from(notice.severity == Severity::Loss);
        self.notices.push(notice);
    }

    /// Saves where each file was read to: see [`Source::checkpoint`].
    pub(super) fn remember_positions(&mut self, positions: PositionFile) {
        self.positions = Some(positions);
    }

    /// Holds a last line without its end until [`TextSource::end_held`].
    pub(crate) fn hold_cut_lines(&mut self) {
        self.holds_cut_lines = true;
    }

    /// Delivers the lines that are held, marked and counted as `cut` or not. Call it when the
    /// source has ended.
    ///
    /// # Errors
    /// The sink's.
    pub(crate) fn end_held(&mut self, cut: bool, sink: &mut Sink<'_>) -> Result<()> {
        for stream in 0..self.streams.len() {
            if self.streams[stream].splitter.is_within_line() {
                self.current = Some(CurrentBlock { cut, ..CurrentBlock::end(stream) });
                if self.deliver_ready(sink)?.is_break() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// How the last record was read, with
    /// [`parse::Options::explain`](zlog_core::parse::Options::explain). A sink that breaks after
    /// each record gets it for each.
    pub fn take_explained(&mut self) -> Option<Explained> {
        self.shared.explained.take()
    }

    pub(crate) fn progress(&self) -> &Arc<ReadProgress> {
        &self.progress
    }

    /// Reads on, until `until` at the latest, in streams whose last line is incomplete. The
    /// bytes after that line are dropped, as if they had not been read.
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

    /// Delivers the records that wait for more lines.
    fn finish_records(&mut self, sink: &mut Sink<'_>) -> Result<()> {
        if self.deliver_ready(sink)?.is_continue() {
            self.streams.iter_mut().for_each(|stream| stream.channels.end());
            let _ = self.deliver_ready(sink)?;
        }
        self.live = 0;
        Ok(())
    }

    /// Delivers what can be delivered without waiting.
    fn deliver_ready(&mut self, sink: &mut Sink<'_>) -> Result<ControlFlow<()>> {
        for stream in &mut self.streams {
            if stream.deliver_state(&mut self.shared, sink)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if stream.channels.deliver(&mut self.shared, sink)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        if let Some(mut current) = self.current.take() {
            let stream = &mut self.streams[current.stream];
            if stream.deliver_block(&mut current, &mut self.shared, sink)?.is_break() {
                self.current = Some(current);
                return Ok(ControlFlow::Break(()));
            }
            self.shared.objects = None;
            if let Ok(buffer) = Arc::try_unwrap(current.block.buffer)
                && !buffer.is_empty()
            {
                // A full channel has enough buffers without this one.
                let _ = self.spare.try_send(buffer);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Waits for something to deliver. Returns whether there is something.
    fn wait(&mut self, until: Instant) -> bool {
        let message = match self.messages.try_recv() {
            Ok(message) => message,
            Err(TryRecvError::Disconnected) => return self.readers_gone(),
            Err(TryRecvError::Empty) => {
                // Nothing is in the channel, so a waiting record is as old as it looks.
                let dues = self
                    .streams
                    .iter()
                    .flat_map(|stream| [stream.channels.due(), stream.state_due()]);
                let saves = self.positions.as_ref().and_then(PositionFile::due);
                let due = dues.flatten().chain(saves).min();
                let until = due.map_or(until, |due| due.min(until));
                select! {
                    recv(self.messages) -> message => match message {
                        Ok(message) => message,
                        Err(_) => return self.readers_gone(),
                    },
                    recv(self.wake) -> word => {
                        if word.is_err() {
                            // A closed channel would be ready all the time.
                            self.wake = never();
                        }
                        return self.expire(Instant::now(), None);
                    }
                    default(until.saturating_duration_since(Instant::now())) => {
                        return self.expire(Instant::now(), None);
                    }
                }
            }
        };
        self.expire(message.at, Some(message.stream));
        self.take(message);
        true
    }

    /// Ends the records that have waited for more lines long enough at the time `now`, but
    /// not in the stream `except`, where more lines have come. Finds the states of unfinished
    /// lines that are due. Returns whether there is anything to deliver.
    fn expire(&mut self, now: Instant, except: Option<usize>) -> bool {
        let mut found = false;
        for (at, stream) in self.streams.iter_mut().enumerate() {
            found |= except != Some(at) && stream.channels.expire(now);
            if stream.state_due().is_some_and(|due| due <= now) {
                stream.progress.is_due = true;
                found = true;
            }
        }
        found
    }

    /// A reader that disconnects without sending `End` has panicked; its stream ends too.
    fn readers_gone(&mut self) -> bool {
        self.live = 0;
        for stream in &mut self.streams {
            stream.channels.end();
        }
        true
    }

    /// As [`Source::poll`].
    fn poll_all(&mut self, wait: Duration, sink: &mut Sink<'_>) -> Result<PollStatus> {
        let before = self.shared.counts.records;
        let until = Instant::now() + wait;
        let mut waited = false;
        loop {
            let flow = self.deliver_ready(sink)?;
            if flow.is_break() || self.shared.counts.records > before {
                return Ok(PollStatus::Delivered);
            }
            if self.live == 0 {
                return Ok(PollStatus::Ended);
            }
            // Input without records (a hole in a file) must not keep the caller.
            if waited && Instant::now() >= until {
                return Ok(PollStatus::Delivered);
            }
            waited = true;
            // A notice is returned at once: a user may be waiting for it.
            if !self.wait(until) || !self.notices.is_empty() || self.must_save() {
                return Ok(PollStatus::Idle);
            }
        }
    }

    /// Whether a position must be saved before more is delivered.
    fn must_save(&self) -> bool {
        self.positions.as_ref().is_some_and(PositionFile::must_save)
    }

    fn take(&mut self, message: ReaderMessage) {
        let ReaderMessage { stream, at, event } = message;
        while self.streams.len() <= stream {
            self.streams.push((self.new_stream)());
        }
        let mut current = CurrentBlock { at, ..CurrentBlock::end(stream) };
        if matches!(event, ReaderEvent::CaughtUp | ReaderEvent::End) {
            self.behind.retain(|behind| *behind != stream);
        }
        match event {
            ReaderEvent::Bytes(mut block) => {
                self.streams[stream].fed += block.len as u64;
                let remark = self.streams[stream].encoding.decode(&mut block);
                if let Some(text) = remark.map(str::to_owned) {
                    self.add_notice(Notice { text, severity: Severity::Info });
                }
                let ahead = self.streams[stream].encoding.read_len(block.bytes());
                self.shared.objects = block.objects.take();
                current = CurrentBlock { block, ahead, last: false, ..current };
            }
            ReaderEvent::Break => self.streams[stream].encoding = Encoding::default(),
            ReaderEvent::Origin(origin) => {
                if let Some(positions) = &mut self.positions {
                    positions.begin(origin.is_some());
                }
                return self.streams[stream].begin_at(origin);
            }
            ReaderEvent::CaughtUp => {
                return self.streams[stream].channels.set_live();
            }
            ReaderEvent::End => {
                self.live -= 1;
                if self.live == 0 && self.positions.is_some() {
                    // Files that were renamed may have streams that do not end.
                    self.streams.iter_mut().for_each(|stream| stream.channels.end());
                }
                // With positions, a line without its end is read the next time.
                let holds = self.holds_cut_lines || self.positions.is_some();
                if holds && self.streams[stream].splitter.is_within_line() {
                    return;
                }
            }
            ReaderEvent::Notice(notice) => return self.add_notice(notice),
        }
        self.current = Some(current);
    }
}

impl Source for TextSource {
    fn poll(&mut self, wait: Duration, sink: &mut Sink<'_>) -> Result<PollStatus> {
        if self.positions.is_none() {
            return self.poll_all(wait, sink);
        }
        if self.must_save() {
            // The caller could not save: the disk of the spool is full.
            std::thread::sleep(wait.min(SAVE_INTERVAL));
            return Ok(PollStatus::Idle);
        }
        // Positions are saved between polls, and the records of one block may take long.
        let mut first = None;
        self.poll_all(wait, &mut |record| {
            let flow = sink(record)?;
            let since = *first.get_or_insert_with(Instant::now);
            Ok(if since.elapsed() < SAVE_INTERVAL { flow } else { ControlFlow::Break(()) })
        })
    }

    /// Waits for the end of a line for at most 500 ms. A line whose end does not
    /// come is delivered, marked and counted.
    fn finish(&mut self, within: Duration, sink: &mut Sink<'_>) -> Result<()> {
        // Readers may go on, and faster than this: take no more than has arrived by now.
        for _ in 0..self.messages.len() {
            if self.deliver_ready(sink)?.is_break() {
                return Ok(());
            }
            // What is left is read the next time.
            if self.must_save() {
                break;
            }
            let Ok(message) = self.messages.try_recv() else { break };
            self.take(message);
        }
        if self.positions.is_some() {
            // A line without its end is read the next time.
            return self.finish_records(sink);
        }
        self.finish_lines(Instant::now() + within.min(LINE_END), sink)?;
        for stream in 0..self.streams.len() {
            if self.deliver_ready(sink)?.is_break() {
                return Ok(());
            }
            self.current = Some(CurrentBlock { cut: true, ..CurrentBlock::end(stream) });
        }
        self.live = 0;
        self.deliver_ready(sink).map(drop)
    }

    fn is_caught_up(&self) -> bool {
        let waits = self.streams.iter().any(|stream| stream.channels.waits());
        self.behind.is_empty() && self.current.is_none() && !waits
    }

    fn wake_by(&mut self, wake: Receiver<()>) -> bool {
        self.wake = wake;
        true
    }

    fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Saves positions if it is time. That they can't be saved is reported once.
    fn checkpoint(&mut self, at_end: bool) {
        let Some(positions) = &mut self.positions else { return };
        for (number, stream) in self.streams.iter().enumerate() {
            if stream.has_begun {
                positions.confirm(number, stream.origin.as_ref(), stream.channels.delivered);
            }
        }
        let is_idle = self.current.is_none() && self.messages.is_empty();
        let interval = if is_idle { Duration::ZERO } else { SAVE_INTERVAL };
        if let Err(error) = positions.save_if_due((!at_end).then_some(interval))
            && !std::mem::replace(&mut self.is_unsaved_reported, true)
        {
            let text = error.to_string();
            self.add_notice(Notice { text, severity: Severity::Failure });
        }
    }

    fn stop(&mut self, _within: Duration) -> Result<()> {
        let saved = self.positions.as_mut().map_or(Ok(()), PositionFile::save);
        // An error that was reported is not reported again.
        if self.is_unsaved_reported { Ok(()) } else { saved }
    }

    fn counts(&self) -> SourceCounts {
        let lines = self.streams.iter().fold(self.shared.counts, |counts, stream| {
            let nuls = stream.splitter.nuls();
            counts.plus(LineCounts { nuls, ..stream.channels.counts() })
        });
        SourceCounts { lines, ..SourceCounts::default() }
    }

    fn read_progress(&self) -> Option<Arc<ReadProgress>> {
        Some(Arc::clone(&self.progress))
    }

    fn exit(&self) -> Exit {
        if self.failed { Exit::Failed } else { Exit::Done }
    }
}

#[cfg(test)]
mod tests;
