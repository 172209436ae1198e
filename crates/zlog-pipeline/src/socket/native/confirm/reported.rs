//! Reports of states that come and go.

use std::time::{Duration, Instant};

/// Shortest time between two reports.
const REPEAT_AFTER: Duration = Duration::from_secs(60);

/// Whether a state was reported: once each time that it begins, and at most once a minute.
#[derive(Default)]
pub(super) struct Reported {
    is_reported: bool,
    last: Option<Instant>,
}

impl Reported {
    /// Whether the state, which lasts, is to be reported now. Then it counts as reported.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let is_recent = self.last.is_some_and(|last| now.duration_since(last) < REPEAT_AFTER);
        if self.is_reported || is_recent {
            return false;
        }
        (self.is_reported, self.last) = (true, Some(now));
        true
    }

    /// The state has ended.
    pub(super) fn end(&mut self) {
        self.is_reported = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_comes_and_goes_is_reported_once_a_minute_and_one_that_lasts_once() {
        let (mut reported, begun) = (Reported::default(), Instant::now());
        let mut is_due = |seconds: u64, has_ended: bool| {
            if has_ended {
                reported.end();
            }
            reported.is_due(begun + Duration::from_secs(seconds))
        };
        assert!(is_due(0, false) && !is_due(1, false));
        assert!(!is_due(10, true) && !is_due(59, true));
        assert!(is_due(60, false), "it has begun again before");
        assert!(!is_due(300, false) && is_due(301, true));
    }
}
