//! Counts and rates for each topic and level: what `tail --stats` prints.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use crate::record::Record;
use crate::text::escape;

/// The most topics counted apart; further ones are counted together. A sender
/// that puts a number into its topics must not take all memory.
const MAX_TOPICS: usize = 10_000;

/// The longest topic counted apart, in bytes, for the same reason.
const MAX_TOPIC_BYTES: usize = 1024;

/// What further topics are counted under.
const OTHERS: &str = "(other topics)";

/// Counts records since it was made or last reported.
#[derive(Debug)]
pub struct Stats {
    since: Instant,
    topics: HashMap<Box<str>, u64>,
}

impl Stats {
    /// Begins to count at `now`.
    pub fn new(now: Instant) -> Stats {
        Stats { since: now, topics: HashMap::new() }
    }

    /// Counts one record. Allocates only for a topic's first.
    pub fn count(&mut self, record: &Record<'_>) {
        let topic = if record.topic.is_empty() { "(no topic)" } else { &*record.topic };
        if let Some(count) = self.topics.get_mut(topic) {
            *count += 1;
            return;
        }
        let apart = self.topics.len() < MAX_TOPICS && topic.len() <= MAX_TOPIC_BYTES;
        let key = if apart { topic } else { OTHERS };
        *self.topics.entry(key.into()).or_default() += 1;
    }

    /// How long it has been counting.
    pub fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }

    /// A table of counts and rates, topics in order; counting begins anew.
    pub fn report(&mut self, now: Instant) -> String {
        let seconds = self.age(now).as_secs_f64().max(1e-9);
        let mut topics: Vec<(Box<str>, u64)> = self.topics.drain().collect();
        topics.sort();
        self.since = now;
        let total: u64 = topics.iter().map(|(_, count)| count).sum();
        let mut table = format!("{:>10} {:>12}  topic\n", "records", "records/s");
        for (topic, count) in topics.iter().map(|(t, c)| (&**t, *c)).chain([("total", total)]) {
            let topic = escape::escape(topic);
            // Writing to a String can't fail.
            let _ = writeln!(table, "{count:>10} {:>12.1}  {topic}", count as f64 / seconds);
        }
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
    fn the_report_gives_counts_and_rates_and_begins_anew() {
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
    fn a_topic_from_outside_cannot_steer_a_terminal() {
        let mut stats = Stats::new(Instant::now());
        stats.count(&of("\x1b]0;owned\x07\napp.INFO"));
        let report = stats.report(Instant::now());
        assert!(report.contains(r"\x1b]0;owned\x07\x0aapp.INFO"), "{report}");
    }

    #[test]
    fn topics_without_end_are_counted_together() {
        let mut stats = Stats::new(Instant::now());
        for n in 0..MAX_TOPICS + 5 {
            stats.count(&of(&n.to_string()));
        }
        assert!(stats.topics.len() <= MAX_TOPICS + 1);
        assert_eq!(stats.topics[OTHERS], 5);
    }

    #[test]
    fn a_topic_without_end_is_counted_and_not_kept() {
        let mut stats = Stats::new(Instant::now());
        stats.count(&of(&"t".repeat(MAX_TOPIC_BYTES)));
        stats.count(&of(&"t".repeat(MAX_TOPIC_BYTES + 1)));
        stats.count(&of(&"u".repeat(1 << 20)));
        assert_eq!((stats.topics.len(), stats.topics[OTHERS]), (2, 2));
        assert!(stats.report(Instant::now()).len() < 2 * MAX_TOPIC_BYTES);
    }
}
