//! PyZMQ's publishers, and its watcher.

use std::time::{Duration, Instant};

use super::relay;
use crate::harness::{ANY_PORT, DEADLINE, python, zlog};

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
fn the_watcher_does_not_see_the_queries_of_others() {
    let Some(python) = python() else { return };
    let relay = relay(&["--keep", "10"]);
    let mut watcher = python.module("zmq.log", &[&relay.publish]);
    let emit = |text: &str| {
        let args = ["emit", "-c", &relay.collect, "--wire", "text", "--wait", "60s", "-m", text];
        zlog(args).run().success();
    };
    // The relay subscribes to everything by itself, so its status can't tell when the watcher
    // has subscribed.
    let until = Instant::now() + DEADLINE;
    let mut seen = false;
    while !seen {
        assert!(Instant::now() < until, "the watcher hears nothing");
        emit("beacon");
        let soon = Instant::now() + Duration::from_millis(50);
        seen = watcher.stdout.wait_for_line(soon, |line| line.contains("beacon")).is_some();
    }
    emit("first");
    watcher.expect_stdout("first");
    let args =
        ["tail", &relay.publish, "--ask", &relay.ask, "--last", "1", "-n", "1", "-o", "text"];
    assert_eq!(zlog(args).run().success().out(), "first\n");
    emit("second");
    watcher.expect_stdout("second");
    watcher.interrupt();
    let out = watcher.wait().success().out();
    let after = out.lines().filter(|line| !line.contains("beacon")).collect::<Vec<_>>();
    assert_eq!(after, ["INFO | first", "INFO | second"]);
}
