//! Options of a command in a file, under the same names.
//!
//! Each key becomes a command-line argument, which the parser of the option checks. So options
//! need no second description.

use std::error::Error as _;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::de::DeValue;

use super::table_reader::{TableReader, as_argument};
use crate::switches;
use zlog_core::Result;
use zlog_core::text::suggest::suggest;
use zlog_pipeline::socket::{Endpoint, Role};

/// An option that a file sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its long name, without dashes.
    pub option: String,
    /// The same as command-line arguments: `--publish-bind=tcp://*:12345`.
    pub(super) arguments: Vec<String>,
}

impl Setting {
    /// The same as command-line arguments.
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }
}

/// The role of the socket whose endpoint is the value of an option; `None` if the value of the
/// option is no endpoint.
pub(super) fn endpoint_role(command: &str, option: &str) -> Option<Role> {
    Some(match (command, option) {
        (_, "bind" | "publish-bind") => Role::Bind,
        (_, "connect" | "publish-connect") => Role::Connect,
        ("emit" | "relay", "endpoint") | ("relay", "ask") => Role::Bind,
        (_, "endpoint" | "ask") => Role::Connect,
        _ => return None,
    })
}

/// Checks the value of an option if it is an endpoint, as the command reads it.
///
/// # Errors
/// It is no endpoint for the role that the option has.
pub(super) fn check_endpoint(command: &str, option: &str, value: &str) -> Result<()> {
    match endpoint_role(command, option) {
        Some(role) if option == "endpoint" => Endpoint::parse_default(value, role).map(drop),
        Some(role) => Endpoint::parse(value, role).map(drop),
        None => Ok(()),
    }
}

/// Reads the keys of a table that are options of `command`, without those that `allowed` leaves
/// out. `check` gets each option and its value with the offset, before the parser of the option
/// does. The caller calls [`TableReader::finish`].
pub(super) fn read(
    reader: &mut TableReader<'_>,
    command: &Command,
    allowed: impl Fn(&str) -> bool,
    mut check: impl FnMut(&str, &str, usize) -> Result<()>,
) -> Vec<Setting> {
    let mut settings = Vec::new();
    let options = command.get_arguments().filter_map(|arg| Some((arg.get_long()?, arg)));
    for (option, arg) in options.filter(|(option, _)| allowed(option)) {
        let Some(value) = reader.value(option) else { continue };
        let arguments = arguments(reader, option, arg, value);
        for (offset, argument) in &arguments {
            let value = argument.split_once('=').map_or("", |(_, value)| value);
            match check(option, value, *offset) {
                Ok(()) => check_value(reader, command, option, *offset, argument),
                Err(error) => reader.error_from(*offset, option, &error),
            }
        }
        let arguments = arguments.into_iter().map(|(_, argument)| argument).collect();
        settings.push(Setting { option: option.to_owned(), arguments });
    }
    settings
}

/// Checks that the options can be combined, unless one of them has an error already. What is
/// wrong only because an option is missing is no error if `partial`: the command line may have
/// it.
pub(super) fn check_combination(
    reader: &TableReader<'_>,
    command: &Command,
    settings: &[Setting],
    partial: bool,
) {
    if reader.diagnostics().count() > 0 {
        return;
    }
    let name = std::iter::once(command.get_name());
    let arguments = settings.iter().flat_map(|setting| &setting.arguments).map(String::as_str);
    if let Err(error) = command.clone().try_get_matches_from(name.chain(arguments))
        && !(partial && error.kind() == ErrorKind::MissingRequiredArgument)
    {
        let name = command.get_name();
        let hint = format!("`zlog {name} --help` describes the options.");
        reader.diagnostics().add(reader.offset, format!("{name}: {}", one_line(&error)), hint);
    }
}

/// An error of clap on one line, without the usage.
pub fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let text = text.split("\n\n").next().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A hint that names the option with this alias.
pub(super) fn alias(command: &Command, key: &str) -> Option<String> {
    let called = |arg: &&Arg| arg.get_all_aliases().is_some_and(|all| all.contains(&key));
    let option = command.get_arguments().find(called)?.get_long()?;
    Some(suggest(option, &[option]))
}

/// The value of a key as command-line arguments, with their offsets.
fn arguments(
    reader: &TableReader<'_>,
    option: &str,
    arg: &Arg,
    value: &toml::Spanned<DeValue<'_>>,
) -> Vec<(usize, String)> {
    let takes_value =
        !matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::SetFalse | ArgAction::Count);
    let optional = arg.get_num_args().is_some_and(|number| number.min_values() == 0);
    let repeated = matches!(arg.get_action(), ArgAction::Append);
    let offset = value.span().start;
    let items: Vec<_> = match value.get_ref() {
        DeValue::Boolean(false) if !takes_value || optional => return Vec::new(),
        DeValue::Boolean(true) if !takes_value || optional => {
            return vec![(offset, format!("--{option}"))];
        }
        DeValue::Array(items) if repeated => items.iter().collect(),
        _ => vec![value],
    };
    let mut arguments = Vec::with_capacity(items.len());
    for item in items {
        let offset = item.span().start;
        match as_argument(item.get_ref()) {
            Some(text) if takes_value => arguments.push((offset, format!("--{option}={text}"))),
            _ => {
                let wanted = match (takes_value, repeated) {
                    (false, _) => "true or false",
                    (true, false) => "a string or a number",
                    (true, true) => "a string, or several in brackets",
                };
                reader.error(offset, option, format!("must be {wanted}"), "");
            }
        }
    }
    arguments
}

/// Checks an argument with the parser of its option.
fn check_value(
    reader: &TableReader<'_>,
    command: &Command,
    option: &str,
    offset: usize,
    argument: &str,
) {
    let line = [command.get_name(), argument];
    let Err(error) = command.clone().try_get_matches_from(line) else { return };
    let said = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    };
    let (value, why) = match error.kind() {
        ErrorKind::ValueValidation => {
            let why = error.source().map(ToString::to_string).unwrap_or_default();
            (said(ContextKind::InvalidValue), why)
        }
        ErrorKind::InvalidValue => {
            let why = format!("must be one of {}", said(ContextKind::ValidValue));
            (said(ContextKind::InvalidValue), why)
        }
        // Other errors concern the combination of options: see `check_combination`.
        _ => return,
    };
    reader.parse_error(offset, option, &value, &why.into());
}

/// The command line with the settings of the file in front. An option on the command line
/// replaces the settings of the same option, and of options that it conflicts with; and
/// `--FLAG=false` replaces that of the flag.
///
/// `line` is the whole command line, and `matches` is what `command` parsed from it.
pub fn prepend_settings(
    settings: &[Setting],
    command: &Command,
    line: &[OsString],
    matches: &ArgMatches,
) -> Vec<OsString> {
    let typed = |arg: &Arg| {
        let id = arg.get_id().as_str();
        let known = matches.try_contains_id(id).is_ok();
        known && matches.value_source(id) == Some(ValueSource::CommandLine)
    };
    let all: Vec<&Arg> = command.get_arguments().collect();
    let against = |one: &Arg, other: &Arg| {
        command.get_arg_conflicts_with(one).iter().any(|arg| arg.get_id() == other.get_id())
    };
    let replaced = |setting: &&Setting| {
        let option = Some(setting.option.as_str());
        let Some(own) = all.iter().find(|arg| arg.get_long() == option) else { return false };
        typed(own)
            || switches::is_off(line, own)
            || all.iter().any(|arg| typed(arg) && (against(arg, own) || against(own, arg)))
    };
    let arguments = settings.iter().filter(|setting| !replaced(setting)).flat_map(|s| &s.arguments);
    let mut whole: Vec<OsString> = line.to_vec();
    let name = command.get_name();
    let after = whole.iter().position(|argument| argument == name).map_or(whole.len(), |at| at + 1);
    whole.splice(after..after, arguments.map(OsString::from));
    whole
}
