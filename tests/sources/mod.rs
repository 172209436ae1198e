//! `zlog emit --listen` and `--listen-udp`: Python's own logging sends, and a subscriber
//! receives.

/// Python's `DatagramHandler`.
mod datagram_handler;
/// Bad clients and datagrams beside good ones.
mod hostile;
/// Addresses and flags.
mod listening;
/// The pickle reader compared with CPython's.
mod pickles;
/// Python's `SocketHandler`.
mod socket_handler;
/// Both handlers over Unix sockets, and the sockets' files.
mod unix_sockets;
/// Values as Python prints them.
mod values;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::harness::{Listener, Python, Running, Zlog, emit};
use zlog_core::text::plural::counted;

/// A `zlog emit` that listens, and a subscriber that receives what it publishes.
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

    /// The port for this handler.
    #[track_caller]
    fn port(&mut self, handler: &str) -> String {
        self.emit.expect_address(&format!("for Python's {handler}")).port().to_string()
    }

    /// The next record, and its topic.
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

/// `network_logging.py`, running.
#[track_caller]
fn program(python: &Python, args: &[&str]) -> Running {
    let mut program = waiting(python, args);
    program.write("go\n");
    program
}

/// `network_logging.py`, which waits for a line on standard input to begin.
#[track_caller]
fn waiting(python: &Python, args: &[&str]) -> Running {
    let mut program = python.script("network_logging", args);
    program.expect_stdout("ready");
    program
}

/// Has ten programs log at once to `address`, and checks that each record is published once
/// and in order.
#[track_caller]
fn ten_programs_log_at_once(
    python: &Python,
    mut listening: ListeningEmit,
    style: &str,
    address: &str,
) {
    const PROGRAMS: usize = 10;
    const RECORDS: usize = 500;
    let names: Vec<String> = (0..PROGRAMS).map(|number| format!("shop.p{number}")).collect();
    let start = |name: &String| waiting(python, &[style, address, name, &RECORDS.to_string()]);
    let mut programs: Vec<_> = names.iter().map(start).collect();
    for program in &mut programs {
        program.write("go\n");
    }
    let mut published: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for _ in 0..PROGRAMS * RECORDS {
        let (topic, record) = listening.next();
        published.entry(topic).or_default().push(record["msg"].as_str().unwrap().to_owned());
    }
    for program in programs {
        program.wait().success();
    }
    listening.emit.terminate();
    assert!(listening.listener.everything().is_empty(), "no record is published twice");
    listening.emit.wait().code(143).stderr_has(&counted(PROGRAMS * RECORDS, "record"));
    assert_eq!(published.len(), PROGRAMS);
    for name in names {
        let want: Vec<String> = (0..RECORDS).map(|n| format!("{name} record {n}")).collect();
        assert_eq!(published[&format!("{name}.INFO")], want);
    }
}
