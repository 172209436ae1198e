//! When `zlog emit` ends before its source does.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use zlog_pipeline::os::clock::TICK;
use zlog_pipeline::os::signal::ShutdownSignal;

/// When to end before the source does: at a signal, or after `--duration`.
#[derive(Clone)]
pub(super) struct Shutdown {
    pub(super) stop: ShutdownSignal,
    pub(super) until: Arc<OnceLock<Instant>>,
    /// How long a full or missing subscriber may delay the end (`--linger`).
    linger: Duration,
    /// Since when one delays it.
    held_up: Arc<OnceLock<Instant>>,
}

impl Shutdown {
    /// At a signal that `stop` catches.
    pub(super) fn new(stop: ShutdownSignal, linger: Duration) -> Shutdown {
        Shutdown { stop, until: Arc::default(), linger, held_up: Arc::default() }
    }

    pub(super) fn is_due(&self) -> bool {
        self.stop.requested() || self.until.get().is_some_and(|until| Instant::now() >= *until)
    }

    /// Whether waiting for a first subscriber must end. Called while one is missing.
    pub(super) fn ends_wait(&self) -> bool {
        self.is_due() || self.is_overdue()
    }

    /// Whether a subscriber that is full or missing has delayed the end for too long. Called
    /// while there is one.
    pub(super) fn is_overdue(&self) -> bool {
        (self.is_due() || self.stop.was_forwarded())
            && self.held_up.get_or_init(Instant::now).elapsed() >= self.linger
    }

    /// Waits until `until`, unless the end is due before.
    pub(super) fn pause(&self, until: Instant) {
        while !self.is_due()
            && let left = until.saturating_duration_since(Instant::now())
            && !left.is_zero()
        {
            std::thread::sleep(left.min(TICK));
        }
    }

    /// The rest of `--linger`.
    pub(super) fn linger(&self) -> Duration {
        let gone = self.held_up.get().map_or(Duration::ZERO, Instant::elapsed);
        self.linger.saturating_sub(gone)
    }
}
