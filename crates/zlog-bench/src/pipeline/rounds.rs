//! All pipelines, several times, zlog and bare libzmq in turns.

use super::run::Sample;
use super::shape::Shape;
use super::system::System;
use crate::rounds::{self, Lab, Next, Thing, pairs_change_places};

/// The runs of one system on one pipeline.
pub type Series = rounds::Series<Sample>;

/// A pipeline, and who carries its records.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Turn {
    /// The pipeline.
    pub shape: Shape,
    /// Who carries the records.
    pub system: System,
}

impl Thing for Turn {
    fn name(self) -> &'static str {
        self.system.name()
    }
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
        lab: &mut impl Lab<Thing = Turn, Sample = Sample>,
        stop: &dyn Fn() -> bool,
        before: &mut dyn FnMut(Next<Turn>),
    ) -> Vec<Bench> {
        let both = |shape: &Shape| {
            [System::Bare, System::Zlog].map(|system| Turn { shape: *shape, system })
        };
        let turns: Vec<Turn> = shapes.iter().flat_map(both).collect();
        let all = rounds::run(&turns, pairs_change_places, runs, lab, stop, before);
        let mut all = all.into_iter();
        let mut benches = Vec::with_capacity(shapes.len());
        for shape in shapes {
            let (Some(bare), Some(zlog)) = (all.next(), all.next()) else { break };
            benches.push(Bench { shape: *shape, zlog, bare });
        }
        benches
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::RefCell;

    use super::super::run::SideUsage;
    use super::super::shape::{Dimensions, Transport};
    use super::*;
    use crate::rounds::Outcome;
    use zlog_pipeline::handler::publish::Wire;

    pub(in crate::pipeline) fn series(samples: Vec<Option<Sample>>) -> Series {
        Series { name: String::new(), samples, error: None }
    }

    pub(in crate::pipeline) fn shape(size: usize) -> Shape {
        let dimensions = Dimensions { size, publishers: 1, subscribers: 1, topics: 1 };
        Shape { transport: Transport::Tcp, wire: Wire::Json, dimensions, count: 1000 }
    }

    /// A thousand records in so many seconds.
    pub(in crate::pipeline) fn sample(seconds: f64) -> Sample {
        let side = SideUsage { cpu_seconds: Some(seconds / 4.0), peak_memory: Some(1 << 20) };
        Sample {
            seconds,
            starting_seconds: 0.1,
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
        type Thing = Turn;
        type Sample = Sample;

        fn measure(&mut self, Turn { system, shape }: Turn) -> Outcome<Sample> {
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
