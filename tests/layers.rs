//! Dependencies go down only: between crates, indirect ones included, and between the modules
//! of zlog-pipeline.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Each crate of the workspace with what it must not depend on, directly or not.
const FORBIDDEN: [(&str, &[&str]); 3] = [
    (
        "zlog-core",
        &[
            // No sockets, no files, no threads, no operating system.
            "zmq",
            "zmq-sys",
            "lettre",
            "mio",
            "rustix",
            "socket2",
            "signal-hook",
            "tempfile",
            "crossbeam-channel",
            // No command line and no configuration file.
            "clap",
            "toml",
            "indicatif",
            // Nothing above it.
            "zlog-pipeline",
            "zlog-bench",
            "zlog",
        ],
    ),
    ("zlog-pipeline", &["clap", "toml", "indicatif", "plotters", "zlog-bench", "zlog"]),
    ("zlog-bench", &["clap", "toml", "indicatif", "zlog"]),
];

/// The names of all crates that `name` is built with.
fn dependencies(name: &str) -> Vec<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.args(["tree", "--package", name, "--edges", "normal", "--prefix", "none"]);
    cargo.args(["--format", "{lib}", "--locked", "--offline"]);
    let output = cargo.output().expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree: {errors}");
    let tree = String::from_utf8(output.stdout).expect("names are UTF-8");
    let name = |line: &str| line.split(' ').next().unwrap_or_default().replace('_', "-");
    tree.lines().map(name).collect()
}

#[test]
fn no_crate_depends_on_what_its_layer_must_not_have() {
    for (name, forbidden) in FORBIDDEN {
        let found = dependencies(name);
        assert!(found.iter().any(|crate_name| crate_name == "serde-json"), "{name}: {found:?}");
        let wrong: Vec<_> =
            found[1..].iter().filter(|found| forbidden.contains(&found.as_str())).collect();
        assert!(wrong.is_empty(), "{name} depends on {wrong:?}: see CONTRIBUTING.md");
    }
}

/// Modules of zlog-pipeline from the lowest to the highest, with what each must not use.
const FORBIDDEN_MODULES: [(&str, &[&str]); 4] = [
    ("os", &["socket", "source", "handler", "router", "sender"]),
    ("socket", &["source", "handler", "router", "sender"]),
    ("source", &["handler", "router", "sender"]),
    ("handler", &["source", "router", "sender"]),
];

#[test]
fn no_module_of_the_pipeline_uses_one_above_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/zlog-pipeline/src");
    for (module, forbidden) in FORBIDDEN_MODULES {
        let mut paths = vec![root.join(module)];
        while let Some(path) = paths.pop() {
            if path.is_dir() {
                paths.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let used = forbidden.iter().find(|name| text.contains(&format!("crate::{name}")));
            assert_eq!(used, None, "{}", path.display());
        }
    }
}
