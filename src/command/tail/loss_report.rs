//! What is said of lost records: who sent them, on which topic, how many.

use std::time::{Duration, Instant};

use zlog_core::record::Record;
use zlog_core::sequence::SequenceTracker;
use zlog_core::text::escape;
use zlog_core::text::plural::counted;
use zlog_pipeline::os::terminal;

/// How often losses are told at most: a bad link makes many holes.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// How many senders and topics are named at most each time: the rest is summed up.
const MAX_NAMED: usize = 100;

/// Follows sequence numbers, and tells of holes in them.
pub(super) struct LossReport {
    sequences: SequenceTracker,
    last_report: Instant,
    quiet: bool,
}

impl LossReport {
    /// Tells on stderr unless `quiet`.
    pub(super) fn new(quiet: bool, now: Instant) -> LossReport {
        LossReport { sequences: SequenceTracker::default(), last_report: now, quiet }
    }

    /// Takes the sequence number of a record that came, if it has one.
    pub(super) fn observe(&mut self, record: &Record<'_>) {
        let (Some(source), Some(seq)) = (record.source.as_deref(), record.seq) else { return };
        // A hole is told of later, with others of the same stream.
        let _ = self.sequences.observe(source, &record.topic, seq);
    }

    /// Records lost so far.
    pub(super) fn lost(&self) -> u64 {
        self.sequences.lost()
    }

    /// Tells of the holes found since the last time: at most every second, or `at_end`.
    pub(super) fn report(&mut self, now: Instant, at_end: bool) {
        if !(at_end || now >= self.last_report + REPORT_INTERVAL) {
            return;
        }
        self.last_report = now;
        let lines = lines(self.sequences.drain_new());
        if self.quiet {
            return;
        }
        for line in lines {
            terminal::eprint_line(format_args!("zlog tail: {line}"));
        }
        if self.sequences.is_newly_full() {
            terminal::eprint_line(
                "zlog tail: too many senders and topics: losses of some go unseen",
            );
        }
    }
}

/// What is said of these holes: source, topic and how many records.
fn lines<'a>(mut gaps: impl ExactSizeIterator<Item = (&'a str, &'a str, u64)>) -> Vec<String> {
    let mut lines = Vec::new();
    for (source, topic, missing) in gaps.by_ref().take(MAX_NAMED) {
        let (source, topic) = (escape::escape(source), escape::escape(topic));
        lines.push(format!("lost {} of {source}, topic {topic}", counted(missing, "record")));
    }
    let (others, missing) =
        gaps.fold((0u64, 0u64), |(n, sum), (.., missing)| (n + 1, sum.saturating_add(missing)));
    if others > 0 {
        let records = counted(missing, "record");
        lines.push(format!("lost {records} of {others} more senders and topics"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_in_very_many_streams_are_named_up_to_a_point_and_summed_up() {
        let streams: Vec<String> = (0..MAX_NAMED + 7).map(|n| format!("s{n}")).collect();
        let lines = lines(streams.iter().map(|s| (&**s, "app.INFO", 3)));
        assert_eq!(lines.len(), MAX_NAMED + 1);
        assert_eq!(lines[0], "lost 3 records of s0, topic app.INFO");
        assert_eq!(lines[MAX_NAMED], "lost 21 records of 7 more senders and topics");
    }
}
