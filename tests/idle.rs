//! Commands that have nothing to do do not wake up.
//!
//! Counted are the voluntary context switches of all threads: each is a wait that has ended.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::harness::{ANY_PORT, DEADLINE, Running, emit, zlog};

/// How many waits of the process have ended.
fn waits(process: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let count = |task: std::io::Result<fs::DirEntry>| {
        // A thread may have ended meanwhile.
        let status = fs::read_to_string(task.ok()?.path().join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        line.trim().parse::<u64>().ok()
    };
    tasks.filter_map(count).sum()
}

/// Waits until no thread of the process has woken up for a second.
#[track_caller]
fn becomes_idle(running: &Running) {
    let process = running.id();
    let until = Instant::now() + DEADLINE;
    let mut woken = Vec::new();
    while Instant::now() < until {
        let before = waits(process);
        sleep(Duration::from_secs(1));
        match waits(process) - before {
            0 => return,
            n => woken.push(n),
        }
    }
    panic!("woken up in each of the last seconds: {woken:?}");
}

#[test]
fn an_idle_tail_does_not_wake_up_and_then_prints_at_once_and_ends_at_a_signal() {
    let mut emit = emit(["-r", "app"]).stdin_open().start();
    let mut tail = zlog(["tail", "-o", "text", &emit.endpoint()]).start();
    for line in ["first", "second"] {
        emit.write(format!("{line}\n"));
        tail.expect_stdout(line);
        becomes_idle(&tail);
    }
    tail.terminate();
    tail.expect_end();
    emit.close_stdin();
    emit.wait().success();
}

#[test]
fn a_tail_that_counts_wakes_up_only_when_an_interval_ends() {
    let mut emit = emit(["-r", "app"]).stdin_open().start();
    for every in [&[][..], &["--every", "1d"]] {
        let mut tail = zlog(["tail", "--count-by", "level", &emit.endpoint()]).args(every).start();
        becomes_idle(&tail);
        tail.terminate();
        tail.expect_end();
    }
    emit.close_stdin();
    emit.wait().success();
}

#[test]
fn an_idle_tail_ends_when_the_reader_of_its_output_does() {
    let mut emit = emit(["-r", "app"]).stdin_open().start();
    let (reader, writer) = std::io::pipe().unwrap();
    let tail = zlog(["tail", "-o", "text", &emit.endpoint()]).stdout(writer).start();
    becomes_idle(&tail);
    drop(reader);
    tail.wait().success();
    emit.close_stdin();
    emit.wait().success();
}

#[test]
fn an_idle_emit_does_not_wake_up_and_then_publishes_at_once_also_to_a_new_subscriber() {
    let mut emit = emit(["-r", "app"]).stdin_open().start();
    let endpoint = emit.endpoint();
    let mut tail = zlog(["tail", "-o", "text", &endpoint]).start();
    emit.write("first\n");
    tail.expect_stdout("first");
    becomes_idle(&emit);
    std::thread::scope(|scope| {
        let new = scope.spawn(|| zlog(["tail", "-o", "text", "-n", "1", &endpoint]).run());
        while !new.is_finished() {
            emit.write("again\n");
            sleep(Duration::from_millis(5));
        }
        new.join().unwrap().success().stdout("again\n");
    });
    becomes_idle(&emit);
    emit.terminate();
    emit.expect_end();
}

#[test]
fn an_idle_relay_does_not_wake_up_and_then_forwards_answers_and_ends_at_once() {
    let ports = ["relay", "--bind", ANY_PORT, "--publish-bind", ANY_PORT];
    let mut relay = zlog(ports).start();
    let bound = relay.endpoints(3);
    let mut tail = zlog(["tail", "-o", "text", &bound[1]]).start();
    let mut emit = zlog(["emit", "--wait", "60s", "--connect", &bound[0]]).stdin_open().start();
    for line in ["first", "second"] {
        emit.write(format!("{line}\n"));
        tail.expect_stdout(line);
        becomes_idle(&relay);
    }
    zlog(["relay", "--status", "--ask", &bound[2]]).run().success();
    becomes_idle(&relay);
    emit.close_stdin();
    emit.wait().success();
    relay.terminate();
    relay.expect_end();
}
