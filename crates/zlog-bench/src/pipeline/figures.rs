//! What a report says of one pipeline.

use serde::{Deserialize, Serialize};
use zlog_core::text::choice::Choice as _;

use super::rounds::{Bench, Series};
use super::run::{Sample, SideUsage};
use super::shape::{Dimensions, Transport, wire_name};
use crate::stats::{Spread, ratio};

/// One pipeline.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Row {
    /// What is in between.
    pub transport: Transport,
    /// What bodies are written as: `json` or `text`.
    pub wire: String,
    /// Sizes and numbers.
    #[serde(flatten)]
    pub dimensions: Dimensions,
    /// Records that each publisher sends in a run.
    pub count: u64,
    /// `zlog emit` and `zlog tail`; none when no run succeeded.
    pub zlog: Option<Figures>,
    /// Bare libzmq with the same frames; none when no run succeeded.
    pub bare: Option<Figures>,
    /// zlog's records a second as a multiple of bare libzmq's in the same round.
    pub ratio_to_bare: Option<Spread>,
    /// Whether starting the programs weighs so much in either system's time
    /// ([`MOST_STARTING`]) that its rate says little of what gets through.
    pub too_short: bool,
    /// Why something could not be measured, or not each time.
    pub error: Option<String>,
}

/// The largest part of the time that starting the programs may take in the median run
/// before a pipeline counts as too short: its rate is then off by about that much.
pub const MOST_STARTING: f64 = 0.25;

/// What the runs of one system say together.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Figures {
    /// Runs that these figures are made of.
    pub runs: usize,
    /// Records that arrived each second, over all subscribers.
    pub records_per_second: Spread,
    /// The part of the time that went into starting, connecting and ending the programs:
    /// what a run of one record takes, in the same round.
    pub starting_share: Option<Spread>,
    /// Records that were to arrive, over all subscribers and runs.
    pub wanted: u64,
    /// Records that did.
    pub arrived: u64,
    /// The difference.
    pub lost: u64,
    /// Seconds of processor time of all processes for a million records that arrived.
    pub cpu_seconds_per_million: Option<Spread>,
    /// The publishing processes.
    pub publishers: Side,
    /// The subscribing processes.
    pub subscribers: Side,
}

/// What one side of a pipeline used up.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Side {
    /// Seconds of processor time for a million records: of publishers for those that
    /// they sent, of subscribers for those that arrived.
    pub cpu_seconds_per_million: Option<Spread>,
    /// The most memory that one process had resident at once, in bytes.
    pub peak_memory_bytes: Option<Spread>,
}

impl Row {
    /// What the runs of both systems say.
    pub fn of(bench: &Bench) -> Row {
        let named =
            |series: &Series, name| series.error.as_ref().map(|error| format!("{name}: {error}"));
        let errors = [named(&bench.zlog, "zlog"), named(&bench.bare, "bare libzmq")];
        let errors: Vec<String> = errors.into_iter().flatten().collect();
        let (zlog, bare) = (Figures::of(&bench.zlog), Figures::of(&bench.bare));
        let too_short = [&zlog, &bare].into_iter().flatten().any(Figures::is_too_short);
        Row {
            transport: bench.shape.transport,
            wire: wire_name(bench.shape.wire).to_owned(),
            dimensions: bench.shape.dimensions,
            count: bench.shape.count,
            zlog,
            bare,
            ratio_to_bare: ratios(bench),
            too_short,
            error: (!errors.is_empty()).then(|| errors.join("; ")),
        }
    }

    /// What is in between, and what bodies are written as.
    pub fn name(&self) -> String {
        format!("{} {}", self.transport.name(), self.wire)
    }
}

/// Within the rounds that both have.
fn ratios(bench: &Bench) -> Option<Spread> {
    let rounds = bench.zlog.samples.iter().zip(&bench.bare.samples);
    let both = rounds.filter_map(|(zlog, bare)| zlog.as_ref().zip(bare.as_ref()));
    let ratios =
        both.map(|(zlog, bare)| ratio(zlog.arrived_per_second()?, bare.arrived_per_second()?));
    Spread::of_all(ratios.collect::<Vec<_>>())
}

impl Figures {
    fn is_too_short(&self) -> bool {
        self.starting_share.is_some_and(|share| share.median > MOST_STARTING)
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
            wanted: sum(|sample| sample.wanted),
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
    use super::super::rounds::tests::{self, sample, shape};
    use super::*;

    fn series(seconds: &[Option<f64>]) -> Series {
        tests::series(seconds.iter().map(|seconds| seconds.map(sample)).collect())
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let zlog = series(&[Some(2.0), Some(20.0), Some(2.0)]);
        let bare = series(&[Some(1.0), Some(10.0), None]);
        let row = Row::of(&Bench { shape: shape(100), zlog, bare });
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
                shape: shape(100),
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
        let row = Row::of(&Bench { shape: shape(100), zlog, bare: series(&[]) });
        let figures = row.zlog.unwrap();
        assert_eq!((figures.wanted, figures.arrived, figures.lost), (2000, 1980, 20));
        assert_eq!((row.bare, row.ratio_to_bare), (None, None));
    }

    #[test]
    fn what_failed_is_named() {
        let bare = Series { error: Some("no socket".to_owned()), ..series(&[None]) };
        let row = Row::of(&Bench { shape: shape(100), zlog: series(&[Some(1.0)]), bare });
        assert_eq!(row.error.as_deref(), Some("bare libzmq: no socket"));
    }
}
