//! Style `%`: `%(levelname)-8s`.

use std::sync::LazyLock;

use regex::Regex;

use super::{Conversion, DeclaredExtras, Field, Piece, TemplateError};
use crate::python::directive::{self, Count, Directive};
use crate::python::{FormatError, Value};

/// `PercentStyle.validation_pattern`.
static FIELD: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"(?i)%\((\w+)\)[#0+ -]*(\*|\d+)?(\.(\*|\d+))?[diouxefgcrsa%]";
    Regex::new(pattern).expect("the pattern is a constant")
});

/// Requires at least one field.
pub(super) fn validate(text: &str) -> Result<(), TemplateError> {
    if FIELD.is_match(text) { Ok(()) } else { Err("it has no field such as %(message)s".into()) }
}

pub(super) fn names(text: &str) -> Vec<String> {
    static NAME: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"%\(([^)]*)\)").expect("the pattern is a constant"));
    NAME.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

pub(super) fn compile(text: &str, extras: DeclaredExtras<'_>) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    for_each_part(text, |part| {
        pieces.push(match part {
            Part::Literal(text) => Piece::Literal(text.to_owned()),
            Part::Directive(directive, shown) => {
                let name = directive.key.ok_or_else(|| {
                    format!("{shown} names no field: write %(name)s, or %% for a percent sign")
                })?;
                let conversion = conversion(&directive, shown)?;
                Piece::Field(Field::new(name, conversion, shown, extras)?)
            }
        });
        Ok(())
    })?;
    Ok(pieces)
}

/// A part of a string in this style.
enum Part<'t> {
    Literal(&'t str),
    /// A directive and its text.
    Directive(Directive<'t>, &'t str),
}

fn for_each_part<'t>(
    text: &'t str,
    mut take: impl FnMut(Part<'t>) -> Result<(), TemplateError>,
) -> Result<(), TemplateError> {
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        take(Part::Literal(&rest[..at]))?;
        let after = &rest[at + 1..];
        if let Some(after) = after.strip_prefix('%') {
            take(Part::Literal("%"))?;
            rest = after;
            continue;
        }
        let (directive, end) =
            directive::read(after).map_err(|FormatError(why)| format!("{} {why}", &rest[at..]))?;
        let shown = &rest[at..rest.len() - end.len()];
        rest = end;
        take(Part::Directive(directive, shown))?;
    }
    take(Part::Literal(rest))
}

fn conversion(directive: &Directive<'_>, shown: &str) -> Result<Conversion, TemplateError> {
    let count = |count| match count {
        Count::Absent => Ok(None),
        Count::Given(number) => Ok(Some(number)),
        Count::Argument => Err(format!("{shown}: `*` has no argument to take its number from")),
    };
    let (width, precision) = (count(directive.width)?, count(directive.precision)?);
    let spec =
        directive.spec(width, precision).map_err(|FormatError(why)| format!("{shown} {why}"))?;
    if !"diouxXeEfFgGcrsa".contains(directive.conversion) {
        return Err(format!("{shown}: unknown conversion {:?}", directive.conversion).into());
    }
    Ok(Conversion::Percent(spec, directive.conversion))
}

/// A compiled `default_msec_format`: a string with a text and a number, in this order.
pub(in crate::format) struct MsecFormat {
    parts: Vec<MsecPart>,
}

enum MsecPart {
    Literal(String),
    /// The text, or the number.
    Value(directive::Spec, char),
}

impl MsecFormat {
    /// Compiles a string with two directives.
    pub(in crate::format) fn new(text: &str) -> Result<MsecFormat, TemplateError> {
        let mut parts = Vec::new();
        let mut values = 0;
        for_each_part(text, |part| {
            parts.push(match part {
                Part::Literal(text) => MsecPart::Literal(text.to_owned()),
                Part::Directive(directive, shown) => {
                    if directive.key.is_some() {
                        return Err(format!("{shown}: names are not allowed here").into());
                    }
                    values += 1;
                    match conversion(&directive, shown)? {
                        Conversion::Percent(spec, letter) => MsecPart::Value(spec, letter),
                        _ => return Ok(()),
                    }
                }
            });
            Ok(())
        })?;
        if values != 2 {
            return Err("it must have %s for the time and, after it, %03d for milliseconds".into());
        }
        let format = MsecFormat { parts };
        match format.write("", 0.0, &mut String::new()) {
            Ok(()) => Ok(format),
            Err(FormatError(why)) => Err(format!("one of its directives {why}").into()),
        }
    }

    /// Appends the text and the number.
    pub(in crate::format) fn write(
        &self,
        text: &str,
        number: f64,
        out: &mut String,
    ) -> Result<(), FormatError> {
        let mut values = [Value::Text(text.into()), Value::Float(number)].into_iter();
        for part in &self.parts {
            match part {
                MsecPart::Literal(text) => out.push_str(text),
                MsecPart::Value(spec, letter) => {
                    let value = values.next().unwrap_or(Value::None);
                    directive::convert(*spec, *letter, &value, out)?;
                }
            }
        }
        Ok(())
    }
}
