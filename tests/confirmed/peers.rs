//! Who else is connected: plain ZeroMQ peers, strangers, and programs that are not zlog.

use std::time::Duration;

use super::{Relay, emit, expected, numbers};
use crate::harness::{Listener, zlog};

/// A DEALER of libzmq at this endpoint.
fn dealer(endpoint: &str) -> (zmq::Context, zmq::Socket) {
    let context = zmq::Context::new();
    let socket = context.socket(zmq::DEALER).unwrap();
    socket.set_linger(0).unwrap();
    socket.set_rcvtimeo(60_000).unwrap();
    socket.connect(endpoint).unwrap();
    (context, socket)
}

fn batch(source: &str, after: u64, first: u64) -> String {
    format!(r#"{{"zlog":1,"source":"{source}","confirmed":0,"after":{after},"first":{first}}}"#)
}

#[test]
fn plain_publishers_and_subscribers_are_served_beside_it() {
    let mut relay = Relay::start(&["--on-full", "block"]);
    let listener = Listener::connect(&relay.publish, "");
    let plain = ["emit", "-c", &relay.collect, "--wait", "60s", "-r", "plain", "-m", "hello"];
    // Records pass it by until it has subscribed.
    let mut plain_records = 0;
    while plain_records == 0 || listener.try_next(Duration::from_millis(100)).is_none() {
        zlog(plain).run().success();
        plain_records += 1;
    }
    let spool = relay.directory.path().join("emit");
    let confirmed = emit(&relay.confirm, &spool).args(["-r", "sure"]).stdin(numbers(0..1000));
    confirmed.run().success();
    relay.wait_for_lines(1000 + plain_records);
    relay.end();
    let messages = listener.everything();
    let sure: Vec<_> = messages.iter().filter(|it| it.json()["name"] == "sure").collect();
    let texts: Vec<_> =
        sure.iter().map(|it| it.json()["msg"].as_str().unwrap().to_owned()).collect();
    assert_eq!(texts, expected(0..1000));
    let numbers: Vec<_> = sure.iter().map(|it| it.json()["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=1000).collect::<Vec<_>>());
}

#[test]
fn another_program_can_send_as_documented_and_repeats_are_stored_once() {
    let mut relay = Relay::start(&[]);
    let source = "0123456789abcdef0123456789abcdef";
    let (_context, socket) = dealer(&relay.confirm);
    for _ in 0..2 {
        let head = batch(source, 0, 1);
        socket.send_multipart([head.as_str(), "app.INFO", "one", "app.INFO", "two"], 0).unwrap();
        let answer = socket.recv_string(0).unwrap().unwrap();
        let expected = format!(
            r#"{{"zlog":1,"answer":"confirmed","source":"{source}","number":2,"refused":0}}"#
        );
        assert_eq!(answer, expected);
    }
    socket.send_multipart([batch(source, 2, 3).as_str(), "app.INFO", "three"], 0).unwrap();
    socket.recv_string(0).unwrap().unwrap();
    assert_eq!(relay.wait_for_lines(3), ["one", "two", "three"]);
    let said = relay.end();
    assert!(said.contains("2 records that senders have repeated"), "{said}");
}

#[test]
fn what_makes_no_sense_is_refused_and_harms_nobody() {
    let mut relay = Relay::start(&[]);
    for frames in [&["x"][..], &["{}", "a"], &[&batch("zz", 0, 1), "a", "b"], &["", "", ""]] {
        let (_context, socket) = dealer(&relay.confirm);
        socket.send_multipart(frames, 0).unwrap();
        let answer = socket.recv_string(0).unwrap().unwrap();
        assert!(answer.contains(r#""answer":"refused","why":"#), "{answer}");
    }
    // What is behind a hole is not stored, and not confirmed.
    let (_context, socket) = dealer(&relay.confirm);
    socket.set_rcvtimeo(500).unwrap();
    let source = "0123456789abcdef0123456789abcdef";
    socket.send_multipart([batch(source, 4, 5).as_str(), "app.INFO", "five"], 0).unwrap();
    assert!(socket.recv_string(0).is_err());
    let spool = relay.directory.path().join("emit");
    emit(&relay.confirm, &spool).args(["--confirm", "-m", "good"]).run().success();
    assert_eq!(relay.wait_for_lines(1), ["good"]);
    let said = relay.end();
    assert_eq!(said.matches("to be confirmed: ").count(), 1, "{said}");
    assert!(said.contains("4 batches refused: not sent as"), "{said}");
}

#[test]
fn a_record_that_is_too_long_for_the_spool_is_named_so_and_counted_once() {
    let mut relay = Relay::start(&["--spool-bytes", "1M"]);
    let (_context, socket) = dealer(&relay.confirm);
    let (source, long) = ("0123456789abcdef0123456789abcdef", "x".repeat(2 << 20));
    socket
        .send_multipart([batch(source, 0, 1).as_str(), "app.INFO", &long, "app.INFO", "short"], 0)
        .unwrap();
    let answer = socket.recv_string(0).unwrap().unwrap();
    assert!(answer.contains(r#""number":2,"refused":1"#), "{answer}");
    assert_eq!(relay.wait_for_lines(1), ["short"]);
    let said = relay.end();
    assert!(said.contains("too long for the spool") && said.contains("--spool-bytes"), "{said}");
    assert!(said.contains("1 record refused: too long for the spool"), "{said}");
    assert!(!said.contains("may not publish") && !said.contains("refused 1 message"), "{said}");
}
