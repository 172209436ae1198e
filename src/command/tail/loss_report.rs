//! Reports lost records: their sources, topics and number.

use std::time::{Duration, Instant};

use zlog_core::Record;
use zlog_core::sequence::SequenceTracker;
use zlog_core::text::escape;
use zlog_core::text::plural::counted;
use zlog_core::wire::mark::Mark;
use zlog_pipeline::os::terminal;

/// The shortest time between two reports. A bad link causes many gaps.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// The most sources and topics that one report names. It sums up the others.
const MAX_NAMED: usize = 100;

/// Tracks sequence numbers and reports gaps.
pub(super) struct LossReport {
    sequences: SequenceTracker,
    last_report: Instant,
    /// Losses that were reported.
    reported: u64,
    /// Whether it was reported that losses may go unseen.
    incomplete_reported: bool,
    /// Whether gaps are losses: not where several readers share the records.
    has_all: bool,
    quiet: bool,
}

impl LossReport {
    /// Prints reports on stderr unless `quiet`. `has_all` is false where other readers get some of
    /// the records: then gaps are no losses.
    pub(super) fn new(has_all: bool, quiet: bool, now: Instant) -> LossReport {
        LossReport {
            sequences: SequenceTracker::default(),
            last_report: now,
            reported: 0,
            incomplete_reported: false,
            has_all,
            quiet,
        }
    }

    /// Notes the sequence number of a record, if it has one.
    pub(super) fn observe(&mut self, record: &Record<'_>) {
        let (Some(source), Some(seq)) = (record.source.as_deref(), record.seq) else { return };
        if !self.has_all {
            return;
        }
        self.sequences.observe(source, &record.topic, seq);
    }

    /// Notes what a mark tells.
    pub(super) fn observe_mark(&mut self, mark: &Mark<'_>) {
        self.sequences.observe_mark(mark);
    }

    /// Records lost so far.
    pub(super) fn lost(&self) -> u64 {
        self.sequences.lost()
    }

    /// When the losses found since the last report are to be printed.
    pub(super) fn due(&self) -> Option<Instant> {
        (self.sequences.lost() > self.reported).then(|| self.last_report + REPORT_INTERVAL)
    }

    /// Prints the losses found since the last report, at most every second or `at_end`.
    pub(super) fn report(&mut self, now: Instant, at_end: bool) {
        if !(at_end || now >= self.last_report + REPORT_INTERVAL) {
            return;
        }
        self.last_report = now;
        self.reported = self.sequences.lost();
        let lines = lines(&self.sequences.drain_new());
        if self.quiet {
            return;
        }
        for line in lines {
            terminal::eprint_line(format_args!("zlog tail: {line}"));
        }
        let incomplete = self.sequences.is_incomplete();
        if incomplete && !std::mem::replace(&mut self.incomplete_reported, true) {
            terminal::eprint_line(
                "zlog tail: too many senders and topics: some losses are not noticed",
            );
        }
    }
}

/// The lines that report these losses: source, topic and number of records.
fn lines(losses: &[(&str, &str, u64)]) -> Vec<String> {
    let (named, others) = losses.split_at(losses.len().min(MAX_NAMED));
    let mut lines = Vec::new();
    for (source, topic, missing) in named {
        let (source, topic) = (escape::escape(source), escape::escape(topic));
        lines.push(format!("lost {} of {source}, topic {topic}", counted(*missing, "record")));
    }
    if !others.is_empty() {
        let missing: u64 = others.iter().map(|(.., missing)| missing).sum();
        let (records, others) = (counted(missing, "record"), others.len());
        lines.push(format!("lost {records} of {others} more senders and topics"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_losses_of_very_many_streams_are_named_up_to_a_limit_and_then_added_up() {
        let streams: Vec<String> = (0..MAX_NAMED + 7).map(|n| format!("s{n}")).collect();
        let losses: Vec<_> = streams.iter().map(|s| (&**s, "app.INFO", 3)).collect();
        let lines = lines(&losses);
        assert_eq!(lines.len(), MAX_NAMED + 1);
        assert_eq!(lines[0], "lost 3 records of s0, topic app.INFO");
        assert_eq!(lines[MAX_NAMED], "lost 21 records of 7 more senders and topics");
    }
}
