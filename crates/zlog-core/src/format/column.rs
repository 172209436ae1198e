//! Columns that align values of consecutive records.

use unicode_width::UnicodeWidthStr;

use super::paint::Paint;
use super::short_names::ShortNames;

/// The maximum width of a column. Longer values shift only their own line.
const MAX_WIDTH: usize = 40;

/// The characters that end a part of a topic or of a logger.
const SEPARATORS: &[char] = &['.', ':', '/'];

/// A column that grows to the widest value so far.
pub(super) struct Column {
    align: bool,
    width: usize,
    short: ShortNames,
}

impl Column {
    /// A column with an initial width. Without `align`, nothing is padded.
    pub(super) fn new(align: bool, width: usize) -> Column {
        Column { align, width: if align { width } else { 0 }, short: ShortNames::new(SEPARATORS) }
    }

    /// The same column for names whose parts end with one of these.
    pub(super) fn separated_by(self, separators: &'static [char]) -> Column {
        Column { short: ShortNames::new(separators), ..self }
    }

    /// The width of the widest value so far.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Appends a value in a style, padded. Returns its width on a terminal, which is 0 until
    /// the column has its first value.
    pub(super) fn write(
        &mut self,
        out: &mut Vec<u8>,
        paint: &Paint,
        value: impl FnOnce(&mut Vec<u8>),
    ) -> usize {
        self.write_within(out, paint, usize::MAX, value)
    }

    /// As [`Column::write`], in at most `limit` columns of the terminal: a wider value is
    /// shortened ([`ShortNames`]).
    pub(super) fn write_within(
        &mut self,
        out: &mut Vec<u8>,
        paint: &Paint,
        limit: usize,
        value: impl FnOnce(&mut Vec<u8>),
    ) -> usize {
        let before = out.len();
        let (empty, width) = paint.over(out, |out| {
            let start = out.len();
            value(out);
            self.shorten(out, start, limit);
            (out.len() == start, display_width(&out[start..]))
        });
        if empty {
            // Nothing to colour.
            out.truncate(before);
        }
        if self.align {
            self.width = self.width.max(width.min(MAX_WIDTH));
        }
        let padding = self.width.min(limit).saturating_sub(width);
        out.resize(out.len() + padding, b' ');
        width + padding
    }

    /// Shortens the text from `start` on if it is wider than `limit`.
    fn shorten(&mut self, out: &mut Vec<u8>, start: usize, limit: usize) {
        if out.len() - start <= limit {
            return;
        }
        let Ok(text) = std::str::from_utf8(&out[start..]) else { return };
        if let Some(form) = self.short.of(text, limit) {
            out.truncate(start);
            out.extend_from_slice(form.as_bytes());
        }
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
    fn a_value_is_shortened_to_the_limit() {
        let mut column = Column::new(true, 3);
        for (value, limit, shown) in [("a.bcd", 5, "a.bcd"), ("a.bcd", 4, "…bcd"), ("a", 2, "a ")]
        {
            let mut out = Vec::new();
            let plain = Palette::new(false).plain;
            let width = column.write_within(&mut out, &plain, limit, |out| {
                out.extend_from_slice(value.as_bytes());
            });
            assert_eq!((String::from_utf8(out).unwrap().as_str(), width), (shown, limit));
        }
    }

    #[test]
    fn text_without_width_is_written() {
        let mut column = Column::new(true, 0);
        assert_eq!(write(&mut column, "\u{200d}"), ("<\u{200d}>".to_owned(), 0));
    }
}
