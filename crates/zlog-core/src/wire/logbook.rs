//! Logbook's `ZeroMQHandler`: `LogRecord.to_dict(json_safe=True)` as JSON, in
//! one frame without a topic (Logbook 1.10, `logbook/queues.py`).
//!
//! What may be here: what Logbook's names and numbers mean. Its JSON is read by
//! [`json`].

use std::borrow::Cow;

use crate::record::{Level, RawJson, Record, Text};
use crate::wire::{json, other_loggers};

/// Whether the extras of a record are Logbook's keys: those that no other
/// logger has together.
pub(super) fn is_logbook(record: &Record<'_>) -> bool {
    ["channel", "level", "kwargs", "heavy_initialized"]
        .iter()
        .all(|name| record.extras.iter().any(|(key, _)| key == name))
}

/// A Logbook level as Python's: the two scales share names and order, not
/// numbers. `None` for a number that Logbook has no name for.
pub fn level(number: i64) -> Option<Level> {
    Some(match number {
        0 => Level::NOTSET,
        9 => Level(5),
        10 => Level::DEBUG,
        11 => Level::INFO,
        12 => Level(25),
        13 => Level::WARNING,
        14 => Level::ERROR,
        15 => Level::CRITICAL,
        _ => return None,
    })
}

/// Moves Logbook's keys into their fields.
///
/// The message is the one Logbook formatted; where arguments were put into it,
/// the extras `template`, `template_args` and `kwargs` keep what it was made
/// of (`str.format`, not `%`). The entries of `extra` become extras. Left out
/// is what says nothing: nulls, empty arguments, `greenlet` where it is the
/// thread, and Logbook's own bookkeeping.
pub(super) fn normalize(record: &mut Record<'_>) {
    let template = std::mem::take(&mut record.msg);
    let args = record.args.take();
    // Logbook's is a path; Python's `filename` is the last part of it.
    record.pathname = record.filename.take();
    record.filename = record.pathname.as_ref().map(file_name);
    let entries = std::mem::take(&mut record.extras);
    for (key, value) in entries {
        if let Some((key, value)) = move_field(record, key, value) {
            record.extras.push((key, value));
        }
    }
    if record.msg.is_empty() {
        record.msg = template;
    } else if record.msg != template {
        record.extras.push(("template".into(), RawJson(quoted(&template).into())));
        record.extras.extend(args.map(|args| ("template_args".into(), args)));
    }
}

fn move_field<'a>(
    record: &mut Record<'a>,
    key: Text<'a>,
    value: RawJson<'a>,
) -> Option<(Text<'a>, RawJson<'a>)> {
    let slot = match &*key {
        "message" => {
            record.msg = other_loggers::string(&value)?;
            return None;
        }
        "level" => return set_level(record, &value).then_some((key, value)),
        "time" => {
            record.created = other_loggers::time(&value);
            return record.created.is_none().then_some((key, value));
        }
        "extra" => return flatten(record, key, value),
        "kwargs" if value.0 == "{}" => return None,
        "greenlet" if is_thread(record, &value) => return None,
        "heavy_initialized" | "information_pulled" | "late" | "frame_correction" => return None,
        "channel" => &mut record.name,
        "func_name" => &mut record.func_name,
        "thread_name" => &mut record.thread_name,
        "process_name" => &mut record.process_name,
        "formatted_exception" => &mut record.exc_text,
        _ => return (value.0 != "null").then_some((key, value)),
    };
    match other_loggers::string(&value) {
        Some(text) => *slot = Some(text),
        None if value.0 != "null" => return Some((key, value)),
        None => {}
    }
    None
}

/// Sets the level; `true` when the number must be kept because it has no name.
fn set_level(record: &mut Record<'_>, value: &RawJson<'_>) -> bool {
    let Some(level) = value.0.parse().ok().and_then(level) else { return true };
    record.level = level;
    record.levelname = match level {
        Level(5) => Some("TRACE".into()),
        Level(25) => Some("NOTICE".into()),
        _ => None,
    };
    false
}

fn flatten<'a>(
    record: &mut Record<'a>,
    key: Text<'a>,
    value: RawJson<'a>,
) -> Option<(Text<'a>, RawJson<'a>)> {
    let Cow::Borrowed(object) = value.0 else { return Some((key, value)) };
    match json::entries(object) {
        Some(entries) => {
            let entries = entries.into_iter().map(|(key, value)| (key, RawJson(value.into())));
            record.extras.extend(entries);
            None
        }
        None => Some((key, value)),
    }
}

fn is_thread(record: &Record<'_>, value: &RawJson<'_>) -> bool {
    value.0 == "null" || record.thread.is_some_and(|thread| value.0.parse() == Ok(thread))
}

fn file_name<'a>(path: &Text<'a>) -> Text<'a> {
    let last = |path: &str| path.rfind(['/', '\\']).map_or(0, |at| at + 1);
    match path {
        Cow::Borrowed(path) => Cow::Borrowed(&path[last(path)..]),
        Cow::Owned(path) => Cow::Owned(path[last(path)..].to_owned()),
    }
}

fn quoted(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    json::write_string(text, &mut out);
    String::from_utf8(out).expect("the escapes of UTF-8 are UTF-8")
}
