//! Batches that arrived in part, with somebody who asked for the rest to come later.
//!
//! They stand aside: who is put off for long (a full mailbox) keeps the next batches
//! from nobody.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Batch;

/// How many may stand aside. Beyond it, the oldest is given up for its stragglers.
pub(super) const MAX_DEFERRED: usize = 16;

/// Batches, and when each is tried again; the order is that of the times.
pub(super) struct Deferred<P> {
    batches: VecDeque<(Instant, Batch<P>)>,
    wait: Duration,
}

impl<P> Deferred<P> {
    /// `wait` is the time between two tries.
    pub(super) fn new(wait: Duration) -> Deferred<P> {
        Deferred { batches: VecDeque::new(), wait }
    }

    /// Puts a batch aside. Where there are too many, the oldest is given up; it is no
    /// news that somebody did not get it.
    pub(super) fn put(&mut self, batch: Batch<P>) {
        if self.batches.len() == MAX_DEFERRED {
            self.batches.pop_front();
        }
        self.batches.push_back((Instant::now() + self.wait, batch));
    }

    /// The batch that is due first, if it is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Batch<P>> {
        self.due().filter(|due| *due <= now)?;
        self.take()
    }

    /// The batch that is due first.
    pub(super) fn take(&mut self) -> Option<Batch<P>> {
        self.batches.pop_front().map(|(_, batch)| batch)
    }

    /// When the first of them is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.batches.front().map(|(due, _)| *due)
    }

    pub(super) fn len(&self) -> usize {
        self.batches.len()
    }
}
