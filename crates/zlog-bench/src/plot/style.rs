//! How things look: colours, dashes, marks, texts.
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

/// Lengths in pixels of a dash and of the gap after it.
const DASH: (u32, u32) = (8, 5);

/// What stands at points of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mark {
    /// A disc.
    Dot,
    /// What is between these corners, from its middle; 1 is half its size.
    Corners(&'static [(i32, i32)]),
}

const SQUARE: Mark = Mark::Corners(&[(-1, -1), (1, -1), (1, 1), (-1, 1)]);
const UP: Mark = Mark::Corners(&[(-1, 1), (1, 1), (0, -1)]);
const DOWN: Mark = Mark::Corners(&[(-1, -1), (1, -1), (0, 1)]);
const DIAMOND: Mark = Mark::Corners(&[(-1, 0), (0, -1), (1, 0), (0, 1)]);
const LEFT: Mark = Mark::Corners(&[(-1, 0), (1, -1), (1, 1)]);
const RIGHT: Mark = Mark::Corners(&[(1, 0), (-1, -1), (-1, 1)]);

/// As many as have no divisor in common with the number of colours: a colour that
/// comes again has another mark.
const MARKS: [Mark; 7] = [Mark::Dot, SQUARE, UP, DIAMOND, DOWN, LEFT, RIGHT];

/// How a line looks, and all that belongs to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Look {
    /// Which line it is, from 0.
    pub(super) at: usize,
    /// Whether it is what that line is held against: of the same colour, but dashed
    /// and hollow.
    pub(super) beside: bool,
}

impl Look {
    /// Of the line at this place.
    pub(super) const fn of(at: usize) -> Look {
        Look { at, beside: false }
    }

    pub(super) fn color(self) -> RGBColor {
        COLORS[self.at % COLORS.len()]
    }

    /// The same, darker: letters are thin, and pale ones can't be read.
    pub(super) fn text_color(self) -> RGBColor {
        let darker = |part: u8| (f64::from(part) * 0.75) as u8;
        let RGBColor(r, g, b) = self.color();
        RGBColor(darker(r), darker(g), darker(b))
    }

    pub(super) fn dash(self) -> Option<(u32, u32)> {
        self.beside.then_some(DASH)
    }

    pub(super) fn mark(self) -> Mark {
        MARKS[self.at % MARKS.len()]
    }

    /// What its marks are filled with.
    pub(super) fn inside(self) -> RGBColor {
        if self.beside { WHITE } else { self.color() }
    }
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
