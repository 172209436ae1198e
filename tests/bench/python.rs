//! `zlog bench --compare-python`: Python's own handlers, really run. No speed is
//! checked.

use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;

use super::leftovers::{assert_nothing_left, until, until_nothing_left};
use crate::harness::{Terminal, Zlog, python, shell_code, zlog};

const NAMES: [&str; 5] =
    ["python-file", "python-smtp", "python-queue", "python-socket", "python-pub"];

fn bench(directory: &Path, python: &str, args: &[&str]) -> Zlog {
    let bench = zlog(["bench", "--handlers", "file,null", "--runs", "2", "--output", "json"]);
    let bench = bench.args(["--dir", directory.to_str().unwrap()]).args(args);
    bench.args(["--compare-python", "--python", python])
}

#[track_caller]
fn rows(bench: Zlog, directory: &Path) -> Vec<Value> {
    let bench = bench.run().success();
    assert_eq!(std::fs::read_dir(directory).unwrap().count(), 0);
    let report: Value = serde_json::from_slice(&bench.stdout).unwrap();
    report["handlers"].as_array().unwrap().clone()
}

#[test]
fn pythons_handlers_get_the_same_records_and_each_of_them_arrives() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    for args in [&["-n", "200", "--warm-up", "10ms"][..], &["-n", "90", "--threads", "4"]] {
        let bench = bench(directory.path(), python.program().to_str().unwrap(), args);
        let rows = rows(bench, directory.path());
        let count: u64 = args[1].parse().unwrap();
        for name in NAMES {
            let row = rows.iter().find(|row| row["name"] == name).unwrap();
            assert_eq!(row["error"], Value::Null, "{row:#}");
            let figures = &row["figures"];
            assert_eq!(figures["sent"], count * 2, "{row:#}");
            assert_eq!((&figures["arrived"], &figures["lost"]), (&figures["sent"], &0.into()));
            assert!(figures["ratio_to_file"]["median"].as_f64().unwrap() > 0.0, "{row:#}");
            assert!(figures["latency_ns"]["p50"]["median"].as_f64().unwrap() > 0.0, "{row:#}");
        }
    }
}

#[test]
fn ctrl_c_while_python_is_measured_prints_what_there_is_and_leaves_nothing_behind() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let bench = zlog(["bench", "--handlers", "null", "-n", "300000", "--warm-up", "0"])
        .args(["--dir", directory.path().to_str().unwrap(), "--compare-python", "--python"])
        .args([python.program()]);
    let mut terminal = Terminal::start(bench, 50, 120);
    terminal.wait_for_text("round 1 of 5: python-file");
    terminal.press("\x03");
    let (bytes, status) = terminal.wait();
    assert_eq!(shell_code(status), Some(130));
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("Stopped before the end") && !text.contains("Traceback"), "{text}");
    let row = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap();
    assert!(!row("null").contains("not run"), "{text}");
    assert!(row("python-pub").contains("not run"), "{text}");
    assert_nothing_left(directory.path());
}

#[test]
fn python_and_its_files_are_gone_also_when_the_bench_is_killed() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let args = ["--handlers", "null", "-n", "500000", "--warm-up", "0"];
    let mut bench = bench(directory.path(), python.program().to_str().unwrap(), &args).start();
    until(&mut bench, "Python logs", || {
        let homes = std::fs::read_dir(directory.path()).unwrap().flatten();
        let runs = homes.filter_map(|home| std::fs::read_dir(home.path()).ok()).flatten();
        let mut logs = runs.flatten().map(|run| run.path().join("app.log"));
        logs.any(|log| std::fs::metadata(log).is_ok_and(|log| log.len() > 0))
    });
    bench.signal(Signal::KILL);
    until_nothing_left(directory.path(), &mut bench);
}

#[test]
fn without_a_python_that_is_said_and_the_rest_is_measured() {
    let directory = tempfile::tempdir().unwrap();
    let bench = bench(directory.path(), "/nonexistent/python3", &["-n", "100"]).run().success();
    let bench = bench.stderr_has("no Python to compare with: /nonexistent/python3");
    let report: Value = serde_json::from_slice(&bench.stderr_has("--python").stdout).unwrap();
    assert_eq!(report["handlers"].as_array().unwrap().len(), 2);
}

#[cfg(unix)]
#[test]
fn without_pyzmq_that_is_said_and_the_other_handlers_are_measured() {
    use std::os::unix::fs::PermissionsExt;

    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    // Isolated from its packages, this Python has the standard library alone.
    let bare = elsewhere.path().join("python");
    let script = format!("#!/bin/sh\nexec '{}' -S \"$@\"\n", python.program().display());
    std::fs::write(&bare, script).unwrap();
    std::fs::set_permissions(&bare, std::fs::Permissions::from_mode(0o755)).unwrap();
    let bench = bench(directory.path(), bare.to_str().unwrap(), &["-n", "50"]).run().success();
    let bench = bench.stderr_has("has no PyZMQ, so python-pub is not measured");
    let report: Value = serde_json::from_slice(&bench.stdout).unwrap();
    let names: Vec<_> =
        report["handlers"].as_array().unwrap().iter().map(|row| row["name"].clone()).collect();
    assert_eq!(names[2..], NAMES[..4], "{names:?}");
}
