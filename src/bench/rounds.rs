//! All handlers, several times: who is measured when, and what is kept.
//!
//! Handlers take turns: a round measures each once, and there are as many rounds
//! as runs. A machine that gets slower meanwhile (heat, a neighbour) then slows
//! all of them down alike, and ratios are taken within a round.

use super::sample::Sample;
use super::subject::Subject;

/// What became of one run.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// It was measured.
    Measured(Box<Sample>),
    /// It failed, for this reason.
    Failed(String),
    /// It was stopped before there was anything to tell.
    Stopped,
}

/// Measures handlers: with processes, or as a test wants it.
pub trait Lab {
    /// Measures one handler once.
    fn measure(&mut self, subject: Subject) -> Outcome;
}

/// The runs of one handler.
#[derive(Clone, PartialEq, Debug)]
pub struct Series {
    /// What was measured, as reports name it.
    pub name: String,
    /// The sample of each round; `None` for a round without one.
    pub samples: Vec<Option<Sample>>,
    /// Why it could not be measured, or not each time.
    pub error: Option<String>,
}

/// Measures each of `subjects` `runs` times, in turns, until `stop`. A handler that
/// has failed is not tried again. `before` is told what is measured next, and in
/// which round (from 0).
pub fn run(
    subjects: &[Subject],
    runs: usize,
    lab: &mut dyn Lab,
    stop: &dyn Fn() -> bool,
    before: &mut dyn FnMut(Subject, usize),
) -> Vec<Series> {
    let mut all: Vec<Series> = subjects
        .iter()
        .map(|subject| Series {
            name: subject.name().to_owned(),
            samples: Vec::with_capacity(runs),
            error: None,
        })
        .collect();
    for round in 0..runs {
        for (subject, series) in subjects.iter().zip(&mut all) {
            let skip = stop() || series.error.is_some();
            if !skip {
                before(*subject, round);
            }
            let outcome = if skip { Outcome::Stopped } else { lab.measure(*subject) };
            series.samples.push(match outcome {
                Outcome::Measured(sample) => Some(*sample),
                Outcome::Stopped => None,
                Outcome::Failed(why) => {
                    series.error = Some(why);
                    None
                }
            });
        }
    }
    all
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::RefCell;

    use super::*;

    /// A sample with this many calls in a second.
    pub(in crate::bench) fn sample(calls: u64) -> Sample {
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
        let all = run(&THREE, 2, &mut lab, &|| false, &mut |s, round| told.push((s, round)));
        assert_eq!(*seen.borrow(), [THREE, THREE].concat());
        assert_eq!(told[3], (Subject::File, 1));
        let calls: Vec<_> = all[0].samples.iter().map(|s| s.as_ref().unwrap().calls).collect();
        assert_eq!(calls, [1, 4]);
    }

    #[test]
    fn one_that_fails_is_kept_with_its_reason_and_not_tried_again() {
        let seen = RefCell::new(Vec::new());
        let mut lab = Fake { fails: Some(Subject::Smtp), seen: &seen };
        let all = run(&THREE, 3, &mut lab, &|| false, &mut |_, _| {});
        assert_eq!(seen.borrow().iter().filter(|s| **s == Subject::Smtp).count(), 1);
        assert_eq!(all[1].error.as_deref(), Some("no mail server"));
        assert_eq!(all[1].samples, [None, None, None]);
        assert_eq!(all[2].samples.iter().flatten().count(), 3);
    }

    #[test]
    fn what_was_measured_before_a_stop_is_kept() {
        let seen = RefCell::new(Vec::new());
        let mut lab = Fake { fails: None, seen: &seen };
        let all = run(&THREE, 3, &mut lab, &|| seen.borrow().len() == 4, &mut |_, _| {});
        let counts: Vec<_> = all.iter().map(|s| s.samples.iter().flatten().count()).collect();
        assert_eq!(counts, [2, 1, 1]);
        assert!(all.iter().all(|series| series.error.is_none()));
    }
}
