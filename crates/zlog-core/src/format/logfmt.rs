//! One record per line, as key=value pairs.
//!
//! The order is `ts level levelno logger topic source seq msg`, the extras, `exc`, `stack`,
//! `fault`; absent fields are left out. A value with spaces, quotes, `=`, backslashes or
//! control characters is written in quotes with JSON's escapes, so that the line reads
//! back.
//!
//! - `received` replaces `ts` if the sender gave no time.
//! - `levelno` is written if the level's name does not imply the number.
//! - An extra with one of the keys above gets `_` after its name. Characters that are not
//!   allowed in a key become `_`.

use super::Format;
use super::time::TimeFormat;
use crate::fields::pairs::{write_json, write_text};
use crate::level::Level;
use crate::record::Record;
use crate::text::escape::is_unsafe;

/// The keys that are not extras.
const KEYS: [&str; 12] = [
    "ts", "received", "level", "levelno", "logger", "topic", "source", "seq", "msg", "exc",
    "stack", "fault",
];

/// Writes logfmt.
pub(super) struct Logfmt {
    time: TimeFormat,
    escape: bool,
}

impl Logfmt {
    /// `escape`: escape characters that are unsafe for a terminal; the line still reads back.
    pub(super) fn new(time: TimeFormat, escape: bool) -> Logfmt {
        Logfmt { time, escape }
    }

    fn write_time(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let Some(seconds) = record.time() else { return };
        key(out, if record.created.is_some() { "ts" } else { "received" });
        let start = out.len();
        self.time.write(seconds, out);
        // The user's format may contain spaces.
        if !out[start..].iter().all(|b| b.is_ascii_graphic() && !b"=\"\\".contains(b)) {
            let text = String::from_utf8_lossy(&out[start..]).into_owned();
            out.truncate(start);
            write_text(out, &text, self.escape);
        }
    }

    fn write_level(&self, record: &Record<'_>, out: &mut Vec<u8>) {
        let known = record.level.standard_name().filter(|_| record.level != Level::NOTSET);
        match (&record.levelname, known) {
            (Some(name), _) => self.pair(out, "level", Some(name)),
            (None, Some(name)) => {
                key(out, "level");
                out.extend(name.bytes().map(|b| b.to_ascii_lowercase()));
            }
            (None, None) => {}
        }
        let named = known.is_some() && record.levelname.is_none();
        if !named && record.level != Level::NOTSET {
            number(out, "levelno", record.level.0);
        }
    }

    fn pair(&self, out: &mut Vec<u8>, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            key(out, name);
            write_text(out, value, self.escape);
        }
    }

    fn write_extras(&self, record: &Record<'_>, out: &mut Vec<u8>) {
        for (name, value) in &record.extras {
            extra_key(out, name);
            write_json(out, value, self.escape);
        }
    }
}

impl Format for Logfmt {
    fn write(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        self.write_time(record, out);
        self.write_level(record, out);
        self.pair(out, "logger", record.name.as_deref());
        self.pair(out, "topic", Some(&*record.topic).filter(|topic| !topic.is_empty()));
        self.pair(out, "source", record.source.as_deref());
        if let Some(seq) = record.seq {
            number(out, "seq", seq);
        }
        self.pair(out, "msg", Some(&record.message()));
        self.write_extras(record, out);
        self.pair(out, "exc", record.exc_text.as_deref());
        self.pair(out, "stack", record.stack_info.as_deref());
        self.pair(out, "fault", record.fault.as_deref());
        // Each pair begins with a space; remove the first.
        out.remove(start);
        out.push(b'\n');
    }
}

fn key(out: &mut Vec<u8>, name: &str) {
    out.push(b' ');
    out.extend_from_slice(name.as_bytes());
    out.push(b'=');
}

fn number(out: &mut Vec<u8>, name: &str, number: impl itoa::Integer) {
    key(out, name);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn extra_key(out: &mut Vec<u8>, name: &str) {
    out.push(b' ');
    for c in name.chars() {
        let c = if c <= ' ' || matches!(c, '=' | '"') || is_unsafe(c) { '_' } else { c };
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    if name.is_empty() || KEYS.contains(&name) {
        out.push(b'_');
    }
    out.push(b'=');
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;
    use crate::format::time::{DEFAULT_PATTERN, RFC3339_PATTERN};
    use crate::record::RawJson;

    fn logfmt(pattern: &str, escape: bool, record: &Record<'_>) -> String {
        let time = TimeFormat::new(pattern, TimeZone::UTC).unwrap();
        let mut out = Vec::new();
        Logfmt::new(time, escape).write(record, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// Reads a line by the rules in the module's documentation.
    fn read(line: &str) -> BTreeMap<String, String> {
        let mut pairs = BTreeMap::new();
        let mut rest = line.strip_suffix('\n').unwrap();
        while !rest.is_empty() {
            let (key, value) = rest.split_once('=').unwrap();
            let (value, after) = if value.starts_with('"') {
                let mut values = serde_json::Deserializer::from_str(value).into_iter::<String>();
                let text = values.next().unwrap().unwrap();
                (text, &value[values.byte_offset()..])
            } else {
                let end = value.find(' ').unwrap_or(value.len());
                (value[..end].to_owned(), &value[end..])
            };
            assert!(pairs.insert(key.to_owned(), value).is_none(), "{key} stands twice: {line}");
            rest = after.strip_prefix(' ').unwrap_or(after);
        }
        pairs
    }

    #[test]
    fn a_line_has_all_fields_of_the_record() {
        let record = Record {
            topic: "app.ERROR".into(),
            name: Some("db".into()),
            msg: "disk full".into(),
            level: Level::ERROR,
            created: Some(1.5),
            source: Some("web:17".into()),
            seq: Some(7),
            exc_text: Some("Traceback\n  File".into()),
            extras: vec![
                ("disk".into(), RawJson("\"/dev/sda\"".into())),
                ("msg".into(), RawJson("1".into())),
                ("a b".into(), RawJson("[1, 2]".into())),
            ],
            ..Record::default()
        };
        let expected = "ts=1970-01-01T00:00:01.500000Z level=error logger=db topic=app.ERROR \
                        source=web:17 seq=7 msg=\"disk full\" disk=/dev/sda msg_=1 \
                        a_b=\"[1, 2]\" exc=\"Traceback\\n  File\"\n";
        assert_eq!(logfmt(RFC3339_PATTERN, false, &record), expected);
    }

    #[test]
    fn arrival_times_and_custom_levels_have_their_own_keys() {
        let mut record = Record { received: Some(1.5), level: Level(35), ..Record::default() };
        let expected = "received=\"1970-01-01 00:00:01.500\" levelno=35 msg=\"\"\n";
        assert_eq!(logfmt(DEFAULT_PATTERN, false, &record), expected);
        record.levelname = Some("AUDIT".into());
        record.received = None;
        assert_eq!(logfmt("", false, &record), "level=AUDIT levelno=35 msg=\"\"\n");
        assert_eq!(logfmt("", false, &Record::default()), "msg=\"\"\n");
    }

    proptest! {
        #[test]
        fn every_line_reads_back(texts in prop::array::uniform5(any::<String>()), escape: bool) {
            let [topic, msg, source, exc, value] = &texts;
            let record = Record {
                topic: topic.into(),
                msg: msg.into(),
                source: Some(source.into()),
                exc_text: Some(exc.into()),
                extras: vec![("key".into(), RawJson(serde_json::to_string(value).unwrap().into()))],
                ..Record::default()
            };
            let line = logfmt("", escape, &record);
            prop_assert_eq!(line.matches('\n').count(), 1);
            prop_assert!(!escape || !line.trim_end().chars().any(is_unsafe), "{}", line);
            let pairs = read(&line);
            let expected = [("topic", topic), ("msg", msg), ("source", source), ("exc", exc), ("key", value)];
            for (key, value) in expected {
                let empty_topic = key == "topic" && value.is_empty();
                prop_assert_eq!(pairs.get(key), (!empty_topic).then_some(value), "{} in {}", key, line);
            }
        }
    }
}
