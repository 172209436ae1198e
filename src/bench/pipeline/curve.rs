//! How the cost grows: curves over what was swept, to be plotted.

use super::figures::{Figures, Row};
use super::report::Report;
use super::shape::Dimension;
use crate::bench::stats::Spread;

/// How the cost grows with one thing.
#[derive(Clone, PartialEq, Debug)]
pub struct Curve {
    /// What is on the horizontal axis.
    pub over: Dimension,
    /// zlog's lines and bare libzmq's, for each transport and wire format.
    pub lines: Vec<Line>,
}

/// A line of a curve.
#[derive(Clone, PartialEq, Debug)]
pub struct Line {
    /// Whose it is: `tcp json`, `tcp json, bare libzmq`.
    pub name: String,
    /// The value on the horizontal axis, and seconds of processor time of all
    /// processes for a million records that arrived. In the order of the values.
    pub points: Vec<(f64, Spread)>,
}

impl Curve {
    /// One for each thing of which the report has several values.
    pub fn all(report: &Report) -> Vec<Curve> {
        let curves = Dimension::ALL.map(|over| Curve::of(report, over));
        curves.into_iter().filter(|curve| !curve.lines.is_empty()).collect()
    }

    fn of(report: &Report, over: Dimension) -> Curve {
        let Some(base) = report.pipelines.first() else { return Curve { over, lines: Vec::new() } };
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
            let bare = format!("{name}, bare libzmq");
            [
                line(name.clone(), over, &rows, |row| row.zlog.as_ref()),
                line(bare, over, &rows, |row| row.bare.as_ref()),
            ]
        });
        Curve { over, lines: lines.filter(|line| line.points.len() > 1).collect() }
    }
}

fn line(
    name: String,
    over: Dimension,
    rows: &[&Row],
    figures: fn(&Row) -> Option<&Figures>,
) -> Line {
    let point = |row: &&Row| {
        let cost = figures(row)?.cpu_seconds_per_million?;
        Some((row.dimensions.get(over) as f64, cost))
    };
    let mut points: Vec<(f64, Spread)> = rows.iter().filter_map(point).collect();
    points.sort_by(|one, other| one.0.total_cmp(&other.0));
    Line { name, points }
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::*;

    #[test]
    fn only_what_was_swept_over_makes_a_curve() {
        let curves = Curve::all(&report());
        assert_eq!(curves.len(), 1);
        assert_eq!(curves[0].over, Dimension::Size);
        let names: Vec<_> = curves[0].lines.iter().map(|line| line.name.as_str()).collect();
        assert_eq!(names, ["tcp json", "tcp json, bare libzmq"]);
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
        let curves = Curve::all(&report);
        let names: Vec<_> = curves[0].lines.iter().map(|line| line.name.as_str()).collect();
        assert_eq!(names, ["tcp json, bare libzmq"]);
    }
}
