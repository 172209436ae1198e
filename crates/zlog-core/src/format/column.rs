//! Columns that align values of consecutive records.

use unicode_width::UnicodeWidthStr;

use super::paint::Paint;

/// The maximum width of a column. Longer values shift only their own line.
const MAX_WIDTH: usize = 40;

/// A column that grows to the widest value so far and never cuts values off.
pub(super) struct Column {
    align: bool,
    width: usize,
}

impl Column {
    /// A column with an initial width. Without `align`, nothing is padded.
    pub(super) fn new(align: bool, width: usize) -> Column {
        Column { align, width: if align { width } else { 0 } }
    }

    /// Appends a value in a style, padded. Returns its width on a terminal, which is 0 until
    /// the column has its first value.
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

/// The width of text on a terminal.
pub(super) fn display_width(bytes: &[u8]) -> usize {
    if bytes.is_ascii() {
        return bytes.len();
    }
    // The bytes are text; otherwise only the width would be wrong.
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
    fn an_empty_column_takes_no_space() {
        let mut column = Column::new(true, 0);
        assert_eq!(write(&mut column, ""), (String::new(), 0));
        assert_eq!(write(&mut column, "ab"), ("<ab>".to_owned(), 2));
        assert_eq!(write(&mut column, ""), ("  ".to_owned(), 2));
    }

    #[test]
    fn a_column_grows_to_the_widest_value_up_to_a_limit() {
        let mut column = Column::new(true, 0);
        let long = "x".repeat(MAX_WIDTH + 5);
        assert_eq!(write(&mut column, &long), (format!("<{long}>"), MAX_WIDTH + 5));
        assert_eq!(write(&mut column, "a").1, MAX_WIDTH);
    }

    #[test]
    fn text_without_width_is_written() {
        let mut column = Column::new(true, 0);
        assert_eq!(write(&mut column, "\u{200d}"), ("<\u{200d}>".to_owned(), 0));
    }
}
