//! Times in the way that a format file writes them: strftime directives, read instead of
//! written.
//!
//! Written by hand: jiff's strptime knows neither years that are left out nor `,678` after
//! any text, and needs the length of the text.

mod reader;
mod resolve;

use std::borrow::Cow;
use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::wire::other_loggers::parse_time;
use reader::{Piece, Reader};
use resolve::Parts;

/// A compiled time format.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum TimeFormat {
    /// `iso`: as in [`leading`], or another time that [`parse_time`] reads.
    Iso,
    /// `epoch`: a number since 1970; its size tells its unit.
    Epoch,
    /// `tai64n`: `@` and 24 hexadecimal digits, as `multilog` and s6 write.
    Tai64n,
    /// strftime directives.
    Pieces(Pieces),
}

/// Directives and the texts between them.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Pieces {
    pieces: Cow<'static, [Piece]>,
    /// The second and its fraction: all that differs in the lines of a minute. Empty if they
    /// are not apart from the rest.
    clock: Range<usize>,
}

impl Context<'_> {
    /// The minute of reading.
    fn minute(self) -> i64 {
        (self.received / 60.0) as i64
    }
}

/// Where and when times are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// The zone of times without one.
    pub(crate) zone: &'a TimeZone,
    /// When the line was read: seconds since 1970-01-01 UTC. A year or a date that a time
    /// leaves out is the last that is not after it.
    pub(crate) received: f64,
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
                    Piece::of(directive).ok_or_else(|| format!("%{}", char::from(directive)))?
                }
                byte => Piece::Literal(byte),
            };
            if piece != Piece::Blanks || pieces.last() != Some(&Piece::Blanks) {
                pieces.push(piece);
            }
        }
        let clock = clock(&pieces);
        Ok(TimeFormat::Pieces(Pieces { pieces: pieces.into(), clock }))
    }

    /// The pieces of a text in this format.
    fn pieces(&self, text: &[u8]) -> Option<&Pieces> {
        match self {
            TimeFormat::Iso => Some(iso(text)),
            TimeFormat::Pieces(pieces) => Some(pieces),
            TimeFormat::Epoch | TimeFormat::Tai64n => None,
        }
    }

    /// Whether the format has a date. Without one, a time is of the day on which it was read.
    pub(super) fn has_date(&self) -> bool {
        match self {
            TimeFormat::Iso | TimeFormat::Epoch | TimeFormat::Tai64n => true,
            TimeFormat::Pieces(Pieces { pieces, .. }) => {
                pieces.iter().any(|piece| matches!(piece, Piece::Day | Piece::DayOfYear))
            }
        }
    }
}

/// Where the second and its fraction are among the pieces. A literal must be before them: only
/// then the text before them says how it is read.
fn clock(pieces: &[Piece]) -> Range<usize> {
    let second = pieces.iter().position(|piece| *piece == Piece::Second).unwrap_or(0);
    if second == 0 || !matches!(pieces[second - 1], Piece::Literal(_)) {
        return 0..0;
    }
    let fraction = |piece: &Piece| matches!(piece, Piece::Fraction | Piece::Milliseconds);
    let after = &pieces[second + 1..];
    let has_fraction = matches!(after, [Piece::Literal(_), piece, ..] if fraction(piece));
    second..second + if has_fraction { 3 } else { 1 }
}

/// ISO 8601 with any of its separators; written with `-` or `/`.
fn iso(text: &[u8]) -> &'static Pieces {
    const fn pieces(separator: u8) -> [Piece; 13] {
        [
            Piece::Year,
            Piece::Literal(separator),
            Piece::Month,
            Piece::Literal(separator),
            Piece::Day,
            Piece::DateEnd,
            Piece::Hour,
            Piece::Literal(b':'),
            Piece::Minute,
            Piece::Literal(b':'),
            Piece::Second,
            Piece::OptionalFraction,
            Piece::OptionalZone,
        ]
    }
    static DASHES: Pieces = Pieces { pieces: Cow::Borrowed(&pieces(b'-')), clock: 10..12 };
    static SLASHES: Pieces = Pieces { pieces: Cow::Borrowed(&pieces(b'/')), clock: 10..12 };
    if text.get(4) == Some(&b'/') { &SLASHES } else { &DASHES }
}

/// The last time that was read, without its seconds: the lines of a log share minutes, and years
/// and zones cost more to look up than all the rest.
#[derive(Clone, Debug)]
pub(crate) struct LastTime {
    /// The position of the time's format in its list.
    format: usize,
    /// The text before the second, and that after the fraction.
    text: [u8; 64],
    before: usize,
    after: usize,
    /// When the minute began, in microseconds since 1970-01-01 UTC.
    minute: Option<i64>,
    /// The minute of reading, if the time does not name its year.
    received: Option<i64>,
}

impl Default for LastTime {
    fn default() -> LastTime {
        LastTime { format: 0, text: [0; 64], before: 0, after: 0, minute: None, received: None }
    }
}

/// A time that was read from the start of a text.
struct Found {
    /// Microseconds since 1970-01-01 UTC.
    time: i64,
    /// The end of its text.
    end: usize,
}

impl Pieces {
    /// Reads a time at the start of a text.
    fn read(&self, text: &[u8], context: Context<'_>, last: &mut LastTime) -> Option<Found> {
        last.minute = None;
        let mut reader = Reader { rest: text, parts: Parts::default() };
        let (mut before, mut after) = (0, 0);
        for (at, piece) in self.pieces.iter().enumerate() {
            if at == self.clock.start {
                before = text.len() - reader.rest.len();
            }
            reader.read(*piece)?;
            if at + 1 == self.clock.end {
                after = text.len() - reader.rest.len();
            }
        }
        let minute = reader.parts.minute(context)?.as_microsecond();
        let end = text.len() - reader.rest.len();
        if after > 0 && before + end - after <= last.text.len() {
            last.text[..before].copy_from_slice(&text[..before]);
            (last.before, last.after) = (before, before + end - after);
            last.text[before..last.after].copy_from_slice(&text[after..end]);
            last.minute = Some(minute);
            last.received = reader.parts.year.is_none().then(|| context.minute());
        }
        Some(Found { time: minute + reader.parts.clock(), end })
    }

    /// Reads a time that differs from the last one in its second and fraction.
    fn read_again(&self, text: &[u8], context: Context<'_>, last: &LastTime) -> Option<Found> {
        let is_recent = last.received.is_none_or(|received| received == context.minute());
        let minute = last.minute.filter(|_| is_recent)?;
        let (before, after) = last.text[..last.after].split_at(last.before);
        let mut reader = Reader { rest: text.strip_prefix(before)?, parts: Parts::default() };
        self.pieces[self.clock.clone()].iter().try_for_each(|piece| reader.read(*piece))?;
        let (time, start) = (minute + reader.parts.clock(), reader.rest);
        // Read for its end: a longer zone may begin alike.
        self.pieces[self.clock.end..].iter().try_for_each(|piece| reader.read(*piece))?;
        let end = text.len() - reader.rest.len();
        let is_same = start.len() - reader.rest.len() == after.len() && start.starts_with(after);
        is_same.then_some(Found { time, end })
    }
}

/// Reads a text that is a time in one of the formats, and nothing else: seconds since 1970-01-01
/// UTC, and whether it has a date. Without one, it is of the day of reading.
pub(super) fn read(
    formats: &[TimeFormat],
    text: &str,
    context: Context<'_>,
    last: &mut LastTime,
) -> Option<(f64, bool)> {
    let bytes = text.as_bytes();
    let again = || formats.get(last.format)?.pieces(bytes)?.read_again(bytes, context, last);
    if let Some(found) = again().filter(|found| found.end == text.len()) {
        return Some((seconds(found.time), formats[last.format].has_date()));
    }
    formats.iter().enumerate().find_map(|(at, format)| {
        last.format = at;
        let found = format.pieces(bytes).and_then(|pieces| pieces.read(bytes, context, last));
        let found = found.filter(|found| found.end == text.len());
        let time = match (format, found) {
            (_, Some(found)) => seconds(found.time),
            (TimeFormat::Iso | TimeFormat::Epoch, _) => parse_time(text)?,
            (TimeFormat::Tai64n, _) => tai64n(text)?,
            (TimeFormat::Pieces(_), None) => return None,
        };
        Some((time, format.has_date()))
    })
}

/// A time at the start of a line.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct LeadingTime {
    /// Seconds since 1970-01-01 UTC, to the microsecond.
    pub(crate) seconds: f64,
    /// The index in the line after the time.
    pub(crate) end: usize,
}

/// Reads `2024-01-02 03:04:05` at the start of a line, with a `T` or a space, `-` or `/`,
/// an optional fraction after `.` or `,`, and an optional zone (`Z`, `UTC`, `+01:00`,
/// `+0100`, `+01`). A `[` may precede it. Without a zone, the time is in `zone`.
pub(crate) fn leading(line: &str, zone: &TimeZone, last: &mut LastTime) -> Option<LeadingTime> {
    let line = line.as_bytes();
    let start = usize::from(line.first() == Some(&b'['));
    // Most lines end here.
    if !line.get(start)?.is_ascii_digit() {
        return None;
    }
    let text = &line[start..];
    let context = Context { zone, received: 0.0 };
    let pieces = iso(text);
    let again = pieces.read_again(text, context, last);
    let Found { time, end } = again.or_else(|| pieces.read(text, context, last))?;
    let ends = !text.get(end).is_some_and(u8::is_ascii_alphanumeric);
    ends.then_some(LeadingTime { seconds: seconds(time), end: start + end })
}

/// Reads text that is a time: as in [`leading`], or a number since 1970.
pub(crate) fn exact(text: &str, zone: &TimeZone) -> Option<f64> {
    let stamp = leading(text, zone, &mut LastTime::default());
    let stamp = stamp.filter(|stamp| stamp.end == text.len());
    stamp.map(|stamp| stamp.seconds).or_else(|| parse_time(text))
}

#[expect(clippy::cast_precision_loss, reason = "an f64 holds microseconds for 285 years")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

/// `@4000000065937ca52a0b1c2d`: seconds of TAI after 2^62, and nanoseconds.
fn tai64n(text: &str) -> Option<f64> {
    /// TAI was 10 s ahead of UTC in 1970, and writers count no leap seconds since.
    const EPOCH: u64 = (1 << 62) + 10;
    let digits = text.strip_prefix('@').filter(|digits| digits.len() == 24)?;
    let whole = u64::from_str_radix(digits.get(..16)?, 16).ok()?.checked_sub(EPOCH)?;
    let nanos = u32::from_str_radix(digits.get(16..)?, 16).ok()?;
    let stamp = Timestamp::new(i64::try_from(whole).ok()?, i32::try_from(nanos).ok()?).ok()?;
    Some(seconds(stamp.as_microsecond()))
}

#[cfg(test)]
mod tests;
