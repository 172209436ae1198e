//! Colours, dashes, marks and text styles.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Height of small text, as plotters counts it: a font size of about 14 pixels.
pub(super) const SMALL: f64 = 17.5;
/// Height of titles.
pub(super) const LARGE: f64 = 22.5;
/// Text.
pub(super) const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
/// Warnings.
pub(super) const WARNING: RGBColor = RGBColor(0xa0, 0x30, 0x10);
/// Less important text: axis labels.
pub(super) const PALE_INK: RGBColor = RGBColor(0x55, 0x55, 0x55);
/// Grid lines at labels.
pub(super) const GRID: RGBColor = RGBColor(0xd4, 0xd4, 0xd4);
/// Grid lines between labels.
pub(super) const FINE_GRID: RGBColor = RGBColor(0xf0, 0xf0, 0xf0);

/// The palette of Okabe and Ito, which is distinguishable with any colour vision, without
/// its yellow (too pale on white), and three more that are as dark.
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

/// The shape of a line's points.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mark {
    /// A disc.
    Dot,
    /// A polygon with these corners, relative to its centre; 1 is half its size.
    Corners(&'static [(i32, i32)]),
}

const SQUARE: Mark = Mark::Corners(&[(-1, -1), (1, -1), (1, 1), (-1, 1)]);
const UP: Mark = Mark::Corners(&[(-1, 1), (1, 1), (0, -1)]);
const DOWN: Mark = Mark::Corners(&[(-1, -1), (1, -1), (0, 1)]);
const DIAMOND: Mark = Mark::Corners(&[(-1, 0), (0, -1), (1, 0), (0, 1)]);
const LEFT: Mark = Mark::Corners(&[(-1, 0), (1, -1), (1, 1)]);
const RIGHT: Mark = Mark::Corners(&[(1, 0), (-1, -1), (-1, 1)]);

/// Their number and that of the colours have no common divisor, so that a repeated colour
/// gets another mark.
const MARKS: [Mark; 7] = [Mark::Dot, SQUARE, UP, DIAMOND, DOWN, LEFT, RIGHT];

/// The style of a line, its marks and its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct LineStyle {
    /// The index of the line.
    pub(super) at: usize,
    /// Whether it is the baseline of that line: same colour, but dashed and hollow.
    pub(super) is_baseline: bool,
}

impl LineStyle {
    /// The style of line `at`.
    pub(super) const fn of(at: usize) -> LineStyle {
        LineStyle { at, is_baseline: false }
    }

    pub(super) fn color(self) -> RGBColor {
        COLORS[self.at % COLORS.len()]
    }

    /// A darker shade for text: thin pale letters are hard to read.
    pub(super) fn text_color(self) -> RGBColor {
        let darker = |part: u8| (f64::from(part) * 0.75) as u8;
        let RGBColor(r, g, b) = self.color();
        RGBColor(darker(r), darker(g), darker(b))
    }

    pub(super) fn dash(self) -> Option<(u32, u32)> {
        self.is_baseline.then_some(DASH)
    }

    pub(super) fn mark(self) -> Mark {
        MARKS[self.at % MARKS.len()]
    }

    /// The fill colour of its marks.
    pub(super) fn inside(self) -> RGBColor {
        if self.is_baseline { WHITE } else { self.color() }
    }
}

/// Small text of this colour; `h` and `v` say which part of it is at its position.
pub(super) fn small(color: RGBColor, h: HPos, v: VPos) -> TextStyle<'static> {
    ("sans-serif", SMALL).into_font().color(&color).pos(Pos::new(h, v))
}

/// A title; its position is the upper left corner.
pub(super) fn title() -> TextStyle<'static> {
    let font = ("sans-serif", LARGE).into_font().style(FontStyle::Bold);
    font.color(&INK).pos(Pos::new(HPos::Left, VPos::Top))
}
