//! The format for people: aligned columns, colours, indented tracebacks.
//!
//! A record is `time level topic source message extras`, with the traceback and the stack
//! below. Nothing is cut off. `~` after a time marks it as the time of arrival, because the
//! sender gave none. Columns without a value so far take no space.

use super::column::{Column, display_width};
use super::paint::{MultilineText, Palette, write_inline};
use super::time::TimeFormat;
use super::value::write_fields;
use super::{Format, Options, Show};
use crate::record::{Level, Record};

/// The indentation of tracebacks, in spaces.
const TRACEBACK_INDENT: usize = 4;

/// The length of the longest of Python's level names.
const LEVEL_WIDTH: usize = 8;

/// Writes records for people.
pub(super) struct Pretty {
    time: TimeFormat,
    show: Show,
    /// Whether to show the source.
    source: bool,
    escape: bool,
    separator: String,
    palette: Palette,
    multiline: MultilineText,
    /// Reused: the extras of a record.
    fields: Vec<u8>,
    columns: Columns,
}

struct Columns {
    time: Column,
    level: Column,
    topic: Column,
    source: Column,
}

impl Pretty {
    /// A format with the given options and their compiled time format.
    pub(super) fn new(time: TimeFormat, options: Options) -> Pretty {
        let column = |width| Column::new(options.align, width);
        Pretty {
            multiline: MultilineText::new(&options),
            time,
            show: options.show,
            source: options.source,
            escape: options.escape,
            separator: options.separator.unwrap_or_else(|| "  ".to_owned()),
            palette: Palette::new(options.color),
            fields: Vec::new(),
            columns: Columns {
                time: column(0),
                level: column(LEVEL_WIDTH),
                topic: column(0),
                source: column(0),
            },
        }
    }

    /// Writes the columns before the message. Returns their width.
    fn write_columns(&mut self, record: &Record<'_>, out: &mut Vec<u8>) -> usize {
        let mut width = self.write_time(record, out);
        let escape = self.escape;
        width += self.write_separated(out, |this, out| {
            let paint = this.palette.level(record.level);
            this.columns.level.write(out, paint, |out| write_level(out, record, escape))
        });
        width += self.write_separated(out, |this, out| {
            let topic = this.show.of(record);
            this.columns
                .topic
                .write(out, &this.palette.plain, |out| write_inline(out, topic, escape))
        });
        if self.source {
            width += self.write_separated(out, |this, out| {
                let source = record.source.as_deref().unwrap_or("");
                this.columns
                    .source
                    .write(out, &this.palette.dim, |out| write_inline(out, source, escape))
            });
        }
        width
    }

    /// Writes the time, its mark and the separator. The mark replaces the first space of the
    /// separator, so that columns don't move.
    fn write_time(&mut self, record: &Record<'_>, out: &mut Vec<u8>) -> usize {
        let time = &mut self.time;
        let width = self.columns.time.write(out, &self.palette.plain, |out| {
            if let Some(seconds) = record.time() {
                time.write(seconds, out);
            }
        });
        if width == 0 {
            return 0;
        }
        let arrival = record.created.is_none() && record.received.is_some();
        out.push(if arrival { b'~' } else { b' ' });
        let rest = self.separator.strip_prefix(' ').unwrap_or(&self.separator);
        out.extend_from_slice(rest.as_bytes());
        width + 1 + display_width(rest.as_bytes())
    }

    /// Writes a column and the separator after it, unless the column is empty.
    fn write_separated(
        &mut self,
        out: &mut Vec<u8>,
        column: impl FnOnce(&mut Pretty, &mut Vec<u8>) -> usize,
    ) -> usize {
        let width = column(self, out);
        if width == 0 {
            return 0;
        }
        out.extend_from_slice(self.separator.as_bytes());
        width + display_width(self.separator.as_bytes())
    }

    fn write_fault(&self, reason: &str, out: &mut Vec<u8>) {
        self.palette.fault.over(out, |out| {
            out.extend_from_slice(b"[undecoded: ");
            write_inline(out, reason, self.escape);
            out.push(b']');
        });
        out.push(b' ');
    }

    fn write_extras(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        if record.extras.is_empty() {
            return;
        }
        out.push(b' ');
        self.fields.clear();
        self.fields.push(b' ');
        write_fields(&mut self.fields, record, self.escape);
        let fields = String::from_utf8_lossy(&self.fields);
        self.multiline.write_escaped(out, &fields, &self.palette.dim);
    }

    fn write_indented(&mut self, text: &str, out: &mut Vec<u8>) {
        let text = text.trim_end_matches('\n');
        if text.is_empty() {
            return;
        }
        self.multiline.begin_line(out, TRACEBACK_INDENT);
        self.multiline.write(out, text, TRACEBACK_INDENT);
    }
}

impl Format for Pretty {
    fn write(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let indent = self.write_columns(record, out);
        if let Some(reason) = &record.fault {
            self.write_fault(reason, out);
        }
        let message = record.message();
        self.multiline.write(out, message.trim_end_matches('\n'), indent);
        self.write_extras(record, out);
        for text in [&record.exc_text, &record.stack_info].into_iter().flatten() {
            self.write_indented(text, out);
        }
        out.push(b'\n');
    }
}

/// Writes the sender's name of the level, or Python's; `-` without a level.
fn write_level(out: &mut Vec<u8>, record: &Record<'_>, escape: bool) {
    match (&record.levelname, record.level.standard_name()) {
        (Some(name), _) => write_inline(out, name, escape),
        (None, _) if record.level == Level::NOTSET => out.push(b'-'),
        (None, Some(name)) => out.extend_from_slice(name.as_bytes()),
        (None, None) => {
            out.extend_from_slice(b"Level ");
            out.extend_from_slice(itoa::Buffer::new().format(record.level.0).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;
    use crate::format::time::DEFAULT_PATTERN;
    use crate::record::RawJson;

    fn pretty(options: Options) -> Pretty {
        Pretty::new(TimeFormat::new(DEFAULT_PATTERN, TimeZone::UTC).unwrap(), options)
    }

    fn show(format: &mut Pretty, records: &[Record<'_>]) -> String {
        let mut out = Vec::new();
        for record in records {
            format.write(record, &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    fn plain(records: &[Record<'_>]) -> String {
        show(&mut pretty(Options::default()), records)
    }

    /// The content of a terminal after these bytes, and its cursor position.
    fn screen(bytes: &str) -> (String, (u16, u16)) {
        let mut terminal = vt100::Parser::new(60, 500, 0);
        terminal.process(bytes.replace('\n', "\r\n").as_bytes());
        let screen = terminal.screen();
        (screen.contents(), screen.cursor_position())
    }

    fn record(topic: &'static str, msg: &'static str) -> Record<'static> {
        Record {
            topic: topic.into(),
            msg: msg.into(),
            level: Level::INFO,
            created: Some(1.5),
            ..Record::default()
        }
    }

    #[test]
    fn columns_grow_and_nothing_is_cut_off() {
        let long = "long.".repeat(10);
        let mut pushed = record("", "pushed");
        pushed.topic = long.clone().into();
        let shown =
            plain(&[record("app", "a"), record("myprogram", "b"), record("x", "c"), pushed]);
        let expected = format!(
            "1970-01-01 00:00:01.500  INFO      app  a\n\
             1970-01-01 00:00:01.500  INFO      myprogram  b\n\
             1970-01-01 00:00:01.500  INFO      x          c\n\
             1970-01-01 00:00:01.500  INFO      {long}  pushed\n"
        );
        assert_eq!(shown, expected);
    }

    #[test]
    fn columns_are_aligned_by_display_width() {
        let shown = plain(&[record("世界", "a"), record("four", "b")]);
        let widths = shown.lines().map(|line| display_width(line.as_bytes()));
        assert_eq!(widths.collect::<Vec<_>>(), [42, 42], "{shown}");
    }

    #[test]
    fn without_align_nothing_is_padded() {
        let mut format = pretty(Options { align: false, ..Options::default() });
        let shown = show(&mut format, &[record("myprogram", "a"), record("x", "b")]);
        let expected = "1970-01-01 00:00:01.500  INFO  x  b";
        assert_eq!(shown.lines().nth(1), Some(expected));
    }

    #[test]
    fn the_mark_of_an_arrival_time_moves_no_column() {
        let mut arrived = record("app", "b");
        (arrived.created, arrived.received) = (None, Some(1.5));
        let mut unknown = record("app", "c");
        unknown.created = None;
        let records = [record("app", "a"), arrived, unknown];
        let expected = "1970-01-01 00:00:01.500  INFO      app  a\n\
                        1970-01-01 00:00:01.500~ INFO      app  b\n\
                        \x20                        INFO      app  c\n";
        assert_eq!(plain(&records), expected);

        let options = Options { separator: Some("|".into()), ..Options::default() };
        let expected = "1970-01-01 00:00:01.500 |INFO    |app|a\n\
                        1970-01-01 00:00:01.500~|INFO    |app|b\n\
                        \x20                       |INFO    |app|c\n";
        assert_eq!(show(&mut pretty(options), &records), expected);
    }

    #[test]
    fn messages_continue_below_their_start_and_tracebacks_are_indented() {
        let mut record = record("app", "one\ntwo\n\nfour\n");
        record.exc_text = Some("Traceback:\n  File\n".into());
        record.stack_info = Some("Stack".into());
        record.extras = vec![("host".into(), RawJson("\"a\"".into()))];
        let indent = " ".repeat(40);
        let expected = format!(
            "1970-01-01 00:00:01.500  INFO      app  one\n{indent}two\n\n{indent}four  host=a\n    \
             Traceback:\n      File\n    Stack\n"
        );
        assert_eq!(plain(&[record]), expected);
    }

    #[test]
    fn source_extras_and_levels_of_other_names_are_shown() {
        let mut record = record("", "up");
        record.name = Some("db".into());
        record.source = Some("web:17".into());
        record.level = Level(35);
        record.extras = vec![
            ("a".into(), RawJson("1".into())),
            ("b c".into(), RawJson("\"two words\"".into())),
        ];
        let expected = "1970-01-01 00:00:01.500  Level 35  db  web:17  up  a=1 b c=\"two words\"\n";
        assert_eq!(plain(&[record.clone()]), expected);

        let mut format = pretty(Options { source: false, ..Options::default() });
        assert!(!show(&mut format, &[record.clone()]).contains("web:17"));

        record.levelname = Some("AUDIT".into());
        assert!(plain(&[record.clone()]).contains("  AUDIT     db"));
        (record.level, record.levelname) = (Level::NOTSET, None);
        assert!(plain(&[record]).contains("  -         db"));
    }

    #[test]
    fn show_chooses_between_topic_and_name() {
        let mut record = record("app.INFO", "m");
        record.name = Some("db".into());
        assert!(plain(&[record.clone()]).contains("app.INFO  m"));
        let mut format = pretty(Options { show: Show::Name, ..Options::default() });
        assert!(show(&mut format, &[record]).contains("db  m"));
    }

    #[test]
    fn undecoded_records_are_marked() {
        let mut record = record("app", "\\x80");
        record.fault = Some("not UTF-8".into());
        assert!(plain(&[record]).ends_with("app  [undecoded: not UTF-8] \\x80\n"));
    }

    #[test]
    fn padding_is_not_coloured() {
        let mut format = pretty(Options { color: true, ..Options::default() });
        let mut record = record("app", "m");
        record.extras = vec![("a".into(), RawJson("1".into()))];
        let expected = "1970-01-01 00:00:01.500  \x1b[32mINFO\x1b[0m      app  m \
                        \x1b[2m a=1\x1b[0m\n";
        assert_eq!(show(&mut format, &[record]), expected);
    }

    #[test]
    fn a_topic_can_not_begin_a_line() {
        let shown = plain(&[record("a\n1970-01-01 forged", "m")]);
        assert_eq!(shown.lines().count(), 1, "{shown}");
    }

    proptest! {
        #[test]
        fn a_terminal_gets_no_unsafe_characters(texts in prop::array::uniform8(any::<String>())) {
            let [topic, name, msg, levelname, source, exc, key, value] = &texts;
            let record = Record {
                topic: topic.into(),
                name: Some(name.into()),
                msg: msg.into(),
                levelname: Some(levelname.into()),
                source: Some(source.into()),
                exc_text: Some(exc.into()),
                stack_info: Some(msg.into()),
                fault: Some(exc.into()),
                extras: vec![(key.into(), RawJson(serde_json::to_string(value).unwrap().into()))],
                ..Record::default()
            };
            let shown = show(&mut pretty(Options { escape: true, ..Options::default() }), &[record]);
            prop_assert!(!shown.chars().any(|c| c != '\n' && crate::text::escape::is_unsafe(c)), "{:?}", shown);
        }

        #[test]
        fn colours_do_not_change_the_text(
            msg in "\\PC{0,20}[\\x00-\\x1f\u{9b}\u{202e}a-z]{0,10}",
            topic in "[ -~\\x1b\\x07]{1,20}",
            exc in "[\\x00-\\x7f]{1,20}",
        ) {
            let record = Record {
                topic: topic.into(),
                msg: msg.replace('\t', " ").into(),
                exc_text: Some(exc.replace('\t', " ").into()),
                level: Level::ERROR,
                ..Record::default()
            };
            let highlight = vec![regex::Regex::new("[a-z]+|\\[").unwrap()];
            let coloured = Options { color: true, escape: true, highlight, ..Options::default() };
            let coloured = show(&mut pretty(coloured), std::slice::from_ref(&record));
            let plain = show(&mut pretty(Options { escape: true, ..Options::default() }), &[record]);
            prop_assert_eq!(screen(&coloured), screen(&plain));
        }

        #[test]
        fn no_part_of_a_message_is_lost(lines in prop::collection::vec("[a-z世]{1,60}", 1..5)) {
            let record = Record { msg: lines.join("\n").into(), ..Record::default() };
            let shown = plain(&[record]);
            let found: Vec<_> = shown.lines().map(|l| l.trim_start_matches([' ', '-'])).collect();
            prop_assert_eq!(found, lines);
        }
    }
}
