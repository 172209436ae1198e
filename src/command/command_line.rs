//! Command lines with the user's defaults and named endpoints.

use std::ffi::OsString;

use clap::ArgMatches;

use crate::cli::value_parsers::join_optional_values;
use crate::cli::{self, Cli, Command, EndpointArgs, no_effect};
use crate::config::user::{self, Addresses, NamedEndpoints, SIGN, UserConfig};
use crate::config::{Setting, prepend_settings};
use crate::switches;
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};
use zlog_pipeline::socket::Role;

/// A command line.
#[derive(Debug)]
pub struct Parsed {
    /// The command and its arguments, with the user's defaults.
    pub cli: Cli,
    /// Why the user's file is left out.
    pub warning: Option<Error>,
    /// What the user should know about the options.
    pub remarks: Vec<String>,
    /// Why `emit` can't publish. Its job runs in any case.
    pub fault: Option<Error>,
}

impl Parsed {
    fn new(cli: Cli) -> Parsed {
        Parsed { cli, warning: None, remarks: Vec::new(), fault: None }
    }
}

/// Why a command line can't be run.
#[derive(Debug)]
pub enum Refused {
    /// Wrong usage, or a request for help or the version.
    Usage(Box<clap::Error>),
    /// The user's file has errors, or a name in it is missing. For the command of this name.
    Config(&'static str, Error),
}

/// Parses a command line, the program's name first, with the defaults of the user's file.
///
/// # Errors
/// Wrong usage, a request for help, or a file with errors. `emit` goes on without the file, so
/// that its job runs.
pub fn parse(line: Vec<OsString>) -> Result<Parsed, Refused> {
    let usage = |error| Refused::Usage(Box::new(error));
    let mut cli = Cli::parse_line(line.clone()).map_err(usage)?;
    let Some(name) = name_of(&cli.command) else { return Ok(Parsed::new(cli)) };
    let typed = matches_of(&line);
    let types_fields = matches!(&cli.command, Command::Tail(args) if !(args.show.is_empty() && args.hide.is_empty()));
    let config = match UserConfig::load(&cli::command()) {
        Ok(config) => config,
        Err(error) => {
            let Command::Emit(args) = &cli.command else {
                return Err(Refused::Config(name, error));
            };
            let no_names = || Error::new("the file that names the endpoints has errors");
            let fault = has_name(&args.endpoints).then(no_names);
            let warning = Some(error.also("The job runs without the file."));
            return Ok(Parsed { warning, fault, ..Parsed::new(cli) });
        }
    };
    if let Some(config) = &config {
        cli = with_defaults(config.of(name), name, line).unwrap_or(cli);
    }
    if let Command::Tail(args) = &mut cli.command {
        args.has_typed_fields = types_fields;
    }
    let remarks = typed.map(|typed| no_effect::remarks(&cli, &typed)).unwrap_or_default();
    let fault = match (resolve(&mut cli.command, config.as_ref()), &cli.command) {
        (Err(error), Command::Emit(_)) => Some(error),
        (Err(error), _) => return Err(Refused::Config(name, error)),
        (Ok(()), _) => None,
    };
    Ok(Parsed { fault, remarks, ..Parsed::new(cli) })
}

/// What clap reads from the arguments of a command, without defaults from the user's file.
fn matches_of(line: &[OsString]) -> Option<ArgMatches> {
    let whole = cli::command();
    let applied = switches::applied(&join_optional_values(line.iter().cloned()), &whole);
    let (_, matches) = whole.try_get_matches_from(applied).ok()?.remove_subcommand()?;
    Some(matches)
}

/// The name of a command that the file concerns.
fn name_of(command: &Command) -> Option<&'static str> {
    let name = command.name();
    ["emit", "tail", "top", "relay", "bench", "demo"].contains(&name).then_some(name)
}

/// The command line with the defaults that fit it; `None` if none does.
fn with_defaults(settings: &[Setting], name: &str, line: Vec<OsString>) -> Option<Cli> {
    let whole = cli::command();
    let matches = &matches_of(&line)?;
    let command = whole.find_subcommand(name)?;
    let line = join_optional_values(line);
    let parsed = |settings: &[Setting]| {
        let line = prepend_settings(settings, command, &line, matches);
        Cli::parse_line(line).ok()
    };
    let mut fitting = settings.to_vec();
    loop {
        if fitting.is_empty() {
            return None;
        }
        if let Some(cli) = parsed(&fitting) {
            return Some(cli);
        }
        // Leaves out the first default that is wrong by itself, such as one that requires an
        // option that is missing.
        let alone = |setting: &Setting| parsed(std::slice::from_ref(setting)).is_some();
        let at = fitting.iter().position(|setting| !alone(setting)).unwrap_or(0);
        fitting.remove(at);
    }
}

/// Replaces names by their endpoints.
fn resolve(command: &mut Command, config: Option<&UserConfig>) -> Result<()> {
    let none = NamedEndpoints::default();
    let names = config.map_or(&none, |config| &config.endpoints);
    let resolved = match command {
        Command::Emit(args) => resolve_args(names, &mut args.endpoints, Role::Bind),
        Command::Tail(args) => {
            take_from_topics(names, &mut args.select.topics, &mut args.endpoints)
                .and_then(|()| resolve_args(names, &mut args.endpoints, Role::Connect))
        }
        Command::Top(args) => take_from_topics(names, &mut args.select.topics, &mut args.endpoints)
            .and_then(|()| resolve_args(names, &mut args.endpoints, Role::Connect)),
        Command::Relay(args) => {
            let (bind, connect) = (&mut args.publish_bind, &mut args.publish_connect);
            names.resolve(&mut Addresses { bind, connect }).and_then(|()| {
                let (bind, connect) = (&mut args.bind, &mut args.connect);
                names.resolve(&mut Addresses { bind, connect })
            })
        }
        _ => Ok(()),
    };
    match config {
        None => resolved.map_err(no_file),
        Some(_) => resolved,
    }
}

fn resolve_args(names: &NamedEndpoints, args: &mut EndpointArgs, default: Role) -> Result<()> {
    let EndpointArgs { bind, connect, endpoint, .. } = args;
    let mut at = Addresses { bind, connect };
    names.resolve(&mut at)?;
    match endpoint.strip_prefix(SIGN) {
        Some(name) if at.bind.is_empty() && at.connect.is_empty() => {
            names.add(name, &mut at, default)
        }
        _ => Ok(()),
    }
}

/// Moves `@NAME` from the topics to the endpoints.
fn take_from_topics(
    names: &NamedEndpoints,
    topics: &mut Vec<String>,
    args: &mut EndpointArgs,
) -> Result<()> {
    let (named, others): (Vec<_>, Vec<_>) =
        topics.drain(..).partition(|word| word.starts_with(SIGN));
    *topics = others;
    let mut at = Addresses { bind: &mut args.bind, connect: &mut args.connect };
    for name in named {
        let hint = format!("To subscribe to topics that begin with @: --topic {}", escape(&name));
        let added = names.add(name.trim_start_matches(SIGN), &mut at, Role::Connect);
        added.map_err(|error| error.also(hint))?;
    }
    Ok(())
}

/// Whether a name stands for an endpoint.
fn has_name(args: &EndpointArgs) -> bool {
    let texts = args.bind.iter().chain(&args.connect).chain([&args.endpoint]);
    texts.into_iter().any(|text| text.starts_with(SIGN))
}

/// Says that there is no file with names.
fn no_file(error: Error) -> Error {
    error.hint(match user::path() {
        Some((path, _)) => format!(
            "Names are defined in {}, which does not exist. `zlog config --init` makes it.",
            escape(&path.display().to_string())
        ),
        None => "Names are defined in ~/.config/zlog/config.toml.".to_owned(),
    })
}
