//! The CI job in docs/bench.md: a test runs its commands as they stand there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::baseline::scaled;
use crate::harness::{Finished, Input, Running, clear_environment};

/// Replaces cargo: it builds the zlog under test, which measures little.
const CARGO: &str = r#"
cargo() {
    case "$*" in
        "build --release --locked --manifest-path "*/Cargo.toml) ;;
        *) echo "cargo $*?" >&2; return 1 ;;
    esac
    test -f "$5"
    built=$(dirname "$5")/target/release
    mkdir -p "$built"
    printf '#!/bin/sh\nexec "$ZLOG" "$@" %s\n' "$LITTLE" > "$built/zlog"
    chmod +x "$built/zlog"
}
"#;
const LITTLE: &str = "--handlers file,null -n 2000 --runs 3 --warm-up 10ms";

/// A step of the job: its keys in their order, those below `with` among them.
type Step = Vec<(String, String)>;

fn value<'s>(step: &'s Step, key: &str) -> Option<&'s str> {
    step.iter().find(|(name, _)| name == key).map(|(_, value)| &**value)
}

/// The steps of the document's only job. It reads only the YAML that stands there.
fn steps() -> Vec<Step> {
    let document = include_str!("../../docs/bench.md");
    let mut jobs = document.split("\n```yaml\n").skip(1);
    let job = jobs.next().and_then(|rest| rest.split("\n```\n").next()).expect("a job");
    assert!(jobs.next().is_none(), "another job, which nobody tries");
    let (_, list) = job.split_once("\n    steps:\n").expect("steps");
    let mut steps: Vec<Step> = Vec::new();
    for line in list.lines() {
        let entry = line.strip_prefix("      - ");
        if entry.is_some() {
            steps.push(Step::new());
        }
        let step = steps.last_mut().expect("a list of steps");
        let entry = entry.unwrap_or(line).trim();
        // The lines of a text that `>` folds into one.
        if let Some((_, text)) = step.last_mut().filter(|(key, _)| key == "run") {
            *text = format!("{} {entry}", text.trim_start_matches('>')).trim().to_owned();
            continue;
        }
        let (key, value) = entry.split_once(':').unwrap_or_else(|| panic!("{line:?}"));
        step.push((key.to_owned(), value.trim().to_owned()));
    }
    steps
}

/// A workspace of the job's, as GitHub gives it one.
struct Workspace {
    directory: tempfile::TempDir,
    steps: Vec<Step>,
}

impl Workspace {
    /// One in which both revisions are checked out.
    fn new() -> Workspace {
        let workspace = Workspace { directory: tempfile::tempdir().unwrap(), steps: steps() };
        fs::write(workspace.path("cargo.bash"), CARGO).unwrap();
        for step in &workspace.steps {
            let Some(action) = value(step, "uses") else { continue };
            let (name, version) = action.split_once('@').expect("a version");
            assert_eq!((name, version.starts_with('v')), ("actions/checkout", true), "{action}");
            let there = workspace.path(value(step, "path").expect("a directory of its own"));
            fs::create_dir(&there).unwrap();
            fs::write(there.join("Cargo.toml"), "").unwrap();
        }
        workspace
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The commands of the job: the gate, and what is run before it.
    fn commands(&self) -> (&str, Vec<&str>) {
        let mut commands: Vec<_> =
            self.steps.iter().filter_map(|step| value(step, "run")).collect();
        (commands.pop().expect("a gate"), commands)
    }

    /// Runs a command as a step, and empties the summary of the job before it.
    #[track_caller]
    fn run(&self, command: &str) -> Finished {
        let (script, summary) = (self.path("step.bash"), self.path("summary"));
        fs::write(&script, command).unwrap();
        fs::write(&summary, "").unwrap();
        let mut bash = Command::new("bash");
        clear_environment(&mut bash);
        bash.arg("-e").arg(&script).current_dir(self.directory.path());
        bash.env("BASH_ENV", self.path("cargo.bash")).env("GITHUB_STEP_SUMMARY", &summary);
        bash.env("ZLOG", env!("CARGO_BIN_EXE_zlog")).env("LITTLE", LITTLE);
        Running::start(bash, Input::Empty).wait()
    }

    /// Runs the gate against `baseline`. Whatever comes of it, the table is in the summary.
    #[track_caller]
    fn gate(&self, baseline: &Value, exit: i32) -> Finished {
        fs::write(self.path("before.json"), baseline.to_string()).unwrap();
        let finished = self.run(self.commands().0).code(exit);
        let summary = fs::read_to_string(self.path("summary")).unwrap();
        assert!(summary.contains("| file | ") && summary.contains("| null | "), "{summary}");
        finished
    }
}

#[test]
fn the_documented_ci_job_lets_a_change_pass_and_fails_one_that_is_slower() {
    let workspace = Workspace::new();
    let (gate, before) = workspace.commands();
    assert!(gate.contains(" --baseline before.json "), "{gate}");
    for command in before {
        workspace.run(command).success();
    }
    let baseline = json(&workspace.path("before.json"));
    // Both are the same zlog; how even the machine is nobody knows, so it is helped.
    workspace.gate(&scaled(&baseline, 0.001), 0).stderr_has("none slower by more than 10 %");
    workspace.gate(&scaled(&baseline, 1000.0), 3).stderr_has("by more than 10 %: file (");
    // As it was measured: it passes or does not, and nothing else.
    let finished = workspace.run(gate);
    let slower = finished.err().contains("by more than 10 %: ");
    finished.code(if slower { 3 } else { 0 });
}

#[test]
fn the_documented_ci_job_says_what_is_missing_without_a_baseline() {
    let workspace = Workspace::new();
    let (gate, before) = workspace.commands();
    let builds = before.into_iter().filter(|command| command.starts_with("cargo "));
    for command in builds {
        workspace.run(command).success();
    }
    let finished = workspace.run(gate).code(1).stderr_has("before.json").stdout("");
    finished.stderr_has("zlog bench --output json >");
    assert_eq!(fs::read_to_string(workspace.path("summary")).unwrap(), "");
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}
