//! The output of any report: a title, tables and remarks, or JSON.
//!
//! It holds the shape and wording that all reports share; the contents belong to each
//! report.

use std::fmt::Write;

use serde::Serialize;

use super::table::{Column, Table};
use crate::stats::Spread;
use crate::units::count;
use zlog_core::text::escape;
use zlog_core::text::plural::{plural, were};
use zlog_core::text::wrap::wrap;
use zlog_core::{Error, Result};

/// A cell without a figure.
pub const NONE: &str = "-";

/// Marks a figure whose runs differ too much ([`Spread::is_vague`]).
pub(crate) const VAGUE: &str = "?";

/// Columns of a terminal. Tables fit in.
pub const WIDTH: usize = 80;

/// The indentation of a line that continues another one.
const INDENT: usize = 2;

/// A report for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Document {
    /// The subject of the measurement and the machine: one line each.
    pub title: Vec<String>,
    /// The figures.
    pub tables: Vec<Table>,
    /// Losses, failures and notes: one line each.
    pub remarks: Vec<String>,
}

impl Document {
    /// Aligned text, for a file.
    pub fn text(&self) -> String {
        self.text_within(usize::MAX)
    }

    /// Aligned text, for a terminal of this many columns: title and remarks are broken between
    /// words.
    pub fn text_within(&self, columns: usize) -> String {
        let mut text = String::new();
        for line in &self.title {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}", wrap(line, columns, INDENT));
        }
        for table in &self.tables {
            text.push('\n');
            text.push_str(&table.text());
        }
        if !self.remarks.is_empty() {
            text.push('\n');
        }
        for remark in &self.remarks {
            let _ = writeln!(text, "{}", wrap(&escape::escape(remark), columns, INDENT));
        }
        text
    }

    /// The same as Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!("{}\n", self.title.join("  \n"));
        let mut remarks = Table::new(vec![Column::text("remark")]);
        self.remarks.iter().for_each(|remark| remarks.add(vec![remark.clone()]));
        let last = (!self.remarks.is_empty()).then_some(&remarks);
        for table in self.tables.iter().chain(last) {
            text.push('\n');
            text.push_str(&table.markdown());
        }
        text
    }
}

/// Indented JSON with a newline at the end.
///
/// # Errors
/// Never in practice: every report can be serialized.
pub fn json(report: &impl Serialize) -> Result<Vec<u8>> {
    let mut json = serde_json::to_vec_pretty(report)
        .map_err(|error| Error::new(format!("can't write JSON: {error}")))?;
    json.push(b'\n');
    Ok(json)
}

/// A cell with the median of a spread, and a mark if it says little.
pub(crate) fn median(spread: Option<Spread>, show: fn(f64) -> String) -> String {
    let shown = |spread: Spread| match spread.is_vague() {
        true => format!("{}{VAGUE}", show(spread.median)),
        false => show(spread.median),
    };
    spread.map_or(NONE.to_owned(), shown)
}

/// The remark that explains the marks, if there are any: the rows, and their vague figures.
pub(crate) fn vague(rows: &[(String, Vec<String>)]) -> Option<String> {
    let named =
        |(name, figures): &(String, Vec<String>)| format!("{name} ({})", figures.join(", "));
    let rows: Vec<String> =
        rows.iter().filter(|(_, figures)| !figures.is_empty()).map(named).collect();
    (!rows.is_empty()).then(|| {
        format!(
            "{VAGUE} marks figures that say little, since the runs differ by more than the median: \
             {}. More or longer runs may help.",
            rows.join("; ")
        )
    })
}

/// A figure's name and its range, if it is vague.
pub(crate) fn vague_range(name: &str, spread: Spread, show: fn(f64) -> String) -> Option<String> {
    let range = || format!("{name} {} to {}", show(spread.low), show(spread.high));
    spread.is_vague().then(range)
}

/// The remark that `name` has lost records, if it has.
pub fn lost(name: &str, records: u64) -> Option<String> {
    let said = || (count(records as f64), plural(records, "record"), were(records));
    (records > 0).then(said).map(|(n, records, were)| format!("{name}: {n} {records} {were} LOST"))
}

/// The remark that `name` failed.
pub fn failed(name: &str, error: &str) -> String {
    format!("{name}: failed: {}", error.replace("\n  ", ". "))
}

/// The remark that a report is incomplete, if it is.
pub fn stopped(interrupted: bool) -> Option<String> {
    interrupted.then(|| "Stopped before the end: this is what was measured so far.".to_owned())
}
