//! Reports subscribers that were disconnected because of what they sent, at a limited rate: an
//! offender may reconnect at once.

use std::time::{Duration, Instant};

/// Minimum time between two reports.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// The subscribers of a publisher that were disconnected since the last report.
#[derive(Debug, Default)]
pub(super) struct MisuseReport {
    count: u64,
    /// The last of them, and why.
    last: Option<(String, String)>,
    reported: Option<Instant>,
}

impl MisuseReport {
    /// Notes that a subscriber was disconnected.
    pub(super) fn add(&mut self, peer: String, why: String) {
        self.count += 1;
        self.last = Some((peer, why));
    }

    /// A report: the first at once, then at most one a minute.
    pub(super) fn take(&mut self, now: Instant) -> Option<String> {
        self.last.as_ref()?;
        if self.reported.is_some_and(|at| now.saturating_duration_since(at) < REPORT_INTERVAL) {
            return None;
        }
        self.reported = Some(now);
        let count = std::mem::take(&mut self.count);
        let (peer, why) = self.last.take()?;
        let at = if peer.is_empty() { String::new() } else { format!(" at {peer}") };
        Some(match count {
            1 => format!("disconnected a subscriber{at}: {why}"),
            _ => format!("disconnected {count} subscribers, the last{at}: {why}"),
        })
    }

    /// As [`MisuseReport::take`], at the end: no time must have passed.
    pub(super) fn take_last(&mut self) -> Option<String> {
        self.reported = None;
        self.take(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ended_connections_are_reported_once_and_then_once_a_minute() {
        let mut report = MisuseReport::default();
        let start = Instant::now();
        assert_eq!(report.take(start), None);
        let add = |report: &mut MisuseReport, peer: &str| {
            report.add(peer.to_owned(), "it floods".to_owned());
        };
        add(&mut report, "10.0.0.7");
        let text = report.take(start).expect("a report");
        assert_eq!(text, "disconnected a subscriber at 10.0.0.7: it floods");
        add(&mut report, "10.0.0.8");
        add(&mut report, "");
        assert_eq!(report.take(start + REPORT_INTERVAL / 2), None);
        let text = report.take(start + REPORT_INTERVAL).expect("a report");
        assert!(text.starts_with("disconnected 2 subscribers, the last: "), "{text}");
        assert_eq!(report.take(start + 3 * REPORT_INTERVAL), None);
        add(&mut report, "10.0.0.9");
        assert!(report.take_last().is_some(), "at the end");
    }
}
