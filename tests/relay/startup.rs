//! A relay that refuses to start, and why.

use crate::harness::{ANY_PORT, Publisher, zlog};

#[test]
fn errors_of_the_command_line_are_reported_at_startup() {
    for (args, says) in [
        (
            &["-b", "tcp://127.0.0.1:5", "--publish-bind", "tcp://127.0.0.1:5"][..],
            "can't collect from and publish on the same endpoint: tcp://127.0.0.1:5",
        ),
        (
            &["-c", "tcp://localhost:5", "--publish-bind", "tcp://*:5"],
            "same endpoint: tcp://localhost:5",
        ),
        (
            &["-c", "tcp://127.0.0.1:12345"],
            "\n  It is the default endpoint to publish on: choose another one, such as \
             --publish-bind tcp://127.0.0.1:12346.",
        ),
        (
            &["--publish-bind", "tcp://127.0.0.1:12344"],
            "\n  It is the default endpoint to collect on",
        ),
        (
            &["-c", "tcp://127.0.0.1:5", "--endpoint", "tcp://127.0.0.1:5"],
            "\n  It is the endpoint to publish on by --endpoint (ZLOG_ENDPOINT)",
        ),
        (
            &["-b", "tcp://127.0.0.1:5", "--publish", "tcp://localhost:5,connect"],
            "would send records back to their source: tcp://127.0.0.1:5\n  They would circulate endlessly.",
        ),
        (&["-b", "localhost"], "An endpoint looks like tcp://127.0.0.1:12345."),
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
fn invalid_addresses_are_reported_before_anything_is_bound() {
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
fn a_relay_whose_endpoints_another_one_wants_reports_no_refused_peer() {
    let mut first = super::relay(&["--verbose"]);
    for (option, taken) in [("-b", &first.collect), ("-p", &first.publish)] {
        let second = zlog(["relay", "-b", ANY_PORT, "-p", ANY_PORT, option, taken]).run().code(1);
        second.stderr_has("relay");
        first.running.expect_stderr(&format!("{taken}: disconnected"));
    }
    first.running.terminate();
    first.running.wait().stderr_lacks("refused").stderr_lacks("handshake failed");
}

#[test]
fn a_second_relay_is_told_which_ports_it_needs_and_runs_with_them() {
    let first = super::relay(&[]);
    let second = |ports: [&str; 4]| zlog(["relay", "--no-ask"]).args(ports);
    let advice = "Another subscriber has bound it, most likely another `zlog relay`. A second one \
                  needs ports of its own: --bind 0 --publish-bind 0.";
    let refused = second(["--bind", &first.collect, "--publish-bind", "0"]).run().code(1);
    refused
        .stderr_has(&format!("can't bind {}: address already in use\n  {advice}", first.collect))
        .stderr_lacks("bound tcp");
    let refused = second(["--bind", "0", "--publish-bind", &first.publish]).run().code(1);
    refused
        .stderr_has("Another publisher or relay has bound it: publish on a free port")
        .stderr_has(&format!("collect from it (--connect {})", first.publish));
    let mut second = second(["--bind", "0", "--publish-bind", "0"]).start();
    assert_eq!(second.endpoints(2).len(), 2);
}

#[test]
fn an_endpoint_in_use_is_reported_with_the_option_for_another_one() {
    let holder = Publisher::bind();
    let taken: &str = &holder.endpoint;
    for (args, says) in [
        (&["-b", ANY_PORT, "-p", taken][..], "publish on a free port (--publish-bind 0)"),
        (&["-b", taken, "-p", ANY_PORT], "collect from it with --connect tcp://127.0.0.1:"),
        (&["-b", ANY_PORT, "-p", ANY_PORT, "--ask", taken], "--ask sets another one"),
        (&["-b", ANY_PORT, "-p", ANY_PORT, "--publish", taken], "publish on a free port"),
    ] {
        let said = zlog(["relay"]).args(args).run().code(1).err();
        let in_use = said.contains(&format!("can't bind {taken}: address already in use"));
        assert!(in_use && said.contains(says), "{args:?}: {said}");
    }
}

#[test]
fn a_relay_that_collects_from_python_or_stdin_alone_says_how_to_collect_from_emit() {
    let own = ["relay", "--publish-bind", ANY_PORT, "--no-ask", "--listen", "127.0.0.1:0"];
    let hint = "collects only from --listen: `zlog emit` does not send to this relay";
    let mut relay = zlog(own).start();
    assert!(relay.expect_stderr(hint).contains("add --bind 12344"));
    for more in [&["-q"][..], &["--bind", ANY_PORT]] {
        let mut relay = zlog(own).args(more).start();
        relay.expect_stderr("publishing, bound");
        relay.terminate();
        relay.wait().stderr_lacks("collects only");
    }
}
