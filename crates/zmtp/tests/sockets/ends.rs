//! How connections end, and what is kept and told then.

use std::time::Duration;

use zmtp::{
    Disconnect, Dropped, EventKind, Options, PeerStatus, Publisher, Sent, Subscriber, WhenFull,
};

use super::harness::{DEADLINE, address, until};
use super::hostile::{LARGER_THAN_BUFFERS, RawPeer, read_frame, refuses_connections};

const ANY: &str = "tcp://127.0.0.1:*";

fn subscriber(endpoint: &str) -> Subscriber {
    let subscriber = Subscriber::new(Options::subscriber(), &["a"]).expect("socket");
    subscriber.bind(&address(endpoint)).expect("bind");
    subscriber
}

/// A publisher that connects to a subscriber which is there, and the subscriber's endpoint.
fn connected(keep_absent: bool) -> (Publisher, Subscriber, String) {
    let end_marker = Some(b"end"[..].into());
    let options = Options { keep_absent, end_marker, ..Options::publisher() };
    let publisher = Publisher::new(options).expect("socket");
    let subscriber = subscriber(ANY);
    let endpoint = subscriber.endpoints()[0].address.to_string();
    publisher.connect(&address(&endpoint));
    until("a subscriber", || publisher.subscribers(b"a") == 1);
    (publisher, subscriber, endpoint)
}

/// Sends until there is no room, as a subscriber beside `reading` does not read. Returns how many
/// messages, and how many `reading` has received of them.
fn send_until_full(publisher: &Publisher, reading: &Subscriber) -> (usize, usize) {
    let mut body = vec![b'x'; LARGER_THAN_BUFFERS];
    let (mut sent, mut received) = (0, 0);
    while publisher.send_within(&[b"a", &body], Duration::from_millis(300)).expect("send")
        == Sent::Sent
    {
        sent += 1;
        body.truncate(5000);
        while let Some(batch) = reading.recv(Duration::ZERO).expect("a thread") {
            received += batch.len();
        }
    }
    (sent, received)
}

/// Whether the owner has given up the address.
fn given_up(dropped: &Dropped) -> bool {
    dropped.end.as_ref().is_some_and(|end| end.why == Disconnect::Local)
}

fn bodies(subscriber: &Subscriber, count: usize) -> Vec<u32> {
    let mut bodies = Vec::new();
    until("all messages", || {
        if let Some(batch) = subscriber.recv(Duration::from_millis(10)).expect("a thread") {
            bodies.extend(batch.messages().filter_map(|message| {
                let body = message.frames().nth(1)?;
                Some(u32::from_be_bytes(body.try_into().ok()?))
            }));
        }
        bodies.len() >= count
    });
    bodies
}

#[test]
fn messages_for_a_subscriber_that_is_away_wait_for_it_and_so_does_the_end() {
    let (publisher, first, endpoint) = connected(true);
    first.close(DEADLINE);
    until("it is absent", || publisher.subscribers(b"a") == 0);
    assert!(publisher.has_subscriber(b"a"), "it is expected back");
    for n in 0..100_u32 {
        publisher.send(&[b"a", &n.to_be_bytes()]).expect("send");
    }
    let closing = std::thread::spawn(move || publisher.close(DEADLINE));
    let second = subscriber(&endpoint);
    assert_eq!(bodies(&second, 100), (0..100).collect::<Vec<_>>());
    assert_eq!(closing.join().expect("no panic"), Ok(()));
}

#[test]
fn a_subscriber_that_stays_away_is_told_at_the_end_and_nothing_waits_after_a_disconnect() {
    // Often, as the thread may pass the message on before it disconnects or in the same turn.
    for disconnects in std::iter::once(false).chain([true; 50]) {
        let (publisher, subscriber, endpoint) = connected(true);
        drop(subscriber);
        until("it is absent", || publisher.subscribers(b"a") == 0);
        publisher.send(&[b"a", &[0; 4]]).expect("send");
        if disconnects {
            publisher.disconnect(&address(&endpoint));
            until("it is forgotten", || !publisher.has_subscriber(b"a"));
            let lost: Vec<_> = publisher.take_dropped().into_iter().filter(given_up).collect();
            assert_eq!((lost.len(), lost[0].unsent), (1, 1), "{lost:?}");
            assert_eq!(lost[0].endpoint.to_string(), endpoint);
            assert_eq!(publisher.close(DEADLINE), Ok(()), "nothing waits");
            continue;
        }
        let lacking = publisher.close(Duration::from_millis(50)).expect_err("it is absent");
        assert_eq!(lacking.len(), 1);
        assert_eq!((lacking[0].endpoint.to_string(), lacking[0].queued_messages), (endpoint, 1));
    }
}

#[test]
fn subscriptions_end_with_the_connection_unless_they_are_kept_and_after_cancels_always() {
    for (keep_absent, cancels, is_kept) in
        [(false, false, false), (true, true, false), (true, false, true)]
    {
        let (publisher, subscriber, _) = connected(keep_absent);
        if cancels {
            subscriber.unsubscribe(b"a");
        }
        subscriber.close(DEADLINE);
        until("it is absent", || publisher.endpoints()[0].peers == 0);
        until("it is known", || publisher.has_subscriber(b"a") == is_kept);
    }
}

#[test]
fn an_end_is_told_with_the_messages_before_it_and_whether_it_was_announced() {
    for announces in [true, false] {
        let (publisher, subscriber, _) = connected(false);
        publisher.send(&[b"a", &[0; 4]]).expect("send");
        bodies(&subscriber, 1);
        if announces {
            subscriber.subscribe(b"end");
            until("it is announced", || publisher.has_subscription(b"end"));
        }
        subscriber.close(DEADLINE);
        let mut ended = Vec::new();
        until("an end", || {
            ended.extend(publisher.take_dropped());
            !ended.is_empty()
        });
        let end = ended[0].end.as_ref().expect("its end");
        assert_eq!((end.messages, end.was_announced), (1, announces));
        assert_eq!(end.why, Disconnect::Closed);
    }
}

#[test]
fn the_subscriber_that_did_not_read_is_told_at_the_end_and_the_others_get_everything() {
    let options =
        Options { queue_bytes: 100_000, when_full: WhenFull::Block, ..Options::publisher() };
    let publisher = Publisher::new(options).expect("socket");
    let endpoint = publisher.bind(&address(ANY)).expect("bind").to_string();
    let stopped = RawPeer::subscribed(&endpoint, &[b"a"]);
    let reading = Subscriber::new(Options::subscriber(), &["a"]).expect("socket");
    reading.connect(&address(&endpoint));
    until("two subscribers", || publisher.subscribers(b"a") == 2);
    let (sent, mut received) = send_until_full(&publisher, &reading);
    until("it is full", || publisher.peers().iter().any(|peer| peer.is_full));
    publisher.events().try_iter().for_each(drop);
    let all = std::thread::spawn(move || {
        until("what waited for the other one", || {
            let batch = reading.recv(Duration::from_millis(10)).expect("a thread");
            received += batch.map_or(0, |batch| batch.len());
            received >= sent
        });
        received
    });
    let lacking = publisher.close(Duration::from_millis(300)).expect_err("one does not read");
    assert_eq!(lacking.len(), 1, "{lacking:?}");
    assert!(lacking[0].queued_messages > 0 && lacking[0].queued_messages <= sent);
    assert_eq!(all.join().expect("no panic"), sent);
    drop(stopped);
}

#[test]
fn closing_tells_a_subscriber_that_disconnects_with_unsent_messages_unless_it_announced_that() {
    for cancels in [false, true] {
        let publisher = Publisher::new(Options::publisher()).expect("socket");
        let endpoint = publisher.bind(&address(ANY)).expect("bind").to_string();
        let mut stopped = RawPeer::subscribed(&endpoint, &[b"a"]);
        until("a subscriber", || publisher.has_subscriber(b"a"));
        publisher.send(&[b"a", &vec![b'x'; LARGER_THAN_BUFFERS]]).expect("send");
        until("a queued message", || publisher.peers()[0].queued_messages == 1);
        if cancels {
            stopped.write(b"\x00\x02\x00a");
            until("a cancel", || !publisher.has_subscriber(b"a"));
        }
        let closing = std::thread::spawn(move || publisher.close(DEADLINE));
        refuses_connections(&endpoint);
        drop(stopped);
        let lacking = closing.join().expect("no panic").err().unwrap_or_default();
        let queued: Vec<usize> = lacking.iter().map(|peer| peer.queued_messages).collect();
        assert_eq!(queued, if cancels { vec![] } else { vec![1] });
    }
}

#[test]
fn a_subscriber_whose_queue_has_no_room_in_bytes_is_full() {
    let options = Options { queue_bytes: 1000, when_full: WhenFull::Drop, ..Options::publisher() };
    let publisher = Publisher::new(options).expect("socket");
    let endpoint = publisher.bind(&address(ANY)).expect("bind").to_string();
    let stopped = RawPeer::subscribed(&endpoint, &[b"a"]);
    until("a subscriber", || publisher.has_subscriber(b"a"));
    assert!(!publisher.peers()[0].is_full);
    publisher.send(&[b"a", &vec![b'x'; LARGER_THAN_BUFFERS]]).expect("send");
    until("it is full", || publisher.peers()[0].is_full);
    drop(stopped);
}

#[test]
fn what_waited_for_the_subscriber_of_an_address_that_is_given_up_is_passed_on_at_once() {
    for is_absent in [false, true] {
        // Timed work would wake the thread.
        let hour = Duration::from_secs(3600);
        let rare = |options| Options {
            handshake: hour,
            dead_after: hour,
            reconnect: hour,
            reconnect_max: hour,
            ..options
        };
        let options = Options { queue_bytes: 100_000, keep_absent: true, ..Options::publisher() };
        let publisher = Publisher::new(rare(options)).expect("socket");
        let reading = Subscriber::new(rare(Options::subscriber()), &["a"]).expect("socket");
        reading.connect(&publisher.bind(&address(ANY)).expect("bind"));
        let (endpoint, stopped) = if is_absent {
            let absent = subscriber(ANY);
            let endpoint = absent.endpoints()[0].address.clone();
            publisher.connect(&endpoint);
            until("two subscribers", || publisher.subscribers(b"a") == 2);
            drop(absent);
            until("it is absent", || publisher.subscribers(b"a") == 1);
            (endpoint, None)
        } else {
            let endpoint = publisher.bind(&address(ANY)).expect("bind");
            let stopped = RawPeer::subscribed(&endpoint.to_string(), &[b"a"]);
            until("two subscribers", || publisher.subscribers(b"a") == 2);
            (endpoint, Some(stopped))
        };
        let (sent, received) = send_until_full(&publisher, &reading);
        let mut waiting = sent - received;
        let mut read = || {
            let batch = reading.recv(Duration::from_millis(50)).expect("a thread");
            let count = batch.map_or(0, |batch| batch.len());
            waiting -= count;
            (count, waiting)
        };
        let has_all = |peer: &PeerStatus| peer.is_full || peer.queued_messages == 0;
        until("the other one has all", || read().0 == 0 && publisher.peers().iter().all(has_all));
        assert!(read().1 > 0);
        match is_absent {
            true => publisher.disconnect(&endpoint),
            false => publisher.unbind(&endpoint),
        }
        until("what waited", || read().1 == 0);
        drop(stopped);
    }
}

#[test]
fn an_address_that_nobody_has_bound_is_unreachable_and_a_stranger_fails_the_handshake() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = listener.local_addr().expect("its address");
    let publisher = Publisher::new(Options::publisher()).expect("socket");
    publisher.connect(&address(&format!("tcp://{taken}")));
    let stranger = listener.accept().expect("a connection");
    drop(stranger);
    let next = |wanted: fn(&EventKind) -> bool| {
        until("an event", || publisher.events().try_iter().any(|event| wanted(&event.kind)));
    };
    next(|kind| matches!(kind, EventKind::Failed(Disconnect::Closed | Disconnect::Io(_))));
    drop(listener);
    next(|kind| matches!(kind, EventKind::Unreachable(_)));
}

/// Sends numbers until there is no room for a second. Returns how many the engine took.
fn send_numbers_until_full(publisher: &Publisher) -> u64 {
    let mut sent = 0_u64;
    let body = [b'x'; 2000];
    while publisher
        .send_within(&[b"a", &sent.to_be_bytes(), &body], Duration::from_millis(500))
        .expect("send")
        == Sent::Sent
    {
        sent += 1;
    }
    sent
}

/// The number of messages that arrive until nothing more is to be sent.
fn read_all(peer: &mut RawPeer, publisher: &Publisher) -> u64 {
    let mut received = 0;
    let is_idle = || publisher.peers().iter().all(|peer| peer.queued_messages == 0);
    peer.0.set_read_timeout(Some(Duration::from_millis(300))).expect("a time-out");
    loop {
        match read_frame(&mut peer.0) {
            Ok((flags, _)) => received += u64::from(flags & 5 == 0),
            Err(_) if is_idle() => return received,
            Err(_) => {}
        }
    }
}

#[test]
fn each_message_for_a_subscriber_that_blocks_and_leaves_is_written_told_or_had_no_subscriber() {
    for leaves in ["cancels and reads", "cancels and closes", "closes"] {
        let options = Options {
            queue_bytes: 64 << 10,
            when_full: WhenFull::Block,
            end_marker: Some(b"end"[..].into()),
            ..Options::publisher()
        };
        let publisher = Publisher::new(options).expect("socket");
        let endpoint = publisher.bind(&address(ANY)).expect("bind").to_string();
        let mut peer = RawPeer::subscribed(&endpoint, &[b"a"]);
        until("a subscriber", || publisher.has_subscriber(b"a"));
        // More than its queue takes: some wait for room.
        let sent = send_numbers_until_full(&publisher);
        let cancels = leaves != "closes";
        if cancels {
            peer.write(b"\x00\x02\x00a");
            until("a cancel", || !publisher.has_subscriber(b"a"));
        }
        let received = match leaves {
            "cancels and reads" => read_all(&mut peer, &publisher),
            _ => 0,
        };
        drop(peer);
        let mut ended = Vec::new();
        until("its end", || {
            ended.extend(publisher.take_dropped());
            !ended.is_empty()
        });
        let (counts, unsent) = (publisher.counts(), ended[0].unsent);
        assert_eq!(publisher.close(DEADLINE), Ok(()));
        let end = ended[0].end.as_ref().expect("an end");
        assert_eq!(end.messages + counts.unsubscribed(), sent, "{leaves}");
        assert!(counts.unsubscribed() > 0, "{leaves}");
        assert_eq!(counts.left(), if cancels { unsent } else { 0 }, "{leaves}");
        match leaves {
            "cancels and reads" => assert_eq!((received, unsent), (end.messages, 0)),
            _ => assert!(unsent > 0, "{leaves}"),
        }
    }
}

#[test]
fn messages_that_are_kept_for_a_subscriber_count_for_its_next_connection() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("tcp://{}", listener.local_addr().expect("its address"));
    let options = Options { keep_absent: true, queue_bytes: 64 << 10, ..Options::publisher() };
    let publisher = Publisher::new(options).expect("socket");
    publisher.connect(&address(&endpoint));
    let mut peer = RawPeer::accepted(&listener, "SUB");
    peer.write(b"\x00\x02\x01a");
    until("a subscriber", || publisher.subscribers(b"a") == 1);
    let sent = send_numbers_until_full(&publisher);
    drop(peer);
    let mut ended = Vec::new();
    until("its end", || {
        ended.extend(publisher.take_dropped());
        !ended.is_empty()
    });
    let mut peer = RawPeer::accepted(&listener, "SUB");
    peer.write(b"\x00\x02\x01a");
    let received = read_all(&mut peer, &publisher);
    drop(peer);
    until("another end", || {
        ended.extend(publisher.take_dropped());
        ended.len() == 2
    });
    let of = |at: usize| ended[at].end.as_ref().expect("an end").messages;
    assert!(received > 0);
    assert_eq!((of(0) + of(1), of(1)), (sent, received));
}

#[test]
fn a_peer_that_sends_without_end_does_not_keep_a_socket_open() {
    let publisher = Publisher::new(Options::publisher()).expect("socket");
    let endpoint = publisher.bind(&address(ANY)).expect("bind").to_string();
    let peer = RawPeer::subscribed(&endpoint, &[b"a"]);
    until("a subscriber", || publisher.has_subscriber(b"a"));
    let mut writer = peer.0.try_clone().expect("a clone");
    let writing = std::thread::spawn(move || {
        let pings = b"\x04\x07\x04PING\0\0".repeat(1000);
        let mut written = 0;
        while std::io::Write::write_all(&mut writer, &pings).is_ok() {
            written += pings.len();
        }
        written
    });
    // Its answers stop with the end.
    let reading = std::thread::spawn(move || std::io::copy(&mut &peer.0, &mut std::io::sink()));
    assert_eq!(publisher.close(DEADLINE), Ok(()));
    let _ = reading.join().expect("a reader");
    let written = writing.join().expect("a writer");
    // What the systems of both sides hold, and the limit. In a second it would be much more.
    assert!(written < 64 << 20, "{written}");
}
