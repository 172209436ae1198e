//! `tail --heal`: records that did not arrive are asked for; only what the relay lacks is lost.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rustix::process::Signal;

use super::{Relay, relay, relay_at};
use crate::harness::{Finished, Listener, Running, own_address, zlog};

/// A tail of a relay that heals.
fn healing(relay: &Relay, endpoint: &str) -> Running {
    let args = ["tail", endpoint, "--ask", &relay.ask, "--heal", "5s", "--fail-on-loss"];
    zlog(args).args(["--format", "%(seq)s"]).start()
}

/// The numbers that a tail has printed.
fn numbers(tail: &Finished) -> Vec<u64> {
    tail.out().lines().map(|line| line.parse().expect("a number")).collect()
}

/// Fails unless the numbers are in order, and none is there twice.
#[track_caller]
fn assert_ascending(tail: &Finished, numbers: &[u64]) {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => runs.push((*number, *number)),
        }
    }
    let is_ascending = numbers.is_sorted_by(|one, next| one < next);
    assert!(is_ascending, "runs of numbers: {runs:?}\n{}", tail.err());
}

/// The number between these words in what a tail has said; 0 if it has said nothing like it.
fn said(tail: &Finished, before: &str, after: &str) -> u64 {
    let said = tail.err();
    let found = said.lines().find_map(|line| {
        let (count, _) = line.split_once(before)?.1.split_once(after)?;
        count.split(' ').next()?.replace(',', "").parse().ok()
    });
    found.unwrap_or(0)
}

/// Stops a tail while a relay that drops gets `records` records. Returns what the tail has printed
/// and said.
fn stopped(keep: &[&str], records: usize) -> Finished {
    let relay = relay(&[&["--hwm", "100"], keep].concat());
    let listener = Listener::connect(&relay.publish, "");
    let mut tail = healing(&relay, &relay.publish);
    relay.wait_for_peers(0, 2);
    let args = ["emit", "-c", &relay.collect, "--wait", "60s", "--no-detect", "--rate", "5000"];
    let mut emit = zlog(args).stdin_open().start();
    emit.write("first\n");
    tail.expect_stdout("1");
    tail.signal(Signal::STOP);
    emit.write(format!("{}\n", "x".repeat(2000)).repeat(records - 2));
    for _ in 1..records {
        listener.next();
    }
    relay.wait_until("it has dropped", |it| it["forwarded"]["no_room"].as_u64() > Some(0));
    tail.signal(Signal::CONT);
    emit.write("last\n");
    tail.expect_stdout(&records.to_string());
    emit.close_stdin();
    emit.wait().success();
    tail.interrupt();
    tail.wait()
}

#[test]
fn what_a_relay_dropped_for_a_stopped_tail_is_asked_for_and_printed_in_its_place() {
    // libzmq does not count what it drops for whom.
    if !crate::harness::is_native() {
        return;
    }
    const RECORDS: usize = 12_000;
    let tail = stopped(&["--keep", "100000"], RECORDS).code(130);
    assert_eq!(numbers(&tail), (1..=RECORDS as u64).collect::<Vec<_>>());
    let healed = said(&tail, "healed ", " record");
    assert!(healed > 0, "{}", tail.err());
    assert!(!tail.err().contains("lost"), "{}", tail.err());
}

#[test]
fn what_no_relay_has_is_lost_and_the_counts_of_both_are_exact() {
    // libzmq does not count what it drops for whom.
    if !crate::harness::is_native() {
        return;
    }
    const RECORDS: usize = 12_000;
    let tail = stopped(&["--keep", "500"], RECORDS).code(3);
    let printed = numbers(&tail);
    assert_ascending(&tail, &printed);
    let (healed, lost) =
        (said(&tail, "healed ", " record"), said(&tail, "zlog tail: ", " lost in all"));
    assert_eq!(printed.len() as u64 + lost, RECORDS as u64, "{}", tail.err());
    assert!(healed > 0 && lost > 0, "{}", tail.err());
}

/// Forwards connections to an address, until it is told to cut them.
struct TcpProxy {
    endpoint: String,
    connections: Arc<Mutex<Vec<TcpStream>>>,
    is_open: Arc<Mutex<bool>>,
}

impl TcpProxy {
    fn to(endpoint: &str) -> TcpProxy {
        let target = endpoint.strip_prefix("tcp://").expect("tcp").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("tcp://{}", listener.local_addr().expect("an address"));
        let connections: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let is_open = Arc::new(Mutex::new(true));
        let (all, open) = (Arc::clone(&connections), Arc::clone(&is_open));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (Ok(server), true) = (TcpStream::connect(&target), *open.lock().unwrap())
                else {
                    continue;
                };
                for (mut from, mut to) in [(&client, &server), (&server, &client)]
                    .map(|(from, to)| (from.try_clone().unwrap(), to.try_clone().unwrap()))
                {
                    std::thread::spawn(move || {
                        let mut buffer = vec![0; 65_536];
                        while let Ok(read @ 1..) = from.read(&mut buffer)
                            && to.write_all(&buffer[..read]).is_ok()
                        {}
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
                all.lock().unwrap().extend([client, server]);
            }
        });
        TcpProxy { endpoint, connections, is_open }
    }

    fn set_open(&self, is_open: bool) {
        *self.is_open.lock().unwrap() = is_open;
        if !is_open {
            for connection in self.connections.lock().unwrap().drain(..) {
                let _ = connection.shutdown(Shutdown::Both);
            }
        }
    }
}

#[test]
fn after_a_reconnect_a_tail_gets_what_it_missed_also_from_a_sender_that_has_ended() {
    let relay = relay(&["--keep", "1000"]);
    let proxy = TcpProxy::to(&relay.publish);
    let listener = Listener::connect(&relay.publish, "");
    let mut tail = healing(&relay, &proxy.endpoint);
    relay.wait_for_peers(0, 2);
    let args = ["emit", "-c", &relay.collect, "--wait", "60s", "--no-detect"];
    let mut emit = zlog(args).stdin_open().start();
    emit.write("first\n");
    tail.expect_stdout("1");
    proxy.set_open(false);
    relay.wait_for_peers(1, 1);
    emit.write("missed\n".repeat(20));
    for _ in 0..21 {
        listener.next();
    }
    emit.close_stdin();
    emit.wait().success();
    proxy.set_open(true);
    tail.expect_stdout("21");
    tail.interrupt();
    let tail = tail.wait().code(130);
    assert_eq!(numbers(&tail), (1..=21).collect::<Vec<_>>());
    assert_eq!(said(&tail, "healed ", " record"), 20, "{}", tail.err());
}

#[test]
fn what_a_relay_took_with_it_when_it_was_killed_is_lost_and_counted() {
    const RECORDS: usize = 3000;
    let first = relay_at(&own_address(), &["--keep", "1000"]);
    let (collect, publish, ask) = (first.collect.clone(), first.publish.clone(), first.ask.clone());
    let mut tail = healing(&first, &first.publish);
    first.wait_for_peers(0, 1);
    let args = ["emit", "-c", &collect, "--wait", "60s", "--no-detect", "--rate", "1000"];
    let mut emit = zlog(args).stdin_open().start();
    emit.write("x\n".repeat(RECORDS));
    tail.expect_stdout("500");
    let Relay { mut running, .. } = first;
    tail.signal(Signal::STOP);
    running.signal(Signal::KILL);
    running.expect_end();
    let again = ["relay", "-b", &collect, "--publish-bind", &publish, "--ask", &ask];
    let mut second = zlog(again).args(["--keep", "1000"]).start();
    second.endpoints(3);
    tail.signal(Signal::CONT);
    tail.expect_stdout(&RECORDS.to_string());
    emit.close_stdin();
    emit.expect_end();
    tail.interrupt();
    let tail = tail.wait();
    let lost = said(&tail, "zlog tail: ", " lost in all");
    let printed = numbers(&tail);
    assert_ascending(&tail, &printed);
    assert_eq!(printed.len() as u64 + lost, RECORDS as u64, "{}", tail.err());
    tail.code(if lost > 0 { 3 } else { 130 });
}

#[test]
fn a_relay_that_keeps_nothing_is_named_once_and_the_loss_is_reported() {
    let relay = relay(&[]);
    let mut tail = healing(&relay, &relay.publish);
    relay.wait_for_peers(0, 1);
    let publisher = zmq::Context::new().socket(zmq::PUB).expect("a socket");
    publisher.connect(&relay.collect).expect("connect");
    relay.wait_for_peers(1, 1);
    // Until the relay's subscription has arrived, nothing does.
    let send = |seq: u64| {
        let body = serde_json::json!({"msg": "x", "levelno": 20, "source": "s", "seq": seq});
        publisher
            .send_multipart([b"app.INFO".to_vec(), body.to_string().into_bytes()], 0)
            .expect("send");
    };
    let until = std::time::Instant::now() + crate::harness::DEADLINE;
    let mut seq = 0;
    while tail.stdout.bytes().is_empty() && std::time::Instant::now() < until {
        seq += 1;
        send(seq);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    send(seq + 5);
    tail.expect_stderr("can't heal: ");
    tail.expect_stderr("lost 4 records of s");
    send(seq + 8);
    tail.expect_stderr("lost 2 records of s");
    tail.interrupt();
    let tail = tail.wait().code(3);
    assert_eq!(tail.err().matches("can't heal").count(), 1, "{}", tail.err());
}
