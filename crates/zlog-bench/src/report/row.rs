//! A report's figures of one handler.

use serde::{Deserialize, Serialize};

use crate::measure::histogram;
use crate::rounds::Series;
use crate::sample::Sample;
use crate::stats::{Spread, ratio};
use crate::target::BenchTarget;
use zlog_core::Result;

/// The results of one handler.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Row {
    /// The handler's name.
    pub name: String,
    /// Runs that succeeded.
    pub runs: usize,
    /// Why a run failed.
    pub error: Option<String>,
    /// A note for readers of the figures.
    pub note: Option<String>,
    /// The figures; `None` if no run succeeded.
    pub figures: Option<Figures>,
}

/// Summary of one handler's runs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Figures {
    /// Calls per second, over all callers.
    pub calls_per_second: Spread,
    /// Records per second, counted at the destination.
    pub arrived_per_second: Option<Spread>,
    /// Calls over all runs: records sent.
    pub sent: u64,
    /// Records that arrived, over all runs.
    pub arrived: Option<u64>,
    /// Records that did not arrive.
    pub lost: Option<u64>,
    /// Latencies in nanoseconds.
    pub latency_ns: Latency,
    /// Seconds of processor time of the logging process per million records.
    pub cpu_seconds_per_million: Option<Spread>,
    /// Peak resident memory of the logging process, in bytes.
    pub peak_memory_bytes: Option<Spread>,
    /// Calls per second relative to `file` in the same round.
    pub ratio_to_file: Option<Spread>,
    /// Calls per second relative to `null` in the same round.
    pub ratio_to_null: Option<Spread>,
}

/// Latencies. Percentiles are those of each run; spreads are over the runs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Latency {
    /// 50 % of the calls took no longer.
    pub p50: Spread,
    /// 90 % took no longer.
    pub p90: Spread,
    /// 99 % took no longer.
    pub p99: Spread,
    /// 99.9 % took no longer.
    pub p99_9: Spread,
    /// The longest call of each run. `high` is the longest one of all.
    pub max: Spread,
    /// The distribution over all runs: shares of the calls (0 to 1), each with the
    /// nanoseconds that it did not exceed.
    pub distribution: Vec<(f64, u64)>,
}

impl Row {
    /// Summarises `series`; `all` are the series of the same rounds.
    ///
    /// # Errors
    /// As [`CallStats::new`](crate::measure::CallStats::new)'s.
    pub fn of(series: &Series, all: &[Series]) -> Result<Row> {
        let samples: Vec<&Sample> = series.samples.iter().flatten().collect();
        Ok(Row {
            name: series.name.clone(),
            runs: samples.len(),
            error: series.error.clone(),
            note: notes(&samples),
            figures: match Spread::of_all(samples.iter().map(|s| s.calls_per_second())) {
                Some(calls) => Some(figures(series, all, &samples, calls)?),
                None => None,
            },
        })
    }
}

fn figures(
    series: &Series,
    all: &[Series],
    samples: &[&Sample],
    calls_per_second: Spread,
) -> Result<Figures> {
    let sum = |figure: fn(&Sample) -> Option<u64>| -> Option<u64> {
        samples.iter().map(|sample| figure(sample)).sum()
    };
    let spread = |figure: fn(&Sample) -> Option<f64>| {
        Spread::of_all(samples.iter().map(|sample| figure(sample)))
    };
    Ok(Figures {
        calls_per_second,
        arrived_per_second: spread(Sample::arrived_per_second),
        sent: samples.iter().map(|sample| sample.calls).sum(),
        arrived: sum(|sample| sample.arrived),
        lost: sum(Sample::lost),
        latency_ns: Latency::of(samples)?,
        cpu_seconds_per_million: spread(Sample::cpu_per_million),
        peak_memory_bytes: spread(|sample| sample.peak_memory.map(|bytes| bytes as f64)),
        ratio_to_file: ratio_to(series, all, BenchTarget::File),
        ratio_to_null: ratio_to(series, all, BenchTarget::Null),
    })
}

/// Ratios within the rounds that both have; `None` if there is none.
fn ratio_to(series: &Series, all: &[Series], other: BenchTarget) -> Option<Spread> {
    let other = all.iter().find(|series| series.name == other.name())?;
    let rounds = series.samples.iter().zip(&other.samples);
    let both = rounds.filter_map(|(one, other)| one.as_ref().zip(other.as_ref()));
    let ratios = both.map(|(one, other)| ratio(one.calls_per_second()?, other.calls_per_second()?));
    Spread::of_all(ratios.collect::<Vec<_>>())
}

impl Latency {
    fn of(samples: &[&Sample]) -> Result<Latency> {
        let mut each = Vec::with_capacity(samples.len());
        let mut merged = histogram()?;
        for sample in samples {
            let one = sample.histogram()?;
            // Cannot fail: both histograms have the same bounds.
            let _ = merged.add(&one);
            each.push(one);
        }
        let none = Spread { median: 0.0, low: 0.0, high: 0.0 };
        let at = |quantile: f64| {
            let values = each.iter().map(|one| one.value_at_quantile(quantile) as f64);
            Spread::of(values).unwrap_or(none)
        };
        let steps = merged.iter_quantiles(2);
        Ok(Latency {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: Spread::of(each.iter().map(|one| one.max() as f64)).unwrap_or(none),
            distribution: steps.map(|step| (step.quantile(), step.value_iterated_to())).collect(),
        })
    }
}

/// The distinct notes of all runs.
fn notes(samples: &[&Sample]) -> Option<String> {
    let mut notes: Vec<&str> = Vec::new();
    for note in samples.iter().filter_map(|sample| sample.note.as_deref()) {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    (!notes.is_empty()).then(|| notes.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounds::tests::sample;

    fn series(name: &str, calls: &[Option<u64>]) -> Series {
        let samples = calls.iter().map(|calls| calls.map(sample)).collect();
        Series { name: name.to_owned(), samples, error: None }
    }

    #[test]
    fn ratios_are_taken_within_a_round_so_that_a_slow_round_does_not_matter() {
        let all = [
            series("file", &[Some(100), Some(10), Some(100)]),
            series("pub-tcp", &[Some(200), Some(20), None]),
        ];
        let row = Row::of(&all[1], &all).unwrap();
        let figures = row.figures.unwrap();
        assert_eq!(row.runs, 2);
        assert_eq!(figures.ratio_to_file, Some(Spread { median: 2.0, low: 2.0, high: 2.0 }));
        assert_eq!(figures.ratio_to_null, None, "null was not measured");
        assert_eq!(figures.calls_per_second.median, 110.0);
        assert_eq!((figures.sent, figures.arrived, figures.lost), (220, Some(220), Some(0)));
    }

    #[test]
    fn losses_of_all_runs_are_added_up() {
        let mut one = series("pub-tcp", &[Some(100), Some(100)]);
        for sample in one.samples.iter_mut().flatten() {
            sample.arrived = Some(98);
        }
        let figures = Row::of(&one, &[]).unwrap().figures.unwrap();
        assert_eq!((figures.sent, figures.arrived, figures.lost), (200, Some(196), Some(4)));
        one.samples[0].as_mut().unwrap().arrived = None;
        let figures = Row::of(&one, &[]).unwrap().figures.unwrap();
        assert_eq!((figures.arrived, figures.lost, figures.arrived_per_second), (None, None, None));
    }

    #[test]
    fn percentiles_are_those_of_runs_and_the_curve_is_of_all_together() {
        let mut one = series("file", &[Some(1000), Some(1000)]);
        one.samples[0].as_mut().unwrap().latency = vec![(1_000, 990), (50_000, 10)];
        one.samples[1].as_mut().unwrap().latency = vec![(3_000, 999), (90_000, 1)];
        let latency = Row::of(&one, &[]).unwrap().figures.unwrap().latency_ns;
        let near = |found: f64, exact: f64| (found / exact - 1.0).abs() < 2e-3;
        assert!(near(latency.p50.low, 1_000.0) && near(latency.p50.high, 3_000.0));
        assert!(near(latency.p50.median, 2_000.0));
        assert!(near(latency.p99_9.low, 3_000.0) && near(latency.p99_9.high, 50_000.0));
        assert!(near(latency.max.high, 90_000.0));
        let curve = &latency.distribution;
        assert!(curve.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1), "{curve:?}");
        assert!(near(curve.last().unwrap().1 as f64, 90_000.0));
    }

    #[test]
    fn a_handler_that_failed_has_a_row_without_figures() {
        let failed = Series {
            name: "smtp".into(),
            samples: vec![None, None],
            error: Some("connection refused".into()),
        };
        let row = Row::of(&failed, &[]).unwrap();
        assert_eq!((row.runs, row.figures), (0, None));
        assert_eq!(row.error.as_deref(), Some("connection refused"));
    }
}
