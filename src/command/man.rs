//! `zlog man`: man pages, generated from the parser and from the option tables of handlers.

use std::io::{self, Write};

use clap_mangen::Man;

use crate::cli::examples::{self, Notes};
use crate::cli::{self, ManArgs, handlers, help};
use zlog_core::text::escape::escape;
use zlog_core::{Error, Exit, Result};
use zlog_pipeline::keys::KEYS_VARIABLE;
use zlog_pipeline::os::terminal::Stdout;
use zlog_pipeline::router::options::Class;
use zlog_pipeline::socket::ENGINE_VARIABLE;

const SOURCE: &str = concat!("zlog ", env!("CARGO_PKG_VERSION"));

/// Writes a man page to standard output.
///
/// # Errors
/// There is no such page, or standard output can't be written.
pub fn run(args: &ManArgs) -> Result<Exit> {
    let mut page = Vec::new();
    let written = match args.page.as_deref().unwrap_or_default() {
        "relay.toml" => relay_toml(&mut page),
        "handlers" => handler_keys(&mut page),
        command => command_page(notes_on(command)?, &mut page),
    };
    written.map_err(|error| Error::io("man page", &error))?;
    let mut out = Stdout::new();
    out.put(&page)?;
    out.send()?;
    Ok(Exit::Done)
}

/// The notes on a command (`bench`, `bench-pipeline`), or on zlog itself if `name` is empty.
fn notes_on(name: &str) -> Result<&'static Notes> {
    let known = || examples::ALL.iter().map(|notes| (notes.command.replace(' ', "-"), *notes));
    let Some((_, notes)) = known().find(|(known, _)| known == name) else {
        let names: Vec<String> = known().map(|(name, _)| name).collect();
        return Err(Error::usage(format!("no man page for `{}`", escape(name))).hint(format!(
            "The pages are{}, handlers and relay.toml.",
            names.join(", ").trim_start_matches(',')
        )));
    };
    Ok(notes)
}

/// The page of a command.
fn command_page(notes: &Notes, out: &mut Vec<u8>) -> io::Result<()> {
    // `help` has no page.
    let mut root = cli::command().mut_subcommand(help::NAME, |command| command.hide(true));
    root.build();
    let mut page = &root;
    for name in notes.command.split_whitespace() {
        page = page.find_subcommand(name).unwrap_or(page);
    }
    let page = page.clone().name(notes.man_page_name());
    render(page.after_help("").after_long_help(""), notes, out)
}

fn render(command: clap::Command, notes: &Notes, out: &mut Vec<u8>) -> io::Result<()> {
    let has_commands = command.get_subcommands().any(|command| !command.is_hide_set());
    // clap_mangen leaves out what the short help hides.
    let command = command.mut_args(|arg| arg.hide_short_help(false));
    let man = Man::new(command.clone()).source(SOURCE);
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    if has_commands {
        man.render_subcommands_section(out)?;
    }
    section(out, "EXAMPLES", notes.examples)?;
    section(out, "EXIT STATUS", notes.exit_codes)?;
    environment(notes, &command, out)?;
    see_also(notes, out)
}

/// A section of terms and their meanings.
fn section<T: AsRef<str>>(out: &mut Vec<u8>, title: &str, terms: &[(T, T)]) -> io::Result<()> {
    writeln!(out, ".SH \"{title}\"")?;
    terms.iter().try_for_each(|(term, meaning)| section_term(out, term.as_ref(), meaning.as_ref()))
}

fn section_term(out: &mut Vec<u8>, term: &str, meaning: &str) -> io::Result<()> {
    writeln!(out, ".TP\n\\fB{}\\fR\n{}", roff(term), roff(meaning))
}

/// A variable of the environment.
struct Variable {
    name: &'static str,
    meaning: &'static str,
    /// The commands that read it, besides those with one of `options`.
    commands: &'static [&'static str],
    options: &'static [&'static str],
}

const ENVIRONMENT: [Variable; 6] = [
    Variable {
        name: "ZLOG_ENDPOINT",
        meaning: "Endpoint used without --bind and --connect",
        commands: &["config"],
        options: &["endpoint"],
    },
    Variable {
        name: ENGINE_VARIABLE,
        meaning: "Engine of the sockets: native or libzmq",
        commands: &[],
        options: &["engine"],
    },
    Variable {
        name: KEYS_VARIABLE,
        meaning: "Directory of keys [default: ~/.config/zlog]",
        commands: &["keygen"],
        options: &["key"],
    },
    Variable {
        name: "ZLOG_CONFIG",
        meaning: "File with your defaults and endpoints [default: ~/.config/zlog/config.toml]; if empty, \
                  none is read",
        commands: &["emit", "tail", "top", "relay", "bench", "demo", "config"],
        options: &[],
    },
    Variable {
        name: "NO_COLOR",
        meaning: "If set and not empty: no colour, unless --color asks for it",
        commands: &[],
        options: &[],
    },
    Variable {
        name: "CLICOLOR_FORCE",
        meaning: "If set and not 0: colour, also in a pipe",
        commands: &[],
        options: &[],
    },
];

/// The variables that the command and its handlers read. The page of zlog itself has all; every command
/// reads one without commands and options.
fn environment(notes: &Notes, command: &clap::Command, out: &mut Vec<u8>) -> io::Result<()> {
    let has = |name: &str| command.get_arguments().any(|arg| arg.get_long() == Some(name));
    let is_read = |variable: &&Variable| {
        notes.command.is_empty()
            || variable.commands.is_empty() && variable.options.is_empty()
            || variable.commands.contains(&notes.command)
            || variable.options.iter().any(|name| has(name))
    };
    let read = ENVIRONMENT.iter().filter(is_read);
    let has_handler = |name: &str| has(name) || has(&format!("from-{name}"));
    let handlers = Class::of_options()
        .filter(|class| notes.command.is_empty() || has_handler(&class.option[2..]));
    let terms: Vec<_> = read
        .map(|variable| (variable.name, variable.meaning))
        .chain(handlers.flat_map(|class| class.variables.iter().copied()))
        .collect();
    section(out, "ENVIRONMENT", &terms)
}

/// Writes zlog-handlers(7): the keys of handlers.
fn handler_keys(out: &mut Vec<u8>) -> io::Result<()> {
    writeln!(out, ".TH zlog\\-handlers 7 \"\" \"{SOURCE}\"")?;
    writeln!(
        out,
        ".SH NAME\nzlog\\-handlers \\- keys of the handlers of zlog tail and zlog relay"
    )?;
    writeln!(out, ".SH DESCRIPTION\n{}", roff(handlers::KEYS_ABOUT).replace("\n\n", "\n.PP\n"))?;
    for (title, keys) in handlers::key_groups() {
        section(out, &roff(&title), &keys)?;
    }
    writeln!(
        out,
        ".SH \"SEE ALSO\"\n\\fBzlog\\-tail\\fR(1), \\fBzlog\\-relay\\fR(1), \\fBzlog\\-relay.toml\\fR(5)"
    )
}

/// Writes zlog-relay.toml(5): the comments of the annotated example as text and its keys as
/// terms. A rule (`# ----- [relay]`) begins a section, a table a subsection.
fn relay_toml(out: &mut Vec<u8>) -> io::Result<()> {
    writeln!(out, ".TH zlog\\-relay.toml 5 \"\" \"{SOURCE}\"")?;
    writeln!(out, ".SH NAME\nzlog\\-relay.toml \\- configuration of zlog relay\n.SH DESCRIPTION")?;
    for line in help::EXAMPLE.lines() {
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
    writeln!(out, ".SH \"SEE ALSO\"\n\\fBzlog\\-relay\\fR(1), \\fBzlog\\-handlers\\fR(7)")
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
    if matches!(notes.command, "tail" | "relay") {
        names.push("\\fBzlog\\-handlers\\fR(7)".to_owned());
    }
    writeln!(out, ".SH \"SEE ALSO\"\n{}", names.join(", "))
}

/// Text as roff needs it: no control lines, no escapes, hyphens that can be copied.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}
