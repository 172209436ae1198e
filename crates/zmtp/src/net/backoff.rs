//! Delays before reconnects.

use std::time::Duration;

/// Delays that double up to a maximum. Half of each is random, so that the peers of a publisher
/// that restarts do not all come back at once.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    pub(crate) fn new(first: Duration, max: Duration) -> Backoff {
        Backoff { first, max: max.max(first), next: first }
    }

    /// The next delay. `random` is in 0..1.
    pub(crate) fn next(&mut self, random: f64) -> Duration {
        let delay = self.next;
        self.next = (2 * delay).min(self.max);
        delay.mul_f64(0.5 + 0.5 * random)
    }

    /// Starts over, after a connection that lasted.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }

    /// How long a connection must last for the next delay to be the first one again. Otherwise a
    /// publisher that breaks the protocol at once would be visited all the time.
    pub(crate) fn lasting(&self) -> Duration {
        self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_maximum_and_half_of_each_is_random() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(ms(100), ms(400));
        let delays: Vec<_> = (0..4).map(|_| backoff.next(1.0)).collect();
        assert_eq!(delays, [ms(100), ms(200), ms(400), ms(400)]);
        backoff.reset();
        assert_eq!(backoff.next(0.0), ms(50));
    }
}
