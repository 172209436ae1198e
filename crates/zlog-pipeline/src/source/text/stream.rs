//! One stream of a [`TextSource`](super::TextSource): from its bytes to its lines.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use super::channels::Channels;
use super::encoding::Encoding;
use super::options::{LineOptions, StreamSpec};
use super::progress::{self, Progress};
use super::shared::Shared;
use crate::source::Sink;
use crate::source::lines::Splitter;
use crate::source::reader::{BLOCK, Block, Origin};
use zlog_core::Result;
use zlog_core::multiline::Tag;

/// State of one stream.
pub(super) struct Stream {
    pub(super) encoding: Encoding,
    pub(super) splitter: Splitter,
    pub(super) progress: Progress,
    pub(super) channels: Channels,
    /// The file that the bytes come from.
    pub(super) origin: Option<Arc<Origin>>,
    /// There is or was such a file.
    pub(super) has_begun: bool,
    /// Offset in that file of the end of the bytes received.
    pub(super) fed: u64,
    /// When bytes were last read, also as seconds since 1970-01-01 UTC.
    since: Instant,
    received: f64,
}

/// Bytes of a stream that are being split into lines.
pub(super) struct CurrentBlock {
    pub(super) stream: usize,
    pub(super) at: Instant,
    pub(super) block: Block,
    pub(super) pos: usize,
    /// The bytes that were read and stand after `counted` in the text of the block.
    pub(super) ahead: usize,
    pub(super) counted: usize,
    /// The stream's last line ends with this block.
    pub(super) last: bool,
    /// That is because the source was asked to finish: the stream itself goes on.
    pub(super) cut: bool,
}

impl CurrentBlock {
    /// The end of a stream.
    pub(super) fn end(stream: usize) -> CurrentBlock {
        let (at, block) = (Instant::now(), Block::default());
        CurrentBlock { stream, at, block, pos: 0, ahead: 0, counted: 0, last: true, cut: false }
    }
}

impl Stream {
    pub(super) fn new(spec: StreamSpec, options: &LineOptions) -> Stream {
        Stream {
            encoding: Encoding::default(),
            progress: Progress::default(),
            splitter: Splitter::new(options.max_line),
            channels: Channels::new(spec, options),
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
        self.channels.begin_at(self.fed);
        self.encoding = origin.as_ref().map_or(Encoding::Unknown, Encoding::of_file);
        self.origin = origin.map(Arc::new);
        self.has_begun = true;
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
        let line = self.splitter.line_number();
        let tag = Tag { line, received: self.received, ..Tag::default() };
        if self.channels.take(&state, tag, shared, sink)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        shared.counts.replaced += self.progress.replaced(partial);
        let start = progress::last_state_start(partial);
        self.splitter.drop_partial(start);
        self.progress.sent(state);
        self.channels.end();
        self.channels.deliver(shared, sink)
    }

    /// Delivers the records of a block, except one that later lines may continue.
    pub(super) fn deliver_block(
        &mut self,
        current: &mut CurrentBlock,
        shared: &mut Shared,
        sink: &mut Sink<'_>,
    ) -> Result<ControlFlow<()>> {
        self.since = current.at;
        self.channels.begin_block(current.at);
        if current.block.len > 0 {
            self.received = current.block.received;
        }
        loop {
            let cut = current.cut && self.splitter.is_at_end();
            let number = self.splitter.line_number();
            if let Some(line) = self.splitter.peek(current.block.bytes(), &mut current.pos) {
                let tag = Tag {
                    line: number,
                    received: self.received,
                    part: line.part,
                    cut,
                    enclosure: None,
                };
                let channels = &mut self.channels;
                let has_states = line.part == 0
                    && self.progress.has_states(line.bytes, |first| channels.is_record(first));
                let shown = match has_states {
                    true => self.progress.finish(line.bytes),
                    false => Some(line.bytes),
                };
                if let Some(bytes) = shown
                    && channels.take(bytes, tag, shared, sink)?.is_break()
                {
                    return Ok(ControlFlow::Break(()));
                }
                if has_states {
                    shared.counts.replaced += self.progress.replaced(line.bytes);
                }
                self.advance(current);
                continue;
            }
            if current.last && self.splitter.finish() {
                continue;
            }
            break;
        }
        if current.last {
            self.channels.end();
        }
        self.channels.expire_others(current.at);
        let flow = self.channels.deliver(shared, sink)?;
        let channels = &mut self.channels;
        self.progress.observe(self.splitter.partial(), |first| channels.is_record(first));
        let more = current.block.len >= BLOCK || self.splitter.is_within_line();
        channels.set_waits(more);
        Ok(flow)
    }

    /// Goes on to the next line of a block.
    fn advance(&mut self, current: &mut CurrentBlock) {
        self.progress.reset();
        self.splitter.advance(&mut current.pos);
        let counted = std::mem::replace(&mut current.counted, current.pos);
        let read = self.encoding.read_len(&current.block.bytes()[counted..current.pos]);
        current.ahead = current.ahead.saturating_sub(read);
        let carried = self.encoding.read_len(self.splitter.carry());
        let ahead = current.ahead + carried + self.encoding.pending();
        self.channels.next_line_at(self.fed.saturating_sub(ahead as u64));
    }
}
