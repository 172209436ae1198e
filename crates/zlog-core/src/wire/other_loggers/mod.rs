//! The field names, levels and times of other loggers: pino, bunyan, zap, logrus, slog,
//! structlog, logback, tracing-subscriber, Serilog, Docker, journald and others.
//!
//! Used for JSON lines, logfmt lines and JSON bodies that are not `LogRecord`s.
//!
//! `table` names of those whose keys or numbers mean something else elsewhere.

mod keys;
mod level_and_time;
pub(crate) mod levels;
pub(super) mod logbook;
mod loggers;
mod loguru;
mod nested;
mod table;
mod template;
mod time;

use std::borrow::Cow;

use crate::level::Level;
use crate::record::{RawJson, Record, Text};
use crate::text::ascii_lowercase;
use crate::text::json;
pub(super) use level_and_time::{level_key, level_of_word, time_keys};
use levels::Scale;
use table::Logger;
pub(crate) use time::parse_time;
pub(super) use time::time;

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

/// The longest key that says anything.
const MAX_KEY_LEN: usize = 31;

/// The field of another logger's key. Ignores ASCII case. A dotted name is also that of an
/// entry of a nested object (`log.level` of ECS).
pub(crate) fn field_alias(key: &str) -> Option<Field> {
    Some(match ascii_lowercase(key, &mut [0; MAX_KEY_LEN])? {
        b"time" | b"ts" | b"timestamp" | b"@timestamp" | b"asctime" | b"datetime" | b"t"
        | b"@t" | b"date" | b"timemillis" | b"instant" | b"_meta.date" => Field::Time,
        b"level"
        | b"lvl"
        | b"severity"
        | b"log.level"
        | b"loglevel"
        | b"levelname"
        | b"@l"
        | b"@level"
        | b"log_level"
        | b"level_name"
        | b"severitytext"
        | b"severity_text"
        | b"severitynumber"
        | b"severity_number"
        | b"error_severity"
        | b"context.loglevel"
        | b"_meta.loglevelname" => Field::Level,
        b"message" | b"msg" | b"event" | b"text" | b"@m" | b"@message" | b"renderedmessage" => {
            Field::Message
        }
        b"logger" | b"name" | b"logger_name" | b"loggername" | b"logger.name" | b"log.logger"
        | b"target" | b"@module" | b"sourcecontext" | b"context.namespace" | b"_meta.name"
        | b"_logmeta.name" => Field::Name,
        b"error"
        | b"err"
        | b"exception"
        | b"stack"
        | b"stack_trace"
        | b"stacktrace"
        | b"exc_info"
        | b"exc_text"
        | b"traceback"
        | b"@x"
        | b"errorverbose"
        | b"error.stack_trace"
        | b"error.stack"
        | b"err.stack"
        | b"exception.stacktrace"
        | b"exception.stack_trace"
        | b"thrown.extendedstacktrace"
        | b"attributes.exception.stacktrace" => Field::ExcText,
        _ => return None,
    })
}

/// The findings of [`normalize`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// Nothing that makes the object a log record.
    NoMessage,
    /// A message.
    Message,
    /// A message that is a line of another program.
    Line,
}

/// Moves extras with names of other loggers to fields that are empty.
///
/// The first of several names of one field counts, and the first of several tracebacks that has more
/// than one line. The others stay extras, except a second name of the same level.
/// `has_message`: the record has a message already, which may be empty.
pub(super) fn normalize(record: &mut Record<'_>, mut has_message: bool) -> Found {
    if loguru::normalize(record) {
        return Found::Message;
    }
    let logger = Logger::of(record);
    let mut extras = std::mem::take(&mut record.extras);
    nested::expand(&mut extras, logger, has_message);
    if logger.underscores {
        strip_underscores(&mut extras);
    }
    if record.name.is_some() && logger.has_other_name(&extras) {
        let name = record.name.take().unwrap_or_default();
        extras.push((Cow::Borrowed("name"), RawJson(Cow::Owned(json::quoted(&name)))));
    }
    let fields: Vec<_> =
        extras.iter().enumerate().map(|(at, (key, _))| logger.field_at(at, key)).collect();
    let exception = find_exception(&extras, &fields);
    let mut at = 0;
    extras.retain(|(key, value)| {
        at += 1;
        match fields[at - 1] {
            Some(Field::Time) if record.created.is_none() => {
                record.created = time(value);
                record.created.is_none()
            }
            Some(Field::Level) => {
                !set_level(record, value, scale_of(key, &value.0, record, logger))
            }
            Some(Field::Message) if !has_message => {
                let bytes = logger.bytes.then(|| nested::bytes(value)).flatten();
                let Some(text) = bytes.or_else(|| message(value)) else { return true };
                record.msg = text;
                has_message = true;
                false
            }
            Some(Field::Name) if record.name.is_none() && key != "name" => {
                record.name = string(value).filter(|name| name != "-");
                record.name.is_none()
            }
            Some(Field::ExcText) if record.exc_text.is_none() && exception == Some(at - 1) => {
                record.exc_text = nested::traceback(value);
                record.exc_text.is_none()
            }
            _ => true,
        }
    });
    record.extras = extras;
    has_message = has_message || template::render(record) || join_args(record);
    if record.level == Level::NOTSET {
        record.level = logger.default;
    }
    if has_message && logger.wraps {
        // Docker keeps the line end.
        strip_newline(&mut record.msg);
        return Found::Line;
    }
    if has_message { Found::Message } else { Found::NoMessage }
}

/// The scale of a level's number.
fn scale_of(key: &str, value: &str, record: &Record<'_>, logger: &Logger) -> Scale {
    if logger.scale != Scale::Unknown {
        return logger.scale;
    }
    // Google's numbers have three digits; Monolog has no `severity`.
    if key.eq_ignore_ascii_case("severity") && value.trim_matches('"').len() == 3 {
        return Scale::Google;
    }
    if key.len() > "number".len() && key.to_ascii_lowercase().ends_with("number") {
        return Scale::OpenTelemetry;
    }
    let is_python =
        record.lineno.is_some() || record.func_name.is_some() || record.pathname.is_some();
    if is_python { Scale::Python } else { Scale::Unknown }
}

/// Sets the level, if the record has none. Returns whether the value says nothing more than
/// the record's level.
fn set_level(record: &mut Record<'_>, value: &RawJson<'_>, scale: Scale) -> bool {
    let Some(text) = level_text(value) else { return false };
    let text = levels::plain(&text);
    let Some(reading) = levels::read(&text, scale) else { return false };
    if record.level != Level::NOTSET && record.level != reading.level {
        return false;
    }
    record.level = reading.level;
    if let (Some(name), None) = (reading.name, &record.levelname) {
        record.levelname = Some(Cow::Owned(name.to_ascii_uppercase()));
    }
    true
}

/// The text of a level: a string, a number, or the name in an object (log4js, loguru, Twisted).
fn level_text<'a>(value: &RawJson<'a>) -> Option<Text<'a>> {
    if value.0.starts_with('{') {
        let entries = nested::entries(value)?;
        let name = entries.iter().find(|(key, _)| matches!(&**key, "name" | "levelStr"));
        return string(&name?.1);
    }
    string(value).or_else(|| {
        value.0.starts_with(|c: char| c == '-' || c.is_ascii_digit()).then(|| value.0.clone())
    })
}

/// The text of a message: a string; a value of OpenTelemetry; several values, with spaces
/// between them; or another value as JSON.
fn message<'a>(value: &RawJson<'a>) -> Option<Text<'a>> {
    match value.0.as_bytes().first()? {
        b'"' => string(value),
        b'[' => nested::joined_values(value),
        b'{' => nested::any_value(value),
        _ => None,
    }
}

/// Makes the message of arguments without one (consola).
fn join_args(record: &mut Record<'_>) -> bool {
    let text = record.args.as_ref().and_then(nested::joined_values);
    let Some(text) = text else { return false };
    record.args = None;
    record.msg = text;
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

/// Removes the `_` that GELF puts before the names of its additional fields.
fn strip_underscores(extras: &mut [(Text<'_>, RawJson<'_>)]) {
    for (key, _) in extras {
        if let Some(name) = key.strip_prefix('_').filter(|name| !name.is_empty()) {
            *key = match key {
                Cow::Borrowed(key) => Cow::Borrowed(&key[1..]),
                Cow::Owned(_) => Cow::Owned(name.to_owned()),
            };
        }
    }
}

/// The index of the traceback: the first with several lines, else the first. A line under the
/// name of an error is its message, and stays an extra.
fn find_exception(extras: &[(Text<'_>, RawJson<'_>)], fields: &[Option<Field>]) -> Option<usize> {
    let is_error =
        |key: &str| ["error", "err", "exception"].iter().any(|name| name.eq_ignore_ascii_case(key));
    let candidate = |lines: bool| {
        extras.iter().zip(fields).position(|((key, value), field)| {
            *field == Some(Field::ExcText)
                && match value.0.as_bytes() {
                    [b'"', ..] if lines => value.0.contains("\\n"),
                    [b'"', ..] => !is_error(key),
                    [b'[', rest @ ..] => lines && rest.trim_ascii() != b"]",
                    _ => false,
                }
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

#[cfg(test)]
mod tests;
