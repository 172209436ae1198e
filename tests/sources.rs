//! Sources that programs send to, with Python's own logging at the other end:
//! `zlog emit --listen` and `--listen-udp`, seen by a subscriber.

/// Python's `DatagramHandler`.
mod datagram_handler;
/// Clients and datagrams that are bad, beside good ones.
mod hostile;
/// Addresses and flags.
mod listening;
/// Pickles of CPython's, and what CPython makes of them.
mod pickles;
/// Python's `SocketHandler`.
mod socket_handler;

/// Both of them over Unix sockets, and their files.
mod unix_sockets;

use serde_json::Value;

use crate::harness::{Listener, Python, Running, Zlog, emit};

/// A `zlog emit` that listens, and the subscriber that hears what it publishes.
struct ListeningEmit {
    emit: Running,
    listener: Listener,
}

impl ListeningEmit {
    /// Listens on any TCP port, and on any UDP port.
    #[track_caller]
    fn open() -> ListeningEmit {
        ListeningEmit::of(emit(["--listen", "127.0.0.1:0", "--listen-udp", "127.0.0.1:0"]))
    }

    #[track_caller]
    fn of(emit: Zlog) -> ListeningEmit {
        let mut emit = emit.start();
        let listener = Listener::connect(&emit.endpoint(), "");
        ListeningEmit { emit, listener }
    }

    /// The port that this handler is listened to on.
    #[track_caller]
    fn port(&mut self, handler: &str) -> String {
        self.emit.expect_address(&format!("for Python's {handler}")).port().to_string()
    }

    /// The next record, and the topic that it came under.
    #[track_caller]
    fn next(&self) -> (String, Value) {
        let message = self.listener.next();
        (message.topic.clone(), message.json())
    }

    /// The texts of the next records.
    #[track_caller]
    fn texts(&self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.next().1["msg"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// `network_logging.py`, which has been told to begin.
#[track_caller]
fn program(python: &Python, args: &[&str]) -> Running {
    let mut program = waiting(python, args);
    program.write("go\n");
    program
}

/// `network_logging.py`, which waits to be told to begin.
#[track_caller]
fn waiting(python: &Python, args: &[&str]) -> Running {
    let mut program = python.script("network_logging", args);
    program.expect_stdout("ready");
    program
}
