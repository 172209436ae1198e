//! How things look: colours, dashes, texts.
//!
//! What may be here: constants, and what picks one of them.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Height of small text, as plotters counts it: a font size of about 14 pixels.
pub(super) const SMALL: f64 = 17.5;
/// Height of titles.
pub(super) const LARGE: f64 = 22.5;
/// Text.
pub(super) const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
/// Text of lesser weight: what axes say.
pub(super) const PALE_INK: RGBColor = RGBColor(0x55, 0x55, 0x55);
/// Lines at the labels of an axis.
pub(super) const GRID: RGBColor = RGBColor(0xd4, 0xd4, 0xd4);
/// Lines between them.
pub(super) const FINE_GRID: RGBColor = RGBColor(0xf0, 0xf0, 0xf0);

/// The palette of Okabe and Ito, which people with any colour vision tell apart,
/// without its yellow (too pale on white); then three that are as dark.
const COLORS: [RGBColor; 10] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0x00, 0x00, 0x00),
    RGBColor(0x8c, 0x51, 0x0a),
    RGBColor(0x7a, 0x3f, 0xa0),
    RGBColor(0x80, 0x80, 0x80),
];

/// Lengths in pixels of a dash and of the gap after it; none: one line throughout.
const DASHES: [Option<(u32, u32)>; 3] = [None, Some((12, 5)), Some((4, 4))];

/// The colour of the line or row at this place.
pub(super) fn color(at: usize) -> RGBColor {
    COLORS[at % COLORS.len()]
}

/// The same, darker: letters are thin, and pale ones can't be read.
pub(super) fn text_color(at: usize) -> RGBColor {
    let darker = |part: u8| (f64::from(part) * 0.75) as u8;
    let RGBColor(r, g, b) = color(at);
    RGBColor(darker(r), darker(g), darker(b))
}

/// The dashes of the line at this place.
pub(super) fn dash(at: usize) -> Option<(u32, u32)> {
    DASHES[at % DASHES.len()]
}

/// Small text of this colour, and which part of it stands at its position.
pub(super) fn small(color: RGBColor, h: HPos, v: VPos) -> TextStyle<'static> {
    ("sans-serif", SMALL).into_font().color(&color).pos(Pos::new(h, v))
}

/// A title, its upper left corner at its position.
pub(super) fn title() -> TextStyle<'static> {
    let font = ("sans-serif", LARGE).into_font().style(FontStyle::Bold);
    font.color(&INK).pos(Pos::new(HPos::Left, VPos::Top))
}
