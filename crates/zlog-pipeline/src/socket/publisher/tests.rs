use super::*;
use crate::socket::testing::{
    DEADLINE, STEP, bind, bound_again, connect, own_address, publisher, subscriber, take, until,
    wait_for_subscribers,
};
use crate::socket::{ConnectionState, EventKind, PublisherRequest, Subscriber};

const SHORT: Duration = Duration::from_millis(100);

/// A publisher that feels a slow subscriber soon.
fn tight() -> SocketOptions {
    SocketOptions { hwm: 10, send_slice: Duration::from_millis(20), ..SocketOptions::publisher() }
}

/// A plain SUB of everything that holds little and reads only when told.
fn slow_reader(endpoint: &str) -> zmq::Socket {
    let socket = zmq::Context::new().socket(zmq::SUB).expect("socket");
    socket.set_rcvhwm(1).expect("hwm");
    socket.set_rcvbuf(4096).expect("buffer");
    socket.set_linger(0).expect("linger");
    socket.set_subscribe(b"").expect("subscribe");
    socket.connect(endpoint).expect("connect");
    socket
}

/// Sends 10 kB messages until there has been no room for a while: the system's
/// buffers, which grow, are full too. Returns how many went.
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
fn what_is_sent_after_waiting_for_a_subscriber_arrives_whole() {
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
fn a_subscriber_inside_gets_everything_and_is_felt_when_it_is_slow() {
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
    // A second one, and the end: neither waits for the other.
    let second = inside(&mut publisher);
    drop((subscriber, second));
    assert_eq!(publisher.close(DEADLINE), Flushed::Yes);
}

#[test]
fn a_full_subscriber_is_felt_and_no_message_is_lost_or_split() {
    let (mut publisher, endpoint) = publisher(&tight());
    let reader = slow_reader(&endpoint);
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
fn one_who_wants_three_topics_is_one_subscriber() {
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
fn one_who_wants_three_topics_does_not_stand_in_for_one_who_wants_others() {
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
fn waiting_ends_when_the_caller_wants_to_stop() {
    let (mut publisher, _) = publisher(&SocketOptions::publisher());
    let start = Instant::now();
    let stop = || start.elapsed() > SHORT;
    assert_eq!(publisher.wait_for(1, DEADLINE, "", &stop), WaitOutcome::Stopped);
    assert!(start.elapsed() < DEADLINE / 4);
}

#[test]
fn whether_a_topic_is_heard_follows_those_who_come_and_go() {
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
fn what_is_no_subscription_ends_the_connection_of_its_sender_and_no_other() {
    for junk in [&b"hello"[..], b"\x02", b""] {
        let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
        let mut subscriber = subscriber(&endpoint, &["real"]);
        wait_for_subscribers(&mut publisher, 1);
        let peer = zmq::Context::new().socket(zmq::XSUB).expect("socket");
        peer.set_linger(0).expect("linger");
        peer.connect(&endpoint).expect("connect");
        peer.send(junk, 0).expect("send");
        let mut report = None;
        until("it is told", || {
            publisher.wait_for(9, STEP, "", &|| false);
            report = report.take().or_else(|| publisher.report());
            report.is_some()
        });
        let report = report.expect("there is one");
        assert!(report.contains("at 127.0.0.1: it sent a frame that is no"), "{report}");
        publisher.send(b"real", b"fine").expect("send");
        assert_eq!(take(&mut subscriber, 1), ["real|fine"]);
    }
}

#[test]
fn closing_waits_until_everything_has_gone_out() {
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
fn closing_gives_a_stuck_subscriber_up_when_the_time_is_up() {
    let (mut publisher, endpoint) = publisher(&tight());
    let _reader = slow_reader(&endpoint);
    wait_for_subscribers(&mut publisher, 1);
    fill(&mut publisher);
    let start = Instant::now();
    assert_eq!(publisher.close(SHORT), Flushed::No);
    assert!((SHORT..DEADLINE / 4).contains(&start.elapsed()));
}

#[test]
fn closing_without_subscribers_takes_no_time() {
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
fn a_collector_that_comes_back_is_counted_once_and_gets_what_was_held_for_it() {
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
fn a_peer_that_sends_up_too_much_at_once_is_thrown_out() {
    let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
    let peer = zmq::Context::new().socket(zmq::XSUB).expect("socket");
    peer.set_linger(0).expect("linger");
    peer.connect(&endpoint).expect("connect");
    peer.send(&b"\x01app"[..], 0).expect("send");
    wait_for_subscribers(&mut publisher, 1);
    peer.send(vec![1u8; 100_000], 0).expect("send");
    until("it is gone", || {
        publisher.wait_for(9, STEP, "", &|| false);
        !publisher.has_subscriber(b"app")
    });
}

#[test]
fn a_stranger_that_says_nothing_is_thrown_out_and_no_subscriber() {
    let options =
        SocketOptions { handshake: Duration::from_millis(200), ..SocketOptions::publisher() };
    let (mut publisher, endpoint) = publisher(&options);
    let address = endpoint.trim_start_matches("tcp://");
    let mut stranger = std::net::TcpStream::connect(address).expect("connect");
    stranger.set_read_timeout(Some(DEADLINE)).expect("timeout");
    std::io::Read::read_to_end(&mut stranger, &mut Vec::new()).expect("an end");
    until("it is told", || {
        publisher.wait_for(9, STEP, "", &|| false);
        publisher.events().any(|event| matches!(event.kind, EventKind::HandshakeFailed(_)))
    });
    assert_eq!((publisher.subscribers(""), publisher.connections.open_connections()), (0, 0));
}

#[test]
fn a_publisher_told_twice_to_connect_sends_once() {
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
fn peers_that_come_and_go_take_exactly_their_own_subscriptions_along() {
    let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
    let _stays = subscriber(&endpoint, &["app"]);
    wait_for_subscribers(&mut publisher, 1);
    let passing = |topic: &str| {
        let socket = zmq::Context::new().socket(zmq::SUB).expect("socket");
        socket.set_linger(0).expect("linger");
        for topic in ["app", topic] {
            socket.set_subscribe(topic.as_bytes()).expect("subscribe");
        }
        socket.connect(&endpoint).expect("connect");
        socket
    };
    let mut last = passing("0");
    for n in 1..30 {
        // The next one is there at once, on the descriptor that has just become free.
        drop(last);
        let topic = n.to_string();
        last = passing(&topic);
        until("the next one is heard", || {
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
fn a_peer_that_subscribes_without_end_is_cut_off_and_the_others_stay() {
    let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
    let mut subscriber = subscriber(&endpoint, &["app"]);
    wait_for_subscribers(&mut publisher, 1);
    let greedy = zmq::Context::new().socket(zmq::XSUB).expect("socket");
    greedy.set_linger(0).expect("linger");
    greedy.set_sndhwm(0).expect("hwm");
    greedy.connect(&endpoint).expect("connect");
    for n in 0..30_000 {
        greedy.send(&format!("\x01a topic of a few bytes {n}"), 0).expect("send");
    }
    let mut report = None;
    until("it is cut off", || {
        publisher.wait_for(9, STEP, "", &|| false);
        report = report.take().or_else(|| publisher.report());
        report.is_some()
    });
    let report = report.expect("there is one");
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
fn a_publisher_that_connects_waits_for_a_subscriber_that_is_about_to_end() {
    let options = SocketOptions::subscriber();
    let mut subscriber =
        Subscriber::open(&[bind("tcp://127.0.0.1:0")], &["app"], &options).expect("subscriber");
    let endpoint = connect(&subscriber.bound()[0]);
    let mut publisher = Publisher::open(&[endpoint], &SocketOptions::publisher()).expect("open");
    wait_for_subscribers(&mut publisher, 1);
    publisher.wait_for_ending(&|| panic!("nobody is about to end"));
    subscriber.request(PublisherRequest::Hold);
    until("it is told", || {
        publisher.pause(STEP, &|| false);
        publisher.ending.is_some()
    });
    let subscriber = std::cell::Cell::new(Some(subscriber));
    publisher.wait_for_ending(&|| {
        drop(subscriber.take());
        false
    });
    assert!(subscriber.take().is_none(), "it has waited");
    assert!(publisher.has_subscriber(b"app"), "what comes is held for whoever binds there next");
    assert_eq!(publisher.broken().count(), 0);
}

#[test]
fn a_publisher_that_binds_goes_on_without_a_subscriber_that_ends() {
    let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
    let mut staying = subscriber(&endpoint, &["app"]);
    let mut ending = subscriber(&endpoint, &["app"]);
    wait_for_subscribers(&mut publisher, 2);
    ending.request(PublisherRequest::Hold);
    publisher.pause(STEP, &|| false);
    drop(ending);
    until("one has gone", || {
        publisher.pause(STEP, &|| false);
        publisher.wait_for_ending(&|| panic!("it is not waited for"));
        publisher.subscribers("") == 1
    });
    assert_eq!(publisher.broken().count(), 0);
    publisher.send(b"app", b"hello").expect("sent");
    assert_eq!(take(&mut staying, 1), ["app|hello"]);
}
