//! Counts and rates for each topic and level: what `tail --stats` prints.

use std::fmt::Write;
use std::time::{Duration, Instant};

use super::counts::Counts;
use crate::level::Level;
use crate::record::Record;
use crate::text::escape;
use crate::text::plural::{grouped, rate};
use crate::wire::topic;

/// The clock of rates and intervals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeBase {
    /// This machine's: records arrive as they are created.
    Arrival,
    /// The times of the records, which are stored: how fast they are read says nothing.
    Records,
}

/// Counts records since it was made or last reported.
#[derive(Debug)]
pub struct Stats {
    base: TimeBase,
    since: Instant,
    /// The times of the first and the last record.
    span: Option<(f64, f64)>,
    counts: Counts,
    /// Reused: a topic without its level.
    scratch: String,
}

impl Stats {
    /// Begins to count at `now`.
    pub fn new(now: Instant, base: TimeBase) -> Stats {
        Stats { base, since: now, span: None, counts: Counts::new(), scratch: String::new() }
    }

    /// Counts one record. Allocates only for a topic's first.
    pub fn count(&mut self, record: &Record<'_>) {
        let level = topic::level_of(record);
        let name = match (record.level, level.standard_name()) {
            (Level::NOTSET, Some(name)) => name.into(),
            _ => record.level_name(),
        };
        let topic = topic::without_level(record, &mut self.scratch);
        let topic = if topic.is_empty() { record.name.as_deref().unwrap_or("") } else { topic };
        self.counts.add(topic, if level == Level::NOTSET { "-" } else { &name });
        if let Some(time) = record.time().filter(|time| time.is_finite()) {
            let (first, last) = self.span.unwrap_or((time, time));
            self.span = Some((first.min(time), last.max(time)));
        }
    }

    /// Whether an interval of this length ends before `record`. Only for [`TimeBase::Records`].
    pub fn ends_before(&self, record: &Record<'_>, interval: Duration) -> bool {
        let end = self.span.map(|(first, _)| first + interval.as_secs_f64());
        self.base == TimeBase::Records
            && end.zip(record.time()).is_some_and(|(end, time)| time >= end)
    }

    /// How long it has been counting.
    pub fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }

    /// Whether an interval of this length has ended. Only for [`TimeBase::Arrival`].
    pub fn has_ended(&self, now: Instant, interval: Duration) -> bool {
        self.base == TimeBase::Arrival && now.saturating_duration_since(self.since) >= interval
    }

    /// A table of counts and rates, sorted by topic and level. Counting begins again.
    pub fn report(&mut self, now: Instant) -> String {
        let seconds = match self.base {
            TimeBase::Arrival => Some(now.saturating_duration_since(self.since).as_secs_f64()),
            TimeBase::Records => self.span.map(|(first, last)| last - first),
        };
        let mut rows: Vec<(&str, &str, u64)> = self.counts.iter().collect();
        rows.sort_unstable_by_key(|(topic, level, _)| (*topic, severity(level), *level));
        let mut table = format!("{:>10} {:>12}  {:<8}  topic\n", "records", "rate", "level");
        let mut write = |count: u64, level: &str, topic: &str| {
            let rate = seconds.filter(|seconds| *seconds > 0.0);
            let rate = rate.map_or_else(|| "-".to_owned(), |seconds| rate_of(count, seconds));
            let (level, topic) = (escape::escape(level), escape::escape(topic));
            let line = format!("{:>10} {rate:>12}  {level:<8}  {topic}", grouped(count));
            // Writing to a String can't fail.
            let _ = writeln!(table, "{}", line.trim_end());
        };
        rows.iter().for_each(|(topic, level, count)| write(*count, level, topic));
        if self.counts.others() > 0 {
            write(self.counts.others(), "-", "(other topics)");
        }
        write(self.counts.total(), "total", "");
        (self.since, self.span, self.counts) = (now, None, Counts::new());
        table
    }
}

fn rate_of(count: u64, seconds: f64) -> String {
    rate(count as f64 / seconds)
}

/// The order of levels: the most severe first, custom names last.
fn severity(level: &str) -> i32 {
    Level::from_name(level).map_or(i32::MAX, |level| -level.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(topic: &'static str, level: Level, created: f64) -> Record<'static> {
        Record { topic: topic.into(), level, created: Some(created), ..Record::default() }
    }

    /// The table's rows without its header, words separated by single spaces.
    fn rows(report: &str) -> Vec<String> {
        let row = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        report.lines().skip(1).map(row).collect()
    }

    #[test]
    fn a_report_has_counts_and_rates_per_topic_and_level_and_counting_begins_again() {
        let start = Instant::now();
        let mut stats = Stats::new(start, TimeBase::Arrival);
        for (topic, level) in [
            ("b.INFO", Level::INFO),
            ("a.ERROR.x", Level::ERROR),
            ("b.ERROR", Level::ERROR),
            ("b.INFO", Level::INFO),
            ("pushed", Level::NOTSET),
            ("b.WARNING", Level::NOTSET),
        ] {
            stats.count(&of(topic, level, 0.0));
        }
        let later = start + Duration::from_secs(2);
        assert!(stats.has_ended(later, Duration::from_secs(2)));
        let expected = [
            "1 0.5/s ERROR a.x",
            "1 0.5/s ERROR b",
            "2 1.0/s INFO b",
            "1 0.5/s WARNING b.WARNING",
            "1 0.5/s - pushed",
            "6 3.0/s total",
        ];
        assert_eq!(rows(&stats.report(later)), expected);
        assert!(!stats.has_ended(later, Duration::from_secs(2)));
        assert_eq!(rows(&stats.report(later)), ["0 - total"]);
    }

    #[test]
    fn stored_records_are_grouped_by_logger_and_their_rate_is_that_of_their_own_times() {
        let start = Instant::now();
        let mut stats = Stats::new(start, TimeBase::Records);
        let stored = |name: &'static str, created| Record {
            name: Some(name.into()),
            ..of("", Level::INFO, created)
        };
        for (name, created) in [("db", 100.0), ("web", 110.0), ("db", 120.0)] {
            assert!(!stats.ends_before(&stored(name, created), Duration::from_secs(60)));
            stats.count(&stored(name, created));
        }
        assert!(stats.ends_before(&stored("db", 160.0), Duration::from_secs(60)));
        assert!(!stats.has_ended(start + Duration::from_secs(1000), Duration::from_secs(60)));
        let expected = ["2 6.0/min INFO db", "1 3.0/min INFO web", "3 9.0/min total"];
        assert_eq!(rows(&stats.report(start)), expected);
    }

    #[test]
    fn a_topic_cannot_steer_a_terminal() {
        let mut stats = Stats::new(Instant::now(), TimeBase::Arrival);
        stats.count(&of("\x1b]0;owned\x07\napp.INFO", Level::INFO, 0.0));
        let report = stats.report(Instant::now());
        assert!(report.contains(r"\x1b]0;owned\x07\x0aapp"), "{report}");
    }
}
