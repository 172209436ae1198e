//! `--engine`: which implementation of ZeroMQ's protocol carries the records.

use crate::harness::{ANY_PORT, zlog};

#[test]
fn what_the_native_engine_lacks_is_refused_with_the_engine_that_has_it() {
    for args in [
        ["emit", "-b", "ws://127.0.0.1:*", "-m"],
        ["tail", "-c", "ws://127.0.0.1:9", "-o"],
        ["tail", "-c", "tcp://127.0.0.1:0;127.0.0.1:9", "-o"],
    ] {
        let refused = zlog(args.into_iter().chain(["json", "--engine", "native"])).run();
        refused.code(1).stderr_has("the native engine has no").stderr_has("Use --engine libzmq.");
    }
    for side in ["--bind", "--publish-bind"] {
        let relay = ["relay", "-c", "tcp://127.0.0.1:9", side, "ws://127.0.0.1:*", "--no-ask"];
        let relay = zlog(relay.into_iter().chain(["--engine", "native"])).run();
        relay.code(1).stderr_has("the native engine has no").stderr_has("Use --engine libzmq.");
    }
}

#[test]
fn an_endpoint_that_only_libzmq_has_runs_on_libzmq_if_no_engine_is_chosen() {
    let ws = "ws://127.0.0.1:*";
    let relay = ["relay", "--bind", ws, "--publish-bind", ANY_PORT];
    let mut relay = zlog(relay).without_env("ZLOG_ENGINE").start();
    let bound = relay.endpoints(3);
    let tail = ["tail", "-c", &bound[1], "-o", "text", "-n", "1", "--timeout", "60s"];
    let tail = zlog(tail).start();
    let emit = ["emit", "-c", &bound[0], "--wait", "60s", "-m", "over ws"];
    zlog(emit).without_env("ZLOG_ENGINE").run().success();
    assert_eq!(tail.wait().success().out(), "over ws\n");
}

#[test]
fn the_environment_the_users_file_and_a_handler_choose_the_engine_too() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.toml");
    std::fs::write(&file, "[emit]\nengine = \"native\"\n").unwrap();
    let emit = ["emit", "-b", "ws://127.0.0.1:*", "-m", "x"];
    let refused = "the native engine has no transport ws";
    zlog(emit).env("ZLOG_ENGINE", "native").run().code(1).stderr_has(refused);
    let file = file.to_str().unwrap();
    let unset = zlog(emit).without_env("ZLOG_ENGINE").env("ZLOG_CONFIG", file);
    unset.run().code(1).stderr_has(refused);
    let unknown = "ZLOG_ENGINE: no engine is called";
    for command in [&emit[..], &["tail", "-c", "tcp://127.0.0.1:9"], &["relay", "-c", "9"]] {
        zlog(command).env("ZLOG_ENGINE", "neither").run().code(2).stderr_has(unknown);
    }
    let job = ["emit", "--tee", "--", "echo", "it runs"];
    let job = zlog(job).env("ZLOG_ENGINE", "neither").run().success().stderr_has(unknown);
    assert_eq!(job.stdout, b"it runs\n");
    let empty = ["emit", "-b", ANY_PORT, "-m", "x", "--wait", "0s"];
    zlog(empty).env("ZLOG_ENGINE", "").run().code(0);
    let handler = ["tail", "--input", "-", "--publish", "ws://127.0.0.1:*,engine=native"];
    zlog(handler).run().code(1).stderr_has(refused);
}

/// A subscriber that holds few messages until they are read.
fn slow_subscriber(endpoint: &str) -> zmq::Socket {
    let socket = zmq::Context::new().socket(zmq::SUB).expect("a socket");
    socket.set_rcvhwm(1).expect("a plain option");
    socket.set_rcvtimeo(50).expect("a plain option");
    socket.set_linger(0).expect("a plain option");
    socket.set_subscribe(b"").expect("a plain option");
    socket.connect(endpoint).expect("the endpoint is well-formed");
    socket
}

#[test]
fn the_native_engine_drops_for_the_slow_subscriber_alone_and_counts_exactly() {
    const RECORDS: usize = 60_000;
    let line = "x".repeat(1000) + "\n";
    let args = ["emit", "-b", ANY_PORT, "--wait-for", "2", "--wait", "60s", "--engine", "native"];
    let emit = zlog(args).args(["--on-full", "drop", "--linger", "60s", "--no-detect"]);
    let mut emit = emit.stdin_open().start();
    let endpoint = emit.endpoint();
    let slow = slow_subscriber(&endpoint);
    let tail = ["tail", "-c", &endpoint, "-o", "raw", "--engine", "native", "--timeout", "60s"];
    let tail = zlog(tail).args(["-n", "1"]).start();
    for _ in 0..RECORDS {
        emit.write(&line);
    }
    emit.close_stdin();
    let ending = std::thread::spawn(move || emit.wait().success().err());
    let mut received = 0;
    while !ending.is_finished() {
        received += usize::from(slow.recv_multipart(0).is_ok());
    }
    while slow.recv_multipart(0).is_ok() {
        received += 1;
    }
    let said = ending.join().expect("a summary");
    let (_, dropped) =
        said.split_once(&format!("process {} at ", std::process::id())).expect(&said);
    let count = dropped.split_once(": ").and_then(|(_, count)| count.split_once(')')).expect(&said);
    let dropped: usize = count.0.replace(',', "").parse().expect(&said);
    assert_eq!(received + dropped, RECORDS, "{said}");
    assert!(dropped > 0 && said.contains("60,000 records, "), "{said}");
    tail.wait().success();
}

#[test]
fn the_native_engine_names_the_subscriber_that_lacks_records_at_the_end() {
    let input = ("x".repeat(1 << 20) + "\n").repeat(60);
    let args = ["emit", "-b", ANY_PORT, "--wait", "60s", "--engine", "native", "--linger", "200ms"];
    let mut emit = zlog(args).args(["--no-detect"]).stdin(input).start();
    let _stuck = slow_subscriber(&emit.endpoint());
    emit.expect_stderr("does not read its records");
    emit.terminate();
    let said = emit.wait().code(143).err();
    let told =
        format!("not sent before --linger (200ms) was over: process {} at ", std::process::id());
    assert!(said.contains(&told), "{said}");
}

/// The number before `what`.
#[track_caller]
fn number_before(text: &str, what: &str) -> usize {
    let (before, _) = text.split_once(what).unwrap_or_else(|| panic!("{what}: {text}"));
    let number = before.rsplit(' ').next().unwrap_or_default();
    number.replace(',', "").parse().unwrap_or_else(|_| panic!("{what}: {text}"))
}

#[test]
fn the_native_engine_accounts_for_every_record_when_the_subscriber_that_blocks_leaves() {
    const RECORDS: usize = 60_000;
    let input = ("x".repeat(1000) + "\n").repeat(RECORDS);
    let args = ["emit", "-b", ANY_PORT, "--wait", "60s", "--engine", "native", "--no-detect"];
    let mut emit = zlog(args).stdin(input).start();
    let slow = slow_subscriber(&emit.endpoint());
    emit.expect_stderr("does not read its records");
    drop(slow);
    let said = emit.wait().success().err();
    let (_, in_transit) = said.split_once("up to ").expect(&said);
    let in_transit = number_before(in_transit, " records in transit");
    assert_eq!(in_transit + number_before(&said, " had no subscriber"), RECORDS, "{said}");
}

#[test]
fn a_bound_tail_on_the_native_engine_names_a_publisher_that_exceeds_max_message() {
    let args = ["tail", "-b", ANY_PORT, "--engine", "native", "--max-message", "64K"];
    let mut tail = zlog(args).start();
    let publisher = zmq::Context::new().socket(zmq::XPUB).expect("a socket");
    publisher.set_linger(0).expect("a plain option");
    publisher.connect(&tail.endpoint()).expect("the endpoint is well-formed");
    publisher.set_rcvtimeo(60_000).expect("a plain option");
    publisher.recv_bytes(0).expect("a subscription");
    publisher.send_multipart([&b"app.INFO"[..], &[b'x'; 70_000]], 0).expect("sent");
    let said = tail.expect_stderr("disconnected a publisher 127.0.0.1:");
    assert!(said.contains("larger than --max-message 64K; raise --max-message"), "{said}");
    tail.terminate();
    tail.wait().code(143);
}
