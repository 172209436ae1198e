//! A rate limit: a burst, and a number of events a second on top.

use std::time::Instant;

/// Counts events since a start time.
#[derive(Clone, Copy, Debug)]
pub(super) struct RateLimit {
    at_once: u64,
    a_second: u64,
    since: Instant,
    count: u64,
}

impl RateLimit {
    /// Starts at `now`, with a limit of `(burst, per second)`.
    pub(super) fn new((at_once, a_second): (u64, u64), now: Instant) -> RateLimit {
        RateLimit { at_once, a_second, since: now, count: 0 }
    }

    /// Counts one event.
    pub(super) fn count(&mut self) {
        self.count += 1;
    }

    /// Whether the limit is kept.
    pub(super) fn is_within(&self, now: Instant) -> bool {
        // The time is computed only beyond the burst.
        self.count <= self.at_once || {
            let seconds = now.saturating_duration_since(self.since).as_secs();
            self.count <= self.at_once.saturating_add(seconds.saturating_mul(self.a_second))
        }
    }
}
