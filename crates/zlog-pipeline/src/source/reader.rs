//! Threads that read bytes, and the bounded channel to the one thread that makes records
//! of them.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::objects::Objects;
use crate::os::clock::now;
use zlog_core::{Error, Result};

/// Bytes read at once: what a pipe holds.
pub(super) const BLOCK: usize = 64 << 10;

/// Blocks in the channel: enough to keep both ends busy, and few enough that readers stop
/// within 1 MiB of a consumer that stops.
pub(crate) const BLOCKS: usize = 16;

/// Where a reader copies what it reads, unchanged.
pub type Tee = Box<dyn Write + Send>;

/// Progress of the reading threads, for a progress line and for the end of `--tee`.
#[derive(Debug, Default)]
pub struct ReadProgress {
    read: AtomicU64,
    total: AtomicU64,
    copying: AtomicU64,
    uncopied: AtomicU64,
    closed: AtomicBool,
}

impl ReadProgress {
    /// Bytes read so far.
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Bytes there are to read; 0 if that can't be known.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// Bytes that were read and are being written to `--tee`, whose reader may be slow.
    pub fn copying(&self) -> u64 {
        self.copying.load(Ordering::Acquire)
    }

    /// Bytes that were read and not copied, or only in part, because the reader of `--tee`
    /// did not take them before the end.
    pub fn uncopied(&self) -> u64 {
        self.uncopied.load(Ordering::Relaxed)
    }

    /// Ends the reading: the consumer takes nothing more, and records that are still delivered
    /// count as not read.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    pub(crate) fn add_total(&self, bytes: u64) {
        self.total.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// A message for the user that is no record and does not end the source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// One sentence that names the thing and the cause.
    pub text: String,
    /// Its consequence for the command.
    pub severity: Severity,
}

/// The consequence of a notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// Nothing was lost.
    Info,
    /// Records were lost, or may have been.
    Loss,
    /// The command did not do all of its work, so it must fail in the end.
    Failure,
}

impl Notice {
    /// Whether it is printed with `--quiet`, too.
    pub fn is_urgent(&self) -> bool {
        self.severity != Severity::Info
    }

    /// Whether the command must fail in the end.
    pub fn failed(&self) -> bool {
        self.severity == Severity::Failure
    }
}

/// A reader's message to the consumer.
pub(crate) struct ReaderMessage {
    pub(crate) stream: usize,
    pub(crate) at: Instant,
    pub(crate) event: ReaderEvent,
}

/// An event of a reader.
pub(crate) enum ReaderEvent {
    /// The bytes of one read.
    Bytes(Block),
    /// The last line ends here, even without a newline: the next bytes do not continue it.
    Break,
    /// Where the next bytes come from. After a [`ReaderEvent::Break`].
    Origin(Option<Origin>),
    /// A followed file was read to its end for the first time.
    CaughtUp,
    /// The reader has ended.
    End,
    /// A notice, in order with the bytes.
    Notice(Notice),
}

/// A place in a file.
pub(crate) struct Origin {
    /// The name that is followed, absolute. The file may have another one by now.
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<File>,
    /// Device and inode.
    pub(crate) identity: (u64, u64),
    /// The offset in the text; for a compressed file, after decompression.
    pub(crate) offset: u64,
    /// For a compressed file, in which no other place can be read: the bytes before `offset`.
    pub(crate) check: Option<Check>,
}

/// Bytes of a file's text by which it is recognised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Check {
    /// Their end.
    pub(crate) end: u64,
    pub(crate) hash: u64,
}

impl Origin {
    /// The first `N` bytes of the file.
    ///
    /// # Errors
    /// It is shorter, or can't be read.
    pub(crate) fn first_bytes<const N: usize>(&self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        #[cfg(unix)]
        std::os::unix::fs::FileExt::read_exact_at(&*self.file, &mut bytes, 0)?;
        Ok(bytes)
    }
}

/// The bytes of one read, in a buffer that goes back to the reader.
#[derive(Default)]
pub(crate) struct Block {
    pub(crate) buffer: Arc<Vec<u8>>,
    pub(crate) len: usize,
    /// The records of JSON objects in it, if they were read before.
    pub(crate) objects: Option<Objects>,
    /// When they were read: seconds since 1970-01-01 UTC.
    pub(crate) received: f64,
}

impl Block {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.len]
    }
}

/// The consumer is gone, so the reader may end.
#[derive(Debug)]
pub(crate) struct Disconnected;

/// A reader's end of the channel, for one stream.
pub(crate) struct ReaderHandle {
    pub(crate) stream: usize,
    /// The number of streams of the source.
    pub(crate) streams: Arc<AtomicUsize>,
    pub(crate) messages: Sender<ReaderMessage>,
    /// Buffers to use again.
    pub(crate) spare: Receiver<Vec<u8>>,
    /// Disconnected when the consumer goes, which wakes a reader that waits.
    pub(crate) stop: Receiver<()>,
    pub(crate) progress: Arc<ReadProgress>,
    pub(crate) tee: Option<TeeCopy>,
    /// A buffer of the last read, if that read nothing: a followed file is mostly at its
    /// end.
    pub(crate) unused: Vec<u8>,
}

impl ReaderHandle {
    /// Copies what is read to `tee`, on the reading thread: a blocked terminal holds up the
    /// input and never the consumer.
    #[must_use]
    pub(crate) fn with_tee(mut self, tee: Option<Tee>) -> ReaderHandle {
        self.tee = tee.map(|to| TeeCopy { to: Some(to), bytes: Vec::new() });
        self
    }

    /// The number of another stream, for a file that is read at the same time.
    pub(crate) fn new_stream(&self) -> usize {
        self.streams.fetch_add(1, Ordering::Relaxed)
    }

    /// Sends an event to the consumer.
    pub(crate) fn send(&self, event: ReaderEvent) -> Result<(), Disconnected> {
        let message = ReaderMessage { stream: self.stream, at: Instant::now(), event };
        self.messages.send(message).map_err(|_| Disconnected)
    }

    /// Sends a notice.
    pub(crate) fn notice(&self, text: String, severity: Severity) -> Result<(), Disconnected> {
        self.send(ReaderEvent::Notice(Notice { text, severity }))
    }

    /// Reads once and sends the bytes. `false` at the end of the input. The input's errors
    /// are returned; an error of the tee is a notice and ends only the copying, because
    /// whoever writes the input must not be held up by it.
    pub(crate) fn read_once(
        &mut self,
        input: &mut impl Read,
    ) -> io::Result<Result<bool, Disconnected>> {
        if self.progress.is_closed() {
            return Ok(Err(Disconnected));
        }
        let mut buffer = match std::mem::take(&mut self.unused) {
            unused if unused.is_empty() => self.spare.try_recv().unwrap_or_default(),
            unused => unused,
        };
        buffer.resize(BLOCK, 0);
        let len = loop {
            match input.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(len) => break len,
            }
        };
        if len == 0 {
            self.unused = buffer;
            return Ok(Ok(false));
        }
        self.progress.read.fetch_add(len as u64, Ordering::Relaxed);
        if let Some(tee) = &mut self.tee {
            tee.stage(&buffer[..len], &self.progress);
        }
        // Sent before it is copied: the copy may wait for a reader that has stopped.
        let block = Block { buffer: Arc::new(buffer), len, objects: None, received: now() };
        let sent = self.send(ReaderEvent::Bytes(block));
        let copied = self.tee.as_mut().map_or(Ok(()), |tee| tee.write(&self.progress));
        if sent.is_err() {
            return Ok(Err(Disconnected));
        }
        let reported = match copied {
            Ok(()) => Ok(()),
            Err(error) => self.end_copy(&error),
        };
        Ok(reported.map(|()| true))
    }

    /// Copies nothing more. That the reader of the copy has gone is no failure.
    fn end_copy(&mut self, error: &io::Error) -> Result<(), Disconnected> {
        self.tee = None;
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Ok(());
        }
        let error = Error::io("--tee: the rest is published, but not copied", error);
        self.notice(error.to_string(), Severity::Failure)
    }

    /// Reads to the end of the input, then sends [`ReaderEvent::End`].
    pub(crate) fn read_all(mut self, name: &str, mut input: impl Read) {
        loop {
            match self.read_once(&mut input) {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => break,
                Ok(Err(Disconnected)) => return,
                Err(error) => {
                    let text = Error::io(format_args!("reading {name}"), &error).to_string();
                    if self.notice(text, Severity::Failure).is_err() {
                        return;
                    }
                    break;
                }
            }
        }
        // It fails only if the consumer is gone, which then needs no message.
        let _ = self.send(ReaderEvent::End);
    }

    /// Waits, or returns early if the consumer disconnects.
    pub(crate) fn pause(&self, wait: Duration) -> Result<(), Disconnected> {
        match self.stop.recv_timeout(wait) {
            Err(RecvTimeoutError::Timeout) | Ok(()) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => Err(Disconnected),
        }
    }
}

/// The copy of the input to `--tee`.
pub(crate) struct TeeCopy {
    /// `None` once a write has timed out at the end: nothing more is copied.
    to: Option<Tee>,
    /// The bytes to copy next.
    bytes: Vec<u8>,
}

impl TeeCopy {
    /// Keeps `bytes` for [`TeeCopy::write`].
    fn stage(&mut self, bytes: &[u8], progress: &ReadProgress) {
        progress.copying.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
    }

    /// Writes what was staged. A write that times out at the end is counted and is no
    /// error: the input is published anyway.
    fn write(&mut self, progress: &ReadProgress) -> io::Result<()> {
        let len = self.bytes.len() as u64;
        let written = match &mut self.to {
            Some(to) => to.write_all(&self.bytes).and_then(|()| to.flush()),
            None => Err(io::ErrorKind::TimedOut.into()),
        };
        let timed_out =
            written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::TimedOut);
        if timed_out {
            self.to = None;
            progress.uncopied.fetch_add(len, Ordering::Relaxed);
        }
        // Last, since a thread that waits for `copying` to become 0 then reads `uncopied`.
        progress.copying.fetch_sub(len, Ordering::Release);
        if timed_out { Ok(()) } else { written }
    }
}
