//! `zlog bench pipeline`: real processes from end to end, with few records. What is
//! checked is that all of them arrived and are reported, never how fast.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::leftovers::{assert_nothing_left, until, until_nothing_left};
use crate::harness::{Listener, Running, Terminal, Zlog, shell_code, zlog};

fn bench(directory: &Path, args: &[&str]) -> Zlog {
    zlog(["bench", "pipeline", "--dir", directory.to_str().unwrap()]).args(args)
}

/// Runs it, and returns its JSON. It must leave nothing in its directory.
#[track_caller]
fn pipelines(args: &[&str]) -> Vec<Value> {
    let directory = tempfile::tempdir().unwrap();
    let bench = bench(directory.path(), args).args(["--output", "json"]).run().success();
    assert_empty(directory.path());
    let report: Value = serde_json::from_slice(&bench.stdout).unwrap();
    assert_eq!(report["schema"], "zlog-bench-pipeline/1");
    report["pipelines"].as_array().unwrap().clone()
}

#[track_caller]
fn assert_empty(directory: &Path) {
    let left: Vec<_> = fs::read_dir(directory).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[track_caller]
fn assert_all_arrived(row: &Value, wanted: u64) {
    assert_eq!(row["error"], Value::Null, "{row:#}");
    for system in ["zlog", "bare"] {
        let figures = &row[system];
        assert_eq!(figures["wanted"], wanted, "{row:#}");
        assert_eq!((&figures["arrived"], &figures["lost"]), (&wanted.into(), &0.into()), "{row:#}");
        assert!(figures["records_per_second"]["low"].as_f64().unwrap() > 0.0, "{row:#}");
        for side in ["publishers", "subscribers"] {
            let cpu = &figures[side]["cpu_seconds_per_million"]["low"];
            assert!(cpu.as_f64().unwrap() > 0.0, "{row:#}");
        }
    }
    assert!(row["ratio_to_bare"]["median"].as_f64().unwrap() > 0.0, "{row:#}");
}

#[test]
fn every_transport_and_wire_format_is_measured_beside_bare_libzmq_and_every_record_arrives() {
    let rows = pipelines(&["-n", "500", "--runs", "2"]);
    let names: HashSet<_> =
        rows.iter().map(|row| format!("{} {}", row["transport"], row["wire"])).collect();
    assert_eq!((rows.len(), names.len()), (4, 4));
    for row in &rows {
        assert_eq!(row["zlog"]["runs"], 2);
        assert_all_arrived(row, 1000);
    }
}

#[test]
fn a_sweep_measures_each_value_beside_the_base() {
    let rows = pipelines(&[
        "-n",
        "300",
        "--runs",
        "1",
        "--transport",
        "ipc",
        "--wire",
        "json",
        "--size",
        "50,2K",
        "--publishers",
        "1,2",
        "--subscribers",
        "1,3",
        "--topics",
        "1,500",
    ]);
    let point = |row: &Value| {
        ["size", "publishers", "subscribers", "topics"].map(|key| row[key].as_u64().unwrap())
    };
    let points: Vec<_> = rows.iter().map(point).collect();
    let expected = [[50, 1, 1, 1], [2048, 1, 1, 1], [50, 2, 1, 1], [50, 1, 3, 1], [50, 1, 1, 500]];
    assert_eq!(points, expected);
    for row in &rows {
        let [_, publishers, subscribers, _] = point(row);
        assert_all_arrived(row, 300 * publishers * subscribers);
    }
}

#[test]
fn tables_name_what_was_measured_and_the_markdown_file_is_the_same_as_printed() {
    let (directory, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = files.path().join("pipeline.md");
    let args = ["-n", "100", "--runs", "1", "--transport", "tcp", "--output", "markdown"];
    let bench = bench(directory.path(), &args)
        .args(["--export-markdown", path.to_str().unwrap()])
        .run()
        .success();
    let printed = bench.out();
    assert_eq!(fs::read_to_string(path).unwrap(), printed);
    for text in ["| tcp json |", "| tcp text |", "× bare", "lost"] {
        assert!(printed.contains(text), "{text} in {printed}");
    }
}

/// A record or two measure the start of programs, in whatever build.
#[test]
fn a_pipeline_that_only_starts_programs_is_reported_as_too_short() {
    let directory = tempfile::tempdir().unwrap();
    let args = ["-n", "1", "--runs", "1", "--transport", "ipc", "--wire", "json"];
    let text = bench(directory.path(), &args).run().success().out();
    assert!(text.contains("beside bare libzmq, 1 run: "), "{text}");
    assert!(text.contains("\nToo short: starting the programs took more than a quarter"), "{text}");
    assert!(text.contains("ipc json (100 %). A larger --count"), "{text}");
    for row in pipelines(&args) {
        assert_eq!(
            (&row["too_short"], &row["zlog"]["starting_share"]["median"]),
            (&json!(true), &json!(1.0))
        );
    }
}

#[test]
fn a_sweep_is_drawn_with_a_line_for_each_pipeline_and_its_bare_counterpart() {
    let (directory, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = files.path().join("pipeline.svg");
    let plot = ["--plot", path.to_str().unwrap()];
    let args = ["-n", "200", "--runs", "1", "--transport", "ipc", "--size", "50,500"];
    bench(directory.path(), &args).args(plot).run().success();
    let svg = fs::read_to_string(&path).unwrap();
    let document = roxmltree::Document::parse(&svg).unwrap();
    let texts = document.descendants().filter(|node| node.has_tag_name("text"));
    let texts: Vec<_> = texts.filter_map(|node| node.text().map(str::trim)).collect();
    for name in ["ipc json", "ipc json, bare", "ipc text", "ipc text, bare"] {
        assert_eq!(texts.iter().filter(|text| **text == name).count(), 2, "{name}: {texts:?}");
    }
    // Without a sweep there is no curve, which is known before anything is measured.
    let said = bench(directory.path(), &plot).run().code(2).stdout("");
    said.stderr_has("--size 100,1K,10K");
}

#[test]
fn frames_of_bare_libzmq_are_as_large_as_those_of_emit() {
    let lines = "request 000000001 handled by worker 1 in 1 ms\n".repeat(20);
    let messages = |args: &[&str]| {
        let (listener, endpoint) = Listener::bind("bench.");
        let sender = zlog(args).args(["--connect", &endpoint, "--wait", "60s", "--linger", "60s"]);
        let sender = sender.args(["--wait-for", "1"]).stdin(lines.as_bytes()).start();
        let messages = listener.everything();
        sender.wait().success();
        messages
    };
    for wire in ["json", "text"] {
        let emitted = messages(&["emit", "--root", "bench", "--wire", wire]);
        let bare = messages(&["bench", "bare-send", "--count", "20", "--wire", wire]);
        assert_eq!((emitted.len(), bare.len()), (20, 20));
        for (emitted, bare) in emitted.iter().zip(&bare) {
            assert_eq!(emitted.topic, bare.topic);
            // Process numbers and times may differ by a few digits.
            let slack = if wire == "json" { 30 } else { 0 };
            let (one, other) = (emitted.text(), bare.text());
            assert!(one.len().abs_diff(other.len()) <= slack, "{one}\n{other}");
        }
    }
}

/// A bench that takes long enough to be stopped.
const LONG: [&str; 6] = ["-n", "2000000", "--size", "1", "--runs", "1"];

/// Waits until a pipeline runs: a subscriber has its file as soon as it is started.
#[track_caller]
fn until_running(directory: &Path, bench: &mut Running) {
    until(bench, "a subscriber was started", || {
        let homes = fs::read_dir(directory).unwrap().flatten();
        let runs = homes.filter_map(|home| fs::read_dir(home.path()).ok()).flatten().flatten();
        runs.map(|run| run.path().join("0.out")).any(|out| out.exists())
    });
}

#[test]
fn an_interruption_prints_what_was_measured_so_far_and_leaves_nothing_behind() {
    let (directory, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plot = files.path().join("pipeline.svg");
    let sweep = ["--publishers", "1,2", "--plot", plot.to_str().unwrap()];
    let mut bench = bench(directory.path(), &LONG).args(sweep).start();
    until_running(directory.path(), &mut bench);
    bench.interrupt();
    // The harness fails when anything that the bench started still holds its output.
    let bench = bench.wait().code(130).stderr_has("no report files were written");
    assert!(bench.out().contains("Stopped before the end"), "{}", bench.out());
    assert_nothing_left(directory.path());
    assert_empty(files.path());
}

#[test]
fn ctrl_c_in_a_terminal_prints_the_pipelines_that_were_measured_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let args = ["-n", "100", "--runs", "1000", "--transport", "tcp", "--wire", "text"];
    let mut terminal = Terminal::start(bench(directory.path(), &args), 40, 120);
    terminal.wait_for_text("round 2 of 1000: zlog over tcp");
    terminal.press("\x03");
    let (bytes, status) = terminal.wait();
    assert_eq!(shell_code(status), Some(130));
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("Stopped before the end"), "{text}");
    let row = text.lines().find(|line| line.starts_with("tcp text")).unwrap();
    assert!(!row.contains("not measured"), "the first round is kept: {text}");
    assert_nothing_left(directory.path());
}

#[test]
fn processes_and_files_are_gone_also_when_the_bench_is_killed() {
    for transport in ["tcp", "ipc"] {
        let directory = tempfile::tempdir().unwrap();
        let mut bench = bench(directory.path(), &LONG).args(["--transport", transport]).start();
        until_running(directory.path(), &mut bench);
        bench.signal(Signal::KILL);
        until_nothing_left(directory.path(), &mut bench);
    }
}

#[test]
fn what_makes_no_pipeline_is_refused_with_the_next_step() {
    let directory = tempfile::tempdir().unwrap();
    let wrong: [(&[&str], &str); 5] = [
        (&["--publishers", "0"], "from 1 to 64"),
        (&["--size", "0"], "not a size"),
        (&["--transport", "udp"], "tcp"),
        (&["--subscribers", "20", "--topics", "600"], "Use fewer --topics"),
        (&["-n", "0"], "at least"),
    ];
    for (args, said) in wrong {
        bench(directory.path(), args).run().code(2).stderr_has(said);
    }
    let missing = directory.path().join("missing");
    bench(&missing, &["-n", "1"]).run().code(1).stderr_has("--dir");
    assert_empty(directory.path());
}
