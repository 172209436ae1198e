//! Durations do not depend on the time of day: the clock of each process here is set back
//! by an hour while it waits.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::harness::{
    ANY_PORT, Input, Publisher, RawSubscriber, Running, Zlog, Zmtp, frame, own_address, zlog,
};

/// How long what lasts some seconds may take on a busy machine. Were it to depend on the
/// clock, it would take an hour.
const SOON: Duration = Duration::from_secs(60);

/// `zlog` with a clock that can be set back.
struct SetBack {
    directory: tempfile::TempDir,
}

impl SetBack {
    fn new() -> SetBack {
        SetBack { directory: tempfile::tempdir().unwrap() }
    }

    fn zlog(&self, args: &[&str]) -> Zlog {
        let library = library().to_str().unwrap();
        zlog(args)
            .env("LD_PRELOAD", library)
            .env("SET_BACK_BY", self.hours().to_str().unwrap())
            .deadline(SOON)
    }

    /// The file that has a byte for each hour by which the clock is set back.
    fn hours(&self) -> PathBuf {
        self.directory.path().join("hours")
    }

    /// Sets the clock back, again and again: what is waited for at one of these moments is
    /// waited for in the middle of it. Makes sure that the clock is set back.
    fn set_back(&self) {
        const TIMES: usize = 20;
        let before = std::fs::metadata(self.hours()).map_or(0, |file| file.len() as usize);
        for hours in before + 1..=before + TIMES {
            std::fs::write(self.hours(), vec![b'h'; hours]).unwrap();
            self.assert_set_back(hours);
        }
    }

    fn assert_set_back(&self, hours: usize) {
        let date = |preload: Option<&PathBuf>| {
            let mut date = Command::new("date");
            date.arg("+%s").env("SET_BACK_BY", self.hours());
            if let Some(library) = preload {
                date.env("LD_PRELOAD", library);
            }
            let said = Running::start(date, Input::Empty).wait().success().out();
            said.trim().parse::<i64>().unwrap()
        };
        let difference = date(None) - date(Some(library()));
        let expected = 3600 * i64::try_from(hours).unwrap();
        assert!((expected - 60..=expected).contains(&difference), "set back by {difference} s");
    }
}

/// The library that sets clocks back, compiled for these tests.
fn library() -> &'static PathBuf {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let library = directory.join("set_back.so");
        // Another run of the tests may be using the one that is there.
        let made = directory.join(format!("set_back-{}.so", std::process::id()));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/clock/set_back.c");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-Wall", "-o"]).arg(&made).arg(source);
        drop(Running::start(cc, Input::Empty).wait().success());
        std::fs::rename(made, &library).unwrap();
        library
    })
}

#[test]
fn a_waiting_tail_finds_its_publisher_and_receives() {
    let clock = SetBack::new();
    let gone = Publisher::bind_at(&own_address());
    let endpoint = gone.endpoint.clone();
    drop(gone);
    let mut tail = clock.zlog(&["tail", "-o", "text", "--verbose", &endpoint]).start();
    tail.expect_stderr("reconnecting in");
    clock.set_back();
    let publisher = Publisher::bind_at(&endpoint);
    publisher.wait_for_subscription();
    publisher.send(["app.INFO", "after"]);
    tail.expect_stdout("after");
    tail.interrupt();
    tail.wait().code(130);
}

#[test]
fn a_waiting_tail_ends_on_a_signal_and_at_its_timeout() {
    let clock = SetBack::new();
    let endpoint = own_address().replace('*', "9");
    let mut tail = clock.zlog(&["tail", "--verbose", &endpoint]).start();
    let timed = clock.zlog(&["tail", "--timeout", "4s", "-n", "1", &endpoint]).start();
    tail.expect_stderr("reconnecting in");
    clock.set_back();
    tail.interrupt();
    tail.wait().code(130);
    timed.wait().code(3);
}

#[test]
fn emit_waits_as_long_as_it_was_told_to() {
    let clock = SetBack::new();
    let mut emit = clock.zlog(&["emit", "--bind", ANY_PORT, "--wait", "3s", "-m", "x"]).start();
    emit.endpoint();
    clock.set_back();
    emit.wait().success().stderr_has(" after 3s; publishing anyway");
}

#[test]
fn emit_lingers_as_long_as_it_was_told_to() {
    let clock = SetBack::new();
    let args = ["emit", "--bind", ANY_PORT, "--wait", "60s", "--linger", "2s"];
    let lines = format!("{}\n", "x".repeat(1000)).repeat(60_000);
    let mut emit = clock.zlog(&args).stdin(lines).start();
    let mut stuck = RawSubscriber::connect(&emit.endpoint(), Zmtp::Three(0));
    // It never reads: what libzmq and the system hold for it is soon full.
    stuck.send(&frame(0, b"\x01"));
    clock.set_back();
    emit.terminate();
    clock.set_back();
    emit.wait().code(143);
    stuck.expect_end();
}

#[test]
fn a_waiting_relay_finds_its_publisher_forwards_and_ends() {
    let clock = SetBack::new();
    let gone = Publisher::bind_at(&own_address());
    let upstream = gone.endpoint.clone();
    drop(gone);
    let args = ["relay", "-c", &upstream, "--publish-bind", ANY_PORT];
    let mut relay = clock.zlog(&args).start();
    let publish = relay.endpoint();
    let mut tail = zlog(["tail", "-o", "text", &publish]).start();
    clock.set_back();
    let upstream = Publisher::bind_at(&upstream);
    upstream.wait_for_subscription();
    upstream.send(["app.INFO", "after"]);
    tail.expect_stdout("after");
    relay.terminate();
    relay.wait().code(143);
}
