//! The Python package `zlog_logging`: its own tests, on every CPython that this machine has, and
//! zlog at the other end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Input, Python, Running, User, emit, install_python, left_out, python, zlog};

/// The oldest and the newest minor version of CPython 3 to look for.
const VERSIONS: std::ops::RangeInclusive<u32> = 9..=14;
const REQUIREMENTS: &str = "pyzmq==27.1.0\npytest==8.4.2\n";
/// The whole suite, on a busy machine.
const SUITE_DEADLINE: Duration = Duration::from_secs(400);

fn package() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python")
}

/// One interpreter for each minor version: of the search path, or of pyenv.
fn interpreters() -> Vec<PathBuf> {
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    let pyenv = std::fs::read_dir(home.join(".pyenv/versions")).into_iter().flatten().flatten();
    let mut candidates: Vec<PathBuf> = vec!["python3".into()];
    candidates.extend(VERSIONS.map(|minor| format!("python3.{minor}").into()));
    candidates.extend(pyenv.map(|version| version.path().join("bin/python3")));
    let versioned = candidates.into_iter().filter_map(|path| Some((minor_version(&path)?, path)));
    // The first of each version.
    let mut found = BTreeMap::new();
    for (minor, path) in versioned.filter(|(minor, _)| VERSIONS.contains(minor)) {
        found.entry(minor).or_insert(path);
    }
    found.into_values().collect()
}

/// The minor version of a CPython 3 that runs and can create environments.
fn minor_version(program: &Path) -> Option<u32> {
    let script = "import sys, venv, ensurepip; print(sys.version_info[:2])";
    let output = Command::new(program).args(["-c", script]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.trim().strip_prefix("(3, ")?.strip_suffix(')')?.parse().ok()
}

/// `python` with `zlog_logging` on its path.
fn command(python: &Python) -> Command {
    let mut command = python.command();
    command.env("PYTHONPATH", package());
    command
}

#[test]
fn the_tests_of_the_package_pass_on_every_python() {
    let interpreters = interpreters();
    if interpreters.is_empty() {
        return left_out("Python 3.9 or later", "none runs").unwrap_or_default();
    }
    for interpreter in interpreters {
        let python = match install_python(&interpreter, REQUIREMENTS) {
            Ok(python) => python,
            Err(why) => return left_out("pytest and pyzmq", &why).unwrap_or_default(),
        };
        let mut pytest = command(&python);
        pytest.args(["-m", "pytest", "-v", "-p", "no:cacheprovider"]);
        // A test that hangs shows where.
        pytest.args(["-o", "faulthandler_timeout=100"]).arg(package().join("tests"));
        let ended = Running::start(pytest, Input::Empty).with_deadline(SUITE_DEADLINE).wait();
        ended.success();
    }
}

/// A program that logs to the endpoint in its first argument.
fn program(python: &Python, script: &str, endpoint: &str) -> Running {
    let mut command = command(python);
    command.args(["-c", script, endpoint]);
    Running::start(command, Input::Empty)
}

#[test]
fn tail_shows_the_records_of_zlog_handler() {
    let Some(python) = python() else { return };
    let mut tail = zlog(["tail", "--bind", "tcp://127.0.0.1:0", "-o", "json", "-n", "2"]).start();
    let endpoint = tail.endpoint();
    let script = "
import logging, sys
from zlog_logging import ZlogHandler
handler = ZlogHandler(connect=sys.argv[1], root='shop', wait=20)
logging.getLogger('db').addHandler(handler)
logging.getLogger('db').warning('%d rows', 7, extra={'user': 'alice'})
try:
    {}['key']
except KeyError:
    logging.getLogger('db').exception('lookup failed')
";
    program(&python, script, &endpoint).wait().success();
    let shown = tail.wait().success().out();
    let records: Vec<serde_json::Value> =
        shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records[0]["topic"], "shop.WARNING");
    assert_eq!(records[0]["msg"], "7 rows");
    assert_eq!(records[0]["user"], "alice");
    assert_eq!(records[1]["name"], "db");
    let traceback = records[1]["exc_text"].as_str().unwrap();
    assert!(traceback.ends_with("KeyError: 'key'"), "{traceback}");
}

#[test]
fn tail_reports_the_records_that_zlog_handler_dropped() {
    let Some(python) = python() else { return };
    let mut tail = zlog(["tail", "--bind", "tcp://127.0.0.1:0", "-o", "text"]).start();
    let endpoint = tail.endpoint();
    // The queue is full before the thread can send anything.
    let script = "
import logging, sys
from zlog_logging import ZlogHandler, _publisher
wait = _publisher.Publisher._await_subscriber
def fill_first(self, socket):
    is_there = wait(self, socket)
    filled.wait()
    return is_there
_publisher.Publisher._await_subscriber = fill_first
import threading
filled = threading.Event()
handler = ZlogHandler(connect=sys.argv[1], root='shop', queue_size=5, on_full='drop', wait=20)
logging.getLogger().addHandler(handler)
for number in range(20):
    logging.error('%d', number)
filled.set()
handler.flush()
logging.error('last')
";
    program(&python, script, &endpoint).wait().success();
    tail.expect_stdout("last");
    tail.interrupt();
    let ended = tail.wait();
    let shown = ended.out();
    assert_eq!(shown, "0\n1\n2\n3\n4\n15 records were dropped: 5 were waiting to be sent\nlast\n");
    ended.stderr_has("lost 15 records of");
}

#[test]
fn log_record_subscriber_reads_what_emit_publishes() {
    let Some(python) = python() else { return };
    let mut emit = emit(["--root", "shop"]).stdin("ERROR: disk full\nall is well\n").start();
    let endpoint = emit.endpoint();
    let script = "
import logging, sys
from zlog_logging import LogRecordSubscriber
with LogRecordSubscriber(sys.argv[1]) as subscriber:
    for _, record in zip(range(2), subscriber):
        print(record.topic, record.levelname, record.getMessage())
";
    let printed = program(&python, script, &endpoint).wait().success().out();
    emit.wait().success();
    assert_eq!(printed, "shop.ERROR ERROR ERROR: disk full\nshop.INFO INFO all is well\n");
}

/// A program that begins with a handler without an endpoint.
fn users_program(user: &User, python: &Python, script: &str) -> Running {
    const BEGIN: &str = "
import logging, os, time
from zlog_logging import ZlogHandler
logging.getLogger().addHandler(ZlogHandler(root='python', wait=60))
";
    let mut command = command(python);
    command.envs(user.variables()).args(["-W", "ignore", "-c", &format!("{BEGIN}{script}")]);
    Running::start(command, Input::Empty)
}

/// The messages that a tail has shown, sorted.
fn shown(tail: Running) -> Vec<String> {
    let mut lines: Vec<String> = tail.wait().success().out().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn handlers_without_an_endpoint_emitters_and_tails_meet_in_any_order() {
    let Some(python) = python() else { return };
    let user = User::new();
    let parent_and_child = "
logging.warning('parent')
child = os.fork()
if child == 0:
    logging.warning('child')
    logging.shutdown()
    os._exit(0)
os.waitpid(child, 0)
";
    // The first one gets the default endpoint.
    let first = users_program(&user, &python, "logging.warning('first')");
    let tail = user.zlog(&["tail", "-q", "-o", "text", "-n", "4"]).start();
    let others = users_program(&user, &python, parent_and_child);
    let mut emit = user.zlog(&["emit", "--wait", "60s"]).stdin_open().start();
    emit.write("emit\n");
    emit.close_stdin();
    assert_eq!(shown(tail), ["child", "emit", "first", "parent"]);
    for process in [first, others, emit] {
        process.wait().success();
    }
    user.expect_files(0);
}

#[test]
fn a_handler_without_an_endpoint_waits_for_all_tails_that_run() {
    let Some(python) = python() else { return };
    let user = User::new();
    let missing = user.stuck_tail();
    let tail = || user.zlog(&["tail", "-v", "-o", "text", "-n", "1"]).start();
    let mut first = tail();
    let program = users_program(&user, &python, "logging.warning('hello')");
    first.expect_stderr("connected");
    let mut second = tail();
    second.expect_stderr("connected");
    drop(missing);
    program.wait().success();
    for tail in [first, second] {
        tail.wait().success().stdout("hello\n");
    }
}

#[test]
fn a_handler_without_an_endpoint_goes_through_the_users_relay() {
    let Some(python) = python() else { return };
    let user = User::new();
    let mut relay = user.zlog(&["relay", "--bind", "tcp://127.0.0.1:*"]).start();
    relay.endpoints(2);
    let tail = user.zlog(&["tail", "-q", "-o", "text", "-n", "2"]).start();
    let script = "logging.warning('one'); logging.warning('two')";
    users_program(&user, &python, script).wait().success();
    assert_eq!(shown(tail), ["one", "two"]);
    relay.terminate();
    relay.wait().code(143).stderr_has("forwarded 2 messages");
}

#[test]
fn what_a_killed_handler_leaves_in_the_run_directory_is_removed() {
    let Some(python) = python() else { return };
    let user = User::new();
    let script = "logging.warning('first'); time.sleep(600)";
    let _first = users_program(&user, &python, script);
    let tail = user.zlog(&["tail", "-q", "-o", "text", "-n", "1"]).start();
    assert_eq!(shown(tail), ["first"]);
    let mut killed = users_program(&user, &python, script);
    user.expect_files(2);
    killed.signal(Signal::KILL);
    killed.wait().ended_by(Signal::KILL);
    user.expect_files(2);
    let next = users_program(&user, &python, "logging.warning('next')");
    let tail = user.zlog(&["tail", "-q", "-o", "text", "-n", "1"]).start();
    assert_eq!(shown(tail), ["next"]);
    next.wait().success();
    user.expect_files(0);
}
