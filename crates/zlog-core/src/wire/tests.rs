use proptest::prelude::*;

use super::*;

const NOW: f64 = 1_763_712_000.5;

fn message<'a>(topic: &'a str, body: &'a [u8]) -> (Record<'a>, Option<Dialect>) {
    decode(&[topic.as_bytes(), body], NOW)
}

#[test]
fn every_dialect_is_recognised_from_its_bytes() {
    for dialect in Dialect::ALL {
        // Exhaustive: a new dialect does not compile until it has an exemplar.
        let (topic, body): (&str, &[u8]) = match dialect {
            Dialect::Json => ("app.INFO", br#"{"name":"n","msg":"m","levelname":"INFO","levelno":20}"#),
            Dialect::Text => ("app.INFO", b"m"),
            Dialect::Logbook => (
                "app.INFO",
                br#"{"channel":"n","msg":"m","args":[],"kwargs":{},"level":11,"message":"m","heavy_initialized":true}"#,
            ),
            Dialect::Pickle => ("app.INFO", b"\x80\x04}\x94(\x8c\x03msg\x8c\x01m\x8c\x07levelnoK\x14u."),
        };
        let (record, recognised) = message(topic, body);
        assert_eq!(recognised, Some(dialect));
        assert_eq!((&*record.msg, record.level), ("m", Level::INFO), "{dialect:?}");
        assert_eq!((record.received, record.fault.as_deref()), (Some(NOW), None), "{dialect:?}");
        assert_eq!(record.topic, "app.INFO");
    }
}

#[test]
fn a_rejected_message_is_read_only_as_far_as_later_records_depend_on_it() {
    let prefilter = json::Prefilter::new(|level, _| level < Level::WARNING);
    let mut decoder = Decoder::with_prefilter(Some(prefilter));
    let body = |level: i32, seq: u64| {
        format!(
            r#"{{"name":"n","levelno":{level},"msg":"m","created":{seq}.5,"source":"s","seq":{seq}}}"#
        )
    };
    for (level, seq, is_rejected) in [(20, 1, false), (20, 2, true), (40, 3, false), (10, 4, true)]
    {
        let (body, mut record) = (body(level, seq), Record::default());
        let dialect = decoder.decode_into(&[b"app.X", body.as_bytes()], NOW, &mut record);
        let number = (record.source.as_deref(), record.seq, record.created);
        assert_eq!((dialect, &*record.topic), (Some(Dialect::Json), "app.X"));
        assert_eq!(number, (Some("s"), Some(seq), Some(seq as f64 + 0.5)));
        assert_eq!(
            (record.level, &*record.msg),
            (Level(level), if is_rejected { "" } else { "m" })
        );
    }
}

#[test]
fn what_the_body_lacks_is_taken_from_the_topic() {
    let (record, _) = message("my.app.ERROR.db", b"lost");
    assert_eq!((record.name.as_deref(), record.level), (Some("my.app"), Level::ERROR));
    assert_eq!((&*record.subtopic, record.created), ("db", None));
    let (record, _) = message("app.ERROR", br#"{"name":"n","msg":"m","levelno":10}"#);
    assert_eq!((record.name.as_deref(), record.level), (Some("n"), Level::DEBUG));
    let (record, dialect) = message("app.ERROR", br#"{"message":"m"}"#);
    assert_eq!((record.level, dialect), (Level::ERROR, Some(Dialect::Json)));
}

#[test]
fn text_that_starts_with_a_brace_is_text() {
    for body in ["{", "{not json}", r#"{"a":1}"#, "{} done", " {", "[1,2]", "}q", "(done)."] {
        let (record, dialect) = message("app.INFO", body.as_bytes());
        assert_eq!(dialect, Some(Dialect::Text), "{body}");
        assert_eq!((&*record.msg, record.fault.as_deref()), (body, None), "{body}");
        assert!(record.extras.is_empty());
    }
}

#[test]
fn a_sender_can_not_set_a_topic_or_a_fault() {
    let body = br#"{"msg":"m","levelno":20,"topic":"x","received":1,"fault":"f"}"#;
    let (record, _) = message("app.INFO", body);
    assert_eq!((&*record.topic, record.fault.as_deref()), ("app.INFO", None));
    assert_eq!((record.received, record.extras.len()), (Some(NOW), 3));
}

#[test]
fn bytes_that_are_not_utf8_are_shown_and_marked() {
    let (record, dialect) = decode(&[b"app.INFO", b"a\xffb"], NOW);
    assert_eq!((&*record.msg, dialect), ("a\\xffb", None));
    assert_eq!(record.fault.as_deref(), Some("body is not UTF-8"));
    assert_eq!(record.level, Level::INFO);

    let (record, dialect) = decode(&[b"app\xff.INFO.x", b"m"], NOW);
    assert_eq!((&*record.topic, dialect), ("app\\xff.INFO.x", Some(Dialect::Text)));
    assert_eq!((record.level, &*record.subtopic), (Level::INFO, "x"));
    assert_eq!(record.fault.as_deref(), Some("topic is not UTF-8"));

    let (record, _) = decode(&[b"\xff", b"\xfe"], NOW);
    assert_eq!(record.fault.as_deref(), Some("topic is not UTF-8; body is not UTF-8"));
}

#[test]
fn only_the_bytes_of_json_that_are_not_utf8_are_escaped() {
    let body = b"{\"levelno\":40,\"msg\":\"caf\xe9\",\"user\":5}";
    let (record, dialect) = decode(&[b"app.ERROR", body], NOW);
    assert_eq!((&*record.msg, dialect), ("caf\\xe9", Some(Dialect::Json)));
    assert_eq!((record.level, record.extras.len()), (Level::ERROR, 1));
    assert_eq!(record.fault.as_deref(), Some("body is not UTF-8"));
}

#[test]
fn a_broken_pickle_is_shown_and_marked() {
    let (record, dialect) = message("app.INFO", b"\x80\x04}\x94");
    assert_eq!((&*record.msg, dialect), ("\\x80\u{4}}\\x94", None));
    assert_eq!(record.fault.as_deref(), Some("pickle: ends in the middle"));
}

#[test]
fn wrong_numbers_of_frames_are_shown_and_marked() {
    let (record, dialect) = decode(&[], NOW);
    assert_eq!((dialect, record.fault.as_deref()), (None, Some("a message of 0 frames, not 2")));
    let (record, dialect) = decode(&[b"a", b"\xff", b"c"], NOW);
    assert_eq!((&*record.msg, dialect), ("a\n\\xff\nc", None));
    assert_eq!(record.fault.as_deref(), Some("a message of 3 frames, not 2"));
    assert_eq!(record.received, Some(NOW));
}

#[test]
fn one_frame_is_a_body_without_a_topic() {
    let (record, dialect) = decode(&[b"app.INFO hello"], NOW);
    assert_eq!((&*record.msg, &*record.topic), ("app.INFO hello", ""));
    assert_eq!(dialect, Some(Dialect::Text));
}

/// Written by Logbook 1.10: tests/data/wire/generate.py.
const LOGBOOK: &str = include_str!("../../tests/data/wire/logbook.jsonl");

#[test]
fn records_of_logbook_are_read() {
    let records: Vec<_> = LOGBOOK.lines().map(|line| decode(&[line.as_bytes()], NOW)).collect();
    let levels: Vec<i32> = records[..7].iter().map(|(record, _)| record.level.0).collect();
    assert_eq!(levels, [5, 10, 20, 25, 30, 40, 50]);
    for (record, dialect) in &records {
        assert_eq!(*dialect, Some(Dialect::Logbook));
        assert_eq!(record.name.as_deref(), Some("db"));
        assert!(record.created.unwrap() > 1.7e9 && record.process.is_some());
        assert!(record.pathname.as_deref().unwrap().ends_with(record.filename.as_deref().unwrap()));
        assert!(!record.filename.as_deref().unwrap().contains('/'));
        assert_eq!(record.thread_name.as_deref(), Some("MainThread"));
    }
    let last = &records[records.len() - 3..];
    assert_eq!(records[0].0.level_name(), "TRACE");
    assert_eq!(last[0].0.msg, "hello é you");
    assert_eq!(keys(&last[0].0), ["kwargs", "template", "template_args"]);
    assert_eq!(
        (&*last[1].0.msg, keys(&last[1].0)),
        ("100% sure", ["request", "user"].map(String::from).to_vec())
    );
    let exc_text = last[2].0.exc_text.as_deref().unwrap();
    assert!(exc_text.ends_with("ZeroDivisionError: division by zero"));
}

fn keys(record: &Record<'_>) -> Vec<String> {
    record.extras.iter().map(|(key, _)| key.to_string()).collect()
}

proptest! {
    #[test]
    fn any_frames_are_accepted_and_marked_if_not_decoded(
        frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..4),
    ) {
        let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
        let (record, dialect) = decode(&frames, NOW);
        prop_assert_eq!(record.received, Some(NOW));
        prop_assert!(dialect.is_some() || record.fault.is_some());
    }
}

/// Real messages of every dialect: JSON, Logbook and pickles of every protocol.
fn real_bodies() -> Vec<Vec<u8>> {
    let json = br#"{"name":"n","msg":"%s \u00e9","args":["a",[1,{"k":2.5}],null],"levelno":20,"created":1.5,"exc_text":"T\nE","source":"s","seq":7,"extra":{"k":[1,true]}}"#;
    let mut bodies = vec![json.to_vec(), b"plain text\n".to_vec()];
    bodies.extend(LOGBOOK.lines().map(|line| line.as_bytes().to_vec()));
    let pickles = include_str!("../../tests/data/wire/pickles.jsonl").lines();
    bodies.extend(pickles.map(|line| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let hex = row["hex"].as_str().unwrap();
        let pairs = hex.as_bytes().chunks(2);
        pairs.map(|p| u8::from_str_radix(std::str::from_utf8(p).unwrap(), 16).unwrap()).collect()
    }));
    bodies
}

/// Changes, inserts, removes or repeats a few bytes.
fn mutate(random: &mut fastrand::Rng, body: &mut Vec<u8>) {
    const SPECIAL: &[u8] = b"{}[]\",:\\u0%.(\x80\x94tbRs\x85c\x8c\x95iNe-9\xff\n\x1b";
    for _ in 0..random.usize(1..6) {
        let at = random.usize(0..=body.len());
        let to = (at + random.usize(0..12)).min(body.len());
        match random.u8(0..4) {
            0 if at < body.len() => body[at] ^= 1 << random.u8(0..8),
            1 => drop(body.drain(at..to)),
            2 => {
                let again = body[at..to].to_vec();
                body.splice(at..at, again);
            }
            _ => body.insert(at, SPECIAL[random.usize(0..SPECIAL.len())]),
        }
    }
}

#[test]
fn mutated_messages_are_accepted_and_can_be_sent_on() {
    let bodies = real_bodies();
    // A fixed seed makes failures reproducible.
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..20_000 {
        let mut body = bodies[random.usize(0..bodies.len())].clone();
        mutate(&mut random, &mut body);
        let (record, dialect) = message("app.INFO", &body);
        assert!(dialect.is_some() || record.fault.is_some(), "{body:?}");
        let mut json = Vec::new();
        json::write(&record, &mut json);
        // Raw values: Python accepts integers of any length, serde_json does not.
        let again: Result<Box<serde_json::value::RawValue>, _> = serde_json::from_slice(&json);
        assert!(again.is_ok(), "{body:?} became {}", String::from_utf8_lossy(&json));
    }
}
