//! What tests with real sockets share. Tests wait on conditions, with this
//! module's one deadline, and never on time alone.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use super::{Endpoint, Publisher, Role, SocketOptions, Subscriber, WaitOutcome};
use zlog_core::error::Result;

/// How long anything may take before a test fails. Far above what it does take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
/// The wait of one step within [`until`].
pub(crate) const STEP: Duration = Duration::from_millis(10);

pub(crate) fn bind(text: &str) -> Endpoint {
    Endpoint::parse(text, Role::Bind).expect("endpoint")
}

pub(crate) fn connect(text: &str) -> Endpoint {
    Endpoint::parse(text, Role::Connect).expect("endpoint")
}

/// Any free port of a loopback address that nobody else uses: to be bound again after it
/// was let go. A port of 127.0.0.1 may by then be another test's, or that of a
/// connection, whose near end is always there.
pub(crate) fn own_address() -> String {
    static TAKEN: AtomicU8 = AtomicU8::new(0);
    if !cfg!(target_os = "linux") {
        return "tcp://127.0.0.1:0".to_owned(); // there is one loopback address only
    }
    let [.., high, low] = std::process::id().to_be_bytes();
    let number = TAKEN.fetch_add(1, Ordering::Relaxed);
    format!("tcp://127.{}.{low}.{}:0", 1 + high % 254, 1 + number % 254)
}

/// What `open` opens at an address that another had before. A child of another test
/// that is just being started has a copy of that one's socket, for a moment.
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

/// A publisher on a free port, and where it is.
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

/// Waits for `n` subscribers.
pub(crate) fn wait_for_subscribers(publisher: &mut Publisher, n: usize) {
    assert_eq!(publisher.wait_for(n, DEADLINE, "", &|| false), WaitOutcome::Enough);
}

/// Repeats `step`, which waits a little itself, until it says that it is done.
#[track_caller]
pub(crate) fn until(what: &str, mut step: impl FnMut() -> bool) {
    let start = Instant::now();
    while !step() {
        assert!(start.elapsed() < DEADLINE, "waited in vain until {what}");
    }
}

/// The next `n` messages, with their frames joined by `|`.
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
