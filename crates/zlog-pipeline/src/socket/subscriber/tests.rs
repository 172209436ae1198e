use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Instant;

use super::*;
use crate::socket::testing::{
    DEADLINE, STEP, bind, bound_again, connect, own_address, publisher, subscriber, take, until,
    wait_for_subscribers,
};
use crate::socket::{ConnectionState, CutOff, Engine, EventKind, Publisher, SocketOptions};
use zlog_core::Error;

/// Batches that an engine queues for the caller.
const BATCHES: usize = 8;

/// Publishes until the subscriber receives a message.
fn until_received(publisher: &mut Publisher, subscriber: &mut Subscriber) {
    until("a message arrives", || {
        publisher.process_events();
        publisher.send(b"app", b"hello").expect("send");
        subscriber.recv(STEP, &mut |_, _| Ok(ControlFlow::Continue(()))).expect("no error")
    });
}

fn until_state(subscriber: &mut Subscriber, wanted: impl Fn(&ConnectionState) -> bool) {
    until("the endpoint is in the wanted state", || {
        subscriber.recv(STEP, &mut |_, _| Ok(ControlFlow::Continue(()))).expect("no error");
        wanted(&subscriber.endpoint_status()[0].state)
    });
}

#[test]
fn delivery_stops_when_the_caller_breaks_and_continues_from_there() {
    let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
    let mut subscriber = subscriber(&endpoint, &[""]);
    wait_for_subscribers(&mut publisher, 1);
    for n in 0..10 {
        publisher.send(b"t", n.to_string().as_bytes()).expect("send");
    }
    assert_eq!(take(&mut subscriber, 3), ["t|0", "t|1", "t|2"]);
    assert_eq!(take(&mut subscriber, 7)[6], "t|9");
}

#[test]
fn an_error_of_the_sink_loses_no_other_message() {
    let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
    let mut subscriber = subscriber(&endpoint, &[""]);
    subscriber.ignore_wakeups();
    wait_for_subscribers(&mut publisher, 1);
    for n in 0..3 {
        publisher.send(b"t", n.to_string().as_bytes()).expect("send");
    }
    let failed = subscriber.recv(DEADLINE, &mut |_, _| Err(Error::new("disk full")));
    assert!(failed.is_err());
    assert_eq!(take(&mut subscriber, 2), ["t|1", "t|2"]);
}

#[test]
fn a_wake_message_ends_the_wait_and_a_closed_wake_channel_does_not() {
    let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
    let mut subscriber = subscriber(&endpoint, &[""]);
    subscriber.ignore_wakeups();
    wait_for_subscribers(&mut publisher, 1);
    let (word, words) = crossbeam_channel::bounded(1);
    subscriber.wake_by(words);
    word.send(()).expect("room");
    let mut poll =
        |wait| subscriber.recv(wait, &mut |_, _| Ok(ControlFlow::Continue(()))).expect("no error");
    let begun = Instant::now();
    assert!(!poll(DEADLINE));
    assert!(begun.elapsed() < DEADLINE);
    drop(word);
    assert!(!poll(STEP));
    publisher.send(b"t", b"after").expect("send");
    assert!(poll(DEADLINE));
}

#[test]
fn frames_beyond_the_eighth_are_dropped_and_counted() {
    let context = zmq::Context::new();
    let sender = context.socket(zmq::XPUB).expect("socket");
    sender.set_linger(0).expect("linger");
    sender.bind("tcp://127.0.0.1:*").expect("bind");
    let endpoint = sender.get_last_endpoint().expect("endpoint").expect("text");
    let mut subscriber = subscriber(&endpoint, &[""]);
    sender.recv_bytes(0).expect("subscription");
    sender.send_multipart(["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"], 0).expect("send");
    sender.send_multipart(["one frame"], 0).expect("send");
    assert_eq!(take(&mut subscriber, 2), ["1|2|3|4|5|6|7|8", "one frame"]);
    assert_eq!(subscriber.frames_cut(), 2);
}

#[test]
fn topics_can_be_added_and_removed_while_receiving() {
    let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
    let mut subscriber = subscriber(&endpoint, &["a"]);
    wait_for_subscribers(&mut publisher, 1);
    subscriber.subscribe(b"b");
    subscriber.subscribe(b"b");
    subscriber.unsubscribe(b"a");
    until("both changes have arrived", || {
        publisher.wait_for(9, STEP, "", &|| false);
        publisher.has_subscriber(b"b") && !publisher.has_subscriber(b"a")
    });
    publisher.send(b"a", b"").expect("send");
    publisher.send(b"b", b"").expect("send");
    assert_eq!(take(&mut subscriber, 1), ["b|"]);
}

#[test]
fn a_publisher_that_starts_later_or_restarts_is_connected_to() {
    let first = Publisher::open(&[bind(&own_address())], &SocketOptions::publisher());
    let endpoint = first.expect("bind").bound()[0].clone();
    let mut subscriber = subscriber(&endpoint, &[""]);
    for _ in 0..2 {
        until_state(&mut subscriber, |state| *state == ConnectionState::NotConnected);
        let options = SocketOptions::publisher();
        let mut publisher = bound_again(|| Publisher::open(&[bind(&endpoint)], &options));
        until_received(&mut publisher, &mut subscriber);
        until_state(&mut subscriber, |state| *state == ConnectionState::Connected);
    }
}

#[test]
fn a_peer_that_sends_garbage_is_explained_and_a_valid_one_after_it_is_received() {
    let address = own_address().replace("tcp://", "");
    let listener = TcpListener::bind(address).expect("listen");
    let endpoint = format!("tcp://{}", listener.local_addr().expect("address"));
    let stranger = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("accept");
        // The greeting of ZMTP 3, with an unknown mechanism.
        let mut greeting = [0u8; 64];
        greeting[0] = 0xff;
        greeting[9] = 0x7f;
        greeting[10] = 3;
        greeting[12..17].copy_from_slice(b"BOGUS");
        stream.write_all(&greeting).expect("write");
        // Until the other side disconnects.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let mut subscriber = subscriber(&endpoint, &[""]);
    until_state(&mut subscriber, |state| matches!(state, ConnectionState::HandshakeRefused(_)));
    stranger.join().expect("no panic");
    let options = SocketOptions::publisher();
    let mut publisher = bound_again(|| Publisher::open(&[bind(&endpoint)], &options));
    until_received(&mut publisher, &mut subscriber);
    let reconnected = subscriber.events().iter().any(|it| it.kind == EventKind::Reconnected);
    let is_libzmq = Engine::of_tests() == Engine::Libzmq;
    assert_eq!(reconnected, is_libzmq, "an engine that does it by itself needs no workaround");
}

#[test]
fn a_peer_that_speaks_another_protocol_is_explained() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let endpoint = format!("tcp://{}", listener.local_addr().expect("address"));
    let stranger = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("accept");
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").expect("write");
    });
    let mut subscriber = subscriber(&endpoint, &[""]);
    until_state(&mut subscriber, |state| matches!(state, ConnectionState::HandshakeRefused(_)));
    stranger.join().expect("no panic");
}

#[test]
fn the_connection_is_reopened_after_a_frame_that_is_too_large() {
    let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
    let options = SocketOptions { max_message: 4096, ..SocketOptions::subscriber() };
    let mut subscriber =
        Subscriber::open(&[connect(&endpoint)], &["app"], &options).expect("subscriber");
    wait_for_subscribers(&mut publisher, 1);
    publisher.send(b"app", &[b'x'; 10_000]).expect("send");
    let ended = [ConnectionState::NotConnected, ConnectionState::CutOff];
    until_state(&mut subscriber, |state| ended.contains(state));
    until_received(&mut publisher, &mut subscriber);
    let expected = match Engine::of_tests() {
        Engine::Libzmq => EventKind::Reconnected,
        Engine::Native => EventKind::CutOff(CutOff::TooLarge),
    };
    assert!(subscriber.events().iter().any(|event| event.kind == expected));
}

#[test]
fn a_bound_subscriber_still_subscribes_while_its_caller_is_busy() {
    let busy = Subscriber::open(&[bind("tcp://127.0.0.1:0")], &[""], &SocketOptions::subscriber())
        .expect("subscriber");
    let endpoint = busy.bound()[0].clone();
    let options = SocketOptions { hwm: 10, ..SocketOptions::publisher() };
    let open = || Publisher::open(&[connect(&endpoint)], &options).expect("publisher");
    let mut first = open();
    wait_for_subscribers(&mut first, 1);
    // More than the subscriber queues for its caller, who reads nothing.
    for _ in 0..BATCHES + 2 {
        first.send(b"t", &vec![0; 2 << 20]).expect("send");
    }
    wait_for_subscribers(&mut open(), 1);
}

#[test]
fn dropping_a_subscriber_with_undelivered_batches_does_not_wait() {
    let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
    let mut subscriber = subscriber(&endpoint, &[""]);
    wait_for_subscribers(&mut publisher, 1);
    for _ in 0..BATCHES + 4 {
        publisher.send(b"t", &vec![0; 2 << 20]).expect("send");
    }
    take(&mut subscriber, 1);
    let start = Instant::now();
    drop(subscriber);
    assert!(start.elapsed() < DEADLINE / 4);
}

#[test]
fn bound_and_connected_endpoints_over_tcp_and_ipc_can_be_mixed() {
    let directory = tempfile::tempdir().expect("directory");
    let ipc = format!("ipc://{}", directory.path().join("s.sock").display());
    let (mut first, tcp) = publisher(&SocketOptions::publisher());
    let endpoints = [connect(&tcp), bind(&ipc)];
    let mut subscriber =
        Subscriber::open(&endpoints, &[""], &SocketOptions::subscriber()).expect("subscriber");
    let mut second =
        Publisher::open(&[connect(&ipc)], &SocketOptions::publisher()).expect("publisher");
    wait_for_subscribers(&mut first, 1);
    wait_for_subscribers(&mut second, 1);
    first.send(b"t", b"tcp").expect("send");
    assert_eq!(take(&mut subscriber, 1), ["t|tcp"]);
    second.send(b"t", b"ipc").expect("send");
    assert_eq!(take(&mut subscriber, 1), ["t|ipc"]);
    until("both endpoints are connected", || {
        subscriber.recv(STEP, &mut |_, _| Ok(ControlFlow::Continue(()))).expect("no error");
        subscriber.endpoint_status().iter().all(|link| link.state == ConnectionState::Connected)
    });
}

#[test]
fn an_unknown_host_is_reported() {
    let subscriber = subscriber("tcp://host.invalid:5555", &[""]);
    assert!(subscriber.endpoint_status()[0].unresolved.is_some());
    until("it is reported", || {
        std::thread::yield_now();
        subscriber.events().iter().any(|event| matches!(event.kind, EventKind::Unresolved(_)))
    });
}

#[test]
fn a_high_water_mark_of_one_still_subscribes_to_every_topic() {
    let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
    let topics: Vec<String> = (0..3000).map(|n| format!("t{n}.")).collect();
    let options = SocketOptions { hwm: 1, ..SocketOptions::subscriber() };
    let mut subscriber =
        Subscriber::open(&[connect(&endpoint)], &topics, &options).expect("subscriber");
    until("all topics have a subscriber", || {
        publisher.wait_for(9, STEP, "", &|| false);
        topics.iter().all(|topic| publisher.has_subscriber(topic.as_bytes()))
    });
    for topic in &topics {
        publisher.send(topic.as_bytes(), b"x").expect("send");
    }
    let expected: Vec<String> = topics.iter().map(|topic| format!("{topic}|x")).collect();
    assert_eq!(take(&mut subscriber, topics.len()), expected);
}
