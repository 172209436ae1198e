//! The time of day, as records have it.

use std::time::SystemTime;

/// Seconds since 1970-01-01 UTC, as Python's `time.time()`.
///
/// A clock that stands before 1970 is a broken clock: it gives 0, which is as
/// wrong as any other answer and never an error.
pub fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}
