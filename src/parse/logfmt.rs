//! logfmt: `level=info msg="started" port=80`.
//!
//! What may be here: whether a line is logfmt, and its pairs. What the keys mean is
//! the table's that all foreign logs share ([`wire::foreign`](crate::wire::foreign)).

use std::borrow::Cow;

use jiff::tz::TimeZone;

use super::time;
use crate::record::{Level, RawJson, Record, Text};
use crate::wire::foreign::{Field, field_alias, parse_time};

/// Takes the line apart if all of it is pairs and one of them is the message.
/// `false`, and the record untouched, if not.
pub(super) fn read<'a>(line: &'a str, zone: &TimeZone, record: &mut Record<'a>) -> bool {
    if !is_logfmt(line) {
        return false;
    }
    record.msg = Cow::Borrowed("");
    let mut said = false;
    for (key, value) in (Pairs { rest: line }).flatten() {
        let fits = match field_alias(key) {
            Some(Field::Message) if !said => {
                said = true;
                record.msg = value.text();
                true
            }
            Some(Field::Level) if record.level == Level::NOTSET => set_level(record, value),
            Some(Field::Time) if record.created.is_none() => {
                let text = value.text();
                let stamp = time::leading(&text, zone).filter(|stamp| stamp.end == text.len());
                record.created = stamp.map(|stamp| stamp.seconds).or_else(|| parse_time(&text));
                record.created.is_some()
            }
            Some(Field::Name) if record.name.is_none() => {
                record.name = Some(value.text());
                true
            }
            _ => false,
        };
        if !fits {
            record.extras.push((Cow::Borrowed(key), value.json()));
        }
    }
    true
}

fn set_level(record: &mut Record<'_>, value: Value<'_>) -> bool {
    let level = Level::from_word(&value.text());
    record.level = level.unwrap_or(record.level);
    level.is_some()
}

/// Prose may have an `=` in it: every word must be a pair, two at least, and one
/// of them the message, lest nothing be left to show.
fn is_logfmt(line: &str) -> bool {
    // Nearly all lines end here, at their first word.
    let first = line.bytes().position(|byte| !is_key(byte));
    if !first.is_some_and(|end| end > 0 && line.as_bytes()[end] == b'=') {
        return false;
    }
    let (mut pairs, mut message) = (0, false);
    for pair in (Pairs { rest: line }) {
        let Some((key, _)) = pair else { return false };
        pairs += 1;
        message |= field_alias(key) == Some(Field::Message);
    }
    pairs > 1 && message
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b"_.-@/".contains(&byte)
}

/// A value as it stands.
#[derive(Clone, Copy)]
enum Value<'a> {
    Bare(&'a str),
    /// What stands between the quotes, escapes and all.
    Quoted(&'a str),
}

impl<'a> Value<'a> {
    /// The text that is meant.
    fn text(self) -> Text<'a> {
        match self {
            Value::Quoted(inner) if inner.contains('\\') => Cow::Owned(unescape(inner)),
            Value::Bare(text) | Value::Quoted(text) => Cow::Borrowed(text),
        }
    }

    /// As JSON: numbers, truth values and null as such, all else as a string.
    fn json(self) -> RawJson<'a> {
        if let Value::Bare(text) = self
            && (matches!(text, "true" | "false" | "null") || is_json_number(text))
        {
            return RawJson(Cow::Borrowed(text));
        }
        RawJson(Cow::Owned(serde_json::Value::String(self.text().into_owned()).to_string()))
    }
}

fn unescape(inner: &str) -> String {
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some(c @ ('"' | '\\')) => text.push(c),
            // Not an escape that logfmt writers make: kept as it stands.
            Some(c) => text.extend(['\\', c]),
            None => text.push('\\'),
        }
    }
    text
}

/// JSON is strict: no `+`, no leading zeros, digits on both sides of the dot.
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

/// The pairs of a line; `None` for what is none, and then the end.
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

/// The pair at the start of the line, and what follows it.
fn pair(line: &str) -> Option<(&str, Value<'_>, &str)> {
    let end = line.bytes().position(|byte| !is_key(byte)).filter(|end| *end > 0)?;
    let (key, value) = (&line[..end], line[end..].strip_prefix('=')?);
    if let Some(inner) = value.strip_prefix('"') {
        let end = closing_quote(inner)?;
        let rest = &inner[end + 1..];
        let ended = rest.is_empty() || rest.starts_with(' ');
        return ended.then_some((key, Value::Quoted(&inner[..end]), rest));
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
    fn what_is_not_all_pairs_or_has_no_message_is_text() {
        for line in [
            "",
            "=",
            "a",
            "a=1",
            "a=1 b=2",
            "msg=x",
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
