//! Tables as text, Markdown and CSV.

use comfy_table::{CellAlignment, presets};

use zlog_core::text::escape;
use zlog_core::{Error, Result};

/// A column: its title and alignment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Column {
    title: String,
    right: bool,
}

impl Column {
    /// A column of text, aligned left.
    pub fn text(title: &str) -> Column {
        Column { title: title.to_owned(), right: false }
    }

    /// A column of numbers, aligned right.
    pub fn number(title: &str) -> Column {
        Column { title: title.to_owned(), right: true }
    }
}

/// Columns and rows. Each row has a cell per column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Creates a table without rows.
    pub fn new(columns: Vec<Column>) -> Table {
        Table { columns, rows: Vec::new() }
    }

    /// Adds a row. Missing cells are empty; surplus ones are dropped.
    pub fn add(&mut self, mut row: Vec<String>) {
        row.resize(self.columns.len(), String::new());
        self.rows.push(row);
    }

    /// Aligned columns, for a terminal or a text file. Control characters are escaped,
    /// because cells may quote text from outside.
    pub fn text(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(self.columns.iter().map(|column| &column.title));
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| escape::escape(cell)));
        }
        for (at, column) in self.columns.iter().enumerate() {
            if let Some(shown) = table.column_mut(at) {
                shown.set_padding((0, 2));
                if column.right {
                    shown.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        let mut text = table.trim_fmt();
        text.push('\n');
        text
    }

    /// The width of [`Table::text`], in columns.
    pub fn width(&self) -> usize {
        self.text().lines().map(unicode_width::UnicodeWidthStr::width).max().unwrap_or(0)
    }

    /// A Markdown table.
    pub fn markdown(&self) -> String {
        let line = |cells: &mut dyn Iterator<Item = String>| {
            format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
        };
        let mut text = line(&mut self.columns.iter().map(|column| markdown_cell(&column.title)));
        let side = |column: &Column| if column.right { "---:" } else { "---" }.to_owned();
        text.push_str(&line(&mut self.columns.iter().map(side)));
        for row in &self.rows {
            text.push_str(&line(&mut row.iter().map(|cell| markdown_cell(cell))));
        }
        text
    }

    /// CSV with a line of titles (RFC 4180, lines end in LF).
    ///
    /// # Errors
    /// Never in practice: it is written to memory.
    pub fn csv(&self) -> Result<Vec<u8>> {
        let failed = |error: String| Error::new(format!("can't write CSV: {error}"));
        let mut writer = csv::Writer::from_writer(Vec::new());
        let titles: Vec<&str> = self.columns.iter().map(|column| column.title.as_str()).collect();
        writer.write_record(titles).map_err(|error| failed(error.to_string()))?;
        for row in &self.rows {
            writer.write_record(row).map_err(|error| failed(error.to_string()))?;
        }
        writer.into_inner().map_err(|error| failed(error.to_string()))
    }
}

/// Escapes what would end the cell or start markup.
fn markdown_cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for c in escape::escape(text).chars() {
        if matches!(c, '|' | '\\' | '<' | '`' | '*' | '_' | '[') {
            cell.push('\\');
        }
        cell.push(c);
    }
    cell
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table() -> Table {
        let mut table = Table::new(vec![Column::text("handler"), Column::number("calls/s")]);
        table.add(vec!["file".into(), "1,000".into()]);
        table.add(vec!["a|b\n\"c\"".into(), "1".into()]);
        table
    }

    #[test]
    fn text_is_aligned_and_has_no_control_characters() {
        let expected = "handler     calls/s\nfile          1,000\na|b\\x0a\"c\"        1\n";
        assert_eq!(table().text(), expected);
    }

    #[test]
    fn markdown_cells_cannot_end_their_table() {
        let expected = "| handler | calls/s |\n| --- | ---: |\n| file | 1,000 |\n\
                        | a\\|b\\\\x0a\"c\" | 1 |\n";
        assert_eq!(table().markdown(), expected);
    }

    #[test]
    fn csv_quotes_what_has_to_be_quoted() {
        let csv = String::from_utf8(table().csv().unwrap()).unwrap();
        assert_eq!(csv, "handler,calls/s\nfile,\"1,000\"\n\"a|b\n\"\"c\"\"\",1\n");
    }

    proptest! {
        #[test]
        fn csv_reads_back_whatever_is_in_it(cells in prop::collection::vec(".*", 3)) {
            let mut table = Table::new(["a", "b", "c"].map(Column::text).to_vec());
            table.add(cells.clone());
            let csv = table.csv().unwrap();
            let mut reader = csv::Reader::from_reader(csv.as_slice());
            let back: Vec<String> = reader.records().next().unwrap().unwrap().iter().map(String::from).collect();
            prop_assert_eq!(back, cells);
        }
    }
}
