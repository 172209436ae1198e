use super::*;
use crate::parse::Options;

/// A line, and its level, time, logger, message and extras.
type Case<'c> = (&'c str, i32, Option<f64>, Option<&'c str>, &'c str, &'c [&'c str]);

const TIME: f64 = 1_704_164_645.0;

const CASES: &[Case<'_>] = &[
    // Docker's json-file driver
    (
        r#"{"log":"ERROR: lost\n","stream":"stderr","time":"2024-01-02T03:04:05Z"}"#,
        40,
        Some(TIME),
        None,
        "ERROR: lost",
        &[r#"stream="stderr""#],
    ),
    (
        r#"{"log":"{\"level\":30,\"time\":1704164645625,\"name\":\"web\",\"msg\":\"up\",\"port\":80}\r\n","stream":"stdout","time":"2024-01-02T03:04:06Z"}"#,
        20,
        Some(TIME + 0.625),
        Some("web"),
        "up",
        &["port=80", r#"stream="stdout""#],
    ),
    (
        r#"{"log":"level=warn msg=slow ms=7\n","stream":"stdout","time":"2024-01-02T03:04:05Z"}"#,
        30,
        Some(TIME),
        None,
        "slow",
        &["ms=7", r#"stream="stdout""#],
    ),
    // This was written in another zone, which it does not name: Docker's time counts.
    (
        r#"{"log":"2024-01-02 09:04:05,123 WARN slow\n","stream":"stdout","time":"2024-01-02T03:04:05Z"}"#,
        30,
        Some(TIME),
        None,
        "2024-01-02 09:04:05,123 WARN slow",
        &[r#"stream="stdout""#],
    ),
    // CRI
    (
        "2024-01-02T03:04:05Z stderr F 2024-01-02 09:04:05,123 WARN slow",
        30,
        Some(TIME),
        None,
        "2024-01-02 09:04:05,123 WARN slow",
        &[r#"stream="stderr""#],
    ),
    (
        r#"2024-01-02T03:04:05Z stdout F {"log":"ERROR: lost\n","stream":"stderr","time":"2024-01-02T03:04:06Z"}"#,
        40,
        Some(TIME + 1.0),
        None,
        "ERROR: lost",
        &[r#"stream="stderr""#],
    ),
    // journalctl -o json
    (
        r#"{"MESSAGE":[69,82,82,79,82,58,32,255,33],"PRIORITY":"6","SYSLOG_IDENTIFIER":"app","__REALTIME_TIMESTAMP":"1704164645000000"}"#,
        40,
        Some(TIME),
        Some("app"),
        "ERROR: \\xff!",
        &[],
    ),
    (
        r#"{"MESSAGE":"{\"level\":\"error\",\"logger\":\"db\",\"msg\":\"lost\"}","PRIORITY":"6","SYSLOG_IDENTIFIER":"app","__REALTIME_TIMESTAMP":"1704164645000000"}"#,
        40,
        Some(TIME),
        Some("db"),
        "lost",
        &[r#"program="app""#],
    ),
    // What collectors leave of it
    (
        r#"{"MESSAGE":[69,82,82,79,82,58,32,255,33],"PRIORITY":"6"}"#,
        40,
        None,
        None,
        "ERROR: \\xff!",
        &[],
    ),
    (r#"{"PRIORITY":"3","MESSAGE":"lost"}"#, 40, None, None, "lost", &[]),
    // Google Cloud
    (
        r#"{"jsonPayload":{"message":"lost","user":5},"severity":"ERROR","timestamp":"2024-01-02T03:04:05Z"}"#,
        40,
        Some(TIME),
        None,
        "lost",
        &["user=5"],
    ),
    // OpenTelemetry, without times
    (r#"{"body":{"stringValue":"lost"},"severityNumber":17}"#, 40, None, None, "lost", &[]),
    (
        r#"{"textPayload":"started","severity":"NOTICE","timestamp":"2024-01-02T03:04:05Z","logName":"projects/p/logs/stdout","insertId":"x"}"#,
        25,
        Some(TIME),
        None,
        "started",
        &[r#"logName="projects/p/logs/stdout""#, r#"insertId="x""#],
    ),
    (
        r#"{"jsonPayload":{"message":"lost","user":5},"severity":500,"timestamp":"2024-01-02T03:04:05Z","logName":"l"}"#,
        40,
        Some(TIME),
        None,
        "lost",
        &[r#"logName="l""#, "user=5"],
    ),
    // A severity of 0 is none, and not the worst one as in syslog.
    (
        r#"{"message":"up","severity":0,"timestamp":"2024-01-02T03:04:05Z","logName":"l"}"#,
        0,
        Some(TIME),
        None,
        "up",
        &["severity=0", r#"logName="l""#],
    ),
    // Loki, Filebeat, Fluent Bit
    (
        r#"{"labels":{"app":"x"},"line":"[error] lost","timestamp":"2024-01-02T03:04:05Z"}"#,
        40,
        Some(TIME),
        None,
        "[error] lost",
        &[r#"labels={"app":"x"}"#],
    ),
    // Vector
    (
        r#"{"message":"[error] lost","source_type":"file","timestamp":"2024-01-02T03:04:05Z"}"#,
        40,
        Some(TIME),
        None,
        "[error] lost",
        &[r#"source_type="file""#],
    ),
    // The journal, of a service without a priority
    (
        r#"{"__REALTIME_TIMESTAMP":"1704164645000000","MESSAGE":"WARNING: slow","_PID":"7"}"#,
        30,
        Some(TIME),
        None,
        "WARNING: slow",
        &[r#"_PID="7""#],
    ),
    (
        r#"{"@timestamp":"2024-01-02T03:04:05Z","agent":{},"input":{},"message":"[error] lost"}"#,
        40,
        Some(TIME),
        None,
        "[error] lost",
        &["agent={}", "input={}"],
    ),
    (
        r#"{"log":"[error] lost","kubernetes":{},"date":1704164645.0}"#,
        40,
        Some(TIME),
        None,
        "[error] lost",
        &["kubernetes={}"],
    ),
    // A line in a line in a line
    (
        r#"{"log":"web_1  | {\"level\":\"warn\",\"msg\":\"slow\"}\n","stream":"stdout","time":"2024-01-02T03:04:05Z"}"#,
        30,
        Some(TIME),
        None,
        "slow",
        &[r#"prefix="web_1""#, r#"stream="stdout""#],
    ),
    // Prefixes before JSON
    (r#"web_1  | {"level":"error","msg":"lost"}"#, 40, None, None, "lost", &[r#"prefix="web_1""#]),
    (
        "\x1b[36mweb_1  | \x1b[0m{\"level\":\"error\",\"msg\":\"lost\"}",
        40,
        None,
        None,
        "lost",
        &[r#"prefix="web_1""#],
    ),
    (
        r#"22:13:20 web.1  | {"msg":"up","port":80}"#,
        0,
        None,
        None,
        "up",
        &["port=80", r#"prefix="22:13:20 web.1""#],
    ),
    (r#"0|app  | {"level":30,"msg":"up"}"#, 20, None, None, "up", &[r#"prefix="0|app""#]),
    (
        r#"[pod/web-1/app] {"level":"error","msg":"lost"}"#,
        40,
        None,
        None,
        "lost",
        &[r#"prefix="[pod/web-1/app]""#],
    ),
    (
        r#"web-7d9f8b app {"level":"error","msg":"lost"}"#,
        40,
        None,
        None,
        "lost",
        &[r#"prefix="web-7d9f8b app""#],
    ),
    (
        r#"2024-01-02T03:04:05Z {"severity":"ERROR","message":"lost"}"#,
        40,
        Some(TIME),
        None,
        "lost",
        &[],
    ),
    (
        r#"2024-01-02T03:04:05+00:00 app[web.1]: {"level":"error","msg":"lost"}"#,
        40,
        Some(TIME),
        None,
        "lost",
        &[r#"prefix="app[web.1]:""#],
    ),
    (r#"INFO:root:{"event":"hi","n":1}"#, 20, None, Some("root"), "hi", &["n=1"]),
    // Levels and names that are no prefix of a collector
    (r#"ERROR {"message":"lost","n":1}"#, 40, None, None, "lost", &["n=1"]),
    (r#"[warn] {"message":"slow"}"#, 30, None, None, "slow", &[]),
    (
        r#"my-service {"level":"error","msg":"lost"}"#,
        40,
        None,
        None,
        "lost",
        &[r#"prefix="my-service""#],
    ),
    (
        r#"INFO my-service {"level":"error","msg":"lost"}"#,
        40,
        None,
        None,
        "lost",
        &[r#"prefix="my-service""#],
    ),
    (r#"ERROR my-service {"msg":"lost"}"#, 40, None, None, "lost", &[r#"prefix="my-service""#]),
    (r#"<11>{"msg":"lost"}"#, 40, None, None, "lost", &[r#"facility="user""#]),
    // Sentences that end with an object
    (
        r#"ERROR: response was {"message":"not found","status":404}"#,
        40,
        None,
        None,
        r#"ERROR: response was {"message":"not found","status":404}"#,
        &[],
    ),
    (
        r#"got {"message":"x","timestamp":1704164645}"#,
        0,
        None,
        None,
        r#"got {"message":"x","timestamp":1704164645}"#,
        &[],
    ),
    (r#"INFO user {"id":5}"#, 20, None, None, r#"INFO user {"id":5}"#, &[]),
    ("INFO a set {x}", 20, None, None, "INFO a set {x}", &[]),
];

fn extras(record: &Record<'_>) -> Vec<String> {
    record.extras.iter().map(|(key, value)| format!("{key}={}", value.0)).collect()
}

#[test]
fn a_line_in_another_one_decides_the_level_and_the_message() {
    for (line, level, created, name, message, fields) in CASES {
        // A time of day of a stored line is no time.
        let options = Options { stored: true, ..Options::default() };
        let mut parser = Parser::new(options);
        let record = parser.parse(line);
        assert_eq!((record.level, &*record.msg), (Level(*level), *message), "{line}");
        assert_eq!((record.created, record.name.as_deref()), (*created, *name), "{line}");
        assert_eq!(extras(&record), *fields, "{line}");
    }
}

#[test]
fn the_message_of_a_pattern_is_read_as_a_line() {
    let regex = regex::Regex::new(r"^(?P<time>\S+) (?P<name>\w+)> (?P<message>.*)$").unwrap();
    let mut parser = Parser::new(Options { pattern: Some(regex), ..Options::default() });
    let mut parse = |message: &str| {
        let line = format!("2024-01-02T03:04:05Z db> {message}");
        parser.parse(&line).into_owned()
    };
    let record = parse(r#"{"level":"error","logger":"x","msg":"lost","time":1,"n":1}"#);
    assert_eq!((record.level, &*record.msg, record.created), (Level::ERROR, "lost", Some(TIME)));
    assert_eq!(record.name.as_deref(), Some("db"), "what the pattern names stays");
    assert!(extras(&record).contains(&"n=1".to_owned()));
    let record = parse("WARN: slow");
    assert_eq!((record.level, &*record.msg), (Level::WARNING, "WARN: slow"));
}

#[test]
fn lines_within_lines_end_at_some_depth() {
    let mut line = String::from(r#"{"level":"error","msg":"lost"}"#);
    for _ in 0..10 {
        let text = json::quoted(&line);
        line = format!(r#"{{"log":{text},"stream":"stdout"}}"#);
    }
    let record = Parser::new(Options::default()).parse(&line).into_owned();
    assert!(record.msg.starts_with(r#"{"log":"#), "{}", record.msg);
}

/// A line of text behind a prefix, its level, time, logger and some of its extras.
type TextCase<'c> = (&'c str, Level, Option<f64>, Option<&'c str>, &'c [&'c str]);

const TEXT_CASES: &[TextCase<'_>] = &[
    (
        "web-1  | 2024-01-02 03:04:05,500 INFO shop.cart: up",
        Level::INFO,
        Some(TIME + 0.5),
        Some("shop.cart"),
        &[r#"prefix="web-1""#],
    ),
    (
        "\x1b[36mweb-1  | \x1b[0m2024-01-02 03:04:05,500 \x1b[31mERROR\x1b[0m shop.cart: lost",
        Level::ERROR,
        Some(TIME + 0.5),
        Some("shop.cart"),
        &[r#"prefix="web-1""#],
    ),
    (
        "cache-1  | 1:M 02 Jan 2024 03:04:05.500 # Can't save",
        Level::WARNING,
        Some(TIME + 0.5),
        None,
        &[r#"prefix="cache-1""#],
    ),
    (
        "03:04:05 web.1  | [2024-01-02 03:04:05 +0000] [123] [INFO] Listening",
        Level::INFO,
        Some(TIME),
        None,
        &[r#"prefix="web.1""#],
    ),
    // kubectl, stern
    (
        "[pod/web-0/app] I0102 03:04:05.500000       1 main.go:42] up",
        Level::INFO,
        None,
        None,
        &[r#"prefix="[pod/web-0/app]""#],
    ),
    (
        "web-7d9f8b6c5-x2x4q app 2024-01-02 03:04:05,500 WARNING shop: slow",
        Level::WARNING,
        Some(TIME + 0.5),
        Some("shop"),
        &[r#"prefix="web-7d9f8b6c5-x2x4q app""#],
    ),
    // The time of the prefix counts if the line has none.
    // So does it if the line's own was written in another zone, which it does not name.
    (
        "web-1  | 2024-01-02T03:04:05Z 2024-01-02 05:04:04,500 INFO shop: up",
        Level::INFO,
        Some(TIME),
        Some("shop"),
        &[],
    ),
    (
        "2024-01-02T04:04:05+01:00 2024-01-02 05:04:04,500 INFO shop: up",
        Level::INFO,
        Some(TIME),
        Some("shop"),
        &[],
    ),
    (
        "web-1  | 2024-01-02T03:04:05Z 2024-01-02 03:04:04,500 INFO shop: up",
        Level::INFO,
        Some(TIME - 0.5),
        Some("shop"),
        &[],
    ),
    // A prefix without a zone says nothing better.
    (
        "Jan  2 05:04:05 web-1 app[7]: 2024-01-02 03:04:04,500 INFO shop: up",
        Level::INFO,
        Some(TIME - 0.5),
        Some("shop"),
        &[],
    ),
    // An old time, of a record that was stored.
    (
        "web-1  | 2024-01-02T04:11:05Z 2024-01-02 03:04:05,000 INFO shop: up",
        Level::INFO,
        Some(TIME),
        Some("shop"),
        &[],
    ),
    ("web-7d9f8b6c5-x2x4q app ERROR lost", Level::ERROR, None, None, &[]),
    ("web-1  | 2024-01-02T03:04:05Z ERROR:shop:lost", Level::ERROR, Some(TIME), Some("shop"), &[]),
    ("web-1  | 2024-01-02T03:04:05Z up", Level::NOTSET, Some(TIME), None, &[r#"prefix="web-1""#]),
    (
        "2024-01-02T03:04:06.5Z 2024-01-02 03:04:05,500 WARNING shop: slow",
        Level::WARNING,
        Some(TIME + 0.5),
        Some("shop"),
        &[],
    ),
    // The message of syslog
    (
        "<14>1 2024-01-02T03:04:05Z web-1 app 7 - - 2024-01-02 03:04:05,500 ERROR shop: lost",
        Level::ERROR,
        Some(TIME + 0.5),
        Some("shop"),
        &[r#"program="app""#, r#"facility="user""#],
    ),
    (
        "2024-01-02T03:04:05+00:00 web-1 kubelet[9]: ERROR:shop:lost",
        Level::ERROR,
        Some(TIME),
        Some("shop"),
        &[r#"program="kubelet""#],
    ),
    ("2024-01-02T03:04:05+00:00 web-1 sshd[9]: up", Level::NOTSET, Some(TIME), Some("sshd"), &[]),
    // No prefix
    ("web | up", Level::NOTSET, None, None, &[]),
    ("INFO web-1 | 2024-01-02 03:04:05,500 ERROR shop: lost", Level::INFO, None, None, &[]),
];

#[test]
fn text_behind_a_prefix_is_read_by_the_formats_of_text() {
    for (line, level, created, name, fields) in TEXT_CASES {
        let mut parser = Parser::new(Options { stored: true, ..Options::default() });
        parser.zone = jiff::tz::TimeZone::UTC;
        parser.set_received(TIME + 60.0);
        let record = parser.parse(line);
        assert_eq!(record.level, *level, "{line}");
        if created.is_some() {
            assert_eq!(record.created, *created, "{line}");
        }
        assert_eq!(record.name.as_deref(), *name, "{line}");
        let extras = extras(&record);
        assert!(
            fields.iter().all(|field| extras.iter().any(|it| it == field)),
            "{line}: {extras:?}"
        );
        let text = line.strip_prefix("<14>").unwrap_or(line);
        assert_eq!(record.msg, text, "the message is the line");
    }
}

#[test]
fn logfmt_behind_a_prefix_gives_its_message_as_without_one() {
    let mut parser = Parser::new(Options::default());
    let record = parser.parse("web-1  | level=warn msg=slow ms=7");
    assert_eq!((record.level, &*record.msg), (Level::WARNING, "slow"));
    assert_eq!(extras(&record), ["ms=7", r#"prefix="web-1""#]);
}
