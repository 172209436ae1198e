//! What happens to messages when a subscriber has no room, and at the end.

use std::io::Read;
use std::time::{Duration, Instant};

use zmtp::{Disconnect, EventKind, Options, Publisher, Sent, Subscriber, WhenFull};

use super::harness::{DEADLINE, Engine, Pub, Sub, address, message, until};
use super::hostile::{RawPeer, read_frame};

const ANY: &str = "tcp://127.0.0.1:*";

fn publisher(when_full: WhenFull) -> (Publisher, String) {
    let options =
        Options { queue_bytes: 64 << 10, queue_messages: 500, when_full, ..Options::publisher() };
    let publisher = Publisher::new(options).expect("socket");
    let endpoint = publisher.bind(&address(ANY)).expect("bind").to_string();
    (publisher, endpoint)
}

/// Reads messages of two frames until a body is `last`. Returns the bodies.
fn bodies(peer: &mut RawPeer, last: u32) -> Vec<u32> {
    let mut bodies = Vec::new();
    while bodies.last() != Some(&last) {
        let (flags, frame) = read_frame(&mut peer.0).expect("a frame");
        if flags & 5 == 0 {
            bodies.push(u32::from_be_bytes(*frame.first_chunk().expect("a number")));
        }
    }
    bodies
}

#[test]
fn drops_are_counted_exactly_for_each_subscriber_and_topic_and_others_lose_nothing() {
    let (publisher, endpoint) = publisher(WhenFull::Drop);
    let mut stopped = RawPeer::subscribed(&endpoint, &[b"a", b"b", b"end"]);
    let mut reading = Sub::new(Engine::Libzmq, &endpoint, &["a", "end"]);
    reading.connect(&endpoint);
    until("two subscribers", || {
        publisher.subscribers(b"a") == 2 && publisher.subscribers(b"end") == 2
    });
    let mut sent = [0_u64; 2];
    let body = vec![b'x'; 5000];
    // More than the system's buffers hold, too.
    for n in 0..8000_u32 {
        let topic: &[u8] = if n % 4 == 0 { b"b" } else { b"a" };
        sent[usize::from(n % 4 == 0)] += 1;
        let body = [&n.to_be_bytes()[..], &body].concat();
        assert_eq!(publisher.send_within(&[topic, &body], DEADLINE).expect("send"), Sent::Sent);
        if topic == b"a" {
            assert_eq!(reading.recv()[1][..4], n.to_be_bytes());
        }
    }
    let dropped = publisher.take_dropped();
    assert_eq!(dropped.len(), 1, "of one subscriber: {dropped:?}");
    let dropped: u64 = dropped[0]
        .topics
        .iter()
        .map(|(topic, count)| {
            assert!(**topic == *b"a" || **topic == *b"b");
            count
        })
        .sum();
    assert!(dropped > 0);
    // Once there is room, the last one arrives.
    let reader = std::thread::spawn(move || bodies(&mut stopped, u32::MAX));
    until("room", || publisher.peers().iter().all(|peer| peer.queued_messages == 0));
    publisher.send(&[b"end", &u32::MAX.to_be_bytes()]).expect("send");
    let received = reader.join().expect("a reader").len() as u64 - 1;
    assert_eq!(received + dropped, sent[0] + sent[1]);
}

#[test]
fn a_full_subscriber_blocks_the_publisher_and_nothing_is_lost() {
    let (publisher, endpoint) = publisher(WhenFull::Block);
    let mut stopped = RawPeer::subscribed(&endpoint, &[b"a"]);
    until("a subscriber", || publisher.has_subscriber(b"a"));
    let body = vec![b'x'; 5000];
    let mut sent = 0_u32;
    let start = Instant::now();
    loop {
        let body = [&sent.to_be_bytes()[..], &body].concat();
        let wait = Duration::from_millis(300);
        match publisher.send_within(&[b"a", &body], wait).expect("send") {
            Sent::Sent => sent += 1,
            Sent::Full => break,
        }
        assert!(start.elapsed() < DEADLINE, "never full");
    }
    let reader = std::thread::spawn(move || bodies(&mut stopped, u32::MAX));
    let last = u32::MAX.to_be_bytes();
    assert_eq!(publisher.send_within(&[b"a", &last], DEADLINE).expect("send"), Sent::Sent);
    assert_eq!(publisher.close(DEADLINE), Ok(()));
    let received = reader.join().expect("a reader");
    assert_eq!(received, (0..sent).chain([u32::MAX]).collect::<Vec<_>>());
}

#[test]
fn a_subscriber_that_stalls_is_cut_off_and_the_others_get_everything() {
    let (publisher, endpoint) = publisher(WhenFull::CutOff(Duration::from_millis(200)));
    let stopped = RawPeer::subscribed(&endpoint, &[b"a"]);
    let mut reading = Sub::new(Engine::Native, &endpoint, &["a"]);
    reading.connect(&endpoint);
    until("two subscribers", || publisher.subscribers(b"a") == 2);
    let body = vec![b'x'; 5000];
    for n in 0..4000_u32 {
        let body = [&n.to_be_bytes()[..], &body].concat();
        assert_eq!(publisher.send_within(&[b"a", &body], DEADLINE).expect("send"), Sent::Sent);
        assert_eq!(reading.recv()[1], body);
    }
    let stalled = EventKind::Disconnected(Disconnect::Stalled);
    assert!(publisher.events().try_iter().any(|event| event.kind == stalled));
    assert!(publisher.take_dropped()[0].unsent > 0);
    drop(stopped);
}

/// Linux tells what a peer has taken; elsewhere, the system makes room in larger steps.
#[cfg(target_os = "linux")]
#[test]
fn a_subscriber_that_takes_little_is_waited_for_until_it_takes_nothing() {
    const STALL: Duration = Duration::from_millis(400);
    let (publisher, endpoint) = publisher(WhenFull::CutOff(STALL));
    let mut slow = RawPeer::subscribed(&endpoint, &[b"a"]);
    until("a subscriber", || publisher.has_subscriber(b"a"));
    let body = vec![b'x'; 5000];
    let fill = || while publisher.send(&[b"a", &body]).expect("send") == Sent::Sent {};
    until("no room", || {
        fill();
        publisher.peers().first().is_some_and(|peer| peer.is_full)
    });
    // Far less than the system waits for before it takes more.
    let (start, mut read) = (Instant::now(), vec![0; 80 << 10]);
    let mut next = start;
    until("five times the limit", || {
        if Instant::now() >= next {
            slow.0.read_exact(&mut read).expect("bytes");
            next += STALL / 4;
        }
        fill();
        start.elapsed() > 5 * STALL
    });
    assert_eq!(publisher.subscribers(b"a"), 1);
    until("its end", || publisher.subscribers(b"a") == 0);
    let ended = publisher.take_dropped();
    let end = ended[0].end.as_ref().expect("an end");
    assert_eq!(end.why, Disconnect::Stalled);
    // The rest is in the systems' hands.
    let mut received = 0;
    while let Ok(count @ 1..) = slow.0.read(&mut read) {
        received += count;
    }
    assert!(received > 0 && ended[0].unsent > 0 && end.messages > ended[0].unsent);
}

#[test]
fn a_subscriber_that_stays_away_is_given_up_with_what_waits_for_it() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("tcp://{}", listener.local_addr().expect("its address"));
    let when_full = WhenFull::CutOff(Duration::from_millis(200));
    let options =
        Options { keep_absent: true, queue_bytes: 64 << 10, when_full, ..Options::publisher() };
    let publisher = Publisher::new(options).expect("socket");
    publisher.connect(&address(&endpoint));
    let mut peer = RawPeer::accepted(&listener, "SUB");
    peer.write(b"\x00\x02\x01a");
    until("a subscriber", || publisher.subscribers(b"a") == 1);
    drop(peer);
    until("its end", || publisher.subscribers(b"a") == 0);
    let body = vec![b'x'; 5000];
    for _ in 0..200 {
        assert_eq!(publisher.send_within(&[b"a", &body], DEADLINE).expect("send"), Sent::Sent);
    }
    let dropped: Vec<_> = publisher.take_dropped();
    let [.., given_up] = &dropped[..] else { panic!("nothing was told") };
    assert_eq!(given_up.end.as_ref().expect("an end").why, Disconnect::Stalled);
    until("the others", || given_up.unsent + publisher.unsubscribed() == 200);
    assert_eq!(publisher.close(DEADLINE), Ok(()));
}

#[test]
fn what_was_sent_before_the_close_arrives() {
    for engine in [Engine::Native, Engine::Libzmq] {
        let publisher = Publisher::new(Options::publisher()).expect("socket");
        let endpoint = publisher.bind(&address(ANY)).expect("bind").to_string();
        let mut subscriber = Sub::new(engine, &endpoint, &[""]);
        subscriber.connect(&endpoint);
        until("a subscriber", || publisher.has_subscriber(b""));
        let closing = std::thread::spawn(move || {
            for n in 0..50_000_u32 {
                let sent = publisher.send_within(&[b"", &n.to_be_bytes()], DEADLINE);
                assert_eq!(sent.expect("send"), Sent::Sent);
            }
            assert_eq!(publisher.close(DEADLINE), Ok(()));
        });
        for n in 0..50_000_u32 {
            assert_eq!(subscriber.recv(), message(&[b"", &n.to_be_bytes()]));
        }
        closing.join().expect("a publisher");
    }
}

#[test]
fn a_subscriber_that_takes_no_batches_stops_reading_and_loses_nothing() {
    let mut publisher = Pub::new(Engine::Native, "");
    let endpoint = publisher.bind(ANY);
    let subscriber = Subscriber::new(Options::subscriber(), &["t"]).expect("socket");
    subscriber.connect(&address(&endpoint));
    until("a subscription", || publisher.has(b"t"));
    let Pub::Native(native) = &publisher else { unreachable!() };
    let body = vec![b'x'; 1000];
    let mut sent = 0_u32;
    while native
        .send_within(&[b"t", &sent.to_be_bytes(), &body], Duration::from_millis(300))
        .expect("send")
        == Sent::Sent
    {
        sent += 1;
    }
    let mut received = 0_u32;
    until("all", || {
        while let Some(batch) = subscriber.recv(Duration::ZERO).expect("a thread") {
            for message in batch.messages() {
                assert_eq!(message.frames().nth(1), Some(&received.to_be_bytes()[..]));
                received += 1;
            }
        }
        received == sent
    });
}
