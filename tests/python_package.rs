//! The Python package `zlog_logging`: its own tests, on every CPython that this machine has, and
//! zlog at the other end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::harness::{Input, Python, Running, emit, install_python, left_out, python, zlog};

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
        pytest.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]).arg(package().join("tests"));
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
