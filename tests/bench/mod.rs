//! `zlog bench`, whole: every handler is really measured, with few records. What
//! is checked is that all of them arrived and are reported, never how fast.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use zlog_bench::target::BenchTarget;

use crate::harness::{Zlog, zlog};

/// Invalid arguments and reports, and the messages about them.
mod bad_input;
/// Reports against an earlier one.
mod baseline;
/// The CI job in docs/bench.md.
mod ci_job;
/// Ctrl-C, and a parent that dies: nothing is left behind.
mod ends;
/// Files and processes that a bench must not leave behind.
mod leftovers;
/// `zlog bench pipeline`: emit to tail, beside bare libzmq.
mod pipeline;
/// The images that it draws.
mod plot;
/// `--compare-python`: Python's own handlers.
mod python;

/// A bench with its files below `directory`.
fn bench(directory: &Path, args: &[&str]) -> Zlog {
    zlog(["bench", "--dir", directory.to_str().unwrap()]).args(args)
}

/// Runs it, and returns its JSON. It must leave nothing in `directory`.
#[track_caller]
fn report(directory: &Path, args: &[&str]) -> Value {
    let bench = bench(directory, args).args(["--output", "json"]).run().success();
    assert_empty(directory);
    serde_json::from_slice(&bench.stdout).unwrap()
}

#[track_caller]
fn assert_empty(directory: &Path) {
    let left: Vec<_> = fs::read_dir(directory).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// The row of a handler.
#[track_caller]
fn row<'r>(report: &'r Value, name: &str) -> &'r Value {
    let rows = report["handlers"].as_array().unwrap();
    rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name} in {report:#}"))
}

#[test]
fn every_handler_is_measured_and_every_record_arrives() {
    let directory = tempfile::tempdir().unwrap();
    let report = report(directory.path(), &["-n", "100", "--runs", "2", "--warm-up", "20ms"]);
    let names: HashSet<_> =
        report["handlers"].as_array().unwrap().iter().map(|row| row["name"].clone()).collect();
    assert_eq!(names.len(), BenchTarget::ALL.len());
    for target in BenchTarget::ALL {
        let row = row(&report, target.name());
        assert_eq!((&row["error"], &row["runs"]), (&Value::Null, &2.into()), "{row:#}");
        let figures = &row["figures"];
        assert_eq!(figures["sent"], 200, "{row:#}");
        let (arrived, lost) = match target {
            BenchTarget::Null => (Value::Null, Value::Null),
            _ => (200.into(), 0.into()),
        };
        assert_eq!((&figures["arrived"], &figures["lost"]), (&arrived, &lost), "{row:#}");
        let percentiles = ["p50", "p90", "p99", "p99_9", "max"];
        let steps = percentiles.map(|p| figures["latency_ns"][p]["median"].as_f64().unwrap());
        assert!(steps[0] > 0.0 && steps.is_sorted(), "{row:#}");
        assert!(figures["cpu_seconds_per_million"]["low"].as_f64().unwrap() > 0.0);
        assert!(figures["peak_memory_bytes"]["low"].as_f64().unwrap() > f64::from(1 << 20));
        assert!(figures["ratio_to_null"]["median"].as_f64().unwrap() > 0.0);
    }
    assert_eq!(row(&report, "file")["figures"]["ratio_to_file"]["median"], 1.0);
}

#[test]
fn lines_of_a_file_are_logged_by_several_callers_and_all_arrive() {
    let directory = tempfile::tempdir().unwrap();
    let lines = tempfile::NamedTempFile::new().unwrap();
    fs::write(lines.path(), b"one\ntwo \xff\x1b[2J\r\n\nlast").unwrap();
    let path = lines.path().to_str().unwrap();
    let handlers = "file,rotating,pub-tcp,queue-file";
    let args = ["--handlers", handlers, "--lines", path, "--threads", "3", "-n", "1001"];
    let report = report(directory.path(), &[&args[..], &["--runs", "1"]].concat());
    for name in handlers.split(',') {
        let figures = &row(&report, name)["figures"];
        assert_eq!((&figures["sent"], &figures["arrived"]), (&1001.into(), &1001.into()), "{name}");
    }
    assert_eq!(report["settings"]["lines"], path);
    assert_eq!(report["settings"]["size"], Value::Null);
}

#[test]
fn a_rate_is_not_exceeded_and_a_handler_that_cannot_keep_it_up_is_said_so() {
    let directory = tempfile::tempdir().unwrap();
    let args = ["--handlers", "null,smtp", "--smtp-delay", "10ms", "--warm-up", "0"];
    let rest = ["--rate", "1000", "-n", "50", "--runs", "1"];
    let report = report(directory.path(), &[&args[..], &rest].concat());
    // The last of 50 calls is due after 49 ms.
    let calls = row(&report, "null")["figures"]["calls_per_second"]["median"].as_f64().unwrap();
    assert!(calls <= 50.0 / 0.049, "{calls}");
    // 10 ms each: not before half a second, most of which calls spent waiting for others.
    let smtp = row(&report, "smtp");
    assert!(smtp["note"].as_str().unwrap().contains("of the 1000 asked for"), "{smtp:#}");
    let latency = &smtp["figures"]["latency_ns"];
    assert!(latency["p90"]["median"].as_f64().unwrap() > 100e6, "stalls are not hidden: {smtp:#}");
}

#[test]
fn a_slow_mail_server_holds_up_callers_but_not_those_before_a_queue() {
    let directory = tempfile::tempdir().unwrap();
    let args = ["--handlers", "smtp,queue-smtp", "--smtp-delay", "20ms", "--warm-up", "0"];
    let report = report(directory.path(), &[&args[..], &["-n", "10", "--runs", "1"]].concat());
    let median = |name| row(&report, name)["figures"]["latency_ns"]["p50"]["median"].as_f64();
    assert!(median("smtp").unwrap() >= 20e6 * 0.999, "{report:#}");
    assert!(median("queue-smtp").unwrap() < 20e6, "{report:#}");
    for name in ["smtp", "queue-smtp"] {
        assert_eq!(row(&report, name)["figures"]["arrived"], 10, "{name}");
    }
}

#[test]
fn a_mail_server_of_the_users_own_gets_a_mail_for_each_record() {
    let Some(python) = crate::harness::python() else { return };
    let mut server = python.script("mail_server", &["plain"]);
    let url = server.endpoint();
    let directory = tempfile::tempdir().unwrap();
    let args = ["--handlers", "smtp,queue-smtp", "--smtp", &url, "--runs", "1", "-n", "5"];
    let report = report(directory.path(), &[&args[..], &["--warm-up", "0"]].concat());
    server.expect_stdout("\"number\": 10,");
    for name in ["smtp", "queue-smtp"] {
        let row = row(&report, name);
        assert_eq!(row["figures"]["sent"], 5, "{row:#}");
        assert_eq!(row["figures"]["arrived"], Value::Null, "nobody here counts: {row:#}");
        assert!(row["note"].as_str().unwrap().contains("acknowledged"), "{row:#}");
    }
    server.close_stdin();
    let mails = server.wait().success().out();
    assert_eq!(mails.lines().count(), 10, "{mails}");
}

#[test]
fn a_mail_server_that_wants_a_login_gets_it_from_the_environment_or_a_file() {
    let Some(python) = crate::harness::python() else { return };
    let mut server = python.script("mail_server", &["login"]);
    let url = server.endpoint();
    let directory = tempfile::tempdir().unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "me:secret\n").unwrap();
    let path = file.path().to_str().unwrap();
    let args = ["--handlers", "smtp", "--smtp", &url, "--runs", "1", "-n", "3", "--warm-up", "0"];
    let mails = || bench(directory.path(), &args).args(["--output", "json"]);
    let nobody = mails().run().code(1);
    assert!(nobody.out().contains("530"), "{}", nobody.out());
    let password =
        |password| mails().env("ZLOG_SMTP_USER", "me").env("ZLOG_SMTP_PASSWORD", password).run();
    password("wrong").code(1);
    let logged_in =
        [password("secret").success(), mails().args(["--smtp-login-file", path]).run().success()];
    for bench in logged_in {
        let report: Value = serde_json::from_slice(&bench.stdout).unwrap();
        assert_eq!(row(&report, "smtp")["figures"]["sent"], 3, "{report:#}");
        assert!(!bench.out().contains("secret") && !bench.err().contains("secret"));
    }
    server.expect_stdout("\"number\": 6,");
    server.close_stdin();
    assert_eq!(server.wait().success().out().lines().count(), 6, "none came without the login");
}

#[test]
fn memory_is_the_same_for_few_calls_and_for_many() {
    let directory = tempfile::tempdir().unwrap();
    let peak = |count: &str| {
        let args = ["--handlers", "null,queue-file", "--runs", "1", "-n", count];
        let report = report(directory.path(), &args);
        ["null", "queue-file"].map(|name| {
            row(&report, name)["figures"]["peak_memory_bytes"]["median"].as_f64().unwrap()
        })
    };
    // Every latency kept, in eight bytes each, would take 3 MB more.
    let (few, many) = (peak("1000"), peak("400000"));
    for (few, many) in few.into_iter().zip(many) {
        assert!(many - few < 2e6, "{few} bytes for few, {many} for many");
    }
}

#[test]
fn images_are_drawn_in_the_format_of_each_name() {
    let directory = tempfile::tempdir().unwrap();
    let files = tempfile::tempdir().unwrap();
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let (svg, png) = (path("bench.svg"), path("bench.PNG"));
    let args = ["--handlers", "file,null", "-n", "100", "--runs", "2"];
    let bench = bench(directory.path(), &[&args[..], &["--plot", &svg, "--plot", &png]].concat());
    bench.run().success();
    let svg = fs::read_to_string(svg).unwrap();
    let document = roxmltree::Document::parse(&svg).unwrap();
    let texts = document.descendants().filter(|node| node.has_tag_name("text"));
    let texts: Vec<_> = texts.filter_map(|node| node.text().map(str::trim)).collect();
    for name in ["file", "null"] {
        assert_eq!(texts.iter().filter(|text| **text == name).count(), 2, "{name}: {texts:?}");
    }
    assert!(texts.iter().any(|text| text.contains("messages of 100 bytes")), "{texts:?}");
    let image = tiny_skia::Pixmap::decode_png(&fs::read(png).unwrap()).unwrap();
    assert_eq!((image.width(), image.height()), zlog_bench::plot::SIZE);
    assert_eq!(fs::read_dir(files.path()).unwrap().count(), 2, "nothing else is left there");
}

#[test]
fn reports_are_written_whole_beside_the_table_and_a_pipe_gets_no_progress() {
    let directory = tempfile::tempdir().unwrap();
    let files = tempfile::tempdir().unwrap();
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let (markdown, csv) = (path("bench.md"), path("bench.csv"));
    let args = ["--handlers", "file,null", "-n", "100", "--runs", "2"];
    let exports = ["--export-markdown", &markdown, "--export-csv", &csv];
    let bench = bench(directory.path(), &[&args[..], &exports].concat()).run().success();
    let out = bench.out();
    for part in ["handler", "calls/s", "p99.9", "memory", "\nfile ", "\nnull "] {
        assert!(out.contains(part), "{part:?} in\n{out}");
    }
    assert!(!out.contains('█') && !bench.stderr.contains(&0x1b));
    assert!(fs::read_to_string(&markdown).unwrap().contains("| file | "));
    let mut csv = csv::Reader::from_path(&csv).unwrap();
    let names: Vec<_> = csv.records().map(|row| row.unwrap()[0].to_owned()).collect();
    assert_eq!(names, ["file", "null"]);
    assert_eq!(fs::read_dir(files.path()).unwrap().count(), 2, "nothing else is left there");
}
