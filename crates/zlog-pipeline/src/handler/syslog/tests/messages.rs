use proptest::prelude::*;

use super::super::message::severity;
use super::*;
use zlog_core::RawJson;

/// The message of a record, and whether it is complete.
fn message(options: &SyslogOptions, record: &Record<'_>) -> (String, bool) {
    let mut shown = Vec::new();
    text().write(record, &mut shown);
    let mut out = Vec::new();
    let protocol = options.protocol.unwrap_or(Protocol::Rfc5424);
    let whole =
        MessageWriter::new(options, protocol, false).unwrap().write(record, &shown, &mut out);
    (String::from_utf8(out).unwrap(), whole)
}

#[test]
fn a_message_contains_all_fields_of_the_record() {
    let extra = |name: &'static str, json: &'static str| (name.into(), RawJson(json.into()));
    let record = Record {
        exc_text: Some("Traceback\n  Error".into()),
        source: Some("host:1:x".into()),
        func_name: Some("connect".into()),
        lineno: Some(12),
        extras: vec![
            extra("user", r#""a\"b]\\ \u00fc""#),
            extra("tries", "3"),
            extra("a=b ]\"ü", r#"[1, "x"]"#),
        ],
        ..record("no ☃")
    };
    let (message, whole) = message(&options("/dev/log"), &record);
    let expected = concat!(
        "<11>1 2026-01-02T03:04:05.000006Z here shop 42 - ",
        r#"[zlog@32473 logger="shop.db" topic="shop.ERROR.db" level="ERROR" source="host:1:x" "#,
        r#"seq="7" lineno="12" funcName="connect"]"#,
        r#"[extra@32473 user="a\"b\]\\ ü" tries="3" a%3Db%20%5D%22%C3%BC="[1, \"x\"\]"] "#,
        "no ☃\nTraceback\n  Error"
    );
    assert_eq!(message, expected);
    assert!(whole);
}

#[test]
fn names_of_extras_that_rfc_5424_forbids_stay_different() {
    let long = |end: &str| format!("{}{end}", "x".repeat(40));
    let names = [
        "a b",
        "a_b",
        "a%20b",
        "a\"b",
        "a]b",
        "a=b",
        "aéb",
        "aèb",
        "",
        "-",
        &long("1"),
        &long("2"),
    ];
    let extras = names.iter().enumerate();
    let extras = extras
        .map(|(at, name)| (name.to_string().into(), RawJson(at.to_string().into())))
        .collect();
    let (message, whole) = message(&options("/dev/log"), &Record { extras, ..record("x") });
    let parsed = parse(&message).unwrap();
    assert_eq!((whole, parsed.data["extra@32473"].len()), (true, names.len()), "{message}");
    assert_eq!(parsed.data["extra@32473"]["a%20b"], "0");
    assert_eq!(parsed.data["extra@32473"]["a_b"], "1");
}

#[test]
fn the_program_of_a_local_message_may_be_any_word() {
    let named = |name: &str, protocol| SyslogOptions {
        app_name: Some(name.into()),
        protocol: Some(protocol),
        ..options("/dev/log")
    };
    let (text, _) = message(&named("häm", Protocol::Local), &record("x"));
    assert!(text.ends_with(" häm[42]: x"), "{text}");
    for (name, protocol) in [("häm", Protocol::Rfc5424), ("h m", Protocol::Local)] {
        assert!(named(name, protocol).validate().is_err(), "{name}");
    }
    let unknown = Record { process: None, ..record("x") };
    let (text, _) = message(&named("häm", Protocol::Local), &unknown);
    assert!(text.ends_with(" häm: x"), "{text}");
}

#[test]
fn an_empty_record_becomes_a_message_of_dashes() {
    let record = Record { created: Some(f64::NAN), ..Record::default() };
    let (message, whole) = message(&options("/dev/log"), &record);
    assert_eq!((&*message, whole), ("<14>1 - here zlog - - -", true));
    let far = Record { created: Some(1e18), msg: "x".into(), ..Record::default() };
    assert_eq!(self::message(&options("/dev/log"), &far).0, "<14>1 - here zlog - - - x");
}

#[test]
fn a_local_message_has_the_format_of_the_c_library() {
    let local = SyslogOptions { protocol: Some(Protocol::Local), ..options("/dev/log") };
    let text = message(&local, &record("no\nconnection")).0;
    // The hour depends on the time zone of this machine.
    assert!(text.starts_with("<11>Jan  "), "{text}");
    assert!(text.ends_with(":04:05 shop[42]: no\nconnection"), "{text}");
    let named = SyslogOptions { app_name: Some("a:b[c]".into()), ..local };
    let (long, whole) = message(&named, &record(&"ü".repeat(5000)));
    assert!(long.contains(" a_b_c_[42]: ü") && long.ends_with("ü…"));
    assert!(!whole && long.len() <= DEFAULT_MAX_MESSAGE);
    let (bare, _) = message(&named, &Record { created: Some(f64::NAN), ..Record::default() });
    assert!(bare.ends_with(" a_b_c_: "), "{bare}");

    for (address, protocol) in [
        ("/dev/log", Protocol::Local),
        ("unix:/run/log", Protocol::Rfc5424),
        ("udp://localhost", Protocol::Rfc5424),
    ] {
        assert_eq!(Address::parse(address).unwrap().protocol(), protocol);
    }
    let read = ["rfc5424", "local"].map(|name| name.parse::<Protocol>().unwrap());
    assert_eq!(read, [Protocol::Rfc5424, Protocol::Local]);
    assert!("rfc3164".parse::<Protocol>().is_err());
}

#[test]
fn levels_map_to_the_highest_severity_that_they_reach() {
    let cases = [
        (-5, 7),
        (0, 6),
        (5, 7),
        (10, 7),
        (19, 7),
        (20, 6),
        (24, 6),
        (25, 5),
        (30, 4),
        (35, 4),
        (40, 3),
        (49, 3),
        (50, 2),
        (1000, 2),
    ];
    for (level, expected) in cases {
        assert_eq!(severity(Level(level)), expected, "{level}");
    }
}

#[test]
fn facilities_are_read_by_name_and_number() {
    for (text, number) in [("user", 1), ("LOCAL7", 23), ("daemon", 3), ("0", 0), ("23", 23)] {
        assert_eq!(text.parse::<Facility>().unwrap().number(), number);
    }
    for text in ["", "24", "-1", "\"user\"", "usr"] {
        let error = text.parse::<Facility>().unwrap_err().to_string();
        assert!(
            error.contains("is not a syslog facility") && error.contains(" local0 "),
            "{error}"
        );
    }
}

#[test]
fn a_long_message_is_truncated_between_characters_and_gives_the_missing_bytes() {
    let options = SyslogOptions { max_message: 1024, ..options("/dev/log") };
    let msg = "ü".repeat(1000);
    let (message, whole) = message(&options, &record(&msg));
    assert!(!whole && message.len() <= 1024 && message.len() > 1000, "{}", message.len());
    let parsed = parse(&message).unwrap();
    let kept = parsed.msg.strip_suffix('…').unwrap();
    assert_eq!(parsed.data["cut@32473"]["bytes"], (msg.len() - kept.len()).to_string());
    assert_eq!(parsed.data["zlog@32473"]["logger"], "shop.db");
}

#[test]
fn large_fields_are_left_out_in_favour_of_the_message() {
    let options = SyslogOptions { max_message: 1024, ..options("/dev/log") };
    let large = RawJson(format!("\"{}\"", "x".repeat(5000)).into());
    let extras = vec![("large".into(), large), ("small".into(), RawJson("1".into()))];
    let (message, whole) = message(&options, &Record { extras, ..record("the message") });
    assert!(!whole && message.len() <= 1024);
    let parsed = parse(&message).unwrap();
    assert_eq!(parsed.msg, "the message");
    assert_eq!(parsed.data["extra@32473"], BTreeMap::from([("small".into(), "1".into())]));
    assert_eq!(parsed.data["cut@32473"]["bytes"], "5000");
}

proptest! {
    #[test]
    fn every_record_becomes_a_message_that_parses(
        topic in ".{0,40}", logger in ".{0,40}", msg in "(?s).{0,900}", host in ".{0,300}",
        level in any::<i32>(), created in any::<f64>(),
        extras in prop::collection::vec((".{0,40}", "(?s).{0,200}"), 0..6),
        max_message in MIN_MAX_MESSAGE..4000usize,
    ) {
        let quoted = |text: &str| RawJson(serde_json::to_string(text).unwrap().into());
        let record = Record {
            topic: topic.clone().into(),
            name: Some(logger.clone().into()),
            msg: msg.clone().into(),
            hostname: Some(host.into()),
            level: Level(level),
            created: Some(created),
            extras: extras.iter().map(|(k, v)| (k.clone().into(), quoted(v))).collect(),
            ..Record::default()
        };
        let options = SyslogOptions { max_message, ..options("/dev/log") };
        let (message, whole) = message(&options, &record);
        prop_assert!(message.len() <= max_message);
        let Some(parsed) = parse(&message) else { panic!("{message:?}") };
        prop_assert_eq!(parsed.priority, 8 + severity(Level(level)));
        prop_assert!(!message.contains('\0'));
        prop_assert_eq!(whole, !parsed.data.contains_key("cut@32473"));
        let escaped = |text: &str| text.replace('\0', "\\x00");
        let expected = escaped(&msg);
        if whole {
            prop_assert_eq!(parsed.msg, expected);
            let ours = parsed.data.get("zlog@32473").cloned().unwrap_or_default();
            prop_assert_eq!(ours.get("topic").cloned().unwrap_or_default(), escaped(&topic));
            prop_assert_eq!(ours.get("logger").cloned().unwrap_or_default(), escaped(&logger));
        } else {
            let kept = parsed.msg.strip_suffix('…').unwrap_or(parsed.msg);
            prop_assert!(expected.starts_with(kept), "{:?}", parsed.msg);
        }
        prop_assert_eq!(parsed.head.len(), 5);
    }
}
