use std::borrow::Cow;

use proptest::prelude::*;

use super::*;
use crate::level::Level;
use crate::record::{RawJson, Record};
use crate::wire::attributes::Schema;

fn written(record: &Record<'_>) -> String {
    let mut out = Vec::new();
    write(record, &mut out);
    String::from_utf8(out).unwrap()
}

fn stored(record: &Record<'_>) -> String {
    let mut out = Vec::new();
    Writer::default().write_stored(record, &mut out);
    String::from_utf8(out).unwrap()
}

fn raw(json: &str) -> RawJson<'_> {
    RawJson(json.into())
}

#[test]
fn an_empty_record_has_a_message_and_a_level() {
    assert_eq!(written(&Record::default()), r#"{"msg":"","levelname":"NOTSET","levelno":0}"#);
}

#[test]
fn arguments_are_inserted_into_the_message_on_the_wire_and_kept_when_stored() {
    let record =
        Record { msg: "%d of %s".into(), args: Some(raw("[1,\"x\"]")), ..Record::default() };
    assert!(written(&record).starts_with(r#"{"msg":"1 of x","levelname""#));
    assert!(stored(&record).starts_with(r#"{"msg":"%d of %s","args":[1,"x"],"levelname""#));
}

#[test]
fn milliseconds_are_written_with_the_time() {
    let record = Record { created: Some(1_763_712_000.123456), ..Record::default() };
    assert!(written(&record).ends_with(r#""created":1763712000.123456,"msecs":123.0}"#));
    assert!(stored(&record).ends_with(r#""created":1763712000.123456}"#));
    // Rounded up to the next second, its milliseconds are those of that second.
    let record = Record { created: Some(1_763_712_000.999_999_8), ..Record::default() };
    assert!(written(&record).ends_with(r#""created":1763712001.000000,"msecs":0.0}"#));
}

#[test]
fn nan_and_infinity_are_left_out() {
    let record = Record {
        created: Some(f64::NAN),
        msecs: Some(f64::INFINITY),
        relative_created: Some(f64::NEG_INFINITY),
        received: Some(f64::NAN),
        ..Record::default()
    };
    assert_eq!(stored(&record), r#"{"msg":"","levelname":"NOTSET","levelno":0}"#);
}

#[test]
fn a_process_that_a_sender_left_out_is_null() {
    let record = Record { relative_created: Some(1.0), process: Some(7), ..Record::default() };
    assert!(written(&record).ends_with(r#""process":7,"processName":null}"#));
    let record = Record { relative_created: Some(1.0), ..Record::default() };
    assert!(written(&record).ends_with(r#""process":null,"processName":null}"#));
}

#[test]
fn a_renamed_extra_does_not_replace_another_one() {
    let extras = [("lineno", "\"x\""), ("lineno_", "1"), ("lineno__", "2")];
    let extras = extras.map(|(key, json)| (key.into(), RawJson(json.into()))).to_vec();
    let record = Record { extras, ..Record::default() };
    assert!(written(&record).ends_with(r#""lineno___":"x","lineno_":1,"lineno__":2}"#));
}

/// From python-json-logger 4.2 with `exc_info_as_array=True, stack_info_as_array=True`, with
/// and without `levelname` in its format.
#[test]
fn tracebacks_of_python_json_logger_may_be_arrays_of_lines() {
    for level in ["", r#""levelname": "ERROR", "#] {
        let text = format!(
            r#"{{{level}"message": "failed", "exc_info": ["Traceback (most recent call last):", "  File \"a.py\", line 2, in <module>", "ZeroDivisionError: division by zero"], "stack_info": ["Stack (most recent call last):", "  File \"a.py\""]}}"#
        );
        let record = read(&text).unwrap();
        let trace = "Traceback (most recent call last):\n  File \"a.py\", line 2, in <module>\nZeroDivisionError: division by zero";
        assert_eq!(record.exc_text.as_deref(), Some(trace));
        let stack = "Stack (most recent call last):\n  File \"a.py\"";
        assert_eq!(record.stack_info.as_deref(), Some(stack));
        assert_eq!((record.message(), record.extras.len()), ("failed".into(), 0));
    }
    let record = read(r#"{"levelno":20,"msg":"x","exc_info":[1,"a"]}"#).unwrap();
    assert_eq!((record.exc_text, record.extras.len()), (None, 1));
}

#[test]
fn an_extra_under_the_name_of_an_attribute_can_not_replace_it() {
    let text = r#"{"msg":"m","levelno":20,"lineno":"here","exc_info":[1],"levelname":null}"#;
    let record = read(text).unwrap();
    assert_eq!(
        record.extras,
        [("lineno".into(), raw("\"here\"")), ("exc_info".into(), raw("[1]"))]
    );
    assert!(written(&record).ends_with(r#""levelno":20,"lineno_":"here","exc_info_":[1]}"#));
}

#[test]
fn a_record_is_one_line_even_if_its_json_has_several() {
    let text = "{\"msg\":\"m\",\n\"levelno\":20,\n\"user\":{\r\n  \"id\": 1\n}\n}\n";
    let record = read(text).unwrap();
    assert!(stored(&record).ends_with(r#""levelno":20,"user":{  "id": 1}}"#));
    assert!(!written(&record).contains('\n'));
}

#[test]
fn fields_are_borrowed_from_the_body() {
    let text = r#"{"name":"n","msg":"plain é","levelno":20,"filename":"a.py","user":{"id":1}}"#;
    let record = read(text).unwrap();
    assert!(matches!(record.msg, Cow::Borrowed("plain é")));
    assert!(matches!(record.filename, Some(Cow::Borrowed("a.py"))));
    assert!(matches!(&record.extras[0].1.0, Cow::Borrowed(r#"{"id":1}"#)));
}

#[test]
fn values_of_unexpected_types_keep_the_record() {
    let record = read(
        r#"{"msg":{"a":[1]},"levelno":"30","name":7,"lineno":"12","process":3.0,"thread":"main",
            "created":"2025-11-21T08:00:00Z","msecs":"5","seq":-1,"hostname":["h"],"funcName":null}"#,
    )
    .unwrap();
    assert_eq!((&*record.msg, record.level), (r#"{"a":[1]}"#, Level::WARNING));
    assert_eq!((record.name.as_deref(), record.lineno), (Some("7"), Some(12)));
    assert_eq!((record.process, record.thread_name.as_deref()), (Some(3), Some("main")));
    assert_eq!((record.created, record.msecs), (Some(1_763_712_000.0), Some(5.0)));
    assert_eq!(record.func_name, None);
    assert_eq!(record.extras, [("seq".into(), raw("-1")), ("hostname".into(), raw(r#"["h"]"#))]);
}

#[test]
fn a_level_is_read_from_its_number_or_its_name() {
    let level = |text| {
        let record = read(text).unwrap();
        (record.level.0, record.levelname.map(Cow::into_owned))
    };
    assert_eq!(level(r#"{"levelno":20,"levelname":"INFO"}"#), (20, None));
    assert_eq!(level(r#"{"levelname":"ERROR"}"#), (40, None));
    assert_eq!(level(r#"{"levelno":35,"levelname":"Level 35"}"#), (35, None));
    assert_eq!(level(r#"{"levelno":30,"levelname":"WARN"}"#), (30, Some("WARN".into())));
    assert_eq!(level(r#"{"levelname":"AUDIT"}"#), (0, Some("AUDIT".into())));
}

#[test]
fn extensions_of_python_are_read() {
    let text =
        "{\"msg\":\"half \\ud800\",\"levelno\":20,\"x\":NaN,\"y\":[-Infinity],\"\\udfff\":1}";
    let record = read(text).unwrap();
    assert_eq!(record.msg, "half \\ud800");
    assert_eq!(record.extras[0], ("x".into(), raw("\"NaN\"")));
    assert_eq!(record.extras[1], ("y".into(), raw("[\"-Infinity\"]")));
    assert_eq!(record.extras[2].0, "\\udfff");
}

#[test]
fn values_that_change_under_the_same_keys_are_read() {
    let values = [
        "1",
        "-1",
        "12",
        "1.5",
        "-0.25",
        "1e3",
        "01",
        "-",
        "1.",
        ".5",
        "1a",
        "null",
        "true",
        "",
        "\"\"",
        "\"x\"",
        "\"a\\nb\"",
        "\"\\\"\"",
        "\"\\u00e9\"",
        "\"\\ud800\"",
        "\"\\x\"",
        "\"a\tb\"",
        "\"open",
        "[1]",
        "{\"a\":1}",
        "[1",
        "NaN",
        " 1",
        "1 ",
        "\"é\"",
        "1795737497.563150",
    ];
    let object = |key: &str, value: &str| format!("{{\"levelno\":20,\"{key}\":{value},\"seq\":1}}");
    for key in ["msg", "created", "seq", "user", "exc_text", "thread", "levelno", "args"] {
        let mut reader = Reader::default();
        for (first, second) in values.iter().flat_map(|a| values.iter().map(move |b| (a, b))) {
            for text in [object(key, first), object(key, first), object(key, second)] {
                let (mut record, mut wanted) = (Record::default(), Record::default());
                let schema = reader.read_into(&text, &mut record).ok();
                assert_eq!(schema, Reader::default().read_into(&text, &mut wanted).ok(), "{text}");
                assert_eq!(record, wanted, "{text}");
            }
        }
    }
}

#[test]
fn an_object_that_breaks_off_leaves_nothing_for_the_next_one() {
    let mut reader = Reader::default();
    let broken = [r#"{"msg":"x\"y","user":"longer","seq":1"#, r#"{"msg":"ab","user":12,"seq":x}"#];
    for broken in broken {
        for text in [r#"{"msg":"a","user":1,"seq":1}"#, broken, r#"{"msg":"a","user":1,"seq":1}"#] {
            let (mut record, mut wanted) = (Record::default(), Record::default());
            let schema = reader.read_into(text, &mut record).ok();
            assert_eq!(schema, Reader::default().read_into(text, &mut wanted).ok(), "{text}");
            assert_eq!(record, wanted, "{text}");
        }
    }
}

#[test]
fn only_objects_are_records() {
    for text in ["", "{", "[]", "1", "null", "{} x", "{\"a\":1,}", "{\"a\"", "\"{}\""] {
        assert!(read(text).is_err(), "{text}");
    }
    let schema = |text| Reader::default().read_into(text, &mut Record::default()).unwrap();
    assert_eq!(schema(r#"{"a":1}"#), Schema::Other);
    assert_eq!(schema(r#"{"message":"x"}"#), Schema::OtherLogger);
    assert_eq!(schema(r#"{"levelno":0}"#), Schema::LogRecord);
}

#[test]
fn message_and_asctime_replace_missing_fields() {
    let record =
        read(r#"{"levelname":"INFO","message":"m","asctime":"2025-11-21T08:00:00Z"}"#).unwrap();
    assert_eq!((&*record.msg, record.created), ("m", Some(1_763_712_000.0)));
    assert!(record.extras.is_empty());
    let record = read(r#"{"levelno":20,"msg":"%s","args":["m"],"message":"m"}"#).unwrap();
    assert!(record.extras.is_empty());
    let record = read(r#"{"levelno":20,"msg":"m","message":"m","text":"t","time":5}"#).unwrap();
    assert_eq!((&*record.msg, record.created, record.extras.len()), ("m", None, 2));
}

#[test]
fn a_very_deep_object_does_not_exhaust_the_stack() {
    let deep = format!("{{\"msg\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    let _ = read(&deep);
}

#[test]
fn the_last_of_several_values_of_a_key_counts() {
    let record = read(r#"{"a":1,"msg":"x","b":1,"a":2,"msg":"y","a":[3],"name":"n","name":null}"#);
    let record = record.unwrap();
    assert_eq!((&*record.msg, record.name.as_deref()), ("y", None));
    let extras = |record: &Record<'_>| -> Vec<String> {
        record.extras.iter().map(|(key, value)| format!("{key}={}", value.0)).collect()
    };
    assert_eq!(extras(&record), ["a=[3]", "b=1"]);

    let keys = (0..5000).map(|number| format!(r#""k{}":{number}"#, number % 2000));
    let many = format!("{{{}}}", keys.collect::<Vec<_>>().join(","));
    let extras = extras(&read(&many).unwrap());
    assert_eq!(extras.len(), 2000);
    assert_eq!(
        [&*extras[0], &*extras[999], &*extras[1999]],
        ["k0=4000", "k999=4999", "k1999=3999"]
    );
}

fn text() -> impl Strategy<Value = Option<Cow<'static, str>>> {
    proptest::option::of(any::<String>().prop_map(Cow::Owned))
}

prop_compose! {
    fn any_record()(
        texts in proptest::collection::vec(text(), 13),
        msg in any::<String>(), topic in any::<String>(),
        args in proptest::option::of("\\[\"[a-z%]{1,5}\",[0-9]{1,3}\\]".prop_map(|s| s.replace(",0", ",1"))),
        level in -5..60i32,
        numbers in proptest::collection::vec(proptest::option::of(any::<i64>()), 3),
        seq in proptest::option::of(0..=i64::MAX as u64),
        micros in proptest::option::of(-8_000_000_000_000_000i64..8_000_000_000_000_000),
        received in proptest::option::of(0i64..4_000_000_000_000_000),
        floats in proptest::collection::vec(proptest::option::of(proptest::num::f64::NORMAL), 2),
        extras in proptest::collection::btree_map("x[a-z\"é]{0,5}", any::<i32>(), 0..4),
    ) -> Record<'static> {
        let mut texts = texts.into_iter();
        let mut text = || texts.next().unwrap();
        Record {
            topic: topic.into(), subtopic: "".into(),
            name: text(), msg: msg.into(), args: args.map(|a| RawJson(a.into())),
            level: Level(level), levelname: None,
            pathname: text(), filename: text(), module: text(), exc_text: text(),
            stack_info: text(), lineno: numbers[0], func_name: text(),
            created: micros.map(|m| m as f64 / 1e6), msecs: floats[0], relative_created: floats[1],
            thread: numbers[1], thread_name: text(), process: numbers[2], process_name: text(),
            task_name: text(), hostname: text(), source: text(), seq,
            received: received.map(|m| m as f64 / 1e6), fault: text(), body: None,
            extras: extras.into_iter()
                .map(|(k, v)| (k.into(), RawJson(v.to_string().into()))).collect(),
            extra_text: (level % 2 == 0).then(|| RawJson(r#"{"x":"(1,)"}"#.into())),
        }
    }
}

proptest! {
    #[test]
    fn a_stored_record_reads_back_as_it_was(record in any_record()) {
        let text = stored(&record);
        prop_assert_eq!(read(&text).unwrap(), record, "{}", text);
    }

    #[test]
    fn a_sent_record_reads_back_with_its_arguments_inserted(record in any_record()) {
        let text = written(&record);
        let mut back = Record::default();
        let schema = Reader::default().read_body_into(&text, &mut back).unwrap();
        prop_assert_eq!(schema, Schema::LogRecord);
        let msecs = record.msecs.or(back.msecs);
        let want = Record {
            topic: "".into(), received: None, fault: None, args: None, msecs,
            msg: record.message().into_owned().into(),
            ..record
        };
        prop_assert_eq!(back, want);
    }

    #[test]
    fn a_record_is_written_alike_whatever_was_written_before_it(
        one in any_record(), other in any_record(), choices in proptest::collection::vec(0..64u8, 8),
    ) {
        let mut writer = Writer::default();
        for choice in choices {
            // Some attributes are those of the record before, others change.
            let of = |bit: u8| if choice >> bit & 1 == 0 { one.clone() } else { other.clone() };
            let record = Record {
                levelname: of(0).name, level: of(1).level, created: of(2).created,
                msecs: of(3).msecs, source: of(4).source, thread: of(5).thread,
                ..one.clone()
            };
            let mut out = Vec::new();
            writer.write(&record, &mut out);
            prop_assert_eq!(String::from_utf8(out).unwrap(), written(&record));
            let mut out = Vec::new();
            writer.write_stored(&record, &mut out);
            prop_assert_eq!(String::from_utf8(out).unwrap(), stored(&record));
        }
    }

    #[test]
    fn an_object_is_read_alike_whatever_was_read_before_it(
        one in any_record(), other in any_record(),
        choices in proptest::collection::vec((0..64u8, 0..4u8, any::<u16>(), any::<u8>()), 12),
    ) {
        let mut reader = Reader::default();
        for (choice, form, at, byte) in choices {
            let of = |bit: u8| if choice >> bit & 1 == 0 { one.clone() } else { other.clone() };
            let record = Record {
                msg: of(0).msg, level: of(1).level, created: of(2).created, msecs: of(3).msecs,
                exc_text: of(4).exc_text, seq: of(5).seq, extras: of(1).extras,
                ..one.clone()
            };
            let mut text = if choice % 2 == 0 { written(&record) } else { stored(&record) };
            match form {
                // As Python writes it.
                1 => text = text.replace("\":", "\": ").replace(",\"", ", \""),
                // Mostly no JSON, or another value.
                2 => {
                    let mut bytes = text.into_bytes();
                    let len = bytes.len();
                    bytes[usize::from(at) % len] = byte % 128;
                    text = String::from_utf8_lossy(&bytes).into_owned();
                }
                3 => { text.pop(); }
                _ => {}
            }
            let mut record = Record::default();
            let schema = reader.read_into(&text, &mut record);
            let mut wanted = Record::default();
            let fresh = Reader::default().read_into(&text, &mut wanted);
            prop_assert_eq!(schema.ok(), fresh.ok(), "{}", text);
            prop_assert_eq!(record, wanted, "{}", text);
        }
    }

    #[test]
    fn no_text_panics(text in "[{}\\[\\]\",:a-z0-9\\\\. \n-]*", any in any::<String>()) {
        let _ = read(&text);
        let _ = read(&format!("{{\"msg\":{text}}}"));
        let _ = read(&format!("{{\"msg\":\"{any}\",\"levelno\":{text}}}"));
    }
}

#[test]
fn of_a_repeated_key_the_last_value_counts() {
    let line = r#"{"level":"info","msg":"a","n":1,"logger":"x","level":"error","msg":"b","n":2}"#;
    let attributes = r#"{"levelno":20,"msg":"a","name":"x","levelno":40,"msg":"b","name":"y"}"#;
    let mut reader = Reader::default();
    // The second time by the layout that is known.
    for _ in 0..2 {
        for (text, name) in [(line, "x"), (line, "x"), (attributes, "y"), (attributes, "y")] {
            let mut record = Record::default();
            reader.read_into(text, &mut record).unwrap();
            let found = (record.level, &*record.msg, record.name.as_deref());
            assert_eq!(found, (Level::ERROR, "b", Some(name)), "{text}");
            assert!(record.extras.iter().all(|(key, value)| key == "n" && value.0 == "2"));
        }
    }
}
