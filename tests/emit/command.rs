//! `-- COMMAND`: a child's output, signals and exit code.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::text;
use crate::harness::{Listener, emit, published, zlog};

/// Runs `emit -- sh -c SCRIPT`. Returns the published records and the finished process.
fn shell(args: &[&str], script: &str) -> (Vec<Value>, crate::harness::Finished) {
    let (messages, finished) = published(emit(args).args(["--", "sh", "-c", script]));
    (messages.iter().map(|message| message.json()).collect(), finished)
}

fn find<'r>(records: &'r [Value], msg: &str) -> &'r Value {
    let found = records.iter().find(|record| text(record, "msg") == msg);
    found.unwrap_or_else(|| panic!("no {msg:?} in {records:#?}"))
}

#[test]
fn stdout_and_stderr_have_levels_of_their_own() {
    let (records, emit) = shell(&[], "echo out; echo err >&2");
    emit.success();
    assert_eq!(find(&records, "out")["levelno"], 20);
    assert_eq!(find(&records, "err")["levelno"], 30);

    let (records, emit) =
        shell(&["-l", "debug", "--stderr-level", "critical"], "echo out; echo err >&2");
    emit.success();
    assert_eq!(find(&records, "out")["levelno"], 10);
    assert_eq!(find(&records, "err")["levelno"], 50);
}

#[test]
fn output_is_published_while_the_command_runs() {
    let mut emit =
        emit(["--", "sh", "-c", "echo ready; read answer; echo got $answer"]).stdin_open().start();
    let listener = Listener::connect(&emit.endpoint(), "");
    assert_eq!(listener.next().json()["msg"], "ready");
    emit.write("it\n");
    assert_eq!(listener.next().json()["msg"], "got it");
    emit.wait().success();
}

#[test]
fn the_childs_exit_code_is_passed_on() {
    let (records, emit) = shell(&[], "echo failing; exit 7");
    emit.code(7);
    assert_eq!(records.len(), 1);
    let (_, emit) = shell(&[], "kill -KILL $$");
    emit.code(128 + 9);
}

#[test]
fn the_records_carry_the_childs_process_id() {
    let (records, emit) = shell(&[], "echo $$");
    emit.success();
    assert_eq!(records[0]["process"].to_string(), text(&records[0], "msg"));
}

#[test]
fn a_signal_is_passed_on_to_the_child_which_decides_the_exit_code() {
    let script =
        "trap 'echo asked to stop; exit 9' TERM INT; echo ready; while :; do sleep 0.01; done";
    for interrupt in [true, false] {
        let mut emit = emit(["--", "sh", "-c", script]).start();
        let listener = Listener::connect(&emit.endpoint(), "");
        assert_eq!(listener.next().json()["msg"], "ready");
        if interrupt {
            emit.interrupt()
        } else {
            emit.terminate()
        }
        assert_eq!(listener.next().json()["msg"], "asked to stop");
        emit.wait().code(9);
    }
}

#[test]
fn a_command_that_can_not_be_started_is_named_with_the_next_step() {
    // Checked before the wait for subscribers, which would take longer than a test may.
    let emit = ["emit", "-b", crate::harness::ANY_PORT, "--wait", "10h", "--"];
    let directory = tempfile::tempdir().unwrap();
    let script = |mode: u32| {
        let path = directory.path().join(format!("{mode:o}"));
        std::fs::write(&path, "echo x\n").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    for (program, code, next) in [
        (&*script(0o755), 126, "Begin it with a line such as #!/bin/sh"),
        ("no-such-program", 127, "Check the spelling"),
        ("./no-such-program", 127, "Check the path"),
        ("/", 126, "Name the command within it"),
        (&*script(0o644), 126, "Make it executable"),
    ] {
        let finished = zlog(emit).args([program]).run().code(code).stderr_has(program);
        finished.stderr_has(&format!("\n  {next}")).stderr_lacks("listens");
    }
}

#[test]
fn a_command_keeps_its_own_options() {
    let (messages, emit) = published(emit(["--", "printf", "%s\n", "--level", "-q"]));
    emit.success();
    let texts: Vec<_> = messages.iter().map(|message| message.json()["msg"].clone()).collect();
    assert_eq!(texts, ["--level", "-q"]);
}

#[test]
fn tee_copies_stdout_to_stdout_and_stderr_to_stderr() {
    let (_, emit) = shell(&["--tee"], "printf 'out\\0no newline'; printf 'err\\377' >&2");
    let emit = emit.success().stdout("out\0no newline");
    assert!(emit.stderr.windows(4).any(|bytes| bytes == b"err\xff"), "{}", emit.err());
}

#[test]
fn a_process_that_the_child_leaves_behind_does_not_delay_the_end() {
    // The grandchild holds the pipes open for as long as a test may take.
    let (records, emit) = shell(&[], "echo begun; sleep 60 & exit 3");
    emit.code(3).stderr_has("keeps its output open").stderr_has("redirect its output");
    assert_eq!(text(&records[0], "msg"), "begun");
}

#[test]
fn a_limit_ends_the_command_as_well() {
    let (records, emit) = shell(&["-n", "1"], "echo $$; exec sleep 100");
    emit.success();
    let process = text(&records[0], "msg").parse().unwrap();
    let process = rustix::process::Pid::from_raw(process).unwrap();
    assert!(rustix::process::test_kill_process(process).is_err(), "the command goes on");
}

#[test]
fn a_last_line_that_a_signal_cut_is_marked_and_counted_and_another_one_is_not() {
    for (script, cut) in [
        ("echo whole; printf begun; kill -INT $$", true),
        ("echo whole; printf begun; sh -c 'kill -KILL $$'; exit $?", true),
        ("echo whole; printf begun; exit 1", false),
    ] {
        let (records, emit) = shell(&[], script);
        assert_eq!(find(&records, "whole")["cut"], Value::Null);
        let mark = &find(&records, "begun")["cut"];
        assert_eq!(*mark == Value::Bool(true), cut, "{script}: {records:#?}");
        assert_eq!(emit.err().contains("1 line cut off by the end"), cut, "{script}");
    }
}
