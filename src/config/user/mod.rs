//! A user's own defaults and named endpoints: `~/.config/zlog/config.toml`.
//!
//! # Rules
//! - A default is an option of a command under its own name. An option on the command line
//!   replaces it, and those that it conflicts with. A default that does not fit the command
//!   line (an option that it requires is missing) is left out.
//! - `@NAME` stands for the endpoints of that name, wherever an endpoint is given.
//! - A file with errors ends every command but `emit`, whose job must run: it goes on without
//!   the file.

mod endpoints;

use std::path::{Path, PathBuf};

use super::diagnostics::Diagnostics;
use super::settings::{self, Setting};
use super::table_reader::TableReader;
use super::{LoadMode, config_error, parse_table, read_file};
use zlog_core::Result;

pub use self::endpoints::{Addresses, NamedEndpoints, SIGN};

/// The environment variable with the path of the file. If it is empty, no file is read.
pub const VARIABLE: &str = "ZLOG_CONFIG";

/// The commands that may have defaults.
const COMMANDS: [&str; 4] = ["emit", "tail", "bench", "demo"];

/// Options that make sense on the command line only.
const NOT_IN_FILES: [&str; 2] = ["help", "version"];

/// The contents of the file.
#[derive(Debug, Default, PartialEq)]
pub struct UserConfig {
    /// The options of each command.
    pub defaults: Vec<(&'static str, Vec<Setting>)>,
    /// The endpoints under a name.
    pub endpoints: NamedEndpoints,
}

/// The directory of the user's files for zlog, such as this one: `~/.config/zlog`.
pub fn directory() -> Option<PathBuf> {
    let variable =
        |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // The XDG specification ignores relative paths.
    let base = variable("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    let base = base.or_else(|| Some(variable("HOME")?.join(".config")))?;
    Some(base.join("zlog"))
}

/// The path of the file, and whether the user named it. `None` if there can be none.
pub fn path() -> Option<(PathBuf, bool)> {
    match std::env::var_os(VARIABLE) {
        Some(named) => (!named.is_empty()).then(|| (named.into(), true)),
        None => Some((directory()?.join("config.toml"), false)),
    }
}

impl UserConfig {
    /// Reads the file. `None` if there is none. `command` is the whole parser.
    ///
    /// # Errors
    /// The file can't be read, or it has errors. Each is reported with line and column.
    pub fn load(command: &clap::Command) -> Result<Option<UserConfig>> {
        let Some((path, named)) = path() else { return Ok(None) };
        // A link that leads nowhere is an error.
        if !path.exists() && !path.is_symlink() && !named {
            return Ok(None);
        }
        // A pipe could keep the command from starting.
        let text = read_file(&path, LoadMode::Reload)?;
        UserConfig::parse(&path, &text, command).map(Some)
    }

    /// Parses the text of a file. `path` is for messages.
    ///
    /// # Errors
    /// All errors in the text, with line and column.
    pub fn parse(path: &Path, text: &str, command: &clap::Command) -> Result<UserConfig> {
        let diagnostics = Diagnostics::default();
        let config = read(text, command, &diagnostics);
        match config {
            Some(config) if diagnostics.count() == 0 => Ok(config),
            _ => Err(config_error(diagnostics, path, text)),
        }
    }

    /// The defaults of a command.
    pub fn of(&self, command: &str) -> &[Setting] {
        let found = self.defaults.iter().find(|(name, _)| *name == command);
        found.map_or(&[], |(_, settings)| settings)
    }
}

/// Reads the text and adds its errors to `diagnostics`. `None` if it is not TOML.
fn read(text: &str, command: &clap::Command, diagnostics: &Diagnostics) -> Option<UserConfig> {
    let table = parse_table(text, diagnostics)?;
    let mut document = TableReader::root_table(table.get_ref(), diagnostics);
    let endpoints = NamedEndpoints::read(&mut document);
    let subcommands = COMMANDS.iter().filter_map(|name| command.find_subcommand(name));
    let subcommands: Vec<&clap::Command> = subcommands.collect();
    let mut defaults = Vec::new();
    for (name, subcommand) in COMMANDS.into_iter().zip(subcommands) {
        let Some(mut reader) = document.table(name) else { continue };
        defaults.push((name, defaults_of(&mut reader, subcommand, &endpoints)));
        reader.finish(|key| settings::alias(subcommand, key));
    }
    document.finish(|key| match key {
        "relay" => Some("A relay has a file of its own: zlog relay --config FILE.".to_owned()),
        _ => None,
    });
    Some(UserConfig { defaults, endpoints })
}

/// Reads the table of a command.
fn defaults_of(
    reader: &mut TableReader<'_>,
    command: &clap::Command,
    endpoints: &NamedEndpoints,
) -> Vec<Setting> {
    let check = |option: &str, value: &str, _| match value.strip_prefix(SIGN) {
        Some(name) if settings::endpoint_role(command.get_name(), option).is_some() => {
            endpoints.find(name).map(drop)
        }
        _ => settings::check_endpoint(command.get_name(), option, value),
    };
    let allowed = |option: &str| !NOT_IN_FILES.contains(&option);
    let settings = settings::read(reader, command, allowed, check);
    settings::check_combination(reader, command, &settings, true);
    settings
}
