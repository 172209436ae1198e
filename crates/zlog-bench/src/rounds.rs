//! Everything, several times: what is measured when, and what is kept.
//!
//! Things take turns: a round measures each once, and there are as many rounds as
//! runs. A machine that gets slower meanwhile (heat, a neighbour) then slows all of
//! them down alike, and ratios are taken within a round.
//!
//! What may be here: the order of runs. What a thing is (a handler, a pipeline) and
//! how it is measured is its [`Lab`]'s.

use super::sample::Sample;

/// What became of one run.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome<S = Sample> {
    /// It was measured.
    Measured(Box<S>),
    /// It failed, for this reason.
    Failed(String),
    /// It was stopped before there was anything to tell.
    Stopped,
}

/// What can be measured.
pub trait Thing: Copy {
    /// As reports name it.
    fn name(self) -> &'static str;
}

/// Measures: with processes, or as a test wants it.
pub trait Lab {
    /// What it measures.
    type Thing: Thing;
    /// What it finds.
    type Sample;

    /// Measures one thing once.
    fn measure(&mut self, thing: Self::Thing) -> Outcome<Self::Sample>;
}

/// The runs of one thing.
#[derive(Clone, PartialEq, Debug)]
pub struct Series<S = Sample> {
    /// What was measured, as reports name it.
    pub name: String,
    /// The sample of each round; `None` for a round without one.
    pub samples: Vec<Option<S>>,
    /// Why it could not be measured, or not each time.
    pub error: Option<String>,
}

impl<S> Series<S> {
    fn new(name: &str, runs: usize) -> Series<S> {
        Series { name: name.to_owned(), samples: Vec::with_capacity(runs), error: None }
    }

    fn take(&mut self, outcome: Outcome<S>) {
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

/// What is measured next, for whoever shows how far it has come.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Next<T> {
    /// What.
    pub thing: T,
    /// Which round, from 0.
    pub round: usize,
    /// Runs done, skipped ones included.
    pub done: usize,
}

/// Who has which turn: for a round and a place in it, the number of a thing.
pub type Order = fn(round: usize, at: usize) -> usize;

/// In every round as they stand.
pub const fn as_they_stand(_round: usize, at: usize) -> usize {
    at
}

/// Neighbours, two by two, change places in every other round: what the first leaves
/// behind (a warm cache, a hot processor) is not always to the same one's good. There
/// must be an even number of them.
pub const fn pairs_change_places(round: usize, at: usize) -> usize {
    at ^ (round % 2)
}

/// Measures each of `things` `runs` times, in turns, until `stop`. One that has failed
/// is not tried again. `before` is told what is measured next. The series are in the
/// order of `things`.
pub fn run<L: Lab>(
    things: &[L::Thing],
    order: Order,
    runs: usize,
    lab: &mut L,
    stop: &dyn Fn() -> bool,
    before: &mut dyn FnMut(Next<L::Thing>),
) -> Vec<Series<L::Sample>> {
    let mut all: Vec<_> = things.iter().map(|thing| Series::new(thing.name(), runs)).collect();
    for round in 0..runs {
        for place in 0..things.len() {
            let at = order(round, place);
            let (thing, series) = (things[at], &mut all[at]);
            let outcome = if stop() || series.error.is_some() {
                Outcome::Stopped
            } else {
                before(Next { thing, round, done: round * things.len() + place });
                lab.measure(thing)
            };
            series.take(outcome);
        }
    }
    all
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::subject::Subject;

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

    /// Fails where it is told to, and writes down who was measured.
    struct Fake<'f> {
        fails: Option<Subject>,
        seen: &'f RefCell<Vec<Subject>>,
    }

    impl Lab for Fake<'_> {
        type Thing = Subject;
        type Sample = Sample;

        fn measure(&mut self, subject: Subject) -> Outcome {
            self.seen.borrow_mut().push(subject);
            if self.fails == Some(subject) {
                return Outcome::Failed("no mail server".into());
            }
            Outcome::Measured(Box::new(sample(self.seen.borrow().len() as u64)))
        }
    }

    const THREE: [Subject; 3] = [Subject::File, Subject::Smtp, Subject::Null];

    #[test]
    fn handlers_take_turns() {
        let seen = RefCell::new(Vec::new());
        let mut told = Vec::new();
        let mut lab = Fake { fails: None, seen: &seen };
        let all = run(&THREE, as_they_stand, 2, &mut lab, &|| false, &mut |next| told.push(next));
        assert_eq!(*seen.borrow(), [THREE, THREE].concat());
        assert_eq!(told[3], Next { thing: Subject::File, round: 1, done: 3 });
        let calls: Vec<_> = all[0].samples.iter().map(|s| s.as_ref().unwrap().calls).collect();
        assert_eq!(calls, [1, 4]);
    }

    #[test]
    fn pairs_change_places_and_keep_their_series() {
        let four = [Subject::File, Subject::Smtp, Subject::Rotating, Subject::Null];
        let seen = RefCell::new(Vec::new());
        let mut lab = Fake { fails: None, seen: &seen };
        let all = run(&four, pairs_change_places, 2, &mut lab, &|| false, &mut |_| {});
        let [a, b, c, d] = four;
        assert_eq!(*seen.borrow(), [a, b, c, d, b, a, d, c]);
        let calls: Vec<_> = all[0].samples.iter().map(|s| s.as_ref().unwrap().calls).collect();
        assert_eq!(calls, [1, 6]);
    }

    #[test]
    fn one_that_fails_is_kept_with_its_reason_and_not_tried_again() {
        let seen = RefCell::new(Vec::new());
        let mut lab = Fake { fails: Some(Subject::Smtp), seen: &seen };
        let all = run(&THREE, as_they_stand, 3, &mut lab, &|| false, &mut |_| {});
        assert_eq!(seen.borrow().iter().filter(|s| **s == Subject::Smtp).count(), 1);
        assert_eq!(all[1].error.as_deref(), Some("no mail server"));
        assert_eq!(all[1].samples, [None, None, None]);
        assert_eq!(all[2].samples.iter().flatten().count(), 3);
    }

    #[test]
    fn what_was_measured_before_a_stop_is_kept() {
        let seen = RefCell::new(Vec::new());
        let mut lab = Fake { fails: None, seen: &seen };
        let stop = || seen.borrow().len() == 4;
        let all = run(&THREE, as_they_stand, 3, &mut lab, &stop, &mut |_| {});
        let counts: Vec<_> = all.iter().map(|s| s.samples.iter().flatten().count()).collect();
        assert_eq!(counts, [2, 1, 1]);
        assert!(all.iter().all(|series| series.error.is_none()));
    }
}
