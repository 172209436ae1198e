//! Connections that end, that go silent, and that are slow.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use zmtp::{Disconnect, EventKind, Options, Publisher, Subscriber, WhenFull};

use super::harness::{DEADLINE, Engine, Pub, Sub, address, until};
use super::hostile::RawPeer;

const ANY: &str = "tcp://127.0.0.1:*";

#[test]
fn a_publisher_whose_message_was_too_large_is_connected_to_again() {
    for engine in [Engine::Native, Engine::Libzmq] {
        let mut publisher = Pub::new(engine, "");
        let endpoint = publisher.bind(ANY);
        let options = Options { max_message: 10_000, ..Options::subscriber() };
        let subscriber = Subscriber::new(options, &["t"]).expect("socket");
        subscriber.connect(&address(&endpoint));
        until("a subscription", || publisher.has(b"t"));
        publisher.send(&[b"t", &vec![b'x'; 20_000]]);
        let expected = EventKind::Disconnected(Disconnect::MessageTooLarge(10_000));
        until("an end", || subscriber.events().try_iter().any(|event| event.kind == expected));
        let start = Instant::now();
        loop {
            publisher.send(&[b"t", b"small"]);
            if subscriber.recv(Duration::from_millis(10)).expect("a thread").is_some() {
                break;
            }
            assert!(start.elapsed() < DEADLINE, "never connected again");
        }
    }
}

/// Passes bytes on that `pass` may change or hold back. It keeps the connections open in any
/// case, and its system acknowledges what arrives. Returns where it listens.
pub(crate) fn proxy(to: String, pass: impl FnMut(&mut [u8]) -> bool + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let endpoint = format!("tcp://{}", listener.local_addr().expect("an address"));
    let pass = Arc::new(Mutex::new(pass));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let near = stream.expect("a connection");
            let Ok(far) = TcpStream::connect(to.trim_start_matches("tcp://")) else { return };
            let copy = |stream: &TcpStream| stream.try_clone().expect("a clone");
            let ends = [(&near, &far), (&far, &near)];
            for (from, into) in ends {
                let (mut from, mut into) = (copy(from), copy(into));
                let pass = Arc::clone(&pass);
                std::thread::spawn(move || {
                    let mut buffer = [0; 65_536];
                    while let Ok(read @ 1..) = from.read(&mut buffer) {
                        let bytes = &mut buffer[..read];
                        let passes = pass.lock().expect("a lock")(bytes);
                        if passes && into.write_all(bytes).is_err() {
                            break;
                        }
                    }
                    // The other direction may be silent.
                    let _ = into.shutdown(Shutdown::Both);
                });
            }
        }
    });
    endpoint
}

#[test]
fn a_publisher_that_is_suspended_is_asked_and_keeps_its_connection() {
    let options = Options { dead_after: Duration::from_millis(300), ..Options::subscriber() };
    let subscriber = Subscriber::new(options, &["t"]).expect("socket");
    let endpoint = subscriber.bind(&address(ANY)).expect("bind").to_string();
    let mut suspended = RawPeer::greeted(&endpoint, "PUB");
    let start = Instant::now();
    until("five times the limit", || start.elapsed() > Duration::from_millis(1500));
    // Its subscription, and PING more than once.
    suspended.0.set_nonblocking(true).expect("a plain option");
    let mut bytes = vec![0; 65_536];
    let read = suspended.0.read(&mut bytes).expect("bytes");
    assert!(bytes[..read].windows(4).filter(|it| it == b"PING").count() > 1);
    suspended.0.set_nonblocking(false).expect("a plain option");
    suspended.write(b"\x01\x01t\x00\x04body");
    let batch = subscriber.recv(DEADLINE).expect("a thread").expect("a message");
    assert_eq!(batch.len(), 1);
    let ended = |event: zmtp::Event| matches!(event.kind, EventKind::Disconnected(_));
    assert!(!subscriber.events().try_iter().any(ended));
}

#[test]
fn a_subscriber_that_does_not_read_is_asked_and_never_cut_off_for_that() {
    for engine in [Engine::Native, Engine::Libzmq] {
        let options = Options {
            dead_after: Duration::from_millis(150),
            when_full: WhenFull::Block,
            queue_bytes: 64 << 10,
            ..Options::publisher()
        };
        let publisher = Publisher::new(options).expect("socket");
        let endpoint = publisher.bind(&address(ANY)).expect("bind").to_string();
        let mut subscriber = match engine {
            Engine::Native => Sub::new(engine, &endpoint, &["t"]),
            Engine::Libzmq => {
                let socket = zmq::Context::new().socket(zmq::SUB).expect("socket");
                socket.set_rcvhwm(10).expect("mark");
                socket.set_rcvtimeo(2).expect("time-out");
                socket.set_linger(0).expect("linger");
                socket.set_subscribe(b"t").expect("subscribe");
                Sub::Libzmq(socket)
            }
        };
        subscriber.connect(&endpoint);
        until("a subscriber", || publisher.has_subscriber(b"t"));
        let body = vec![b'x'; 5000];
        let mut sent = 0_u32;
        // Blocked for many times the limit.
        let start = Instant::now();
        let mut full_since = None;
        while full_since.is_none_or(|since: Instant| since.elapsed() < Duration::from_millis(900)) {
            let body = [&sent.to_be_bytes()[..], &body].concat();
            match publisher.send_within(&[b"t", &body], Duration::from_millis(50)).expect("send") {
                zmtp::Sent::Sent => (sent, full_since) = (sent + 1, None),
                zmtp::Sent::Full => full_since = full_since.or(Some(Instant::now())),
            }
            assert!(start.elapsed() < DEADLINE, "never full");
        }
        for n in 0..sent {
            assert_eq!(subscriber.recv()[1][..4], n.to_be_bytes());
        }
        let ends = publisher
            .events()
            .try_iter()
            .find(|event| matches!(event.kind, EventKind::Disconnected(_) | EventKind::Failed(_)));
        assert_eq!(ends, None);
    }
}

#[test]
fn idle_links_stay_up_for_longer_than_the_limit_with_every_peer() {
    let quick = Duration::from_millis(600);
    let publisher = Publisher::new(Options { dead_after: quick, ..Options::publisher() });
    let publisher = publisher.expect("socket");
    let endpoint = publisher.bind(&address(ANY)).expect("bind").to_string();
    let libzmq = Sub::new(Engine::Libzmq, &endpoint, &["t"]);
    libzmq.connect(&endpoint);
    let other = Pub::new(Engine::Libzmq, "");
    let options = Options { dead_after: quick, ..Options::subscriber() };
    let native = Subscriber::new(options, &["t"]).expect("socket");
    native.connect(&address(&endpoint));
    native.connect(&address(&other.bind(ANY)));
    let up = || native.endpoints().iter().all(|endpoint| endpoint.peers == 1);
    until("all", || up() && publisher.subscribers(b"t") == 2);
    let start = Instant::now();
    until("three times the limit", || start.elapsed() > 3 * quick);
    let ended = |event: zmtp::Event| matches!(event.kind, EventKind::Disconnected(_));
    assert!(!publisher.events().try_iter().any(ended) && !native.events().try_iter().any(ended));
    assert!(up() && publisher.subscribers(b"t") == 2);
}

#[cfg(unix)]
#[test]
fn a_live_ipc_socket_is_not_replaced_a_stale_one_is_and_a_file_never() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("socket");
    let ipc = address(&format!("ipc://{}", path.display()));
    let open = || Publisher::new(Options::publisher()).expect("socket");
    drop(std::os::unix::net::UnixListener::bind(&path).expect("leave a stale file"));
    let first = open();
    first.bind(&ipc).expect("stale");
    let error = |outcome: std::io::Result<_>| outcome.err().map(|error| error.kind());
    assert_eq!(error(open().bind(&ipc)), Some(std::io::ErrorKind::AddrInUse));
    drop(first);
    assert!(!path.exists(), "the file is removed");
    std::fs::write(&path, "text").expect("a file");
    assert_eq!(error(open().bind(&ipc)), Some(std::io::ErrorKind::AlreadyExists));
    assert!(path.exists());
}
