//! `zlog generate`: completions and man pages, from the parser itself, so that
//! neither can tell anything else than `--help` does.

use std::io::{self, Write};

use clap_mangen::Man;

use crate::cli::examples::{self, Notes};
use crate::cli::{self, Generate, GenerateArgs};
use zlog_core::error::{Error, Exit, Result};
use zlog_core::text::escape::escape;

/// Writes what was asked for to standard output.
///
/// # Errors
/// An unknown command's page, or output that can't be written.
pub fn run(args: &GenerateArgs) -> Result<Exit> {
    let mut out = Vec::new();
    match &args.what {
        Generate::Completions { shell } => {
            let mut shown = without_hidden(&cli::command());
            clap_complete::generate(*shell, &mut shown, "zlog", &mut out);
        }
        Generate::Man { command } => man_page(command.as_deref().unwrap_or_default(), &mut out)?,
    }
    io::stdout().write_all(&out).map_err(|error| Error::io("standard output", &error))?;
    Ok(Exit::Done)
}

/// A command as a person is to see it: clap_complete offers hidden commands too, at
/// every depth. None can be taken out of one, so it is built up without them.
fn without_hidden(root: &clap::Command) -> clap::Command {
    let shown = root.get_subcommands().filter(|command| !command.is_hide_set());
    let shown: Vec<clap::Command> = shown.map(without_hidden).collect();
    if shown.is_empty() && !root.has_subcommands() {
        return root.clone();
    }
    let mut command = clap::Command::new(root.get_name().to_owned())
        .disable_help_subcommand(root.is_disable_help_subcommand_set())
        .args(root.get_arguments().cloned())
        .groups(root.get_groups().cloned())
        .subcommands(shown);
    if let Some(version) = root.get_version() {
        command = command.version(version.to_owned());
    }
    match root.get_about() {
        Some(about) => command.about(about.clone()),
        None => command,
    }
}

/// The page of one command (`bench`, `bench-pipeline`), of zlog itself when `name` is
/// empty, or of the configuration file when it is `relay.toml`.
fn man_page(name: &str, out: &mut Vec<u8>) -> Result<()> {
    if name == "relay.toml" {
        return relay_toml(out).map_err(|error| Error::io("man page", &error));
    }
    let called = |notes: &&&Notes| notes.command.replace(' ', "-") == name;
    let Some(notes) = examples::ALL.iter().find(called) else {
        let names = examples::ALL.iter().map(|notes| notes.command.replace(' ', "-"));
        let names: Vec<String> = names.filter(|name| !name.is_empty()).collect();
        return Err(Error::usage(format!("there is no man page for `{}`", escape(name)))
            .hint(format!("Commands with a page: {}.", names.join(", "))));
    };
    // `zlog help` has no page.
    let mut root = cli::command().disable_help_subcommand(true);
    root.build();
    let mut page = &root;
    for name in notes.command.split_whitespace() {
        page = page.find_subcommand(name).unwrap_or(page);
    }
    let page = page.clone().name(notes.man_page_name());
    render(page.after_help(""), notes, out).map_err(|error| Error::io("man page", &error))
}

fn render(command: clap::Command, notes: &Notes, out: &mut Vec<u8>) -> io::Result<()> {
    let has_commands = command.get_subcommands().any(|command| !command.is_hide_set());
    let man = Man::new(command).source(concat!("zlog ", env!("CARGO_PKG_VERSION")));
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    if has_commands {
        man.render_subcommands_section(out)?;
    }
    if let Some((title, keys)) = notes.keys() {
        section(out, &title.to_uppercase(), &keys)?;
    }
    section(out, "EXAMPLES", notes.examples)?;
    section(out, "EXIT STATUS", notes.exit_codes)?;
    environment(out)?;
    see_also(notes, out)
}

/// A section of terms, each with what it does or means.
fn section<T: AsRef<str>>(out: &mut Vec<u8>, title: &str, terms: &[(T, T)]) -> io::Result<()> {
    writeln!(out, ".SH \"{title}\"")?;
    terms.iter().try_for_each(|(term, meaning)| section_term(out, term.as_ref(), meaning.as_ref()))
}

fn section_term(out: &mut Vec<u8>, term: &str, meaning: &str) -> io::Result<()> {
    writeln!(out, ".TP\n\\fB{}\\fR\n{}", roff(term), roff(meaning))
}

fn environment(out: &mut Vec<u8>) -> io::Result<()> {
    let variables = [
        ("ZLOG_ENDPOINT", "The endpoint when neither --bind nor --connect names one"),
        ("ZLOG_SMTP_USER, ZLOG_SMTP_PASSWORD", "The login for a mail server"),
        ("NO_COLOR", "When set and not empty: no colour unless --color asks for it"),
        ("CLICOLOR_FORCE", "When set and not 0: colour even in a pipe"),
    ];
    section(out, "ENVIRONMENT", &variables)
}

/// Writes zlog-relay.toml(5): the annotated example, its comments as text and its keys as
/// terms. A rule (`# ----- [relay]`) begins a section, a table a subsection.
fn relay_toml(out: &mut Vec<u8>) -> io::Result<()> {
    const EXAMPLE: &str = include_str!("../../examples/relay.toml");
    writeln!(out, ".TH zlog\\-relay.toml 5 \"\" \"zlog {}\"", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, ".SH NAME\nzlog\\-relay.toml \\- configuration of zlog relay\n.SH DESCRIPTION")?;
    for line in EXAMPLE.lines() {
        match ExampleLine::of(line) {
            ExampleLine::Section(title) => writeln!(out, ".SH \"{}\"", roff(title))?,
            ExampleLine::Table(table, note) => {
                let table = roff(table).replace('"', "\\(dq");
                writeln!(out, ".SS \"{table}\"")?;
                out.extend(roff(note).into_bytes());
                out.push(b'\n');
            }
            ExampleLine::Key(key, "") => writeln!(out, ".TP\n\\fB{}\\fR\n\\&", roff(key))?,
            ExampleLine::Key(key, note) => section_term(out, key, note)?,
            ExampleLine::Command(command) => writeln!(out, ".br\n\\fB{}\\fR", roff(command))?,
            ExampleLine::Text("") => writeln!(out, ".PP")?,
            ExampleLine::Text(text) => writeln!(out, "{}", roff(text))?,
        }
    }
    writeln!(out, ".SH \"SEE ALSO\"\n\\fBzlog\\-relay\\fR(1)")
}

/// A line of the annotated example.
enum ExampleLine<'a> {
    Section(&'a str),
    /// A table and its comment.
    Table(&'a str, &'a str),
    /// A key with its value, and its comment.
    Key(&'a str, &'a str),
    Command(&'a str),
    /// A line of a paragraph; empty between paragraphs.
    Text(&'a str),
}

impl ExampleLine<'_> {
    fn of(line: &str) -> ExampleLine<'_> {
        let comment = line.strip_prefix('#');
        // A key that is commented out stays so, and its own comment begins later.
        let (code, note) = match line.match_indices("  # ").next() {
            Some((at, mark)) => (line[..at].trim_end(), &line[at + mark.len()..]),
            None => (line, ""),
        };
        let key = code.trim_start_matches("# ").split_once(" = ").map(|(key, _)| key);
        match comment {
            Some(rule) if rule.starts_with(" ---") => {
                ExampleLine::Section(rule.trim_start_matches([' ', '-']))
            }
            Some(command) if command.starts_with("     ") => ExampleLine::Command(command.trim()),
            _ if key.is_some_and(|key| !key.contains(' ')) => ExampleLine::Key(code, note),
            Some(text) => ExampleLine::Text(text.trim()),
            None if code.starts_with('[') => ExampleLine::Table(code, note),
            None => ExampleLine::Text(""),
        }
    }
}

fn see_also(notes: &Notes, out: &mut Vec<u8>) -> io::Result<()> {
    let others = examples::ALL.iter().filter(|other| other.command != notes.command);
    let mut names: Vec<String> =
        others.map(|other| format!("\\fB{}\\fR(1)", roff(&other.man_page_name()))).collect();
    if notes.command == "relay" {
        names.push("\\fBzlog\\-relay.toml\\fR(5)".to_owned());
    }
    writeln!(out, ".SH \"SEE ALSO\"\n{}", names.join(", "))
}

/// Text as roff needs it: no control lines, no escapes, hyphens that can be copied.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}
