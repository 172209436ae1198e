//! Publishers and subscribers of this engine and of libzmq, behind one interface.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use zmtp::{Address, KeyPair, Options, Publisher, Security, Sent, Subscriber};

/// How long anything may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);
/// The pause between two looks.
const STEP: Duration = Duration::from_millis(2);

/// Waits until `condition` holds.
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "waited too long: {what}");
        std::thread::sleep(STEP);
    }
}

pub(crate) type Message = Vec<Vec<u8>>;

pub(crate) fn message(frames: &[&[u8]]) -> Message {
    frames.iter().map(|frame| frame.to_vec()).collect()
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Engine {
    Native,
    Libzmq,
}

/// All pairs of which one is native.
pub(crate) const PAIRS: [(Engine, Engine); 3] = [
    (Engine::Native, Engine::Native),
    (Engine::Native, Engine::Libzmq),
    (Engine::Libzmq, Engine::Native),
];

/// A directory for ipc sockets, and addresses to bind.
pub(crate) struct Addresses(tempfile::TempDir);

impl Addresses {
    pub(crate) fn new() -> Addresses {
        Addresses(tempfile::tempdir().expect("a directory"))
    }

    pub(crate) fn all(&self) -> [String; 3] {
        let path = self.0.path().join("socket");
        let ipv6 = "tcp://[::1]:*".to_owned();
        ["tcp://127.0.0.1:*".to_owned(), ipv6, format!("ipc://{}", path.display())]
    }
}

pub(crate) fn address(endpoint: &str) -> Address {
    Address::parse(endpoint).unwrap_or_else(|| panic!("{endpoint}"))
}

/// An address that is free now.
pub(crate) fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    format!("tcp://{}", listener.local_addr().expect("an address"))
}

/// Sets the security of a socket of libzmq.
pub(crate) fn secure(socket: &zmq::Socket, security: &Security) {
    let (keys, server) = match security {
        Security::Null => return,
        Security::CurveServer(keys) => (keys, None),
        Security::CurveClient { keys, server } => (keys, Some(server)),
    };
    socket.set_curve_publickey(keys.public()).expect("key");
    socket.set_curve_secretkey(keys.secret()).expect("key");
    match server {
        Some(server) => socket.set_curve_serverkey(server).expect("key"),
        None => socket.set_curve_server(true).expect("server"),
    }
}

/// The security of the two sides of a connection.
pub(crate) fn curve() -> (Security, Security) {
    let (server, client) = (KeyPair::generate(), KeyPair::generate());
    let of_client = Security::CurveClient { keys: client, server: *server.public() };
    (Security::CurveServer(server), of_client)
}

/// A socket of libzmq.
pub(crate) fn libzmq(kind: zmq::SocketType, endpoint: &str, security: &Security) -> zmq::Socket {
    let socket = zmq::Context::new().socket(kind).expect("socket");
    secure(&socket, security);
    socket.set_linger(0).expect("linger");
    socket.set_ipv6(endpoint.contains('[')).expect("ipv6");
    socket.set_reconnect_ivl(50).expect("interval");
    socket
}

/// A publisher.
pub(crate) enum Pub {
    Native(Publisher),
    /// With the subscriptions that it has read.
    Libzmq(zmq::Socket, Vec<Vec<u8>>),
}

impl Pub {
    pub(crate) fn new(engine: Engine, endpoint: &str) -> Pub {
        Pub::secured(engine, endpoint, Security::Null)
    }

    pub(crate) fn secured(engine: Engine, endpoint: &str, security: Security) -> Pub {
        match engine {
            Engine::Native => {
                let options = Options { security, ..Options::publisher() };
                Pub::Native(Publisher::new(options).expect("socket"))
            }
            Engine::Libzmq => {
                let socket = libzmq(zmq::XPUB, endpoint, &security);
                socket.set_sndhwm(0).expect("mark");
                socket.set_xpub_verbose(true).expect("verbose");
                Pub::Libzmq(socket, Vec::new())
            }
        }
    }

    pub(crate) fn bind(&self, endpoint: &str) -> String {
        match self {
            Pub::Native(publisher) => publisher.bind(&address(endpoint)).expect("bind").to_string(),
            Pub::Libzmq(socket, _) => {
                socket.bind(endpoint).expect("bind");
                socket.get_last_endpoint().expect("endpoint").expect("UTF-8")
            }
        }
    }

    pub(crate) fn connect(&self, endpoint: &str) {
        match self {
            Pub::Native(publisher) => publisher.connect(&address(endpoint)),
            Pub::Libzmq(socket, _) => socket.connect(endpoint).expect("connect"),
        }
    }

    /// Whether a subscriber receives `topic`.
    pub(crate) fn has(&mut self, topic: &[u8]) -> bool {
        match self {
            Pub::Native(publisher) => publisher.has_subscriber(topic),
            Pub::Libzmq(socket, known) => {
                while let Ok(bytes) = socket.recv_bytes(zmq::DONTWAIT) {
                    let (first, prefix) = bytes.split_first().expect("a subscription");
                    known.retain(|other| other != prefix);
                    if *first == 1 {
                        known.push(prefix.to_vec());
                    }
                }
                known.iter().any(|prefix| topic.starts_with(prefix))
            }
        }
    }

    pub(crate) fn send(&self, frames: &[&[u8]]) {
        match self {
            Pub::Native(publisher) => {
                let sent = publisher.send_within(frames, DEADLINE).expect("send");
                assert_eq!(sent, Sent::Sent);
            }
            Pub::Libzmq(socket, _) => socket.send_multipart(frames, 0).expect("send"),
        }
    }
}

/// A subscriber.
pub(crate) enum Sub {
    /// With the messages of the last batch.
    Native(Subscriber, VecDeque<Message>),
    Libzmq(zmq::Socket),
}

impl Sub {
    pub(crate) fn new(engine: Engine, endpoint: &str, topics: &[&str]) -> Sub {
        Sub::secured(engine, endpoint, topics, Security::Null)
    }

    pub(crate) fn secured(
        engine: Engine,
        endpoint: &str,
        topics: &[&str],
        security: Security,
    ) -> Sub {
        match engine {
            Engine::Native => {
                let options = Options { security, ..Options::subscriber() };
                let subscriber = Subscriber::new(options, topics).expect("socket");
                Sub::Native(subscriber, VecDeque::new())
            }
            Engine::Libzmq => {
                let socket = libzmq(zmq::SUB, endpoint, &security);
                socket.set_rcvhwm(0).expect("mark");
                // libzmq drops subscriptions above it without a word.
                socket.set_sndhwm(0).expect("mark");
                socket.set_rcvtimeo(2).expect("time-out");
                for topic in topics {
                    socket.set_subscribe(topic.as_bytes()).expect("subscribe");
                }
                Sub::Libzmq(socket)
            }
        }
    }

    pub(crate) fn bind(&self, endpoint: &str) -> String {
        match self {
            Sub::Native(subscriber, _) => {
                subscriber.bind(&address(endpoint)).expect("bind").to_string()
            }
            Sub::Libzmq(socket) => {
                socket.bind(endpoint).expect("bind");
                socket.get_last_endpoint().expect("endpoint").expect("UTF-8")
            }
        }
    }

    pub(crate) fn connect(&self, endpoint: &str) {
        match self {
            Sub::Native(subscriber, _) => subscriber.connect(&address(endpoint)),
            Sub::Libzmq(socket) => socket.connect(endpoint).expect("connect"),
        }
    }

    pub(crate) fn subscribe(&self, topic: &str) {
        match self {
            Sub::Native(subscriber, _) => subscriber.subscribe(topic.as_bytes()),
            Sub::Libzmq(socket) => socket.set_subscribe(topic.as_bytes()).expect("subscribe"),
        }
    }

    pub(crate) fn unsubscribe(&self, topic: &str) {
        match self {
            Sub::Native(subscriber, _) => subscriber.unsubscribe(topic.as_bytes()),
            Sub::Libzmq(socket) => socket.set_unsubscribe(topic.as_bytes()).expect("cancel"),
        }
    }

    /// Lets libzmq work: a bound SUB sends subscriptions only when it is used.
    fn enter(&self) {
        if let Sub::Libzmq(socket) = self {
            socket.get_events().expect("events");
        }
    }

    /// A message, if there is one within some milliseconds.
    pub(crate) fn try_recv(&mut self) -> Option<Message> {
        match self {
            Sub::Libzmq(socket) => socket.recv_multipart(0).ok(),
            Sub::Native(subscriber, queue) => {
                if queue.is_empty()
                    && let Some(batch) = subscriber.recv(STEP).expect("a thread")
                {
                    let copy = |message: zmtp::Message<'_>| {
                        message.frames().map(<[u8]>::to_vec).collect::<Message>()
                    };
                    queue.extend(batch.messages().map(copy));
                }
                queue.pop_front()
            }
        }
    }

    #[track_caller]
    pub(crate) fn recv(&mut self) -> Message {
        let start = Instant::now();
        loop {
            if let Some(message) = self.try_recv() {
                return message;
            }
            assert!(start.elapsed() < DEADLINE, "no message");
        }
    }
}

/// Waits until a subscription has arrived.
#[track_caller]
pub(crate) fn wait_for(publisher: &mut Pub, subscriber: &Sub, topic: &str) {
    until("a subscription", || {
        subscriber.enter();
        publisher.has(topic.as_bytes())
    });
}

/// A publisher and a subscriber that are connected: the publisher is bound, or the subscriber.
#[track_caller]
pub(crate) fn connected(
    (publisher, subscriber): (Engine, Engine),
    endpoint: &str,
    publisher_binds: bool,
    topics: &[&str],
    (of_publisher, of_subscriber): (Security, Security),
) -> (Pub, Sub) {
    let mut publisher = Pub::secured(publisher, endpoint, of_publisher);
    let subscriber = Sub::secured(subscriber, endpoint, topics, of_subscriber);
    if publisher_binds {
        subscriber.connect(&publisher.bind(endpoint));
    } else {
        publisher.connect(&subscriber.bind(endpoint));
    }
    for topic in topics {
        wait_for(&mut publisher, &subscriber, topic);
    }
    (publisher, subscriber)
}
