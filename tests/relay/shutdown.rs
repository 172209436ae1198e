//! How a relay ends.

use super::relay;
use crate::harness::{Listener, zlog};

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
    let mut relay = relay(&["--on-full", "block", "--hwm", "10", "--linger", "200ms"]);
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
