//! Finds the value of a field by its name: an attribute, or a path into the extras.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::fields::attribute::{Attribute, FieldContext};
use crate::level::Level;
use crate::python::Value;
use crate::record::Record;
use crate::text::json;
use crate::wire::topic::level_of;

/// The name of a field of records: `level`, an attribute of Python's `LogRecord` or of zlog
/// (`name` or `logger`, `message`, `exc_text`, `topic`, `source`, …), or an extra.
///
/// Dots lead into nested objects, and numbers into lists: `user.id`, `items.0.price`,
/// `args.0`. A key that contains dots is found as well. Quotes keep a name together that has
/// other signs: `"user id"`.
#[derive(Clone, Debug)]
pub struct FieldPath {
    root: Root,
    parts: Vec<String>,
    /// The parts with dots between them.
    name: String,
}

/// Where the value is looked up first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Root {
    /// `level` and `levelname`: compared by number, shown by name.
    Level,
    /// Another attribute. A record without it may have an extra of that name.
    Attribute(Attribute),
    Extra,
}

impl FieldPath {
    pub(super) fn of_parts(parts: Vec<String>) -> FieldPath {
        let root = match parts.as_slice() {
            [name] if name == "level" || name == "levelname" => Root::Level,
            [name] if name == "logger" => Root::Attribute(Attribute::Name),
            [name] => Attribute::named(name).map_or(Root::Extra, Root::Attribute),
            _ => Root::Extra,
        };
        let name = parts.join(".");
        FieldPath { root, parts, name }
    }

    pub(super) fn root(&self) -> Root {
        self.root
    }

    /// The names of the level and of the attributes.
    pub fn attributes() -> impl Iterator<Item = &'static str> {
        std::iter::once("level").chain(Attribute::names())
    }

    /// Whether this is neither the level nor an attribute.
    pub fn is_extra(&self) -> bool {
        self.root == Root::Extra
    }

    /// The name, without quotes.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value as text, without quotes around it. `None` if the record does not have the
    /// field, or it is `null` or an empty attribute.
    pub fn text<'r>(&self, record: &'r Record<'_>) -> Option<Cow<'r, str>> {
        self.value(record).filter(|value| *value != Value::None).map(text)
    }

    /// The value; `None` if the record does not have the field.
    pub(super) fn value<'r>(&self, record: &'r Record<'_>) -> Option<Value<'r>> {
        let own = match self.root {
            Root::Level => match level_of(record) {
                Level::NOTSET => None,
                _ if record.level != Level::NOTSET => Some(Value::Text(record.level_name())),
                level => Some(Value::Text(level.name())),
            },
            Root::Attribute(Attribute::Message) => Some(Value::Text(record.message())),
            Root::Attribute(attribute) => {
                attribute.of(&FieldContext { record, message: "", asctime: "" })
            }
            Root::Extra => None,
        };
        let is_empty = |value: &Value<'_>| matches!(value, Value::Text(text) if text.is_empty());
        own.filter(|value| !is_empty(value)).or_else(|| self.nested(record))
    }

    /// The value among the extras, or in the arguments of the message.
    fn nested<'r>(&self, record: &'r Record<'_>) -> Option<Value<'r>> {
        let mut found = None;
        for (key, value) in &record.extras {
            if let Some(rest) = strip_key(key, &self.parts) {
                found = within(&value.0, rest).or(found);
            }
        }
        let in_args = || match (&record.args, self.parts.as_slice()) {
            (Some(args), [first, rest @ ..]) if first == "args" => within(&args.0, rest),
            _ => None,
        };
        found.or_else(in_args).map(Value::from_json)
    }
}

/// The parts that remain if `key` is the first part, or several joined by dots.
fn strip_key<'p>(mut key: &str, mut parts: &'p [String]) -> Option<&'p [String]> {
    loop {
        let (first, rest) = parts.split_first()?;
        key = key.strip_prefix(first.as_str())?;
        parts = rest;
        if key.is_empty() {
            return Some(parts);
        }
        key = key.strip_prefix('.')?;
    }
}

/// The value at `parts` in a JSON value. Of duplicate keys, the last one counts.
fn within<'j>(value: &'j str, parts: &[String]) -> Option<&'j str> {
    let Some(first) = parts.first() else { return Some(value) };
    let mut found = None;
    match value.as_bytes().first()? {
        // A value that is not valid JSON has no parts.
        b'{' => {
            _ = json::each_entry(value, |key, inner| {
                if let Some(rest) = strip_key(&key, parts) {
                    found = within(inner, rest).or(found);
                }
            })
        }
        b'[' => {
            let at: usize = first.parse().ok()?;
            let elements: Vec<&RawValue> = serde_json::from_str(value).ok()?;
            found = within(elements.get(at)?.get(), &parts[1..]);
        }
        _ => {}
    }
    found
}

/// A value as text, without quotes around it.
pub(super) fn text(value: Value<'_>) -> Cow<'_, str> {
    match value {
        Value::Text(text) | Value::Printed { text, .. } => text,
        Value::Big(text) | Value::Json(text) | Value::Tuple(text) => Cow::Borrowed(text),
        Value::Int(number) => Cow::Owned(number.to_string()),
        Value::Float(number) => Cow::Owned(number.to_string()),
        Value::Bool(truth) => Cow::Borrowed(if truth { "true" } else { "false" }),
        Value::None => Cow::Borrowed("null"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RawJson;

    fn record() -> Record<'static> {
        let extras = [
            ("user", r#"{"name":"bo","tags":["a",{"k":7}],"a.b":{"c":1}}"#),
            ("log.level", r#""loud""#),
            ("log", r#"{"origin":{"line":3}}"#),
            ("user id", "5"),
            ("none", "null"),
            ("twice", "1"),
            ("twice", "2"),
            ("lineno", r#""many""#),
        ];
        Record {
            topic: "app.ERROR.db".into(),
            msg: "took %d ms".into(),
            args: Some(RawJson("[250]".into())),
            process: Some(17),
            extras: extras.map(|(key, value)| (key.into(), RawJson(value.into()))).into(),
            ..Record::default()
        }
    }

    #[test]
    fn a_field_is_found_by_its_name_or_by_its_path() {
        let cases = [
            ("message", Some("took 250 ms")),
            ("msg", Some("took %d ms")),
            ("args.0", Some("250")),
            ("process", Some("17")),
            ("topic", Some("app.ERROR.db")),
            ("level", Some("ERROR")),
            ("user.name", Some("bo")),
            ("user.tags.1.k", Some("7")),
            ("user.tags.2", None),
            ("user.tags.x", None),
            ("user.a.b.c", Some("1")),
            ("user.\"a.b\".c", Some("1")),
            ("user.name.more", None),
            ("log.level", Some("loud")),
            ("log.origin.line", Some("3")),
            ("\"user id\"", Some("5")),
            ("'user id'", Some("5")),
            ("none", None),
            ("twice", Some("2")),
            ("lineno", Some("many")),
            ("exc_text", None),
            ("subtopic", None),
            ("use", None),
        ];
        for (name, expected) in cases {
            let path = FieldPath::new(name).unwrap();
            assert_eq!(path.text(&record()).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn text_that_is_no_name_is_refused() {
        for text in ["", " ", "a b", "a=1", ".a", "a.", "a..b", "\"a", "()"] {
            assert!(FieldPath::new(text).is_err(), "{text}");
        }
    }
}
