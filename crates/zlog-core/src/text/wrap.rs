//! Breaks lines between words.

use unicode_width::UnicodeWidthStr as _;

/// `line`, broken between words where it is wider than `width` columns. The lines that
/// follow begin with `indent` spaces. A word that is wider than a line is not broken.
pub fn wrap(line: &str, width: usize, indent: usize) -> String {
    let mut out = String::with_capacity(line.len());
    let mut column = 0;
    let mut has_word = false;
    for (number, word) in line.split(' ').enumerate() {
        let columns = word.width();
        if has_word && column + 1 + columns > width {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            (column, has_word) = (indent, false);
        } else if number > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += columns;
        has_word |= !word.is_empty();
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_continue_with_the_indent() {
        assert_eq!(wrap("one two three", 8, 2), "one two\n  three");
        assert_eq!(wrap("  one two three", 9, 2), "  one two\n  three");
        assert_eq!(wrap("short", 8, 2), "short");
        assert_eq!(wrap("", 8, 2), "");
    }

    #[test]
    fn a_word_that_is_too_wide_stays_whole() {
        assert_eq!(wrap("a /very/long/path b", 6, 0), "a\n/very/long/path\nb");
    }

    #[test]
    fn wide_characters_count_as_two_columns() {
        assert_eq!(wrap("日本 日本", 8, 0), "日本\n日本");
    }

    proptest! {
        #[test]
        fn the_words_stay_the_same_and_each_line_fits(line in "[ab ]{0,40}", width in 1..20_usize) {
            let wrapped = wrap(&line, width, 0);
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&wrapped), words(&line));
            for line in wrapped.lines() {
                prop_assert!(line.width() <= width || words(line).len() <= 1, "{:?}", line);
            }
        }
    }
}
