//! The format for people: aligned columns, colours, indented tracebacks.
//!
//! A record is `time level topic source message extras`, with the traceback and the stack
//! below. `~` after a time marks it as the time of arrival, because the sender gave none.
//! Columns without a value so far take no space. The topic is shown without its level, which
//! has a column, and the source only if there are several.
//!
//! On a terminal, times have no date: a line with the date comes before the first record of
//! another day. Names are shortened so that messages begin left of the middle; no two get the
//! same short form. Nothing else is ever cut off.

mod date_lines;

use self::date_lines::DateLines;
use super::column::{Column, display_width};
use super::fields::{Fields, Visibility};
use super::multiline_text::MultilineText;
use super::paint::Palette;
use super::sources::Sources;
use super::time::{DATE_PATTERN, SHORT, TimeFormat};
use super::{Format, Options};
use crate::error::Result;
use crate::fields::pairs::{write_fields, write_text};
use crate::filter::FieldPath;
use crate::level::Level;
use crate::record::Record;
use crate::text::escape::write_inline;
use crate::wire::topic::without_level;
use unicode_width::UnicodeWidthStr;

/// The indentation of tracebacks, in spaces.
const TRACEBACK_INDENT: usize = 4;

/// The length of `WARNING`. `CRITICAL` is longer, but rare.
const LEVEL_WIDTH: usize = 7;

/// The fewest columns of the terminal for a shortened topic and a shortened source. On terminals
/// of 80 columns, messages begin before column 40 with these.
const MIN_WIDTHS: [usize; 2] = [7, 6];

/// Terminals narrower than this have one space between the columns, not two: names need the
/// room more.
const WIDE: usize = 100;

/// Writes records for people.
pub(super) struct Pretty {
    time: TimeFormat,
    dates: Option<DateLines>,
    fields: Fields,
    visible: Visible,
    escape: bool,
    separator: String,
    /// Whether the user has given the separator.
    has_own_separator: bool,
    /// The columns of the terminal before the message. `None`: as many as names need.
    room: Option<usize>,
    palette: Palette,
    multiline: MultilineText,
    time_column: Column,
    level_column: Column,
    /// The columns of topic, logger and source.
    names: [Column; 3],
    sources: Sources,
    /// The fields that `--show` names besides the columns.
    shown: Vec<FieldPath>,
    /// Reused: a topic without its level.
    scratch: String,
    /// Reused: attributes and extras as `key=value`.
    pairs: Vec<u8>,
}

/// The columns that `--show` and `--hide` choose.
struct Visible {
    time: Visibility,
    level: Visibility,
    topic: Visibility,
    name: Visibility,
    source: Visibility,
}

impl Pretty {
    /// A format with the given options and their compiled time format.
    ///
    /// # Errors
    /// `--show` names something that can't be a field.
    pub(super) fn new(time: TimeFormat, options: Options) -> Result<Pretty> {
        let column = |width| Column::new(options.align, width);
        let shown = options.fields.shown_beside_columns()?;
        let is_short = options.time_format.as_deref().is_none_or(|format| format == SHORT);
        let date = || TimeFormat::new(DATE_PATTERN, options.zone.clone());
        let has_time = options.fields.of("time") != Visibility::Hidden;
        let dates = (options.terminal.is_some() && is_short && has_time).then(date).transpose()?;
        let mut pretty = Pretty {
            multiline: MultilineText::new(&options),
            dates: dates.map(DateLines::new),
            visible: Visible {
                time: options.fields.of("time"),
                level: options.fields.of("level"),
                topic: options.fields.of("topic"),
                name: options.fields.of("name"),
                source: options.fields.of("source"),
            },
            fields: options.fields,
            escape: options.escape,
            has_own_separator: options.separator.is_some(),
            separator: options.separator.unwrap_or_else(|| "  ".to_owned()),
            room: None,
            palette: Palette::new(options.color),
            time_column: column(time.usual_width()),
            time,
            level_column: column(LEVEL_WIDTH),
            names: [column(0), column(0), column(0).separated_by(&[':'])],
            sources: Sources::new(),
            shown,
            scratch: String::new(),
            pairs: Vec::new(),
        };
        if let Some(columns) = options.terminal {
            pretty.set_terminal_width(columns);
        }
        Ok(pretty)
    }

    /// Writes the columns before the message. Returns their width.
    fn write_columns(&mut self, record: &Record<'_>, out: &mut Vec<u8>) -> usize {
        let mut width = 0;
        if self.visible.time != Visibility::Hidden {
            width += self.write_time(record, out);
        }
        if self.visible.level != Visibility::Hidden {
            let (paint, escape) = (self.palette.level(record.level), self.escape);
            let column = &mut self.level_column;
            let written = column.write(out, paint, |out| write_level(out, record, escape));
            width += write_separator(out, &self.separator, written);
        }
        width + self.write_names(record, width, out)
    }

    /// Writes topic, logger and source, after `used` columns of the terminal.
    fn write_names(&mut self, record: &Record<'_>, used: usize, out: &mut Vec<u8>) -> usize {
        let mut scratch = std::mem::take(&mut self.scratch);
        let [topic, name] = self.topic_and_name(record, &mut scratch);
        let (source, color) = self.label(record);
        let limits = self.limits(used, [topic, name, source]);
        let [plain, color] = [&self.palette.plain, self.palette.source(color)];
        let mut width = 0;
        for (at, (text, paint)) in
            [(topic, plain), (name, plain), (source, color)].into_iter().enumerate()
        {
            let written = self.names[at].write_within(out, paint, limits[at], |out| {
                write_inline(out, text, self.escape);
            });
            width += write_separator(out, &self.separator, written);
        }
        self.scratch = scratch;
        width
    }

    /// The topic and the logger's name as they are shown: one of them unless both were asked
    /// for.
    fn topic_and_name<'r>(&self, record: &'r Record<'_>, scratch: &'r mut String) -> [&'r str; 2] {
        use Visibility::{Auto, Hidden, Shown};
        let name = record.name.as_deref().unwrap_or("");
        let topic = match self.visible.topic {
            Shown => &*record.topic,
            Auto | Hidden => without_level(record, scratch),
        };
        let or = |first: &'r str, second: &'r str| if first.is_empty() { second } else { first };
        match (self.visible.topic, self.visible.name) {
            (Shown, Shown) => [topic, name],
            (Hidden, Shown) => [name, ""],
            (Auto, Shown) => [or(name, topic), ""],
            (Hidden, _) => ["", ""],
            (_, Hidden) => [topic, ""],
            (_, Auto) => [or(topic, name), ""],
        }
    }

    /// The source as it is shown, and the number of its colour.
    fn label<'r>(&mut self, record: &'r Record<'_>) -> (&'r str, usize) {
        let source = record.source.as_deref().unwrap_or("");
        if source.is_empty() || self.visible.source == Visibility::Hidden {
            return ("", 0);
        }
        let (label, color) = self.sources.label(source);
        match self.visible.source {
            Visibility::Shown => (source, color),
            _ if self.sources.several() => (label, color),
            _ => ("", 0),
        }
    }

    /// How many columns of the terminal topic, logger and source may take. What `--show` names
    /// is not shortened.
    fn limits(&self, used: usize, names: [&str; 3]) -> [usize; 3] {
        const WHOLE: usize = usize::MAX;
        let Some(room) = self.room else { return [WHOLE; 3] };
        let [topic, name, source] =
            [0, 1, 2].map(|at| self.names[at].width().max(names[at].width()));
        let separators = [topic, name, source].into_iter().filter(|width| *width > 0).count();
        let separators = separators * display_width(self.separator.as_bytes());
        let room = room.saturating_sub(used + separators + name);
        let is_shown = |visibility| visibility == Visibility::Shown;
        let is_whole = is_shown(self.visible.topic) || is_shown(self.visible.name);
        let (for_topic, for_source) = match (is_whole, is_shown(self.visible.source)) {
            (true, true) => (WHOLE, WHOLE),
            (true, false) => (WHOLE, room.saturating_sub(topic)),
            (false, true) => (room.saturating_sub(source), WHOLE),
            // The source gets what the topic leaves, or two fifths.
            (false, false) => {
                let for_source = room.saturating_sub(topic).max((room * 2).div_ceil(5));
                (room.saturating_sub(source.min(for_source)), for_source)
            }
        };
        [for_topic.max(MIN_WIDTHS[0]), WHOLE, for_source.max(MIN_WIDTHS[1])]
    }

    /// Writes the time, its mark and the separator. The mark replaces the first space of a wide
    /// separator, so that columns don't move.
    fn write_time(&mut self, record: &Record<'_>, out: &mut Vec<u8>) -> usize {
        let time = &mut self.time;
        let width = self.time_column.write(out, &self.palette.plain, |out| {
            if let Some(seconds) = record.time() {
                time.write(seconds, out);
            }
        });
        if width == 0 {
            return 0;
        }
        let arrival = record.created.is_none() && record.received.is_some();
        out.push(if arrival { b'~' } else { b' ' });
        let rest = self.separator.strip_prefix(' ').filter(|rest| !rest.is_empty());
        let rest = rest.unwrap_or(&self.separator);
        out.extend_from_slice(rest.as_bytes());
        width + 1 + display_width(rest.as_bytes())
    }

    fn write_fault(&self, reason: &str, out: &mut Vec<u8>) {
        self.palette.fault.over(out, |out| {
            out.extend_from_slice(b"[undecoded: ");
            write_inline(out, reason, self.escape);
            out.push(b']');
        });
        out.push(b' ');
    }

    /// Writes the attributes that `--show` names and the extras that `--hide` leaves.
    fn write_extras(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let (escape, fields) = (self.escape, &self.fields);
        self.pairs.clear();
        for path in &self.shown {
            let is_extra = |name| record.extras.iter().any(|(key, _)| *key == name);
            if let Some(value) = path.text(record).filter(|_| !is_extra(path.name())) {
                if !self.pairs.is_empty() {
                    self.pairs.push(b' ');
                }
                write_inline(&mut self.pairs, path.name(), escape);
                self.pairs.push(b'=');
                write_text(&mut self.pairs, &value, escape);
            }
        }
        let extras = record.extras.iter().filter(|(key, _)| fields.shows_extra(key));
        write_fields(&mut self.pairs, extras, escape);
        if !self.pairs.is_empty() {
            out.extend_from_slice(b"  ");
            let pairs = String::from_utf8_lossy(&self.pairs);
            self.multiline.write_escaped(out, &pairs, &self.palette.dim);
        }
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
        if let Some(dates) = &mut self.dates {
            dates.write(record, &self.palette, out);
        }
        let indent = self.write_columns(record, out);
        if let Some(reason) = &record.fault {
            self.write_fault(reason, out);
        }
        let message = record.message();
        self.multiline.write(out, message.trim_end_matches('\n'), indent);
        self.write_extras(record, out);
        let traces = [("exc_text", &record.exc_text), ("stack_info", &record.stack_info)];
        for (field, text) in traces {
            if let Some(text) = text
                && self.fields.of(field) != Visibility::Hidden
            {
                self.write_indented(without_last_line(text, &message), out);
            }
        }
        out.push(b'\n');
    }

    fn set_terminal_width(&mut self, columns: usize) {
        // The message begins before the middle.
        self.room = Some((columns / 2).saturating_sub(2));
        if !self.has_own_separator {
            let separator = if columns < WIDE { " " } else { "  " };
            self.separator = separator.to_owned();
        }
    }
}

/// A traceback without its last line, if that is the message: of a traceback on its own, the
/// message is a copy of it.
fn without_last_line<'t>(text: &'t str, message: &str) -> &'t str {
    let trimmed = text.trim_end_matches('\n');
    match trimmed.strip_suffix(message.trim_end_matches('\n')) {
        Some(rest) if !message.is_empty() && (rest.is_empty() || rest.ends_with('\n')) => rest,
        _ => text,
    }
}

/// Writes the separator after a column, unless the column is empty. Returns the width of both.
fn write_separator(out: &mut Vec<u8>, separator: &str, column: usize) -> usize {
    if column == 0 {
        return 0;
    }
    out.extend_from_slice(separator.as_bytes());
    column + display_width(separator.as_bytes())
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
mod tests;
