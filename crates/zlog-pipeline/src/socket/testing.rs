//! Helpers for tests with real sockets. Tests wait on conditions, up to [`DEADLINE`].

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use super::{Endpoint, Publisher, Role, SocketOptions, Subscriber, WaitOutcome};
use zlog_core::Result;

/// Time limit of every wait; far more than anything takes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
/// The wait of one step within [`until`].
pub(crate) const STEP: Duration = Duration::from_millis(10);

pub(crate) fn bind(text: &str) -> Endpoint {
    Endpoint::parse(text, Role::Bind).expect("endpoint")
}

pub(crate) fn connect(text: &str) -> Endpoint {
    Endpoint::parse(text, Role::Connect).expect("endpoint")
}

/// Any free port of a loopback address of its own, for tests that bind a port again after
/// closing it. A port of 127.0.0.1 could be taken by another test meanwhile, or be the local
/// port of an outgoing connection.
pub(crate) fn own_address() -> String {
    static TAKEN: AtomicU8 = AtomicU8::new(0);
    if !cfg!(target_os = "linux") {
        return "tcp://127.0.0.1:0".to_owned(); // there is one loopback address only
    }
    let [.., high, low] = std::process::id().to_be_bytes();
    let number = TAKEN.fetch_add(1, Ordering::Relaxed);
    format!("tcp://127.{}.{low}.{}:0", 1 + high % 254, 1 + number % 254)
}

/// Repeats `open` until it can bind an address used before. A child process of another test
/// that is just being started may still hold a copy of the old socket.
#[track_caller]
pub(crate) fn bound_again<T>(mut open: impl FnMut() -> Result<T>) -> T {
    let start = Instant::now();
    loop {
        match open() {
            Ok(opened) => return opened,
            Err(error) => assert!(start.elapsed() < DEADLINE, "{error}"),
        }
        std::thread::yield_now();
    }
}

/// A publisher on a free port, and its endpoint.
pub(crate) fn publisher(options: &SocketOptions) -> (Publisher, String) {
    let publisher = Publisher::open(&[bind("tcp://127.0.0.1:0")], options).expect("publisher");
    let endpoint = publisher.bound()[0].clone();
    (publisher, endpoint)
}

/// A subscriber connected to `endpoint`.
pub(crate) fn subscriber(endpoint: &str, topics: &[&str]) -> Subscriber {
    Subscriber::open(&[connect(endpoint)], topics, &SocketOptions::subscriber())
        .expect("subscriber")
}

/// A plain libzmq socket, connected to `endpoint` after `set_up`.
pub(crate) fn plain_socket(
    kind: zmq::SocketType,
    endpoint: &str,
    set_up: impl FnOnce(&zmq::Socket),
) -> zmq::Socket {
    let socket = zmq::Context::new().socket(kind).expect("socket");
    socket.set_linger(0).expect("linger");
    set_up(&socket);
    socket.connect(endpoint).expect("connect");
    socket
}

/// A SUB with small buffers, which reads only on request.
pub(crate) fn slow_subscriber(endpoint: &str, prefixes: &[&str]) -> zmq::Socket {
    plain_socket(zmq::SUB, endpoint, |socket| {
        socket.set_rcvhwm(1).expect("hwm");
        socket.set_rcvbuf(4096).expect("buffer");
        for prefix in prefixes {
            socket.set_subscribe(prefix.as_bytes()).expect("subscribe");
        }
    })
}

/// Waits for `n` subscribers.
pub(crate) fn wait_for_subscribers(publisher: &mut Publisher, n: usize) {
    assert_eq!(publisher.wait_for(n, DEADLINE, "", &|| false), WaitOutcome::Enough);
}

/// Repeats `step`, which waits a little itself, until it returns true.
#[track_caller]
pub(crate) fn until(what: &str, mut step: impl FnMut() -> bool) {
    let start = Instant::now();
    while !step() {
        assert!(start.elapsed() < DEADLINE, "waited in vain until {what}");
    }
}

/// The next `n` messages, their frames joined by `|`.
#[track_caller]
pub(crate) fn take(subscriber: &mut Subscriber, n: usize) -> Vec<String> {
    let mut taken = Vec::new();
    until(&format!("{n} messages have come"), || {
        subscriber
            .recv(STEP, &mut |frames, received| {
                assert!(received > 1e9);
                let text = frames.iter().map(|f| String::from_utf8_lossy(f)).collect::<Vec<_>>();
                taken.push(text.join("|"));
                Ok(if taken.len() == n {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                })
            })
            .expect("no error");
        taken.len() == n
    });
    taken
}
