//! `zlog completions`: completion scripts, generated from the parser.

use crate::cli::{self, CompletionsArgs};
use zlog_core::{Exit, Result};
use zlog_pipeline::os::terminal::Stdout;

/// Writes the script for a shell to standard output.
///
/// # Errors
/// Standard output can't be written.
pub fn run(args: &CompletionsArgs) -> Result<Exit> {
    let mut script = Vec::new();
    let mut shown = without_hidden(&cli::command());
    clap_complete::generate(args.shell, &mut shown, "zlog", &mut script);
    let mut out = Stdout::new();
    out.put(&script)?;
    out.send()?;
    Ok(Exit::Done)
}

/// The command without its hidden subcommands, which clap_complete would offer. A command
/// can't lose a subcommand, so this builds another one.
fn without_hidden(command: &clap::Command) -> clap::Command {
    let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
    let shown: Vec<clap::Command> = shown.map(without_hidden).collect();
    if shown.is_empty() && !command.has_subcommands() {
        return command.clone();
    }
    let mut copy = clap::Command::new(command.get_name().to_owned())
        .disable_help_subcommand(true)
        .args(command.get_arguments().cloned())
        .groups(command.get_groups().cloned())
        .subcommands(shown);
    if let Some(version) = command.get_version() {
        copy = copy.version(version.to_owned());
    }
    match command.get_about() {
        Some(about) => copy.about(about.clone()),
        None => copy,
    }
}
