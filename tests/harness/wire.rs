//! ZeroMQ sockets of the tests: they see raw frames, and send any frames.

use std::time::{Duration, Instant};

use zmq::{Context, Socket, SocketEvent, SocketType};

use super::{ANY_PORT, DEADLINE, bind_again, watchdog};
use zlog_core::wire::mark::is_reserved;

/// A message as received.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Message {
    /// The first frame.
    pub(crate) topic: String,
    /// The second frame.
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// The body as JSON. Panics if it is not JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        let text = self.text();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }

    /// The body as text. Panics if it is not UTF-8.
    #[track_caller]
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("the body is UTF-8")
    }
}

/// A subscriber.
pub(crate) struct Listener {
    socket: Socket,
    monitor: Socket,
}

impl Listener {
    /// Subscribes to topics that begin with `topic` at `endpoint`.
    pub(crate) fn connect(endpoint: &str, topic: &str) -> Listener {
        let context = Context::new();
        let socket = subscriber(&context, topic);
        let monitor = monitored(&context, &socket);
        socket.connect(endpoint).expect("the endpoint is well-formed");
        Listener { socket, monitor }
    }

    /// Subscribes to another prefix.
    pub(crate) fn and(self, topic: &str) -> Listener {
        self.socket.set_subscribe(topic.as_bytes()).expect("a SUB socket");
        self
    }

    /// Binds any port, for publishers that connect. Also returns the endpoint.
    pub(crate) fn bind(topic: &str) -> (Listener, String) {
        let context = Context::new();
        let socket = subscriber(&context, topic);
        let monitor = monitored(&context, &socket);
        socket.bind(ANY_PORT).expect("a port is free");
        let endpoint = bound(&socket);
        (Listener { socket, monitor }, endpoint)
    }

    /// The next message.
    #[track_caller]
    pub(crate) fn next(&self) -> Message {
        self.try_next(DEADLINE).expect("a message should have come")
    }

    /// The next message, if one arrives within `wait`.
    #[track_caller]
    pub(crate) fn try_next(&self, wait: Duration) -> Option<Message> {
        let wait = i32::try_from(wait.as_millis()).expect("a wait of days");
        self.socket.set_rcvtimeo(wait).expect("a plain option");
        let mut frames = self.socket.recv_multipart(0).ok()?;
        assert_eq!(frames.len(), 2, "two frames, or PyZMQ's watcher exits: {frames:?}");
        let body = frames.pop().unwrap_or_default();
        let topic = String::from_utf8(frames.pop().unwrap_or_default());
        Some(Message { topic: topic.expect("the topic is UTF-8"), body })
    }

    /// All messages until the publisher disconnects.
    ///
    /// libzmq reports a disconnect after it has delivered everything, so what is queued then
    /// is all there is.
    #[track_caller]
    pub(crate) fn everything(&self) -> Vec<Message> {
        let until = Instant::now() + DEADLINE;
        let mut messages = Vec::new();
        while !self.hung_up() {
            assert!(Instant::now() < until, "the publisher did not hang up: {messages:?}");
            messages.extend(self.try_next(Duration::from_millis(20)));
        }
        while let Some(message) = self.try_next(Duration::ZERO) {
            messages.push(message);
        }
        messages
    }

    fn hung_up(&self) -> bool {
        while let Ok(event) = self.monitor.recv_multipart(zmq::DONTWAIT) {
            let id = event.first().and_then(|frame| frame.first_chunk::<2>());
            if id.is_some_and(|id| HUNG_UP.iter().any(|it| it.to_raw() == u16::from_ne_bytes(*id)))
            {
                return true;
            }
        }
        false
    }
}

/// A publisher that sends any frames.
pub(crate) struct Publisher {
    socket: Socket,
    /// The bound endpoint.
    pub(crate) endpoint: String,
}

impl Publisher {
    /// Binds any port.
    pub(crate) fn bind() -> Publisher {
        Publisher::bind_at(ANY_PORT)
    }

    /// Binds this endpoint, which may have been bound before.
    #[track_caller]
    pub(crate) fn bind_at(endpoint: &str) -> Publisher {
        watchdog::watch();
        let socket = Context::new().socket(SocketType::XPUB).expect("a socket");
        socket.set_linger(0).expect("a plain option");
        socket.set_sndhwm(0).expect("a plain option");
        bind_again(endpoint, || socket.bind(endpoint));
        let endpoint = bound(&socket);
        Publisher { socket, endpoint }
    }

    /// Waits for a subscription of records, and returns its prefix.
    #[track_caller]
    pub(crate) fn wait_for_subscription(&self) -> Vec<u8> {
        self.socket.set_rcvtimeo(DEADLINE.as_millis() as i32).expect("a plain option");
        loop {
            let message = self.socket.recv_bytes(0).expect("somebody should have subscribed");
            if let Some((1, prefix)) = message.split_first()
                && !is_reserved(prefix)
            {
                return prefix.to_vec();
            }
        }
    }

    /// The next message of a subscriber, if it is about records: whether it subscribes or
    /// unsubscribes, and the prefix.
    pub(crate) fn next_change(&self, wait: Duration) -> Option<(bool, String)> {
        let wait = i32::try_from(wait.as_millis()).expect("a wait of days");
        self.socket.set_rcvtimeo(wait).expect("a plain option");
        loop {
            let message = self.socket.recv_bytes(0).ok()?;
            let (what, prefix) = message.split_first()?;
            if !is_reserved(prefix) {
                return Some((*what == 1, String::from_utf8_lossy(prefix).into_owned()));
            }
        }
    }

    /// From now on reports repeated subscriptions, too: a subscriber that reconnects quickly
    /// may be back before its disconnect is noticed.
    pub(crate) fn report_all(&self) {
        self.socket.set_xpub_verbose(true).expect("an XPUB socket");
    }

    /// Closes the socket once the system has taken everything.
    pub(crate) fn close(self) {
        self.socket.set_linger(DEADLINE.as_millis() as i32).expect("a plain option");
    }

    /// Sends one message.
    pub(crate) fn send<F: AsRef<[u8]>>(&self, frames: impl IntoIterator<Item = F>) {
        let frames: Vec<Vec<u8>> = frames.into_iter().map(|f| f.as_ref().to_vec()).collect();
        self.socket.send_multipart(frames, 0).expect("sending without a limit");
    }
}

fn subscriber(context: &Context, topic: &str) -> Socket {
    let socket = context.socket(SocketType::SUB).expect("a socket");
    socket.set_linger(0).expect("a plain option");
    // Without a limit: the test must never hold the publisher up.
    socket.set_rcvhwm(0).expect("a plain option");
    socket.set_subscribe(topic.as_bytes()).expect("a SUB socket");
    socket
}

/// The publisher has gone: after a connection, or before there was one.
const HUNG_UP: [SocketEvent; 2] = [SocketEvent::DISCONNECTED, SocketEvent::CONNECT_RETRIED];

fn monitored(context: &Context, socket: &Socket) -> Socket {
    // Each listener has a context of its own, so the name is free.
    let name = "inproc://monitor";
    let events = HUNG_UP.iter().fold(0, |events, event| events | event.to_raw());
    socket.monitor(name, i32::from(events)).expect("a fresh name");
    let monitor = context.socket(SocketType::PAIR).expect("a socket");
    monitor.set_linger(0).expect("a plain option");
    monitor.connect(name).expect("the monitor was just made");
    monitor
}

fn bound(socket: &Socket) -> String {
    socket.get_last_endpoint().expect("a bound socket").expect("an endpoint is text")
}
