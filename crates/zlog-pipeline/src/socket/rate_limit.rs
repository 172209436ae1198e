//! How often something may happen: a number of times at once, and some times a second.

use std::time::Instant;

/// Counts what happens since a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct RateLimit {
    at_once: u64,
    a_second: u64,
    since: Instant,
    count: u64,
}

impl RateLimit {
    /// Starts to count `now`: so many times at once, and so many times a second.
    pub(super) fn new((at_once, a_second): (u64, u64), now: Instant) -> RateLimit {
        RateLimit { at_once, a_second, since: now, count: 0 }
    }

    /// It has happened once more.
    pub(super) fn count(&mut self) {
        self.count += 1;
    }

    /// Whether it has not happened more often than it may.
    pub(super) fn is_within(&self, now: Instant) -> bool {
        // The clock is looked at only where it matters.
        self.count <= self.at_once || {
            let seconds = now.saturating_duration_since(self.since).as_secs();
            self.count <= self.at_once.saturating_add(seconds.saturating_mul(self.a_second))
        }
    }
}
