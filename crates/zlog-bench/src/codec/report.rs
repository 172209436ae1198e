//! What was measured of codecs, as a table, as JSON, and in a sentence.
//!
//! # The JSON schema `zlog-bench-codec/1`
//! `schema`, `date`, `machine` as in [`zlog-bench/1`](crate::report); `settings`:
//! see [`Settings`]; `interrupted`; `codecs`: see [`CodecRow`]; `verdict`: see [`Verdict`],
//! `null` where nothing was measured. Rates are spreads over the runs.

use serde::{Deserialize, Serialize};

use super::measure::{Run, Series};
use super::verdict::Verdict;
use crate::machine::Machine;
use crate::report::page::{self, NONE, Page, median};
use crate::report::units::{count, percent, three_digits};
use crate::report::{Column, Table};
use crate::stats::{Spread, ratio};
use zlog_core::text::plural::{counted, plural};

/// The schema's name and number.
pub const SCHEMA: &str = "zlog-bench-codec/1";
/// What one `zlog bench codec` measured.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CodecReport {
    /// [`SCHEMA`].
    pub schema: String,
    /// When it was begun: RFC 3339, UTC.
    pub date: String,
    /// Where and with what.
    pub machine: Machine,
    /// What was asked for.
    pub settings: Settings,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
    /// The codecs, JSON first.
    pub codecs: Vec<CodecRow>,
    /// Whether MessagePack pays.
    pub verdict: Option<Verdict>,
}

/// What was asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// Bytes of each message; `None`: as test records come.
    pub size: Option<usize>,
    /// Records that each run encodes, and decodes.
    pub count: u64,
    /// Rounds.
    pub runs: usize,
    /// What test records were made from.
    pub seed: u64,
}

/// One codec.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CodecRow {
    /// `json`, `msgpack` (with names), `msgpack-bare` (without).
    pub name: String,
    /// Bytes of a body, on average.
    pub bytes_per_record: f64,
    /// Records encoded each second.
    pub encode_per_second: Option<Spread>,
    /// Records decoded each second.
    pub decode_per_second: Option<Spread>,
    /// Bytes as a share of JSON's.
    pub bytes_ratio: Option<f64>,
    /// Rates as multiples of JSON's in the same round.
    pub encode_ratio: Option<Spread>,
    /// See `encode_ratio`.
    pub decode_ratio: Option<Spread>,
}

impl CodecReport {
    /// What `all` says; the first of them is what others are held against.
    pub fn new(date: String, settings: Settings, all: &[Series], interrupted: bool) -> CodecReport {
        let base = all.first();
        let codecs: Vec<CodecRow> = all.iter().map(|series| row(series, base)).collect();
        let verdict = Verdict::of(&codecs);
        let (schema, machine) = (SCHEMA.to_owned(), Machine::this());
        CodecReport { schema, date, machine, settings, interrupted, codecs, verdict }
    }

    /// As people read it.
    pub fn text(&self) -> String {
        self.page().text()
    }

    fn page(&self) -> Page {
        let Settings { size, count: each, runs, .. } = self.settings;
        let messages = match size {
            Some(size) => format!("messages of {}", counted(size, "byte")),
            None => "test records as they come".to_owned(),
        };
        let mut remarks: Vec<String> = match &self.verdict {
            Some(verdict) => verdict.to_string().lines().map(str::to_owned).collect(),
            None => vec!["Nothing was measured, so nothing can be said.".to_owned()],
        };
        remarks.extend(page::stopped(self.interrupted));
        Page {
            title: vec![
                format!("{messages}, {runs} × {} {}", count(each as f64), plural(each, "record")),
                format!("{}, {}", self.machine, self.date),
            ],
            tables: vec![self.table()],
            remarks,
        }
    }

    fn table(&self) -> Table {
        let numbers = ["bytes", "encode/s", "±", "decode/s", "±", "encode × json", "decode × json"];
        let mut columns = vec![Column::text("codec")];
        columns.extend(numbers.map(Column::number));
        let mut table = Table::new(columns);
        for row in &self.codecs {
            let around = |spread: Option<Spread>| match spread {
                Some(spread) if self.settings.runs > 1 => percent(spread.relative()),
                _ => NONE.to_owned(),
            };
            table.add(vec![
                row.name.clone(),
                three_digits(row.bytes_per_record),
                median(row.encode_per_second, count),
                around(row.encode_per_second),
                median(row.decode_per_second, count),
                around(row.decode_per_second),
                median(row.encode_ratio, three_digits),
                median(row.decode_ratio, three_digits),
            ]);
        }
        table
    }
}

fn row(series: &Series, base: Option<&Series>) -> CodecRow {
    let runs = &series.runs;
    let base_runs = base.map_or(&[][..], |base| &base.runs);
    let spread = |figure: fn(&Run) -> f64| Spread::of(runs.iter().map(figure));
    let against = |figure: fn(&Run) -> f64| {
        let rounds = runs.iter().zip(base_runs);
        Spread::of_all(rounds.map(|(run, base)| ratio(figure(run), figure(base))))
    };
    CodecRow {
        name: series.codec.name().to_owned(),
        bytes_per_record: series.bytes,
        encode_per_second: spread(|run| run.encode),
        decode_per_second: spread(|run| run.decode),
        bytes_ratio: base.and_then(|base| ratio(series.bytes, base.bytes)),
        encode_ratio: against(|run| run.encode),
        decode_ratio: against(|run| run.decode),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Codec;
    use super::*;

    fn series(codec: Codec, bytes: f64, rates: &[(f64, f64)]) -> Series {
        let runs = rates.iter().map(|(encode, decode)| Run { encode: *encode, decode: *decode });
        Series { codec, bytes, runs: runs.collect() }
    }

    fn report(bytes: f64, rates: &[(f64, f64)]) -> CodecReport {
        let all = [
            series(Codec::Json, 400.0, &vec![(1000.0, 1000.0); rates.len()]),
            series(Codec::Named, bytes, rates),
        ];
        let settings = Settings { size: None, count: 10, runs: rates.len(), seed: 1 };
        CodecReport::new("2026-11-21T09:00:00Z".to_owned(), settings, &all, false)
    }

    #[test]
    fn the_text_says_what_the_figures_say() {
        let text = report(300.0, &[(2000.0, 1000.0); 3]).text();
        assert!(text.contains("25 % fewer: a gain"), "{text}");
        assert!(text.contains("It pays: a gain in bytes and encoding"), "{text}");
        assert!(report(300.0, &[]).text().contains("nothing can be said"));
    }

    #[test]
    fn json_has_the_keys_of_the_schema_and_reads_back() {
        let report = report(300.0, &[(2000.0, 4000.0)]);
        let bytes = crate::report::json(&report).unwrap();
        assert_eq!(serde_json::from_slice::<CodecReport>(&bytes).unwrap(), report);
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(json["schema"], SCHEMA);
        assert_eq!(json["codecs"][1]["decode_ratio"]["median"], 4.0);
        assert_eq!(json["verdict"]["pays"], "yes");
        assert_eq!(json["verdict"]["decode"], "gain");
    }
}
