//! From the parts of a time to the time.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan};

use super::Context;

/// The numbers of a time, as far as the text has them.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) year: Option<i16>,
    pub(super) month: Option<i8>,
    pub(super) day: Option<i8>,
    pub(super) day_of_year: Option<i16>,
    pub(super) hour: i8,
    pub(super) minute: i8,
    pub(super) second: i8,
    pub(super) nanos: i32,
    pub(super) pm: Option<bool>,
    /// Seconds east of UTC.
    pub(super) offset: Option<i32>,
    /// A zone by its name: `Europe/Berlin`.
    pub(super) zone: Option<TimeZone>,
}

/// How much later than its reading a time without a year may be: clocks differ, and so do
/// zones.
const YEAR_SLACK: f64 = 86_400.0;
/// The same for a time without a date.
const DAY_SLACK: f64 = 3600.0;

impl Parts {
    /// The seconds and their fraction, in microseconds.
    pub(super) fn clock(&self) -> i64 {
        i64::from(self.second) * 1_000_000 + i64::from(self.nanos / 1000)
    }

    /// When the minute of the time began.
    pub(super) fn minute(&self, context: Context<'_>) -> Option<Timestamp> {
        let hour = match self.pm {
            Some(pm) => self.hour % 12 + if pm { 12 } else { 0 },
            None => self.hour,
        };
        let time = Time::new(hour, self.minute, 0, 0).ok()?;
        let zone = self.zone.as_ref().unwrap_or(context.zone);
        let at = |date: Date| self.at(DateTime::from_parts(date, time), zone);
        if let Some(year) = self.year {
            return at(self.date(year)?);
        }
        let before = |slack| Timestamp::from_second((context.received + slack) as i64).ok();
        let today = zone.to_datetime(before(0.0)?).date();
        if self.month.is_none() && self.day_of_year.is_none() {
            let latest = before(DAY_SLACK)?;
            let days =
                [1, 0, -1].into_iter().filter_map(|days| today.checked_add(days.days()).ok());
            return days.filter_map(at).find(|time| *time <= latest);
        }
        // 29 February is up to eight years ago.
        let latest = before(YEAR_SLACK)?;
        let years = (today.year() - 8..=today.year() + 1).rev();
        let times = years.filter_map(|year| at(self.date(year)?));
        { times }.find(|time| *time <= latest)
    }

    fn date(&self, year: i16) -> Option<Date> {
        match self.day_of_year {
            Some(day) => Date::new(year, 1, 1).ok()?.with().day_of_year(day).build().ok(),
            None => Date::new(year, self.month?, self.day?).ok(),
        }
    }

    fn at(&self, time: DateTime, zone: &TimeZone) -> Option<Timestamp> {
        match self.offset {
            Some(seconds) => Offset::from_seconds(seconds).ok()?.to_timestamp(time).ok(),
            None => zone.to_timestamp(time).ok(),
        }
    }
}
