//! A bounded queue, and a thread that takes records out of it to another handler:
//! what Python's `QueueHandler` and `QueueListener` do together. A slow handler
//! behind it holds up nobody, until the queue is full.
//!
//! What may be here: the queue, its thread, and what is told of the handler behind
//! it. What that handler does is its own.

mod listener;

use std::convert::Infallible;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{
    Receiver, RecvTimeoutError, SendTimeoutError, Sender, TryRecvError, TrySendError, bounded,
    select,
};

use self::listener::{Job, Shared, listen};
pub use super::publish::OnFull;
use super::{Backlog, Handler};
use zlog_core::error::{Error, Result};
use zlog_core::record::Record;

/// How long a queue that is dropped waits for its records to be handled; whoever
/// wants to know what became of them calls [`QueueHandler::close_within`].
const DROP_TIMEOUT: Duration = Duration::from_secs(5);
/// How long beyond its time a handler may take to say what it could not send.
const GRACE_PERIOD: Duration = Duration::from_millis(200);
/// How often a record that waits for room asks whether to give up.
const STOP_CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// What became of the records. Those that are none of handled, failed, dropped and
/// abandoned are still queued.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct QueueCounts {
    /// Records that were put in.
    pub accepted: u64,
    /// Records that found no room.
    pub dropped: u64,
    /// Records that the handler behind took without an error.
    pub handled: u64,
    /// Records at which the handler behind reported an error.
    pub failed: u64,
    /// Records that were still queued when [`QueueHandler::close_within`] gave up waiting.
    pub abandoned: u64,
}

/// Puts records into a queue, for a handler on a thread of its own.
///
/// The handler's errors come back from the next call of [`Handler::handle`] or
/// [`Handler::flush`], the first of an outage alone: an outage ends with the next
/// record that is handled, and [`QueueCounts::failed`] counts what it has cost. The
/// handler goes on being given records throughout. It is flushed whenever the queue
/// has run empty, and tended on its own thread: after each record, and when it asked
/// to be.
pub struct QueueHandler {
    /// `None` once it is closed.
    jobs: Option<Sender<Job>>,
    /// Nothing is ever sent: it is closed when the thread has ended.
    ended: Receiver<Infallible>,
    shared: Arc<Shared>,
    on_full: OnFull,
    stop: Box<dyn Fn() -> bool + Send>,
    accepted: u64,
    dropped: u64,
}

impl QueueHandler {
    /// Starts a thread that gives records to `inner`, with a queue of `capacity`
    /// records (at least one) before it. `on_full` says what happens to a record
    /// that finds it full: it waits, and whoever logs with it, or it is dropped.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn new(
        inner: impl Handler + Send + 'static,
        capacity: usize,
        on_full: OnFull,
    ) -> Result<QueueHandler> {
        let (jobs, queue) = bounded(capacity.max(1));
        let (running, ended) = bounded(0);
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        thread::Builder::new()
            .name("queue".to_owned())
            .spawn(move || listen(running, &theirs, inner, queue))
            .map_err(|error| Error::io("can't start a thread for a queue", &error))?;
        let stop = Box::new(|| false);
        Ok(QueueHandler { jobs: Some(jobs), ended, shared, on_full, stop, accepted: 0, dropped: 0 })
    }

    /// Asks `stop`, while a record waits for room, whether to give up: that record is
    /// dropped then, and so is every one after it that finds no room.
    #[must_use]
    pub fn stop_when(mut self, stop: Box<dyn Fn() -> bool + Send>) -> QueueHandler {
        self.stop = stop;
        self
    }

    /// What became of the records so far.
    pub fn counts(&self) -> QueueCounts {
        let (handled, failed) = self.shared.counts();
        QueueCounts {
            accepted: self.accepted,
            dropped: self.dropped,
            handled,
            failed,
            abandoned: 0,
        }
    }

    /// Queues a record that others may hold too.
    ///
    /// # Errors
    /// As [`QueueHandler::handle`]'s.
    pub fn put(&mut self, record: Arc<Record<'static>>) -> Result<()> {
        let Some(jobs) = &self.jobs else { return Err(crashed()) };
        let queued = match jobs.try_send(Job::Record(record)) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) if self.on_full == OnFull::Drop => false,
            Err(TrySendError::Full(job)) => self.wait_for_room(job)?,
            Err(TrySendError::Disconnected(_)) => return Err(crashed()),
        };
        if queued {
            self.accepted += 1;
        } else {
            self.dropped += 1;
        }
        self.take_error()
    }

    /// Ends: waits until everything queued has been handled and the handler behind
    /// closed and dropped, but not longer than `within`; what is queued then is
    /// abandoned, the record under way included. The error, if any, is one of the
    /// handler's that was not told yet, or that it has crashed; what was abandoned is
    /// for the caller to tell, and so is what [`Handler::backlog`] says now.
    ///
    /// A handler that hangs in one record keeps its thread until it returns.
    pub fn close_within(&mut self, within: Duration) -> (QueueCounts, Result<()>) {
        let until = Instant::now() + within;
        self.begin_close(until);
        self.finish_close(until)
    }

    /// Takes no more records, and lets the handler behind come to its end by itself,
    /// until `until`: [`QueueHandler::finish_close`] tells how that went.
    pub fn begin_close(&mut self, until: Instant) {
        self.shared.close_until(until);
        self.jobs = None;
    }

    /// Whether the handler behind has come to its end.
    pub fn has_ended(&self) -> bool {
        self.ended.try_recv() == Err(TryRecvError::Disconnected)
    }

    /// The rest of [`QueueHandler::close_within`], after [`QueueHandler::begin_close`].
    pub fn finish_close(&mut self, until: Instant) -> (QueueCounts, Result<()>) {
        let ended = |wait| self.ended.recv_deadline(wait) == Err(RecvTimeoutError::Disconnected);
        let mut in_time = ended(until);
        if !in_time {
            self.shared.abandon();
            in_time = ended(Instant::now() + GRACE_PERIOD);
        }
        let mut queued = self.counts();
        let done = queued.handled + queued.failed;
        queued.abandoned = queued.accepted.saturating_sub(done);
        let error = match self.shared.take_error() {
            Some(error) => Err(error),
            // It ended by itself before the queue was empty.
            None if in_time && queued.abandoned > 0 && !self.shared.abandoned() => Err(crashed()),
            None => Ok(()),
        };
        (queued, error)
    }

    /// Waits for room, as long as it may.
    fn wait_for_room(&mut self, mut job: Job) -> Result<bool> {
        loop {
            if (self.stop)() {
                // Thousands may follow: none of them waits any more.
                self.on_full = OnFull::Drop;
                return Ok(false);
            }
            let Some(jobs) = &self.jobs else { return Err(crashed()) };
            job = match jobs.send_timeout(job, STOP_CHECK_INTERVAL) {
                Ok(()) => return Ok(true),
                Err(SendTimeoutError::Timeout(job)) => job,
                Err(SendTimeoutError::Disconnected(_)) => return Err(crashed()),
            };
        }
    }

    /// The handler's error, if there is one that was not told yet.
    fn take_error(&self) -> Result<()> {
        self.shared.take_error().map_or(Ok(()), Err)
    }
}

impl Handler for QueueHandler {
    /// Queues a copy of the record.
    ///
    /// # Errors
    /// What the handler behind has reported, of records before this one: this one
    /// is queued or dropped, and counted, all the same. Or the thread has ended,
    /// which only a panic of that handler can bring about.
    fn handle(&mut self, record: &Record<'_>) -> Result<()> {
        self.put(Arc::new(record.clone().into_owned()))
    }

    /// Waits until everything queued so far has been handled, and the handler behind
    /// has been flushed: as long as that takes. Whoever must not wait need not call
    /// it, since the thread flushes by itself when the queue has run empty.
    ///
    /// # Errors
    /// As [`QueueHandler::handle`]'s.
    fn flush(&mut self) -> Result<()> {
        let Some(jobs) = &self.jobs else { return Err(crashed()) };
        let (done, wait) = bounded(1);
        jobs.send(Job::Flush(done)).map_err(|_| crashed())?;
        // A thread that crashes leaves what is queued where it is, this request too:
        // it would never be answered.
        let flushed = select! {
            recv(wait) -> done => done.is_ok(),
            recv(self.ended) -> _ => false,
        };
        self.take_error()?;
        if flushed { Ok(()) } else { Err(crashed()) }
    }

    /// Asks the handler behind to reopen before its next record. What comes of it is
    /// told by the next call.
    fn reopen(&mut self) -> Result<()> {
        self.shared.ask_to_reopen();
        if let Some(jobs) = &self.jobs {
            // Where it is full, there is a record to wake up for.
            let _ = jobs.try_send(Job::Wake);
        }
        self.take_error()
    }

    /// What is queued waits, and so does what the handler behind holds.
    fn backlog(&self) -> Backlog {
        let (handled, failed) = self.shared.counts();
        let backlog = self.shared.backlog();
        let queued = self.accepted.saturating_sub(handled + failed);
        Backlog { waiting: queued + backlog.waiting, ..backlog }
    }

    fn close(&mut self, until: Instant) -> Result<()> {
        self.begin_close(until);
        self.finish_close(until).1
    }
}

impl Drop for QueueHandler {
    fn drop(&mut self) {
        if self.jobs.is_some() {
            // Whoever wanted to know has asked before.
            let _ = self.close_within(DROP_TIMEOUT);
        }
    }
}

fn crashed() -> Error {
    Error::new("the handler behind a queue has crashed, and takes no more records")
        .hint("Start zlog again; its last words on stderr say where it crashed.")
}

#[cfg(test)]
mod tests;
