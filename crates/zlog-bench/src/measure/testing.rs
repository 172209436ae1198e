//! A clock that tests advance.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Clock;

/// Stands still unless it is advanced. A wait advances it.
#[derive(Debug, Default)]
pub(crate) struct FakeClock(AtomicU64);

impl FakeClock {
    /// Advances the clock.
    pub(crate) fn pass(&self, nanos: u64) {
        self.0.fetch_add(nanos, Ordering::Relaxed);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn wait_until(&self, due: u64) {
        self.0.fetch_max(due, Ordering::Relaxed);
    }
}
