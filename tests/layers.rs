//! Dependencies go down only: between crates, indirect ones included, and between modules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Each crate of the workspace with what it must not depend on, directly or not.
const FORBIDDEN: [(&str, &[&str]); 5] = [
    ("zlog-zmtp", &["zmq", "zmq-sys", "zlog-core", "zlog-pipeline", "zlog-bench", "zlog"]),
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
    // Programs take it along: no libzmq, no C++.
    ("zlog-tracing", &["zmq", "zmq-sys", "lettre", "clap", "zlog-pipeline", "zlog-bench", "zlog"]),
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
        assert!(found.len() > 1, "{name}: {found:?}");
        let wrong: Vec<_> =
            found[1..].iter().filter(|found| forbidden.contains(&found.as_str())).collect();
        assert!(wrong.is_empty(), "{name} depends on {wrong:?}: see CONTRIBUTING.md");
    }
}

/// Modules, by their directories, with what each must not use. Those of zlog-pipeline are listed
/// from the lowest to the highest.
const FORBIDDEN_MODULES: [(&str, &[&str]); 11] = [
    ("crates/zlog-pipeline/src/keys", &["socket", "source", "handler", "router", "sender"]),
    ("crates/zlog-pipeline/src/os", &["socket", "source", "handler", "router", "sender"]),
    ("crates/zlog-pipeline/src/tls", &["socket", "source", "handler", "router", "sender", "nats"]),
    ("crates/zlog-pipeline/src/spool", &["socket", "source", "handler", "router", "sender"]),
    ("crates/zlog-pipeline/src/nats", &["socket", "source", "handler", "router", "sender", "keys"]),
    ("crates/zlog-pipeline/src/otlp", &["socket", "source", "handler", "router", "sender", "keys"]),
    ("crates/zlog-pipeline/src/socket", &["source", "handler", "router", "sender"]),
    ("crates/zlog-pipeline/src/source", &["handler", "router", "sender"]),
    ("crates/zlog-pipeline/src/handler", &["source", "router", "sender"]),
    ("src/config", &["cli", "command"]),
    ("src/cli", &["config", "command"]),
];

/// The modules of its own crate that a source text uses, braced imports included. Its tests may
/// use any.
fn modules_used(text: &str) -> Vec<String> {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let without_comment =
        |line: &str| line.split("//").next().unwrap_or_default().to_owned() + "\n";
    let code: String = text.lines().map(without_comment).collect();
    let mut used = Vec::new();
    for path in code.split("crate::").skip(1) {
        let mut depth = 0;
        let mut name = String::new();
        for c in path.chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ if depth <= 1 && (c.is_alphanumeric() || c == '_') => name.push(c),
                _ if depth == 1 && c == ',' => used.push(std::mem::take(&mut name)),
                // The path below the module.
                _ if depth == 1 && c == ':' => name.push(c),
                _ => {}
            }
            if depth == 0 && !(c.is_alphanumeric() || c == '_') {
                break;
            }
        }
        used.push(name);
    }
    used.iter().filter_map(|path| path.split(':').next()).map(str::to_owned).collect()
}

#[test]
fn modules_in_braced_imports_are_found_and_comments_skipped() {
    let text = "use crate::{a, b::{c, d::e}, f::g};\nuse crate::h::i; // crate::j\ncrate::k()\n\
                #[cfg(test)]\nmod tests { use crate::l; }";
    assert_eq!(modules_used(text), ["a", "b", "f", "h", "k"]);
}

/// The source files at `path` and below it, without tests: those of a configuration compare it
/// with the command line.
fn sources(path: &Path) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let is_test = |path: &PathBuf| path.ends_with("tests") || path.ends_with("tests.rs");
    entries.filter(|path| !is_test(path)).flat_map(|path| sources(&path)).collect()
}

#[test]
fn no_module_uses_one_above_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (module, forbidden) in FORBIDDEN_MODULES {
        for path in sources(&root.join(module)) {
            let used = modules_used(&fs::read_to_string(&path).unwrap());
            let wrong = used.iter().find(|name| forbidden.contains(&name.as_str()));
            assert_eq!(wrong, None, "{}", path.display());
        }
    }
}

/// The modules at the root of a crate, each with those that it uses.
fn module_graph(source: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in fs::read_dir(source).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let uses = graph.entry(module.clone()).or_default();
        for path in sources(&path) {
            uses.extend(modules_used(&fs::read_to_string(&path).unwrap()));
        }
        uses.remove(&module);
    }
    graph
}

/// Removes the modules that use no others, then those that used only them, and so on: those that
/// are left use each other, or use such modules.
fn without_leaves(mut graph: BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    loop {
        let left: BTreeSet<String> = graph.keys().cloned().collect();
        graph.retain(|_, uses| uses.iter().any(|module| left.contains(module)));
        if graph.len() == left.len() {
            return left;
        }
    }
}

#[test]
fn a_module_with_parts_is_the_mod_rs_beside_them() {
    let mut found = Vec::new();
    for root in ["src", "crates", "tests", "benches"] {
        found.extend(sources(Path::new(root)));
    }
    found.retain(|path| path.with_extension("").is_dir());
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn no_modules_of_a_crate_use_each_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = ["", "crates/zlog-core", "crates/zlog-pipeline", "crates/zlog-bench"];
    for krate in crates {
        let graph = module_graph(&root.join(krate).join("src"));
        assert!(graph.values().any(|uses| !uses.is_empty()), "{krate}: {graph:?}");
        assert_eq!(without_leaves(graph), BTreeSet::new(), "{krate}");
    }
    let circle = [("a", "b"), ("b", "c"), ("c", "b"), ("d", "e")];
    let circle = circle.map(|(name, used)| (name.to_owned(), BTreeSet::from([used.to_owned()])));
    assert_eq!(without_leaves(circle.into()).len(), 3);
}
