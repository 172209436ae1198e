//! The time of day, and how often commands look at it.

use std::time::{Duration, SystemTime};

/// Longest wait for a source between two looks at signals and the clock.
pub const TICK: Duration = Duration::from_millis(50);

/// Seconds since 1970-01-01 UTC, as Python's `time.time()`. 0 if the clock is set before 1970.
pub fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}
