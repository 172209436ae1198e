//! The configuration file of `zlog relay`, in TOML. Its tables follow the dictionaries of
//! Python's `logging.config.dictConfig`. examples/relay.toml shows every key.
//!
//! The whole file is checked before anything is opened, and all errors are reported with line
//! and column. The result is the same [`Spec`] that the command line makes, and options as
//! command-line arguments. [`zlog_pipeline::router`] builds the handlers from it.

mod diagnostics;
mod dict_config;
pub mod formats;
mod formatters;
mod handlers;
mod relay;
mod routes;
mod settings;
mod table_reader;
pub mod user;

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use toml::Spanned;
use toml::de::DeTable;

use self::diagnostics::{Diagnostics, Located};
use self::formatters::Formatters;
pub use self::settings::{Setting, one_line, prepend_settings};
use self::table_reader::TableReader;
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};
use zlog_pipeline::handler::queue::OnFull;
use zlog_pipeline::os::file_error;
use zlog_pipeline::router::{HandlerSpec, Match, RouteSpec, Spec, Validator};

/// The version of the file format.
const FORMAT_VERSION: &str = "1";

/// The largest file that is read, in bytes.
const MAX_FILE_SIZE: u64 = 16 << 20;

/// The options of the command line that change what a file may say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overrides {
    /// The default of `on-full` for queues.
    pub on_full: Option<OnFull>,
    /// Whether `--listen` was given. The addresses of the file are then not used.
    pub listen: bool,
    /// The same for `--listen-udp`.
    pub listen_udp: bool,
    /// The same for `--otlp-listen`.
    pub otlp_listen: bool,
    /// Whether `--allow-remote` was given.
    pub allow_remote: bool,
}

/// A configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The handlers, and the routes to them.
    pub spec: Spec,
    /// `[relay]`: the options of the command.
    pub relay: Vec<Setting>,
    /// Warnings with their positions, one per line.
    pub notes: Vec<String>,
}

/// Why a file is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoadMode {
    /// At the start. The file may be a pipe, whose writer is waited for.
    Initial,
    /// While a relay runs, or beside a job. It must not wait for the writer of a pipe.
    Reload,
}

impl Config {
    /// Reads a file. `command` is the parser of `zlog relay`, whose options `[relay]` may set.
    /// `overrides` are the options of the command line, which have precedence over `[relay]`.
    ///
    /// # Errors
    /// The file can't be read, or it has errors. Each is reported with line and column.
    pub fn load(
        path: &Path,
        mode: LoadMode,
        command: &clap::Command,
        overrides: &Overrides,
    ) -> Result<Config> {
        let config = Config::parse(path, &read_file(path, mode)?, command, overrides);
        config.map_err(|error| match error.next_step() {
            Some(_) => error,
            None => error.also(KEYS),
        })
    }

    /// Parses the text of a file. `path` is for messages.
    ///
    /// # Errors
    /// All errors in the text, with line and column.
    pub fn parse(
        path: &Path,
        text: &str,
        command: &clap::Command,
        overrides: &Overrides,
    ) -> Result<Config> {
        let diagnostics = Diagnostics::default();
        match read(text, command, overrides, &diagnostics) {
            Some(config) if diagnostics.count() == 0 => {
                Ok(Config { notes: diagnostics.warnings(path, text), ..config })
            }
            _ => Err(config_error(diagnostics, path, text)),
        }
    }

    /// The handlers and routes of the file, with the handlers of the command line added. If
    /// the file has routes, the added handlers belong to `[root]`.
    ///
    /// # Errors
    /// They can't be combined: see [`Spec::check`].
    pub fn with_handlers(&self, added: Spec) -> Result<Spec> {
        let mut spec = self.spec.clone();
        if !spec.routes.is_empty() && !added.handlers.is_empty() {
            let root = Match::logger("root");
            let index = spec.routes.iter().position(|route| route.matches == root);
            let index = index.unwrap_or_else(|| {
                let handlers = Vec::new();
                spec.routes.push(RouteSpec {
                    matches: root,
                    level: None,
                    handlers,
                    propagate: true,
                });
                spec.routes.len() - 1
            });
            let names = added.handlers.iter().map(|handler| handler.name.clone());
            spec.routes[index].handlers.extend(names);
        }
        spec.handlers.extend(added.handlers);
        spec.check()?;
        Ok(spec)
    }

    /// The names of the options that differ from those of `other`.
    pub fn differing_options(&self, other: &Config) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (one, two) in [(self, other), (other, self)] {
            for setting in one.relay.iter().filter(|setting| !two.relay.contains(setting)) {
                if !names.contains(&setting.option) {
                    names.push(setting.option.clone());
                }
            }
        }
        names.sort();
        names
    }
}

/// Reads the text of a file.
///
/// # Errors
/// It can't be read, is too large or is not UTF-8.
fn read_file(path: &Path, mode: LoadMode) -> Result<String> {
    let name = escape(&path.display().to_string());
    let read_error = |error| read_error(path, mode, &error);
    let mut bytes = Vec::new();
    let file = match mode {
        LoadMode::Initial => File::open(path).map_err(read_error)?,
        LoadMode::Reload => reopen(path).map_err(read_error)?.ok_or_else(|| {
            Error::new(format!("{name} is not a regular file"))
                .hint("Put the configuration into one.")
        })?,
    };
    file.take(MAX_FILE_SIZE + 1).read_to_end(&mut bytes).map_err(read_error)?;
    if bytes.len() as u64 > MAX_FILE_SIZE {
        return Err(Error::usage(format!("{name} is too large for a configuration"))
            .hint("Check the path. A configuration has at most 16 MiB."));
    }
    String::from_utf8(bytes).map_err(|error| {
        let (end, bytes) = (error.utf8_error().valid_up_to(), error.as_bytes());
        let diagnostics = Diagnostics::default();
        diagnostics.add(end, "not UTF-8", "Save it as UTF-8.");
        config_error(diagnostics, path, &String::from_utf8_lossy(&bytes[..end]))
    })
}

/// Where the keys of the relay's configuration are described.
const KEYS: &str = "`zlog man relay.toml` describes the keys.";

fn read_error(path: &Path, mode: LoadMode, error: &io::Error) -> Error {
    let name = escape(&path.display().to_string());
    let error = file_error(format!("{name}: can't read the configuration"), path, error);
    match mode {
        LoadMode::Initial if !path.exists() => error.also(KEYS),
        LoadMode::Initial | LoadMode::Reload => error,
    }
}

/// Opens a file without waiting for the writer of a pipe: `None` if it is not a regular file.
fn reopen(path: &Path) -> io::Result<Option<File>> {
    // Checked before opening: opening and closing a pipe would end its writer.
    if !path.metadata()?.is_file() {
        return Ok(None);
    }
    let mut options = File::options();
    options.read(true);
    // The path may have become a pipe since then. O_NONBLOCK does not wait for its writer.
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(libc::O_NONBLOCK);
    }
    let file = options.open(path)?;
    Ok(file.metadata()?.is_file().then_some(file))
}

fn config_error(diagnostics: Diagnostics, path: &Path, text: &str) -> Error {
    let error = diagnostics.into_error(path, text);
    error.unwrap_or_else(|| Error::usage("the configuration can't be read"))
}

/// Parses TOML and adds its errors to `diagnostics`. `None` if there are any.
fn parse_table<'t>(text: &'t str, diagnostics: &Diagnostics) -> Option<Spanned<DeTable<'t>>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let offset = error.span().map_or(0, |span| span.start);
        diagnostics.add(offset, error.message(), "");
    }
    // The recovered table may differ from what the user meant.
    errors.is_empty().then_some(table)
}

/// Reads the text and adds its errors to `diagnostics`. `None` if it is not TOML.
fn read(
    text: &str,
    command: &clap::Command,
    overrides: &Overrides,
    diagnostics: &Diagnostics,
) -> Option<Config> {
    let table = parse_table(text, diagnostics)?;
    let mut document = TableReader::root_table(table.get_ref(), diagnostics);
    version(&mut document);
    let relay = relay::read(&mut document, command, overrides);
    let formatters = Formatters::read(&mut document);
    let on_full = overrides.on_full.unwrap_or_else(|| relay::on_full(&relay));
    let handlers = handlers::read(&mut document, &formatters, on_full);
    let routes = routes::read(&mut document, &handlers.names);
    document.finish(|_| None);
    warn_unrouted(diagnostics, &handlers.specs, &routes);
    let spec = checked_spec(diagnostics, handlers.specs, routes);
    Some(Config { spec, relay, notes: Vec::new() })
}

fn version(document: &mut TableReader<'_>) {
    if !document.has("version") {
        document.diagnostics().add(0, "version is missing", "Add the line: version = 1");
    }
    document.read("version", |text| match text {
        FORMAT_VERSION => Ok(()),
        _ => Err(format!(
            "this zlog reads version {FORMAT_VERSION} only\n  \
             Write version = {FORMAT_VERSION}, or use the zlog that the file was written for."
        )),
    });
}

/// Warns about handlers that no route names.
fn warn_unrouted(
    diagnostics: &Diagnostics,
    handlers: &[Located<HandlerSpec>],
    routes: &[Located<RouteSpec>],
) {
    if routes.is_empty() {
        return;
    }
    let reached: HashSet<&String> = routes.iter().flat_map(|route| &route.value.handlers).collect();
    for handler in handlers.iter().filter(|handler| !reached.contains(&handler.value.name)) {
        let name = escape(&handler.value.name);
        diagnostics.warn(
            handler.offset,
            format!("handler {name} gets no records: it is not in [root], [loggers] or [topics]"),
        );
    }
}

/// Checks that handlers and routes can be combined. An error is reported at the later one of
/// two that conflict.
fn checked_spec(
    diagnostics: &Diagnostics,
    handlers: Vec<Located<HandlerSpec>>,
    routes: Vec<Located<RouteSpec>>,
) -> Spec {
    let mut check = Validator::default();
    for handler in &handlers {
        if let Err(error) = check.handler(&handler.value) {
            diagnostics.add_error(handler.offset, "", &error);
        }
    }
    // Handlers with errors are missing here, so routes to them would be errors, too.
    if diagnostics.count() == 0 {
        for route in &routes {
            if let Err(error) = check.route(&route.value) {
                diagnostics.add_error(route.offset, "", &error);
            }
        }
    }
    Spec {
        handlers: handlers.into_iter().map(|handler| handler.value).collect(),
        routes: routes.into_iter().map(|route| route.value).collect(),
    }
}

#[cfg(test)]
mod tests;
