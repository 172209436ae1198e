//! Keys in use: who gets through, who does not, and what both sides say.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{Machine, text};
use crate::harness::{Input, Python, Running, python};

/// The endpoint that reaches what was bound for other machines, from this one.
fn here(running: &mut Running) -> String {
    running.endpoint().replace("0.0.0.0", "127.0.0.1")
}

/// Lets two machines connect to each other, as if each had got the other's key.
pub(super) fn trust(server: &Machine, client: &Machine, rights: &[&str]) {
    server.keygen(&[&["--trust", &client.public()], rights].concat());
    client.keygen(&["--trust", &server.public(), "--host", "127.0.0.1"]);
}

pub(super) fn native(machine: &Machine, args: &[&str]) -> crate::harness::Zlog {
    machine.zlog(args).env("ZLOG_ENGINE", "native")
}

pub(super) const EXPOSED: &str = "tcp://0.0.0.0:0";

#[test]
fn machines_that_trust_each_other_send_encrypted_records_whichever_binds() {
    let (server, client) = (Machine::named("logs"), Machine::named("web1"));
    trust(&server, &client, &[]);
    let key = text(server.path().join("machine.key"));
    for bind in [&["--bind", EXPOSED][..], &["--bind", "tcp://127.0.0.1:0", "--key", &key]] {
        let tail = ["tail", "-o", "text", "-n", "1"];
        let mut tail = native(&server, &tail).args(bind).start();
        let at = here(&mut tail);
        let emit = ["emit", "--wait", "60s", "-m", "up", "--connect", &at];
        native(&client, &emit).run().success();
        tail.wait().success().stdout("up\n");

        let mut emit = native(&server, &["emit", "--wait", "60s", "-m", "down"]).args(bind).start();
        let at = here(&mut emit);
        let tail = native(&client, &["tail", "-o", "text", "-n", "1", "--connect", &at]).run();
        tail.success().stdout("down\n");
        emit.wait().success();
    }
}

#[test]
fn a_process_of_the_same_machine_needs_no_entry_to_reach_an_encrypted_port() {
    let machine = Machine::named("logs");
    let mut tail = native(&machine, &["tail", "-o", "text", "-n", "1", "--bind", EXPOSED]).start();
    let at = here(&mut tail);
    native(&machine, &["emit", "--wait", "60s", "-m", "x", "--connect", &at]).run().success();
    tail.wait().success().stdout("x\n");
}

#[test]
fn strangers_are_refused_and_named_on_both_sides_with_the_next_step() {
    let (server, client) = (Machine::named("logs"), Machine::named("web1"));
    let other = Machine::named("other");
    let fingerprint = |machine: &Machine| {
        machine.keygen(&["--list"]).split_whitespace().nth(1).unwrap().to_owned()
    };
    // A client without a key for this server; one that the server does not know; and one that
    // expects another key.
    for (prepare, at_server, at_client) in [
        (None, "it does not encrypt".to_owned(), "it asks for encryption".to_owned()),
        (
            Some(&server),
            format!("its key {} is not trusted", fingerprint(&client)),
            format!("does not trust this machine's key ({})", fingerprint(&client)),
        ),
        (
            Some(&other),
            "it expects another key".to_owned(),
            format!("its key is not the one known here ({})", fingerprint(&other)),
        ),
    ] {
        if let Some(known) = prepare {
            client.keygen(&["--trust", &known.public(), "--host", "127.0.0.1"]);
        }
        let mut tail = native(&server, &["tail", "-o", "text", "--bind", EXPOSED]).start();
        let at = here(&mut tail);
        // Its own key must not be that of the server.
        let emit = native(&client, &["emit", "--wait", "3s", "-m", "secret", "--connect", &at]);
        let emit = emit.run();
        assert!(emit.err().contains(&at_client) && emit.err().contains("keygen"), "{}", emit.err());
        let said = tail.expect_stderr(&at_server);
        assert!(said.contains("refused 127.0.0.1 at ") && said.contains("keygen"), "{said}");
        tail.terminate();
        let ended = tail.wait().code(143).stdout("");
        if prepare.is_some() {
            // Nobody asks without encryption what has refused the client.
            ended.stderr_lacks("does not encrypt");
        }

        let args = ["emit", "--wait", "60s", "--test", "--bind", EXPOSED];
        let mut emit = native(&server, &args).start();
        let at = here(&mut emit);
        let mut tail = native(&client, &["tail", "-o", "text", "--connect", &at]).start();
        let said = match prepare {
            // It comes again with the key of its own machine.
            None => emit.expect_stderr(" at 127.0.0.1: it "),
            Some(_) => emit.expect_stderr(&at_server),
        };
        assert!(said.contains("keygen"), "{said}");
        tail.expect_stderr(&at_client);
        tail.terminate();
        tail.wait().code(143).stdout("");
        emit.terminate();
        let _ = emit.wait();
    }
}

#[test]
fn a_revoked_client_is_disconnected_while_running_and_admitted_again_when_it_is_trusted_again() {
    let (server, client) = (Machine::named("logs"), Machine::named("web1"));
    trust(&server, &client, &[]);
    let mut tail = native(&server, &["tail", "-o", "text", "--verbose", "--bind", EXPOSED]).start();
    let at = here(&mut tail);
    let args = ["emit", "--wait", "60s", "--connect", &at];
    let mut emit = native(&client, &args).stdin_open().start();
    emit.write("one\n");
    tail.expect_stdout("one");
    server.keygen(&["--revoke", "web1"]);
    tail.expect_stderr("is not trusted");
    emit.expect_stderr("does not trust this machine's key");
    server.keygen(&["--trust", &client.public()]);
    emit.write("two\n");
    tail.expect_stdout("two");
    let _ = emit.wait().success();
    tail.terminate();
    let _ = tail.wait();
}

#[test]
fn a_list_that_becomes_unreadable_is_told_once_and_once_more_when_it_is_right_again() {
    let (server, client) = (Machine::named("logs"), Machine::named("web1"));
    trust(&server, &client, &[]);
    let mut tail = native(&server, &["tail", "-o", "text", "--bind", EXPOSED]).start();
    let at = here(&mut tail);
    let mut emit =
        native(&client, &["emit", "--wait", "60s", "--connect", &at]).stdin_open().start();
    emit.write("one\n");
    tail.expect_stdout("one");
    let list = server.path().join("authorized_clients");
    let good = fs::read(&list).unwrap();
    // A byte that is not UTF-8.
    fs::write(&list, [&good[..], b"\xff\n"].concat()).unwrap();
    tail.expect_stderr("a list of keys has changed, and is not in force as it is: ");
    emit.write("two\n");
    tail.expect_stdout("two");
    fs::write(&list, &good).unwrap();
    tail.expect_stderr("authorized_clients can be read again");
    fs::write(&list, [&good[..], b"web2 nokey\n"].concat()).unwrap();
    tail.expect_stderr("authorized_clients:2: not a key");
    emit.close_stdin();
    emit.wait().success();
    tail.terminate();
    let said = tail.wait().err();
    assert_eq!(said.matches("a list of keys").count(), 2, "{said}");
}

#[test]
fn a_server_whose_key_changes_is_not_connected_to() {
    let (server, client) = (Machine::named("logs"), Machine::named("web1"));
    trust(&server, &client, &[]);
    let mut emit = native(&server, &["emit", "--wait", "60s", "--test", "--bind", EXPOSED]).start();
    let at = here(&mut emit);
    let mut tail = native(&client, &["tail", "-o", "text", "--verbose", "--connect", &at]).start();
    tail.expect_stdout("");
    // Without a known key, the connection must not become one without encryption.
    client.keygen(&["--revoke", "127.0.0.1"]);
    tail.expect_stderr("handshake failed: it asks for encryption, and its key is not known");
    tail.terminate();
    let _ = tail.wait();
    emit.terminate();
    let _ = emit.wait();
}

#[test]
fn a_client_publishes_only_what_it_may_and_the_rest_is_counted_and_reported() {
    let (server, client) = (Machine::named("logs"), Machine::named("web1"));
    trust(&server, &client, &["--publish", "web1."]);
    let lines = "a\nb\nc\n";
    let tail = ["tail", "-o", "text", "-n", "3", "--fail-on-loss", "--bind", EXPOSED];
    let mut tail = native(&server, &tail).start();
    let at = here(&mut tail);
    for root in ["app", "web1"] {
        let emit = ["emit", "--root", root, "--wait", "60s", "--connect", &at];
        native(&client, &emit).stdin(lines).run().success();
    }
    let tail = tail.wait().code(3).stdout(lines);
    tail.stderr_has("of web1: its key may not publish app.INFO").stderr_has("3 messages");
}

#[test]
fn a_client_receives_only_what_it_may_read() {
    let (server, client) = (Machine::named("logs"), Machine::named("web1"));
    trust(&server, &client, &["--read", "app.ERROR"]);
    let args = ["emit", "--root", "app", "--wait", "60s", "--bind", EXPOSED];
    let mut emit = native(&server, &args).stdin_open().start();
    let at = here(&mut emit);
    let mut tail = native(&client, &["tail", "-o", "text", "--connect", &at]).start();
    emit.write("INFO one\nERROR two\nINFO three\nERROR four\n");
    tail.expect_stdout("four");
    emit.close_stdin();
    emit.wait().success();
    tail.terminate();
    assert_eq!(tail.wait().out().lines().count(), 2);
}

#[test]
fn a_secret_key_that_others_may_read_and_libzmq_are_refused_when_a_key_is_needed() {
    let machine = Machine::named("logs");
    let emit = |engine: &str, bind: &str| {
        let args = ["emit", "--wait", "0s", "-m", "x", "--bind", bind];
        machine.zlog(&args).env("ZLOG_ENGINE", engine).run()
    };
    emit("libzmq", EXPOSED).code(1).stderr_has("--engine native");
    let key = machine.path().join("machine.key");
    fs::set_permissions(key, fs::Permissions::from_mode(0o604)).unwrap();
    emit("native", EXPOSED).code(1).stderr_has("others may read the secret key");
    // What only this machine can reach needs no key.
    emit("native", "tcp://127.0.0.1:0").success();
}

/// Runs a PyZMQ script. `keys` is a directory with certificates.
fn pyzmq(python: &Python, script: &str, args: &[&str]) -> Running {
    let mut command = python.command();
    let start = "
import sys, zmq, zmq.auth
def certificate(name):
    return zmq.auth.load_certificate(sys.argv[1] + '/' + name)
def secure(socket, name, server=None):
    socket.linger = 10000
    socket.curve_publickey, socket.curve_secretkey = certificate(name)
    if server is None:
        socket.curve_server = True
    else:
        socket.curve_serverkey = certificate(server)[0]
context = zmq.Context()
";
    command.args(["-c", &format!("{start}{script}")]).args(args);
    Running::start(command, Input::Empty)
}

#[test]
fn pyzmq_with_curve_and_certificates_works_both_ways() {
    let Some(python) = python() else { return };
    let machine = Machine::named("logs");
    let directory = tempfile::tempdir().unwrap();
    let keys = directory.path().to_str().unwrap();
    pyzmq(&python, "zmq.auth.create_certificates(sys.argv[1], 'peer')", &[keys]).wait().success();
    let public = text(directory.path().join("peer.key"));
    machine.keygen(&["--trust", &public]);
    machine.keygen(&["--trust", &public, "--host", "127.0.0.1"]);
    fs::copy(machine.path().join("machine.key"), directory.path().join("zlog.key")).unwrap();

    let publish = "
with context.socket(zmq.XPUB) as socket:
    secure(socket, 'peer.key_secret', CLIENT)
    WHERE
    assert socket.recv() == b'\\x01'
    socket.send_multipart([b'py.INFO', b'from python'])
    socket.recv()
";
    let subscribe = "
with context.socket(zmq.SUB) as socket:
    secure(socket, 'peer.key_secret', CLIENT)
    socket.subscribe('')
    WHERE
    print(b'hello' in socket.recv_multipart()[1])
";
    let connect = "socket.connect(sys.argv[2])";
    let bind = "print('bound tcp://127.0.0.1:%d' % socket.bind_to_random_port('tcp://127.0.0.1'), file=sys.stderr, flush=True)";
    let client = |script: &str| script.replace("CLIENT", "'zlog.key'").replace("WHERE", connect);
    let server = |script: &str| script.replace("CLIENT", "None").replace("WHERE", bind);

    let tail = ["tail", "-o", "text", "-n", "1"];
    let mut tail_bound = native(&machine, &tail).args(["--bind", EXPOSED]).start();
    let at = here(&mut tail_bound);
    let peer = pyzmq(&python, &client(publish), &[keys, &at]);
    tail_bound.wait().success().stdout("from python\n");
    peer.wait().success();

    let mut peer = pyzmq(&python, &server(publish), &[keys]);
    let at = peer.endpoint();
    let tail = native(&machine, &tail).args(["--connect", &at]).run();
    tail.success().stdout("from python\n");
    peer.wait().success();

    let emit = ["emit", "--wait", "60s", "-m", "hello"];
    let mut emit_bound = native(&machine, &emit).args(["--bind", EXPOSED]).start();
    let at = here(&mut emit_bound);
    pyzmq(&python, &client(subscribe), &[keys, &at]).wait().success().stdout("True\n");
    emit_bound.wait().success();

    let mut peer = pyzmq(&python, &server(subscribe), &[keys]);
    let at = peer.endpoint();
    native(&machine, &emit).args(["--connect", &at]).run().success();
    peer.wait().success().stdout("True\n");
}
