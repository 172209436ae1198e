//! OpenTelemetry's log records as records: the inverse of `write`. The table is in
//! docs/opentelemetry.md.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::exception::of_traceback;
use super::proto::{AnyValue, InstrumentationScope, KeyValue, LogRecord, Resource, Value};
use super::write::{level, of_path};
use zlog_core::text::json;
use zlog_core::wire::topic;
use zlog_core::{Level, RawJson, Record};

/// Names that an extra can't have: attributes of `LogRecord`, and zlog's.
const TAKEN: [&str; 31] = [
    "args",
    "asctime",
    "created",
    "exc_info",
    "exc_text",
    "extra_text",
    "fault",
    "filename",
    "funcName",
    "hostname",
    "levelname",
    "levelno",
    "lineno",
    "message",
    "module",
    "msecs",
    "msg",
    "name",
    "pathname",
    "process",
    "processName",
    "received",
    "relativeCreated",
    "seq",
    "source",
    "stack_info",
    "subtopic",
    "taskName",
    "thread",
    "threadName",
    "topic",
];

/// The most extras of a record. OpenTelemetry's SDKs send 128 attributes at most. Whoever sends
/// more must not keep a reader busy.
const MAX_EXTRAS: usize = 256;
/// The most attributes of a record, a scope or a resource that are looked at: some become fields.
const MAX_ATTRIBUTES: usize = 2 * MAX_EXTRAS;

/// Reads a log record. Its topic begins with `root` and the name of the service, or of the logger
/// if it has none. Returns the number of attributes that it has no room for, too.
pub(crate) fn record(
    root: &str,
    resource: &Resource,
    scope: &InstrumentationScope,
    log: &LogRecord,
) -> (Record<'static>, u32) {
    let time = |nanos: u64| (nanos > 0).then(|| seconds(nanos));
    let (level, levelname) = level(log);
    let mut record = Record {
        msg: to_text(log.body.as_ref()).into(),
        level,
        levelname: levelname.map(|name| Cow::Owned(name.to_owned())),
        created: time(log.time_unix_nano).or_else(|| time(log.observed_time_unix_nano)),
        ..Record::default()
    };
    if record.msg.is_empty() {
        record.msg = log.event_name.clone().into();
    }
    // Before the attributes, which may be too many.
    identities(&mut record, log);
    let mut dropped = 0;
    for attribute in looked_at(&log.attributes, &mut dropped) {
        dropped += u32::from(!take(&mut record, attribute));
    }
    record.name = Some(scope.name.clone()).filter(|name| !name.is_empty()).map(Cow::Owned);
    if !scope.version.is_empty() {
        extra(&mut record, "otel.scope.version", json::quoted(&scope.version));
    }
    for attribute in looked_at(&scope.attributes, &mut dropped) {
        dropped += u32::from(!take_shared(&mut record, attribute));
    }
    let mut service = "";
    for attribute in looked_at(&resource.attributes, &mut dropped) {
        match (&*attribute.key, text(attribute), integer(attribute)) {
            ("service.name", Some(name), _) => service = name,
            ("service.instance.id", Some(id), _) => record.source = Some(id.to_owned().into()),
            ("host.name", Some(name), _) => record.hostname = Some(name.to_owned().into()),
            ("process.pid", _, Some(id)) => record.process = Some(id),
            _ => dropped += u32::from(!take_shared(&mut record, attribute)),
        }
    }
    without_derived(&mut record);
    let dropped_in_all = log.dropped_attributes_count.saturating_add(dropped);
    if dropped_in_all > 0 {
        let json = RawJson(dropped_in_all.to_string().into());
        record.extras.push(("otel.dropped_attributes_count".into(), json));
    }
    let mut topic = String::new();
    let name = if service.is_empty() { record.name.as_deref() } else { Some(service) };
    let level = topic_level(&record);
    topic::write_under(&mut topic, root, name.unwrap_or_default(), &level, &record.subtopic);
    record.topic = topic.into();
    (record, dropped)
}

/// The first attributes; the number of the others is added to `dropped`.
fn looked_at<'a>(attributes: &'a [KeyValue], dropped: &mut u32) -> &'a [KeyValue] {
    let (first, others) = attributes.split_at(attributes.len().min(MAX_ATTRIBUTES));
    *dropped = dropped.saturating_add(u32::try_from(others.len()).unwrap_or(u32::MAX));
    first
}

/// The level's name in the topic: one with dots would become several parts of it.
fn topic_level(record: &Record<'_>) -> Cow<'static, str> {
    match record.level_name() {
        name if name.contains('.') => record.level.name(),
        name => Cow::Owned(name.into_owned()),
    }
}

fn text(attribute: &KeyValue) -> Option<&str> {
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

fn integer(attribute: &KeyValue) -> Option<i64> {
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::IntValue(number) => Some(*number),
        _ => None,
    }
}

/// Puts an attribute of a log record where it belongs: to a field of the record, if it has one and
/// the type fits, or to the extras. Returns whether there was room.
fn take(record: &mut Record<'static>, attribute: &KeyValue) -> bool {
    let field = match &*attribute.key {
        "code.file.path" | "code.filepath" => &mut record.pathname,
        "code.function.name" | "code.function" => &mut record.func_name,
        "code.stacktrace" => &mut record.stack_info,
        "exception.stacktrace" => &mut record.exc_text,
        "thread.name" => &mut record.thread_name,
        "filename" => &mut record.filename,
        "module" => &mut record.module,
        "processName" => &mut record.process_name,
        "taskName" => &mut record.task_name,
        _ => return take_other(record, attribute),
    };
    match text(attribute) {
        Some(text) if field.is_none() => {
            *field = Some(text.to_owned().into());
            true
        }
        _ => as_extra(record, attribute),
    }
}

fn take_other(record: &mut Record<'static>, attribute: &KeyValue) -> bool {
    let value = attribute.value.as_ref().and_then(|value| value.value.as_ref());
    match (&*attribute.key, value) {
        ("code.line.number" | "code.lineno", Some(Value::IntValue(line))) => {
            record.lineno = Some(*line);
        }
        ("thread.id", Some(Value::IntValue(id))) => record.thread = Some(*id),
        ("levelno", Some(Value::IntValue(number))) if i32::try_from(*number).is_ok() => {
            record.level = Level(i32::try_from(*number).unwrap_or_default());
        }
        ("seq", Some(Value::IntValue(seq))) if *seq >= 0 => record.seq = u64::try_from(*seq).ok(),
        ("relativeCreated", Some(Value::DoubleValue(time))) if time.is_finite() => {
            record.relative_created = Some(*time);
        }
        ("subtopic", Some(Value::StringValue(subtopic))) => {
            record.subtopic = subtopic.clone().into()
        }
        ("msg", Some(Value::StringValue(text))) => record.msg = text.clone().into(),
        ("args", Some(Value::ArrayValue(_) | Value::KvlistValue(_))) => {
            record.args = Some(raw(attribute.value.as_ref()));
        }
        ("extra_text", Some(Value::KvlistValue(_))) => {
            record.extra_text = Some(raw(attribute.value.as_ref()));
        }
        _ => return as_extra(record, attribute),
    }
    true
}

fn raw(value: Option<&AnyValue>) -> RawJson<'static> {
    RawJson(to_json(value).into())
}

/// An attribute of a resource or a scope: the record's own of that name counts.
fn take_shared(record: &mut Record<'static>, attribute: &KeyValue) -> bool {
    record.extras.iter().any(|(name, _)| *name == attribute.key) || as_extra(record, attribute)
}

fn as_extra(record: &mut Record<'static>, attribute: &KeyValue) -> bool {
    record.extras.len() < MAX_EXTRAS
        && extra(record, &attribute.key, to_json(attribute.value.as_ref()))
}

/// Adds an extra. `false` if there is one of that name: a name must not come twice, but a field may
/// have been renamed to it.
fn extra(record: &mut Record<'static>, name: &str, json: String) -> bool {
    let mut name = name.to_owned();
    let is_known = |name: &str| record.extras.iter().any(|(known, _)| *known == name);
    if TAKEN.contains(&&*name) || is_known(&name) {
        name.push('_');
    }
    if is_known(&name) {
        return false;
    }
    record.extras.push((name.into(), RawJson(json.into())));
    true
}

/// Ids of the trace, and what else a log record has beside its attributes.
fn identities(record: &mut Record<'static>, log: &LogRecord) {
    for (name, id) in [("trace_id", &log.trace_id), ("span_id", &log.span_id)] {
        if !id.is_empty() {
            extra(record, name, json::quoted(&hex(id)));
        }
    }
    // The lower bits are the flags of W3C's trace context; the others are reserved.
    if log.flags & 0xff != 0 {
        extra(record, "trace_flags", (log.flags & 0xff).to_string());
    }
    if !log.event_name.is_empty() {
        extra(record, "otel.event.name", json::quoted(&log.event_name));
    }
}

/// Removes what a traceback says anyway, and adds what a path says.
fn without_derived(record: &mut Record<'static>) {
    if let Some(text) = &mut record.exc_text
        && of_traceback(text).is_some()
        && text.ends_with('\n')
    {
        // OpenTelemetry's SDK for Python keeps the last line's end, and Python's `logging` does not.
        text.to_mut().pop();
    }
    if let Some((kind, message)) = record.exc_text.as_deref().and_then(of_traceback) {
        let derived =
            [("exception.type", json::quoted(kind)), ("exception.message", json::quoted(message))];
        record.extras.retain(|(name, value)| {
            !derived.iter().any(|(known, text)| name == known && value.0 == **text)
        });
    }
    let (filename, module) = of_path(record.pathname.as_deref());
    let own = |text: Option<&str>| text.map(|text| Cow::Owned(text.to_owned()));
    let (filename, module) = (own(filename), own(module));
    record.filename = record.filename.take().or(filename);
    record.module = record.module.take().or(module);
}

/// Nanoseconds since 1970-01-01 UTC in seconds.
fn seconds(nanos: u64) -> f64 {
    let (whole, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    whole as f64 + rest as f64 / 1e9
}

/// The JSON text of a value. Bytes are lower-case hex, as ids are; numbers that JSON lacks are text.
fn to_json(value: Option<&AnyValue>) -> String {
    let mut out = Vec::new();
    write_json(value, &mut out);
    // Made of UTF-8 alone.
    String::from_utf8(out).unwrap_or_default()
}

fn write_json(value: Option<&AnyValue>, out: &mut Vec<u8>) {
    match value.and_then(|value| value.value.as_ref()) {
        None => out.extend_from_slice(b"null"),
        Some(Value::StringValue(text)) => json::write_string(text, out),
        Some(Value::BoolValue(value)) => out.extend_from_slice(value.to_string().as_bytes()),
        Some(Value::IntValue(number)) => out.extend_from_slice(number.to_string().as_bytes()),
        Some(Value::DoubleValue(number)) => match serde_json::Number::from_f64(*number) {
            Some(number) => out.extend_from_slice(number.to_string().as_bytes()),
            None => json::write_string(&number.to_string(), out),
        },
        Some(Value::BytesValue(bytes)) => json::write_string(&hex(bytes), out),
        Some(Value::ArrayValue(array)) => {
            out.push(b'[');
            for (at, value) in array.values.iter().enumerate() {
                out.extend((at > 0).then_some(b','));
                write_json(Some(value), out);
            }
            out.push(b']');
        }
        Some(Value::KvlistValue(list)) => {
            out.push(b'{');
            for (at, entry) in list.values.iter().enumerate() {
                out.extend((at > 0).then_some(b','));
                json::write_string(&entry.key, out);
                out.push(b':');
                write_json(entry.value.as_ref(), out);
            }
            out.push(b'}');
        }
    }
}

/// The text of a value: of a string without quotes, of others their JSON; empty for none.
fn to_text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        None => String::new(),
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::BytesValue(bytes)) => hex(bytes),
        Some(_) => to_json(value),
    }
}

/// Bytes as lower-case hex.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        // Writing to a string can't fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}
