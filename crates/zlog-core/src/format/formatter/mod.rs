//! Python's `logging.Formatter`: format strings in three styles, and ready-made formats.
//!
//! CPython drops a record that does not fit the format (a missing field, text instead of a
//! number, wrong arguments) and prints a traceback. zlog writes it as [`BASIC_FORMAT`]
//! after `[unformatted: why]`, and counts it in [`Format::failures`].

use std::fmt::Write as _;

use super::asctime::Asctime;
use super::multiline_text::MultilineText;
use super::paint::Palette;
use super::syslog::Syslog;
use super::template::{
    DeclaredExtras, FieldError, MsecFormat, Piece, Source, Template, TemplateError, TemplateStyle,
};
use super::time::TimeFormat;
use super::{Format, Options, Output};
use crate::error::{Error, Result};
use crate::fields::attribute::{ATTRIBUTES, Attribute, FieldContext};
use crate::record::Record;
use crate::text::choice::{Choice, Named};
use crate::text::escape::Newlines;
use crate::text::escape::write_inline;
use crate::text::suggest::{did_you_mean, nearest};

/// Python's `logging.BASIC_FORMAT`.
const BASIC_FORMAT: &str = "%(levelname)s:%(name)s:%(message)s";

/// Python's `Formatter.default_time_format`.
const DEFAULT_TIME_FORMAT: &str = "%Y-%m-%d %H:%M:%S";

/// Python's `Formatter.default_msec_format`.
const DEFAULT_MSEC_FORMAT: &str = "%s,%03d";

/// Which of Python's three styles a format string is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Style {
    /// Recognised from the string; refused if ambiguous
    #[default]
    Auto,
    /// Or %, as the % operator: %(levelname)-8s
    Percent,
    /// Or {, as str.format: {levelname:<8}
    Brace,
    /// Or the dollar sign, as string.Template
    Dollar,
}

impl Choice for Style {
    const CHOICES: &'static [Named<Style>] = &[
        Named::new(Style::Auto, "auto", "Recognised from the string; refused if ambiguous"),
        Named::new(Style::Percent, "percent", "Or %, as the % operator: %(levelname)-8s")
            .alias("%"),
        Named::new(Style::Brace, "brace", "Or {, as str.format: {levelname:<8}").alias("{"),
        Named::new(Style::Dollar, "dollar", "Or the dollar sign, as string.Template").alias("$"),
    ];
}

/// The settings of a formatter.
#[derive(Clone, Debug, PartialEq)]
pub struct FormatterSpec {
    /// A ready-made name (see [`READY_MADE`]) or a format string. `None`: the default of the
    /// handler.
    pub format: Option<String>,
    /// The style of the format string.
    pub style: Style,
    /// The strftime format of `asctime`, as in [`TimeFormat::new`]. Ready-made formats with
    /// times use it too.
    pub datefmt: Option<String>,
    /// Python's class attribute: how milliseconds follow `asctime`. `None` is Python's default
    /// `%s,%03d` or, with a `datefmt`, no milliseconds; an empty text omits them.
    pub default_msec_format: Option<String>,
    /// Write times in UTC, whatever the zone of the options is.
    pub utc: bool,
    /// The names of extras that the format may use, with defaults for records that lack
    /// them (Python's `defaults`). Names of attributes are allowed too.
    pub extras: Vec<(String, Option<String>)>,
    /// The treatment of newlines in messages and tracebacks.
    pub newlines: Newlines,
    /// Reject what Python's `Formatter(validate=True)` rejects, such as a string without
    /// fields.
    pub validate: bool,
}

impl Default for FormatterSpec {
    /// As Python's `Formatter()`, but with the handler's default format.
    fn default() -> FormatterSpec {
        FormatterSpec {
            format: None,
            style: Style::Auto,
            datefmt: None,

            default_msec_format: None,
            utc: false,
            extras: Vec::new(),
            newlines: Newlines::default(),
            validate: true,
        }
    }
}

/// The names of ready-made formats, and their descriptions.
pub const READY_MADE: [(&str, &str); 6] = [
    ("basic", "LEVEL:name:message, as logging.basicConfig has it"),
    ("bare", "the message alone, and its traceback"),
    ("syslog", "name[process]: message on one line; the daemon adds time and level"),
    ("pretty", "for people: aligned columns, colours, tracebacks indented"),
    ("json", "one JSON object a line, which zlog reads back"),
    ("logfmt", "one line of key=value pairs"),
];

impl FormatterSpec {
    /// Builds the format, or `default` if the spec has none.
    ///
    /// # Errors
    /// Unknown fields (the hint lists the known ones), conversions and widths that no record
    /// fits, a string in another style or in more than one, or a wrong time format.
    pub fn build(&self, default: Output, mut options: Options) -> Result<Box<dyn Format>> {
        options.newlines = self.newlines;
        if self.utc {
            options.zone = super::time::zone(true);
        }
        if let Some(datefmt) = &self.datefmt {
            options.time_format = Some(datefmt.clone());
        }
        let Some(format) = &self.format else { return default.format(options) };
        let ready: Box<dyn Format> = match format.as_str() {
            "basic" => Box::new(self.compile(BASIC_FORMAT, TemplateStyle::Percent, options)?),
            "bare" | "text" => Output::Text.format(options)?,
            "syslog" => Box::new(Syslog),
            "pretty" => Output::Pretty.format(options)?,
            "json" => Output::Json.format(options)?,
            "logfmt" => Output::Logfmt.format(options)?,
            text => {
                let kind = self.kind(text)?;
                return Ok(Box::new(self.compile(text, kind, options)?));
            }
        };
        if self.style == Style::Auto {
            return Ok(ready);
        }
        let what = format!("{format} is a ready-made format, and has no style");
        Err(Error::usage(what).hint("Leave out the style, or give a format string."))
    }

    /// The style of a format string.
    fn kind(&self, text: &str) -> Result<TemplateStyle> {
        match self.style {
            Style::Percent => return Ok(TemplateStyle::Percent),
            Style::Brace => return Ok(TemplateStyle::Brace),
            Style::Dollar => return Ok(TemplateStyle::Dollar),
            Style::Auto => {}
        }
        let named: Vec<(TemplateStyle, Vec<String>)> =
            [TemplateStyle::Percent, TemplateStyle::Brace, TemplateStyle::Dollar]
                .into_iter()
                .map(|kind| (kind, kind.names(text)))
                .filter(|(_, names)| !names.is_empty())
                .collect();
        let known = |name: &String| {
            Attribute::named(name).is_some() || self.extras.iter().any(|(extra, _)| extra == name)
        };
        let sure: Vec<_> = named.iter().filter(|(_, names)| names.iter().any(known)).collect();
        match (sure.as_slice(), named.as_slice()) {
            ([(kind, _)], _) | ([], [(kind, _)]) => Ok(*kind),
            ([], []) if !self.validate || text.is_empty() => Ok(TemplateStyle::Percent),
            ([], []) => Err(no_field(text)),
            _ => Err(Error::usage(format!("format {text:?} fits more than one style"))
                .hint("Say which: --style %, --style { or --style $.")),
        }
    }

    fn compile(&self, text: &str, kind: TemplateStyle, options: Options) -> Result<Formatter> {
        let whole = match text {
            // As in Python, an empty string means the default.
            "" => kind.example("message"),
            text => text.to_owned(),
        };
        // Compile first: these errors say more.
        let template = Template::new(kind, &whole, &self.extras)
            .and_then(|template| match self.validate {
                true => kind.validate(&whole).map(|()| template),
                false => Ok(template),
            })
            .map_err(|error| self.invalid(&whole, kind, &error))?;
        let asctime = match template.shows(Attribute::Asctime) {
            true => Some(self.asctime(&options)?),
            false => None,
        };
        Ok(Formatter {
            shows_message: template.shows_whole(Attribute::Message),
            template,
            asctime,
            escape: options.escape,
            palette: Palette::new(options.color),
            multiline: MultilineText::new(&options),
            scratch: String::new(),
            failures: 0,
        })
    }

    fn asctime(&self, options: &Options) -> Result<Asctime> {
        let datefmt = options.time_format.as_deref().filter(|datefmt| !datefmt.is_empty());
        let time = datefmt.unwrap_or(DEFAULT_TIME_FORMAT);
        let time = TimeFormat::compile(time, options.zone.clone())?;
        let default = if datefmt.is_some() { "" } else { DEFAULT_MSEC_FORMAT };
        let msecs = match self.default_msec_format.as_deref().unwrap_or(default) {
            "" => None,
            text => Some(MsecFormat::new(text).map_err(|error| {
                Error::usage(format!("milliseconds format {text:?}: {error}"))
                    .hint("Python's own is %s,%03d; an empty one leaves them out.")
            })?),
        };
        Ok(Asctime::new(time, msecs))
    }

    fn invalid(&self, text: &str, kind: TemplateStyle, error: &TemplateError) -> Error {
        let hint = match error {
            TemplateError::UnknownField(_) => format!(
                "The fields are {}. Declare other fields: --extra NAME, or --extra NAME=DEFAULT \
                 for records without it.",
                names(&self.extras)
            ),
            TemplateError::Invalid(_) => {
                let (symbol, example) = (kind.symbol(), kind.example("message"));
                format!("It is read in style {symbol}, whose fields look like {example}.")
            }
        };
        Error::usage(format!("format {text:?}: {error}")).hint(hint)
    }
}

/// The error for text that is neither a ready-made format nor a format string.
fn no_field(text: &str) -> Error {
    let ready = READY_MADE.map(|(name, _)| name);
    let error =
        Error::usage(format!("format {text:?} has no fields and is not a ready-made format"));
    let error = error.hint(format!(
        "Ready-made are {}. Fields look like %(message)s, {{message}} or ${{message}}.",
        ready.join(", ")
    ));
    match nearest(text, ready) {
        Some(nearest) => error.note(did_you_mean(nearest)),
        None => error,
    }
}

/// The list of all names that may be used.
fn names(extras: DeclaredExtras<'_>) -> String {
    let own = ATTRIBUTES.iter().map(|(name, _)| *name);
    let declared = extras.iter().map(|(name, _)| name.as_str());
    own.chain(declared).collect::<Vec<_>>().join(", ")
}

/// A compiled format string. Text and decimal integers are written without allocation;
/// fractions and other bases allocate their digits.
struct Formatter {
    template: Template,
    /// Whether a field shows the whole message, and so a mark in it.
    shows_message: bool,
    /// Present only if a field shows it.
    asctime: Option<Asctime>,
    escape: bool,
    palette: Palette,
    multiline: MultilineText,
    /// A field before escaping and colouring.
    scratch: String,
    failures: u64,
}

impl Format for Formatter {
    fn write(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        let message = record.try_message();
        let misfit = message.as_ref().err().copied();
        let message = match message {
            Ok(message) => message,
            Err(why) if self.shows_message => {
                format!("[unformatted: {}] {}", why.0, record.message()).into()
            }
            Err(_) => record.message(),
        };
        let fields = match misfit {
            // Python raises an exception even if the message is not shown.
            Some(why) if !self.shows_message => Err(format!("the message: {}", why.0)),
            _ => self.fields(record, &message, out),
        };
        self.failures += u64::from(misfit.is_some() || fields.is_err());
        if let Err(why) = fields {
            out.truncate(start);
            self.fallback(record, &message, &why, out);
        }
        self.multiline.write_traces(out, record, start);
        out.push(b'\n');
    }

    fn failures(&self) -> u64 {
        self.failures
    }
}

impl Formatter {
    /// Writes all pieces.
    ///
    /// # Errors
    /// Why a field can't be written, as a clause.
    fn fields(
        &mut self,
        record: &Record<'_>,
        message: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let asctime = self.asctime.as_mut().map_or("", |asctime| asctime.of(record));
        let context = FieldContext { record, message, asctime };
        for piece in &self.template.pieces {
            let field = match piece {
                Piece::Literal(text) => {
                    out.extend_from_slice(text.as_bytes());
                    continue;
                }
                Piece::Field(field) => field,
            };
            let attribute = match &field.source {
                Source::Attribute(attribute) => Some(*attribute),
                Source::Extra(_) => None,
            };
            let text = match attribute {
                // Saves copying the longest text twice.
                Some(Attribute::Message) if field.is_plain() => message,
                Some(Attribute::Asctime) if field.is_plain() && !asctime.is_empty() => asctime,
                _ => {
                    self.scratch.clear();
                    field
                        .write(&context, &mut self.scratch)
                        .map_err(|error| reason(&field.text, &field.source, error))?;
                    &self.scratch
                }
            };
            let paint = match attribute {
                Some(
                    Attribute::Message | Attribute::Msg | Attribute::ExcText | Attribute::StackInfo,
                ) => {
                    self.multiline.write(out, text, 0);
                    continue;
                }
                // Its newlines are from the user's time format.
                Some(Attribute::Asctime) if !self.escape => {
                    out.extend_from_slice(text.as_bytes());
                    continue;
                }
                Some(Attribute::Levelname) => self.palette.level(record.level),
                _ => &self.palette.plain,
            };
            paint.over(out, |out| write_inline(out, text, self.escape));
        }
        Ok(())
    }

    fn fallback(&mut self, record: &Record<'_>, message: &str, why: &str, out: &mut Vec<u8>) {
        let context = FieldContext { record, message, asctime: "" };
        self.palette.fault.over(out, |out| {
            out.extend_from_slice(b"[unformatted: ");
            write_inline(out, why, self.escape);
            out.push(b']');
        });
        out.push(b' ');
        for attribute in [Attribute::Levelname, Attribute::Name] {
            if let Some(crate::python::Value::Text(text)) = attribute.of(&context) {
                write_inline(out, &text, self.escape);
            }
            out.push(b':');
        }
        self.multiline.write(out, message, 0);
    }
}

/// Why a field can't be written, as a clause.
fn reason(text: &str, source: &Source, error: FieldError) -> String {
    let mut why = text.to_owned();
    // Writing to a String can't fail.
    let _ = match (error, source) {
        (FieldError::Misfit(why_not), _) => write!(why, " {}", why_not.0),
        (FieldError::Missing, Source::Extra(name)) => write!(why, ": the record has no {name}"),
        (FieldError::Missing, Source::Attribute(_)) => write!(why, ": the record has none"),
    };
    why
}

#[cfg(test)]
mod tests;
