//! The limit on open files: raised, given back to children, reported when it is reached.

use std::io::ErrorKind::{TimedOut, WouldBlock};
use std::io::{Error, Read};
use std::net::TcpStream;
use std::process::Command;

use crate::harness::{ANY_PORT, DEADLINE, Input, Listener, RawSubscriber, Running, Zmtp};

/// `zlog` with these arguments, in a process that may open so many files: `ulimit`'s
/// own words.
#[track_caller]
fn with_limit(ulimit: &str, args: &[&str], input: Input) -> Running {
    let script = format!("ulimit -c 0; {ulimit}; exec \"$0\" \"$@\"");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_zlog")]).args(args);
    Running::start(shell, input)
}

#[test]
fn the_limit_is_raised_and_a_child_gets_the_one_that_zlog_was_given() {
    let limits = "ulimit -Sn; ulimit -Hn; grep 'open files' /proc/$PPID/limits";
    let both = "ulimit -Sn 300; ulimit -Hn 4000";
    let args = ["emit", "--bind", ANY_PORT, "--wait", "60s", "--", "sh", "-c", limits];
    let mut emit = with_limit(both, &args, Input::Empty);
    let listener = Listener::connect(&emit.endpoint(), "");
    let said: Vec<String> = (0..3)
        .map(|_| listener.next().json()["msg"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(said[..2], ["300", "4000"]);
    if cfg!(target_os = "linux") {
        assert_eq!(said[2].matches(" 4000 ").count(), 2, "{said:?}");
    }
    emit.wait().success().stderr_lacks("open files");
}

#[test]
fn a_command_that_a_handler_starts_gets_the_old_limit_too() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("limit");
    let handler = format!("sh -c 'ulimit -n > {}'", file.display());
    let args = ["tail", "--input", "-", "--exec", &handler];
    let both = "ulimit -Sn 300; ulimit -Hn 4000";
    with_limit(both, &args, Input::Bytes(b"x\n".to_vec())).wait().success();
    assert_eq!(std::fs::read_to_string(file).unwrap(), "300\n");
}

#[test]
fn a_limit_too_low_to_run_with_is_an_error_and_no_abort() {
    for limit in [7, 8, 10, 11, 24, 26, 30] {
        for args in [&["emit", "-m", "x"][..], &["tail", "--last", "1"], &["relay"], &["demo"]] {
            let run = with_limit(&format!("ulimit -n {limit}"), args, Input::Empty).wait().code(1);
            let name = args[0];
            run.stderr_has(&format!("zlog {name}: the limit on open files is {limit}"))
                .stderr_has("\n  Raise it: `ulimit -n 4096`");
        }
    }
}

#[test]
fn a_command_runs_to_its_end_though_the_limit_is_too_low_to_publish() {
    let args = ["emit", "--", "sh", "-c", "echo line; exit 5"];
    let run = with_limit("ulimit -n 30", &args, Input::Empty).wait().code(5);
    run.stderr_has("the limit on open files is 30").stderr_has("1 record not published");
}

#[test]
fn a_low_limit_that_cannot_be_raised_is_told_once() {
    let args = ["emit", "--bind", ANY_PORT, "--wait", "0s", "-m", "x"];
    let emit = with_limit("ulimit -n 100", &args, Input::Empty).wait().success();
    assert_eq!(emit.err().matches("the limit on open files is 100").count(), 1);
    assert!(emit.err().contains("LimitNOFILE="), "{}", emit.err());

    let args = ["emit", "--bind", ANY_PORT, "--listen", "127.0.0.1:0", "--wait", "0s"];
    let mut emit = with_limit("ulimit -n 600", &args, Input::Empty);
    emit.expect_stderr("too low for 1000 clients (--max-clients)");
    emit.terminate();
    emit.wait().code(143);
}

#[test]
fn descriptors_that_run_out_are_told_once_and_those_connected_are_served() {
    let args = ["emit", "--bind", ANY_PORT, "--wait", "60s"];
    let mut emit = with_limit("ulimit -n 80", &args, Input::Open);
    let endpoint = emit.endpoint();
    let listener = Listener::connect(&endpoint, "");
    emit.write("before\n");
    assert_eq!(listener.next().json()["msg"], "before");
    let address = endpoint.trim_start_matches("tcp://");
    let crowd: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(address).unwrap()).collect();
    let report = emit.expect_stderr("new connections are closed");
    let connections = report.split(" connections").next().and_then(|text| text.rsplit(' ').next());
    let connections: usize = connections.unwrap().parse().unwrap();
    assert!((30..80).contains(&connections), "{report}");
    emit.write("during\n");
    assert_eq!(listener.next().json()["msg"], "during");
    drop(crowd);
    emit.write("after\n");
    assert_eq!(listener.next().json()["msg"], "after");
    let emit = emit.wait().success();
    assert_eq!(emit.err().matches("new connections are closed").count(), 1, "{}", emit.err());
}

#[test]
fn a_peer_beyond_the_limit_is_hung_up_on_and_does_not_wait_to_be_let_in() {
    let args = ["emit", "--bind", ANY_PORT, "--wait", "60s"];
    let mut emit = with_limit("ulimit -n 80", &args, Input::Open);
    let endpoint = emit.endpoint();
    let listener = Listener::connect(&endpoint, "");
    emit.write("before\n");
    assert_eq!(listener.next().json()["msg"], "before");
    let mut crowd = Vec::new();
    for number in 0..100 {
        let peer = RawSubscriber::try_connect(&endpoint, Zmtp::Three(0));
        // While a peer waits to be accepted, libzmq retries in a tight loop.
        let waits = |error: &Error| matches!(error.kind(), WouldBlock | TimedOut);
        assert!(!peer.as_ref().is_err_and(waits), "peer {number} waits");
        crowd.push(peer);
    }
    // There are 80 descriptors, and zlog has some of them itself.
    crowd.drain(80..).flatten().for_each(RawSubscriber::expect_end);
    emit.expect_stderr("new connections are closed");
    emit.write("during\n");
    assert_eq!(listener.next().json()["msg"], "during");
    drop(crowd);
    emit.wait().success();
}

#[cfg(unix)]
#[test]
fn a_crowd_beyond_the_limit_is_hung_up_on_over_ipc_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let endpoint = format!("ipc://{}", path.display());
    let args = ["emit", "--bind", &endpoint, "--wait", "60s"];
    let mut emit = with_limit("ulimit -n 80", &args, Input::Open);
    emit.endpoint();
    let listener = Listener::connect(&endpoint, "");
    emit.write("before\n");
    assert_eq!(listener.next().json()["msg"], "before");
    // More at once than there are descriptors: accepting them fails.
    let connect = |_| std::os::unix::net::UnixStream::connect(&path).unwrap();
    let mut crowd: Vec<_> = (0..300).map(connect).collect();
    for peer in &mut crowd[80..] {
        peer.set_read_timeout(Some(DEADLINE)).unwrap();
        // The greeting of those that were accepted first, or a reset.
        let _ = peer.read_to_end(&mut Vec::new());
    }
    emit.expect_stderr("new connections are closed");
    emit.write("during\n");
    assert_eq!(listener.next().json()["msg"], "during");
    emit.wait().success();
}
