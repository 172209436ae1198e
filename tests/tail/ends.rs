//! The end: signals, closed pipes, full disks, exit codes.

use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::blocked_reader::{pipe, wait_until_full};
use super::{shell, tail};
use crate::harness::{ANY_PORT, DEADLINE, Publisher, emit, shell_code, zlog};

#[test]
fn signals_end_a_tail_with_their_exit_codes_after_it_has_shown_what_it_received() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let (publisher, mut tail) = tail(&["-o", "text"]);
        publisher.send(["app.INFO", "hello"]);
        tail.expect_stdout("hello");
        tail.signal(signal);
        tail.wait().code(code).stdout("hello\n");
    }
}

#[test]
fn signals_end_a_tail_without_a_connection() {
    let mut tail = crate::harness::zlog(["tail", "-v", "tcp://127.0.0.1:1"]).start();
    tail.expect_stderr("reconnecting in");
    tail.interrupt();
    tail.wait().code(130);
}

#[test]
fn a_signal_ends_a_tail_of_a_stream_that_never_pauses() {
    let mut emit = emit(["--test"]).start();
    let mut tail = crate::harness::zlog(["tail", "-o", "text", &emit.endpoint()]).start();
    tail.expect_stdout("");
    tail.terminate();
    tail.wait().code(143);
}

/// Sends `signal` until `child` has ended.
fn signal_until_it_ends(child: &mut std::process::Child, signal: Signal) -> ExitStatus {
    let until = Instant::now() + DEADLINE;
    let (_open, never) = std::sync::mpsc::channel::<()>();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < until, "it does not end");
        rustix::process::kill_process(Pid::from_child(child), signal).unwrap();
        // Two pending signals of one kind are delivered once.
        let _ = never.recv_timeout(Duration::from_millis(50));
    }
}

#[test]
fn repeated_signals_end_a_tail_that_nobody_reads() {
    let directory = tempfile::tempdir().unwrap();
    let (_reader, writer) = pipe();
    let lines = directory.path().join("lines");
    std::fs::write(&lines, "more than a pipe holds\n".repeat(10_000)).unwrap();
    let mut tail = Command::new(env!("CARGO_BIN_EXE_zlog"))
        .args(["tail", "-o", "text", "--input"])
        .arg(&lines)
        .stdout(writer.try_clone().unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until_full(&writer);
    let status = signal_until_it_ends(&mut tail, Signal::TERM);
    assert_eq!(shell_code(status), Some(143), "{status}");
}

/// Publishes to a shell's pipeline, in which `zlog tail` reads `$ENDPOINT`, until it ends.
#[track_caller]
fn feed(script: &str) -> crate::harness::Finished {
    let publisher = Publisher::bind();
    let script = script.replace("$ENDPOINT", &publisher.endpoint);
    let pipeline = shell(&script);
    publisher.wait_for_subscription();
    let until = Instant::now() + DEADLINE;
    // The subscription is cancelled when the tail ends.
    while publisher.next_change(Duration::from_millis(5)) != Some((false, String::new())) {
        assert!(Instant::now() < until, "the tail goes on");
        publisher.send(["app.INFO", "hello"]);
    }
    pipeline.wait()
}

#[test]
fn a_closed_pipe_is_a_quiet_success_while_records_arrive() {
    for output in ["pretty", "json", "logfmt", "text", "raw"] {
        let script =
            format!("zlog tail -o {output} '$ENDPOINT' | head -n 1; exit ${{PIPESTATUS[0]}}");
        let finished = feed(&script).success();
        assert_eq!(finished.out().lines().count(), 1);
        assert_eq!(finished.err(), "", "{output}");
    }
}

#[test]
fn a_closed_pipe_is_noticed_when_no_more_records_arrive() {
    let publisher = Publisher::bind();
    let script =
        format!("zlog tail -o text '{}' | head -n 1; exit ${{PIPESTATUS[0]}}", publisher.endpoint);
    let pipeline = shell(&script);
    publisher.wait_for_subscription();
    publisher.send(["app.INFO", "only"]);
    let finished = pipeline.wait().success().stdout("only\n");
    assert_eq!(finished.err(), "");
}

#[test]
fn reports_into_a_closed_pipe_are_no_failure() {
    let script =
        "zlog tail --verbose --stats=10ms '$ENDPOINT' 2>&1 | grep -m 1 INFO; exit ${PIPESTATUS[0]}";
    feed(script).success();
    let script = "zlog tail --stats=1ms -o text -n 3 '$ENDPOINT' 2> /dev/full";
    feed(script).success().stdout("hello\nhello\nhello\n");
}

#[test]
fn a_closed_pipe_ends_a_tail_of_stored_records() {
    let script = "yes | zlog tail -o text --input - | head -n 1; exit ${PIPESTATUS[1]}";
    let finished = shell(script).wait().success().stdout("y\n");
    assert_eq!(finished.err(), "");
}

#[test]
fn a_standard_stream_that_is_closed_is_an_error() {
    let closed = "standard output: bad file descriptor";
    for script in [
        "zlog tail tcp://127.0.0.1:1 >&-",
        "echo hello | zlog tail --input - >&-",
        "zlog tail --help >&-",
        "echo hello | zlog emit -q -b tcp://127.0.0.1:* --wait 0s --tee >&-",
    ] {
        let finished = shell(script).wait().code(1);
        let said = finished
            .err()
            .replace("--tee: the rest is published, but not copied", "standard output");
        assert!(said.contains(closed), "{script}: {said}");
    }
    let script = "zlog emit -b tcp://127.0.0.1:* --wait 0s <&-";
    shell(script).wait().code(1).stderr_has("reading standard input: bad file descriptor");
    // Commands that need neither stream work.
    shell("zlog emit -q -b tcp://127.0.0.1:* --wait 0s -m x <&- >&-").wait().success();
    shell("zlog tail --help > /dev/null").wait().success();
}

#[test]
fn a_full_disk_is_an_error_that_names_itself() {
    for output in ["pretty", "json", "raw"] {
        let script = format!("zlog tail -o {output} '$ENDPOINT' > /dev/full");
        feed(&script).code(1).stderr_has("standard output: no space left on device");
    }
    let stored = shell("echo hello | zlog tail --input - > /dev/full").wait();
    stored.code(1).stderr_has("standard output: no space left on device");
}

/// The numbers that a tail has printed.
fn numbers(stdout: &str) -> Vec<usize> {
    stdout.lines().map(|line| line.parse().expect(line)).collect()
}

#[test]
fn a_bound_tail_that_ends_loses_no_record_of_an_emit_that_connects_or_says_how_many() {
    const RECORDS: usize = 20_000;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("lines");
    let lines: String = (1..=RECORDS).map(|n| format!("{n}\n")).collect();
    std::fs::write(&file, lines).unwrap();
    for ends in [&[][..], &["--timeout", "700ms"], &["-n", "3000"]] {
        let mut first = zlog(["tail", "-b", ANY_PORT, "-o", "text"]).args(ends).start();
        let endpoint = first.endpoint();
        let emit = ["emit", "-c", &endpoint, "--wait", "60s", "--linger", "60s", "--no-detect"];
        let emit = zlog(emit).args(["--rate", "10000", "--file"]).args([&file]).start();
        first.expect_stdout("1000");
        if ends.is_empty() {
            first.terminate();
        }
        let first = first.wait();
        let mut second = zlog(["tail", "-b", &endpoint, "-o", "text"]).start();
        second.expect_stdout(&RECORDS.to_string());
        emit.wait().success();
        second.terminate();
        let second = second.wait();
        let mut all = numbers(&first.out());
        let more = first.err().split_once(" more record").map_or(0, |(before, _)| {
            let number = before.rsplit(' ').next().unwrap_or_default().replace(',', "");
            number.parse().expect("a number")
        });
        assert!(more == 0 || ends.first() == Some(&"-n"), "{}", first.err());
        all.extend(all.len() + 1..=all.len() + more);
        all.extend(numbers(&second.out()));
        assert!(all.iter().copied().eq(1..=RECORDS), "{ends:?}: {} of them", all.len());
    }
}
