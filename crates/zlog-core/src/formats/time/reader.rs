//! Reads the parts of a time from text.

use jiff::tz::TimeZone;

use super::resolve::Parts;
use crate::text::ascii_lowercase;

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
    /// `T` or a blank between date and time.
    DateEnd,
    /// A fraction after `.` or `,`, if there is one.
    OptionalFraction,
    /// An offset, `Z` or ` UTC`, if there is one.
    OptionalZone,
}

impl Piece {
    /// The piece of a directive.
    pub(super) fn of(directive: u8) -> Option<Piece> {
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
}

/// Reads a text piece by piece.
pub(super) struct Reader<'a> {
    pub(super) rest: &'a [u8],
    pub(super) parts: Parts,
}

impl Reader<'_> {
    /// Reads a piece from the start of the rest. `None` if the text is something else.
    pub(super) fn read(&mut self, piece: Piece) -> Option<()> {
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
            Piece::DateEnd => {
                let is_end = |byte: &u8| b"T t".contains(byte);
                self.rest = self.rest.split_first().filter(|(byte, _)| is_end(byte))?.1;
            }
            Piece::OptionalFraction => self.optional_fraction(),
            Piece::OptionalZone => self.optional_zone(),
        }
        Some(())
    }

    /// A fraction after a point or a comma, unless it ends a sentence.
    fn optional_fraction(&mut self) {
        if let [b'.' | b',', rest @ ..] = self.rest
            && rest.first().is_some_and(u8::is_ascii_digit)
        {
            self.rest = rest;
            self.parts.nanos = self.fraction().unwrap_or(0);
        }
    }

    /// `Z`, `+01:00`, `+0100` or `+01`; after a blank also `UTC` and `GMT`, and only the longer
    /// offsets, since `- 12` is no zone.
    fn optional_zone(&mut self) {
        let start = self.rest;
        if self.skip(b'z').is_some() {
            self.parts.offset = Some(0);
            return;
        }
        let after_blank = self.skip(b' ').is_some();
        if self.rest.starts_with(b"UTC") || self.rest.starts_with(b"GMT") {
            self.rest = &self.rest[3..];
            self.parts.offset = Some(0);
            return;
        }
        let begin = self.rest;
        self.parts.offset = self.offset();
        let length = begin.len() - self.rest.len();
        if self.parts.offset.is_none() || after_blank && length < "+0100".len() {
            (self.parts.offset, self.rest) = (None, start);
        }
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
