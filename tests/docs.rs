//! The commands in README.md and docs/cookbook.md work, and print what the documents show.
//!
//! Each section of a document is one script with one or more terminals. The info string of
//! a code block says what the block is (GitHub shows only its first word):
//!
//! | info string | the block |
//! |---|---|
//! | `sh` | runs to its end, and must succeed |
//! | `sh retry` | the same; repeated until its output is what the document shows |
//! | `sh terminal=NAME` | runs in a terminal of its own until the section ends |
//! | `text output` | stdout and stderr of the `sh` block before it |
//! | `text terminal=NAME` | stdout of that terminal |
//! | anything with `file=NAME` | the contents of this file |
//!
//! In output, `…` stands for any text within a line, and a line of its own for any lines.
//!
//! A section runs in a scratch directory, on a loopback address of its own. Loopback has
//! more than one address only on Linux, so these tests run only there.
#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::str::FromStr;
use std::time::{Duration, Instant};

use regex::Regex;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::harness::{
    DEADLINE, Finished, Input, Python, Running, clear_environment, own_address, python, zlog,
};

/// Sourced by bash before each script.
const PRELUDE: &str = "set -euo pipefail\n";

/// A fenced code block.
struct Block {
    info: String,
    text: String,
}

impl Block {
    fn is(&self, language: &str) -> bool {
        self.info.split(' ').next() == Some(language)
    }

    fn has(&self, flag: &str) -> bool {
        self.info.split(' ').any(|word| word == flag)
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.info.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }
}

/// A heading and the blocks below it.
struct Section {
    title: String,
    blocks: Vec<Block>,
}

/// The sections of a document that have commands.
fn sections(document: &str) -> Vec<Section> {
    let mut sections = vec![Section { title: String::new(), blocks: Vec::new() }];
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        let section = sections.last_mut().unwrap();
        if let Some(info) = line.strip_prefix("```") {
            let text = lines.by_ref().take_while(|line| *line != "```");
            let text = text.map(|line| format!("{line}\n")).collect();
            section.blocks.push(Block { info: info.to_owned(), text });
        } else if line.starts_with('#') {
            sections.push(Section { title: line.to_owned(), blocks: Vec::new() });
        }
    }
    sections.retain(|section| section.blocks.iter().any(|block| block.is("sh")));
    sections
}

/// The directory and address of a section.
struct Scratch {
    directory: tempfile::TempDir,
    /// The address that stands for 127.0.0.1.
    host: String,
    python: Python,
}

impl Scratch {
    fn new(python: Python) -> Scratch {
        let host = own_address();
        let host = host.trim_start_matches("tcp://").trim_end_matches(":*").to_owned();
        let scratch = Scratch { directory: tempfile::tempdir().unwrap(), host, python };
        scratch.write(".prelude", PRELUDE);
        scratch
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.directory.path().join(name);
        fs::write(&path, text.replace("127.0.0.1", &self.host)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A script with the address of this section. Emitters wait longer for their first
    /// subscriber than by default.
    fn adapted(&self, script: &str) -> String {
        let bind = format!("zlog relay --bind tcp://{}:12344", self.host);
        let adapt = |line: &str| {
            let mut line = line.replace("127.0.0.1", &self.host);
            line = line.replace("--listen 9020", &format!("--listen {}:9020", self.host));
            if !["--listen", "--config", "--status"].iter().any(|option| line.contains(option)) {
                line = line.replace("zlog relay", &bind);
            }
            // The recipe for cron has no subscriber.
            if !line.contains("--wait ") && !line.contains("--quiet") {
                line = line.replace("zlog emit ", "zlog emit --wait 60s ");
            }
            line
        };
        script.lines().map(|line| adapt(line) + "\n").collect()
    }

    #[track_caller]
    fn start(&self, script: &str) -> Running {
        let mut bash = Command::new("bash");
        clear_environment(&mut bash);
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let first = [Path::new(env!("CARGO_BIN_EXE_zlog")), self.python.program()];
        let first = first.map(|program| program.parent().unwrap().to_owned());
        let path = std::env::join_paths(first.into_iter().chain(std::env::split_paths(&inherited)));
        bash.env("PATH", path.unwrap()).env("HOME", self.directory.path());
        bash.env("BASH_ENV", self.directory.path().join(".prelude"));
        bash.env("ZLOG_ENDPOINT", format!("tcp://{}:12345", self.host));
        bash.current_dir(self.directory.path()).arg("-c").arg(self.adapted(script));
        Running::start(bash, Input::Empty)
    }

    /// Runs a block to its end. Its output is stdout and stderr together, as on a terminal.
    #[track_caller]
    fn run(&self, block: &Block, shown: Option<&Block>) {
        let until = Instant::now() + DEADLINE;
        loop {
            let finished = self.start(&format!("exec 2>&1\n{}", block.text)).wait();
            let (out, expected) = (self.seen(&finished.stdout), shown.map(pattern));
            let same = expected.as_ref().is_none_or(|expected| expected.is_match(&out));
            if same {
                return drop(finished.success());
            }
            if !block.has("retry") || Instant::now() > until {
                differs(&finished, shown.unwrap(), &out);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The output as the document shows it, with 127.0.0.1.
    fn seen(&self, output: &[u8]) -> String {
        normalized(&String::from_utf8_lossy(output).replace(&self.host, "127.0.0.1"))
    }
}

/// A block that runs until its section ends.
struct Terminal<'d> {
    running: Running,
    shown: Option<&'d Block>,
}

impl<'d> Terminal<'d> {
    #[track_caller]
    fn start(scratch: &Scratch, block: &Block, shown: Option<&'d Block>) -> Terminal<'d> {
        let mut running = scratch.start(&block.text);
        // Python's SocketHandler drops records while nobody listens.
        if block.text.contains("zlog relay") {
            let listens = ["--listen", "--config"].iter().any(|option| block.text.contains(option));
            running.expect_stderr(if listens { "listening on" } else { "publishing, bound" });
        }
        Terminal { running, shown }
    }

    /// Waits until it has printed what the document shows.
    fn wait(&self, scratch: &Scratch) {
        let Some(expected) = self.shown.map(pattern) else { return };
        let shows = |bytes: &[u8]| expected.is_match(&scratch.seen(bytes)).then_some(());
        self.running.stdout.wait_for(Instant::now() + DEADLINE, shows);
    }

    /// Ends it as Ctrl-C does.
    #[track_caller]
    fn end(self, scratch: &Scratch) {
        let group = Pid::from_raw(self.running.id().cast_signed()).unwrap();
        let _ = kill_process_group(group, Signal::INT);
        let finished = self.running.wait();
        let out = scratch.seen(&finished.stdout);
        if let Some(shown) = self.shown.filter(|shown| !pattern(shown).is_match(&out)) {
            differs(&finished, shown, &out);
        }
    }
}

#[track_caller]
fn differs(finished: &Finished, shown: &Block, out: &str) -> ! {
    let expected = normalized(&shown.text);
    finished.fail(&format!("the document shows\n{expected}--- and it printed\n{out}---"))
}

/// The pattern that the output must match.
fn pattern(shown: &Block) -> Regex {
    let line = |line: &str| match line.trim() {
        "…" => "(?:.*\n)*".to_owned(),
        line => regex::escape(line).replace('…', ".*") + "\n",
    };
    let lines: String = normalized(&shown.text).lines().map(line).collect();
    Regex::new(&format!(r"\A{lines}\z")).unwrap()
}

/// Output without the parts that differ between runs: times, process names, sizes, rates
/// and the width of columns.
fn normalized(text: &str) -> String {
    let mut text = text.trim_end().to_owned() + "\n";
    for (regex, name) in [
        // A terminal shows no date.
        (r"(\d{4}-\d\d-\d\d[ T])?\d\d:\d\d:\d\d[.,]\d+", "TIME"),
        (r"[\w-]+:\d+(?::[a-z0-9]{4})?\b", "SOURCE"),
        (r"[\d.,]+ k?B in [\d.,]+ s \([\d.,]+/s\)", "SIZE AND RATE"),
        (r"[ \t]+", " "),
    ] {
        text = Regex::new(regex).unwrap().replace_all(&text, name).into_owned();
    }
    text
}

/// Runs a section.
#[track_caller]
fn run(section: &Section, python: &Python) {
    let scratch = Scratch::new(python.clone());
    let mut terminals = Vec::new();
    let of = |name: &str| {
        let mut all = section.blocks.iter().filter(|block| block.is("text"));
        all.find(|block| block.value("terminal") == Some(name))
    };
    for (number, block) in section.blocks.iter().enumerate() {
        if let Some(name) = block.value("file") {
            scratch.write(name, &block.text);
        } else if block.is("sh") {
            match block.value("terminal") {
                Some(name) => terminals.push(Terminal::start(&scratch, block, of(name))),
                None => {
                    let next = section.blocks.get(number + 1);
                    scratch.run(block, next.filter(|next| next.has("output")));
                }
            }
        }
    }
    let shown = section.blocks.iter().any(|block| block.is("text"));
    assert!(shown || terminals.is_empty(), "{}: show what it prints", section.title);
    terminals.iter().for_each(|terminal| terminal.wait(&scratch));
    for terminal in terminals {
        terminal.end(&scratch);
    }
}

/// Runs a document. Prints the title of each section, so that a failure can be located.
fn run_document(document: &str, least: usize) {
    let Some(python) = python() else { return };
    let sections = sections(document);
    assert!(sections.len() >= least, "only {} sections with commands", sections.len());
    for section in sections {
        println!("{}", section.title);
        run(&section, &python);
    }
}

/// A file of the repository. Read at run time: an edit of a document needs no compilation.
fn document(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

#[test]
fn the_commands_in_the_readme_print_what_it_shows() {
    run_document(&document("README.md"), 7);
}

#[test]
fn the_sample_of_tail_in_the_readme_is_that_of_a_terminal_of_80_columns() {
    const LINE: &str = r"(?m)^(\d\d:\d\d:\d\d\.\d{3})  (\w+) +backup +(.*)$";
    let document = document("README.md");
    let line = Regex::new(LINE).unwrap();
    let (mut shown, mut stored) = (Vec::new(), String::new());
    for sample in line.captures_iter(&document) {
        let (time, level, message) = (&sample[1], &sample[2], &sample[3]);
        let created = jiff::Timestamp::from_str(&format!("2026-11-26T{time}Z")).unwrap();
        let created = created.as_microsecond() as f64 / 1e6;
        let topic = format!("backup.{level}");
        let record = serde_json::json!({
            "topic": topic, "name": "backup", "levelname": level, "msg": message, "created": created,
        });
        stored += &format!("{record}\n");
        shown.push(sample[0].to_owned());
    }
    assert_eq!(shown.len(), 3);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("records");
    fs::write(&file, stored).unwrap();
    let tail = zlog(["tail", "--color", "never", "--input"]).args([&file]);
    let (bytes, _) = crate::harness::Terminal::start(tail, 24, 80).wait();
    let printed = String::from_utf8(bytes).unwrap();
    let printed: Vec<&str> = printed.lines().filter(|printed| line.is_match(printed)).collect();
    assert_eq!(printed, shown);
}

#[test]
fn the_commands_in_the_cookbook_print_what_it_shows() {
    run_document(&document("docs/cookbook.md"), 20);
}

#[test]
fn the_python_program_for_the_wire_format_is_read_by_tail() {
    run_document(&document("docs/wire-format.md"), 1);
}

/// A file handler appends, so a reader who tries several recipes in one directory would find the
/// records of another one in the file.
#[test]
fn no_two_recipes_of_the_cookbook_write_to_the_same_log_file() {
    let written = Regex::new(r#"(?:path = "|--file '?|> )([\w-]+\.log)"#).unwrap();
    let cookbook = document("docs/cookbook.md");
    let mut recipes: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for recipe in cookbook.split("\n## ").skip(1) {
        let title = recipe.lines().next().unwrap();
        for file in written.captures_iter(recipe) {
            recipes.entry(file[1].to_owned()).or_default().insert(title);
        }
    }
    assert!(recipes.len() > 3, "{recipes:?}");
    recipes.retain(|_, titles| titles.len() > 1);
    assert!(recipes.is_empty(), "{recipes:#?}");
}

#[test]
fn the_rust_program_for_the_wire_format_is_the_example_that_compiles() {
    let (wire_format, example) = (document("docs/wire-format.md"), document("examples/publish.rs"));
    let (_, program) = example.split_once("\n\n").unwrap(); // without the header
    assert!(wire_format.contains(&format!("```rust\n{program}```\n")));
}

#[test]
#[should_panic(expected = "the document shows")]
fn a_document_that_shows_other_output_fails() {
    run_document("# A\n```sh\necho one\n```\n```text output\ntwo\n```\n", 1);
    panic!("the document shows"); // without Python nothing runs
}

#[test]
#[should_panic(expected = "expected exit code 0")]
fn a_document_with_a_command_that_fails_fails() {
    run_document("# A\n```sh\nzlog tail --no-such-option\n```\n", 1);
    panic!("expected exit code 0"); // without Python nothing runs
}

/// Links to files and headings have a target.
#[test]
fn links_between_documents_have_targets() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let mut documents = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    documents.extend(fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    for path in documents.iter().filter(|path| path.extension().is_some_and(|end| end == "md")) {
        let text = fs::read_to_string(path).unwrap();
        for target in link.captures_iter(&text).map(|found| found.get(1).unwrap().as_str()) {
            if target.contains("://") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file =
                if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(file.exists(), "{}: no file {target}", path.display());
            if !heading.is_empty() {
                let headings = headings(&fs::read_to_string(file).unwrap());
                let found = headings.iter().any(|found| found == heading);
                assert!(found, "{}: no heading {target}", path.display());
            }
        }
    }
}

/// Each row of a table with a column of tests names tests, which exist.
#[test]
fn each_promise_of_delivery_and_security_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = String::new();
    let mut directories = vec![root.join("tests"), root.join("crates"), root.join("src")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                sources += &fs::read_to_string(path).unwrap();
            }
        }
    }
    let named = Regex::new("`([a-z0-9_]{20,})`").unwrap();
    for document in ["docs/delivery.md", "docs/security.md"] {
        let (mut rows, mut in_table) = (0, false);
        for line in fs::read_to_string(root.join(document)).unwrap().lines() {
            in_table = line.starts_with('|') && (in_table || line.ends_with("| test |"));
            if !in_table || line.ends_with("| test |") || line.starts_with("|--") {
                continue;
            }
            rows += 1;
            let tests: Vec<_> = named.captures_iter(line).map(|it| it[1].to_owned()).collect();
            assert!(!tests.is_empty(), "no test proves: {line}");
            for test in tests {
                assert!(sources.contains(&format!("fn {test}(")), "no test {test}: {line}");
            }
        }
        assert!(rows > 10, "{document}: {rows} rows");
    }
}

/// The anchors that GitHub makes of a document's headings.
fn headings(document: &str) -> Vec<String> {
    let titles = document.lines().filter(|line| line.starts_with('#'));
    let letter = |c: char| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        _ => c.is_alphanumeric().then(|| c.to_ascii_lowercase()),
    };
    titles
        .map(|title| title.trim_start_matches('#').trim().chars().filter_map(letter).collect())
        .collect()
}
