//! How figures grow with a setting: a panel for each setting, a line for each
//! thing that was measured.

use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::{Axis, Unit, position};
use super::label::{fit, spread};
use super::style::{self, GRID, INK, PALE_INK, color, dash, small};
use super::{Area, Chart, Draw, Drawn, ImageFormat, Range, render};
use crate::error::Result;

/// Pixels from the top that title and remark take.
const HEAD: i32 = 84;
/// Room for the names at the right of a panel.
const NAMES: i32 = 120;
/// Letters that fit there.
const LETTERS: usize = 15;
/// Height of a line of text.
const LINE: i32 = 18;

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
        area.draw(&Text::new(fit(&self.title, 120), (24, 16), style::title()))?;
        let remark = small(PALE_INK, HPos::Left, VPos::Top);
        area.draw(&Text::new(fit(&self.remark, 164), (24, 46), remark))?;
        let parts = area.margin(HEAD, 0, 8, 0).split_evenly(grid(self.panels.len()));
        for (panel, part) in self.panels.iter().zip(parts) {
            panel.draw(&part)?;
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
        let mut chart = ChartBuilder::on(area)
            .margin_right(NAMES + 12)
            .margin_bottom(12)
            .margin_top(34)
            .x_label_area_size(28)
            .y_label_area_size(70)
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .axis_style(GRID)
            .bold_line_style(GRID)
            .light_line_style(style::FINE_GRID)
            .x_label_style(small(PALE_INK, HPos::Center, VPos::Top))
            .y_label_style(small(PALE_INK, HPos::Right, VPos::Center))
            .x_label_formatter(&|at| self.x.label(10f64.powf(*at)))
            .y_label_formatter(&|at| self.y.label(10f64.powf(*at)))
            .draw()?;
        let title = Text::new(fit(&self.title, 66), (70, 8), small(INK, HPos::Left, VPos::Top));
        area.draw(&title)?;
        let mut ends = Vec::with_capacity(self.lines.len());
        for (at, one) in self.lines.iter().enumerate() {
            let points: Vec<&Point> = one.points.iter().filter(|p| p.can_be_drawn()).collect();
            line(chart.plotting_area(), &points, at)?;
            let end =
                points.last().map(|p| chart.backend_coord(&(position(p.x), position(p.y.median))));
            ends.push(end);
        }
        self.names(area, &ends)
    }

    /// Writes each line's name at the right, tied to the end of the line. A line
    /// without points has its name too: it was to be measured.
    fn names<DB: DrawingBackend>(&self, area: &Area<DB>, ends: &[Option<(i32, i32)>]) -> Drawn<DB> {
        let (width, height) = area.dim_in_pixel();
        #[expect(clippy::cast_possible_wrap, reason = "the image is 1200 x 800")]
        let (width, height) = (width as i32, height as i32);
        let (left, top) = area.get_base_pixel();
        let wanted: Vec<i32> =
            ends.iter().map(|end| end.map_or(height, |end| end.1 - top)).collect();
        let heights = spread(&wanted, LINE, 42, height - 50);
        let x = width - NAMES - 2;
        for (at, (line, y)) in self.lines.iter().zip(heights).enumerate() {
            let mut name = fit(&line.name, LETTERS);
            match ends[at] {
                Some(end) => {
                    let tie = vec![(end.0 - left, end.1 - top), (x - 12, y), (x - 5, y)];
                    area.draw(&PathElement::new(tie, color(at).mix(0.6).stroke_width(1)))?;
                }
                None => name = format!("({})", fit(&line.name, LETTERS - 2)),
            }
            area.draw(&Text::new(
                name,
                (x, y),
                small(style::text_color(at), HPos::Left, VPos::Center),
            ))?;
        }
        Ok(())
    }
}

/// Draws a line through the medians, a dot at each, and a bar from the lowest run to
/// the highest.
fn line<DB: DrawingBackend>(plot: &Chart<DB>, points: &[&Point], at: usize) -> Drawn<DB> {
    let (color, stroke) = (color(at), color(at).stroke_width(2));
    let path: Vec<(f64, f64)> =
        points.iter().map(|p| (position(p.x), position(p.y.median))).collect();
    match dash(at) {
        None => plot.draw(&PathElement::new(path, stroke))?,
        Some((dash, gap)) => plot.draw(&DashedPathElement::new(path, dash, gap, stroke))?,
    }
    for point in points {
        let (x, y) = (position(point.x), point.y);
        plot.draw(&PathElement::new([(x, position(y.low)), (x, position(y.high))], stroke))?;
        plot.draw(&Circle::new((x, position(y.median)), 4, color.filled()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_panel_has_a_place() {
        for panels in 0..20 {
            let (rows, columns) = grid(panels);
            assert!(rows * columns >= panels && rows * columns > 0);
        }
    }
}
