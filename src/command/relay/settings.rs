//! What a relay is to do: what was typed, and what a configuration file says besides.
//!
//! What may be here: how the two go together, and what is told of it. What stands in a
//! file is `config`'s.
//!
//! # Rules
//! - An option that was typed stands alone: it replaces what the file says under that
//!   name, and under names that do not go with it. What the file says goes before the environment and before defaults.
//! - Handlers that were typed come in addition to those of the file. Where the file has
//!   routes, it is as if `[root]` named them.

use std::ffi::OsString;
use std::path::Path;

use clap::parser::ValueSource;

use super::{endpoints, handlers};
use crate::cli::value_parsers::join_optional_values;
use crate::cli::{self, Cli, Command, RelayArgs};
use crate::config::{self, Config, LoadMode, Overrides};
use zlog_core::error::{Error, Exit, Result};
use zlog_core::text::escape::escape;
use zlog_core::text::plural::counted;
use zlog_pipeline::os::terminal;
use zlog_pipeline::router::{HandlerSpec, Spec};
use zlog_pipeline::socket::{Endpoint, Role};

/// The name of the command, as it is typed.
const NAME: &str = "relay";

/// What a relay is to do.
pub(super) struct Settings {
    /// The options, those of the file included.
    pub(super) args: RelayArgs,
    /// The handlers, and the routes to them.
    pub(super) spec: Spec,
    /// What the file says, if there is one.
    config: Option<Config>,
    /// What the file said of options when the relay was started.
    started: Option<Config>,
}

impl Settings {
    /// Reads the file that was typed, if one was.
    ///
    /// # Errors
    /// What is wrong with it, or with the handlers that were typed.
    pub(super) fn new(args: RelayArgs) -> Result<Settings> {
        let settings = if args.config.is_none() {
            let spec = handlers::spec(&args)?;
            check_places(&args)?;
            Settings { args, spec, config: None, started: None }
        } else {
            Settings::read(&args, LoadMode::Initial)?
        };
        for remark in settings.args.handlers.remarks() {
            terminal::eprint_line(format_args!("zlog relay: {remark}"));
        }
        settings.tell_notes();
        Ok(settings)
    }

    /// Reads the file again; `None` without one.
    ///
    /// # Errors
    /// As [`Settings::new`].
    pub(super) fn again(&self) -> Result<Option<Settings>> {
        if self.args.config.is_none() {
            return Ok(None);
        }
        let settings = Settings::read(&self.args, LoadMode::Reload)?;
        settings.check_inputs(self)?;
        Ok(Some(settings))
    }

    /// Whether handlers that are new since `before` can be opened without waiting for a
    /// pipe: a relay that runs must not.
    fn check_inputs(&self, before: &Settings) -> Result<()> {
        let new = |handler: &&HandlerSpec| !before.spec.handlers.contains(handler);
        for handler in self.spec.handlers.iter().filter(new) {
            let pipe = |path: &&Path| path.metadata().is_ok_and(|meta| !meta.is_file());
            if let Some(pipe) = handler.target.as_dyn().inputs().into_iter().find(pipe) {
                let (name, pipe) = (escape(&handler.name), escape(&pipe.to_string_lossy()));
                let what = format!("handler {name}: {pipe} is no regular file");
                let hint =
                    "A relay that runs waits for no pipe: put it into a file, or start anew.";
                return Err(Error::new(what).hint(hint));
            }
        }
        Ok(())
    }

    /// Goes on with what the file says now, once the handlers are changed to it, and
    /// tells what changed. Options stay what they were when the relay was started.
    pub(super) fn change_to(&mut self, now: Settings) {
        now.tell_again(self);
        self.spec = now.spec;
        self.config = now.config;
    }

    /// The file's options are put before those that were typed, as if they had been
    /// typed too.
    fn read(args: &RelayArgs, mode: LoadMode) -> Result<Settings> {
        let path = args.config.as_deref().unwrap_or_else(|| "".as_ref());
        let whole = cli::command();
        let line = join_optional_values(std::env::args_os());
        let matches = whole.clone().try_get_matches_from(&line).map_err(|e| unfit(path, &e))?;
        let (Some(command), Some(matches)) =
            (whole.find_subcommand(NAME), matches.subcommand_matches(NAME))
        else {
            return Err(Error::usage("a configuration is for zlog relay"));
        };
        let typed = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
        let overrides = Overrides {
            on_full: typed("on_full").then(|| handlers::on_full(args)),
            listen: typed("listen"),
            listen_udp: typed("listen_udp"),
            allow_remote: typed("allow_remote"),
        };
        let config = Config::load(path, mode, command, &overrides)?;
        let line: Vec<OsString> = config::prepend_settings(&config.relay, command, line, matches);
        let args = match Cli::parse_line(line) {
            Ok(Cli { command: Command::Relay(args) }) => *args,
            Ok(_) => return Err(Error::usage("a configuration is for zlog relay")),
            Err(error) => return Err(unfit(path, &error)),
        };
        let spec = config.with_handlers(handlers::spec(&args)?)?;
        check_places(&args)?;
        let started = Some(config.clone());
        Ok(Settings { args, spec, config: Some(config), started })
    }

    /// What `--check` prints when nothing is wrong.
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

    /// Tells that the file was read again, and what needs a restart.
    fn tell_again(&self, before: &Settings) {
        let kept = |handler| before.spec.handlers.contains(handler);
        let kept = self.spec.handlers.iter().filter(|handler| kept(handler)).count();
        let (name, all) = (self.name(), self.spec.handlers.len());
        terminal::eprint_line(format_args!(
            "zlog relay: read {name} again: {}, {kept} of them as before",
            counted(all, "handler")
        ));
        if let (Some(now), Some(started)) = (&self.config, &before.started) {
            let changed = now.differing_options(started);
            if !changed.is_empty() {
                let changed = changed.join(", ");
                terminal::eprint_line(format_args!(
                    "zlog relay: changed under [relay], and needs a restart: {changed}"
                ));
            }
        }
        self.tell_notes();
    }

    fn tell_notes(&self) {
        for note in self.config.iter().flat_map(|config| &config.notes) {
            terminal::eprint_line(format_args!("zlog relay: {note}"));
        }
    }

    fn name(&self) -> String {
        let path = self.args.config.as_deref().unwrap_or_else(|| "".as_ref());
        escape(&path.display().to_string())
    }
}

/// Whether what is to be bound, connected to and listened on can be: known before anything
/// is opened, and to --check.
fn check_places(args: &RelayArgs) -> Result<()> {
    endpoints::collect_on(args)?;
    endpoints::publish_on(args)?;
    for text in &args.ask {
        Endpoint::parse(text, Role::Bind)?;
    }
    let listening = &args.listen;
    for address in listening.listen.iter().chain(&listening.listen_udp) {
        // The port does not matter for whether it may be listened on.
        address.resolve(0, listening.allow_remote)?;
    }
    Ok(())
}

/// The parser's error about what the file and the command line say together.
fn unfit(path: &Path, error: &clap::Error) -> Error {
    let path = escape(&path.display().to_string());
    Error::usage(format!("{path} and what was typed: {}", config::one_line(error)))
        .hint("See `zlog relay --help` for what goes together.")
}
