//! The format for syslog daemons: `name[process]: message` on one line.
//!
//! Time and level are fields of the protocol. Line breaks and other control characters are
//! escaped as in rsyslog (`#012`), so that a traceback stays with its record.

use super::Format;
use crate::fields::attribute::{Attribute, FieldContext};
use crate::python::Value;
use crate::record::Record;

/// Writes records for syslog daemons.
pub(super) struct Syslog;

impl Format for Syslog {
    fn write(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let message = record.message();
        let context = FieldContext { record, message: &message, asctime: "" };
        if let Some(Value::Text(name)) = Attribute::Name.of(&context) {
            write_one_line(&name, out);
        }
        if let Some(process) = record.process {
            out.push(b'[');
            out.extend_from_slice(itoa::Buffer::new().format(process).as_bytes());
            out.push(b']');
        }
        out.extend_from_slice(b": ");
        write_one_line(&message, out);
        for more in [&record.exc_text, &record.stack_info].into_iter().flatten() {
            if !more.is_empty() {
                write_one_line("\n", out);
                write_one_line(more, out);
            }
        }
        out.push(b'\n');
    }
}

fn write_one_line(text: &str, out: &mut Vec<u8>) {
    for c in text.chars() {
        if c == '\t' || !crate::text::escape::is_unsafe(c) {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                let digits = [byte >> 6, byte >> 3 & 7, byte & 7];
                out.push(b'#');
                out.extend(digits.map(|digit| b'0' + digit));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(record: &Record<'_>) -> String {
        let mut out = Vec::new();
        Syslog.write(record, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_record_is_one_line() {
        let record = Record {
            name: Some("app\ndb".into()),
            process: Some(17),
            msg: "lost\r\n\x1b[2J".into(),
            exc_text: Some("Traceback:\n  é".into()),
            ..Record::default()
        };
        let expected = "app#012db[17]: lost#015#012#033[2J#012Traceback:#012  é\n";
        assert_eq!(shown(&record), expected);
    }

    #[test]
    fn without_a_name_the_topic_has_the_name() {
        let record =
            Record { topic: "backup.INFO".into(), msg: "done".into(), ..Record::default() };
        assert_eq!(shown(&record), "backup: done\n");
        assert_eq!(shown(&Record::default()), "root: \n");
    }
}
