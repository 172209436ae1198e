//! `zlog_logging` with keys, and zlog at the other end.

use std::path::Path;

use super::Machine;
use super::keys::{EXPOSED, native, trust};
use crate::harness::{Input, Python, Running, own_port, python};

const PUBLISH: &str = "
import logging, sys
from zlog_logging import ZlogHandler
logging.getLogger().addHandler(ZlogHandler(**{sys.argv[1]: sys.argv[2]}, root='py', wait=60))
logging.warning('from python')
";
const SUBSCRIBE: &str = "
import sys
from zlog_logging import LogRecordSubscriber
with LogRecordSubscriber(**{sys.argv[1]: sys.argv[2]}) as subscriber:
    print(next(iter(subscriber)).getMessage())
";

/// A program that uses the package on a machine.
fn program(python: &Python, machine: &Machine, script: &str, args: &[&str]) -> Running {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
    let mut command = python.command();
    command.env("PYTHONPATH", package).env("ZLOG_KEYS", machine.path());
    command.args(["-c", script]).args(args);
    Running::start(command, Input::Empty)
}

/// What a program binds for other machines, and where it is reached from this one.
fn exposed() -> (String, String) {
    let port = own_port();
    (format!("tcp://0.0.0.0:{port}"), format!("tcp://127.0.0.1:{port}"))
}

fn here(running: &mut Running) -> String {
    running.endpoint().replace("0.0.0.0", "127.0.0.1")
}

#[test]
fn the_package_and_zlog_send_encrypted_records_whichever_binds() {
    let Some(python) = python() else { return };
    let (server, client) = (Machine::named("logs"), Machine::named("app"));
    trust(&server, &client, &[]);
    let tail = ["tail", "-o", "text", "-n", "1"];
    let emit = ["emit", "--wait", "60s", "-m", "from zlog"];

    let mut bound = native(&server, &tail).args(["--bind", EXPOSED]).start();
    let at = here(&mut bound);
    program(&python, &client, PUBLISH, &["connect", &at]).wait().success().stderr("");
    bound.wait().success().stdout("from python\n");

    let (bind, at) = exposed();
    let bound = program(&python, &server, PUBLISH, &["bind", &bind]);
    native(&client, &tail).args(["--connect", &at]).run().success().stdout("from python\n");
    bound.wait().success().stderr("");

    let mut bound = native(&server, &emit).args(["--bind", EXPOSED]).start();
    let at = here(&mut bound);
    let reader = program(&python, &client, SUBSCRIBE, &["connect", &at]);
    reader.wait().success().stdout("from zlog\n");
    bound.wait().success();

    let (bind, at) = exposed();
    let bound = program(&python, &server, SUBSCRIBE, &["bind", &bind]);
    native(&client, &emit).args(["--connect", &at]).run().success();
    bound.wait().success().stdout("from zlog\n");
}

#[test]
fn a_python_program_refuses_strangers_and_clients_that_may_not_read_everything() {
    let Some(python) = python() else { return };
    let (server, client) = (Machine::named("app"), Machine::named("laptop"));
    client.keygen(&["--trust", &server.public(), "--host", "127.0.0.1"]);
    let (bind, at) = exposed();
    let mut bound = program(&python, &server, PUBLISH, &["bind", &bind]);
    let tail = ["tail", "-o", "text", "-n", "1", "--connect", &at];
    let mut tail = native(&client, &tail).start();
    let list = client.keygen(&["--list"]);
    let fingerprint = list.split_whitespace().nth(1).unwrap();
    bound.expect_stderr(&format!("refused the client {fingerprint}: it is not trusted"));
    server.keygen(&["--trust", &client.public(), "--read", "other."]);
    bound.signal(rustix::process::Signal::TERM);
    drop(bound);

    let mut bound = program(&python, &server, PUBLISH, &["bind", &bind]);
    bound.expect_stderr("its right to read is limited");
    server.keygen(&["--trust", &client.public()]);
    tail.expect_end();
    tail.wait().success().stdout("from python\n");
    bound.wait().success();
}

#[test]
fn a_python_program_reaches_an_encrypted_port_of_its_own_machine_without_an_entry() {
    let Some(python) = python() else { return };
    let machine = Machine::named("logs");
    let tail = ["tail", "-o", "text", "-n", "1", "--bind", EXPOSED];
    let mut tail = native(&machine, &tail).start();
    let at = here(&mut tail);
    program(&python, &machine, PUBLISH, &["connect", &at]).wait().success();
    tail.wait().success().stdout("from python\n");
}

#[test]
fn a_python_program_without_a_key_binds_beyond_loopback_only_if_insecure() {
    let Some(python) = python() else { return };
    let machine = Machine::without_key();
    let (bind, at) = exposed();
    let ended = program(&python, &machine, PUBLISH, &["bind", &bind]).wait();
    ended.code(1).stderr_has("other machines can reach it").stderr_has("zlog keygen");
    let insecure = PUBLISH.replace("wait=60", "wait=60, insecure=True");
    let bound = program(&python, &machine, &insecure, &["bind", &bind]);
    let tail = ["tail", "-o", "text", "-n", "1", "--connect", &at];
    native(&machine, &tail).run().success().stdout("from python\n");
    bound.wait().success();
}
