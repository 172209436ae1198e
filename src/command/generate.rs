//! `zlog generate`: completions and man pages, from the parser itself, so that
//! neither can tell anything else than `--help` does.

use std::io::{self, Write};

use clap_mangen::Man;

use crate::cli::examples::{self, Notes};
use crate::cli::{self, Generate, GenerateArgs};
use zlog_core::error::{Error, Exit, Result};
use zlog_core::text::escape::visible;

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
        Generate::Man { command } => man(command.as_deref().unwrap_or_default(), &mut out)?,
    }
    io::stdout().write_all(&out).map_err(|error| Error::io("standard output", &error))?;
    Ok(Exit::Done)
}

/// A command as a person is to see it: clap_complete offers hidden commands too, at
/// every depth. None can be taken out of one, so it is built up without them.
fn without_hidden(whole: &clap::Command) -> clap::Command {
    let shown = whole.get_subcommands().filter(|command| !command.is_hide_set());
    let shown: Vec<clap::Command> = shown.map(without_hidden).collect();
    if shown.is_empty() && !whole.has_subcommands() {
        return whole.clone();
    }
    let mut command = clap::Command::new(whole.get_name().to_owned())
        .disable_help_subcommand(whole.is_disable_help_subcommand_set())
        .args(whole.get_arguments().cloned())
        .groups(whole.get_groups().cloned())
        .subcommands(shown);
    if let Some(version) = whole.get_version() {
        command = command.version(version.to_owned());
    }
    match whole.get_about() {
        Some(about) => command.about(about.clone()),
        None => command,
    }
}

/// The page of one command (`bench`, `bench-pipeline`), or of zlog itself when `name`
/// is empty.
fn man(name: &str, out: &mut Vec<u8>) -> Result<()> {
    let called = |notes: &&&Notes| notes.command.replace(' ', "-") == name;
    let Some(notes) = examples::ALL.iter().find(called) else {
        let names = examples::ALL.iter().map(|notes| notes.command.replace(' ', "-"));
        let names: Vec<String> = names.filter(|name| !name.is_empty()).collect();
        return Err(Error::usage(format!("there is no man page for `{}`", visible(name)))
            .hint(format!("Commands with a page: {}.", names.join(", "))));
    };
    // `zlog help` has no page.
    let mut whole = cli::command().disable_help_subcommand(true);
    whole.build();
    let mut page = &whole;
    for name in notes.command.split_whitespace() {
        page = page.find_subcommand(name).unwrap_or(page);
    }
    let page = page.clone().name(notes.page());
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
    section(out, "EXIT STATUS", notes.exits)?;
    environment(out)?;
    see_also(notes, out)
}

/// A section of terms, each with what it does or means.
fn section<T: AsRef<str>>(out: &mut Vec<u8>, title: &str, terms: &[(T, T)]) -> io::Result<()> {
    writeln!(out, ".SH \"{title}\"")?;
    for (term, meaning) in terms {
        writeln!(out, ".TP\n\\fB{}\\fR\n{}", roff(term.as_ref()), roff(meaning.as_ref()))?;
    }
    Ok(())
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

fn see_also(notes: &Notes, out: &mut Vec<u8>) -> io::Result<()> {
    let others = examples::ALL.iter().filter(|other| other.command != notes.command);
    let names: Vec<String> =
        others.map(|other| format!("\\fB{}\\fR(1)", roff(&other.page()))).collect();
    writeln!(out, ".SH \"SEE ALSO\"\n{}", names.join(", "))
}

/// Text as roff needs it: no control lines, no escapes, hyphens that can be copied.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}
