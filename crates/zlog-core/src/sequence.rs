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
const MOST_STREAMS: usize = 65_536;
/// Longest source and topic, together, that are followed. They are kept.
const LONGEST_KEY: usize = 1024;
/// A hole of more records than this is none, but another numbering.
const MOST_MISSING: u64 = 1 << 32;
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
pub struct Stream<'g> {
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

struct Followed {
    source: Box<str>,
    topic: Box<str>,
    /// The number expected next.
    next: u64,
    /// The number that would go on with a run of numbers below `next`, and its length.
    run: (u64, u32),
    lost: u64,
    repeated: u64,
    restarts: u64,
    /// Records missing that [`Gaps::take_news`] has not given yet.
    news: u64,
    /// Whether a record has come since room was last made.
    seen: bool,
}

/// Follows the numbers of each source and topic.
#[derive(Default)]
pub struct Gaps {
    followed: Vec<Followed>,
    /// Topics of a source to places in `followed`: two maps, so that looking up
    /// needs no key put together from both.
    index: HashMap<Box<str>, HashMap<Box<str>, usize>>,
    /// The place seen last. Records of one stream tend to come in a row.
    last: usize,
    /// Places of those with news.
    news: Vec<usize>,
    /// Records since room was last made. Making it looks at all that are followed.
    since_room: usize,
    /// Records lost of those that made room.
    lost_before: u64,
    forgotten: u64,
    not_followed: u64,
    full_was_told: bool,
}

impl Gaps {
    /// Takes the number of a record that has come. Returns the hole before it, if any.
    pub fn see(&mut self, source: &str, topic: &str, seq: u64) -> Option<Gap> {
        self.since_room = self.since_room.saturating_add(1);
        let Some(at) = self.find(source, topic) else {
            self.follow(source, topic, seq);
            return None;
        };
        self.last = at;
        let followed = &mut self.followed[at];
        followed.seen = true;
        let gap = followed.see(seq)?;
        if followed.news == 0 {
            self.news.push(at);
        }
        followed.news += gap.missing;
        Some(gap)
    }

    fn find(&self, source: &str, topic: &str) -> Option<usize> {
        let is_last = |f: &&Followed| *f.topic == *topic && *f.source == *source;
        if self.followed.get(self.last).filter(is_last).is_some() {
            return Some(self.last);
        }
        self.index.get(source)?.get(topic).copied()
    }

    fn follow(&mut self, source: &str, topic: &str, seq: u64) {
        if source.len() + topic.len() > LONGEST_KEY {
            self.not_followed += 1;
            return;
        }
        if self.followed.len() >= MOST_STREAMS && self.since_room >= MOST_STREAMS {
            self.make_room();
        }
        if self.followed.len() >= MOST_STREAMS {
            self.not_followed += 1;
            return;
        }
        let at = self.followed.len();
        self.followed.push(Followed {
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
    fn make_room(&mut self) {
        self.since_room = 0;
        let before = self.followed.len();
        let lost_before = &mut self.lost_before;
        self.followed.retain_mut(|followed| {
            let keep = std::mem::take(&mut followed.seen) || followed.news > 0;
            *lost_before += if keep { 0 } else { followed.lost };
            keep
        });
        self.forgotten += (before - self.followed.len()) as u64;
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
    pub fn take_news(&mut self) -> impl ExactSizeIterator<Item = (&str, &str, u64)> {
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
        self.lost_before + self.followed.iter().map(|f| f.lost).sum::<u64>()
    }

    /// Records whose numbers were not followed, because there were too many
    /// sources and topics or their names were too long.
    pub fn not_followed(&self) -> u64 {
        self.not_followed
    }

    /// Whether numbers have begun to go unfollowed, or been forgotten. True once: the
    /// moment to say so.
    pub fn has_just_filled_up(&mut self) -> bool {
        (self.not_followed > 0 || self.forgotten > 0)
            && !std::mem::replace(&mut self.full_was_told, true)
    }

    /// The sources and topics of which records were lost, in the order they were first seen.
    pub fn losses(&self) -> impl Iterator<Item = Stream<'_>> {
        self.streams().filter(|stream| stream.lost > 0)
    }

    /// All sources and topics that are followed, in the order they were first seen.
    pub fn streams(&self) -> impl Iterator<Item = Stream<'_>> {
        self.followed.iter().map(|f| Stream {
            source: &f.source,
            topic: &f.topic,
            lost: f.lost,
            repeated: f.repeated,
            restarts: f.restarts,
        })
    }
}

impl Followed {
    fn see(&mut self, seq: u64) -> Option<Gap> {
        if seq == self.next {
            self.expect_after(seq);
            return None;
        }
        if seq < self.next {
            self.step_back(seq);
            return None;
        }
        let missing = seq - self.next;
        self.expect_after(seq);
        if missing > MOST_MISSING {
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
    fn step_back(&mut self, seq: u64) {
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

    fn missing(gaps: &mut Gaps, seqs: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let see = |seq| gaps.see("web1:4242", "app.ERROR", seq);
        seqs.into_iter().filter_map(see).map(|gap| gap.missing).collect()
    }

    #[test]
    fn a_hole_is_reported_with_its_size_and_summed_up() {
        let mut gaps = Gaps::default();
        assert_eq!(missing(&mut gaps, [7, 8, 9, 12, 13, 20]), [2, 6]);
        assert_eq!(gaps.lost(), 8);
        let stream = gaps.losses().next().expect("a loss");
        assert_eq!((stream.source, stream.topic, stream.lost), ("web1:4242", "app.ERROR", 8));
    }

    #[test]
    fn whoever_comes_late_has_lost_nothing() {
        let mut gaps = Gaps::default();
        assert_eq!(missing(&mut gaps, [1_000_000, 1_000_001]), [0u64; 0]);
        assert_eq!(gaps.losses().count(), 0);
    }

    #[test]
    fn sources_and_topics_are_numbered_apart() {
        let mut gaps = Gaps::default();
        for seq in 1..=3 {
            for (source, topic) in [("a", "t"), ("b", "t"), ("a", "u")] {
                assert_eq!(gaps.see(source, topic, seq), None);
            }
        }
        assert_eq!(gaps.see("b", "t", 5), Some(Gap { missing: 1 }));
        assert_eq!(gaps.see("a", "t", 4), None);
    }

    #[test]
    fn repeated_and_late_records_are_no_loss_and_are_counted() {
        let mut gaps = Gaps::default();
        assert_eq!(missing(&mut gaps, [5, 6, 5, 6, 7, 7, 8]), [0u64; 0]);
        let stream = gaps.streams().next().expect("a stream");
        assert_eq!((stream.repeated, stream.restarts), (3, 0));
    }

    #[test]
    fn a_publisher_that_starts_again_is_followed_from_there() {
        let mut gaps = Gaps::default();
        assert_eq!(missing(&mut gaps, (500..600).chain(1..5).chain([7])), [2]);
        // Its first records were missed: it shows by going on.
        let mut gaps = Gaps::default();
        assert_eq!(missing(&mut gaps, (500..600).chain(20..40).chain([42])), [2]);
        let stream = gaps.streams().next().expect("a stream");
        assert_eq!((stream.repeated, stream.restarts), (0, 1));
    }

    #[test]
    fn a_leap_beyond_reason_is_no_loss() {
        let mut gaps = Gaps::default();
        assert_eq!(missing(&mut gaps, [1, u64::MAX, u64::MAX, 3, 4]), [0u64; 0]);
        assert_eq!(gaps.lost(), 0);
    }

    #[test]
    fn streams_are_bounded_and_that_is_said_once() {
        let mut gaps = Gaps::default();
        for n in 0..MOST_STREAMS {
            gaps.see("s", &n.to_string(), 1);
        }
        assert!(!gaps.has_just_filled_up());
        gaps.see("s", "one too many", 1);
        assert_eq!(gaps.see("s", "one too many", 9), None);
        assert!(gaps.has_just_filled_up() && !gaps.has_just_filled_up());
        assert_eq!(gaps.not_followed(), 2);
        assert_eq!(gaps.see("s", "7", 3), Some(Gap { missing: 1 }), "the others still are");
    }

    #[test]
    fn those_unseen_for_long_make_room_and_what_they_lost_stays_counted() {
        let mut gaps = Gaps::default();
        gaps.see("gone", "t", 1);
        gaps.see("gone", "t", 5);
        assert_eq!(gaps.take_news().collect::<Vec<_>>(), [("gone", "t", 3)]);
        for seq in 0..6 * MOST_STREAMS as u64 {
            gaps.see("stays", "t", seq);
            // A crowd of which each comes once, and then nobody new for a while.
            if seq < 4 * MOST_STREAMS as u64 || seq % MOST_STREAMS as u64 == 0 {
                gaps.see(&format!("passes by {seq}"), "t", 1);
            }
            assert!(gaps.followed.len() <= MOST_STREAMS);
        }
        gaps.see("new", "t", 1);
        assert_eq!(gaps.see("new", "t", 3), Some(Gap { missing: 1 }), "there is room");
        assert_eq!((gaps.lost(), gaps.streams().any(|s| s.source == "gone")), (4, false));
        assert!(gaps.has_just_filled_up());
        let stays = gaps.streams().find(|s| s.source == "stays").expect("it was seen all the time");
        assert_eq!((stays.lost, stays.restarts), (0, 0));
    }

    #[test]
    fn news_of_a_stream_come_together_and_once() {
        let mut gaps = Gaps::default();
        missing(&mut gaps, [1, 3, 6]);
        gaps.see("b", "t", 1);
        gaps.see("b", "t", 3);
        let news: Vec<_> = gaps.take_news().map(|(source, _, n)| (source.to_owned(), n)).collect();
        assert_eq!(news, [("web1:4242".to_owned(), 3), ("b".to_owned(), 1)]);
        assert_eq!(gaps.take_news().len(), 0);
    }

    #[test]
    fn a_name_without_end_is_not_kept() {
        let mut gaps = Gaps::default();
        gaps.see(&"s".repeat(LONGEST_KEY), "t", 1);
        assert_eq!((gaps.streams().count(), gaps.not_followed()), (0, 1));
    }

    proptest! {
        /// Of a stream from which records were taken out, exactly those are missed
        /// that lie between the first and the last that came.
        #[test]
        fn what_was_taken_out_is_what_is_missed(came in prop::collection::btree_set(1u64..200, 2..60)) {
            let mut gaps = Gaps::default();
            missing(&mut gaps, came.iter().copied());
            let (first, last) = (came.first().expect("two"), came.last().expect("two"));
            prop_assert_eq!(gaps.lost(), last - first + 1 - came.len() as u64);
        }

        #[test]
        fn no_numbers_make_it_panic_or_invent_a_huge_loss(seqs in prop::collection::vec(any::<u64>(), 0..50)) {
            let mut gaps = Gaps::default();
            missing(&mut gaps, seqs.iter().copied());
            prop_assert!(gaps.lost() <= MOST_MISSING * 50);
        }
    }
}
