//! Parsers for typed values: durations, rates, sizes. The command line and the
//! configuration share them. Each error says what to write instead.

use std::str::FromStr;
use std::time::Duration;

use regex::Regex;

/// The maximum of all durations, a century, so that adding one to a time can't overflow.
pub const MAX_DURATION: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A duration as typed: `5s`, `1m30s`, `7d`, `200ms` (humantime), or a plain number of seconds.
/// At most [`MAX_DURATION`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seconds(pub Duration);

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Seconds, String> {
        if let Ok(seconds) = text.parse::<f64>() {
            return Duration::try_from_secs_f64(seconds)
                .map(|duration| Seconds(duration.min(MAX_DURATION)))
                .map_err(|_| "a duration can't be negative or infinite".into());
        }
        humantime::parse_duration(text)
            .map(|duration| Seconds(duration.min(MAX_DURATION)))
            .map_err(|_| "not a duration: write it as 200ms, 5s or 1m30s".into())
    }
}

/// As documents write a duration, and as one word that can be typed: `7d`, `1m30s`, `200ms`, `0s`.
/// humantime writes `7days` and `1m 30s`, and months of 30.44 days.
impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_zero() {
            return f.write_str("0s");
        }
        let (seconds, nanos) = (self.0.as_secs(), u64::from(self.0.subsec_nanos()));
        let parts = [
            (seconds / 86_400, "d"),
            (seconds / 3600 % 24, "h"),
            (seconds / 60 % 60, "m"),
            (seconds % 60, "s"),
            (nanos / 1_000_000, "ms"),
            (nanos / 1000 % 1000, "us"),
            (nanos % 1000, "ns"),
        ];
        parts
            .iter()
            .filter(|part| part.0 > 0)
            .try_for_each(|(number, unit)| write!(f, "{number}{unit}"))
    }
}

/// A duration above zero, for limits and intervals.
pub fn nonzero_duration(text: &str) -> Result<Seconds, String> {
    match text.parse::<Seconds>()? {
        Seconds(Duration::ZERO) => {
            Err("must be more than zero: write it as 200ms, 5s or 1m30s".into())
        }
        duration => Ok(duration),
    }
}

/// A rate in records per second: `20`, `20/s`, `100/m`, `5/h`.
pub fn rate(text: &str) -> Result<f64, String> {
    let (number, per) = text.split_once('/').unwrap_or((text, "s"));
    let seconds = match per {
        "s" | "sec" | "second" => 1.0,
        "m" | "min" | "minute" => 60.0,
        "h" | "hour" => 3600.0,
        _ => return Err(format!("unknown unit `/{per}`: write 20/s, 100/m or 5/h")),
    };
    match number.parse::<f64>() {
        Ok(n) if n.is_finite() && n > 0.0 => Ok(n / seconds),
        Ok(_) => Err("a rate must be more than zero".into()),
        Err(_) => Err("not a rate: write 20/s, 100/m or 5/h".into()),
    }
}

/// A replay speed: `10x`, `0.5x`, or `max` for infinite.
pub fn speed(text: &str) -> Result<f64, String> {
    if text == "max" {
        return Ok(f64::INFINITY);
    }
    match text.strip_suffix('x').unwrap_or(text).parse::<f64>() {
        Ok(n) if n.is_finite() && n > 0.0 => Ok(n),
        _ => Err("not a speed: write 10x, 0.5x or max".into()),
    }
}

/// A size in bytes: `65536`, `64K`, `16M`, `1G` (powers of 1024).
pub fn size(text: &str) -> Result<usize, String> {
    let wrong = || "not a size: write 65536, 64K, 16M or 1G".to_owned();
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit: usize = match &text[digits.len()..] {
        "" | "B" => 1,
        "K" | "KiB" | "k" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        _ => return Err(wrong()),
    };
    let number: usize = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(unit).filter(|&bytes| bytes > 0).ok_or_else(wrong)
}

/// As [`size`], or `0`, which stands for no limit.
pub fn size_or_zero(text: &str) -> Result<usize, String> {
    if text == "0" { Ok(0) } else { size(text) }
}

/// Formats a size as [`size`] reads it.
pub fn format_size(bytes: usize) -> String {
    let units = [(1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
    match units.into_iter().find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit)) {
        Some((unit, letter)) => format!("{}{letter}", bytes / unit),
        None => bytes.to_string(),
    }
}

/// The name of an extra field, and an optional default for records without it:
/// `user`, `user=nobody`, `user=` (an empty default).
pub fn extra(text: &str) -> Result<(String, Option<String>), String> {
    let (name, default) = match text.split_once('=') {
        Some((name, default)) => (name, Some(default.to_owned())),
        None => (text, None),
    };
    if name.is_empty() {
        return Err("an extra has a name: write NAME or NAME=DEFAULT".into());
    }
    Ok((name.to_owned(), default))
}

/// A whole number.
pub fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "not a whole number, or too large".into())
}

/// A count of at least one.
pub fn at_least_one<T: FromStr + Default + PartialEq>(text: &str) -> Result<T, String> {
    match number::<T>(text)? {
        zero if zero == T::default() => Err("must be at least 1".into()),
        count => Ok(count),
    }
}

/// A regular expression. The error is its cause alone, in one line.
pub fn regex(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| match regex_syntax::parse(text) {
        Err(cause) => syntax_error(&cause),
        Ok(_) => error.to_string(),
    })
}

/// The cause of a syntax error of a regular expression, in one line. Its `Display` also shows the
/// place, in several lines.
pub(crate) fn syntax_error(error: &regex_syntax::Error) -> String {
    match error {
        regex_syntax::Error::Parse(error) => error.kind().to_string(),
        regex_syntax::Error::Translate(error) => error.kind().to_string(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formatted_size_reads_back() {
        for text in ["1", "1023", "1K", "1025", "64K", "128M", "2G"] {
            assert_eq!(format_size(size(text).unwrap()), text);
        }
        assert_eq!(format_size(0), "0");
    }

    #[test]
    fn durations_are_humantimes_or_seconds() {
        assert_eq!("200ms".parse(), Ok(Seconds(Duration::from_millis(200))));
        assert_eq!("1m 30s".parse(), Ok(Seconds(Duration::from_secs(90))));
        assert_eq!("5".parse(), Ok(Seconds(Duration::from_secs(5))));
        assert_eq!("0".parse(), Ok(Seconds(Duration::ZERO)));
        assert_eq!("9e18".parse(), Ok(Seconds(MAX_DURATION)));
        assert_eq!("18446744073709551615s".parse(), Ok(Seconds(MAX_DURATION)));
        assert!("-1".parse::<Seconds>().is_err());
        assert!("soon".parse::<Seconds>().unwrap_err().contains("5s"));
    }

    #[test]
    fn a_duration_is_shown_as_one_word_that_reads_back() {
        for text in ["0s", "7d", "30d", "400d", "1m30s", "1d2h3m4s", "200ms", "1s500ms", "1us2ns"] {
            let duration: Seconds = text.parse().unwrap();
            assert_eq!(duration.to_string(), text);
        }
        assert_eq!(Seconds(MAX_DURATION).to_string(), "36500d");
        assert_eq!("168h".parse::<Seconds>().unwrap().to_string(), "7d");
    }

    #[test]
    fn durations_and_counts_of_zero_are_refused() {
        assert_eq!(nonzero_duration("1ms"), Ok(Seconds(Duration::from_millis(1))));
        for text in ["0", "0ms", "0.0", "1e-12"] {
            let why = nonzero_duration(text).unwrap_err();
            assert!(why.starts_with("must be more than zero: write"), "{text}: {why}");
        }
        assert_eq!(at_least_one::<u32>("1"), Ok(1));
        assert_eq!(at_least_one::<usize>("0"), Err("must be at least 1".into()));
        assert!(at_least_one::<u32>("4294967296").unwrap_err().contains("too large"));
        assert!(at_least_one::<u64>("-1").unwrap_err().contains("not a whole number"));
    }

    #[test]
    fn rates_speeds_and_sizes_are_read_with_their_units() {
        assert_eq!(rate("20/s"), Ok(20.0));
        assert_eq!(rate("90/m"), Ok(1.5));
        assert!(rate("0").is_err() && rate("x").is_err() && rate("1/y").is_err());
        assert_eq!(speed("10x"), Ok(10.0));
        assert_eq!(speed("max"), Ok(f64::INFINITY));
        assert!(speed("0").is_err());
        assert_eq!(size("64K"), Ok(65536));
        assert!(size("64X").is_err() && size("").is_err() && size("0").is_err());
    }
}
