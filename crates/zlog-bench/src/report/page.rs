//! How a report of any kind is written: a title, tables and remarks, or JSON.
//!
//! What may be here: shape and wording that all reports have. What stands in a report
//! is its maker's.

use std::fmt::Write;

use serde::Serialize;

use super::table::{Column, Table};
use super::units::count;
use crate::stats::Spread;
use zlog_core::error::{Error, Result};
use zlog_core::text::escape;
use zlog_core::text::plural::{plural, were};

/// What stands where nothing was measured.
pub const NONE: &str = "-";

/// A report for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// What it is of, and with what that was measured: a line each.
    pub title: Vec<String>,
    /// The figures.
    pub tables: Vec<Table>,
    /// What has to be said of them: a line each.
    pub remarks: Vec<String>,
}

impl Page {
    /// Aligned, for a terminal or a text file.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.title.join("\n"));
        for table in &self.tables {
            text.push('\n');
            text.push_str(&table.text());
        }
        if !self.remarks.is_empty() {
            text.push('\n');
        }
        for remark in &self.remarks {
            // Writing to a String can't fail.
            let _ = writeln!(text, "{}", escape::visible(remark));
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

/// As JSON, indented, with a newline at the end.
///
/// # Errors
/// Never in practice: all of it can be written.
pub fn json(report: &impl Serialize) -> Result<Vec<u8>> {
    let mut json = serde_json::to_vec_pretty(report)
        .map_err(|error| Error::new(format!("can't write JSON: {error}")))?;
    json.push(b'\n');
    Ok(json)
}

/// The median of a spread in a cell.
pub fn median(spread: Option<Spread>, show: fn(f64) -> String) -> String {
    spread.map_or(NONE.to_owned(), |spread| show(spread.median))
}

/// What is said where `name` has lost records; nothing where it has not.
pub fn lost(name: &str, records: u64) -> Option<String> {
    let said = || (count(records as f64), plural(records, "record"), were(records));
    (records > 0).then(said).map(|(n, records, were)| format!("{name}: {n} {records} {were} LOST"))
}

/// What is said where `name` failed.
pub fn failed(name: &str, error: &str) -> String {
    format!("{name}: failed: {}", error.replace("\n  ", ". "))
}

/// What is said of a report that was stopped; nothing of one that was not.
pub fn stopped(interrupted: bool) -> Option<String> {
    interrupted.then(|| "Stopped before the end: this is what was measured so far.".to_owned())
}
