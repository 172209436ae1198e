//! The clock that times calls.

use std::time::{Duration, Instant};

/// A monotonic clock in nanoseconds since an origin of its own.
pub trait Clock: Sync {
    /// Nanoseconds since the origin.
    fn now(&self) -> u64;

    /// Returns at `due` or a little later; at once if `due` has passed.
    fn wait_until(&self, due: u64);

    /// Lets the calling thread wake up as close to its due time as the system allows.
    fn reduce_timer_slack(&self) {}
}

/// The system's monotonic clock; its origin is the creation of this value.
#[derive(Clone, Copy, Debug)]
pub struct Monotonic(Instant);

impl Monotonic {
    /// Creates a clock that starts at 0 now.
    pub fn new() -> Monotonic {
        Monotonic(Instant::now())
    }

    /// The time of this clock at `instant`; 0 before its origin.
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

    /// Sleeps. Spinning would be more precise, but it would compete with the handler's
    /// threads and count as the handler's processor time.
    fn wait_until(&self, due: u64) {
        let left = due.saturating_sub(self.now());
        if left > 0 {
            std::thread::sleep(Duration::from_nanos(left));
        }
    }

    /// By default Linux lets a sleep end up to 50 µs late, to save power.
    fn reduce_timer_slack(&self) {
        #[cfg(target_os = "linux")]
        {
            // Where the system refuses, waits end later, for every handler alike.
            let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
        }
    }
}

/// Nanoseconds of a duration, at most 584 years.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_no_sooner_than_it_is_due() {
        let clock = Monotonic::new();
        clock.reduce_timer_slack();
        let due = clock.now() + 2_000_000;
        clock.wait_until(due);
        assert!(clock.now() >= due);
        clock.wait_until(0);
    }
}
