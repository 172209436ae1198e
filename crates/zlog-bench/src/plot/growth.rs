//! How figures grow with a setting: a panel for each setting, a line for each
//! thing that was measured.

use plotters::prelude::*;

use super::axis::{Axis, Unit, position};
use super::label::fit;
use super::style::Look;
use super::{Area, Chart, Draw, Drawn, ImageFormat, Range, parts, render};
use zlog_core::error::Result;

/// Letters of a name.
const LETTERS: usize = 15;

/// How something grows.
#[derive(Clone, PartialEq, Debug)]
pub struct Growth {
    /// What it is.
    pub title: String,
    /// With what it was measured: machine, date, settings.
    pub remark: String,
    /// A panel for each setting that was varied; four have room to be read.
    pub panels: Vec<Panel>,
}

/// What one setting does.
#[derive(Clone, PartialEq, Debug)]
pub struct Panel {
    /// What the panel shows: `records per second by message size`.
    pub title: String,
    /// What the setting counts.
    pub x: Unit,
    /// What was measured.
    pub y: Unit,
    /// What was measured of each thing.
    pub lines: Vec<Line>,
}

/// What was measured of one thing.
#[derive(Clone, PartialEq, Debug)]
pub struct Line {
    /// Its name. The same name has the same colour in every panel that has as many
    /// lines in the same order.
    pub name: String,
    /// Whether it is what the line before is held against: it is drawn in that
    /// line's colour, dashed and with hollow marks.
    pub beside: bool,
    /// Its points, by rising setting.
    pub points: Vec<Point>,
}

/// A setting, and the figure that goes with it. Both above 0: axes are logarithmic,
/// and what can't stand on them is left out.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Point {
    /// The setting.
    pub x: f64,
    /// What was measured.
    pub y: Range,
}

impl Point {
    fn can_be_drawn(&self) -> bool {
        self.x.is_finite() && self.x > 0.0 && self.y.can_be_drawn()
    }
}

impl Growth {
    /// The bytes of the image.
    ///
    /// # Errors
    /// Never in practice: everything has a place, and all is written to memory.
    pub fn render(&self, format: ImageFormat) -> Result<Vec<u8>> {
        render(self, format)
    }
}

impl Draw for Growth {
    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        let area = parts::head(area, &self.title, &self.remark, 8)?;
        let places = area.split_evenly(grid(self.panels.len()));
        for (panel, place) in self.panels.iter().zip(places) {
            panel.draw(&place)?;
        }
        Ok(())
    }
}

/// Rows and columns for so many panels.
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
        let chart = parts::axes(
            area,
            fit(&self.title, 66),
            (x, &|at| self.x.label(10f64.powf(at))),
            (y, &|at| self.y.label(10f64.powf(at))),
            LETTERS,
        )?;
        let mut names = Vec::with_capacity(self.lines.len());
        for (one, look) in self.lines.iter().zip(looks(&self.lines)) {
            let points: Vec<&Point> = one.points.iter().filter(|p| p.can_be_drawn()).collect();
            line(chart.plotting_area(), &points, look)?;
            let end =
                points.last().map(|p| chart.backend_coord(&(position(p.x), position(p.y.median))));
            names.push((one.name.as_str(), end, look));
        }
        parts::names(area, &names, LETTERS)
    }
}

/// How each line looks: one that stands beside another takes no colour of its own.
fn looks(lines: &[Line]) -> Vec<Look> {
    let mut own = 0;
    let look = |line: &Line| {
        own += usize::from(!line.beside || own == 0);
        Look { at: own - 1, beside: line.beside }
    };
    lines.iter().map(look).collect()
}

/// Draws a line through the medians, a mark at each, and a bar from the lowest run to
/// the highest.
fn line<DB: DrawingBackend>(plot: &Chart<DB>, points: &[&Point], look: Look) -> Drawn<DB> {
    let place = |point: &Point| (position(point.x), position(point.y.median));
    parts::line(plot, points.iter().map(|point| place(point)).collect(), look)?;
    for point in points {
        let (x, y) = (position(point.x), point.y);
        let ends = [(x, position(y.low)), (x, position(y.high))];
        plot.draw(&PathElement::new(ends, look.color().stroke_width(2)))?;
        parts::mark(plot, place(point), look)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_beside_another_has_its_colour_and_the_next_one_has_another() {
        let line = |beside| Line { name: String::new(), beside, points: Vec::new() };
        let looks = looks(&[false, true, false, false].map(line));
        assert_eq!(looks.iter().map(|look| look.at).collect::<Vec<_>>(), [0, 0, 1, 2]);
        assert!(looks[1].dash().is_some() && looks[2].dash().is_none());
    }

    #[test]
    fn every_panel_has_a_place() {
        for panels in 0..20 {
            let (rows, columns) = grid(panels);
            assert!(rows * columns >= panels && rows * columns > 0);
        }
    }
}
