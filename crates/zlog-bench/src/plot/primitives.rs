//! Building blocks that several kinds of image share: titles, axes, lines, marks and names.
//!
//! Layout belongs to each kind of image.

use plotters::chart::ChartContext;
use plotters::coord::CoordTranslate;
use plotters::coord::cartesian::Cartesian2d;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::Axis;
use super::label::{fit, spread};
use super::style::{self, GRID, INK, LineStyle, Mark, PALE_INK, small};
use super::{Area, Chart, Drawn};
use zlog_core::text::escape::escape;

/// Height of title and remark in pixels.
const HEAD: i32 = 84;
/// Height of a line of text.
const LINE: i32 = 18;
/// Width of a letter of small text.
const LETTER: i32 = 8;
/// Width of the labels on the left in pixels.
const SCALE: i32 = 70;
/// Half the size of a mark in pixels.
const MARK: i32 = 5;

/// Most lines of warnings.
const WARNINGS: usize = 6;
/// Letters of small text on a line.
const LINE_LETTERS: usize = 164;

/// Writes title, remark and, at the bottom, warnings. Returns the area between them, without a
/// margin of `bottom` pixels.
pub(super) fn head<DB: DrawingBackend>(
    area: &Area<DB>,
    title: &str,
    remark: &str,
    warnings: &[String],
    bottom: i32,
) -> Drawn<DB, Area<DB>> {
    area.draw(&Text::new(fit(title, 120), (24, 16), style::title()))?;
    let pale = small(PALE_INK, HPos::Left, VPos::Top);
    area.draw(&Text::new(fit(remark, LINE_LETTERS), (24, 46), pale))?;
    let lines = warning_lines(warnings);
    let height = lines.len() as i32 * LINE;
    let top = area.dim_in_pixel().1 as i32 - height - if lines.is_empty() { 0 } else { 8 };
    for (line, at) in lines.into_iter().zip(0..) {
        let style = small(style::WARNING, HPos::Left, VPos::Top);
        area.draw(&Text::new(line, (24, top + at * LINE), style))?;
    }
    Ok(area.margin(HEAD, bottom.max(area.dim_in_pixel().1 as i32 - top), 0, 0))
}

/// Warnings in lines that fit. Those that have no room are counted.
fn warning_lines(warnings: &[String]) -> Vec<String> {
    let wrap = |warning: &String| {
        let mut lines = vec![String::new()];
        for word in escape(warning).split(' ') {
            let last = lines.last_mut().expect("there is one");
            let length = last.chars().count();
            if length > 0 && length + 1 + word.chars().count() > LINE_LETTERS {
                lines.push(fit(word, LINE_LETTERS));
            } else {
                last.push_str(if length > 0 { " " } else { "" });
                last.push_str(&fit(word, LINE_LETTERS));
            }
        }
        lines
    };
    let mut lines = Vec::new();
    for (at, warning) in warnings.iter().enumerate() {
        let more = wrap(warning);
        if lines.len() + more.len() > WARNINGS {
            lines.push(format!("and {} more, which the table shows", warnings.len() - at));
            break;
        }
        lines.extend(more);
    }
    lines
}

/// Writes the heading of a chart.
pub(super) fn heading<DB: DrawingBackend>(area: &Area<DB>, x: i32, text: String) -> Drawn<DB> {
    area.draw(&Text::new(text, (x, 6), small(INK, HPos::Left, VPos::Top)))
}

/// A chart with both of its axes.
pub(super) type Axes<'a, DB> = ChartContext<'a, DB, Cartesian2d<Axis, Axis>>;

/// An axis and its label format.
pub(super) type Scale<'s> = (Axis, &'s dyn Fn(f64) -> String);

/// Draws axes under a heading, with room at the right for names of this many letters.
pub(super) fn axes<'a, DB: DrawingBackend>(
    area: &'a Area<DB>,
    title: String,
    x: Scale<'_>,
    y: Scale<'_>,
    letters: usize,
) -> Drawn<DB, Axes<'a, DB>> {
    let mut chart = ChartBuilder::on(area)
        .margin_right(names_width(letters) + 34)
        .margin_bottom(12)
        .margin_top(30)
        .x_label_area_size(28)
        .y_label_area_size(SCALE)
        .build_cartesian_2d(x.0, y.0)?;
    chart
        .configure_mesh()
        .axis_style(GRID)
        .bold_line_style(GRID)
        .light_line_style(style::FINE_GRID)
        .x_label_style(small(PALE_INK, HPos::Center, VPos::Top))
        .y_label_style(small(PALE_INK, HPos::Right, VPos::Center))
        .x_label_formatter(&|at| x.1(*at))
        .y_label_formatter(&|at| y.1(*at))
        .draw()?;
    heading(area, SCALE, title)?;
    Ok(chart)
}

fn names_width(letters: usize) -> i32 {
    i32::try_from(letters).unwrap_or(i32::MAX / LETTER) * LETTER
}

/// Draws a line through these points.
pub(super) fn line<DB: DrawingBackend>(
    plot: &Chart<DB>,
    path: Vec<(f64, f64)>,
    style: LineStyle,
) -> Drawn<DB> {
    let stroke = style.color().stroke_width(2);
    match style.dash() {
        None => plot.draw(&PathElement::new(path, stroke)),
        Some((dash, gap)) => plot.draw(&DashedPathElement::new(path, dash, gap, stroke)),
    }
}

/// Draws a line's mark, on the line or beside its name. Marks distinguish overlapping
/// lines.
pub(super) fn mark<DB: DrawingBackend, Place: CoordTranslate>(
    area: &DrawingArea<DB, Place>,
    at: Place::From,
    style: LineStyle,
) -> Drawn<DB>
where
    Place::From: Clone + 'static,
{
    let (inside, edge) = (style.inside().filled(), style.color().stroke_width(2));
    let place = || EmptyElement::at(at.clone());
    match style.mark() {
        Mark::Dot => {
            area.draw(&(place() + Circle::new((0, 0), MARK, inside)))?;
            area.draw(&(place() + Circle::new((0, 0), MARK, edge)))
        }
        Mark::Corners(corners) => {
            let corners: Vec<_> = corners.iter().map(|(x, y)| (x * MARK, y * MARK)).collect();
            let around = corners.iter().chain(corners.first()).copied().collect::<Vec<_>>();
            area.draw(&(place() + Polygon::new(corners, inside)))?;
            area.draw(&(place() + PathElement::new(around, edge)))
        }
    }
}

/// A line's name, the pixel where the line ends, and its style.
pub(super) type Name<'n> = (&'n str, Option<(i32, i32)>, LineStyle);

/// Writes each line's name at the right, connected to the end of the line. The name of a
/// line that was not measured is in brackets.
pub(super) fn names<DB: DrawingBackend>(
    area: &Area<DB>,
    names: &[Name<'_>],
    letters: usize,
) -> Drawn<DB> {
    let (width, height) = area.dim_in_pixel();
    #[expect(clippy::cast_possible_wrap, reason = "the image is 1200 x 800")]
    let (width, height) = (width as i32, height as i32);
    let wanted: Vec<i32> =
        names.iter().map(|(_, end, _)| end.map_or(height, |end| within(area, end).1)).collect();
    let x = width - names_width(letters) - 4;
    for ((name, end, style), y) in names.iter().zip(spread(&wanted, LINE, 40, height - 50)) {
        let text = match end {
            Some(end) => {
                let tie = vec![within(area, *end), (x - 22, y), (x - 16, y)];
                let stroke = style.color().mix(0.6).stroke_width(1);
                area.draw(&PathElement::new(tie, stroke))?;
                mark(area, (x - 11, y), *style)?;
                fit(name, letters)
            }
            None => format!("({})", fit(name, letters.saturating_sub(2))),
        };
        let style = small(style.text_color(), HPos::Left, VPos::Center);
        area.draw(&Text::new(text, (x, y), style))?;
    }
    Ok(())
}

/// Converts a pixel of the whole image to one of `area`.
pub(super) fn within<DB: DrawingBackend>(area: &Area<DB>, (x, y): (i32, i32)) -> (i32, i32) {
    let (left, top) = area.get_base_pixel();
    (x - left, y - top)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_wrapped_and_those_without_room_are_counted() {
        let long = "word ".repeat(60);
        let lines = warning_lines(&["short".into(), long.clone(), long.clone(), long]);
        assert_eq!((lines.len(), &*lines[0]), (6, "short"), "{lines:?}");
        assert_eq!(lines[5], "and 1 more, which the table shows");
        assert!(lines.iter().all(|line| line.chars().count() <= LINE_LETTERS));
        assert!(warning_lines(&[]).is_empty());
    }
}
