//! Exponential backoff.

use std::time::Duration;

/// Doubles from the first to the longest delay, with jitter.
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    /// The next delay, before jitter.
    wait: Duration,
}

impl Backoff {
    pub(super) fn new(first: Duration, longest: Duration) -> Backoff {
        let first = first.min(longest);
        Backoff { first, longest, wait: first }
    }

    /// Starts over after a success.
    pub(super) fn reset(&mut self) {
        self.wait = self.first;
    }

    /// The delay after another failure: between half and all of the doubling value. Without
    /// jitter, everybody who lost the same target would come back at once.
    pub(super) fn next(&mut self) -> Duration {
        let wait = self.wait;
        self.wait = wait.saturating_mul(2).min(self.longest);
        wait / 2 + (wait / 2).mul_f64(fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_chance_takes_at_most_half() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(second, 5 * second);
        for _ in 0..2 {
            for whole in [1, 2, 4, 5, 5] {
                let wait = backoff.next();
                assert!(wait <= whole * second && wait >= whole * second / 2, "{wait:?}: {whole}");
            }
            backoff.reset();
        }
    }

    #[test]
    fn a_first_wait_beyond_the_longest_is_the_longest() {
        let mut backoff = Backoff::new(Duration::MAX, Duration::from_secs(1));
        assert!(backoff.next() <= Duration::from_secs(1));
    }
}
