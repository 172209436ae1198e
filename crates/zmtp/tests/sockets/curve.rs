//! CURVE: who is let in, what others learn, and what happens to the connection.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use zmtp::{
    Authenticator, Credentials, Disconnect, EventKind, KeyPair, Options, Publisher, Rights,
    Security, Subscriber,
};

use super::harness::{DEADLINE, Engine, PAIRS, Pub, Sub, address, curve, secure, until};
use super::links::proxy;

const ANY: &str = "tcp://127.0.0.1:*";

/// Admits these keys.
struct Keys(Mutex<HashSet<[u8; 32]>>);

impl Authenticator for Keys {
    fn admit(&self, peer: &Credentials<'_>) -> Result<Rights, String> {
        let key = peer.key.ok_or("no key")?;
        assert!(peer.mechanism == "CURVE" && peer.address.starts_with("127.0.0.1:"));
        let admits = self.0.lock().expect("a lock").contains(key);
        admits.then(Rights::default).ok_or_else(|| "an unknown key".to_owned())
    }
}

fn publisher(keys: &KeyPair, admitted: &[[u8; 32]]) -> (Publisher, String) {
    let admitted = Keys(Mutex::new(admitted.iter().copied().collect()));
    let options = Options {
        security: Security::CurveServer(keys.clone()),
        authenticator: Some(Arc::new(admitted)),
        handshake: Duration::from_millis(500),
        ..Options::publisher()
    };
    let publisher = Publisher::new(options).expect("socket");
    let endpoint = publisher.bind(&address(ANY)).expect("bind").to_string();
    (publisher, endpoint)
}

fn wait_for_failure(publisher: &Publisher, expected: &Disconnect) {
    let mut seen = Vec::new();
    until(&format!("{expected:?}"), || {
        seen.extend(publisher.events().try_iter().map(|event| event.kind));
        seen.contains(&EventKind::Failed(expected.clone()))
    });
}

#[test]
fn strangers_of_both_engines_are_refused_before_they_subscribe_and_a_known_key_is_served() {
    let (server, known, stranger) = (KeyPair::generate(), KeyPair::generate(), KeyPair::generate());
    let client = |keys: &KeyPair, server: &KeyPair| Security::CurveClient {
        keys: keys.clone(),
        server: *server.public(),
    };
    // libzmq closes the connection before it has said what it speaks.
    let null = Disconnect::Mechanism("NULL".to_owned());
    for (engine, differs) in [(Engine::Native, null), (Engine::Libzmq, Disconnect::Closed)] {
        let (publisher, endpoint) = publisher(&server, &[*known.public()]);
        let mut served = Sub::secured(engine, &endpoint, &["t"], client(&known, &server));
        served.connect(&endpoint);
        until("a subscriber", || publisher.has_subscriber(b"t"));
        for (security, expected) in [
            (client(&stranger, &server), Disconnect::Refused("an unknown key".to_owned())),
            (client(&known, &stranger), Disconnect::Undecipherable("HELLO")),
            (Security::Null, differs),
        ] {
            let refused = Sub::secured(engine, &endpoint, &["secret"], security);
            refused.connect(&endpoint);
            wait_for_failure(&publisher, &expected);
            assert!(!publisher.has_subscriber(b"secret"));
        }
        publisher.send(&[b"t", b"body"]).expect("send");
        assert_eq!(served.recv(), [&b"t"[..], b"body"]);
    }
}

#[test]
fn a_client_does_not_listen_to_a_publisher_with_another_key_or_none() {
    let (of_server, of_client) = curve();
    let (_, of_another) = curve();
    for engine in [Engine::Native, Engine::Libzmq] {
        for of_publisher in [Security::Null, of_server.clone()] {
            let mut publisher = Pub::secured(engine, "", of_publisher.clone());
            let endpoint = publisher.bind(ANY);
            let client = match of_publisher {
                Security::Null => of_client.clone(),
                _ => of_another.clone(),
            };
            let options = Options { security: client, ..Options::subscriber() };
            let subscriber = Subscriber::new(options, &["t"]).expect("socket");
            subscriber.connect(&address(&endpoint));
            until("a refusal", || {
                let failed = |event: zmtp::Event| matches!(event.kind, EventKind::Failed(_));
                subscriber.events().try_iter().any(failed)
            });
            assert!(!publisher.has(b"t"));
        }
    }
}

#[test]
fn what_is_sent_can_not_be_read_on_the_way() {
    let (of_server, of_client) = curve();
    for pair in PAIRS {
        let mut publisher = Pub::secured(pair.0, "", of_server.clone());
        let endpoint = publisher.bind(ANY);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let copy = Arc::clone(&seen);
        let through = proxy(endpoint, move |bytes| {
            copy.lock().expect("a lock").extend_from_slice(bytes);
            true
        });
        let mut subscriber = Sub::secured(pair.1, "", &["topic"], of_client.clone());
        subscriber.connect(&through);
        until("a subscription", || publisher.has(b"topic"));
        publisher.send(&[b"topic", b"confidential"]);
        assert_eq!(subscriber.recv(), [&b"topic"[..], b"confidential"]);
        let seen = seen.lock().expect("a lock");
        let has = |text: &[u8]| seen.windows(text.len()).any(|part| part == text);
        assert!(has(b"MESSAGE") && !has(b"topic") && !has(b"confidential"));
    }
}

#[test]
fn a_message_that_was_changed_on_the_way_ends_the_connection_and_another_is_made() {
    let (of_server, of_client) = curve();
    let mut publisher = Pub::secured(Engine::Native, "", of_server);
    let endpoint = publisher.bind(ANY);
    let options = Options { security: of_client, ..Options::subscriber() };
    let subscriber = Subscriber::new(options, &["t"]).expect("socket");
    let mut changed = false;
    let through = proxy(endpoint, move |bytes| {
        // The first message in a piece of its own; the handshake has shorter ones.
        if bytes.len() > 2000 && !changed {
            changed = true;
            bytes[1500] ^= 1;
        }
        true
    });
    subscriber.connect(&address(&through));
    until("a subscription", || publisher.has(b"t"));
    let body = [b'x'; 3000];
    publisher.send(&[b"t", &body]);
    let expected = EventKind::Disconnected(Disconnect::Undecipherable("MESSAGE"));
    until("an end", || subscriber.events().try_iter().any(|event| event.kind == expected));
    until("a message through a new connection", || {
        publisher.send(&[b"t", b"next"]);
        let batch = subscriber.recv(Duration::from_millis(10)).expect("a thread");
        let bodies = batch
            .iter()
            .flat_map(|batch| batch.messages())
            .map(|message| message.frames().nth(1).map(<[u8]>::to_vec).expect("a body"));
        let bodies: Vec<_> = bodies.collect();
        assert!(bodies.iter().all(|body| *body == b"next"), "the changed message was taken");
        !bodies.is_empty()
    });
}

#[test]
fn handshakes_that_stop_or_are_random_end_and_honest_clients_are_served() {
    let (server, known) = (KeyPair::generate(), KeyPair::generate());
    let (publisher, endpoint) = publisher(&server, &[*known.public()]);
    let mut greeting = [0; 64];
    (greeting[0], greeting[9], greeting[10], greeting[11]) = (0xff, 0x7f, 3, 1);
    greeting[12..17].copy_from_slice(b"CURVE");
    let mut hello = vec![4, 200];
    hello.extend(b"\x05HELLO\x01\0");
    hello.extend([7; 192]);
    let initiate = [&[4, 57][..], b"\x08INITIATE", &[0; 48]].concat();
    for (bytes, expected) in [
        (Vec::new(), Disconnect::HandshakeTimeout),
        (hello[..100].to_vec(), Disconnect::HandshakeTimeout),
        (hello, Disconnect::Undecipherable("HELLO")),
        (initiate, Disconnect::Malformed("a CURVE command out of order")),
        (b"\x00\x05plain".to_vec(), Disconnect::Malformed("a message in a handshake")),
        (vec![6, 0, 0, 0, 0, 1, 0, 0, 0], Disconnect::MessageTooLarge(4096)),
    ] {
        let tcp = endpoint.trim_start_matches("tcp://");
        let mut stream = TcpStream::connect(tcp).expect("connect");
        stream.set_read_timeout(Some(DEADLINE)).expect("a time-out");
        stream.write_all(&[&greeting[..], &bytes].concat()).expect("write");
        wait_for_failure(&publisher, &expected);
        let mut answer = Vec::new();
        // A reset ends it, too.
        let _ = stream.read_to_end(&mut answer);
    }
    let socket = zmq::Context::new().socket(zmq::SUB).expect("socket");
    let of_client = Security::CurveClient { keys: known, server: *server.public() };
    secure(&socket, &of_client);
    socket.set_subscribe(b"t").expect("subscribe");
    socket.connect(&endpoint).expect("connect");
    until("an honest client", || publisher.has_subscriber(b"t"));
}

/// Lets every client send topics that begin with `a.`, until it is revoked.
#[derive(Default)]
struct Limited {
    is_revoked: AtomicBool,
    has_changed: AtomicBool,
}

impl Authenticator for Limited {
    fn admit(&self, peer: &Credentials<'_>) -> Result<Rights, String> {
        assert!(!peer.is_server);
        if self.is_revoked.load(Ordering::Relaxed) {
            return Err("revoked".to_owned());
        }
        let send = Some([b"a.".as_slice().into()].into());
        Ok(Rights { name: "client".into(), key: None, send, receive: None })
    }

    fn has_changed(&self) -> bool {
        self.has_changed.swap(false, Ordering::Relaxed)
    }
}

#[test]
fn messages_that_a_client_may_not_send_are_left_out_and_counted_until_it_is_revoked() {
    let (of_server, of_client) = curve();
    let keys = Arc::new(Limited::default());
    let authenticator = Some(Arc::clone(&keys) as Arc<dyn Authenticator>);
    let options = Options { security: of_server, authenticator, ..Options::subscriber() };
    let subscriber = Subscriber::new(options, &[""]).expect("socket");
    let endpoint = subscriber.bind(&address(ANY)).expect("bind");
    let options = Options { security: of_client, ..Options::publisher() };
    let publisher = Publisher::new(options).expect("socket");
    publisher.connect(&endpoint);
    until("a subscription", || publisher.has_subscriber(b"a."));
    let (mut allowed, mut refused) = (Vec::new(), 0);
    for number in 0..3000_u32 {
        // Some do not fit into a block.
        let size = if number % 500 < 2 { 400_000 } else { number as usize % 700 };
        let body = [&number.to_be_bytes()[..], &vec![b'x'; size]].concat();
        let topic: &[u8] = if number.is_multiple_of(3) { b"b.x" } else { b"a.x" };
        publisher.send_within(&[topic, &body], DEADLINE).expect("send");
        match topic {
            b"a.x" => allowed.push(body),
            _ => refused += 1,
        }
    }
    let mut arrived = Vec::new();
    while arrived.len() < allowed.len() {
        let batch = subscriber.recv(DEADLINE).expect("a thread").expect("in time");
        for message in batch.messages() {
            let frames: Vec<&[u8]> = message.frames().collect();
            assert_eq!(frames[0], b"a.x");
            arrived.push(frames[1].to_vec());
        }
    }
    assert!(arrived == allowed);
    let mut counted = 0;
    until("all are counted", || {
        for some in subscriber.take_refused() {
            assert!(&*some.name == "client" && &*some.topic == b"b.x");
            counted += some.messages;
        }
        counted == refused
    });
    keys.is_revoked.store(true, Ordering::Relaxed);
    keys.has_changed.store(true, Ordering::Relaxed);
    let revoked = EventKind::Disconnected(Disconnect::Refused("revoked".to_owned()));
    until("a disconnect", || subscriber.events().try_iter().any(|event| event.kind == revoked));
}
