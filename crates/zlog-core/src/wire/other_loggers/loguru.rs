//! loguru's `serialize=True`: the formatted text, and a record whose values are objects.

use std::borrow::Cow;

use super::{levels, nested, set_level, string, time};
use crate::record::{RawJson, Record, Text};

/// Fills a record from loguru's object. Returns `false` and changes nothing if it is another
/// logger's.
pub(super) fn normalize(record: &mut Record<'_>) -> bool {
    let find = |name: &str| record.extras.iter().position(|(key, _)| key == name);
    let (Some(text), Some(at)) = (find("text"), find("record")) else { return false };
    let Some(entries) = nested::entries(&record.extras[at].1) else { return false };
    let has = |name: &str| entries.iter().any(|(key, _)| key == name);
    if !["elapsed", "level", "message", "time"].into_iter().all(has) {
        return false;
    }
    let text = string(&record.extras[text].1);
    record.extras.retain(|(key, _)| key != "text" && key != "record");
    let mut exception = false;
    for (key, value) in entries {
        match &*key {
            "exception" => exception = value.0 != "null",
            "extra" => record.extras.extend(nested::entries(&value).unwrap_or_default()),
            _ => set(record, &key, &value),
        }
    }
    if exception {
        record.exc_text = text.and_then(|text| traceback(&text, &record.msg));
    }
    true
}

fn set<'a>(record: &mut Record<'a>, key: &str, value: &RawJson<'a>) {
    let entry = |name: &str| {
        let entries = nested::entries(value)?;
        entries.into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    };
    let text = |name: &str| entry(name).and_then(|value| string(&value));
    let number = |name: &str| entry(name).and_then(|value| value.0.parse().ok());
    match key {
        "message" => record.msg = string(value).unwrap_or_default(),
        "time" => record.created = time(value),
        "name" => record.name = string(value),
        "module" => record.module = string(value),
        "function" => record.func_name = string(value),
        "line" => record.lineno = value.0.parse().ok(),
        "file" => (record.filename, record.pathname) = (text("name"), text("path")),
        "process" => (record.process, record.process_name) = (number("id"), text("name")),
        "thread" => (record.thread, record.thread_name) = (number("id"), text("name")),
        "level" => {
            // A level of the user's has a number of its own, on Python's scale.
            let number = entry("no");
            let number = number.is_some_and(|no| set_level(record, &no, levels::Scale::Python));
            if !number || record.level.standard_name().is_none() {
                record.levelname = text("name");
            }
        }
        "elapsed" => {
            let seconds = entry("seconds").and_then(|value| value.0.parse().ok());
            record.relative_created = seconds.map(|seconds: f64| (seconds * 1e6).round() / 1e3);
        }
        _ => {}
    }
}

/// The lines after the message in the formatted text.
fn traceback<'a>(text: &str, message: &str) -> Option<Text<'a>> {
    let at = text.find(message)? + message.len();
    let (_, traceback) = text[at..].split_once('\n')?;
    let traceback = traceback.trim_end();
    (!traceback.is_empty()).then(|| Cow::Owned(traceback.to_owned()))
}
