//! One JSON object per line, which zlog reads back.
//!
//! The keys are those of `wire`. On a terminal, unsafe characters are written as JSON
//! escapes, which read back as the same text.

use super::Format;
use crate::record::Record;
use crate::text::escape::escape_json_into;
use crate::wire;

/// Writes JSON lines.
pub(super) struct Json {
    escape: bool,
    /// The line before escaping.
    line: Vec<u8>,
    writer: wire::json::Writer,
}

impl Json {
    /// `escape`: escape characters that are unsafe for a terminal.
    pub(super) fn new(escape: bool) -> Json {
        Json { escape, line: Vec::new(), writer: wire::json::Writer::default() }
    }
}

impl Format for Json {
    fn write(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        if self.escape {
            self.line.clear();
            self.writer.write_stored(record, &mut self.line);
            // The line is valid UTF-8, so nothing is replaced.
            escape_json_into(out, &String::from_utf8_lossy(&self.line));
        } else {
            self.writer.write_stored(record, out);
        }
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::record::RawJson;
    use crate::text::escape::is_unsafe;

    fn line(escape: bool, record: &Record<'_>) -> String {
        let mut out = b"before\n".to_vec();
        Json::new(escape).write(record, &mut out);
        String::from_utf8(out).unwrap().strip_prefix("before\n").unwrap().to_owned()
    }

    proptest! {
        #[test]
        fn a_terminal_gets_the_same_record_without_unsafe_characters(texts in prop::array::uniform4(any::<String>())) {
            let [topic, msg, exc, value] = &texts;
            let value = serde_json::to_string(value).unwrap();
            let record = Record {
                topic: topic.into(),
                msg: msg.into(),
                exc_text: Some(exc.into()),
                extras: vec![("key".into(), RawJson(format!("[{value}, 1]").into()))],
                ..Record::default()
            };
            let [piped, shown] = [false, true].map(|escape| line(escape, &record));
            for line in [&piped, &shown] {
                prop_assert!(line.ends_with("}\n") && line.matches('\n').count() == 1, "{}", line);
            }
            prop_assert!(!shown.trim_end().chars().any(is_unsafe), "{}", shown);
            let [piped, shown] = [piped, shown].map(|line| serde_json::from_str::<Value>(&line));
            prop_assert_eq!(piped.unwrap(), shown.unwrap());
        }
    }
}
