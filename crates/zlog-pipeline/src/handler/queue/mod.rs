//! A bounded queue and a thread that takes records out of it for another handler, like Python's
//! `QueueHandler` and `QueueListener` together. A slow handler behind it delays nobody until the
//! queue is full.

mod listener;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{
    Receiver, RecvTimeoutError, SendTimeoutError, Sender, TryRecvError, TrySendError, bounded,
    select,
};

use self::listener::{Job, Shared, listen};
pub use super::publish::OnFull;
use super::{Backlog, HandleError, Handler};
use crate::os::thread;
use zlog_core::{Error, Record, Result};

/// How long dropping a queue waits for its records. To learn what happened to them, call
/// [`QueueHandler::close_within`].
const DROP_TIMEOUT: Duration = Duration::from_secs(5);
/// How long after its deadline a handler may take to report what it could not send.
const GRACE_PERIOD: Duration = Duration::from_millis(200);
/// How often a record that waits for room asks whether to give up.
const STOP_CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Record counts. The rest are still queued.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct QueueCounts {
    /// Records that were queued.
    pub accepted: u64,
    /// Records that found the queue full.
    pub dropped: u64,
    /// Records that the handler took without an error.
    pub handled: u64,
    /// Records for which the handler returned an error.
    pub failed: u64,
    /// Records still queued at the deadline for closing.
    pub abandoned: u64,
}

/// Puts records into a queue, for a handler on its own thread.
///
/// The next call of [`Handler::handle`] or [`Handler::flush`] returns the handler's first error
/// since the last one returned; [`QueueCounts::failed`] counts all of them. The handler gets
/// records even after an error. Its thread flushes it when the queue is empty, and runs its
/// timed work after each record and when it is due.
pub struct QueueHandler {
    /// `None` once it is closed.
    jobs: Option<Sender<Job>>,
    /// Never carries a message: it disconnects when the thread has ended.
    ended: Receiver<Infallible>,
    shared: Arc<Shared>,
    on_full: OnFull,
    stop: Box<dyn Fn() -> bool + Send>,
    accepted: u64,
    dropped: u64,
}

impl QueueHandler {
    /// Starts a thread that gives records to `inner`, with a queue of `capacity` records (at
    /// least one). `on_full` says what to do with a record that finds it full.
    ///
    /// # Errors
    /// The thread can't be started.
    pub fn new(
        inner: impl Handler + Send + 'static,
        capacity: usize,
        on_full: OnFull,
    ) -> Result<QueueHandler> {
        QueueHandler::open(inner, capacity, on_full, false)
    }

    /// The same. `waits`: while `inner` is full because its target is unreachable, records wait in the
    /// queue, instead of being dropped by `inner`.
    ///
    /// # Errors
    /// The thread can't be started.
    pub(crate) fn open(
        inner: impl Handler + Send + 'static,
        capacity: usize,
        on_full: OnFull,
        waits: bool,
    ) -> Result<QueueHandler> {
        let (jobs, queue) = bounded(capacity.max(1));
        let (running, ended) = bounded(0);
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        thread::spawn("queue", move || listen(running, &theirs, inner, waits, queue))?;
        let stop = Box::new(|| false);
        Ok(QueueHandler { jobs: Some(jobs), ended, shared, on_full, stop, accepted: 0, dropped: 0 })
    }

    /// Asks `stop`, while a record waits for room, whether to give up. That record is dropped
    /// then, and so is every later one that finds no room.
    #[must_use]
    pub fn stop_when(mut self, stop: Box<dyn Fn() -> bool + Send>) -> QueueHandler {
        self.stop = stop;
        self
    }

    /// Record counts so far.
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

    /// Queues a record that may be shared.
    ///
    /// # Errors
    /// See [`QueueHandler::handle`].
    pub(crate) fn put(&mut self, record: Arc<Record<'static>>) -> Result<(), HandleError> {
        let Some(jobs) = &self.jobs else { return Err(crashed().into()) };
        let queued = match jobs.try_send(Job::Record(record)) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) if self.on_full == OnFull::Drop => false,
            Err(TrySendError::Full(job)) => self.wait_for_room(job)?,
            Err(TrySendError::Disconnected(_)) => return Err(crashed().into()),
        };
        if queued {
            self.accepted += 1;
        } else {
            self.dropped += 1;
        }
        self.take_error().map_err(HandleError::record_taken)
    }

    /// Waits until everything queued has been handled and the handler was closed and dropped,
    /// at most `within`. What is still queued then is abandoned, including the current record.
    /// The error is one of the handler's that was not returned yet, or says that it has crashed.
    /// The caller reports what was abandoned, and what [`Handler::backlog`] contains.
    ///
    /// A handler that hangs in a record keeps its thread until it returns.
    pub(crate) fn close_within(&mut self, within: Duration) -> (QueueCounts, Result<()>) {
        let until = Instant::now() + within;
        self.begin_close(until);
        self.finish_close(until)
    }

    /// Takes no more records, and lets the handler end by itself until `until`. Returns at
    /// once: see [`QueueHandler::finish_close`].
    pub(crate) fn begin_close(&mut self, until: Instant) {
        self.shared.close_until(until);
        self.jobs = None;
    }

    /// Whether the handler has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.try_recv() == Err(TryRecvError::Disconnected)
    }

    /// Waits as [`QueueHandler::close_within`], after [`QueueHandler::begin_close`].
    pub(crate) fn finish_close(&mut self, until: Instant) -> (QueueCounts, Result<()>) {
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
            // The thread ended before the queue was empty.
            None if in_time && queued.abandoned > 0 && !self.shared.abandoned() => Err(crashed()),
            None => Ok(()),
        };
        (queued, error)
    }

    /// Waits for room, as long as it is allowed to.
    fn wait_for_room(&mut self, mut job: Job) -> Result<bool> {
        loop {
            if (self.stop)() {
                // Thousands of records may follow: none of them waits any more.
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

    /// Returns the handler's error that was not returned yet.
    fn take_error(&self) -> Result<()> {
        self.shared.take_error().map_or(Ok(()), Err)
    }
}

impl Handler for QueueHandler {
    /// Queues a copy of the record.
    ///
    /// # Errors
    /// The handler's error for an earlier record; this one is queued or dropped, and counted.
    /// Or the thread has ended, which only a panic of the handler can cause.
    fn handle(&mut self, record: &Record<'_>) -> Result<(), HandleError> {
        self.put(Arc::new(record.clone().into_owned()))
    }

    /// Waits until everything queued so far has been handled and the handler was flushed,
    /// without a limit. Not needed for progress: the thread flushes by itself when the queue
    /// is empty.
    ///
    /// # Errors
    /// See [`QueueHandler::handle`].
    fn flush(&mut self) -> Result<()> {
        let Some(jobs) = &self.jobs else { return Err(crashed()) };
        let (done, wait) = bounded(1);
        jobs.send(Job::Flush(done)).map_err(|_| crashed())?;
        // A thread that crashes leaves this request in the queue, without an answer.
        let flushed = select! {
            recv(wait) -> done => done.is_ok(),
            recv(self.ended) -> _ => false,
        };
        self.take_error()?;
        if flushed { Ok(()) } else { Err(crashed()) }
    }

    /// Asks the handler to reopen before its next record. The next call returns its error.
    fn reopen(&mut self) -> Result<()> {
        self.shared.ask_to_reopen();
        if let Some(jobs) = &self.jobs {
            // If the queue is full, a record will wake the thread up.
            let _ = jobs.try_send(Job::Wake);
        }
        self.take_error()
    }

    /// Queued records wait, and so do those that the handler holds.
    fn backlog(&self) -> Backlog {
        let (handled, failed) = self.shared.counts();
        let backlog = self.shared.backlog.load();
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
            // To learn what happened, the owner would have closed it.
            let _ = self.close_within(DROP_TIMEOUT);
        }
    }
}

fn crashed() -> Error {
    Error::new("the handler behind a queue has crashed")
        .hint("Restart zlog. The message before this one on stderr says where it crashed.")
}

#[cfg(test)]
mod tests;
