use clap::{Arg, ArgAction, Command};

use super::*;
use zlog_core::text::parsers;
use zlog_pipeline::handler::queue::OnFull;

mod example;
mod files;
mod generated;
mod handlers;
mod relay;

/// A parser with options of each kind that `zlog relay` has.
fn command() -> Command {
    Command::new("relay")
        .arg(Arg::new("bind").long("bind").short('b').action(ArgAction::Append))
        .arg(Arg::new("keep").long("keep").value_parser(parsers::at_least_one::<u64>))
        .arg(Arg::new("keep_bytes").long("keep-bytes").requires("keep").value_parser(parsers::size))
        .arg(Arg::new("stdin").long("stdin").action(ArgAction::SetTrue))
        .arg(Arg::new("on_full").long("on-full").value_parser(["block", "drop"]))
        .arg(Arg::new("report").long("report").num_args(0..=1).require_equals(true))
        .arg(Arg::new("config").long("config"))
}

fn parse(text: &str) -> Result<Config> {
    Config::parse(
        Path::new("relay.toml"),
        &format!("version = 1\n{text}"),
        &command(),
        &Overrides::default(),
    )
}

fn good(text: &str) -> Config {
    parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn refusal(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

/// The only handler.
fn handler(text: &str) -> HandlerSpec {
    good(&format!("[handlers.a]\n{text}")).spec.handlers.remove(0)
}

/// The parser of the real command.
fn relay_parser() -> Command {
    crate::cli::command().find_subcommand("relay").unwrap().clone()
}

/// The arguments with one handler: `file` (or another option) with this value.
fn typed(option: &str, value: &str) -> crate::cli::HandlerArgs {
    crate::cli::HandlerArgs::typed(&format!("--{}", option.trim_start_matches('-')), &[value])
}
