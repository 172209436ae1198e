//! The thread behind the queue: gives records to the handler, runs its timed work, and publishes
//! its state to the front.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError};

use crate::handler::{Handler, SharedBacklog};
use zlog_core::{Error, Record, Result};

/// The shortest wait for timed work, even if it is always due at once.
const MIN_TIMER: Duration = Duration::from_millis(1);

/// How often to look whether a full handler has room, or the queue was closed.
const ROOM_CHECK: Duration = Duration::from_millis(100);

/// An item of the queue.
pub(super) enum Job {
    /// A record for the handler. Several queues may share it.
    Record(Arc<Record<'static>>),
    /// Flushes the handler, then sends the reply.
    Flush(Sender<()>),
    /// Wakes the thread up: see [`Shared::ask_to_reopen`].
    Wake,
}

/// State shared by the front and the thread.
#[derive(Default)]
pub(super) struct Shared {
    handled: AtomicU64,
    failed: AtomicU64,
    /// The handler's backlog when it was last read.
    pub(super) backlog: SharedBacklog,
    abandoned: AtomicBool,
    reopen: AtomicBool,
    /// The first error that was not returned yet.
    error: Mutex<Option<Error>>,
    /// The deadline for closing the handler.
    until: Mutex<Option<Instant>>,
}

impl Shared {
    /// Records handled, and records failed.
    pub(super) fn counts(&self) -> (u64, u64) {
        // The backlog that is read after them has what the handler holds of these records.
        (self.handled.load(Ordering::Acquire), self.failed.load(Ordering::Acquire))
    }

    /// Requests [`Handler::reopen`] before the next record.
    pub(super) fn ask_to_reopen(&self) {
        self.reopen.store(true, Ordering::Relaxed);
    }

    /// Sets the deadline for closing the handler after the queue was closed.
    pub(super) fn close_until(&self, until: Instant) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    /// The deadline for closing the handler, once the queue was closed.
    fn closes_at(&self) -> Option<Instant> {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the error that was not returned yet.
    pub(super) fn take_error(&self) -> Option<Error> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Makes the thread skip what is still queued.
    pub(super) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    /// Whether the thread skips what is queued.
    pub(super) fn abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Stores an error, unless an older one has not been returned yet.
    fn note(&self, result: Result<()>) {
        if let Err(error) = result {
            self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    }
}

/// Gives what is queued to `inner`, until the queue is closed and empty. `waits`: whether records wait
/// in the queue while `inner` is full, see [`Handler::is_full`].
///
/// The order of the parameters matters: they are dropped from last to first, also when `inner`
/// panics. So when `running` is dropped, which signals the end of this thread, the queue no longer
/// accepts anything and `inner` is gone.
pub(super) fn listen(
    running: Sender<Infallible>,
    shared: &Shared,
    inner: impl Handler,
    waits: bool,
    queue: Receiver<Job>,
) {
    let mut listener = Listener { inner, shared, unflushed: false, due: None };
    while let Some(job) = listener.next(&queue) {
        listener.reopen();
        match job {
            Job::Record(record) => {
                if waits {
                    listener.wait_for_room();
                }
                listener.handle(&record);
                listener.on_timer();
            }
            Job::Flush(done) => {
                listener.flush();
                // The caller may have gone.
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

/// The state of the thread.
struct Listener<'s, H> {
    inner: H,
    shared: &'s Shared,
    /// There were records since the last flush.
    unflushed: bool,
    /// When the handler's timed work is due.
    due: Option<Instant>,
}

impl<H: Handler> Listener<'_, H> {
    /// The next job; `None` at the end of the queue.
    fn next(&mut self, queue: &Receiver<Job>) -> Option<Job> {
        let next = match queue.try_recv() {
            Ok(job) => Some(job),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                // The source may pause for long.
                self.flush();
                self.wait(queue)
            }
        };
        next.filter(|_| !self.shared.abandoned())
    }

    /// Waits for the next job, and runs timed work meanwhile.
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

    /// Waits until the handler has room, or the queue is closed and there is no time left.
    fn wait_for_room(&mut self) {
        while self.inner.is_full() && !self.shared.abandoned() {
            let until = self.shared.closes_at();
            if until.is_some_and(|until| Instant::now() >= until) {
                return;
            }
            let due = self.due.map(|due| due.saturating_duration_since(Instant::now()));
            std::thread::sleep(due.map_or(ROOM_CHECK, |due| due.min(ROOM_CHECK)));
            // At the end, a retry is not put off.
            self.run_timer(until.unwrap_or_else(Instant::now));
        }
    }

    fn handle(&mut self, record: &Record<'_>) {
        self.unflushed = true;
        let handled = self.inner.handle(record);
        // Before the record counts as handled: it may wait in the handler. And before timed work,
        // which may hang: then these are the records that the handler holds.
        self.shared.backlog.store(&self.inner.backlog());
        match handled {
            Ok(()) => self.shared.handled.fetch_add(1, Ordering::Release),
            Err(failed) => {
                self.shared.note(Err(failed.error));
                self.shared.failed.fetch_add(1, Ordering::Release)
            }
        };
    }

    fn flush(&mut self) {
        if std::mem::take(&mut self.unflushed) {
            self.shared.note(self.inner.flush());
            // What could not be sent is due later.
            self.look(Instant::now());
        }
    }

    /// Runs timed work, and asks when it is due next.
    fn on_timer(&mut self) {
        self.run_timer(Instant::now());
    }

    /// Runs what is due by `now`.
    fn run_timer(&mut self, now: Instant) {
        self.shared.note(self.inner.on_timer(now));
        self.look(now);
    }

    /// Asks the handler when its timed work is due, and what it holds.
    fn look(&mut self, now: Instant) {
        self.due = self.inner.due(now).map(|due| due.max(now + MIN_TIMER));
        self.shared.backlog.store(&self.inner.backlog());
    }

    fn reopen(&mut self) {
        // Read before swapping: requests are rare.
        if self.shared.reopen.load(Ordering::Relaxed)
            && self.shared.reopen.swap(false, Ordering::Relaxed)
        {
            self.shared.note(self.inner.reopen());
        }
    }

    fn close(&mut self) {
        let until = self.shared.closes_at();
        self.shared.note(self.inner.close(until.unwrap_or_else(Instant::now)));
        self.shared.backlog.store(&self.inner.backlog());
    }
}
