//! A clock that goes only when it is told to.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Clock;

/// Shows the time that has been passed to it. Waiting is what makes it go.
#[derive(Debug, Default)]
pub(crate) struct FakeClock(AtomicU64);

impl FakeClock {
    /// Lets nanoseconds pass.
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
