//! How a relay ends, and what it refuses to begin with.

use super::relay;
use crate::harness::{ANY_PORT, Listener, Publisher, zlog};

#[test]
fn what_has_come_is_sent_on_before_it_ends() {
    const RECORDS: usize = 20_000;
    let mut relay = relay(&["--on-full", "block"]);
    let listener = Listener::connect(&relay.publish, "");
    relay.wait_for_peers(0, 1);
    let lines = "hello\n".repeat(RECORDS);
    let args = ["emit", "-c", &relay.collect, "--wait", "60s", "--linger", "60s"];
    // It ends when everything has gone out to the relay.
    zlog(args).stdin(lines).run().success();
    relay.running.terminate();
    let messages = listener.everything();
    let said = relay.running.wait().code(143).err();
    assert_eq!(messages.len(), RECORDS, "{said}");
    assert!(said.contains(&format!("forwarded {RECORDS} messages in ")), "{said}");
}

#[test]
fn what_the_system_has_received_is_sent_on_before_it_ends() {
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
    // Ends when the system has taken all of it.
    drop((publisher, context));
    relay.running.terminate();
    relay.running.signal(rustix::process::Signal::CONT);
    let messages = listener.everything();
    let said = relay.running.wait().code(143).err();
    assert_eq!(messages.len(), RECORDS, "{said}");
}

#[test]
fn publishers_without_end_and_a_slow_handler_do_not_hold_up_the_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let handler = format!("{},sync", directory.path().join("app.log").display());
    let mut relay = relay(&["--linger", "200ms", "--file", &handler]);
    let emit = ["emit", "-c", &relay.collect, "--test", "--wait", "60s", "-q"];
    let _endless = [zlog(emit).start(), zlog(emit).start()];
    relay.wait_until("busy", |status| status["forwarded"]["messages"].as_u64() > Some(500));
    let asked = std::time::Instant::now();
    relay.running.terminate();
    relay.running.wait().code(143);
    // Some seconds at most on a busy machine. Taking all that may have come took minutes.
    assert!(asked.elapsed() < std::time::Duration::from_secs(30), "{:?}", asked.elapsed());
}

#[test]
fn what_has_come_waits_for_a_full_queue_until_the_linger_is_over() {
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
fn a_subscriber_that_takes_nothing_does_not_hold_up_the_end() {
    let mut relay = relay(&["--on-full", "block", "--hwm", "10", "--linger", "200ms"]);
    let mut stopped = zlog(["tail", &relay.publish, "--hwm", "1", "-q"]).start();
    relay.wait_for_peers(0, 1);
    stopped.signal(rustix::process::Signal::STOP);
    let args = ["emit", "-c", &relay.collect, "--wait", "60s", "--on-full", "drop", "-q"];
    let line = format!("{}\n", "x".repeat(10_000)).repeat(3000);
    // It may lose what it can not send: that is its own affair.
    let _ = zlog(args).args(["--linger", "100ms"]).stdin(line).run();
    relay.running.interrupt();
    let said = relay.running.wait().code(130).err();
    assert!(said.contains("did not take everything in time"), "{said}");
    assert!(said.contains("; dropped "), "what came and went no further: {said}");
    stopped.signal(rustix::process::Signal::CONT);
}

#[test]
fn it_says_what_is_wrong_before_it_begins() {
    for (args, says) in [
        (
            &["-b", "tcp://127.0.0.1:5", "--publish-bind", "tcp://127.0.0.1:5"][..],
            "is to collect from",
        ),
        (
            &["-c", "tcp://localhost:5", "--publish-bind", "tcp://*:5"],
            "tcp://localhost:5 is to collect from and to publish on",
        ),
        (
            &["-c", "tcp://127.0.0.1:12345"],
            "publish on\n  It is where a relay publishes unless told otherwise: name another place, \
             as --publish-bind tcp://127.0.0.1:12346.",
        ),
        (
            &["--publish-bind", "tcp://127.0.0.1:12344"],
            "publish on\n  It is where a relay collects unless told otherwise",
        ),
        (
            &["-c", "tcp://127.0.0.1:5", "--endpoint", "tcp://127.0.0.1:5"],
            "publish on\n  It is where --endpoint (ZLOG_ENDPOINT) says to publish",
        ),
        (&["-b", "localhost:5"], "Did you mean tcp://localhost:5?"),
        (&["--keep", "0"], "must be at least 1"),
        (&["--keep-bytes", "1M"], "--keep"),
        (&["--status", "tcp://127.0.0.1:65535"], "--ask ENDPOINT"),
        (&["-b", ANY_PORT, "--publish-connect", "tcp://127.0.0.1:5", "--keep", "1"], "--ask"),
    ] {
        let said = zlog(["relay"]).args(args).run().code(2).err();
        assert!(said.contains(says), "{args:?}: {said}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = format!("tcp://{}", taken.local_addr().expect("an address"));
    let ports = ["relay", "-b", ANY_PORT, "--publish-bind", ANY_PORT];
    let said = zlog(ports).args(["--ask", &taken]).run().code(1).err();
    assert!(said.contains("address already in use") && said.contains("--ask"), "{said}");
}

#[test]
fn a_place_that_can_not_be_is_told_before_anything_is_bound() {
    let relay = ["relay", "--bind", ANY_PORT, "--publish-bind", ANY_PORT];
    for (args, says) in [
        (["--listen", "no-such-host.invalid"], "\n  Check its spelling, or write an address"),
        (["--listen-udp", "0.0.0.0:0"], "--allow-remote"),
        (["--ask", "nowhere"], "\n  An endpoint looks like"),
    ] {
        let refused = zlog(relay).args(args).run().stderr_has(says).stderr_lacks("bound");
        refused.stderr_lacks("forwarded");
    }
}

#[test]
fn an_endpoint_that_another_program_has_is_told_with_the_option_that_names_another() {
    let holder = Publisher::bind();
    let taken: &str = &holder.endpoint;
    for (args, says) in [
        (&["-b", ANY_PORT, "-p", taken][..], "or a publisher: --publish-bind another port"),
        (&["-b", taken, "-p", ANY_PORT], "another `zlog relay`: --bind another port"),
        (&["-b", ANY_PORT, "-p", ANY_PORT, "--ask", taken], "--ask names another one"),
        (&["-b", ANY_PORT, "-p", ANY_PORT, "--publish", taken], "publish on another port"),
    ] {
        let said = zlog(["relay"]).args(args).run().code(1).err();
        let in_use = said.contains(&format!("can't bind {taken}: address already in use"));
        assert!(in_use && said.contains(says), "{args:?}: {said}");
    }
}
