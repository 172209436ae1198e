//! Python's `logging.Formatter`: format strings in its three styles, and ready-made
//! formats by name.
//!
//! What may be here: what a formatter is made from, and how it puts a record
//! together. Format strings are compiled in `template`, once; names and values are
//! `attribute`'s.
//!
//! A record that CPython would drop with a traceback on standard error (a field it
//! lacks, text where a number is wanted, arguments that don't fit) is kept: it is
//! written in the shape of [`BASIC_FORMAT`] behind `[unformatted: why]`, and counted
//! in [`Format::failures`].

use std::fmt::Write as _;

use super::asctime::Asctime;
use super::attribute::{ATTRIBUTES, Attribute, FieldContext};
use super::paint::{MultilineText, Palette, write_inline};
use super::syslog::Syslog;
use super::template::{
    DeclaredExtras, FieldError, MsecFormat, Piece, Source, Template, TemplateError, TemplateStyle,
};
use super::time::TimeFormat;
use super::{Format, Options, Output};
use crate::error::{Error, Result};
use crate::python::percent;
use crate::record::Record;
use crate::text::choice::{Choice, Named};
use crate::text::escape::Newlines;
use crate::text::suggest::nearest;

/// Python's `logging.BASIC_FORMAT`.
pub const BASIC_FORMAT: &str = "%(levelname)s:%(name)s:%(message)s";

/// Python's `Formatter.default_time_format`.
pub const DEFAULT_TIME_FORMAT: &str = "%Y-%m-%d %H:%M:%S";

/// Python's `Formatter.default_msec_format`.
pub const DEFAULT_MSEC_FORMAT: &str = "%s,%03d";

/// Which of Python's three styles a format string is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Style {
    /// Told from the string; refused where it could be two
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
        Named::new(Style::Auto, "auto", "Told from the string; refused where it could be two"),
        Named::new(Style::Percent, "percent", "Or %, as the % operator: %(levelname)-8s")
            .alias("%"),
        Named::new(Style::Brace, "brace", "Or {, as str.format: {levelname:<8}").alias("{"),
        Named::new(Style::Dollar, "dollar", "Or the dollar sign, as string.Template").alias("$"),
    ];
}

/// What a formatter is made from: the same from flags and from a file.
#[derive(Clone, Debug, PartialEq)]
pub struct FormatterSpec {
    /// A ready-made name (see [`READY_MADE`]) or a format string; `None` is the
    /// handler's own default.
    pub format: Option<String>,
    /// The style of the format string.
    pub style: Style,
    /// How `asctime` is written: strftime, as [`TimeFormat::new`] takes it. Ready-made
    /// formats that show times take it too.
    pub datefmt: Option<String>,
    /// Python's class attribute: `asctime` without its milliseconds. Used when there
    /// is no `datefmt`; `None` is [`DEFAULT_TIME_FORMAT`].
    pub default_time_format: Option<String>,
    /// Python's class attribute: how the milliseconds stand after it. `None` is
    /// [`DEFAULT_MSEC_FORMAT`], an empty text leaves them out.
    pub default_msec_format: Option<String>,
    /// Times in UTC, whatever the zone of the options is.
    pub utc: bool,
    /// Names of extras that the format may use, each with what stands for one that a
    /// record lacks (Python's `defaults`). The name of an attribute may stand there
    /// too.
    pub extras: Vec<(String, Option<String>)>,
    /// What becomes of newlines in messages and tracebacks.
    pub newlines: Newlines,
    /// Refuse what Python's `Formatter(validate=True)` refuses: above all, a string
    /// without any field.
    pub validate: bool,
}

impl Default for FormatterSpec {
    /// As Python's `Formatter()`, but the format is the handler's own.
    fn default() -> FormatterSpec {
        FormatterSpec {
            format: None,
            style: Style::Auto,
            datefmt: None,
            default_time_format: None,
            default_msec_format: None,
            utc: false,
            extras: Vec::new(),
            newlines: Newlines::default(),
            validate: true,
        }
    }
}

/// Names that stand for a whole format, and what each is.
pub const READY_MADE: [(&str, &str); 6] = [
    ("basic", "LEVEL:name:message, as logging.basicConfig has it"),
    ("bare", "the message alone, and its traceback"),
    ("syslog", "name[process]: message on one line; the daemon adds time and level"),
    ("pretty", "for people: aligned columns, colours, tracebacks indented"),
    ("json", "one JSON object a line, which zlog reads back"),
    ("logfmt", "one line of key=value pairs"),
];

impl FormatterSpec {
    /// Builds the format; `default` is taken when the spec has none.
    ///
    /// # Errors
    /// Names that are not known (they are listed, with the nearest one), conversions
    /// and widths that no record fits, a string of another style or of two, a wrong
    /// time format.
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
            _ => Err(Error::usage(format!("format {text:?} could be of more than one style"))
                .hint("Say which: --style %, --style { or --style $.")),
        }
    }

    fn compile(&self, text: &str, kind: TemplateStyle, options: Options) -> Result<Formatter> {
        let whole = match text {
            // As Python: an empty string is none.
            "" => kind.example("message"),
            text => text.to_owned(),
        };
        // The compiler goes first: it can say more of what is wrong.
        let template = Template::new(kind, &whole, &self.extras)
            .and_then(|template| match self.validate {
                true => kind.validate(&whole).map(|()| template),
                false => Ok(template),
            })
            .map_err(|wrong| self.refused(&whole, kind, &wrong))?;
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
        if let Some(datefmt) = options.time_format.as_deref().filter(|datefmt| !datefmt.is_empty())
        {
            return Ok(Asctime::new(TimeFormat::new(datefmt, options.zone.clone())?, None));
        }
        let time = self.default_time_format.as_deref().unwrap_or(DEFAULT_TIME_FORMAT);
        let time = TimeFormat::new(time, options.zone.clone())?;
        let msecs = match self.default_msec_format.as_deref().unwrap_or(DEFAULT_MSEC_FORMAT) {
            "" => None,
            text => Some(MsecFormat::new(text).map_err(|wrong| {
                Error::usage(format!("milliseconds format {text:?}: {wrong}"))
                    .hint("Python's own is %s,%03d; an empty one leaves them out.")
            })?),
        };
        Ok(Asctime::new(time, msecs))
    }

    fn refused(&self, text: &str, kind: TemplateStyle, wrong: &TemplateError) -> Error {
        let error = Error::usage(format!("format {text:?}: {wrong}"));
        if wrong.starts_with("there is no field") {
            error.hint(format!(
                "The fields are {}. What senders add besides is declared: --extra NAME, or \
                 --extra NAME=DEFAULT for records without it.",
                names(&self.extras)
            ))
        } else {
            let (symbol, example) = (kind.symbol(), kind.example("message"));
            error.hint(format!("It is read in style {symbol}, whose fields look like {example}."))
        }
    }
}

/// The error for a word that is neither a ready-made format nor a format string.
fn no_field(text: &str) -> Error {
    let ready = READY_MADE.map(|(name, _)| name);
    let error = Error::usage(format!("format {text:?} has no field, and is no ready-made format"));
    let error = error.hint(format!(
        "Ready-made are {}. Fields look like %(message)s, {{message}} or ${{message}}.",
        ready.join(", ")
    ));
    match nearest(text, ready) {
        Some(nearest) => error.note(format!("Did you mean {nearest}?")),
        None => error,
    }
}

/// Every name that may be used, in a list.
fn names(extras: DeclaredExtras<'_>) -> String {
    let own = ATTRIBUTES.iter().map(|(name, _)| *name);
    let declared = extras.iter().map(|(name, _)| name.as_str());
    own.chain(declared).collect::<Vec<_>>().join(", ")
}

/// A compiled format string. See the module. Text and whole decimal numbers go into the
/// output without an allocation; fractions and other bases make their digits first.
struct Formatter {
    template: Template,
    /// Whether a mark in the message would be seen.
    shows_message: bool,
    /// Made only where a field shows it.
    asctime: Option<Asctime>,
    escape: bool,
    palette: Palette,
    multiline: MultilineText,
    /// A field before it is escaped and painted.
    scratch: String,
    failures: u64,
}

impl Format for Formatter {
    fn write(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        let message = percent::try_message(record);
        let misfit = message.as_ref().err().copied();
        let message = match message {
            Ok(message) => message,
            Err(why) if self.shows_message => {
                format!("[unformatted: {}] {}", why.0, percent::message(record)).into()
            }
            Err(_) => percent::message(record),
        };
        let fields = match misfit {
            // Python raises its exception even if the message is not shown.
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
    /// Writes all pieces, or says why one can't be written.
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
                // The longest of all texts is not copied twice.
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
                // Its newlines are those of the time format, which whoever starts zlog gives.
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

/// Why a field can't be shown, as a clause.
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
