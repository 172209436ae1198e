//! `--stall`: a subscriber that takes nothing is cut off, named, and learns what it has lost.

use rustix::process::Signal;

use super::relay;
use crate::harness::{Listener, emit, is_native, zlog};

#[test]
fn a_stopped_tail_is_cut_off_and_named_and_the_losses_of_both_ends_are_the_same() {
    if !is_native() {
        return;
    }
    const RECORDS: usize = 20_000;
    let args = ["--on-full", "block", "--stall", "1s", "--hwm", "100", "--fail-on-loss"];
    let mut relay = relay(&args);
    let listener = Listener::connect(&relay.publish, "");
    let mut stopped = zlog(["tail", &relay.publish, "-o", "text", "--fail-on-loss"]).start();
    relay.wait_for_peers(0, 2);
    let args = ["emit", "-c", &relay.collect, "--wait", "60s", "--no-detect"];
    let mut emit = zlog(args).stdin_open().start();
    emit.write("first\n");
    stopped.expect_stdout("first");
    stopped.signal(Signal::STOP);
    emit.write(format!("{}\n", "x".repeat(2000)).repeat(RECORDS));
    for _ in 0..=RECORDS {
        listener.next();
    }
    let named = format!(", process {}: it took nothing for 1s, and lacks ", stopped.id());
    let line = relay.running.expect_stderr(&named);
    let lacks = line.rsplit_once("lacks ").expect("a number").1.to_owned();
    stopped.signal(Signal::CONT);
    relay.wait_for_peers(1, 2);
    emit.write("last\n");
    emit.close_stdin();
    emit.wait().success();
    stopped.expect_stdout("last");
    stopped.interrupt();
    let finished = stopped.wait().code(3);
    let received = finished.out().lines().count();
    // What was sent between the cut and its return is lost, too: nobody has to tell but the tail.
    let lost = RECORDS + 2 - received;
    let said = finished.err();
    let shown = said.lines().find_map(|line| line.split_once("lost ")).expect("a loss").1;
    let number = shown.split(' ').next().unwrap_or_default().replace(',', "");
    assert_eq!(number, lost.to_string(), "{said}");
    let count = lacks.split(' ').next().unwrap_or_default().replace(',', "");
    assert!(count.parse::<usize>().expect("a number") <= lost, "{lacks} of {lost}");
    relay.running.terminate();
    let dropped =
        format!("dropped {} because a subscriber had no room", lacks.replace("record", "message"));
    relay.running.wait().code(3).stderr_has(&dropped);
}

#[test]
fn libzmq_cannot_cut_off_subscribers_and_says_so() {
    for args in [
        &["emit", "-b", "0", "--stall", "1s", "--engine", "libzmq", "--strict"][..],
        &[
            "relay",
            "-b",
            "0",
            "-p",
            "0",
            "--on-full",
            "block",
            "--stall",
            "1s",
            "--engine",
            "libzmq",
        ],
        &["tail", "--publish", "tcp://127.0.0.1:0,stall=1s,engine=libzmq"],
    ] {
        zlog(args).run().code(1).stderr_has("only zlog's own engine can cut off subscribers");
    }
    let mut emit = emit(["--engine", "libzmq", "--stall", "0"]).stdin_open().start();
    emit.endpoint();
    emit.close_stdin();
    emit.wait().success();
}
