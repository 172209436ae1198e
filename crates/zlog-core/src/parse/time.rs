//! The date and time at the start of a line.
//!
//! Written by hand: jiff's parsers need the end of the time, which is not known here.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

use crate::wire::other_loggers::parse_time;

/// A time found at the start of a line.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct LeadingTime {
    /// Seconds since 1970-01-01 UTC, to the microsecond.
    pub(super) seconds: f64,
    /// The index in the line after the time.
    pub(super) end: usize,
}

/// Reads `2024-01-02 03:04:05` at the start of a line, with a `T` or a space, `-` or `/`,
/// an optional fraction after `.` or `,`, and an optional zone (`Z`, `UTC`, `+01:00`,
/// `+0100`, `+01`). A `[` may precede it. Without a zone, the time is in `zone`.
pub(super) fn leading(line: &str, zone: &TimeZone) -> Option<LeadingTime> {
    let bytes = line.as_bytes();
    let start = usize::from(bytes.first() == Some(&b'['));
    // Most lines end here.
    if !bytes.get(start)?.is_ascii_digit() {
        return None;
    }
    let mut cursor = Cursor { bytes, at: start };
    let year = cursor.number(4)?;
    let separator = cursor.one_of(b"-/")?;
    let month = cursor.number(2)?;
    cursor.one_of(&[separator])?;
    let day = cursor.number(2)?;
    cursor.one_of(b"T t")?;
    let hour = cursor.number(2)?;
    cursor.one_of(b":")?;
    let minute = cursor.number(2)?;
    cursor.one_of(b":")?;
    let second = cursor.number(2)?;
    let nanos = cursor.fraction();
    let offset = cursor.offset();
    if cursor.bytes.get(cursor.at).is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let small = |number: i32| i8::try_from(number).ok();
    // Leap seconds count as the second before.
    let second = small(second)?.min(59);
    let year = i16::try_from(year).ok()?;
    let time = DateTime::new(
        year,
        small(month)?,
        small(day)?,
        small(hour)?,
        small(minute)?,
        second,
        nanos,
    );
    let time = time.ok()?;
    let stamp = match offset {
        Some(seconds) => Offset::from_seconds(seconds).ok()?.to_timestamp(time).ok()?,
        None => zone.to_timestamp(time).ok()?,
    };
    #[expect(clippy::cast_precision_loss, reason = "an f64 holds microseconds for 285 years")]
    let seconds = stamp.as_microsecond() as f64 / 1e6;
    Some(LeadingTime { seconds, end: cursor.at })
}

/// Reads text that is a time: as in [`leading`], or a number since 1970.
pub(crate) fn exact(text: &str, zone: &TimeZone) -> Option<f64> {
    let stamp = leading(text, zone).filter(|stamp| stamp.end == text.len());
    stamp.map(|stamp| stamp.seconds).or_else(|| parse_time(text))
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    /// Exactly `digits` digits.
    fn number(&mut self, digits: usize) -> Option<i32> {
        let text = self.bytes.get(self.at..self.at + digits)?;
        self.at += digits;
        text.iter().try_fold(0, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + i32::from(digit - b'0'))
        })
    }

    fn one_of(&mut self, wanted: &[u8]) -> Option<u8> {
        let found = self.bytes.get(self.at).copied().filter(|byte| wanted.contains(byte));
        self.at += usize::from(found.is_some());
        found
    }

    /// The fraction in nanoseconds. Digits after the ninth are ignored.
    fn fraction(&mut self) -> i32 {
        let (start, mut nanos, mut unit) = (self.at, 0, 100_000_000);
        if self.one_of(b".,").is_none() {
            return 0;
        }
        while let Some(digit) = self.one_of(b"0123456789") {
            nanos += i32::from(digit - b'0') * unit;
            unit /= 10;
        }
        if self.at == start + 1 {
            // The point ends a sentence.
            self.at = start;
        }
        nanos
    }

    /// The zone in seconds east of UTC, if there is one.
    fn offset(&mut self) -> Option<i32> {
        let start = self.at;
        if self.one_of(b"Zz").is_some() {
            return Some(0);
        }
        let _ = self.one_of(b" ");
        let rest = &self.bytes[self.at..];
        if rest.starts_with(b"UTC") || rest.starts_with(b"GMT") {
            self.at += 3;
            return Some(0);
        }
        let offset = self.signed_offset(self.at > start);
        if offset.is_none() {
            self.at = start;
        }
        offset
    }

    /// `+01:00`, `+0100`, `+01`; after a space only the longer ones, since `- 12` is no zone.
    fn signed_offset(&mut self, after_blank: bool) -> Option<i32> {
        let sign = if self.one_of(b"+-")? == b'-' { -1 } else { 1 };
        let hours = self.number(2)?;
        let at = self.at;
        let colon = self.one_of(b":").is_some();
        let minutes = match self.number(2) {
            Some(minutes) => minutes,
            None if colon || after_blank => return None,
            None => {
                self.at = at;
                0
            }
        };
        Some(sign * (hours * 3600 + minutes * 60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The time, read in UTC + 1, and the rest of the line.
    fn read(line: &str) -> Option<(f64, &str)> {
        let zone = TimeZone::fixed(Offset::from_seconds(3600).unwrap());
        leading(line, &zone).map(|stamp| (stamp.seconds, &line[stamp.end..]))
    }

    /// 2024-01-02 03:04:05 UTC.
    const UTC: f64 = 1_704_164_645.0;

    #[test]
    fn times_with_a_zone_are_read() {
        for text in [
            "2024-01-02T03:04:05Z",
            "2024-01-02 03:04:05 UTC",
            "2024-01-02T04:04:05+01:00",
            "2024-01-02T04:04:05+01",
            "2024/01/02 04:04:05 +0100",
            "[2024-01-02T01:04:05-0200",
        ] {
            assert_eq!(read(text), Some((UTC, "")), "{text}");
        }
    }

    #[test]
    fn a_time_without_a_zone_is_local() {
        assert_eq!(read("2024-01-02 04:04:05,123 - x"), Some((UTC + 0.123, " - x")));
        assert_eq!(read("2024-01-02 04:04:05 - 12 x"), Some((UTC, " - 12 x")));
        assert_eq!(read("2024-01-02 04:04:05. So"), Some((UTC, ". So")));
        assert_eq!(read("2024-01-02T04:04:05.123456789123 x"), Some((UTC + 0.123456, " x")));
    }

    #[test]
    fn other_text_is_not_a_time() {
        for text in [
            "",
            "[",
            "2024",
            "2024-01-02",
            "2024-13-02 03:04:05",
            "2024-01-02 25:04:05",
            "2024-01/02 03:04:05",
            "2024-01-02 03:04:05x",
            "20240102 030405",
            "x2024-01-02 03:04:05",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
