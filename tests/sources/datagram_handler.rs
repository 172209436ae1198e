//! Python's `DatagramHandler`.

use std::net::UdpSocket;

use super::{ListeningEmit, program};
use crate::harness::python;

#[test]
fn records_of_a_program_are_published() {
    let Some(python) = python() else { return };
    let mut listening = ListeningEmit::open();
    let port = listening.port("DatagramHandler");
    program(&python, &["udp", &port, "app", "100"]).wait().success();
    let want: Vec<String> = (0..100).map(|number| format!("app record {number}")).collect();
    assert_eq!(listening.texts(100), want);
    listening.emit.interrupt();
    listening.emit.wait().code(130).stderr_has("100 records");
}

#[test]
fn bad_datagrams_are_counted_and_reported_and_good_ones_published() {
    let Some(python) = python() else { return };
    let mut listening = ListeningEmit::open();
    let port = listening.port("DatagramHandler");
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = format!("127.0.0.1:{port}");
    for bad in [&b""[..], b"\0\0\0\x09}.", b"<14>Nov 21 08:00:00 host app: syslog", &[0xff; 60_000]]
    {
        sender.send_to(bad, &to).unwrap();
    }
    listening.emit.expect_stderr("(0 bytes): it is too short");
    listening.emit.expect_stderr("(60000 bytes): it ends in the middle");
    program(&python, &["udp", &port, "app", "1"]).wait().success();
    assert_eq!(listening.texts(1), ["app record 0"]);
    listening.emit.terminate();
    listening.emit.wait().code(143).stderr_has("4 datagrams without a complete record");
}
