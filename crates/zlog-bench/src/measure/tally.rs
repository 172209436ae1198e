//! What callers saw: calls, when they began and ended, and their latencies.

use hdrhistogram::Histogram;

use zlog_core::error::{Error, Result};

/// The longest latency told apart from longer ones: an hour, in nanoseconds.
const LONGEST: u64 = 3_600_000_000_000;
/// Latencies are kept to three significant digits, from a nanosecond on. With
/// [`LONGEST`] that makes some 250 KiB for each caller, however many calls it makes.
const DIGITS: u8 = 3;

/// What one caller saw, or several together. Times are of the clock that was used.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Calls that returned.
    pub calls: u64,
    /// When the first began, in nanoseconds.
    pub start: u64,
    /// When the last returned.
    pub end: u64,
    /// Nanoseconds that each took.
    pub latency: Histogram<u64>,
}

impl Tally {
    /// No call yet; `start` is when they may begin.
    ///
    /// # Errors
    /// Never in practice: the bounds are fixed and known to do.
    pub fn new(start: u64) -> Result<Tally> {
        Ok(Tally { calls: 0, start, end: start, latency: histogram()? })
    }

    /// Counts a call that took `latency` and returned at `end`.
    pub fn count(&mut self, latency: u64, end: u64) {
        self.calls += 1;
        self.end = end;
        self.latency.saturating_record(latency);
    }

    /// Adds what another caller saw at the same time.
    pub fn merge(&mut self, other: &Tally) {
        self.calls += other.calls;
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
        // Both have the same bounds, so that nothing of the other is out of them.
        let _ = self.latency.add(&other.latency);
    }

    /// Seconds from the first call's begin to the last one's end.
    pub fn seconds(&self) -> f64 {
        self.end.saturating_sub(self.start) as f64 / 1e9
    }
}

/// An empty histogram of nanoseconds.
///
/// # Errors
/// As [`Tally::new`].
pub(crate) fn histogram() -> Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, LONGEST, DIGITS)
        .map_err(|error| Error::new(format!("can't keep latencies: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_that_ran_at_the_same_time_are_added_up() {
        let mut one = Tally::new(100).unwrap();
        one.count(10, 200);
        let mut other = Tally::new(50).unwrap();
        other.count(30, 150);
        other.count(30, 400);
        one.merge(&other);
        assert_eq!((one.calls, one.start, one.end), (3, 50, 400));
        assert_eq!(one.latency.len(), 3);
        assert_eq!(one.latency.max(), 30);
        assert!((one.seconds() - 350e-9).abs() < 1e-15);
    }

    #[test]
    fn a_latency_beyond_an_hour_is_counted_as_an_hour() {
        let mut tally = Tally::new(0).unwrap();
        tally.count(u64::MAX, u64::MAX);
        assert_eq!(tally.latency.len(), 1);
        assert!(tally.latency.max() >= LONGEST);
    }

    #[test]
    fn percentiles_of_known_distributions_are_right_to_three_digits() {
        let mut uniform = histogram().unwrap();
        (1..=1_000_000).for_each(|n| uniform.saturating_record(n));
        let mut exponential = histogram().unwrap();
        // Each quantile of the exponential distribution with mean 1 ms, once.
        for n in 0..1_000_000u32 {
            let quantile = (f64::from(n) + 0.5) / 1e6;
            exponential.saturating_record((-(1.0 - quantile).ln() * 1e6).round() as u64);
        }
        for quantile in [0.5, 0.9, 0.99, 0.999] {
            let near = |found: u64, exact: f64| (found as f64 / exact - 1.0).abs() < 2e-3;
            assert!(near(uniform.value_at_quantile(quantile), quantile * 1e6), "{quantile}");
            let exact = -(1.0 - quantile).ln() * 1e6;
            assert!(near(exponential.value_at_quantile(quantile), exact), "{quantile}");
        }
    }
}
