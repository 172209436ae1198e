//! Peers that break the protocol or stop in the middle: nothing crashes, memory stays bounded,
//! and honest peers are not disturbed.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use zmtp::{Disconnect, EventKind, Options, Publisher, Subscriber};

use super::harness::{DEADLINE, address, until};

/// A peer that writes bytes by hand.
pub(crate) struct RawPeer(pub(crate) TcpStream);

/// The greeting of ZMTP 3.1, and READY.
pub(crate) fn hello(kind: &str) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    (bytes[0], bytes[9], bytes[10], bytes[11]) = (0xff, 0x7f, 3, 1);
    bytes[12..16].copy_from_slice(b"NULL");
    bytes.extend([4, 22 + kind.len() as u8]);
    bytes.extend(b"\x05READY\x0bSocket-Type\0\0\0");
    bytes.push(kind.len() as u8);
    bytes.extend(kind.as_bytes());
    bytes
}

/// Bytes of a message that the system does not take at once for a peer that does not read.
pub(crate) const LARGER_THAN_BUFFERS: usize = 32 << 20;

/// Waits until nothing listens at `endpoint`: its socket is being closed.
pub(crate) fn refuses_connections(endpoint: &str) {
    let endpoint = endpoint.trim_start_matches("tcp://");
    until("no listener", || TcpStream::connect(endpoint).is_err());
}

/// Reads a frame: its flags and its body.
pub(crate) fn read_frame(from: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut flags = [0];
    from.read_exact(&mut flags)?;
    let mut length = [0; 8];
    let short = if flags[0] & 2 == 0 { 7 } else { 0 };
    from.read_exact(&mut length[short..])?;
    let mut body = vec![0; u64::from_be_bytes(length) as usize];
    from.read_exact(&mut body)?;
    Ok((flags[0], body))
}

impl RawPeer {
    pub(crate) fn connect(endpoint: &str) -> RawPeer {
        let stream = TcpStream::connect(endpoint.trim_start_matches("tcp://")).expect("connect");
        stream.set_read_timeout(Some(DEADLINE)).expect("a time-out");
        RawPeer(stream)
    }

    /// A peer whose handshake is done.
    pub(crate) fn greeted(endpoint: &str, kind: &str) -> RawPeer {
        let mut peer = RawPeer::connect(endpoint);
        peer.shake_hands(kind);
        peer
    }

    /// A peer that was connected to, and whose handshake is done.
    pub(crate) fn accepted(listener: &std::net::TcpListener, kind: &str) -> RawPeer {
        let (stream, _) = listener.accept().expect("a connection");
        stream.set_read_timeout(Some(DEADLINE)).expect("a time-out");
        let mut peer = RawPeer(stream);
        peer.shake_hands(kind);
        peer
    }

    fn shake_hands(&mut self, kind: &str) {
        self.write(&hello(kind));
        let mut greeting = [0; 64];
        self.0.read_exact(&mut greeting).expect("a greeting");
        read_frame(&mut self.0).expect("READY");
    }

    pub(crate) fn subscribed(endpoint: &str, topics: &[&[u8]]) -> RawPeer {
        let mut peer = RawPeer::greeted(endpoint, "SUB");
        for topic in topics {
            peer.write(&[&[0, topic.len() as u8 + 1, 1], *topic].concat());
        }
        peer
    }

    /// Writes, unless the connection has ended.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    /// Waits until the other side has closed the connection.
    fn wait_for_end(mut self) {
        let mut buffer = [0; 4096];
        loop {
            match self.0.read(&mut buffer) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// What hostile peers send to a socket whose peers are of this type, and the reason for the end.
fn attacks(kind: &str) -> Vec<(Vec<u8>, Disconnect)> {
    let then = |bytes: &[u8]| [hello(kind), bytes.to_vec()].concat();
    let malformed = "unknown flags of a frame";
    let mut huge = vec![2];
    huge.extend(u64::MAX.to_be_bytes());
    vec![
        (vec![b'x'; 100_000], Disconnect::NotZmtp),
        (hello("PUSH"), Disconnect::SocketType("PUSH".to_owned())),
        (hello(kind)[..40].to_vec(), Disconnect::HandshakeTimeout),
        (Vec::new(), Disconnect::HandshakeTimeout),
        (then(&[0xf8; 10]), Disconnect::Malformed(malformed)),
        (then(&[1, 0].repeat(1_000_000)), Disconnect::TooManyParts(4)),
        (then(&huge), Disconnect::Malformed("a frame length of 2^63 or more")),
        (then(&[2, 0, 0, 0, 0, 0, 0, 16, 1]), Disconnect::MessageTooLarge(4096)),
        (then(&[4, 2, 5, b'X']), Disconnect::Malformed("a command without a name")),
    ]
}

fn limits(options: Options) -> Options {
    let handshake = Duration::from_millis(300);
    Options { max_message: 4096, max_parts: 4, handshake, ..options }
}

/// Attacks `endpoint`, while honest peers exchange messages: `check`.
fn attack(
    endpoint: &str,
    kind: &str,
    more: Vec<(Vec<u8>, Disconnect)>,
    events: &dyn Fn() -> Vec<EventKind>,
    check: &mut dyn FnMut(),
) {
    for (bytes, expected) in attacks(kind).into_iter().chain(more) {
        let mut peer = RawPeer::connect(endpoint);
        let mut writer = RawPeer(peer.0.try_clone().expect("a clone"));
        let writing = std::thread::spawn(move || writer.write(&bytes));
        check();
        let mut seen = Vec::new();
        until(&format!("{expected:?}"), || {
            seen.extend(events());
            seen.iter().any(|kind| {
                matches!(kind, EventKind::Failed(why) | EventKind::Unreachable(why) | EventKind::Disconnected(why)
                    if *why == expected)
            })
        });
        peer.write(b"more");
        peer.wait_for_end();
        writing.join().expect("a writer");
        check();
    }
}

fn honest(publisher: &Publisher, subscriber: &Subscriber) {
    publisher.send(&[b"t", b"body"]).expect("send");
    let batch = subscriber.recv(DEADLINE).expect("a thread").expect("a message");
    assert_eq!(batch.len(), 1);
}

#[test]
fn a_publisher_ends_hostile_subscribers_and_serves_honest_ones() {
    let options = limits(Options { subscription_bytes: 100_000, ..Options::publisher() });
    let publisher = Publisher::new(options).expect("socket");
    let endpoint = publisher.bind(&address("tcp://127.0.0.1:*")).expect("bind").to_string();
    let subscriber = Subscriber::new(Options::subscriber(), &["t"]).expect("socket");
    subscriber.connect(&address(&endpoint));
    until("a subscriber", || publisher.has_subscriber(b"t"));
    let mut flood = hello("SUB");
    for n in 0..100_000_u32 {
        flood.extend([0, 5, 1]);
        flood.extend(n.to_be_bytes());
    }
    let endless = [hello("SUB"), b"\x00\x02\x01x\x00\x02\x00x".repeat(150_000)].concat();
    let user = [hello("SUB"), vec![0, 3, b'a', b'b', b'c']].concat();
    let more = vec![
        (flood, Disconnect::TooManySubscriptions),
        (endless, Disconnect::SubscriptionRate),
        (user, Disconnect::NotASubscription),
    ];
    let events = || publisher.events().try_iter().map(|event| event.kind).collect();
    attack(&endpoint, "SUB", more, &events, &mut || honest(&publisher, &subscriber));
    assert_eq!(publisher.subscribers(b""), 1, "what they subscribed to is forgotten");
    assert_eq!(publisher.endpoints()[0].peers, 1, "the honest one is still counted");
}

#[test]
fn a_subscriber_ends_hostile_publishers_and_hears_honest_ones() {
    let subscriber = Subscriber::new(limits(Options::subscriber()), &["t"]).expect("socket");
    let endpoint = subscriber.bind(&address("tcp://127.0.0.1:*")).expect("bind").to_string();
    let publisher = Publisher::new(Options::publisher()).expect("socket");
    publisher.connect(&address(&endpoint));
    until("a subscriber", || publisher.has_subscriber(b"t"));
    let events = || subscriber.events().try_iter().map(|event| event.kind).collect();
    attack(&endpoint, "PUB", Vec::new(), &events, &mut || honest(&publisher, &subscriber));
    assert_eq!(subscriber.endpoints()[0].peers, 1, "the honest one is still counted");
}

#[test]
fn incomplete_messages_of_many_publishers_stay_within_a_limit() {
    let options = Options { incomplete_bytes: 10 << 20, ..Options::subscriber() };
    let subscriber = Subscriber::new(options, &["t"]).expect("socket");
    let endpoint = subscriber.bind(&address("tcp://127.0.0.1:*")).expect("bind").to_string();
    let mut peers = Vec::new();
    for _ in 0..5 {
        let mut peer = RawPeer::greeted(&endpoint, "PUB");
        peer.write(&[&[2, 0, 0, 0, 0, 4, 0, 0, 0][..], &vec![b'x'; 3 << 20]].concat());
        peers.push(peer);
    }
    let expected = EventKind::Disconnected(Disconnect::IncompleteMessages);
    until("an end", || subscriber.events().try_iter().any(|event| event.kind == expected));
}

#[test]
fn more_connections_than_allowed_are_closed_at_once_and_one_that_ends_makes_room() {
    let options = Options { max_connections: 2, ..Options::publisher() };
    let publisher = Publisher::new(options).expect("socket");
    let endpoint = publisher.bind(&address("tcp://127.0.0.1:*")).expect("bind").to_string();
    let first = RawPeer::greeted(&endpoint, "SUB");
    let second = RawPeer::greeted(&endpoint, "SUB");
    RawPeer::connect(&endpoint).wait_for_end();
    assert_eq!(publisher.peers().len(), 2);
    drop(first);
    until("room", || publisher.peers().len() == 1);
    let third = RawPeer::greeted(&endpoint, "SUB");
    until("two peers", || publisher.peers().len() == 2);
    drop((second, third));
}

#[test]
fn pings_are_answered_and_a_flood_of_them_queues_one_answer() {
    let publisher = Publisher::new(Options::publisher()).expect("socket");
    let endpoint = publisher.bind(&address("tcp://127.0.0.1:*")).expect("bind").to_string();
    let mut peer = RawPeer::greeted(&endpoint, "SUB");
    peer.write(b"\x04\x0a\x04PING\0\0ctx");
    assert_eq!(read_frame(&mut peer.0).expect("a frame"), (4, b"\x04PONGctx".to_vec()));
    let mut flooding = RawPeer(peer.0.try_clone().expect("a clone"));
    flooding.write(&b"\x04\x0a\x04PING\0\0ctx".repeat(1_000_000));
    until("a peer", || publisher.peers().len() == 1);
    assert!(publisher.peers()[0].queued_bytes < 100, "{:?}", publisher.peers());
}

#[test]
fn a_reset_in_the_middle_of_a_frame_ends_only_that_connection() {
    let subscriber = Subscriber::new(Options::subscriber(), &["t"]).expect("socket");
    let endpoint = subscriber.bind(&address("tcp://127.0.0.1:*")).expect("bind").to_string();
    let publisher = Publisher::new(Options::publisher()).expect("socket");
    publisher.connect(&address(&endpoint));
    until("a subscriber", || publisher.has_subscriber(b"t"));
    for _ in 0..20 {
        // What it has not read makes its system reset the connection.
        let mut peer = RawPeer::connect(&endpoint);
        peer.write(&[hello("PUB"), b"\x01\x01t\x00\xffhalf".to_vec()].concat());
        std::thread::sleep(Duration::from_millis(1));
        drop(peer);
        honest(&publisher, &subscriber);
    }
    until("their ends", || subscriber.endpoints().iter().all(|endpoint| endpoint.peers == 1));
}
