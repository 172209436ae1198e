//! The report of `zlog bench`, and its output as tables, Markdown, CSV or JSON.
//!
//! For another kind of report, imitate `pipeline/report.rs`: a type of its own that makes a
//! [`Document`] of [`Table`]s.
//!
//! # The JSON schema `zlog-bench/1`
//! One object. Units are part of the names. A *spread* is `{"median": …, "low": …, "high":
//! …}` over the runs; figures that could not be measured are `null`. An incompatible change
//! increases the number.
//!
//! | key | |
//! |---|---|
//! | `schema` | `"zlog-bench/1"` |
//! | `date` | when it was begun, RFC 3339, UTC |
//! | `machine` | `system`, `kernel`, `cpu`, `cores`, `zlog`, `libzmq`, `build` (`release` or `debug`): see `Machine` |
//! | `settings` | the options: see [`Settings`] |
//! | `interrupted` | whether it was stopped early |
//! | `handlers` | one object per handler: see [`Row`] |
//! | `handlers[].name` | `file`, `pub-tcp`, … |
//! | `handlers[].runs` | runs that succeeded |
//! | `handlers[].error` | why a run failed, or `null` |
//! | `handlers[].note` | what a reader of the figures must know, or `null` |
//! | `handlers[].figures` | `null` when no run succeeded, else an object: see [`Figures`] |
//! | `….calls_per_second`, `….arrived_per_second` | spreads: at the caller, at the destination |
//! | `….sent`, `….arrived`, `….lost` | records, over all runs |
//! | `….latency_ns` | spreads `p50`, `p90`, `p99`, `p99_9`, `max`; `distribution`: pairs `[share of calls, ns]` |
//! | `….cpu_seconds_per_million`, `….peak_memory_bytes` | spreads, of the logging process |
//! | `….ratio_to_file`, `….ratio_to_null` | spreads of the calls per second, taken within a round |

pub mod document;
mod image;
mod render;
mod row;
mod table;
mod write;

pub use document::{Document, json};
pub use image::image;
pub use row::{Figures, Latency, Row};
pub use table::{Column, Table};
pub use write::{check_writable, write_whole};

use serde::{Deserialize, Serialize};

use super::machine::Machine;
use super::rounds::Series;
use zlog_core::Result;

/// The schema's name and number.
pub(crate) const SCHEMA: &str = "zlog-bench/1";

/// Everything that one `zlog bench` measured.
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
    pub handlers: Vec<Row>,
}

/// The settings of a bench.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// Bytes of each message; `None` where lines of a file were logged.
    pub size: Option<usize>,
    /// The file whose lines were logged.
    pub lines: Option<String>,
    /// Mean message size in bytes.
    pub mean_message_bytes: f64,
    /// Number of callers.
    pub threads: usize,
    /// Calls per second (an open loop); `None`: a closed loop.
    pub rate: Option<f64>,
    /// Limit on the calls of a run.
    pub count: Option<u64>,
    /// Time limit of a run in seconds.
    pub duration_seconds: Option<f64>,
    /// Seconds of warm-up before each run.
    pub warm_up_seconds: f64,
    /// Number of rounds.
    pub runs: usize,
    /// Capacity of a queue, in records.
    pub queue: usize,
    /// The mail server: `embedded`, or its URL.
    pub smtp: String,
    /// Seconds that the embedded server holds each mail.
    pub smtp_delay_seconds: f64,
}

impl Report {
    /// Summarises `all`; `date` is the start.
    ///
    /// # Errors
    /// As [`Row::of`]'s.
    pub fn new(
        date: String,
        settings: Settings,
        all: &[Series],
        interrupted: bool,
    ) -> Result<Report> {
        let handlers = all.iter().map(|series| Row::of(series, all)).collect::<Result<_>>()?;
        let (schema, machine) = (SCHEMA.to_owned(), Machine::this());
        Ok(Report { schema, date, machine, settings, interrupted, handlers })
    }

    /// The row of one handler.
    pub fn row(&self, name: &str) -> Option<&Row> {
        self.handlers.iter().find(|row| row.name == name)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::rounds::tests::sample;

    pub(crate) fn settings() -> Settings {
        Settings {
            size: Some(100),
            lines: None,
            mean_message_bytes: 100.0,
            threads: 1,
            rate: None,
            count: Some(1000),
            duration_seconds: None,
            warm_up_seconds: 0.1,
            runs: 3,
            queue: 256,
            smtp: "embedded".to_owned(),
            smtp_delay_seconds: 0.0,
        }
    }

    pub(crate) fn series(name: &str, calls: &[u64]) -> Series {
        let samples = calls.iter().map(|calls| Some(sample(*calls))).collect();
        Series { name: name.to_owned(), samples, error: None }
    }

    /// `file` and `null` were measured, `smtp` was not.
    pub(crate) fn report() -> Report {
        let mut smtp = series("smtp", &[]);
        smtp.error = Some("mail.invalid: connection refused".to_owned());
        let all = [series("file", &[90, 100, 110]), smtp, series("null", &[900, 1000, 1100])];
        Report::new("2026-11-21T09:00:00Z".to_owned(), settings(), &all, false).unwrap()
    }

    #[test]
    fn json_has_the_keys_of_the_schema_and_reads_back() {
        let report = report();
        let bytes = json(&report).unwrap();
        assert_eq!(serde_json::from_slice::<Report>(&bytes).unwrap(), report);
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(json["schema"], SCHEMA);
        assert_eq!(json["handlers"][0]["figures"]["calls_per_second"]["median"], 100.0);
        assert_eq!(json["handlers"][0]["figures"]["ratio_to_null"]["low"], 0.1);
        assert!(json["handlers"][0]["figures"]["latency_ns"]["p99_9"]["median"].is_number());
        assert!(json["handlers"][1]["figures"].is_null());
        assert_eq!(json["handlers"][1]["error"], "mail.invalid: connection refused");
        for key in ["date", "machine", "settings", "interrupted"] {
            assert!(!json[key].is_null(), "{key}");
        }
    }
}
