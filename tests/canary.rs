//! `zlog canary`: numbered records through real pipelines, whole ones and such that lose, repeat or
//! do not pass anything.

use std::net::SocketAddr;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{ANY_PORT, Finished, Listener, Running, own_address, zlog};

/// A relay, and where it collects and publishes.
fn relay(args: &[&str]) -> (Running, [String; 2]) {
    let ports = ["relay", "--bind", ANY_PORT, "--publish-bind", ANY_PORT, "--no-ask"];
    let mut relay = zlog(ports).args(args).start();
    let bound = relay.endpoints(2);
    (relay, bound.try_into().expect("two endpoints"))
}

/// The JSON of a report.
fn report(finished: &Finished) -> Value {
    serde_json::from_slice(&finished.stdout)
        .unwrap_or_else(|error| finished.fail(&error.to_string()))
}

#[test]
fn all_records_come_through_a_relay_once_in_order_and_with_their_latencies() {
    let (_relay, [collect, publish]) = relay(&[]);
    let args = ["canary", "--send", &collect, "--read", &publish, "-n", "500", "--fail-on-loss"];
    let canary = zlog(args).args(["--rate", "5000", "-o", "json"]).run().success();
    let report = report(&canary);
    for (key, expected) in [("sent", 500), ("received", 500), ("lost", 0), ("duplicates", 0)] {
        assert_eq!(report[key], expected, "{report}");
    }
    assert_eq!((&report["reordered"], &report["lost_numbers"]), (&json!(0), &json!([])));
    let latencies = ["min", "p50", "p90", "p99", "p99.9", "max"];
    let latencies = latencies.map(|name| report["latency_us"][name].as_u64().expect("a number"));
    assert!(latencies[0] > 0 && latencies.is_sorted(), "{report}");
    let table = zlog(args).args(["--rate", "5000"]).run().success();
    assert!(
        table.out().contains("received    500\nlost        0\nduplicates  0\n"),
        "{}",
        table.out()
    );
}

#[test]
fn what_a_handler_leaves_out_of_its_file_is_lost_and_numbered() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("out.log");
    let path = file.to_str().expect("UTF-8");
    // Two numbers of each run.
    let target = format!("{path},exclude=canary \\w+ (7|13) ");
    let ports = ["relay", "--listen", "127.0.0.1:0", "--publish-bind", ANY_PORT, "--no-ask"];
    let mut relay = zlog(ports).args(["--file", &target]).start();
    let listening: SocketAddr = relay.expect_address("for Python's SocketHandler");
    let listening = listening.to_string();
    let args =
        ["canary", "--send-socket", &listening, "--read-file", path, "-n", "100", "-o", "json"];
    let canary = zlog(args).args(["--timeout", "1s", "--fail-on-loss"]).run().code(3);
    let report = report(&canary);
    assert_eq!((&report["received"], &report["lost"]), (&json!(98), &json!(2)), "{report}");
    assert_eq!(report["lost_numbers"], json!([[7, 7], [13, 13]]));
    // Without the option, a loss is a result like any other.
    zlog(args).args(["--timeout", "1s"]).run().success();
}

#[test]
fn the_records_that_a_killed_relay_takes_with_it_are_counted() {
    let (collect, publish) = (own_address(), own_address());
    let ports = ["relay", "--bind", &collect, "--publish-bind", &publish, "--no-ask"];
    let mut first = zlog(ports).start();
    let bound = first.endpoints(2);
    let listener = Listener::connect(&bound[1], "canary");
    let args = ["canary", "--send", &bound[0], "--read", &bound[1], "-n", "1000", "--rate", "500"];
    let canary = zlog(args).args(["-o", "json", "--timeout", "2s", "--fail-on-loss"]).start();
    while !listener.next().text().contains(" 100 ") {}
    // What it has not read yet is lost with it.
    first.signal(Signal::STOP);
    while listener.try_next(Duration::from_millis(300)).is_some() {}
    first.signal(Signal::KILL);
    first.expect_end();
    let ports = ["relay", "--bind", &bound[0], "--publish-bind", &bound[1], "--no-ask"];
    let _second = zlog(ports).start();
    let canary = canary.wait().code(3);
    let report = report(&canary);
    let number = |key: &str| report[key].as_u64().expect("a number");
    assert!(number("lost") > 0 && number("received") > 100, "{report}");
    assert_eq!(number("received") + number("lost"), 1000, "{report}");
    let ranges = report["lost_numbers"].as_array().expect("ranges").iter();
    let in_ranges: u64 =
        ranges.map(|it| it[1].as_u64().unwrap() - it[0].as_u64().unwrap() + 1).sum();
    assert_eq!(in_ranges, number("lost"), "{report}");
}

#[test]
fn lines_of_a_file_come_out_of_what_follows_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("in.log");
    std::fs::write(&file, "an older line\n").expect("a file");
    let path = file.to_str().expect("UTF-8");
    let emit = zlog(["emit", "--follow", "--file", path, "--bind", ANY_PORT, "-r", "canary"]);
    let mut emit = emit.args(["--wait", "60s"]).start();
    let publish = emit.endpoint();
    let args = ["canary", "--send-file", path, "--read", &publish, "-n", "100", "-o", "json"];
    let canary = zlog(args).args(["--fail-on-loss"]).run().success();
    let report = report(&canary);
    assert_eq!((&report["received"], &report["duplicates"]), (&json!(100), &json!(0)), "{report}");
    let nowhere = directory.path().join("no/in.log");
    let nowhere = nowhere.to_str().expect("UTF-8");
    let canary = zlog(["canary", "--send-file", nowhere, "--read", &publish]).run().code(1);
    canary.stderr_has(&format!("can't open {nowhere}"));
}

#[test]
fn after_a_receiver_of_a_socket_handler_was_restarted_records_reach_it_again() {
    let start = |listen: &str, publish: &str| {
        let args = ["relay", "--listen", listen, "--publish-bind", publish, "--no-ask"];
        let mut relay = zlog(args).start();
        let publish = relay.endpoint();
        let listen: SocketAddr = relay.expect_address("for Python's SocketHandler");
        (relay, listen.to_string(), publish)
    };
    let (mut first, listen, publish) = start("127.0.0.1:0", &own_address());
    let listener = Listener::connect(&publish, "canary");
    let args = ["canary", "--send-socket", &listen, "--read", &publish, "-n", "2000", "-o", "json"];
    let canary = zlog(args).args(["--rate", "500", "--timeout", "10s", "--fail-on-loss"]).start();
    while !listener.next().text().contains(" 100 ") {}
    first.signal(Signal::KILL);
    first.expect_end();
    let _second = start(&listen, &publish);
    let canary = canary.wait().code(3).stderr_has("can't send to ");
    let report = report(&canary);
    let (lost, received) = (report["lost"].as_u64(), report["received"].as_u64());
    assert!(lost > Some(0) && received > Some(1000), "{report}");
}

#[test]
fn records_that_take_two_ways_are_duplicates() {
    let ((_one, [in_1, out_1]), (_two, [in_2, out_2])) = (relay(&[]), relay(&[]));
    let args = ["canary", "--send", &in_1, "--send", &in_2, "--read", &out_1, "--read", &out_2];
    let canary = zlog(args).args(["-n", "200", "-o", "json", "--fail-on-loss"]).run().success();
    let report = report(&canary);
    assert_eq!((&report["received"], &report["lost"]), (&json!(200), &json!(0)), "{report}");
    // The test records reach one of the ways first, perhaps before the other is connected.
    assert!(report["duplicates"].as_u64() > Some(0), "{report}");
}

#[test]
fn a_pipeline_that_nothing_comes_through_is_named_with_what_to_do() {
    let (_relay, [collect, _]) = relay(&[]);
    let silent = format!("bind:{ANY_PORT}");
    let args = ["canary", "--send", &collect, "--read", &silent, "--wait", "300ms"];
    zlog(args)
        .run()
        .code(1)
        .stderr_has(&format!("zlog canary: what was sent to {collect} did not come out at tcp://"))
        .stderr_has(" within 300ms")
        .stderr_has("zlog relay --status")
        .stderr_has("--send, --send-socket or --send-file");
    zlog(["canary", "--send-socket", "127.0.0.1:1"])
        .run()
        .code(1)
        .stderr_has("can't connect to 127.0.0.1:1");
}

#[test]
fn nothing_is_reported_as_bound_if_the_other_end_is_refused() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("an address");
    let args = ["canary", "--read", &format!("bind:{ANY_PORT}")];
    for end in [["--send-socket", "127.0.0.1:1"], ["--send", &format!("bind:tcp://{taken}")]] {
        zlog(args).args(end).run().code(1).stderr_lacks("bound tcp");
    }
}

#[test]
fn a_signal_ends_a_run_with_a_report_of_what_was_sent() {
    let (_relay, [collect, publish]) = relay(&[]);
    let listener = Listener::connect(&publish, "canary");
    let args = ["canary", "--send", &collect, "--read", &publish, "-n", "100000", "--rate", "100"];
    let mut canary = zlog(args).args(["-o", "json"]).start();
    while !listener.next().text().contains(" 20 ") {}
    canary.interrupt();
    let canary = canary.wait().code(130);
    let report = report(&canary);
    let sent = report["sent"].as_u64().expect("a number");
    assert!((20..100_000).contains(&sent), "{report}");
}
