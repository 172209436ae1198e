//! Batches that reached some recipients while others asked to try again (greylisting, a full
//! mailbox). They do not delay the next batches.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Batch;

/// The most deferred batches. Beyond it, the oldest is given up.
pub(super) const MAX_DEFERRED: usize = 16;

/// How long a batch is tried again.
const MAX_AGE: Duration = Duration::from_secs(30 * 60);

/// A deferred batch.
pub(super) struct Entry<P> {
    pub(super) batch: Batch<P>,
    since: Instant,
    due: Instant,
}

/// Deferred batches, ordered by the time of the next attempt.
pub(super) struct Deferred<P> {
    entries: VecDeque<Entry<P>>,
    delay: Duration,
}

impl<P> Deferred<P> {
    /// `delay` is the time between two attempts.
    pub(super) fn new(delay: Duration) -> Deferred<P> {
        Deferred { entries: VecDeque::new(), delay }
    }

    /// Adds a batch. Gives up the oldest if there are too many: that some recipients did not get
    /// it was reported.
    pub(super) fn add(&mut self, batch: Batch<P>) {
        let now = Instant::now();
        self.push(Entry { batch, since: now, due: now });
    }

    /// Adds a batch again after another attempt. Returns false if it is too old and was given up.
    pub(super) fn add_again(&mut self, entry: Entry<P>) -> bool {
        let keep = entry.since.elapsed() <= MAX_AGE;
        if keep {
            self.push(entry);
        }
        keep
    }

    fn push(&mut self, entry: Entry<P>) {
        if self.entries.len() == MAX_DEFERRED {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry { due: Instant::now() + self.delay, ..entry });
    }

    /// Removes the first batch, if it is due by `due`.
    pub(super) fn take(&mut self, due: Option<Instant>) -> Option<Entry<P>> {
        let first = self.entries.front()?;
        if due.is_some_and(|due| first.due > due) {
            return None;
        }
        self.entries.pop_front()
    }

    /// When the first batch is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.entries.front().map(|entry| entry.due)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
