//! How figures change along a sweep: a panel for each setting, a line for each series.

use plotters::prelude::*;

use super::axis::{Axis, Unit, position};
use super::label::fit;
use super::style::LineStyle;
use super::{Area, Chart, Draw, Drawn, ImageFormat, can_be_drawn, primitives, render};
use crate::stats::Spread;
use zlog_core::Result;

/// Longest name, in letters.
const LETTERS: usize = 15;

/// A chart of a sweep.
#[derive(Clone, PartialEq, Debug)]
pub struct SweepChart {
    /// The title.
    pub title: String,
    /// How it was measured: machine, date, settings.
    pub remark: String,
    /// What a reader of the figures must know.
    pub warnings: Vec<String>,
    /// A panel for each setting; up to four stay readable.
    pub panels: Vec<Panel>,
}

/// How figures change with one setting.
#[derive(Clone, PartialEq, Debug)]
pub struct Panel {
    /// The heading: `records per second by message size`.
    pub title: String,
    /// The unit of the setting.
    pub x: Unit,
    /// The unit of the figures.
    pub y: Unit,
    /// One line for each series.
    pub lines: Vec<Line>,
}

/// One series.
#[derive(Clone, PartialEq, Debug)]
pub struct Line {
    /// Its name. Lines have the same colour in all panels whose lines are in the same
    /// order.
    pub name: String,
    /// Whether it is the baseline of the line before: it is drawn in that line's colour,
    /// dashed and with hollow marks.
    pub is_baseline: bool,
    /// Its points, by ascending setting.
    pub points: Vec<Point>,
}

/// A setting and its figure. Both must be above 0, because axes are logarithmic; others are
/// left out.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Point {
    /// The setting.
    pub x: f64,
    /// The measured figure.
    pub y: Spread,
}

impl Point {
    fn can_be_drawn(&self) -> bool {
        self.x.is_finite() && self.x > 0.0 && can_be_drawn(&self.y)
    }
}

impl SweepChart {
    /// Renders the image file.
    ///
    /// # Errors
    /// Never in practice: it is drawn in memory.
    pub fn render(&self, format: ImageFormat) -> Result<Vec<u8>> {
        render(self, format)
    }
}

impl Draw for SweepChart {
    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        let area = primitives::head(area, &self.title, &self.remark, &self.warnings, 8)?;
        let places = area.split_evenly(grid(self.panels.len()));
        for (panel, place) in self.panels.iter().zip(places) {
            panel.draw(&place)?;
        }
        Ok(())
    }
}

/// Rows and columns for this many panels.
fn grid(panels: usize) -> (usize, usize) {
    match panels {
        0 | 1 => (1, 1),
        2 => (1, 2),
        more => (more.div_ceil(2), 2),
    }
}

impl Panel {
    fn points(&self) -> impl Iterator<Item = &Point> {
        self.lines.iter().flat_map(|line| &line.points).filter(|point| point.can_be_drawn())
    }

    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        let settings: Vec<f64> = self.points().map(|point| point.x).collect();
        let x = Axis::around(settings.iter().copied()).labelled(settings, 0.12);
        let y = Axis::around(self.points().flat_map(|point| [point.y.low, point.y.high]));
        let chart = primitives::axes(
            area,
            fit(&self.title, 66),
            (x, &|at| self.x.label(10f64.powf(at))),
            (y, &|at| self.y.label(10f64.powf(at))),
            LETTERS,
        )?;
        let mut names = Vec::with_capacity(self.lines.len());
        for (one, style) in self.lines.iter().zip(line_styles(&self.lines)) {
            let points: Vec<&Point> = one.points.iter().filter(|p| p.can_be_drawn()).collect();
            line(chart.plotting_area(), &points, style)?;
            let end =
                points.last().map(|p| chart.backend_coord(&(position(p.x), position(p.y.median))));
            names.push((one.name.as_str(), end, style));
        }
        primitives::names(area, &names, LETTERS)
    }
}

/// The style of each line. A baseline shares the colour of the line before it.
fn line_styles(lines: &[Line]) -> Vec<LineStyle> {
    let mut own = 0;
    let style = |line: &Line| {
        own += usize::from(!line.is_baseline || own == 0);
        LineStyle { at: own - 1, is_baseline: line.is_baseline }
    };
    lines.iter().map(style).collect()
}

/// Draws a line through the medians, with a mark and a bar from the lowest run to the
/// highest at each.
fn line<DB: DrawingBackend>(plot: &Chart<DB>, points: &[&Point], style: LineStyle) -> Drawn<DB> {
    let place = |point: &Point| (position(point.x), position(point.y.median));
    primitives::line(plot, points.iter().map(|point| place(point)).collect(), style)?;
    for point in points {
        let (x, y) = (position(point.x), point.y);
        let ends = [(x, position(y.low)), (x, position(y.high))];
        plot.draw(&PathElement::new(ends, style.color().stroke_width(2)))?;
        primitives::mark(plot, place(point), style)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_beside_another_has_its_colour_and_the_next_one_has_another() {
        let line = |is_baseline| Line { name: String::new(), is_baseline, points: Vec::new() };
        let line_styles = line_styles(&[false, true, false, false].map(line));
        assert_eq!(line_styles.iter().map(|style| style.at).collect::<Vec<_>>(), [0, 0, 1, 2]);
        assert!(line_styles[1].dash().is_some() && line_styles[2].dash().is_none());
    }

    #[test]
    fn every_panel_has_a_place() {
        for panels in 0..20 {
            let (rows, columns) = grid(panels);
            assert!(rows * columns >= panels && rows * columns > 0);
        }
    }
}
