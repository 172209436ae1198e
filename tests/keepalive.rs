//! TCP keepalive: without it, a peer whose machine or network is gone is never missed.

#![cfg(target_os = "linux")]

use std::time::Instant;

use crate::harness::{ANY_PORT, DEADLINE, Running, zlog};

/// Connections of 127.0.0.1 from or to `port`, each with whether a keepalive timer runs:
/// the kernel's table, `timer_active` being 2 there.
fn connections(port: u16) -> Vec<bool> {
    const ESTABLISHED: &str = "01";
    let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux has it");
    let here = format!(":{port:04X}");
    let rows = table.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
    let rows = rows.filter(|row| row.len() > 5 && row[3] == ESTABLISHED);
    let rows = rows.filter(|row| row[1].ends_with(&here) || row[2].ends_with(&here));
    rows.map(|row| row[5].starts_with("02:")).collect()
}

/// Waits until there is a connection whose two ends have timers.
#[track_caller]
fn expect_keepalive(running: &mut Running, endpoint: &str) {
    let port = endpoint.trim_end_matches('/').rsplit_once(':').unwrap().1.parse().unwrap();
    let until = Instant::now() + DEADLINE;
    loop {
        let seen = connections(port);
        if seen == [true, true] {
            return;
        }
        if Instant::now() >= until {
            running.fail(&format!("keepalive timers of {endpoint}: {seen:?}"));
        }
        std::thread::yield_now();
    }
}

#[test]
fn both_ends_of_a_connection_keep_it_alive() {
    for (engine, bind) in
        [("libzmq", ANY_PORT), ("libzmq", "ws://127.0.0.1:*"), ("native", ANY_PORT)]
    {
        let mut tail = zlog(["tail", "--bind", bind, "--engine", engine]).start();
        let endpoint = tail.endpoint();
        let emit = zlog(["emit", "--connect", &endpoint, "--wait", "60s", "--engine", engine]);
        let mut emit = emit.stdin_open().start();
        expect_keepalive(&mut emit, &endpoint);
    }
}

#[test]
fn a_relay_keeps_the_connections_of_both_its_sides_and_of_questions_alive() {
    let ports = ["relay", "--bind", ANY_PORT, "--publish-bind", ANY_PORT, "--keep", "1"];
    let mut relay = zlog(ports).start();
    let bound = relay.endpoints(3);
    let mut emit = zlog(["emit", "--connect", &bound[0]]).stdin_open().start();
    let mut tail = zlog(["tail", &bound[1]]).start();
    expect_keepalive(&mut emit, &bound[0]);
    expect_keepalive(&mut tail, &bound[1]);
    let asker = zmq::Context::new().socket(zmq::DEALER).expect("a socket");
    asker.set_linger(0).expect("a plain option");
    asker.set_tcp_keepalive(1).expect("a plain option");
    asker.connect(&bound[2]).expect("the endpoint is well-formed");
    expect_keepalive(&mut relay, &bound[2]);
}
