//! stdin, `--message`, `--test` and `--replay`.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::Value;

use super::{records, text, texts, topics};
use crate::harness::{ANY_PORT, Listener, emit, published, zlog};

#[test]
fn lines_of_stdin_are_published_in_order() {
    let input: String = (0..1000).map(|n| format!("line {n}\n")).collect();
    assert_eq!(texts(emit(["-r", "a"]).stdin(input.clone())), input.lines().collect::<Vec<_>>());
}

#[test]
fn a_line_is_published_when_it_is_read_and_not_at_the_end_of_the_input() {
    let mut emit = emit(["-r", "a"]).stdin_open().start();
    let listener = Listener::connect(&emit.endpoint(), "");
    for line in ["one", "two"] {
        emit.write(format!("{line}\n"));
        assert_eq!(listener.next().json()["msg"], line);
    }
    emit.close_stdin();
    emit.wait().success();
}

#[test]
fn a_message_is_one_record_and_stdin_is_not_read() {
    let mut emit = emit(["-m", "disk full", "-l", "error", "-r", "backup"]).stdin_open().start();
    let listener = Listener::connect(&emit.endpoint(), "");
    let messages = listener.everything();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].topic, "backup.ERROR");
    assert_eq!(messages[0].json()["msg"], "disk full");
    // It ends although its stdin is open.
    emit.stdout.wait_for_end(Instant::now() + crate::harness::DEADLINE);
    emit.wait().success();
}

#[test]
fn test_records_have_random_levels_names_subtopics_and_tracebacks() {
    let records = records(emit(["--test", "500", "--seed", "1", "--root", "demo"]));
    assert_eq!(records.len(), 500);
    let levels: BTreeSet<_> = records.iter().map(|r| r["levelno"].as_i64().unwrap()).collect();
    assert_eq!(levels, BTreeSet::from([10, 20, 30, 40, 50]));
    let names: BTreeSet<_> = records.iter().map(|r| text(r, "name")).collect();
    assert!(names.len() > 2, "several loggers: {names:?}");
    let tracebacks = records.iter().filter(|r| r["exc_text"].is_string()).count();
    assert!((1..250).contains(&tracebacks), "some with a traceback: {tracebacks}");

    let topics = topics(emit(["--test", "500", "--seed", "1", "--root", "demo"]));
    let deep = topics.iter().filter(|topic| topic.split('.').count() > 2).count();
    assert!((1..500).contains(&deep), "some with a subtopic: {deep}");
    assert!(topics.iter().all(|topic| topic.starts_with("demo.")));
}

#[test]
fn the_same_seed_gives_the_same_test_records_and_another_seed_others() {
    let what = |seed: &str| -> Vec<(String, Value)> {
        let records = records(emit(["--test", "100", "--seed", seed]));
        records.iter().map(|r| (text(r, "msg").to_owned(), r["levelno"].clone())).collect()
    };
    let first = what("42");
    assert_eq!(first, what("42"));
    assert_ne!(first, what("43"));
}

#[test]
fn test_records_without_a_number_are_published_until_a_signal() {
    let mut emit = emit(["--test", "--rate", "1000"]).start();
    let listener = Listener::connect(&emit.endpoint(), "");
    for _ in 0..100 {
        listener.next();
    }
    emit.interrupt();
    emit.wait().code(130);
}

#[test]
fn a_replay_sends_stored_records_unchanged_under_their_own_topics() {
    let mut first = emit(["--root", "app", "--subtopic", "db", "--source", "web1"])
        .stdin("ERROR: one\ntwo\n")
        .start();
    let endpoint = first.endpoint();
    let stored = zlog(["tail", "-o", "json", "-n", "2", &endpoint]).run().success().stdout;
    first.wait().success();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("stored");
    std::fs::write(&file, &stored).unwrap();

    let (messages, emit) = published(emit(["--speed", "max", "--replay", file.to_str().unwrap()]));
    emit.success();
    let topics: Vec<_> = messages.iter().map(|message| message.topic.as_str()).collect();
    assert_eq!(topics, ["app.ERROR.db", "app.INFO.db"]);
    let lines = stored.split(|&byte| byte == b'\n');
    for (message, line) in messages.iter().zip(lines) {
        let before: Value = serde_json::from_slice(line).unwrap();
        for field in ["msg", "levelno", "name", "created"] {
            assert_eq!(message.json()[field], before[field], "{field}");
        }
    }
}

#[test]
fn a_replay_keeps_the_records_own_spacing_at_the_given_speed() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("stored");
    let stored = "{\"msg\":\"a\",\"created\":1000.0}\n{\"msg\":\"b\",\"created\":1060.0}\n";
    std::fs::write(&file, stored).unwrap();
    let mut emit = emit(["--speed", "200x", "--replay", file.to_str().unwrap()]).start();
    let listener = Listener::connect(&emit.endpoint(), "");
    listener.next();
    let first = Instant::now();
    listener.next();
    let apart = first.elapsed().as_secs_f64();
    emit.wait().success();
    // A minute at 200 times the speed is 0.3 s; the first record may arrive late.
    assert!((0.2..20.0).contains(&apart), "{apart} s apart");
}

#[test]
fn a_replay_of_a_missing_file_fails_before_the_wait_for_subscribers() {
    let replay = ["emit", "-b", ANY_PORT, "--wait", "1h", "--replay", "/no/such/file"];
    zlog(replay).run().code(1).stderr_has("/no/such/file: no such file");
}

#[test]
fn only_one_source_may_be_given() {
    zlog(["emit", "--test", "1", "-m", "x"]).run().code(2);
    zlog(["emit", "-m", "x", "--", "ls"]).run().code(2);
}
