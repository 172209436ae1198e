//! Fields of other loggers that stand in an object or an array.

use std::borrow::Cow;

use super::table::Logger;
use super::{Field, field_alias, string};
use crate::record::{RawJson, Text};
use crate::text::json::{self, elements};
use crate::wire::text::backslash_replace;

type Entry<'a> = (Text<'a>, RawJson<'a>);

/// The entries of a JSON object; `None` for other values.
pub(super) fn entries<'a>(value: &RawJson<'a>) -> Option<Vec<Entry<'a>>> {
    match &value.0 {
        Cow::Borrowed(object) => {
            let entries = json::entries(object)?.into_iter();
            Some(entries.map(|(key, value)| (key, RawJson(value.into()))).collect())
        }
        Cow::Owned(object) => {
            let entries = json::entries(object)?.into_iter();
            let own = |(key, value): (Text<'_>, &str)| {
                (Cow::Owned(key.into_owned()), RawJson(Cow::Owned(value.to_owned())))
            };
            Some(entries.map(own).collect())
        }
    }
}

/// How the entries of an object become extras.
enum Expansion {
    /// All of them, under their own names.
    All,
    /// Those that are fields, with the name of the object before theirs. The others stay in
    /// the object.
    Fields,
    /// OpenTelemetry's array of keys and values.
    Attributes,
}

fn expansion(
    key: &str,
    value: &RawJson<'_>,
    logger: &Logger,
    has_message: bool,
) -> Option<Expansion> {
    match (key, value.0.as_bytes().first()?) {
        (_, b'{') if logger.nested == key => Some(Expansion::All),
        _ if logger.is_closed => None,
        // tracing-subscriber. In objects with a message, `fields` are a sender's own.
        ("fields", b'{') if !has_message => Some(Expansion::All),
        (
            "log" | "error" | "err" | "exception" | "context" | "thrown" | "attributes" | "_meta"
            | "_logMeta",
            b'{',
        ) => Some(Expansion::Fields),
        ("attributes", b'[') => Some(Expansion::Attributes),
        _ => None,
    }
}

/// Replaces the objects of known loggers by their entries. `has_message`: the record has a
/// message already.
pub(super) fn expand(extras: &mut Vec<Entry<'_>>, logger: &Logger, has_message: bool) {
    let has_message =
        has_message || extras.iter().any(|(key, _)| field_alias(key) == Some(Field::Message));
    let is_nested = |(key, value): &Entry<'_>| expansion(key, value, logger, has_message).is_some();
    if !extras.iter().any(is_nested) {
        return;
    }
    // A key of the object itself comes before the same key in a nested one.
    let mut nested = Vec::new();
    for (key, value) in std::mem::take(extras) {
        let expanded = match expansion(&key, &value, logger, has_message) {
            Some(Expansion::All) => entries(&value),
            Some(Expansion::Fields) => entries(&value).and_then(|entries| fields(&key, entries)),
            Some(Expansion::Attributes) => attributes(&value),
            None => None,
        };
        match expanded {
            Some(entries) => nested.extend(entries),
            None => extras.push((key, value)),
        }
    }
    extras.append(&mut nested);
}

/// The entries that are fields, under dotted names, and an object of the others. `None` if
/// none is a field.
fn fields<'a>(parent: &Text<'a>, entries: Vec<Entry<'a>>) -> Option<Vec<Entry<'a>>> {
    let (mut fields, mut rest) = (Vec::new(), Vec::new());
    for (key, value) in entries {
        let dotted = format!("{parent}.{key}");
        match field_alias(&dotted) {
            Some(_) => fields.push((Cow::Owned(dotted), value)),
            None => rest.push((key, value)),
        }
    }
    if fields.is_empty() {
        return None;
    }
    if !rest.is_empty() {
        fields.push((parent.clone(), object(&rest)));
    }
    Some(fields)
}

/// A JSON object.
fn object(entries: &[Entry<'_>]) -> RawJson<'static> {
    let mut object = String::from("{");
    for (at, (key, value)) in entries.iter().enumerate() {
        object.push_str(if at > 0 { "," } else { "" });
        object.push_str(&json::quoted(key));
        object.push(':');
        object.push_str(&value.0);
    }
    object.push('}');
    RawJson(Cow::Owned(object))
}

/// The entries of OpenTelemetry's `[{"key": …, "value": {"stringValue": …}}, …]`.
fn attributes(value: &RawJson<'_>) -> Option<Vec<Entry<'static>>> {
    let mut attributes = Vec::new();
    for element in elements(&value.0)? {
        let entries = json::entries(element)?;
        let get = |name: &str| entries.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
        let key = json::string_value(get("key")?)?.into_owned();
        attributes.push((Cow::Owned(key), RawJson(Cow::Owned(plain_value(get("value")?)))));
    }
    Some(attributes)
}

/// OpenTelemetry's `{"stringValue": "x"}` as plain JSON, and other values as they are. A
/// record's values are within the limits of readers, which bounds the recursion.
fn plain_value(value: &str) -> String {
    let whole = || value.to_owned();
    let Some(entries) = json::entries(value).filter(|entries| entries.len() == 1) else {
        return whole();
    };
    let (kind, inner) = &entries[0];
    let values = || {
        let list = json::entries(inner)?;
        list.into_iter().find(|(key, _)| key == "values").map(|(_, values)| values)
    };
    match &**kind {
        // An integer is a string, so that JavaScript does not round it.
        "intValue" => inner.trim_matches('"').to_owned(),
        "stringValue" | "doubleValue" | "boolValue" | "bytesValue" => (*inner).to_owned(),
        "arrayValue" => {
            let values = values().and_then(elements).unwrap_or_default();
            let values: Vec<String> = values.into_iter().map(plain_value).collect();
            format!("[{}]", values.join(","))
        }
        "kvlistValue" => {
            let entries = values().and_then(|values| attributes(&RawJson(values.into())));
            entries.map_or_else(whole, |entries| object(&entries).0.into_owned())
        }
        _ => whole(),
    }
}

/// The text of a message that is an object: a value of OpenTelemetry, or the object itself.
pub(super) fn any_value(value: &RawJson<'_>) -> Option<Text<'static>> {
    let entries = json::entries(&value.0)?;
    let text = match &entries[..] {
        // OpenTelemetry's Go exporter: {"Type": "String", "Value": "x"}
        [(kind, _), (name, value)] if kind == "Type" && name == "Value" => (*value).to_owned(),
        _ => plain_value(&value.0),
    };
    Some(Cow::Owned(json::string_value(&text).map(Text::into_owned).unwrap_or(text)))
}

/// The text of a message that is an array: its values, with spaces between them.
pub(super) fn joined_values(value: &RawJson<'_>) -> Option<Text<'static>> {
    let elements = elements(&value.0)?;
    (!elements.is_empty()).then(|| Cow::Owned(join(&elements, " ")))
}

/// The text of a message that is an array of bytes: a line that is not UTF-8, as `journalctl`
/// writes it.
pub(super) fn bytes(value: &RawJson<'_>) -> Option<Text<'static>> {
    let elements = elements(&value.0)?;
    let bytes: Option<Vec<u8>> = elements.iter().map(|element| element.parse().ok()).collect();
    Some(Cow::Owned(backslash_replace(&bytes?).into_owned()))
}

/// The traceback in a value: a string, or an array of lines.
pub(super) fn traceback<'a>(value: &RawJson<'a>) -> Option<Text<'a>> {
    match value.0.as_bytes().first()? {
        b'[' => {
            let lines = elements(&value.0)?;
            let text = lines.iter().all(|line| line.starts_with('"'));
            text.then(|| Cow::Owned(join(&lines, "\n")))
        }
        _ => string(value),
    }
}

fn join(elements: &[&str], separator: &str) -> String {
    let text = |element: &&str| match json::string_value(element) {
        Some(text) => text.into_owned(),
        None => (*element).to_owned(),
    };
    elements.iter().map(text).collect::<Vec<_>>().join(separator)
}
