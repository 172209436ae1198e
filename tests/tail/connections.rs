//! Publishers that start, stop and restart, and several at once.

use std::io::Write;
use std::net::TcpListener;

use super::tail;
use crate::harness::{ANY_PORT, Publisher, Running, own_address, zlog};

/// A tail that prints connection events.
fn verbose(endpoints: &[&str]) -> Running {
    zlog(["tail", "-o", "text", "--verbose"]).args(endpoints).start()
}

#[test]
fn several_publishers_are_read_at_once() {
    let [one, two, three] = [Publisher::bind(), Publisher::bind(), Publisher::bind()];
    let args = ["-c", &one.endpoint, "--connect", &two.endpoint, &three.endpoint];
    let tail = zlog(["tail", "-o", "text", "-n", "3"]).args(args).start();
    for (publisher, text) in [(&one, "1"), (&two, "2"), (&three, "3")] {
        publisher.wait_for_subscription();
        publisher.send(["app.INFO", text]);
    }
    let out = tail.wait().success().out();
    let mut lines: Vec<&str> = out.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["1", "2", "3"]);
}

#[test]
fn a_tail_that_binds_is_found_by_several_emitters() {
    let mut tail = zlog(["tail", "-o", "text", "-n", "2", "-b", ANY_PORT]).start();
    let endpoint = tail.endpoint();
    for text in ["one", "two"] {
        let emit = zlog(["emit", "-c", &endpoint, "--wait", "60s", "-m", text]).run();
        emit.success();
    }
    let out = tail.wait().success().out();
    let mut lines: Vec<&str> = out.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["one", "two"]);
}

#[test]
fn a_publisher_that_starts_later_is_connected() {
    let gone = Publisher::bind_at(&own_address());
    let endpoint = gone.endpoint.clone();
    drop(gone);
    let mut tail = verbose(&[&endpoint]);
    tail.expect_stderr("reconnecting in");
    let publisher = Publisher::bind_at(&endpoint);
    publisher.wait_for_subscription();
    publisher.send(["app.INFO", "late"]);
    tail.expect_stdout("late");
    tail.expect_stderr("connected");
    tail.terminate();
    tail.wait().code(143);
}

#[test]
fn a_tail_that_has_waited_long_still_reconnects_in_time_for_a_short_emit() {
    let gone = Publisher::bind_at(&own_address());
    let endpoint = gone.endpoint.clone();
    drop(gone);
    let mut tail = verbose(&[&endpoint]);
    for _ in 0..6 {
        let said = tail.expect_stderr("reconnecting in ");
        let pause = said.rsplit("reconnecting in ").next().and_then(|it| it.split(' ').next());
        let pause: u32 = pause.and_then(|it| it.parse().ok()).expect("milliseconds");
        assert!(pause <= 500, "{said}");
    }
    zlog(["emit", "-b", &endpoint, "-r", "x", "-m", "late"]).run().success().stderr_lacks("nobody");
    tail.expect_stdout("late");
    tail.terminate();
    tail.wait().code(143);
}

#[test]
fn a_publisher_that_restarts_is_connected_again_and_verbose_reports_it() {
    let mut publisher = Publisher::bind_at(&own_address());
    let endpoint = publisher.endpoint.clone();
    let mut tail = verbose(&[&endpoint]);
    for round in 0..3 {
        publisher.wait_for_subscription();
        let text = format!("round {round}");
        publisher.send(["app.INFO", &text]);
        tail.expect_stdout(&text);
        drop(publisher);
        publisher = Publisher::bind_at(&endpoint);
    }
    publisher.wait_for_subscription();
    tail.terminate();
    let finished = tail.wait().code(143);
    assert!(finished.err().matches(": connected").count() >= 3, "{}", finished.err());
    assert!(finished.err().matches(": disconnected").count() >= 3, "{}", finished.err());
}

#[test]
fn an_emitter_that_is_killed_and_restarted_on_its_port_is_connected_again() {
    let address = own_address();
    let args = ["emit", "-b", &address, "--wait", "60s", "-r", "a"];
    let mut first = zlog(args).stdin_open().start();
    let endpoint = first.endpoint();
    let mut tail = zlog(["tail", "-o", "text", &endpoint]).start();
    first.write("one\n");
    tail.expect_stdout("one");
    first.signal(rustix::process::Signal::KILL);
    drop(first);
    let again = zlog(["emit", "-b", &endpoint, "--wait", "60s", "-r", "a", "-m", "two"]).run();
    again.success();
    tail.expect_stdout("two");
    tail.terminate();
    tail.wait().code(143).stderr_lacks("lost").stderr_lacks("--max-message");
}

#[test]
fn a_publisher_that_exceeds_max_message_is_reported_and_connected_again() {
    let (publisher, mut tail) = tail(&["-o", "text", "--max-message", "64K"]);
    publisher.report_all();
    publisher.send(["app.INFO", &"x".repeat(100_000)]);
    let said = tail.expect_stderr("disconnected tcp://");
    assert!(said.contains("it sent a message larger than --max-message 64K"), "{said}");
    publisher.wait_for_subscription();
    publisher.send(["app.INFO", "small"]);
    tail.expect_stdout("small");
    tail.terminate();
    tail.wait().code(143);
}

#[test]
fn a_websocket_publisher_connects_and_disconnects_once() {
    let publisher = Publisher::bind_at("ws://127.0.0.1:*");
    let mut tail = verbose(&[&publisher.endpoint, "--engine", "libzmq"]);
    publisher.wait_for_subscription();
    publisher.send(["app.INFO", "hello"]);
    tail.expect_stdout("hello");
    drop(publisher);
    tail.expect_stderr("waiting again: nobody answers");
    tail.terminate();
    let finished = tail.wait().code(143);
    assert_eq!(finished.err().matches(": connected").count(), 1, "{}", finished.err());
    assert_eq!(finished.err().matches(": disconnected").count(), 1, "{}", finished.err());
    finished.stderr_lacks("--max-message");
}

#[test]
fn verbose_reports_a_failed_handshake_once() {
    let (listener, endpoint) = web_server();
    let mut tail = verbose(&[&endpoint]);
    for _ in 0..5 {
        answer(&listener);
    }
    tail.expect_stderr("handshake failed");
    tail.terminate();
    let finished = tail.wait().code(143);
    let reports: Vec<String> = finished.err().lines().map(str::to_owned).collect();
    let different: std::collections::BTreeSet<&String> = reports.iter().collect();
    assert_eq!(reports.len(), different.len(), "{reports:#?}");
    assert!(finished.err().contains("does not speak ZeroMQ"), "{}", finished.err());
}

/// The listener of a server that speaks HTTP, and its endpoint.
pub(super) fn web_server() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    (listener, endpoint)
}

/// Answers one connection as a web server does, and closes it.
pub(super) fn answer(listener: &TcpListener) {
    let (mut peer, _) = listener.accept().unwrap();
    // The peer may have closed the connection.
    let _ = peer.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
}
