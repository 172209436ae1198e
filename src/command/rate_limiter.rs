//! `--rate`: when each record is due.

use std::time::{Duration, Instant};

use zlog_core::text::parsers::MAX_DURATION;

/// How far the limiter may fall behind and still catch up. Beyond that it starts anew
/// instead of sending a burst.
const CATCH_UP: Duration = Duration::from_millis(200);

/// Spaces records evenly.
#[derive(Debug)]
pub(super) struct RateLimiter {
    interval: Duration,
    /// When the next record is due. `None` before the first one.
    due: Option<Instant>,
}

impl RateLimiter {
    /// `rate` records per second, the first one at once.
    pub(super) fn new(rate: f64) -> RateLimiter {
        let interval =
            Duration::try_from_secs_f64(1.0 / rate).unwrap_or(MAX_DURATION).min(MAX_DURATION);
        RateLimiter { interval, due: None }
    }

    /// When the next record is due: `now` or later.
    pub(super) fn next(&mut self, now: Instant) -> Instant {
        let due = self.due.filter(|due| now <= *due + CATCH_UP).unwrap_or(now);
        self.due = Some(due + self.interval);
        due.max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_spaced_evenly() {
        let start = Instant::now();
        let mut limiter = RateLimiter::new(10.0);
        let dues: Vec<u128> = (0..3).map(|_| (limiter.next(start) - start).as_millis()).collect();
        assert_eq!(dues, [0, 100, 200]);
    }

    #[test]
    fn the_slowest_rate_still_sends_the_first_record_at_once() {
        let start = Instant::now();
        let mut limiter = RateLimiter::new(1e-300);
        assert_eq!(limiter.next(start), start);
        assert_eq!(limiter.next(start), start + MAX_DURATION);
    }

    #[test]
    fn a_limiter_that_falls_behind_does_not_send_a_burst() {
        let start = Instant::now();
        let mut limiter = RateLimiter::new(10.0);
        limiter.next(start);
        let late = start + Duration::from_secs(60);
        assert_eq!(limiter.next(late), late);
        assert_eq!(limiter.next(late), late + Duration::from_millis(100));
    }
}
