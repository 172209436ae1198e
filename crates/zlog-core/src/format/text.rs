//! The message alone, or as `python -m zmq.log` prints it.
//!
//! A record is written like Python's `logging.Formatter` does: the message, and then
//! `exc_text` and `stack_info` on new lines. In a pipe, the bytes are the same. Time and
//! topic can precede the message: `{time} {topic}{separator}{message}`.

use super::column::Column;
use super::multiline_text::MultilineText;
use super::paint::Palette;
use super::time::TimeFormat;
use super::{Format, Options};
use crate::record::Record;
use crate::text::escape::write_inline;

/// Writes messages.
pub(super) struct Text {
    time: Option<TimeFormat>,
    /// The column of the topic, and the separator after it.
    topic: Option<(Column, String)>,
    escape: bool,
    palette: Palette,
    multiline: MultilineText,
}

impl Text {
    /// A format with the given options. `time` is used if they include a timestamp.
    pub(super) fn new(time: TimeFormat, options: Options) -> Text {
        let column = Column::new(options.align, 0);
        let multiline = MultilineText::new(&options);
        let separator = options.separator.unwrap_or_else(|| " | ".to_owned());
        Text {
            time: options.timestamp.then_some(time),
            topic: options.topic.then_some((column, separator)),
            escape: options.escape,
            palette: Palette::new(options.color),
            multiline,
        }
    }

    fn write_prefix(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        if let Some(time) = &mut self.time {
            if let Some(seconds) = record.time() {
                time.write(seconds, out);
            }
            out.push(b' ');
        }
        if let Some((column, separator)) = &mut self.topic {
            let paint = self.palette.level(record.level);
            column.write(out, paint, |out| write_inline(out, &record.topic, self.escape));
            out.extend_from_slice(separator.as_bytes());
        }
    }
}

impl Format for Text {
    fn write(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        self.write_prefix(record, out);
        let start = out.len();
        // A record of a traceback alone has one of its lines as message.
        let (message, mut traces) = (record.message(), traces(record));
        // A record of Python has a line number, and its message is its own.
        let is_line = record.lineno.is_none();
        if is_line && traces.any(|text| text.lines().any(|line| line == message)) {
            for (at, text) in self::traces(record).enumerate() {
                if at > 0 {
                    self.multiline.begin_line(out, 0);
                }
                self.multiline.write(out, text, 0);
            }
        } else {
            self.multiline.write(out, &message, 0);
            self.multiline.write_traces(out, record, start);
        }
        out.push(b'\n');
    }
}

/// The traceback and the call stack of a record that has a message.
fn traces<'r>(record: &'r Record<'_>) -> impl Iterator<Item = &'r str> {
    let texts = [&record.exc_text, &record.stack_info].into_iter().flatten();
    texts.map(|text| &**text).filter(|text| !text.is_empty() && !record.msg.is_empty())
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use regex::Regex;

    use super::*;
    use crate::format::time::DEFAULT_PATTERN;
    use crate::level::Level;

    fn text(options: Options, record: &Record<'_>) -> String {
        let time = TimeFormat::new(DEFAULT_PATTERN, TimeZone::UTC).unwrap();
        let mut out = Vec::new();
        Text::new(time, options).write(record, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn record() -> Record<'static> {
        Record {
            topic: "app.ERROR".into(),
            msg: "disk \x1b full".into(),
            level: Level::ERROR,
            received: Some(0.25),
            ..Record::default()
        }
    }

    #[test]
    fn a_pipe_gets_the_message_unchanged_and_a_terminal_gets_it_escaped() {
        assert_eq!(text(Options::default(), &record()), "disk \x1b full\n");
        let options = Options { escape: true, ..Options::default() };
        assert_eq!(text(options, &record()), "disk \\x1b full\n");
    }

    /// Output of Python 3.11's `logging.Formatter().format`.
    #[test]
    fn tracebacks_follow_as_python_writes_them() {
        let cases = [
            ("m", "exc", "stack", "m\nexc\nstack\n"),
            ("m\n", "exc\n", "stack\n", "m\nexc\nstack\n\n"),
            ("", "exc", "", "\nexc\n"),
            ("m", "", "", "m\n"),
            ("m", "", "stack", "m\nstack\n"),
        ];
        for (msg, exc, stack, expected) in cases {
            let record = Record {
                msg: msg.into(),
                exc_text: Some(exc.into()),
                stack_info: Some(stack.into()),
                ..Record::default()
            };
            assert_eq!(text(Options::default(), &record), expected);
        }
    }

    #[test]
    fn time_and_topic_are_written_like_zmq_log_prints_them() {
        let options = Options { timestamp: true, topic: true, ..Options::default() };
        let expected = "1970-01-01 00:00:00.250 app.ERROR | disk \x1b full\n";
        assert_eq!(text(options, &record()), expected);
        let options = Options { topic: true, separator: Some(": ".into()), ..Options::default() };
        assert_eq!(text(options, &record()), "app.ERROR: disk \x1b full\n");
    }

    #[test]
    fn matches_are_marked_with_colour() {
        let highlight = vec![Regex::new("full").unwrap()];
        let plain = Options { highlight: highlight.clone(), ..Options::default() };
        assert_eq!(text(plain, &record()), "disk \x1b full\n");
        let options = Options { color: true, escape: true, highlight, ..Options::default() };
        let shown = text(options, &record());
        assert!(shown.contains("mfull\x1b[0m"), "{shown:?}");
    }
}
