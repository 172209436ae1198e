//! Counts and notices of a [`PythonSource`](super::PythonSource).
//!
//! Notices are limited: a thousand bad clients must not write a thousand lines a second.

use std::mem;
use std::time::{Duration, Instant};

use crate::source::{ListenStats, Notice, Severity};

/// Counts and notices, for whoever meets something to report.
#[derive(Debug)]
pub(super) struct ListenReport {
    pub(super) stats: ListenStats,
    pub(super) notices: NoticeLimiter,
}

impl ListenReport {
    /// Adds a notice, up to the limit.
    pub(super) fn notice(&mut self, text: impl FnOnce() -> String) {
        self.notices.report(text);
    }
}

/// Up to [`PER_WINDOW`] notices are reported within this time; the rest is counted.
const WINDOW: Duration = Duration::from_secs(10);
const PER_WINDOW: u32 = 20;

/// Notices, of which no more than a few are reported at a time.
#[derive(Debug)]
pub(in crate::source) struct NoticeLimiter {
    notices: Vec<Notice>,
    /// Whose problems they are about.
    of: &'static str,
    begun: Instant,
    reported: u32,
    suppressed: u64,
}

impl NoticeLimiter {
    /// Starts with `notices`, which are not counted towards the limit.
    pub(in crate::source) fn new(
        now: Instant,
        notices: impl IntoIterator<Item = String>,
        of: &'static str,
    ) -> NoticeLimiter {
        let info = |text| Notice { text, severity: Severity::Info };
        let notices = notices.into_iter().map(info).collect();
        NoticeLimiter { notices, of, begun: now, reported: 0, suppressed: 0 }
    }

    /// Adds a notice, or counts it where there were too many of late.
    pub(in crate::source) fn report(&mut self, text: impl FnOnce() -> String) {
        if self.reported < PER_WINDOW {
            self.reported += 1;
            self.notices.push(Notice { text: text(), severity: Severity::Loss });
        } else {
            self.suppressed += 1;
        }
    }

    /// Starts a new window when the present one is over.
    pub(in crate::source) fn tick(&mut self, now: Instant) {
        if now.duration_since(self.begun) >= WINDOW {
            self.end_window();
            self.begun = now;
        }
    }

    /// Ends the present window: says how many notices it has suppressed.
    pub(in crate::source) fn end_window(&mut self) {
        self.reported = 0;
        let suppressed = mem::take(&mut self.suppressed);
        if suppressed > 0 {
            let text = format!("… and {suppressed} more problems with {}", self.of);
            self.notices.push(Notice { text, severity: Severity::Loss });
        }
    }

    /// The notices since the last call.
    pub(in crate::source) fn take(&mut self) -> Vec<Notice> {
        mem::take(&mut self.notices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_beyond_the_limit_are_summed_up() {
        let now = Instant::now();
        let mut limiter = NoticeLimiter::new(now, [], "Python's handlers");
        for number in 0..100 {
            limiter.report(|| format!("trouble {number}"));
        }
        limiter.tick(now + WINDOW / 2);
        assert_eq!(limiter.take().len(), 20);
        limiter.tick(now + WINDOW);
        let texts: Vec<String> = limiter.take().into_iter().map(|notice| notice.text).collect();
        assert_eq!(texts, ["… and 80 more problems with Python's handlers"]);
        limiter.report(|| "again".to_owned());
        limiter.tick(now + WINDOW * 2);
        assert_eq!(limiter.take().len(), 1);
    }

    #[test]
    fn remarks_name_the_counts_that_are_not_zero() {
        assert!(ListenStats { records: 5, clients: 1, ..Default::default() }.remarks().is_empty());
        let stats = ListenStats { truncated: 2, disconnected: 1, ..ListenStats::default() };
        let remarks = stats.remarks();
        assert_eq!(
            remarks,
            ["1 client disconnected", "2 records cut short by the end of the connection"]
        );
        assert_eq!(stats.lost(), 2);
    }
}
