//! All pipelines, several times, zlog and bare libzmq in turns: a machine that gets
//! slower meanwhile slows both down, and ratios are taken within a round.

use super::run::Sample;
use super::shape::Shape;
use super::system::System;

/// What became of one run.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// It was measured.
    Measured(Box<Sample>),
    /// It failed, for this reason.
    Failed(String),
    /// It was stopped.
    Stopped,
}

/// Measures pipelines: with processes, or as a test wants it.
pub trait Lab {
    /// Measures one once.
    fn measure(&mut self, system: System, shape: &Shape) -> Outcome;
}

/// The runs of one system on one pipeline.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Series {
    /// The sample of each round; `None` for a round without one.
    pub samples: Vec<Option<Sample>>,
    /// Why it could not be measured, or not each time.
    pub error: Option<String>,
}

impl Series {
    fn take(&mut self, outcome: Outcome) {
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
pub struct Told<'t> {
    /// Which round, from 0.
    pub round: usize,
    /// Runs done, skipped ones included.
    pub done: usize,
    /// Who carries the records.
    pub system: System,
    /// Which pipeline.
    pub shape: &'t Shape,
}

/// A pipeline, and what both systems did with it.
#[derive(Clone, PartialEq, Debug)]
pub struct Bench {
    /// The pipeline.
    pub shape: Shape,
    /// zlog's runs.
    pub zlog: Series,
    /// Bare libzmq's.
    pub bare: Series,
}

impl Bench {
    /// Measures each of `shapes` `runs` times with each system, until `stop`. One
    /// that has failed is not tried again. `before` is told what comes next.
    pub fn run(
        shapes: &[Shape],
        runs: usize,
        lab: &mut dyn Lab,
        stop: &dyn Fn() -> bool,
        before: &mut dyn FnMut(Told<'_>),
    ) -> Vec<Bench> {
        let new = |shape: &Shape| Bench {
            shape: *shape,
            zlog: Series::default(),
            bare: Series::default(),
        };
        let mut all: Vec<Bench> = shapes.iter().map(new).collect();
        let mut done = 0;
        for round in 0..runs {
            for bench in &mut all {
                for system in turns(round) {
                    let shape = bench.shape;
                    let series = bench.series(system);
                    let outcome = if stop() || series.error.is_some() {
                        Outcome::Stopped
                    } else {
                        before(Told { round, done, system, shape: &shape });
                        lab.measure(system, &shape)
                    };
                    series.take(outcome);
                    done += 1;
                }
            }
        }
        all
    }

    fn series(&mut self, system: System) -> &mut Series {
        match system {
            System::Zlog => &mut self.zlog,
            System::Bare => &mut self.bare,
        }
    }
}

/// Who goes first changes: what the first leaves behind (a warm cache, a hot
/// processor) is not always to the same one's good.
fn turns(round: usize) -> [System; 2] {
    if round.is_multiple_of(2) {
        [System::Bare, System::Zlog]
    } else {
        [System::Zlog, System::Bare]
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::RefCell;

    use super::super::run::SideUsage;
    use super::super::shape::{Dimensions, Transport};
    use super::*;
    use crate::handler::publish::Wire;

    pub(in crate::bench::pipeline) fn shape(size: usize) -> Shape {
        let dimensions = Dimensions { size, publishers: 1, subscribers: 1, topics: 1 };
        Shape { transport: Transport::Tcp, wire: Wire::Json, dimensions, count: 1000 }
    }

    /// A thousand records in so many seconds.
    pub(in crate::bench::pipeline) fn sample(seconds: f64) -> Sample {
        let side = SideUsage { cpu_seconds: Some(seconds / 4.0), peak_memory: Some(1 << 20) };
        Sample {
            seconds,
            sent: 1000,
            wanted: 1000,
            arrived: 1000,
            publishers: side,
            subscribers: side,
        }
    }

    struct Fake<'f> {
        seen: &'f RefCell<Vec<(System, usize)>>,
        fails: Option<System>,
    }

    impl Lab for Fake<'_> {
        fn measure(&mut self, system: System, shape: &Shape) -> Outcome {
            self.seen.borrow_mut().push((system, shape.dimensions.size));
            if self.fails == Some(system) {
                return Outcome::Failed("no socket".to_owned());
            }
            Outcome::Measured(Box::new(sample(self.seen.borrow().len() as f64)))
        }
    }

    fn counts(all: &[Bench]) -> Vec<(usize, usize)> {
        let measured = |series: &Series| series.samples.iter().flatten().count();
        all.iter().map(|bench| (measured(&bench.zlog), measured(&bench.bare))).collect()
    }

    #[test]
    fn both_systems_take_turns_and_neither_always_goes_first() {
        let seen = RefCell::new(Vec::new());
        let mut lab = Fake { seen: &seen, fails: None };
        let mut told = Vec::new();
        let all = Bench::run(&[shape(1), shape(2)], 2, &mut lab, &|| false, &mut |t| {
            told.push(t.done);
        });
        let (z, b) = (System::Zlog, System::Bare);
        let expected = [(b, 1), (z, 1), (b, 2), (z, 2), (z, 1), (b, 1), (z, 2), (b, 2)];
        assert_eq!(*seen.borrow(), expected);
        assert_eq!(told, (0..8).collect::<Vec<_>>());
        assert_eq!(counts(&all), [(2, 2), (2, 2)]);
    }

    #[test]
    fn one_that_fails_is_not_tried_again_and_the_others_go_on() {
        let seen = RefCell::new(Vec::new());
        let mut lab = Fake { seen: &seen, fails: Some(System::Bare) };
        let all = Bench::run(&[shape(1)], 3, &mut lab, &|| false, &mut |_| {});
        assert_eq!(all[0].bare.error.as_deref(), Some("no socket"));
        assert_eq!(all[0].bare.samples, [None, None, None]);
        assert_eq!(counts(&all), [(3, 0)]);
        assert_eq!(seen.borrow().len(), 4);
    }

    #[test]
    fn what_was_measured_before_a_stop_is_kept() {
        let seen = RefCell::new(Vec::new());
        let mut lab = Fake { seen: &seen, fails: None };
        let stop = || seen.borrow().len() == 3;
        let all = Bench::run(&[shape(1), shape(2)], 2, &mut lab, &stop, &mut |_| {});
        assert_eq!(counts(&all), [(1, 1), (0, 1)]);
    }
}
