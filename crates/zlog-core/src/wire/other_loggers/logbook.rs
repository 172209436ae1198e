//! The keys and levels of Logbook's `ZeroMQHandler`, which sends
//! `LogRecord.to_dict(json_safe=True)` as JSON in one frame without a topic (Logbook 1.10,
//! `logbook/queues.py`).

use std::borrow::Cow;

use super::{string, time};
use crate::level::Level;
use crate::record::{RawJson, Record, Text};
use crate::text::json;

/// Whether the extras of a record are Logbook's: no other logger has all of these keys.
pub(in crate::wire) fn is_logbook(record: &Record<'_>) -> bool {
    KEYS.iter().all(|name| record.extras.iter().any(|(key, _)| key == name))
}

/// Keys that no other logger's objects have together.
pub(super) const KEYS: [&str; 4] = ["channel", "level", "kwargs", "heavy_initialized"];

/// Converts a Logbook level to Python's scale: names and order are the same, numbers are
/// not. `None` for a number without a name in Logbook.
fn level(number: i64) -> Option<Level> {
    Some(match number {
        0 => Level::NOTSET,
        9 => Level::TRACE,
        10 => Level::DEBUG,
        11 => Level::INFO,
        12 => Level::NOTICE,
        13 => Level::WARNING,
        14 => Level::ERROR,
        15 => Level::CRITICAL,
        _ => return None,
    })
}

/// Moves Logbook's keys to their fields.
///
/// The message is the formatted one. If it had arguments, the extras `template`,
/// `template_args` and `kwargs` keep what it was made of (`str.format`, not `%`). The
/// entries of `extra` become extras. Dropped are nulls, empty arguments, a `greenlet` that
/// equals the thread, and Logbook's internal keys.
pub(in crate::wire) fn normalize(record: &mut Record<'_>) {
    let template = std::mem::take(&mut record.msg);
    let args = record.args.take();
    // Logbook's `filename` is a path; Python's is the last part of it.
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
        record.extras.push(("template".into(), RawJson(json::quoted(&template).into())));
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
            record.msg = string(&value)?;
            return None;
        }
        "level" => return set_level(record, &value).then_some((key, value)),
        "time" => {
            record.created = time(&value);
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
    match string(&value) {
        Some(text) => *slot = Some(text),
        None if value.0 != "null" => return Some((key, value)),
        None => {}
    }
    None
}

/// Sets the level. Returns `true` if the number has no name and must be kept.
fn set_level(record: &mut Record<'_>, value: &RawJson<'_>) -> bool {
    let Some(level) = value.0.parse().ok().and_then(level) else { return true };
    record.level = level;
    record.levelname = match level {
        Level::TRACE => Some("TRACE".into()),
        Level::NOTICE => Some("NOTICE".into()),
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
