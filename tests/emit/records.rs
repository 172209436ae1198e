//! Topics, names and the other fields of a record.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{records, text, texts, topics};
use crate::harness::{emit, published, zlog};

#[test]
fn a_topic_is_root_level_and_subtopic() {
    assert_eq!(topics(emit(["-r", "backup"]).stdin("x\n")), ["backup.INFO"]);
    assert_eq!(topics(emit(["-l", "warning"]).stdin("x\n")), ["WARNING"]);
    let all = ["--root", "my.app", "--level", "DEBUG", "--subtopic", "db.pool"];
    assert_eq!(topics(emit(all).stdin("x\n")), ["my.app.DEBUG.db.pool"]);
    assert_eq!(topics(emit(["-r", "a", "-l", "35"]).stdin("x\n")), ["a.Level 35"]);
}

#[test]
fn a_root_that_contains_a_level_name_is_refused() {
    zlog(["emit", "-r", "my.ERROR", "-m", "x"]).run().code(2).stderr_has("ERROR");
}

/// Lines that name a topic under another root, or move the root by a level name.
const OUTSIDE: &str = r#"{"message":"a","levelname":"CRITICAL","topic":"bank.CRITICAL.transfer"}
{"msg":"b","levelno":50,"topic":"apps.ERROR"}
{"msg":"c","levelname":"bank.CRITICAL","levelno":50}
topic=bank.CRITICAL.transfer seq=7 level=critical msg=d
{"msg":"e","levelno":40,"topic":"app.ERROR.db"}
"#;

#[test]
fn lines_can_not_publish_outside_the_root() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("lines");
    std::fs::write(&file, OUTSIDE).unwrap();
    let file = file.to_str().unwrap();
    let under = |root: &str| {
        ["CRITICAL.transfer", "CRITICAL", "CRITICAL", "CRITICAL.transfer", "ERROR.db"]
            .map(|topic| format!("{root}{topic}"))
    };
    for source in [vec![], vec!["--file", file], vec!["--", "cat", file]] {
        for root in ["app", ""] {
            let mut args = vec!["-r", root];
            args.extend(&source);
            let run = if source.is_empty() { emit(args).stdin(OUTSIDE) } else { emit(args) };
            let (messages, finished) = published(run);
            let topics: Vec<_> = messages.iter().map(|message| message.topic.as_str()).collect();
            let prefix = if root.is_empty() { "" } else { "app." };
            assert_eq!(topics, under(prefix), "{source:?} under {root:?}");
            // One line has no topic, and one has a topic under the root `app`.
            let outside = if root.is_empty() { 4 } else { 3 };
            let expected = format!("; {outside} records with a topic outside the root, published");
            finished.success().stderr_has(&expected).stderr_has("--trust-topic");
        }
    }
    let replay = emit(["-r", "app", "--speed", "max", "--replay", file]);
    assert_eq!(topics(replay), under("app."), "a replay with a root, too");
}

#[test]
fn with_trust_topic_the_topics_of_lines_are_kept() {
    let (messages, finished) = published(emit(["-r", "app", "--trust-topic"]).stdin(OUTSIDE));
    let topics: Vec<_> = messages.iter().map(|message| message.topic.as_str()).collect();
    let bank = "bank.CRITICAL.transfer";
    assert_eq!(topics, [bank, "apps.ERROR", "app.CRITICAL", bank, "app.ERROR.db"]);
    finished.success().stderr_lacks("outside the root");
}

#[test]
fn a_subtopic_is_taken_from_the_line_only_with_topic_delim() {
    let input = "db.pool::connected\nuse std::fmt\n";
    let (plain, finished) = published(emit(["-r", "a"]).stdin(input));
    finished.success();
    assert_eq!(plain[0].topic, "a.INFO");
    assert_eq!(plain[0].json()["msg"], "db.pool::connected");
    assert_eq!(plain[1].json()["msg"], "use std::fmt");

    let (moved, finished) = published(emit(["-r", "a", "--topic-delim"]).stdin(input));
    finished.success();
    assert_eq!(moved[0].topic, "a.INFO.db.pool");
    assert_eq!(moved[0].json()["msg"], "connected");

    let (own, finished) = published(emit(["-r", "a", "--topic-delim", "|"]).stdin("db|on\na::b\n"));
    finished.success();
    assert_eq!((own[0].topic.as_str(), &own[0].json()["msg"]), ("a.INFO.db", &"on".into()));
    assert_eq!((own[1].topic.as_str(), &own[1].json()["msg"]), ("a.INFO", &"a::b".into()));
}

#[test]
fn a_record_has_its_sender_and_its_time() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let record = &records(emit(["-r", "app"]).stdin("x\n"))[0];
    let created = record["created"].as_f64().unwrap();
    assert!((now - 1.0..now + 60.0).contains(&created), "{created} is not about {now}");
    assert_eq!(record["levelname"], "INFO");
    assert_eq!(record["name"], "app");
    assert!(record["process"].is_number(), "{record}");
    assert!(!text(record, "hostname").is_empty() && !text(record, "source").is_empty(), "{record}");
}

#[test]
fn the_loggers_name_is_the_root_unless_a_name_is_given() {
    assert_eq!(records(emit(["-m", "x"]))[0]["name"], "root");
    assert_eq!(records(emit(["-m", "x", "-r", "app"]))[0]["name"], "app");
    assert_eq!(records(emit(["-m", "x", "-r", "app", "--name", "shop.db"]))[0]["name"], "shop.db");
}

#[test]
fn the_source_is_unique_unless_one_is_given() {
    let source = || text(&records(emit(["-m", "x"]))[0], "source").to_owned();
    assert_ne!(source(), source());
    assert_eq!(records(emit(["-m", "x", "--source", "web1"]))[0]["source"], "web1");
}

#[test]
fn seq_counts_up_by_one_for_each_topic() {
    let input = "a\nERROR b\nc\nERROR d\ne\n";
    let (messages, finished) = published(emit(["-r", "app"]).stdin(input));
    finished.success();
    let mut counts: HashMap<String, Vec<u64>> = HashMap::new();
    for message in &messages {
        let seq = message.json()["seq"].as_u64().unwrap();
        counts.entry(message.topic.clone()).or_default().push(seq);
    }
    for (topic, count) in [("app.INFO", 3), ("app.ERROR", 2)] {
        let seqs = &counts[topic];
        let expected: Vec<u64> = (seqs[0]..seqs[0] + count).collect();
        assert_eq!(seqs, &expected, "{topic}");
    }
}

#[test]
fn wire_text_sends_only_the_message() {
    let emit = emit(["--wire", "text", "-r", "app"]).stdin("ERROR: boom\nplain\n");
    let (messages, finished) = published(emit);
    finished.success();
    let sent: Vec<_> = messages.iter().map(|m| (m.topic.as_str(), m.text())).collect();
    assert_eq!(sent, [("app.ERROR", "ERROR: boom".into()), ("app.INFO", "plain".into())]);
}

#[test]
fn extras_survive_byte_for_byte() {
    let line =
        r#"{"msg":"x","big":123456789012345678901234567890,"f":1.10,"o":{"b":1,"a":[true,null]}}"#;
    let (messages, finished) = published(emit(["-r", "app"]).stdin(format!("{line}\n")));
    finished.success();
    let body = messages[0].text();
    for piece in
        ["\"big\":123456789012345678901234567890", "\"f\":1.10", r#""o":{"b":1,"a":[true,null]}"#]
    {
        assert!(body.contains(piece), "{piece} in {body}");
    }
}

#[test]
fn tee_copies_the_input_to_stdout_unchanged() {
    let input = b"one\r\n\xff\xfe\0\n\nlast without newline";
    let (messages, emit) = published(emit(["--tee"]).stdin(input));
    emit.success().stdout(input);
    assert_eq!(messages.len(), 4);
}

#[test]
fn a_json_record_line_keeps_all_its_fields() {
    let line = r#"{"name":"shop","msg":"got %s","args":["it"],"levelno":40,"levelname":"ERROR","lineno":7,"funcName":"buy","exc_text":"Traceback","created":1763712000.123456,"topic":"old.ERROR.db"}"#;
    let record = &records(emit(["-r", "app"]).stdin(format!("{line}\n")))[0];
    assert_eq!(record["name"], "shop");
    // Merged, as by SocketHandler: for Python's `%`, a JSON array is no tuple.
    assert_eq!(record["msg"], "got it");
    assert_eq!(record["levelno"], 40);
    assert_eq!(record["lineno"], 7);
    assert_eq!(record["funcName"], "buy");
    assert_eq!(record["exc_text"], "Traceback");
    assert!((record["created"].as_f64().unwrap() - 1_763_712_000.123_456).abs() < 1e-6);
}

#[test]
fn messages_are_never_rewritten() {
    let input = "  indented\ttabs \n100% %s {} $x\nERROR: kept as it stood\n";
    assert_eq!(texts(emit(["-r", "a"]).stdin(input)), input.lines().collect::<Vec<_>>());
}
