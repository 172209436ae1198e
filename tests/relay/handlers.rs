//! The handlers of a relay.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::relay;
use crate::harness::{ANY_PORT, DEADLINE, Listener, Running, python, zlog};

/// A relay that listens for Python's handlers, and its address.
#[track_caller]
fn listening(option: &str, args: &[&str]) -> (Running, SocketAddr) {
    let from = ["relay", option, "127.0.0.1:0", "--publish-bind", ANY_PORT];
    let mut running = zlog(from).args(args).start();
    let address = running.expect_address("listening on");
    (running, address)
}

#[test]
fn ten_programs_of_socket_handlers_make_one_file_with_every_record_once_and_in_order() {
    make_one_file("--listen", "tcp", 1000);
}

#[test]
fn ten_programs_of_queue_handlers_make_one_file_with_every_record_once_and_in_order() {
    make_one_file("--listen", "queue", 300);
}

/// Few records, because the system drops datagrams that do not fit its buffer.
#[test]
fn ten_programs_of_datagram_handlers_make_one_file_with_every_record_once_and_in_order() {
    make_one_file("--listen-udp", "udp", 15);
}

/// Ten programs log this many records each at the same time, through a relay into a file.
#[track_caller]
fn make_one_file(option: &str, style: &str, records: usize) {
    const PROGRAMS: usize = 10;
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("all.log");
    let handler = format!("{},format=%(name)s %(message)s", file.display());
    // A small high-water mark: most records are still queued when the relay is ended.
    let (mut relay, address) =
        listening(option, &["--file", &handler, "--hwm", "10", "--linger", "60s"]);
    let (port, count) = (address.port().to_string(), records.to_string());
    let program = |name: &String| python.script("network_logging", &[style, &port, name, &count]);
    let names: Vec<String> = (0..PROGRAMS).map(|number| format!("shop.p{number}")).collect();
    let mut programs: Vec<Running> = names.iter().map(program).collect();
    for program in &mut programs {
        program.expect_stdout("ready");
    }
    for program in &mut programs {
        program.write("go\n");
    }
    for program in programs {
        program.wait().success();
    }
    relay.terminate();
    let said = relay.wait().code(143).err();
    let text = fs::read_to_string(&file).expect("the file");
    let mut of: HashMap<&str, Vec<&str>> = HashMap::new();
    for line in text.lines() {
        let (name, message) = line.split_once(' ').expect("two words");
        of.entry(name).or_default().push(message);
    }
    assert_eq!(of.len(), PROGRAMS, "{said}");
    for name in &names {
        let expected: Vec<String> = (0..records).map(|n| format!("{name} record {n}")).collect();
        assert!(of[&**name] == expected, "{} of {name}: {said}", of[&**name].len());
    }
}

#[test]
fn records_reach_handlers_by_level_and_subscribers_too() {
    let directory = tempfile::tempdir().expect("a directory");
    let [all, errors] = ["all.log", "errors.log"].map(|name| directory.path().join(name));
    let option = format!("{},level=error,format=%(message)s", errors.display());
    let all_option = format!("{},format=%(levelname)s %(message)s", all.display());
    let relay = relay(&["--file", &all_option, "--file", &option]);
    let tail = zlog(["tail", &relay.publish, "INFO", "ERROR", "-o", "text", "-n", "2"]).start();
    relay.wait_for_prefixes(3);
    let args = ["emit", "-c", &relay.collect, "--wait", "60s", "--no-detect"];
    zlog(args).args(["-m", "one"]).run().success();
    zlog(args).args(["-l", "error", "-m", "two"]).run().success();
    assert_eq!(tail.wait().success().out(), "one\ntwo\n");
    let status = relay.status();
    assert_eq!(status["handlers"].as_array().map(Vec::len), Some(2), "{status}");
    assert_eq!(status["handlers"][0]["handled"], 2, "{status}");
    relay.end();
    assert_eq!(fs::read_to_string(all).expect("a file"), "INFO one\nERROR two\n");
    assert_eq!(fs::read_to_string(errors).expect("a file"), "two\n");
}

#[test]
fn errors_are_also_published_elsewhere_and_printed() {
    let mut relay = relay(&[
        "--publish",
        "tcp://127.0.0.1:*,level=error",
        "--console=level=error,format=%(levelname)s %(message)s",
    ]);
    let bound = relay.running.expect_stderr("handler publish tcp://127.0.0.1:*: bound");
    let listener = Listener::connect(bound.rsplit(' ').next().expect("an endpoint"), "");
    let until = Instant::now() + DEADLINE;
    // Records sent before the listener has subscribed are lost.
    let first = loop {
        assert!(Instant::now() < until, "nothing came");
        let args = ["emit", "-c", &relay.collect, "--wait", "60s", "--no-detect"];
        zlog(args).args(["-m", "one"]).run().success();
        zlog(args).args(["-l", "error", "-m", "two"]).run().success();
        if let Some(message) = listener.try_next(Duration::from_millis(20)) {
            break message;
        }
    };
    assert_eq!((&*first.topic, &first.json()["msg"]), ("ERROR", &"two".into()));
    relay.running.expect_stdout("ERROR two");
    relay.running.terminate();
    let out = relay.running.wait().code(143).out();
    assert!(!out.contains("one"), "{out}");
}

#[test]
fn only_the_topics_of_handlers_are_subscribed_to_upstream() {
    let publisher = crate::harness::Publisher::bind();
    let directory = tempfile::tempdir().expect("a directory");
    let option = format!("{}/x.log,topic=app.ERROR", directory.path().display());
    let args = ["relay", "-c", &publisher.endpoint, "--publish-bind", ANY_PORT, "--file", &option];
    let mut relay = zlog(args).start();
    assert_eq!(publisher.wait_for_subscription(), b"app.ERROR");
    relay.terminate();
    relay.wait().code(143);
}

#[test]
fn sighup_reopens_a_file_that_was_moved_and_nothing_is_lost() {
    let directory = tempfile::tempdir().expect("a directory");
    let [now, before] = ["app.log", "app.log.1"].map(|name| directory.path().join(name));
    let option = format!("{},format=%(message)s", now.display());
    let mut relay = relay(&["--file", &option]);
    let emit = |text: &str| {
        zlog(["emit", "-c", &relay.collect, "--wait", "60s", "-m", text]).run().success();
    };
    let wait_for = |what: &dyn Fn() -> bool| {
        let until = Instant::now() + DEADLINE;
        while !what() {
            assert!(Instant::now() < until, "it is not written");
            std::thread::yield_now();
        }
    };
    emit("one");
    wait_for(&|| fs::read_to_string(&now).is_ok_and(|text| text == "one\n"));
    fs::rename(&now, &before).expect("moved");
    relay.running.signal(Signal::HUP);
    // An answer shows that the signal was handled.
    relay.status();
    emit("two");
    wait_for(&|| fs::read_to_string(&now).is_ok_and(|text| text == "two\n"));
    assert_eq!(fs::read_to_string(&before).expect("a file"), "one\n");
    relay.end();
}

#[test]
fn an_unread_console_does_not_stop_the_relay() {
    const RECORDS: usize = 30_000;
    let script = format!(
        "'{}' relay -b '{ANY_PORT}' --publish-bind '{ANY_PORT}' --console | sleep 1000",
        env!("CARGO_BIN_EXE_zlog")
    );
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", &script]);
    let mut running = Running::start(shell, crate::harness::Input::Empty);
    let bound = running.endpoints(3);
    let args = ["tail", &bound[1], "INFO", "-o", "text", "-n", "30000", "--fail-on-loss"];
    let tail = zlog(args).start();
    let relay = super::Relay {
        running,
        collect: bound[0].clone(),
        publish: bound[1].clone(),
        ask: bound[2].clone(),
    };
    relay.wait_for_prefixes(2);
    let args = ["emit", "-c", &relay.collect, "--wait", "60s", "--rate", "20000", "-q"];
    zlog(args).stdin("hello\n".repeat(RECORDS)).run().success();
    tail.wait().success();
    let status = relay.status();
    assert!(status["handlers"][0]["dropped"].as_u64() > Some(0), "{status}");
}

#[test]
fn an_unread_console_does_not_delay_the_end_of_the_relay() {
    const RECORDS: usize = 5000;
    let (_reader, writer) = std::io::pipe().expect("a pipe");
    let directory = tempfile::tempdir().expect("a directory");
    let log = directory.path().join("all.log");
    let args = ["relay", "-b", ANY_PORT, "--publish-bind", ANY_PORT, "--linger", "60s"];
    let handlers = ["--console=queue=100", "--on-full", "block", "--file"];
    let relay = zlog(args).args(handlers).args([&log]).stdout(writer);
    let mut running = relay.start();
    let collect = running.endpoints(3).remove(0);
    let args = ["emit", "-c", &collect, "--wait", "60s", "--linger", "60s", "-q"];
    zlog(args).stdin(format!("{}\n", "x".repeat(99)).repeat(RECORDS)).run().success();
    // The console's queue is full, and the relay waits for room.
    let ask = Instant::now();
    running.terminate();
    let said = running.wait().code(143).err();
    assert!(ask.elapsed() < DEADLINE);
    assert!(said.contains("its reader stopped reading"), "{said}");
    assert!(said.contains("handler console: "), "{said}");
    let written = fs::read_to_string(&log).expect("a file").lines().count();
    assert_eq!(written, RECORDS, "{said}");
}
