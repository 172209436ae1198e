//! A column of values under each other.
//!
//! What may be here: widths. What a column shows is its format's.

use unicode_width::UnicodeWidthStr;

use super::paint::Paint;

/// A longer value pushes its own line, and leaves the others where they are.
const MAX_WIDTH: usize = 40;

/// A column that grows to the widest value seen and never cuts one off.
pub(super) struct Column {
    align: bool,
    width: usize,
}

impl Column {
    /// A column that begins `width` wide. Without `align` nothing is padded.
    pub(super) fn new(align: bool, width: usize) -> Column {
        Column { align, width: if align { width } else { 0 } }
    }

    /// Appends a value in a style, padded. Returns the width it takes on a
    /// terminal: 0 while the column has never had anything to show.
    pub(super) fn write(
        &mut self,
        out: &mut Vec<u8>,
        paint: &Paint,
        value: impl FnOnce(&mut Vec<u8>),
    ) -> usize {
        let before = out.len();
        let (empty, width) = paint.over(out, |out| {
            let start = out.len();
            value(out);
            (out.len() == start, display_width(&out[start..]))
        });
        if empty {
            // Nothing to colour.
            out.truncate(before);
        }
        if self.align {
            self.width = self.width.max(width.min(MAX_WIDTH));
        }
        let padding = self.width.saturating_sub(width);
        out.resize(out.len() + padding, b' ');
        width + padding
    }
}

/// How many columns of a terminal these bytes take.
pub(super) fn display_width(bytes: &[u8]) -> usize {
    if bytes.is_ascii() {
        return bytes.len();
    }
    // They come from text, so the other case is only a wrong width.
    std::str::from_utf8(bytes).map_or(bytes.len(), UnicodeWidthStr::width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::paint::Palette;

    fn write(column: &mut Column, value: &str) -> (String, usize) {
        let mut out = Vec::new();
        let dim = Palette::new(true).dim;
        let width = column.write(&mut out, &dim, |out| out.extend_from_slice(value.as_bytes()));
        (String::from_utf8(out).unwrap().replace("\x1b[2m", "<").replace("\x1b[0m", ">"), width)
    }

    #[test]
    fn a_column_is_not_there_until_it_has_something_to_show() {
        let mut column = Column::new(true, 0);
        assert_eq!(write(&mut column, ""), (String::new(), 0));
        assert_eq!(write(&mut column, "ab"), ("<ab>".to_owned(), 2));
        assert_eq!(write(&mut column, ""), ("  ".to_owned(), 2));
    }

    #[test]
    fn the_widest_value_counts_up_to_a_limit_and_pushes_beyond() {
        let mut column = Column::new(true, 0);
        let long = "x".repeat(MAX_WIDTH + 5);
        assert_eq!(write(&mut column, &long), (format!("<{long}>"), MAX_WIDTH + 5));
        assert_eq!(write(&mut column, "a").1, MAX_WIDTH);
    }

    #[test]
    fn text_without_any_width_is_still_written() {
        let mut column = Column::new(true, 0);
        assert_eq!(write(&mut column, "\u{200d}"), ("<\u{200d}>".to_owned(), 0));
    }
}
