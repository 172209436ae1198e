//! Values of attributes, made of JSON.

use serde_json::Value as Json;

use super::proto::{AnyValue, ArrayValue, KeyValue, KeyValueList, Value};

/// The value of a JSON text. Text that is no JSON stays text. `null` is an empty value.
pub(super) fn of_json(text: &str) -> AnyValue {
    match serde_json::from_str(text) {
        Ok(json) => of_value(json),
        Err(_) => of_text(text),
    }
}

pub(super) fn of_text(text: &str) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(text.to_owned())) }
}

pub(super) fn of_integer(number: i64) -> AnyValue {
    AnyValue { value: Some(Value::IntValue(number)) }
}

pub(super) fn of_float(number: f64) -> AnyValue {
    AnyValue { value: Some(Value::DoubleValue(number)) }
}

fn of_value(json: Json) -> AnyValue {
    let value = match json {
        Json::Null => None,
        Json::Bool(value) => Some(Value::BoolValue(value)),
        Json::Number(number) => Some(match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Value::IntValue(number),
            // An integer of more bits than a double has would change: it is kept as text.
            (None, Some(value)) if !number.is_u64() => Value::DoubleValue(value),
            (None, _) => Value::StringValue(number.to_string()),
        }),
        Json::String(text) => Some(Value::StringValue(text)),
        Json::Array(values) => {
            let values = values.into_iter().map(of_value).collect();
            Some(Value::ArrayValue(ArrayValue { values }))
        }
        Json::Object(entries) => {
            let values = entries.into_iter().map(|(key, value)| key_value(key, of_value(value)));
            Some(Value::KvlistValue(KeyValueList { values: values.collect() }))
        }
    };
    AnyValue { value }
}

pub(super) fn key_value(key: impl Into<String>, value: AnyValue) -> KeyValue {
    KeyValue { key: key.into(), value: Some(value) }
}

/// Reads `length` bytes of hex, which must not all be 0: such ids are invalid.
pub(super) fn id(text: &str, length: usize) -> Option<Vec<u8>> {
    if text.len() != length * 2 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let pairs = (0..length).map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).ok());
    let bytes: Vec<u8> = pairs.collect::<Option<_>>()?;
    bytes.iter().any(|byte| *byte != 0).then_some(bytes)
}
