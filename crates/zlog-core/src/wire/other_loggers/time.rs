//! Times as other loggers write them.

use std::cell::Cell;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{nested, string};
use crate::record::RawJson;

thread_local! {
    /// The local time zone. [`TimeZone::system`] takes a lock.
    static LOCAL: TimeZone = TimeZone::system();
    /// The last second that was read with a fraction. Most records of a file share theirs with others, and
    /// reading it took an eighth of the time of reading an object.
    static LAST: Cell<Option<Second>> = const { Cell::new(None) };
}

/// A second, as it is written.
#[derive(Clone, Copy)]
struct Second {
    /// `2026-11-20T10:00:00`.
    date: [u8; SECOND],
    /// The text after the fraction: `Z`, `+01:00`, ` UTC`, or empty.
    zone: [u8; MAX_ZONE],
    zone_len: usize,
    /// Since 1970-01-01 UTC.
    microseconds: i64,
}

/// Length of a date and a time of day to the second.
const SECOND: usize = 19;
const MAX_ZONE: usize = 6;

impl Second {
    /// Splits a time with a fraction of up to six digits. Returns the microseconds, too.
    fn split(text: &str) -> Option<(Second, i64)> {
        let (date, rest) = text.as_bytes().split_first_chunk::<SECOND>()?;
        let [b'.' | b',', rest @ ..] = rest else { return None };
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (fraction, after) = rest.split_at(digits);
        if date[13] != b':' || date[16] != b':' || !matches!(digits, 1..=6) {
            return None;
        }
        let mut zone = [0; MAX_ZONE];
        zone.get_mut(..after.len())?.copy_from_slice(after);
        let fraction = fraction.iter().fold(0, |sum, digit| 10 * sum + i64::from(digit - b'0'));
        let microseconds = fraction * [1, 100_000, 10_000, 1_000, 100, 10, 1][digits];
        let second = Second { date: *date, zone, zone_len: after.len(), microseconds: 0 };
        Some((second, microseconds))
    }

    fn is_same(&self, other: &Second) -> bool {
        (self.date, self.zone, self.zone_len) == (other.date, other.zone, other.zone_len)
    }
}

/// Reads a time: RFC 3339; ISO 8601 with `T` or a space, and `.` or `,` before the
/// fraction; or a number as in [`epoch`].
///
/// Returns seconds since 1970-01-01 UTC. A time without a zone is local time; ` UTC` and
/// ` GMT` are zones too.
pub(crate) fn parse_time(text: &str) -> Option<f64> {
    let text = text.trim();
    let Some((second, fraction)) = Second::split(text) else { return parse_any(text) };
    if let Some(last) = LAST.get().filter(|last| last.is_same(&second)) {
        return Some(seconds(last.microseconds + fraction));
    }
    let stamp = parse_stamp(text)?;
    LAST.set(Some(Second { microseconds: stamp.as_microsecond() - fraction, ..second }));
    Some(seconds(stamp.as_microsecond()))
}

fn parse_any(text: &str) -> Option<f64> {
    if let Ok(number) = text.parse::<f64>() {
        return epoch(number);
    }
    // A time begins with its year. This saves most words the parsers below.
    if !text.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return None;
    }
    Some(seconds(parse_stamp(text)?.as_microsecond()))
}

fn parse_stamp(text: &str) -> Option<Timestamp> {
    let utc = text.strip_suffix(" UTC").or_else(|| text.strip_suffix(" GMT"));
    match (utc, text.parse()) {
        (None, Ok(stamp)) => Some(stamp),
        (None, Err(_)) => LOCAL.with(|zone| within(text, zone)),
        (Some(text), _) => within(text, &TimeZone::UTC),
    }
}

#[expect(clippy::cast_precision_loss, reason = "an f64 holds microseconds for 285 years")]
fn seconds(microseconds: i64) -> f64 {
    microseconds as f64 / 1e6
}

fn within(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let time: DateTime = text.parse().ok()?;
    zone.to_timestamp(time).ok()
}

/// Converts a time since 1970-01-01 UTC to seconds. Its size tells its unit: seconds,
/// milliseconds, microseconds or nanoseconds.
///
/// Each unit covers the years from 1973 to 5138. `None` for other numbers: a small one is a
/// duration.
fn epoch(number: f64) -> Option<f64> {
    Some(match number {
        1e8..1e11 => number,
        1e11..1e14 => number / 1e3,
        1e14..1e17 => number / 1e6,
        1e17..1e20 => number / 1e9,
        _ => return None,
    })
}

/// The time in a JSON value: a number, a string that [`parse_time`] reads, or an object of
/// one ([`of_object`]).
pub(in crate::wire) fn time(value: &RawJson<'_>) -> Option<f64> {
    match value.0.as_bytes().first()? {
        b'"' => parse_time(&string(value)?),
        b'{' => of_object(value),
        _ => value.0.parse().ok().and_then(epoch),
    }
}

/// The time in an object: log4j2's `epochSecond` and `nanoOfSecond`, Google's `seconds` and
/// `nanos`, loguru's `timestamp`, MongoDB's `$date`, the `date` and `timezone` of a PHP
/// `DateTime` (Monolog 1).
fn of_object(value: &RawJson<'_>) -> Option<f64> {
    let entries = nested::entries(value)?;
    let get = |names: [&str; 2]| {
        let found = entries.iter().find(|(key, _)| names.contains(&&**key));
        found.map(|(_, value)| value)
    };
    if let Some(value) = get(["timestamp", "$date"]).or_else(|| get(["$numberLong"; 2])) {
        return time(value);
    }
    if let (Some(date), Some(zone)) = (get(["date"; 2]), get(["timezone"; 2])) {
        return of_php(&string(date)?, &string(zone)?);
    }
    let number = |value: &RawJson<'_>| value.0.trim_matches('"').parse::<f64>().ok();
    let seconds = number(get(["epochSecond", "seconds"])?)?;
    let nanos = get(["nanoOfSecond", "nanos"]).and_then(number).unwrap_or(0.0);
    // To the microsecond, as all times: more digits would be those of the sum.
    let seconds = seconds + (nanos / 1e3).floor() / 1e6;
    seconds.is_finite().then_some(seconds)
}

/// The time of a PHP `DateTime`, whose zone is an offset (`+01:00`), an abbreviation (`CET`) or
/// a name (`Europe/Berlin`).
fn of_php(date: &str, zone: &str) -> Option<f64> {
    let stamp = match zone.starts_with(['+', '-']) {
        true => format!("{date}{zone}").parse().ok()?,
        false => within(date, &TimeZone::get(zone).ok()?)?,
    };
    Some(seconds(stamp.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_time_is_the_same_whatever_was_read_before(
            times in proptest::collection::vec(
                "(1969|2026)-(11|13)-20[T ]10:0[01]:(00|59|60)[.,][0-9]{0,8}(Z|\\+01:00|-0130| UTC| GMT|z|)",
                1..20,
            ),
        ) {
            for text in times {
                let fresh = || {
                    LAST.set(None);
                    parse_time(&text)
                };
                let after_another = parse_time(&text);
                prop_assert_eq!(after_another, fresh(), "{}", text);
                prop_assert_eq!(after_another, parse_stamp(&text).map(|it| seconds(it.as_microsecond())));
            }
        }
    }
}
