//! Counts and rates for each topic and level: what `tail --stats` prints.

use std::fmt::Write;
use std::time::{Duration, Instant};

use crate::record::Record;
use crate::text::escape;
use crate::topic_table::TopicTable;

/// The most topics with a row of their own. A sender that puts a number into its topics
/// must not take all memory.
const MAX_TOPICS: usize = 10_000;

/// The row of the topics that have none of their own.
const OTHERS: &str = "(other topics)";

/// Counts records since it was made or last reported.
#[derive(Debug)]
pub struct Stats {
    since: Instant,
    topics: TopicTable<u64>,
    /// Records of topics that the table has refused or forgotten.
    others: u64,
}

impl Stats {
    /// Begins to count at `now`.
    pub fn new(now: Instant) -> Stats {
        Stats { since: now, topics: TopicTable::new(MAX_TOPICS), others: 0 }
    }

    /// Counts one record. Allocates only for a topic's first.
    pub fn count(&mut self, record: &Record<'_>) {
        let topic = if record.topic.is_empty() { "(no topic)" } else { &*record.topic };
        let others = &mut self.others;
        let forget = |count: &mut u64| {
            *others += *count;
            true
        };
        match self.topics.get_or_insert_with("", topic, || 0, forget) {
            Some(count) => *count += 1,
            None => self.others += 1,
        }
    }

    /// How long it has been counting.
    pub fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }

    /// A table of counts and rates, sorted by topic. Counting begins again.
    pub fn report(&mut self, now: Instant) -> String {
        let seconds = self.age(now).as_secs_f64().max(1e-9);
        let mut rows: Vec<(&str, u64)> =
            self.topics.iter().map(|(_, topic, count)| (topic, *count)).collect();
        if self.others > 0 {
            rows.push((OTHERS, self.others));
        }
        rows.sort_unstable();
        rows.push(("total", rows.iter().map(|(_, count)| count).sum()));
        let mut table = format!("{:>10} {:>12}  topic\n", "records", "records/s");
        for (topic, count) in rows {
            let topic = escape::escape(topic);
            // Writing to a String can't fail.
            let _ = writeln!(table, "{count:>10} {:>12.1}  {topic}", count as f64 / seconds);
        }
        self.topics.clear();
        (self.since, self.others) = (now, 0);
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(topic: &str) -> Record<'_> {
        Record { topic: topic.into(), ..Record::default() }
    }

    #[test]
    fn a_report_has_counts_and_rates_and_counting_begins_again() {
        let start = Instant::now();
        let mut stats = Stats::new(start);
        for topic in ["b.INFO", "a.ERROR", "b.INFO"] {
            stats.count(&of(topic));
        }
        let later = start + Duration::from_secs(2);
        let report = stats.report(later);
        let lines: Vec<Vec<&str>> =
            report.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["1", "0.5", "a.ERROR"]);
        assert_eq!(lines[2], ["2", "1.0", "b.INFO"]);
        assert_eq!(lines[3], ["3", "1.5", "total"]);
        assert_eq!(stats.age(later), Duration::ZERO);
        assert!(stats.report(later).ends_with("0.0  total\n"));
    }

    #[test]
    fn a_topic_cannot_steer_a_terminal() {
        let mut stats = Stats::new(Instant::now());
        stats.count(&of("\x1b]0;owned\x07\napp.INFO"));
        let report = stats.report(Instant::now());
        assert!(report.contains(r"\x1b]0;owned\x07\x0aapp.INFO"), "{report}");
    }

    #[test]
    fn too_many_topics_and_too_long_ones_share_a_row() {
        let mut stats = Stats::new(Instant::now());
        for n in 0..2 * MAX_TOPICS {
            stats.count(&of(&n.to_string()));
        }
        stats.count(&of(&"t".repeat(1 << 20)));
        let report = stats.report(Instant::now());
        assert!(report.lines().count() <= MAX_TOPICS + 3, "{}", report.lines().count());
        let count = |topic: &str| -> usize {
            let row = report.lines().find(|line| line.ends_with(topic)).expect("a row");
            row.split_whitespace().next().and_then(|count| count.parse().ok()).expect("a count")
        };
        assert_eq!(count("total"), 2 * MAX_TOPICS + 1);
        assert_eq!(count(OTHERS), 2 * MAX_TOPICS + 1 - (report.lines().count() - 3));
    }
}
