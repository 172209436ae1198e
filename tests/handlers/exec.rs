use std::env;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, test_kill_process};

use zlog_core::Record;
use zlog_pipeline::handler::exec::{ExecHandler, ExecOptions};
use zlog_pipeline::handler::queue::{OnFull, QueueHandler};
use zlog_pipeline::handler::retry::BatchOptions;
use zlog_pipeline::handler::{Backlog, Handler};

use super::text;
use crate::harness::{DEADLINE, Input, Running, python};

fn options(command: &[&str], count: usize) -> ExecOptions {
    ExecOptions {
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        batch: BatchOptions { count, time: DEADLINE },
        ..ExecOptions::default()
    }
}

#[test]
fn a_python_program_gets_every_record_once() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("out");
    let program = "import os, sys; lines = sys.stdin.read().splitlines(); \
                   assert len(lines) == int(os.environ['ZLOG_RECORDS']); \
                   open(sys.argv[1], 'a').write(''.join(l + '\\n' for l in lines))";
    let interpreter = python.program().to_str().unwrap();
    let command = [interpreter, "-c", program, file.to_str().unwrap()];
    let mut handler = ExecHandler::new(options(&command, 300), text()).unwrap();
    let all: Vec<String> = (0..1000).map(|number| format!("naïve {number}")).collect();
    for msg in &all {
        handler.handle(&Record { msg: msg.into(), ..Record::default() }).unwrap();
    }
    handler.close(Instant::now() + DEADLINE).unwrap();
    assert_eq!(handler.backlog(), Backlog::default());
    let written = fs::read_to_string(file).unwrap();
    assert!(written.lines().eq(all.iter().map(String::as_str)));
}

#[test]
fn a_hanging_command_does_not_delay_the_caller_of_its_queue() {
    let mut hanging = options(&["sh", "-c", "sleep 100"], 1);
    hanging.timeout = Duration::from_millis(200);
    let handler = ExecHandler::new(hanging, text()).unwrap();
    let mut queue = QueueHandler::new(handler, 10, OnFull::Drop).unwrap();
    let start = Instant::now();
    for _ in 0..1000 {
        let _ = queue.handle(&Record { msg: "x".into(), ..Record::default() });
    }
    assert!(start.elapsed() < DEADLINE / 10);
    assert!(queue.counts().dropped > 0);
    let _ = queue.close(Instant::now() + DEADLINE);
    let counts = queue.counts();
    assert_eq!(counts.accepted, counts.handled + counts.failed);
}

/// Set in the process that is killed: a file for the command's process id.
const KILLED: &str = "ZLOG_TEST_KILLED";

#[cfg(target_os = "linux")]
#[test]
fn a_command_does_not_outlive_a_zlog_that_was_killed() {
    // This test runs itself, in a process of its own.
    if let Some(file) = env::var_os(KILLED) {
        let script = ["sh", "-c", "echo $$ >$0.new; mv $0.new $0; exec sleep 100"];
        let mut options = options(&script, 1);
        options.command.push(file.into_string().unwrap());
        let mut handler = ExecHandler::new(options, text()).unwrap();
        handler.handle(&Record { msg: "x".into(), ..Record::default() }).unwrap();
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    let mut command = Command::new(env::current_exe().unwrap());
    let name = "handlers::exec::a_command_does_not_outlive_a_zlog_that_was_killed";
    command.args(["--exact", name]).env(KILLED, &file);
    let mut killed = Running::start(command, Input::Empty);
    let started = Instant::now();
    let wait = |condition: &dyn Fn() -> bool, killed: &mut Running, what: &str| {
        while !condition() {
            if started.elapsed() > DEADLINE {
                killed.fail(what);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    wait(&|| file.exists(), &mut killed, "it ran no command");
    let process = fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    let process = Pid::from_raw(process).unwrap();
    killed.signal(Signal::KILL);
    let gone = || {
        let state = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_pid()));
        // Its new parent may be slow to reap it.
        test_kill_process(process).is_err() || state.is_ok_and(|stat| stat.contains(") Z "))
    };
    wait(&gone, &mut killed, "the command goes on");
}
