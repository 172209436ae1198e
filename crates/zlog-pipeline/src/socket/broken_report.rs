//! Reports broken connections: the first few one by one, further ones as a count.

use std::time::{Duration, Instant};

use super::libzmq::subscriber_tracker::BrokenConnection;
use zlog_core::text::plural::counted;

/// Connections reported one by one. Anyone who can connect can break connections.
const MOST_LINES: u32 = 3;
/// Minimum time between two counts, and the quiet time after which single reports return.
const INTERVAL: Duration = Duration::from_secs(60);

/// Counts the broken connections of a publishing socket, and limits their reports.
#[derive(Debug, Default)]
pub(crate) struct BrokenReport {
    total: u64,
    lines: u32,
    uncounted: u64,
    since: Option<Instant>,
}

impl BrokenReport {
    /// Counts a broken connection. Returns its report, unless there were too many of late.
    pub(crate) fn add(&mut self, broken: &BrokenConnection, now: Instant) -> Option<String> {
        self.total += 1;
        self.since.get_or_insert(now);
        if self.lines == MOST_LINES {
            self.uncounted += 1;
            return None;
        }
        self.lines += 1;
        Some(broken.to_string())
    }

    /// The number of connections that were not reported one by one, at most once a minute.
    pub(crate) fn take_count(&mut self, now: Instant) -> Option<String> {
        if now.saturating_duration_since(self.since?) < INTERVAL {
            return None;
        }
        let text = self.take_rest();
        match text {
            Some(_) => self.since = Some(now),
            None => (self.lines, self.since) = (0, None),
        }
        text
    }

    /// As [`BrokenReport::take_count`], at the end.
    pub(crate) fn take_rest(&mut self) -> Option<String> {
        let more = std::mem::take(&mut self.uncounted);
        (more > 0).then(|| {
            let connections = counted(more, "more connection");
            format!("{connections} broke before unsubscribing: records in transit may be lost")
        })
    }

    /// The number of broken connections, since the start.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }
}

/// The part of a summary about `broken` connections.
pub fn broken_remark(broken: u64) -> Option<String> {
    let connections = counted(broken, "connection");
    (broken > 0).then(|| format!("{connections} broke, and records in transit may be lost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_connections_are_reported_one_by_one_and_further_ones_as_a_count_each_minute() {
        let (mut report, start) = (BrokenReport::default(), Instant::now());
        let broken = BrokenConnection::for_test("127.0.0.1:5");
        let lines = (0..100).filter_map(|_| report.add(&broken, start)).count();
        assert_eq!((lines, report.total()), (3, 100));
        assert_eq!(report.take_count(start + INTERVAL / 2), None);
        let text = report.take_count(start + INTERVAL).expect("a count");
        assert!(text.starts_with("97 more connections broke"), "{text}");
        assert_eq!(report.add(&broken, start + INTERVAL), None);
        let text = report.take_count(start + 2 * INTERVAL).expect("a count");
        assert!(text.starts_with("1 more connection broke"), "{text}");
        assert_eq!(report.take_count(start + 3 * INTERVAL), None);
        assert!(report.add(&broken, start + 4 * INTERVAL).is_some(), "after a quiet minute");
        assert_eq!(report.take_rest(), None);
        assert_eq!(report.total(), 102);
    }
}
