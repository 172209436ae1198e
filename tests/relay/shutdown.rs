//! How a relay ends.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::relay;
use crate::harness::{DEADLINE, Listener, zlog};

#[test]
fn received_messages_are_forwarded_before_the_end() {
    const RECORDS: usize = 20_000;
    let mut relay = relay(&["--on-full", "block"]);
    let listener = Listener::connect(&relay.publish, "");
    relay.wait_for_peers(0, 1);
    let lines = "hello\n".repeat(RECORDS);
    let args = ["emit", "-c", &relay.collect, "--wait", "60s", "--linger", "60s"];
    // It ends once everything is sent to the relay.
    zlog(args).stdin(lines).run().success();
    relay.running.terminate();
    let messages = listener.everything();
    let said = relay.running.wait().code(143).err();
    assert_eq!(messages.len(), RECORDS, "{said}");
    assert!(said.contains("forwarded 20,000 messages in "), "{said}");
}

#[test]
fn messages_that_only_the_system_has_received_are_forwarded_before_the_end() {
    const RECORDS: usize = 20_000;
    let mut relay = relay(&["--on-full", "block"]);
    let listener = Listener::connect(&relay.publish, "");
    let context = zmq::Context::new();
    let publisher = context.socket(zmq::XPUB).expect("a socket");
    publisher.set_sndhwm(0).expect("a plain option");
    publisher.connect(&relay.collect).expect("the endpoint is well-formed");
    publisher.recv_bytes(0).expect("a subscription");
    relay.running.signal(rustix::process::Signal::STOP);
    for n in 0..RECORDS {
        publisher.send_multipart(&["app.INFO".to_owned(), n.to_string()], 0).expect("sent");
    }
    // Returns once the system has taken everything.
    drop((publisher, context));
    relay.running.terminate();
    relay.running.signal(rustix::process::Signal::CONT);
    let messages = listener.everything();
    let said = relay.running.wait().code(143).err();
    assert_eq!(messages.len(), RECORDS, "{said}");
}

#[test]
fn endless_publishers_and_a_slow_handler_do_not_delay_the_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let handler = format!("{},sync", directory.path().join("app.log").display());
    let mut relay = relay(&["--linger", "200ms", "--file", &handler]);
    let emit = ["emit", "-c", &relay.collect, "--test", "--wait", "60s", "-q"];
    let _endless = [zlog(emit).start(), zlog(emit).start()];
    relay.wait_until("busy", |status| status["forwarded"]["messages"].as_u64() > Some(500));
    let asked = std::time::Instant::now();
    relay.running.terminate();
    relay.running.wait().code(143);
    // A few seconds on a busy machine. Forwarding everything in flight took minutes.
    assert!(asked.elapsed() < std::time::Duration::from_secs(30), "{:?}", asked.elapsed());
}

#[test]
fn received_messages_wait_for_a_full_queue_until_the_linger_is_over() {
    const RECORDS: usize = 20_000;
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("app.log");
    let handler = format!("{},queue=10,on-full=block", file.display());
    let mut relay = relay(&["--on-full", "block", "--linger", "60s", "--file", &handler]);
    relay.wait_for_peers(0, 0);
    let lines = "hello\n".repeat(RECORDS);
    let args = ["emit", "-c", &relay.collect, "--wait", "60s", "--linger", "60s"];
    zlog(args).stdin(lines).run().success();
    relay.running.terminate();
    let said = relay.running.wait().code(143).err();
    let written = std::fs::read_to_string(&file).expect("a file").lines().count();
    assert_eq!(written, RECORDS, "{said}");
    assert!(!said.contains("were lost"), "{said}");
}

#[test]
fn a_stuck_subscriber_does_not_delay_the_end() {
    let mut args = vec!["--on-full", "block", "--hwm", "10", "--linger", "200ms"];
    if crate::harness::is_native() {
        // On a busy machine the subscriber would be cut off before the end. libzmq has no such limit.
        args.extend(["--stall", "10m"]);
    }
    let mut relay = relay(&args);
    let mut stopped = zlog(["tail", &relay.publish, "--hwm", "1", "-q"]).start();
    relay.wait_for_peers(0, 1);
    stopped.signal(rustix::process::Signal::STOP);
    let args = ["emit", "-c", &relay.collect, "--wait", "60s", "--on-full", "drop", "-q"];
    let line = format!("{}\n", "x".repeat(10_000)).repeat(3000);
    // Its exit code does not matter: it may lose what it can't send.
    let _ = zlog(args).args(["--linger", "100ms"]).stdin(line).run();
    relay.running.interrupt();
    let said = relay.running.wait().code(130).err();
    assert!(said.contains("did not read everything in time"), "{said}");
    assert!(said.contains("; dropped "), "what came and went no further: {said}");
    stopped.signal(rustix::process::Signal::CONT);
}

/// A pipe, opened by a reader that does not read.
fn unread_pipe(directory: &Path) -> (PathBuf, File) {
    let path = directory.join("pipe");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).expect("a pipe");
    let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let reader = File::options().read(true).custom_flags(flags).open(&path).expect("a reader");
    (path, reader)
}

/// Waits until a pipe has no room for a record of 1,000 bytes.
fn wait_until_full(reader: &File) {
    let until = Instant::now() + DEADLINE;
    while rustix::io::ioctl_fionread(reader).expect("a pipe") < 60_000 {
        assert!(Instant::now() < until, "it does not fill");
        std::thread::yield_now();
    }
}

#[test]
fn a_pipe_that_nobody_reads_does_not_delay_the_end_and_what_it_lacks_is_told() {
    const RECORDS: usize = 2000;
    let directory = tempfile::tempdir().expect("a directory");
    let (pipe, mut reader) = unread_pipe(directory.path());
    let file = format!("{},format=bare", pipe.display());
    let mut relay = relay(&["--linger", "200ms", "--file", &file]);
    let args = ["emit", "-c", &relay.collect, "--wait", "60s", "--linger", "60s"];
    // A record of this size is written whole or not at all.
    let lines = format!("{}\n", "x".repeat(1000)).repeat(RECORDS);
    zlog(args).stdin(lines).run().success();
    wait_until_full(&reader);
    let total = RECORDS as u64;
    relay.wait_until("all received", |status| {
        status["forwarded"]["messages"].as_u64() == Some(total)
    });
    let asked = Instant::now();
    relay.running.terminate();
    let said = relay.running.wait().code(143).err();
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}: {said}", asked.elapsed());
    let mut came = Vec::new();
    let _ = reader.read_to_end(&mut came);
    let came = came.iter().filter(|byte| **byte == b'\n').count();
    let lost = RECORDS - came;
    let told =
        format!("{} of 2,000 records were lost", zlog_core::text::plural::grouped(lost as u64));
    assert!(said.contains(&told), "{came} came: {said}");
}

#[test]
fn a_handler_that_hangs_in_the_relays_own_thread_does_not_outlive_the_signal() {
    let directory = tempfile::tempdir().expect("a directory");
    let (pipe, reader) = unread_pipe(directory.path());
    let file = format!("{},queue=0,format=bare", pipe.display());
    let mut relay = relay(&["--linger", "200ms", "--file", &file]);
    let args = ["emit", "-c", &relay.collect, "--wait", "60s", "--linger", "100ms", "-q"];
    let lines = format!("{}\n", "x".repeat(1000)).repeat(200);
    // Whether all of it gets into the system's buffers does not matter.
    let _ = zlog(args).stdin(lines).run();
    wait_until_full(&reader);
    let asked = Instant::now();
    relay.running.terminate();
    let said = relay.running.wait().code(143).err();
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}: {said}", asked.elapsed());
    assert!(said.contains("a handler hangs. It is stopped now"), "{said}");
    assert!(said.contains("1 of ") && said.contains(" was lost"), "{said}");
}
