//! Levels as other loggers write them: words, letters, and numbers on many scales.

use crate::level::Level;
use crate::text::sgr;

/// The scale of a logger's numeric levels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scale {
    /// Python's: 10 is DEBUG, 50 CRITICAL.
    Python,
    /// Not known: the number tells its scale ([`Scale::level`]).
    Unknown,
    /// syslog, GELF and journald: 0 is an emergency, 7 debug.
    Syslog,
    /// Google Cloud's `LogSeverity`: 100 is DEBUG, 800 EMERGENCY.
    Google,
    /// OpenTelemetry's `SeverityNumber`: four numbers for each level from TRACE (1) to FATAL
    /// (24).
    OpenTelemetry,
    /// .NET's `LogLevel`: 0 is Trace, 5 Critical.
    DotNet,
    /// consola: 0 is an error, 5 trace.
    Consola,
}

impl Scale {
    /// The level of a number. `None` if the scale has no such number.
    ///
    /// Numbers of an unknown scale are read by their size:
    ///
    /// | number | scale |
    /// |---|---|
    /// | below 0 | slog (-4 is DEBUG) and zap (-1 is DEBUG) |
    /// | 0 to 7 | syslog |
    /// | 8 to 99 | pino and bunyan, one step above Python's: 30 is INFO |
    /// | 100 to 999 | Monolog, ten times Python's |
    /// | from 1000 | log4j, logback and log4js, a thousand times Python's |
    fn level(self, number: i64) -> Option<Level> {
        let number = i32::try_from(number).ok()?;
        Some(match (self, number) {
            (Scale::Python, _) => Level(number),
            (Scale::Syslog, 0..=7) | (Scale::Unknown, 0..=7) => Level::from_syslog(number),
            (Scale::Unknown, -4..0) => Level::DEBUG,
            (Scale::Unknown, ..-4) => slog(number),
            (Scale::Unknown, 8..=10) => Level::TRACE,
            (Scale::Unknown, 11..=99) => Level(number - 10),
            (Scale::Unknown, 100..=999) => Level(number / 10).min(Level::CRITICAL),
            (Scale::Unknown, 1000..) => Level(number / 1000).min(Level::CRITICAL),
            (Scale::Google, 100..=199) => Level::DEBUG,
            (Scale::Google, 200..=299) => Level::INFO,
            (Scale::Google, 300..=399) => Level::NOTICE,
            (Scale::Google, 400..=499) => Level::WARNING,
            (Scale::Google, 500..=599) => Level::ERROR,
            (Scale::Google, 600..) => Level::CRITICAL,
            (Scale::OpenTelemetry, _) => Level::from_severity_number(number)?,
            (Scale::DotNet, 0) => Level::TRACE,
            (Scale::DotNet, 1..=5) => Level(number * 10),
            (Scale::Consola, 0) => Level::ERROR,
            (Scale::Consola, 1) => Level::WARNING,
            (Scale::Consola, 2 | 3) => Level::INFO,
            (Scale::Consola, 4) => Level::DEBUG,
            (Scale::Consola, 5) => Level::TRACE,
            _ => return None,
        })
    }
}

/// The level of a number of Go's slog: DEBUG is -4, INFO 0, WARN 4, ERROR 8. More detail than
/// DEBUG stays above NOTSET.
fn slog(number: i32) -> Level {
    match number {
        ..-4 => Level(number.saturating_add(4).saturating_add(10).max(1)),
        _ => Level((number.saturating_mul(10) / 4).saturating_add(20)),
    }
}

/// A level that was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ParsedLevel<'t> {
    /// The level.
    pub(crate) level: Level,
    /// The logger's name of the level, if it says more than Python's: `NOTICE`, `INFO+2`.
    pub(crate) name: Option<&'t str>,
}

/// Reads a level in text: a word in any case, a number on `scale`, a single letter, slog's
/// `INFO+2`, zap's `Level(-4)`, or `LogLevel.INFO`. Padding, brackets and colons around it
/// are ignored. [`plain`] removes colours. A fraction of a number is cut off.
pub(crate) fn read(text: &str, scale: Scale) -> Option<ParsedLevel<'_>> {
    let is_padding = |c: char| c.is_whitespace() || "[]<>(){}:*|\"'".contains(c);
    let trimmed = text.trim_matches(is_padding);
    if let Some(number) = number(trimmed) {
        return Some(ParsedLevel { level: scale.level(number)?, name: None });
    }
    if let Some(level) = Level::from_word(trimmed) {
        let numbered = trimmed.ends_with(|c: char| c.is_ascii_digit());
        let name = (level.standard_name().is_none() && !numbered).then_some(trimmed);
        return Some(ParsedLevel { level, name });
    }
    let level = letter(trimmed).or_else(|| relative(trimmed)).or_else(|| zap(text.trim()));
    if let Some(level) = level {
        let name = level.standard_name().is_none().then(|| text.trim());
        return Some(ParsedLevel { level, name });
    }
    // An enum's member: `LogLevel.INFO`, `LogLevel=info`.
    let (_, member) = trimmed.rsplit_once(['.', '='])?;
    if !member.ends_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    Some(ParsedLevel { level: Level::from_word(member)?, name: None })
}

/// A number, without its fraction.
fn number(text: &str) -> Option<i64> {
    if !text.starts_with(|c: char| "+-".contains(c) || c.is_ascii_digit()) {
        return None;
    }
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite())?;
    #[expect(clippy::cast_possible_truncation, reason = "no scale has numbers that large")]
    Some(number as i64)
}

/// The text without colours.
pub(crate) use sgr::strip as plain;

/// A level that is written as one letter, or as a letter and a number for more detail
/// (MongoDB's `D1` to `D5`).
pub(crate) fn letter(text: &str) -> Option<Level> {
    match text.as_bytes() {
        [letter] => of_letter(*letter),
        [b'D', b'1'..=b'5'] => Some(Level::DEBUG),
        _ => None,
    }
}

fn of_letter(letter: u8) -> Option<Level> {
    Some(match letter.to_ascii_uppercase() {
        b'T' | b'V' => Level::TRACE,
        b'D' => Level::DEBUG,
        b'I' => Level::INFO,
        b'N' => Level::NOTICE,
        b'W' => Level::WARNING,
        b'E' => Level::ERROR,
        b'C' | b'F' | b'A' | b'P' => Level::CRITICAL,
        _ => return None,
    })
}

/// slog's levels between the named ones: `INFO+2`, `DEBUG-4`. PostgreSQL's `DEBUG1` to
/// `DEBUG5`.
fn relative(text: &str) -> Option<Level> {
    let at = text.find(|c: char| !c.is_ascii_alphabetic())?;
    let (word, offset) = text.split_at(at);
    if word.eq_ignore_ascii_case("debug") && matches!(offset.as_bytes(), [b'1'..=b'5']) {
        return Some(Level::DEBUG);
    }
    if !offset.starts_with(['+', '-']) {
        return None;
    }
    let base = match Level::from_word(word)? {
        Level::DEBUG => -4,
        Level::INFO => 0,
        Level::WARNING => 4,
        Level::ERROR => 8,
        _ => return None,
    };
    Some(slog(offset.parse::<i32>().ok()?.checked_add(base)?))
}

/// A level that zap has no name for: zapr's verbosity 4 is `Level(-4)`.
fn zap(text: &str) -> Option<Level> {
    let number: i32 = text.strip_prefix("Level(")?.strip_suffix(')')?.parse().ok()?;
    Some(match number {
        // -1 is DEBUG.
        ..=-1 => Level(number.saturating_add(11).max(1)),
        _ => Level(number.saturating_mul(10).saturating_add(20)).min(Level::CRITICAL),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_in_every_spelling_and_on_every_scale() {
        use Scale::*;
        let cases = [
            (Unknown, "ERROR", 40, None),
            (Unknown, " [warn] ", 30, None),
            (Unknown, "Error:", 40, None),
            (Unknown, "notice", 25, Some("notice")),
            (Unknown, "SUCCESS", 25, Some("SUCCESS")),
            (Unknown, "LogLevel.INFO", 20, None),
            (Unknown, "trce", 5, Some("trce")),
            (Unknown, "fail", 40, None),
            (Unknown, "FINE", 10, None),
            (Unknown, "E", 40, None),
            (Unknown, "w", 30, None),
            (Unknown, "D3", 10, None),
            (Unknown, "DEBUG5", 10, None),
            (Unknown, "INFO+2", 25, Some("INFO+2")),
            (Unknown, "DEBUG-4", 6, Some("DEBUG-4")),
            (Unknown, "DEBUG-400", 1, Some("DEBUG-400")),
            (Unknown, "DEBUG+4", 20, None),
            (Unknown, "ERROR+4", 50, None),
            (Unknown, "Level(-4)", 7, Some("Level(-4)")),
            (Unknown, "Level(-1)", 10, None),
            (Unknown, "-4", 10, None),
            (Unknown, "-1", 10, None),
            (Unknown, "-8", 6, None),
            (Unknown, "30.5", 20, None),
            (Unknown, "30.0", 20, None),
            (Unknown, "-1.5", 10, None),
            (Unknown, "3e1", 20, None),
            (Unknown, "3", 40, None),
            (Unknown, "10", 5, None),
            (Unknown, "30", 20, None),
            (Unknown, "35", 25, None),
            (Unknown, "60", 50, None),
            (Unknown, "250", 25, None),
            (Unknown, "600", 50, None),
            (Unknown, "5000", 5, None),
            (Unknown, "30000", 30, None),
            (Python, "30", 30, None),
            (Syslog, "6", 20, None),
            (Google, "300", 25, None),
            (Google, "700", 50, None),
            (OpenTelemetry, "1", 5, None),
            (OpenTelemetry, "9", 20, None),
            (OpenTelemetry, "18", 42, None),
            (OpenTelemetry, "24", 56, None),
            (DotNet, "2", 20, None),
            (Consola, "1", 30, None),
        ];
        for (scale, text, level, name) in cases {
            let reading = read(text, scale);
            assert_eq!(
                reading,
                Some(ParsedLevel { level: Level(level), name }),
                "{scale:?} {text}"
            );
        }
    }

    #[test]
    fn other_text_is_not_a_level() {
        for text in [
            "",
            "x",
            "weird",
            "INFO+",
            "INFO+x",
            "Level(x)",
            "high",
            "99999999999",
            "+2",
            "v1.30",
            "1e400",
            "-inf",
        ] {
            assert_eq!(read(text, Scale::Google), None, "{text}");
        }
        assert_eq!(read("8", Scale::Syslog), None);
    }
}
