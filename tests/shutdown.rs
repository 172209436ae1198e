use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{ANY_PORT, DEADLINE, Publisher, Running, emit, zlog};

/// Waits until a file has at least `count` lines. Returns how many it has.
#[track_caller]
fn wait_for_lines(file: &Path, count: usize) -> usize {
    let until = Instant::now() + DEADLINE;
    loop {
        let lines = fs::read(file).unwrap_or_default().iter().filter(|b| **b == b'\n').count();
        if lines >= count {
            return lines;
        }
        assert!(Instant::now() < until, "{lines} of {count} lines");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The lines of a file, as numbers.
#[track_caller]
fn numbers(file: &Path) -> Vec<usize> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

/// The file must contain the first `count` numbers from 0 on, in order.
#[track_caller]
fn check_numbers(file: &Path, count: usize, said: &str) {
    let numbers = numbers(file);
    let wrong = numbers.iter().enumerate().find(|(at, number)| at != *number);
    assert!(wrong.is_none() && numbers.len() == count, "{} {wrong:?}: {said}", numbers.len());
}

/// Restarts a collector under load three times at the same endpoint, while an emitter keeps
/// sending. Every record must arrive once and in order.
#[track_caller]
fn restart_under_load(collector: &dyn Fn(&str, &str) -> Running) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("all.log");
    let handler = format!("{},format=%(message)s", file.display());
    let endpoint = format!("ipc://{}", directory.path().join("collect").display());
    let mut running = collector(&endpoint, &handler);
    // Long lines, so that few of them are in flight when the collector ends.
    let mut args = vec!["emit", "-c", &endpoint, "--no-detect", "--rate", "20000/s"];
    args.extend([
        "--wait", "60s", "--linger", "60s", "--", "seq", "-f", "%0200.0f", "0", "9999999",
    ]);
    let mut emit = zlog(args).start();
    for _ in 0..3 {
        running.endpoint();
        let before = wait_for_lines(&file, 0);
        wait_for_lines(&file, before + 100);
        running.terminate();
        running.wait().code(143).stderr_lacks("is unknown");
        running = collector(&endpoint, &handler);
    }
    running.endpoint();
    emit.terminate();
    let said = emit.wait().code(143).err();
    running.terminate();
    let ended = running.wait().code(143).err();
    let summary = said.lines().find_map(|line| line.split_once(" records, ")).unwrap();
    let sent: usize = summary.0.rsplit(' ').next().unwrap().replace(',', "").parse().unwrap();
    assert!(!said.contains("had no subscriber"), "{said}");
    // The command ended in the middle of its last line.
    let numbers = numbers(&file);
    let wrong = numbers.iter().take(sent - 1).enumerate().find(|(at, number)| at != *number);
    assert!(wrong.is_none() && numbers.len() == sent, "{} {wrong:?}: {said}{ended}", numbers.len());
}

#[test]
fn a_relay_restarted_under_load_loses_nothing() {
    restart_under_load(&|endpoint, handler| {
        let args = ["relay", "-b", endpoint, "--no-ask", "--on-full", "block", "--linger", "60s"];
        zlog(args).args(["-p", "tcp://127.0.0.1:*", "--file", handler]).start()
    });
}

#[test]
fn a_tail_restarted_under_load_loses_nothing() {
    restart_under_load(&|endpoint, handler| {
        zlog(["tail", "-b", endpoint, "--linger", "60s", "--file", handler]).start()
    });
}

/// Sends numbered records without a pause until the subscriber has unsubscribed. Gives how
/// many were sent before that was seen.
#[track_caller]
fn send_until_unsubscribed(publisher: Publisher) -> usize {
    let until = Instant::now() + DEADLINE;
    let mut sent = 0;
    loop {
        assert!(Instant::now() < until, "the subscription does not end");
        let pause = Duration::from_millis(u64::from(sent % 20 == 0));
        if publisher.next_change(pause) == Some((false, String::new())) {
            return sent;
        }
        publisher.send(["app.INFO".to_owned(), sent.to_string()]);
        sent += 1;
    }
}

#[test]
fn records_sent_before_a_tail_unsubscribes_are_in_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("all.log");
    let handler = format!("{},format=%(message)s", file.display());
    for signal in [Signal::INT, Signal::TERM] {
        let _ = fs::remove_file(&file);
        let publisher = Publisher::bind();
        let args = ["tail", &publisher.endpoint, "--linger", "60s", "--file", &handler];
        let mut tail = zlog(args).start();
        publisher.wait_for_subscription();
        let sending = std::thread::spawn(|| send_until_unsubscribed(publisher));
        wait_for_lines(&file, 500);
        tail.signal(signal);
        let sent = sending.join().unwrap();
        let code = 128 + signal.as_raw();
        tail.wait().code(code).stderr_lacks("too late");
        let written = numbers(&file).len();
        check_numbers(&file, written, "");
        // libzmq may have dropped the last record: the subscription had ended by then.
        assert!(written + 1 >= sent, "{written} of {sent}");
    }
}

#[test]
fn records_too_late_for_the_handlers_of_a_tail_are_counted_as_lost() {
    const RECORDS: usize = 20_000;
    for (option, code) in [("-v", 143), ("--fail-on-loss", 3)] {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("all.log");
        let handler = format!("{},sync,format=%(message)s", file.display());
        let publisher = Publisher::bind();
        let args = ["tail", &publisher.endpoint, "--linger", "0s", "--file", &handler];
        let mut tail = zlog(args).args([option]).start();
        publisher.wait_for_subscription();
        tail.signal(Signal::STOP);
        for n in 0..RECORDS {
            publisher.send(["app.INFO".to_owned(), n.to_string()]);
        }
        tail.terminate();
        tail.signal(Signal::CONT);
        let said = tail.wait().code(code).err();
        let report = said.lines().find(|line| line.contains("came too late")).unwrap_or_default();
        let late: usize =
            report.split(' ').find_map(|word| word.replace(',', "").parse().ok()).unwrap_or(0);
        let written = fs::read_to_string(&file).unwrap_or_default().lines().count();
        let abandoned = said.lines().find_map(|line| {
            let (before, _) = line.split_once(" not handled in time")?;
            before.rsplit('(').next()?.replace(',', "").parse::<usize>().ok()
        });
        let all = late + written + abandoned.unwrap_or(0);
        assert!(late > 0, "{said}");
        // A slow machine may not count all of them in time, and says so.
        match report.contains("is unknown") {
            true => assert!(all <= RECORDS, "{all}: {said}"),
            false => assert_eq!(all, RECORDS, "{said}"),
        }
    }
}

#[test]
fn emit_reports_a_killed_subscriber_and_how_many_records_may_be_lost() {
    let mut emit = emit(["--test", "--rate", "2000/s", "--fail-on-loss"]).start();
    let mut tail = zlog(["tail", &emit.endpoint(), "-o", "text"]).start();
    tail.expect_stdout("");
    tail.signal(Signal::KILL);
    let report = emit.expect_stderr("broke before it unsubscribed");
    assert!(report.starts_with("zlog emit: the connection to 127.0.0.1:"), "{report}");
    let (_, most) = report.split_once("up to ").expect("how many at most");
    let most: u64 = most.split(' ').next().unwrap().parse().unwrap();
    emit.terminate();
    let said = emit.wait().code(3).err();
    assert!(most > 0 && said.contains("1 connection broke"), "{report}\n{said}");
}

#[test]
fn a_relay_reports_a_killed_subscriber_and_how_many_records_may_be_lost() {
    let args = ["relay", "-b", ANY_PORT, "-p", ANY_PORT, "--no-ask", "--fail-on-loss"];
    let mut relay = zlog(args).start();
    let [collect, publish] = relay.endpoints(2).try_into().unwrap();
    let _emit =
        zlog(["emit", "-c", &collect, "--test", "--rate", "2000/s", "--wait", "60s", "-q"]).start();
    let mut tail = zlog(["tail", &publish, "-o", "text"]).start();
    let mut other = zlog(["tail", &publish, "no.such.topic"]).start();
    tail.expect_stdout("");
    tail.signal(Signal::KILL);
    let report = relay.expect_stderr("broke before it unsubscribed: up to ");
    assert!(report.starts_with("zlog relay: the connection to 127.0.0.1:"), "{report}");
    other.signal(Signal::KILL);
    relay.terminate();
    let said = relay.wait().code(3).err();
    assert!(said.contains("1 connection broke, and records in transit may be lost"), "{said}");
}

#[test]
fn a_subscriber_that_ends_regularly_is_no_broken_connection() {
    let mut emit = emit(["--test", "--rate", "2000/s", "--fail-on-loss"]).start();
    let endpoint = emit.endpoint();
    zlog(["tail", &endpoint, "-n", "5", "-q"]).run().success();
    let mut tail = zlog(["tail", &endpoint, "-o", "text"]).start();
    tail.expect_stdout("");
    tail.interrupt();
    tail.wait().code(130);
    emit.terminate();
    let said = emit.wait().code(143).err();
    assert!(!said.contains("broke"), "{said}");
}

#[test]
fn emit_names_the_subscriber_that_it_waits_for_once() {
    let input = ("x".repeat(1 << 20) + "\n").repeat(60);
    let args = ["--hwm", "5", "--linger", "200ms", "--no-detect"];
    let mut emit = emit(args).stdin(input).start();
    let mut stuck = zlog(["tail", &emit.endpoint(), "--hwm", "5", "-q", "-o", "text"]).start();
    stuck.expect_stdout("xxx");
    stuck.signal(Signal::STOP);
    let report = emit.expect_stderr("does not read its records");
    let process = format!("process {} at 127.0.0.1:", stuck.id());
    assert!(!cfg!(target_os = "linux") || report.contains(&process), "{report}");
    emit.terminate();
    let said = emit.wait().code(143).err();
    assert_eq!(said.matches("does not read its records").count(), 1, "{said}");
    let name = report.split_once("waiting: ").unwrap().1.split_once(" does not").unwrap().0;
    assert!(said.contains(&format!(" s for {name}")), "the summary names it, too: {said}");
    stuck.signal(Signal::CONT);
}

#[test]
fn the_exit_code_of_a_loss_takes_precedence_over_that_of_a_signal_in_a_relay() {
    let directory = tempfile::tempdir().unwrap();
    for (option, code) in [("--fail-on-loss", 3), ("--verbose", 143)] {
        let collect = format!("ipc://{}", directory.path().join("collect").display());
        let ports = ["relay", "-b", &collect, "-p", "tcp://127.0.0.1:*"];
        let mut relay = zlog(ports).args(["--exec", "false", option]).start();
        let mut bound = relay.endpoints(3);
        let (ask, _) = (bound.remove(2), bound.remove(1));
        zlog(["emit", "-c", &collect, "--test", "50", "--wait", "60s", "-q"]).run().success();
        // Lost records do not count as handled.
        let until = Instant::now() + DEADLINE;
        loop {
            let asked = zlog(["relay", "--status", "--ask", &ask, "-o", "json"]).run().success();
            let status: Value = serde_json::from_slice(&asked.stdout).unwrap();
            let handler = &status["handlers"][0];
            let count = |name: &str| handler[name].as_u64().unwrap();
            assert_eq!(count("handled"), 0, "{status}");
            if count("lost") == 50 {
                break;
            }
            assert!(Instant::now() < until, "{status}");
        }
        relay.terminate();
        relay.wait().code(code).stderr_has("50 of 50 records were lost");
    }
}
