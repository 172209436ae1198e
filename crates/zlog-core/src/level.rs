//! The levels of records, on the scale of Python's logging.

use std::borrow::Cow;
use std::fmt;

use crate::text::ascii_lowercase;
use crate::text::suggest::nearest;

/// The names of levels that users may type besides Python's. [`Level::from_word`] accepts
/// more: `eror`, for example, is the spelling of a logger, but a typing error of a user.
const SHORT_LEVELS: [&str; 10] =
    ["trace", "notice", "warn", "err", "crit", "fatal", "alert", "emerg", "panic", "notset"];

/// The severity of a record, on Python's scale. Custom levels are numbers between the
/// five named ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Level(pub i32);

impl Level {
    /// No level was given or recognised (Python's `NOTSET`).
    pub const NOTSET: Level = Level(0);
    /// More detail than DEBUG: `trace` of other loggers. Python has no name for it.
    pub(crate) const TRACE: Level = Level(5);
    /// Detail for debugging.
    pub const DEBUG: Level = Level(10);
    /// Normal operation.
    pub const INFO: Level = Level(20);
    /// Between INFO and WARNING: syslog's `notice`. Python has no name for it.
    pub(crate) const NOTICE: Level = Level(25);
    /// Something unexpected happened, or trouble is near.
    pub const WARNING: Level = Level(30);
    /// An operation failed.
    pub const ERROR: Level = Level(40);
    /// The program may be unable to continue.
    pub const CRITICAL: Level = Level(50);

    /// The five named levels, in rising order.
    pub const NAMED: [Level; 5] =
        [Level::DEBUG, Level::INFO, Level::WARNING, Level::ERROR, Level::CRITICAL];

    /// Python's name of the level (`NOTSET` included); `None` for other numbers.
    pub const fn standard_name(self) -> Option<&'static str> {
        match self.0 {
            0 => Some("NOTSET"),
            10 => Some("DEBUG"),
            20 => Some("INFO"),
            30 => Some("WARNING"),
            40 => Some("ERROR"),
            50 => Some("CRITICAL"),
            _ => None,
        }
    }

    /// The name as `logging.getLevelName` returns it: `Level N` for custom levels.
    pub fn name(self) -> Cow<'static, str> {
        match self.standard_name() {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(format!("Level {}", self.0)),
        }
    }

    /// Reads a level name of a topic or a record: in capitals, with `WARN` for `WARNING`
    /// and `FATAL` for `CRITICAL`, or `Level N`.
    pub fn from_name(name: &str) -> Option<Level> {
        Some(match name {
            "DEBUG" => Level::DEBUG,
            "INFO" => Level::INFO,
            "WARNING" | "WARN" => Level::WARNING,
            "ERROR" => Level::ERROR,
            "CRITICAL" | "FATAL" => Level::CRITICAL,
            "NOTSET" => Level::NOTSET,
            _ => return Some(Level(name.strip_prefix("Level ")?.parse().ok()?)),
        })
    }

    /// Reads a level as another logger writes it: in any case, in common short forms, or
    /// as a number on Python's scale.
    ///
    /// `trace` is 5, `http` (winston) 15, `notice` and `success` (loguru) are 25; `alert`,
    /// `emerg` and `panic` are CRITICAL.
    pub fn from_word(word: &str) -> Option<Level> {
        /// The longest word below.
        const MAX_LEN: usize = 13;
        if let Some(level) = Level::from_name(word) {
            return Some(level);
        }
        Some(match ascii_lowercase(word, &mut [0; MAX_LEN])? {
            b"trace" | b"trc" | b"trce" | b"verbose" | b"vrb" | b"silly" | b"finer" | b"finest" => {
                Level::TRACE
            }
            b"debug" | b"dbg" | b"dbug" | b"debu" | b"debg" | b"fine" | b"config" => Level::DEBUG,
            b"http" => Level(15),
            b"info" | b"inf" | b"information" | b"informational" | b"log" | b"note" | b"system"
            | b"ready" | b"start" => Level::INFO,
            b"notice" | b"success" => Level::NOTICE,
            b"warning" | b"warn" | b"wrn" => Level::WARNING,
            b"error" | b"err" | b"eror" | b"erro" | b"severe" | b"fail" | b"failed" => Level::ERROR,
            b"critical" | b"crit" | b"fatal" | b"fata" | b"ftl" | b"fault" | b"alert"
            | b"emerg" | b"emergency" | b"panic" | b"pani" | b"dpanic" => Level::CRITICAL,
            b"notset" => Level::NOTSET,
            digits => {
                let digits = std::str::from_utf8(digits).ok()?;
                let number: i32 = digits.strip_prefix("level ").unwrap_or(digits).parse().ok()?;
                return Some(Level(number));
            }
        })
    }

    /// Reads a level as users type it: a name in any case, a short form listed in docs/emit.md, a number on Python's
    /// scale, or `Level N`.
    ///
    /// # Errors
    /// `text` is no level; the error says what to write, and the nearest name.
    pub fn from_typed(text: &str) -> Result<Level, String> {
        let lower = text.to_lowercase();
        let names = Level::NAMED.iter().filter_map(|level| level.standard_name());
        let names: Vec<String> = names.map(str::to_lowercase).collect();
        let words = || names.iter().map(String::as_str).chain(SHORT_LEVELS);
        let number = lower.strip_prefix("level ").unwrap_or(&lower);
        if let Ok(number) = number.parse() {
            return Ok(Level(number));
        }
        if let Some(level) = words().find(|word| *word == lower).and_then(Level::from_word) {
            return Ok(level);
        }
        let meant = match nearest(&lower, words()) {
            Some(nearest) => format!("did you mean {nearest}? Write"),
            None => "write".to_owned(),
        };
        Err(format!("not a level: {meant} {}, or a number (info is 20)", names.join(", ")))
    }

    /// The level of OpenTelemetry's `SeverityNumber`: four numbers for each level from TRACE (1) to
    /// FATAL (24). `None` for other numbers.
    pub fn from_severity_number(number: i32) -> Option<Level> {
        Some(match number {
            1..=4 => Level(4 + number),
            5..=24 => Level((number - 1) / 4 * 10 + (number - 1) % 4 * 2),
            _ => return None,
        })
    }

    /// OpenTelemetry's `SeverityNumber`; 0 (unspecified) without a level.
    pub fn severity_number(self) -> i32 {
        match self.0 {
            ..=0 => 0,
            number @ 1..=9 => (number - 4).clamp(1, 4),
            number => {
                let tens = (number / 10).min(5);
                1 + tens * 4 + ((number - tens * 10) / 2).min(3)
            }
        }
    }

    /// The level of a syslog severity: 0 (emergency) to 7 (debug).
    pub(crate) fn from_syslog(severity: i32) -> Level {
        match severity {
            ..=2 => Level::CRITICAL,
            3 => Level::ERROR,
            4 => Level::WARNING,
            5 => Level::NOTICE,
            6 => Level::INFO,
            _ => Level::DEBUG,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn level_names_are_pythons_and_read_back() {
        for level in [Level(0), Level(10), Level(15), Level(20), Level(50), Level(-3)] {
            assert_eq!(Level::from_name(&level.name()), Some(level), "{level}");
        }
        assert_eq!(Level(35).name(), "Level 35");
    }

    #[test]
    fn warn_and_fatal_are_read_as_warning_and_critical() {
        assert_eq!(Level::from_name("WARN"), Some(Level::WARNING));
        assert_eq!(Level::from_name("FATAL"), Some(Level::CRITICAL));
        assert_eq!(Level::from_name("warning"), None, "topics spell levels in capitals");
    }

    #[test]
    fn severity_numbers_are_levels_and_back() {
        let numbers = [(5, 1), (10, 5), (20, 9), (30, 13), (40, 17), (50, 21)];
        for (level, number) in numbers {
            assert_eq!(Level(level).severity_number(), number);
        }
        for number in 1..=24 {
            let level = Level::from_severity_number(number).unwrap();
            assert_eq!(level.severity_number(), number, "{level}");
        }
        assert_eq!((Level::from_severity_number(0), Level::from_severity_number(25)), (None, None));
        let numbers: Vec<i32> = (-5..200).map(|level| Level(level).severity_number()).collect();
        assert!(numbers.is_sorted() && numbers.last() == Some(&24), "{numbers:?}");
    }

    #[test]
    fn level_words_are_read_in_any_case_and_as_numbers() {
        assert_eq!(Level::from_word("Warning"), Some(Level::WARNING));
        assert_eq!(Level::from_word("err"), Some(Level::ERROR));
        assert_eq!(Level::from_word("35"), Some(Level(35)));
        assert_eq!(Level::from_word("level 7"), Some(Level(7)));
        assert_eq!(Level::from_word("information about"), None);
        assert_eq!(Level::from_word(""), None);
    }

    #[test]
    fn a_level_is_a_name_a_short_form_or_a_number_and_errors_suggest_the_nearest() {
        for level in Level::NAMED {
            let name = level.name();
            assert_eq!(Level::from_typed(&name), Ok(level));
            assert_eq!(Level::from_typed(&name.to_lowercase()), Ok(level));
        }
        for (text, number) in [
            ("Warn", 30),
            ("ERR", 40),
            ("crit", 50),
            ("notset", 0),
            ("trace", 5),
            ("notice", 25),
            ("35", 35),
            ("-3", -3),
            ("Level 15", 15),
            ("level 20", 20),
        ] {
            assert_eq!(Level::from_typed(text), Ok(Level(number)), "{text}");
        }
        for word in SHORT_LEVELS {
            assert!(Level::from_typed(word).is_ok(), "{word}");
        }
        for (text, nearest) in
            [("eror", "error"), ("dbug", "debug"), ("wrn", "warn"), ("Waring", "warning")]
        {
            let why = Level::from_typed(text).unwrap_err();
            assert!(why.contains(&format!("did you mean {nearest}?")), "{text}: {why}");
            assert!(why.contains("Write debug, info, warning, error, critical, or"), "{why}");
        }
        for text in ["", "loud", "Level", "Level x", "99999999999", "x".repeat(9999).as_str()] {
            let why = Level::from_typed(text).unwrap_err();
            assert!(why.starts_with("not a level: "), "{why}");
        }
    }
}
