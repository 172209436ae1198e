//! Counts of one topic, level or source: in all, and for each of the last seconds.

use std::time::Duration;

/// For how many seconds counts are kept one by one: as many as a sparkline may be wide.
pub(super) const SECONDS: usize = 60;
/// A rate is the mean of so many whole seconds: few enough to follow a burst, and enough for rates
/// below one record per second not to jump.
const RATE_SECONDS: u32 = 5;

/// A value for each of the last `N` seconds.
#[derive(Clone, Debug)]
pub(super) struct PerSecond<T, const N: usize> {
    values: [T; N],
    /// The newest second that has a value. Seconds are counted from the start.
    newest: u32,
}

impl<T: Copy + Default, const N: usize> PerSecond<T, N> {
    pub(super) fn new() -> PerSecond<T, N> {
        PerSecond { values: [T::default(); N], newest: 0 }
    }

    /// The value of a second, which must not be before one that was asked for.
    pub(super) fn at_mut(&mut self, second: u32) -> &mut T {
        if second > self.newest {
            let skipped = (second - self.newest).min(N as u32);
            for back in 0..skipped {
                self.values[(second - back) as usize % N] = T::default();
            }
            self.newest = second;
        }
        &mut self.values[self.newest as usize % N]
    }

    /// The value of a second; the default if it has none, or has it no more.
    pub(super) fn at(&self, second: u32) -> T {
        match second <= self.newest && self.newest - second < N as u32 {
            true => self.values[second as usize % N],
            false => T::default(),
        }
    }
}

/// The counts of one topic, level or source, or of the whole stream.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    /// Records that have passed the filters.
    pub(super) records: u64,
    /// Records that are missing by their sequence numbers, whatever the filters are.
    pub(super) lost: u64,
    /// Seconds from the creation of the newest record to its arrival. Negative where the clock of
    /// its sender is ahead.
    pub(super) lag: Option<f32>,
    /// The largest lag so far.
    pub(super) max_lag: Option<f32>,
    per_second: PerSecond<u32, SECONDS>,
}

impl Counts {
    pub(super) fn new() -> Counts {
        let per_second = PerSecond::new();
        Counts { records: 0, lost: 0, lag: None, max_lag: None, per_second }
    }

    /// Counts a record that has arrived in this second.
    pub(super) fn count(&mut self, second: u32, lag: Option<f32>) {
        self.records += 1;
        let count = self.per_second.at_mut(second);
        *count = count.saturating_add(1);
        if let Some(lag) = lag {
            self.lag = Some(lag);
            self.max_lag = Some(self.max_lag.map_or(lag, |max| max.max(lag)));
        }
    }

    /// Records per second over the last whole seconds, `elapsed` after the start. In the first
    /// second, what has come so far.
    pub(super) fn rate(&self, elapsed: Duration) -> f64 {
        let second = second_of(elapsed);
        let seconds = second.min(RATE_SECONDS);
        if seconds == 0 {
            return f64::from(self.per_second.at(0));
        }
        let records: u64 =
            (second - seconds..second).map(|it| u64::from(self.per_second.at(it))).sum();
        records as f64 / f64::from(seconds)
    }

    /// Records in each of the last `n` whole seconds, the oldest first.
    pub(super) fn history(&self, elapsed: Duration, n: usize) -> Vec<u32> {
        let second = second_of(elapsed);
        let n = n.min(SECONDS) as u32;
        (0..n)
            .rev()
            .map(|back| match second.checked_sub(back + 1) {
                Some(second) => self.per_second.at(second),
                None => 0,
            })
            .collect()
    }
}

/// The number of a second, counted from the start.
pub(super) fn second_of(elapsed: Duration) -> u32 {
    u32::try_from(elapsed.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_rate_is_the_mean_of_the_last_whole_seconds() {
        let mut counts = Counts::new();
        (0..7).for_each(|_| counts.count(0, None));
        assert_eq!(counts.rate(after(0.5)), 7.0, "in the first second, what has come so far");
        assert_eq!(counts.rate(after(1.0)), 7.0);
        (0..3).for_each(|_| counts.count(1, None));
        assert_eq!(counts.rate(after(1.9)), 7.0, "the second that is not over does not count");
        assert_eq!(counts.rate(after(2.0)), 5.0);
        assert_eq!(counts.rate(after(5.0)), 2.0);
        assert_eq!(counts.rate(after(6.0)), 0.6);
        assert_eq!(counts.rate(after(7.0)), 0.0);
        assert_eq!(counts.records, 10);
    }

    #[test]
    fn the_history_has_zeros_for_seconds_without_records_and_before_the_start() {
        let mut counts = Counts::new();
        for (second, records) in [(1, 2), (4, 3)] {
            (0..records).for_each(|_| counts.count(second, None));
        }
        assert_eq!(counts.history(after(5.0), 7), [0, 0, 0, 2, 0, 0, 3]);
        assert_eq!(counts.history(after(5.5), 2), [0, 3]);
        assert_eq!(counts.history(after(1e6), 3), [0, 0, 0]);
        assert_eq!(counts.history(after(70.0), 1000).len(), SECONDS);
    }

    #[test]
    fn a_second_that_comes_round_again_begins_at_zero() {
        let mut counts = Counts::new();
        for second in [3, 3 + SECONDS as u32, 3 + 5 * SECONDS as u32] {
            counts.count(second, None);
            assert_eq!(counts.history(after(f64::from(second) + 1.0), 1), [1]);
            assert_eq!(
                counts.history(after(f64::from(second) + 1.0), SECONDS).iter().sum::<u32>(),
                1
            );
        }
    }

    #[test]
    fn the_newest_and_the_largest_lag_are_kept() {
        let mut counts = Counts::new();
        for lag in [Some(-0.5), Some(2.0), None, Some(0.1)] {
            counts.count(0, lag);
        }
        assert_eq!((counts.lag, counts.max_lag), (Some(0.1), Some(2.0)));
    }
}
