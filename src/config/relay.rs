//! `[relay]`: the options of `zlog relay`, under the same names.
//!
//! Each key becomes a command-line argument, which the parser of the option checks. So options
//! need no second description.

use std::error::Error as _;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::de::DeValue;

use super::Overrides;
use super::table_reader::{TableReader, as_argument};
use zlog_core::text::suggest::suggest;
use zlog_pipeline::handler::queue::OnFull;
use zlog_pipeline::router::options::CLASSES;
use zlog_pipeline::socket::{Endpoint, Role};
use zlog_pipeline::source::python::Address;

/// Options that make sense on the command line only.
const NOT_IN_FILES: [&str; 6] = ["config", "check", "status", "output", "help", "version"];

/// Whether an option describes a handler. Handlers have tables of their own.
fn is_handler(option: &str) -> bool {
    CLASSES.iter().any(|class| class.option.strip_prefix("--") == Some(option))
}

/// Whether a file may set an option.
pub(super) fn is_setting(option: &str) -> bool {
    !NOT_IN_FILES.contains(&option) && !is_handler(option)
}

/// Options whose values are endpoints, with the role of the socket.
const ENDPOINTS: [(&str, Role); 6] = [
    ("bind", Role::Bind),
    ("connect", Role::Connect),
    ("publish-bind", Role::Bind),
    ("publish-connect", Role::Connect),
    ("endpoint", Role::Bind),
    ("ask", Role::Bind),
];

/// The next step for options that exclude or require each other.
const COMBINATION_HINT: &str = "`zlog relay --help` describes the options.";

/// An option that a file sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its long name, without dashes.
    pub option: String,
    /// The same as command-line arguments: `--publish-bind=tcp://*:12345`.
    arguments: Vec<String>,
}

impl Setting {
    /// The same as command-line arguments.
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }
}

/// Reads the table. Checks each option, and that the options of the file can be combined.
pub(super) fn read(
    document: &mut TableReader<'_>,
    command: &Command,
    overrides: &Overrides,
) -> Vec<Setting> {
    let Some(mut reader) = document.table("relay") else { return Vec::new() };
    let mut settings = Vec::new();
    let mut addresses = Vec::new();
    let options = command.get_arguments().filter_map(|arg| Some((arg.get_long()?, arg)));
    for (option, arg) in options.filter(|(option, _)| is_setting(option)) {
        if let Some(value) = reader.value(option) {
            let arguments = arguments(&reader, option, arg, value);
            for (offset, argument) in &arguments {
                check_value(&reader, command, option, *offset, argument);
                addresses.extend(
                    listen_address(option, argument, overrides).map(|address| (*offset, address)),
                );
            }
            let arguments = arguments.into_iter().map(|(_, argument)| argument).collect();
            settings.push(Setting { option: option.to_owned(), arguments });
        }
    }
    check_combination(&reader, command, &settings);
    let remote =
        |setting: &Setting| setting.arguments.iter().any(|argument| argument == "--allow-remote");
    if !overrides.allow_remote && !settings.iter().any(remote) {
        for (offset, (option, address)) in addresses {
            if let Err(error) = address.check_local() {
                reader.error_from(offset, option, &error);
            }
        }
    }
    let known = |name: &str| command.get_arguments().any(|arg| arg.get_long() == Some(name));
    reader.finish(|key| {
        if is_handler(key) {
            return Some("Handlers have tables of their own: [handlers.NAME].".into());
        }
        if NOT_IN_FILES.contains(&key) && known(key) {
            return Some(format!("It is an option of the command line only: --{key}."));
        }
        alias(command, key)
    });
    settings
}

/// The address of a listening option, unless the command line overrides it.
fn listen_address(
    option: &str,
    argument: &str,
    overrides: &Overrides,
) -> Option<(&'static str, Address)> {
    let option = match option {
        "listen" if !overrides.listen => "listen",
        "listen-udp" if !overrides.listen_udp => "listen-udp",
        _ => return None,
    };
    let (_, address) = argument.split_once('=')?;
    Some((option, address.parse().ok()?))
}

/// The default of `on-full` for queues: that of the relay.
pub(super) fn on_full(settings: &[Setting]) -> OnFull {
    let block =
        |setting: &Setting| setting.arguments.iter().any(|argument| argument == "--on-full=block");
    if settings.iter().any(block) { OnFull::Block } else { OnFull::Drop }
}

/// Checks that the options can be combined, unless one of them has an error already.
fn check_combination(reader: &TableReader<'_>, command: &Command, settings: &[Setting]) {
    if reader.diagnostics().count() > 0 {
        return;
    }
    let name = std::iter::once(command.get_name());
    let arguments = settings.iter().flat_map(|setting| &setting.arguments).map(String::as_str);
    if let Err(error) = command.clone().try_get_matches_from(name.chain(arguments)) {
        reader.diagnostics().add(
            reader.offset,
            format!("relay: {}", one_line(&error)),
            COMBINATION_HINT,
        );
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
fn alias(command: &Command, key: &str) -> Option<String> {
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
    if let Some((_, role)) = ENDPOINTS.iter().find(|(known, _)| *known == option)
        && let Some((_, endpoint)) = argument.split_once('=')
        && let Err(error) = match option {
            "endpoint" => Endpoint::parse_default(endpoint, *role).map(drop),
            _ => Endpoint::parse(endpoint, *role).map(drop),
        }
    {
        reader.error_from(offset, option, &error);
        return;
    }
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
/// replaces the settings of the same option, and of options that it conflicts with.
///
/// `line` is the whole command line, and `matches` is what `command` parsed from it.
pub fn prepend_settings(
    settings: &[Setting],
    command: &Command,
    line: impl IntoIterator<Item = OsString>,
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
        typed(own) || all.iter().any(|arg| typed(arg) && (against(arg, own) || against(own, arg)))
    };
    let arguments = settings.iter().filter(|setting| !replaced(setting)).flat_map(|s| &s.arguments);
    let mut whole: Vec<OsString> = line.into_iter().collect();
    let name = command.get_name();
    let after = whole.iter().position(|argument| argument == name).map_or(whole.len(), |at| at + 1);
    whole.splice(after..after, arguments.map(OsString::from));
    whole
}
