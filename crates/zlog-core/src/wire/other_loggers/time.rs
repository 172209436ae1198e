//! Times as other loggers write them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{nested, string};
use crate::record::RawJson;

thread_local! {
    /// The local time zone. [`TimeZone::system`] takes a lock.
    static LOCAL: TimeZone = TimeZone::system();
}

/// Reads a time: RFC 3339; ISO 8601 with `T` or a space, and `.` or `,` before the
/// fraction; or a number as in [`epoch`].
///
/// Returns seconds since 1970-01-01 UTC. A time without a zone is local time; ` UTC` and
/// ` GMT` are zones too.
pub(crate) fn parse_time(text: &str) -> Option<f64> {
    let text = text.trim();
    // The clock of a time has a colon. This saves most times the parser of numbers.
    if !text.contains(':')
        && let Ok(number) = text.parse::<f64>()
    {
        return epoch(number);
    }
    // A time begins with its year. This saves most words the parsers below.
    if !text.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return None;
    }
    let utc = text.strip_suffix(" UTC").or_else(|| text.strip_suffix(" GMT"));
    let stamp = match (utc, text.parse::<Timestamp>()) {
        (None, Ok(stamp)) => stamp,
        (None, Err(_)) => LOCAL.with(|zone| within(text, zone))?,
        (Some(text), _) => within(text, &TimeZone::UTC)?,
    };
    Some(seconds(stamp))
}

#[expect(clippy::cast_precision_loss, reason = "an f64 holds microseconds for 285 years")]
fn seconds(stamp: Timestamp) -> f64 {
    stamp.as_microsecond() as f64 / 1e6
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
    Some(seconds(stamp))
}
