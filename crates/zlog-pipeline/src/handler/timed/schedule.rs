//! Computes when a file is replaced by the clock, and the name of the replaced file.
//!
//! The rules are those of `TimedRotatingFileHandler` in CPython 3.13 (`computeRollover`, and
//! the names of `doRollover`), including daylight saving time, where earlier versions
//! differ. A differential test compares the two (tests/handlers).

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{DateTime, Time, Weekday};
use jiff::tz::TimeZone;

use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;

/// The unit or time at which a file is replaced: Python's `when`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// `S`: seconds.
    Second,
    /// `M`: minutes.
    Minute,
    /// `H`: hours.
    Hour,
    /// `D`: periods of 24 hours, from the time the file was started.
    Day,
    /// `midnight`: at the end of a day, or at the given time of day.
    Midnight,
    /// `W0` (Monday) to `W6`: on that weekday, at its end or at the given time of day.
    Weekly(Weekday),
}

impl When {
    /// The length of one interval, in seconds.
    fn unit(self) -> i64 {
        match self {
            When::Second => 1,
            When::Minute => MINUTE,
            When::Hour => HOUR,
            When::Day | When::Midnight => DAY,
            When::Weekly(_) => WEEK,
        }
    }

    /// The format of the suffix: Python's `suffix`, with a 0 for each digit.
    fn shape(self) -> &'static str {
        match self {
            When::Second => "0000-00-00_00-00-00",
            When::Minute => "0000-00-00_00-00",
            When::Hour => "0000-00-00_00",
            When::Day | When::Midnight | When::Weekly(_) => "0000-00-00",
        }
    }

    /// Whether `end` can be the suffix of a replaced file.
    pub(super) fn names(self, end: &str) -> bool {
        let fits = |(shape, byte): (u8, u8)| match shape {
            b'0' => byte.is_ascii_digit(),
            _ => byte == shape,
        };
        let shape = self.shape();
        end.len() == shape.len() && shape.bytes().zip(end.bytes()).all(fits)
    }
}

/// Reads Python's names, in upper or lower case.
impl FromStr for When {
    type Err = Error;

    fn from_str(name: &str) -> Result<When> {
        let upper = name.to_ascii_uppercase();
        Ok(match upper.as_str() {
            "S" => When::Second,
            "M" => When::Minute,
            "H" => When::Hour,
            "D" => When::Day,
            "MIDNIGHT" => When::Midnight,
            _ => When::Weekly(weekday(&upper).ok_or_else(|| {
                Error::usage(format!("unknown rotation time: '{}'", escape(name))).hint(
                    "Use S, M, H, D (seconds, minutes, hours, days), midnight, \
                     or W0 to W6 (Monday to Sunday).",
                )
            })?),
        })
    }
}

/// `W0`
fn weekday(name: &str) -> Option<Weekday> {
    match name.as_bytes() {
        [b'W', digit @ b'0'..=b'6'] => Weekday::from_monday_zero_offset((digit - b'0') as i8).ok(),
        _ => None,
    }
}

/// The times at which a file is replaced, in seconds since 1970-01-01 UTC.
pub(super) struct Schedule {
    when: When,
    /// In seconds.
    interval: i64,
    /// The second of the day, for midnight and weekdays.
    at: i64,
    zone: TimeZone,
}

impl Schedule {
    /// Every `interval` units of `when`, in the time zone `zone`. `at_time` is used for
    /// midnight and weekdays only.
    ///
    /// # Errors
    /// The interval is zero.
    pub(super) fn new(
        when: When,
        interval: u32,
        at_time: Option<Time>,
        zone: TimeZone,
    ) -> Result<Schedule> {
        if interval == 0 {
            let error = Error::usage("the rotation interval is 0");
            return Err(error.hint("Use an interval of 1 or more."));
        }
        let at = at_time.map_or(DAY, |time| {
            i64::from(time.hour()) * HOUR
                + i64::from(time.minute()) * MINUTE
                + i64::from(time.second())
        });
        Ok(Schedule { when, interval: when.unit() * i64::from(interval), at, zone })
    }

    /// When a file started at `from` is replaced: Python's `computeRollover`.
    pub(super) fn next(&self, from: i64) -> i64 {
        let day = match self.when {
            When::Midnight => None,
            When::Weekly(day) => Some(i64::from(day.to_monday_zero_offset())),
            _ => return from.saturating_add(self.interval),
        };
        let (begun, summer) = self.local(from);
        let mut weekday = i64::from(begun.weekday().to_monday_zero_offset());
        let mut wait = self.at - second_of_day(begun);
        if wait <= 0 {
            wait += DAY;
            weekday = (weekday + 1) % 7;
        }
        wait += match day {
            Some(day) => (day - weekday).rem_euclid(7) * DAY + self.interval - WEEK,
            None => self.interval - DAY,
        };
        let next = from.saturating_add(wait);
        next.saturating_add(match (summer, self.local(next).1) {
            // Clocks go back in between; Python assumes by an hour.
            (true, false) => HOUR,
            // Clocks go forward in between, but not within the last hour.
            (false, true) if self.local(next.saturating_sub(HOUR)).1 => -HOUR,
            _ => 0,
        })
    }

    /// The suffix of a file that was due at `due` and is replaced at `now`: its start, with
    /// summer time applied as it is at `now`.
    pub(super) fn name(&self, due: i64, now: i64) -> String {
        let begun = due.saturating_sub(self.interval);
        let (mut time, summer) = self.local(begun);
        match (summer, self.local(now).1) {
            (false, true) => time = self.local(begun.saturating_add(HOUR)).0,
            (true, false) => time = self.local(begun.saturating_sub(HOUR)).0,
            _ => {}
        }
        let date = format!("{:04}-{:02}-{:02}", time.year(), time.month(), time.day());
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        match self.when {
            When::Second => format!("{date}_{hour:02}-{minute:02}-{second:02}"),
            When::Minute => format!("{date}_{hour:02}-{minute:02}"),
            When::Hour => format!("{date}_{hour:02}"),
            When::Day | When::Midnight | When::Weekly(_) => date,
        }
    }

    /// The local time at `time`, and whether summer time is in effect.
    fn local(&self, time: i64) -> (DateTime, bool) {
        // `Timestamp` ends at the year 9999.
        let at = Timestamp::from_second(time).unwrap_or(if time < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        });
        let info = self.zone.to_offset_info(at);
        (info.offset().to_datetime(at), info.dst().is_dst())
    }
}

fn second_of_day(time: DateTime) -> i64 {
    i64::from(time.hour()) * HOUR + i64::from(time.minute()) * MINUTE + i64::from(time.second())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The time shown by clocks in `zone`, as seconds since 1970.
    fn at(zone: &TimeZone, time: &str) -> i64 {
        let time: DateTime = time.parse().unwrap();
        time.to_zoned(zone.clone()).unwrap().timestamp().as_second()
    }

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }

    fn schedule(when: &str, interval: u32) -> Schedule {
        Schedule::new(when.parse().unwrap(), interval, None, berlin()).unwrap()
    }

    #[test]
    fn names_of_times_are_python_s_in_any_case() {
        let names = [
            ("s", When::Second),
            ("M", When::Minute),
            ("h", When::Hour),
            ("D", When::Day),
            ("MidNight", When::Midnight),
            ("w0", When::Weekly(Weekday::Monday)),
            ("W6", When::Weekly(Weekday::Sunday)),
        ];
        for (name, when) in names {
            assert_eq!(name.parse::<When>().unwrap(), when, "{name}");
        }
        for wrong in ["", "W", "W7", "W00", "hourly", "mid night", "Ｗ0", "\u{1b}[31m"] {
            let error = wrong.parse::<When>().unwrap_err().to_string();
            assert!(error.contains("W0 to W6"), "{error}");
            assert!(!error.contains('\u{1b}'), "{error:?}");
        }
    }

    #[test]
    fn midnight_is_the_end_of_a_day_of_any_length() {
        let zone = berlin();
        let days = [
            ("2026-03-28T12:00:00", "2026-03-29T00:00:00"),
            ("2026-03-29T00:00:00", "2026-03-30T00:00:00"),
            ("2026-03-29T12:00:00", "2026-03-30T00:00:00"),
            ("2026-10-25T00:30:00", "2026-10-26T00:00:00"),
        ];
        for (from, next) in days {
            assert_eq!(schedule("midnight", 1).next(at(&zone, from)), at(&zone, next), "{from}");
        }
    }

    #[test]
    fn a_file_is_called_after_the_time_it_was_begun() {
        let zone = berlin();
        let due = at(&zone, "2026-06-02T00:00:00");
        let cases = [
            ("midnight", "2026-06-01"),
            ("W0", "2026-05-26"),
            ("H", "2026-06-01_23"),
            ("M", "2026-06-01_23-59"),
            ("S", "2026-06-01_23-59-59"),
        ];
        for (when, name) in cases {
            let schedule = schedule(when, 1);
            assert_eq!(schedule.name(due, due), name, "{when}");
            assert!(schedule.when.names(name), "{when}");
            assert!(!schedule.when.names(&format!("{name}.gz")), "{when}");
        }
    }

    #[test]
    fn an_interval_of_zero_is_refused() {
        assert!(Schedule::new(When::Hour, 0, None, TimeZone::UTC).is_err());
    }
}
