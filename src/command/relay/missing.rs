//! Searches for the messages that readers lack, a little at a time: the relay forwards nothing meanwhile.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use memchr::memmem;

use zlog_core::Record;
use zlog_core::history::{History, StoredMessage};
use zlog_core::wire;
use zlog_core::wire::query::{self, Hole, Missing};

/// The share of the relay's time that queries may take is one of this many parts.
const PARTS: u32 = 5;
/// Most work that may be saved up, and most of one search before it is another one's turn: about 1 ms
/// and 0.1 ms.
const MOST: i64 = 1_000_000;
const TURN: i64 = 100_000;
/// Most kept messages that one question looks at.
pub(super) const MAX_STEPS: usize = 100_000;
/// Most names that a body is searched for before it is decoded.
const MAX_NAMES: usize = 16;

/// How much work queries may cause now. A unit is about a nanosecond, but it is counted and not
/// measured: the bytes that are read, and the messages.
pub(super) struct Budget {
    left: i64,
    refilled: Instant,
}

impl Budget {
    pub(super) fn new(now: Instant) -> Budget {
        Budget { left: MOST, refilled: now }
    }

    /// Adds the share of the time since the last call.
    pub(super) fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.refilled).min(Duration::from_secs(3600));
        let gained = i64::try_from((passed / PARTS).as_nanos()).unwrap_or(MOST);
        (self.left, self.refilled) = (self.left.saturating_add(gained).min(MOST), now);
    }

    /// Takes work off. There may be less than nothing then, until time has passed.
    pub(super) fn spend(&mut self, work: usize) {
        self.left = self.left.saturating_sub(i64::try_from(work).unwrap_or(i64::MAX));
    }

    /// Takes one of `parts` parts of what is left. [`Budget::give_back`] gets what remains of it.
    pub(super) fn take(&mut self, parts: i64) -> Budget {
        let part = self.left.max(0) / parts;
        self.left -= part;
        Budget { left: part, refilled: self.refilled }
    }

    /// Takes a part back, from which more may have been spent than there was.
    pub(super) fn give_back(&mut self, part: &Budget) {
        self.left = self.left.saturating_add(part.left);
    }

    pub(super) fn is_spent(&self) -> bool {
        self.left <= 0
    }
}

/// Searches the kept messages for what fills the holes of one question.
pub(super) struct HoleSearch<C> {
    /// Who has asked.
    pub(super) client: C,
    holes: Vec<Hole>,
    /// The topics that are not done with, and the holes of each that are not filled.
    topics: VecDeque<(String, Vec<usize>)>,
    /// Messages of the first topic that arrived before this one are not looked at yet.
    before: u64,
    /// Hole, number, message.
    found: Vec<(usize, u64, StoredMessage)>,
    /// Kept messages that it may still look at.
    steps: usize,
    decoder: wire::Decoder,
}

impl<C> HoleSearch<C> {
    pub(super) fn new(client: C, missing: Missing, steps: usize) -> HoleSearch<C> {
        let mut topics: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, hole) in missing.holes.iter().enumerate() {
            topics.entry(&hole.topic).or_default().push(at);
        }
        let topics = topics.into_iter().map(|(topic, holes)| (topic.to_owned(), holes)).collect();
        HoleSearch {
            client,
            topics,
            holes: missing.holes,
            before: u64::MAX,
            found: Vec::new(),
            steps,
            decoder: wire::Decoder::default(),
        }
    }

    /// Searches on until its turn is over. Returns whether it is finished.
    fn advance(&mut self, history: &History, budget: &mut Budget) -> bool {
        let until = (budget.left - TURN).max(0);
        while let Some((topic, mut open)) = self.topics.pop_front() {
            budget.spend(100 * open.len());
            let is_done = self.look_at(&topic, &mut open, history, budget, until);
            if self.steps == 0 {
                return true;
            }
            if !is_done {
                self.topics.push_front((topic, open));
                return false;
            }
            self.before = u64::MAX;
        }
        true
    }

    /// Looks at the messages of a topic, the newest first. Returns whether nothing is left to do.
    fn look_at(
        &mut self,
        topic: &str,
        open: &mut Vec<usize>,
        history: &History,
        budget: &mut Budget,
        until: i64,
    ) -> bool {
        let holes = &self.holes;
        // Decoding is far slower than looking for a name.
        let names = open.iter().take(MAX_NAMES + 1);
        let names = names.map(|at| memmem::Finder::new(holes[*at].source.as_bytes()));
        let names: Vec<_> = names.collect();
        for message in history.of_topic(topic.as_bytes(), self.before) {
            if open.is_empty() {
                break;
            }
            let Some(left) = self.steps.checked_sub(1) else { return false };
            if budget.left <= until {
                return false;
            }
            (self.steps, self.before) = (left, message.arrival);
            let frames: Vec<&[u8]> = message.slices().collect();
            let body = frames.last().copied().unwrap_or_default();
            budget.spend(100);
            if names.len() <= MAX_NAMES {
                budget.spend(names.len() * (20 + body.len() / 16));
                if !names.iter().any(|name| name.find(body).is_some()) {
                    continue;
                }
            }
            budget.spend(500 + 4 * body.len());
            let mut record = Record::default();
            self.decoder.decode_into(&frames, 0.0, &mut record);
            let (Some(source), Some(seq)) = (record.source.as_deref(), record.seq) else {
                continue;
            };
            let hole = |at: &usize| &holes[*at];
            let is_in =
                |hole: &Hole| hole.source == source && (hole.first..=hole.last).contains(&seq);
            let found = open.iter().copied().find(|at| is_in(hole(at)));
            // What comes is older.
            open.retain(|at| hole(at).source != source || seq >= hole(at).first);
            drop(record);
            if let Some(at) = found {
                self.found.push((at, seq, message));
            }
        }
        true
    }

    /// The messages by their holes and numbers, as many as an answer may have; and whether all kept
    /// ones were looked at that may be among them.
    pub(super) fn finish(mut self) -> (C, Vec<StoredMessage>, bool) {
        self.found.sort_by_key(|(hole, seq, _)| (*hole, *seq));
        let messages = self.found.into_iter().map(|(_, _, message)| message);
        (self.client, messages.take(query::MAX_MESSAGES).collect(), self.steps > 0)
    }
}

/// The searches that are not finished. They take turns.
pub(super) struct HoleSearches<C> {
    queue: VecDeque<HoleSearch<C>>,
}

impl<C> HoleSearches<C> {
    pub(super) fn new() -> HoleSearches<C> {
        HoleSearches { queue: VecDeque::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn clients(&self) -> impl Iterator<Item = &C> {
        self.queue.iter().map(|search| &search.client)
    }

    pub(super) fn add(&mut self, search: HoleSearch<C>) {
        self.queue.push_back(search);
    }

    /// Ends the oldest search. Returns who has asked.
    pub(super) fn give_up(&mut self) -> Option<C> {
        self.queue.pop_front().map(|search| search.client)
    }

    /// Forgets those whose client is gone.
    pub(super) fn retain(&mut self, mut is_there: impl FnMut(&C) -> bool) {
        self.queue.retain(|search| is_there(&search.client));
    }

    /// Searches on as long as the budget lasts. Returns those that are finished.
    pub(super) fn advance(&mut self, history: &History, budget: &mut Budget) -> Vec<HoleSearch<C>> {
        let mut finished = Vec::new();
        while !budget.is_spent()
            && let Some(mut search) = self.queue.pop_front()
        {
            match search.advance(history, budget) {
                true => finished.push(search),
                false => self.queue.push_back(search),
            }
        }
        finished
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zlog_core::history::Limits;

    fn hole(source: &str, first: u64, last: u64) -> Hole {
        Hole { source: source.into(), topic: "t".into(), first, last }
    }

    fn push(history: &mut History, source: usize, number: u64) {
        let body = format!("{{\"msg\":\"x\",\"source\":\"s{source}\",\"seq\":{number}}}");
        history.push(&[b"t", body.as_bytes()], 0.0);
    }

    /// A hundred messages of each of ten sources, in turns.
    fn filled(per_topic: usize) -> History {
        let mut history = History::new(Limits { per_topic, bytes: 100 << 20 });
        (1..=100).for_each(|number| (0..10).for_each(|source| push(&mut history, source, number)));
        history
    }

    fn numbers(messages: &[StoredMessage]) -> Vec<(String, u64)> {
        let decode = |message: &StoredMessage| {
            let body: serde_json::Value =
                serde_json::from_slice(message.slices().last().unwrap()).unwrap();
            (body["source"].as_str().unwrap().to_owned(), body["seq"].as_u64().unwrap())
        };
        messages.iter().map(decode).collect()
    }

    /// Finishes a search, with a budget that is refilled by `gained` each time.
    fn search(holes: Vec<Hole>, history: &History, steps: usize) -> (Vec<(String, u64)>, bool) {
        let mut searches = HoleSearches::new();
        searches.add(HoleSearch::new((), Missing { holes }, steps));
        let mut budget = Budget::new(Instant::now());
        loop {
            budget.left = MOST;
            if let Some(search) = searches.advance(history, &mut budget).pop() {
                let ((), messages, is_whole) = search.finish();
                return (numbers(&messages), is_whole);
            }
        }
    }

    #[test]
    fn holes_of_many_sources_of_one_topic_are_filled_by_one_search_of_it() {
        let history = filled(usize::MAX);
        let holes: Vec<Hole> = (0..10).map(|it| hole(&format!("s{it}"), 11, 20)).collect();
        let (found, is_whole) = search(holes, &history, 1000);
        assert!(is_whole);
        let expected =
            (0..10).flat_map(|it| (11..=20).map(move |number| (format!("s{it}"), number)));
        assert_eq!(found, expected.collect::<Vec<_>>());
        // Two holes of one source, and one that is beyond what there is.
        let holes = vec![hole("s1", 99, u64::MAX), hole("s1", 2, 3), hole("none", 1, 5)];
        let s1 = |number| ("s1".to_owned(), number);
        let (found, is_whole) = search(holes.clone(), &history, 1001);
        assert_eq!((found, is_whole), (vec![s1(99), s1(100), s1(2), s1(3)], true));
        // Each number of ten sources is ten steps back.
        let (found, is_whole) = search(holes, &history, 25);
        assert_eq!(
            (found, is_whole),
            (vec![s1(99), s1(100)], false),
            "older ones were not looked at"
        );
    }

    #[test]
    fn many_questions_cost_no_more_than_their_share_of_the_time_and_all_are_answered() {
        let mut history = filled(1000);
        let mut searches = HoleSearches::new();
        for client in 0..100 {
            let holes = vec![hole("s1", 1, u64::MAX), hole("none", 1, 5)];
            searches.add(HoleSearch::new(client, Missing { holes }, MAX_STEPS));
        }
        // One message costs no more than this.
        const STEP: i64 = 2000;
        let begun = Instant::now();
        let (mut budget, mut answered, mut millis) = (Budget::new(begun), Vec::new(), 0);
        let (mut spent, mut after_first) = (0, 0);
        while !searches.is_empty() {
            millis += 5;
            budget.refill(begun + Duration::from_millis(millis));
            let before = budget.left;
            let finished = searches.advance(&history, &mut budget);
            assert!(
                before - budget.left <= before + STEP,
                "a turn has taken {}",
                before - budget.left
            );
            spent += before - budget.left;
            answered.extend(finished.into_iter().map(HoleSearch::finish));
            if !answered.is_empty() && after_first == 0 {
                after_first = millis;
            }
            // The relay forwards meanwhile: a message comes, and the oldest one goes.
            push(&mut history, 2, 100 + millis);
        }
        let share = MOST + i64::try_from(millis).unwrap() * 1_000_000 / i64::from(PARTS) + STEP;
        assert!(spent <= share && millis > 50, "{spent} of {share} in {millis} ms");
        assert_eq!(answered.len(), 100);
        assert!(answered.iter().all(|(_, messages, is_whole)| *is_whole && messages.len() > 50));
        for (_, messages, _) in &answered {
            assert!(numbers(messages).is_sorted());
        }
    }

    #[test]
    fn a_part_of_the_budget_leaves_the_rest_and_what_it_has_overspent_is_taken_off() {
        let mut budget = Budget { left: 1000, refilled: Instant::now() };
        let mut half = budget.take(2);
        assert_eq!((half.left, budget.left), (500, 500));
        half.spend(600);
        budget.give_back(&half);
        assert_eq!(budget.left, 400);
        budget.spend(900);
        assert!(budget.take(1).is_spent() && budget.left == -500);
    }

    #[test]
    fn a_short_search_does_not_wait_for_a_long_one() {
        let history = filled(usize::MAX);
        let mut searches = HoleSearches::new();
        for client in 0..50 {
            let holes = vec![hole("s1", 1, u64::MAX), hole("none", 1, 5)];
            searches.add(HoleSearch::new(client, Missing { holes }, MAX_STEPS));
        }
        searches.add(HoleSearch::new(99, Missing { holes: vec![hole("s9", 100, 100)] }, MAX_STEPS));
        let mut budget = Budget::new(Instant::now());
        let first = std::iter::from_fn(|| {
            budget.left = MOST;
            Some(searches.advance(&history, &mut budget))
        });
        let first = first.flatten().next().expect("an answer");
        assert_eq!(first.client, 99);
    }
}
