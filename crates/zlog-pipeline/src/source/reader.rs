//! The reading end of a source: bytes out of a file descriptor, on a thread of
//! its own, over a bounded channel to the one thread that makes records of them.
//!
//! What may be here: reading, the copy of `--tee`, and what must be told in order
//! with the bytes. What the bytes mean is `text`'s.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use crate::os::clock::now;
use zlog_core::error::{Error, Result};

/// How much is read at once: what a pipe holds.
pub(crate) const BLOCK: usize = 64 << 10;

/// Blocks under way between the readers and the consumer: enough to keep both
/// busy, few enough that a stopped consumer stops its readers within 1 MiB.
pub(crate) const BLOCKS: usize = 16;

/// Where a reader copies what it reads, untouched.
pub type Tee = Box<dyn Write + Send>;

/// How far the reading has come; for a progress line.
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

    /// Bytes there are to read; 0 when nobody can know.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// Bytes that were read and are on their way to `--tee`, where somebody may hold
    /// them up.
    pub fn copying(&self) -> u64 {
        self.copying.load(Ordering::Acquire)
    }

    /// Bytes that were read and not copied, or not whole, because nobody took them
    /// before the end.
    pub fn uncopied(&self) -> u64 {
        self.uncopied.load(Ordering::Relaxed)
    }

    /// Lets nothing more be read, since nobody would take it.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn add_total(&self, bytes: u64) {
        self.total.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Something a person should know, that is no record and ends nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// One sentence, naming the thing and the cause.
    pub text: String,
    /// Input was missed: the command is to fail in the end.
    pub failed: bool,
}

/// What a reader sends.
pub(crate) struct ReaderMessage {
    pub(crate) stream: usize,
    pub(crate) at: Instant,
    pub(crate) event: ReaderEvent,
}

/// What has arrived.
pub(crate) enum ReaderEvent {
    /// What one read gave.
    Bytes(Block),
    /// The next bytes come from elsewhere: the last line ends here, newline or not.
    Break,
    /// Nothing more will come from this reader.
    End,
    /// Nothing more will come, and this is why.
    Failed(Error),
    /// For a person.
    Notice(Notice),
}

/// What one read gave, in a buffer that goes back to the reader.
#[derive(Default)]
pub(crate) struct Block {
    pub(crate) buffer: Vec<u8>,
    pub(crate) len: usize,
    /// When it was read: seconds since 1970-01-01 UTC.
    pub(crate) received: f64,
}

impl Block {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.len]
    }
}

/// The consumer has gone: there is nobody to read for.
#[derive(Debug)]
pub(crate) struct Disconnected;

/// Sends what one stream gives.
pub(crate) struct ReaderHandle {
    pub(crate) stream: usize,
    pub(crate) messages: Sender<ReaderMessage>,
    pub(crate) spare: Receiver<Vec<u8>>,
    /// Closed when the consumer goes, which wakes a reader that waits.
    pub(crate) stop: Receiver<()>,
    pub(crate) progress: Arc<ReadProgress>,
    pub(crate) tee: Option<TeeCopy>,
    /// A buffer that nothing was read into: a followed file is mostly at its end.
    pub(crate) unused: Vec<u8>,
}

impl ReaderHandle {
    /// Copies what is read to `tee`, here on the reading thread, so that a stuck
    /// terminal holds up the input and never the consumer.
    #[must_use]
    pub(crate) fn with_tee(mut self, tee: Option<Tee>) -> ReaderHandle {
        self.tee = tee.map(|to| TeeCopy { to: Some(to), bytes: Vec::new() });
        self
    }

    /// Tells the consumer something.
    pub(crate) fn send(&self, event: ReaderEvent) -> Result<(), Disconnected> {
        let message = ReaderMessage { stream: self.stream, at: Instant::now(), event };
        self.messages.send(message).map_err(|_| Disconnected)
    }

    /// Sends a notice.
    pub(crate) fn notice(&self, text: String, failed: bool) -> Result<(), Disconnected> {
        self.send(ReaderEvent::Notice(Notice { text, failed }))
    }

    /// Reads once and sends what came. `false` at the end of the input; an error of
    /// the input is returned, one of the tee is sent on and ends the reading.
    pub(crate) fn read_once(
        &mut self,
        input: &mut impl Read,
    ) -> io::Result<Result<bool, Disconnected>> {
        if self.progress.closed.load(Ordering::Relaxed) {
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
        if let Some(copying) = &mut self.tee {
            copying.take(&buffer[..len], &self.progress);
        }
        // First, since copying may wait for a reader who stands still.
        let sent = self.send(ReaderEvent::Bytes(Block { buffer, len, received: now() }));
        let copied = self.tee.as_mut().map_or(Ok(()), |tee| tee.copy(&self.progress));
        if sent.is_err() {
            return Ok(Err(Disconnected));
        }
        if let Err(error) = copied {
            let error = Error::io("copying the input (--tee)", &error);
            // Whether or not anybody hears it: the reading ends here.
            let _ = self.send(ReaderEvent::Failed(error));
            return Ok(Err(Disconnected));
        }
        Ok(Ok(true))
    }

    /// Reads to the end, then says so.
    pub(crate) fn read_all(mut self, name: &str, mut input: impl Read) {
        loop {
            match self.read_once(&mut input) {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => break,
                Ok(Err(Disconnected)) => return,
                Err(error) => {
                    let text = Error::io(format_args!("reading {name}"), &error).to_string();
                    if self.notice(text, true).is_err() {
                        return;
                    }
                    break;
                }
            }
        }
        // With the consumer gone there is nobody to tell.
        let _ = self.send(ReaderEvent::End);
    }

    /// Waits, but no longer than the consumer is there.
    pub(crate) fn pause(&self, wait: Duration) -> Result<(), Disconnected> {
        match self.stop.recv_timeout(wait) {
            Err(RecvTimeoutError::Timeout) | Ok(()) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => Err(Disconnected),
        }
    }
}

/// Starts a reading thread.
pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let started = thread::Builder::new().name(name.into()).spawn(work);
    started.map(drop).map_err(|error| Error::no_thread(&error))
}

/// What is being copied, and where to.
pub(crate) struct TeeCopy {
    /// `None` once nobody took it before the end: what is read then is not copied.
    to: Option<Tee>,
    bytes: Vec<u8>,
}

impl TeeCopy {
    fn take(&mut self, bytes: &[u8], progress: &ReadProgress) {
        progress.copying.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
    }

    /// Copies what was taken. That nobody takes it before the end is counted, and no
    /// error: what is read is to be published all the same.
    fn copy(&mut self, progress: &ReadProgress) -> io::Result<()> {
        let len = self.bytes.len() as u64;
        let copied = match &mut self.to {
            Some(to) => to.write_all(&self.bytes).and_then(|()| to.flush()),
            None => Err(io::ErrorKind::TimedOut.into()),
        };
        let given_up = copied.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::TimedOut);
        if given_up {
            self.to = None;
            progress.uncopied.fetch_add(len, Ordering::Relaxed);
        }
        // Last: whoever waits for this looks at the other then.
        progress.copying.fetch_sub(len, Ordering::Release);
        if given_up { Ok(()) } else { copied }
    }
}
