//! Compiles the conditions and the regular expressions of a handler.

use regex::Regex;

use zlog_core::filter::Condition;
use zlog_core::text::parsers;
use zlog_core::{Error, Result};

/// Compiles the conditions of a handler.
///
/// # Errors
/// One is invalid.
pub(super) fn conditions(texts: &[String]) -> Result<Vec<Condition>> {
    texts.iter().map(|text| condition(text).map_err(|error| error.within("where"))).collect()
}

/// Compiles a condition.
///
/// # Errors
/// It is invalid.
pub(super) fn condition(text: &str) -> Result<Condition> {
    Ok(text.parse::<Condition>()?)
}

/// Compiles the regular expressions of the key `key`.
///
/// # Errors
/// One is invalid.
pub(super) fn expressions(key: &str, texts: &[String]) -> Result<Vec<Regex>> {
    let compile = |text: &String| expression(text).map_err(|error| error.within(key));
    texts.iter().map(compile).collect()
}

/// Compiles a regular expression.
///
/// # Errors
/// It is invalid.
pub(super) fn expression(text: &str) -> Result<Regex> {
    parsers::regex(text).map_err(|cause| {
        Error::usage(format!("not a regular expression: {cause}"))
            .hint("Put a backslash before ( [ { . * + ? | ^ $ to match them literally.")
    })
}
