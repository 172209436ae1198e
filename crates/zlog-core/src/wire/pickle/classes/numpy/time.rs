//! numpy's times and durations: a number of units.

use jiff::Span;
use jiff::civil::Date;

use super::super::{Scalar, printed};

/// The text of a missing time.
pub(super) const NAT: &str = "NaT";

/// The unit of a time.
pub(super) struct Unit {
    /// Its name, its name in a text, and how many of it are a second: 0 for longer ones.
    kind: &'static (&'static str, &'static str, i64),
    /// How many of it are one.
    count: i64,
}

static UNITS: [(&str, &str, i64); 14] = [
    ("Y", "years", 0),
    ("M", "months", 0),
    ("W", "weeks", 0),
    ("D", "days", 0),
    ("h", "hours", 0),
    ("m", "minutes", 0),
    ("s", "seconds", 1),
    ("ms", "milliseconds", 1_000),
    ("us", "microseconds", 1_000_000),
    ("ns", "nanoseconds", 1_000_000_000),
    ("ps", "picoseconds", 1_000_000_000_000),
    ("fs", "femtoseconds", 1_000_000_000_000_000),
    ("as", "attoseconds", 1_000_000_000_000_000_000),
    ("generic", "generic time units", 0),
];

impl Unit {
    /// `b"ns"`, and how many of it are one.
    pub(super) fn new(name: &[u8], count: i64) -> Option<Unit> {
        let kind = UNITS.iter().find(|(own, ..)| own.as_bytes() == name)?;
        (count > 0).then_some(Unit { kind, count })
    }

    /// The name of the type, and a time or a duration. `None` for years before 0, and for
    /// days after the year 9999.
    pub(super) fn scalar(&self, is_time: bool, data: &[u8]) -> Option<(&'static str, Scalar)> {
        let number = i64::from_le_bytes(data.try_into().ok()?);
        let is_nat = number == i64::MIN;
        let str = match is_time {
            _ if is_nat => NAT.to_owned(),
            true => self.time(number.checked_mul(self.count)?)?,
            false => format!("{} {}", number.checked_mul(self.count)?, self.kind.1),
        };
        // The unit of a time is that of its last part.
        let is_clear = self.count == 1 && self.kind.0 != "h";
        let unit = match (is_nat, is_time) {
            (true, false) | (false, false) if self.kind.0 == "generic" => String::new(),
            (false, true) if is_clear => String::new(),
            _ => format!(",'{}'", self.name()),
        };
        let shown = match (is_nat, is_time) {
            (false, false) => number.to_string(),
            _ => format!("'{str}'"),
        };
        let name = if is_time { "datetime64" } else { "timedelta64" };
        Some((name, Scalar { str, ..printed(format!("{shown}{unit}")) }))
    }

    /// `'datetime64[ns]'`
    pub(super) fn dtype_name(&self, is_time: bool) -> String {
        let name = if is_time { "datetime64" } else { "timedelta64" };
        match self.kind.0 {
            "generic" => name.to_owned(),
            _ => format!("'{name}[{}]'", self.name()),
        }
    }

    fn name(&self) -> String {
        let count = if self.count == 1 { String::new() } else { self.count.to_string() };
        format!("{count}{}", self.kind.0)
    }

    /// A time, `number` units after the beginning of 1970.
    fn time(&self, number: i64) -> Option<String> {
        const DAY: i64 = 86_400;
        let date = |days: i64| {
            let date =
                Date::constant(1970, 1, 1).checked_add(Span::new().try_days(days).ok()?).ok()?;
            (date.year() >= 0).then_some(date)
        };
        let clock = |seconds: i64, length: usize| {
            let day = date(seconds.div_euclid(DAY))?;
            let second = seconds.rem_euclid(DAY);
            let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
            let text = format!("{day}T{hour:02}:{minute:02}:{second:02}");
            Some(text[..length].to_owned())
        };
        let (date_length, time_length) = ("2024-01-02".len(), "T03:04:05".len());
        Some(match *self.kind {
            ("Y", ..) => {
                let year = number.checked_add(1970).filter(|year| *year >= 0)?;
                format!("{year:04}")
            }
            ("M", ..) => {
                let year = number.div_euclid(12) + 1970;
                let month = number.rem_euclid(12) + 1;
                format!("{:04}-{month:02}", Some(year).filter(|it| *it >= 0)?)
            }
            ("W", ..) => date(number.checked_mul(7)?)?.to_string(),
            ("D", ..) => date(number)?.to_string(),
            ("h", ..) => clock(number.checked_mul(3600)?, date_length + "T03".len())?,
            ("m", ..) => clock(number.checked_mul(60)?, date_length + "T03:04".len())?,
            (_, _, 1) => clock(number, date_length + time_length)?,
            (_, _, parts) if parts > 0 => {
                let seconds = clock(number.div_euclid(parts), date_length + time_length)?;
                let digits = parts.ilog10() as usize;
                format!("{seconds}.{:0digits$}", number.rem_euclid(parts))
            }
            _ => return None,
        })
    }
}

/// The number in the `repr()` of a duration: `5,'25s'`.
pub(super) fn number(repr: &str) -> &str {
    repr.split(',').next().unwrap_or(repr)
}
