//! Handlers that fail, hang or are full, and what is reported.

use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{lines, path, send, stored, tail, wait_for_file};
use crate::harness::{DEADLINE, bind_again, own_address, own_port, zlog};

#[test]
fn a_full_disk_is_reported_once_and_the_other_handlers_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let file = path(&directory, "app.log");
    let input = lines((0..500).map(|n| stored("app", 20, &n.to_string())));
    let args = ["tail", "--input", "-", "--fail-on-loss", "--file", &file, "--file", "/dev/full"];
    let finished = zlog(args).stdin(input).run().code(3);
    let err = finished.err();
    let begun = "zlog tail: handler /dev/full: writing to /dev/full: no space left on device; the \
                 other handlers continue";
    let end = "zlog tail: handler /dev/full: 500 of 500 records were lost (500 failed)";
    assert_eq!(err.lines().collect::<Vec<_>>(), [begun, end]);
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 500);
}

#[test]
fn a_tail_whose_handlers_have_no_record_at_all_fails() {
    let directory = tempfile::tempdir().unwrap();
    let file = path(&directory, "app.log");
    let input = lines((0..5).map(|n| stored("app", 20, &n.to_string())));
    let run = |options: &[&str], code| {
        let tail = zlog(["tail", "--input", "-", "--file", "/dev/full"]).args(options);
        tail.stdin(input.as_str()).run().code(code).stderr_has("5 of 5 records were lost");
    };
    run(&[], 1);
    run(&["--fail-on-loss"], 3);
    // Some have arrived.
    run(&["--file", &file], 0);
    run(&["--console"], 0);
}

/// A limit of the file size stands in for a full disk: the last block is written in part.
#[test]
fn a_block_written_in_part_loses_the_incomplete_records() {
    let directory = tempfile::tempdir().unwrap();
    let file = path(&directory, "app.log");
    let input = lines((0..1000).map(|n| stored("app", 20, &format!("{n:0150}"))));
    let zlog = env!("CARGO_BIN_EXE_zlog");
    // 100 blocks of 512 bytes. With the signal ignored, `write` fails instead.
    let script = "trap '' XFSZ; ulimit -f 100; exec \"$0\" tail --input - --file \"$1\"";
    let mut child = Command::new("sh")
        .args(["-c", script, zlog, &file])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let err = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let whole = text.matches('\n').count();
    assert!((1..1000).contains(&whole), "{whole}");
    assert_eq!(err.matches("writing to").count(), 1, "{err}");
    let end = format!("handler {file}: {} of 1,000 records were lost", 1000 - whole);
    assert!(err.contains(&end), "{err}");
}

/// A named pipe whose reader comes and goes is a file that fails and works again.
#[test]
fn the_end_of_an_outage_is_reported_with_its_losses() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = path(&directory, "pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let read = || {
        let mut options = std::fs::OpenOptions::new();
        options.read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32);
        options.open(&pipe).unwrap()
    };
    let reader = read();
    // Without a queue, the file gets each record after the pipe: what it contains has been tried there.
    let (file, unqueued) = (path(&directory, "app.log"), format!("{pipe},queue=0"));
    let (publisher, mut tail) = tail(&["--file", &unqueued, "--file", &file]);
    drop(reader);
    wait_for_no_reader(&pipe);
    for number in 0..3 {
        send(&publisher, "app.INFO", 20, &number.to_string());
    }
    wait_for_file(file.as_ref(), |text| text.lines().count() == 3);
    let reader = read();
    send(&publisher, "app.INFO", 20, "more");
    let works = format!("handler {pipe} works again; 3 records were lost meanwhile");
    tail.expect_stderr(&works);
    tail.terminate();
    let err = tail.wait().code(143).err();
    assert_eq!(err.matches("broken pipe").count(), 1, "{err}");
    assert!(err.contains(&format!("handler {pipe}: 3 of 4 records were lost (3 failed)")), "{err}");
    drop(reader);
}

/// Waits until nobody has the pipe open for reading: a child of another test that is just being
/// started may hold a copy of the reader.
#[track_caller]
fn wait_for_no_reader(pipe: &str) {
    let until = Instant::now() + DEADLINE;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32);
    while options.open(pipe).is_ok() {
        assert!(Instant::now() < until, "the pipe has a reader");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn records_that_find_a_queue_full_are_counted() {
    let (publisher, tail) = tail(&[
        "-n",
        "100",
        "--fail-on-loss",
        "--linger",
        "200ms",
        "--exec",
        "sleep 600,batch=1,queue=2",
    ]);
    for number in 0..100 {
        send(&publisher, "app.INFO", 20, &number.to_string());
    }
    // It delays nobody: the tail ends soon.
    let err = tail.wait().code(3).err();
    let last = err.lines().last().unwrap();
    assert!(last.starts_with("zlog tail: handler sleep: 100 of 100 records were lost ("), "{err}");
    assert!(last.contains(" found the queue full"), "{err}");
}

#[test]
fn records_held_by_a_handler_that_hangs_at_the_end_are_counted_as_lost() {
    // Accepts connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let smtp = format!("smtp://{},to=ops@example.org,timeout=60s", silent.local_addr().unwrap());
    let input = lines((0..5).map(|n| stored("app", 20, &n.to_string())));
    // The handler hangs when its batch is full, or when it is due.
    for batch in ["batch=3", "every=1ms"] {
        let args = ["tail", "--input", "-", "--fail-on-loss", "--linger", "200ms", "--smtp"];
        let handler = format!("{smtp},{batch}");
        let err = zlog(args).args([&handler]).stdin(input.as_str()).run().code(3).err();
        assert!(err.contains("5 of 5 records were lost ("), "{batch}: {err}");
    }
}

#[test]
fn a_command_that_fails_is_an_outage_until_one_succeeds() {
    let directory = tempfile::tempdir().unwrap();
    let flag = path(&directory, "flag");
    let command = format!("sh -c 'test -e {flag} || exit 7',batch=1");
    let (publisher, mut tail) = tail(&["--exec", &command]);
    send(&publisher, "app.INFO", 20, "one");
    let line = tail.expect_stderr("handler sh: ");
    assert!(line.contains('7'), "{line}");
    std::fs::write(&flag, "").unwrap();
    send(&publisher, "app.INFO", 20, "two");
    tail.expect_stderr("zlog tail: handler sh works again; 1 record was lost meanwhile");
    tail.terminate();
    tail.wait()
        .code(143)
        .stderr_has("handler sh: 1 of 2 records was lost (1 could not be delivered)");
}

#[test]
fn an_unreachable_daemon_delays_nobody_and_gets_its_records_when_it_is_back() {
    let directory = tempfile::tempdir().unwrap();
    let [socket, file] = ["log", "app.log"].map(|name| path(&directory, name));
    let (publisher, mut tail) = tail(&["--syslog", &format!("unix:{socket}"), "--file", &file]);
    for number in 0..100 {
        send(&publisher, "app.INFO", 20, &format!("number {number}"));
    }
    tail.expect_stderr(&format!("handler syslog unix:{socket}: "));
    wait_for_file(file.as_ref(), |text| text.lines().count() == 100);
    let daemon = UnixDatagram::bind(&socket).unwrap();
    daemon.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut buffer = [0; 4096];
    for number in 0..100 {
        let length = daemon.recv(&mut buffer).unwrap();
        let message = String::from_utf8_lossy(&buffer[..length]);
        assert!(message.trim_end().ends_with(&format!("number {number}")), "{message}");
    }
    tail.expect_stderr("works again; no record was lost meanwhile");
    tail.terminate();
    tail.wait().code(143).stderr_lacks("records were lost");
}

/// Over TCP nobody knows what the daemon had read.
#[test]
fn records_that_a_daemon_may_have_missed_are_reported() {
    let own = own_address().replace("tcp://", "").replace('*', "0");
    let daemon = std::net::TcpListener::bind(own).unwrap();
    let address = daemon.local_addr().unwrap();
    let (publisher, mut tail) = tail(&["--syslog", &format!("tcp://{address}")]);
    send(&publisher, "app.INFO", 20, "one");
    let (mut stream, _) = daemon.accept().unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.read_exact(&mut [0; 20]).unwrap();
    drop((stream, daemon));
    send(&publisher, "app.INFO", 20, "two");
    tail.expect_stderr(&format!("handler syslog tcp://{address}: "));
    let daemon = bind_again(&address.to_string(), || std::net::TcpListener::bind(address));
    let _stream = daemon.accept().unwrap();
    let said =
        tail.expect_stderr("works again; no record was lost meanwhile; of 1 sent before it,");
    assert!(said.contains("the last may not have arrived"), "{said}");
    tail.terminate();
    tail.wait().code(143).stderr_has("1 sent over connections that broke; the last of them");
}

#[test]
fn mails_that_can_not_be_sent_before_the_end_are_counted() {
    let nobody = format!("127.0.0.1:{}", own_port());
    let directory = tempfile::tempdir().unwrap();
    let file = path(&directory, "app.log");
    let mail = format!("smtp://{nobody},to=ops@example.org,level=error,name=ops");
    let input = lines((0..40).map(|n| stored("app", if n < 30 { 20 } else { 40 }, "hello")));
    let args = ["tail", "--input", "-", "--fail-on-loss", "--linger", "300ms"];
    let tail = zlog(args).args(["--smtp", &mail, "--file", &file]).stdin(input);
    let err = tail.run().code(3).err();
    assert!(
        err.contains("zlog tail: handler ops: ") && err.contains("; the other handlers continue"),
        "{err}"
    );
    assert!(
        err.contains("handler ops: 10 of 10 records were lost (10 could not be delivered)"),
        "{err}"
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 40);
}
