//! Numbers in messages with their nouns: `1 record`, `2 records`.

use std::fmt::Display;

/// Any integer type.
pub trait Number: Display + PartialEq + From<u8> {}

impl<N: Display + PartialEq + From<u8>> Number for N {}

/// A number and its noun: `1 record`, `0 records`, `2 prefixes`.
pub fn counted<N: Number>(number: N, noun: &str) -> String {
    let mut text = number.to_string();
    text.push(' ');
    text.push_str(&plural(number, noun));
    text
}

/// The noun in singular or plural, without the number.
pub fn plural<N: Number>(number: N, noun: &str) -> String {
    if number == N::from(1) {
        return noun.to_owned();
    }
    let sibilant = ["s", "x", "ch", "sh"].into_iter().any(|end| noun.ends_with(end));
    format!("{noun}{}", if sibilant { "es" } else { "s" })
}

/// `was` for one, `were` for other numbers.
pub fn were<N: Number>(number: N) -> &'static str {
    if number == N::from(1) { "was" } else { "were" }
}

/// A number with thousands separators: `1,234`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_is_singular() {
        for (number, text) in [(0, "0 records"), (1, "1 record"), (2, "2 records")] {
            assert_eq!(counted(number, "record"), text);
        }
        assert_eq!(counted(1u64, "prefix"), "1 prefix");
        assert_eq!(counted(3usize, "prefix"), "3 prefixes");
        assert_eq!([0, 1, 2].map(were), ["were", "was", "were"]);
    }

    #[test]
    fn thousands_are_separated() {
        let cases = [(0, "0"), (999, "999"), (1234, "1,234"), (1_234_567, "1,234,567")];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
    }
}
