//! Messages through a relay, and subscriptions in the other direction.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use super::{relay, relay_at};
use crate::harness::{ANY_PORT, DEADLINE, Listener, Publisher, is_native, own_address, zlog};

#[test]
fn emitters_that_connect_reach_tails_that_connect() {
    let relay = relay(&[]);
    let mut tail = zlog(["tail", "-o", "json", "-n", "6", &relay.publish]).start();
    relay.wait_for_peers(0, 1);
    for root in ["a", "b", "c"] {
        let args = ["emit", "-c", &relay.collect, "--wait", "60s", "-r", root];
        zlog(args).stdin("one\ntwo\n").run().success();
    }
    let last = tail.expect_stdout("\"c.INFO\"");
    assert!(last.contains("\"seq\":"), "{last}");
    let out = tail.wait().success().out();
    for root in ["a", "b", "c"] {
        let of: Vec<serde_json::Value> = out
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .filter(|record: &serde_json::Value| record["topic"] == format!("{root}.INFO"))
            .collect();
        let said: Vec<_> = of.iter().map(|r| (r["msg"].clone(), r["seq"].clone())).collect();
        assert_eq!(said, [(json!("one"), json!(1)), (json!("two"), json!(2))]);
        assert_eq!(of[0]["source"], of[1]["source"], "the sender's own");
    }
    assert!(relay.end().contains("forwarded 6 messages in "));
}

#[test]
fn it_collects_from_publishers_that_bind_and_publishes_to_subscribers_that_bind() {
    let [one, two] = [Publisher::bind(), Publisher::bind()];
    let (listener, endpoint) = Listener::bind("app");
    let mut relay = zlog(["relay", "-c", &one.endpoint, "-c", &two.endpoint])
        .args(["--publish-connect", &endpoint])
        .start();
    for publisher in [&one, &two] {
        // A bound SUB sends its subscriptions only while its thread is inside libzmq.
        while publisher.next_change(Duration::from_millis(5)) != Some((true, "app".into())) {
            assert_eq!(listener.try_next(Duration::from_millis(5)), None);
        }
        publisher.send(["app.INFO", "hello"]);
        assert_eq!(listener.next().text(), "hello");
    }
    relay.interrupt();
    relay.wait().code(130);
}

#[test]
fn exactly_the_prefixes_of_subscribers_are_subscribed_to_upstream() {
    let publisher = Publisher::bind();
    let mut running =
        zlog(["relay", "-c", &publisher.endpoint, "--publish-bind", ANY_PORT]).start();
    let endpoint = running.endpoint();
    let tail = zlog(["tail", &endpoint, "app.ERROR", "db", "-q"]).start();
    let mut asked = [publisher.wait_for_subscription(), publisher.wait_for_subscription()];
    asked.sort();
    assert_eq!(asked, [b"app.ERROR".to_vec(), b"db".to_vec()]);
    let second =
        zlog(["tail", &endpoint, "db", "--root", "web", "--level", "critical", "-q"]).start();
    let next = String::from_utf8(publisher.wait_for_subscription()).expect("UTF-8");
    assert!(next.starts_with("web."), "`db` is asked for already: {next}");
    drop(tail);
    let mut ended = Vec::new();
    while ended.is_empty() {
        let (begun, prefix) = publisher.next_change(DEADLINE).expect("the end of a subscription");
        if !begun {
            ended.push(prefix);
        }
    }
    assert_eq!(ended, ["app.ERROR"], "`db` is still wanted");
    drop(second);
}

#[test]
fn source_and_seq_survive_two_relays_and_so_does_a_loss_report() {
    let publisher = Publisher::bind();
    let mut first = zlog(["relay", "-c", &publisher.endpoint, "--publish-bind", ANY_PORT]).start();
    let between = first.endpoint();
    let mut second = zlog(["relay", "-c", &between, "--publish-bind", ANY_PORT]).start();
    let endpoint = second.endpoint();
    let mut tail = zlog(["tail", &endpoint, "-o", "raw", "--fail-on-loss", "-n", "3"]).start();
    assert_eq!(publisher.wait_for_subscription(), b"");
    for seq in [1, 2, 5] {
        let body = json!({"msg": "x", "levelno": 20, "source": "s", "seq": seq}).to_string();
        publisher.send([b"app.INFO".as_slice(), body.as_bytes()]);
    }
    tail.expect_stderr("lost 2 records of s, topic app.INFO");
    let out = tail.wait().code(3).out();
    let expected = |seq| json!({"msg": "x", "levelno": 20, "source": "s", "seq": seq}).to_string();
    assert_eq!(out, format!("{}\n{}\n{}\n", expected(1), expected(2), expected(5)));
}

#[test]
fn a_stopped_subscriber_does_not_affect_another_one() {
    const RECORDS: usize = 8000;
    let relay = relay(&["--hwm", "1000"]);
    let listener = Listener::connect(&relay.publish, "INFO");
    let mut stopped = zlog(["tail", &relay.publish, "-o", "text", "--hwm", "1", "-q"]).start();
    relay.wait_for_prefixes(2);
    stopped.signal(Signal::STOP);
    let line = format!("{}\n", "x".repeat(5000)).repeat(RECORDS);
    let args = ["emit", "-c", &relay.collect, "--wait", "60s", "--rate", "4000", "-q"];
    let emit = zlog(args).stdin(line).start();
    for seq in 1..=RECORDS {
        assert_eq!(listener.next().json()["seq"], seq, "nothing is missing");
    }
    emit.wait().success();
    assert!(relay.status()["forwarded"]["no_room"].as_u64() > Some(0), "{}", relay.status());
    stopped.signal(Signal::CONT);
    drop(stopped);
    let said = relay.end();
    assert!(said.contains("a subscriber had no room"), "{said}");
    let (what, before) = match is_native() {
        true => (" messages because a subscriber had no room: ", "dropped "),
        false => (" had no room ", "a subscriber"),
    };
    let (count, named) = said.split_once(what).expect("a name");
    assert!(count.contains(before), "{said}");
    assert!(named.contains("127.0.0.1:"), "{said}");
}

#[test]
fn with_block_an_emitter_waits_for_a_slow_subscriber_and_nothing_is_lost() {
    const RECORDS: usize = 20_000;
    let relay = relay(&["--hwm", "100", "--on-full", "block"]);
    let out = tempfile::NamedTempFile::new().expect("a file");
    let script = format!(
        "'{}' tail {} -o text -n {RECORDS} --hwm 100 --fail-on-loss | (sleep 1; cat > '{}')",
        env!("CARGO_BIN_EXE_zlog"),
        relay.publish,
        out.path().display()
    );
    let mut shell = std::process::Command::new("bash");
    shell.args(["-o", "pipefail", "-c", &script]);
    let tail = crate::harness::Running::start(shell, crate::harness::Input::Empty);
    relay.wait_for_peers(0, 1);
    let line = format!("{}\n", "y".repeat(1000)).repeat(RECORDS);
    let args = ["emit", "-c", &relay.collect, "--wait", "60s", "--hwm", "100", "--linger", "60s"];
    zlog(args).stdin(line).run().success();
    tail.wait().success();
    let lines = std::fs::read_to_string(out.path()).expect("text").lines().count();
    assert_eq!(lines, RECORDS);
    assert_eq!(relay.status()["forwarded"]["no_room"], 0);
}

#[test]
fn both_sides_reconnect_to_a_restarted_relay() {
    let first = relay_at(&own_address(), &[]);
    let (collect, publish) = (first.collect.clone(), first.publish.clone());
    let emit = ["emit", "-c", &collect, "--test", "--rate", "200", "--wait", "60s"];
    let _emit = zlog(emit).start();
    let mut tail = zlog(["tail", "-o", "json", "--verbose", &publish]).start();
    tail.expect_stdout("\"seq\":");
    first.end();
    tail.expect_stderr("disconnected");
    let ports = ["relay", "-b", &collect, "--publish-bind", &publish, "--no-ask"];
    let _again = zlog(ports).start();
    zlog(["emit", "-c", &collect, "--wait", "60s", "-r", "second", "-m", "back"]).run().success();
    let mut back = false;
    let until = Instant::now() + DEADLINE;
    let found = tail.stdout.wait_for_line(until, |line| {
        let second = line.contains("second.INFO");
        back |= second;
        back && !second
    });
    assert!(found.is_some(), "the first emitter comes back, too: {back}");
}

#[test]
fn a_line_of_stdin_cannot_leave_the_root_unless_its_topic_is_trusted() {
    let line = r#"{"msg":"m","levelno":50,"topic":"bank.CRITICAL.transfer"}"#;
    for (trust, topic, warned) in [
        (&[][..], "web.CRITICAL.transfer", true),
        (&["--trust-topic"], "bank.CRITICAL.transfer", false),
    ] {
        let ports = ["relay", "--stdin", "--root", "web", "--publish-bind", ANY_PORT];
        let mut relay = zlog(ports).args(trust).stdin_open().start();
        let listener = Listener::connect(&relay.endpoint(), "");
        // Lines without a subscriber are dropped.
        let message = loop {
            relay.write(format!("{line}\n"));
            if let Some(message) = listener.try_next(Duration::from_millis(20)) {
                break message;
            }
        };
        assert_eq!(message.topic, topic);
        relay.interrupt();
        let said = relay.wait().code(130).err();
        let remark = "with a topic outside the root, published under the root (--trust-topic";
        assert_eq!(said.contains(remark), warned, "{said}");
    }
}

#[test]
fn lines_of_stdin_have_a_source_of_their_own() {
    let ports = ["relay", "--stdin", "--root", "web", "--publish-bind", ANY_PORT];
    let mut relay = zlog(ports).stdin_open().start();
    let publish = relay.endpoint();
    let listener = Listener::connect(&publish, "web.ERROR");
    // Lines without a subscriber are dropped: repeat the first one.
    let mut first = None;
    while first.is_none() {
        relay.write("ERROR first\n");
        first = listener.try_next(Duration::from_millis(20));
    }
    relay.write("INFO not asked for\n\0\0ERROR last\n");
    relay.close_stdin();
    let first = first.expect("a message").json();
    loop {
        let next = listener.next();
        assert_eq!(next.topic, "web.ERROR");
        let next = next.json();
        assert_eq!(next["source"], first["source"]);
        if next["msg"] == "ERROR last" {
            break;
        }
    }
    relay.terminate();
    relay.wait().code(143).stderr_has("stdin: 2 NULs dropped");
}

#[test]
fn a_line_of_stdin_without_its_end_at_a_signal_is_marked_and_counted() {
    let ports = ["relay", "--stdin", "--publish-bind", ANY_PORT, "--no-ask"];
    let mut relay = zlog(ports).stdin_open().start();
    let listener = Listener::connect(&relay.endpoint(), "");
    // Lines without a subscriber are dropped: repeat the first one.
    while listener.try_next(Duration::from_millis(20)).is_none() {
        relay.write("whole\n");
    }
    relay.write("begun");
    relay.terminate();
    let rest = listener.everything();
    let last = rest.last().expect("the begun line").json();
    assert_eq!((&last["msg"], &last["cut"]), (&"begun".into(), &true.into()));
    relay.wait().code(143).stderr_has("stdin: 1 line cut off by the end (marked `cut`)");
}

#[test]
fn messages_that_a_restarted_relay_forwards_to_nobody_are_counted_and_are_no_loss() {
    let directory = tempfile::tempdir().expect("a directory");
    let collect = format!("ipc://{}", directory.path().join("collect").display());
    let publisher = zmq::Context::new().socket(zmq::XPUB).expect("a socket");
    publisher.set_rcvtimeo(60_000).expect("a plain option");
    publisher.set_linger(0).expect("a plain option");
    publisher.connect(&collect).expect("the endpoint is well-formed");
    let start = || zlog(["relay", "-b", &collect, "-p", ANY_PORT, "--fail-on-loss"]).start();
    let mut first = start();
    let bound = first.endpoints(3);
    let listener = Listener::connect(&bound[1], "app");
    assert_eq!(publisher.recv_bytes(0).expect("a subscription"), b"\x01app");
    publisher.send_multipart(["app.INFO", "here"], 0).expect("sent");
    assert_eq!(listener.next().text(), "here");
    first.signal(Signal::KILL);
    first.expect_end();
    drop(listener);
    // libzmq keeps the subscription, for whoever binds there next.
    for _ in 0..10 {
        publisher.send_multipart(["app.INFO", "unheard"], 0).expect("sent");
    }
    let mut second = start();
    let ask = second.endpoints(3).remove(2);
    let until = Instant::now() + DEADLINE;
    loop {
        let asked = zlog(["relay", "--status", "--ask", &ask]).run().success().out();
        if asked.contains("10 messages without a subscriber") {
            break;
        }
        assert!(Instant::now() < until, "{asked}");
    }
    second.terminate();
    let said = second.wait().code(143).err();
    assert!(said.contains("forwarded 10 messages in ") && said.contains("; 10 had no subscriber"));
}
