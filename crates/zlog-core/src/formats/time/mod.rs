//! Times in the way that a format file writes them: strftime directives, read instead of
//! written.
//!
//! Written by hand: jiff's strptime knows neither years that are left out nor `,678` after
//! any text, and needs the length of the text.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan};

use crate::parse::time::exact;
use crate::text::ascii_lowercase;
use crate::wire::other_loggers::parse_time;

/// A compiled time format.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum TimeFormat {
    /// `iso`: as in [`exact`].
    Iso,
    /// `epoch`: a number since 1970; its size tells its unit.
    Epoch,
    /// `tai64n`: `@` and 24 hexadecimal digits, as `multilog` and s6 write.
    Tai64n,
    /// strftime directives.
    Pieces(Vec<Piece>),
}

/// A directive, or the text between two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Piece {
    Literal(u8),
    /// One blank or more.
    Blanks,
    /// `%Y`
    Year,
    /// `%y`: 1969 to 2068, as in POSIX.
    ShortYear,
    /// `%m`
    Month,
    /// `%b`, `%B`
    MonthName,
    /// `%d`, `%e`
    Day,
    /// `%j`
    DayOfYear,
    /// `%a`, `%A`
    Weekday,
    /// `%H`
    Hour,
    /// `%I`
    Hour12,
    /// `%p`
    AmPm,
    /// `%M`
    Minute,
    /// `%S`
    Second,
    /// `%f`: any digits of a fraction.
    Fraction,
    /// `%L`: a number of milliseconds, perhaps without leading zeros.
    Milliseconds,
    /// `%z`: `+0100`, `+01:00`, `+01`, `Z`.
    Offset,
    /// `%Z`: an abbreviation, a zone's name, or as `%z`.
    Zone,
}

/// Where and when times are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    /// The zone of times without one.
    pub(super) zone: &'a TimeZone,
    /// When the line was read: seconds since 1970-01-01 UTC. A year or a date that a time
    /// leaves out is the last that is not after it.
    pub(super) received: f64,
}

impl TimeFormat {
    /// Compiles `iso`, `epoch`, `tai64n`, or strftime directives.
    ///
    /// # Errors
    /// The unknown directive.
    pub(super) fn new(spec: &str) -> Result<TimeFormat, String> {
        match spec {
            "iso" => return Ok(TimeFormat::Iso),
            "epoch" => return Ok(TimeFormat::Epoch),
            "tai64n" => return Ok(TimeFormat::Tai64n),
            _ => {}
        }
        let mut pieces = Vec::new();
        let mut bytes = spec.bytes();
        while let Some(byte) = bytes.next() {
            let piece = match byte {
                b' ' => Piece::Blanks,
                b'%' => {
                    let directive = bytes.next().unwrap_or(b'%');
                    piece(directive).ok_or_else(|| format!("%{}", char::from(directive)))?
                }
                byte => Piece::Literal(byte),
            };
            if piece != Piece::Blanks || pieces.last() != Some(&Piece::Blanks) {
                pieces.push(piece);
            }
        }
        Ok(TimeFormat::Pieces(pieces))
    }

    /// Reads a text that is a time in this format, and nothing else: seconds since
    /// 1970-01-01 UTC.
    pub(super) fn read(
        &self,
        text: &str,
        context: Context<'_>,
        last: &mut LastMinute,
    ) -> Option<f64> {
        match self {
            TimeFormat::Iso => exact(text, context.zone),
            TimeFormat::Epoch => parse_time(text),
            TimeFormat::Tai64n => tai64n(text),
            TimeFormat::Pieces(pieces) => {
                let mut reader = Reader { rest: text.as_bytes(), parts: Parts::default() };
                pieces.iter().try_for_each(|piece| reader.read(*piece))?;
                if !reader.rest.is_empty() {
                    return None;
                }
                reader.parts.resolve(context, last)
            }
        }
    }

    /// Whether the format has a date. Without one, a time is of the day on which it was read.
    pub(super) fn has_date(&self) -> bool {
        match self {
            TimeFormat::Iso | TimeFormat::Epoch | TimeFormat::Tai64n => true,
            TimeFormat::Pieces(pieces) => {
                pieces.iter().any(|piece| matches!(piece, Piece::Day | Piece::DayOfYear))
            }
        }
    }
}

fn piece(directive: u8) -> Option<Piece> {
    Some(match directive {
        b'Y' => Piece::Year,
        b'y' => Piece::ShortYear,
        b'm' => Piece::Month,
        b'b' | b'B' => Piece::MonthName,
        b'd' | b'e' => Piece::Day,
        b'j' => Piece::DayOfYear,
        b'a' | b'A' => Piece::Weekday,
        b'H' => Piece::Hour,
        b'I' => Piece::Hour12,
        b'p' => Piece::AmPm,
        b'M' => Piece::Minute,
        b'S' => Piece::Second,
        b'f' => Piece::Fraction,
        b'L' => Piece::Milliseconds,
        b'z' => Piece::Offset,
        b'Z' => Piece::Zone,
        b'%' => Piece::Literal(b'%'),
        _ => return None,
    })
}

/// The minute of the last time that was read, and when it began: the lines of a log share
/// minutes, and years and zones cost more to look up than all the rest.
#[derive(Debug, Default)]
pub(super) struct LastMinute {
    minute: Option<Minute>,
    /// In microseconds since 1970-01-01 UTC.
    start: i64,
}

/// All that decides when a minute begins.
#[derive(Clone, PartialEq, Debug, Default)]
struct Minute {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    day_of_year: Option<i16>,
    hour: i8,
    minute: i8,
    offset: Option<i32>,
    zone: Option<TimeZone>,
    /// The minute of reading, which tells a year or a date that is left out.
    received: i64,
}

/// The numbers of a time, as far as the text has them.
#[derive(Default)]
struct Parts {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    day_of_year: Option<i16>,
    hour: i8,
    minute: i8,
    second: i8,
    nanos: i32,
    pm: Option<bool>,
    /// Seconds east of UTC.
    offset: Option<i32>,
    /// A zone by its name: `Europe/Berlin`.
    zone: Option<TimeZone>,
}

struct Reader<'a> {
    rest: &'a [u8],
    parts: Parts,
}

impl Reader<'_> {
    fn read(&mut self, piece: Piece) -> Option<()> {
        let small = |number: i32| i8::try_from(number).ok();
        match piece {
            Piece::Literal(byte) => self.skip(byte)?,
            Piece::Blanks => {
                self.blank()?;
                while self.blank().is_some() {}
            }
            Piece::Year => self.parts.year = i16::try_from(self.number(4, 4)?).ok(),
            Piece::ShortYear => {
                let year = self.number(2, 2)?;
                self.parts.year = i16::try_from(year + if year < 69 { 2000 } else { 1900 }).ok();
            }
            Piece::Month => self.parts.month = small(self.number(1, 2)?),
            Piece::MonthName => self.parts.month = small(self.name(&MONTHS)?),
            Piece::Day => {
                let _ = self.skip(b' ');
                self.parts.day = small(self.number(1, 2)?);
            }
            Piece::DayOfYear => self.parts.day_of_year = i16::try_from(self.number(1, 3)?).ok(),
            Piece::Weekday => drop(self.name(&WEEKDAYS)?),
            Piece::Hour => {
                let _ = self.skip(b' ');
                self.parts.hour = small(self.number(1, 2)?)?;
            }
            Piece::Hour12 => {
                self.parts.hour =
                    small(self.number(1, 2)?).filter(|hour| (1..=12).contains(hour))?;
            }
            Piece::AmPm => self.am_pm()?,
            Piece::Minute => self.parts.minute = small(self.number(1, 2)?)?,
            // Leap seconds count as the second before.
            Piece::Second => self.parts.second = small(self.number(1, 2)?.min(59))?,
            Piece::Fraction => self.parts.nanos = self.fraction()?,
            Piece::Milliseconds => self.parts.nanos = self.number(1, 3)? * 1_000_000,
            Piece::Offset => self.parts.offset = Some(self.offset()?),
            Piece::Zone => self.zone()?,
        }
        Some(())
    }

    fn skip(&mut self, byte: u8) -> Option<()> {
        self.rest = self.rest.strip_prefix(&[byte])?;
        Some(())
    }

    /// A blank, or the narrow one that Java writes before AM and PM.
    fn blank(&mut self) -> Option<()> {
        let narrow = self.rest.strip_prefix("\u{202f}".as_bytes());
        self.rest = self.rest.strip_prefix(b" ").or(narrow)?;
        Some(())
    }

    /// A number of `least` to `most` digits.
    fn number(&mut self, least: usize, most: usize) -> Option<i32> {
        let digits = self.rest.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
        if digits < least {
            return None;
        }
        let (text, rest) = self.rest.split_at(digits);
        self.rest = rest;
        Some(text.iter().fold(0, |number, digit| number * 10 + i32::from(digit - b'0')))
    }

    /// The digits of a fraction in nanoseconds. Those after the ninth are ignored.
    fn fraction(&mut self) -> Option<i32> {
        let (mut nanos, mut unit) = (0, 100_000_000);
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (text, rest) = self.rest.split_at(digits);
        self.rest = rest;
        for digit in text {
            nanos += i32::from(digit - b'0') * unit;
            unit /= 10;
        }
        (digits > 0).then_some(nanos)
    }

    fn letters(&mut self) -> &[u8] {
        let end = self.rest.iter().position(|byte| !byte.is_ascii_alphabetic());
        let (letters, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        letters
    }

    /// The position from 1 of a name, which may be cut to three letters or more.
    fn name(&mut self, names: &[&str]) -> Option<i32> {
        let mut lower = [0; 9];
        let letters = ascii_lowercase(str::from_utf8(self.letters()).ok()?, &mut lower)?;
        let is = |name: &&str| letters.len() >= 3 && name.as_bytes().starts_with(letters);
        let at = names.iter().position(is)?;
        i32::try_from(at + 1).ok()
    }

    fn am_pm(&mut self) -> Option<()> {
        let pm = match self.letters() {
            b"AM" | b"am" => false,
            b"PM" | b"pm" => true,
            _ => return None,
        };
        self.parts.pm = Some(pm);
        Some(())
    }

    fn offset(&mut self) -> Option<i32> {
        if self.skip(b'Z').is_some() {
            return Some(0);
        }
        let sign = match self.rest.first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        self.rest = &self.rest[1..];
        let hours = self.number(2, 2)?;
        let colon = self.skip(b':').is_some();
        let minutes = match self.number(2, 2) {
            None if colon => return None,
            minutes => minutes.unwrap_or(0),
        };
        Some(sign * (hours * 3600 + minutes * 60))
    }

    /// A zone's name, or an abbreviation. One that is unknown, or that several zones share,
    /// is the zone of this machine.
    fn zone(&mut self) -> Option<()> {
        if matches!(self.rest.first()?, b'+' | b'-') {
            self.parts.offset = Some(self.offset()?);
            return Some(());
        }
        let is_name = |byte: &u8| byte.is_ascii_alphabetic() || b"/_".contains(byte);
        let length = self.rest.iter().take_while(|byte| is_name(byte)).count();
        if self.rest[..length].contains(&b'/') {
            let (name, rest) = self.rest.split_at(length);
            self.rest = rest;
            self.parts.zone = TimeZone::get(str::from_utf8(name).ok()?).ok();
            return Some(());
        }
        let letters = self.letters();
        let known = ZONES.iter().find(|(name, _)| name.as_bytes() == letters);
        let hours = known.map(|(_, hours)| *hours);
        if letters.len() < 2 && hours.is_none() {
            return None;
        }
        self.parts.offset = hours.map(|hours| hours * 3600);
        Some(())
    }
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Abbreviations that mean one zone everywhere, in hours east of UTC.
const ZONES: [(&str, i32); 19] = [
    ("Z", 0),
    ("UTC", 0),
    ("GMT", 0),
    ("WET", 0),
    ("WEST", 1),
    ("CET", 1),
    ("CEST", 2),
    ("EET", 2),
    ("EEST", 3),
    ("MSK", 3),
    ("JST", 9),
    ("KST", 9),
    ("EST", -5),
    ("EDT", -4),
    ("CDT", -5),
    ("MST", -7),
    ("MDT", -6),
    ("PST", -8),
    ("PDT", -7),
];

/// How much later than its reading a time without a year may be: clocks differ, and so do
/// zones.
const YEAR_SLACK: f64 = 86_400.0;
/// The same for a time without a date.
const DAY_SLACK: f64 = 3600.0;

impl Parts {
    /// The time, in seconds since 1970-01-01 UTC.
    fn resolve(self, context: Context<'_>, last: &mut LastMinute) -> Option<f64> {
        #[expect(clippy::cast_possible_truncation, reason = "a time of reading is in range")]
        let received = (context.received / 60.0) as i64;
        let hour = match self.pm {
            Some(pm) => self.hour % 12 + if pm { 12 } else { 0 },
            None => self.hour,
        };
        let minute = Minute {
            year: self.year,
            month: self.month,
            day: self.day,
            day_of_year: self.day_of_year,
            hour,
            minute: self.minute,
            offset: self.offset,
            zone: self.zone,
            received: if self.year.is_some() { 0 } else { received },
        };
        if last.minute.as_ref() != Some(&minute) {
            let start = minute.start(context)?.as_microsecond();
            *last = LastMinute { minute: Some(minute), start };
        }
        let micros = i64::from(self.second) * 1_000_000 + i64::from(self.nanos / 1000);
        #[expect(clippy::cast_precision_loss, reason = "an f64 holds microseconds for 285 years")]
        Some((last.start + micros) as f64 / 1e6)
    }
}

impl Minute {
    fn start(&self, context: Context<'_>) -> Option<Timestamp> {
        let time = Time::new(self.hour, self.minute, 0, 0).ok()?;
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

#[expect(clippy::cast_precision_loss, reason = "an f64 holds microseconds for 285 years")]
fn seconds(stamp: Timestamp) -> f64 {
    stamp.as_microsecond() as f64 / 1e6
}

/// `@4000000065937ca52a0b1c2d`: seconds of TAI after 2^62, and nanoseconds.
fn tai64n(text: &str) -> Option<f64> {
    /// TAI was 10 s ahead of UTC in 1970, and writers count no leap seconds since.
    const EPOCH: u64 = (1 << 62) + 10;
    let digits = text.strip_prefix('@').filter(|digits| digits.len() == 24)?;
    let whole = u64::from_str_radix(digits.get(..16)?, 16).ok()?.checked_sub(EPOCH)?;
    let nanos = u32::from_str_radix(digits.get(16..)?, 16).ok()?;
    let stamp = Timestamp::new(i64::try_from(whole).ok()?, i32::try_from(nanos).ok()?).ok()?;
    Some(seconds(stamp))
}

#[cfg(test)]
mod tests;
