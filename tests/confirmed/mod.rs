//! `emit --spool` → `relay --spool`: each record arrives, once and in order.

mod chain;
mod damage;
mod kills;
mod peers;
mod python;

use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::harness::{DEADLINE, Running, Zlog, own_address, own_port, zlog};

/// How long to wait between two looks at a file.
const STEP: Duration = Duration::from_millis(20);

/// A relay with a spool that writes the messages of records to a file, and its endpoints.
struct Relay {
    running: Running,
    collect: String,
    publish: String,
    confirm: String,
    directory: TempDir,
}

impl Relay {
    fn start(more: &[&str]) -> Relay {
        let directory = tempfile::tempdir().unwrap();
        let address = own_address();
        let endpoints = [&address, &address, &address].map(String::as_str);
        let mut running = start_relay(directory.path(), endpoints, more);
        let [collect, publish, confirm] = running.endpoints(3).try_into().unwrap();
        Relay { running, collect, publish, confirm, directory }
    }

    /// Kills it, and starts it again at the same endpoints.
    fn kill_and_restart(&mut self, more: &[&str]) {
        self.running.signal(rustix::process::Signal::KILL);
        self.running.expect_end();
        let endpoints = [&self.collect, &self.publish, &self.confirm].map(String::as_str);
        let running = start_relay(self.directory.path(), endpoints, more);
        self.running = running;
        self.running.endpoints(3);
    }

    /// What its handler has written.
    fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.directory.path().join("out")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until there are this many lines, and returns them.
    #[track_caller]
    fn wait_for_lines(&mut self, count: usize) -> Vec<String> {
        let until = Instant::now() + DEADLINE;
        loop {
            let lines = self.lines();
            if lines.len() >= count {
                return lines;
            }
            if Instant::now() > until {
                self.running.fail(&format!("{} of {count} lines", lines.len()));
            }
            std::thread::sleep(STEP);
        }
    }

    /// Waits until there is such a last line, and returns all lines.
    #[track_caller]
    fn wait_for_line(&mut self, is_it: impl Fn(&str) -> bool) -> Vec<String> {
        let until = Instant::now() + DEADLINE;
        loop {
            let lines = self.lines();
            if lines.last().is_some_and(|line| is_it(line)) {
                return lines;
            }
            if Instant::now() > until {
                self.running.fail(&format!("a line is missing behind {:?}", lines.last()));
            }
            std::thread::sleep(STEP);
        }
    }

    /// Ends it, and returns what it has said.
    fn end(mut self) -> String {
        self.running.terminate();
        self.running.wait().code(143).err()
    }
}

fn start_relay(directory: &Path, endpoints: [&str; 3], more: &[&str]) -> Running {
    let out = directory.join("out");
    let spool = directory.join("spool");
    let handler = format!("{},format=%(message)s", out.display());
    let [collect, publish, confirm] = endpoints;
    let linger: &[&str] = if more.contains(&"--linger") { &[] } else { &["--linger", "60s"] };
    let relay = zlog(["relay", "-b", collect, "-p", publish, "--no-ask"])
        .args(linger)
        .args(["--engine", "native"])
        .args(["--confirm-at", confirm, "--file", &handler, "--spool"])
        .args([spool])
        .args(more);
    relay.start()
}

/// An emitter to this endpoint, with this spool.
fn emit(confirm: &str, spool: &Path) -> Zlog {
    emit_within("60s", confirm, spool)
}

fn emit_within(linger: &str, confirm: &str, spool: &Path) -> Zlog {
    zlog(["emit", "--no-detect", "--linger", linger, "--confirm-at", confirm, "--spool"])
        .args([spool])
}

/// Lines from this number to the other one, this excluded.
fn numbers(range: std::ops::Range<usize>) -> String {
    range.map(|number| format!("{number}\n")).collect()
}

fn expected(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

#[test]
fn what_a_handler_only_holds_is_not_confirmed_as_handled() {
    // Nobody listens there, so that the handler keeps its records in memory.
    let syslog = format!("tcp://127.0.0.1:{}", own_port());
    let relay = Relay::start(&["--confirm-when", "handled", "--syslog", &syslog]);
    let spool = relay.directory.path().join("emit");
    let emit = emit_within("2s", &relay.confirm, &spool).args(["--confirm"]);
    emit.stdin(numbers(0..10)).run().code(3).stderr_has("0 confirmed").stderr_has("10 left");
    drop(relay);
}

#[test]
fn when_emit_has_ended_well_the_handlers_have_every_record() {
    let relay = Relay::start(&["--confirm-when", "handled"]);
    let spool = relay.directory.path().join("emit");
    let emit = emit(&relay.confirm, &spool).args(["--confirm", "--fail-on-loss"]);
    let said = emit.stdin(numbers(0..5000)).run().success().err();
    assert_eq!(relay.lines(), expected(0..5000));
    assert!(said.contains("5,000 records, ") && said.contains("5,000 confirmed"), "{said}");
    let said = relay.end();
    assert!(said.contains("stored 5,000 records with confirmation"), "{said}");
}

#[test]
fn what_is_not_confirmed_waits_for_the_next_emit_with_the_same_spool() {
    let directory = tempfile::tempdir().unwrap();
    let spool = directory.path().join("spool");
    let nobody = "tcp://127.0.0.1:1";
    let first = |more: &[&str]| emit_within("100ms", nobody, &spool).args(more);
    let said = first(&["--confirm"]).stdin(numbers(0..10)).run().code(3).err();
    let left = format!("10 left in the spool: the next `zlog emit --spool {}`", spool.display());
    assert!(said.contains(&left), "{said}");
    assert!(said.contains("(nothing confirms at tcp://127.0.0.1:1; start there: "), "{said}");
    assert!(said.ends_with("; waited until --linger (100ms) was over\n"), "{said}");
    let quiet = first(&["--confirm", "--quiet"]).stdin("").run().code(3).err();
    assert!(quiet.starts_with(&format!("zlog emit: {left} sends them")), "{quiet}");
    // They are not lost.
    let kept = first(&["--fail-on-loss"]).stdin(numbers(10..15)).run().success();
    kept.stderr_has("15 left in the spool").stderr_lacks("lost");
    let mut relay = Relay::start(&[]);
    let said = emit(&relay.confirm, &spool).args(["--confirm"]).run().success().err();
    assert!(said.contains("sending 15 earlier records in the spool first"), "{said}");
    assert_eq!(relay.wait_for_lines(15), expected(0..15));
    relay.end();
}

#[test]
fn while_nobody_confirms_emit_says_where_records_wait_and_what_to_start() {
    let directory = tempfile::tempdir().unwrap();
    let mut emit = emit("tcp://127.0.0.1:1", directory.path()).stdin_open().start();
    emit.write("one\n");
    emit.expect_stderr("1 record waiting in the spool");
    emit.expect_stderr("start there: zlog relay --spool DIR");
    emit.terminate();
}

/// Whoever answers instead of a relay with a spool is named with the next step: in time with a long
/// linger, and at the end with a short one.
#[test]
fn what_does_not_confirm_is_named_with_the_next_step() {
    let mut plain = zlog(["relay", "-b", &own_address(), "-p", &own_address(), "--no-ask"]).start();
    let [collect, publish] = plain.endpoints(2).try_into().unwrap();
    let below = |endpoint: &str| {
        let (address, port) = endpoint.rsplit_once(':').unwrap();
        format!("{address}:{}", port.parse::<u16>().unwrap() - 1)
    };
    let directory = tempfile::tempdir().unwrap();
    let spool = directory.path().join("spool");
    let no_spool = format!("what collects at {collect} confirms nothing");
    let is_publisher = format!("{publish} is a publisher, which confirms nothing");
    let collects = format!("--connect {collect}");
    for (confirm, says) in [
        (below(&collect), [&*no_spool, "start it with --spool DIR"]),
        (publish.clone(), [&is_publisher, "Connect to the side on which a relay collects"]),
        (collect.clone(), ["is where records are collected, not where they are", &collects]),
    ] {
        let said = emit_within("300ms", &confirm, &spool).stdin("one\n").run().success().err();
        assert!(says.iter().all(|text| said.contains(text)), "{says:?}: {said}");
        assert!(said.contains(" left in the spool: the next"), "{said}");
        let mut emit = emit(&confirm, &spool).stdin_open().start();
        emit.expect_stderr(" waiting in the spool");
        emit.expect_stderr(says[0]);
        emit.terminate();
    }
}

#[test]
fn a_relay_whose_host_is_not_found_is_named_so() {
    let directory = tempfile::tempdir().unwrap();
    let mut emit = emit("tcp://nowhere.invalid:1", directory.path()).stdin_open().start();
    emit.write("one\n");
    emit.expect_stderr("the host of tcp://nowhere.invalid:1 is not found: ");
    emit.terminate();
}

#[test]
fn a_full_spool_makes_the_input_wait_until_there_is_a_relay() {
    let directory = tempfile::tempdir().unwrap();
    let mut relay = Relay::start(&[]);
    relay.running.signal(rustix::process::Signal::STOP);
    let spool = directory.path().join("spool");
    let lines = 20_000;
    let emit = emit(&relay.confirm, &spool).args(["--confirm", "--spool-bytes", "1M"]);
    let mut emit = emit.stdin(numbers(0..lines)).start();
    emit.expect_stderr("waiting: no room in the spool");
    relay.running.signal(rustix::process::Signal::CONT);
    emit.wait().success();
    assert_eq!(relay.wait_for_lines(lines), expected(0..lines));
    relay.end();
}

#[test]
fn with_on_full_drop_the_records_without_room_are_counted_exactly() {
    let directory = tempfile::tempdir().unwrap();
    let spool = directory.path().join("spool");
    let lines = 20_000;
    let args = ["--spool-bytes", "1M", "--on-full", "drop", "--fail-on-loss"];
    let emit_all = emit_within("0s", "tcp://127.0.0.1:1", &spool).args(args);
    let emit_all = emit_all.stdin(numbers(0..lines));
    let said = emit_all.run().code(3).err();
    let summary = said.lines().last().unwrap();
    let number = |before: &str| -> usize {
        let word = summary.split(before).next().unwrap().rsplit(' ').next().unwrap();
        word.replace(',', "").parse().expect(summary)
    };
    let (dropped, left) = (number(" dropped"), number(" left in the spool"));
    assert!(dropped > 0 && dropped + left == lines, "{summary}");
    let mut relay = Relay::start(&[]);
    emit(&relay.confirm, &spool).args(["--confirm"]).run().success();
    assert_eq!(relay.wait_for_lines(left), expected(0..left));
    relay.end();
}

#[test]
fn options_that_contradict_each_other_are_refused_with_the_reason() {
    let spool = tempfile::tempdir().unwrap();
    let spool = spool.path().to_str().unwrap();
    let two = ["emit", "--spool", spool, "-c", "tcp://h:2", "-c", "tcp://h:4", "-m", "x"];
    zlog(two).run().code(2).stderr_has("--spool delivers to one relay");
    zlog(["emit", "--confirm", "-m", "x"]).run().code(2).stderr_has("--spool");
    let libzmq = ["relay", "--spool", spool, "--engine", "libzmq", "-b", "0", "-p", "0"];
    zlog(libzmq).run().code(2).stderr_has("--spool needs the native engine");
    let relay = Relay::start(&[]);
    let other = relay.directory.path().join("spool");
    emit("tcp://127.0.0.1:1", &other).args(["-m", "x"]).run().code(1).stderr_has("another zlog");
    relay.end();
}

#[test]
fn a_job_whose_spool_cannot_be_used_runs_to_its_end() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let job = ["--", "sh", "-c", "echo out; exit 5"];
    let emit = emit("tcp://127.0.0.1:1", file.path()).args(job).run().code(5);
    emit.stderr_has("The input is read to its end without being published");
}
