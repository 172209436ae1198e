//! Reads the times of `--since` and `--until`, and those in conditions.

use jiff::civil::{Date, DateTime, Time};
use jiff::{Timestamp, ToSpan, Zoned};

use crate::error::{Error, Result};

const FORMS: &str = "Use a duration ago (10m, 1h30m), a day (today, yesterday), a time of day \
                     (07:30, 07:30:15), both (\"yesterday 07:30\"), a local date and time \
                     (2026-11-21, \"2026-11-21 07:30\") or RFC 3339 (2026-11-21T07:30:00Z).";

/// A span of time, of which either end may be open.
#[derive(Clone, Debug, Default)]
pub struct Span {
    /// The first moment.
    pub since: Option<Moment>,
    /// The first moment after the span.
    pub until: Option<Moment>,
}

/// A point in time that was typed.
#[derive(Clone, Debug)]
pub struct Moment {
    /// Seconds since 1970-01-01 UTC.
    pub seconds: f64,
    /// The day and time, if a time of day was typed that is not today's: `2026-11-20 23:30`.
    pub assumed: Option<String>,
}

/// A time as it was typed.
enum Typed {
    /// A duration before now.
    Ago(Timestamp),
    /// A day, a date and time, or RFC 3339.
    Dated(Timestamp),
    /// A time of some day.
    TimeOfDay(Time),
}

impl Span {
    /// Reads both ends.
    ///
    /// Days, dates and times of day are in the time zone of `now`. A time of day in `since` is
    /// the last such time before `now`. In `until`, it is the first such time after a `since`
    /// with a day or a time of day, and else today's. Where clocks are set back, a time that
    /// occurs twice means the first; where they are set forward, a time that is skipped means
    /// the time after the gap.
    ///
    /// # Errors
    /// A text has none of the forms, is beyond the calendar's range, or `until` is not after
    /// `since`.
    pub fn parse(since: Option<&str>, until: Option<&str>, now: &Zoned) -> Result<Span> {
        let read = |text: Option<&str>| match text {
            Some(text) => typed(text.trim(), now).map(Some).ok_or_else(|| not_a_time(text)),
            None => Ok(None),
        };
        let (first, last) = (read(since)?, read(until)?);
        let on_day = |text: Option<&str>, found: Option<Zoned>| {
            found
                .map(|found| Moment::on_day(&found, now))
                .ok_or_else(|| not_a_time(text.unwrap_or_default()))
        };
        let (mut span, mut anchor) = (Span::default(), None);
        span.since = match first {
            None => None,
            Some(Typed::Ago(time)) => Some(Moment::at(time)),
            Some(Typed::Dated(time)) => {
                anchor = Some(time.to_zoned(now.time_zone().clone()));
                Some(Moment::at(time))
            }
            Some(Typed::TimeOfDay(time)) => {
                anchor = last_before(time, now);
                Some(on_day(since, anchor.clone())?)
            }
        };
        span.until = match last {
            None => None,
            Some(Typed::Ago(time) | Typed::Dated(time)) => Some(Moment::at(time)),
            Some(Typed::TimeOfDay(time)) => {
                let found = match anchor {
                    Some(since) => first_after(time, &since),
                    None => on(now.date(), time, now),
                };
                Some(on_day(until, found)?)
            }
        };
        let ends = span.since.as_ref().zip(span.until.as_ref());
        if ends.is_some_and(|(since, until)| since.seconds >= until.seconds) {
            return Err(Error::usage("no time is both after --since and before --until")
                .hint("Give --since the earlier time: --since 20m --until 10m."));
        }
        Ok(span)
    }
}

impl Moment {
    /// Reads a time by itself. A time of day is the last such time before `now`.
    pub(super) fn parse(text: &str, now: &Zoned) -> Option<Moment> {
        Some(match typed(text.trim(), now)? {
            Typed::Ago(time) | Typed::Dated(time) => Moment::at(time),
            Typed::TimeOfDay(time) => Moment::on_day(&last_before(time, now)?, now),
        })
    }

    fn at(time: Timestamp) -> Moment {
        Moment { seconds: time.as_microsecond() as f64 / 1e6, assumed: None }
    }

    /// A time of day on the day that was assumed.
    fn on_day(time: &Zoned, now: &Zoned) -> Moment {
        let is_today = time.date() == now.date();
        let assumed = (!is_today).then(|| time.strftime("%Y-%m-%d %H:%M").to_string());
        Moment { assumed, ..Moment::at(time.timestamp()) }
    }
}

fn not_a_time(text: &str) -> Error {
    Error::usage(format!("{text:?} is not a point in time")).hint(FORMS)
}

fn typed(text: &str, now: &Zoned) -> Option<Typed> {
    if let Some(time) = ago(text, now) {
        return Some(Typed::Ago(time));
    }
    if let Some(time) = time_of_day(text) {
        return Some(Typed::TimeOfDay(time));
    }
    let dated = text.parse::<Timestamp>().ok();
    dated.or_else(|| date_and_time(text, now)).or_else(|| day(text, now)).map(Typed::Dated)
}

fn ago(text: &str, now: &Zoned) -> Option<Timestamp> {
    if text == "now" {
        return Some(now.timestamp());
    }
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

/// `yesterday` (its start) or `yesterday 07:30`.
fn day(text: &str, now: &Zoned) -> Option<Timestamp> {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let days = match word {
        "yesterday" => -1,
        "today" => 0,
        "tomorrow" => 1,
        _ => return None,
    };
    let time = match rest.trim() {
        "" => Time::midnight(),
        rest => time_of_day(rest)?,
    };
    let date = now.date().checked_add(days.days()).ok()?;
    Some(on(date, time, now)?.timestamp())
}

fn time_of_day(text: &str) -> Option<Time> {
    ["%H:%M:%S%.f", "%H:%M"].iter().find_map(|form| Time::strptime(form, text).ok())
}

fn on(date: Date, time: Time, now: &Zoned) -> Option<Zoned> {
    date.to_datetime(time).to_zoned(now.time_zone().clone()).ok()
}

/// The last such time before `now`, or now.
fn last_before(time: Time, now: &Zoned) -> Option<Zoned> {
    let today = on(now.date(), time, now)?;
    if today <= *now { Some(today) } else { on(now.date().checked_sub(1.day()).ok()?, time, now) }
}

/// The first such time after `since`.
fn first_after(time: Time, since: &Zoned) -> Option<Zoned> {
    let same_day = on(since.date(), time, since)?;
    if same_day > *since {
        Some(same_day)
    } else {
        on(since.date().checked_add(1.day()).ok()?, time, since)
    }
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

    fn utc(moment: Option<Moment>) -> String {
        let micros = moment.map(|moment| (moment.seconds * 1e6) as i64);
        let time = micros.map(|micros| Timestamp::from_microsecond(micros).unwrap().to_string());
        time.unwrap_or_default()
    }

    fn since(text: &str) -> String {
        utc(Span::parse(Some(text), None, &now()).unwrap().since)
    }

    fn until(text: &str) -> String {
        utc(Span::parse(None, Some(text), &now()).unwrap().until)
    }

    #[test]
    fn each_form_is_read() {
        let cases = [
            ("now", "2026-11-21T07:00:00Z"),
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
            ("today", "2026-11-20T23:00:00Z"),
            ("yesterday", "2026-11-19T23:00:00Z"),
            ("yesterday 14:00", "2026-11-20T13:00:00Z"),
            ("today 14:00:30", "2026-11-21T13:00:30Z"),
            ("tomorrow", "2026-11-21T23:00:00Z"),
        ];
        for (text, expected) in cases {
            assert_eq!(since(text), expected, "{text}");
            assert_eq!(until(text), expected, "{text}");
        }
    }

    #[test]
    fn a_time_of_day_has_a_day_that_fits_and_is_reported_unless_it_is_today() {
        let cases = [
            // The last one before now, and the first one after that.
            ("14:00", "15:00", "2026-11-20T13:00:00Z", "2026-11-20T14:00:00Z"),
            ("23:00", "01:00", "2026-11-20T22:00:00Z", "2026-11-21T00:00:00Z"),
            ("07:00", "07:30", "2026-11-21T06:00:00Z", "2026-11-21T06:30:00Z"),
            ("07:00", "09:00", "2026-11-21T06:00:00Z", "2026-11-21T08:00:00Z"),
            // The date of --since.
            ("2026-11-02 14:00", "15:00", "2026-11-02T13:00:00Z", "2026-11-02T14:00:00Z"),
            ("yesterday", "15:00", "2026-11-19T23:00:00Z", "2026-11-20T14:00:00Z"),
            ("yesterday 14:00", "13:00", "2026-11-20T13:00:00Z", "2026-11-21T12:00:00Z"),
            // Today's.
            ("3d", "07:30", "2026-11-18T07:00:00Z", "2026-11-21T06:30:00Z"),
        ];
        for (since, until, first, last) in cases {
            let span = Span::parse(Some(since), Some(until), &now()).unwrap();
            assert_eq!((utc(span.since), utc(span.until)), (first.into(), last.into()), "{since}");
        }
        let span = Span::parse(Some("14:00"), Some("07:30"), &now()).unwrap();
        assert_eq!(span.since.unwrap().assumed.as_deref(), Some("2026-11-20 14:00"));
        assert_eq!(span.until.unwrap().assumed, None);
        assert_eq!(until("23:30"), "2026-11-21T22:30:00Z");
    }

    #[test]
    fn times_at_a_clock_change_are_defined() {
        // Set back at three: 02:30 occurs twice.
        assert_eq!(since("2026-10-25 02:30"), "2026-10-25T00:30:00Z");
        // Set forward at two: 02:30 is skipped.
        assert_eq!(since("2026-03-29 02:30"), "2026-03-29T01:30:00Z");
    }

    #[test]
    fn text_without_a_time_is_refused_with_the_forms_that_are_read() {
        for text in [
            "",
            "soon",
            "25:00",
            "2026-13-01",
            "10",
            "-5m",
            "99999999999 years",
            "yesterday-ish",
            "yesterday 25:00",
        ] {
            let error = Span::parse(Some(text), None, &now()).unwrap_err();
            assert_eq!(error.exit(), Exit::Usage, "{text}");
            assert!(error.to_string().contains("RFC 3339"), "{error}");
        }
    }

    #[test]
    fn a_span_without_any_time_in_it_is_refused() {
        for (since, until) in [("10m", "20m"), ("today", "yesterday"), ("today", "today")] {
            let error = Span::parse(Some(since), Some(until), &now()).unwrap_err();
            assert_eq!(error.exit(), Exit::Usage, "{since}");
        }
    }

    proptest! {
        #[test]
        fn no_text_causes_a_panic(since in any::<String>(), until in "[0-9: a-z-]{0,12}") {
            drop(Span::parse(Some(&since), Some(&until), &now()));
        }

        #[test]
        fn times_printed_by_jiff_are_read_back(micros in -1_000_000_000_000..4_000_000_000_000_000i64) {
            let time = Timestamp::from_microsecond(micros).unwrap().to_string();
            let read = Span::parse(None, Some(&time), &now()).unwrap().until.unwrap();
            prop_assert_eq!((read.seconds * 1e6).round() as i64, micros);
        }
    }
}
