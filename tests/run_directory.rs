//! Processes of one user meet without an option, in any order, and nothing arrives twice.
//!
//! Each test has a run directory and a loopback address of its own. Loopback has more than one
//! address only on Linux.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Instant;

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{ANY_PORT, DEADLINE, Running, User, own_address};

impl User {
    /// An emitter with an open stdin, which publishes when `subscribers` have subscribed.
    fn emit(&self, root: &str, subscribers: &str) -> Running {
        let args = ["emit", "--root", root, "--wait", "60s", "--wait-for", subscribers];
        self.zlog(&args).stdin_open().start()
    }

    fn tail(&self) -> Running {
        self.zlog(&["tail", "-o", "json"]).start()
    }

    fn relay(&self) -> Running {
        let mut relay = self.zlog(&["relay", "--bind", ANY_PORT]).start();
        relay.endpoints(2);
        relay
    }
}

/// Writes ten lines to each, and ends it.
fn write_ten(emitters: Vec<Running>) {
    for mut emit in emitters {
        let lines: String = (0..10).map(|number| format!("line {number}\n")).collect();
        emit.write(lines);
        emit.close_stdin();
        emit.wait().success();
    }
}

/// Waits for this many records from each logger, ends the tail, and checks that it has no
/// other records.
#[track_caller]
fn expect_records(mut tail: Running, expected: &[(&str, usize)]) {
    let counted = |bytes: &[u8]| {
        let mut counts = BTreeMap::new();
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        for line in lines.filter(|line| line.ends_with(b"\n")) {
            let record: Value = serde_json::from_slice(line).unwrap();
            *counts.entry(record["name"].as_str().unwrap_or_default().to_owned()).or_insert(0) += 1;
        }
        counts
    };
    let expected: BTreeMap<_, _> =
        expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    let enough = |bytes: &[u8]| {
        let counts: BTreeMap<String, usize> = counted(bytes);
        (counts.values().sum::<usize>() >= expected.values().sum()).then_some(())
    };
    if tail.stdout.wait_for(Instant::now() + DEADLINE, enough).is_none() {
        tail.fail(&format!("not all of {expected:?}"));
    }
    tail.terminate();
    tail.expect_end();
    assert_eq!(counted(&tail.stdout.bytes()), expected);
}

#[test]
fn emitters_and_tails_meet_in_any_order() {
    let user = User::new();
    let early = user.tail();
    let mut emitters = vec![user.emit("a", "2"), user.emit("b", "2")];
    let places: Vec<String> = emitters.iter_mut().map(Running::endpoint).collect();
    let late = user.tail();
    emitters.extend([user.emit("c", "2"), user.emit("d", "2")]);
    // One of the first two has the default endpoint.
    assert_eq!(places.iter().filter(|place| **place == user.default).count(), 1, "{places:?}");
    assert_eq!(places.iter().filter(|place| place.starts_with("ipc://")).count(), 1, "{places:?}");
    write_ten(emitters);
    for tail in [early, late] {
        expect_records(tail, &[("a", 10), ("b", 10), ("c", 10), ("d", 10)]);
    }
    assert_eq!(user.files(), [""; 0]);
}

#[test]
fn an_emitter_takes_the_default_endpoint_after_another_has_ended() {
    let user = User::new();
    let tail = user.tail();
    for root in ["a", "b"] {
        let mut emit = user.emit(root, "1");
        assert_eq!(emit.endpoint(), user.default);
        write_ten(vec![emit]);
    }
    expect_records(tail, &[("a", 10), ("b", 10)]);
}

#[test]
fn a_short_emit_reaches_all_tails_that_run_directly_and_through_a_relay() {
    for through_relay in [false, true] {
        let user = User::new();
        let _relay = through_relay.then(|| user.relay());
        let tail = || user.zlog(&["tail", "-v", "-o", "text", "-n", "1"]).start();
        let mut first = tail();
        let missing = user.stuck_tail();
        let emit = user.zlog(&["emit", "--wait", "60s", "-m", "hello"]).start();
        first.expect_stderr("connected");
        // It comes while the record waits for one that is registered.
        let mut second = tail();
        second.expect_stderr("connected");
        drop(missing);
        emit.wait().success();
        for tail in [first, second] {
            tail.wait().success().stdout("hello\n");
        }
    }
}

#[test]
fn a_tail_that_does_not_connect_in_time_is_named_and_delays_the_others_no_longer() {
    let user = User::new();
    let tail = user.zlog(&["tail", "-o", "text"]).start();
    let _stuck = user.stuck_tail();
    let told = "`zlog tail` (process 4711) did not connect within 1s and misses what is";
    user.zlog(&["emit", "-m", "one"]).run().success().stderr_has(told).stderr_has("`fg`");
    user.zlog(&["emit", "-q", "-m", "two"]).run().success().stderr("");
    let file = user.directory().join("log");
    let lines: String = (0..300).map(|number| format!("line {number}\n")).collect();
    fs::write(&file, &lines).unwrap();
    let follow = ["emit", "--follow", "--file", file.to_str().unwrap()];
    let mut follow = user.zlog(&follow).start();
    let expected = format!("one\ntwo\n{lines}");
    let all = |bytes: &[u8]| (bytes == expected.as_bytes()).then_some(());
    assert!(tail.stdout.wait_for(Instant::now() + DEADLINE, all).is_some());
    follow.terminate();
    let said = follow.wait().err();
    assert_eq!(said.matches(told).count(), 1, "{said}");
}

#[test]
fn the_only_tail_is_named_if_it_does_not_connect_in_time() {
    let user = User::new();
    let _suspended = user.stuck_tail();
    let told = "`zlog tail` (process 4711) did not connect within 1s";
    user.zlog(&["emit", "-m", "x"]).run().success().stderr_has(told).stderr_lacks("Start");
}

#[test]
fn a_tail_learns_of_an_emitter_that_has_ended_before_it_had_connected() {
    let user = User::new();
    let tail = user.zlog(&["tail", "-o", "text"]).start();
    let stuck = user.stuck_tail();
    let mut emit = user.zlog(&["emit", "-q"]).stdin("one\ntwo\n").start();
    let id = emit.id();
    emit.expect_end();
    let told = format!("missed {id} 2\n");
    assert!(stuck.text().ends_with(&told), "{}", stuck.text());
    let both = |bytes: &[u8]| (bytes == b"one\ntwo\n").then_some(());
    assert!(tail.stdout.wait_for(Instant::now() + DEADLINE, both).is_some());
    // The same for this tail, as if it had been stuck.
    let mut tail = tail;
    user.add_to_registration(tail.id(), "missed x\nmissed 17 2\n");
    tail.expect_stderr("`zlog emit` (process 17) has published 2 records and ended before this");
    tail.terminate();
    tail.expect_end();
    assert_eq!(tail.stderr.bytes().windows(9).filter(|it| it == b"process 1").count(), 1);
}

#[test]
fn a_tail_that_was_connected_is_not_told_that_it_has_missed_anything() {
    let user = User::new();
    let tail = user.stuck_tail();
    let mut emit = user.zlog(&["emit", "--wait", "60s"]).stdin_open().start();
    let socket = zmq::Context::new().socket(zmq::SUB).unwrap();
    socket.connect(&emit.endpoint()).unwrap();
    for topic in [&b""[..], b"\xffzlog.registered.tail-4711"] {
        socket.set_subscribe(topic).unwrap();
    }
    emit.write("one\n");
    socket.recv_multipart(0).unwrap();
    drop(socket);
    emit.expect_stderr("may be lost");
    emit.close_stdin();
    emit.expect_end();
    assert!(!tail.text().contains("missed"), "{}", tail.text());
}

#[test]
fn a_damaged_registration_of_a_relay_is_ignored() {
    let user = User::new();
    let default = format!("default {}", user.default);
    for line in ["collects \x1b[31m", "collects tcp://127.0.0.1:1\nanswers nonsense://"] {
        let _file = user.registration("relay-4711", &format!("{default}\n{line}\n"));
        user.zlog(&["emit", "--wait", "0s", "-m", "x"]).run().success().stderr_has("emit: bound");
        user.zlog(&["relay", "--status"]).run().code(1).stderr_lacks("nonsense");
    }
}

#[test]
fn emitters_without_a_wait_or_with_an_endpoint_of_their_own_wait_for_no_tail() {
    let user = User::new();
    let _stuck = user.stuck_tail();
    for args in [&["--wait", "0s"][..], &["--wait-for", "0", "--wait", "60s"]] {
        user.zlog(&[&["emit", "-m", "x"], args].concat()).run().success().stderr_lacks("4711");
    }
    let mut tail = user.zlog(&["tail", "--bind", ANY_PORT, "-n", "1"]).start();
    let endpoint = tail.endpoint();
    user.zlog(&["emit", "-m", "x", "--wait", "60s", "-c", &endpoint]).run().success();
    tail.wait().success();
}

#[test]
fn many_emitters_at_once_all_get_through() {
    let user = User::new();
    let tail = user.tail();
    let start = |_| user.zlog(&["emit", "-r", "x", "--wait", "60s", "-m", "hello"]).start();
    let emitters: Vec<Running> = (0..30).map(start).collect();
    for emit in emitters {
        emit.wait().success();
    }
    expect_records(tail, &[("x", 30)]);
    user.expect_files(0);
}

#[test]
fn emitters_that_start_after_a_relay_go_through_it() {
    let user = User::new();
    let early = user.tail();
    let mut relay = user.relay();
    let mut emitters = vec![user.emit("a", "1"), user.emit("b", "1")];
    for emit in &mut emitters {
        emit.expect_stderr("publishing through the relay at tcp://127.0.0.1:");
    }
    write_ten(emitters);
    expect_records(early, &[("a", 10), ("b", 10)]);
    relay.terminate();
    relay.expect_end();
    user.expect_files(0);
}

#[test]
fn a_relay_that_starts_after_an_emitter_leaves_it_where_it_is() {
    let user = User::new();
    let tail = user.tail();
    let mut first = user.emit("first", "1");
    assert_eq!(first.endpoint(), user.default);
    let mut relay = user.zlog(&["relay", "--bind", ANY_PORT]).start();
    relay.expect_stderr("publishing, bound ipc://");
    let mut second = user.emit("second", "1");
    second.expect_stderr("publishing through the relay");
    write_ten(vec![first, second]);
    expect_records(tail, &[("first", 10), ("second", 10)]);
    relay.terminate();
    relay.expect_end();
    user.expect_files(0);
}

#[test]
fn the_status_and_the_past_records_of_a_relay_are_found_wherever_it_is() {
    let user = User::new();
    let mut first = user.emit("first", "1");
    assert_eq!(first.endpoint(), user.default);
    let mut relay = user.zlog(&["relay", "--bind", ANY_PORT, "--keep", "5"]).start();
    relay.expect_stderr("queries, bound");
    user.zlog(&["emit", "--wait", "60s", "-m", "kept"]).run().success();
    let status = user.zlog(&["relay", "--status", "--output", "json"]).run().success().out();
    assert!(status.contains(&format!("\"process\":{}", relay.id())), "{status}");
    let past = user.zlog(&["tail", "--last", "5", "-n", "1", "-o", "text"]).run();
    past.success().stdout("kept\n");
}

#[test]
fn a_second_relay_is_refused() {
    let user = User::new();
    let _relay = user.relay();
    let second = user.zlog(&["relay", "--bind", ANY_PORT]).run().code(1);
    second.stderr_has("address already in use").stderr_has("--publish-bind 0");
}

#[test]
fn whatever_a_killed_emitter_leaves_is_harmless_and_removed() {
    let user = User::new();
    let mut holder = user.emit("holder", "1");
    holder.endpoint();
    let mut killed = user.emit("killed", "1");
    assert!(killed.endpoint().starts_with("ipc://"));
    killed.signal(Signal::KILL);
    killed.expect_end();
    assert_eq!(user.files().len(), 2, "its file and its socket: {:?}", user.files());
    let tail = user.tail();
    user.expect_files(1);
    // One that is killed while it is connected.
    let mut connected = user.emit("connected", "1");
    connected.write("x\n");
    tail.stdout.wait_for(Instant::now() + DEADLINE, |bytes| (!bytes.is_empty()).then_some(()));
    connected.signal(Signal::KILL);
    connected.expect_end();
    user.expect_files(1);
    write_ten(vec![holder]);
    expect_records(tail, &[("connected", 1), ("holder", 10)]);
}

#[test]
fn a_directory_that_others_can_change_is_refused_and_the_default_endpoint_still_works() {
    for (make, why) in [
        (
            (|user: &User| symlink(user.runtime.path(), user.directory()).unwrap()) as fn(&User),
            "it is a symbolic link",
        ),
        (
            |user| {
                fs::create_dir(user.directory()).unwrap();
                fs::set_permissions(user.directory(), Permissions::from_mode(0o755)).unwrap();
            },
            "other users have access to it (mode 755)",
        ),
        (|user| fs::write(user.directory(), "").unwrap(), "it is not a directory"),
    ] {
        let user = User::new();
        make(&user);
        let says =
            format!("can't use {}: {why}; using {}", user.directory().display(), user.default);
        let mut tail = user.tail();
        tail.expect_stderr(&says);
        let mut emit = user.emit("a", "1");
        emit.expect_stderr(&says);
        write_ten(vec![emit]);
        expect_records(tail, &[("a", 10)]);
    }
}

#[test]
fn the_directory_is_the_users_alone() {
    let user = User::new();
    user.zlog(&["tail", "--timeout", "1ms"]).run().success();
    let mode = fs::metadata(user.directory()).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o700);
}

#[test]
fn processes_with_given_endpoints_do_not_use_the_directory() {
    let user = User::new();
    let endpoint = own_address().replace('*', "12345");
    let [bind, connect] = ["bind", "connect"].map(|role| format!("{role}:{endpoint}"));
    for (emit, tail) in [
        (user.zlog(&["emit", "--bind", &endpoint]), user.zlog(&["tail", &endpoint])),
        (user.zlog(&["emit", "--connect", &endpoint]), user.zlog(&["tail", "--bind", &endpoint])),
        (
            user.zlog(&["emit"]).env("ZLOG_ENDPOINT", &bind),
            user.zlog(&["tail"]).env("ZLOG_ENDPOINT", &connect),
        ),
        (
            user.zlog(&["emit"]).env("ZLOG_ENDPOINT", &connect),
            user.zlog(&["tail"]).env("ZLOG_ENDPOINT", &bind),
        ),
    ] {
        let tail = tail.args(["-o", "text", "-n", "1"]).start();
        emit.args(["--wait", "60s", "-m", "hello"]).run().success();
        tail.wait().success().stdout("hello\n");
        assert!(!user.directory().exists());
    }
}

#[test]
fn processes_with_other_default_endpoints_do_not_meet() {
    let user = User::new();
    let mut first = user.emit("first", "1");
    first.endpoint();
    let mut second = user.emit("second", "1");
    assert!(second.endpoint().starts_with("ipc://"));
    let default = own_address().replace('*', "12345");
    let other = User { default, runtime: user.runtime };
    let tail = other.tail();
    let third = other.emit("third", "1");
    write_ten(vec![third]);
    expect_records(tail, &[("third", 10)]);
}

#[test]
fn a_tail_that_finds_nobody_says_where_it_has_looked() {
    let user = User::new();
    let mut tail = user.tail();
    tail.expect_stderr(&format!(
        "nobody answers at {} or in {} yet",
        user.default,
        user.directory().display()
    ));
}
