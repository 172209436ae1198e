use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::*;

#[test]
fn times_with_a_zone_are_read() {
    let second = 1_763_712_000.0;
    for text in [
        "2025-11-21T08:00:00Z",
        "2025-11-21 08:00:00Z",
        "2025-11-21T09:00:00+01:00",
        "2025-11-21T09:00:00+0100",
        "2025-11-21 08:00:00 UTC",
        "1763712000",
        "1763712000000",
        "1.763712e9",
        "1763712000000000",
        "1763712000000000000",
    ] {
        assert_eq!(parse_time(text), Some(second), "{text}");
    }
    assert_eq!(parse_time("2025-11-21T08:00:00.123456Z"), Some(second + 0.123456));
    assert_eq!(parse_time("2025-11-21 08:00:00,123 UTC"), Some(second + 0.123));
}

#[test]
fn a_time_without_a_zone_is_local() {
    let zone = TimeZone::system();
    let civil: DateTime = "2025-11-21T08:00:00".parse().unwrap();
    let local = zone.to_zoned(civil).unwrap().timestamp().as_second();
    let read = parse_time("2025-11-21 08:00:00,500").unwrap();
    assert_eq!(read, local as f64 + 0.5);
}

#[test]
fn words_are_not_times() {
    for text in ["", "now", "inf", "nan", "12:30", "2025-13-01T00:00:00Z", "-", "1 2"] {
        assert_eq!(parse_time(text), None, "{text}");
    }
}

#[test]
fn names_are_recognised_in_any_case() {
    assert_eq!(field_alias("Timestamp"), Some(Field::Time));
    assert_eq!(field_alias("@timestamp"), Some(Field::Time));
    assert_eq!(field_alias("LEVEL"), Some(Field::Level));
    assert_eq!(field_alias("stack_trace"), Some(Field::ExcText));
    assert_eq!(field_alias("messages"), None);
    assert_eq!(field_alias("a key that is longer than any name"), None);
    assert_eq!(field_alias(""), None);
}

#[test]
fn every_name_of_a_field_is_recognised() {
    for (field, keys) in [
        (
            Field::Time,
            "time ts timestamp @timestamp asctime datetime t @t date timeMillis instant _meta.date",
        ),
        (
            Field::Level,
            "level lvl severity log.level logLevel levelname @l @level log_level level_name \
             severityText severity_text severityNumber severity_number error_severity \
             context.logLevel _meta.logLevelName",
        ),
        (Field::Message, "message msg event text @m @message RenderedMessage"),
        (
            Field::Name,
            "logger name logger_name loggerName logger.name log.logger target @module \
             SourceContext context.namespace _meta.name _logMeta.name",
        ),
        (
            Field::ExcText,
            "error err exception stack stack_trace stackTrace exc_info exc_text traceback @x \
             errorVerbose error.stack_trace error.stack err.stack exception.stacktrace \
             exception.stack_trace thrown.extendedStackTrace attributes.exception.stacktrace",
        ),
    ] {
        for key in keys.split_whitespace() {
            assert_eq!(field_alias(key), Some(field), "{key}");
        }
    }
}

/// Those of syslog, winston, java.util.logging, log4j, .NET, Go's loggers, MySQL, consola, npm,
/// signale, loguru and Eliot.
#[test]
fn every_word_for_a_level_is_read_in_any_case() {
    for (level, words) in [
        (5, "trace trc trce verbose vrb silly finer finest"),
        (10, "debug dbg dbug debu debg fine config"),
        (15, "http"),
        (20, "info inf information informational log note system ready start"),
        (25, "notice success"),
        (30, "warning warn wrn"),
        (40, "error err eror erro severe fail failed"),
        (50, "critical crit fatal fata ftl fault alert emerg emergency panic pani dpanic"),
    ] {
        let both_cases = words.split(' ').flat_map(|word| [word.to_owned(), word.to_uppercase()]);
        for word in both_cases {
            let line = format!(r#"{{"level":"{word}","msg":"x"}}"#);
            assert_eq!(normalized(&line).level, Level(level), "{word}");
        }
    }
}

fn normalized(text: &str) -> Record<'_> {
    crate::wire::json::read(text).unwrap()
}

#[test]
fn pino_and_bunyan_count_levels_one_step_higher() {
    let pino = normalized(
        r#"{"level":30,"time":1763712000123,"pid":7,"hostname":"h","msg":"hi","reqId":1}"#,
    );
    assert_eq!((pino.level, &*pino.msg), (Level::INFO, "hi"));
    assert_eq!(pino.created, Some(1_763_712_000.123));
    let bunyan = normalized(
        r#"{"name":"app","hostname":"h","pid":7,"level":60,"msg":"x","time":"2025-11-21T08:00:00.000Z","v":0}"#,
    );
    assert_eq!((bunyan.level, bunyan.name.as_deref()), (Level::CRITICAL, Some("app")));
    assert_eq!(normalized(r#"{"level":30,"msg":"x"}"#).level, Level::INFO);
    let python = normalized(r#"{"level":30,"msg":"x","lineno":3}"#);
    assert_eq!(python.level, Level::WARNING, "Python's numbers beside its attributes");
}

#[test]
fn keys_of_other_loggers_move_to_their_fields() {
    let zap = normalized(
        r#"{"level":"error","ts":1763712000.5,"logger":"db","msg":"lost","error":"EOF","stacktrace":"main\n\tx.go:1"}"#,
    );
    assert_eq!(zap.exc_text.as_deref(), Some("main\n\tx.go:1"));
    assert_eq!(zap.extras, [("error".into(), RawJson("\"EOF\"".into()))]);
    assert_eq!((zap.level, zap.name.as_deref()), (Level::ERROR, Some("db")));

    let notice = normalized(r#"{"severity":"notice","message":"m"}"#);
    assert_eq!((notice.level, &*notice.level_name()), (Level::NOTICE, "NOTICE"));

    let java = normalized(r#"{"@timestamp":"2025-11-21T08:00:00Z","thread":"main","message":"m"}"#);
    assert_eq!(java.thread_name.as_deref(), Some("main"));
}

#[test]
fn records_of_docker_and_journald_are_read() {
    let docker =
        normalized(r#"{"log":"up\r\n","stream":"stderr","time":"2025-11-21T08:00:00.5Z"}"#);
    assert_eq!((&*docker.msg, docker.created), ("up", Some(1_763_712_000.5)));
    assert_eq!(normalized(r#"{"log":"x","msg":"m"}"#).msg, "m", "only Docker has `log`");
    let journal = normalized(
        r#"{"MESSAGE":"denied","PRIORITY":"4","SYSLOG_IDENTIFIER":"sshd","__REALTIME_TIMESTAMP":"1763712000500000"}"#,
    );
    assert_eq!((&*journal.msg, journal.level), ("denied", Level::WARNING));
    assert_eq!((journal.name.as_deref(), journal.created), (Some("sshd"), docker.created));
    assert!(journal.extras.is_empty(), "{:?}", journal.extras);
}

/// Each with its level, logger and time.
#[test]
fn keys_that_only_one_logger_has_are_read_in_its_objects() {
    let time = Some(1_704_164_645.5);
    let cases = [
        // OpenTelemetry
        (
            r#"{"timeUnixNano":"1704164645500000000","severityNumber":17,"body":{"stringValue":"lost"}}"#,
            Level::ERROR,
            None,
            time,
        ),
        (
            r#"{"observedTimeUnixNano":"1704164645500000000","severityNumber":17,"body":{"stringValue":"lost"}}"#,
            Level::ERROR,
            None,
            time,
        ),
        (r#"{"severityText":"ERROR","body":"lost"}"#, Level::ERROR, None, None),
        (r#"{"SeverityText":"ERROR","Body":"lost"}"#, Level::ERROR, None, None),
        // Serilog, without a template
        (r#"{"@t":"2024-01-02T03:04:05.5Z","@m":"lost"}"#, Level::INFO, None, time),
        // MySQL
        (
            r#"{"prio":1,"err_code":10909,"subsystem":"InnoDB","label":"Error","msg":"lost","time":"2024-01-02T03:04:05.5Z"}"#,
            Level::ERROR,
            Some("InnoDB"),
            time,
        ),
        // Elasticsearch 7
        (
            r#"{"timestamp":"2024-01-02T03:04:05.5Z","level":"ERROR","component":"o.e.n.Node","node.name":"n1","message":"lost"}"#,
            Level::ERROR,
            Some("o.e.n.Node"),
            time,
        ),
        // tslog before its version 5
        (
            r#"{"0":"lost","_meta":{"date":"2024-01-02T03:04:05.5Z","logLevelName":"ERROR","name":"app"}}"#,
            Level::ERROR,
            Some("app"),
            time,
        ),
    ];
    for (text, level, name, created) in cases {
        let record = normalized(text);
        assert_eq!((&*record.msg, record.level), ("lost", level), "{text}");
        assert_eq!((record.name.as_deref(), record.created), (name, created), "{text}");
    }
}

#[test]
fn the_nested_fields_of_tracing_subscriber_are_found() {
    let record = normalized(
        r#"{"timestamp":"2025-11-21T08:00:00Z","level":"WARN","fields":{"message":"m","n":1},"target":"app::db"}"#,
    );
    assert_eq!((&*record.msg, record.name.as_deref()), ("m", Some("app::db")));
    assert_eq!(record.extras, [("n".into(), RawJson("1".into()))]);
}

#[test]
fn a_value_that_does_not_fit_its_field_stays_an_extra() {
    let record = normalized(r#"{"time":"noon","level":"weird","error":{"code":1},"msg":"m"}"#);
    assert_eq!((record.created, record.level), (None, Level::NOTSET));
    assert_eq!(record.extras.len(), 3);
}

#[test]
fn a_users_name_is_no_logger() {
    let extras = |record: &Record<'_>| {
        record.extras.iter().map(|(key, value)| format!("{key}={}", value.0)).collect::<Vec<_>>()
    };
    for (line, name, kept) in [
        // zap's fields are a user's
        (
            r#"{"level":"info","ts":1763712000.5,"msg":"x","name":"my-pod"}"#,
            None,
            r#"name="my-pod""#,
        ),
        (
            r#"{"level":"info","name":"Ann","logger":"db","message":"x"}"#,
            Some("db"),
            r#"name="Ann""#,
        ),
        (
            r#"{"@t":"2025-11-21T08:00:00Z","@mt":"x","name":"Ann","SourceContext":"Shop"}"#,
            Some("Shop"),
            r#"name="Ann""#,
        ),
        // bunyan's is the logger
        (
            r#"{"v":0,"level":30,"name":"shop","target":"a::b","msg":"x"}"#,
            Some("shop"),
            r#"target="a::b""#,
        ),
        (
            r#"{"t":{"$date":"2025-11-21T08:00:00Z"},"s":"I","c":"-","ctx":"main","msg":"x"}"#,
            None,
            r#"c="-""#,
        ),
    ] {
        let record = normalized(line);
        assert_eq!(record.name.as_deref(), name, "{line}");
        assert!(extras(&record).contains(&kept.to_owned()), "{:?}", extras(&record));
    }
}

#[test]
fn the_time_of_php_is_read_in_each_kind_of_zone() {
    for (date, zone) in [
        ("2025-11-21 08:00:00.125000", "UTC"),
        ("2025-11-21 09:00:00.125000", "Europe/Berlin"),
        ("2025-11-21 03:00:00.125000", "-05:00"),
    ] {
        let line = format!(
            r#"{{"message":"x","datetime":{{"date":"{date}","timezone_type":3,"timezone":"{zone}"}}}}"#
        );
        assert_eq!(normalized(&line).created, Some(1_763_712_000.125), "{line}");
    }
    let unknown = r#"{"message":"x","datetime":{"date":"2025-11-21 08:00:00","timezone":"Mars"}}"#;
    assert_eq!((normalized(unknown).created, normalized(unknown).extras.len()), (None, 1));
}
