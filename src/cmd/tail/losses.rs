//! What is said of lost records: who sent them, on which topic, how many.

use std::time::{Duration, Instant};

use crate::gaps::Gaps;
use crate::record::Record;
use crate::term;

/// How often losses are told at most: a bad link makes many holes.
const PAUSE: Duration = Duration::from_secs(1);

/// Follows sequence numbers, and tells of holes in them.
pub(super) struct Losses {
    gaps: Gaps,
    /// Holes not told of yet: source, topic and how many records.
    untold: Vec<(String, String, u64)>,
    told: Instant,
    quiet: bool,
}

impl Losses {
    /// Tells on stderr unless `quiet`.
    pub(super) fn new(quiet: bool, now: Instant) -> Losses {
        Losses { gaps: Gaps::default(), untold: Vec::new(), told: now, quiet }
    }

    /// Takes the sequence number of a record that came, if it has one.
    pub(super) fn see(&mut self, record: &Record<'_>) {
        let (Some(source), Some(seq)) = (record.source.as_deref(), record.seq) else { return };
        if let Some(gap) = self.gaps.see(source, &record.topic, seq) {
            self.note(source, &record.topic, gap.missing);
        }
    }

    fn note(&mut self, source: &str, topic: &str, missing: u64) {
        let known = self.untold.iter_mut().find(|(s, t, _)| s == source && t == topic);
        match known {
            Some((_, _, count)) => *count += missing,
            None => self.untold.push((source.to_owned(), topic.to_owned(), missing)),
        }
    }

    /// Records lost so far.
    pub(super) fn lost(&self) -> u64 {
        self.gaps.lost()
    }

    /// Tells of the holes found since the last time: at most every second, or `now_or_never`.
    pub(super) fn report(&mut self, now: Instant, now_or_never: bool) {
        if self.untold.is_empty() || !(now_or_never || now >= self.told + PAUSE) {
            return;
        }
        self.told = now;
        for (source, topic, missing) in self.untold.drain(..) {
            if !self.quiet {
                let noun = if missing == 1 { "record" } else { "records" };
                let (source, topic) = (term::visible(&source), term::visible(&topic));
                term::tell(format_args!(
                    "zlog tail: lost {missing} {noun} of {source}, topic {topic}"
                ));
            }
        }
        if self.gaps.has_just_filled_up() && !self.quiet {
            term::tell("zlog tail: too many senders and topics: losses of further ones go unseen");
        }
    }
}
