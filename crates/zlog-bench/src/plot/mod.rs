//! Draws figures as an SVG or PNG of 1200 × 800 pixels.
//!
//! This module knows neither reports nor files: it takes plain figures and returns the
//! bytes of an image (`report::write_whole` writes them). To add a kind of image, imitate
//! `sweep_chart.rs`: a type with the figures, and how it is drawn.
//!
//! Images have a white background. Colours are distinguishable for colour-blind people, and
//! each line has a name and marks of its own, so that overlapping lines and grey prints
//! stay readable.

mod axis;
mod canvas;
mod handler_chart;
mod label;
mod primitives;
mod style;
mod sweep_chart;

use std::path::Path;

use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::prelude::{DrawingBackend, SVGBackend, WHITE};

pub use axis::Unit;
pub use handler_chart::{HandlerChart, HandlerFigures};
pub use sweep_chart::{Line, Panel, Point, SweepChart};

use crate::stats::Spread;
use axis::Axis;
use canvas::Canvas;
use zlog_core::{Error, Result};

/// Width and height in pixels.
pub const SIZE: (u32, u32) = (1200, 800);

/// The file format of an image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ImageFormat {
    /// Scalable, with searchable text.
    Svg,
    /// A bitmap that any program can show.
    Png,
}

impl ImageFormat {
    /// The format for a file name's extension, in any case.
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
                zlog_core::text::escape::escape(&path.display().to_string())
            ))
            .hint("Name a file that ends in .svg or .png.")),
        }
    }
}

/// Whether a range can stand on a logarithmic axis.
fn can_be_drawn(range: &Spread) -> bool {
    [range.low, range.median, range.high].iter().all(|n| n.is_finite() && *n > 0.0)
}

type Area<DB> = DrawingArea<DB, Shift>;
type Chart<DB> = DrawingArea<DB, Cartesian2d<Axis, Axis>>;
type Drawn<DB, T = ()> = Result<T, DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// Something that any plotters backend can draw.
trait Draw {
    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB>;
}

/// Draws `image` on white and returns the bytes of the file.
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
            assert_eq!(error.exit(), zlog_core::Exit::Usage);
            let text = error.to_string();
            assert!(text.contains(".svg or .png") && !text.contains('\x1b'), "{text}");
        }
    }
}
