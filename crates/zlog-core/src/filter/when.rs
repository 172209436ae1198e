//! Reads the times of `--since` and `--until`.

use jiff::civil::{Date, DateTime, Time};
use jiff::{Timestamp, ToSpan, Zoned};

use crate::error::{Error, Result};

/// Which end of a time span is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound {
    /// `--since`: a time of day later than now means yesterday's.
    Since,
    /// `--until`: a time of day means today's.
    Until,
}

const FORMS: &str = "Use a duration ago (10m, \"1h 30m\"), a time of day (07:30, 07:30:15), \
                     a local date and time (2026-11-21, \"2026-11-21 07:30\") or RFC 3339 \
                     (2026-11-21T07:30:00Z).";

/// Reads a point in time: seconds since 1970-01-01 UTC.
///
/// A duration means that long before `now`. Dates and times of day are in `now`'s time zone.
/// Where clocks are set back, a time that occurs twice means the first; where they are set
/// forward, a time that is skipped means the time after the gap.
///
/// # Errors
/// `text` has none of the forms, or is beyond the calendar's range.
pub fn parse_when(text: &str, bound: Bound, now: &Zoned) -> Result<f64> {
    let trimmed = text.trim();
    let found = ago(trimmed, now)
        .or_else(|| trimmed.parse::<Timestamp>().ok())
        .or_else(|| date_and_time(trimmed, now))
        .or_else(|| time_of_day(trimmed, bound, now));
    match found {
        Some(time) => Ok(time.as_microsecond() as f64 / 1e6),
        None => Err(Error::usage(format!("{text:?} is not a point in time")).hint(FORMS)),
    }
}

fn ago(text: &str, now: &Zoned) -> Option<Timestamp> {
    let text = text.strip_suffix(" ago").unwrap_or(text);
    let duration = humantime::parse_duration(text).ok()?;
    now.timestamp().checked_sub(duration).ok()
}

fn date_and_time(text: &str, now: &Zoned) -> Option<Timestamp> {
    const FORMS: [&str; 4] =
        ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"];
    let date = Date::strptime("%Y-%m-%d", text).map(DateTime::from);
    let civil = date
        .or_else(|_| FORMS.iter().find_map(|form| DateTime::strptime(form, text).ok()).ok_or(()));
    Some(civil.ok()?.to_zoned(now.time_zone().clone()).ok()?.timestamp())
}

fn time_of_day(text: &str, bound: Bound, now: &Zoned) -> Option<Timestamp> {
    let time = ["%H:%M:%S%.f", "%H:%M"].iter().find_map(|form| Time::strptime(form, text).ok())?;
    let on = |date: Date| date.to_datetime(time).to_zoned(now.time_zone().clone()).ok();
    let today = on(now.date())?;
    let day = match bound {
        Bound::Since if today > *now => on(now.date().checked_sub(1.day()).ok()?)?,
        Bound::Since | Bound::Until => today,
    };
    Some(day.timestamp())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::Exit;

    /// 2026-11-21 08:00 in Berlin, 07:00 UTC.
    fn now() -> Zoned {
        "2026-11-21T08:00:00+01:00[Europe/Berlin]".parse().unwrap()
    }

    fn when(text: &str, bound: Bound) -> String {
        let seconds = parse_when(text, bound, &now()).unwrap();
        Timestamp::from_microsecond((seconds * 1e6) as i64).unwrap().to_string()
    }

    #[test]
    fn each_form_is_read() {
        let cases = [
            ("10m", "2026-11-21T06:50:00Z"),
            ("1h 30m", "2026-11-21T05:30:00Z"),
            ("2days ago", "2026-11-19T07:00:00Z"),
            ("2026-11-21T07:30:00Z", "2026-11-21T07:30:00Z"),
            ("2026-11-21T07:30:00.5+02:00", "2026-11-21T05:30:00.5Z"),
            ("2026-11-20", "2026-11-19T23:00:00Z"),
            ("2026-11-20 07:30", "2026-11-20T06:30:00Z"),
            ("2026-11-20 07:30:15", "2026-11-20T06:30:15Z"),
            ("2026-11-20T07:30:15.25", "2026-11-20T06:30:15.25Z"),
            (" 07:30 ", "2026-11-21T06:30:00Z"),
            ("07:30:15", "2026-11-21T06:30:15Z"),
        ];
        for (text, expected) in cases {
            assert_eq!(when(text, Bound::Since), expected, "{text}");
            assert_eq!(when(text, Bound::Until), expected, "{text}");
        }
    }

    #[test]
    fn a_time_of_day_later_than_now_began_yesterday_and_ends_today() {
        assert_eq!(when("23:30", Bound::Since), "2026-11-20T22:30:00Z");
        assert_eq!(when("23:30", Bound::Until), "2026-11-21T22:30:00Z");
    }

    #[test]
    fn times_at_a_clock_change_are_defined() {
        // Set back at three: 02:30 occurs twice.
        assert_eq!(when("2026-10-25 02:30", Bound::Since), "2026-10-25T00:30:00Z");
        // Set forward at two: 02:30 is skipped.
        assert_eq!(when("2026-03-29 02:30", Bound::Since), "2026-03-29T01:30:00Z");
    }

    #[test]
    fn text_without_a_time_is_refused_with_the_forms_that_are_read() {
        for text in ["", "soon", "25:00", "2026-13-01", "10", "-5m", "99999999999 years"] {
            let error = parse_when(text, Bound::Since, &now()).unwrap_err();
            assert_eq!(error.exit(), Exit::Usage, "{text}");
            assert!(error.to_string().contains("RFC 3339"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_causes_a_panic(text in any::<String>()) {
            drop(parse_when(&text, Bound::Since, &now()));
        }

        #[test]
        fn times_printed_by_jiff_are_read_back(micros in -1_000_000_000_000..4_000_000_000_000_000i64) {
            let time = Timestamp::from_microsecond(micros).unwrap();
            let read = parse_when(&time.to_string(), Bound::Until, &now()).unwrap();
            prop_assert_eq!((read * 1e6).round() as i64, micros);
        }
    }
}
