//! Hostile subscribers, against every command that publishes. A hostile subscriber must not
//! affect others, and costs a bounded amount of memory.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use crate::harness::{
    ANY_PORT, Listener, Publisher, RawSubscriber, Running, Zmtp, frame, is_native, zlog,
};

/// A relay that collects from `upstream`, and the endpoint on which it publishes.
fn relay_of(upstream: &Publisher) -> (Running, String) {
    let args = ["relay", "-c", &upstream.endpoint, "--publish-bind", ANY_PORT, "--no-ask"];
    let mut relay = zlog(args).start();
    let publish = relay.endpoint();
    (relay, publish)
}

/// Peers that cancel the subscriptions `""` and `x` without having made them, in every form
/// of the protocol. Each then subscribes to a prefix of its own, which is returned.
fn cancel_without_subscribing(endpoint: &str) -> Vec<(RawSubscriber, String)> {
    let versions = [Zmtp::Three(0), Zmtp::Three(1), Zmtp::Two].into_iter();
    // The native engine lacks ZMTP 2.
    let versions = versions.filter(|version| *version != Zmtp::Two || !is_native());
    let cancels = [frame(0, b"\0"), frame(0, b"\0x"), frame(0, b"\0"), frame(0, b"\0x")].concat();
    let commands = [frame(4, b"\x06CANCEL"), frame(4, b"\x06CANCELx")].concat();
    let peers = versions.enumerate().map(|(n, version)| {
        let mut peer = RawSubscriber::connect(endpoint, version);
        peer.send(&cancels);
        if version == Zmtp::Three(1) {
            peer.send(&commands);
        }
        let probe = format!("probe{n}");
        peer.send(&frame(0, format!("\x01{probe}").as_bytes()));
        (peer, probe)
    });
    peers.collect()
}

#[test]
fn a_cancel_without_a_subscription_does_not_affect_others() {
    let upstream = Publisher::bind();
    let (_relay, publish) = relay_of(&upstream);
    let everything = Listener::connect(&publish, "");
    assert_eq!(upstream.wait_for_subscription(), b"");
    let some = Listener::connect(&publish, "x");
    assert_eq!(upstream.wait_for_subscription(), b"x");
    let mut strangers = cancel_without_subscribing(&publish);
    let mut probes: Vec<String> = strangers.iter().map(|(_, probe)| probe.clone()).collect();
    while !probes.is_empty() {
        let (subscribed, prefix) =
            upstream.next_change(Duration::from_secs(60)).expect("a subscription");
        assert!(subscribed, "{prefix:?} is cancelled");
        probes.retain(|probe| *probe != prefix);
    }
    // A peer that disconnects ends its own subscription only.
    let (stranger, probe) = strangers.remove(0);
    drop(stranger);
    assert_eq!(upstream.next_change(Duration::from_secs(60)), Some((false, probe)));
    for n in 0..1000 {
        upstream.send(["x.INFO", &n.to_string()]);
    }
    for n in 0..1000 {
        assert_eq!(everything.next().text(), n.to_string());
        assert_eq!(some.next().text(), n.to_string());
    }
}

#[test]
fn a_cancel_without_a_subscription_leaves_the_count_of_unsubscribed_records_alone() {
    let args = ["emit", "--bind", ANY_PORT, "-r", "x", "--wait", "60s"];
    let mut emit = zlog(args).stdin_open().start();
    let endpoint = emit.endpoint();
    let listener = Listener::connect(&endpoint, "x");
    emit.write("first\n");
    assert_eq!(listener.next().json()["msg"], "first");
    let strangers = cancel_without_subscribing(&endpoint);
    for (mut stranger, _) in strangers {
        // More cancels end the connection. That shows that the earlier ones were read.
        stranger.send(&frame(0, b"\0").repeat(200));
        stranger.expect_end();
    }
    emit.write("second\n");
    assert_eq!(listener.next().json()["msg"], "second");
    emit.expect_stderr("it cancels subscriptions that it does not have");
    emit.close_stdin();
    let said = emit.wait().success().err();
    assert!(!said.contains("had no subscriber"), "{said}");
}

#[cfg(unix)]
#[test]
fn a_subscriber_that_is_cut_off_is_reset_even_after_all_its_bytes_were_read() {
    let args = ["emit", "--bind", ANY_PORT, "-r", "x", "--wait", "0s"];
    let mut emit = zlog(args).stdin_open().start();
    let endpoint = emit.endpoint();
    let mut stranger = RawSubscriber::connect(&endpoint, Zmtp::Three(0));
    // Too many cancels in one segment: zlog has read all of it when it closes the connection,
    // so the system would not send a reset by itself.
    stranger.send(&frame(0, b"\0").repeat(200));
    stranger.expect_reset();
}

/// Returns the bytes to send next.
type Block = Box<dyn FnMut() -> Vec<u8> + Send>;

/// The name of a flood.
const LONG: &str = "long subscriptions";

/// Endless input: its name, the bytes, and how many connections send it. Repeated subscribing
/// and cancelling is cut off late: 50,000 messages are allowed, and a publisher without records
/// reads some thousand a second.
fn floods() -> [(&'static str, Block, usize); 5] {
    let mut n = 0u32;
    let mut next = move || {
        n += 1;
        n.to_be_bytes()
    };
    // The prefixes share few bytes: each byte that is not shared costs libzmq a node.
    let long = move || {
        let mut prefix = || frame(0, &[&[1][..], &next(), &[b'L'; 4000]].concat());
        (0..64).flat_map(|_| prefix()).collect()
    };
    let come_and_go = [frame(0, b"\x01a"), frame(0, b"\0a")].concat().repeat(4096);
    [
        ("junk", Box::new(|| frame(0, b"\x02x").repeat(16_384)), 4),
        ("messages without an end", Box::new(|| frame(1, b"\x02x").repeat(16_384)), 4),
        ("empty frames", Box::new(|| frame(0, b"").repeat(16_384)), 4),
        (LONG, Box::new(long), 4),
        ("coming and going", Box::new(move || come_and_go.clone()), 1),
    ]
}

/// The peak memory of a process, in MiB.
#[cfg(target_os = "linux")]
fn peak_memory(process: &Running) -> u64 {
    let status = format!("/proc/{}/status", process.id());
    let status = std::fs::read_to_string(status).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmHWM")).expect("a line of it");
    let kib: u64 = line.split_whitespace().nth(1).expect("a number").parse().expect("a number");
    kib / 1024
}

#[cfg(not(target_os = "linux"))]
fn peak_memory(_process: &Running) -> u64 {
    0
}

/// Floods a publisher from several connections, while `send` publishes numbers, all of which
/// must arrive. The publisher's memory stays bounded, and it reports what it cut off.
#[track_caller]
fn withstands(mut process: Running, endpoint: &str, mut send: impl FnMut(&mut Running, usize)) {
    let listener = Listener::connect(endpoint, "app");
    let mut sent = 0;
    let mut received = 0;
    // The first number arrives once the listener has subscribed.
    while received == 0 {
        send(&mut process, sent);
        sent += 1;
        received = usize::from(listener.try_next(Duration::from_millis(20)).is_some());
    }
    let before = sent;
    for (what, block, strangers) in floods() {
        let block = std::sync::Mutex::new(block);
        std::thread::scope(|scope| {
            let at_once = strangers.min(2);
            let each = strangers / at_once;
            let floods: Vec<_> = (0..at_once)
                .map(|_| {
                    let next = || (block.lock().expect("no panic"))();
                    scope
                        .spawn(move || RawSubscriber::flood("SUB", endpoint, each, 256 << 20, next))
                })
                .collect();
            while floods.iter().any(|flood| !flood.is_finished()) {
                send(&mut process, sent);
                sent += 1;
                // Some hundred a second are enough: they are buffered until they are read.
                std::thread::sleep(Duration::from_millis(2));
            }
            for flood in floods {
                let ended = flood.join().expect("no panic");
                assert_eq!(ended, each, "{what}: connections go on");
            }
        });
        let peak = peak_memory(&process);
        assert!(peak < 300, "{what}: {peak} MiB");
    }
    let is = |n: usize| line(n).trim_end().to_owned();
    while !listener.next().text().contains(&is(before)) {}
    for n in before + 1..sent {
        let message = listener.next();
        assert!(message.text().contains(&is(n)), "{n}: {}", message.text());
    }
    process.expect_stderr(" at 127.0.0.1: it ");
}

fn line(n: usize) -> String {
    format!("number-{n};\n")
}

#[test]
fn emit_withstands_floods() {
    let args = ["emit", "--bind", ANY_PORT, "-r", "app", "--wait", "0s"];
    let mut emit = zlog(args).stdin_open().start();
    let endpoint = emit.endpoint();
    withstands(emit, &endpoint, |emit, n| emit.write(line(n)));
}

#[test]
fn a_relay_withstands_floods() {
    let upstream = Publisher::bind();
    let (relay, publish) = relay_of(&upstream);
    withstands(relay, &publish, |_, n| upstream.send(["app.INFO", &line(n)]));
}

#[test]
fn a_publishing_tail_withstands_floods() {
    let upstream = Publisher::bind();
    let args = ["tail", &upstream.endpoint, "app", "--publish", ANY_PORT];
    let mut tail = zlog(args).start();
    let bound = tail.expect_stderr(": bound ");
    let publish = bound.split_whitespace().last().expect("an endpoint").to_owned();
    withstands(tail, &publish, |_, n| upstream.send(["app.INFO", &line(n)]));
}

#[test]
fn all_subscriptions_are_made_with_any_high_water_mark() {
    let topics: Vec<String> = (0..20).map(|n| format!("b{n:02}.")).collect();
    let publisher = Publisher::bind();
    let tail = zlog(["tail", &publisher.endpoint, "--hwm", "1", "-n", "400", "-o", "text"])
        .args(&topics)
        .start();
    let mut asked: Vec<String> = (0..20)
        .map(|_| String::from_utf8(publisher.wait_for_subscription()).expect("text"))
        .collect();
    asked.sort();
    let mut expected = topics.clone();
    expected.sort();
    assert_eq!(asked, expected);
    let mut lines = String::new();
    for n in 0..400 {
        publisher.send([&topics[n % 20], &format!("m{n}")]);
        lines += &format!("m{n}\n");
    }
    assert_eq!(tail.wait().success().out(), lines);
}

#[test]
fn a_stranger_with_long_subscriptions_that_reconnects_does_not_slow_down_others() {
    let args = ["emit", "--bind", ANY_PORT, "-r", "app", "--test", "--rate", "500/s"];
    let mut emit = zlog(args).start();
    let endpoint = emit.endpoint();
    let listener = Listener::connect(&endpoint, "app");
    listener.next();
    let (_, mut long, _) = floods().into_iter().find(|flood| flood.0 == LONG).expect("one");
    let start = std::time::Instant::now();
    let mut received = 0;
    let mut last = HashMap::new();
    std::thread::scope(|scope| {
        let flood = || RawSubscriber::flood("SUB", &endpoint, 4, 256 << 20, &mut long);
        let flood = scope.spawn(flood);
        while !flood.is_finished() {
            let Some(message) = listener.try_next(Duration::from_millis(20)) else { continue };
            received += 1;
            let seq = message.json()["seq"].as_u64().expect("a number");
            let before = last.insert(message.topic, seq);
            assert!(before.is_none_or(|before| before + 1 == seq), "records are missing");
        }
        assert_eq!(flood.join().expect("no panic"), 4, "connections go on");
    });
    let rate = f64::from(received) / start.elapsed().as_secs_f64();
    // Without the limit: 13 and fewer.
    assert!(rate > 50.0, "{rate} records per second");
    emit.terminate();
    emit.wait().code(143).stderr_has("0 dropped");
}

#[test]
fn strangers_that_misuse_or_break_connections_print_few_lines_and_are_no_loss() {
    let args = ["emit", "--bind", ANY_PORT, "-r", "x", "--test", "--rate", "500/s"];
    let mut emit = zlog(args).args(["--wait", "60s", "--fail-on-loss"]).start();
    let endpoint = emit.endpoint();
    let listener = Listener::connect(&endpoint, "x");
    listener.next();
    let ended =
        RawSubscriber::flood("SUB", &endpoint, 8, usize::MAX, || frame(0, b"\x01x").repeat(4000));
    assert_eq!(ended, 8);
    for _ in 0..20 {
        // None of these gets a record.
        let mut stranger = RawSubscriber::connect(&endpoint, Zmtp::Three(0));
        stranger.send(&frame(0, b"\x01elsewhere"));
    }
    for _ in 0..100 {
        listener.next();
    }
    emit.terminate();
    let said = emit.wait().code(143).err();
    assert!(!said.contains("broke"), "{said}");
    let misused = |line: &&str| line.contains("subscribes and cancels endlessly");
    assert!((1..=2).contains(&said.lines().filter(misused).count()), "{said}");
}

#[test]
fn of_many_broken_connections_a_few_are_reported_one_by_one_and_all_are_counted() {
    let args = ["emit", "--bind", ANY_PORT, "-r", "x", "--test", "--rate", "1000/s"];
    let mut emit = zlog(args).args(["--wait", "60s", "--fail-on-loss"]).start();
    let endpoint = emit.endpoint();
    let listener = Listener::connect(&endpoint, "x");
    for _ in 0..20 {
        let mut stranger = RawSubscriber::connect(&endpoint, Zmtp::Three(0));
        stranger.send(&frame(0, b"\x01x"));
        // More than the 64 records after which emit reads subscriptions.
        stranger.expect_bytes(40_000);
    }
    // Some 300 records later, emit has noticed the last one. Those that the listener reads first
    // were published before.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock");
    let end = now.as_secs_f64() + 0.3;
    while listener.next().json()["created"].as_f64().expect("a time") < end {}
    emit.terminate();
    let said = emit.wait().code(3).err();
    assert_eq!(said.matches("the connection to").count(), 3, "{said}");
    assert!(said.contains("17 more connections broke before unsubscribing"), "{said}");
    assert!(said.contains("; 20 connections broke, and records in transit"), "{said}");
}
