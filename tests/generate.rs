//! Generated files that are committed: `completions/`, `man/` and the tables of keys in
//! docs/handlers.md are what zlog prints today, the table of built-in formats is what their files
//! say, and the completions work.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use zlog::cli::{Cli, command, examples, handlers};
use zlog_core::formats::{Continues, Definition};
use zlog_pipeline::keys::KEYS_VARIABLE;
use zlog_pipeline::socket::ENGINE_VARIABLE;

use crate::formats::files;
use crate::harness::zlog;

/// The command that updates the committed files.
const REFRESH: &str = "ZLOG_UPDATE=1 cargo test --test integration the_parser_says";

/// The file of each completion script, and its shell.
const COMPLETIONS: [(&str, &str); 5] = [
    ("zlog.bash", "bash"),
    ("_zlog", "zsh"),
    ("zlog.fish", "fish"),
    ("zlog.elv", "elvish"),
    ("_zlog.ps1", "powershell"),
];

#[test]
fn completions_are_what_the_parser_says() {
    for (file, shell) in COMPLETIONS {
        let printed = zlog(["completions", shell]).run().success().stdout;
        compare(&Path::new("completions").join(file), &printed);
    }
    same_files("completions", COMPLETIONS.map(|(file, _)| file.to_owned()).to_vec());
}

#[test]
fn man_pages_are_what_the_parser_says() {
    let pages = commands().into_iter().map(|name| name.replace(' ', "-"));
    let pages = pages.map(|name| (format!("zlog-{name}.1"), name));
    let others =
        [("zlog.1", ""), ("zlog-relay.toml.5", "relay.toml"), ("zlog-handlers.7", "handlers")];
    let others = others.map(|(file, name)| (file.to_owned(), name.to_owned()));
    let pages: Vec<_> = pages.chain(others).collect();
    for (file, name) in &pages {
        let name = Some(name).filter(|name| !name.is_empty());
        let printed = zlog(["man"]).args(name).run().success().stdout;
        compare(&Path::new("man").join(file), &printed);
    }
    same_files("man", pages.into_iter().map(|(file, _)| file).collect());
}

#[test]
fn every_option_in_a_man_page_has_a_text_and_every_variable_of_the_environment_has_a_page() {
    let pages: Vec<String> = commands().into_iter().map(|name| name.replace(' ', "-")).collect();
    for page in &pages {
        let printed = zlog(["man", page]).run().success().out();
        let untold =
            printed.split(".TP\n").filter(|term| term.lines().nth(1).is_none_or(str::is_empty));
        let untold: Vec<&str> = untold.filter(|term| term.contains("\\-\\-")).collect();
        assert_eq!(untold, Vec::<&str>::new(), "{page}");
    }
    let printed = zlog(["man"]).run().success().out();
    for variable in ["ZLOG_CONFIG", "ZLOG_ENDPOINT", ENGINE_VARIABLE, KEYS_VARIABLE] {
        assert!(printed.contains(variable), "{variable}");
    }
}

#[test]
fn the_tables_of_keys_in_the_documents_are_what_the_parser_says() {
    const BEGIN: &str = "<!-- Generated from the option tables: begin -->\n";
    const END: &str = "<!-- Generated from the option tables: end -->";
    let file = Path::new("docs/handlers.md");
    let text = fs::read_to_string(root().join(file)).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("a begin mark");
    let (_, after) = rest.split_once(END).expect("an end mark");
    let mut tables = String::new();
    for (title, keys) in handlers::key_groups() {
        let title = if title.starts_with('-') { format!("`{title}`") } else { title };
        tables += &format!("\n### {title}\n\n| key | meaning |\n|---|---|\n");
        for (key, meaning) in keys {
            let [key, meaning] = [key, meaning].map(|text| text.replace('|', "\\|"));
            tables += &format!("| `{key}` | {meaning} |\n");
        }
    }
    compare(file, format!("{before}{BEGIN}{tables}\n{END}{after}").as_bytes());
}

#[test]
fn help_on_handlers_has_every_key_and_fits_80_columns() {
    let help = zlog(["help", "handlers"]).run().success().out();
    for (title, keys) in handlers::key_groups() {
        assert!(help.contains(&format!("\n{title}:\n")), "{title}\n{help}");
        for (key, _) in keys {
            assert!(help.contains(&format!("\n  {key}")), "{key}\n{help}");
        }
    }
    let wide = help.lines().find(|line| line.chars().count() > 80);
    assert_eq!(wide, None);
}

#[test]
fn help_on_a_command_is_its_long_help() {
    for (topics, line) in [
        (&["tail"][..], &["tail", "--help"][..]),
        (&["bench", "pipeline"], &["bench", "pipeline", "--help"]),
        (&[], &["--help"]),
    ] {
        let help = zlog(["help"]).args(topics).run().success().out();
        assert_eq!(help, zlog(line).run().success().out(), "{topics:?}");
    }
    zlog(["help", "tial"]).run().code(2).stderr_has("tail");
}

#[test]
fn the_short_help_of_every_command_fits_60_lines_of_80_columns() {
    for name in commands().iter().map(String::as_str).chain([""]) {
        let words = name.split_whitespace().chain(["-h"]);
        let help = zlog(words).env("COLUMNS", "80").run().success().out();
        let lines = help.lines().count();
        assert!(lines <= 60, "`zlog {name} -h` has {lines} lines\n{help}");
        let wide = help.lines().find(|line| line.chars().count() > 80);
        assert_eq!(wide, None, "`zlog {name} -h`");
    }
}

#[test]
fn contributing_names_the_command_that_updates_the_generated_files() {
    let text = std::fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    assert!(text.contains(REFRESH), "{REFRESH}");
}

#[test]
fn an_unknown_man_page_is_wrong_usage() {
    zlog(["man", "nonsense"]).run().code(2).stderr_has("nonsense").stderr_has("bench-pipeline");
}

#[test]
fn bash_completes_commands_options_and_values() {
    assert_eq!(completed(&["zlog", "ta"]), ["tail"]);
    assert_eq!(completed(&["zlog", "tail", "--out"]), ["--output"]);
    let outputs = completed(&["zlog", "tail", "--output", ""]);
    assert_eq!(outputs, ["json", "logfmt", "pretty", "raw", "text"]);
    assert!(completed(&["zlog", ""]).contains(&"emit".to_owned()));
    assert_eq!(completed(&["zlog", "emit", "--wire", "j"]), ["json"]);
    assert_eq!(completed(&["zlog", "emit", "--level", "w"]), ["warning"]);
    assert_eq!(completed(&["zlog", "help", "hand"]), ["handlers"]);
}

#[test]
fn hidden_commands_are_not_completed() {
    let whole = command();
    for name in commands() {
        let path: Vec<&str> = name.split(' ').collect();
        let parser = path.iter().fold(&whole, |parser, word| parser.find_subcommand(word).unwrap());
        let offers = completed(&[&["zlog"], &path[..], &[""]].concat());
        for hidden in parser.get_subcommands().filter(|sub| sub.is_hide_set()) {
            assert!(!offers.contains(&hidden.get_name().to_owned()), "{name}: {offers:?}");
        }
        for shown in parser.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            assert!(offers.contains(&shown.get_name().to_owned()), "{name}: {offers:?}");
        }
    }
}

#[test]
fn every_man_page_that_is_named_exists() {
    for entry in fs::read_dir(root().join("man")).unwrap() {
        let page = fs::read_to_string(entry.unwrap().path()).unwrap().replace("\\-", "-");
        let page = page.replace("\\fB", "").replace("\\fR", "");
        for (number, mark) in [(1, "(1)"), (5, "(5)"), (7, "(7)")] {
            for (before, _) in page.match_indices(mark).map(|(at, _)| page.split_at(at)) {
                let own = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
                let name = before.rsplit(|c| !own(c)).next().unwrap();
                let named = root().join(format!("man/{name}.{number}"));
                assert!(!name.starts_with("zlog") || named.exists(), "{name}{mark}");
            }
        }
    }
}

#[test]
fn every_example_parses() {
    for notes in examples::ALL {
        for (example, _) in notes.examples {
            let from = example.find("zlog ").expect("an example of zlog");
            let line = example[from..].split(" > ").next().unwrap_or_default();
            if let Err(error) = Cli::parse_line(words(line)) {
                panic!("`{example}` among the examples of `{}`: {error}", notes.command);
            }
        }
    }
}

#[test]
fn every_command_line_in_the_documents_parses() {
    let mut documents = vec![root().join("README.md")];
    let entries = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    documents.extend(entries.filter(|path| path.extension().is_some_and(|end| end == "md")));
    let mut seen = 0;
    for path in documents {
        let text = fs::read_to_string(&path).unwrap();
        // Code blocks are every second part.
        let blocks = text.split("\n```").skip(1).step_by(2).filter(|block| block.starts_with("sh"));
        for line in blocks.flat_map(str::lines) {
            // Without a comment, a redirection and what follows the command.
            let command = [" #", " > ", " && ", " || "]
                .iter()
                .fold(line, |rest, end| rest.split(end).next().unwrap_or_default());
            let command = command.strip_prefix("zlog ").or(command.trim().strip_prefix("zlog "));
            let piped = line.split_once("| zlog ").map(|(_, piped)| piped);
            if let Some(command) = command.or(piped) {
                let words = words(&format!("zlog {command}"));
                let parsed = Cli::parse_line(words);
                parsed.unwrap_or_else(|error| panic!("{}: `{line}`: {error}", path.display()));
                seen += 1;
            }
        }
    }
    assert!(seen >= 80, "only {seen} command lines found");
}

#[test]
fn every_command_has_examples_and_exit_codes_in_its_help_and_page() {
    for name in commands() {
        let notes = examples::ALL.iter().find(|notes| notes.command == name);
        let notes = notes.unwrap_or_else(|| panic!("`{name}` has no notes in cli/examples.rs"));
        let help = zlog(name.split(' ').chain(["--help"])).run().success().out();
        let page = zlog(["man", &name.replace(' ', "-")]).run().success().out();
        let page = page.replace("\\-", "-").replace("\\(aq", "'");
        for (line, _) in notes.examples {
            assert!(help.contains(line) && page.contains(line), "{line}");
        }
        for (code, meaning) in notes.exit_codes {
            assert!(help.contains(meaning) && page.contains(meaning), "{code} {meaning}");
        }
    }
}

/// The commands that are not hidden, and the commands below them: `bench`, `bench pipeline`.
fn commands() -> Vec<String> {
    fn below(parser: &clap::Command, before: &str, all: &mut Vec<String>) {
        let shown = parser.get_subcommands().filter(|sub| !sub.is_hide_set());
        for sub in shown.filter(|sub| sub.get_name() != "help") {
            let name = format!("{before}{}", sub.get_name());
            all.push(name.clone());
            below(sub, &format!("{name} "), all);
        }
    }
    let mut all = Vec::new();
    below(&command(), "", &mut all);
    all
}

#[test]
fn built_in_formats_are_what_their_files_and_the_parser_says() {
    let mut table = String::from(
        "//! The built-in formats. Generated from the files in crates/zlog-core/formats/ by\n\
         //! `ZLOG_UPDATE=1 cargo test --test integration the_parser_says`.\n\n\
         use super::{Continues, Definition};\nuse crate::level::Level;\n\n\
         #[rustfmt::skip]\npub(super) const BUILT_IN: &[Definition] = &[\n",
    );
    for file in files() {
        write_definition(&file.definition, &mut table);
    }
    table.push_str("];\n");
    compare(Path::new("crates/zlog-core/src/formats/built_in.rs"), table.as_bytes());
}

/// Writes the keys that differ from those of [`Definition::DEFAULT`].
fn write_definition(definition: &Definition, table: &mut String) {
    let Definition { name, title, rank, pattern, times, zone, levels, continues, prefix, needed } =
        definition;
    let levels: Vec<String> =
        levels.iter().map(|(word, level)| format!("({word:?}, Level({}))", level.0)).collect();
    let continues = continues.as_ref().map(|continues| match continues {
        Continues::Matches(pattern) => format!("Some(Continues::Matches(r#\"{pattern}\"#))"),
        Continues::Others => "Some(Continues::Others)".to_owned(),
    });
    let keys = [
        ("name", Some(format!("{name:?}"))),
        ("title", Some(format!("{title:?}"))),
        ("rank", (*rank != Definition::DEFAULT.rank).then(|| rank.to_string())),
        ("pattern", Some(format!("r#\"{pattern}\"#"))),
        ("times", (!times.is_empty()).then(|| format!("&{times:?}"))),
        ("zone", zone.map(|zone| format!("Some({zone:?})"))),
        ("levels", (!levels.is_empty()).then(|| format!("&[{}]", levels.join(", ")))),
        ("continues", continues),
        ("prefix", (!prefix.is_empty()).then(|| format!("&{prefix:?}"))),
        ("needed", (!needed.is_empty()).then(|| format!("{needed:?}"))),
    ];
    table.push_str("    Definition {\n");
    for (key, value) in keys.into_iter().filter_map(|(key, value)| Some((key, value?))) {
        writeln!(table, "        {key}: {value},").unwrap();
    }
    table.push_str("        ..Definition::DEFAULT\n    },\n");
}

/// Compares a committed file with `fresh`, or writes it if `ZLOG_UPDATE=1` is set.
#[track_caller]
fn compare(file: &Path, fresh: &[u8]) {
    let path = root().join(file);
    if updating() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, fresh).unwrap();
    }
    let committed = fs::read(&path).unwrap_or_default();
    assert!(committed == fresh, "{} is out of date: run `{REFRESH}`", file.display());
}

/// Fails if the directory has a file that nothing generates any more.
#[track_caller]
fn same_files(directory: &str, mut expected: Vec<String>) {
    let entries = fs::read_dir(root().join(directory)).unwrap();
    let mut found: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "files in {directory}/");
}

fn updating() -> bool {
    std::env::var_os("ZLOG_UPDATE").is_some_and(|value| value == "1")
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Completes the last of `words` in a real bash, with the committed script.
#[track_caller]
fn completed(words: &[&str]) -> Vec<String> {
    const ASK: &str = r#"
        source "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
        spec=$(complete -p zlog) || exit 1
        [[ $spec =~ -F\ ([^ ]+) ]] || exit 1
        before=""; if ((COMP_CWORD > 0)); then before=${COMP_WORDS[COMP_CWORD - 1]}; fi
        "${BASH_REMATCH[1]}" zlog "${COMP_WORDS[COMP_CWORD]}" "$before"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let script = root().join("completions/zlog.bash");
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", ASK, "bash"]).arg(script).args(words);
    let output = bash.output().expect("bash is there");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    let reply = String::from_utf8(output.stdout).unwrap();
    let mut offers: Vec<_> = reply.lines().map(str::to_owned).collect();
    offers.sort();
    offers
}

/// Words as a shell splits them, with single quotes.
fn words(line: &str) -> Vec<OsString> {
    let mut words = Vec::new();
    for (number, part) in line.split('\'').enumerate() {
        match number % 2 {
            0 => words.extend(part.split_whitespace().map(OsString::from)),
            _ => words.push(OsString::from(part)),
        }
    }
    words
}
