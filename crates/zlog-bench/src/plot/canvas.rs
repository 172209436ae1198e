//! A plotters backend for PNG: shapes by tiny-skia, letters from a font that is linked in.
//!
//! plotters' own bitmap backend takes a font from the system, so that images have no text
//! on a machine without fonts (a container, a CI runner), and it does not smooth slanted
//! lines.

use std::convert::Infallible;

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    FontStyle,
};
use tiny_skia::{
    Color, FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, PremultipliedColorU8,
    Rect, Stroke, Transform,
};

use super::style::SMALL;
use zlog_core::{Error, Result};

type Done = Result<(), DrawingErrorKind<Infallible>>;

/// An image, transparent at first.
pub(super) struct Canvas {
    pixels: Pixmap,
}

impl Canvas {
    /// # Errors
    /// Never in practice: the size is constant and valid.
    pub(super) fn new((width, height): (u32, u32)) -> Result<Canvas> {
        let pixels = Pixmap::new(width, height);
        let pixels = pixels.ok_or_else(|| Error::new("can't allocate the plot"))?;
        Ok(Canvas { pixels })
    }

    /// Encodes the image as PNG.
    ///
    /// # Errors
    /// Never in practice: it is encoded to memory.
    pub(super) fn png(&self) -> Result<Vec<u8>> {
        let written = self.pixels.encode_png();
        written.map_err(|error| Error::new(format!("can't write the plot as PNG: {error}")))
    }

    fn stroke<S: BackendStyle>(&mut self, path: Option<Path>, style: &S) {
        let Some(path) = path else { return };
        let stroke = Stroke {
            width: style.stroke_width() as f32,
            line_cap: LineCap::Butt,
            line_join: LineJoin::Round,
            ..Stroke::default()
        };
        let transform = Transform::identity();
        self.pixels.stroke_path(&path, &paint(style.color()), &stroke, transform, None);
    }

    fn fill(&mut self, path: Option<Path>, color: BackendColor) {
        let Some(path) = path else { return };
        let transform = Transform::identity();
        self.pixels.fill_path(&path, &paint(color), FillRule::Winding, transform, None);
    }

    /// Blends `color` into a pixel; `cover` is its opacity, from 0 to 1.
    fn blend(&mut self, (x, y): BackendCoord, color: BackendColor, cover: f64) {
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
        if x >= self.pixels.width() {
            return;
        }
        let at = y as usize * self.pixels.width() as usize + x as usize;
        let Some(pixel) = self.pixels.pixels_mut().get_mut(at) else { return };
        let cover = (color.alpha * cover).clamp(0.0, 1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
        let mix = |old: u8, new: u8| {
            (f64::from(old) * (1.0 - cover) + f64::from(new) * cover).round() as u8
        };
        let (r, g, b) = color.rgb;
        let alpha = mix(pixel.alpha(), 255);
        let mixed = PremultipliedColorU8::from_rgba(
            mix(pixel.red(), r).min(alpha),
            mix(pixel.green(), g).min(alpha),
            mix(pixel.blue(), b).min(alpha),
            alpha,
        );
        *pixel = mixed.unwrap_or(*pixel);
    }

    /// Draws one letter; `(x, y)` is its corner, relative to the start of the text.
    fn letter<S: BackendTextStyle>(
        &mut self,
        c: char,
        style: &S,
        pos: BackendCoord,
        x: i32,
        y: i32,
    ) {
        let (weight, height) = face(style);
        // Shows a box for a letter that the font lacks.
        let raster = get_raster(c, weight, height);
        let Some(raster) = raster.or_else(|| get_raster('\u{fffd}', weight, height)) else {
            return;
        };
        let transform = style.transform();
        for (row, line) in (y..).zip(raster.rows()) {
            for (column, cover) in (x..).zip(line) {
                let (dx, dy) = transform.transform(column, row);
                let cover = f64::from(*cover) / 255.0;
                self.blend((pos.0 + dx, pos.1 + dy), style.color(), cover);
            }
        }
    }
}

/// The weight and size nearest to the requested ones.
fn face<S: BackendTextStyle>(style: &S) -> (FontWeight, RasterHeight) {
    let bold = matches!(style.style(), FontStyle::Bold);
    let weight = if bold { FontWeight::Bold } else { FontWeight::Regular };
    let small = style.size() <= SMALL;
    (weight, if small { RasterHeight::Size16 } else { RasterHeight::Size20 })
}

/// Width and height of a text in a fixed-width font.
fn extent<S: BackendTextStyle>(text: &str, style: &S) -> (i32, i32) {
    let (weight, height) = face(style);
    let width = get_raster_width(weight, height) * text.chars().count();
    (i32::try_from(width).unwrap_or(i32::MAX), i32::try_from(height.val()).unwrap_or(0))
}

fn paint(color: BackendColor) -> Paint<'static> {
    let (r, g, b) = color.rgb;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
    let alpha = (color.alpha.clamp(0.0, 1.0) * 255.0).round() as u8;
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color(Color::from_rgba8(r, g, b, alpha));
    paint
}

/// The centre of a pixel: a one-pixel line through it is sharp.
fn middle((x, y): BackendCoord) -> (f32, f32) {
    (x as f32 + 0.5, y as f32 + 0.5)
}

fn path(points: impl IntoIterator<Item = BackendCoord>, closed: bool) -> Option<Path> {
    let mut path = PathBuilder::new();
    for point in points {
        let (x, y) = middle(point);
        if path.is_empty() { path.move_to(x, y) } else { path.line_to(x, y) }
    }
    if closed {
        path.close();
    }
    path.finish()
}

impl DrawingBackend for &mut Canvas {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        (self.pixels.width(), self.pixels.height())
    }

    fn ensure_prepared(&mut self) -> Done {
        Ok(())
    }

    fn present(&mut self) -> Done {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Done {
        self.blend(point, color, 1.0);
        Ok(())
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Done {
        self.stroke(path([from, to], false), style);
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        (left, top): BackendCoord,
        (right, bottom): BackendCoord,
        style: &S,
        fill: bool,
    ) -> Done {
        if fill {
            let rect = Rect::from_ltrb(left as f32, top as f32, right as f32, bottom as f32);
            self.fill(rect.map(PathBuilder::from_rect), style.color());
        } else {
            let corners = [(left, top), (right, top), (right, bottom), (left, bottom)];
            self.stroke(path(corners, true), style);
        }
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        points: I,
        style: &S,
    ) -> Done {
        self.stroke(path(points, false), style);
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        center: BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Done {
        let (x, y) = middle(center);
        let circle = PathBuilder::from_circle(x, y, radius as f32);
        if fill {
            self.fill(circle, style.color());
        } else {
            self.stroke(circle, style);
        }
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        points: I,
        style: &S,
    ) -> Done {
        self.fill(path(points, true), style.color());
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, pos: BackendCoord) -> Done {
        let (width, height) = extent(text, style);
        let mut x = match style.anchor().h_pos {
            HPos::Left => 0,
            HPos::Center => -width / 2,
            HPos::Right => -width,
        };
        let y = match style.anchor().v_pos {
            VPos::Top => 0,
            VPos::Center => -height / 2,
            VPos::Bottom => -height,
        };
        let step = extent("m", style).0;
        for c in text.chars() {
            self.letter(c, style, pos, x, y);
            x = x.saturating_add(step);
        }
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let (width, height) = extent(text, style);
        Ok((width.unsigned_abs(), height.unsigned_abs()))
    }
}
