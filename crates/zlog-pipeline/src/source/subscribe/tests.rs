use std::ops::ControlFlow;

use super::*;
use crate::socket::testing::{STEP, publisher, subscriber, until, wait_for_subscribers};
use crate::socket::{Publisher, SocketOptions};

fn pair(keep_bodies: bool) -> (Publisher, Subscribe) {
    let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
    let subscriber = subscriber(&endpoint, &[""]);
    wait_for_subscribers(&mut publisher, 1);
    (publisher, Subscribe::new(subscriber, keep_bodies))
}

/// Receives `count` records.
fn receive(source: &mut Subscribe, count: usize) -> Vec<Record<'static>> {
    let mut records = Vec::new();
    until("all have arrived", || {
        let mut sink = |record: &mut Record<'_>| {
            records.push(std::mem::take(record).into_owned());
            Ok(ControlFlow::Continue(()))
        };
        source.poll(STEP, &mut sink).expect("no error");
        records.len() == count
    });
    records
}

#[test]
fn messages_are_decoded_whatever_their_dialect() {
    let (mut publisher, mut source) = pair(false);
    publisher.send(b"app.INFO", br#"{"msg":"one","levelno":20}"#).expect("send");
    publisher.send(b"app.ERROR", b"two").expect("send");
    publisher.send(b"app.ERROR", b"\xff\xfe").expect("send");
    let records = receive(&mut source, 3);
    assert!(records.iter().all(|record| record.received.is_some() && record.body.is_none()));
    let shown: Vec<_> = records.iter().map(|r| (&*r.topic, &*r.msg, r.fault.is_some())).collect();
    let expected =
        [("app.INFO", "one", false), ("app.ERROR", "two", false), ("app.ERROR", r"\xff\xfe", true)];
    assert_eq!(shown, expected);
}

#[test]
fn bodies_are_kept_where_they_are_asked_for() {
    let (mut publisher, mut source) = pair(true);
    publisher.send(b"\xff", b"\x00\xfe").expect("send");
    let records = receive(&mut source, 1);
    assert_eq!(records[0].body.as_deref(), Some(&b"\x00\xfe"[..]));
}

#[test]
fn without_messages_it_is_idle_after_the_wait() {
    let (_publisher, mut source) = pair(false);
    let polled = source.poll(STEP, &mut |_| Ok(ControlFlow::Continue(())));
    assert_eq!(polled.expect("no error"), PollStatus::Idle);
}
