//! Binding and connecting.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::net::TcpListener;
use std::thread;

use crate::harness::{ANY_PORT, Listener, emit, zlog};

#[test]
fn every_transport_of_the_build_carries_records() {
    let directory = tempfile::tempdir().unwrap();
    let ipc = format!("ipc://{}/stream", directory.path().display());
    for (endpoint, engines) in [
        (ANY_PORT, &["libzmq", "native"][..]),
        ("ws://127.0.0.1:*", &["libzmq"]),
        (&ipc, &["libzmq", "native"]),
    ] {
        // Each engine with each.
        for (ours, theirs) in
            engines.iter().flat_map(|ours| engines.iter().map(move |it| (ours, it)))
        {
            let emit = zlog(["emit", "-b", endpoint, "--engine", ours, "--wait", "60s", "-m", "x"]);
            let mut emit = emit.start();
            let bound = emit.endpoint();
            let tail = zlog(["tail", "-o", "text", "-n", "1", "-c", &bound, "--engine", theirs]);
            tail.run().success().stdout("x\n");
            emit.wait().success();
        }
    }
}

#[test]
fn every_bound_endpoint_is_printed_and_works() {
    let directory = tempfile::tempdir().unwrap();
    let ipc = format!("ipc://{}/stream", directory.path().display());
    let mut emit =
        emit(["--bind", "tcp://127.0.0.1:0", "-b", &ipc, "--wait-for", "3"]).stdin("x\n").start();
    let endpoints = emit.endpoints(3);
    assert!(endpoints.iter().all(|e| !e.ends_with(":0") && !e.ends_with(":*")), "{endpoints:?}");
    assert!(endpoints.contains(&ipc), "{endpoints:?}");
    let listeners: Vec<_> = endpoints.iter().map(|e| Listener::connect(e, "")).collect();
    for listener in &listeners {
        assert_eq!(listener.next().json()["msg"], "x");
    }
    emit.wait().success();
}

#[test]
fn emit_connects_to_several_subscribers_that_bind() {
    let ((one, first), (two, second)) = (Listener::bind(""), Listener::bind(""));
    let emit = zlog(["emit", "--connect", &first, "-c", &second, "--wait-for", "2"])
        .args(["--wait", "60s"])
        .stdin("x\ny\n")
        .start();
    // On two threads: a bound SUB subscribes only while its thread is in libzmq.
    let listeners = [one, two].map(|listener| thread::spawn(move || listener.everything()));
    for listener in listeners {
        let messages = listener.join().unwrap();
        let texts: Vec<_> = messages.iter().map(|message| message.json()["msg"].clone()).collect();
        assert_eq!(texts, ["x", "y"]);
    }
    emit.wait().success();
}

#[test]
fn the_environment_sets_the_default_endpoint() {
    let mut emit =
        zlog(["emit", "--wait", "60s"]).env("ZLOG_ENDPOINT", ANY_PORT).stdin("x\n").start();
    let listener = Listener::connect(&emit.endpoint(), "");
    assert_eq!(listener.everything().len(), 1);
    emit.wait().success();
}

#[test]
fn an_invalid_endpoint_from_the_environment_is_reported_with_its_origin() {
    let emit = |set| zlog(["emit", "-m", "x"]).env("ZLOG_ENDPOINT", set).run();
    emit("garbage").code(2).stderr_has("garbage").stderr_has("ZLOG_ENDPOINT");
    zlog(["emit", "-m", "x", "--endpoint", "rubbish"])
        .env("ZLOG_ENDPOINT", "garbage")
        .run()
        .code(2)
        .stderr_lacks("ZLOG_ENDPOINT");
}

#[test]
fn an_empty_environment_variable_counts_as_unset() {
    // It connects: tests must not bind 127.0.0.1:12345.
    let tail = zlog(["tail", "-v", "--timeout", "1ms"]).env("ZLOG_ENDPOINT", "").run();
    tail.success();
}

#[test]
fn an_address_in_use_is_named_with_the_next_step() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", taken.local_addr().unwrap());
    let finished = zlog(["emit", "-b", &endpoint, "-m", "x"]).run().code(1);
    let finished = finished.stderr_has(&endpoint).stderr_has("in use");
    finished.stderr_has("Take a free port: --bind 0.");
}

#[test]
fn the_advice_on_an_endpoint_in_use_works_in_that_situation() {
    let mut tail = zlog(["tail", "-b", ANY_PORT, "-o", "text"]).start();
    let endpoint = tail.endpoint();
    let advice = format!("--connect {endpoint}");
    zlog(["emit", "-b", &endpoint, "-m", "x"]).run().code(1).stderr_has(&advice);
    zlog(["emit", "--connect", &endpoint, "--wait", "60s", "-m", "x"]).run().success();
    tail.expect_stdout("x");

    let mut emit = zlog(["emit", "-b", ANY_PORT, "--wait", "60s"]).stdin_open().start();
    let endpoint = emit.endpoint();
    let advice = format!("--connect {endpoint}");
    zlog(["tail", "-b", &endpoint]).run().code(1).stderr_has(&advice);
    let publisher = zlog(["emit", "-b", &endpoint, "-m", "x"]).run().code(1);
    publisher.stderr_has("Leave out --bind").stderr_has("--bind 0");
    let tail = zlog(["tail", "--connect", &endpoint, "-n", "1", "-o", "text"]).start();
    emit.write("y\n");
    tail.wait().success().stdout("y\n");
    for free in ["0", ":0", "127.0.0.1:*"] {
        let mut emit = zlog(["emit", "--bind", free, "--wait", "60s", "-m", "x"]).start();
        let endpoint = emit.endpoint();
        let listener = Listener::connect(&endpoint, "");
        assert_eq!(listener.everything().len(), 1, "{endpoint}");
    }
}

#[test]
fn an_emitter_that_connects_to_a_publisher_says_so() {
    let mut emit = zlog(["emit", "-b", ANY_PORT, "--wait", "60s"]).stdin_open().start();
    let endpoint = emit.endpoint();
    let publishers = zlog(["emit", "-c", &endpoint, "-m", "x"]).run();
    publishers.stderr_has(&format!("{endpoint} is a publisher, too")).stderr_has("12344");
}

#[test]
fn a_handler_that_publishes_to_a_publisher_says_so() {
    let mut emit = zlog(["emit", "-b", ANY_PORT, "--wait", "60s"]).stdin_open().start();
    let endpoint = emit.endpoint();
    let to = format!("{endpoint},connect");
    let mut tail = zlog(["tail", "-b", ANY_PORT, "--publish", &to]).start();
    tail.expect_stderr(&format!("{endpoint} is a publisher, too"));
}

/// libzmq takes such a program for a peer of ZMTP 1.0, and aborted when it left.
#[test]
fn a_program_that_does_not_speak_zeromq_is_no_subscriber_and_does_no_harm() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for peer in listener.incoming() {
            let answer = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".repeat(4);
            // The peer may have left.
            let _ = peer.unwrap().write_all(answer.as_bytes());
        }
    });
    let script = "sleep 0.5; exit 3";
    let emit = zlog(["emit", "-c", &endpoint, "--wait", "1s", "--", "sh", "-c", script]).run();
    emit.code(3);
    let emit = zlog(["emit", "-c", &endpoint, "--wait", "1s", "-m", "x"]).run().success();
    emit.stderr_has(&format!("nobody at {endpoint} gets these records"))
        .stderr_has("does not speak ZeroMQ")
        .stderr_has("1 had no subscriber");
}

#[test]
fn a_tail_that_connects_to_a_subscriber_says_so() {
    let mut bound = zlog(["tail", "-b", ANY_PORT]).start();
    let endpoint = bound.endpoint();
    let mut tail = zlog(["tail", &endpoint]).start();
    tail.expect_stderr(&format!("{endpoint} answers, but is a subscriber, too"));
}

#[cfg(target_os = "linux")]
#[test]
fn an_interface_name_is_bound_and_connected_to() {
    for port in ["*", "0"] {
        let interface = format!("tcp://lo:{port}");
        let mut emit = zlog(["emit", "-b", &interface, "--wait", "60s", "-m", "x"]).start();
        let bound = emit.endpoint();
        let there = bound.replace("127.0.0.1", "lo");
        zlog(["tail", "-o", "text", "-n", "1", "-c", &there]).run().success().stdout("x\n");
        emit.wait().success();
    }
}

#[test]
fn an_ipc_path_may_have_spaces_and_bytes_that_are_not_utf8() {
    use std::os::unix::ffi::OsStrExt;
    let directory = tempfile::tempdir().unwrap();
    for name in [&b"a b\xc3\xa4"[..], b"\xff\xfe", br"\xff"] {
        let mut endpoint = OsString::from("ipc://");
        endpoint.push(directory.path().join(OsStr::from_bytes(name)));
        let emit = ["emit", "--wait", "60s", "-m", "x", "-b"].map(OsStr::new);
        let mut emit = zlog(emit).args([&endpoint]).start();
        emit.endpoint();
        assert!(directory.path().join(OsStr::from_bytes(name)).exists(), "{endpoint:?}");
        let tail = ["tail", "-o", "text", "-n", "1"].map(OsStr::new);
        zlog(tail).args([&endpoint]).run().success().stdout("x\n");
        emit.wait().success();
        assert_eq!(directory.path().read_dir().unwrap().count(), 0, "the file is removed");
    }
}

#[test]
fn a_malformed_endpoint_is_wrong_usage_and_a_valid_form_is_shown() {
    for wrong in ["127.0.0.1:", "tcp://127.0.0.1", "tcp://127.0.0.1:99999", "carrier://pigeon"] {
        let finished = zlog(["emit", "-b", wrong, "-m", "x"]).run().code(2);
        assert!(finished.err().contains("tcp"), "{wrong}: {}", finished.err());
        assert!(!finished.err().contains("panicked"), "{}", finished.err());
    }
}

#[test]
fn an_ipc_endpoint_can_be_bound_after_a_crash_has_left_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let ipc = format!("ipc://{}/stream", directory.path().display());
    for _ in 0..2 {
        let mut emit = zlog(["emit", "-b", &ipc, "--wait", "60s"]).stdin_open().start();
        emit.endpoint();
        emit.signal(rustix::process::Signal::KILL);
        let _ = emit.wait();
    }
}

#[test]
fn an_ipc_endpoint_leaves_no_file_behind() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stream");
    let ipc = format!("ipc://{}", path.display());
    let mut emit = emit(["-b", &ipc]).stdin_open().start();
    emit.endpoints(2);
    assert!(path.exists());
    emit.interrupt();
    emit.wait().code(130);
    assert!(!path.exists(), "emit left it");
    zlog(["tail", "-b", &ipc, "--timeout", "100ms"]).run().success();
    assert!(!path.exists(), "tail left it");
}

#[test]
fn an_endpoint_given_twice_is_wrong_usage_and_no_other_program_is_blamed() {
    let endpoint = "tcp://127.0.0.1:45671";
    let emit = zlog(["emit", "-b", endpoint, "-b", endpoint, "-m", "x"]).run();
    emit.code(2).stderr_has("twice").stderr_lacks("Another program");
}

#[test]
fn a_host_that_is_not_found_is_named_with_the_next_step() {
    let host = "tcp://no-such-host.invalid:5555";
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("relay.toml");
    let text = format!("version = 1\n[relay]\nbind = '{ANY_PORT}'\nconnect = '{host}'\n");
    std::fs::write(&config, text).unwrap();
    let publish = ["--publish-bind", ANY_PORT, "--no-ask"];
    for mut process in [
        zlog(["emit", "-m", "x", "-c", host]).start(),
        zlog(["emit", "--follow", "-c", host, "--file"]).args([&config]).start(),
        zlog(["tail", host]).start(),
        zlog(["tail", "-b", ANY_PORT, "--publish"]).args([format!("{host},connect")]).start(),
        zlog(["relay", "--bind", ANY_PORT, "-c", host]).args(publish).start(),
        zlog(["relay", "--bind", ANY_PORT, "--publish-connect", host, "--no-ask"]).start(),
        zlog(["relay", "--config"]).args([&config]).args(publish).start(),
    ] {
        process.expect_stderr(&format!("the host of {host} is not found: "));
        process.expect_stderr("Check its spelling, or write an address, as 127.0.0.1");
        process.terminate();
        process.expect_end();
    }
}

#[test]
fn a_relay_reports_endpoints_that_it_connects_to_in_vain() {
    let directory = tempfile::tempdir().unwrap();
    let ipc = format!("ipc://{}/none", directory.path().display());
    let mut publisher = emit(["-b", ANY_PORT]).stdin_open().start();
    let wrong = publisher.endpoint();
    for (connect, says) in [
        (["--connect", &ipc], format!("not connected to {ipc}: there is no such file")),
        (["--publish-connect", &wrong], "Only subscribers connect here".to_owned()),
    ] {
        let bind = ["--bind", ANY_PORT, "--publish-bind", ANY_PORT, "--no-ask"];
        let mut relay = zlog(["relay"]).args(bind).args(connect).start();
        relay.expect_stderr(&says);
    }
    let quiet = ["relay", "-q", "--bind", ANY_PORT, "--publish-bind", ANY_PORT, "-c", &ipc];
    let mut quiet = zlog(quiet).start();
    quiet.endpoints(2);
    quiet.terminate();
    quiet.wait().stderr_lacks("not connected");
}
