use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{bench, report};
use crate::harness::Finished;

const MEASURED: [&str; 6] = ["--handlers", "file,null", "-n", "2000", "--warm-up", "10ms"];

/// Compares a new run with `baseline`.
#[track_caller]
fn against(directory: &Path, baseline: &Value, args: &[&str]) -> Finished {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), baseline.to_string()).unwrap();
    let path = file.path().to_str().unwrap();
    bench(directory, &MEASURED).args(["--runs", "3", "--baseline", path]).args(args).run()
}

/// As if `file` had been `factor` times as fast beside `null`, and `null` a thousandth as
/// fast beside `file`: on a busy machine it may well have become slower since.
pub(super) fn scaled(report: &Value, factor: f64) -> Value {
    let mut report = report.clone();
    for (handler, ratio, factor) in [(0, "ratio_to_null", factor), (1, "ratio_to_file", 0.001)] {
        for part in ["median", "low", "high"] {
            let ratio = &mut report["handlers"][handler]["figures"][ratio][part];
            *ratio = (ratio.as_f64().unwrap() * factor).into();
        }
    }
    report
}

#[test]
fn a_handler_that_has_become_slower_is_named_and_the_exit_code_is_3() {
    let directory = tempfile::tempdir().unwrap();
    let baseline = report(directory.path(), &[&MEASURED[..], &["--runs", "3"]].concat());
    // A thousand times: no machine is that uneven.
    let slower = against(directory.path(), &scaled(&baseline, 1000.0), &[]).code(3);
    slower.stderr_has("by more than 10 %: file (").stderr_lacks("null (");
    let faster = against(directory.path(), &scaled(&baseline, 0.001), &["--tolerance", "50%"]);
    let faster = faster.stderr_lacks("file (");
    assert!(faster.out().contains("null"));
}

#[test]
fn a_baseline_that_can_not_be_compared_with_is_refused_with_the_next_step() {
    let directory = tempfile::tempdir().unwrap();
    let mut baseline = report(directory.path(), &[&MEASURED[..], &["--runs", "3"]].concat());
    against(directory.path(), &baseline, &["--runs", "2"]).code(2);
    against(directory.path(), &baseline, &["--size", "200"]).code(1).stderr_has("--size");
    baseline["schema"] = "zlog-bench/0".into();
    let said = against(directory.path(), &baseline, &[]).code(1).stderr_has("zlog-bench/0");
    said.stderr_has("zlog bench --output json > baseline.json").stdout("");
}
