//! A pipeline report for people.

use super::figures::{Figures, Row, Side};
use super::report::Report;
use super::scenario::Dimension;
use crate::report::document::{self, NONE, median};
use crate::report::{Column, Document, Table};
use crate::units::{bytes, count, percent, three_digits};
use zlog_core::text::plural::{counted, plural};

impl Report {
    /// Tables and remarks, for people.
    pub fn document(&self) -> Document {
        Document {
            title: self.title().to_vec(),
            tables: vec![self.rates(), self.costs(false), self.costs(true)],
            remarks: self.remarks(),
        }
    }

    fn title(&self) -> [String; 2] {
        let Report { machine, date, settings, pipelines, .. } = self;
        let of = match pipelines.first() {
            Some(Row { dimensions: d, .. }) => format!(
                ": messages of {}, {} to {}, {} unless stated",
                number(d.size, "byte"),
                number(d.publishers, "publisher"),
                number(d.subscribers, "subscriber"),
                number(d.topics, "topic"),
            ),
            None => String::new(),
        };
        [
            format!(
                "zlog emit to zlog tail, beside bare libzmq, {}{of}",
                counted(settings.runs, "run")
            ),
            format!("{machine}, {date}"),
        ]
    }

    /// Throughput.
    fn rates(&self) -> Table {
        let mut columns = vec![Column::text("pipeline")];
        let numbers = ["records/s", "±", "bare libzmq", "× bare", "lost"];
        columns.extend(numbers.map(Column::number));
        let mut table = Table::new(columns);
        for row in &self.pipelines {
            let mut cells = vec![self.name(row)];
            cells.extend(rate(row.zlog.as_ref()));
            let bare = rate(row.bare.as_ref());
            cells.extend(bare.into_iter().take(1));
            cells.push(median(row.ratio_to_bare, three_digits));
            cells.push(row.zlog.as_ref().map_or(NONE.to_owned(), |f| count(f.lost as f64)));
            table.add(cells);
        }
        table
    }

    /// Processor time and memory, of zlog or of bare libzmq.
    fn costs(&self, bare: bool) -> Table {
        let mut columns = vec![Column::text("CPU s/M and memory")];
        let sides = if bare { ["bare send", "bare recv"] } else { ["emit", "tail"] };
        columns.extend(sides.into_iter().flat_map(|side| [side, ""]).map(Column::number));
        let mut table = Table::new(columns);
        for row in &self.pipelines {
            let figures = if bare { &row.bare } else { &row.zlog };
            let sides = figures.as_ref().map(|f| (&f.publishers, &f.subscribers));
            let mut cells = vec![self.name(row)];
            cells.extend(cost(sides.map(|(publishers, _)| publishers)));
            cells.extend(cost(sides.map(|(_, subscribers)| subscribers)));
            table.add(cells);
        }
        table
    }

    /// A row's name, with the dimensions in which it differs from the base.
    fn name(&self, row: &Row) -> String {
        let Some(base) = self.pipelines.first() else { return row.name() };
        let mut name = row.name();
        for dimension in Dimension::ALL {
            let value = row.dimensions.get(dimension);
            if value != base.dimensions.get(dimension) {
                name.push_str(&format!(", {} {}", dimension.name(), count(value as f64)));
            }
        }
        name
    }

    /// Names the rows whose time is mostly the start of programs.
    fn too_short(&self) -> Option<String> {
        let short = self.pipelines.iter().filter(|row| row.too_short);
        let named = |row| format!("{} ({})", self.name(row), percent(starting(row)));
        let short: Vec<String> = short.map(named).collect();
        (!short.is_empty()).then(|| {
            format!(
                "Too short: starting the programs took more than a quarter of the time of {}. \
                 A larger --count measures what gets through.",
                short.join("; ")
            )
        })
    }

    /// Losses, failures and notes: one line each.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut remarks: Vec<String> = self.machine.remark().into_iter().collect();
        for row in &self.pipelines {
            let name = self.name(row);
            let lost = |figures: &Option<Figures>| figures.as_ref().map_or(0, |f| f.lost);
            remarks.extend(document::lost(&name, lost(&row.zlog)));
            remarks.extend(document::lost(&format!("bare libzmq, {name}"), lost(&row.bare)));
            remarks.extend(row.error.as_ref().map(|error| document::failed(&name, error)));
        }
        remarks.extend(self.too_short());
        let vague = self.pipelines.iter().map(|row| (self.name(row), vague(row)));
        remarks.extend(document::vague(&vague.collect::<Vec<_>>()));
        remarks.extend(document::stopped(self.interrupted));
        remarks
    }
}

/// The figures of a row that say little, with their ranges.
fn vague(row: &Row) -> Vec<String> {
    let rate = |figures: &Option<Figures>| figures.as_ref().map(|f| f.records_per_second);
    let figures = [
        ("records/s", rate(&row.zlog), count as fn(f64) -> String),
        ("bare libzmq", rate(&row.bare), count),
        ("× bare", row.ratio_to_bare, three_digits),
    ];
    let vague =
        |(name, spread, show): (&str, Option<_>, _)| document::vague_range(name, spread?, show);
    figures.into_iter().filter_map(vague).collect()
}

/// The share of the time spent on starting programs; the larger of both implementations.
fn starting(row: &Row) -> f64 {
    let shares = [&row.zlog, &row.bare].into_iter().flatten().filter_map(|f| f.starting_share);
    shares.map(|share| share.median).fold(0.0, f64::max)
}

fn number(number: usize, noun: &str) -> String {
    format!("{} {}", count(number as f64), plural(number, noun))
}

/// A rate and its spread.
fn rate(figures: Option<&Figures>) -> [String; 2] {
    let Some(figures) = figures else { return ["not measured".to_owned(), NONE.to_owned()] };
    let rate = figures.records_per_second;
    let varied = if figures.runs > 1 { percent(rate.relative()) } else { NONE.to_owned() };
    [median(Some(rate), count), varied]
}

/// Processor time and memory of one side.
fn cost(side: Option<&Side>) -> [String; 2] {
    let cpu = side.and_then(|side| side.cpu_seconds_per_million);
    let memory = side.and_then(|side| side.peak_memory_bytes);
    [median(cpu, three_digits), median(memory, bytes)]
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use crate::stats::Spread;

    #[test]
    fn every_pipeline_has_a_row_in_each_shape_and_says_what_is_other_than_in_the_base() {
        let report = report();
        for output in [report.document().text(), report.document().markdown()] {
            assert_eq!(output.matches("tcp json, size 1,000").count(), 4, "{output}");
            assert!(
                output.contains("messages of 100 bytes, 1 publisher to 1 subscriber"),
                "{output}"
            );
            assert!(output.contains("0.500"), "the ratio in {output}");
            assert!(output.contains("failed: zlog: a process of zlog failed: no room"), "{output}");
        }
    }

    #[test]
    fn rows_that_were_too_short_are_named_with_the_part_that_starting_took() {
        let mut report = report();
        assert!(!report.document().text().contains("Too short"));
        let row = &mut report.pipelines[1];
        row.too_short = true;
        let share = row.bare.as_mut().unwrap().starting_share.as_mut().unwrap();
        *share = Spread { median: 0.62, low: 0.5, high: 0.7 };
        for output in [report.document().text(), report.document().markdown()] {
            let said = "Too short: starting the programs took more than a quarter of the time of \
                        tcp json, size 1,000 (62 %). A larger --count";
            assert!(output.contains(said), "{output}");
        }
    }

    #[test]
    fn tables_with_long_names_and_numbers_fit_80_columns_and_say_what_is_vague() {
        let mut report = report();
        for row in &mut report.pipelines {
            for figures in [&mut row.zlog, &mut row.bare].into_iter().flatten() {
                figures.records_per_second =
                    Spread { median: 12_345_678.0, low: 1.0, high: 123_456_789.0 };
                figures.lost = 1_234_567;
                for side in [&mut figures.publishers, &mut figures.subscribers] {
                    let wide = Spread { median: 123e6, low: 1.0, high: 999e6 };
                    (side.cpu_seconds_per_million, side.peak_memory_bytes) =
                        (Some(wide), Some(wide));
                }
            }
        }
        // A sweep changes one dimension at a time.
        let base = report.pipelines[0].dimensions;
        report.pipelines[1].dimensions = base;
        report.pipelines[1].dimensions.subscribers = 1000;
        let document = report.document();
        for table in &document.tables {
            assert!(table.width() <= 80, "{}", table.text());
        }
        let text = document.text();
        assert!(text.contains("12,345,678?"), "{text}");
        assert!(text.contains("tcp json (records/s 1 to 123,456,789"), "{text}");
    }

    #[test]
    fn one_of_a_thing_is_called_so() {
        let mut report = report();
        report.settings.runs = 1;
        report.pipelines[0].dimensions.size = 1;
        report.pipelines[0].zlog.as_mut().unwrap().lost = 1;
        let text = report.document().text();
        assert!(text.contains("libzmq, 1 run: messages of 1 byte, 1 publisher to"), "{text}");
        assert!(text.contains("\ntcp json: 1 record was LOST"), "{text}");
    }

    #[test]
    fn losses_and_an_interruption_are_said() {
        let mut report = report();
        report.interrupted = true;
        report.pipelines[0].zlog.as_mut().unwrap().lost = 1234;
        report.pipelines[1].bare.as_mut().unwrap().lost = 5;
        let text = report.document().text();
        assert!(text.contains("\ntcp json: 1,234 records were LOST"), "{text}");
        assert!(
            text.contains("\nbare libzmq, tcp json, size 1,000: 5 records were LOST"),
            "{text}"
        );
        assert!(text.contains("Stopped before the end"), "{text}");
    }

    #[test]
    fn what_was_not_measured_is_said_and_not_left_out() {
        let mut report = report();
        report.pipelines[0].zlog = None;
        let text = report.document().text();
        assert!(text.contains("not measured"), "{text}");
    }
}
