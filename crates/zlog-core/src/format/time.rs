//! Times as text. A pattern is compiled once, and the text of a second is kept until the
//! second changes.

use std::io::Write as _;

use jiff::fmt::strtime::{BrokenDownTime, Config, PosixCustom};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::error::{Error, Result};

/// Date, time and milliseconds, in the order that sorts.
pub(super) const DEFAULT_PATTERN: &str = "%Y-%m-%d %H:%M:%S.%3f";

/// The name of the preset without a date.
pub(super) const SHORT: &str = "short";

/// The date of a day.
pub(super) const DATE_PATTERN: &str = "%Y-%m-%d";

/// RFC 3339 with microseconds, the precision of seconds since 1970 in an f64.
pub const RFC3339_PATTERN: &str = "%Y-%m-%dT%H:%M:%S.%6f%:z";

/// The names of patterns.
const PRESETS: [(&str, &str); 6] = [
    (SHORT, "%H:%M:%S.%3f"),
    ("full", DEFAULT_PATTERN),
    ("iso", RFC3339_PATTERN),
    ("rfc3339", RFC3339_PATTERN),
    ("unix", "%s.%6f"),
    ("unix-ms", "%s%3f"),
];

/// The presets that show how much time has passed.
const RELATIVE: [(&str, Reference); 2] =
    [("elapsed", Reference::First), ("delta", Reference::Previous)];

const MICROS: i64 = 1_000_000;

/// A compiled time format with its zone.
///
/// Times may come in any order: only the text of the last second is kept. The zone's offset
/// is looked up again for each second.
pub struct TimeFormat {
    pieces: Vec<Piece>,
    zone: TimeZone,
    config: Config<PosixCustom>,
    /// The second of `text`.
    second: Option<i64>,
    /// The text of all pieces, without fractions.
    text: String,
    /// For a preset that shows how much time has passed: since when.
    relative: Option<Relative>,
}

/// What the time of a record is compared with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reference {
    /// The first time that was written.
    First,
    /// The time that was written before.
    Previous,
}

struct Relative {
    reference: Reference,
    since: Option<f64>,
}

/// A part of a pattern, and the fraction of a second that follows it.
struct Piece {
    pattern: String,
    fraction: Option<Fraction>,
    /// The end of the piece in [`TimeFormat::text`].
    end: usize,
}

/// A directive for a fraction of a second. It changes with every record, so it is inserted
/// between the kept texts.
#[derive(Clone, Copy)]
struct Fraction {
    digits: usize,
    dot: bool,
}

/// The zone for displayed times: UTC, or the zone of this machine.
pub fn zone(utc: bool) -> TimeZone {
    if utc { TimeZone::UTC } else { TimeZone::system() }
}

fn refused(spec: &str, why: &dyn std::fmt::Display) -> Error {
    Error::usage(format!("time format {spec:?}: {why}")).hint(
        "Use short, full, iso, unix, unix-ms, elapsed, delta, or strftime directives: \
         %Y-%m-%d %H:%M:%S.%3f (milliseconds), %z.",
    )
}

impl TimeFormat {
    /// Compiles a strftime pattern or a preset: `short`, `full`, `iso` (or `rfc3339`), `unix`
    /// or `unix-ms`, `elapsed` (seconds since the first time) or `delta` (since the time
    /// before). `%f` is microseconds as in Python, `%3f` milliseconds, `%.3f` milliseconds with
    /// a dot.
    ///
    /// # Errors
    /// The pattern has an unknown directive, or none and is not empty.
    pub fn new(spec: &str, zone: TimeZone) -> Result<TimeFormat> {
        let is_name = PRESETS.iter().any(|(name, _)| *name == spec)
            || RELATIVE.iter().any(|(name, _)| *name == spec);
        if !is_name && !spec.is_empty() && !spec.contains('%') {
            return Err(refused(spec, &"it is no name of a format and has no directive"));
        }
        TimeFormat::compile(spec, zone)
    }

    /// As [`TimeFormat::new`]. The pattern may be a constant, as in Python's `datefmt`.
    ///
    /// # Errors
    /// The pattern has an unknown directive.
    pub(super) fn compile(spec: &str, zone: TimeZone) -> Result<TimeFormat> {
        let preset = PRESETS.iter().find(|(name, _)| *name == spec);
        let pattern = preset.map_or(spec, |(_, pattern)| pattern);
        let reference = RELATIVE.iter().find(|(name, _)| *name == spec).map(|(_, since)| *since);
        let relative = reference.map(|reference| Relative { reference, since: None });
        // RFC 3339 writes UTC as Z.
        let named = (pattern == RFC3339_PATTERN && zone == TimeZone::UTC)
            .then(|| pattern.replace("%:z", "Z"));
        let mut format = TimeFormat {
            pieces: split(named.as_deref().unwrap_or(pattern))
                .map_err(|why| refused(spec, &why))?,
            zone,
            config: Config::new().custom(PosixCustom::new()),
            second: None,
            text: String::new(),
            relative,
        };
        // Checks the directives, which do not depend on the time.
        format.render(0).map_err(|why| refused(spec, &why))?;
        Ok(format)
    }

    /// The width of most times whose width differs from one to the next.
    pub(super) fn usual_width(&self) -> usize {
        if self.relative.is_some() { "+1000.000".len() } else { 0 }
    }

    /// Appends a time, given as seconds since 1970-01-01 UTC.
    ///
    /// Times that the format can't show (after the year 9999, NaN) are written as numbers.
    pub fn write(&mut self, seconds: f64, out: &mut Vec<u8>) {
        if let Some(relative) = &mut self.relative {
            return relative.write(seconds, out);
        }
        match self.prepare(seconds) {
            Some(micros) => self.append(micros, out),
            // Rare, so it may allocate.
            None => out.extend_from_slice(seconds.to_string().as_bytes()),
        }
    }

    /// Updates the kept text to the second of this time. Returns the microseconds within it.
    fn prepare(&mut self, seconds: f64) -> Option<i64> {
        // Rounded: 0.001 has no exact float and must not become 0.000999.
        let micros = (seconds * MICROS as f64).round();
        // Beyond this, microseconds are no longer exact in a float; NaN fails too.
        if micros.is_nan() || micros.abs() > 9e17 {
            return None;
        }
        let micros = micros as i64;
        let second = micros.div_euclid(MICROS);
        if self.second != Some(second) {
            self.render(second).ok()?;
        }
        Some(micros.rem_euclid(MICROS))
    }

    fn render(&mut self, second: i64) -> Result<(), jiff::Error> {
        self.second = None;
        self.text.clear();
        let zoned = Zoned::new(Timestamp::from_second(second)?, self.zone.clone());
        let time = BrokenDownTime::from(&zoned);
        for piece in &mut self.pieces {
            time.format_with_config(&self.config, &piece.pattern, &mut self.text)?;
            piece.end = self.text.len();
        }
        self.second = Some(second);
        Ok(())
    }

    fn append(&self, micros: i64, out: &mut Vec<u8>) {
        let mut start = 0;
        for piece in &self.pieces {
            out.extend_from_slice(&self.text.as_bytes()[start..piece.end]);
            start = piece.end;
            if let Some(fraction) = piece.fraction {
                fraction.append(micros, out);
            }
        }
    }
}

impl Relative {
    /// Writes seconds and milliseconds, with their sign.
    fn write(&mut self, seconds: f64, out: &mut Vec<u8>) {
        let passed = seconds - *self.since.get_or_insert(seconds);
        if self.reference == Reference::Previous {
            self.since = Some(seconds);
        }
        // Writing to a Vec can't fail.
        let _ = write!(out, "{passed:+.3}");
    }
}

impl Fraction {
    /// Truncates: 0.9996 s in milliseconds is .999, as on clocks.
    fn append(self, micros: i64, out: &mut Vec<u8>) {
        if self.dot {
            out.push(b'.');
        }
        let mut nanos = micros * 1000;
        let mut text = [b'0'; 9];
        for digit in text.iter_mut().rev() {
            *digit = b'0' + (nanos % 10) as u8;
            nanos /= 10;
        }
        out.extend_from_slice(&text[..self.digits]);
    }
}

/// Splits a pattern after each directive for a fraction of a second.
fn split(pattern: &str) -> Result<Vec<Piece>, &'static str> {
    let mut pieces = Vec::new();
    let mut from = 0;
    let mut at = 0;
    while let Some(found) = pattern[at..].find('%') {
        let start = at + found;
        let (length, fraction) = directive(&pattern[start + 1..])?;
        at = start + 1 + length;
        if fraction.is_some() {
            pieces.push(Piece { pattern: pattern[from..start].to_owned(), fraction, end: 0 });
            from = at;
        }
    }
    pieces.push(Piece { pattern: pattern[from..].to_owned(), fraction: None, end: 0 });
    Ok(pieces)
}

/// Reads a directive after its `%`. Returns its length and, if it is one, the fraction.
fn directive(text: &str) -> Result<(usize, Option<Fraction>), &'static str> {
    // Flags for padding and case have no effect on fractions.
    let unflagged = text.trim_start_matches(['-', '_', '^', '#']);
    let rest = unflagged.strip_prefix('.').unwrap_or(unflagged);
    let dot = rest.len() < unflagged.len();
    let name_at = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, name) = rest.split_at(name_at);
    let Some(letter) = name.chars().next() else { return Ok((text.len(), None)) };
    let length = text.len() - name.len() + letter.len_utf8();
    let digits = match (letter, number) {
        ('f', "") => 6,
        ('N', "") => 9,
        ('f' | 'N', number) => match number.parse() {
            Ok(digits @ 1..=9) => digits,
            _ => return Err("a second has 1 to 9 decimal places"),
        },
        _ => return Ok((length, None)),
    };
    Ok((length, Some(Fraction { digits, dot })))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn show(format: &mut TimeFormat, seconds: f64) -> String {
        let mut out = Vec::new();
        format.write(seconds, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn utc(spec: &str) -> TimeFormat {
        TimeFormat::new(spec, TimeZone::UTC).unwrap()
    }

    #[test]
    fn the_default_shows_milliseconds() {
        let mut format = utc(DEFAULT_PATTERN);
        assert_eq!(show(&mut format, 1_795_247_352.345), "2026-11-21 07:49:12.345");
        assert_eq!(show(&mut format, 1_795_247_352.001), "2026-11-21 07:49:12.001");
        assert_eq!(show(&mut format, 1_795_247_352.999_9), "2026-11-21 07:49:12.999");
        assert_eq!(show(&mut format, -0.5), "1969-12-31 23:59:59.500");
    }

    #[test]
    fn times_may_go_back() {
        let mut format = utc("%S.%3f");
        assert_eq!(show(&mut format, 12.5), "12.500");
        assert_eq!(show(&mut format, 11.25), "11.250");
        assert_eq!(show(&mut format, 12.125), "12.125");
    }

    #[test]
    fn presets_name_patterns() {
        assert_eq!(show(&mut utc("iso"), 0.25), "1970-01-01T00:00:00.250000Z");
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let mut format = TimeFormat::new("rfc3339", berlin).unwrap();
        assert_eq!(show(&mut format, 0.25), "1970-01-01T01:00:00.250000+01:00");
        assert_eq!(show(&mut utc("unix"), 1.5), "1.500000");
        assert_eq!(show(&mut utc("unix-ms"), 1.5), "1500");
        assert_eq!(show(&mut utc("short"), 1.5), "00:00:01.500");
        assert_eq!(show(&mut utc("full"), 1.5), "1970-01-01 00:00:01.500");
    }

    #[test]
    fn relative_presets_count_from_the_first_time_or_the_one_before() {
        let shown = |preset: &str| {
            let mut format = utc(preset);
            [10.0, 10.5, 12.25, 12.0].map(|seconds| show(&mut format, seconds)).join(" ")
        };
        assert_eq!(shown("elapsed"), "+0.000 +0.500 +2.250 +2.000");
        assert_eq!(shown("delta"), "+0.000 +0.500 +1.750 -0.250");
    }

    #[test]
    fn fractions_have_the_requested_number_of_digits() {
        let cases = [
            ("%f", "123456"),
            ("%3f", "123"),
            ("%.3f|%1f", ".123|1"),
            ("%.f", ".123456"),
            ("%N", "123456000"),
            ("%-f|%03f", "123456|123"),
            ("%%f", "%f"),
            ("%H%%%3f%%", "00%123%"),
            ("", ""),
        ];
        for (pattern, shown) in cases {
            assert_eq!(show(&mut utc(pattern), 0.123_456), shown, "{pattern}");
        }
    }

    #[test]
    fn daylight_saving_changes_within_a_stream() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let mut format = TimeFormat::new("%H:%M:%S%z", berlin).unwrap();
        // At 2026-10-25 01:00 UTC, clocks go back from three to two.
        assert_eq!(show(&mut format, 1_792_889_999.0), "02:59:59+0200");
        assert_eq!(show(&mut format, 1_792_890_000.0), "02:00:00+0100");
        assert_eq!(show(&mut format, 1_792_889_999.5), "02:59:59+0200");
    }

    #[test]
    fn a_wrong_pattern_is_an_error_that_names_it() {
        for pattern in ["%!", "%Y %", "%0f", "%12f", "%E", "shrt", "HH:MM"] {
            let error = TimeFormat::new(pattern, TimeZone::UTC).err().expect(pattern);
            assert_eq!(error.exit(), crate::error::Exit::Usage);
            assert!(error.to_string().contains(pattern), "{error}");
        }
    }

    #[test]
    fn times_beyond_the_calendar_are_written_as_numbers() {
        let mut format = utc(DEFAULT_PATTERN);
        for seconds in [f64::NAN, f64::INFINITY, 1e300, -1e13, 1e12] {
            assert_eq!(show(&mut format, seconds), seconds.to_string());
        }
    }

    /// Output of Python 3.11's `datetime.strftime` in the C locale.
    #[test]
    fn directives_have_the_same_meaning_as_in_python() {
        const PATTERN: &str = "%a %A %w %u|%d %b %B %m %y %Y|%H %I %p %M %S %f|%z %Z|%j %U %W %V %G\
                               |%c|%x %X|%D %T %R %F %e %h %C %n%t%%|%-d %-H";
        let cases = [
            (
                0.000_001,
                "Thu Thursday 4 4|01 Jan January 01 70 1970|00 12 AM 00 00 000001|+0000 UTC\
                 |001 00 00 01 1970|Thu Jan  1 00:00:00 1970|01/01/70 00:00:00\
                 |01/01/70 00:00:00 00:00 1970-01-01  1 Jan 19 \n\t%|1 0",
            ),
            (
                951_827_696.789,
                "Tue Tuesday 2 2|29 Feb February 02 00 2000|12 12 PM 34 56 789000|+0000 UTC\
                 |060 09 09 09 2000|Tue Feb 29 12:34:56 2000|02/29/00 12:34:56\
                 |02/29/00 12:34:56 12:34 2000-02-29 29 Feb 20 \n\t%|29 12",
            ),
            (
                1_798_761_599.999_999,
                "Thu Thursday 4 4|31 Dec December 12 26 2026|23 11 PM 59 59 999999|+0000 UTC\
                 |365 52 52 53 2026|Thu Dec 31 23:59:59 2026|12/31/26 23:59:59\
                 |12/31/26 23:59:59 23:59 2026-12-31 31 Dec 20 \n\t%|31 23",
            ),
        ];
        let mut format = utc(PATTERN);
        for (seconds, expected) in cases {
            assert_eq!(show(&mut format, seconds), expected);
        }
    }

    proptest! {
        #[test]
        fn keeping_the_text_of_a_second_changes_no_output(times in prop::collection::vec(-4e9..4e9f64, 1..20)) {
            let zone = TimeZone::get("America/New_York").unwrap();
            let mut kept = TimeFormat::new(RFC3339_PATTERN, zone.clone()).unwrap();
            for seconds in times {
                let micros = (seconds * 1e6).round() as i64;
                let zoned = Timestamp::from_microsecond(micros).unwrap().to_zoned(zone.clone());
                let expected = zoned.strftime(RFC3339_PATTERN).to_string();
                prop_assert_eq!(show(&mut kept, seconds), expected);
            }
        }
    }
}
