//! Endpoints that other machines or other users can reach.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::harness::{ANY_PORT, Input, Running, python, skipped, zlog};

/// Endpoints that other machines can reach.
const EXPOSED: [&str; 4] = ["tcp://0.0.0.0:0", "tcp://*:*", "tcp://[::]:0", "0.0.0.0:0"];

#[test]
fn an_endpoint_that_other_machines_can_reach_is_bound_only_with_insecure() {
    let handler = |at: &str| format!("--publish={at}");
    for engine in ["libzmq", "native"] {
        for at in &EXPOSED[..2] {
            let handler = handler(at);
            for args in [
                &["emit", "--wait", "0s", "-m", "x", "--bind", at][..],
                &["emit", "--wait", "0s", "-m", "x", "--endpoint", at],
                &["tail", "--timeout", "1ms", "--bind", at],
                &["tail", "--timeout", "1ms", "--bind", ANY_PORT, &handler],
            ] {
                let refused = zlog(args).env("ZLOG_ENGINE", engine).run().code(1);
                refused.stderr_has("other machines").stderr_has("keygen").stderr_has("--insecure");
            }
        }
        for args in [
            &["emit", "--wait", "0s", "-m", "x", "--insecure", "--bind", "tcp://0.0.0.0:0"][..],
            &["tail", "--timeout", "1ms", "--insecure", "--bind", "tcp://0.0.0.0:0"],
            &["tail", "--timeout", "1ms", "--bind", "0", "--publish=tcp://0.0.0.0:0,insecure"],
        ] {
            zlog(args).env("ZLOG_ENGINE", engine).run().success().stderr_has("tcp://0.0.0.0:");
        }
    }
}

#[test]
fn a_port_and_every_name_of_the_loopback_interface_are_bound_without_insecure() {
    for at in ["0", ":0", "tcp://localhost:0", "tcp://lo:0", "tcp://127.9.9.9:0"] {
        let emit = zlog(["emit", "--wait", "0s", "-m", "x", "--bind", at]).run().success();
        emit.stderr_has("bound tcp://127.");
    }
}

#[test]
fn each_port_of_a_relay_that_other_machines_can_reach_needs_insecure() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("relay.toml");
    for at in EXPOSED {
        for option in ["--bind", "--publish-bind", "--ask"] {
            let ports = [["--bind", ANY_PORT], ["--publish-bind", ANY_PORT], ["--ask", ANY_PORT]];
            let ports = ports.map(|[name, port]| [name, if name == option { at } else { port }]);
            let refused = zlog(["relay"]).args(ports.concat()).run().code(1);
            refused.stderr_has("other machines").stderr_has("--insecure").stderr_lacks("bound");
            let key = option.trim_start_matches('-');
            let text = |more: &str| format!("version = 1\n[relay]\n{key} = '{at}'\n{more}");
            let check = ["relay", "--check", "--config", file.to_str().unwrap()];
            std::fs::write(&file, text("")).unwrap();
            zlog(check).run().code(1).stderr_has("insecure = true");
            std::fs::write(&file, text("insecure = true\n")).unwrap();
            zlog(check).run().success();
        }
    }
    let ports = ["relay", "--bind", "0", "--publish-bind", "tcp://*:0", "--insecure"];
    let mut relay = zlog(ports).start();
    relay.expect_stderr("publishing, bound tcp://0.0.0.0:");
    relay.expect_stderr("queries, bound tcp://0.0.0.0:");
    relay.terminate();
    relay.wait().code(143);
}

#[test]
fn a_wrapped_job_runs_although_the_endpoint_is_refused_and_strict_refuses_to_start_it() {
    let args = ["emit", "--bind", "tcp://0.0.0.0:0", "--", "sh", "-c", "echo ran >&2; exit 7"];
    let job = zlog(args).run().code(7);
    assert_eq!(job.err().matches("--insecure").count(), 1, "{}", job.err());
    let args = ["emit", "--strict", "--bind", "tcp://0.0.0.0:0", "--", "sh", "-c", "echo ran"];
    zlog(args).run().code(1).stdout("").stderr_has("--insecure");
}

#[test]
fn only_the_owner_can_connect_to_an_ipc_socket() {
    let directory = tempfile::tempdir().unwrap();
    let everybody = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(directory.path(), everybody).unwrap();
    for engine in ["libzmq", "native"] {
        let path = directory.path().join(engine);
        let endpoint = format!("ipc://{}", path.display());
        let mut tail = zlog(["tail", "--bind", &endpoint]).env("ZLOG_ENGINE", engine).start();
        tail.expect_stderr("bound ");
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{engine}");
        tail.terminate();
        tail.wait().code(143);
    }
}

/// Another user needs root to become one.
#[cfg(target_os = "linux")]
#[test]
fn another_user_gets_nothing_from_an_abstract_ipc_socket_of_the_native_engine() {
    let Some(python) = python() else { return };
    if !rustix::process::geteuid().is_root() {
        return skipped("only root becomes another user");
    }
    let endpoint = format!("ipc://@zlog-test-{}", std::process::id());
    let args = ["emit", "--engine", "native", "--bind", &endpoint, "--test", "--rate", "100"];
    let mut emit = zlog(args).start();
    emit.expect_stderr("bound ");
    let script = "
import os, socket, sys
if sys.argv[2] != '0':
    os.setuid(int(sys.argv[2]))
with socket.socket(socket.AF_UNIX) as peer:
    peer.settimeout(60)
    peer.connect('\\0' + sys.argv[1])
    try:
        print(len(peer.recv(64)))
    except ConnectionResetError:
        print(0)
";
    for (user, greeting) in [("65534", "0\n"), ("0", "64\n")] {
        let mut command: Command = python.command();
        command.args(["-c", script, endpoint.trim_start_matches("ipc://@"), user]);
        Running::start(command, Input::Empty).wait().success().stdout(greeting);
    }
    emit.terminate();
    emit.wait().code(143);
}
