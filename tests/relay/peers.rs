//! PyZMQ's publishers on the one side, its watcher on the other.

use super::relay;
use crate::harness::{ANY_PORT, python, zlog};

#[test]
fn a_pubhandler_that_binds_and_one_that_connects_reach_the_watcher() {
    let Some(python) = python() else { return };
    let mut binds = python.script("pubhandler", &["default"]);
    let bound = binds.endpoint();
    let mut relay =
        zlog(["relay", "-b", ANY_PORT, "-c", &bound, "--publish-bind", ANY_PORT]).start();
    let endpoints = relay.endpoints(2);
    let mut connects = python.script("pubhandler_connect", &[&endpoints[0]]);
    let mut watcher = python.module("zmq.log", &[&endpoints[1]]);
    for (publisher, root) in [(&mut binds, "app"), (&mut connects, "connects")] {
        watcher.expect_stdout(&format!("{root}.INFO | beacon"));
        publisher.write("go on\n");
    }
    watcher.expect_stdout("connected and done");
    watcher.expect_stdout("the end");
    for publisher in [binds, connects] {
        publisher.wait().success();
    }
    watcher.interrupt();
    let out = watcher.wait().success().out();
    assert!(out.contains("app.INFO.db.pool | connected to replica"), "{out}");
    assert!(out.contains("KeyError: 'answer'"), "{out}");
    relay.terminate();
    relay.wait().code(143);
}

#[test]
fn the_watcher_is_not_disturbed_by_those_who_ask_for_what_went_before() {
    let Some(python) = python() else { return };
    let relay = relay(&["--keep", "10"]);
    let mut watcher = python.module("zmq.log", &[&relay.publish]);
    relay.wait_for_peers(0, 1);
    let emit = |text: &str| {
        let args = ["emit", "-c", &relay.collect, "--wire", "text", "--wait", "60s", "-m", text];
        zlog(args).run().success();
    };
    emit("first");
    watcher.expect_stdout("first");
    let args =
        ["tail", &relay.publish, "--ask", &relay.ask, "--last", "1", "-n", "1", "-o", "text"];
    assert_eq!(zlog(args).run().success().out(), "first\n");
    emit("second");
    watcher.expect_stdout("second");
    watcher.interrupt();
    assert_eq!(watcher.wait().success().out(), "INFO | first\nINFO | second\n");
}
