//! How a relay stands: asked, and told now and then.

use super::relay;
use crate::harness::{Listener, own_address, zlog};

#[test]
fn the_status_counts_what_passed_and_who_is_there() {
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
    assert_eq!(status["prefixes"], 2, "the subscriber's and the one for what is kept");
    let table = zlog(["relay", "--status", "--ask", &relay.ask]).run().success().out();
    assert!(table.contains("forwarded      3 messages"), "{table}");
    assert!(table.contains("publishes on"), "{table}");
    assert!(relay.end().contains("forwarded 3 messages in "));
}

/// In the table the next step stands below the cause; to programs both are as they were.
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
fn a_line_is_printed_every_interval() {
    let mut relay = relay(&["--report", "20ms"]);
    for _ in 0..2 {
        relay.running.expect_stderr("0 messages (0.0/s), 0 in all; publishers 0, subscribers 0");
    }
}

#[test]
fn where_no_relay_is_the_status_fails_with_the_reason() {
    let publisher = crate::harness::Publisher::bind();
    let said = zlog(["relay", "--status", "--ask", &publisher.endpoint]).run().code(1).err();
    assert!(said.contains("no relay answers at"), "{said}");
    let said = zlog(["relay", "--status", &publisher.endpoint]).run().code(1).err();
    assert!(said.contains("and that is --status --ask ENDPOINT"), "{said}");
    let free = {
        let address = own_address().replace("tcp://", "").replace('*', "0");
        let listener = std::net::TcpListener::bind(address).expect("a port");
        format!("tcp://{}", listener.local_addr().expect("an address"))
    };
    let said = zlog(["relay", "--status", "--ask", &free]).run().code(1).err();
    assert!(said.contains("nothing listens there"), "{said}");
}
