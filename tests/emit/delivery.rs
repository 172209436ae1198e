//! Subscribers that are late, slow or absent; rates and limits.

use std::time::{Duration, Instant};

use crate::harness::{ANY_PORT, Listener, emit, published, zlog};

#[test]
fn the_first_record_waits_for_the_first_subscriber() {
    let mut emit = emit(["-r", "a"]).stdin("first\nsecond\n").start();
    let endpoint = emit.endpoint();
    let messages = Listener::connect(&endpoint, "").everything();
    assert_eq!(messages.len(), 2);
    emit.wait().success().stderr_lacks("nobody");
}

#[test]
fn it_may_wait_for_several_subscribers() {
    let mut emit = emit(["--wait-for", "2", "-m", "x"]).start();
    let endpoint = emit.endpoint();
    let first = Listener::connect(&endpoint, "");
    assert_eq!(first.try_next(Duration::from_millis(300)), None, "one is not two");
    let second = Listener::connect(&endpoint, "");
    assert_eq!(first.next().json()["msg"], "x");
    assert_eq!(second.next().json()["msg"], "x");
    emit.wait().success();
}

#[test]
fn a_subscriber_of_several_topics_counts_once() {
    let mut emit = emit(["--wait-for", "2", "-r", "app", "-m", "x"]).start();
    let endpoint = emit.endpoint();
    let first = Listener::connect(&endpoint, "app.INFO").and("app.").and("app.ERROR");
    assert_eq!(first.try_next(Duration::from_millis(300)), None, "it counts once");
    let second = Listener::connect(&endpoint, "");
    assert_eq!(first.next().topic, "app.INFO", "two subscribers are there");
    assert_eq!(second.next().topic, "app.INFO", "the one that was waited for misses nothing");
    emit.wait().success();
}

#[test]
fn a_subscriber_of_other_topics_does_not_count() {
    let mut emit = emit(["-r", "app", "-m", "x"]).start();
    let endpoint = emit.endpoint();
    let other = Listener::connect(&endpoint, "elsewhere.");
    assert_eq!(other.try_next(Duration::from_millis(300)), None);
    let listener = Listener::connect(&endpoint, "app.");
    assert_eq!(listener.next().json()["msg"], "x", "it was waited for");
    emit.wait().success();
}

#[test]
fn without_subscribers_it_says_so_once_and_publishes() {
    let input: String = (0..100).map(|n| format!("line {n}\n")).collect();
    let begun = Instant::now();
    let mut emit = zlog(["emit", "-b", ANY_PORT, "--wait", "100ms"]).stdin(input).start();
    let report = emit.expect_stderr("no subscriber on tcp://127.0.0.1:");
    assert!(
        report.contains(" after 100ms; publishing anyway. Start `zlog tail` first"),
        "{report}"
    );
    let finished = emit.wait().success();
    assert!(begun.elapsed() >= Duration::from_millis(100));
    let mentions = finished.err().matches("no subscriber on").count();
    assert_eq!(mentions, 1, "{}", finished.err());
}

#[test]
fn without_records_and_subscribers_it_does_not_mention_subscribers_or_a_rate() {
    let emit = zlog(["emit", "-b", ANY_PORT, "--wait", "10ms"]).stdin("").run().success();
    let said = emit.stderr_lacks("subscriber").stderr_lacks("/s)").err();
    assert!(said.contains("0 records, 0 B in ") && said.contains(" ms, 0 dropped"), "{said}");
    assert!(!said.contains(" 0.0 "), "{said}");
}

#[test]
fn it_waits_for_subscribers_for_a_second_by_default() {
    let begun = Instant::now();
    zlog(["emit", "-b", ANY_PORT, "-m", "x"]).run().success().stderr_has("no subscriber on");
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[test]
fn records_are_not_sent_faster_than_the_rate() {
    let mut emit = emit(["--test", "30", "--rate", "100/s"]).start();
    let listener = Listener::connect(&emit.endpoint(), "");
    listener.next();
    let first = Instant::now();
    for _ in 1..30 {
        listener.next();
    }
    let taken = first.elapsed();
    emit.wait().success();
    // 29 intervals of 10 ms, a little less if the first record came late.
    assert!(taken > Duration::from_millis(200), "{taken:?}");
}

#[test]
fn it_stops_after_count_records() {
    let (messages, emit) = published(emit(["--test", "-n", "37"]));
    emit.success();
    assert_eq!(messages.len(), 37);
    let (messages, emit) = published(crate::harness::emit(["-n", "2"]).stdin("a\nb\nc\n"));
    emit.success();
    assert_eq!(messages.len(), 2);
}

#[test]
fn it_stops_after_a_duration() {
    let begun = Instant::now();
    let (messages, emit) = published(emit(["--test", "--rate", "50", "--duration", "400ms"]));
    emit.success();
    assert!(begun.elapsed() >= Duration::from_millis(400));
    assert!((1..=50).contains(&messages.len()), "{} messages", messages.len());
}

#[test]
fn a_duration_ends_a_pause_between_records_too() {
    let args = ["--test", "--rate", "1/h", "--duration", "300ms"];
    let (messages, emit) = published(emit(args));
    emit.success();
    assert!(messages.len() <= 2, "{} messages", messages.len());
}

#[test]
fn a_slow_subscriber_slows_the_input_and_loses_nothing() {
    let input: String = (0..50_000).map(|n| format!("{n} {}\n", "x".repeat(200))).collect();
    let mut emit = emit(["--hwm", "100", "-r", "a"]).stdin(input).start();
    let listener = Listener::connect(&emit.endpoint(), "");
    let messages = listener.everything();
    emit.wait().success();
    assert_eq!(messages.len(), 50_000);
    for (number, message) in messages.iter().enumerate() {
        let json = message.json();
        assert!(json["msg"].as_str().unwrap().starts_with(&format!("{number} ")), "{json}");
    }
}

#[test]
fn with_on_full_drop_the_records_for_a_stuck_subscriber_are_dropped_and_counted() {
    let args = ["--on-full", "drop", "--hwm", "10", "--test", "200000", "--linger", "300ms"];
    let mut emit = emit(args).args(["--fail-on-loss"]).start();
    let endpoint = emit.endpoint();
    let _stuck = stuck(&endpoint);
    let finished = emit.wait().code(3);
    let summary = finished.err();
    let dropped = summary.lines().find(|line| line.contains("dropped")).unwrap_or_default();
    assert!(!dropped.is_empty() && !dropped.contains(" 0 dropped"), "{summary}");
}

#[test]
fn a_stuck_subscriber_delays_the_end_no_longer_than_linger() {
    // Far more than the queues and the system's buffers take.
    let input = ("x".repeat(1 << 20) + "\n").repeat(40);
    let mut emit = emit(["--hwm", "5", "--duration", "3s", "--linger", "200ms", "--fail-on-loss"])
        .args(["--no-detect"])
        .stdin(input)
        .start();
    let endpoint = emit.endpoint();
    let _stuck = stuck(&endpoint);
    emit.wait().code(3).stderr_has("dropped");
}

#[test]
fn a_signal_ends_a_command_that_a_stuck_subscriber_blocks() {
    let line = "x".repeat(1000);
    let mut emit = emit(["--hwm", "10", "--linger", "200ms", "--tee", "--", "yes", &line])
        .deadline(Duration::from_secs(20))
        .start();
    let _stuck = stuck(&emit.endpoint());
    emit.expect_stdout(&line);
    // The tee does not grow any more once everything is full.
    let mut seen = 0;
    let grown = |bytes: &[u8], seen| (bytes.len() > seen).then_some(bytes.len());
    while let Some(more) =
        emit.stdout.wait_for(Instant::now() + Duration::from_secs(1), |bytes| grown(bytes, seen))
    {
        seen = more;
    }
    emit.terminate();
    let finished = emit.wait();
    assert!(matches!(finished.err().lines().last(), Some(line) if line.contains("dropped")));
    finished.code(143);
}

/// A subscriber that does not read, with small buffers: the publisher's queue fills up.
fn stuck(endpoint: &str) -> zmq::Socket {
    let socket = zmq::Context::new().socket(zmq::SUB).unwrap();
    socket.set_rcvhwm(1).unwrap();
    socket.set_rcvbuf(4096).unwrap();
    socket.set_linger(0).unwrap();
    socket.set_subscribe(b"").unwrap();
    socket.connect(endpoint).unwrap();
    socket
}
