//! Records as OpenTelemetry's log records. The table is in docs/opentelemetry.md.

use std::collections::HashSet;

use super::exception::of_traceback;
use super::proto::{AnyValue, InstrumentationScope, KeyValue, LogRecord, Resource};
use super::value::{id, key_value, of_float, of_integer, of_json, of_text};
use zlog_core::text::json;
use zlog_core::wire::topic;
use zlog_core::{Level, Record};

/// The extras that may have the ids of a trace, as zlog, OpenTelemetry's Python SDK and others
/// name them.
const TRACE_ID: [&str; 3] = ["trace_id", "otelTraceID", "traceId"];
const SPAN_ID: [&str; 3] = ["span_id", "otelSpanID", "spanId"];
const TRACE_FLAGS: &str = "trace_flags";

/// Extras that describe who logs, and not the record, begin with these.
const OF_RESOURCES: [&str; 10] = [
    "cloud.",
    "container.",
    "deployment.",
    "faas.",
    "host.",
    "k8s.",
    "os.",
    "process.",
    "service.",
    "telemetry.",
];

/// A record with its resource and its scope.
pub(crate) struct Log {
    pub(crate) resource: Resource,
    pub(crate) scope: InstrumentationScope,
    pub(crate) record: LogRecord,
}

/// Attributes, of which each has a name of its own.
#[derive(Default)]
struct Attributes {
    all: Vec<KeyValue>,
    /// Strangers choose how many extras a record has.
    names: HashSet<String>,
}

impl Attributes {
    fn add(&mut self, name: &str, value: AnyValue) {
        let mut name = name.to_owned();
        while !self.names.insert(name.clone()) {
            name.push('_');
        }
        self.all.push(key_value(name, value));
    }

    fn text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.add(name, of_text(text));
        }
    }

    fn integer(&mut self, name: &str, number: Option<i64>) {
        if let Some(number) = number {
            self.add(name, of_integer(number));
        }
    }
}

/// The log record of `record`, which has this topic.
pub(crate) fn log(record: &Record<'_>, topic: &str) -> Log {
    let topic = topic::parse(topic);
    let mut resource = Attributes::default();
    resource.text("service.name", Some(topic.root).filter(|root| !root.is_empty()));
    // A record that came by OTLP has that of its first sender among its extras.
    let is_passed_on = record.extras.iter().any(|(name, _)| name == "service.instance.id");
    let source = record.source.as_deref().filter(|_| !is_passed_on);
    resource.text("service.instance.id", source);
    resource.text("host.name", record.hostname.as_deref());
    resource.integer("process.pid", record.process);
    let mut scope = InstrumentationScope {
        name: record.name.clone().unwrap_or_default().into(),
        ..Default::default()
    };
    let mut log = without_attributes(record);
    let mut own = Attributes::default();
    own.text("subtopic", Some(topic.subtopic).filter(|subtopic| !subtopic.is_empty()));
    attributes(record, &log, &mut own);
    for (name, value) in &record.extras {
        let text = json::string_value(&value.0);
        let text = text.as_deref().unwrap_or_default();
        match &**name {
            name if TRACE_ID.contains(&name)
                && log.trace_id.is_empty()
                && id(text, 16).is_some() =>
            {
                log.trace_id = id(text, 16).unwrap_or_default();
            }
            name if SPAN_ID.contains(&name) && log.span_id.is_empty() && id(text, 8).is_some() => {
                log.span_id = id(text, 8).unwrap_or_default();
            }
            TRACE_FLAGS if flags(&value.0, text).is_some() => {
                log.flags = flags(&value.0, text).unwrap_or_default();
            }
            "otel.event.name" if !text.is_empty() => text.clone_into(&mut log.event_name),
            "otel.scope.version" if !text.is_empty() => text.clone_into(&mut scope.version),
            "otel.dropped_attributes_count" if value.0.parse::<u32>().is_ok() => {
                log.dropped_attributes_count = value.0.parse().unwrap_or_default();
            }
            name if OF_RESOURCES.iter().any(|prefix| name.starts_with(prefix)) => {
                resource.add(name, of_json(&value.0));
            }
            name => own.add(name, of_json(&value.0)),
        }
    }
    log.attributes = own.all;
    let resource = Resource { attributes: resource.all };
    Log { resource, scope, record: log }
}

/// Message, level and times of a record.
fn without_attributes(record: &Record<'_>) -> LogRecord {
    let observed = record.time().and_then(|_| record.received.or(record.created));
    LogRecord {
        time_unix_nano: record.created.map_or(0, nanoseconds),
        observed_time_unix_nano: observed.map_or(0, nanoseconds),
        severity_number: record.level.severity_number(),
        severity_text: match record.level {
            Level::NOTSET if record.levelname.is_none() => String::new(),
            _ => record.level_name().into_owned(),
        },
        body: Some(of_text(&record.message())),
        ..LogRecord::default()
    }
}

/// Adds the attributes of a record that are not extras. Those for which OpenTelemetry has no name
/// have that of Python's `LogRecord`.
fn attributes(record: &Record<'_>, log: &LogRecord, out: &mut Attributes) {
    if level(log).0 != record.level {
        out.integer("levelno", Some(record.level.0.into()));
    }
    if record.args.is_some() {
        out.text("msg", Some(&record.msg));
        out.add("args", of_json(record.args.as_ref().map_or("", |args| &args.0)));
    }
    if let Some(texts) = &record.extra_text {
        out.add("extra_text", of_json(&texts.0));
    }
    out.text("code.file.path", record.pathname.as_deref());
    let (filename, module) = of_path(record.pathname.as_deref());
    out.text("filename", record.filename.as_deref().filter(|name| Some(*name) != filename));
    out.text("module", record.module.as_deref().filter(|name| Some(*name) != module));
    out.text("code.function.name", record.func_name.as_deref());
    out.integer("code.line.number", record.lineno);
    out.text("code.stacktrace", record.stack_info.as_deref());
    if let Some(traceback) = record.exc_text.as_deref() {
        if let Some((kind, message)) = of_traceback(traceback) {
            out.text("exception.type", Some(kind));
            out.text("exception.message", Some(message));
        }
        out.text("exception.stacktrace", Some(traceback));
    }
    out.integer("thread.id", record.thread);
    out.text("thread.name", record.thread_name.as_deref());
    out.text("processName", record.process_name.as_deref());
    out.text("taskName", record.task_name.as_deref());
    if let Some(time) = record.relative_created {
        out.add("relativeCreated", of_float(time));
    }
    // Beyond i64 there is no number to lose count of.
    out.integer("seq", record.seq.and_then(|seq| i64::try_from(seq).ok()));
}

/// Flags as a number, or as two hex digits (`01`).
fn flags(json: &str, text: &str) -> Option<u32> {
    let number = match text.len() {
        2 => u32::from_str_radix(text, 16).ok(),
        _ => json.parse().ok(),
    };
    number.filter(|flags| *flags <= 0xff)
}

/// Seconds since 1970-01-01 UTC in nanoseconds; 0, unknown, for those before.
fn nanoseconds(seconds: f64) -> u64 {
    // The whole seconds are exact, so that the rest keeps its digits.
    let whole = seconds.trunc().max(0.0);
    let rest = ((seconds - whole).max(0.0) * 1e9).round();
    (whole as u64).saturating_mul(1_000_000_000).saturating_add(rest as u64)
}

/// The level of a log record, and its name if it is another than ours. The text decides between
/// levels of one number, as `Level 25` does.
pub(super) fn level(log: &LogRecord) -> (Level, Option<&str>) {
    let named = Level::from_word(&log.severity_text);
    let numbered = Level::from_severity_number(log.severity_number);
    let level = match (named, numbered) {
        (Some(named), _) if named.severity_number() == log.severity_number => named,
        (Some(named), None) => named,
        (_, numbered) => numbered.unwrap_or_default(),
    };
    let is_ours = log.severity_text.is_empty() || named == Some(level);
    (level, (!is_ours).then_some(&*log.severity_text))
}

/// `filename` and `module` as Python makes them of a path.
pub(super) fn of_path(path: Option<&str>) -> (Option<&str>, Option<&str>) {
    let filename = path.map(|path| path.rsplit(['/', '\\']).next().unwrap_or(path));
    let stem = |name: &'_ str| name.rfind('.').filter(|dot| *dot > 0);
    (filename, filename.map(|name| stem(name).map_or(name, |dot| &name[..dot])))
}
