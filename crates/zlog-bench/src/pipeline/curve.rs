//! What was swept, as curves: how throughput and cost change with each thing, and
//! the image of that.

use super::figures::{Figures, Row};
use super::report::Report;
use super::shape::Dimension;
use crate::plot::{self, Growth, Panel, Point, Range, Unit};
use crate::report::units::count;
use crate::stats::Spread;
use zlog_core::text::plural::{counted, plural};

/// What a curve shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Figure {
    /// Records that arrived each second, over all subscribers.
    Rate,
    /// Seconds of processor time of all processes for a million records that arrived.
    Cost,
}

/// How a figure changes with one thing.
#[derive(Clone, PartialEq, Debug)]
pub struct Curve {
    /// What is on the vertical axis.
    pub figure: Figure,
    /// What is on the horizontal axis.
    pub over: Dimension,
    /// zlog's lines and bare libzmq's, for each transport and wire format.
    pub lines: Vec<Line>,
}

/// A line of a curve.
#[derive(Clone, PartialEq, Debug)]
pub struct Line {
    /// What is in between, and what bodies are written as: `tcp json`.
    pub name: String,
    /// Whether it is bare libzmq's.
    pub bare: bool,
    /// The value on the horizontal axis, and the figure. In the order of the values.
    pub points: Vec<(f64, Spread)>,
}

impl Figure {
    fn of(self, figures: &Figures) -> Option<Spread> {
        match self {
            Figure::Rate => Some(figures.records_per_second),
            Figure::Cost => figures.cpu_seconds_per_million,
        }
    }
}

impl Curve {
    /// One of `figure` for each thing of which the report has several values.
    pub fn all(report: &Report, figure: Figure) -> Vec<Curve> {
        let curves = Dimension::ALL.map(|over| Curve::of(report, figure, over));
        curves.into_iter().filter(|curve| !curve.lines.is_empty()).collect()
    }

    fn of(report: &Report, figure: Figure, over: Dimension) -> Curve {
        let Some(base) = report.pipelines.first() else {
            return Curve { figure, over, lines: Vec::new() };
        };
        // All else as in the base.
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
            Figure::Rate => ("records per second", Unit::Count),
            Figure::Cost => ("CPU seconds for a million records", Unit::Plain),
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
            // zlog's own line may be missing.
            beside: line.bare && before(at).is_some_and(|zlog| zlog.name == line.name),
            points: line.points.iter().map(|(x, y)| Point { x: *x, y: Range::from(*y) }).collect(),
        });
        Panel { title: format!("{title}, by {by}"), x, y, lines: lines.collect() }
    }
}

/// Panels that have room to be read on one image.
const PANELS: usize = 4;

/// The curves of a report as an image: throughput and cost over each thing that was
/// swept, or cost alone where both would not have room. `None` where nothing was.
pub fn image(report: &Report) -> Option<Growth> {
    let costs = Curve::all(report, Figure::Cost);
    let mut curves = Curve::all(report, Figure::Rate);
    if curves.len() + costs.len() > PANELS && !costs.is_empty() {
        curves.clear();
    }
    curves.extend(costs);
    let base = report.pipelines.first().filter(|_| !curves.is_empty())?.dimensions;
    let (machine, date) = (&report.machine, &report.date);
    Some(Growth {
        title: "zlog emit to zlog tail (full lines), bare libzmq with the same frames (dashed)"
            .into(),
        // The machine last: it is the one that may be too long for its place.
        remark: format!(
            "{date}: {}, messages of {} {} where nothing else is said; {machine}",
            counted(report.settings.runs, "run"),
            count(base.size as f64),
            plural(base.size, "byte"),
        ),
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
        let curves = Curve::all(&report(), Figure::Cost);
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
        let curves = Curve::all(&report, Figure::Cost);
        assert_eq!(names(&curves[0]), [("tcp json", true)]);
        let line = &curves[0].panel().lines[0];
        assert_eq!((line.name.as_str(), line.beside), ("tcp json, bare", false));
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
        assert!(image.panels.iter().all(|panel| panel.lines[1].beside));
        report.pipelines.pop();
        assert_eq!(super::image(&report), None);
    }
}
