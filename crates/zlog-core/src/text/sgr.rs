//! SGR sequences: the colours that programs write around text.

use std::borrow::Cow;

/// Removes colours and other control sequences (`ESC [ … letter`). Borrows text without any.
pub(crate) fn without_sgr(text: &str) -> Cow<'_, str> {
    if memchr::memchr(0x1b, text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        out.push_str(before);
        let end = after.find(|c: char| matches!(c, '\u{40}'..='\u{7e}'));
        rest = end.map_or("", |end| &after[end + 1..]);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_removed_and_other_text_is_kept() {
        for (text, plain) in [
            ("x", "x"),
            ("\x1b[31merror\x1b[39m: x", "error: x"),
            ("\x1b[1;38;5;9mé\x1b[m\x1b[0K", "é"),
            ("cut \x1b[3", "cut "),
            ("\x1bx", "\x1bx"),
        ] {
            assert_eq!(without_sgr(text), plain);
        }
    }
}
