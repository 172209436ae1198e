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
    let free = {
        let address = own_address().replace("tcp://", "").replace('*', "0");
        let listener = std::net::TcpListener::bind(address).expect("a port");
        format!("tcp://{}", listener.local_addr().expect("an address"))
    };
    let said = zlog(["relay", "--status", "--ask", &free]).run().code(1).err();
    assert!(said.contains("nothing listens there"), "{said}");
}
