//! Measures several items repeatedly, in rounds.
//!
//! Each round measures each item once, and there are as many rounds as runs. A machine that
//! slows down meanwhile (heat, other load) slows all items alike, and ratios are taken
//! within a round.
//!
//! A [`Runner`] defines the items (handlers, pipelines) and how they are measured.

use super::sample::Sample;

/// Result of one run.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome<S = Sample> {
    /// It was measured.
    Measured(Box<S>),
    /// It failed, for this reason.
    Failed(String),
    /// It was stopped before it had a result.
    Stopped,
}

/// Something that can be measured.
pub trait Measurable: Copy {
    /// The name in reports.
    fn name(self) -> &'static str;
}

/// Measures items: with processes, or with a fake in tests.
pub trait Runner {
    /// The item that it measures.
    type Item: Measurable;
    /// The result of a measurement.
    type Sample;

    /// Measures one item once.
    fn measure(&mut self, item: Self::Item) -> Outcome<Self::Sample>;
}

/// The runs of one item.
#[derive(Clone, PartialEq, Debug)]
pub struct Series<S = Sample> {
    /// The item's name in reports.
    pub name: String,
    /// The sample of each round; `None` if a round has none.
    pub samples: Vec<Option<S>>,
    /// Why a run failed.
    pub error: Option<String>,
}

impl<S> Series<S> {
    fn new(name: &str, runs: usize) -> Series<S> {
        Series { name: name.to_owned(), samples: Vec::with_capacity(runs), error: None }
    }

    fn push(&mut self, outcome: Outcome<S>) {
        self.samples.push(match outcome {
            Outcome::Measured(sample) => Some(*sample),
            Outcome::Stopped => None,
            Outcome::Failed(why) => {
                self.error = Some(why);
                None
            }
        });
    }
}

/// The next run, for a progress display.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Upcoming<T> {
    /// The item.
    pub item: T,
    /// The round, from 0.
    pub round: usize,
    /// Runs done, including skipped ones.
    pub done: usize,
}

/// The order of runs: maps a round and a position in it to the index of an item.
pub type Schedule = fn(round: usize, at: usize) -> usize;

/// The same order in every round.
pub const fn in_order(_round: usize, at: usize) -> usize {
    at
}

/// Swaps neighbouring pairs in every other round, so that the effects of the first on the
/// second (a warm cache, a hot processor) do not always favour the same one. The number of
/// items must be even.
pub(crate) const fn swap_pairs(round: usize, at: usize) -> usize {
    at ^ (round % 2)
}

/// Measures each of `items` `runs` times, until `stop`. One that fails is not tried again.
/// `before` is called before each run. The series are in the order of `items`.
pub fn run<L: Runner>(
    items: &[L::Item],
    schedule: Schedule,
    runs: usize,
    runner: &mut L,
    stop: &dyn Fn() -> bool,
    before: &mut dyn FnMut(Upcoming<L::Item>),
) -> Vec<Series<L::Sample>> {
    let mut all: Vec<_> = items.iter().map(|item| Series::new(item.name(), runs)).collect();
    for round in 0..runs {
        for place in 0..items.len() {
            let at = schedule(round, place);
            let (item, series) = (items[at], &mut all[at]);
            let outcome = if stop() || series.error.is_some() {
                Outcome::Stopped
            } else {
                before(Upcoming { item, round, done: round * items.len() + place });
                runner.measure(item)
            };
            series.push(outcome);
        }
    }
    all
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::RefCell;

    use super::*;

    /// A sample with this many calls in a second.
    pub(crate) fn sample(calls: u64) -> Sample {
        Sample {
            calls,
            seconds: 1.0,
            arrived: Some(calls),
            arrived_seconds: 1.0,
            cpu_seconds: Some(0.5),
            peak_memory: Some(1 << 20),
            latency: vec![(1000, calls)],
            note: None,
        }
    }

    impl Measurable for &'static str {
        fn name(self) -> &'static str {
            self
        }
    }

    /// Fails for one item, and records what was measured.
    struct Fake<'f> {
        fails: Option<&'static str>,
        measured: &'f RefCell<Vec<&'static str>>,
    }

    impl Runner for Fake<'_> {
        type Item = &'static str;
        type Sample = Sample;

        fn measure(&mut self, item: &'static str) -> Outcome {
            self.measured.borrow_mut().push(item);
            if self.fails == Some(item) {
                return Outcome::Failed("no mail server".into());
            }
            Outcome::Measured(Box::new(sample(self.measured.borrow().len() as u64)))
        }
    }

    const THREE: [&str; 3] = ["file", "smtp", "null"];

    #[test]
    fn handlers_take_turns() {
        let measured = RefCell::new(Vec::new());
        let mut progress = Vec::new();
        let mut runner = Fake { fails: None, measured: &measured };
        let all = run(&THREE, in_order, 2, &mut runner, &|| false, &mut |next| progress.push(next));
        assert_eq!(*measured.borrow(), [THREE, THREE].concat());
        assert_eq!(progress[3], Upcoming { item: "file", round: 1, done: 3 });
        let calls: Vec<_> = all[0].samples.iter().map(|s| s.as_ref().unwrap().calls).collect();
        assert_eq!(calls, [1, 4]);
    }

    #[test]
    fn pairs_change_places_and_keep_their_series() {
        let four = ["file", "smtp", "rotating", "null"];
        let measured = RefCell::new(Vec::new());
        let mut runner = Fake { fails: None, measured: &measured };
        let all = run(&four, swap_pairs, 2, &mut runner, &|| false, &mut |_| {});
        let [a, b, c, d] = four;
        assert_eq!(*measured.borrow(), [a, b, c, d, b, a, d, c]);
        let calls: Vec<_> = all[0].samples.iter().map(|s| s.as_ref().unwrap().calls).collect();
        assert_eq!(calls, [1, 6]);
    }

    #[test]
    fn one_that_fails_is_kept_with_its_reason_and_not_tried_again() {
        let measured = RefCell::new(Vec::new());
        let mut runner = Fake { fails: Some("smtp"), measured: &measured };
        let all = run(&THREE, in_order, 3, &mut runner, &|| false, &mut |_| {});
        assert_eq!(measured.borrow().iter().filter(|s| **s == "smtp").count(), 1);
        assert_eq!(all[1].error.as_deref(), Some("no mail server"));
        assert_eq!(all[1].samples, [None, None, None]);
        assert_eq!(all[2].samples.iter().flatten().count(), 3);
    }

    #[test]
    fn what_was_measured_before_a_stop_is_kept() {
        let measured = RefCell::new(Vec::new());
        let mut runner = Fake { fails: None, measured: &measured };
        let stop = || measured.borrow().len() == 4;
        let all = run(&THREE, in_order, 3, &mut runner, &stop, &mut |_| {});
        let counts: Vec<_> = all.iter().map(|s| s.samples.iter().flatten().count()).collect();
        assert_eq!(counts, [2, 1, 1]);
        assert!(all.iter().all(|series| series.error.is_none()));
    }
}
