//! Measurements as images: an SVG or a PNG of 1200 × 800 pixels.
//!
//! What may be here: drawing. What is drawn comes as plain figures, and what is
//! returned are the bytes of a file: who measured, and where the file goes, is the
//! caller's (`report::write_whole` writes it whole or not at all). For a further
//! kind of image imitate `growth.rs`: a type with the figures, and how it is drawn.
//!
//! Images are meant for a white page. Colours are told apart by people who are
//! colour-blind too, and every line carries its name and marks of its own, so that
//! lines that lie on each other, and a print in grey, can still be read.

mod axis;
mod canvas;
mod growth;
mod handlers;
mod label;
mod parts;
mod style;

use std::path::Path;

use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::prelude::{DrawingBackend, SVGBackend, WHITE};

pub use axis::Unit;
pub use growth::{Growth, Line, Panel, Point};
pub use handlers::{Handlers, Measured};

use crate::stats::Spread;
use axis::Axis;
use canvas::Canvas;
use zlog_core::error::{Error, Result};

/// Width and height in pixels.
pub const SIZE: (u32, u32) = (1200, 800);

/// How an image is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ImageFormat {
    /// Scales to any size; texts can be searched.
    Svg,
    /// Can be shown anywhere.
    Png,
}

impl ImageFormat {
    /// The format that the ending of a file's name asks for, in any case.
    ///
    /// # Errors
    /// Wrong usage: the name ends in neither `.svg` nor `.png`.
    pub fn of(path: &Path) -> Result<ImageFormat> {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        match ending.as_deref() {
            Some("svg") => Ok(ImageFormat::Svg),
            Some("png") => Ok(ImageFormat::Png),
            _ => Err(Error::usage(format!(
                "can't tell the image format of {}",
                zlog_core::text::escape::visible(&path.display().to_string())
            ))
            .hint("Name a file that ends in .svg or .png.")),
        }
    }
}

/// A low, a middle and a high figure: what several runs showed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Range {
    /// The lowest.
    pub low: f64,
    /// The median.
    pub median: f64,
    /// The highest.
    pub high: f64,
}

impl From<Spread> for Range {
    fn from(spread: Spread) -> Range {
        Range { low: spread.low, median: spread.median, high: spread.high }
    }
}

impl Range {
    /// Whether it can stand on a logarithmic axis.
    fn can_be_drawn(&self) -> bool {
        [self.low, self.median, self.high].iter().all(|n| n.is_finite() && *n > 0.0)
    }
}

type Area<DB> = DrawingArea<DB, Shift>;
type Chart<DB> = DrawingArea<DB, Cartesian2d<Axis, Axis>>;
type Drawn<DB, T = ()> = Result<T, DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// What can be drawn, with any backend.
trait Draw {
    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB>;
}

/// Draws on white, and returns the bytes of the file.
fn render(image: &impl Draw, format: ImageFormat) -> Result<Vec<u8>> {
    match format {
        ImageFormat::Svg => {
            let mut text = String::new();
            paint(image, SVGBackend::with_string(&mut text, SIZE))?;
            Ok(text.into_bytes())
        }
        ImageFormat::Png => {
            let mut canvas = Canvas::new(SIZE)?;
            paint(image, &mut canvas)?;
            canvas.png()
        }
    }
}

fn paint<DB: DrawingBackend>(image: &impl Draw, backend: DB) -> Result<()> {
    let area = backend.into_drawing_area();
    let drawn = area.fill(&WHITE).and_then(|()| image.draw(&area)).and_then(|()| area.present());
    drawn.map_err(|error| Error::new(format!("can't draw the plot: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_ending_says_the_format_in_any_case() {
        assert_eq!(ImageFormat::of(Path::new("a/b.svg")).unwrap(), ImageFormat::Svg);
        assert_eq!(ImageFormat::of(Path::new("B.PNG")).unwrap(), ImageFormat::Png);
    }

    #[test]
    fn another_ending_or_none_is_wrong_usage_and_the_right_ones_are_named() {
        for name in ["plot.jpg", "plot", ".png", "a\x1b[2J.gif"] {
            let error = ImageFormat::of(Path::new(name)).unwrap_err();
            assert_eq!(error.exit(), zlog_core::error::Exit::Usage);
            let text = error.to_string();
            assert!(text.contains(".svg or .png") && !text.contains('\x1b'), "{text}");
        }
    }
}
