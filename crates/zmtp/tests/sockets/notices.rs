//! Notices: who gets them, and what happens to them when a subscriber has no room.

use std::time::Duration;

use zmtp::{Options, Publisher, Sent, WhenFull};

use super::harness::{DEADLINE, Engine, Sub, address, message, until};
use super::hostile::{RawPeer, read_frame};

const PREFIX: &str = "!notice ";

fn publisher(when_full: WhenFull) -> (Publisher, String) {
    let options = Options {
        queue_bytes: 64 << 10,
        queue_messages: 100,
        when_full,
        notice_prefix: Some(PREFIX.as_bytes().into()),
        ..Options::publisher()
    };
    let publisher = Publisher::new(options).expect("socket");
    let endpoint = publisher.bind(&address("tcp://127.0.0.1:*")).expect("bind").to_string();
    (publisher, endpoint)
}

fn notice(publisher: &Publisher, topic: &str, body: &str) {
    publisher.send_notice(&[format!("{PREFIX}{topic}").as_bytes(), body.as_bytes()]).expect("sent");
}

/// Reads messages until `wanted` notices have come. Returns the bodies of those, and how many
/// messages came besides.
fn read(peer: &mut RawPeer, wanted: usize) -> (Vec<String>, u64) {
    let (mut notices, mut messages) = (Vec::new(), 0);
    while notices.len() < wanted {
        let (_, topic) = read_frame(&mut peer.0).expect("a topic");
        let (_, body) = read_frame(&mut peer.0).expect("a body");
        match topic.starts_with(PREFIX.as_bytes()) {
            true => notices.push(String::from_utf8(body).expect("UTF-8")),
            false => messages += 1,
        }
    }
    (notices, messages)
}

/// Sends messages until some are dropped for the only subscriber. Returns how many were sent.
fn fill(publisher: &Publisher, topic: &[u8]) -> u64 {
    // As many of them as a queue takes are fewer bytes than it takes.
    let body = vec![b'x'; 500];
    let mut sent = 0;
    let take_dropped = || {
        let all = publisher.take_dropped();
        all.iter().flat_map(|it| &it.topics).map(|(_, count)| count).sum::<u64>()
    };
    let mut dropped = 0;
    until("no room", || {
        for _ in 0..100 {
            publisher.send_within(&[topic, &body], DEADLINE).expect("send");
            sent += 1;
        }
        dropped += take_dropped();
        dropped > 0
    });
    // The second answer counts what was passed on after the first.
    sent - dropped - take_dropped() - take_dropped()
}

#[test]
fn only_those_who_have_subscribed_to_notices_get_them() {
    for engine in [Engine::Native, Engine::Libzmq] {
        let (publisher, endpoint) = publisher(WhenFull::Block);
        let of_a = format!("{PREFIX}a");
        let mut readers = [
            (vec![""], "all"),
            (vec!["!", "end"], "shorter"),
            (vec!["", PREFIX], "all and notices"),
            (vec![&of_a, "end"], "notices of a"),
        ]
        .map(|(topics, name)| {
            let subscriber = Sub::new(engine, &endpoint, &topics);
            subscriber.connect(&endpoint);
            (subscriber, name)
        });
        until("all have subscribed", || {
            publisher.subscribers(b"end") == 4 && publisher.subscribers(of_a.as_bytes()) == 4
        });
        notice(&publisher, "abc", "1");
        notice(&publisher, "b", "2");
        publisher.send(&[b"end", b""]).expect("sent");
        let expected = [&[][..], &[], &["1", "2"], &["1"]];
        for ((reader, name), expected) in readers.iter_mut().zip(expected) {
            let mut bodies = Vec::new();
            loop {
                let message = reader.recv();
                if message[0] == b"end" {
                    break;
                }
                bodies.push(String::from_utf8(message[1].clone()).expect("UTF-8"));
            }
            assert_eq!(bodies, expected, "{name}, {engine:?}");
        }
    }
}

#[test]
fn the_last_notice_of_each_topic_waits_for_room_and_counts_nowhere() {
    for ends in [false, true] {
        let (publisher, endpoint) = publisher(WhenFull::Drop);
        let mut peer = RawPeer::subscribed(&endpoint, &[b"t", PREFIX.as_bytes()]);
        until("a subscriber", || publisher.has_subscription(PREFIX.as_bytes()));
        let queued = fill(&publisher, b"t");
        for (topic, body) in [("b", "1"), ("a", "2"), ("b", "3")] {
            notice(&publisher, topic, body);
        }
        assert_eq!(publisher.take_dropped(), []);
        let waiting = publisher.peers()[0].queued_messages;
        assert!(waiting <= 100, "{waiting}");
        // At the end, they are sent within the linger.
        let mut publisher = Some(publisher);
        let closing = publisher.take_if(|_| ends).map(|publisher| {
            std::thread::spawn(move || publisher.close(DEADLINE).expect("everything is sent"))
        });
        assert_eq!(read(&mut peer, 2), (vec!["3".to_owned(), "2".to_owned()], queued));
        drop(peer);
        if let Some(closing) = closing {
            closing.join().expect("no panic");
        }
    }
}

#[test]
fn a_notice_does_not_wait_for_a_full_subscriber_while_the_publisher_blocks() {
    let (publisher, endpoint) = publisher(WhenFull::Block);
    let mut stuck = RawPeer::subscribed(&endpoint, &[b"t", PREFIX.as_bytes()]);
    let mut other = Sub::new(Engine::Native, &endpoint, &[PREFIX]);
    other.connect(&endpoint);
    until("two subscribers", || publisher.subscribers(PREFIX.as_bytes()) == 2);
    let body = vec![b'x'; 10_000];
    let mut sent = 0;
    // Until the queue of the subscriber is full, but nothing waits before it.
    until("no room", || {
        sent += u64::from(publisher.send(&[b"t", &body]).expect("send") == Sent::Sent);
        publisher.peers().iter().any(|peer| peer.queued_bytes > 50 << 10)
    });
    notice(&publisher, "a", "1");
    assert_eq!(other.recv(), message(&[b"!notice a", b"1"]));
    assert_eq!(read(&mut stuck, 1), (vec!["1".to_owned()], sent));
}

#[test]
fn notices_for_a_subscriber_that_is_away_wait_for_it() {
    let options = Options {
        keep_absent: true,
        notice_prefix: Some(PREFIX.as_bytes().into()),
        ..Options::publisher()
    };
    let publisher = Publisher::new(options).expect("socket");
    let first = Sub::new(Engine::Native, "", &["t", PREFIX]);
    let endpoint = first.bind("tcp://127.0.0.1:*");
    publisher.connect(&address(&endpoint));
    until("a subscriber", || publisher.has_subscription(PREFIX.as_bytes()));
    drop(first);
    until("it is absent", || publisher.peers().is_empty());
    publisher.send(&[b"t", b"1"]).expect("sent");
    notice(&publisher, "a", "2");
    let mut second = Sub::new(Engine::Native, "", &["t", PREFIX]);
    second.bind(&endpoint);
    assert_eq!(second.recv(), message(&[b"t", b"1"]));
    assert_eq!(second.recv(), message(&[b"!notice a", b"2"]));
    publisher.close(Duration::from_secs(1)).expect("closed");
}
