use super::*;
use crate::socket::testing::{STEP, publisher, subscriber, until, wait_for_subscribers};
use crate::socket::{Publisher, SocketOptions};

fn pair() -> (Publisher, Subscribe) {
    let (mut publisher, endpoint) = publisher(&SocketOptions::publisher());
    let subscriber = subscriber(&endpoint, &[""]);
    wait_for_subscribers(&mut publisher, 1);
    (publisher, Subscribe::new(subscriber))
}

#[test]
fn messages_come_as_records_and_are_counted_by_dialect() {
    let (mut publisher, mut source) = pair();
    publisher.send(b"app.INFO", br#"{"msg":"one","levelno":20}"#).expect("send");
    publisher.send(b"app.ERROR", b"two").expect("send");
    publisher.send(b"app.ERROR", b"\xff\xfe").expect("send");
    let mut topics = Vec::new();
    until("all three have come", || {
        source
            .poll(STEP, &mut |record| {
                assert!(record.received.is_some());
                topics.push(record.topic.to_string());
                Ok(ControlFlow::Continue(()))
            })
            .expect("no error");
        topics.len() == 3
    });
    assert_eq!(topics, ["app.INFO", "app.ERROR", "app.ERROR"]);
    let expected = Received { json: 1, text: 1, undecodable: 1, ..Received::default() };
    assert_eq!(source.received(), expected);
}

#[test]
fn raw_frames_come_as_they_are() {
    let (mut publisher, mut source) = pair();
    publisher.send(b"\xff", b"\x00\xfe").expect("send");
    let mut came: Vec<Vec<u8>> = Vec::new();
    until("it has come", || {
        let mut sink = |frames: &[&[u8]], _| {
            came.extend(frames.iter().map(|frame| frame.to_vec()));
            Ok(ControlFlow::Continue(()))
        };
        source.poll_raw(STEP, &mut sink).expect("no error");
        !came.is_empty()
    });
    assert_eq!(came, [b"\xff".to_vec(), b"\x00\xfe".to_vec()]);
    assert_eq!(source.received(), Received::default());
}

#[test]
fn with_nothing_to_deliver_it_is_idle_after_the_wait() {
    let (_publisher, mut source) = pair();
    assert_eq!(
        source.poll(STEP, &mut |_| Ok(ControlFlow::Continue(()))).expect("no error"),
        PollStatus::Idle
    );
}
