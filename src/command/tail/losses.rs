//! What is said of lost records: who sent them, on which topic, how many.

use std::time::{Duration, Instant};

use zlog_core::record::Record;
use zlog_core::sequence::Gaps;
use zlog_core::text::escape;
use zlog_core::text::plural::counted;
use zlog_pipeline::os::terminal;

/// How often losses are told at most: a bad link makes many holes.
const PAUSE: Duration = Duration::from_secs(1);

/// How many senders and topics are named at most each time: the rest is summed up.
const NAMED: usize = 100;

/// Follows sequence numbers, and tells of holes in them.
pub(super) struct Losses {
    gaps: Gaps,
    told: Instant,
    quiet: bool,
}

impl Losses {
    /// Tells on stderr unless `quiet`.
    pub(super) fn new(quiet: bool, now: Instant) -> Losses {
        Losses { gaps: Gaps::default(), told: now, quiet }
    }

    /// Takes the sequence number of a record that came, if it has one.
    pub(super) fn see(&mut self, record: &Record<'_>) {
        let (Some(source), Some(seq)) = (record.source.as_deref(), record.seq) else { return };
        // A hole is told of later, with others of the same stream.
        let _ = self.gaps.see(source, &record.topic, seq);
    }

    /// Records lost so far.
    pub(super) fn lost(&self) -> u64 {
        self.gaps.lost()
    }

    /// Tells of the holes found since the last time: at most every second, or `now_or_never`.
    pub(super) fn report(&mut self, now: Instant, now_or_never: bool) {
        if !(now_or_never || now >= self.told + PAUSE) {
            return;
        }
        self.told = now;
        let lines = lines(self.gaps.take_news());
        if self.quiet {
            return;
        }
        for line in lines {
            terminal::eprint_line(format_args!("zlog tail: {line}"));
        }
        if self.gaps.has_just_filled_up() {
            terminal::eprint_line(
                "zlog tail: too many senders and topics: losses of some go unseen",
            );
        }
    }
}

/// What is said of these holes: source, topic and how many records.
fn lines<'a>(mut news: impl ExactSizeIterator<Item = (&'a str, &'a str, u64)>) -> Vec<String> {
    let mut lines = Vec::new();
    for (source, topic, missing) in news.by_ref().take(NAMED) {
        let (source, topic) = (escape::escape(source), escape::escape(topic));
        lines.push(format!("lost {} of {source}, topic {topic}", counted(missing, "record")));
    }
    let (others, missing) =
        news.fold((0u64, 0u64), |(n, sum), (.., missing)| (n + 1, sum.saturating_add(missing)));
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
        let streams: Vec<String> = (0..NAMED + 7).map(|n| format!("s{n}")).collect();
        let lines = lines(streams.iter().map(|s| (&**s, "app.INFO", 3)));
        assert_eq!(lines.len(), NAMED + 1);
        assert_eq!(lines[0], "lost 3 records of s0, topic app.INFO");
        assert_eq!(lines[NAMED], "lost 21 records of 7 more senders and topics");
    }
}
