//! The columns that text takes on a terminal.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Stands for what is left out.
pub(crate) const ELLIPSIS: char = '…';

/// The columns that a text takes. Control characters take none: they must be escaped before.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// The text in at most `limit` columns: one that is wider keeps its beginning and its last `end`
/// columns.
pub fn fit(text: &str, limit: usize, end: usize) -> String {
    match text.width() <= limit {
        true => text.to_owned(),
        false => cut(text, limit, end),
    }
}

/// The beginning and the last `end` columns of a text, in `limit` columns of a
/// terminal, with a sign for what is left out. To be used for a text that is wider.
pub fn cut(text: &str, limit: usize, end: usize) -> String {
    let Some(room) = limit.checked_sub(1) else { return String::new() };
    let mut width = 0;
    let mut fits = |c: &char, limit: usize| {
        width += c.width().unwrap_or(0);
        width <= limit
    };
    let tail: Vec<char> = text.chars().rev().take_while(|c| fits(c, end.min(room))).collect();
    let tail: String = tail.into_iter().rev().collect();
    width = tail.width();
    let mut fits = |c: &char| {
        width += c.width().unwrap_or(0);
        width <= room
    };
    let head: String = text.chars().take_while(|c| fits(c)).collect();
    format!("{head}{ELLIPSIS}{tail}")
}

/// The lines of a text that is broken wherever it is wider than `limit` columns, words or not.
pub fn broken(text: &str, limit: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut width = 0;
    for c in text.chars() {
        let columns = c.width().unwrap_or(0);
        if width + columns > limit && width > 0 {
            lines.push(String::new());
            width = 0;
        }
        if let Some(line) = lines.last_mut() {
            line.push(c);
        }
        width += columns;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_too_wide_keeps_its_beginning_and_its_end() {
        assert_eq!(fit("shop.ERROR.db", 13, 4), "shop.ERROR.db");
        assert_eq!(fit("shop.ERROR.db", 9, 3), "shop.….db");
        assert_eq!(fit("日本語", 5, 0), "日本…");
        assert_eq!(fit("日本語", 0, 0), "");
        assert_eq!(columns("日本a"), 5);
    }

    #[test]
    fn a_text_is_broken_by_columns() {
        assert_eq!(broken("abcde", 2), ["ab", "cd", "e"]);
        assert_eq!(broken("a日本", 3), ["a日", "本"]);
        assert_eq!(broken("日", 1), ["日"], "a character that is wider than all");
        assert_eq!(broken("", 5), [""]);
    }
}
