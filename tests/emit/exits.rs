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
fn quiet_leaves_out_the_summary_but_not_the_endpoint() {
    let (_, emit) = published(emit(["-q"]).stdin("one\n"));
    emit.success().stderr_lacks("records").stderr_has("bound");
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
    lines.write(("x".repeat(999) + "\n").repeat(20_000));
    lines.interrupt();
    lines.wait().code(3);
    tail.signal(rustix::process::Signal::CONT);
    let script = "while [ ! -e \"$0\" ]; do echo x; done; yes | head -n 100000";
    let folder = tempfile::tempdir().unwrap();
    let go = folder.path().join("go");
    let mut command = emit(drop).args(["--", "sh", "-c", script]).args([&go]).start();
    let mut tail = stuck(&command.endpoint());
    std::fs::write(&go, "").unwrap();
    command.wait().code(3);
    tail.signal(rustix::process::Signal::CONT);
}

#[test]
fn a_signal_ends_the_wait_for_subscribers() {
    let mut emit = emit(["-m", "x"]).start();
    emit.endpoint();
    emit.interrupt();
    emit.wait().code(130);
}

#[test]
fn a_signal_before_a_command_is_started_ends_the_wait_without_starting_it() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("ran");
    for (interrupt, code) in [(true, 130), (false, 143)] {
        let mut emit = emit(["--", "touch", trace.to_str().unwrap()]).start();
        emit.endpoint();
        if interrupt {
            emit.interrupt()
        } else {
            emit.terminate()
        }
        emit.wait().code(code);
        assert!(!trace.exists(), "the command was not started");
    }
}

#[test]
fn wrong_usage_names_the_option_and_exits_with_2() {
    zlog(["emit", "--level", "loud", "-m", "x"]).run().code(2).stderr_has("--level");
    zlog(["emit", "--rate", "fast", "-m", "x"]).run().code(2).stderr_has("20/s");
    zlog(["emit", "--follow", "-b", ANY_PORT]).run().code(2).stderr_has("--file");
}

#[test]
fn when_the_tee_is_closed_what_was_published_still_arrives() {
    let input: String = (0..200_000).map(|number| format!("line {number}\n")).collect();
    // The reader of the copy reads a part of it and exits.
    let script = format!(
        "'{}' emit -b '{ANY_PORT}' --wait 60s --tee | head -n 1000 >&2; exit ${{PIPESTATUS[0]}}",
        env!("CARGO_BIN_EXE_zlog")
    );
    let mut command = std::process::Command::new("bash");
    command.args(["-c", &script]);
    let input = crate::harness::Input::Bytes(input.into_bytes());
    let mut emit = crate::harness::Running::start(command, input);
    let messages = Listener::connect(&emit.endpoint(), "").everything();
    assert!(messages.len() < 200_000, "emit ends when its tee is closed");
    let records = zlog_core::text::plural::counted(messages.len(), "record");
    emit.wait().success().stderr_has(&records);
}

#[test]
fn what_was_published_before_the_tee_failed_is_flushed_and_counted_in_the_summary() {
    let script = format!(
        "'{}' emit -b '{ANY_PORT}' --wait 60s --tee > /dev/full",
        env!("CARGO_BIN_EXE_zlog")
    );
    let mut command = std::process::Command::new("bash");
    command.args(["-c", &script]);
    let input = crate::harness::Input::Bytes(b"one\ntwo\n".to_vec());
    let mut emit = crate::harness::Running::start(command, input);
    let listener = Listener::connect(&emit.endpoint(), "");
    listener.everything();
    emit.wait().code(1).stderr_has("no space left").stderr_has("dropped");
}

#[test]
fn a_closed_tee_is_a_quiet_success() {
    let input = "x".repeat(100) + "\n";
    let script = format!(
        "'{}' emit -q -b '{ANY_PORT}' --wait 0s --tee | head -n 1 >&2; exit ${{PIPESTATUS[0]}}",
        env!("CARGO_BIN_EXE_zlog")
    );
    let mut command = std::process::Command::new("bash");
    command.args(["-c", &script]);
    let input = crate::harness::Input::Bytes(input.repeat(20_000).into_bytes());
    let finished = crate::harness::Running::start(command, input).wait();
    finished.success().stderr_lacks("roken pipe").stderr_lacks("panicked");
}
