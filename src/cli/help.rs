//! `zlog help [COMMAND]`, `zlog help handlers` and `zlog help relay.toml`, and what clap's help does
//! not do by itself.

use std::fmt::Write as _;

use clap::builder::{PossibleValuesParser, Styles};
use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Command, FromArgMatches as _};

use super::{Cli, STYLES, handlers};
use zlog_core::text::wrap::wrap;

/// The name of the subcommand.
pub const NAME: &str = "help";

/// The topics that are not commands.
const HANDLERS: &str = "handlers";
const RELAY_TOML: &str = "relay.toml";

/// The annotated configuration of a relay.
pub const EXAMPLE: &str = include_str!("../../examples/relay.toml");

/// Columns of the help on handlers.
const WIDTH: usize = 80;

/// The subcommand. It replaces clap's own, which knows commands only.
pub(super) fn command(root: &Command) -> Command {
    let nested = root.get_subcommands().flat_map(Command::get_subcommands);
    let shown = root.get_subcommands().chain(nested).filter(|command| !command.is_hide_set());
    let topics: Vec<String> = shown.map(|command| command.get_name().to_owned()).collect();
    let topics = topics.into_iter().chain([HANDLERS, RELAY_TOML].map(str::to_owned));
    Command::new(NAME).about("Print help for a command, the keys of handlers, or relay.toml").arg(
        Arg::new("topic")
            .value_name("COMMAND")
            .num_args(0..)
            .value_parser(PossibleValuesParser::new(topics))
            .hide_possible_values(true)
            .help("Command, `handlers` or `relay.toml`"),
    )
}

/// Returns the help that `zlog help` with these arguments shows, as an error of clap.
pub(super) fn show(matches: &ArgMatches) -> Result<Cli, clap::Error> {
    let topics = matches.get_many::<String>("topic").unwrap_or_default().map(String::as_str);
    let topics: Vec<&str> = topics.collect();
    let (command, path) = match topics[..] {
        [HANDLERS] => (on_handlers(), Vec::new()),
        [RELAY_TOML] => (on_relay_toml(), Vec::new()),
        _ => {
            let root = with_listed_values(super::command());
            let path = path_of(&root, &topics).map_err(|(parent, word)| {
                let name = ["zlog", &parent].join(" ");
                let what = format!("`{}` has no command `{word}`", name.trim_end());
                let mut root = super::command().styles(Styles::plain());
                root.error(ErrorKind::InvalidSubcommand, what)
            })?;
            (root, path)
        }
    };
    let line = ["zlog".to_owned()].into_iter().chain(path).chain(["--help".to_owned()]);
    let matches = command.try_get_matches_from(line)?;
    Cli::from_arg_matches(&matches)
}

/// The commands that lead to the one that is meant. A command below another one may be given alone.
///
/// # Errors
/// The command, and the word that is none of its commands.
fn path_of(root: &Command, words: &[&str]) -> Result<Vec<String>, (String, String)> {
    let mut path: Vec<String> = Vec::new();
    let mut command = root;
    for word in words {
        let parents = || command.get_subcommands().filter(|it| it.find_subcommand(word).is_some());
        if let Some(parent) = parents().next().filter(|_| command.find_subcommand(word).is_none()) {
            path.push(parent.get_name().to_owned());
            command = parent;
        }
        let found = command.find_subcommand(word);
        command = found.ok_or_else(|| (path.join(" "), (*word).to_owned()))?;
        path.push((*word).to_owned());
    }
    Ok(path)
}

/// A command whose help is the keys of handlers.
fn on_handlers() -> Command {
    let mut text = String::new();
    for (title, keys) in handlers::key_groups() {
        let _ = writeln!(text, "\n{title}:");
        for (key, meaning) in keys {
            // A key that fills its column has its meaning below.
            let line = match key.chars().count() {
                0..=24 => format!("  {key:<24}  {meaning}"),
                _ => format!("  {key}\n{:28}{meaning}", ""),
            };
            let lines = line.lines().map(|line| wrap(line, WIDTH, 28));
            lines.for_each(|line| text = std::mem::take(&mut text) + &line + "\n");
        }
    }
    Command::new("zlog")
        .styles(STYLES)
        .about(handlers::KEYS_ABOUT)
        .help_template("{about-with-newline}{after-help}")
        .after_help(text.trim_start().to_owned())
}

/// A command whose help is the annotated configuration of a relay. It can be saved as a file, so no
/// line is wrapped.
fn on_relay_toml() -> Command {
    Command::new("zlog").term_width(0).help_template("{after-help}").after_help(EXAMPLE)
}

/// The parser with the possible values of each option in its long help alone. clap would
/// also list them in the short help, on lines of their own.
pub(super) fn with_listed_values(command: Command) -> Command {
    let command = command.mut_args(|arg| {
        let values = arg.get_possible_values();
        if arg.is_hide_possible_values_set()
            || values.iter().all(|value| value.get_help().is_none())
        {
            return arg;
        }
        let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string);
        let mut help = help.unwrap_or_default() + "\n\nPossible values:";
        for value in values {
            let _ = write!(help, "\n- {}", value.get_name());
            if let Some(meaning) = value.get_help() {
                let _ = write!(help, ": {meaning}");
            }
        }
        arg.long_help(help).hide_possible_values(true)
    });
    let names = command.get_subcommands().map(|command| command.get_name().to_owned());
    let names: Vec<String> = names.collect();
    names
        .into_iter()
        .fold(command, |command, name| command.mut_subcommand(name, with_listed_values))
}
