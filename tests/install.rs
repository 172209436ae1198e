//! README's ways to install zlog. Those from the repository are run; those from the files of a
//! release are run by packaging/test.sh, which takes the commands from README too.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::harness::{Input, Running, install_python, left_out};

/// Compiles the crates whose features differ from those of the tests, on a busy machine.
const BUILD_DEADLINE: Duration = Duration::from_secs(600);

/// The commands of the section's table.
fn commands() -> Vec<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).expect("README.md");
    let section = readme.split("\n## ").find(|section| section.starts_with("Install\n"));
    let rows = section.expect("a section Install").lines().filter(|line| line.starts_with("| "));
    let command = |row: &str| Some(row.split('`').nth(1)?.to_owned());
    rows.filter_map(command).collect()
}

/// A command of README in the repository, in the profile that the tests have compiled.
fn run(command: &str, more: &str, path: Option<&Path>) {
    let mut shell = Command::new("sh");
    shell.args(["-ec", &format!("{command} {more}")]).current_dir(env!("CARGO_MANIFEST_DIR"));
    shell.env("MATURIN_PEP517_ARGS", "--profile dev");
    // What cargo tells tests about their own crate. Build scripts would run again, and later for the
    // next tests.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_")) {
        if !["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_INCREMENTAL"].contains(&&*name) {
            shell.env_remove(name);
        }
    }
    if let Some(first) = path {
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let all = [first.to_owned()].into_iter().chain(std::env::split_paths(&inherited));
        shell.env("PATH", std::env::join_paths(all).expect("no colon in it"));
    }
    Running::start(shell, Input::Empty).with_deadline(BUILD_DEADLINE).wait().success();
}

/// Whether an installed zlog works.
fn works(program: &Path) {
    let mut demo = Command::new(program);
    demo.args(["demo", "-n", "2"]);
    let shown = Running::start(demo, Input::Empty).wait().success().out();
    // A record may have a traceback.
    assert_eq!(shown.lines().filter(|line| line.starts_with("20")).count(), 2, "{shown}");
}

/// `pip install .`, into a directory of its own.
fn pip(command: &str, scratch: &Path) {
    // The build's own requirements, so that they are fetched once.
    let python = match install_python("python3".as_ref(), "maturin>=1.9,<2\npyzmq==27.1.0\n") {
        Ok(python) => python,
        Err(why) => return left_out("maturin", &why).unwrap_or_default(),
    };
    let target = scratch.join("python");
    let more = format!("--quiet --no-build-isolation --target '{}'", target.display());
    run(command, &more, python.program().parent());
    works(&target.join("bin/zlog"));
    let mut import = python.command();
    import.env("PYTHONPATH", &target).args(["-c", "import zlog_logging; zlog_logging.ZlogHandler"]);
    Running::start(import, Input::Empty).wait().success();
}

#[test]
#[ignore = "cargo replaces the program that the other tests run: .ci/run starts this one alone"]
fn the_commands_that_install_zlog_from_this_repository_work() {
    let scratch = tempfile::tempdir().expect("a directory");
    let mut others = Vec::new();
    for command in commands() {
        match &*command {
            "cargo install --path . --locked" => {
                run(&command, &format!("--debug --root '{}'", scratch.path().display()), None);
                works(&scratch.path().join("bin/zlog"));
            }
            "pip install ." => pip(&command, scratch.path()),
            _ => others.push(command),
        }
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/test.sh");
    let script = fs::read_to_string(script).expect("packaging/test.sh");
    let tried: Vec<&str> =
        script.split("$(readme '").skip(1).filter_map(|rest| rest.split('\'').next()).collect();
    // An image needs podman or docker.
    others.retain(|command| {
        !command.starts_with("podman build ")
            && !tried.iter().any(|start| command.starts_with(start))
    });
    assert!(others.is_empty(), "nothing tries {others:?}");
}
