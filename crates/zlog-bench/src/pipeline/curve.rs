//! Curves of a sweep: how throughput and cost change with each dimension.

use super::figures::{Figures, Row};
use super::report::Report;
use super::scenario::Dimension;
use crate::plot::{self, Panel, Point, SweepChart, Unit};
use crate::stats::Spread;
use crate::units::count;
use zlog_core::text::plural::{counted, plural};

/// The figure on the vertical axis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Metric {
    /// Records that arrived per second, over all subscribers.
    Rate,
    /// Seconds of processor time of all processes per million records that arrived.
    Cost,
}

/// How a figure changes with one dimension.
#[derive(Clone, PartialEq, Debug)]
pub struct Curve {
    /// The vertical axis.
    pub figure: Metric,
    /// The horizontal axis.
    pub over: Dimension,
    /// A line of zlog and a line of bare libzmq for each transport and wire format.
    pub lines: Vec<Line>,
}

/// A line of a curve.
#[derive(Clone, PartialEq, Debug)]
pub struct Line {
    /// Transport and wire format: `tcp json`.
    pub name: String,
    /// Whether it is the line of bare libzmq.
    pub bare: bool,
    /// Values on the horizontal axis with their figures, in ascending order.
    pub points: Vec<(f64, Spread)>,
}

impl Metric {
    fn of(self, figures: &Figures) -> Option<Spread> {
        match self {
            Metric::Rate => Some(figures.records_per_second),
            Metric::Cost => figures.cpu_seconds_per_million,
        }
    }
}

impl Curve {
    /// Returns a curve for each dimension of which the report has several values.
    pub fn all(report: &Report, figure: Metric) -> Vec<Curve> {
        let curves = Dimension::ALL.map(|over| Curve::of(report, figure, over));
        curves.into_iter().filter(|curve| !curve.lines.is_empty()).collect()
    }

    fn of(report: &Report, figure: Metric, over: Dimension) -> Curve {
        let Some(base) = report.pipelines.first() else {
            return Curve { figure, over, lines: Vec::new() };
        };
        // All other dimensions are those of the base.
        let like_base =
            |row: &Row| base.dimensions.with(over, row.dimensions.get(over)) == row.dimensions;
        let rows: Vec<&Row> = report.pipelines.iter().filter(|row| like_base(row)).collect();
        let mut names: Vec<String> = Vec::new();
        for row in &rows {
            if !names.contains(&row.name()) {
                names.push(row.name());
            }
        }
        let lines = names.iter().flat_map(|name| {
            let rows: Vec<&Row> = rows.iter().copied().filter(|row| row.name() == *name).collect();
            [false, true].map(|bare| Line {
                name: name.clone(),
                bare,
                points: points(&rows, over, |row| {
                    figure.of(if bare { row.bare.as_ref() } else { row.zlog.as_ref() }?)
                }),
            })
        });
        Curve { figure, over, lines: lines.filter(|line| line.points.len() > 1).collect() }
    }

    fn panel(&self) -> Panel {
        let (title, y) = match self.figure {
            Metric::Rate => ("records per second", Unit::Count),
            Metric::Cost => ("CPU seconds for a million records", Unit::Plain),
        };
        let (by, x) = match self.over {
            Dimension::Size => ("message size", Unit::Bytes),
            Dimension::Publishers => ("publishers", Unit::Count),
            Dimension::Subscribers => ("subscribers", Unit::Count),
            Dimension::Topics => ("subscriptions of each subscriber", Unit::Count),
        };
        let before = |at: usize| at.checked_sub(1).and_then(|at| self.lines.get(at));
        let lines = self.lines.iter().enumerate().map(|(at, line)| plot::Line {
            name: if line.bare { format!("{}, bare", line.name) } else { line.name.clone() },
            // zlog's line may be missing.
            is_baseline: line.bare && before(at).is_some_and(|zlog| zlog.name == line.name),
            points: line.points.iter().map(|(x, y)| Point { x: *x, y: *y }).collect(),
        });
        Panel { title: format!("{title}, by {by}"), x, y, lines: lines.collect() }
    }
}

/// How many panels stay readable on one image.
const PANELS: usize = 4;

/// Draws the curves of a report: throughput and cost over each dimension that was swept, or
/// cost alone if there is no room for both. `None` without a sweep.
pub fn image(report: &Report) -> Option<SweepChart> {
    let costs = Curve::all(report, Metric::Cost);
    let mut curves = Curve::all(report, Metric::Rate);
    if curves.len() + costs.len() > PANELS && !costs.is_empty() {
        curves.clear();
    }
    curves.extend(costs);
    let base = report.pipelines.first().filter(|_| !curves.is_empty())?.dimensions;
    let (machine, date) = (&report.machine, &report.date);
    Some(SweepChart {
        title: "zlog emit to zlog tail (full lines), bare libzmq with the same frames (dashed)"
            .into(),
        // The machine comes last, because it may be too long and is cut.
        remark: format!(
            "{date}: {}, messages of {} {} unless stated; {machine}",
            counted(report.settings.runs, "run"),
            count(base.size as f64),
            plural(base.size, "byte"),
        ),
        warnings: report.remarks(),
        panels: curves.iter().map(Curve::panel).collect(),
    })
}

fn points(
    rows: &[&Row],
    over: Dimension,
    figure: impl Fn(&Row) -> Option<Spread>,
) -> Vec<(f64, Spread)> {
    let point = |row: &&Row| Some((row.dimensions.get(over) as f64, figure(row)?));
    let mut points: Vec<(f64, Spread)> = rows.iter().filter_map(point).collect();
    points.sort_by(|one, other| one.0.total_cmp(&other.0));
    points
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::*;

    fn names(curve: &Curve) -> Vec<(&str, bool)> {
        curve.lines.iter().map(|line| (line.name.as_str(), line.bare)).collect()
    }

    #[test]
    fn only_what_was_swept_over_makes_a_curve() {
        let curves = Curve::all(&report(), Metric::Cost);
        assert_eq!(curves.len(), 1);
        assert_eq!(curves[0].over, Dimension::Size);
        assert_eq!(names(&curves[0]), [("tcp json", false), ("tcp json", true)]);
        // Half of the time is spent computing, for a thousand records.
        let points = |line: &Line| line.points.iter().map(|(x, y)| (*x, y.median)).collect();
        let [zlog, bare]: [Vec<_>; 2] = [points(&curves[0].lines[0]), points(&curves[0].lines[1])];
        assert_eq!(zlog, [(100.0, 500.0), (1000.0, 2000.0)]);
        assert_eq!(bare, [(100.0, 250.0), (1000.0, 1000.0)]);
    }

    #[test]
    fn a_pipeline_that_was_not_measured_is_no_point() {
        let mut report = report();
        report.pipelines[1].zlog = None;
        let curves = Curve::all(&report, Metric::Cost);
        assert_eq!(names(&curves[0]), [("tcp json", true)]);
        let line = &curves[0].panel().lines[0];
        assert_eq!((line.name.as_str(), line.is_baseline), ("tcp json, bare", false));
    }

    #[test]
    fn the_image_has_throughput_and_cost_and_none_is_made_of_a_single_point() {
        let mut report = report();
        let image = image(&report).unwrap();
        let titles: Vec<_> = image.panels.iter().map(|panel| panel.title.as_str()).collect();
        assert_eq!(
            titles,
            [
                "records per second, by message size",
                "CPU seconds for a million records, by message size"
            ]
        );
        assert!(image.panels.iter().all(|panel| panel.lines[1].is_baseline));
        report.pipelines.pop();
        assert_eq!(super::image(&report), None);
    }
}
