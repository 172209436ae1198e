//! Measurements of callers: the number of calls, start and end, and latencies.

use hdrhistogram::Histogram;

use zlog_core::{Error, Result};

/// Longer latencies are counted as this one: an hour, in nanoseconds.
const MAX_LATENCY: u64 = 3_600_000_000_000;
/// Latencies are kept to three significant digits, from a nanosecond on. With
/// [`MAX_LATENCY`] a histogram takes about 250 KiB, however many calls are made.
const DIGITS: u8 = 3;

/// Measurements of one or several callers. Times are those of the clock in use.
#[derive(Clone, Debug)]
pub struct CallStats {
    /// Calls that returned.
    pub calls: u64,
    /// When the first call began, in nanoseconds.
    pub start: u64,
    /// When the last call returned.
    pub end: u64,
    /// Latency of each call in nanoseconds.
    pub latency: Histogram<u64>,
}

impl CallStats {
    /// Creates empty statistics; `start` is when calls begin.
    ///
    /// # Errors
    /// Never in practice: the histogram's bounds are constant and valid.
    pub fn new(start: u64) -> Result<CallStats> {
        Ok(CallStats { calls: 0, start, end: start, latency: histogram()? })
    }

    /// Counts a call that took `latency` and returned at `end`.
    pub fn count(&mut self, latency: u64, end: u64) {
        self.calls += 1;
        self.end = end;
        self.latency.saturating_record(latency);
    }

    /// Adds the statistics of a caller that ran at the same time.
    pub fn merge(&mut self, other: &CallStats) {
        self.calls += other.calls;
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
        // Cannot fail: both histograms have the same bounds.
        let _ = self.latency.add(&other.latency);
    }

    /// Seconds from the start of the first call to the end of the last.
    pub fn seconds(&self) -> f64 {
        self.end.saturating_sub(self.start) as f64 / 1e9
    }
}

/// An empty histogram of nanoseconds.
///
/// # Errors
/// As [`CallStats::new`].
pub(crate) fn histogram() -> Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, MAX_LATENCY, DIGITS)
        .map_err(|error| Error::new(format!("can't create a latency histogram: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_that_ran_at_the_same_time_are_added_up() {
        let mut one = CallStats::new(100).unwrap();
        one.count(10, 200);
        let mut other = CallStats::new(50).unwrap();
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
        let mut stats = CallStats::new(0).unwrap();
        stats.count(u64::MAX, u64::MAX);
        assert_eq!(stats.latency.len(), 1);
        assert!(stats.latency.max() >= MAX_LATENCY);
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
