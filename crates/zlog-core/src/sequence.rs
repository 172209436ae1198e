//! Holes in the numbering of records: what was sent and never came.
//!
//! What may be here: telling from `source`, `topic` and `seq` how many records
//! are missing. A publisher numbers the records of each topic by one, and a
//! subscriber gets all or nothing of a topic, so a hole is a loss and never a filter.
//!
//! Numbers come from outside. A number that goes back is a repeated or late
//! record, or a publisher that started again; one that leaps ahead beyond reason
//! is taken for a new start. Neither is ever reported as a loss.

use std::collections::HashMap;

/// Most pairs of source and topic that are followed. Every `zlog emit` is a source
/// of its own, so a reader that runs for long meets more: those it has not seen for
/// the longest then make room.
const MAX_STREAMS: usize = 65_536;
/// Longest source and topic, together, that are followed. They are kept.
const MAX_KEY_BYTES: usize = 1024;
/// A hole of more records than this is none, but another numbering.
const MAX_GAP: u64 = 1 << 32;
/// So many numbers rising one by one below what was expected are a new start,
/// and not records that come late.
const RESTART_RUN: u32 = 8;

/// Records that are missing right before the one that was just seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap {
    /// How many.
    pub missing: u64,
}

/// What has become of one source's records of one topic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamCounts<'g> {
    /// Who sent them.
    pub source: &'g str,
    /// Their topic.
    pub topic: &'g str,
    /// Records that were sent and never came.
    pub lost: u64,
    /// Records that came late or more than once.
    pub repeated: u64,
    /// How often the numbering began anew.
    pub restarts: u64,
}

struct StreamState {
    source: Box<str>,
    topic: Box<str>,
    /// The number expected next.
    next: u64,
    /// The number that would go on with a run of numbers below `next`, and its length.
    run: (u64, u32),
    lost: u64,
    repeated: u64,
    restarts: u64,
    /// Records missing that [`SequenceTracker::drain_new`] has not given yet.
    news: u64,
    /// Whether a record has come since room was last made.
    seen: bool,
}

/// Follows the numbers of each source and topic.
#[derive(Default)]
pub struct SequenceTracker {
    followed: Vec<StreamState>,
    /// Topics of a source to places in `followed`: two maps, so that looking up
    /// needs no key put together from both.
    index: HashMap<Box<str>, HashMap<Box<str>, usize>>,
    /// The place seen last. Records of one stream tend to come in a row.
    last: usize,
    /// Places of those with news.
    news: Vec<usize>,
    /// Records since room was last made. Making it looks at all that are followed.
    since_eviction: usize,
    /// Records lost of those that made room.
    lost_by_evicted: u64,
    evicted: u64,
    not_followed: u64,
    full_reported: bool,
}

impl SequenceTracker {
    /// Takes the number of a record that has come. Returns the hole before it, if any.
    pub fn observe(&mut self, source: &str, topic: &str, seq: u64) -> Option<Gap> {
        self.since_eviction = self.since_eviction.saturating_add(1);
        let Some(at) = self.find(source, topic) else {
            self.add_stream(source, topic, seq);
            return None;
        };
        self.last = at;
        let followed = &mut self.followed[at];
        followed.seen = true;
        let gap = followed.observe(seq)?;
        if followed.news == 0 {
            self.news.push(at);
        }
        followed.news += gap.missing;
        Some(gap)
    }

    fn find(&self, source: &str, topic: &str) -> Option<usize> {
        let is_last = |f: &&StreamState| *f.topic == *topic && *f.source == *source;
        if self.followed.get(self.last).filter(is_last).is_some() {
            return Some(self.last);
        }
        self.index.get(source)?.get(topic).copied()
    }

    fn add_stream(&mut self, source: &str, topic: &str, seq: u64) {
        if source.len() + topic.len() > MAX_KEY_BYTES {
            self.not_followed += 1;
            return;
        }
        if self.followed.len() >= MAX_STREAMS && self.since_eviction >= MAX_STREAMS {
            self.evict_idle();
        }
        if self.followed.len() >= MAX_STREAMS {
            self.not_followed += 1;
            return;
        }
        let at = self.followed.len();
        self.followed.push(StreamState {
            source: source.into(),
            topic: topic.into(),
            next: seq.saturating_add(1),
            run: (0, 0),
            lost: 0,
            repeated: 0,
            restarts: 0,
            news: 0,
            seen: true,
        });
        self.index.entry(source.into()).or_default().insert(topic.into(), at);
        self.last = at;
    }

    /// Forgets those of which no record has come since this was last done. What
    /// they lost stays counted, and what is still to be told stays.
    fn evict_idle(&mut self) {
        self.since_eviction = 0;
        let before = self.followed.len();
        let lost_by_evicted = &mut self.lost_by_evicted;
        self.followed.retain_mut(|followed| {
            let keep = std::mem::take(&mut followed.seen) || followed.news > 0;
            *lost_by_evicted += if keep { 0 } else { followed.lost };
            keep
        });
        self.evicted += (before - self.followed.len()) as u64;
        self.index.clear();
        self.news.clear();
        for (at, followed) in self.followed.iter().enumerate() {
            let topics = self.index.entry(followed.source.clone()).or_default();
            topics.insert(followed.topic.clone(), at);
            if followed.news > 0 {
                self.news.push(at);
            }
        }
    }

    /// Holes found since this was last asked: source, topic and how many records,
    /// all holes of one stream together.
    pub fn drain_new(&mut self) -> impl ExactSizeIterator<Item = (&str, &str, u64)> {
        let followed = &mut self.followed;
        let news = std::mem::take(&mut self.news);
        let counts: Vec<(usize, u64)> =
            news.into_iter().map(|at| (at, std::mem::take(&mut followed[at].news))).collect();
        let followed = &self.followed;
        counts.into_iter().map(|(at, missing)| {
            let stream = &followed[at];
            (&*stream.source, &*stream.topic, missing)
        })
    }

    /// Records that were sent and never came, over all sources and topics.
    pub fn lost(&self) -> u64 {
        self.lost_by_evicted + self.followed.iter().map(|f| f.lost).sum::<u64>()
    }

    /// Records whose numbers were not followed, because there were too many
    /// sources and topics or their names were too long.
    pub fn not_followed(&self) -> u64 {
        self.not_followed
    }

    /// Whether numbers have begun to go unfollowed, or been evicted. True once: the
    /// moment to say so.
    pub fn is_newly_full(&mut self) -> bool {
        (self.not_followed > 0 || self.evicted > 0)
            && !std::mem::replace(&mut self.full_reported, true)
    }

    /// The sources and topics of which records were lost, in the order they were first seen.
    pub fn losses(&self) -> impl Iterator<Item = StreamCounts<'_>> {
        self.streams().filter(|stream| stream.lost > 0)
    }

    /// All sources and topics that are followed, in the order they were first seen.
    pub fn streams(&self) -> impl Iterator<Item = StreamCounts<'_>> {
        self.followed.iter().map(|f| StreamCounts {
            source: &f.source,
            topic: &f.topic,
            lost: f.lost,
            repeated: f.repeated,
            restarts: f.restarts,
        })
    }
}

impl StreamState {
    fn observe(&mut self, seq: u64) -> Option<Gap> {
        if seq == self.next {
            self.expect_after(seq);
            return None;
        }
        if seq < self.next {
            self.observe_lower(seq);
            return None;
        }
        let missing = seq - self.next;
        self.expect_after(seq);
        if missing > MAX_GAP {
            self.restarts += 1;
            return None;
        }
        self.lost += missing;
        Some(Gap { missing })
    }

    fn expect_after(&mut self, seq: u64) {
        self.next = seq.saturating_add(1);
        self.run = (0, 0);
    }

    /// A number below the one expected: late, repeated, or of a publisher that
    /// has started again, which begins with 1 or shows by going on.
    fn observe_lower(&mut self, seq: u64) {
        let length = if self.run.0 == seq { self.run.1 + 1 } else { 1 };
        if seq <= 1 || length >= RESTART_RUN {
            self.restarts += 1;
            // The run was counted as repeated before it showed what it was.
            self.repeated = self.repeated.saturating_sub(u64::from(length - 1));
            self.expect_after(seq);
        } else {
            self.repeated += 1;
            self.run = (seq.saturating_add(1), length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn missing(sequences: &mut SequenceTracker, seqs: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let see = |seq| sequences.observe("web1:4242", "app.ERROR", seq);
        seqs.into_iter().filter_map(see).map(|gap| gap.missing).collect()
    }

    #[test]
    fn a_hole_is_reported_with_its_size_and_summed_up() {
        let mut sequences = SequenceTracker::default();
        assert_eq!(missing(&mut sequences, [7, 8, 9, 12, 13, 20]), [2, 6]);
        assert_eq!(sequences.lost(), 8);
        let stream = sequences.losses().next().expect("a loss");
        assert_eq!((stream.source, stream.topic, stream.lost), ("web1:4242", "app.ERROR", 8));
    }

    #[test]
    fn whoever_comes_late_has_lost_nothing() {
        let mut sequences = SequenceTracker::default();
        assert_eq!(missing(&mut sequences, [1_000_000, 1_000_001]), [0u64; 0]);
        assert_eq!(sequences.losses().count(), 0);
    }

    #[test]
    fn sources_and_topics_are_numbered_apart() {
        let mut sequences = SequenceTracker::default();
        for seq in 1..=3 {
            for (source, topic) in [("a", "t"), ("b", "t"), ("a", "u")] {
                assert_eq!(sequences.observe(source, topic, seq), None);
            }
        }
        assert_eq!(sequences.observe("b", "t", 5), Some(Gap { missing: 1 }));
        assert_eq!(sequences.observe("a", "t", 4), None);
    }

    #[test]
    fn repeated_and_late_records_are_no_loss_and_are_counted() {
        let mut sequences = SequenceTracker::default();
        assert_eq!(missing(&mut sequences, [5, 6, 5, 6, 7, 7, 8]), [0u64; 0]);
        let stream = sequences.streams().next().expect("a stream");
        assert_eq!((stream.repeated, stream.restarts), (3, 0));
    }

    #[test]
    fn a_publisher_that_starts_again_is_followed_from_there() {
        let mut sequences = SequenceTracker::default();
        assert_eq!(missing(&mut sequences, (500..600).chain(1..5).chain([7])), [2]);
        // Its first records were missed: it shows by going on.
        let mut sequences = SequenceTracker::default();
        assert_eq!(missing(&mut sequences, (500..600).chain(20..40).chain([42])), [2]);
        let stream = sequences.streams().next().expect("a stream");
        assert_eq!((stream.repeated, stream.restarts), (0, 1));
    }

    #[test]
    fn a_leap_beyond_reason_is_no_loss() {
        let mut sequences = SequenceTracker::default();
        assert_eq!(missing(&mut sequences, [1, u64::MAX, u64::MAX, 3, 4]), [0u64; 0]);
        assert_eq!(sequences.lost(), 0);
    }

    #[test]
    fn streams_are_bounded_and_that_is_said_once() {
        let mut sequences = SequenceTracker::default();
        for n in 0..MAX_STREAMS {
            sequences.observe("s", &n.to_string(), 1);
        }
        assert!(!sequences.is_newly_full());
        sequences.observe("s", "one too many", 1);
        assert_eq!(sequences.observe("s", "one too many", 9), None);
        assert!(sequences.is_newly_full() && !sequences.is_newly_full());
        assert_eq!(sequences.not_followed(), 2);
        assert_eq!(
            sequences.observe("s", "7", 3),
            Some(Gap { missing: 1 }),
            "the others still are"
        );
    }

    #[test]
    fn those_unseen_for_long_make_room_and_what_they_lost_stays_counted() {
        let mut sequences = SequenceTracker::default();
        sequences.observe("gone", "t", 1);
        sequences.observe("gone", "t", 5);
        assert_eq!(sequences.drain_new().collect::<Vec<_>>(), [("gone", "t", 3)]);
        for seq in 0..6 * MAX_STREAMS as u64 {
            sequences.observe("stays", "t", seq);
            // A crowd of which each comes once, and then nobody new for a while.
            if seq < 4 * MAX_STREAMS as u64 || seq % MAX_STREAMS as u64 == 0 {
                sequences.observe(&format!("passes by {seq}"), "t", 1);
            }
            assert!(sequences.followed.len() <= MAX_STREAMS);
        }
        sequences.observe("new", "t", 1);
        assert_eq!(sequences.observe("new", "t", 3), Some(Gap { missing: 1 }), "there is room");
        assert_eq!((sequences.lost(), sequences.streams().any(|s| s.source == "gone")), (4, false));
        assert!(sequences.is_newly_full());
        let stays =
            sequences.streams().find(|s| s.source == "stays").expect("it was seen all the time");
        assert_eq!((stays.lost, stays.restarts), (0, 0));
    }

    #[test]
    fn news_of_a_stream_come_together_and_once() {
        let mut sequences = SequenceTracker::default();
        missing(&mut sequences, [1, 3, 6]);
        sequences.observe("b", "t", 1);
        sequences.observe("b", "t", 3);
        let news: Vec<_> =
            sequences.drain_new().map(|(source, _, n)| (source.to_owned(), n)).collect();
        assert_eq!(news, [("web1:4242".to_owned(), 3), ("b".to_owned(), 1)]);
        assert_eq!(sequences.drain_new().len(), 0);
    }

    #[test]
    fn a_name_without_end_is_not_kept() {
        let mut sequences = SequenceTracker::default();
        sequences.observe(&"s".repeat(MAX_KEY_BYTES), "t", 1);
        assert_eq!((sequences.streams().count(), sequences.not_followed()), (0, 1));
    }

    proptest! {
        /// Of a stream from which records were taken out, exactly those are missed
        /// that lie between the first and the last that came.
        #[test]
        fn what_was_taken_out_is_what_is_missed(came in prop::collection::btree_set(1u64..200, 2..60)) {
            let mut sequences = SequenceTracker::default();
            missing(&mut sequences, came.iter().copied());
            let (first, last) = (came.first().expect("two"), came.last().expect("two"));
            prop_assert_eq!(sequences.lost(), last - first + 1 - came.len() as u64);
        }

        #[test]
        fn no_numbers_make_it_panic_or_invent_a_huge_loss(seqs in prop::collection::vec(any::<u64>(), 0..50)) {
            let mut sequences = SequenceTracker::default();
            missing(&mut sequences, seqs.iter().copied());
            prop_assert!(sequences.lost() <= MAX_GAP * 50);
        }
    }
}
