//! Style `{`: `{levelname:<8}`.

use std::sync::LazyLock;

use regex::Regex;

use super::{Conversion, DeclaredExtras, Field, Piece, Step, TemplateError};
use crate::python::FormatError;
use crate::python::format_spec::FormatSpec;

/// `StrFormatStyle.fmt_spec`.
static SPEC: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"(?i)^(.?[<>=^])?[+ -]?#?0?(\d+|\{\w+\})?[,_]?(\.(\d+|\{\w+\}))?[bcdefgnosx%]?$";
    Regex::new(pattern).expect("the pattern is a constant")
});

/// `StrFormatStyle.field_spec`.
static NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(\d+|\w+)(\.\w+|\[[^]]+\])*$").expect("the pattern is a constant")
});

/// Requires valid fields, and at least one.
pub(super) fn validate(text: &str) -> Result<(), TemplateError> {
    let mut fields = 0;
    for_each_part(text, |part| {
        let Part::Field(field) = part else { return Ok(()) };
        if !field.name.is_empty() {
            if !NAME.is_match(field.name) {
                return Err(format!("{:?} is not a field name", field.name).into());
            }
            fields += 1;
        }
        if let Some(letter) = field.conversion
            && !"rsa".contains(letter)
        {
            return Err(format!("unknown conversion !{letter}: use !r, !s or !a").into());
        }
        if !field.spec.is_empty() && !SPEC.is_match(field.spec) {
            return Err(format!("{:?} is not a format specifier", field.spec).into());
        }
        Ok(())
    })?;
    if fields > 0 { Ok(()) } else { Err("it has no field such as {message}".into()) }
}

pub(super) fn names(text: &str) -> Vec<String> {
    // `${` belongs to style `$`.
    static FIELD: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?:^|[^$])\{(\w+)").expect("the pattern is a constant"));
    FIELD.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

pub(super) fn compile(text: &str, extras: DeclaredExtras<'_>) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    for_each_part(text, |part| {
        pieces.push(match part {
            Part::Literal(text) => Piece::Literal(text.to_owned()),
            Part::Field(field) => Piece::Field(compile_field(&field, extras)?),
        });
        Ok(())
    })?;
    Ok(pieces)
}

fn compile_field(parts: &Parts<'_>, extras: DeclaredExtras<'_>) -> Result<Field, TemplateError> {
    let shown = parts.text;
    if parts.spec.contains('{') {
        return Err(format!("{shown}: fields can't be nested").into());
    }
    if !matches!(parts.conversion, None | Some('r' | 's' | 'a')) {
        return Err(format!("{shown}: unknown conversion: use !r, !s or !a").into());
    }
    let spec =
        FormatSpec::parse(parts.spec).map_err(|FormatError(why)| format!("{shown} {why}"))?;
    let conversion = Conversion::Brace(parts.conversion, spec);
    let (name, path) = path(parts.name).map_err(|why| format!("{shown}: {why}"))?;
    let mut field = Field::new(name, conversion, shown, extras)?;
    field.path = path;
    Ok(field)
}

/// Splits `args[0][key]` into the name and the path.
fn path(text: &str) -> Result<(&str, Vec<Step>), TemplateError> {
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let (name, mut rest) = text.split_at(end);
    if name.is_empty() || name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("fields are named, not numbered".into());
    }
    let mut path = Vec::new();
    while !rest.is_empty() {
        let inner = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let (key, after) = match inner {
            Some((key, after)) if !key.is_empty() => (key, after),
            _ => return Err("only [key] and [0] can follow a name".into()),
        };
        path.push(match key.bytes().all(|byte| byte.is_ascii_digit()) {
            true => Step::Index(key.parse().map_err(|_| "the index is too large".to_owned())?),
            false => Step::Key(key.to_owned()),
        });
        rest = after;
    }
    Ok((name, path))
}

/// A part of a string in this style.
enum Part<'t> {
    Literal(&'t str),
    Field(Parts<'t>),
}

/// The parts of a field, and its text.
struct Parts<'t> {
    name: &'t str,
    conversion: Option<char>,
    spec: &'t str,
    text: &'t str,
}

fn for_each_part<'t>(
    text: &'t str,
    mut take: impl FnMut(Part<'t>) -> Result<(), TemplateError>,
) -> Result<(), TemplateError> {
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        take(Part::Literal(&rest[..at]))?;
        let brace = &rest[at..=at];
        let after = &rest[at + 1..];
        if let Some(after) = after.strip_prefix(brace) {
            take(Part::Literal(brace))?;
            rest = after;
        } else if brace == "}" {
            return Err("a } stands alone: write }} for a brace".into());
        } else {
            let end = closing(after).ok_or("a { is not closed: write {{ for a brace")?;
            let inner = &after[..end];
            take(Part::Field(parts(inner, &rest[at..at + end + 2])?))?;
            rest = &after[end + 1..];
        }
    }
    take(Part::Literal(rest))
}

/// The index of the brace that closes the one before `text`. As in CPython, all braces
/// count except those in the brackets of a name.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut in_name, mut bracket) = (0usize, true, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' if in_name => bracket = true,
            b']' if in_name => bracket = false,
            b':' | b'!' if in_name && !bracket => in_name = false,
            b'{' | b'}' if in_name && bracket => {}
            b'{' => depth += 1,
            b'}' if depth == 0 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn parts<'t>(inner: &'t str, text: &'t str) -> Result<Parts<'t>, TemplateError> {
    let mut bracket = false;
    let end = inner.find(|c| {
        match c {
            '[' => bracket = true,
            ']' => bracket = false,
            _ => {}
        }
        !bracket && matches!(c, ':' | '!' | '{')
    });
    let (name, rest) = inner.split_at(end.unwrap_or(inner.len()));
    if rest.starts_with('{') {
        return Err(format!("{text}: fields can't be nested").into());
    }
    let Some(after) = rest.strip_prefix('!') else {
        let spec = rest.strip_prefix(':').unwrap_or(rest);
        return Ok(Parts { name, conversion: None, spec, text });
    };
    let mut chars = after.chars();
    let conversion = chars.next();
    let spec = match (conversion, chars.as_str()) {
        (Some(_), "") => "",
        (Some(_), rest) if rest.starts_with(':') => &rest[1..],
        _ => return Err(format!("{text}: one letter and `:` or `}}` follow a !").into()),
    };
    Ok(Parts { name, conversion, spec, text })
}
