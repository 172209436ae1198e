//! A report for people, and as a table for spreadsheets.

use super::document::{self, Document, NONE, WIDTH, median};
use super::table::{Column, Table};
use super::{Figures, Report, Row, Settings};
use crate::stats::Spread;
use crate::units::{bar, bytes, count, nanos, percent, three_digits};
use zlog_core::text::escape;
use zlog_core::text::plural::{counted, plural};

/// Width of the longest bar, in columns.
const BAR: usize = 20;
/// Shorter bars show nothing.
const MIN_BAR: usize = 5;

impl Report {
    /// Two tables and remarks, for people; with bars for a terminal.
    pub fn document(&self, bars: bool) -> Document {
        let Report { settings, machine, date, .. } = self;
        Document {
            title: vec![describe(settings), format!("{machine}, {date}")],
            tables: vec![self.rates(bars), self.costs()],
            remarks: self.remarks(),
        }
    }

    /// One table with every figure as a plain number, in the units that its titles name.
    pub fn table(&self) -> Table {
        let numbers = [
            "runs",
            "calls_per_second",
            "calls_per_second_low",
            "calls_per_second_high",
            "arrived_per_second",
            "sent",
            "arrived",
            "lost",
            "p50_ns",
            "p90_ns",
            "p99_ns",
            "p99_9_ns",
            "max_ns",
            "cpu_seconds_per_million",
            "peak_memory_bytes",
            "ratio_to_file",
            "ratio_to_null",
        ];
        let mut columns = vec![Column::text("handler")];
        columns.extend(numbers.map(Column::number));
        columns.extend(["error", "note"].map(Column::text));
        let mut table = Table::new(columns);
        for row in &self.handlers {
            let mut cells = vec![row.name.clone(), row.runs.to_string()];
            cells.extend(match &row.figures {
                Some(figures) => bare(figures),
                None => vec![String::new(); numbers.len() - 1],
            });
            cells.extend([&row.error, &row.note].map(|text| text.clone().unwrap_or_default()));
            table.add(cells);
        }
        table
    }

    /// Throughput, at the caller and at the destination.
    fn rates(&self, bars: bool) -> Table {
        let mut columns = vec![
            Column::text("handler"),
            Column::number("calls/s"),
            Column::number("±"),
            Column::number("arrived/s"),
            Column::number("lost"),
            Column::number("× file"),
        ];
        // A table without bars tells how much room they have.
        let bar_width = match bars {
            true => WIDTH.saturating_sub(self.rates(false).width() + 2).min(BAR),
            false => 0,
        };
        let bars = bar_width >= MIN_BAR;
        if bars {
            columns.insert(3, Column::text(""));
        }
        let most =
            self.figures().map(|figures| figures.calls_per_second.median).fold(0.0, f64::max);
        let mut table = Table::new(columns);
        for row in &self.handlers {
            let Some(figures) = &row.figures else {
                table.add(vec![row.name.clone(), not_measured(row)]);
                continue;
            };
            let calls = figures.calls_per_second;
            let mut cells = vec![
                row.name.clone(),
                median(Some(calls), count),
                if row.runs > 1 { percent(calls.relative()) } else { NONE.to_owned() },
                median(figures.arrived_per_second, count),
                figures.lost.map_or(NONE.to_owned(), |lost| count(lost as f64)),
                median(figures.ratio_to_file, three_digits),
            ];
            if bars {
                cells.insert(3, bar(calls.median / most, bar_width));
            }
            table.add(cells);
        }
        table
    }

    /// Latency, processor time and memory.
    fn costs(&self) -> Table {
        let mut columns = vec![Column::text("handler")];
        let numbers = ["p50", "p90", "p99", "p99.9", "max", "CPU s/M", "memory"];
        columns.extend(numbers.map(Column::number));
        let mut table = Table::new(columns);
        for row in &self.handlers {
            let Some(figures) = &row.figures else {
                table.add(vec![row.name.clone(), not_measured(row)]);
                continue;
            };
            let latency = &figures.latency_ns;
            let mut cells = vec![row.name.clone()];
            let steps = [latency.p50, latency.p90, latency.p99, latency.p99_9];
            cells.extend(steps.map(|spread| median(Some(spread), nanos)));
            cells.push(nanos(latency.max.high));
            cells.push(median(figures.cpu_seconds_per_million, three_digits));
            cells.push(median(figures.peak_memory_bytes, bytes));
            table.add(cells);
        }
        table
    }

    fn figures(&self) -> impl Iterator<Item = &Figures> {
        self.handlers.iter().filter_map(|row| row.figures.as_ref())
    }

    /// Losses, failures and notes: one line each.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut remarks: Vec<String> = self.machine.remark().into_iter().collect();
        for row in &self.handlers {
            let lost = row.figures.as_ref().and_then(|figures| figures.lost).unwrap_or_default();
            remarks.extend(document::lost(&row.name, lost));
            remarks.extend(row.error.as_ref().map(|error| document::failed(&row.name, error)));
            remarks.extend(row.note.as_ref().map(|note| format!("{}: {note}", row.name)));
        }
        let vague = self.handlers.iter().map(|row| (row.name.clone(), vague(row)));
        remarks.extend(document::vague(&vague.collect::<Vec<_>>()));
        remarks.extend(document::stopped(self.interrupted));
        remarks
    }
}

/// The figures of a row that say little, with their ranges.
fn vague(row: &Row) -> Vec<String> {
    type Figure = (&'static str, fn(f64) -> String, fn(&Figures) -> Option<Spread>);
    const FIGURES: [Figure; 9] = [
        ("calls/s", count, |figures| Some(figures.calls_per_second)),
        ("arrived/s", count, |figures| figures.arrived_per_second),
        ("× file", three_digits, |figures| figures.ratio_to_file),
        ("p50", nanos, |figures| Some(figures.latency_ns.p50)),
        ("p90", nanos, |figures| Some(figures.latency_ns.p90)),
        ("p99", nanos, |figures| Some(figures.latency_ns.p99)),
        ("p99.9", nanos, |figures| Some(figures.latency_ns.p99_9)),
        ("CPU s/M", three_digits, |figures| figures.cpu_seconds_per_million),
        ("memory", bytes, |figures| figures.peak_memory_bytes),
    ];
    let Some(figures) = &row.figures else { return Vec::new() };
    FIGURES
        .iter()
        .filter_map(|(name, show, of)| document::vague_range(name, of(figures)?, *show))
        .collect()
}

/// The subject of the measurement, in words.
pub(super) fn describe(settings: &Settings) -> String {
    let messages = match (&settings.lines, settings.size) {
        (Some(path), _) => format!(
            "lines of {} ({:.0} bytes on average)",
            escape::escape(path),
            settings.mean_message_bytes
        ),
        (None, size) => format!("messages of {}", counted(size.unwrap_or_default(), "byte")),
    };
    let loop_ = match settings.rate {
        Some(rate) => format!("{} calls/s (open loop)", three_digits(rate)),
        None => "one call after the other (closed loop)".to_owned(),
    };
    let calls = |n: u64| format!("{} {}", count(n as f64), plural(n, "call"));
    let limit = match (settings.count, settings.duration_seconds) {
        (Some(n), Some(seconds)) => format!("{} or {seconds} s", calls(n)),
        (Some(n), None) => calls(n),
        (None, Some(seconds)) => format!("{seconds} s"),
        (None, None) => "no end".to_owned(),
    };
    let (callers, runs) = (counted(settings.threads, "caller"), settings.runs);
    format!("{messages}, {callers}, {loop_}, {runs} × {limit}")
}

fn not_measured(row: &Row) -> String {
    if row.error.is_some() { "failed" } else { "not run" }.to_owned()
}

/// The numbers of a row in the order of its columns; empty for what was not measured.
fn bare(figures: &Figures) -> Vec<String> {
    let number = |number: Option<f64>| number.map_or(String::new(), |number| number.to_string());
    let integer = |number: Option<u64>| number.map_or(String::new(), |number| number.to_string());
    let middle = |spread: Option<Spread>| number(spread.map(|spread| spread.median));
    let (calls, latency) = (figures.calls_per_second, &figures.latency_ns);
    let mut cells = [calls.median, calls.low, calls.high].map(|n| number(Some(n))).to_vec();
    cells.push(middle(figures.arrived_per_second));
    cells.extend([Some(figures.sent), figures.arrived, figures.lost].map(integer));
    let steps = [latency.p50, latency.p90, latency.p99, latency.p99_9];
    cells.extend(steps.map(|spread| number(Some(spread.median))));
    cells.push(number(Some(latency.max.high)));
    let rest = [
        figures.cpu_seconds_per_million,
        figures.peak_memory_bytes,
        figures.ratio_to_file,
        figures.ratio_to_null,
    ];
    cells.extend(rest.map(middle));
    cells
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    #[test]
    fn every_handler_has_a_row_in_each_shape_also_one_that_failed() {
        let report = report();
        let csv = String::from_utf8(report.table().csv().unwrap()).unwrap();
        for shape in [
            report.document(true).text(),
            report.document(false).text(),
            report.document(false).markdown(),
            csv,
        ] {
            for name in ["file", "smtp", "null"] {
                assert!(shape.contains(name), "{name} in\n{shape}");
            }
            assert!(shape.contains("connection refused"), "{shape}");
        }
    }

    #[test]
    fn text_fits_a_terminal_of_80_columns_and_has_bars_only_for_one() {
        let report = report();
        let text = report.document(true).text_within(80);
        for line in text.lines() {
            assert!(unicode_width::UnicodeWidthStr::width(line) <= 80, "{line}");
        }
        assert!(text.contains('█'));
        assert!(!report.document(false).text().contains('█'));
    }

    /// A report with the longest names and numbers that occur.
    fn wide() -> Report {
        let mut report = report();
        for (row, name) in
            report.handlers.iter_mut().zip(["python-queue-file", "queue-smtp", "pub-inproc"])
        {
            row.name = name.into();
            let Some(figures) = &mut row.figures else { continue };
            let wide = Spread { median: 12_345_678.0, low: 1.0, high: 12_345_678_901.0 };
            figures.calls_per_second = wide;
            figures.arrived_per_second = Some(wide);
            figures.lost = Some(12_345_678);
            figures.ratio_to_file = Some(Spread { median: 0.123, low: 0.001, high: 9.0 });
            let latency = &mut figures.latency_ns;
            let slow = Spread { median: 123e6, low: 1.0, high: 999e6 };
            (latency.p50, latency.p90, latency.p99) = (slow, slow, slow);
            (latency.p99_9, latency.max) = (slow, slow);
            figures.cpu_seconds_per_million =
                Some(Spread { median: 12_345.0, low: 1.0, high: 99_999.0 });
            figures.peak_memory_bytes = Some(Spread { median: 123e6, low: 1.0, high: 999e6 });
        }
        report
    }

    #[test]
    fn tables_with_the_longest_names_and_numbers_fit_80_columns() {
        for bars in [true, false] {
            for table in wide().document(bars).tables {
                assert!(table.width() <= 80, "{}", table.text());
            }
        }
    }

    #[test]
    fn max_is_the_longest_call_of_all_runs() {
        let mut report = report();
        let max = Spread { median: 8.54e6, low: 1e6, high: 55e6 };
        report.handlers[0].figures.as_mut().unwrap().latency_ns.max = max;
        let text = report.document(false).text();
        assert!(text.contains("55.0 ms") && !text.contains("8.54 ms"), "{text}");
        let csv = String::from_utf8(report.table().csv().unwrap()).unwrap();
        assert!(csv.contains(",55000000,"), "{csv}");
    }

    #[test]
    fn figures_whose_runs_differ_too_much_are_marked_and_explained() {
        let mut report = report();
        assert!(!report.document(false).text().contains('?'));
        let p99 = Spread { median: 2_000.0, low: 1_000.0, high: 55e6 };
        report.handlers[0].figures.as_mut().unwrap().latency_ns.p99 = p99;
        for text in [report.document(false).text(), report.document(false).markdown()] {
            assert!(text.contains("2.00 µs?"), "{text}");
            assert!(text.contains("file (p99 1.00 µs to 55.0 ms). More or longer"), "{text}");
        }
    }

    #[test]
    fn losses_and_an_interruption_are_said() {
        let mut report = report();
        report.interrupted = true;
        report.handlers[0].figures.as_mut().unwrap().lost = Some(1234);
        let text = report.document(false).text();
        assert!(text.contains("file: 1,234 records were LOST"), "{text}");
        assert!(text.contains("Stopped before the end"), "{text}");
    }

    #[test]
    fn csv_has_a_cell_for_each_title() {
        let csv = report().table().csv().unwrap();
        let mut reader = csv::Reader::from_reader(csv.as_slice());
        let titles = reader.headers().unwrap().clone();
        let file = reader.records().next().unwrap().unwrap();
        let cell = |title: &str| {
            let at = titles.iter().position(|t| t == title).unwrap();
            file.get(at).unwrap().to_owned()
        };
        assert_eq!(
            (cell("handler"), cell("runs"), cell("lost")),
            ("file".into(), "3".into(), "0".into())
        );
        assert_eq!((cell("calls_per_second"), cell("ratio_to_file")), ("100".into(), "1".into()));
        assert_eq!((cell("peak_memory_bytes"), cell("error")), ("1048576".into(), "".into()));
    }
}
