//! Both of Python's handlers over Unix sockets, and the sockets' files.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;

use super::{ListeningEmit, program, ten_programs_log_at_once};
use crate::harness::{ANY_PORT, Input, Running, emit, python, zlog};

fn unix(path: &Path) -> String {
    format!("unix:{}", path.display())
}

/// Ten programs log at once over a Unix socket, whose file is removed in the end.
#[track_caller]
fn ten_programs_log_through(style: &str, flag: &str) {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.sock");
    let mut listening = ListeningEmit::of(emit([flag, &unix(&path)]));
    listening.emit.expect_stderr(&format!("listening on {} for Python's", unix(&path)));
    ten_programs_log_at_once(&python, listening, style, path.to_str().unwrap());
    assert!(!path.exists(), "the socket is removed at the end");
}

#[test]
fn records_of_ten_programs_over_a_stream_are_published_once_and_in_order() {
    ten_programs_log_through("tcp", "--listen");
}

#[test]
fn records_of_ten_programs_over_datagrams_are_published_once_and_in_order() {
    ten_programs_log_through("udp", "--listen-udp");
}

#[test]
fn a_datagram_over_a_unix_socket_may_be_longer_than_over_udp() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.sock");
    let mut listening =
        ListeningEmit::of(emit(["--listen-udp", &unix(&path), "--max-record", "200k"]));
    listening.emit.expect_stderr("for Python's DatagramHandler");
    program(&python, &["large", path.to_str().unwrap()]).wait().success();
    assert_eq!(listening.texts(1)[0].len(), 150_000);
}

#[test]
fn a_relay_takes_unix_sockets_from_its_configuration() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let [stream, datagrams, config, log] =
        ["s.sock", "d.sock", "zlog.toml", "app.log"].map(|name| directory.path().join(name));
    let text = format!(
        "version = 1\n[relay]\nlisten = '{}'\nlisten-udp = ['{}']\npublish-bind = '{ANY_PORT}'\n\
         [handlers.all]\nclass = 'file'\npath = '{}'\nformat = 'bare'\n",
        unix(&stream),
        datagrams.display(),
        log.display()
    );
    fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    zlog(["relay", "--config", config, "--check"]).run().success();
    assert!(!stream.exists() && !datagrams.exists());
    let mut relay = zlog(["relay", "--config", config, "--no-ask"]).start();
    relay.expect_stderr("for Python's DatagramHandler");
    program(&python, &["tcp", stream.to_str().unwrap(), "app", "3"]).wait().success();
    program(&python, &["udp", datagrams.to_str().unwrap(), "app", "3"]).wait().success();
    relay.terminate();
    relay.wait().code(143);
    let written = fs::read_to_string(log).unwrap();
    assert_eq!(written.lines().count(), 6, "{written}");
    assert!(!stream.exists() && !datagrams.exists());
}

#[test]
fn a_bad_program_is_named_by_its_process_and_its_user() {
    let directory = tempfile::tempdir().unwrap();
    let [stream, datagrams] = ["s.sock", "d.sock"].map(|name| directory.path().join(name));
    let mut listening =
        ListeningEmit::of(emit(["--listen", &unix(&stream), "--listen-udp", &unix(&datagrams)]));
    listening.emit.expect_stderr("for Python's DatagramHandler");
    UnixStream::connect(&stream).unwrap().write_all(b"junk").unwrap();
    let notice = listening.emit.expect_stderr("disconnected");
    if cfg!(target_os = "linux") {
        let user = rustix::process::getuid().as_raw();
        let who = format!("process {} (user {user}) at {}", std::process::id(), unix(&stream));
        assert!(notice.contains(&who), "{notice}");
    }
    let sender = UnixDatagram::unbound().unwrap();
    sender.send_to(b"<14>hello", &datagrams).unwrap();
    let notice = listening.emit.expect_stderr("dropped a datagram from");
    assert!(notice.contains(&format!("a program at {}", unix(&datagrams))), "{notice}");
}

#[test]
fn a_socket_in_use_and_a_file_that_is_no_socket_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let [taken, file, nowhere] =
        ["taken.sock", "notes.txt", "no/such.sock"].map(|name| directory.path().join(name));
    let listener = UnixListener::bind(&taken).unwrap();
    fs::write(&file, "notes").unwrap();
    for flag in ["--listen", "--listen-udp"] {
        let refused = |path: &Path| zlog(["emit", "-b", ANY_PORT, flag, &unix(path)]).run().code(1);
        refused(&taken)
            .stderr_has(&format!("listening on {}: address already in use", unix(&taken)))
            .stderr_has("Stop it, or use another path");
        refused(&file).stderr_has("is not a socket").stderr_has("left as it is");
        refused(&nowhere).stderr_has("Its directory must exist");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "notes");
    UnixStream::connect(&taken).expect("it is as it was");
    drop(listener);
}

#[test]
fn a_socket_left_by_a_crash_is_replaced_and_another_programs_is_not_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.sock");
    let listen = || {
        let mut emit = zlog(["emit", "-b", ANY_PORT, "--listen", &unix(&path)]).start();
        emit.expect_stderr("for Python's SocketHandler");
        emit
    };
    let mut killed = listen();
    killed.signal(rustix::process::Signal::KILL);
    killed.expect_end();
    drop(killed);
    assert!(path.exists());
    let mut first = listen();
    fs::remove_file(&path).unwrap();
    let mut second = listen();
    first.terminate();
    first.wait().code(143);
    UnixStream::connect(&path).expect("the second's socket is still there");
    second.terminate();
    second.wait().code(143);
    assert!(!path.exists());
}

#[test]
fn the_umask_decides_who_may_send() {
    let directory = tempfile::tempdir().unwrap();
    for (umask, mode) in [("077", 0o700), ("007", 0o770)] {
        let path = directory.path().join(umask);
        let script = format!("umask {umask}; exec \"$0\" \"$@\"");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_zlog"), "emit", "-b", ANY_PORT]);
        shell.args(["--listen", &unix(&path)]);
        let mut emit = Running::start(shell, Input::Empty);
        emit.expect_stderr("for Python's SocketHandler");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
        emit.terminate();
        emit.wait().code(143);
    }
}
