//! Python's `SocketHandler`.

use std::net::UdpSocket;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{ListeningEmit, program, ten_programs_log_at_once};
use crate::harness::{ANY_PORT, DEADLINE, emit, python, zlog};

#[test]
fn records_of_ten_programs_at_once_are_published_once_and_in_order() {
    let Some(python) = python() else { return };
    let mut listening = ListeningEmit::open();
    let port = listening.port("SocketHandler");
    ten_programs_log_at_once(&python, listening, "tcp", &port);
}

#[test]
fn a_record_keeps_every_field_that_python_sent() {
    let Some(python) = python() else { return };
    let mut listening = ListeningEmit::open();
    let port = listening.port("SocketHandler");
    program(&python, &["rich", &port]).wait().success();
    let records: Vec<(String, Value)> = (0..6).map(|_| listening.next()).collect();
    let topics: Vec<&str> = records.iter().map(|(topic, _)| &**topic).collect();
    let want = ["INFO", "Level 35", "ERROR", "ERROR", "WARNING", "INFO"];
    assert_eq!(topics, want.map(|level| format!("app.db.{level}")));
    let [plain, between, failed, extras, stranger, thread] = &records[..] else { panic!() };
    assert_eq!(plain.1["msg"], "query took 1.50 s");
    for (_, record) in &records {
        assert_eq!(record["name"], "app.db");
        assert_eq!(record["filename"], "network_logging.py");
        assert!(record["lineno"].is_number() && record["process"].is_number(), "{record}");
        assert!(record["created"].is_number() && record["source"].is_string(), "{record}");
    }
    assert_eq!((&between.1["levelno"], &between.1["levelname"]), (&json!(35), &json!("Level 35")));
    let trace = failed.1["exc_text"].as_str().unwrap();
    assert!(trace.starts_with("Traceback") && trace.ends_with("KeyError: 'answer'"), "{trace}");
    assert!(failed.1["stack_info"].as_str().unwrap().starts_with("Stack (most recent"));
    let extras = &extras.1;
    assert_eq!(extras["list"], json!([1, 2.5, null, true]));
    assert_eq!(extras["tuple"], json!([1, ["two"]]));
    assert_eq!(extras["bytes"], r"b'raw\xff'");
    assert_eq!(extras["extra_text"]["tuple"], "(1, ('two',))");
    assert_eq!(extras["when"], "2025-11-21 08:00:01+00:00");
    assert_eq!(extras["price"], "1.50");
    assert_eq!(extras["twice"], json!({"a": ["shared"], "b": ["shared"]}));
    assert_eq!(stranger.1["who"], "Stranger(secret=7)");
    assert_eq!(stranger.1["seq_"], 5, "the program's own, beside zlog's");
    assert_eq!(thread.1["threadName"], "worker-7");
    let seqs: Vec<&Value> = records.iter().map(|(_, record)| &record["seq"]).collect();
    assert_eq!(seqs, [1, 1, 1, 2, 1, 2], "each topic is counted");
}

#[test]
fn a_process_that_the_program_left_out_is_null_and_not_that_of_zlog() {
    let Some(python) = python() else { return };
    let mut listening = ListeningEmit::open();
    let port = listening.port("SocketHandler");
    program(&python, &["anonymous", &port]).wait().success();
    let (_, record) = listening.next();
    let record = record.as_object().unwrap();
    for key in ["process", "processName"] {
        assert_eq!(record.get(key), Some(&Value::Null), "{key}");
    }
    assert!(record["hostname"].is_string());
}

#[test]
fn what_the_program_left_out_is_none_in_a_file_and_a_dash_in_syslog() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.log");
    let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
    daemon.set_read_timeout(Some(DEADLINE)).unwrap();
    let format = "format=%(process)s %(processName)s %(thread)s %(args)s";
    let file = format!("{},{format}", path.display());
    let syslog = format!("udp://{}", daemon.local_addr().unwrap());
    let listen = ["relay", "--listen", "127.0.0.1:0", "--publish-bind", ANY_PORT];
    let mut relay = zlog(listen).args(["--file", &file, "--syslog", &syslog]).start();
    let port = relay.expect_address("listening on").port().to_string();
    program(&python, &["anonymous", &port]).wait().success();
    let mut buffer = [0; 2048];
    let length = daemon.recv(&mut buffer).unwrap();
    let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
    // Priority and version, time, host, program, process.
    assert_eq!(message.split(' ').nth(4), Some("-"), "{message}");
    relay.terminate();
    relay.wait().code(143);
    // `SocketHandler` inserts the arguments, and sends None in their place.
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "None None None None\n");
}

#[test]
fn a_record_longer_than_max_record_is_skipped_and_counted_and_its_client_stays() {
    let Some(python) = python() else { return };
    let mut listening = ListeningEmit::open();
    let port = listening.port("SocketHandler");
    program(&python, &["overlong", &port]).wait().success();
    assert_eq!(listening.texts(2), ["before", "after"]);
    listening.emit.expect_stderr("at most 1048576 are allowed (--max-record)");
    listening.emit.terminate();
    let emit = listening.emit.wait().code(143);
    emit.stderr_has("1 record skipped, too large").stderr_lacks("disconnected");
}

#[test]
fn a_program_that_dies_in_the_middle_of_a_record_loses_that_record_which_is_reported() {
    let Some(python) = python() else { return };
    let mut listening =
        ListeningEmit::of(emit(["--listen", "127.0.0.1:0", "--fail-on-loss", "-n", "2"]));
    let port = listening.port("SocketHandler");
    program(&python, &["dies", &port]).wait().code(1);
    listening.emit.expect_stderr("in the middle of a record, which is lost");
    program(&python, &["tcp", &port, "next", "1"]).wait().success();
    assert_eq!(listening.texts(2), ["whole", "next record 0"]);
    listening.emit.wait().code(3).stderr_has("1 record cut short");
}

#[test]
fn topics_begin_with_the_root_and_the_loggers_name() {
    let Some(python) = python() else { return };
    let mut listening =
        ListeningEmit::of(emit(["--listen", "127.0.0.1:0", "--root", "shop", "-n", "1"]));
    let port = listening.port("SocketHandler");
    program(&python, &["tcp", &port, "app.db", "1"]).wait().success();
    assert_eq!(listening.next().0, "shop.app.db.INFO");
    listening.emit.wait().success();
}

#[test]
fn what_was_sent_before_a_signal_is_published() {
    let Some(python) = python() else { return };
    let mut listening = ListeningEmit::open();
    let port = listening.port("SocketHandler");
    program(&python, &["tcp", &port, "app", "2000"]).wait().success();
    listening.emit.terminate();
    assert_eq!(listening.listener.everything().len(), 2000);
    listening.emit.wait().code(143).stderr_has("2,000 records");
}

/// Python's handler drops a record that finds no room for 1 s, and connects again.
#[track_caller]
fn times_out_behind_a_stopped_subscriber(listen: &str, port: impl FnOnce(&str) -> String) {
    const DROPS: usize = 3;
    let Some(python) = python() else { return };
    let mut emit = emit(["--listen", listen, "--hwm", "10", "--linger", "60s"]).start();
    let endpoint = emit.endpoint();
    let port = port(&emit.expect_stderr("for Python's SocketHandler"));
    let mut tail = zlog(["tail", &endpoint, "--hwm", "10", "--format", "bare"]).start();
    let mut program = program(&python, &["drops", &port, "app", &DROPS.to_string()]);
    tail.expect_stdout("0");
    tail.signal(Signal::STOP);
    program.expect_stdout(&format!("dropped {DROPS}"));
    tail.signal(Signal::CONT);
    let printed = program.wait().success().out();
    let mut numbers = printed.lines().last().unwrap().split(' ').map(|n| n.parse().unwrap());
    let count: usize = numbers.next().unwrap();
    let dropped: Vec<usize> = numbers.collect();
    assert!(dropped.len() >= DROPS);
    emit.terminate();
    let emit = emit.wait().code(143);
    let last = (count - 1).to_string();
    tail.expect_stdout(&last);
    tail.terminate();
    let tail = tail.wait().code(143).stderr_lacks("lost");
    let want: Vec<usize> = (0..count).filter(|number| !dropped.contains(number)).collect();
    let got: Vec<usize> = tail.out().lines().map(|line| line.parse().unwrap()).collect();
    let differs = got.iter().zip(&want).position(|(got, want)| got != want);
    assert_eq!(
        (got.len(), differs),
        (want.len(), None),
        "records come in the order in which they were sent"
    );
    // Each is counted: as cut short if a part of it was sent, else as dropped.
    let stderr = emit.err();
    let counted = |what: &str| -> usize {
        let line = stderr.lines().last().unwrap();
        let number = line.split("; ").find(|remark| remark.contains(what));
        number.map_or(0, |remark| remark.split(' ').next().unwrap().parse().unwrap())
    };
    assert_eq!(counted("disconnected with records unread"), dropped.len(), "{stderr}");
    let lost = counted("cut short") + counted("dropped by a SocketHandler");
    assert_eq!(lost, dropped.len(), "{stderr}");
    emit.stderr_has("disconnected and connected again before zlog had read all its records");
}

#[test]
fn over_tcp_what_was_sent_before_the_handler_timed_out_comes_whole_and_in_order() {
    times_out_behind_a_stopped_subscriber("127.0.0.1:0", |line| {
        let port = line.split(" for Python's").next().unwrap().rsplit(':').next();
        port.unwrap().to_owned()
    });
}

#[test]
fn over_a_unix_socket_what_was_sent_before_the_handler_timed_out_comes_whole_and_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.sock").to_str().unwrap().to_owned();
    times_out_behind_a_stopped_subscriber(&format!("unix:{path}"), |_| path.clone());
}
