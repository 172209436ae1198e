//! Summaries, signals, exit codes.

use crate::harness::{ANY_PORT, Listener, emit, published, zlog};

#[test]
fn the_summary_is_one_line() {
    let (_, emit) = published(emit(["-r", "a"]).stdin("one\ntwo\nthree\n"));
    let finished = emit.success();
    let summary: Vec<_> =
        finished.err().lines().filter(|l| l.contains("3 records")).map(str::to_owned).collect();
    assert_eq!(summary.len(), 1, "{}", finished.err());
    assert!(summary[0].contains("dropped"), "{}", summary[0]);
}

#[test]
fn a_signal_flushes_what_came_before_and_prints_the_summary() {
    for (interrupt, code) in [(true, 130), (false, 143)] {
        let mut emit = emit(["-r", "a"]).stdin_open().start();
        let listener = Listener::connect(&emit.endpoint(), "");
        emit.write("one\ntwo\n");
        listener.next();
        if interrupt {
            emit.interrupt()
        } else {
            emit.terminate()
        }
        let rest = listener.everything();
        assert_eq!(rest.len(), 1, "{rest:?}");
        emit.wait().code(code).stderr_has("2 records");
    }
}

#[test]
fn after_a_signal_in_the_middle_of_a_file_only_whole_lines_are_published() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("numbers");
    let lines: Vec<String> = (0..400_000).map(|n| format!("line number {n}")).collect();
    std::fs::write(&file, lines.join("\n") + "\n").unwrap();
    for interrupt in [true, false] {
        let args = ["--file", file.to_str().unwrap(), "--no-detect", "--linger", "60s"];
        let mut emit = emit(args).start();
        let listener = Listener::connect(&emit.endpoint(), "");
        let first = listener.next();
        if interrupt {
            emit.interrupt()
        } else {
            emit.terminate()
        }
        let mut messages = vec![first];
        messages.extend(listener.everything());
        let stderr = emit.wait().code(if interrupt { 130 } else { 143 }).err();
        assert!(messages.len() < lines.len(), "the signal came too late");
        for (message, line) in messages.iter().zip(&lines) {
            assert_eq!(message.json()["msg"], **line, "{stderr}");
        }
        assert!(!stderr.contains("cut off"), "{stderr}");
    }
}

#[test]
fn a_line_without_end_at_a_signal_is_marked_and_counted() {
    let mut emit = emit(["-r", "a"]).stdin_open().start();
    let listener = Listener::connect(&emit.endpoint(), "");
    emit.write("whole\nbegun");
    assert_eq!(listener.next().json()["cut"], serde_json::Value::Null);
    emit.interrupt();
    let rest = listener.everything();
    let stderr = emit.wait().code(130).err();
    assert_eq!(rest.len(), 1, "{rest:?}");
    let cut = rest[0].json();
    assert_eq!((&cut["msg"], &cut["cut"]), (&"begun".into(), &true.into()), "{stderr}");
    assert!(stderr.contains("1 line cut off by the end"), "{stderr}");
}

#[test]
fn with_fail_on_loss_a_loss_decides_the_exit_code_over_a_signal_and_a_commands_success() {
    let stuck = |endpoint: &str| {
        let mut tail = zlog(["tail", endpoint, "--hwm", "1", "-q", "-o", "text"]).start();
        tail.expect_stdout("");
        tail.signal(rustix::process::Signal::STOP);
        tail
    };
    let drop = ["--on-full", "drop", "--hwm", "1", "--linger", "100ms", "--fail-on-loss"];
    let mut lines = emit(drop).stdin_open().start();
    lines.write("first\n");
    let mut tail = stuck(&lines.endpoint());
    // Far more than the queues and the system's buffers hold: when it has been read, some of
    // it is lost.
    let long = "x".repeat(999);
    lines.write((long.clone() + "\n").repeat(20_000));
    lines.interrupt();
    lines.wait().code(3);
    tail.signal(rustix::process::Signal::CONT);
    let script = "while [ ! -e \"$0\" ]; do echo x; sleep .05; done; yes \"$1\" | head -n 20000";
    let folder = tempfile::tempdir().unwrap();
    let go = folder.path().join("go");
    let command = emit(drop).args(["--", "sh", "-c", script]).args([&go]);
    let mut command = command.args([&long]).start();
    let mut tail = stuck(&command.endpoint());
    std::fs::write(&go, "").unwrap();
    command.wait().code(3);
    tail.signal(rustix::process::Signal::CONT);
}

#[test]
fn with_fail_on_loss_records_without_a_subscriber_are_lost_and_without_it_they_are_not() {
    for place in [["--bind", ANY_PORT], ["--connect", "tcp://127.0.0.1:1"]] {
        let emit = |option: &[&str]| {
            let emit = zlog(["emit", "-q", "--wait", "0s", "--linger", "100ms"]).args(place);
            emit.args(option).stdin("one\ntwo\n").run()
        };
        assert_eq!(emit(&[]).success().err(), "", "{place:?}");
        let said = emit(&["--fail-on-loss"]).code(3).err();
        assert_eq!(said, "zlog emit: 2 records lost: there was no subscriber yet\n", "{place:?}");
    }
    // A job that fails keeps its own code.
    let job =
        ["-b", ANY_PORT, "--wait", "0s", "--fail-on-loss", "--", "sh", "-c", "echo x; exit 7"];
    zlog(["emit"]).args(job).run().code(7).stderr_has("1 record lost: there was no subscriber yet");
}

#[test]
fn what_no_subscriber_wants_is_no_loss_with_fail_on_loss() {
    let mut emit = emit(["-r", "app", "--fail-on-loss"]).stdin("INFO: one\nERROR: two\n").start();
    let messages = Listener::connect(&emit.endpoint(), "app.ERROR").everything();
    assert_eq!(messages.len(), 1, "{messages:?}");
    emit.wait().success().stderr_has("1 had no subscriber").stderr_lacks("lost");
}

#[test]
fn a_signal_ends_the_wait_for_subscribers() {
    let mut emit = emit(["-m", "x"]).start();
    emit.endpoint();
    emit.interrupt();
    emit.wait().code(130);
}

#[test]
fn wrong_usage_names_the_option_and_exits_with_2() {
    zlog(["emit", "--level", "loud", "-m", "x"]).run().code(2).stderr_has("--level");
    zlog(["emit", "--rate", "fast", "-m", "x"]).run().code(2).stderr_has("20/s");
    zlog(["emit", "--follow", "-b", ANY_PORT]).run().code(2).stderr_has("--file");
}
