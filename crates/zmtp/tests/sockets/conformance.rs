//! What a publisher and a subscriber do together, whichever of them is native.

use zmtp::Security;

use super::harness::{
    Addresses, Engine, PAIRS, Pub, Sub, connected, curve, free_address, message, until, wait_for,
};

/// No security, and CURVE with either side as the server.
fn securities() -> [(Security, Security); 3] {
    let (server, client) = curve();
    [(Security::Null, Security::Null), (server.clone(), client.clone()), (client, server)]
}

/// Runs `test` for each pair of engines, transport, way of connecting and security. CURVE is the
/// same over all transports.
fn for_all(topics: &[&str], mut test: impl FnMut(&mut Pub, &mut Sub)) {
    for pair in PAIRS {
        let addresses = Addresses::new();
        for endpoint in addresses.all() {
            for (publisher_binds, security) in
                [true, false].into_iter().flat_map(|binds| securities().map(|it| (binds, it)))
            {
                if security.0 != Security::Null && !endpoint.contains("127.0.0.1") {
                    continue;
                }
                println!("{pair:?} {endpoint}, {security:?}, publisher binds: {publisher_binds}");
                let (mut publisher, mut subscriber) =
                    connected(pair, &endpoint, publisher_binds, topics, security);
                test(&mut publisher, &mut subscriber);
            }
        }
    }
}

#[test]
fn frames_of_all_sizes_arrive_whole_and_in_order() {
    let sizes = [0, 1, 254, 255, 256, 257, 65_535, 65_536, 262_144, 1 << 20, 3 << 20];
    for_all(&["t"], |publisher, subscriber| {
        for size in sizes {
            publisher.send(&[b"t", &vec![b'x'; size], b""]);
        }
        for size in sizes {
            let received = subscriber.recv();
            assert_eq!(received.len(), 3);
            assert!(received[1].len() == size && received[1].iter().all(|byte| *byte == b'x'));
        }
    });
}

#[test]
fn a_frame_of_64_mb_arrives() {
    let body: Vec<u8> = (0..64_u32 << 20).map(|n| n as u8).collect();
    for (pair, security) in PAIRS.into_iter().flat_map(|it| securities().map(|also| (it, also))) {
        let (publisher, mut subscriber) =
            connected(pair, "tcp://127.0.0.1:*", true, &[""], security);
        publisher.send(&[b"", &body]);
        publisher.send(&[b"next"]);
        assert!(subscriber.recv()[1] == body);
        assert_eq!(subscriber.recv(), message(&[b"next"]));
    }
}

#[test]
fn many_small_messages_arrive_in_order() {
    for_all(&["n."], |publisher, subscriber| {
        for n in 0..20_000_u32 {
            publisher.send(&[b"n.x", &n.to_be_bytes()]);
        }
        for n in 0..20_000_u32 {
            assert_eq!(subscriber.recv(), message(&[b"n.x", &n.to_be_bytes()]));
        }
    });
}

#[test]
fn messages_of_one_and_of_256_frames_arrive() {
    for_all(&["t"], |publisher, subscriber| {
        let frames: Vec<Vec<u8>> = (0..256_u16).map(|n| n.to_be_bytes().to_vec()).collect();
        let mut many: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
        many[0] = b"t";
        publisher.send(&[b"t"]);
        publisher.send(&many);
        assert_eq!(subscriber.recv(), message(&[b"t"]));
        assert_eq!(subscriber.recv(), message(&many));
    });
}

#[test]
fn overlapping_and_duplicate_subscriptions_deliver_each_message_once() {
    for_all(&["a", "a.b", "a"], |publisher, subscriber| {
        subscriber.subscribe("a.b");
        for topic in ["a.b.c", "b", "a", "", "ab"] {
            publisher.send(&[topic.as_bytes(), b"body"]);
        }
        let topics: Vec<_> = (0..3).map(|_| subscriber.recv().swap_remove(0)).collect();
        assert_eq!(topics, [&b"a.b.c"[..], b"a", b"ab"]);
    });
}

#[test]
fn subscriptions_change_while_connected() {
    for_all(&["end"], |publisher, subscriber| {
        subscriber.subscribe("x.");
        wait_for(publisher, subscriber, "x.");
        publisher.send(&[b"x.2"]);
        assert_eq!(subscriber.recv(), message(&[b"x.2"]));
        subscriber.unsubscribe("x.");
        until("a cancel", || !publisher.has(b"x."));
        publisher.send(&[b"x.3"]);
        publisher.send(&[b"end"]);
        assert_eq!(subscriber.recv(), message(&[b"end"]));
    });
}

#[test]
fn either_side_may_start_first_and_restart() {
    for (publisher_engine, subscriber_engine) in PAIRS {
        for publisher_binds in [true, false] {
            let endpoint = free_address();
            let start_publisher = || {
                let publisher = Pub::new(publisher_engine, &endpoint);
                match publisher_binds {
                    true => drop(publisher.bind(&endpoint)),
                    false => publisher.connect(&endpoint),
                }
                publisher
            };
            let start_subscriber = || {
                let subscriber = Sub::new(subscriber_engine, &endpoint, &["t"]);
                match publisher_binds {
                    true => subscriber.connect(&endpoint),
                    false => drop(subscriber.bind(&endpoint)),
                }
                subscriber
            };
            // The subscriber first, then a new publisher, then a new subscriber.
            let mut subscriber = start_subscriber();
            for round in 0..3_u8 {
                let mut publisher = start_publisher();
                wait_for(&mut publisher, &subscriber, "t");
                publisher.send(&[b"t", &[round]]);
                assert_eq!(subscriber.recv(), message(&[b"t", &[round]]));
                drop(subscriber);
                // libzmq keeps the subscriptions of a peer that it connects to.
                if publisher_engine == Engine::Native || publisher_binds {
                    until("the end", || !publisher.has(b"t"));
                }
                subscriber = start_subscriber();
                wait_for(&mut publisher, &subscriber, "t");
                publisher.send(&[b"t", b"again"]);
                assert_eq!(subscriber.recv(), message(&[b"t", b"again"]));
            }
        }
    }
}

#[test]
fn one_publisher_serves_subscribers_of_both_engines_by_their_topics() {
    let mut publisher = Pub::new(Engine::Native, "");
    let endpoint = publisher.bind("tcp://127.0.0.1:*");
    let mut subscribers = Vec::new();
    for n in 0..20_u8 {
        let engine = if n % 2 == 0 { Engine::Native } else { Engine::Libzmq };
        let topic = format!("{}.", n % 5);
        let subscriber = Sub::new(engine, &endpoint, &[&topic, "end"]);
        subscriber.connect(&endpoint);
        subscribers.push((n % 5, subscriber));
    }
    let Pub::Native(native) = &publisher else { unreachable!() };
    until("all", || native.subscribers(b"end") == subscribers.len());
    for (n, subscriber) in &subscribers {
        wait_for(&mut publisher, subscriber, &format!("{n}."));
    }
    for round in 0..1000_u16 {
        for n in 0..7_u8 {
            publisher.send(&[format!("{n}.x").as_bytes(), &round.to_be_bytes()]);
        }
    }
    publisher.send(&[b"end"]);
    for (n, subscriber) in &mut subscribers {
        for round in 0..1000_u16 {
            let topic = format!("{n}.x");
            assert_eq!(subscriber.recv(), message(&[topic.as_bytes(), &round.to_be_bytes()]));
        }
        assert_eq!(subscriber.recv(), message(&[b"end"]));
    }
}

#[test]
fn a_subscriber_of_several_publishers_gets_the_messages_of_all() {
    let mut subscriber = Sub::new(Engine::Native, "", &[""]);
    let endpoint = subscriber.bind("tcp://127.0.0.1:*");
    let mut publishers = Vec::new();
    for n in 0..10_u8 {
        let engine = if n % 2 == 0 { Engine::Native } else { Engine::Libzmq };
        let publisher = Pub::new(engine, &endpoint);
        publisher.connect(&endpoint);
        publishers.push(publisher);
    }
    for (n, publisher) in publishers.iter_mut().enumerate() {
        wait_for(publisher, &subscriber, "");
        for round in 0..1000_u16 {
            publisher.send(&[&[n as u8], &round.to_be_bytes(), &vec![b'x'; 300]]);
        }
    }
    let mut next = [0_u16; 10];
    for _ in 0..10_000 {
        let received = subscriber.recv();
        let n = usize::from(received[0][0]);
        assert_eq!(received[1], next[n].to_be_bytes());
        next[n] += 1;
    }
    assert_eq!(next, [1000; 10]);
}

#[test]
fn many_subscriptions_are_sent_and_found() {
    for pair in PAIRS {
        // The list of the test, not libzmq, is slow with more.
        let count = if pair.0 == Engine::Native { 100_000 } else { 10_000 };
        let topics: Vec<String> = (0..count).map(|n| format!("topic.{n}.")).collect();
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        let mut publisher = Pub::new(pair.0, "");
        let mut subscriber = Sub::new(pair.1, "", &topics);
        subscriber.connect(&publisher.bind("tcp://127.0.0.1:*"));
        for topic in ["topic.0.", "topic.1234.", "topic.9999."] {
            wait_for(&mut publisher, &subscriber, topic);
        }
        publisher.send(&[b"topic.100000.x"]);
        publisher.send(&[b"topic.1234.x"]);
        assert_eq!(subscriber.recv(), message(&[b"topic.1234.x"]));
    }
}
