//! Numbers in messages with their nouns: `1 record`, `2 records`.

use std::fmt::Display;

/// Any integer type.
pub trait Number: Display + PartialEq + From<u8> {}

impl<N: Display + PartialEq + From<u8>> Number for N {}

/// A number and its noun: `1 record`, `0 records`, `12,345 records`, `2 prefixes`.
pub fn counted<N: Number>(number: N, noun: &str) -> String {
    let mut text = group(&number.to_string());
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

/// A remark for each count that is not zero: `2 lines cut off by the end`.
pub fn remarks<'t>(
    counts: impl IntoIterator<Item = (u64, &'t str, &'t str)>,
) -> impl Iterator<Item = String> {
    let counts = counts.into_iter().filter(|(count, ..)| *count > 0);
    counts.map(|(count, noun, what)| format!("{} {what}", counted(count, noun)))
}

/// `was` for one, `were` for other numbers.
pub fn were<N: Number>(number: N) -> &'static str {
    if number == N::from(1) { "was" } else { "were" }
}

/// A number with thousands separators: `1,234`.
pub fn grouped(number: u64) -> String {
    group(&number.to_string())
}

fn group(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A time in seconds, or in milliseconds if it is shorter than one: `12.3 s`, `40 ms`, `0.4 ms`.
pub fn elapsed(seconds: f64) -> String {
    match seconds {
        seconds if seconds >= 0.9995 => format!("{seconds:.1} s"),
        seconds if seconds >= 0.000_95 => format!("{:.0} ms", seconds * 1e3),
        seconds => format!("{:.1} ms", seconds * 1e3),
    }
}

/// A rate in the unit in which it is readable: `12,345/s`, `1.5/s`, `6.0/min`, `2.0/h`.
pub fn rate(per_second: f64) -> String {
    const UNITS: [(&str, f64); 3] = [("s", 1.0), ("min", 60.0), ("h", 3600.0)];
    if per_second <= 0.0 {
        return "0/s".to_owned();
    }
    let readable = |(_, seconds): &&(&str, f64)| per_second * seconds >= 0.2;
    let (unit, seconds) = UNITS.iter().find(readable).unwrap_or(&UNITS[2]);
    match per_second * seconds {
        // `as` saturates.
        number if number >= 100.0 => format!("{}/{unit}", grouped(number.round() as u64)),
        number => format!("{number:.1}/{unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_is_singular() {
        for (number, text) in [(0, "0 records"), (1, "1 record"), (2, "2 records")] {
            assert_eq!(counted(number, "record"), text);
        }
        assert_eq!(counted(12_345, "record"), "12,345 records");
        assert_eq!(counted(1u64, "prefix"), "1 prefix");
        assert_eq!(counted(3usize, "prefix"), "3 prefixes");
        assert_eq!([0, 1, 2].map(were), ["were", "was", "were"]);
    }

    #[test]
    fn rates_are_in_the_unit_in_which_they_are_readable() {
        let cases = [
            (0.0, "0/s"),
            (1.5, "1.5/s"),
            (12_345.6, "12,346/s"),
            (99.94, "99.9/s"),
            (0.2, "0.2/s"),
            (0.1, "6.0/min"),
            (2.0 / 3600.0, "2.0/h"),
            (1e-9, "0.0/h"),
        ];
        for (per_second, text) in cases {
            assert_eq!(rate(per_second), text);
        }
    }

    #[test]
    fn thousands_are_separated() {
        let cases = [(0, "0"), (999, "999"), (1234, "1,234"), (1_234_567, "1,234,567")];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
    }
}
