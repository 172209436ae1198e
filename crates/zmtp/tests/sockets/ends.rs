//! How connections end, and what is kept and told then.

use std::time::Duration;

use zmtp::{
    Disconnect, Dropped, EventKind, Options, PeerStatus, Publisher, Sent, Subscriber, WhenFull,
};

use super::harness::{DEADLINE, address, until};
use super::hostile::{LARGER_THAN_BUFFERS, RawPeer, refuses_connections};

const ANY: &str = "tcp://127.0.0.1:*";

fn subscriber(endpoint: &str) -> Subscriber {
    let subscriber = Subscriber::new(Options::subscriber(), &["a"]).expect("socket");
    subscriber.bind(&address(endpoint)).expect("bind");
    subscriber
}

/// A publisher that connects to a subscriber which is there, and the subscriber's endpoint.
fn connected(keep_away: bool) -> (Publisher, Subscriber, String) {
    let end_marker = Some(b"end"[..].into());
    let options = Options { keep_away, end_marker, ..Options::publisher() };
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
    until("it is away", || publisher.subscribers(b"a") == 0);
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
        until("it is away", || publisher.subscribers(b"a") == 0);
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
        let lacking = publisher.close(Duration::from_millis(50)).expect_err("it is away");
        assert_eq!(lacking.len(), 1);
        assert_eq!((lacking[0].endpoint.to_string(), lacking[0].queued_messages), (endpoint, 1));
    }
}

#[test]
fn subscriptions_end_with_the_connection_unless_they_are_kept_and_after_cancels_always() {
    for (keep_away, cancels, is_kept) in
        [(false, false, false), (true, true, false), (true, false, true)]
    {
        let (publisher, subscriber, _) = connected(keep_away);
        if cancels {
            subscriber.unsubscribe(b"a");
        }
        subscriber.close(DEADLINE);
        until("it is away", || publisher.endpoints()[0].peers == 0);
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
    for is_away in [false, true] {
        // Timed work would wake the thread.
        let hour = Duration::from_secs(3600);
        let rare = |options| Options {
            handshake: hour,
            dead_after: hour,
            reconnect: hour,
            reconnect_max: hour,
            ..options
        };
        let options = Options { queue_bytes: 100_000, keep_away: true, ..Options::publisher() };
        let publisher = Publisher::new(rare(options)).expect("socket");
        let reading = Subscriber::new(rare(Options::subscriber()), &["a"]).expect("socket");
        reading.connect(&publisher.bind(&address(ANY)).expect("bind"));
        let (endpoint, stopped) = if is_away {
            let away = subscriber(ANY);
            let endpoint = away.endpoints()[0].address.clone();
            publisher.connect(&endpoint);
            until("two subscribers", || publisher.subscribers(b"a") == 2);
            drop(away);
            until("it is away", || publisher.subscribers(b"a") == 1);
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
        match is_away {
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
