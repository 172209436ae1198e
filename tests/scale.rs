//! docs/scale.md: its model, and the configurations in examples/scale.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Finished, Input, Running, clear_environment, own_address, python, zlog};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn example(name: &str) -> PathBuf {
    root().join("examples/scale").join(name)
}

#[track_caller]
fn model(args: &[&str]) -> Option<String> {
    let mut command = Command::new(python()?.program());
    command.arg(root().join("docs/scale-model.py")).args(args);
    let printed = Running::start(command, Input::Empty).wait().success();
    Some(printed.out())
}

#[test]
fn the_tables_of_scale_md_are_what_the_model_prints() {
    let document = fs::read_to_string(root().join("docs/scale.md")).unwrap();
    for args in [&[][..], &["--list"]] {
        let Some(table) = model(args) else { return };
        assert!(
            document.contains(&table),
            "docs/scale-model.py {args:?}; docs/scale.md lacks\n{table}"
        );
    }
}

#[test]
fn the_model_knows_that_more_machines_need_no_less() {
    let cells = |rate: &str| -> Option<Vec<f64>> {
        let table = model(&["--machines", "100000", "--rate", rate])?;
        let cells = table.lines().nth(2)?.split('|').map(str::trim);
        Some(cells.filter_map(|cell| cell.replace(',', "").parse().ok()).collect())
    };
    let (Some(few), Some(many)) = (cells("10"), cells("100")) else { return };
    assert_eq!(few.len(), 10, "{few:?}");
    assert!(few.iter().zip(&many).all(|(few, many)| few <= many), "{few:?} {many:?}");
    // The peak, streams and servers.
    assert_eq!(many[2], 30_000_000.0);
    assert!(few[7] < many[7] && few[8] < many[8], "{few:?} {many:?}");
}

/// An example of a relay, on a loopback address of its own and with files in `directory`.
fn configuration(name: &str, address: &str, directory: &Path) -> PathBuf {
    let text = fs::read_to_string(example(name)).unwrap();
    let text =
        text.replace("tcp://*:", address).replace("/var/", &format!("{}/", directory.display()));
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    path
}

/// `tcp://ADDRESS:`
fn address() -> String {
    own_address().trim_end_matches('*').to_owned()
}

#[test]
fn every_configuration_of_a_relay_is_right() {
    let directory = tempfile::tempdir().unwrap();
    let names = fs::read_dir(example("")).unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<_> = names.filter_map(|name| name.into_string().ok()).collect();
    let relays: Vec<_> = names.iter().filter(|name| name.ends_with(".toml")).collect();
    assert_eq!(relays.len(), 4, "{names:?}");
    for name in relays {
        let path = configuration(name, &address(), directory.path());
        let checked = zlog(["relay", "--check", "--config"]).args([path]).run().success();
        assert!((checked.out() + &checked.err()).contains("nothing is wrong"));
    }
}

#[cfg(feature = "nats")]
#[test]
fn every_configuration_of_a_nats_server_is_right() {
    let Some(python) = python() else { return };
    for name in ["4-nats-server.conf", "5-leaf.conf"] {
        let mut command = Command::new(python.program().with_file_name("nats-server"));
        command.arg("-t").arg("-c").arg(example(name));
        Running::start(command, Input::Empty).wait().success();
    }
    let text = fs::read_to_string(example("5-all.json")).unwrap();
    let all: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(all["sources"][0]["name"], "SITE1");
}

/// Runs a script of the examples with `job.sh`, which prints two lines and fails.
#[track_caller]
fn run_job(script: &str, directory: &Path, variables: &[(&str, &str)]) -> Finished {
    let job = directory.join("job.sh");
    fs::write(&job, "echo copied; echo 'ERROR: no space'; exit 3").unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_zlog")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("sh");
    clear_environment(&mut command);
    command.env("PATH", format!("{}:{path}", programs.display()));
    command.envs(variables.iter().copied());
    // Not executable: sh reads it.
    command.arg(example(script)).arg("sh").arg(job);
    Running::start(command, Input::Empty).wait()
}

#[test]
fn one_machine_a_job_and_a_tail_with_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let (file, endpoint) = (directory.path().join("job.log"), address() + "12345");
    let handler = format!("--file={},max-bytes=10M,backups=5", file.display());
    let mut tail = zlog(["tail", "-c", &endpoint, &handler, "-n", "2"]).start();
    let variables = [("ZLOG_ENDPOINT", &*endpoint)];
    run_job("1-direct.sh", directory.path(), &variables).code(3);
    tail.expect_end();
    let text = fs::read_to_string(file).unwrap();
    assert!(
        text.contains("INFO sh: copied\n") && text.contains("ERROR sh: ERROR: no space\n"),
        "{text}"
    );
}

#[test]
fn ten_machines_a_collector_that_confirms_what_it_has_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    let (address, path) = (address(), directory.path());
    let configuration = configuration("2-collector.toml", &address, path);
    let start = || {
        let mut relay = zlog(["relay", "--config"]).args([&configuration]).start();
        relay.expect_stderr("publishing, bound");
        relay
    };
    let mut relay = start();
    let (spool, collector) = (path.join("spool"), address.clone() + "12344");
    let variables = [("SPOOL", spool.to_str().unwrap()), ("COLLECTOR", &*collector)];
    let job = || run_job("2-host.sh", path, &variables).code(3);
    job().stderr_has("2 confirmed");
    // Killed, it would hand some records over again.
    relay.terminate();
    let _ = relay.wait();
    // What a collector that is away does not take waits for the next run.
    job().stderr_has("left in the spool");
    let mut relay = start();
    job().stderr_has("confirmed").stderr_lacks("left in the spool");
    relay.terminate();
    let _ = relay.wait();
    let errors = fs::read_to_string(path.join("log/zlog/errors.log")).unwrap();
    assert_eq!(errors.matches("ERROR: no space").count(), 3, "{errors}");
    assert_eq!(errors.matches("copied").count(), 0);
}
