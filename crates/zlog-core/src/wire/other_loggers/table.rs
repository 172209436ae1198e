//! Loggers whose keys or level numbers mean something only in their own objects.

use super::Field;
use super::levels::Scale;

use crate::level::Level;

/// A logger or a collector of logs, and what its keys mean.
pub(super) struct Logger {
    /// An object with all of these keys is this logger's.
    pub(super) has: &'static [&'static str],
    /// The meaning of keys that mean something else, or nothing, elsewhere.
    pub(super) fields: &'static [(&'static str, Field)],
    /// The scale of its numbers.
    pub(super) scale: Scale,
    /// The level of a record that has none.
    pub(super) default: Level,
    /// Whether the message is a line of another program.
    pub(super) wraps: bool,
    /// The name of an object whose entries are the record's own; empty for none.
    pub(super) nested: &'static str,
    /// Whether keys begin with a `_` that does not belong to the name.
    pub(super) underscores: bool,
    /// Whether a message that is not UTF-8 is an array of bytes.
    pub(super) bytes: bool,
    /// Whether keys that are not in `fields` are all a user's own, whatever their names are.
    pub(super) is_closed: bool,
}

/// Objects of no logger in the table.
pub(super) const ANY: Logger = Logger {
    has: &[],
    fields: &[],
    scale: Scale::Unknown,
    default: Level::NOTSET,
    wraps: false,
    nested: "",
    underscores: false,
    bytes: false,
    is_closed: false,
};

/// The first that fits counts.
pub(super) static LOGGERS: &[Logger] = &[
    // journalctl -o json; what collectors leave of it
    Logger { has: &["__REALTIME_TIMESTAMP"], ..JOURNALD },
    Logger { has: &["PRIORITY", "MESSAGE"], ..JOURNALD },
    // Docker's json-file driver; Fluent Bit
    Logger { has: &["log", "stream"], fields: &[("log", Field::Message)], wraps: true, ..ANY },
    Logger { has: &["log", "kubernetes"], fields: &[("log", Field::Message)], wraps: true, ..ANY },
    // Loki's logcli
    Logger { has: &["labels", "line"], fields: &[("line", Field::Message)], wraps: true, ..ANY },
    // Filebeat, Vector
    Logger { has: &["agent", "input", "message"], wraps: true, ..ANY },
    Logger { has: &["source_type", "message"], wraps: true, ..ANY },
    // Google Cloud's LogEntry
    Logger {
        has: &["textPayload"],
        fields: &[("textPayload", Field::Message)],
        scale: Scale::Google,
        wraps: true,
        ..ANY
    },
    Logger { has: &["jsonPayload"], scale: Scale::Google, nested: "jsonPayload", ..ANY },
    Logger { has: &["logName"], scale: Scale::Google, ..ANY },
    // Graylog's GELF
    Logger {
        has: &["short_message", "host"],
        fields: &[
            ("short_message", Field::Message),
            ("full_message", Field::ExcText),
            ("facility", Field::Name),
        ],
        scale: Scale::Syslog,
        underscores: true,
        ..ANY
    },
    // OpenTelemetry
    Logger {
        has: &["timeUnixNano", "body"],
        fields: &[("timeUnixNano", Field::Time), ("body", Field::Message)],
        scale: Scale::OpenTelemetry,
        ..ANY
    },
    Logger {
        has: &["observedTimeUnixNano", "body"],
        fields: &[("observedTimeUnixNano", Field::Time), ("body", Field::Message)],
        scale: Scale::OpenTelemetry,
        ..ANY
    },
    Logger { has: &["severityText", "body"], ..OTEL_SDK },
    Logger { has: &["severityNumber", "body"], ..OTEL_SDK },
    Logger { has: &["severity_text", "body"], ..OTEL_SDK },
    Logger { has: &["SeverityText", "Body"], ..OTEL_SDK },
    // Serilog's compact format leaves out the level of information events.
    Logger { has: &["@t", "@mt"], ..CLEF },
    Logger { has: &["@t", "@m"], ..CLEF },
    // Serilog's JsonFormatter
    Logger {
        has: &["MessageTemplate", "Timestamp"],
        fields: &[
            ("Timestamp", Field::Time),
            ("Level", Field::Level),
            ("RenderedMessage", Field::Message),
            ("Exception", Field::ExcText),
            ("SourceContext", Field::Name),
        ],
        nested: "Properties",
        is_closed: true,
        ..ANY
    },
    // .NET's JsonConsoleFormatter
    Logger {
        has: &["LogLevel", "Category"],
        fields: &[("Category", Field::Name)],
        scale: Scale::DotNet,
        ..ANY
    },
    // Monolog
    Logger { has: &["level_name", "channel"], fields: &[("channel", Field::Name)], ..ANY },
    Logger { has: &["monolog_level", "channel"], fields: &[("channel", Field::Name)], ..ANY },
    // MongoDB
    Logger {
        has: &["ctx", "t", "s", "c"],
        fields: &[("s", Field::Level), ("c", Field::Name)],
        ..ANY
    },
    // MySQL's JSON error log
    Logger {
        has: &["prio", "err_code", "label"],
        fields: &[("label", Field::Level), ("subsystem", Field::Name)],
        ..ANY
    },
    // Elasticsearch 7
    Logger { has: &["node.name", "component"], fields: &[("component", Field::Name)], ..ANY },
    // Kubernetes components: an entry of information has a verbosity, an error has none.
    Logger { has: &["v", "ts", "caller"], default: Level::INFO, ..ANY },
    Logger { has: &["caller", "ts", "err"], default: Level::ERROR, ..ANY },
    // log4js
    Logger {
        has: &["categoryName", "startTime", "data"],
        fields: &[
            ("startTime", Field::Time),
            ("categoryName", Field::Name),
            ("data", Field::Message),
        ],
        ..ANY
    },
    // consola's JSON reporter
    Logger {
        has: &["date", "type"],
        fields: &[("type", Field::Level), ("tag", Field::Name)],
        scale: Scale::Consola,
        ..ANY
    },
    // tslog before its version 5
    Logger { has: &["_meta"], fields: &[("0", Field::Message)], ..ANY },
    // Twisted
    Logger { has: &["log_namespace", "log_format"], fields: TWISTED, ..ANY },
    // Eliot
    Logger {
        has: &["task_uuid", "task_level"],
        fields: &[
            ("message_type", Field::Message),
            ("action_type", Field::Message),
            // `failed`; the others are no levels.
            ("action_status", Field::Level),
        ],
        ..ANY
    },
];

const JOURNALD: Logger = Logger {
    fields: &[
        ("_SOURCE_REALTIME_TIMESTAMP", Field::Time),
        ("__REALTIME_TIMESTAMP", Field::Time),
        ("PRIORITY", Field::Level),
        ("SYSLOG_IDENTIFIER", Field::Name),
    ],
    scale: Scale::Syslog,
    wraps: true,
    bytes: true,
    ..ANY
};

/// OpenTelemetry's exporters to the console.
const OTEL_SDK: Logger =
    Logger { fields: &[("body", Field::Message)], scale: Scale::OpenTelemetry, ..ANY };

/// Serilog's compact format.
const CLEF: Logger = Logger {
    fields: &[
        ("@t", Field::Time),
        ("@l", Field::Level),
        ("@m", Field::Message),
        ("@x", Field::ExcText),
        ("SourceContext", Field::Name),
    ],
    default: Level::INFO,
    is_closed: true,
    ..ANY
};

const TWISTED: &[(&str, Field)] =
    &[("log_time", Field::Time), ("log_namespace", Field::Name), ("log_text", Field::Message)];

/// Whether an object is that of a logger in the table. `has`: whether it has a key.
pub(super) fn any_fits(has: impl Fn(&str) -> bool) -> bool {
    LOGGERS.iter().any(|logger| logger.has.iter().all(|name| has(name)))
}

/// Whether a logger in the table has this as its first key: few objects need a search.
pub(super) fn is_signature(key: &str) -> bool {
    matches!(
        key,
        "__REALTIME_TIMESTAMP"
            | "log"
            | "labels"
            | "agent"
            | "source_type"
            | "PRIORITY"
            | "textPayload"
            | "jsonPayload"
            | "logName"
            | "short_message"
            | "timeUnixNano"
            | "observedTimeUnixNano"
            | "severityText"
            | "severityNumber"
            | "severity_text"
            | "SeverityText"
            | "@t"
            | "MessageTemplate"
            | "LogLevel"
            | "level_name"
            | "monolog_level"
            | "ctx"
            | "prio"
            | "node.name"
            | "v"
            | "caller"
            | "categoryName"
            | "date"
            | "_meta"
            | "log_namespace"
            | "task_uuid"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_logger_in_the_table_can_be_found() {
        for logger in LOGGERS {
            assert!(is_signature(logger.has[0]), "{:?}", logger.has);
        }
    }
}
