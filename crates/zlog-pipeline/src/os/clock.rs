//! The time of day.

use std::time::SystemTime;

/// Seconds since 1970-01-01 UTC, as Python's `time.time()`. 0 if the clock is set before 1970.
pub fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}
