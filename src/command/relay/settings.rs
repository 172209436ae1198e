//! The settings of a relay: the command line, merged with a configuration file.
//!
//! # Rules
//! - An option on the command line replaces the file's settings of that name, and those it
//!   conflicts with. The file takes precedence over the environment and defaults.
//! - Handlers on the command line are added to those of the file. If the file has routes,
//!   they count as named by `[root]`.

use std::ffi::OsString;
use std::path::Path;

use clap::parser::ValueSource;

use super::{endpoints, handlers};
use crate::cli::value_parsers::join_optional_values;
use crate::cli::{self, Cli, Command, RelayArgs};
use crate::config::{self, Config, LoadMode, Overrides};
use crate::switches;
use zlog_core::text::escape::escape;
use zlog_core::text::plural::counted;
use zlog_core::{Error, Exit, Result};
use zlog_pipeline::os::terminal;
use zlog_pipeline::router::{HandlerSpec, RecordInput, Spec};
use zlog_pipeline::socket::{Endpoint, Engine, SocketOptions};

/// The name of the command.
const NAME: &str = "relay";

/// The settings of a relay.
pub(super) struct Settings {
    /// The options, including those of the file.
    pub(super) args: RelayArgs,
    /// The handlers and the routes to them.
    pub(super) spec: Spec,
    /// The configuration file, if there is one.
    config: Option<Config>,
    /// The configuration file as it was when the relay was started.
    started: Option<Config>,
}

impl Settings {
    /// Reads the configuration file, if one is given.
    ///
    /// # Errors
    /// The file or the handlers on the command line are invalid.
    pub(super) fn new(args: RelayArgs) -> Result<Settings> {
        let settings = if args.config.is_none() {
            let spec = handlers::spec(&args)?;
            check_addresses(&args, &spec)?;
            Settings { args, spec, config: None, started: None }
        } else {
            Settings::read(&args, LoadMode::Initial)?
        };
        for remark in settings.args.handlers.remarks() {
            terminal::eprint_line(format_args!("zlog relay: {remark}"));
        }
        settings.print_warnings();
        Ok(settings)
    }

    /// Reads the file again; `None` without one.
    ///
    /// # Errors
    /// As [`Settings::new`].
    pub(super) fn reload(&self) -> Result<Option<Settings>> {
        if self.args.config.is_none() {
            return Ok(None);
        }
        let settings = Settings::read(&self.args, LoadMode::Reload)?;
        settings.check_inputs(self)?;
        Ok(Some(settings))
    }

    /// Refuses new handlers that read from a pipe: a running relay must not wait for it.
    fn check_inputs(&self, before: &Settings) -> Result<()> {
        let new = |handler: &&HandlerSpec| !before.spec.handlers.contains(handler);
        for handler in self.spec.handlers.iter().filter(new) {
            let pipe = |path: &&Path| path.metadata().is_ok_and(|meta| !meta.is_file());
            if let Some(pipe) = handler.target.as_dyn().inputs().into_iter().find(pipe) {
                let (name, pipe) = (escape(&handler.name), escape(&pipe.to_string_lossy()));
                let what = format!("handler {name}: {pipe} is not a regular file");
                let hint =
                    "A running relay can't wait for a pipe. Use a regular file, or restart it.";
                return Err(Error::new(what).hint(hint));
            }
        }
        Ok(())
    }

    /// Adopts reloaded settings, once the handlers are changed to them, and prints what
    /// changed. Options keep their values from the start of the relay.
    pub(super) fn change_to(&mut self, now: Settings) {
        now.print_reload(self);
        self.spec = now.spec;
        self.config = now.config;
    }

    /// Puts the file's options before those of the command line, and parses both.
    fn read(args: &RelayArgs, mode: LoadMode) -> Result<Settings> {
        let path = args.config.as_deref().unwrap_or_else(|| "".as_ref());
        let whole = cli::command();
        let line = join_optional_values(std::env::args_os());
        let applied = switches::applied(&line, &whole);
        let matches =
            whole.clone().try_get_matches_from(applied).map_err(|e| option_error(path, &e))?;
        let (Some(command), Some(matches)) =
            (whole.find_subcommand(NAME), matches.subcommand_matches(NAME))
        else {
            return Err(wrong_command());
        };
        let typed = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
        let overrides = Overrides {
            on_full: typed("on_full").then_some(args.on_full),
            listen: typed("listen"),
            listen_udp: typed("listen_udp"),
            otlp_listen: typed("otlp_listen"),
            allow_remote: typed("allow_remote"),
        };
        let config = Config::load(path, mode, command, &overrides)?;
        let line: Vec<OsString> = config::prepend_settings(&config.relay, command, &line, matches);
        let args = match Cli::parse_line(line) {
            Ok(Cli { command: Command::Relay(args) }) => *args,
            Ok(_) => return Err(wrong_command()),
            Err(error) => return Err(option_error(path, &error)),
        };
        let spec = config.with_handlers(handlers::spec(&args)?)?;
        check_addresses(&args, &spec)?;
        let started = Some(config.clone());
        Ok(Settings { args, spec, config: Some(config), started })
    }

    /// Prints the result of `--check` for valid settings.
    ///
    /// # Errors
    /// Standard output can't be written.
    pub(super) fn report(&self) -> Result<Exit> {
        let (handlers, routes) = (self.spec.handlers.len(), self.spec.routes.len());
        let name = self.name();
        let text = format!(
            "{name}: nothing is wrong; {}, {}\n",
            counted(handlers, "handler"),
            counted(routes, "route"),
        );
        let mut out = terminal::Stdout::new();
        out.put(text.as_bytes())?;
        out.send()?;
        Ok(Exit::Done)
    }

    /// Prints that the file was reloaded, and what needs a restart.
    fn print_reload(&self, before: &Settings) {
        let kept = |handler| before.spec.handlers.contains(handler);
        let kept = self.spec.handlers.iter().filter(|handler| kept(handler)).count();
        let (name, all) = (self.name(), self.spec.handlers.len());
        terminal::eprint_line(format_args!(
            "zlog relay: reloaded {name}: {}, {kept} unchanged",
            counted(all, "handler")
        ));
        if let (Some(now), Some(started)) = (&self.config, &before.started) {
            let changed = now.differing_options(started);
            if !changed.is_empty() {
                let changed = changed.join(", ");
                terminal::eprint_line(format_args!(
                    "zlog relay: changes under [relay] need a restart: {changed}"
                ));
            }
        }
        self.print_warnings();
    }

    fn print_warnings(&self) {
        for note in self.config.iter().flat_map(|config| &config.notes) {
            terminal::eprint_line(format_args!("zlog relay: {note}"));
        }
    }

    fn name(&self) -> String {
        let path = self.args.config.as_deref().unwrap_or_else(|| "".as_ref());
        escape(&path.display().to_string())
    }
}

/// Checks the addresses before anything is opened.
fn check_addresses(args: &RelayArgs, spec: &Spec) -> Result<()> {
    let asks = Endpoint::parse_all(&args.ask, &[])?;
    let collects: Vec<Endpoint> =
        endpoints::collect_on(args)?.into_iter().chain(endpoints::confirm_on(args)?).collect();
    let bound = collects.iter().cloned().chain(endpoints::publish_on(args)?);
    let bound: Vec<Endpoint> = bound.chain(asks).collect();
    let (insecure, key) = (args.insecure, args.key.clone());
    let engine = Engine::of_name(args.engine.as_deref().unwrap_or_default())?;
    SocketOptions { engine, insecure, key, ..SocketOptions::subscriber() }.secured(&bound)?;
    args.listen.validate()?;
    let mut inputs: Vec<_> = collects.into_iter().map(RecordInput::ZeroMq).collect();
    inputs.extend(args.listen.inputs()?);
    spec.check_circles(&inputs)
}

fn wrong_command() -> Error {
    Error::usage("--config works only with `zlog relay`")
        .hint("Start it as `zlog relay --config FILE`.")
}

/// An error of the parser about the file's options and the command line's.
fn option_error(path: &Path, error: &clap::Error) -> Error {
    let path = escape(&path.display().to_string());
    Error::usage(format!("{path} and the command line: {}", config::one_line(error)))
        .hint("`zlog relay --help` describes the options.")
}
