//! Finds lost records from gaps in their sequence numbers.
//!
//! A publisher numbers the records of each topic by one, and a subscriber gets all records
//! of a topic or none. A gap is therefore a loss, never the effect of a filter.
//!
//! Numbers come from outside. A number lower than expected belongs to a repeated or late
//! record, or to a publisher that has restarted; a number that leaps ahead by more than
//! `MAX_GAP` begins another numbering. Neither is reported as a loss.

use crate::topic_table::TopicTable;

/// The most pairs of source and topic that are tracked. Every `zlog emit` is a source of its
/// own, so a long-running reader meets more than it can track at once.
const MAX_STREAMS: usize = 65_536;
/// A gap of more records than this begins another numbering.
const MAX_GAP: u64 = 1 << 32;
/// This many consecutive numbers below the expected one mean a restarted publisher, not
/// late records.
const RESTART_RUN: u32 = 8;

/// The records of one source and topic.
#[derive(Debug)]
struct Stream {
    /// The number expected next.
    next: u64,
    /// The number that would continue a run of numbers below `next`, and the run's length.
    run: (u64, u32),
    /// Lost records that [`SequenceTracker::drain_new`] has not returned yet.
    unreported: u64,
}

/// Tracks the sequence numbers of each source and topic.
#[derive(Debug)]
pub struct SequenceTracker {
    streams: TopicTable<Stream>,
    lost: u64,
    /// Whether any stream has unreported losses.
    has_unreported: bool,
}

impl Default for SequenceTracker {
    fn default() -> SequenceTracker {
        let streams = TopicTable::new(MAX_STREAMS);
        SequenceTracker { streams, lost: 0, has_unreported: false }
    }
}

impl SequenceTracker {
    /// Takes the number of a received record. Returns how many records are missing before it.
    pub fn observe(&mut self, source: &str, topic: &str, seq: u64) -> u64 {
        let new = || Stream { next: seq, run: (0, 0), unreported: 0 };
        let forget = |stream: &mut Stream| stream.unreported == 0;
        let Some(stream) = self.streams.get_or_insert_with(source, topic, new, forget) else {
            return 0;
        };
        let missing = stream.observe(seq);
        if missing > 0 {
            stream.unreported += missing;
            self.has_unreported = true;
            self.lost += missing;
        }
        missing
    }

    /// Losses found since the last call: source, topic and number of records, all gaps of one
    /// stream together.
    pub fn drain_new(&mut self) -> Vec<(&str, &str, u64)> {
        if !std::mem::take(&mut self.has_unreported) {
            return Vec::new();
        }
        let all = self.streams.iter_mut();
        let missing = all
            .map(|(source, topic, stream)| (source, topic, std::mem::take(&mut stream.unreported)));
        missing.filter(|(.., missing)| *missing > 0).collect()
    }

    /// Records lost so far, over all sources and topics.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Whether some losses may have gone unseen, because there were too many sources and
    /// topics or their names were too long.
    pub fn is_incomplete(&self) -> bool {
        self.streams.refused() > 0 || self.streams.forgotten() > 0
    }
}

impl Stream {
    /// Takes the next number. Returns how many records are missing before it.
    fn observe(&mut self, seq: u64) -> u64 {
        if seq < self.next {
            self.observe_lower(seq);
            return 0;
        }
        let missing = seq - self.next;
        self.expect_after(seq);
        if missing > MAX_GAP { 0 } else { missing }
    }

    fn expect_after(&mut self, seq: u64) {
        self.next = seq.saturating_add(1);
        self.run = (0, 0);
    }

    /// Takes a number below the expected one: of a late or repeated record, or of a publisher
    /// that has restarted. A restart shows by the number 1, or by a run of numbers.
    fn observe_lower(&mut self, seq: u64) {
        let length = if self.run.0 == seq { self.run.1 + 1 } else { 1 };
        if seq <= 1 || length >= RESTART_RUN {
            self.expect_after(seq);
        } else {
            self.run = (seq.saturating_add(1), length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The sizes of the gaps in `seqs`.
    fn gaps(tracker: &mut SequenceTracker, seqs: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let observe = |seq| tracker.observe("web1:4242", "app.ERROR", seq);
        seqs.into_iter().map(observe).filter(|missing| *missing > 0).collect()
    }

    #[test]
    fn gaps_are_reported_with_their_size_and_added_up() {
        let mut tracker = SequenceTracker::default();
        assert_eq!(gaps(&mut tracker, [7, 8, 9, 12, 13, 20]), [2, 6]);
        assert_eq!(tracker.lost(), 8);
        assert_eq!(tracker.drain_new(), [("web1:4242", "app.ERROR", 8)]);
    }

    #[test]
    fn a_late_subscriber_has_lost_nothing() {
        let mut tracker = SequenceTracker::default();
        assert_eq!(gaps(&mut tracker, [1_000_000, 1_000_001]), [0u64; 0]);
        assert_eq!(tracker.lost(), 0);
    }

    #[test]
    fn each_source_and_topic_has_its_own_numbers() {
        let mut tracker = SequenceTracker::default();
        for seq in 1..=3 {
            for (source, topic) in [("a", "t"), ("b", "t"), ("a", "u")] {
                assert_eq!(tracker.observe(source, topic, seq), 0);
            }
        }
        assert_eq!(tracker.observe("b", "t", 5), 1);
        assert_eq!(tracker.observe("a", "t", 4), 0);
    }

    #[test]
    fn repeated_and_late_records_are_no_loss() {
        let mut tracker = SequenceTracker::default();
        assert_eq!(gaps(&mut tracker, [5, 6, 5, 6, 7, 7, 8, 10]), [1]);
    }

    #[test]
    fn a_publisher_that_restarts_is_tracked_from_its_first_number_on() {
        let mut tracker = SequenceTracker::default();
        assert_eq!(gaps(&mut tracker, (500..600).chain(1..5).chain([7])), [2]);
        // Its first records did not arrive: the run of numbers shows the restart.
        let mut tracker = SequenceTracker::default();
        assert_eq!(gaps(&mut tracker, (500..600).chain(20..40).chain([42])), [2]);
    }

    #[test]
    fn a_leap_beyond_reason_is_no_loss() {
        let mut tracker = SequenceTracker::default();
        assert_eq!(gaps(&mut tracker, [1, u64::MAX, u64::MAX, 3, 4]), [0u64; 0]);
        assert_eq!(tracker.lost(), 0);
    }

    #[test]
    fn the_number_of_streams_is_bounded() {
        let mut tracker = SequenceTracker::default();
        for n in 0..MAX_STREAMS {
            tracker.observe("s", &n.to_string(), 1);
        }
        assert!(!tracker.is_incomplete());
        tracker.observe("s", "one too many", 1);
        assert_eq!(tracker.observe("s", "one too many", 9), 0);
        assert!(tracker.is_incomplete());
        assert_eq!(tracker.observe("s", "7", 3), 1, "the others are still tracked");
    }

    #[test]
    fn streams_that_have_ended_make_room_and_their_losses_stay_counted() {
        let mut tracker = SequenceTracker::default();
        tracker.observe("gone", "t", 1);
        tracker.observe("gone", "t", 5);
        assert_eq!(tracker.drain_new(), [("gone", "t", 3)]);
        for seq in 0..6 * MAX_STREAMS as u64 {
            tracker.observe("stays", "t", seq);
            // A crowd of sources that send once each, and then few new ones.
            if seq < 4 * MAX_STREAMS as u64 || seq % MAX_STREAMS as u64 == 0 {
                tracker.observe(&format!("passes by {seq}"), "t", 1);
            }
        }
        tracker.observe("new", "t", 1);
        assert_eq!(tracker.observe("new", "t", 3), 1, "there is room");
        assert_eq!(tracker.lost(), 4);
        assert_eq!(tracker.observe("stays", "t", 6 * MAX_STREAMS as u64), 0, "it was tracked");
        assert_eq!(tracker.drain_new(), [("new", "t", 1)]);
    }

    #[test]
    fn losses_of_a_stream_are_reported_together_and_once() {
        let mut tracker = SequenceTracker::default();
        gaps(&mut tracker, [1, 3, 6]);
        tracker.observe("b", "t", 1);
        tracker.observe("b", "t", 3);
        assert_eq!(tracker.drain_new(), [("web1:4242", "app.ERROR", 3), ("b", "t", 1)]);
        assert!(tracker.drain_new().is_empty());
    }

    proptest! {
        /// Of a stream from which records were removed, exactly those between the first and
        /// the last that arrived are missing.
        #[test]
        fn what_was_removed_is_what_is_missing(came in prop::collection::btree_set(1u64..200, 2..60)) {
            let mut tracker = SequenceTracker::default();
            gaps(&mut tracker, came.iter().copied());
            let (first, last) = (came.first().expect("two"), came.last().expect("two"));
            prop_assert_eq!(tracker.lost(), last - first + 1 - came.len() as u64);
        }

        #[test]
        fn no_numbers_cause_a_panic_or_a_huge_loss(seqs in prop::collection::vec(any::<u64>(), 0..50)) {
            let mut tracker = SequenceTracker::default();
            gaps(&mut tracker, seqs.iter().copied());
            prop_assert!(tracker.lost() <= MAX_GAP * 50);
        }
    }
}
