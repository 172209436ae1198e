//! Host names: lookups that block nothing, and connections that follow the address.
//!
//! Each `zlog` has a mount namespace with an `/etc/hosts` and a name server of the test, which
//! takes root.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use crate::harness::{
    ANY_PORT, Input, Listener, Publisher, Running, clear_environment, left_out, own_address,
};

/// Time limit for anything but a lookup that only the name server could answer, on a busy
/// machine: see [`Resolver::silent`].
const SOON: Duration = Duration::from_secs(40);

/// The resolver configuration of a `zlog`.
struct Resolver {
    directory: tempfile::TempDir,
    /// Bound and never read: lookups get no answer.
    _server: UdpSocket,
}

impl Resolver {
    /// Resolves the names in `hosts`, which has the format of `/etc/hosts`. For others it asks
    /// a name server that does not answer, twice with 30 s each. `None`, and a message on
    /// standard error, where this is not possible.
    fn silent(hosts: &str) -> Option<Resolver> {
        Resolver::new(hosts, "timeout:30 attempts:2")
    }

    /// The same, but the resolver gives up after a second.
    fn impatient(hosts: &str) -> Option<Resolver> {
        Resolver::new(hosts, "timeout:1 attempts:1")
    }

    fn new(hosts: &str, options: &str) -> Option<Resolver> {
        let Some((server, address)) = name_server() else {
            return left_out("root", "no socket may be bound to the port of a name server");
        };
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        file("hosts", hosts);
        file("resolv.conf", &format!("nameserver {address}\noptions {options}\n"));
        file("nsswitch.conf", "hosts: files dns\n");
        let resolver = Resolver { directory, _server: server };
        let tried = Running::start(resolver.command("true", &[]), Input::Empty).wait();
        if tried.err().is_empty() {
            return Some(resolver);
        }
        left_out("mount namespace", tried.err().trim())
    }

    /// Replaces the known names.
    fn set_hosts(&self, hosts: &str) {
        // Written in place: a new file would not be the one that is mounted.
        fs::write(self.directory.path().join("hosts"), hosts).unwrap();
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mount = "for file in hosts resolv.conf nsswitch.conf; do \
                     [ ! -e /etc/$file ] || mount --bind \"$0/$file\" /etc/$file || exit; done; \
                     exec \"$@\"";
        let mut command = Command::new("unshare");
        clear_environment(&mut command);
        command.args(["--mount", "sh", "-c", mount]).arg(self.directory.path());
        command.arg(program).args(args);
        command
    }

    fn zlog(&self, args: &[&str], input: Input) -> Running {
        Running::start(self.command(env!("CARGO_BIN_EXE_zlog"), args), input).with_deadline(SOON)
    }
}

/// Port 53 of a loopback address of its own.
fn name_server() -> Option<(UdpSocket, Ipv4Addr)> {
    static TAKEN: AtomicU8 = AtomicU8::new(0);
    let [.., high, low] = std::process::id().to_be_bytes();
    let number = TAKEN.fetch_add(1, Ordering::Relaxed);
    let address = Ipv4Addr::new(127, 1 + high % 254, low, 255 - number);
    UdpSocket::bind((address, 53)).ok().map(|server| (server, address))
}

/// An endpoint where nothing listens, with a host name.
fn nowhere(name: &str) -> String {
    format!("tcp://{name}:9")
}

/// The port of an endpoint.
fn port(endpoint: &str) -> &str {
    endpoint.rsplit_once(':').unwrap().1
}

/// Whether the machine has IPv6.
fn has_ipv6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
        || left_out::<()>("IPv6", "the loopback interface has no ::1").is_some()
}

#[test]
fn a_silent_name_server_does_not_block_other_endpoints_of_a_tail() {
    let Some(resolver) = Resolver::silent("") else { return };
    let publisher = Publisher::bind();
    let slow = nowhere("slow.example");
    let args = ["tail", "-o", "text", &publisher.endpoint, &slow];
    let mut tail = resolver.zlog(&args, Input::Empty);
    publisher.wait_for_subscription();
    for number in 0..3 {
        publisher.send(["app.INFO", &format!("record {number}")]);
        tail.expect_stdout(&format!("record {number}"));
    }
    let why = format!("the host of {slow} is not found: no name server has answered yet");
    tail.expect_stderr(&why);
    tail.terminate();
    tail.wait().code(143);
}

#[test]
fn a_silent_name_server_does_not_block_emitters_or_relays() {
    let Some(resolver) = Resolver::silent("") else { return };
    let slow = nowhere("slow.example");
    let args = ["relay", "-b", ANY_PORT, "-c", &slow, "--publish-bind", ANY_PORT];
    let mut relay = resolver.zlog(&args, Input::Empty);
    let bound = relay.endpoints(2);
    let listener = Listener::connect(&bound[1], "");
    let args = ["emit", "-c", &bound[0], "-c", &slow, "--wait", "30s"];
    let mut emit = resolver.zlog(&args, Input::Open);
    for number in 0..3 {
        emit.write(format!("record {number}\n"));
        assert_eq!(listener.next().json()["msg"], format!("record {number}"));
    }
    for mut running in [emit, relay] {
        running.terminate();
        running.wait().code(143);
    }
}

#[test]
fn a_signal_ends_a_command_that_waits_for_a_lookup() {
    let Some(resolver) = Resolver::silent("") else { return };
    let slow = nowhere("slow.example");
    for args in [
        &["tail", &slow][..],
        &["tail", "--last", "5", &slow],
        &["emit", "-c", &slow, "-m", "x", "--wait", "1h"],
        &["emit", "-b", "tcp://slow.example:0", "-m", "x"],
        &["emit", "-b", ANY_PORT, "--wait", "0s", "--listen", "slow.example:0"],
        &["relay", "--status", &slow],
    ] {
        let mut running = resolver.zlog(args, Input::Empty);
        running.wait_for_thread("zlog-resolve");
        running.terminate();
        running.wait().code(143);
    }
}

#[test]
fn handlers_with_an_unknown_host_do_not_delay_the_end_beyond_the_linger() {
    let Some(resolver) = Resolver::silent("") else { return };
    let publisher = Publisher::bind();
    let syslog = "udp://slow.example,timeout=100ms";
    let smtp = "smtp://slow.example,to=me@example.org,every=1ms,timeout=100ms";
    let args = ["tail", "-o", "text", "--console", "--linger", "1s", &publisher.endpoint];
    let args = [&args[..], &["--syslog", syslog, "--smtp", smtp]].concat();
    let mut tail = resolver.zlog(&args, Input::Empty);
    publisher.wait_for_subscription();
    publisher.send(["app.INFO", "record"]);
    tail.expect_stdout("record");
    for handler in ["syslog udp://slow.example:514", "mail server slow.example:25"] {
        let said = tail.expect_stderr(handler);
        assert!(
            said.contains("looking up slow.example: no name server has answered yet"),
            "{said}"
        );
    }
    tail.terminate();
    tail.wait().code(143);
}

#[test]
fn all_addresses_of_a_name_are_tried_in_turn() {
    let publisher = Publisher::bind_at(&own_address());
    let (address, port) = publisher.endpoint.trim_start_matches("tcp://").rsplit_once(':').unwrap();
    let hosts = format!("127.0.0.1 two.example\n{address} two.example\n");
    let Some(resolver) = Resolver::silent(&hosts) else { return };
    let args = ["tail", "-o", "text", &format!("tcp://two.example:{port}")];
    let mut tail = resolver.zlog(&args, Input::Empty);
    publisher.wait_for_subscription();
    publisher.send(["app.INFO", "found"]);
    tail.expect_stdout("found");
}

#[test]
fn a_name_is_tried_over_ipv4_and_then_over_ipv6() {
    if !has_ipv6() {
        return;
    }
    let hosts = "127.0.0.1 both.example\n::1 both.example six.example\n";
    let Some(resolver) = Resolver::silent(hosts) else { return };
    let args = ["emit", "-b", "tcp://six.example:*", "--wait", "60s"];
    let mut emit = resolver.zlog(&args, Input::Open);
    let bound = emit.endpoint();
    assert!(bound.starts_with("tcp://[::1]:"), "{bound}");
    let args = ["tail", "-o", "text", &format!("tcp://both.example:{}", port(&bound))];
    let mut tail = resolver.zlog(&args, Input::Empty);
    emit.write("over IPv6\n");
    tail.expect_stdout("over IPv6");
}

#[test]
fn a_name_that_appears_later_or_changes_its_address_is_followed() {
    let Some(resolver) = Resolver::impatient("") else { return };
    let [first, second] =
        [own_address(), own_address()].map(|address| Publisher::bind_at(&address));
    let address = |publisher: &Publisher| {
        let address = publisher.endpoint.trim_start_matches("tcp://").rsplit_once(':');
        address.unwrap().0.to_owned()
    };
    let port = port(&first.endpoint).to_owned();
    let moved = address(&second);
    drop(second);
    let there = format!("tcp://late.example:{port}");
    let mut tail = resolver.zlog(&["tail", "-o", "text", &there], Input::Empty);
    tail.expect_stderr(&format!("the host of {there} is not found: "));
    resolver.set_hosts(&format!("{} late.example\n", address(&first)));
    first.wait_for_subscription();
    first.send(["app.INFO", "appeared"]);
    tail.expect_stdout("appeared");
    resolver.set_hosts(&format!("{moved} late.example\n"));
    let second = Publisher::bind_at(&format!("tcp://{moved}:{port}"));
    drop(first);
    second.wait_for_subscription();
    second.send(["app.INFO", "moved"]);
    tail.expect_stdout("moved");
}

#[test]
fn a_host_given_by_name_and_by_address_is_subscribed_to_once() {
    let publisher = Publisher::bind();
    let Some(resolver) = Resolver::silent("127.0.0.1 one.example\n") else { return };
    let by_name = format!("tcp://one.example:{}", port(&publisher.endpoint));
    let args = ["tail", "-o", "text", "-n", "2", &by_name, &publisher.endpoint];
    let tail = resolver.zlog(&args, Input::Empty);
    publisher.report_all();
    publisher.wait_for_subscription();
    // A second connection would have been made at the same time.
    assert_eq!(publisher.next_change(Duration::from_secs(1)), None);
    for text in ["one", "two"] {
        publisher.send(["app.INFO", text]);
    }
    tail.wait().success().stdout("one\ntwo\n");
}
