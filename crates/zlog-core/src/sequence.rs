//! Finds lost records from gaps in their sequence numbers, and from marks.
//!
//! A publisher numbers the records of each topic by one, and a subscriber gets all records
//! of a topic or none. A gap is therefore a loss, never the effect of a filter. A mark
//! ([`wire::mark`](crate::wire::mark)) shows a loss that no later record shows.
//!
//! The first number of a topic is no loss: the subscriber may have come late. After the start of
//! a source, a mark tells whether it has.
//!
//! Numbers come from outside. A number lower than expected belongs to a repeated or late
//! record, or to a publisher that has restarted; a number that leaps ahead by more than
//! `MAX_GAP` begins another numbering. Neither is reported as a loss.

use crate::topic_table::TopicTable;
use crate::wire::mark::Mark;

/// The most pairs of source and topic that are tracked. Every `zlog emit` is a source of its
/// own, so a long-running reader meets more than it can track at once.
const MAX_STREAMS: usize = 65_536;
/// A gap of more records than this begins another numbering.
const MAX_GAP: u64 = 1 << 32;
/// This many consecutive numbers below the expected one mean a restarted publisher, not
/// late records.
const RESTART_RUN: u32 = 8;
/// The topic of a source's entry in the table, which remembers its start. No record has it.
const SOURCE: &str = "\0start";

/// The records of one source and topic.
#[derive(Debug)]
struct Stream {
    /// The number expected next.
    next: u64,
    /// The first number seen, if no mark has told yet what came before it.
    unconfirmed: Option<u64>,
    /// How many starts were seen before it; that of a source itself included.
    starts: u64,
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
    /// Starts seen, of all sources.
    starts: u64,
    /// Whether any stream has unreported losses.
    has_unreported: bool,
}

impl Default for SequenceTracker {
    fn default() -> SequenceTracker {
        let streams = TopicTable::new(MAX_STREAMS);
        SequenceTracker { streams, lost: 0, starts: 0, has_unreported: false }
    }
}

impl SequenceTracker {
    /// Takes the number of a received record. Returns how many records are missing before it.
    pub fn observe(&mut self, source: &str, topic: &str, seq: u64) -> u64 {
        let starts = self.starts;
        let new = || Stream::new(seq, Some(seq), starts);
        self.update(source, topic, new, |stream| stream.observe(seq))
    }

    /// Takes a mark. Returns how many records are newly known to be missing.
    pub fn observe_mark(&mut self, mark: &Mark<'_>) -> u64 {
        match mark {
            Mark::Start { source } => {
                self.start(source);
                0
            }
            Mark::Published { source, topic, first, last } => {
                self.observe_published(source, topic, *first, *last)
            }
        }
    }

    fn start(&mut self, source: &str) {
        let starts = self.starts + 1;
        let mut is_new = false;
        let new = || {
            is_new = true;
            Stream::new(0, None, starts)
        };
        self.streams.get_or_insert_with(source, SOURCE, new, |stream| stream.unreported == 0);
        self.starts += u64::from(is_new);
    }

    fn observe_published(&mut self, source: &str, topic: &str, first: u64, last: u64) -> u64 {
        let start = self.streams.get(source, SOURCE).map(|source| source.starts);
        let starts = self.starts;
        let next = if start.is_some() { first } else { last.saturating_add(1) };
        let new = || Stream::new(next, None, starts);
        self.update(source, topic, new, |stream| {
            let before = match stream.unconfirmed.take() {
                Some(seen) if start.is_some_and(|start| start <= stream.starts) => {
                    seen.saturating_sub(first)
                }
                _ => 0,
            };
            let before = if before > MAX_GAP { 0 } else { before };
            before + stream.observe_published(last)
        })
    }

    fn update(
        &mut self,
        source: &str,
        topic: &str,
        new: impl FnOnce() -> Stream,
        observe: impl FnOnce(&mut Stream) -> u64,
    ) -> u64 {
        let forget = |stream: &mut Stream| stream.unreported == 0;
        let Some(stream) = self.streams.get_or_insert_with(source, topic, new, forget) else {
            return 0;
        };
        let missing = observe(stream);
        if missing > 0 {
            stream.unreported += missing;
            self.has_unreported = true;
            self.lost += missing;
        }
        missing
    }

    /// The number expected next of a source and topic, if there was a record or a mark of it.
    pub fn expected(&mut self, source: &str, topic: &str) -> Option<u64> {
        self.streams.get(source, topic).map(|stream| stream.next)
    }

    /// All sources and topics, with the numbers expected next.
    pub fn all_expected(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        let records = self.streams.iter().filter(|(_, topic, _)| *topic != SOURCE);
        records.map(|(source, topic, stream)| (source, topic, stream.next))
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
    fn new(next: u64, unconfirmed: Option<u64>, starts: u64) -> Stream {
        Stream { next, unconfirmed, starts, run: (0, 0), unreported: 0 }
    }

    /// Takes the number of a record that was published. Returns how many are missing up to it.
    fn observe_published(&mut self, last: u64) -> u64 {
        if last < self.next {
            return 0;
        }
        let missing = (last - self.next).saturating_add(1);
        self.expect_after(last);
        if missing > MAX_GAP { 0 } else { missing }
    }

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

    /// What a tracker of one topic sees.
    enum Seen {
        Record(u64),
        Start,
        Mark(u64, u64),
    }

    #[test]
    fn marks_show_losses_that_no_later_record_shows() {
        use Seen::{Mark, Record, Start};
        for (what, seen, lost) in [
            ("the end", vec![Record(4), Record(5), Mark(1, 9)], 4),
            ("nothing", vec![Start, Record(1), Record(2), Mark(1, 2), Mark(1, 2)], 0),
            ("records before a late subscription", vec![Record(500), Mark(1, 500)], 0),
            ("those of a late subscription without records", vec![Mark(1, 500), Record(501)], 0),
            ("a whole topic after the start", vec![Start, Mark(1, 500)], 500),
            ("a whole topic of which some were before the start", vec![Start, Mark(401, 500)], 100),
            ("the first ones", vec![Start, Record(4), Mark(1, 6)], 3 + 2),
            ("those after a late subscription", vec![Record(4), Start, Mark(1, 6)], 2),
            ("a gap, told once", vec![Start, Record(1), Record(9), Mark(1, 9)], 7),
            ("a mark behind the records", vec![Start, Record(1), Record(9), Mark(1, 5)], 7),
            ("a mark that was late", vec![Start, Record(900), Mark(1, 500), Mark(1, 900)], 899),
            ("the rounds", vec![Start, Mark(1, 100), Start, Mark(101, 200)], 200),
            ("the marks before the start", vec![Mark(1, 100), Start, Mark(101, 200)], 100),
            ("a leap beyond reason", vec![Record(1), Mark(1, u64::MAX), Record(3)], 0),
            ("a first number beyond reason", vec![Start, Record(u64::MAX), Mark(1, 2)], 0),
        ] {
            let mut tracker = SequenceTracker::default();
            let returned: u64 = seen
                .into_iter()
                .map(|seen| match seen {
                    Record(seq) => tracker.observe("web1", "app.INFO", seq),
                    Start => {
                        tracker.start("web1");
                        tracker.start("web2");
                        0
                    }
                    Mark(first, last) => tracker.observe_published("web1", "app.INFO", first, last),
                })
                .sum();
            let drained: u64 = tracker.drain_new().iter().map(|(.., missing)| missing).sum();
            assert_eq!((tracker.lost(), returned, drained), (lost, lost, lost), "{what}");
        }
    }

    #[test]
    fn a_source_that_begins_after_another_is_tracked_from_its_start() {
        let mut tracker = SequenceTracker::default();
        tracker.start("old");
        tracker.observe("new", "t", 5);
        tracker.start("new");
        tracker.observe("new", "u", 5);
        assert_eq!(tracker.observe_published("new", "t", 1, 5), 0, "it was seen before the start");
        assert_eq!(tracker.observe_published("new", "u", 1, 5), 4);
    }

    #[test]
    fn starts_and_marks_are_bounded_like_records() {
        let mut tracker = SequenceTracker::default();
        for n in 0..MAX_STREAMS {
            tracker.start(&n.to_string());
        }
        assert_eq!(tracker.observe_published("s", "one too many", 1, 9), 0);
        assert!(tracker.is_incomplete());
    }

    proptest! {
        /// However records and marks are dropped, the last mark makes the count exact.
        #[test]
        fn after_a_start_the_last_mark_makes_the_count_exact(
            kept in prop::collection::vec((any::<bool>(), any::<bool>()), 1..60),
        ) {
            let mut tracker = SequenceTracker::default();
            tracker.start("s");
            let mut lost = 0;
            for (seq, (record, mark)) in (1..).zip(&kept) {
                lost += u64::from(!record);
                if *record {
                    tracker.observe("s", "t", seq);
                }
                if *mark {
                    tracker.observe_published("s", "t", 1, seq);
                }
            }
            tracker.observe_published("s", "t", 1, kept.len() as u64);
            prop_assert_eq!(tracker.lost(), lost);
        }

        /// If records are removed from a stream, exactly those between the first and the last that
        /// arrived are missing.
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
