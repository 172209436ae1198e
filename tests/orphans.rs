use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::harness::{
    ANY_PORT, Finished, Input, Listener, Running, clear_environment, left_out, zlog,
};

/// Leaves twenty orphans behind that end at once, and prints how many of them are left as
/// zombies; prints nothing before all of them have ended, or none has for ten seconds.
const ORPHANS: &str = "
    for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do (true & true) & done; wait
    for tries in $(seq 200); do
        zombies=$(grep -ls '^State:.Z' /proc/[0-9]*/status | wc -l)
        [ $zombies = 0 ] && break
        sleep 0.05
    done
    echo $zombies zombies; exit 7";

/// `zlog emit -- sh -c SCRIPT` in a process namespace of its own, as its first process.
fn first_process(script: &str) -> Running {
    let mut command = Command::new("unshare");
    clear_environment(&mut command);
    let root = rustix::process::geteuid().is_root();
    let user: &[&str] = if root { &[] } else { &["--user", "--map-root-user"] };
    command.args(["--fork", "--pid", "--mount-proc", "--kill-child"]).args(user);
    command.args([env!("CARGO_BIN_EXE_zlog"), "emit", "-b", ANY_PORT, "--wait", "60s"]);
    command.args(["--", "sh", "-c", script]);
    Running::start(command, Input::Empty)
}

/// Whether namespaces can be made here. Where not, a test says so, and passes but under
/// `CI=true`.
fn can_unshare() -> bool {
    let root = rustix::process::geteuid().is_root();
    let user: &[&str] = if root { &[] } else { &["--user", "--map-root-user"] };
    let mut command = Command::new("unshare");
    let tried = command.args(["--fork", "--pid", "--mount-proc"]).args(user).arg("true").output();
    let can = tried.is_ok_and(|output| output.status.success());
    can || left_out::<()>("unshare --pid", "no process namespace can be made").is_some()
}

#[track_caller]
fn everything(mut emit: Running) -> (Vec<String>, Finished) {
    let messages = Listener::connect(&emit.endpoint(), "").everything();
    let text = |message: &crate::harness::Message| message.json()["msg"].as_str().unwrap().into();
    (messages.iter().map(text).collect(), emit.wait())
}

#[test]
fn as_process_1_emit_waits_for_orphans_and_passes_on_the_commands_exit_code() {
    if !can_unshare() {
        return;
    }
    let (said, emit) = everything(first_process(ORPHANS));
    emit.code(7);
    assert_eq!(said, ["0 zombies"]);
}

#[test]
fn as_process_1_emit_passes_signals_on_to_the_command() {
    if !can_unshare() {
        return;
    }
    // It finds out who process 1 is, and asks it to stop.
    let script = "trap 'echo stopped; exit 5' TERM; echo $PPID; kill -TERM 1; sleep 60 & wait";
    let (said, emit) = everything(first_process(script));
    emit.code(5);
    assert_ne!(said[0], "1", "what runs the command is not what waits for orphans");
    assert_eq!(said[1..], ["stopped"]);
}

#[test]
fn as_process_1_without_proc_emit_says_so_and_runs_the_command() {
    if !can_unshare() {
        return;
    }
    let script = "mount -t tmpfs none /proc && exec \"$0\" \"$@\"";
    let mut command = Command::new("unshare");
    clear_environment(&mut command);
    let root = rustix::process::geteuid().is_root();
    let user: &[&str] = if root { &[] } else { &["--user", "--map-root-user"] };
    command.args(["--fork", "--pid", "--mount-proc", "--kill-child"]).args(user);
    command.args(["sh", "-c", script, env!("CARGO_BIN_EXE_zlog"), "emit", "-b", ANY_PORT]);
    command.args(["--wait", "60s", "--", "sh", "-c", "echo works; exit 7"]);
    let (said, emit) = everything(Running::start(command, Input::Empty));
    emit.code(7).stderr_has("can't start zlog as a child of process 1");
    assert_eq!(said, ["works"]);
}

#[test]
fn a_subreaper_waits_for_orphans_and_leaves_its_commands_to_those_who_started_them() {
    // Only the orphans of this test: there are other processes.
    let script = ORPHANS.replace(
        "^State:.Z",
        "^PPid:.'$(cat /proc/$PPID/status | \
                                               sed -n 's/^PPid:.//p')'$",
    );
    let script = script.replace("[ $zombies = 0 ]", "[ $zombies = 1 ]");
    let emit = ["emit", "-b", ANY_PORT, "--wait", "60s", "--", "sh", "-c", &script];
    let mut command = zlog(emit).into_command();
    let adopt = || Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?);
    // SAFETY: between fork and exec the closure makes two system calls, and touches neither
    // memory that another thread may hold locked nor the heap.
    unsafe { command.pre_exec(adopt) };
    let (said, emit) = everything(Running::start(command, Input::Empty));
    emit.code(7);
    // The one child that is left is the one in which zlog runs.
    assert_eq!(said, ["1 zombies"]);
}
