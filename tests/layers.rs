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
            "zmtp",
            "tokio",
            "hyper",
            "rustls",
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

/// The names of all crates that `name` is built with. Its tests may use others: those of zlog-pipeline
/// use the mail server of zlog-bench.
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

/// A source text without its tests, which may use any module, and without comments.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let without_comment = |line: &str| {
        let is_comment =
            |(at, _): &(usize, &str)| line[..*at].matches('"').count().is_multiple_of(2);
        let end = line.match_indices("//").find(is_comment).map_or(line.len(), |(at, _)| at);
        line[..end].to_owned() + "\n"
    };
    text.lines().map(without_comment).collect()
}

/// The paths in code that begin with `crate`, `super` or `self`, braced imports included.
fn paths_used(code: &str) -> Vec<Vec<&str>> {
    let mut paths = Vec::new();
    for root in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(root) {
            if !code[..at].ends_with(|c: char| c.is_alphanumeric() || "_:".contains(c)) {
                add_paths(&code[at..], &[], &mut paths);
            }
        }
    }
    paths
}

/// The paths that code imports.
fn imports(code: &str) -> Vec<Vec<&str>> {
    let mut paths = Vec::new();
    for statement in code.split(';') {
        if let Some((before, path)) = statement.split_once("use ")
            && before
                .rsplit(['\n', '}'])
                .next()
                .is_some_and(|it| it.is_empty() || it.starts_with("pub"))
        {
            add_paths(path, &[], &mut paths);
        }
    }
    paths
}

/// Adds the paths that `text` begins with, each behind `before`. Returns what follows them.
fn add_paths<'t>(mut text: &'t str, before: &[&'t str], paths: &mut Vec<Vec<&'t str>>) -> &'t str {
    let mut path = before.to_vec();
    loop {
        if let Some(mut rest) = text.strip_prefix('{') {
            while !rest.is_empty() && !rest.starts_with('}') {
                rest = add_paths(rest.trim_start(), &path, paths);
                rest = rest.split_once([',', '}']).map_or("", |(end, _)| &rest[end.len()..]);
                rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
            }
            return rest.strip_prefix('}').unwrap_or(rest);
        }
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        path.push(&text[..end]);
        text = &text[end..];
        match text.strip_prefix("::") {
            Some(rest) => text = rest,
            None => break,
        }
    }
    paths.push(path);
    text
}

#[test]
fn paths_in_braced_imports_are_found_and_comments_skipped() {
    let text = "use crate::{ // a, z\n    a,\n    b::{self, c, d::e as f},\n    g::h,\n};\n\
                use super::super::i; // crate::j\n/// [`crate::j`]\nself::k(crate::l::M { n: 0 })\n\
                #[cfg(test)]\nmod tests { use crate::o; }";
    let code = code(text);
    let joined =
        |paths: Vec<Vec<&str>>| -> Vec<_> { paths.iter().map(|path| path.join("::")).collect() };
    let mut expected = vec!["crate::a", "crate::b::self", "crate::b::c", "crate::b::d::e"];
    expected.push("crate::g::h");
    assert_eq!(joined(imports(&code)), [&expected[..], &["super::super::i"]].concat());
    expected.extend(["crate::l::M", "super::super::i", "self::k"]);
    assert_eq!(joined(paths_used(&code)), expected);
}

/// The modules at the root of its own crate that code uses.
fn modules_used(code: &str) -> Vec<&str> {
    let paths = paths_used(code).into_iter().filter(|path| path[0] == "crate");
    paths.filter_map(|path| path.get(1).copied()).collect()
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
            let code = code(&fs::read_to_string(&path).unwrap());
            let used = modules_used(&code);
            let wrong = used.iter().find(|name| forbidden.contains(*name));
            assert_eq!(wrong, None, "{}", path.display());
        }
    }
}

/// How often a name is imported from a module that has imported it itself.
const MAX_IMPORTS: usize = 8;

/// Modules with the same parent, each with those of them that it uses.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// The names of a source file's module and of those around it, the outermost first.
fn module(source: &Path, file: &Path) -> Vec<String> {
    let path = file.strip_prefix(source).unwrap().with_extension("");
    let names = path.iter().map(|name| name.to_str().unwrap().to_owned());
    names.filter(|name| !["mod", "lib", "main"].contains(&name.as_str())).collect()
}

/// The modules of a crate, each with its code.
type Modules = BTreeMap<Vec<String>, String>;

/// The module that has what `path` names in the module `from`, imported names followed up to `depth`
/// times. `None` for other crates.
fn module_of_path(
    from: &[String],
    path: &[&str],
    all: &Modules,
    depth: usize,
) -> Option<Vec<String>> {
    let mut module = if path[0] == "crate" { Vec::new() } else { from.to_vec() };
    let mut left = path;
    while let Some((name, rest)) = left.split_first() {
        match *name {
            "crate" | "self" => {}
            "super" => _ = module.pop(),
            name => {
                module.push(name.to_owned());
                if !all.contains_key(&module) {
                    module.pop();
                    break;
                }
            }
        }
        left = rest;
    }
    let (Some(name), Some(depth)) = (left.first(), depth.checked_sub(1)) else {
        return (left.len() < path.len()).then_some(module);
    };
    let code = all.get(&module).map(String::as_str).unwrap_or_default();
    let import = imports(code).into_iter().find(|path| path.last() == Some(name));
    let imported = import.and_then(|path| module_of_path(&module, &path, all, depth));
    imported.or_else(|| (left.len() < path.len()).then_some(module))
}

/// The modules of a crate, by their parents. Methods that another module adds to a type are not seen.
fn module_graphs(source: &Path) -> BTreeMap<Vec<String>, Graph> {
    let read = |file: &PathBuf| (module(source, file), code(&fs::read_to_string(file).unwrap()));
    let mut all = Modules::new();
    for (module, code) in sources(source).iter().map(read) {
        // The root may have two files.
        *all.entry(module).or_default() += &code;
    }
    let mut graphs: BTreeMap<Vec<String>, Graph> = BTreeMap::new();
    for (from, code) in &all {
        for path in paths_used(code) {
            let Some(to) = module_of_path(from, &path, &all, MAX_IMPORTS) else { continue };
            let common = from.iter().zip(&to).take_while(|(from, to)| from == to).count();
            // A module and its parts may use each other.
            if let (Some(user), Some(used)) = (from.get(common), to.get(common)) {
                let graph = graphs.entry(to[..common].to_vec()).or_default();
                graph.entry(user.clone()).or_default().insert(used.clone());
            }
        }
    }
    graphs
}

/// Removes the modules that use no others, then those that used only them, and so on: those that
/// are left use each other, or use such modules.
fn without_leaves(mut graph: Graph) -> Graph {
    loop {
        let left: BTreeSet<String> = graph.keys().cloned().collect();
        graph.retain(|_, uses| uses.iter().any(|module| left.contains(module)));
        if graph.len() == left.len() {
            return graph;
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
fn no_modules_beside_each_other_use_each_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = ["zlog-core", "zlog-pipeline", "zlog-bench", "zlog-tracing", "zmtp"];
    let crates = crates.map(|name| root.join("crates").join(name));
    for krate in crates.iter().map(PathBuf::as_path).chain([root]) {
        let graphs = module_graphs(&krate.join("src"));
        assert!(!graphs.is_empty(), "{}", krate.display());
        for (parent, graph) in graphs {
            let (krate, parent) = (krate.display(), parent.join("::"));
            assert_eq!(
                without_leaves(graph),
                Graph::new(),
                "{krate} {parent}: see docs/architecture.md"
            );
        }
    }
}

#[test]
fn a_circle_of_modules_is_found() {
    let circle = [("a", "b"), ("b", "c"), ("c", "b"), ("d", "e")];
    let circle = circle.map(|(name, used)| (name.to_owned(), BTreeSet::from([used.to_owned()])));
    assert_eq!(without_leaves(circle.into()).len(), 3);
    let names = |text: &str| text.split("::").map(str::to_owned).collect::<Vec<_>>();
    let all =
        [("a", "use self::c::T;\npub use std::fmt;\n"), ("a::b", ""), ("a::c", ""), ("d", "")];
    let all: Modules = all.map(|(name, code)| (names(name), code.to_owned())).into();
    for (path, module) in [
        ("super::c::f", "a::c"),
        ("self::f", "a::b"),
        ("super::super::d::T", "d"),
        ("crate::a::b::T", "a::b"),
        ("super::U", "a"),
        ("super::fmt::Write", "a"),
        // The parent has it from there.
        ("super::T", "a::c"),
    ] {
        let path: Vec<&str> = path.split("::").collect();
        let found = module_of_path(&names("a::b"), &path, &all, MAX_IMPORTS);
        assert_eq!(found, Some(names(module)), "{path:?}");
    }
}
