use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::jetstream::stream;
use zlog_core::wire::subject;
use zlog_core::{Record, wire};
use zlog_pipeline::handler::nats::{NatsHandler, NatsOptions};
use zlog_pipeline::handler::{Backlog, Handler};
use zlog_pipeline::nats::stream::{Compression, Discard, Storage, StreamOptions};

use super::{STREAM, close, handler, options, record};
use crate::harness::{nats, nats_with, old_nats, zlog};

/// Topics with everything that subjects forbid, or use themselves.
const TOPICS: [&str; 12] = [
    "myprogram.ERROR.db",
    "größe.INFO.☃",
    "app.Level 17.a",
    "a..b",
    ".INFO",
    "x.",
    "",
    "*.>",
    "100%.%2E",
    "tab\there.DEBUG\n\0",
    "$JS.API.STREAM",
    "a\u{85}b\u{2003}c",
];

#[test]
fn records_of_every_topic_are_stored_whole_on_new_and_old_servers() {
    for server in [nats(), old_nats()].into_iter().flatten() {
        let mut handler = handler(options(&server));
        for topic in TOPICS {
            // A record without a topic has one made of root and level.
            handler
                .handle(&Record { msg: "naïve ☃\n\t\0".into(), ..record("a", topic, 1) })
                .unwrap();
        }
        handler.flush().unwrap();
        assert_eq!(handler.backlog(), Backlog::default());
        let stored = server.client().stored(STREAM);
        assert_eq!(stored.len(), TOPICS.len());
        for (stored, topic) in stored.iter().zip(TOPICS) {
            let subject = stored.subject.strip_prefix("zlog.").unwrap();
            let expected = if topic.is_empty() { "ERROR" } else { topic };
            assert_eq!(subject::decode(subject), expected.as_bytes());
            let mut decoder = wire::Decoder::default();
            let mut read = Record::default();
            decoder.decode_into(&[expected.as_bytes(), &stored.body], 0.0, &mut read);
            assert_eq!(read.msg, "naïve ☃\n\t\0");
            assert_eq!((read.seq, read.source.as_deref()), (Some(1), Some("a")));
        }
    }
}

#[test]
fn a_new_stream_has_the_settings_that_were_asked_for() {
    for (server, is_old) in [(nats(), false), (old_nats(), true)] {
        let Some(server) = server else { continue };
        let asked = StreamOptions {
            name: "LOGS".into(),
            max_age: Some(Duration::from_secs(3600)),
            max_bytes: Some(10 << 20),
            replicas: Some(1),
            storage: Some(Storage::Memory),
            compression: Some(Compression::S2),
            discard: Some(Discard::New),
            duplicates: Some(Duration::from_secs(60)),
            create: true,
        };
        let mut handler =
            handler(NatsOptions { stream: asked, prefix: "eu.logs".into(), ..options(&server) });
        handler.handle(&record("a", "app.INFO", 1)).unwrap();
        handler.flush().unwrap();
        let config = server.client().config("LOGS").unwrap();
        assert_eq!(config.subjects, ["eu.logs.>"]);
        assert_eq!((config.max_age.as_secs(), config.max_bytes), (3600, 10 << 20));
        assert_eq!(config.storage, stream::StorageType::Memory);
        assert_eq!(config.discard, stream::DiscardPolicy::New);
        assert_eq!(config.duplicate_window.as_secs(), 60);
        let compression = (!is_old).then_some(stream::Compression::S2);
        assert_eq!(config.compression, compression);
        assert_eq!(config.allow_batch_publish, !is_old);
    }
}

/// A handler whose notices are kept.
fn noticing(options: NatsOptions) -> (NatsHandler, Arc<Mutex<Vec<String>>>) {
    let notices = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&notices);
    let report = Box::new(move |text: &str| kept.lock().unwrap().push(text.to_owned()));
    (NatsHandler::new(options, report).unwrap(), notices)
}

#[test]
fn other_settings_of_an_existing_stream_are_explained_and_kept() {
    let Some(server) = nats() else { return };
    let (mut first, notices) = noticing(options(&server));
    first.handle(&record("a", "app.INFO", 1)).unwrap();
    first.flush().unwrap();
    let created = "created the stream ZLOG for zlog.>: max-age=7d, max-bytes=1G, replicas=1";
    assert_eq!(*notices.lock().unwrap(), [created]);

    let asked =
        StreamOptions { max_age: Some(Duration::from_secs(60)), ..StreamOptions::default() };
    let (mut second, notices) = noticing(NatsOptions { stream: asked, ..options(&server) });
    second.handle(&record("b", "app.INFO", 1)).unwrap();
    second.flush().unwrap();
    let notices = notices.lock().unwrap();
    assert!(notices[0].contains("max-age is 7d, not 1m"), "{notices:?}");
    assert!(notices[0].contains("nats stream edit ZLOG"), "{notices:?}");
    assert_eq!(server.client().count(STREAM), 2);
}

/// The error of the first record.
#[track_caller]
fn error(handler: &mut NatsHandler) -> String {
    handler.handle(&record("a", "app.INFO", 1)).unwrap();
    handler.flush().unwrap_err().to_string()
}

#[test]
fn a_stream_or_subject_that_is_taken_is_named_with_the_next_step() {
    let Some(server) = nats() else { return };
    let client = server.client();
    let config = |name: &str, subject: &str| stream::Config {
        name: name.to_owned(),
        subjects: vec![subject.to_owned()],
        ..stream::Config::default()
    };
    client.create(config("ZLOG", "other.>"));
    let text = error(&mut handler(options(&server)));
    assert!(text.contains("the stream ZLOG collects other.>, not zlog.>"), "{text}");
    assert!(text.contains("nats stream edit ZLOG --subjects 'zlog.>'"), "{text}");

    client.create(config("EVENTS", "zlog.app.>"));
    let named = StreamOptions { name: "NEW".into(), ..StreamOptions::default() };
    let text = error(&mut handler(NatsOptions { stream: named, ..options(&server) }));
    assert!(text.contains("can't create the stream NEW: "), "{text}");
    assert!(text.contains("The stream EVENTS collects zlog.>: use it (stream=EVENTS)"), "{text}");

    let many = StreamOptions { name: "R".into(), replicas: Some(3), ..StreamOptions::default() };
    let text =
        error(&mut handler(NatsOptions { stream: many, prefix: "r".into(), ..options(&server) }));
    assert!(text.contains("Only a cluster has replicas"), "{text}");

    let large =
        StreamOptions { name: "L".into(), max_bytes: Some(64 << 30), ..StreamOptions::default() };
    let text =
        error(&mut handler(NatsOptions { stream: large, prefix: "l".into(), ..options(&server) }));
    assert!(text.contains("lower max-bytes"), "{text}");
}

#[test]
fn records_that_can_never_be_stored_are_counted_and_the_others_stored() {
    let Some(server) = nats_with("max_payload: 4096") else { return };
    let mut handler = handler(options(&server));
    let long: &'static str = format!("app.{}", "x".repeat(5000)).leak();
    handler.handle(&record("a", "app.INFO", 1)).unwrap();
    handler.handle(&record("a", long, 1)).unwrap();
    handler.handle(&record("a", "app.INFO", 2)).unwrap();
    let error = handler.flush().unwrap_err().to_string();
    assert!(
        error.contains("1 record was not stored: the topic makes a subject of more than"),
        "{error}"
    );
    handler.handle(&Record { msg: "x".repeat(5000).into(), ..record("a", "app.INFO", 3) }).unwrap();
    handler.handle(&record("a", "app.INFO", 4)).unwrap();
    let error = handler.flush().unwrap_err().to_string();
    assert!(error.contains("larger than the server's max_payload of 4096 bytes"), "{error}");
    assert_eq!(handler.backlog(), Backlog { lost: 2, unreachable: true, ..Backlog::default() });
    // The longest subject is no trouble.
    let longest: &'static str = format!("app.{}", "x".repeat(3840 - 9)).leak();
    handler.handle(&record("a", longest, 1)).unwrap();
    handler.flush().unwrap();
    assert_eq!(handler.backlog(), Backlog { lost: 2, ..Backlog::default() });
    assert_eq!(server.client().count(STREAM), 4);
}

#[test]
fn a_full_stream_makes_records_wait_until_it_has_room() {
    let Some(server) = nats() else { return };
    let client = server.client();
    client.create(stream::Config {
        name: STREAM.to_owned(),
        subjects: vec!["zlog.>".to_owned()],
        max_messages: 2,
        discard: stream::DiscardPolicy::New,
        ..stream::Config::default()
    });
    let mut handler = handler(options(&server));
    for seq in 1..=4 {
        handler.handle(&record("a", "app.INFO", seq)).unwrap();
    }
    let error = handler.flush().unwrap_err().to_string();
    assert!(error.contains("the stream ZLOG has no room: "), "{error}");
    assert!(error.contains("nats stream purge ZLOG"), "{error}");
    assert_eq!(handler.backlog(), Backlog { waiting: 2, unreachable: true, ..Backlog::default() });
    client.purge(STREAM);
    close(&mut handler);
    assert_eq!(handler.backlog(), Backlog::default());
    let seqs: Vec<_> =
        client.stored(STREAM).iter().map(|stored| stored.json()["seq"].as_u64()).collect();
    assert_eq!(seqs, [Some(3), Some(4)]);
}

#[test]
fn a_deleted_stream_is_created_again() {
    let Some(server) = nats() else { return };
    let client = server.client();
    let mut handler = handler(options(&server));
    handler.handle(&record("a", "app.INFO", 1)).unwrap();
    handler.flush().unwrap();
    client.delete(STREAM);
    handler.handle(&record("a", "app.INFO", 2)).unwrap();
    let error = handler.flush().unwrap_err().to_string();
    assert!(error.contains("no stream stores the subject zlog.app.INFO"), "{error}");
    close(&mut handler);
    assert_eq!(client.count(STREAM), 1);
    assert_eq!(handler.backlog(), Backlog::default());
}

#[test]
fn a_server_without_jetstream_is_reported() {
    let Some(server) =
        nats_with("accounts { A { users = [{ user: a, password: b }] } }\nno_auth_user: a")
    else {
        return;
    };
    let text = error(&mut handler(options(&server)));
    assert!(text.contains("can't look at the stream ZLOG: "), "{text}");
    assert!(text.contains("JetStream is enabled"), "{text}");
}

#[test]
fn tail_stores_what_it_reads_and_numbers_what_has_no_number() {
    let Some(server) = nats() else { return };
    let option = format!("--nats={},max-age=1h,topic=app", server.url());
    let input = "{\"msg\":\"a\",\"name\":\"app\",\"levelno\":20}\n{\"msg\":\"b\",\"name\":\"app\",\"levelno\":20}\n{\"msg\":\"c\",\"name\":\"web\",\"levelno\":20}\n";
    let tail = zlog(["tail", "--input", "-", &option]).stdin(input).run().success();
    tail.stderr_has("handler stream ZLOG at nats://127.0.0.1:")
        .stderr_has("created the stream ZLOG");
    let stored = server.client().stored(STREAM);
    let seen: Vec<_> = stored
        .iter()
        .map(|stored| (stored.json()["msg"].to_string(), stored.json()["seq"].as_u64()))
        .collect();
    assert_eq!(seen, [("\"a\"".to_owned(), Some(1)), ("\"b\"".to_owned(), Some(2))]);
    assert_ne!(stored[0].id, stored[1].id);
}
