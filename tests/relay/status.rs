//! The relay's status, with `--status` and `--report`.

use std::sync::mpsc::{Sender, channel};

use rustix::process::Signal;
use serde_json::json;

use super::relay;
use crate::harness::{Listener, is_native, own_address, own_port, zlog};

#[test]
fn the_status_counts_messages_and_peers() {
    let relay = relay(&["--keep", "2"]);
    let listener = Listener::connect(&relay.publish, "app");
    relay.wait_for_peers(0, 1);
    relay.wait_for_prefixes(2);
    let args = ["emit", "-c", &relay.collect, "--wait", "60s", "-r", "app"];
    zlog(args).stdin("1\n2\n3\n").run().success();
    for _ in 0..3 {
        listener.next();
    }
    let status = relay.status();
    assert_eq!(status["forwarded"]["messages"], 3, "{status}");
    assert_eq!(status["keep"]["messages"], 2);
    assert_eq!(status["prefixes"], 2, "the subscriber's and that of --keep");
    let table = zlog(["relay", "--status", "--ask", &relay.ask]).run().success().out();
    assert!(table.contains("forwarded       3 messages"), "{table}");
    assert!(table.contains("publishes on"), "{table}");
    assert!(relay.end().contains("forwarded 3 messages in "));
}

/// The table shows the next step below the cause; JSON has the text unchanged.
#[test]
fn an_outage_is_shown_with_its_next_step_and_no_escapes() {
    let relay = relay(&["--syslog", "tcp://127.0.0.1:1"]);
    let args = ["emit", "-c", &relay.collect, "--wait", "60s"];
    zlog(args).stdin("1\n").run().success();
    let until = std::time::Instant::now() + crate::harness::DEADLINE;
    let outage = loop {
        if let Some(outage) = relay.status()["handlers"][0]["outage"].as_str() {
            break outage.to_owned();
        }
        assert!(std::time::Instant::now() < until, "{}", relay.status());
    };
    assert!(outage.contains("\n  Check that the daemon runs"), "{outage}");
    let table = zlog(["relay", "--status", "--ask", &relay.ask]).run().success().out();
    assert!(!table.contains("\\x0a"), "{table}");
    let shown: Vec<&str> = table.lines().skip_while(|line| !line.contains("fails: ")).collect();
    for (line, shown) in outage.lines().zip(shown) {
        assert!(shown.ends_with(line.trim()), "{line}\n{table}");
    }
}

#[test]
fn a_slow_subscriber_is_named_with_its_process() {
    if !is_native() {
        return;
    }
    let relay = relay(&["--hwm", "100"]);
    let mut stopped = zlog(["tail", &relay.publish, "-o", "text"]).start();
    relay.wait_for_peers(0, 1);
    let args = ["emit", "-c", &relay.collect, "--wait", "60s", "--no-detect"];
    let mut emit = zlog(args).stdin_open().start();
    emit.write("first\n");
    stopped.expect_stdout("first");
    assert_eq!(relay.status()["slow"], json!([]));
    stopped.signal(Signal::STOP);
    emit.write(format!("{}\n", "x".repeat(2000)).repeat(20_000));
    emit.close_stdin();
    emit.wait().success();
    relay.wait_until("messages are dropped", |status| {
        status["slow"][0]["dropped"].as_u64().is_some_and(|dropped| dropped > 0)
    });
    let named = format!("process {} at ", stopped.id());
    let status = relay.status();
    assert!(status["slow"][0]["peer"].as_str().unwrap().starts_with(&named), "{status}");
    let table = zlog(["relay", "--status", "--ask", &relay.ask]).run().success().out();
    assert!(table.lines().any(|line| line.trim_start().starts_with(&named)), "{table}");
    let top = zlog(["top", "--once", "--ask", &relay.ask, &relay.publish]).run().success().out();
    assert!(top.contains(&format!("  slow: {named}")), "{top}");
    stopped.signal(Signal::CONT);
    stopped.interrupt();
    stopped.wait().code(130);
}

/// Starts a server that answers the first question with this frame. Returns its endpoint, and
/// a sender: the server ends when that is dropped.
fn answering(answer: Vec<u8>) -> (String, Sender<()>) {
    let (stay, over) = channel();
    let context = zmq::Context::new();
    let socket = context.socket(zmq::ROUTER).expect("a socket");
    socket.bind(&own_address()).expect("a free port");
    let endpoint = socket.get_last_endpoint().expect("it is bound").expect("text");
    socket.set_rcvtimeo(20_000).expect("a socket");
    std::thread::spawn(move || {
        let question = socket.recv_multipart(0).expect("somebody asks");
        socket.send_multipart([&question[0], &answer], 0).expect("somebody asked");
        let _ = over.recv();
    });
    (endpoint, stay)
}

#[test]
fn no_answer_causes_a_panic_or_controls_the_terminal() {
    let long = "x".repeat(1 << 20);
    let evil = "\u{1b}]0;t\u{7}\u{9b}2J\u{202e}\u{7f}\n";
    let handlers = json!([{"name": long, "outage": evil}, {"name": evil, "lost": u64::MAX}]);
    let sides = json!([{"endpoint": long, "peers": usize::MAX}, {"endpoint": evil}]);
    let status = json!({
        "zlog": 1, "answer": "status", "version": evil, "uptime": 1e308, "handlers": handlers,
        "collect": sides, "publish": sides,
        "sources": [{"name": long, "remarks": [evil, long], "rate": -1e308}, {"name": "s"}],
        "keep": {"bytes": usize::MAX}, "forwarded": {"rate": 1e308, "bytes": u64::MAX},
    });
    for output in ["table", "json"] {
        let (endpoint, _stay) = answering(status.to_string().into_bytes());
        let args = ["relay", "--status", "--ask", &endpoint, "-o", output];
        let shown = zlog(args).run().success().out();
        assert!(shown.contains(&long), "the name is shown in full");
        let harmful = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!shown.contains(harmful), "{output}");
        assert!(shown.len() < 10 * status.to_string().len(), "{output}: {}", shown.len());
    }
    // Larger than the limit: an error, with the reason.
    let endless = format!("{{\"zlog\":1,\"answer\":\"status\",\"x\":\"{}\"}}", "x".repeat(9 << 20));
    let (endpoint, _stay) = answering(endless.into_bytes());
    let run = zlog(["relay", "--status", "--ask", &endpoint]).run().code(1);
    run.stderr_has("it was asked and has not answered within 3 s, or with more than 8M");
}

#[test]
fn a_line_is_printed_every_interval() {
    let mut relay = relay(&["--report", "20ms"]);
    for _ in 0..2 {
        relay.running.expect_stderr("0 messages (0/s), 0 in all; publishers 0, subscribers 0");
    }
}

#[test]
fn the_status_fails_with_the_reason_where_there_is_no_relay() {
    let publisher = crate::harness::Publisher::bind();
    let said = zlog(["relay", "--status", "--ask", &publisher.endpoint]).run().code(1).err();
    assert!(said.contains("no relay answers at"), "{said}");
    assert!(said.contains("what listens there is no relay's query endpoint"), "{said}");
    let said = zlog(["relay", "--status", &publisher.endpoint]).run().code(1).err();
    assert!(said.contains("If it publishes elsewhere: --status ENDPOINT"), "{said}");
    let nobody = format!("tcp://127.0.0.1:{}", own_port());
    let said = zlog(["relay", "--status", "--ask", &nobody]).run().code(1).err();
    assert!(said.contains("nothing listens there"), "{said}");
}
