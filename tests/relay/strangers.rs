//! Messages and questions that no well-behaved program sends.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use super::relay;
use crate::harness::{Listener, Publisher, RawSubscriber, frame, zlog};

/// A connected socket.
fn socket(kind: zmq::SocketType, endpoint: &str) -> zmq::Socket {
    let socket = zmq::Context::new().socket(kind).expect("a socket");
    socket.set_linger(0).expect("a plain option");
    socket.connect(endpoint).expect("the endpoint is well-formed");
    socket
}

#[test]
fn odd_messages_are_forwarded_and_garbage_is_ignored() {
    let relay = relay(&["--keep", "10"]);
    let listener = socket(zmq::SUB, &relay.publish);
    listener.set_subscribe(b"").expect("a SUB socket");
    // libzmq sends the shorter prefix first: once this one has arrived, both have.
    listener.set_subscribe(b"never").expect("a SUB socket");
    listener.set_rcvtimeo(60_000).expect("a plain option");
    relay.wait_for_prefixes(2);
    for endpoint in [&relay.collect, &relay.publish, &relay.ask] {
        let address = endpoint.trim_start_matches("tcp://");
        let mut garbage = TcpStream::connect(address).expect("it listens");
        garbage.write_all(b"GET / HTTP/1.1\r\n\r\n\xff\xff\xff").expect("it reads");
    }
    let publisher = socket(zmq::XPUB, &relay.collect);
    publisher.set_rcvtimeo(60_000).expect("a plain option");
    publisher.recv_bytes(0).expect("a subscription");
    let odd: [Vec<Vec<u8>>; 5] = [
        vec![vec![0xff, 0xfe], vec![]],
        vec![vec![]],
        vec![b"{}".to_vec()],
        vec![b"t".to_vec(), vec![0; 100_000], b"third".to_vec()],
        vec![vec![b'x'; 70_000], b"long topic".to_vec()],
    ];
    for frames in &odd {
        publisher.send_multipart(frames, 0).expect("sent");
        assert_eq!(&listener.recv_multipart(0).expect("it passes"), frames);
    }
    // Excess frames are cut, and the next message is complete.
    publisher.send_multipart(vec![b"f".to_vec(); 100], 0).expect("sent");
    assert_eq!(listener.recv_multipart(0).expect("it passes").len(), 8);
    publisher.send_multipart([b"app.INFO".to_vec(), b"fine".to_vec()], 0).expect("sent");
    assert_eq!(listener.recv_multipart(0).expect("it passes")[1], b"fine");
    assert_eq!(relay.status()["forwarded"]["frames_cut"], 92);
    assert_eq!(relay.status()["keep"]["refused"], 1, "of the long topic");
}

#[test]
fn odd_questions_are_refused_with_the_reason_and_counted() {
    let relay = relay(&["--keep", "10"]);
    let odd: [Vec<&[u8]>; 7] = [
        vec![b""],
        vec![b"hello"],
        vec![b"{\"zlog\":1,\"ask\":\"everything\"}"],
        vec![b"{\"zlog\":99,\"ask\":\"status\"}"],
        vec![b"{\"zlog\":1,\"ask\":\"status\"}", b"more"],
        vec![b"x"; 50],
        vec![b"{\"zlog\":1,\"ask\":\"last\",\"n\":5,\"prefixes\":[],\"begin\":\"app\",\"end\":\"x\"}"],
    ];
    for question in &odd {
        let asker = socket(zmq::DEALER, &relay.ask);
        asker.set_rcvtimeo(60_000).expect("a plain option");
        asker.send_multipart(question, 0).expect("sent");
        let answer = asker.recv_string(0).expect("an answer").expect("text");
        assert!(answer.contains("\"answer\":\"refused\""), "{answer}");
    }
    let status = relay.status();
    assert_eq!(status["refused"], odd.len(), "{status}");
}

#[test]
fn a_question_right_after_the_end_of_an_answer_is_answered() {
    let relay = relay(&["--keep", "10"]);
    let asker = socket(zmq::DEALER, &relay.ask);
    asker.set_rcvtimeo(60_000).expect("a plain option");
    let question = "{\"zlog\":1,\"ask\":\"missing\",\"holes\":[{\"source\":\"s\",\"topic\":\"t\",\"first\":1,\"last\":2}]}";
    for _ in 0..100 {
        asker.send(question, 0).expect("sent");
        let answer = asker.recv_string(0).expect("an answer").expect("text");
        assert!(answer.contains("\"answer\":\"end\""), "{answer}");
    }
    let status = relay.status();
    assert_eq!((&status["answered"], &status["refused"]), (&100.into(), &0.into()), "{status}");
}

#[test]
fn clients_that_ask_endlessly_and_never_read_do_not_affect_others() {
    let relay = relay(&["--keep", "1000"]);
    let publisher = socket(zmq::XPUB, &relay.collect);
    publisher.set_sndhwm(0).expect("a plain option");
    publisher.set_rcvtimeo(60_000).expect("a plain option");
    publisher.recv_bytes(0).expect("a subscription");
    let greedy: Vec<zmq::Socket> = (0..4).map(|_| socket(zmq::DEALER, &relay.ask)).collect();
    for n in 0..200 {
        let question = format!(
            "{{\"zlog\":1,\"ask\":\"last\",\"n\":10000,\"prefixes\":[\"\"],\
             \"begin\":\"\\u0000zlog.mark.{n}a\",\"end\":\"\\u0000zlog.mark.{n}b\"}}"
        );
        for asker in &greedy {
            let _ = asker.send(&question, zmq::DONTWAIT);
        }
    }
    let listener = Listener::connect(&relay.publish, "app");
    relay.wait_for_peers(1, 1);
    relay.wait_for_prefixes(2);
    relay.wait_until("the greedy were refused", |status| status["refused"].as_u64() > Some(0));
    for n in 0..1000 {
        publisher.send_multipart(&["app.INFO".to_owned(), n.to_string()], 0).expect("sent");
    }
    for n in 0..1000 {
        assert_eq!(listener.next().text(), n.to_string());
    }
    let args =
        ["tail", &relay.publish, "--ask", &relay.ask, "--last", "3", "-n", "3", "-o", "text"];
    assert_eq!(zlog(args).run().success().out(), "997\n998\n999\n");
}

#[test]
fn many_subscriptions_are_replaced_by_everything_and_cancelled_later() {
    let upstream = Publisher::bind();
    let mut relay =
        zlog(["relay", "-c", &upstream.endpoint, "--publish-bind", crate::harness::ANY_PORT])
            .start();
    let publish = relay.endpoint();
    let hostile = socket(zmq::XSUB, &publish);
    hostile.set_sndhwm(0).expect("a plain option");
    // One that is longer than an upstream publisher accepts.
    hostile.send([[1].as_slice(), &[b'L'; 2000]].concat(), 0).expect("sent");
    assert_eq!(upstream.wait_for_subscription(), b"");
    drop(hostile);
    assert_eq!(upstream.next_change(Duration::from_secs(60)), Some((false, String::new())));
    // More than one peer may hold, by two that hold less.
    let hostile = [socket(zmq::XSUB, &publish), socket(zmq::XSUB, &publish)];
    for (who, hostile) in hostile.iter().enumerate() {
        hostile.set_sndhwm(0).expect("sent");
        for n in 0..7000 {
            let prefix = format!("\x01a prefix of some sixty bytes, which says nothing {who} {n}");
            hostile.send(&prefix, 0).expect("sent");
        }
    }
    while !upstream.wait_for_subscription().is_empty() {}
    drop(hostile);
    let mut last = None;
    while last != Some((false, String::new())) {
        last = upstream.next_change(Duration::from_secs(60));
        assert!(last.is_some(), "everything is asked for without end");
    }
    relay.terminate();
    relay.wait().code(143);
}

#[test]
fn a_publisher_that_sends_too_large_a_message_is_disconnected_and_reported() {
    let publisher = Publisher::bind();
    let mut relay = relay(&["-c", &publisher.endpoint, "--keep", "1", "--max-message", "64K"]);
    publisher.wait_for_subscription();
    publisher.report_all();
    publisher.send(["app.INFO", &"x".repeat(100_000)]);
    let hung_up = format!("disconnected {}: it sent a message larger", publisher.endpoint);
    relay.running.expect_stderr(&hung_up);
    publisher.wait_for_subscription();
}

#[test]
fn a_message_of_endlessly_many_frames_ends_the_connection_of_its_sender_only() {
    let relay = relay(&[]);
    let listener = Listener::connect(&relay.publish, "app");
    relay.wait_for_prefixes(1);
    for (kind, endpoint) in [("PUB", &relay.collect), ("DEALER", &relay.ask)] {
        let frames = || frame(1, b"x").repeat(8192);
        let ended = RawSubscriber::flood(kind, endpoint, 3, 64 << 20, frames);
        assert_eq!(ended, 3, "{kind}: connections go on");
    }
    zlog(["emit", "--connect", &relay.collect, "-r", "app", "-m", "fine"]).run().success();
    assert_eq!(listener.next().json()["msg"], "fine");
}
