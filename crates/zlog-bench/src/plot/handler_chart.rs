//! Handlers side by side: throughput on the left, latencies on the right.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::{Axis, Unit, position};
use super::label::fit;
use super::style::{self, GRID, INK, LineStyle, PALE_INK, small};
use super::{Area, Chart, Draw, Drawn, ImageFormat, can_be_drawn, primitives, render};
use crate::stats::Spread;
use zlog_core::Result;

/// Width of the left half in pixels.
const HALF: i32 = 500;
/// Width of the names on the left in pixels.
const NAMES: i32 = 110;
/// Longest name, in letters.
const LETTERS: usize = 14;
/// Marks on each line.
const MARKS: usize = 4;
/// The end of the latency axis: 99.9999 % of the calls.
const MAX_NINES: f64 = 6.0;

/// A chart that compares handlers.
#[derive(Clone, PartialEq, Debug)]
pub struct HandlerChart {
    /// The title.
    pub title: String,
    /// How it was measured: machine, date, settings.
    pub remark: String,
    /// What a reader of the figures must know.
    pub warnings: Vec<String>,
    /// The handlers, from top to bottom.
    pub measured: Vec<HandlerFigures>,
}

/// The figures of one handler.
#[derive(Clone, PartialEq, Debug)]
pub struct HandlerFigures {
    /// Its name.
    pub name: String,
    /// Calls per second; `None` is drawn as "not measured".
    pub rate: Option<Spread>,
    /// Shares of the calls (0 to 1, ascending), each with the latency in nanoseconds that
    /// it did not exceed.
    pub latency: Vec<(f64, u64)>,
}

impl HandlerChart {
    /// Renders the image file.
    ///
    /// # Errors
    /// Never in practice: it is drawn in memory.
    pub fn render(&self, format: ImageFormat) -> Result<Vec<u8>> {
        render(self, format)
    }
}

impl Draw for HandlerChart {
    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        let area = primitives::head(area, &self.title, &self.remark, &self.warnings, 0)?;
        let (left, right) = area.split_horizontally(HALF);
        self.rates(&left)?;
        self.latencies(&right)
    }
}

impl HandlerChart {
    /// A dot for each handler's median, and a bar from the lowest run to the highest.
    fn rates<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        let rates = || self.measured.iter().filter_map(|one| one.rate);
        let ends = rates().filter(can_be_drawn).flat_map(|rate| [rate.low, rate.high]);
        let axis = Axis::around(ends).with_room(0.16);
        let rows = self.measured.len().max(1) as f64;
        let begin = axis.low;
        let mut chart = ChartBuilder::on(area)
            .margin_right(16)
            .margin_bottom(12)
            .margin_top(30)
            .x_label_area_size(28)
            .y_label_area_size(NAMES)
            .build_cartesian_2d(axis, Axis::plain(0.0, rows))?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .y_labels(0)
            .axis_style(GRID)
            .bold_line_style(GRID)
            .light_line_style(style::FINE_GRID)
            .x_label_style(small(PALE_INK, HPos::Center, VPos::Top))
            .x_label_formatter(&|at| Unit::Count.label(10f64.powf(*at)))
            .draw()?;
        let title = "calls per second, dot: median, bar: range of runs";
        primitives::heading(area, NAMES, title.to_owned())?;
        for (at, one) in self.measured.iter().enumerate() {
            // The first handler is at the top.
            let y = rows - at as f64 - 0.5;
            let (x, middle) = chart.backend_coord(&(begin, y));
            let name = Text::new(
                fit(&one.name, LETTERS),
                primitives::within(area, (x - 10, middle)),
                small(INK, HPos::Right, VPos::Center),
            );
            area.draw(&name)?;
            row(chart.plotting_area(), one.rate, y, begin, LineStyle::of(at).color())?;
        }
        Ok(())
    }

    /// A line for each handler: the latency that a share of its calls does not exceed.
    fn latencies<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        let curves: Vec<Vec<(f64, f64)>> =
            self.measured.iter().map(|one| curve(&one.latency)).collect();
        let all = || curves.iter().flatten();
        let axis = Axis::around(all().map(|point| 10f64.powf(point.1)));
        let end = all().map(|point| point.0).fold(1.0, f64::max);
        let nines = [0.5f64, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999].map(depth);
        let labels = nines.into_iter().filter(|at| *at <= end + 1e-6).collect();
        let shares = Axis { labels, ..Axis::plain(0.0, end) };
        let chart = primitives::axes(
            area,
            "latency that this share of calls does not exceed".to_owned(),
            (shares, &share_label),
            (axis, &|at| Unit::Nanoseconds.label(10f64.powf(at))),
            LETTERS,
        )?;
        let plot = chart.plotting_area();
        for (at, points) in curves.iter().enumerate() {
            primitives::line(plot, points.clone(), LineStyle::of(at))?;
        }
        // Drawn last, so that no line covers a mark.
        for (at, points) in curves.iter().enumerate() {
            // Each line has its marks at other places, so that they don't cover each other.
            let shift = (at as f64 + 0.5) / curves.len() as f64;
            for x in (0..MARKS).map(|n| (n as f64 + shift) / MARKS as f64 * end) {
                if let Some(y) = height(points, x) {
                    primitives::mark(plot, (x, y), LineStyle::of(at))?;
                }
            }
        }
        let ends = curves.iter().map(|c| c.last().map(|end| chart.backend_coord(end)));
        let names = self.measured.iter().zip(ends).enumerate();
        let names = names.map(|(at, (one, end))| (one.name.as_str(), end, LineStyle::of(at)));
        // Handlers without a line are marked "not measured" on the left already.
        let names: Vec<_> = names.filter(|(_, end, _)| end.is_some()).collect();
        primitives::names(area, &names, LETTERS)
    }
}

/// Draws one row at height `y`.
fn row<DB: DrawingBackend>(
    plot: &Chart<DB>,
    rate: Option<Spread>,
    y: f64,
    begin: f64,
    color: RGBColor,
) -> Drawn<DB> {
    let Some(rate) = rate.filter(can_be_drawn) else {
        let style = small(PALE_INK, HPos::Left, VPos::Center);
        return plot
            .draw(&(EmptyElement::at((begin, y)) + Text::new("not measured", (8, 0), style)));
    };
    let at = position(rate.median);
    let (low, high) = (position(rate.low), position(rate.high));
    plot.draw(&PathElement::new([(begin, y), (at, y)], color.mix(0.45).stroke_width(2)))?;
    plot.draw(&PathElement::new([(low, y), (high, y)], color.stroke_width(8)))?;
    plot.draw(&Circle::new((at, y), 6, color.filled()))?;
    let value = Unit::Count.label(rate.median);
    let value = Text::new(value, (12, 0), small(INK, HPos::Left, VPos::Center));
    plot.draw(&(EmptyElement::at((high.max(at), y)) + value))
}

/// The number of nines of a share of calls: 1 for 90 %, 2 for 99 %, 3 for 99.9 %.
fn depth(share: f64) -> f64 {
    -(1.0 - share).log10()
}

/// The height of a line at `x`; `None` beyond its ends.
fn height(points: &[(f64, f64)], x: f64) -> Option<f64> {
    let (one, other) = points.windows(2).find_map(|two| match two {
        [one, other] if one.0 <= x && x < other.0 => Some((one, other)),
        _ => None,
    })?;
    Some(one.1 + (other.1 - one.1) * (x - one.0) / (other.0 - one.0))
}

fn share_label(depth: f64) -> String {
    let percent = 100.0 - 10f64.powf(2.0 - depth);
    // As many digits as there are nines.
    let nines = (depth + 0.01).floor() as usize;
    format!("{percent:.0$} %", nines.saturating_sub(2))
}

/// The points of a line. The longest call (100 %) has no finite position; it is placed as
/// far behind the point before it as half of those calls would be.
fn curve(latency: &[(f64, u64)]) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = Vec::with_capacity(latency.len());
    for (share, nanos) in latency.iter().filter(|(share, _)| (0.0..=1.0).contains(share)) {
        let last = points.last().map_or(0.0, |point| point.0);
        let next = if *share < 1.0 { depth(*share) } else { last + 2f64.log10() };
        if next > MAX_NINES {
            break;
        }
        // Latencies below the clock's resolution are shown as a nanosecond.
        points.push((next.max(last), position((*nanos).max(1) as f64)));
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_labelled_with_as_many_digits_as_they_need() {
        let labels = [0.5, 0.9, 0.99, 0.999, 0.9999].map(|share| share_label(depth(share)));
        assert_eq!(labels, ["50 %", "90 %", "99 %", "99.9 %", "99.99 %"]);
    }

    #[test]
    fn a_line_never_goes_back_and_ends_with_the_longest_call() {
        let points = curve(&[(0.0, 0), (0.5, 1_000), (0.9, 2_000), (1.0, 90_000)]);
        assert_eq!(points.len(), 4);
        assert!(points.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1), "{points:?}");
        assert_eq!(points[0].1, 0.0, "no time at all stands at one nanosecond");
        assert!((points[3].1 - 90_000f64.log10()).abs() < 1e-12);
        assert!((points[3].0 - (1.0 + 2f64.log10())).abs() < 1e-9);
    }

    #[test]
    fn a_line_has_a_height_between_its_ends_and_none_beside_them() {
        let points = [(0.0, 1.0), (1.0, 3.0), (1.0, 5.0), (2.0, 5.0)];
        let heights = [-0.1, 0.0, 0.5, 1.5, 2.0].map(|x| height(&points, x));
        assert_eq!(heights, [None, Some(1.0), Some(2.0), Some(5.0), None]);
    }

    #[test]
    fn shares_that_are_none_have_no_point() {
        assert_eq!(curve(&[(-1.0, 5), (f64::NAN, 5), (2.0, 5)]), []);
    }
}
