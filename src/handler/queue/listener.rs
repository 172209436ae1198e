//! The far side of the queue: the thread that gives records to the handler behind,
//! and what it lets the near side know.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender, TryRecvError};

use crate::error::{Error, Result};
use crate::handler::Handler;
use crate::record::Record;

/// What goes through the queue.
pub(super) enum Job {
    /// A record for the handler. Boxed: the queue's slots are allocated at once.
    Record(Box<Record<'static>>),
    /// Asks for a flush, and for a word when it is done.
    Flush(Sender<()>),
}

/// What the near side knows of the far one.
#[derive(Default)]
pub(super) struct Shared {
    handled: AtomicU64,
    failed: AtomicU64,
    abandoned: AtomicBool,
    /// The error that is to be told.
    error: Mutex<Option<Error>>,
}

impl Shared {
    /// Records that were handled, and records that failed.
    pub(super) fn counts(&self) -> (u64, u64) {
        // Read after the thread has ended, or as a snapshot: no order is needed.
        (self.handled.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }

    /// The error that was not told yet.
    pub(super) fn take_error(&self) -> Option<Error> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Asks the thread to leave what is still queued.
    pub(super) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
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
    let mut listener = Listener { inner, shared, outage: false, unflushed: false };
    while let Some(job) = listener.next(&queue) {
        match job {
            Job::Record(record) => listener.handle(&record),
            Job::Flush(done) => {
                listener.flush();
                // Whoever asked may have gone.
                let _ = done.send(());
            }
        }
    }
    listener.flush();
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
                queue.recv().ok()
            }
        };
        next.filter(|_| !self.shared.abandoned.load(Ordering::Relaxed))
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
