//! The field names, levels and times of other loggers: pino, bunyan, zap, logrus, slog,
//! structlog, logback, tracing-subscriber, Serilog, Docker and journald.
//!
//! Used for JSON lines, logfmt lines and JSON bodies that are not `LogRecord`s.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::record::{Level, RawJson, Record, Text};
use crate::text::ascii_lowercase;
use crate::wire::json;

/// A field that every logger has under some name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Field {
    /// [`Record::created`].
    Time,
    /// [`Record::level`].
    Level,
    /// [`Record::msg`].
    Message,
    /// [`Record::name`].
    Name,
    /// The error or traceback, if it is text: [`Record::exc_text`].
    ExcText,
}

/// The field of another logger's key. Ignores ASCII case.
pub(crate) fn field_alias(key: &str) -> Option<Field> {
    /// The longest name below.
    const MAX_KEY_LEN: usize = 12;
    Some(match ascii_lowercase(key, &mut [0; MAX_KEY_LEN])? {
        b"time" | b"ts" | b"timestamp" | b"@timestamp" | b"asctime" | b"datetime" | b"t"
        | b"@t" => Field::Time,
        b"level" | b"lvl" | b"severity" | b"log.level" | b"loglevel" | b"levelname" | b"@l" => {
            Field::Level
        }
        b"message" | b"msg" | b"event" | b"text" | b"@m" => Field::Message,
        b"logger" | b"name" | b"logger_name" | b"loggername" | b"logger.name" | b"log.logger"
        | b"target" => Field::Name,
        b"error" | b"err" | b"exception" | b"stack" | b"stack_trace" | b"stacktrace"
        | b"exc_info" | b"exc_text" | b"traceback" | b"@x" => Field::ExcText,
        _ => return None,
    })
}

/// Reads a time: RFC 3339; ISO 8601 with `T` or a space, and `.` or `,` before the
/// fraction; or a number as in [`epoch`].
///
/// Returns seconds since 1970-01-01 UTC. A time without a zone is local time; ` UTC` and
/// ` GMT` are zones too.
pub(crate) fn parse_time(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        return number.is_finite().then(|| epoch(number));
    }
    // A time begins with its year. This saves most words the parsers below.
    if !text.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return None;
    }
    let utc = text.strip_suffix(" UTC").or_else(|| text.strip_suffix(" GMT"));
    let stamp = match (utc, text.parse::<Timestamp>()) {
        (None, Ok(stamp)) => stamp,
        (None, Err(_)) => local(text, TimeZone::system())?,
        (Some(text), _) => local(text, TimeZone::UTC)?,
    };
    #[expect(clippy::cast_precision_loss, reason = "an f64 holds microseconds for 285 years")]
    Some(stamp.as_microsecond() as f64 / 1e6)
}

fn local(text: &str, zone: TimeZone) -> Option<Timestamp> {
    let time: DateTime = text.parse().ok()?;
    Some(zone.to_zoned(time).ok()?.timestamp())
}

/// Converts a time since 1970-01-01 UTC to seconds. Its size tells its unit: seconds,
/// milliseconds, microseconds or nanoseconds.
///
/// Each unit covers the years from 1973 to 5138.
fn epoch(number: f64) -> f64 {
    match number.abs() {
        size if size < 1e11 => number,
        size if size < 1e14 => number / 1e3,
        size if size < 1e17 => number / 1e6,
        _ => number / 1e9,
    }
}

/// The logger that wrote an object, if that changes the meaning of its keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Origin {
    /// Levels are Python's: 10 is DEBUG, 50 CRITICAL.
    Any,
    /// Pino and bunyan: 10 is trace, 20 debug, 60 fatal.
    Pino,
    /// `journalctl -o json`: levels are syslog's, 0 is an emergency and 7 debug.
    Journald,
    /// Docker's json-file driver: `log` has the output of a program.
    Docker,
}

impl Origin {
    /// Recognises the logger by its keys.
    ///
    /// Pino's levels are multiples of ten like Python's, but one step higher. Pino and
    /// bunyan send a `v`, or `pid`, `hostname` and a number as `time`.
    fn of(record: &Record<'_>) -> Origin {
        let value = |name: &str| {
            let found = record.extras.iter().find(|(key, _)| key == name);
            found.map_or("", |(_, value)| &*value.0)
        };
        let numeric = |name| value(name).starts_with(|c: char| c.is_ascii_digit());
        let sender = || numeric("pid") && record.hostname.is_some() && numeric("time");
        if numeric("level") && (numeric("v") || sender()) {
            Origin::Pino
        } else if !value("__REALTIME_TIMESTAMP").is_empty() {
            Origin::Journald
        } else if value("log").starts_with('"') && value("stream").starts_with('"') {
            Origin::Docker
        } else {
            Origin::Any
        }
    }

    /// The field of a key.
    fn field(self, key: &str) -> Option<Field> {
        match (self, key) {
            (Origin::Journald, "__REALTIME_TIMESTAMP") => Some(Field::Time),
            (Origin::Journald, "PRIORITY") => Some(Field::Level),
            (Origin::Journald, "SYSLOG_IDENTIFIER") => Some(Field::Name),
            (Origin::Docker, "log") => Some(Field::Message),
            _ => field_alias(key),
        }
    }

    /// The level of a number.
    fn level(self, number: i32) -> Level {
        match (self, number) {
            (Origin::Pino, ..=10) => Level::TRACE,
            (Origin::Pino, _) => Level(number - 10),
            (Origin::Journald, _) => Level::from_syslog(number),
            (Origin::Any | Origin::Docker, _) => Level(number),
        }
    }
}

/// Moves extras with names of other loggers to fields that are empty. Returns whether it
/// found a message.
///
/// Of several names of one field the first counts; of several tracebacks, the first with
/// more than one line. The others stay extras.
pub(super) fn normalize(record: &mut Record<'_>) -> bool {
    let origin = Origin::of(record);
    let mut extras = std::mem::take(&mut record.extras);
    flatten_fields(&mut extras);
    let exception = find_exception(&extras);
    let mut message = false;
    let mut at = 0;
    extras.retain(|(key, value)| {
        at += 1;
        match origin.field(key) {
            Some(Field::Time) if record.created.is_none() => {
                record.created = time(value);
                record.created.is_none()
            }
            Some(Field::Level) if record.level == Level::NOTSET => {
                !set_level(record, value, origin)
            }
            Some(Field::Message) if record.msg.is_empty() && !message => {
                let Some(text) = string(value) else { return true };
                record.msg = text;
                if origin == Origin::Docker {
                    // Docker keeps the line end.
                    strip_newline(&mut record.msg);
                }
                message = true;
                false
            }
            Some(Field::Name) if record.name.is_none() => {
                record.name = string(value);
                record.name.is_none()
            }
            Some(Field::ExcText) if record.exc_text.is_none() && exception == Some(at - 1) => {
                record.exc_text = string(value);
                record.exc_text.is_none()
            }
            _ => true,
        }
    });
    record.extras = extras;
    message
}

fn set_level(record: &mut Record<'_>, value: &RawJson<'_>, origin: Origin) -> bool {
    // journald writes numbers as strings.
    let quoted = if origin == Origin::Journald { string(value) } else { None };
    if let Ok(number) = quoted.as_deref().unwrap_or(&value.0).parse() {
        record.level = origin.level(number);
        return true;
    }
    let Some(word) = string(value) else { return false };
    let Some(level) = Level::from_word(&word) else { return false };
    record.level = level;
    // Keep `NOTICE`, which says more than `Level 25`.
    if level.standard_name().is_none() && !word.ends_with(|c: char| c.is_ascii_digit()) {
        record.levelname = Some(Cow::Owned(word.to_ascii_uppercase()));
    }
    true
}

fn strip_newline(text: &mut Text<'_>) {
    let length = text.strip_suffix('\n').map(|rest| rest.trim_end_matches('\r').len());
    match (length, text) {
        (Some(length), Cow::Borrowed(text)) => *text = &text[..length],
        (Some(length), Cow::Owned(text)) => text.truncate(length),
        (None, _) => {}
    }
}

/// Moves the fields of tracing-subscriber's JSON up, which it nests under `fields`.
fn flatten_fields<'a>(extras: &mut Vec<(Text<'a>, RawJson<'a>)>) {
    let Some(at) = extras.iter().position(|(key, _)| key == "fields") else { return };
    let Cow::Borrowed(json) = extras[at].1.0 else { return };
    let Some(fields) = json::entries(json) else { return };
    if fields.iter().any(|(key, _)| key == "message") {
        let fields = fields.into_iter().map(|(key, value)| (key, RawJson(value.into())));
        extras.splice(at..=at, fields);
    }
}

/// The index of the traceback: the first with several lines, else the first.
fn find_exception(extras: &[(Text<'_>, RawJson<'_>)]) -> Option<usize> {
    let candidate = |lines: bool| {
        extras.iter().position(|(key, value)| {
            field_alias(key) == Some(Field::ExcText)
                && value.0.starts_with('"')
                && (!lines || value.0.contains("\\n"))
        })
    };
    candidate(true).or_else(|| candidate(false))
}

/// The text of a JSON string; `None` for other values.
pub(super) fn string<'a>(value: &RawJson<'a>) -> Option<Text<'a>> {
    match &value.0 {
        Cow::Borrowed(json) => json::string_value(json),
        Cow::Owned(json) => json::string_value(json).map(|text| Cow::Owned(text.into_owned())),
    }
}

/// The time in a JSON value: a number, or a string that [`parse_time`] reads.
pub(super) fn time(value: &RawJson<'_>) -> Option<f64> {
    match string(value) {
        Some(text) => parse_time(&text),
        None => value.0.parse().ok().filter(|n: &f64| n.is_finite()).map(epoch),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_a_zone_are_read() {
        let second = 1_763_712_000.0;
        for text in [
            "2025-11-21T08:00:00Z",
            "2025-11-21 08:00:00Z",
            "2025-11-21T09:00:00+01:00",
            "2025-11-21T09:00:00+0100",
            "2025-11-21 08:00:00 UTC",
            "1763712000",
            "1763712000000",
            "1.763712e9",
            "1763712000000000",
            "1763712000000000000",
        ] {
            assert_eq!(parse_time(text), Some(second), "{text}");
        }
        assert_eq!(parse_time("2025-11-21T08:00:00.123456Z"), Some(second + 0.123456));
        assert_eq!(parse_time("2025-11-21 08:00:00,123 UTC"), Some(second + 0.123));
    }

    #[test]
    fn a_time_without_a_zone_is_local() {
        let zone = TimeZone::system();
        let civil: DateTime = "2025-11-21T08:00:00".parse().unwrap();
        let local = zone.to_zoned(civil).unwrap().timestamp().as_second();
        let read = parse_time("2025-11-21 08:00:00,500").unwrap();
        assert_eq!(read, local as f64 + 0.5);
    }

    #[test]
    fn words_are_not_times() {
        for text in ["", "now", "inf", "nan", "12:30", "2025-13-01T00:00:00Z", "-", "1 2"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn names_are_recognised_in_any_case() {
        assert_eq!(field_alias("Timestamp"), Some(Field::Time));
        assert_eq!(field_alias("@timestamp"), Some(Field::Time));
        assert_eq!(field_alias("LEVEL"), Some(Field::Level));
        assert_eq!(field_alias("stack_trace"), Some(Field::ExcText));
        assert_eq!(field_alias("messages"), None);
        assert_eq!(field_alias("a key that is longer than any name"), None);
        assert_eq!(field_alias(""), None);
    }

    fn normalized(text: &str) -> Record<'_> {
        json::read(text).unwrap()
    }

    #[test]
    fn pino_and_bunyan_count_levels_one_step_higher() {
        let pino = normalized(
            r#"{"level":30,"time":1763712000123,"pid":7,"hostname":"h","msg":"hi","reqId":1}"#,
        );
        assert_eq!((pino.level, &*pino.msg), (Level::INFO, "hi"));
        assert_eq!(pino.created, Some(1_763_712_000.123));
        let bunyan = normalized(
            r#"{"name":"app","hostname":"h","pid":7,"level":60,"msg":"x","time":"2025-11-21T08:00:00.000Z","v":0}"#,
        );
        assert_eq!((bunyan.level, bunyan.name.as_deref()), (Level::CRITICAL, Some("app")));
        assert_eq!(normalized(r#"{"level":30,"msg":"x"}"#).level, Level::WARNING);
    }

    #[test]
    fn keys_of_other_loggers_move_to_their_fields() {
        let zap = normalized(
            r#"{"level":"error","ts":1763712000.5,"logger":"db","msg":"lost","error":"EOF","stacktrace":"main\n\tx.go:1"}"#,
        );
        assert_eq!(zap.exc_text.as_deref(), Some("main\n\tx.go:1"));
        assert_eq!(zap.extras, [("error".into(), RawJson("\"EOF\"".into()))]);
        assert_eq!((zap.level, zap.name.as_deref()), (Level::ERROR, Some("db")));

        let notice = normalized(r#"{"severity":"notice","message":"m"}"#);
        assert_eq!((notice.level, &*notice.level_name()), (Level::NOTICE, "NOTICE"));

        let java =
            normalized(r#"{"@timestamp":"2025-11-21T08:00:00Z","thread":"main","message":"m"}"#);
        assert_eq!(java.thread_name.as_deref(), Some("main"));
    }

    #[test]
    fn records_of_docker_and_journald_are_read() {
        let docker =
            normalized(r#"{"log":"up\r\n","stream":"stderr","time":"2025-11-21T08:00:00.5Z"}"#);
        assert_eq!((&*docker.msg, docker.created), ("up", Some(1_763_712_000.5)));
        assert_eq!(normalized(r#"{"log":"x","msg":"m"}"#).msg, "m", "only Docker has `log`");
        let journal = normalized(
            r#"{"MESSAGE":"denied","PRIORITY":"4","SYSLOG_IDENTIFIER":"sshd","__REALTIME_TIMESTAMP":"1763712000500000"}"#,
        );
        assert_eq!((&*journal.msg, journal.level), ("denied", Level::WARNING));
        assert_eq!((journal.name.as_deref(), journal.created), (Some("sshd"), docker.created));
        assert!(journal.extras.is_empty(), "{:?}", journal.extras);
    }

    #[test]
    fn the_nested_fields_of_tracing_subscriber_are_found() {
        let record = normalized(
            r#"{"timestamp":"2025-11-21T08:00:00Z","level":"WARN","fields":{"message":"m","n":1},"target":"app::db"}"#,
        );
        assert_eq!((&*record.msg, record.name.as_deref()), ("m", Some("app::db")));
        assert_eq!(record.extras, [("n".into(), RawJson("1".into()))]);
    }

    #[test]
    fn a_value_that_does_not_fit_its_field_stays_an_extra() {
        let record = normalized(r#"{"time":"noon","level":"weird","error":{"code":1},"msg":"m"}"#);
        assert_eq!((record.created, record.level), (None, Level::NOTSET));
        assert_eq!(record.extras.len(), 3);
    }
}
