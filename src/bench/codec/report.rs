//! What was measured of codecs, as a table, as JSON, and in a sentence.
//!
//! # The JSON schema `zlog-bench-codec/1`
//! `schema`, `date`, `machine` as in [`zlog-bench/1`](crate::bench::report); `settings`:
//! see [`Settings`]; `interrupted`; `codecs`: see [`CodecRow`]; `pays`: whether
//! MessagePack does, `null` where nothing was measured. Rates are spreads over the runs.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::Codec;
use super::measure::{Run, Series};
use crate::bench::machine::Machine;
use crate::bench::report::units::{count, percent, three_digits};
use crate::bench::report::{Column, Table};
use crate::bench::stats::{Spread, ratio};
use crate::error::{Error, Result};

/// The schema's name and number.
pub const SCHEMA: &str = "zlog-bench-codec/1";
/// Less than this share is no gain worth a second format, which every reader in every
/// language would have to learn.
const WORTH: f64 = 0.1;

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
    /// Whether MessagePack with names, which can do what JSON can, pays.
    pub pays: Option<bool>,
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
    /// The same as multiples of JSON's in the same round.
    pub encode_ratio: Option<Spread>,
    /// See `encode_ratio`.
    pub decode_ratio: Option<Spread>,
    /// The time to encode and decode a record, as a multiple of JSON's in the same round.
    pub time_ratio: Option<Spread>,
}

impl CodecReport {
    /// What `all` says; the first of them is what others are held against.
    pub fn new(date: String, settings: Settings, all: &[Series], interrupted: bool) -> CodecReport {
        let base = all.first().map_or(&[][..], |series| &series.runs);
        let codecs: Vec<CodecRow> = all.iter().map(|series| row(series, base)).collect();
        let pays = pays(&codecs);
        let (schema, machine) = (SCHEMA.to_owned(), Machine::this());
        CodecReport { schema, date, machine, settings, interrupted, codecs, pays }
    }

    /// As JSON, indented, with a newline at the end.
    ///
    /// # Errors
    /// Never in practice: all of it can be written.
    pub fn json(&self) -> Result<Vec<u8>> {
        let mut json = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::new(format!("can't write JSON: {error}")))?;
        json.push(b'\n');
        Ok(json)
    }

    /// As people read it.
    pub fn text(&self) -> String {
        let Settings { size, count: each, runs, .. } = self.settings;
        let messages = match size {
            Some(size) => format!("messages of {size} bytes"),
            None => "test records as they come".to_owned(),
        };
        let mut text = format!(
            "{messages}, {runs} × {} records\n{}, {}\n\n{}",
            count(each as f64),
            self.machine,
            self.date,
            self.table().text()
        );
        // Writing to a String can't fail.
        let _ = writeln!(text, "\n{}", self.verdict());
        if self.interrupted {
            text.push_str("Stopped before the end: this is what was measured so far.\n");
        }
        text
    }

    fn table(&self) -> Table {
        let numbers = ["bytes", "encode/s", "±", "decode/s", "±", "encode × json", "decode × json"];
        let mut columns = vec![Column::text("codec")];
        columns.extend(numbers.map(Column::number));
        let mut table = Table::new(columns);
        for row in &self.codecs {
            let show = |spread: Option<Spread>, show: fn(f64) -> String| {
                spread.map_or("-".to_owned(), |spread| show(spread.median))
            };
            let around = |spread: Option<Spread>| match spread {
                Some(spread) if self.settings.runs > 1 => percent(spread.relative()),
                _ => "-".to_owned(),
            };
            table.add(vec![
                row.name.clone(),
                three_digits(row.bytes_per_record),
                show(row.encode_per_second, count),
                around(row.encode_per_second),
                show(row.decode_per_second, count),
                around(row.decode_per_second),
                show(row.encode_ratio, three_digits),
                show(row.decode_ratio, three_digits),
            ]);
        }
        table
    }

    /// Whether it pays, and by which figures.
    fn verdict(&self) -> String {
        let (Some(pays), Some(json), Some(named)) =
            (self.pays, self.row(Codec::Json), self.row(Codec::Named))
        else {
            return "Nothing was measured, so nothing can be said.".to_owned();
        };
        let size = change(ratio(named.bytes_per_record, json.bytes_per_record), "fewer", "more");
        let time = change(named.time_ratio.map(|spread| spread.median), "less", "more");
        let pays = if pays { "pays" } else { "does not pay" };
        format!(
            "MessagePack {pays} for these records: {size} bytes than JSON, and {time} time to \
             encode and decode one."
        )
    }

    fn row(&self, codec: Codec) -> Option<&CodecRow> {
        self.codecs.iter().find(|row| row.name == codec.name())
    }
}

/// `12 % fewer`, from a ratio.
fn change(ratio: Option<f64>, less: &str, more: &str) -> String {
    match ratio {
        None => format!("an unknown share {more}"),
        Some(ratio) if ratio <= 1.0 => format!("{} {less}", percent(1.0 - ratio)),
        Some(ratio) => format!("{} {more}", percent(ratio - 1.0)),
    }
}

fn row(series: &Series, base: &[Run]) -> CodecRow {
    let runs = &series.runs;
    let spread = |figure: fn(&Run) -> f64| Spread::of(runs.iter().map(figure));
    let against = |figure: fn(&Run) -> f64| {
        Spread::of_all(runs.iter().zip(base).map(|(run, base)| ratio(figure(run), figure(base))))
    };
    CodecRow {
        name: series.codec.name().to_owned(),
        bytes_per_record: series.bytes,
        encode_per_second: spread(|run| run.encode),
        decode_per_second: spread(|run| run.decode),
        encode_ratio: against(|run| run.encode),
        decode_ratio: against(|run| run.decode),
        time_ratio: against(|run| 1.0 / run.encode + 1.0 / run.decode),
    }
}

/// It does when a body is smaller and a round trip is quicker, both by [`WORTH`] or
/// more, the time in every round.
fn pays(codecs: &[CodecRow]) -> Option<bool> {
    let find = |codec: Codec| codecs.iter().find(|row| row.name == codec.name());
    let (json, named) = (find(Codec::Json)?, find(Codec::Named)?);
    let size = ratio(named.bytes_per_record, json.bytes_per_record)?;
    Some(size <= 1.0 - WORTH && named.time_ratio?.high <= 1.0 - WORTH)
}

#[cfg(test)]
mod tests {
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
    fn it_pays_only_when_bodies_are_smaller_and_every_round_is_quicker() {
        assert_eq!(report(300.0, &[(2000.0, 2000.0); 3]).pays, Some(true));
        assert_eq!(report(390.0, &[(2000.0, 2000.0); 3]).pays, Some(false), "hardly smaller");
        assert_eq!(report(300.0, &[(1000.0, 1000.0); 3]).pays, Some(false), "not quicker");
        let one_slow_round = [(2000.0, 2000.0), (2000.0, 2000.0), (1000.0, 1000.0)];
        assert_eq!(report(300.0, &one_slow_round).pays, Some(false));
        assert_eq!(report(300.0, &[]).pays, None);
    }

    #[test]
    fn the_sentence_says_what_the_figures_say() {
        let text = report(300.0, &[(2000.0, 2000.0); 3]).text();
        assert!(text.contains("MessagePack pays") && text.contains("25 % fewer bytes"), "{text}");
        assert!(text.contains("50 % less time"), "{text}");
        let text = report(440.0, &[(500.0, 1000.0); 3]).text();
        assert!(text.contains("does not pay") && text.contains("10 % more bytes"), "{text}");
        assert!(text.contains("50 % more time"), "{text}");
        assert!(report(300.0, &[]).text().contains("nothing can be said"));
    }

    #[test]
    fn json_has_the_keys_of_the_schema_and_reads_back() {
        let report = report(300.0, &[(2000.0, 4000.0)]);
        let bytes = report.json().unwrap();
        assert_eq!(serde_json::from_slice::<CodecReport>(&bytes).unwrap(), report);
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(json["schema"], SCHEMA);
        assert_eq!(json["codecs"][1]["decode_ratio"]["median"], 4.0);
        assert_eq!(json["pays"], true);
    }
}
