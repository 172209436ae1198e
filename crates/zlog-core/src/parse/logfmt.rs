//! logfmt: `level=info msg="started" port=80`.
//!
//! The meaning of keys is in [`other_loggers`](crate::wire::other_loggers).

use std::borrow::Cow;

use jiff::tz::TimeZone;
use serde_json::value::RawValue;

use crate::formats::time::exact;
use crate::level::Level;
use crate::record::{RawJson, Record, Text};
use crate::text::json::{is_within_limits, quoted, string_value};
use crate::wire::other_loggers::levels::{self, Scale};
use crate::wire::other_loggers::{Field, field_alias, parse_time};

/// Fills the record from the line's pairs. A line without a message is its own message.
/// Returns `false` and changes nothing if the line is not logfmt.
pub(super) fn read<'a>(line: &'a str, zone: &TimeZone, record: &mut Record<'a>) -> bool {
    let Some(origin) = recognise(line) else { return false };
    record.msg = Cow::Borrowed(line);
    let mut has_message = false;
    for (key, value) in (Pairs { rest: line }).flatten() {
        let fits = origin == Origin::Zlog && set_own(record, key, value)
            || match field_alias(key) {
                Some(Field::Message) if !has_message => {
                    has_message = true;
                    record.msg = value.text();
                    true
                }
                Some(field) => set(record, field, value, zone),
                None => false,
            };
        if !fits {
            record.extras.push((Cow::Borrowed(key), value.json()));
        }
    }
    true
}

/// Sets an empty field, if the value fits.
fn set<'a>(record: &mut Record<'a>, field: Field, value: Value<'a>, zone: &TimeZone) -> bool {
    let text = value.text();
    match field {
        Field::Level if record.level == Level::NOTSET => {
            let Some(reading) = levels::read(&text, Scale::Unknown) else { return false };
            record.level = reading.level;
            record.levelname = reading.name.map(|name| Cow::Owned(name.to_ascii_uppercase()));
            record.level != Level::NOTSET
        }
        Field::Time if record.created.is_none() => {
            record.created = exact(&text, zone);
            record.created.is_some()
        }
        Field::Name if record.name.is_none() => {
            record.name = Some(text);
            true
        }
        // A text of one line is an error message, not a traceback.
        Field::ExcText if record.exc_text.is_none() && text.contains('\n') => {
            record.exc_text = Some(text);
            true
        }
        _ => false,
    }
}

/// As [`set`], for the keys that only zlog writes.
fn set_own<'a>(record: &mut Record<'a>, key: &str, value: Value<'a>) -> bool {
    let text = value.text();
    match key {
        "topic" => record.topic = text,
        "source" => record.source = Some(text),
        "exc" => record.exc_text = Some(text),
        "stack" => record.stack_info = Some(text),
        "fault" => record.fault = Some(text),
        "seq" => {
            record.seq = text.parse().ok();
            return record.seq.is_some();
        }
        "received" => {
            record.received = parse_time(&text);
            return record.received.is_some();
        }
        // The sender's own name of a level; `levelno` has the number.
        "level" if Level::from_word(&text).is_none_or(|level| level.standard_name().is_none()) => {
            record.levelname = Some(text);
        }
        "levelno" => {
            let Ok(number) = text.parse() else { return false };
            record.level = Level(number);
        }
        _ => return false,
    }
    true
}

/// The program that wrote a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// zlog: the line has `topic` and `seq`.
    Zlog,
    Other,
}

/// Recognises logfmt. Prose may contain `=`, so every word must be a pair, and there must
/// be at least two pairs, one of them a message, a level or a time.
fn recognise(line: &str) -> Option<Origin> {
    // Nearly all other lines are rejected here, at their first word.
    let first = line.bytes().position(|byte| !is_key(byte)).filter(|end| *end > 0)?;
    if line.as_bytes()[first] != b'=' {
        return None;
    }
    let (mut pairs, mut is_record, mut topic, mut seq) = (0, false, false, false);
    for pair in (Pairs { rest: line }) {
        let (key, value) = pair?;
        pairs += 1;
        is_record |= match field_alias(key) {
            Some(Field::Message) => true,
            Some(Field::Level) => levels::read(&value.text(), Scale::Unknown).is_some(),
            // The shortest is a number of seconds. Durations are shorter.
            Some(Field::Time) => {
                let text = value.text();
                text.len() >= 10 && text.starts_with(|c: char| c.is_ascii_digit())
            }
            _ => false,
        };
        topic |= key == "topic";
        seq |= key == "seq";
    }
    (pairs > 1 && is_record).then_some(if topic && seq { Origin::Zlog } else { Origin::Other })
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b"_.-@/".contains(&byte)
}

/// A value as written.
#[derive(Clone, Copy)]
enum Value<'a> {
    Bare(&'a str),
    /// Includes quotes and escapes.
    Quoted(&'a str),
}

impl<'a> Value<'a> {
    /// The unescaped text.
    fn text(self) -> Text<'a> {
        match self {
            Value::Bare(text) => Cow::Borrowed(text),
            // The escapes are JSON's; others stay as they are.
            Value::Quoted(text) => string_value(text).unwrap_or(Cow::Borrowed(text)),
        }
    }

    /// The value as JSON: a number, a boolean, null, or a string.
    fn json(self) -> RawJson<'a> {
        match self {
            Value::Bare("true" | "false" | "null") => {}
            Value::Bare(text) if is_json_number(text) && is_within_limits(text) => {}
            Value::Quoted(text) if serde_json::from_str::<&RawValue>(text).is_ok() => {}
            Value::Bare(_) | Value::Quoted(_) => {
                return RawJson(Cow::Owned(quoted(&self.text())));
            }
        }
        let (Value::Bare(text) | Value::Quoted(text)) = self;
        RawJson(Cow::Borrowed(text))
    }
}

/// Whether text is a number in JSON: no `+`, no leading zeros, digits on both sides of the
/// point.
fn is_json_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|text| digits(text.strip_prefix(['+', '-']).unwrap_or(text)))
}

/// Iterates over the pairs of a line. Returns `None` for an invalid pair, and then ends.
struct Pairs<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Option<(&'a str, Value<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.rest.trim_start_matches(' ');
        if line.is_empty() {
            return None;
        }
        let pair = pair(line);
        self.rest = pair.map_or("", |(_, _, rest)| rest);
        Some(pair.map(|(key, value, _)| (key, value)))
    }
}

/// The pair at the start of the line, and the rest.
fn pair(line: &str) -> Option<(&str, Value<'_>, &str)> {
    let end = line.bytes().position(|byte| !is_key(byte)).filter(|end| *end > 0)?;
    let (key, value) = (&line[..end], line[end..].strip_prefix('=')?);
    if let Some(inner) = value.strip_prefix('"') {
        let end = closing_quote(inner)?;
        let rest = &inner[end + 1..];
        let ended = rest.is_empty() || rest.starts_with(' ');
        return ended.then_some((key, Value::Quoted(&value[..end + 2]), rest));
    }
    let end = value.find(' ').unwrap_or(value.len());
    let (value, rest) = value.split_at(end);
    (!value.contains('"')).then_some((key, Value::Bare(value), rest))
}

fn closing_quote(inner: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', &inner.as_bytes()[from..])?;
        if inner.as_bytes()[at] == b'"' {
            return Some(at);
        }
        from = at + 2;
        if from > inner.len() {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Options, Output};

    fn record(line: &str) -> Option<Record<'_>> {
        let mut record = Record::default();
        read(line, &TimeZone::UTC, &mut record).then_some(record)
    }

    #[test]
    fn fields_are_mapped_and_the_others_keep_their_order_and_type() {
        let line = r#"time="2024-01-02T03:04:05Z" level=warning msg="a \"b\"\n\\c" n=1 f=-0.5e3 z=007 ok=true s="x y" e= logger=db"#;
        let record = record(line).unwrap();
        assert_eq!(record.created, Some(1_704_164_645.0));
        assert_eq!((record.level, &*record.msg), (Level::WARNING, "a \"b\"\n\\c"));
        assert_eq!(record.name.as_deref(), Some("db"));
        let extras: Vec<String> =
            record.extras.iter().map(|(key, value)| format!("{key}={}", value.0)).collect();
        let wanted = ["n=1", "f=-0.5e3", "z=\"007\"", "ok=true", "s=\"x y\"", "e=\"\""];
        assert_eq!(extras, wanted);
    }

    #[test]
    fn a_number_with_more_digits_than_python_reads_is_a_string() {
        let digits = "7".repeat(4301);
        let line = format!("level=info msg=x n={digits} m={}", &digits[1..]);
        let extras = record(&line).unwrap().extras;
        assert_eq!(extras[0].1.0, format!("\"{digits}\""));
        assert_eq!(extras[1].1.0, digits[1..]);
    }

    #[test]
    fn logfmt_of_zlog_reads_back() {
        let written = Record {
            topic: "app.Level 35.db".into(),
            name: Some("db".into()),
            msg: "two\nlines \"quoted\" \u{1b}[31m =".into(),
            level: Level(35),
            levelname: Some("LOUD".into()),
            created: Some(1_704_164_645.25),
            source: Some("h/7".into()),
            seq: Some(9),
            exc_text: Some("E: x".into()),
            stack_info: Some("Stack:\n  f".into()),
            extras: vec![
                ("n".into(), RawJson("1.5".into())),
                ("s".into(), RawJson("\"x y\"".into())),
            ],
            ..Record::default()
        };
        let options = Options { zone: TimeZone::UTC, ..Options::default() };
        let mut out = Vec::new();
        Output::Logfmt.format(options).unwrap().write(&written, &mut out);
        let line = String::from_utf8(out).unwrap();
        let read = record(line.trim_end()).unwrap();
        assert_eq!(read, written);
    }

    #[test]
    fn another_programs_topic_stays_an_extra() {
        let record = record("topic=orders source=kafka msg=x").unwrap();
        assert_eq!((&*record.topic, record.extras.len()), ("", 2));
    }

    #[test]
    fn an_error_of_several_lines_is_a_traceback() {
        let record = record(r#"msg=x error="EOF" stacktrace="main\n\tx.go:1""#).unwrap();
        assert_eq!(record.exc_text.as_deref(), Some("main\n\tx.go:1"));
        assert_eq!(record.extras, [("error".into(), RawJson("\"EOF\"".into()))]);
    }

    #[test]
    fn a_line_without_a_message_keeps_its_time_level_and_fields() {
        for line in [
            "ts=2024-01-02T03:04:05Z level=error err=boom",
            "level=error err=boom t=1704164645",
            "lvl=eror err=boom time=2024-01-02T03:04:05Z",
        ] {
            let record = record(line).unwrap();
            assert_eq!((&*record.msg, record.level), (line, Level::ERROR));
            assert_eq!(record.created, Some(1_704_164_645.0));
            assert_eq!(record.extras, [("err".into(), RawJson("\"boom\"".into()))]);
        }
    }

    #[test]
    fn levels_are_read_on_every_scale() {
        for (level, number) in [("INFO+2", 25), ("30", 20), ("3", 40), ("W", 30), ("dbug", 10)] {
            let line = format!("level={level} msg=x");
            assert_eq!(record(&line).unwrap().level, Level(number), "{level}");
        }
        assert_eq!(record("level=info+2 msg=x").unwrap().level_name(), "INFO+2");
    }

    #[test]
    fn other_lines_are_text() {
        for line in [
            "",
            "=",
            "a",
            "a=1",
            "a=1 b=2",
            "msg=x",
            "time=0.25 size=3",
            "level=high size=3",
            "level=info msg=x and so on",
            "msg=\"x level=info",
            "msg=\"x\"y level=info",
            "level=info msg=a\"b",
            "x=1, msg=2 y",
            "level=info msg=\"x\\",
        ] {
            assert_eq!(record(line), None, "{line}");
        }
    }

    #[test]
    fn a_value_that_does_not_fit_its_field_stays_an_extra() {
        let record = record("level=weird time=noon msg=x").unwrap();
        assert_eq!((record.level, record.created, record.extras.len()), (Level::NOTSET, None, 2));
    }
}
