use super::*;
use crate::os::run_directory::SUBSCRIBER;
use crate::socket::testing::{
    DEADLINE, STEP, bind, bound_again, connect, own_address, plain_socket, publisher,
    slow_subscriber, subscriber, take, until, wait_for_subscribers,
};
use crate::socket::{ConnectionState, Engine, PublisherRequest, Role, Subscriber};

const SHORT: Duration = Duration::from_millis(100);

/// Options that cause backpressure early.
fn tight() -> SocketOptions {
    SocketOptions { hwm: 10, send_slice: Duration::from_millis(20), ..SocketOptions::publisher() }
}

/// Waits until a subscriber is disconnected, and returns the report.
#[track_caller]
fn wait_for_report(publisher: &mut Publisher) -> String {
    let mut report = None;
    until("a report", || {
        publisher.wait_for(9, STEP, "", &|| false);
        report = publisher.take_report();
        report.is_some()
    });
    report.expect("a report")
}

/// Sends 10 kB messages until the system's growing buffers are full, too. Returns how many
/// were sent.
fn fill(publisher: &mut Publisher) -> usize {
    let body = [b'x'; 10_000];
    let (mut sent, mut full) = (0, 0);
    while full < 10 {
        match publisher.send(format!("t{sent}").as_bytes(), &body).expect("send") {
            Sent::Sent => (sent, full) = (sent + 1, 0),
            Sent::Full => full += 1,
        }
        assert!(sent < 1_000_000, "backpressure is never felt");
    }
    sent
}

#[test]
fn messages_sent_after_waiting_for_a_subscriber_all_arrive() {
    let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
    let mut subscriber = subscriber(&endpoint, &["app"]);
    wait_for_subscribers(&mut publisher, 1);
    for n in 0..1000 {
        assert_eq!(
            publisher.send(b"app.INFO", n.to_string().as_bytes()).expect("send"),
            Sent::Sent
        );
        publisher.send(b"other", b"").expect("send");
    }
    let expected: Vec<String> = (0..1000).map(|n| format!("app.INFO|{n}")).collect();
    assert_eq!(take(&mut subscriber, 1000), expected);
}

#[test]
fn an_inproc_subscriber_receives_everything_and_causes_backpressure() {
    if Engine::of_tests() == Engine::Native {
        return; // It has no inproc.
    }
    let mut publisher = Publisher::open(&[], &tight()).expect("publisher");
    let inside = |publisher: &mut Publisher| {
        publisher.inproc_subscriber(&["app"], &SocketOptions::subscriber()).expect("inside")
    };
    let mut subscriber = inside(&mut publisher);
    wait_for_subscribers(&mut publisher, 1);
    publisher.send(b"other", b"").expect("send");
    for n in 0..1000 {
        let body = n.to_string();
        until("there is room", || {
            publisher.send(b"app.INFO", body.as_bytes()).expect("send") == Sent::Sent
        });
    }
    let expected: Vec<String> = (0..1000).map(|n| format!("app.INFO|{n}")).collect();
    assert_eq!(take(&mut subscriber, 1000), expected);
    // Drops two subscribers and the publisher: neither waits for the other.
    let second = inside(&mut publisher);
    drop((subscriber, second));
    assert_eq!(publisher.close(DEADLINE), Flushed::Yes);
}

#[test]
fn a_full_subscriber_causes_backpressure_and_no_message_is_lost_or_split() {
    let (mut publisher, endpoint) = publisher(&tight());
    let reader = slow_subscriber(&endpoint, &[""]);
    wait_for_subscribers(&mut publisher, 1);
    let sent = fill(&mut publisher);
    assert_eq!(publisher.send(b"again", b"").expect("send"), Sent::Full);
    reader.set_rcvtimeo(i32::try_from(DEADLINE.as_millis()).expect("fits")).expect("timeout");
    for n in 0..sent {
        let frames = reader.recv_multipart(0).expect("message");
        assert_eq!((frames.len(), frames[0].as_slice()), (2, format!("t{n}").as_bytes()));
    }
    until("there is room again", || publisher.send(b"last", b"").expect("send") == Sent::Sent);
    assert_eq!(reader.recv_multipart(0).expect("message"), [b"last".to_vec(), Vec::new()]);
}

#[test]
fn a_subscriber_of_three_topics_counts_once() {
    let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
    let _first = subscriber(&endpoint, &["app.INFO", "app.ERROR", "app.DEBUG"]);
    until("all three are there", || {
        publisher.wait_for(9, STEP, "app", &|| false);
        ["app.INFO", "app.ERROR", "app.DEBUG"]
            .iter()
            .all(|it| publisher.has_subscriber(it.as_bytes()))
    });
    assert_eq!(publisher.wait_for(2, SHORT, "app", &|| false), WaitOutcome::TimedOut(1));
    let _second = subscriber(&endpoint, &[""]);
    assert_eq!(publisher.wait_for(2, DEADLINE, "app", &|| false), WaitOutcome::Enough);
}

#[test]
fn a_subscriber_of_three_topics_does_not_count_for_another_root() {
    let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
    let _three = subscriber(&endpoint, &["app.INFO", "app.ERROR", "app.DEBUG"]);
    let _other = subscriber(&endpoint, &["web"]);
    until("both are there", || {
        publisher.wait_for(9, STEP, "", &|| false);
        publisher.subscribers("") == 2
    });
    assert_eq!(publisher.wait_for(2, SHORT, "app", &|| false), WaitOutcome::TimedOut(1));
}

#[test]
fn a_subscriber_of_something_else_is_not_waited_for() {
    let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
    let _other = subscriber(&endpoint, &["apple", "web"]);
    wait_for_subscribers(&mut publisher, 1);
    assert_eq!(publisher.wait_for(1, SHORT, "app", &|| false), WaitOutcome::TimedOut(0));
    assert_eq!(publisher.wait_for(1, DEADLINE, "web", &|| false), WaitOutcome::Enough);
}

#[test]
fn waiting_ends_when_stop_returns_true() {
    let (mut publisher, _) = publisher(&SocketOptions::publisher());
    let start = Instant::now();
    let stop = || start.elapsed() > SHORT;
    assert_eq!(publisher.wait_for(1, DEADLINE, "", &stop), WaitOutcome::Stopped);
    assert!(start.elapsed() < DEADLINE / 4);
}

#[test]
fn has_subscriber_follows_subscribers_that_come_and_go() {
    let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
    let before = publisher.generation();
    let first = subscriber(&endpoint, &["app"]);
    let second = subscriber(&endpoint, &["app"]);
    until("both are there", || {
        publisher.wait_for(9, STEP, "app", &|| false);
        publisher.subscribers("app") == 2
    });
    assert!(publisher.has_subscriber(b"app.INFO") && !publisher.has_subscriber(b"web.INFO"));
    assert_ne!(publisher.generation(), before);
    drop(first);
    until("one has left", || {
        publisher.wait_for(9, STEP, "app", &|| false);
        publisher.subscribers("app") == 1
    });
    assert!(publisher.has_subscriber(b"app.INFO"));
    drop(second);
    until("both have left", || {
        publisher.wait_for(9, STEP, "app", &|| false);
        !publisher.has_subscriber(b"app.INFO")
    });
    assert_eq!(publisher.subscribers(""), 0);
}

#[test]
fn a_frame_that_is_not_a_subscription_disconnects_its_sender_alone() {
    for junk in [&b"hello"[..], b"\x02", b""] {
        let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
        let mut subscriber = subscriber(&endpoint, &["real"]);
        wait_for_subscribers(&mut publisher, 1);
        let peer = plain_socket(zmq::XSUB, &endpoint, |_| {});
        peer.send(junk, 0).expect("send");
        let report = wait_for_report(&mut publisher);
        assert!(
            report.contains("at 127.0.0.1: it sent something other than a subscription"),
            "{report}"
        );
        publisher.send(b"real", b"fine").expect("send");
        assert_eq!(take(&mut subscriber, 1), ["real|fine"]);
    }
}

#[test]
fn closing_waits_until_everything_is_sent() {
    let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
    let mut subscriber = subscriber(&endpoint, &[""]);
    wait_for_subscribers(&mut publisher, 1);
    for n in 0..5000 {
        publisher.send(b"t", n.to_string().as_bytes()).expect("send");
    }
    let closing = std::thread::spawn(move || publisher.close(DEADLINE));
    assert_eq!(take(&mut subscriber, 5000)[4999], "t|4999");
    assert_eq!(closing.join().expect("no panic"), Flushed::Yes);
}

#[test]
fn closing_abandons_a_stuck_subscriber_when_the_time_is_up() {
    let (mut publisher, endpoint) = publisher(&tight());
    let _reader = slow_subscriber(&endpoint, &[""]);
    wait_for_subscribers(&mut publisher, 1);
    fill(&mut publisher);
    let start = Instant::now();
    assert!(matches!(publisher.close(SHORT), Flushed::No(_)));
    assert!((SHORT..DEADLINE / 4).contains(&start.elapsed()));
}

#[test]
fn closing_without_subscribers_does_not_wait() {
    let here = bind("tcp://127.0.0.1:0");
    let nobody = connect("tcp://127.0.0.1:1");
    let mut publisher =
        Publisher::open(&[here, nobody], &SocketOptions::publisher()).expect("publisher");
    publisher.send(b"t", b"nobody hears it").expect("send");
    let start = Instant::now();
    assert_eq!(publisher.close(DEADLINE), Flushed::Yes);
    assert!(start.elapsed() < DEADLINE / 4);
}

#[test]
fn a_collector_that_comes_back_counts_once_and_receives_the_queued_messages() {
    let collector = |endpoint: &str| {
        let options = SocketOptions::subscriber();
        bound_again(|| Subscriber::open(&[bind(endpoint)], &["app"], &options))
    };
    let first = collector(&own_address());
    let endpoint = first.bound()[0].clone();
    let mut publisher =
        Publisher::open(&[connect(&endpoint)], &SocketOptions::publisher()).expect("publisher");
    wait_for_subscribers(&mut publisher, 1);
    drop(first);
    until("it is missed", || {
        publisher.wait_for(9, STEP, "", &|| false);
        publisher.endpoint_status()[0].state != ConnectionState::Connected
    });
    assert!(publisher.has_subscriber(b"app.INFO"), "held for it");
    publisher.send(b"app.INFO", b"held").expect("send");
    let mut second = collector(&endpoint);
    assert_eq!(take(&mut second, 1), ["app.INFO|held"]);
    wait_for_subscribers(&mut publisher, 1);
    assert_eq!(publisher.subscribers("app"), 1);
}

#[test]
fn a_peer_that_sends_too_large_a_frame_is_disconnected() {
    let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
    let peer = plain_socket(zmq::XSUB, &endpoint, |_| {});
    peer.send(&b"\x01app"[..], 0).expect("send");
    wait_for_subscribers(&mut publisher, 1);
    peer.send(vec![1u8; 100_000], 0).expect("send");
    until("it is gone", || {
        publisher.wait_for(9, STEP, "", &|| false);
        !publisher.has_subscriber(b"app")
    });
}

#[test]
fn a_silent_stranger_is_disconnected_and_not_counted_as_subscriber() {
    let options =
        SocketOptions { handshake: Duration::from_millis(200), ..SocketOptions::publisher() };
    let (mut publisher, endpoint) = publisher(&options);
    let address = endpoint.trim_start_matches("tcp://");
    let mut stranger = std::net::TcpStream::connect(address).expect("connect");
    stranger.set_read_timeout(Some(DEADLINE)).expect("timeout");
    std::io::Read::read_to_end(&mut stranger, &mut Vec::new()).expect("an end");
    until("it is reported", || {
        publisher.wait_for(9, STEP, "", &|| false);
        matches!(publisher.endpoint_status()[0].state, ConnectionState::HandshakeRefused(_))
    });
    assert_eq!((publisher.subscribers(""), publisher.endpoint_status()[0].peers), (0, 0));
}

#[test]
fn a_publisher_given_an_endpoint_twice_sends_once() {
    let mut subscriber =
        Subscriber::open(&[bind("tcp://127.0.0.1:0")], &[""], &SocketOptions::subscriber())
            .expect("subscriber");
    let there = connect(&subscriber.bound()[0]);
    let mut publisher =
        Publisher::open(&[there.clone(), there], &SocketOptions::publisher()).expect("publisher");
    wait_for_subscribers(&mut publisher, 1);
    publisher.send(b"t", b"1").expect("send");
    publisher.send(b"t", b"2").expect("send");
    assert_eq!(take(&mut subscriber, 2), ["t|1", "t|2"]);
}

#[test]
fn ipv6_works_in_brackets_where_the_machine_has_it() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    let here = bind("tcp://[::1]:0");
    let mut publisher = Publisher::open(&[here], &SocketOptions::publisher()).expect("bind");
    let endpoint = publisher.bound()[0].clone();
    let mut subscriber = subscriber(&endpoint, &[""]);
    wait_for_subscribers(&mut publisher, 1);
    publisher.send(b"t", b"six").expect("send");
    assert_eq!(take(&mut subscriber, 1), ["t|six"]);
}

#[test]
fn a_peer_that_leaves_removes_exactly_its_own_subscriptions() {
    let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
    let _stays = subscriber(&endpoint, &["app"]);
    wait_for_subscribers(&mut publisher, 1);
    let passing = |topic: &str| {
        plain_socket(zmq::SUB, &endpoint, |socket| {
            for topic in ["app", topic] {
                socket.set_subscribe(topic.as_bytes()).expect("subscribe");
            }
        })
    };
    let mut last = passing("0");
    for n in 1..30 {
        // The next one connects at once, and reuses the descriptor.
        drop(last);
        let topic = n.to_string();
        last = passing(&topic);
        until("the next one has subscribed", || {
            publisher.wait_for(9, STEP, "", &|| false);
            publisher.has_subscriber(topic.as_bytes())
        });
    }
    drop(last);
    until("one is left", || {
        publisher.wait_for(9, STEP, "", &|| false);
        publisher.subscribers("") == 1
    });
    assert!(
        publisher.has_subscriber(b"app")
            && !(0..30).any(|n| publisher.has_subscriber(n.to_string().as_bytes()))
    );
}

#[test]
fn a_peer_that_subscribes_endlessly_is_disconnected_and_the_others_stay() {
    let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
    let mut subscriber = subscriber(&endpoint, &["app"]);
    wait_for_subscribers(&mut publisher, 1);
    let greedy = plain_socket(zmq::XSUB, &endpoint, |socket| {
        socket.set_sndhwm(0).expect("hwm");
    });
    for n in 0..30_000 {
        greedy.send(&format!("\x01a topic of a few bytes {n}"), 0).expect("send");
    }
    let report = wait_for_report(&mut publisher);
    assert!(report.contains("127.0.0.1") && report.contains("subscriptions"), "{report}");
    drop(greedy);
    until("one is left", || {
        publisher.wait_for(9, STEP, "", &|| false);
        publisher.subscribers("") == 1
    });
    publisher.send(b"app", b"fine").expect("send");
    assert_eq!(take(&mut subscriber, 1), ["app|fine"]);
}

#[test]
fn a_publisher_that_connects_waits_for_a_subscriber_that_announced_its_end() {
    let options = SocketOptions::subscriber();
    let mut subscriber =
        Subscriber::open(&[bind("tcp://127.0.0.1:0")], &["app"], &options).expect("subscriber");
    let endpoint = connect(&subscriber.bound()[0]);
    let mut publisher = Publisher::open(&[endpoint], &SocketOptions::publisher()).expect("open");
    wait_for_subscribers(&mut publisher, 1);
    publisher.send(b"app", b"received").expect("sent");
    publisher.wait_for_ending(&|| panic!("nobody is about to end"));
    subscriber.request(PublisherRequest::Hold);
    until("it is reported", || {
        publisher.pause(STEP, &|| false);
        publisher.socket.is_ending()
    });
    let subscriber = std::cell::Cell::new(Some(subscriber));
    publisher.wait_for_ending(&|| {
        drop(subscriber.take());
        false
    });
    assert!(subscriber.take().is_none(), "it has waited");
    assert!(publisher.has_subscriber(b"app"), "what comes is held for whoever binds there next");
    assert_eq!(publisher.broken().len(), 0);
}

#[test]
fn a_publisher_that_binds_does_not_wait_for_a_subscriber_that_announced_its_end() {
    let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
    let mut staying = subscriber(&endpoint, &["app"]);
    let mut ending = subscriber(&endpoint, &["app"]);
    wait_for_subscribers(&mut publisher, 2);
    publisher.send(b"app", b"both").expect("sent");
    ending.request(PublisherRequest::Hold);
    publisher.pause(STEP, &|| false);
    drop(ending);
    until("one has gone", || {
        publisher.pause(STEP, &|| false);
        publisher.wait_for_ending(&|| panic!("it is not waited for"));
        publisher.subscribers("") == 1
    });
    assert_eq!(publisher.broken().len(), 0);
    publisher.send(b"app", b"hello").expect("sent");
    assert_eq!(take(&mut staying, 2), ["app|both", "app|hello"]);
}

#[cfg(unix)]
#[test]
fn a_registered_subscriber_that_has_just_started_is_waited_for_a_moment_longer() {
    let base = tempfile::tempdir().expect("directory");
    let directory = RunDirectory::below(base.path());
    let any = Endpoint::parse("tcp://127.0.0.1:*", Role::Bind).expect("valid");
    let mut publisher = Publisher::open(&[any], &tight()).expect("bound");
    let default = Endpoint::parse(&publisher.bound()[0], Role::Bind).expect("valid");
    publisher.expect_registered(directory.clone(), default.clone());
    let endpoint = Endpoint::parse(&publisher.bound()[0], Role::Connect).expect("valid");
    let mut subscriber = Subscriber::open(&[endpoint], &[""], &tight()).expect("connected");
    let mut registration = directory.register(SUBSCRIBER).expect("registered");
    let registered = Registered { default: default.as_str().into(), ..Registered::default() };
    let start = Instant::now();
    registration.announce(&registered).expect("written");
    subscriber.subscribed_as(&registration);
    let outcome = publisher.wait_for(1, Duration::from_secs(60), "", &|| false);
    assert_eq!(outcome, WaitOutcome::Enough);
    // The clock of the registration has milliseconds.
    assert!(start.elapsed() + Duration::from_millis(2) > SETTLE_TIME, "{:?}", start.elapsed());
}
