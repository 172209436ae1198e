//! A report's figures of one pipeline.

use serde::{Deserialize, Serialize};

use super::rounds::{Bench, Series};
use super::sample::{Sample, SideUsage};
use super::scenario::{Dimensions, Transport, wire_name};
use crate::stats::{Spread, ratio};

/// One pipeline.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Row {
    /// How records travel.
    pub transport: Transport,
    /// The format of bodies: `json` or `text`.
    pub wire: String,
    /// The other properties of the scenario.
    #[serde(flatten)]
    pub dimensions: Dimensions,
    /// Records that each publisher sends per run.
    pub count: u64,
    /// `zlog emit` and `zlog tail`; `None` if no run succeeded.
    pub zlog: Option<Figures>,
    /// Bare libzmq with the same frames; `None` if no run succeeded.
    pub bare: Option<Figures>,
    /// zlog's records per second relative to bare libzmq's in the same round.
    pub ratio_to_bare: Option<Spread>,
    /// Whether starting the programs takes more than a quarter of either
    /// implementation's time, so that the rate says little about throughput.
    pub too_short: bool,
    /// Why a run failed.
    pub error: Option<String>,
}

/// The largest share of the median run that starting the programs may take. The rate is off
/// by about that share.
pub(crate) const MAX_STARTING_SHARE: f64 = 0.25;

/// Summary of one implementation's runs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Figures {
    /// Runs that succeeded.
    pub runs: usize,
    /// Records that arrived per second, over all subscribers.
    pub records_per_second: Spread,
    /// The share of the time spent on starting, connecting and ending the programs: what a
    /// run of one record takes in the same round.
    pub(crate) starting_share: Option<Spread>,
    /// Records that should have arrived, over all subscribers and runs.
    pub wanted: u64,
    /// Records that arrived.
    pub arrived: u64,
    /// Records that did not arrive.
    pub lost: u64,
    /// Seconds of processor time of all processes per million records that arrived.
    pub cpu_seconds_per_million: Option<Spread>,
    /// The publishing processes.
    pub publishers: Side,
    /// The subscribing processes.
    pub subscribers: Side,
}

/// Resources that one side of a pipeline used.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Side {
    /// Seconds of processor time per million records: for publishers, of those sent; for
    /// subscribers, of those that arrived.
    pub cpu_seconds_per_million: Option<Spread>,
    /// The largest resident memory of any one process, in bytes.
    pub peak_memory_bytes: Option<Spread>,
}

impl Row {
    /// Summarises the runs of both implementations.
    pub fn of(bench: &Bench) -> Row {
        let named =
            |series: &Series, name| series.error.as_ref().map(|error| format!("{name}: {error}"));
        let errors = [named(&bench.zlog, "zlog"), named(&bench.bare, "bare libzmq")];
        let errors: Vec<String> = errors.into_iter().flatten().collect();
        let (zlog, bare) = (Figures::of(&bench.zlog), Figures::of(&bench.bare));
        let too_short = [&zlog, &bare].into_iter().flatten().any(Figures::is_too_short);
        Row {
            transport: bench.scenario.transport,
            wire: wire_name(bench.scenario.wire).to_owned(),
            dimensions: bench.scenario.dimensions,
            count: bench.scenario.count,
            zlog,
            bare,
            ratio_to_bare: ratios(bench),
            too_short,
            error: (!errors.is_empty()).then(|| errors.join("; ")),
        }
    }

    /// Transport and wire format: `tcp json`.
    pub fn name(&self) -> String {
        format!("{} {}", self.transport.name(), self.wire)
    }
}

/// Uses the rounds that both implementations have.
fn ratios(bench: &Bench) -> Option<Spread> {
    let rounds = bench.zlog.samples.iter().zip(&bench.bare.samples);
    let both = rounds.filter_map(|(zlog, bare)| zlog.as_ref().zip(bare.as_ref()));
    let ratios =
        both.map(|(zlog, bare)| ratio(zlog.arrived_per_second()?, bare.arrived_per_second()?));
    Spread::of_all(ratios.collect::<Vec<_>>())
}

impl Figures {
    fn is_too_short(&self) -> bool {
        self.starting_share.is_some_and(|share| share.median > MAX_STARTING_SHARE)
    }

    fn of(series: &Series) -> Option<Figures> {
        let samples: Vec<&Sample> = series.samples.iter().flatten().collect();
        let spread = |figure: &dyn Fn(&Sample) -> Option<f64>| {
            Spread::of_all(samples.iter().map(|sample| figure(sample)))
        };
        let side = |side: fn(&Sample) -> SideUsage, records: fn(&Sample) -> u64| Side {
            cpu_seconds_per_million: spread(&|sample| {
                ratio(side(sample).cpu_seconds? * 1e6, records(sample) as f64)
            }),
            peak_memory_bytes: spread(&|sample| side(sample).peak_memory.map(|bytes| bytes as f64)),
        };
        let sum = |figure: fn(&Sample) -> u64| samples.iter().map(|sample| figure(sample)).sum();
        Some(Figures {
            runs: samples.len(),
            records_per_second: spread(&Sample::arrived_per_second)?,
            starting_share: spread(&Sample::starting_share),
            wanted: sum(|sample| sample.expected),
            arrived: sum(|sample| sample.arrived),
            lost: sum(Sample::lost),
            cpu_seconds_per_million: spread(&Sample::cpu_per_million),
            publishers: side(|sample| sample.publishers, |sample| sample.sent),
            subscribers: side(|sample| sample.subscribers, |sample| sample.arrived),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::rounds::tests::{self, sample, scenario};
    use super::*;

    fn series(seconds: &[Option<f64>]) -> Series {
        tests::series(seconds.iter().map(|seconds| seconds.map(sample)).collect())
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let zlog = series(&[Some(2.0), Some(20.0), Some(2.0)]);
        let bare = series(&[Some(1.0), Some(10.0), None]);
        let row = Row::of(&Bench { scenario: scenario(100), zlog, bare });
        assert_eq!(row.ratio_to_bare, Some(Spread { median: 0.5, low: 0.5, high: 0.5 }));
        let figures = row.zlog.unwrap();
        assert_eq!((figures.runs, figures.records_per_second.median), (3, 500.0));
        // A quarter of the time on each side, for a thousand records.
        let cpu = figures.publishers.cpu_seconds_per_million.unwrap();
        assert_eq!((cpu.low, cpu.high), (500.0, 5000.0));
        assert_eq!(figures.cpu_seconds_per_million.unwrap().low, 1000.0);
        assert_eq!(figures.subscribers.peak_memory_bytes.unwrap().median, f64::from(1 << 20));
    }

    #[test]
    fn a_pipeline_of_which_starting_takes_more_than_a_quarter_is_too_short() {
        // Starting takes 0.1 s of each.
        for (zlog, bare, too_short) in
            [(0.4, 0.4, false), (0.39, 9.0, true), (9.0, 0.39, true), (0.05, 0.05, true)]
        {
            let bench = Bench {
                scenario: scenario(100),
                zlog: series(&[Some(zlog), Some(zlog), None]),
                bare: series(&[Some(bare)]),
            };
            let row = Row::of(&bench);
            assert_eq!(row.too_short, too_short, "{zlog} {bare}");
            let share = row.zlog.unwrap().starting_share.unwrap();
            assert!((0.0..=1.0).contains(&share.high), "{share:?}");
        }
    }

    #[test]
    fn losses_of_all_runs_are_added_up() {
        let mut zlog = series(&[Some(1.0), Some(1.0)]);
        for sample in zlog.samples.iter_mut().flatten() {
            sample.arrived = 990;
        }
        let row = Row::of(&Bench { scenario: scenario(100), zlog, bare: series(&[]) });
        let figures = row.zlog.unwrap();
        assert_eq!((figures.wanted, figures.arrived, figures.lost), (2000, 1980, 20));
        assert_eq!((row.bare, row.ratio_to_bare), (None, None));
    }

    #[test]
    fn what_failed_is_named() {
        let bare = Series { error: Some("no socket".to_owned()), ..series(&[None]) };
        let row = Row::of(&Bench { scenario: scenario(100), zlog: series(&[Some(1.0)]), bare });
        assert_eq!(row.error.as_deref(), Some("bare libzmq: no socket"));
    }
}
