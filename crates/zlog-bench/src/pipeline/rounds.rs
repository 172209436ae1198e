//! Measures all pipelines repeatedly, alternating between zlog and bare libzmq.

use super::implementation::Implementation;
use super::sample::Sample;
use super::scenario::Scenario;
use crate::rounds::{self, Measurable, Runner, Upcoming, swap_pairs};

/// The runs of one implementation on one pipeline.
pub type Series = rounds::Series<Sample>;

/// One pipeline with one implementation.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Trial {
    /// The pipeline.
    pub scenario: Scenario,
    /// The implementation that carries the records.
    pub implementation: Implementation,
}

impl Measurable for Trial {
    fn name(self) -> &'static str {
        self.implementation.name()
    }
}

/// A pipeline, and the runs of both implementations.
#[derive(Clone, PartialEq, Debug)]
pub struct Bench {
    /// The pipeline.
    pub scenario: Scenario,
    /// zlog's runs.
    pub zlog: Series,
    /// Bare libzmq's.
    pub bare: Series,
}

impl Bench {
    /// Measures each of `scenarios` `runs` times with each implementation, until `stop`.
    /// One that fails is not tried again. `before` is called before each run.
    pub fn run(
        scenarios: &[Scenario],
        runs: usize,
        runner: &mut impl Runner<Item = Trial, Sample = Sample>,
        stop: &dyn Fn() -> bool,
        before: &mut dyn FnMut(Upcoming<Trial>),
    ) -> Vec<Bench> {
        let both = |scenario: &Scenario| {
            [Implementation::Bare, Implementation::Zlog]
                .map(|implementation| Trial { scenario: *scenario, implementation })
        };
        let trials: Vec<Trial> = scenarios.iter().flat_map(both).collect();
        let all = rounds::run(&trials, swap_pairs, runs, runner, stop, before);
        let mut all = all.into_iter();
        let mut benches = Vec::with_capacity(scenarios.len());
        for scenario in scenarios {
            let (Some(bare), Some(zlog)) = (all.next(), all.next()) else { break };
            benches.push(Bench { scenario: *scenario, zlog, bare });
        }
        benches
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::RefCell;

    use super::super::sample::SideUsage;
    use super::super::scenario::{Dimensions, Transport};
    use super::*;
    use crate::rounds::Outcome;
    use zlog_pipeline::handler::publish::Wire;

    pub(in crate::pipeline) fn series(samples: Vec<Option<Sample>>) -> Series {
        Series { name: String::new(), samples, error: None }
    }

    pub(in crate::pipeline) fn scenario(size: usize) -> Scenario {
        let dimensions = Dimensions { size, publishers: 1, subscribers: 1, topics: 1 };
        Scenario { transport: Transport::Tcp, wire: Wire::Json, dimensions, count: 1000 }
    }

    /// A thousand records in this many seconds.
    pub(in crate::pipeline) fn sample(seconds: f64) -> Sample {
        let side = SideUsage { cpu_seconds: Some(seconds / 4.0), peak_memory: Some(1 << 20) };
        Sample {
            seconds,
            starting_seconds: 0.1,
            sent: 1000,
            expected: 1000,
            arrived: 1000,
            publishers: side,
            subscribers: side,
        }
    }

    struct Fake<'f> {
        measured: &'f RefCell<Vec<(Implementation, usize)>>,
    }

    impl Runner for Fake<'_> {
        type Item = Trial;
        type Sample = Sample;

        fn measure(&mut self, Trial { implementation, scenario }: Trial) -> Outcome<Sample> {
            self.measured.borrow_mut().push((implementation, scenario.dimensions.size));
            Outcome::Measured(Box::new(sample(self.measured.borrow().len() as f64)))
        }
    }

    fn counts(all: &[Bench]) -> Vec<(usize, usize)> {
        let measured = |series: &Series| series.samples.iter().flatten().count();
        all.iter().map(|bench| (measured(&bench.zlog), measured(&bench.bare))).collect()
    }

    #[test]
    fn both_systems_take_turns_and_neither_always_goes_first() {
        let measured = RefCell::new(Vec::new());
        let mut runner = Fake { measured: &measured };
        let mut progress = Vec::new();
        let all = Bench::run(&[scenario(1), scenario(2)], 2, &mut runner, &|| false, &mut |t| {
            progress.push(t.done);
        });
        let (z, b) = (Implementation::Zlog, Implementation::Bare);
        let expected = [(b, 1), (z, 1), (b, 2), (z, 2), (z, 1), (b, 1), (z, 2), (b, 2)];
        assert_eq!(*measured.borrow(), expected);
        assert_eq!(progress, (0..8).collect::<Vec<_>>());
        assert_eq!(counts(&all), [(2, 2), (2, 2)]);
    }
}
