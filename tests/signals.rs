//! A process that a signal has stopped ends by that signal, as its parent expects: systemd then
//! does not call a stopped unit failed, and a shell ends its script at Ctrl-C.

use std::process::Command;
use std::time::Instant;

use rustix::process::Signal;

use crate::harness::{ANY_PORT, DEADLINE, Input, Listener, Running, clear_environment, emit, zlog};

/// Every command that runs until it is stopped, with the text that shows that it runs.
const COMMANDS: [(&[&str], &str); 9] = [
    (&["emit", "-b", ANY_PORT], "bound"),
    (&["emit", "-b", ANY_PORT, "--wait", "1h", "-m", "x"], "bound"),
    (&["emit", "-b", ANY_PORT, "--listen", "127.0.0.1:0"], "listening"),
    (&["emit", "-b", ANY_PORT, "--follow", "--file", "Cargo.toml"], "waiting for a subscriber"),
    (&["tail", "-b", ANY_PORT], "bound"),
    (&["relay", "-b", ANY_PORT, "-p", ANY_PORT, "--no-ask"], "bound"),
    (&["demo"], ""),
    (&["bench", "--handlers", "null", "--duration", "1h", "--warm-up", "0"], ""),
    (&["bench", "pipeline", "-n", "100", "--runs", "1000", "--transport", "tcp"], ""),
];

#[cfg(target_os = "linux")]
#[test]
fn every_command_ends_by_the_signal_that_stopped_it() {
    for (args, runs) in COMMANDS {
        for signal in [Signal::INT, Signal::TERM] {
            let mut command = zlog(args).stdin_open().start();
            match runs {
                "" => wait_until_caught(&mut command),
                runs => drop(command.expect_stderr(runs)),
            }
            command.signal(signal);
            command.wait().ended_by(signal).stderr_lacks("panicked");
        }
    }
}

/// A set of signals of a process.
#[track_caller]
fn status(command: &Running, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", command.id())).unwrap();
    let set = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    u64::from_str_radix(set.trim(), 16).unwrap()
}

/// Waits until SIGINT and SIGTERM are caught.
#[track_caller]
fn wait_until_caught(command: &mut Running) {
    let both = 1 << (Signal::INT.as_raw() - 1) | 1 << (Signal::TERM.as_raw() - 1);
    let until = Instant::now() + DEADLINE;
    loop {
        if status(command, "SigCgt:") & both == both {
            return;
        }
        if Instant::now() >= until {
            command.fail("it does not catch signals");
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_second_signal_ends_a_command_at_once_by_that_signal() {
    // It waits for a subscriber that reads nothing.
    let input = ("x".repeat(1 << 20) + "\n").repeat(60);
    let mut emit = emit(["--hwm", "5", "--linger", "1h", "--no-detect"]).stdin(input).start();
    let mut tail = zlog(["tail", &emit.endpoint(), "--hwm", "5", "-q", "-o", "text"]).start();
    tail.expect_stdout("xxx");
    tail.signal(Signal::STOP);
    emit.expect_stderr("does not read its records");
    emit.interrupt();
    // Two pending signals of one kind are delivered once.
    while status(&emit, "ShdPnd:") != 0 {
        std::thread::yield_now();
    }
    emit.interrupt();
    let emit = emit.wait();
    tail.signal(Signal::CONT);
    emit.ended_by(Signal::INT).stderr_lacks("records, ");
}

#[test]
fn a_shell_sees_130_and_143() {
    let zlog = env!("CARGO_BIN_EXE_zlog");
    let directory = tempfile::tempdir().unwrap();
    let said = directory.path().join("said");
    for (signal, code) in [("INT", "130"), ("TERM", "143")] {
        let script = format!(
            "'{zlog}' emit -b '{ANY_PORT}' --wait 1h -m x 2> \"$0\" & \
             until grep -qs bound \"$0\"; do :; done; kill -{signal} $!; wait $!; echo $?"
        );
        let mut shell = Command::new("bash");
        clear_environment(&mut shell);
        // With -m, a background job does not ignore SIGINT.
        shell.args(["-mc", &script]).arg(&said);
        Running::start(shell, Input::Empty).wait().success().stdout(format!("{code}\n"));
        std::fs::remove_file(&said).unwrap();
    }
}

#[test]
fn zlog_ends_by_the_signal_that_ended_its_command() {
    for signal in [Signal::TERM, Signal::INT, Signal::KILL, Signal::SEGV, Signal::USR1] {
        let script = format!("echo begun; ulimit -c 0; kill -{} $$", signal.as_raw());
        let mut emit = emit(["--", "sh", "-c", &script]).start();
        let messages = Listener::connect(&emit.endpoint(), "").everything();
        assert_eq!(messages.len(), 1);
        // After the summary.
        emit.wait().ended_by(signal).stderr_has("1 record, ");
    }
    // What systemd does to stop a unit.
    let mut emit = emit(["--", "sh", "-c", "echo ready; exec sleep 1000"]).start();
    let listener = Listener::connect(&emit.endpoint(), "");
    assert_eq!(listener.next().json()["msg"], "ready");
    emit.terminate();
    emit.wait().ended_by(Signal::TERM);
}

#[test]
fn a_command_ignores_the_signals_that_zlog_was_started_to_ignore() {
    let zlog = env!("CARGO_BIN_EXE_zlog");
    // As `nohup` does, and a shell for the background jobs of a script.
    for signal in ["HUP", "INT", "QUIT", "USR1"] {
        let job = format!("kill -{signal} $$; kill -{signal} $PPID; echo goes on; exit 7");
        let script = format!(
            "trap '' {signal}; exec '{zlog}' emit -b '{ANY_PORT}' --wait 60s -- sh -c '{job}'"
        );
        let mut shell = Command::new("sh");
        clear_environment(&mut shell);
        shell.args(["-c", &script]);
        let mut emit = Running::start(shell, Input::Empty);
        let messages = Listener::connect(&emit.endpoint(), "").everything();
        assert_eq!(messages[0].json()["msg"], "goes on", "{signal}");
        emit.wait().code(7);
    }
}

#[test]
fn a_closed_terminal_ends_emit_after_it_has_sent_what_it_has_read() {
    let mut emit = emit(["-r", "a"]).stdin_open().start();
    let listener = Listener::connect(&emit.endpoint(), "");
    emit.write("one\ntwo\n");
    assert_eq!(listener.next().json()["msg"], "one");
    emit.signal(Signal::HUP);
    assert_eq!(listener.everything().len(), 1);
    emit.wait().ended_by(Signal::HUP).stderr_has("2 records");
}
