use std::fs;
use std::path::PathBuf;

use super::*;
use crate::handler::testing::{DEADLINE, close, text};
use crate::handler::{Backlog, Handler};
use zlog_core::Level;

/// A shell script; `$0` is a file in a temporary directory.
struct Script {
    directory: tempfile::TempDir,
    options: ExecOptions,
}

fn script(script: &str) -> Script {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("out").to_str().unwrap().to_owned();
    let command = vec!["sh".into(), "-c".into(), script.into(), file];
    let batch = BatchOptions { count: 3, time: DEADLINE };
    Script { directory, options: ExecOptions { command, batch, ..ExecOptions::default() } }
}

impl Script {
    fn handler(&self) -> ExecHandler {
        ExecHandler::new(self.options.clone(), text()).unwrap()
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("out")
    }

    fn written(&self) -> String {
        fs::read_to_string(self.file()).unwrap_or_default()
    }
}

fn give(handler: &mut ExecHandler, messages: &[&str]) {
    for msg in messages {
        let record = Record { msg: (*msg).into(), level: Level::WARNING, ..Record::default() };
        handler.handle(&record).unwrap();
    }
}

/// The error for a batch of three records.
fn failure(script: &Script) -> String {
    let mut handler = script.handler();
    give(&mut handler, &["1", "2", "3"]);
    let error = handler.flush().unwrap_err().to_string();
    assert_eq!(handler.backlog(), Backlog { lost: 3, ..Backlog::default() }, "{error}");
    error
}

#[test]
fn a_command_gets_each_batch_on_stdin_with_a_description_in_its_environment() {
    let script = script("(echo $ZLOG_RECORDS $ZLOG_LEVEL $ZLOG_LEVELNO $ZLOG_DROPPED; cat) >>$0");
    let mut handler = script.handler();
    give(&mut handler, &["one", "two"]);
    handler.flush().unwrap();
    assert_eq!(script.written(), "", "the batch is not due");
    let error = Record { msg: "worst\nTraceback".into(), level: Level(45), ..Record::default() };
    handler.handle(&error).unwrap();
    assert_eq!(script.written(), "3 Level 45 45 0\none\ntwo\nworst\nTraceback\n");
    give(&mut handler, &["last"]);
    close(&mut handler).unwrap();
    assert!(script.written().ends_with("Traceback\n1 WARNING 30 0\nlast\n"));
    assert_eq!(handler.backlog(), Backlog::default());
}

#[test]
fn a_large_batch_passes_a_slowly_read_pipe() {
    let script = script("while dd bs=100000 count=1 2>/dev/null | grep . >>$0; do :; done");
    let mut handler = script.handler();
    let line = "x".repeat(99_999);
    give(&mut handler, &[&line, &line, &line]);
    handler.flush().unwrap();
    assert_eq!(script.written().lines().map(str::len).sum::<usize>(), 3 * 99_999);
}

#[test]
fn a_command_may_ignore_its_input() {
    let line = "x".repeat(200_000);
    for text in ["exit 0", "exec <&-; sleep 0.1", "head -c 10 >/dev/null", "echo no >&2"] {
        let script = script(text);
        let mut handler = script.handler();
        give(&mut handler, &[&line, &line, &line]);
        handler.flush().unwrap();
        assert_eq!(handler.backlog(), Backlog::default(), "{text}");
    }
}

#[test]
fn a_failed_command_is_reported_with_its_first_line_of_stderr_escaped() {
    let error = failure(&script("echo >&2; echo 'no \x1b[31mroute' >&2; echo more >&2; exit 3"));
    let expected = r"command sh failed with 3 records: exit code 3: no \x1b[31mroute";
    assert_eq!(error.lines().next().unwrap(), expected);
    let error = failure(&script("kill -9 $$"));
    assert!(error.contains("ended by signal 9"), "{error}");
    // Much more than a pipe holds.
    let error = failure(&script("yes loud | head -c 1000000 >&2; exit 1"));
    assert!(error.contains("exit code 1: loud"), "{error}");
}

#[test]
fn a_command_that_takes_too_long_is_ended_with_everything_it_started() {
    for text in [
        "sleep 100 & echo $! >$0; wait",
        "trap '' TERM; sh -c \"trap '' TERM; sleep 100\" & echo $! >$0; wait; sleep 100",
        "sleep 100 & echo $! >$0; while :; do echo x >&2; done",
        // The command ends on SIGTERM and leaves a process behind that does not.
        "(trap '' TERM; exec sleep 100) & echo $! >$0; wait",
    ] {
        let mut script = script(text);
        script.options.timeout = Duration::from_millis(300);
        let start = Instant::now();
        // On a busy machine the script may be too slow for the first timeouts.
        let grandchild = loop {
            let error = failure(&script);
            assert!(error.contains("not finished within"), "{error}");
            assert!(start.elapsed() < DEADLINE);
            match script.written().trim().parse() {
                Ok(grandchild) => break grandchild,
                Err(_) => script.options.timeout *= 2,
            }
        };
        let grandchild = rustix::process::Pid::from_raw(grandchild).unwrap();
        let ended = || {
            let state = fs::read_to_string(format!("/proc/{}/stat", grandchild.as_raw_pid()));
            rustix::process::test_kill_process(grandchild).is_err()
                || state.is_ok_and(|stat| stat.contains(") Z "))
        };
        while !ended() {
            assert!(start.elapsed() < DEADLINE, "{text} goes on");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn closing_ends_a_command_at_the_deadline() {
    let script = script("sleep 100");
    let mut handler = script.handler();
    give(&mut handler, &["1"]);
    let start = Instant::now();
    handler.close(start + Duration::from_millis(200)).unwrap_err();
    assert!(start.elapsed() < DEADLINE);
    assert_eq!(handler.backlog(), Backlog { lost: 1, ..Backlog::default() });
}

#[test]
fn a_command_that_can_not_be_started_is_tried_again() {
    let mut script = script("");
    let program = script.directory.path().join("program");
    fs::write(&program, "#!/bin/sh\ncat >>\"$1\"\n").unwrap();
    let file = script.file().to_str().unwrap().to_owned();
    script.options.command = vec![program.to_str().unwrap().to_owned(), file];
    let mut handler = script.handler();
    give(&mut handler, &["1", "2", "3"]);
    let error = handler.flush().unwrap_err().to_string();
    assert!(error.contains("can't be started: permission denied"), "{error}");
    assert_eq!(handler.backlog(), Backlog { waiting: 3, unreachable: true, ..Backlog::default() });
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    close(&mut handler).unwrap();
    assert_eq!(script.written(), "1\n2\n3\n");
    assert_eq!(handler.backlog(), Backlog::default());
}

#[test]
fn a_process_left_behind_does_not_delay_the_handler() {
    let script = script("sleep 100 & echo $! >$0");
    let mut handler = script.handler();
    let start = Instant::now();
    give(&mut handler, &["1", "2", "3"]);
    handler.flush().unwrap();
    assert!(start.elapsed() < DEADLINE);
    // The handler lets it run; the test does not.
    let left = rustix::process::Pid::from_raw(script.written().trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(left, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn commands_are_split_like_in_a_shell_and_invalid_ones_refused() {
    let parsed = ExecOptions::parse(r#"notify --to 'on call' "a\"b" c\ d $HOME"#).unwrap();
    assert_eq!(parsed.command, ["notify", "--to", "on call", "a\"b", "c d", "$HOME"]);
    for (line, why) in [("", "is empty"), ("  ", "is empty"), ("a 'b", "has an unclosed quote")] {
        let error = ExecOptions::parse(line).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    for command in
        [vec![], vec![String::new()], vec!["zlog-no-such".into()], vec!["/no/such".into()]]
    {
        let options = ExecOptions { command, ..ExecOptions::default() };
        let Err(error) = ExecHandler::new(options, text()) else { panic!("accepted") };
        assert_eq!(error.exit(), zlog_core::Exit::Usage);
    }
}
