//! Both of Python's handlers over Unix sockets, and the sockets' files.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;

use super::{ListeningEmit, program, waiting};
use crate::harness::{ANY_PORT, Input, Running, emit, python, zlog};

fn unix(path: &Path) -> String {
    format!("unix:{}", path.display())
}

/// Has several real programs log at once, and compares what comes.
#[track_caller]
fn programs_log_through(style: &str, flag: &str) {
    const PROGRAMS: usize = 6;
    const RECORDS: usize = 400;
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.sock");
    let mut listening = ListeningEmit::of(emit([flag, &unix(&path)]));
    listening.emit.expect_stderr(&format!("listening on {} for Python's", unix(&path)));
    let names: Vec<String> = (0..PROGRAMS).map(|number| format!("shop.p{number}")).collect();
    let place = path.to_str().unwrap();
    let start = |name: &String| waiting(&python, &[style, place, name, &RECORDS.to_string()]);
    let mut programs: Vec<_> = names.iter().map(start).collect();
    for program in &mut programs {
        program.write("go\n");
    }
    let mut came: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for _ in 0..PROGRAMS * RECORDS {
        let (topic, record) = listening.next();
        came.entry(topic).or_default().push(record["msg"].as_str().unwrap().to_owned());
    }
    for program in programs {
        program.wait().success();
    }
    listening.emit.terminate();
    assert!(listening.listener.everything().is_empty(), "nothing comes twice");
    listening.emit.wait().code(143).stderr_has(&format!("{} records", PROGRAMS * RECORDS));
    assert_eq!(came.len(), PROGRAMS);
    for name in names {
        let want: Vec<String> = (0..RECORDS).map(|n| format!("{name} record {n}")).collect();
        assert_eq!(came[&format!("{name}.INFO")], want);
    }
    assert!(!path.exists(), "the socket is removed at the end");
}

#[test]
fn programs_at_once_over_a_stream_have_every_record_published_once_and_in_order() {
    programs_log_through("tcp", "--listen");
}

#[test]
fn programs_at_once_over_datagrams_have_every_record_published_once_and_in_order() {
    programs_log_through("udp", "--listen-udp");
}

#[test]
fn a_datagram_may_be_longer_than_udps() {
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
    let told = listening.emit.expect_stderr("was cut off");
    if cfg!(target_os = "linux") {
        let user = rustix::process::getuid().as_raw();
        let who = format!("process {} (user {user}) at {}", std::process::id(), unix(&stream));
        assert!(told.contains(&who), "{told}");
    }
    let sender = UnixDatagram::unbound().unwrap();
    sender.send_to(b"<14>hello", &datagrams).unwrap();
    let told = listening.emit.expect_stderr("a datagram of");
    assert!(told.contains(&format!("a program at {}", unix(&datagrams))), "{told}");
}

#[test]
fn a_socket_that_is_listened_at_and_a_file_that_is_none_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let [taken, file, nowhere] =
        ["taken.sock", "notes.txt", "no/such.sock"].map(|name| directory.path().join(name));
    let listener = UnixListener::bind(&taken).unwrap();
    fs::write(&file, "notes").unwrap();
    for flag in ["--listen", "--listen-udp"] {
        let refused = |path: &Path| zlog(["emit", "-b", ANY_PORT, flag, &unix(path)]).run().code(1);
        refused(&taken)
            .stderr_has(&format!("listening on {}: address already in use", unix(&taken)))
            .stderr_has("end it, or name another path");
        refused(&file).stderr_has("it is not a socket").stderr_has("left as it is");
        refused(&nowhere).stderr_has("Its directory must exist");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "notes");
    UnixStream::connect(&taken).expect("it is as it was");
    drop(listener);
}

#[test]
fn a_socket_that_a_crash_left_behind_is_replaced_and_that_of_another_is_not_removed() {
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
fn who_may_send_is_what_the_umask_says() {
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
