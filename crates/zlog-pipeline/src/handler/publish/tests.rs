use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::socket::testing::{
    DEADLINE, STEP, publisher, subscriber, take, until, wait_for_subscribers,
};
use crate::socket::{Engine, SocketOptions, Subscriber};
use zlog_core::sequence::SequenceTracker;
use zlog_core::topic_table::MAX_KEY_BYTES;
use zlog_core::wire::mark::{self, Mark};
use zlog_core::{Level, RawJson};

fn options(root: &str) -> PublishOptions {
    PublishOptions {
        logger_in_topic: false,
        root: root.to_owned(),
        wire: Wire::Json,
        on_full: OnFull::Block,
        give_up: Box::new(|| false),
        report: Box::new(|_| {}),
    }
}

/// A handler, and a subscriber to all topics.
fn pair(options: PublishOptions) -> (Publish, Subscriber) {
    let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
    let subscriber = subscriber(&endpoint, &[""]);
    wait_for_subscribers(&mut publisher, 1);
    (Publish::new(publisher, options), subscriber)
}

fn record<'a>(level: Level, subtopic: &'a str, msg: &'a str) -> Record<'a> {
    Record { level, subtopic: subtopic.into(), msg: msg.into(), ..Record::default() }
}

/// The topic, and the number and message of a JSON body.
fn numbered(message: &str) -> (String, Option<u64>, String) {
    let (topic, body) = message.split_once('|').expect("two frames");
    let body: Value = serde_json::from_str(body).expect("JSON");
    let msg = body["msg"].as_str().expect("a message").to_owned();
    (topic.to_owned(), body["seq"].as_u64(), msg)
}

#[test]
fn topics_are_made_from_root_level_and_subtopic_and_numbered_separately() {
    let (mut publish, mut subscriber) = pair(options("app"));
    for record in [
        record(Level::INFO, "", "one"),
        record(Level::ERROR, "db", "two"),
        record(Level::INFO, "", "three"),
        record(Level(35), "", "four"),
    ] {
        publish.handle(&record).expect("sent");
    }
    let came: Vec<_> = take(&mut subscriber, 4).iter().map(|m| numbered(m)).collect();
    let expected = [
        ("app.INFO", 1, "one"),
        ("app.ERROR.db", 1, "two"),
        ("app.INFO", 2, "three"),
        ("app.Level 35", 1, "four"),
    ];
    assert_eq!(came, expected.map(|(t, seq, m)| (t.to_owned(), Some(seq), m.to_owned())));
    assert_eq!(publish.published().records, 4);
    assert_eq!(publish.published().unsubscribed, 0);
}

#[test]
fn a_record_with_a_topic_and_a_number_keeps_both() {
    let (mut publish, mut subscriber) = pair(options("relay"));
    let mut stored = record(Level::INFO, "", "again");
    stored.topic = Cow::Borrowed("web.INFO.x");
    stored.seq = Some(77);
    publish.handle(&stored).expect("sent");
    let message = take(&mut subscriber, 1).remove(0);
    assert_eq!(numbered(&message), ("web.INFO.x".into(), Some(77), "again".into()));
    assert_eq!(message.matches("seq").count(), 1);
}

#[test]
fn a_text_body_is_the_message_alone() {
    let (mut publish, mut subscriber) = pair(PublishOptions { wire: Wire::Text, ..options("") });
    publish.handle(&record(Level::DEBUG, "", "häß\u{0}lich")).expect("sent");
    assert_eq!(take(&mut subscriber, 1), ["DEBUG|häß\u{0}lich"]);
}

#[test]
fn records_without_a_subscriber_are_counted() {
    let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
    let _subscriber = subscriber(&endpoint, &["app.ERROR"]);
    wait_for_subscribers(&mut publisher, 1);
    let mut publish = Publish::new(publisher, options("app"));
    for _ in 0..3 {
        publish.handle(&record(Level::INFO, "", "unsubscribed")).expect("sent");
        publish.handle(&record(Level::ERROR, "", "heard")).expect("sent");
    }
    assert_eq!(publish.published().records, 6);
    until("the count", || publish.published().unsubscribed == 3);
    assert_eq!(publish.published().before_subscribers, 0, "there was one, of others");
}

#[test]
fn records_are_counted_that_are_sent_while_there_is_no_subscriber_at_all() {
    for engine in [Engine::Native, Engine::Libzmq] {
        let socket_options = SocketOptions { engine: Some(engine), ..SocketOptions::publisher() };
        let (publisher, _) = publisher(&socket_options);
        let mut publish = Publish::new(publisher, options("app"));
        for _ in 0..3 {
            publish.handle(&record(Level::INFO, "", "x")).expect("sent");
        }
        let counts = || (publish.published().unsubscribed, publish.published().before_subscribers);
        until("the count", || counts() == (3, 3));
    }
}

#[test]
fn subscribers_are_looked_up_again_when_subscriptions_change() {
    let (mut publish, subscriber) = pair(options("app"));
    let handle = |publish: &mut Publish| {
        publish.handle(&record(Level::INFO, "", "x")).expect("sent");
        publish.flush().expect("flushed");
        publish.published().unsubscribed
    };
    assert_eq!(handle(&mut publish), 0);
    drop(subscriber);
    until("the subscriber is gone", || {
        publish.publisher().wait_for(9, STEP, "", &|| false);
        handle(&mut publish) > 0
    });
}

/// A handler whose only subscriber reads nothing yet, with short queues.
fn stuck(on_full: OnFull, give_up: Box<dyn Fn() -> bool + Send>) -> (Publish, Subscriber) {
    let tight = SocketOptions { hwm: 4, ..SocketOptions::publisher() };
    let (mut publisher, endpoint) = publisher(&tight);
    let endpoint = crate::socket::testing::connect(&endpoint);
    let tight = SocketOptions { hwm: 4, ..SocketOptions::subscriber() };
    let subscriber = Subscriber::open(&[endpoint], &[""], &tight).expect("subscriber");
    wait_for_subscribers(&mut publisher, 1);
    (Publish::new(publisher, PublishOptions { on_full, give_up, ..options("app") }), subscriber)
}

#[test]
fn records_dropped_for_lack_of_room_are_counted_and_leave_a_gap_in_seq() {
    let (mut publish, mut subscriber) = stuck(OnFull::Drop, Box::new(|| false));
    let big = "x".repeat(200_000);
    let mut sent = 0;
    while publish.published().dropped_full < 3 {
        publish.handle(&record(Level::INFO, "", &big)).expect("handled");
        sent += 1;
        assert!(sent < 100_000, "backpressure is never felt");
    }
    let mut sequences = SequenceTracker::default();
    // The last drops show as a gap only when a later record gets through.
    until("every drop shows as a gap", || {
        publish.handle(&record(Level::INFO, "", "later")).expect("handled");
        let mut take = |frames: &[&[u8]], _: f64| {
            let body: Value = serde_json::from_slice(frames[1]).expect("JSON");
            sequences.observe("me", "app.INFO", body["seq"].as_u64().expect("a number"));
            Ok(ControlFlow::Continue(()))
        };
        subscriber.recv(STEP, &mut take).expect("no error");
        sequences.lost() == publish.published().dropped_full
    });
}

#[test]
fn waiting_for_room_is_given_up_on_request() {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    // Gives up when asked for the second time, after waiting in between.
    let ask = Box::new(move || asked.swap(true, Ordering::Relaxed));
    let (mut publish, _subscriber) = stuck(OnFull::Block, ask);
    let big = "x".repeat(200_000);
    while publish.published().dropped_full == 0 {
        publish.handle(&record(Level::INFO, "", &big)).expect("handled");
    }
    assert!(stop.load(Ordering::Relaxed));
}

#[test]
fn the_subscriber_that_was_waited_for_or_dropped_for_is_named() {
    let waited = Arc::new(AtomicBool::new(false));
    let asked = waited.clone();
    // Gives up after the first wait.
    let (mut publish, _subscriber) =
        stuck(OnFull::Block, Box::new(move || asked.swap(true, Ordering::Relaxed)));
    let big = "x".repeat(200_000);
    while publish.published().dropped_full == 0 {
        publish.handle(&record(Level::INFO, "", &big)).expect("handled");
    }
    let waits = publish.slow().waits().expect("a wait");
    assert!(waits.starts_with("waited 0.") && waits.contains(" at 127.0.0.1:"), "{waits}");
    let full = publish.slow().full().expect("a name");
    assert!(full.contains("127.0.0.1:"), "{full}");
}

#[test]
fn blocking_loses_nothing_to_a_slow_subscriber() {
    let (mut publish, mut subscriber) = stuck(OnFull::Block, Box::new(|| false));
    let sending = std::thread::spawn(move || {
        let big = "x".repeat(50_000);
        for _ in 0..500 {
            publish.handle(&record(Level::INFO, "", &big)).expect("sent");
        }
        publish.close(Instant::now() + DEADLINE).expect("everything is sent");
        publish.published()
    });
    let came: Vec<_> = take(&mut subscriber, 500).iter().map(|m| numbered(m).1).collect();
    assert_eq!(came, (1..=500).map(Some).collect::<Vec<_>>());
    let published = sending.join().expect("no panic");
    assert_eq!((published.records, published.dropped_full), (500, 0));
}

#[test]
fn the_number_becomes_the_last_key_of_the_object() {
    let put = |text: &str| {
        let mut body = text.as_bytes().to_vec();
        append_seq(&mut body, 7);
        String::from_utf8(body).expect("UTF-8")
    };
    assert_eq!(put(r#"{"msg":"}"}"#), r#"{"msg":"}","seq":7}"#);
    assert_eq!(put("{}"), r#"{"seq":7}"#);
    assert_eq!(put("text"), "text");
}

proptest! {
    /// A numbered body reads back as the record that was written, whatever its text, and even
    /// with an extra called `seq`.
    #[test]
    fn a_numbered_body_reads_back(msg in ".*", source in ".*", seq in 1..=i64::MAX as u64) {
        let mut record = record(Level::INFO, "", &msg);
        record.source = Some(source.as_str().into());
        record.extras.push(("seq".into(), RawJson("\"x}\"".into())));
        let mut body = Vec::new();
        wire::json::write(&record, &mut body);
        append_seq(&mut body, seq);
        let (read, dialect) = wire::decode(&[b"app.INFO", &body], 0.0);
        prop_assert_eq!(dialect, Some(wire::Dialect::Json));
        prop_assert_eq!(read.fault, None);
        prop_assert_eq!((&*read.msg, read.source.as_deref()), (&*msg, Some(&*source)));
        prop_assert_eq!(read.seq, Some(seq));
    }
}

#[test]
fn an_overlong_topic_is_sent_without_a_number_and_not_kept() {
    let (mut publish, mut subscriber) = pair(options("app"));
    let long = "t".repeat(MAX_KEY_BYTES);
    publish.handle(&record(Level::INFO, &long, "long")).expect("sent");
    publish.handle(&record(Level::INFO, "", "short")).expect("sent");
    let came: Vec<_> = take(&mut subscriber, 2).iter().map(|m| numbered(m)).collect();
    assert_eq!(came[0], (format!("app.INFO.{long}"), None, "long".to_owned()));
    assert_eq!(came[1].1, Some(1));
    assert_eq!((publish.topics.len(), publish.published().unnumbered), (1, 1));
}

/// A message of a subscriber.
#[derive(Debug)]
enum Came {
    Record(u64),
    Mark(Mark<'static>),
}

fn receive(subscriber: &mut Subscriber, came: &mut Vec<Came>) {
    let mut take = |frames: &[&[u8]], _: f64| {
        came.push(match mark::is_reserved(frames[0]) {
            true => Came::Mark(mark::read(frames).expect("a mark").into_owned()),
            false => {
                let body: Value = serde_json::from_slice(frames[1]).expect("JSON");
                Came::Record(body["seq"].as_u64().expect("a number"))
            }
        });
        Ok(ControlFlow::Continue(()))
    };
    subscriber.recv(STEP, &mut take).expect("no error");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one run, step by step")]
fn marks_are_sent_for_idle_topics_before_each_round_and_at_the_end() {
    let native = |options| SocketOptions { engine: Some(Engine::Native), ..options };
    let (mut publisher, endpoint) = publisher(&native(SocketOptions::publisher()));
    let open = || {
        let endpoint = crate::socket::testing::connect(&endpoint);
        let options = native(SocketOptions::subscriber());
        let mut subscriber = Subscriber::open(&[endpoint], &["app"], &options).expect("opened");
        subscriber.subscribe_to_marks(&["app"]);
        subscriber
    };
    let (mut first, mut came) = (open(), Vec::new());
    wait_for_subscribers(&mut publisher, 1);
    let mut publish = Publish::new(publisher, options("app"));
    let mut sent = 0;
    let mut send = |publish: &mut Publish| {
        let source = Some("web1".into());
        publish.handle(&Record { source, ..record(Level::INFO, "", "x") }).expect("sent");
        sent += 1;
    };
    let starts = |came: &[Came]| {
        came.iter().filter(|it| matches!(it, Came::Mark(Mark::Start { .. }))).count()
    };
    until("a round begins", || {
        send(&mut publish);
        receive(&mut first, &mut came);
        starts(&came) > 0
    });
    let is_marked = |came: &[Came]| matches!(came.last(), Some(Came::Mark(Mark::Published { .. })));
    until("the idle topic is marked", || {
        publish.flush().expect("flushed");
        receive(&mut first, &mut came);
        is_marked(&came)
    });
    let (rounds, mut second) = (starts(&came), open());
    let mut late = Vec::new();
    until("the second subscriber has got a start", || {
        send(&mut publish);
        receive(&mut first, &mut came);
        receive(&mut second, &mut late);
        starts(&late) > 0
    });
    for _ in 0..3 {
        send(&mut publish);
    }
    publish.close(Instant::now() + DEADLINE).expect("everything is sent");
    until("all have come", || {
        receive(&mut first, &mut came);
        receive(&mut second, &mut late);
        is_marked(&came) && is_marked(&late)
    });
    assert!(starts(&came) > rounds);
    for came in [&came, &late] {
        let (mut last, mut marked, mut begin) = (None, 0, None);
        for it in came {
            match it {
                Came::Record(seq) => last = Some(*seq),
                Came::Mark(Mark::Start { source }) => {
                    assert_eq!(source, "web1");
                    // A late subscriber may know of no record yet.
                    assert_eq!(last.unwrap_or(marked), marked, "{came:?}");
                    begin = Some(marked + 1);
                }
                Came::Mark(Mark::Published { source, topic, first, last }) => {
                    assert_eq!((&**source, &**topic), ("web1", "app.INFO"));
                    assert!(begin.is_none_or(|begin| begin == *first), "{came:?}");
                    marked = *last;
                }
            }
        }
        assert_eq!((last, marked), (Some(sent), sent), "{came:?}");
    }
}

#[test]
fn a_forwarded_record_is_marked_under_its_own_source_and_number() {
    let native = SocketOptions { engine: Some(Engine::Native), ..SocketOptions::publisher() };
    let (mut publisher, endpoint) = publisher(&native);
    let mut subscriber = subscriber(&endpoint, &["web"]);
    subscriber.subscribe_to_marks(&["web"]);
    wait_for_subscribers(&mut publisher, 1);
    let mut publish = Publish::new(publisher, options("relay"));
    let (mut came, mut seq) = (Vec::new(), 70);
    until("a mark arrives", || {
        seq += 1;
        let (source, topic) = (Some("web1".into()), "web.INFO".into());
        let record = record(Level::INFO, "", "x");
        let record = Record { source, topic, seq: Some(seq), ..record };
        publish.handle(&record).expect("sent");
        publish
            .marks
            .as_mut()
            .expect("marks")
            .send_all(publish.publisher.as_mut().expect("open"), &mut publish.topics);
        receive(&mut subscriber, &mut came);
        came.iter().any(|it| matches!(it, Came::Mark(_)))
    });
    for it in came {
        let Came::Mark(mark) = it else { continue };
        let Mark::Published { source, topic, first, last } = mark else { panic!("a start") };
        assert_eq!((&*source, &*topic), ("web1", "web.INFO"));
        assert!(71 <= first && first <= last && last <= seq);
    }
}
