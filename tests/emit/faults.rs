//! A fault in publishing or copying does not stop the job: a command runs to its end with its
//! own exit code, and stdin is read to its end.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::{
    ANY_PORT, Finished, Input, Listener, Running, Zlog, clear_environment, emit, open_terminal,
    zlog,
};

/// An endpoint that another program has bound.
fn taken() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    (listener, endpoint)
}

/// Command lines whose endpoint can't be used, and what is said about it. The last part of each
/// is the value of `ZLOG_ENDPOINT`.
fn unusable(taken: &str) -> [(Vec<String>, &'static str, String); 4] {
    let own = |args: &[&str]| args.iter().map(|arg| String::from(*arg)).collect();
    [
        (own(&["--bind", taken]), "in use", String::new()),
        (own(&["--bind", "ipc:///proc/no/such/place"]), "ipc:///proc/no/such/place", String::new()),
        (own(&[]), "in use", format!("bind:{taken}")),
        (own(&[]), "ZLOG_ENDPOINT", "carrier://pigeon".to_owned()),
    ]
}

fn with_endpoint(args: &[String], environment: &str) -> Zlog {
    zlog(["emit"]).args(args).env("ZLOG_ENDPOINT", environment)
}

/// Leaves a file and ends with 5.
fn job(trace: &Path) -> [String; 4] {
    let script = format!("echo one; echo two >&2; touch '{}'; exit 5", trace.display());
    ["--".to_owned(), "sh".to_owned(), "-c".to_owned(), script]
}

#[test]
fn a_command_runs_to_its_end_with_its_own_exit_code_though_no_endpoint_can_be_used() {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("ran");
    let (_open, endpoint) = taken();
    for (args, why, environment) in unusable(&endpoint) {
        for quiet in [&[][..], &["-q"]] {
            let emit = with_endpoint(&args, &environment).args(quiet).args(job(&trace));
            let finished = emit.run().code(5).stdout("").stderr_has("2 records not published");
            assert_eq!(finished.err().matches(why).count(), 1, "reported once: {}", finished.err());
            std::fs::remove_file(&trace).expect("the command ran");
        }
        let emit = with_endpoint(&args, &environment).args(["--tee"]).args(job(&trace));
        emit.run().code(5).stdout("one\n").stderr_has("two\n");
    }
}

#[test]
fn stdin_is_read_to_its_end_though_no_endpoint_can_be_used() {
    let (_open, endpoint) = taken();
    for (args, why, environment) in unusable(&endpoint) {
        for file in [&[][..], &["--file", "-"]] {
            let mut emit = with_endpoint(&args, &environment).args(file).stdin_open().start();
            // A pipe does not hold that much.
            emit.write("line\n".repeat(200_000));
            let finished = emit.wait().code(1).stderr_has("200,000 records not published");
            assert_eq!(finished.err().matches(why).count(), 1, "reported once: {}", finished.err());
        }
    }
}

#[test]
fn with_strict_an_unusable_endpoint_is_fatal_before_anything_starts() {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("ran");
    let (_open, endpoint) = taken();
    for (args, why, environment) in unusable(&endpoint) {
        let code = if environment.starts_with("carrier") { 2 } else { 1 };
        let strict = || with_endpoint(&args, &environment).args(["--strict"]);
        strict().args(job(&trace)).run().code(code).stderr_has(why).stderr_lacks("published");
        assert!(!trace.exists(), "the command was started");
        strict().stdin("line\n").run().code(code).stderr_has(why).stderr_lacks("published");
    }
    let no_stdout = format!("'{}' emit --strict --tee >&-", env!("CARGO_BIN_EXE_zlog"));
    bash(&no_stdout, Input::Empty).wait().code(1).stderr_has("standard output");
}

#[test]
fn a_malformed_endpoint_on_the_command_line_is_wrong_usage_before_a_command_starts() {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("ran");
    let emit = zlog(["emit", "--bind", "carrier://pigeon"]).args(job(&trace));
    emit.run().code(2).stderr_has("carrier://pigeon");
    assert!(!trace.exists());
}

/// A shell script with `zlog`.
fn bash(script: &str, input: Input) -> Running {
    let mut command = Command::new("bash");
    clear_environment(&mut command);
    command.args(["-c", script]);
    Running::start(command, input)
}

/// `emit --tee` whose output goes through `into`, with the exit code of `emit`. Returns the
/// published records.
#[track_caller]
fn tee(args: &str, into: &str, input: &str) -> (Vec<Value>, Finished) {
    let zlog = env!("CARGO_BIN_EXE_zlog");
    let emit = format!("'{zlog}' emit -b '{ANY_PORT}' --wait 60s --tee {args}");
    let script = format!("{emit} {into}; exit ${{PIPESTATUS[0]}}");
    let mut emit = bash(&script, Input::Bytes(input.as_bytes().to_vec()));
    let messages = Listener::connect(&emit.endpoint(), "").everything();
    (messages.iter().map(|message| message.json()).collect(), emit.wait())
}

#[test]
fn everything_is_published_though_the_reader_of_the_tee_leaves_and_that_is_no_failure() {
    let lines: String = (0..200_000).map(|number| format!("line {number}\n")).collect();
    let (records, emit) = tee("", "| head -n 1000 >&2", &lines);
    emit.success().stderr_has("200,000 records").stderr_lacks("roken pipe");
    assert_eq!(records[199_999]["msg"], "line 199999");
    let (records, emit) = tee("-- sh -c 'seq 100000; exit 5'", "| head -n 1 >&2", "");
    assert_eq!(records.len(), 100_000);
    emit.code(5);
}

#[test]
fn everything_is_published_though_the_disk_of_the_tee_is_full() {
    for (args, code) in [("", 1), ("-- sh -c 'seq 100000; exit 5'", 5)] {
        let lines: String = (1..=100_000).map(|number| format!("{number}\n")).collect();
        let (records, emit) = tee(args, "> /dev/full", &lines);
        assert_eq!(records.len(), 100_000);
        let finished = emit.code(code).stderr_has("100,000 records, ");
        let reports = finished.err().matches("no space left on device").count();
        assert_eq!(reports, 1, "{}", finished.err());
    }
}

#[test]
fn everything_is_published_though_standard_output_is_closed() {
    let (records, emit) = tee("-- sh -c 'seq 1000; exit 5'", ">&-", "");
    assert_eq!(records.len(), 1000);
    emit.code(5).stderr_has("not copied");
}

#[test]
fn everything_is_published_though_the_terminal_of_the_tee_is_gone() {
    let script = "echo first; read go; seq 100000; exit 5";
    for command in [&[][..], &["--", "sh", "-c", script]] {
        let (terminal, user) = open_terminal(24, 80).unwrap();
        let mut emit = emit(["--tee"]).args(command).stdin_open().stdout(user).start();
        let listener = Listener::connect(&emit.endpoint(), "");
        let code = match command {
            [] => {
                emit.write("first\n");
                1
            }
            _ => 5,
        };
        assert_eq!(listener.next().json()["msg"], "first");
        drop(File::from(terminal));
        match command {
            [] => emit.write((0..100_000).map(|n| format!("{n}\n")).collect::<String>()),
            _ => emit.write("go\n"),
        }
        emit.close_stdin();
        let rest = listener.everything();
        assert_eq!(rest.len(), 100_000);
        emit.wait().code(code).stderr_has("100,001 records");
    }
}
