//! A publisher that sends on what a subscriber has received, and a socket that owns subscriptions.

use std::time::Duration;

use zmtp::{BatchBuilder, Group, Options, Publisher, Sent, SharedBatch};

use crate::harness::{DEADLINE, Engine, Message, Sub, address, message, until};
use crate::hostile::RawPeer;

fn publisher(options: Options) -> (Publisher, String) {
    let publisher = Publisher::new(options).expect("socket");
    let bound = publisher.bind(&address("tcp://127.0.0.1:*")).expect("bind").to_string();
    (publisher, bound)
}

fn subscriber(engine: Engine, endpoint: &str, topics: &[&str]) -> Sub {
    let subscriber = Sub::new(engine, endpoint, topics);
    subscriber.connect(endpoint);
    subscriber
}

/// A group of all messages of a batch.
fn group(batch: &SharedBatch) -> Group {
    let mut group = Group::default();
    let mut messages = batch.messages_from(0);
    while let Some(message) = messages.next() {
        group.push(batch, &message, messages.position());
    }
    group
}

fn batch(messages: &[&[&[u8]]]) -> SharedBatch {
    let mut builder = BatchBuilder::default();
    messages.iter().for_each(|frames| builder.push(frames));
    builder.take().expect("messages").into()
}

fn forward(publisher: &Publisher, batch: &SharedBatch) {
    let mut group = group(batch);
    assert_eq!(publisher.forward(&mut group, DEADLINE).expect("forward"), Sent::Sent);
    assert!(group.is_empty());
}

#[test]
fn what_one_socket_receives_another_sends_on_in_order_and_only_to_subscribers_of_its_topic() {
    let (upstream, endpoint) = publisher(Options::publisher());
    let collect = zmtp::Subscriber::new(Options::subscriber(), &[""]).expect("socket");
    collect.connect(&address(&endpoint));
    let (publish, endpoint) = publisher(Options::publisher());
    let mut all = subscriber(Engine::Native, &endpoint, &["a", "b", "end"]);
    let mut some = subscriber(Engine::Libzmq, &endpoint, &["b", "end"]);
    until("all subscribers", || publish.subscribers(b"end") == 2 && upstream.has_subscriber(b""));
    let large = vec![b'x'; 300_000];
    let mut sent: Vec<Message> = Vec::new();
    for number in 0..2000_u32 {
        let topic: &[u8] = if number % 3 == 0 { b"a" } else { b"b" };
        let rest = if number % 500 == 0 { &large[..] } else { &large[..10] };
        sent.push(message(&[topic, number.to_string().as_bytes(), rest]));
    }
    sent.push(message(&[b"end"]));
    for message in &sent {
        let frames: Vec<&[u8]> = message.iter().map(Vec::as_slice).collect();
        assert_eq!(upstream.send_within(&frames, DEADLINE).expect("send"), Sent::Sent);
    }
    let mut count = 0;
    while count < sent.len() {
        let batch = collect.recv(DEADLINE).expect("the thread runs").expect("messages");
        count += batch.len();
        forward(&publish, &batch.into());
    }
    let of_b: Vec<Message> = sent.iter().filter(|it| it[0] != b"a").cloned().collect();
    for (subscriber, expected) in [(&mut all, &sent), (&mut some, &of_b)] {
        for message in expected {
            assert!(subscriber.recv() == *message, "{:?}", &message[..message.len().min(2)]);
        }
    }
}

#[test]
fn forwarded_messages_and_own_ones_keep_their_order() {
    let (publish, endpoint) = publisher(Options::publisher());
    let mut subscriber = subscriber(Engine::Native, &endpoint, &["t"]);
    until("a subscriber", || publish.has_subscriber(b"t"));
    for number in 0..100_u8 {
        forward(&publish, &batch(&[&[b"t", &[number], b"1"], &[b"t", &[number], b"2"]]));
        publish.send_within(&[b"t", &[number], b"3"], DEADLINE).expect("send");
    }
    for number in 0..100_u8 {
        for part in [b"1", b"2", b"3"] {
            assert_eq!(subscriber.recv(), message(&[b"t", &[number], part]));
        }
    }
}

#[test]
fn a_group_without_room_stays_whole() {
    let options = Options { queue_messages: 10, queue_bytes: 1 << 16, ..Options::publisher() };
    let (publish, endpoint) = publisher(options);
    let stuck = RawPeer::subscribed(&endpoint, &[b"t"]);
    until("a subscriber", || publish.has_subscriber(b"t"));
    let body = vec![b'x'; 10_000];
    let full = (0..100_000).find_map(|_| {
        let mut group = group(&batch(&[&[b"t", &body], &[b"t", &body]]));
        let sent = publish.forward(&mut group, Duration::from_millis(100)).expect("forward");
        (sent == Sent::Full).then_some(group.len())
    });
    assert_eq!(full, Some(2));
    drop(stuck);
}

#[test]
fn the_owner_learns_of_prefixes_when_the_first_subscriber_comes_and_the_last_one_leaves() {
    let options = Options {
        track_changes: true,
        note: Some(|prefix| prefix.starts_with(b"mark")),
        ..Options::publisher()
    };
    let (publish, endpoint) = publisher(options);
    let changes = |count: usize| {
        let mut changes: Vec<(bool, Vec<u8>)> = Vec::new();
        until("changes", || {
            changes.extend(publish.take_changes().into_iter().map(|(on, it)| (on, it.to_vec())));
            changes.len() >= count
        });
        changes.sort();
        changes
    };
    publish.subscribe(b"own");
    assert!(publish.has_subscriber(b"own.x") && publish.subscribers(b"") == 1);
    assert_eq!(changes(1), [(true, b"own".to_vec())]);
    forward(&publish, &batch(&[&[b"own", b"1"], &[b"other", b"2"]]));
    until("one has no subscriber", || publish.unsubscribed() == 1);
    let first = subscriber(Engine::Native, &endpoint, &["a", "mark", "own"]);
    assert_eq!(changes(2), [(true, b"a".to_vec()), (true, b"mark".to_vec())]);
    let noted = publish.take_noted();
    assert_eq!((noted.len(), &*noted[0].prefix, noted[0].passed), (1, &b"mark"[..], 2));
    let second = subscriber(Engine::Libzmq, &endpoint, &["a", "b"]);
    assert_eq!(changes(1), [(true, b"b".to_vec())]);
    drop(first);
    assert_eq!(changes(1), [(false, b"mark".to_vec())]);
    drop(second);
    assert_eq!(changes(2), [(false, b"a".to_vec()), (false, b"b".to_vec())]);
    publish.unsubscribe(b"own");
    assert_eq!(changes(1), [(false, b"own".to_vec())]);
    assert!(!publish.has_subscriber(b"own.x"));
}
