//! `-q`, and jobs that nobody listens to: what a cron job needs.

use std::time::Instant;

use crate::harness::{ANY_PORT, DEADLINE, Listener, zlog};

#[test]
fn quiet_prints_nothing_unless_records_were_lost() {
    let quiet = ["emit", "-q", "-b", ANY_PORT, "--wait", "1ms"];
    for args in [
        &["--", "sh", "-c", "echo out; echo err >&2"][..],
        &["--file", "-"],
        &["-m", "nobody gets this"],
        &["--test", "3"],
        &["--tee", "--", "true"],
    ] {
        zlog(quiet).args(args).stdin("line\n").run().success().stdout("").stderr("");
    }
    let mut tail = zlog(["tail", "-b", ANY_PORT, "--hwm", "1", "-o", "text"]).start();
    let endpoint = tail.endpoint();
    let lossy = ["-q", "-c", &endpoint, "--wait", "60s", "--hwm", "1", "--on-full", "drop"];
    let mut emit = zlog(["emit"]).args(lossy).args(["--linger", "0s"]).stdin_open().start();
    emit.write("first\n");
    tail.expect_stdout("first");
    tail.signal(rustix::process::Signal::STOP);
    emit.write(("x".repeat(999) + "\n").repeat(20_000));
    let emit = emit.wait().success().stderr_has("dropped (no room for process ");
    assert_eq!(emit.err().lines().count(), 1, "{}", emit.err());
    tail.signal(rustix::process::Signal::CONT);
}

#[test]
fn a_command_starts_at_once_and_its_records_wait_for_a_subscriber() {
    let directory = tempfile::tempdir().unwrap();
    let started = directory.path().join("started");
    let script = "touch \"$0\"; echo one; echo two; exit 3";
    // The wait would take longer than a test may.
    let args = ["emit", "-b", ANY_PORT, "--wait", "10h", "--", "sh", "-c", script];
    let mut emit = zlog(args).args([&started]).start();
    let endpoint = emit.endpoint();
    let deadline = Instant::now() + DEADLINE;
    while !started.exists() {
        assert!(Instant::now() < deadline, "the command waits for a subscriber");
        std::thread::yield_now();
    }
    let messages = Listener::connect(&endpoint, "").everything();
    let texts: Vec<_> = messages.iter().map(|message| message.json()["msg"].clone()).collect();
    assert_eq!(texts, ["one", "two"]);
    emit.wait().code(3);
}

#[test]
fn nothing_waits_for_a_subscriber_without_a_record() {
    let wait = ["emit", "-b", ANY_PORT, "--wait", "10h"];
    zlog(wait).args(["--", "sh", "-c", "exit 4"]).run().code(4);
    zlog(wait).stdin("").run().success();
}

#[test]
fn after_a_signal_to_a_command_its_records_wait_for_the_linger_time_only() {
    let script = "trap 'exit 9' TERM; echo one; while :; do sleep 0.01; done";
    let args = ["emit", "-b", ANY_PORT, "--wait", "10h", "--linger", "100ms", "--tee"];
    let mut emit = zlog(args).args(["--", "sh", "-c", script]).start();
    // The trap is set.
    emit.expect_stdout("one");
    emit.terminate();
    emit.wait().code(9).stderr_has("1 had no subscriber");
}

#[test]
fn without_a_subscriber_the_output_of_a_command_appears_if_asked_for() {
    let script = "echo out; echo err >&2; exit 3";
    for (tee, out, err) in [(&["--tee"][..], "out\n", "err\n"), (&[], "", "")] {
        let quiet = zlog(["emit", "-q", "-b", ANY_PORT, "--wait", "1ms"]).args(tee);
        quiet.args(["--", "sh", "-c", script]).run().code(3).stdout(out).stderr(err);
    }
}

#[test]
fn quiet_leaves_out_what_is_no_loss_and_reports_what_may_be_one() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("app.log");
    let args = ["emit", "-q", "-b", ANY_PORT, "--wait", "0s", "--tee", "--follow", "--file"];
    let mut emit = zlog(args).args([&log]).start();
    std::fs::write(&log, "a long first line\n").unwrap();
    emit.expect_stdout("a long first line");
    std::fs::write(&log, "short\n").unwrap();
    emit.expect_stdout("short");
    emit.terminate();
    let said = emit.wait().code(143).err();
    let lines: Vec<&str> = said.lines().collect();
    assert!(matches!(lines[..], [gap, _] if gap.contains("was truncated")), "{said}");
    assert_eq!(lines[1], "zlog emit: lines may be missing: 1 gap (see above)");
}
