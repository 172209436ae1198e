//! Colours in text from outside: SGR sequences (`ESC [ 31 m`).
//!
//! Two sequences that colouring programs write beside them count as colour, too, and are
//! always dropped: `ESC [ K` (grep, GCC) and `ESC ( B` (`tput sgr0`).

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr;

/// The byte that every sequence begins with.
pub(crate) const ESC: u8 = 0x1b;

/// The longest SGR sequence, in bytes. A longer one is not taken for a colour.
const MAX_LENGTH: usize = 48;

/// The parameter that hides text.
const CONCEAL: &str = "8";

/// Text without its colours: what a reader sees, and what regular expressions search.
/// Borrows if it has none.
pub fn strip(text: &str) -> Cow<'_, str> {
    let Some(first) = find(text, 0) else { return Cow::Borrowed(text) };
    let mut plain = String::with_capacity(text.len());
    let mut at = 0;
    let mut next = Some(first);
    while let Some(code) = next {
        plain.push_str(&text[at..code.start]);
        at = code.end;
        next = find(text, at);
    }
    plain.push_str(&text[at..]);
    Cow::Owned(plain)
}

/// The next colour sequence at or after `from`.
pub(crate) fn find(text: &str, mut from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    while let Some(found) = memchr(ESC, bytes.get(from..)?) {
        let start = from + found;
        if let Some(length) = length(&bytes[start..]) {
            return Some(start..start + length);
        }
        from = start + 1;
    }
    None
}

/// The length of the sequence at the beginning of `bytes`, which is an ESC.
fn length(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'(' => (bytes.get(2) == Some(&b'B')).then_some(3),
        b'[' => {
            let is_parameter = |byte: &&u8| byte.is_ascii_digit() || matches!(byte, b';' | b':');
            let parameters = bytes[2..].iter().take(MAX_LENGTH).take_while(is_parameter).count();
            let end = 2 + parameters;
            match bytes.get(end)? {
                b'm' => Some(end + 1),
                b'K' => Some(end + 1),
                _ => None,
            }
        }
        _ => None,
    }
}

/// What a colour sequence does to the text after it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    /// Nothing, or it would hide text: it is dropped.
    None,
    /// It ends all colours.
    Reset,
    /// It adds to the colours.
    Set,
}

/// The effect of a sequence that [`find`] has found.
pub(crate) fn effect(code: &str) -> Effect {
    let Some(parameters) = code.strip_prefix("\x1b[").and_then(|rest| rest.strip_suffix('m'))
    else {
        return Effect::None;
    };
    if parameters.split(';').all(|parameter| parameter.trim_start_matches('0').is_empty()) {
        return Effect::Reset;
    }
    let mut parameters = parameters.split(';');
    while let Some(parameter) = parameters.next() {
        match parameter.trim_start_matches('0') {
            CONCEAL => return Effect::None,
            // The colour follows: 5;N or 2;R;G;B.
            "38" | "48" | "58" => match parameters.next() {
                Some("5") => drop(parameters.next()),
                Some("2") => drop(parameters.nth(2)),
                _ => {}
            },
            _ => {}
        }
    }
    Effect::Set
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn colours_are_removed_and_nothing_else() {
        let cases = [
            ("plain", "plain"),
            ("\x1b[31merror\x1b[0m", "error"),
            ("\x1b[1;38;5;196mred\x1b[m and \x1b[4:3mwavy", "red and wavy"),
            ("\x1b[01;31m\x1b[Kmatch\x1b[m\x1b[K", "match"),
            ("bold\x1b(B\x1b[m", "bold"),
            ("\x1b[2J\x1b[1;1Hx\x1b]0;t\x07", "\x1b[2J\x1b[1;1Hx\x1b]0;t\x07"),
            ("\x1b[?25lx\x1b[>4;2m", "\x1b[?25lx\x1b[>4;2m"),
            ("\x1b\x1b[32mx\x1b[", "\x1bx\x1b["),
            ("\x1b(0x", "\x1b(0x"),
        ];
        for (text, plain) in cases {
            assert_eq!(strip(text), plain, "{text:?}");
        }
        let endless = format!("\x1b[{}m", "1;".repeat(MAX_LENGTH));
        assert_eq!(strip(&endless), endless);
    }

    #[test]
    fn a_sequence_sets_resets_or_is_dropped() {
        let cases = [
            ("\x1b[m", Effect::Reset),
            ("\x1b[0m", Effect::Reset),
            ("\x1b[00;0m", Effect::Reset),
            ("\x1b[0;31m", Effect::Set),
            ("\x1b[38;5;8m", Effect::Set),
            ("\x1b[38;2;8;8;8;1m", Effect::Set),
            ("\x1b[8m", Effect::None),
            ("\x1b[31;08m", Effect::None),
            ("\x1b[38;5;1;8m", Effect::None),
            ("\x1b[K", Effect::None),
            ("\x1b(B", Effect::None),
        ];
        for (code, expected) in cases {
            assert_eq!(effect(code), expected, "{code:?}");
        }
    }

    proptest! {
        #[test]
        fn stripping_twice_finds_nothing_new_unless_codes_were_nested(text in "[a\\x1b\\[m0;K(B]{0,30}") {
            let plain = strip(&text);
            prop_assert!(plain.len() <= text.len());
            prop_assert_eq!(find(&text, 0).is_none(), plain.len() == text.len());
        }
    }
}
