//! Addresses and flags.

use std::net::{TcpListener, UdpSocket};

use crate::harness::{ANY_PORT, zlog};

#[test]
fn other_machines_are_allowed_only_with_allow_remote() {
    for flag in ["--listen", "--listen-udp"] {
        let refused = zlog(["emit", "-b", ANY_PORT, flag, "0.0.0.0:0"]).run().code(2);
        refused.stderr_has("--allow-remote").stderr_has("anyone who reaches the port");
        let mut emit = zlog(["emit", "-b", ANY_PORT, flag, "0.0.0.0:0", "--allow-remote"]).start();
        emit.expect_stderr("listening on 0.0.0.0:");
        emit.interrupt();
        emit.wait().code(130);
    }
    zlog(["emit", "--allow-remote", "-m", "x"]).run().code(2).stderr_has("--listen");
}

#[test]
fn an_address_in_use_or_invalid_is_reported_with_the_next_step() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = zlog(["emit", "-b", ANY_PORT, "--listen", &address]).run().code(1);
    refused.stderr_has(&format!("listening on {address}: address already in use"));
    for (bad, hint) in [("tcp://127.0.0.1:9020", "HOST:PORT"), ("127.0.0.1:x", "65535")] {
        zlog(["emit", "--listen", bad]).run().code(2).stderr_has(hint);
    }
    zlog(["emit", "--listen", "no such host:1"]).run().code(2).stderr_has("not a host");
}

#[test]
fn nothing_is_bound_or_announced_if_another_address_is_refused() {
    let (taken, datagrams) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let taken = taken.local_addr().unwrap().to_string();
    let datagrams = datagrams.local_addr().unwrap().to_string();
    let publish = format!("tcp://{taken}");
    let mut refused = vec![
        ["--listen", &taken, "1"],
        ["--listen-udp", &datagrams, "1"],
        ["--listen", "0.0.0.0:0", "2"],
    ];
    if cfg!(feature = "otlp") {
        refused.extend([["--otlp-listen", &taken, "1"], ["--otlp-listen", "0.0.0.0:0", "2"]]);
    }
    let relay = ["relay", "-b", ANY_PORT, "--publish-bind", ANY_PORT, "--no-ask"];
    for [option, address, code] in refused {
        let code = code.parse().unwrap();
        for command in [&["emit", "-b", ANY_PORT][..], &relay] {
            let ended = zlog(command).args([option, address]).run().code(code);
            ended.stderr_lacks("bound").stderr_has("listening on ");
        }
    }
    for option in ["--ask", "--publish"] {
        let relay = if option == "--ask" { &relay[..5] } else { &relay };
        let ended = zlog(relay).args([option, &publish]).run().code(1);
        ended.stderr_lacks("bound tcp").stderr_has("address already in use");
    }
}

#[test]
fn several_addresses_are_each_listened_on() {
    let args =
        ["emit", "-b", ANY_PORT, "--listen", "0", "--listen", "localhost:0", "--listen-udp", "0"];
    let mut emit = zlog(args).start();
    emit.expect_stderr("for Python's DatagramHandler");
    emit.terminate();
    let emit = emit.wait().code(143);
    assert_eq!(emit.err().matches("for Python's SocketHandler").count(), 2, "{}", emit.err());
}

#[test]
fn listening_excludes_other_sources() {
    for other in [&["-m", "x"][..], &["--test", "1"], &["--", "ls"]] {
        zlog(["emit", "--listen", "0"]).args(other).run().code(2).stderr_has("cannot be used with");
    }
}
