//! The configuration of `zlog relay` as a TOML file, shaped after the dictionaries of
//! Python's `logging.config.dictConfig`. examples/relay.toml shows every key.
//!
//! A file is read as a whole before anything is done with it: whatever is wrong with
//! it is told at once, each thing with its line and column. What comes out is the same
//! [`Spec`] that the options make, and options as they would have been typed.
//!
//! What may be here: from text to plain data. Nothing is opened; `route` makes
//! handlers of the data, and `command::relay` runs them.

mod diagnostics;
mod dict_config;
mod formatters;
mod handlers;
mod relay;
mod routes;
mod table_reader;

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use toml::de::DeTable;

use self::diagnostics::Located;
use self::formatters::Formatters;
pub use self::relay::{Setting, one_line, prepend_settings};
use self::table_reader::{Context, TableReader};
use zlog_core::error::{Error, Result};
use zlog_core::text::escape::escape;
use zlog_pipeline::handler::queue::OnFull;
use zlog_pipeline::router::{HandlerSpec, Match, RouteSpec, Spec, Validator};

/// The version of the shape of these files.
const FORMAT_VERSION: &str = "1";

/// The largest file that is read: a larger one is something else.
const MAX_FILE_SIZE: u64 = 16 << 20;

/// What was typed beside a file, so far as it changes what the file may say or means.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overrides {
    /// What queues do that are full.
    pub on_full: Option<OnFull>,
    /// Whether it was typed where to listen for `SocketHandler`: the file does not say it.
    pub listen: bool,
    /// As `listen`, for `DatagramHandler`.
    pub listen_udp: bool,
    /// Whether other machines were let in.
    pub allow_remote: bool,
}

/// What a file says.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The handlers, and the routes to them.
    pub spec: Spec,
    /// `[relay]`: options of the command.
    pub relay: Vec<Setting>,
    /// What is allowed but hardly meant: a line each, with its place.
    pub notes: Vec<String>,
}

/// Which time it is that a file is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoadMode {
    /// Before anything runs. Whoever gave a pipe has it waited for.
    Initial,
    /// While a relay runs by what was read before: nothing is waited for.
    Reload,
}

impl Config {
    /// Reads a file. `command` is the parser of `zlog relay`, whose options may stand
    /// under `[relay]`. `overrides` is what the
    /// command line says, which takes precedence over `[relay]`.
    ///
    /// # Errors
    /// When it can't be read; or all that is wrong in it, each with line and column.
    pub fn load(
        path: &Path,
        mode: LoadMode,
        command: &clap::Command,
        overrides: &Overrides,
    ) -> Result<Config> {
        let name = escape(&path.display().to_string());
        let read_error = |error| read_error(path, &error);
        let mut bytes = Vec::new();
        let file = match mode {
            // A pipe may be given, and is waited for as by any other program.
            LoadMode::Initial => File::open(path).map_err(read_error)?,
            LoadMode::Reload => reopen(path).map_err(read_error)?.ok_or_else(|| {
                Error::new(format!("{name} is no regular file, and can't be read again")).hint(
                    "What comes through a pipe comes once: to change it while the relay runs, \
                     put the configuration into a file.",
                )
            })?,
        };
        file.take(MAX_FILE_SIZE + 1).read_to_end(&mut bytes).map_err(read_error)?;
        if bytes.len() as u64 > MAX_FILE_SIZE {
            return Err(Error::usage(format!("{name} is too large for a configuration"))
                .hint("Is it another file?"));
        }
        match std::str::from_utf8(&bytes) {
            Ok(text) => Config::parse(path, text, command, overrides),
            Err(error) => {
                let context = Context::default();
                context.diagnostics.add(error.valid_up_to(), "not UTF-8", "Save it as UTF-8.");
                let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
                Err(refusal(context, path, &good))
            }
        }
    }

    /// Reads a text as [`Config::load`] does; `path` is where it is said to come from.
    ///
    /// # Errors
    /// All that is wrong with it, each with line and column.
    pub fn parse(
        path: &Path,
        text: &str,
        command: &clap::Command,
        overrides: &Overrides,
    ) -> Result<Config> {
        let context = Context::default();
        let config = read(text, command, overrides, &context);
        match config {
            Some(config) if context.diagnostics.count() == 0 => {
                Ok(Config { notes: context.diagnostics.notes(path, text), ..config })
            }
            _ => Err(refusal(context, path, text)),
        }
    }

    /// The handlers of the file, and those of `typed` besides. Where the file has
    /// routes, it is as if `[root]` named those.
    ///
    /// # Errors
    /// They do not go together: [`Spec::check`].
    pub fn with_handlers(&self, typed: Spec) -> Result<Spec> {
        let mut spec = self.spec.clone();
        if !spec.routes.is_empty() && !typed.handlers.is_empty() {
            let root = Match::logger("root");
            let at = spec.routes.iter().position(|route| route.matches == root);
            let at = at.unwrap_or_else(|| {
                let nobody = Vec::new();
                let route =
                    RouteSpec { matches: root, level: None, handlers: nobody, propagate: true };
                spec.routes.push(route);
                spec.routes.len() - 1
            });
            let names = typed.handlers.iter().map(|handler| handler.name.clone());
            spec.routes[at].handlers.extend(names);
        }
        spec.handlers.extend(typed.handlers);
        spec.check()?;
        Ok(spec)
    }

    /// Names of options that the two files set differently.
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

fn read_error(path: &Path, error: &io::Error) -> Error {
    let name = escape(&path.display().to_string());
    let error = Error::of_file(format!("{name}: can't read the configuration"), path, error);
    match path.exists() {
        true => error,
        false => error.also("docs/relay.md and examples/relay.toml describe its keys."),
    }
}

/// Opens a file without waiting for anybody: `None` for what is no regular file.
fn reopen(path: &Path) -> io::Result<Option<File>> {
    // Looked at first: to open a pipe and close it again would end who writes to it.
    if !path.metadata()?.is_file() {
        return Ok(None);
    }
    let mut options = File::options();
    options.read(true);
    // Another may have its name by now, and who opens a pipe waits for its writer.
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(libc::O_NONBLOCK);
    }
    let file = options.open(path)?;
    Ok(file.metadata()?.is_file().then_some(file))
}

fn refusal(context: Context, path: &Path, text: &str) -> Error {
    let error = context.diagnostics.into_error(path, text);
    error.unwrap_or_else(|| Error::usage("the configuration can't be read"))
}

/// Reads the text; what is wrong is left in `context`. `None` when it is no TOML.
fn read(
    text: &str,
    command: &clap::Command,
    overrides: &Overrides,
    context: &Context,
) -> Option<Config> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let offset = error.span().map_or(0, |span| span.start);
        context.diagnostics.add(offset, error.message(), "");
    }
    if !errors.is_empty() {
        // What is recovered from such a text may not be what was meant.
        return None;
    }
    let mut document = TableReader::root_table(table.get_ref(), context);
    version(&mut document);
    let relay = relay::read(&mut document, command, overrides);
    let formatters = Formatters::read(&mut document);
    let on_full = overrides.on_full.unwrap_or_else(|| relay::on_full(&relay));
    let handlers = handlers::read(&mut document, &formatters, on_full);
    let routes = routes::read(&mut document, &handlers.names);
    document.finish(|_| None);
    note_unrouted(context, &handlers.specs, &routes);
    let spec = checked_spec(context, handlers.specs, routes);
    Some(Config { spec, relay, notes: Vec::new() })
}

fn version(document: &mut TableReader<'_>) {
    if !document.has("version") {
        document.diagnostics().add(0, "version is missing", "Begin with: version = 1.");
    }
    document.read("version", |text| match text {
        FORMAT_VERSION => Ok(()),
        _ => Err(format!(
            "this zlog knows version {FORMAT_VERSION} only\n  \
             Write version = {FORMAT_VERSION}, or use the zlog that the file was written for."
        )),
    });
}

/// Notes handlers that no record will ever get to.
fn note_unrouted(
    context: &Context,
    handlers: &[Located<HandlerSpec>],
    routes: &[Located<RouteSpec>],
) {
    if routes.is_empty() {
        return;
    }
    let reached: HashSet<&String> = routes.iter().flat_map(|route| &route.value.handlers).collect();
    for handler in handlers.iter().filter(|handler| !reached.contains(&handler.value.name)) {
        let name = escape(&handler.value.name);
        context.diagnostics.note(
            handler.offset,
            format!(
                "handler {name} gets no records: none of [root], [loggers] and [topics] names it"
            ),
        );
    }
}

/// Puts all together. What does not go together with what stands before it is told
/// where it stands; a configuration with such diagnostics is refused as a whole.
fn checked_spec(
    context: &Context,
    handlers: Vec<Located<HandlerSpec>>,
    routes: Vec<Located<RouteSpec>>,
) -> Spec {
    let mut check = Validator::default();
    for handler in &handlers {
        if let Err(error) = check.handler(&handler.value) {
            context.diagnostics.add_error(handler.offset, "", &error);
        }
    }
    // With some handlers left out, routes to them would be blamed for it.
    if context.diagnostics.count() == 0 {
        for route in &routes {
            if let Err(error) = check.route(&route.value) {
                context.diagnostics.add_error(route.offset, "", &error);
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
