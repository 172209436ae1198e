//! The report of `zlog bench pipeline`.
//!
//! # The JSON schema `zlog-bench-pipeline/1`
//! One object. A *spread* is `{"median": …, "low": …, "high": …}` over the runs; figures
//! that could not be measured are `null`.
//!
//! | key | |
//! |---|---|
//! | `schema` | `"zlog-bench-pipeline/1"` |
//! | `date`, `machine`, `interrupted` | as in `zlog bench` |
//! | `settings` | `runs` |
//! | `pipelines` | one object for each: see [`Row`] |
//! | `pipelines[].transport`, `.wire`, `.size`, `.publishers`, `.subscribers`, `.topics`, `.count` | what was measured |
//! | `pipelines[].zlog`, `.bare` | objects: see [`Figures`](super::Figures) |
//! | `….records_per_second` | a spread: records that arrived, over all subscribers |
//! | `….starting_share` | a spread: the part of the time that a run of one record takes in the same round |
//! | `….runs`, `….wanted`, `….arrived`, `….lost` | numbers, over all runs |
//! | `….cpu_seconds_per_million` | a spread: all processes, for a million that arrived |
//! | `….publishers`, `….subscribers` | `cpu_seconds_per_million`, `peak_memory_bytes`: spreads |
//! | `pipelines[].ratio_to_bare` | a spread of the rates' ratios, taken within a round |
//! | `pipelines[].too_short` | whether starting took more than a quarter of the time, in the median, of either |
//! | `pipelines[].error` | why something could not be measured, or `null` |

use serde::{Deserialize, Serialize};

use super::figures::Row;
use super::rounds::Bench;
use crate::machine::Machine;

/// The schema's name and number.
pub(crate) const SCHEMA: &str = "zlog-bench-pipeline/1";

/// Everything that one `zlog bench pipeline` measured.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The name and the number of this schema.
    pub schema: String,
    /// The start: RFC 3339, UTC.
    pub date: String,
    /// The machine and the build.
    pub machine: Machine,
    /// The settings.
    pub settings: Settings,
    /// Whether it was stopped early.
    pub interrupted: bool,
    /// The results.
    pub pipelines: Vec<Row>,
}

/// The settings, beside the pipelines themselves.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// Number of rounds.
    pub runs: usize,
}

impl Report {
    /// Summarises `all`; `date` is the start.
    pub fn new(date: String, settings: Settings, all: &[Bench], interrupted: bool) -> Report {
        Report {
            schema: SCHEMA.to_owned(),
            date,
            machine: Machine::this(),
            settings,
            interrupted,
            pipelines: all.iter().map(Row::of).collect(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::rounds::tests::{self, sample, scenario};
    use super::*;

    /// Sizes 100 and 1000; zlog takes twice as long as bare libzmq, and failed once.
    pub(in crate::pipeline) fn report() -> Report {
        let series = |seconds: &[f64]| {
            tests::series(seconds.iter().map(|seconds| Some(sample(*seconds))).collect())
        };
        let bench = |size, seconds: &[f64], half: &[f64]| Bench {
            scenario: scenario(size),
            zlog: series(seconds),
            bare: series(half),
        };
        let mut all = [bench(100, &[1.0, 1.0], &[0.5, 0.5]), bench(1000, &[4.0], &[2.0])];
        all[1].zlog.error = Some("a process of zlog failed: no room".to_owned());
        let date = "2026-11-21T10:00:00Z".to_owned();
        Report::new(date, Settings { runs: 2 }, &all, false)
    }

    #[test]
    fn json_has_the_keys_of_the_schema_and_reads_back() {
        let report = report();
        let bytes = crate::report::json(&report).unwrap();
        assert_eq!(serde_json::from_slice::<Report>(&bytes).unwrap(), report);
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(json["schema"], SCHEMA);
        let first = &json["pipelines"][0];
        assert_eq!(
            (first["transport"].as_str(), first["wire"].as_str()),
            (Some("tcp"), Some("json"))
        );
        assert_eq!(first["size"], 100);
        assert_eq!(first["zlog"]["records_per_second"]["median"], 1000.0);
        assert_eq!(first["ratio_to_bare"]["median"], 0.5);
        assert_eq!(
            (&first["zlog"]["starting_share"]["median"], &first["too_short"]),
            (&0.1.into(), &false.into())
        );
        assert!(first["bare"]["publishers"]["cpu_seconds_per_million"]["low"].is_number());
        assert!(json["pipelines"][1]["error"].as_str().unwrap().contains("no room"));
    }
}
