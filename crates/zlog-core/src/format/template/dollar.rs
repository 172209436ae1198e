//! Style `$`: `${levelname}`, as `string.Template` has it.

use std::sync::LazyLock;

use regex::Regex;

use super::{Conversion, DeclaredExtras, Field, Piece, TemplateError};

/// `string.Template.pattern`, with its groups in the same order.
static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"\$(?:(\$)|([_a-zA-Z][_a-zA-Z0-9]*)|\{([_a-zA-Z][_a-zA-Z0-9]*)\})?";
    Regex::new(pattern).expect("the pattern is a constant")
});

/// Requires at least one field, and that each `$` begins one.
pub(super) fn validate(text: &str) -> Result<(), TemplateError> {
    let mut fields = 0;
    for_each_part(text, |part| {
        fields += usize::from(matches!(part, Part::Field(..)));
        Ok(())
    })?;
    if fields > 0 { Ok(()) } else { Err("it has no field such as ${message}".into()) }
}

pub(super) fn names(text: &str) -> Vec<String> {
    PATTERN.captures_iter(text).filter_map(|found| name(&found).map(str::to_owned)).collect()
}

pub(super) fn compile(text: &str, extras: DeclaredExtras<'_>) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    for_each_part(text, |part| {
        pieces.push(match part {
            Part::Literal(text) => Piece::Literal(text.to_owned()),
            Part::Field(name, shown) => {
                Piece::Field(Field::new(name, Conversion::Str, shown, extras)?)
            }
        });
        Ok(())
    })?;
    Ok(pieces)
}

/// A part of a string in this style.
enum Part<'t> {
    Literal(&'t str),
    /// The name of a field, and its text.
    Field(&'t str, &'t str),
}

fn for_each_part<'t>(
    text: &'t str,
    mut take: impl FnMut(Part<'t>) -> Result<(), TemplateError>,
) -> Result<(), TemplateError> {
    let mut at = 0;
    for found in PATTERN.captures_iter(text) {
        let Some(whole) = found.get(0) else { continue };
        take(Part::Literal(&text[at..whole.start()]))?;
        at = whole.end();
        if found.get(1).is_some() {
            take(Part::Literal("$"))?;
        } else if let Some(name) = name(&found) {
            take(Part::Field(name, whole.as_str()))?;
        } else {
            return Err("a $ begins no field: write $$ for a dollar sign".into());
        }
    }
    take(Part::Literal(&text[at..]))
}

fn name<'t>(found: &regex::Captures<'t>) -> Option<&'t str> {
    found.get(2).or_else(|| found.get(3)).map(|name| name.as_str())
}
