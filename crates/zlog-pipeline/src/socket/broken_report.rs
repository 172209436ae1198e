//! Reports broken connections: the first few one by one, further ones as a count.

use std::collections::HashSet;
use std::fmt;
use std::time::{Duration, Instant};

use zlog_core::text::plural::counted;

/// Messages sent longer ago were received, unless the subscriber had stopped reading.
pub(super) const IN_FLIGHT: Duration = Duration::from_secs(10);
/// Most broken connections that a socket keeps until they are taken; further ones are dropped.
pub(super) const MAX_BROKEN: usize = 64;
/// Connections reported one by one. Anyone who can connect can break connections.
const MOST_LINES: u32 = 3;
/// Minimum time between two counts, and the quiet time after which single reports return.
const INTERVAL: Duration = Duration::from_secs(60);

/// A higher upper bound of a loss says nothing: libzmq and the system queue about 10,000
/// messages of usual size at each end.
const MAX_MEANINGFUL_LOSS: u64 = 100_000;

/// A subscriber that disconnected without unsubscribing.
#[derive(Debug)]
pub(crate) struct BrokenConnection {
    /// The peer's address.
    pub(super) peer: String,
    /// Number of messages sent to any subscriber before it subscribed, and while it was
    /// connected: an upper bound of its loss.
    pub(super) before: u64,
    pub(super) sent: u64,
    pub(super) prefixes: HashSet<Box<[u8]>>,
    /// Number of subscriptions that are not in `prefixes`.
    pub(super) others: usize,
}

impl fmt::Display for BrokenConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peer = &self.peer;
        let most = match self.sent {
            n if n < MAX_MEANINGFUL_LOSS => format!("up to {}", counted(n, "record")),
            _ => "the last records".to_owned(),
        };
        write!(
            f,
            "the connection to {peer} broke before it unsubscribed: {most} in transit may be lost"
        )
    }
}

impl BrokenConnection {
    /// A connection to which exactly `sent` messages were sent.
    pub(super) fn exact(peer: String, sent: u64) -> BrokenConnection {
        // Which topics they had does not matter.
        BrokenConnection { peer, before: 0, sent, prefixes: HashSet::new(), others: 1 }
    }

    /// Whether it was sent a message of this topic, whose latest message was number `last`
    /// (from 1) of all messages sent.
    pub(crate) fn was_sent(&self, topic: &str, last: u64) -> bool {
        last > self.before && self.subscribed_to(topic)
    }

    /// Whether it was sent the message with this number, if that had a topic that it wanted.
    pub(super) fn was_there(&self, last: u64) -> bool {
        last > self.before
    }

    pub(super) fn subscribed_to(&self, topic: &str) -> bool {
        self.others > 0 || self.prefixes.iter().any(|p| topic.as_bytes().starts_with(p))
    }
}

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

    /// Counts broken connections. Returns the reports that are due.
    pub(crate) fn add_all(
        &mut self,
        broken: impl IntoIterator<Item = BrokenConnection>,
        now: Instant,
    ) -> Vec<String> {
        let mut reports: Vec<String> =
            broken.into_iter().filter_map(|broken| self.add(&broken, now)).collect();
        reports.extend(self.take_count(now));
        reports
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
impl BrokenConnection {
    pub(super) fn for_test(peer: &str) -> BrokenConnection {
        let (peer, prefixes) = (peer.to_owned(), HashSet::new());
        BrokenConnection { peer, before: 0, sent: 1, prefixes, others: 0 }
    }
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
