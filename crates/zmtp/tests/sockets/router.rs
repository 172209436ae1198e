//! ROUTER and DEALER, and PUSH to a subscriber, with libzmq on either side.

use zmtp::{
    Delivery, Disconnect, EventKind, Options, Publisher, Received, Router, Security, Subscriber,
};

use super::harness::{
    Addresses, DEADLINE, Engine, Message, PAIRS, Sub, address, curve, libzmq, message, until,
};
use super::hostile::{LARGER_THAN_BUFFERS, RawPeer, refuses_connections};

const ANY: &str = "tcp://127.0.0.1:*";

/// A ROUTER or a DEALER of either engine.
enum Exchange {
    Native(Router),
    Libzmq(zmq::Socket),
}

/// Whom to answer: a connection, or a routing id of libzmq.
#[derive(Clone)]
enum From {
    Connection(u64),
    RoutingId(Vec<u8>),
}

fn frames(received: &Received) -> Message {
    received.frames().map(<[u8]>::to_vec).collect()
}

impl Exchange {
    fn router(engine: Engine, endpoint: &str, security: Security) -> Exchange {
        match engine {
            Engine::Native => Exchange::Native(Router::new(options(security)).expect("socket")),
            Engine::Libzmq => Exchange::Libzmq(libzmq(zmq::ROUTER, endpoint, &security)),
        }
    }

    fn dealer(engine: Engine, endpoint: &str, security: Security) -> Exchange {
        match engine {
            Engine::Native => Exchange::Native(Router::dealer(options(security)).expect("socket")),
            Engine::Libzmq => Exchange::Libzmq(libzmq(zmq::DEALER, endpoint, &security)),
        }
    }

    fn bind(&self, endpoint: &str) -> String {
        match self {
            Exchange::Native(socket) => socket.bind(&address(endpoint)).expect("bind").to_string(),
            Exchange::Libzmq(socket) => {
                socket.bind(endpoint).expect("bind");
                socket.get_last_endpoint().expect("endpoint").expect("UTF-8")
            }
        }
    }

    fn connect(&self, endpoint: &str) {
        match self {
            Exchange::Native(socket) => socket.connect(&address(endpoint)),
            Exchange::Libzmq(socket) => socket.connect(endpoint).expect("connect"),
        }
    }

    /// Sends to the only peer.
    fn ask(&self, frames: &[&[u8]]) {
        match self {
            Exchange::Native(socket) => {
                until("a peer", || !socket.connections().is_empty());
                let connection = socket.connections()[0];
                until("room", || socket.send(connection, frames) == Delivery::Sent);
            }
            Exchange::Libzmq(socket) => socket.send_multipart(frames, 0).expect("send"),
        }
    }

    fn answer(&self, to: &From, frames: &[&[u8]]) {
        match (self, to) {
            (Exchange::Native(socket), From::Connection(connection)) => {
                until("room", || socket.send(*connection, frames) == Delivery::Sent);
            }
            (Exchange::Libzmq(socket), From::RoutingId(id)) => {
                socket.send_multipart([&[&id[..]], frames].concat(), 0).expect("send");
            }
            _ => unreachable!(),
        }
    }

    /// A message to a ROUTER, and its sender.
    fn question(&self) -> (From, Message) {
        match self {
            Exchange::Native(socket) => {
                let received = socket.recv(DEADLINE).expect("a thread").expect("a message");
                (From::Connection(received.connection), frames(&received))
            }
            Exchange::Libzmq(socket) => {
                let mut frames = socket.recv_multipart(0).expect("a message");
                (From::RoutingId(frames.remove(0)), frames)
            }
        }
    }

    /// A message to a DEALER.
    fn reply(&self) -> Message {
        match self {
            Exchange::Native(_) => self.question().1,
            Exchange::Libzmq(socket) => socket.recv_multipart(0).expect("a message"),
        }
    }
}

fn options(security: Security) -> Options {
    let (max_message, queue_bytes) = (8 << 20, 8 << 20);
    Options { max_message, queue_bytes, unread_messages: 2, security, ..Options::subscriber() }
}

#[test]
fn questions_are_answered_to_the_peer_that_asked_over_all_transports_by_null_and_curve() {
    for (router_engine, dealer_engine) in PAIRS {
        let addresses = Addresses::new();
        let (server, client) = curve();
        let null = (Security::Null, Security::Null);
        let mut cases: Vec<_> = addresses.all().map(|it| (it, null.clone())).to_vec();
        cases.push((ANY.to_owned(), (server, client)));
        for (endpoint, (of_router, of_dealer)) in cases {
            let router = Exchange::router(router_engine, &endpoint, of_router);
            let bound = router.bind(&endpoint);
            let dealers: Vec<Exchange> = (0..3)
                .map(|_| {
                    let dealer = Exchange::dealer(dealer_engine, &endpoint, of_dealer.clone());
                    dealer.connect(&bound);
                    dealer
                })
                .collect();
            for (n, dealer) in dealers.iter().enumerate() {
                for part in 0..20_u8 {
                    dealer.ask(&[b"question", &[n as u8, part], b""]);
                }
            }
            for _ in 0..60 {
                let (from, question) = router.question();
                assert_eq!((question.len(), &question[0][..]), (3, &b"question"[..]));
                router.answer(&from, &[b"answer", &question[1], &vec![b'x'; 100_000]]);
            }
            for (n, dealer) in dealers.iter().enumerate() {
                for part in 0..20_u8 {
                    let reply = dealer.reply();
                    assert_eq!(reply[1], [n as u8, part]);
                    assert_eq!(reply[2].len(), 100_000);
                }
            }
        }
    }
}

#[test]
fn a_peer_that_does_not_read_is_full_and_can_be_ended_and_others_are_served() {
    let router = Router::new(Options { queue_bytes: 64 << 10, ..options(Security::Null) });
    let router = router.expect("socket");
    let endpoint = router.bind(&address(ANY)).expect("bind").to_string();
    let mut stopped = RawPeer::greeted(&endpoint, "DEALER");
    stopped.write(b"\x00\x01q");
    let asked = router.recv(DEADLINE).expect("a thread").expect("a question");
    let body = vec![b'x'; 50_000];
    let mut full = 0;
    until("it is full ten times in a row", || {
        full = match router.send(asked.connection, &[&body]) {
            Delivery::Full => full + 1,
            _ => 0,
        };
        full == 10
    });
    assert!(router.unsent(asked.connection).is_some_and(|unsent| unsent >= 1));
    let honest = Exchange::dealer(Engine::Libzmq, "", Security::Null);
    honest.connect(&endpoint);
    honest.ask(&[b"another"]);
    let another = router.recv(DEADLINE).expect("a thread").expect("a question");
    assert_eq!(router.send(another.connection, &[b"answer"]), Delivery::Sent);
    assert_eq!(honest.reply(), message(&[b"answer"]));
    until("everything is sent", || router.unsent(another.connection) == Some(0));
    router.end(asked.connection);
    until("the end", || router.send(asked.connection, &[b"x"]) == Delivery::Gone);
    assert_eq!((router.unsent(asked.connection), router.connections().len()), (None, 1));
}

#[test]
fn a_peer_that_asks_endlessly_is_read_as_its_questions_are_taken_and_others_get_their_turn() {
    let router = Router::new(options(Security::Null)).expect("socket");
    let endpoint = router.bind(&address(ANY)).expect("bind").to_string();
    let peer = RawPeer::greeted(&endpoint, "DEALER");
    let mut flooding = RawPeer(peer.0.try_clone().expect("a clone"));
    let flood = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        for n in 0..200_000_u32 {
            bytes.extend([0, 4]);
            bytes.extend(n.to_be_bytes());
        }
        flooding.write(&bytes);
    });
    let first = router.recv(DEADLINE).expect("a thread").expect("a question");
    let honest = Exchange::dealer(Engine::Native, "", Security::Null);
    honest.connect(&endpoint);
    honest.ask(&[b"honest"]);
    until("two peers", || router.connections().len() == 2);
    let mut next = 1_u32;
    let mut was_honest_served = None;
    while next < 200_000 {
        let received = router.recv(DEADLINE).expect("a thread").expect("a question");
        if received.connection == first.connection {
            assert_eq!(frames(&received), message(&[&next.to_be_bytes()]));
            next += 1;
        } else {
            was_honest_served = was_honest_served.or(Some(next));
        }
    }
    assert!(was_honest_served.is_some_and(|at| at < 100_000), "{was_honest_served:?}");
    flood.join().expect("a writer");
    drop(peer);
}

#[test]
fn an_answer_arrives_whole_when_the_server_ends_and_the_client_connects_again() {
    let client = Router::dealer(options(Security::Null)).expect("socket");
    let endpoint = super::harness::free_address();
    client.connect(&address(&endpoint));
    for _ in 0..2 {
        let server = Router::new(options(Security::Null)).expect("socket");
        server.bind(&address(&endpoint)).expect("bind");
        until("a connection", || !client.connections().is_empty());
        assert_eq!(client.send(client.connections()[0], &[b"question"]), Delivery::Sent);
        let asked = server.recv(DEADLINE).expect("a thread").expect("a question");
        for n in 0..50_u8 {
            until("room", || server.send(asked.connection, &[b"answer", &[n]]) == Delivery::Sent);
        }
        let closed = std::thread::spawn(move || server.close(DEADLINE));
        for n in 0..50_u8 {
            let received = client.recv(DEADLINE).expect("a thread").expect("an answer");
            assert_eq!(frames(&received), message(&[b"answer", &[n]]));
        }
        assert!(closed.join().expect("a server"));
        until("the end", || client.connections().is_empty());
    }
}

#[test]
fn closing_a_router_fails_if_a_peer_disconnects_before_it_has_its_answers() {
    let router = Router::new(options(Security::Null)).expect("socket");
    let endpoint = router.bind(&address(ANY)).expect("bind").to_string();
    let mut stopped = RawPeer::greeted(&endpoint, "DEALER");
    stopped.write(b"\x00\x01q");
    let asked = router.recv(DEADLINE).expect("a thread").expect("a question");
    let body = vec![b'x'; LARGER_THAN_BUFFERS];
    assert_eq!(router.send(asked.connection, &[&body]), Delivery::Sent);
    let closing = std::thread::spawn(move || router.close(DEADLINE));
    refuses_connections(&endpoint);
    drop(stopped);
    assert!(!closing.join().expect("a router"));
}

#[test]
fn a_router_ends_hostile_peers() {
    let router =
        Router::new(Options { max_message: 4096, max_parts: 4, ..options(Security::Null) });
    let router = router.expect("socket");
    let endpoint = router.bind(&address(ANY)).expect("bind").to_string();
    for (bytes, expected) in [
        (vec![0xf8; 10], Disconnect::Malformed("unknown flags of a frame")),
        ([1, 0].repeat(100_000), Disconnect::TooManyParts(4)),
        (vec![2, 0x0f, 0, 0, 0, 0, 0, 0, 0], Disconnect::MessageTooLarge(4096)),
    ] {
        RawPeer::greeted(&endpoint, "DEALER").write(&bytes);
        let expected = EventKind::Disconnected(expected);
        until("an end", || router.events().try_iter().any(|event| event.kind == expected));
    }
    until("all are forgotten", || router.connections().is_empty());
}

#[test]
fn one_bound_subscriber_receives_from_publishers_and_from_push_sockets_of_libzmq() {
    let (server, client) = curve();
    for (own, theirs) in [(Security::Null, Security::Null), (server, client)] {
        let options = Options { accept_push: true, security: own, ..Options::subscriber() };
        let subscriber = Subscriber::new(options, &["t"]).expect("socket");
        let endpoint = subscriber.bind(&address(ANY)).expect("bind");
        let push = libzmq(zmq::PUSH, "", &theirs);
        push.connect(&endpoint.to_string()).expect("connect");
        let publisher = Publisher::new(Options { security: theirs, ..Options::publisher() });
        let publisher = publisher.expect("socket");
        publisher.connect(&endpoint);
        until("a subscription", || publisher.has_subscriber(b"t"));
        for n in 0..100_u8 {
            push.send(&[b'u', n][..], 0).expect("send");
            publisher.send(&[b"t", &[n]]).expect("send");
        }
        let mut received = Sub::Native(subscriber, Default::default());
        let mut next = [0_u8; 2];
        for _ in 0..200 {
            let message = received.recv();
            let of_push = message.len() == 1;
            let next = &mut next[usize::from(of_push)];
            let expected = match of_push {
                true => vec![vec![b'u', *next]],
                false => vec![b"t".to_vec(), vec![*next]],
            };
            assert_eq!(message, expected);
            *next += 1;
        }
        assert_eq!(next, [100, 100]);
    }
}
