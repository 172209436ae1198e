//! Records that become log records and records again.

use proptest::prelude::*;

use super::proto::{AnyValue, InstrumentationScope, KeyValue, LogRecord, Resource, Value};
use super::{read, value, write};
use zlog_core::{Level, RawJson, Record};

fn there_and_back(record: &Record<'_>, topic: &str) -> Record<'static> {
    let log = write::log(record, topic);
    read::record("", &log.resource, &log.scope, &log.record).0
}

/// What a log record alone is read as.
fn read_alone(log: &LogRecord) -> Record<'static> {
    read::record("", &Resource::default(), &InstrumentationScope::default(), log).0
}

fn text() -> impl Strategy<Value = Option<String>> {
    prop::option::of("[a-zA-Zü☃.:/% \n]{1,12}")
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        (-1e9..1e9).prop_map(|number: f64| serde_json::Value::from(number)),
        ".{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map("[a-z]{1,4}", inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

prop_compose! {
    fn some_record()(
        texts in prop::collection::vec(text(), 11),
        level in -10..70,
        created in 1e9..2e9,
        numbers in prop::collection::vec(prop::option::of(any::<i64>()), 3),
        seq in prop::option::of(0..u64::MAX / 2),
        args in prop::option::of(prop::collection::vec(json(), 1..3)),
        extras in prop::collection::btree_map("x[a-z_.]{0,6}", json(), 0..5),
        levelname in prop::option::of("[A-Z]{3,9}"),
    ) -> Record<'static> {
        let mut texts = texts.into_iter().map(|text| text.map(Into::into));
        let mut next = || texts.next().flatten();
        Record {
            msg: next().unwrap_or_default(),
            level: Level(level),
            levelname: levelname.map(Into::into),
            name: next(),
            exc_text: next(),
            stack_info: next(),
            func_name: next(),
            thread_name: next(),
            process_name: next(),
            task_name: next(),
            hostname: next(),
            source: next(),
            created: Some(created),
            lineno: numbers[0],
            thread: numbers[1],
            process: numbers[2],
            seq,
            args: args.map(|args| RawJson(serde_json::Value::from(args).to_string().into())),
            extras: extras
                .into_iter()
                .map(|(name, value)| (name.into(), RawJson(value.to_string().into())))
                .collect(),
            ..Record::default()
        }
    }
}

/// Numbers of JSON may be written in several ways.
fn parsed(record: &Record<'_>) -> Vec<(String, serde_json::Value)> {
    let value = |json: &RawJson<'_>| serde_json::from_str(&json.0).expect("JSON");
    let args = record.args.iter().map(|args| ("args".to_owned(), value(args)));
    args.chain(record.extras.iter().map(|(name, json)| (name.to_string(), value(json)))).collect()
}

proptest! {
    #[test]
    fn a_record_survives_there_and_back(record in some_record()) {
        let back = there_and_back(&record, "shop.eu.ERROR.db");
        prop_assert_eq!(back.level, record.level);
        prop_assert_eq!(back.level_name(), record.level_name());
        prop_assert_eq!(parsed(&back), parsed(&record));
        let same = Record {
            topic: record.topic.clone(),
            subtopic: record.subtopic.clone(),
            levelname: record.levelname.clone(),
            args: record.args.clone(),
            extras: record.extras.clone(),
            ..back.clone()
        };
        prop_assert_eq!(&same, &record);
        prop_assert!(back.topic.starts_with("shop.eu.") && back.topic.ends_with(".db"));
    }

    #[test]
    fn any_bytes_that_are_a_log_record_are_a_record(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        use prost::Message as _;
        if let Ok(log) = LogRecord::decode(&*bytes) {
            let _ = there_and_back(&read_alone(&log), "");
        }
    }
}

#[test]
fn ids_of_a_trace_are_bytes_there_and_hex_here() {
    let raw = |text: &'static str| RawJson(text.into());
    let extras = vec![
        ("otelTraceID".into(), raw("\"0af7651916cd43dd8448eb211c80319c\"")),
        ("span_id".into(), raw("\"b7ad6b7169203331\"")),
        ("trace_flags".into(), raw("\"01\"")),
        ("traceId".into(), raw("\"00000000000000000000000000000000\"")),
        ("service.version".into(), raw("\"1.2\"")),
    ];
    let record = Record { msg: "m".into(), extras, ..Record::default() };
    let log = write::log(&record, "app.INFO");
    assert_eq!((log.record.trace_id.len(), log.record.span_id.len(), log.record.flags), (16, 8, 1));
    assert_eq!(log.resource.attributes[1].key, "service.version");
    let back = read::record("", &log.resource, &log.scope, &log.record).0;
    let names: Vec<&str> = back.extras.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["trace_id", "span_id", "trace_flags", "traceId", "service.version"]);
    assert_eq!(back.extras[0].1.0, "\"0af7651916cd43dd8448eb211c80319c\"");
}

#[test]
fn a_traceback_has_type_and_message_there_and_is_whole_here() {
    let traceback =
        "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nValueError: no";
    let record = Record {
        exc_text: Some(traceback.into()),
        pathname: Some("/srv/a.py".into()),
        filename: Some("a.py".into()),
        module: Some("a".into()),
        ..Record::default()
    };
    let log = write::log(&record, "app.ERROR");
    let names: Vec<&str> = log.record.attributes.iter().map(|it| &*it.key).collect();
    let expected =
        ["code.file.path", "exception.type", "exception.message", "exception.stacktrace"];
    assert_eq!(names, expected);
    let back = read_alone(&log.record);
    assert_eq!(Record { topic: "".into(), ..back }, record);
}

#[test]
fn a_body_that_is_no_text_is_shown_as_json() {
    let log =
        |value| LogRecord { body: Some(AnyValue { value: Some(value) }), ..LogRecord::default() };
    let message = |value| read_alone(&log(value)).msg.into_owned();
    assert_eq!(message(Value::IntValue(5)), "5");
    assert_eq!(message(Value::BytesValue(vec![1, 255])), "01ff");
    assert_eq!(message(Value::DoubleValue(f64::NAN)), "\"NaN\"");
    let named = LogRecord { event_name: "user.login".into(), ..LogRecord::default() };
    assert_eq!(read_alone(&named).msg, "user.login");
}

#[test]
fn levels_of_other_loggers_keep_their_names() {
    for (number, text, level, levelname) in [
        (13, "WARN", 30, None),
        (9, "Information", 20, None),
        (12, "SUCCESS", 26, Some("SUCCESS")),
        (0, "error", 40, None),
        (17, "", 40, None),
        (11, "Level 25", 25, None),
    ] {
        let log = LogRecord {
            severity_number: number,
            severity_text: text.into(),
            ..LogRecord::default()
        };
        let record = read_alone(&log);
        assert_eq!(
            (record.level, record.levelname.as_deref()),
            (Level(level), levelname),
            "{text}"
        );
    }
}

#[test]
fn a_record_of_a_hundred_thousand_extras_keeps_them_all() {
    let extras = (0..100_000).map(|at| (format!("k{at}").into(), RawJson("1".into()))).collect();
    let log = write::log(&Record { extras, ..Record::default() }, "app.INFO");
    assert!(log.record.attributes.len() >= 100_000);
}

#[test]
fn a_topic_begins_with_the_root_and_the_service_or_else_the_logger() {
    let service = KeyValue { key: "service.name".into(), value: Some(value::of_text("shop")) };
    let resource = Resource { attributes: vec![service] };
    let scope = InstrumentationScope { name: "db".into(), ..InstrumentationScope::default() };
    let log = LogRecord { severity_number: 17, ..LogRecord::default() };
    let topic = |root, resource| read::record(root, resource, &scope, &log).0.topic;
    assert_eq!(topic("", &resource), "shop.ERROR");
    assert_eq!(topic("eu", &resource), "eu.shop.ERROR");
    assert_eq!(topic("", &Resource::default()), "db.ERROR");
    assert_eq!(read_alone(&log).topic, "ERROR");
}

#[test]
fn attributes_beyond_a_limit_and_of_a_name_that_comes_again_are_counted() {
    let attribute = |key: String| KeyValue { key, value: None };
    let many = |count: u32| (0..count).map(|number| attribute(format!("a{number}"))).collect();
    let same: Vec<_> = (0..3).map(|_| attribute("b".to_owned())).collect();
    // What comes after so many is not looked at.
    for (attributes, kept, dropped) in [(many(300), 256, 44), (many(1000), 256, 744), (same, 2, 1)]
    {
        let log = LogRecord { attributes, dropped_attributes_count: 5, ..LogRecord::default() };
        let scope = InstrumentationScope::default();
        let (record, count) = read::record("", &Resource::default(), &scope, &log);
        assert_eq!((record.extras.len(), count), (kept + 1, dropped));
        let (name, value) = record.extras.last().unwrap();
        assert_eq!(
            (&**name, &*value.0),
            ("otel.dropped_attributes_count", &*(dropped + 5).to_string())
        );
    }
}
