//! Processes that are killed at any moment, under load.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{Relay, emit, emit_within, expected, numbers};
use crate::harness::{DEADLINE, own_port};

/// Multiplies the kills: tests/soak/confirm.sh sets it.
pub(super) fn factor() -> usize {
    std::env::var("ZLOG_FAULT_FACTOR").map_or(1, |factor| factor.parse().expect("a number"))
}

/// How many records a relay says may have been handed over before.
pub(super) fn handed_again(said: &str) -> usize {
    let after = said.split("handing over ").nth(1);
    let number = after.and_then(|text| text.split(' ').next()).map(|it| it.replace(',', ""));
    number.map_or(0, |number| number.parse().expect(said))
}

#[test]
fn a_relay_that_is_killed_loses_nothing_and_what_arrives_twice_is_told() {
    const LINES: usize = 4000;
    let mut relay = Relay::start(&[]);
    let spool = relay.directory.path().join("emit");
    let mut emit = emit(&relay.confirm, &spool).args(["--confirm"]).stdin_open().start();
    let kills = 5 * factor();
    // How many records may have been handed over before, by what each relay said.
    let mut told = 0;
    for kill in 0..kills {
        emit.write(numbers(kill * LINES..(kill + 1) * LINES));
        let pause = Duration::from_micros(fastrand::u64(0..60_000));
        std::thread::sleep(pause);
        relay.kill_and_restart(&[]);
        told += handed_again(&String::from_utf8_lossy(&relay.running.stderr.bytes()));
    }
    emit.close_stdin();
    emit.wait().success();
    let all = kills * LINES;
    let last = (all - 1).to_string();
    let lines = relay.wait_for_line(|line| line == last);
    // A record that comes again follows those that were handed over before the kill.
    let mut next = 0;
    let mut again = 0;
    for line in &lines {
        let number: usize = line.parse().expect(line);
        assert!(number <= next, "{number} after {next}");
        again += usize::from(number < next);
        next = next.max(number + 1);
    }
    assert_eq!(next, all);
    assert!(again <= told, "{again} of {told} that may have come twice");
    relay.end();
}

#[test]
fn an_emit_that_is_killed_loses_nothing_that_is_in_its_spool_and_repeats_nothing() {
    let mut relay = Relay::start(&[]);
    let spool = relay.directory.path().join("emit");
    let kills = 8 * factor();
    for kill in 0..kills {
        let root = format!("w{kill} ");
        let lines: String = (0..20_000).map(|at| format!("{root}{at}\n")).collect();
        let mut emit = emit(&relay.confirm, &spool).stdin(lines).start();
        relay.wait_for_line(|line| line.starts_with(&root));
        std::thread::sleep(Duration::from_micros(fastrand::u64(0..100_000)));
        emit.signal(Signal::KILL);
        emit.expect_end();
    }
    emit(&relay.confirm, &spool).args(["--confirm", "-m", "last 0"]).run().success();
    let lines = relay.wait_for_line(|line| line == "last 0");
    let mut writers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for line in &lines {
        let (name, at) = line.split_once(' ').expect(line);
        writers.entry(name).or_default().push(at.to_owned());
    }
    assert_eq!(writers.len(), kills + 1);
    for (name, found) in writers {
        // Each is a whole beginning of its input: without a hole, and nothing twice.
        assert_eq!(found, expected(0..found.len()), "{name}");
    }
    let said = relay.end();
    assert!(!said.contains("damaged"), "{said}");
}

/// Two files grow while the emitter that follows them is killed again and again.
#[test]
fn an_emit_that_follows_files_and_is_killed_skips_nothing_and_repeats_nothing() {
    let mut relay = Relay::start(&[]);
    let at = |name: &str| relay.directory.path().join(name);
    let (logs, position, spool) = ([at("a.log"), at("b.log")], at("position"), at("emit"));
    let follow = |confirm: &str| {
        let [a, b] = logs.each_ref().map(|log| log.to_str().expect("a path"));
        emit(confirm, &spool).args(["-q", "--file", a, b, "--position"]).args([&position])
    };
    let mut files = logs.each_ref().map(|log| File::create(log).expect("a file"));
    let kills = 8 * factor();
    let mut written = 0;
    for _ in 0..kills {
        let mut running = follow(&relay.confirm).args(["--follow"]).start();
        let before = relay.lines().len();
        for _ in 0..fastrand::usize(1..30) {
            let lines = fastrand::usize(1..400);
            for (file, name) in files.iter_mut().zip(["a", "b"]) {
                let text: String =
                    (written..written + lines).map(|at| format!("{name} {at}\n")).collect();
                file.write_all(text.as_bytes()).expect("written");
            }
            written += lines;
            std::thread::sleep(Duration::from_micros(fastrand::u64(0..5_000)));
        }
        relay.wait_for_lines(before + 1);
        running.signal(Signal::KILL);
        running.expect_end();
    }
    follow(&relay.confirm).args(["--confirm"]).run().success();
    relay.wait_for_lines(2 * written);
    // Until the relay has ended, more could come.
    relay.running.terminate();
    relay.running.expect_end();
    let lines = relay.lines();
    for name in ["a ", "b "] {
        let found: Vec<String> =
            lines.iter().filter_map(|line| line.strip_prefix(name)).map(str::to_owned).collect();
        assert_eq!(found, expected(0..written), "{name}");
    }
    let said = String::from_utf8_lossy(&relay.running.stderr.bytes()).into_owned();
    assert!(!said.contains("damaged"), "{said}");
}

/// It can't be read again, so nothing may be removed from the spool for that.
#[test]
fn what_came_from_a_pipe_stays_in_the_spool_whatever_the_position_says() {
    let mut relay = Relay::start(&[]);
    let [spool, position] = ["emit", "position"].map(|name| relay.directory.path().join(name));
    let emit = emit(&relay.confirm, &spool).args(["-q", "--file", "-", "--position"]);
    let mut running = emit.args([&position]).stdin_open().start();
    running.write("one\ntwo\n");
    relay.wait_for_lines(2);
    running.close_stdin();
    running.wait().success();
    assert_eq!(relay.lines(), ["one", "two"]);
    let saved = std::fs::read_to_string(position).unwrap();
    assert!(saved.contains("files") && !saved.contains("spool"), "{saved}");
    relay.end();
}

/// Whether it is a pipe shows only when it is there.
#[test]
fn a_path_that_becomes_a_pipe_is_treated_as_one() {
    let mut relay = Relay::start(&[]);
    let [spool, position, pipe] =
        ["emit", "position", "pipe"].map(|name| relay.directory.path().join(name));
    let emit = emit(&relay.confirm, &spool).args(["-q", "--follow", "--position"]);
    let mut running = emit.args([&position]).args(["--file"]).args([&pipe]).start();
    let saved = || std::fs::read_to_string(&position).unwrap_or_default();
    let until = Instant::now() + DEADLINE;
    while !saved().contains("spool") {
        assert!(Instant::now() < until, "no position is saved");
        std::thread::sleep(super::STEP);
    }
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::fs::write(&pipe, "one\ntwo\n").unwrap();
    assert_eq!(relay.wait_for_lines(2), ["one", "two"]);
    let last = saved().lines().last().unwrap_or_default().to_owned();
    assert!(last.contains("files") && !last.contains("spool"), "{last}");
    running.terminate();
    running.expect_end();
    relay.end();
}

/// Records that were read and not noted stay in the spool, if `next` makes that the next run does not read
/// them again: it gets the file that was read, and returns the one to read now.
#[track_caller]
fn stays_in_the_spool(next: impl Fn(&Path) -> PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let [log, position, spool] = ["a.log", "position", "emit"].map(|it| directory.path().join(it));
    std::fs::write(&log, numbers(0..100)).unwrap();
    let nobody = format!("tcp://127.0.0.1:{}", own_port());
    let read = |file: &Path| {
        let emit = emit_within("0s", &nobody, &spool).args(["-q", "--position"]).args([&position]);
        emit.args(["--file"]).args([file]).run().success();
    };
    read(&log);
    // As if it had been killed before it noted the last ten records.
    let text = std::fs::read_to_string(&position).unwrap();
    let line = text.lines().last().unwrap().replace("\"number\":100", "\"number\":90");
    assert!(line.contains("\"number\":90"), "{line}");
    std::fs::write(&position, format!("{line}\n")).unwrap();
    read(&next(&log));
    let mut relay = Relay::start(&[]);
    emit(&relay.confirm, &spool).args(["--confirm", "-m", "end"]).run().success();
    let mut expected = expected(0..100);
    expected.extend(["new".to_owned(), "end".to_owned()]);
    assert_eq!(relay.wait_for_lines(102), expected);
    relay.end();
}

#[test]
fn records_whose_file_was_truncated_after_a_kill_stay_in_the_spool() {
    stays_in_the_spool(|log| {
        std::fs::write(log, "new\n").unwrap();
        log.to_owned()
    });
}

#[test]
fn records_of_a_file_that_the_next_run_does_not_read_stay_in_the_spool() {
    stays_in_the_spool(|log| {
        let other = log.with_file_name("b.log");
        std::fs::write(&other, "new\n").unwrap();
        other
    });
}

/// All lines are in one block, which has more records than the spool has room for.
#[test]
fn a_file_that_is_renamed_after_an_emit_was_killed_while_its_spool_was_full_is_read_once() {
    for from_end in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let [log, position, spool] =
            ["a.log", "position", "emit"].map(|it| directory.path().join(it));
        let read = |confirm: &str| {
            let emit = emit(confirm, &spool).args(["--spool-bytes", "1M", "--position"]);
            emit.args([&position]).args(["--file"]).args([&log])
        };
        std::fs::write(&log, "").unwrap();
        let from: &[&str] = if from_end { &["--follow", "--from-end"] } else { &["--follow"] };
        let nobody = format!("tcp://127.0.0.1:{}", own_port());
        let mut emitter = read(&nobody).args(from).start();
        let until = Instant::now() + DEADLINE;
        while !std::fs::read_to_string(&position).is_ok_and(|text| text.contains("a.log")) {
            assert!(Instant::now() < until, "no position is saved");
            std::thread::sleep(super::STEP);
        }
        std::fs::write(&log, numbers(0..20_000)).unwrap();
        emitter.expect_stderr("no room in the spool");
        emitter.signal(Signal::KILL);
        emitter.expect_end();
        std::fs::rename(&log, log.with_extension("log.1")).unwrap();
        std::fs::write(&log, "20000\n").unwrap();
        let mut relay = Relay::start(&[]);
        read(&relay.confirm).args(["--confirm", "-q"]).run().success();
        assert_eq!(relay.wait_for_lines(20_001), expected(0..20_001), "{from_end}");
        relay.end();
    }
}
