//! The far side of the queue: the thread that gives records to the handler behind,
//! does what is due there by the clock, and lets the near side know.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError};

use crate::handler::{Backlog, Handler};
use zlog_core::error::{Error, Result};
use zlog_core::record::Record;

/// A handler that is due again at once, again and again, is asked no more often.
const MIN_TIMER: Duration = Duration::from_millis(1);
/// When a handler that can't say when it is due, but fails, is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// What goes through the queue.
pub(super) enum Job {
    /// A record for the handler. Several queues may hold the same one.
    Record(Arc<Record<'static>>),
    /// Asks for a flush, and for a word when it is done.
    Flush(Sender<()>),
    /// Nothing but a reason to wake up: [`Shared::ask_to_reopen`].
    Wake,
}

/// What the near side knows of the far one, and what it asks of it.
#[derive(Default)]
pub(super) struct Shared {
    handled: AtomicU64,
    failed: AtomicU64,
    waiting: AtomicU64,
    lost: AtomicU64,
    cut: AtomicU64,
    unconfirmed: AtomicU64,
    unreachable: AtomicBool,
    abandoned: AtomicBool,
    reopen: AtomicBool,
    /// The error that is to be told.
    error: Mutex<Option<Error>>,
    /// Until when the handler may take to close.
    until: Mutex<Option<Instant>>,
}

impl Shared {
    /// Records that were handled, and records that failed.
    pub(super) fn counts(&self) -> (u64, u64) {
        // Read after the thread has ended, or as a snapshot: no order is needed.
        (self.handled.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }

    /// What the handler held when it was last asked.
    pub(super) fn backlog(&self) -> Backlog {
        Backlog {
            waiting: self.waiting.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
            cut: self.cut.load(Ordering::Relaxed),
            unconfirmed: self.unconfirmed.load(Ordering::Relaxed),
            unreachable: self.unreachable.load(Ordering::Relaxed),
        }
    }

    /// Asks for [`Handler::reopen`] before the next record.
    pub(super) fn ask_to_reopen(&self) {
        self.reopen.store(true, Ordering::Relaxed);
    }

    /// How long the handler may take to close, once the queue is.
    pub(super) fn close_until(&self, until: Instant) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    /// The error that was not told yet.
    pub(super) fn take_error(&self) -> Option<Error> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Asks the thread to leave what is still queued.
    pub(super) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked to leave what is queued.
    pub(super) fn abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Keeps an error to be told. One that waits already is the older story.
    fn keep(&self, error: Error) {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

/// Gives what is queued to `inner`, until the queue is closed and empty.
///
/// The order of the parameters counts: they are dropped from the last to the first,
/// also when `inner` panics. So when `running` goes, which says that this thread has
/// ended, the queue takes nothing any more and `inner` is gone.
pub(super) fn listen(
    running: Sender<Infallible>,
    shared: &Shared,
    inner: impl Handler,
    queue: Receiver<Job>,
) {
    let mut listener = Listener { inner, shared, outage: false, unflushed: false, due: None };
    while let Some(job) = listener.next(&queue) {
        listener.reopen();
        match job {
            Job::Record(record) => {
                listener.handle(&record);
                listener.on_timer();
            }
            Job::Flush(done) => {
                listener.flush();
                // Whoever asked may have gone.
                let _ = done.send(());
            }
            Job::Wake => {}
        }
    }
    listener.close();
    drop(listener);
    drop(queue);
    drop(running);
}

/// The thread's own state.
struct Listener<'s, H> {
    inner: H,
    shared: &'s Shared,
    /// The last record failed, so the next error is no news.
    outage: bool,
    /// There were records since the last flush.
    unflushed: bool,
    /// When the handler wants to be tended again.
    due: Option<Instant>,
}

impl<H: Handler> Listener<'_, H> {
    /// What is next in the queue; `None` at its end.
    fn next(&mut self, queue: &Receiver<Job>) -> Option<Job> {
        let next = match queue.try_recv() {
            Ok(job) => Some(job),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                // A pause, for all that is known: nothing is held back meanwhile.
                self.flush();
                self.wait(queue)
            }
        };
        next.filter(|_| !self.shared.abandoned.load(Ordering::Relaxed))
    }

    /// Waits for what is next, and does meanwhile what is due.
    fn wait(&mut self, queue: &Receiver<Job>) -> Option<Job> {
        loop {
            let Some(due) = self.due else { return queue.recv().ok() };
            match queue.recv_deadline(due) {
                Ok(job) => return Some(job),
                Err(RecvTimeoutError::Timeout) => self.on_timer(),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    fn handle(&mut self, record: &Record<'_>) {
        self.unflushed = true;
        let handled = self.inner.handle(record);
        let counter = if handled.is_ok() { &self.shared.handled } else { &self.shared.failed };
        self.note(handled);
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn flush(&mut self) {
        if std::mem::take(&mut self.unflushed) {
            let flushed = self.inner.flush();
            // A flush that goes well says nothing of the records: no outage ends with it.
            if flushed.is_err() {
                self.note(flushed);
            }
        }
    }

    /// Does what is due, and asks when there will be more.
    fn on_timer(&mut self) {
        let now = Instant::now();
        let tended = self.inner.on_timer(now).or_else(|error| {
            self.note(Err(error));
            self.inner.on_timer(now)
        });
        let due = tended.unwrap_or(Some(now + RETRY));
        self.due = due.map(|due| due.max(now + MIN_TIMER));
        self.publish_backlog();
    }

    fn reopen(&mut self) {
        // Read first: the write is for the one time in a million.
        if self.shared.reopen.load(Ordering::Relaxed)
            && self.shared.reopen.swap(false, Ordering::Relaxed)
            && let Err(error) = self.inner.reopen()
        {
            self.note(Err(error));
        }
    }

    fn close(&mut self) {
        let until = *self.shared.until.lock().unwrap_or_else(PoisonError::into_inner);
        let closed = self.inner.close(until.unwrap_or_else(Instant::now));
        if closed.is_err() {
            self.note(closed);
        }
        self.publish_backlog();
    }

    fn publish_backlog(&self) {
        let Backlog { waiting, lost, cut, unconfirmed, unreachable } = self.inner.backlog();
        self.shared.waiting.store(waiting, Ordering::Relaxed);
        self.shared.lost.store(lost, Ordering::Relaxed);
        self.shared.cut.store(cut, Ordering::Relaxed);
        self.shared.unconfirmed.store(unconfirmed, Ordering::Relaxed);
        self.shared.unreachable.store(unreachable, Ordering::Relaxed);
    }

    /// Keeps the first error of an outage.
    fn note(&mut self, outcome: Result<()>) {
        let was_out = std::mem::replace(&mut self.outage, outcome.is_err());
        if let Err(error) = outcome
            && !was_out
        {
            self.shared.keep(error);
        }
    }
}
