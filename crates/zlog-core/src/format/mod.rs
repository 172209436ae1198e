//! Formats: how records are displayed.
//!
//! To add a format, imitate `text.rs`: it is one file here, which implements [`Format`],
//! and one variant of [`Output`], which does not compile until [`Output::format`] and the
//! tests handle it.
//!
//! A format does no I/O and must not detect terminals: [`Options`] say whether to colour
//! and to escape.

mod asctime;
mod column;
mod fields;
mod formatter;
mod json;
mod logfmt;
mod multiline_text;
mod paint;
mod pretty;
mod raw;
mod short_names;
mod sources;
mod syslog;
mod template;
mod text;
mod time;

use jiff::tz::TimeZone;
use regex::Regex;

use crate::error::Result;
use crate::record::Record;
use crate::text::choice::{Choice, Named};
use crate::text::escape::Newlines;

pub use fields::Fields;
pub use formatter::{FormatterSpec, READY_MADE, Style};
pub use time::{RFC3339_PATTERN, TimeFormat, zone};

/// Converts records to bytes, in the order in which they are shown: a format may have
/// state, such as the widths of its columns.
pub trait Format: Send {
    /// Appends one record, with a newline at its end.
    ///
    /// Once its buffers have grown, it does not allocate for records without arguments.
    fn write(&mut self, record: &Record<'_>, out: &mut Vec<u8>);

    /// The number of records that did not fit the format and were written in another form
    /// with the reason.
    fn failures(&self) -> u64 {
        0
    }

    /// Fits the records that follow to a terminal that has so many columns from now on.
    fn set_terminal_width(&mut self, _columns: usize) {}
}

/// The format of records: `--output`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Output {
    /// For people: aligned columns, colours, tracebacks indented
    #[default]
    Pretty,
    /// One JSON object a line, which zlog reads back
    Json,
    /// One line of key=value pairs
    Logfmt,
    /// The message and its traceback, as Python's logging writes them
    Text,
    /// The body as it came, byte for byte
    Raw,
}

impl Choice for Output {
    const CHOICES: &'static [Named<Output>] = &[
        Named::new(
            Output::Pretty,
            "pretty",
            "For people: aligned columns, colours, tracebacks indented",
        ),
        Named::new(Output::Json, "json", "One JSON object a line, which zlog reads back"),
        Named::new(Output::Logfmt, "logfmt", "One line of key=value pairs"),
        Named::new(
            Output::Text,
            "text",
            "The message and its traceback, as Python's logging writes them",
        ),
        Named::new(Output::Raw, "raw", "The body as it came, and a newline after each"),
    ];
}

impl Output {
    /// Builds the format. [`Output::Raw`] needs records with their [`body`](Record::body).
    ///
    /// # Errors
    /// The time format in `options` is wrong, even if this format shows no times.
    pub fn format(self, options: Options) -> Result<Box<dyn Format>> {
        let time = options.time(match self {
            Output::Logfmt => time::RFC3339_PATTERN,
            Output::Pretty if options.terminal.is_some() => time::SHORT,
            _ => time::DEFAULT_PATTERN,
        })?;
        Ok(match self {
            Output::Pretty => Box::new(pretty::Pretty::new(time, options)?),
            Output::Text => Box::new(text::Text::new(time, options)),
            Output::Logfmt => Box::new(logfmt::Logfmt::new(time, options.escape)),
            Output::Json => Box::new(json::Json::new(options.escape)),
            Output::Raw => Box::new(raw::Raw::new(options.escape)),
        })
    }
}

/// The options of formats. Each format uses those that apply to it.
#[derive(Clone, Debug)]
pub struct Options {
    /// Colour with SGR sequences (pretty, text).
    pub color: bool,
    /// Escape characters that are unsafe for a terminal. Off for pipes.
    pub escape: bool,
    /// The treatment of newlines in messages, tracebacks and stacks (pretty, text and format
    /// strings). In all other text, newlines are always escaped.
    pub newlines: Newlines,
    /// The zone of displayed times.
    pub zone: TimeZone,
    /// The time format, as in [`TimeFormat::new`]. `None`: the default of each format.
    pub time_format: Option<String>,
    /// The text between columns. The default is two spaces, or ` | ` for text.
    pub separator: Option<String>,
    /// Pad columns to the widest value so far (pretty, text).
    pub align: bool,
    /// Patterns to mark in messages and tracebacks, if there is colour (pretty, text).
    pub highlight: Vec<Regex>,
    /// Which fields are shown (pretty).
    pub fields: Fields,
    /// The width of the terminal that records are shown on. Times then have no date, unless
    /// `time_format` has one, and names are shortened (pretty).
    pub terminal: Option<usize>,
    /// Write the time before the message (text).
    pub timestamp: bool,
    /// Write the topic before the message (text).
    pub topic: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            color: false,
            escape: false,
            newlines: Newlines::default(),
            zone: time::zone(false),
            time_format: None,
            separator: None,
            align: true,
            highlight: Vec::new(),
            fields: Fields::default(),
            terminal: None,
            timestamp: false,
            topic: false,
        }
    }
}

impl Options {
    fn time(&self, default: &str) -> Result<TimeFormat> {
        TimeFormat::new(self.time_format.as_deref().unwrap_or(default), self.zone.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::Level;

    /// A record in each format. Exhaustive, so that a new one needs an exemplar.
    fn exemplar(output: Output) -> &'static str {
        match output {
            Output::Pretty => "1970-01-01 00:00:01.500  INFO     app  up\n",
            Output::Json => "{",
            Output::Logfmt => "ts=1970-01-01T00:00:01.500000Z level=info topic=app.INFO msg=up\n",
            Output::Text => "up\n",
            Output::Raw => "the body\n",
        }
    }

    #[test]
    fn every_output_has_an_exemplar() {
        let record = Record {
            topic: "app.INFO".into(),
            msg: "up".into(),
            level: Level::INFO,
            created: Some(1.5),
            body: Some(b"the body"[..].into()),
            ..Record::default()
        };
        for output in Output::all() {
            let options = Options { zone: TimeZone::UTC, ..Options::default() };
            let mut out = Vec::new();
            output.format(options).unwrap().write(&record, &mut out);
            let text = String::from_utf8(out).unwrap();
            assert!(text.starts_with(exemplar(output)), "{output:?}: {text}");
            assert!(text.ends_with('\n') && text.lines().count() == 1, "{output:?}: {text}");
        }
    }

    #[test]
    fn every_output_rejects_a_wrong_time_format() {
        for output in Output::all() {
            let options = Options { time_format: Some("%!".into()), ..Options::default() };
            assert!(output.format(options).is_err(), "{output:?}");
        }
    }
}
