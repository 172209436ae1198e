//! The clock that calls are timed with.

use std::time::{Duration, Instant};

/// Tells time in nanoseconds since an origin of its own, and never goes back.
pub trait Clock: Sync {
    /// Nanoseconds since the origin.
    fn now(&self) -> u64;

    /// Returns at `due` or a little later; at once when it has passed.
    fn wait_until(&self, due: u64);

    /// Makes the calling thread's waits as punctual as they can be.
    fn be_punctual(&self) {}
}

/// The system's monotonic clock, since this value was made.
#[derive(Clone, Copy, Debug)]
pub struct Monotonic(Instant);

impl Monotonic {
    /// A clock that begins at 0 now.
    pub fn new() -> Monotonic {
        Monotonic(Instant::now())
    }

    /// What this clock showed, or will show, at `instant`; 0 before its origin.
    pub fn at(&self, instant: Instant) -> u64 {
        nanos(instant.saturating_duration_since(self.0))
    }
}

impl Default for Monotonic {
    fn default() -> Monotonic {
        Monotonic::new()
    }
}

impl Clock for Monotonic {
    fn now(&self) -> u64 {
        nanos(self.0.elapsed())
    }

    /// Sleeps. Spinning would be more punctual, and would take the processor from
    /// the handler's own threads and count as the handler's processor time.
    fn wait_until(&self, due: u64) {
        let left = due.saturating_sub(self.now());
        if left > 0 {
            std::thread::sleep(Duration::from_nanos(left));
        }
    }

    /// Linux lets a sleep end 50 µs late to save power, unless asked not to.
    fn be_punctual(&self) {
        #[cfg(target_os = "linux")]
        {
            // Where the system refuses, waits end later, and show in the latency of
            // every handler alike.
            let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
        }
    }
}

/// Nanoseconds of a duration; the longest that can be told is 584 years.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_no_sooner_than_it_is_due() {
        let clock = Monotonic::new();
        clock.be_punctual();
        let due = clock.now() + 2_000_000;
        clock.wait_until(due);
        assert!(clock.now() >= due);
        clock.wait_until(0);
    }
}
