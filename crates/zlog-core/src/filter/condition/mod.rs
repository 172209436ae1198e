//! Conditions on the fields of records: `--where 'status>=500 and user.name=bo'`.
//!
//! # Grammar
//! ```text
//! condition  = and { "or" and }
//! and        = not { "and" not }
//! not        = "not" not | "(" condition ")" | test
//! test       = field [ operator value ]
//! operator   = "=" | "!=" | "~" | "!~" | "<" | "<=" | ">" | ">="
//! ```
//! `==`, `=~`, `&&`, `||` and `!` are read as well. A field is a
//! [`FieldPath`]; alone, it means that the record has it. A value is a word, or
//! text in quotes. A word that is a number is compared as a number where the field is one.
//!
//! A field that the record does not have passes none of `= ~ < <= > >=`, and passes `!=` and
//! `!~`, which are the opposites of `=` and `~`.
//!
//! `created` and `received` are compared with seconds since 1970, or with times as `--since` takes
//! them.

pub(super) mod parser;

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use jiff::Zoned;
use regex::Regex;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::field::{FieldPath, Root, text};
use super::when::Moment;
use crate::error::Error;
use crate::level::Level;
use crate::python::Value;
use crate::record::Record;
use crate::text::escape::is_unsafe;
use crate::wire::topic::level_of;

/// A condition on the fields of a record.
#[derive(Clone, Debug)]
pub struct Condition(Node);

impl Condition {
    /// Whether the record meets the condition. Allocates only where a number is matched by a
    /// regular expression, or text has JSON escapes.
    pub fn accepts(&self, record: &Record<'_>) -> bool {
        self.0.accepts(record)
    }

    /// Reads the times in the condition again, in the time zone of `now` and relative to it.
    /// Before, they are in local time and relative to when the condition was read.
    pub fn set_now(&mut self, now: &Zoned) {
        self.0.for_each_operand(&mut |operand| operand.set_now(now));
    }

    /// The fields that are neither the level nor an attribute of every record.
    pub fn extras(&self) -> Vec<&FieldPath> {
        let mut found = Vec::new();
        self.0.for_each_field(&mut |field| {
            if field.is_extra() {
                found.push(field);
            }
        });
        found
    }
}

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Condition, ConditionError> {
        let mut parser = parser::Parser::new(text);
        let node = parser.condition()?;
        parser.end_of_condition()?;
        Ok(Condition(node))
    }
}

#[derive(Clone, Debug)]
enum Node {
    Any(Vec<Node>),
    All(Vec<Node>),
    Not(Box<Node>),
    Exists(FieldPath),
    Matches(FieldPath, Regex),
    Compares(FieldPath, Operand, fn(Ordering) -> bool),
}

/// The value that a field is compared with.
#[derive(Clone, Debug)]
struct Operand {
    text: String,
    /// Its number, if it is a word and not in quotes; also as a whole number, since a float
    /// does not have all digits of a long one.
    number: Option<f64>,
    integer: Option<i128>,
    /// The level of that name or number.
    level: Option<Level>,
    /// Whether the text is a time. The number is that of its seconds since 1970.
    is_time: bool,
}

impl Node {
    fn accepts(&self, record: &Record<'_>) -> bool {
        match self {
            Node::Any(nodes) => nodes.iter().any(|node| node.accepts(record)),
            Node::All(nodes) => nodes.iter().all(|node| node.accepts(record)),
            Node::Not(node) => !node.accepts(record),
            Node::Exists(field) => field.value(record).is_some_and(|value| value != Value::None),
            Node::Matches(field, pattern) => {
                field.value(record).is_some_and(|value| pattern.is_match(&text(value)))
            }
            Node::Compares(field, operand, passes) => {
                operand.order(field, record).is_some_and(passes)
            }
        }
    }
}

impl Node {
    fn for_each_operand(&mut self, visit: &mut dyn FnMut(&mut Operand)) {
        match self {
            Node::Any(nodes) | Node::All(nodes) => {
                nodes.iter_mut().for_each(|node| node.for_each_operand(visit));
            }
            Node::Not(node) => node.for_each_operand(visit),
            Node::Compares(_, operand, _) => visit(operand),
            Node::Exists(_) | Node::Matches(..) => {}
        }
    }

    fn for_each_field<'n>(&'n self, visit: &mut dyn FnMut(&'n FieldPath)) {
        match self {
            Node::Any(nodes) | Node::All(nodes) => {
                nodes.iter().for_each(|node| node.for_each_field(visit));
            }
            Node::Not(node) => node.for_each_field(visit),
            Node::Compares(field, ..) | Node::Exists(field) | Node::Matches(field, _) => {
                visit(field);
            }
        }
    }
}

impl Operand {
    fn set_now(&mut self, now: &Zoned) {
        // It was a time before, and is one at any other time.
        if let (true, Some(moment)) = (self.is_time, Moment::parse(&self.text, now)) {
            self.number = Some(moment.seconds);
        }
    }

    /// How the field of the record compares with this; `None` if the record does not have it,
    /// or they can't be compared.
    fn order(&self, field: &FieldPath, record: &Record<'_>) -> Option<Ordering> {
        let value = field.value(record)?;
        if let (Root::Level, Some(level)) = (field.root(), self.level) {
            return Some(level_of(record).cmp(&level));
        }
        // Loggers write numbers as text, too.
        let integer = match &value {
            Value::Text(text) if self.integer.is_some() => text.parse().ok(),
            _ => value.integer(),
        };
        if let (Some(integer), Some(other)) = (integer, self.integer) {
            return Some(integer.cmp(&other));
        }
        let number = match &value {
            Value::Text(text) if self.number.is_some() => number(text),
            _ => value.float(),
        };
        // A number has no place among words.
        let has_order = matches!(value, Value::Text(_)) && self.number.is_none();
        match (number, self.number) {
            (Some(number), Some(other)) => number.partial_cmp(&other),
            _ => Some((*text(value)).cmp(&self.text)).filter(|order| has_order || order.is_eq()),
        }
    }
}

/// Reads a number as JSON has them. (Rust would also read `inf` and `nan`.)
fn number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The most columns of a text that an error shows.
const MAX_PICTURE: usize = 72;

/// Why a text is no condition, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConditionError {
    /// The text, on one line and safe to print.
    text: String,
    /// The column of the error, from 0.
    column: usize,
    what: String,
}

impl ConditionError {
    /// An error at the byte `at` of `text`.
    fn new(text: &str, at: usize, what: impl Into<String>) -> ConditionError {
        let line = |text: &str| -> String {
            text.chars().map(|c| if is_unsafe(c) || c == '\t' { ' ' } else { c }).collect()
        };
        let column = line(&text[..at]).width();
        ConditionError { text: line(text), column, what: what.into() }
    }

    /// The text with a caret below the place of the error. Of a long text, only the part around
    /// that place: a line that a terminal breaks would move the caret.
    fn picture(&self) -> String {
        let skipped = self.column.saturating_sub(MAX_PICTURE / 2);
        let mut width = 0;
        let mut part = String::new();
        for c in self.text.chars() {
            width += c.width().unwrap_or(0);
            if width > skipped + MAX_PICTURE {
                part.push('…');
                break;
            }
            if width > skipped {
                part.push(c);
            }
        }
        let sign = if skipped > 0 { "…" } else { "" };
        let column = self.column - skipped + sign.width();
        format!("{sign}{part}\n  {:column$}^", "")
    }
}

impl fmt::Display for ConditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  {}", self.what, self.picture())
    }
}

impl std::error::Error for ConditionError {}

impl From<ConditionError> for Error {
    fn from(error: ConditionError) -> Error {
        Error::usage(&*error.what).hint(error.picture())
    }
}

#[cfg(test)]
mod tests;
