//! Compiled format strings: literals and fields. The syntax of the three styles is in
//! `percent`, `brace` and `dollar`.

mod brace;
mod dollar;
mod percent;

use std::fmt;

use crate::fields::attribute::{Attribute, FieldContext};
use crate::python::directive;
use crate::python::format_spec::FormatSpec;
use crate::python::repr;
use crate::python::{FormatError, Value};
use crate::record::Record;
use crate::text::escape::escape;
use crate::text::json;
use crate::text::suggest::nearest;

pub(super) use percent::MsecFormat;

/// A compiled format string.
pub(super) struct Template {
    pub(super) pieces: Vec<Piece>,
}

/// A part of a format string.
#[derive(Debug)]
pub(super) enum Piece {
    Literal(String),
    Field(Field),
}

/// A field of a format string.
#[derive(Debug)]
pub(super) struct Field {
    /// Where the value comes from.
    pub(super) source: Source,
    /// The path into the value: `[key]`, `[0]`.
    path: Vec<Step>,
    /// How the value is converted to text.
    conversion: Conversion,
    /// The field as written in the format string, for messages.
    pub(super) text: String,
    /// The declared value for records without one.
    default: Option<Default>,
}

/// A declared default value.
#[derive(Debug)]
struct Default {
    text: String,
    /// Whether to read the text as a number, since the conversion does not accept text.
    is_number: bool,
}

impl Default {
    fn value(&self) -> Value<'_> {
        if self.is_number {
            Value::from_json(&self.text)
        } else {
            Value::Text(self.text.as_str().into())
        }
    }
}

/// Where the value of a field comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Source {
    /// An attribute that every record has.
    Attribute(Attribute),
    /// A declared extra with this name.
    Extra(String),
}

/// `[…]` after a name.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Step {
    /// An index, if it is all digits.
    Index(usize),
    Key(String),
}

/// How a value is converted to text.
#[derive(Clone, PartialEq, Debug)]
enum Conversion {
    /// `str()`.
    Str,
    /// A `%` directive.
    Percent(directive::Spec, char),
    /// `{:spec}`, after `!r`, `!s` or `!a`.
    Brace(Option<char>, FormatSpec),
}

impl Conversion {
    /// Whether it accepts only numbers.
    fn needs_number(&self) -> bool {
        match self {
            Conversion::Percent(_, letter) => !"srac".contains(*letter),
            Conversion::Brace(None, spec) => spec.needs_number(),
            Conversion::Brace(Some(_), _) | Conversion::Str => false,
        }
    }
}

/// Why a field of a record can't be written.
pub(super) enum FieldError {
    /// The record has no such value.
    Missing,
    /// The value does not fit the conversion.
    Misfit(FormatError),
}

/// Why a format string is invalid: a clause that follows the string.
#[derive(Debug)]
pub(super) enum TemplateError {
    /// A name is neither an attribute nor a declared extra.
    UnknownField(String),
    /// The string is invalid otherwise.
    Invalid(String),
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (TemplateError::UnknownField(why) | TemplateError::Invalid(why)) = self;
        // It quotes the string.
        f.write_str(&escape(why))
    }
}

impl From<String> for TemplateError {
    fn from(why: String) -> TemplateError {
        TemplateError::Invalid(why)
    }
}

impl From<&str> for TemplateError {
    fn from(why: &str) -> TemplateError {
        TemplateError::Invalid(why.to_owned())
    }
}

/// The declared names of extras, with defaults for records that lack them.
pub(super) type DeclaredExtras<'e> = &'e [(String, Option<String>)];

impl Template {
    /// Compiles a format string of one style.
    pub(super) fn new(
        style: TemplateStyle,
        text: &str,
        extras: DeclaredExtras<'_>,
    ) -> Result<Template, TemplateError> {
        let mut pieces = match style {
            TemplateStyle::Percent => percent::compile(text, extras)?,
            TemplateStyle::Brace => brace::compile(text, extras)?,
            TemplateStyle::Dollar => dollar::compile(text, extras)?,
        };
        pieces.retain(|piece| !matches!(piece, Piece::Literal(text) if text.is_empty()));
        let template = Template { pieces };
        template.fields().try_for_each(Field::check)?;
        Ok(template)
    }

    /// The fields, in order.
    pub(super) fn fields(&self) -> impl Iterator<Item = &Field> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Field(field) => Some(field),
            Piece::Literal(_) => None,
        })
    }

    /// Whether a field shows this attribute unchanged, neither cut off nor escaped.
    pub(super) fn shows_whole(&self, attribute: Attribute) -> bool {
        let source = Source::Attribute(attribute);
        self.fields().any(|field| field.source == source && field.is_plain())
    }

    /// Whether a field shows this attribute.
    pub(super) fn shows(&self, attribute: Attribute) -> bool {
        self.fields().any(|field| field.source == Source::Attribute(attribute))
    }
}

/// The style of a format string.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TemplateStyle {
    Percent,
    Brace,
    Dollar,
}

impl TemplateStyle {
    /// Checks what Python's `Formatter(validate=True)` checks.
    pub(super) fn validate(self, text: &str) -> Result<(), TemplateError> {
        match self {
            TemplateStyle::Percent => percent::validate(text),
            TemplateStyle::Brace => brace::validate(text),
            TemplateStyle::Dollar => dollar::validate(text),
        }
    }

    /// The style's character, as Python names it.
    pub(super) fn symbol(self) -> char {
        match self {
            TemplateStyle::Percent => '%',
            TemplateStyle::Brace => '{',
            TemplateStyle::Dollar => '$',
        }
    }

    /// A field of this style.
    pub(super) fn example(self, name: &str) -> String {
        match self {
            TemplateStyle::Percent => format!("%({name})s"),
            TemplateStyle::Brace => format!("{{{name}}}"),
            TemplateStyle::Dollar => format!("${{{name}}}"),
        }
    }

    /// The names of a string's fields, if the string is in this style.
    pub(super) fn names(self, text: &str) -> Vec<String> {
        match self {
            TemplateStyle::Percent => percent::names(text),
            TemplateStyle::Brace => brace::names(text),
            TemplateStyle::Dollar => dollar::names(text),
        }
    }
}

impl Field {
    /// A field from its name and conversion.
    ///
    /// # Errors
    /// The name is unknown.
    fn new(
        name: &str,
        conversion: Conversion,
        text: &str,
        extras: DeclaredExtras<'_>,
    ) -> Result<Field, TemplateError> {
        let declared = extras.iter().rev().find(|(extra, _)| extra == name);
        let source = match (Attribute::named(name), declared) {
            (Some(attribute), _) => Source::Attribute(attribute),
            (None, Some(_)) => Source::Extra(name.to_owned()),
            (None, None) => return Err(unknown(name, extras)),
        };
        let text = text.to_owned();
        let mut field = Field { source, path: Vec::new(), conversion, text, default: None };
        if let Some((_, Some(default))) = declared {
            let as_text = Value::Text(default.as_str().into());
            let is_number = field.convert(&as_text, &mut String::new()).is_err();
            field.default = Some(Default { text: default.clone(), is_number });
        }
        Ok(field)
    }

    /// Rejects fields that no record can fill.
    fn check(&self) -> Result<(), TemplateError> {
        let mut out = String::new();
        if let Some(default) = &self.default
            && let Err(FormatError(why)) = self.convert(&default.value(), &mut out)
        {
            let text = &self.text;
            return Err(format!("{text}, whose default is {:?}, {why}", default.text).into());
        }
        let fits = |value| self.convert(&value, &mut String::new()).is_ok();
        let sample = match &self.source {
            Source::Attribute(attribute) if self.path.is_empty() => attribute.sample(),
            _ => None,
        };
        let why = match sample {
            Some(value) => self.convert(&value, &mut out).err(),
            // The type is unknown: one of these must fit.
            None if fits(Value::Int(1))
                || fits(Value::Text("x".into()))
                || fits(Value::Float(1.0)) =>
            {
                None
            }
            None => self.convert(&Value::Text("x".into()), &mut out).err(),
        };
        match why {
            Some(FormatError(why)) => Err(format!("{} {why}", self.text).into()),
            None => Ok(()),
        }
    }

    /// Appends the field's value of a record.
    pub(super) fn write(
        &self,
        context: &FieldContext<'_>,
        out: &mut String,
    ) -> Result<(), FieldError> {
        let value = match self.value(context) {
            Some(value) => value,
            None => match (&self.default, &self.source) {
                (Some(default), _) => default.value(),
                (None, Source::Attribute(attribute)) => {
                    return self.write_default(*attribute, out);
                }
                (None, Source::Extra(_)) => return Err(FieldError::Missing),
            },
        };
        let value = self.step(value).map_err(FieldError::Misfit)?;
        self.convert(&value, out).map_err(FieldError::Misfit)
    }

    /// Follows the path into a value.
    fn step<'v>(&self, value: Value<'v>) -> Result<Value<'v>, FormatError> {
        self.path.iter().try_fold(value, |value, step| step.of(value))
    }

    fn value<'s>(&self, context: &FieldContext<'s>) -> Option<Value<'s>> {
        match &self.source {
            Source::Attribute(attribute) => attribute.of(context).or_else(|| {
                // A value of the wrong type for the attribute is kept as an extra.
                let (name, _) =
                    crate::fields::attribute::ATTRIBUTES.iter().find(|(_, a)| a == attribute)?;
                self.extra(context.record, name)
            }),
            Source::Extra(name) => self.extra(context.record, name),
        }
    }

    /// The value of an extra. Of duplicate keys, the last counts.
    fn extra<'r>(&self, record: &'r Record<'_>, name: &str) -> Option<Value<'r>> {
        let (_, value) = record.extras.iter().rev().find(|(key, _)| key == name)?;
        // A path leads into the value, not into its text.
        let text = self.path.is_empty().then(|| record.extra_text_of(name)).flatten();
        Some(match text {
            Some(text) => Value::Printed { text, repr: None },
            None => Value::from_json(&value.0),
        })
    }

    fn write_default(&self, attribute: Attribute, out: &mut String) -> Result<(), FieldError> {
        let shown = match (attribute.default_value(), &self.conversion) {
            // Python can't format None as a number or pad it with `{}`, but a record without
            // a process or a function must be shown.
            (Value::None, conversion) if attribute.is_number() && conversion.needs_number() => {
                Value::Int(0)
            }
            (Value::None, Conversion::Brace(None, _)) if self.path.is_empty() => {
                Value::Text("None".into())
            }
            (value, _) => value,
        };
        let shown = self.step(shown).map_err(FieldError::Misfit)?;
        self.convert(&shown, out).map_err(FieldError::Misfit)
    }

    fn convert(&self, value: &Value<'_>, out: &mut String) -> Result<(), FormatError> {
        match &self.conversion {
            Conversion::Str => repr::push_str(value, out),
            Conversion::Percent(spec, letter) => directive::convert(*spec, *letter, value, out)?,
            Conversion::Brace(None, spec) => spec.write(value, out)?,
            Conversion::Brace(Some(letter), spec) => {
                spec.write(&Value::Text(repr::by_letter(*letter, value).into()), out)?;
            }
        }
        Ok(())
    }

    /// Whether the field shows the text unchanged, so that no buffer is needed.
    pub(super) fn is_plain(&self) -> bool {
        let plain = match &self.conversion {
            Conversion::Str => true,
            Conversion::Percent(spec, letter) => {
                *letter == 's' && *spec == directive::Spec::default()
            }
            Conversion::Brace(letter, spec) => letter.is_none() && spec.is_empty(),
        };
        plain && self.path.is_empty()
    }
}

impl Attribute {
    /// A value of the attribute's type; `None` if the type varies.
    fn sample(self) -> Option<Value<'static>> {
        match self {
            Attribute::Args => None,
            Attribute::Levelno => Some(Value::Int(1)),
            attribute if attribute.is_number() => Some(Value::Int(1)),
            Attribute::Created | Attribute::Received => Some(Value::Float(1.0)),
            _ => Some(match self.default_value() {
                Value::None | Value::Text(_) => Value::Text("x".into()),
                value => value,
            }),
        }
    }
}

impl Step {
    /// The part of a value at this step.
    fn of<'v>(&self, value: Value<'v>) -> Result<Value<'v>, FormatError> {
        const NONE: FormatError = FormatError("has no such element");
        match (self, value) {
            (Step::Index(at), Value::Json(list) | Value::Tuple(list)) if list.starts_with('[') => {
                let elements = repr::elements(list).ok_or(NONE)?;
                elements.get(*at).map(|element| Value::from_json(element)).ok_or(NONE)
            }
            (Step::Key(key), Value::Json(object)) if object.starts_with('{') => {
                let entries = json::entries(object).ok_or(NONE)?;
                let found = entries.into_iter().rev().find(|(name, _)| name == key);
                found.map(|(_, value)| Value::from_json(value)).ok_or(NONE)
            }
            (Step::Index(at), Value::Text(text)) => {
                let c = text.chars().nth(*at).ok_or(NONE)?;
                Ok(Value::Text(c.to_string().into()))
            }
            _ => Err(NONE),
        }
    }
}

fn unknown(name: &str, extras: DeclaredExtras<'_>) -> TemplateError {
    let known = crate::fields::attribute::ATTRIBUTES.iter().map(|(known, _)| *known);
    let declared = extras.iter().map(|(extra, _)| extra.as_str());
    TemplateError::UnknownField(match nearest(name, known.chain(declared)) {
        Some(nearest) => format!("unknown field {name:?}: did you mean {nearest}?"),
        None => format!("unknown field {name:?}"),
    })
}
