//! Handlers and routes as they are asked for: the same from flags and from a file.
//!
//! What may be here: plain data, and whether it makes sense. Nothing is opened here,
//! so that a configuration can be checked, and compared with the one that runs.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use regex::Regex;

use super::factory;
use super::options::{CLASSES, Class};
use crate::handler::exec::ExecOptions;
use crate::handler::file::Sync;
use crate::handler::publish::Wire;
use crate::handler::queue::OnFull;
use crate::handler::rotating::Rotation;
use crate::handler::smtp::{LoginFrom, SmtpOptions};
use crate::handler::syslog::SyslogOptions;
use crate::handler::timed::Timing;
use crate::socket::DEFAULT_HWM;
use zlog_core::error::{Error, Result};
pub use zlog_core::format::FormatterSpec;
use zlog_core::record::Level;
use zlog_core::text::escape::escape;
use zlog_core::text::suggest::suggest;

/// How many records wait for a slow handler unless another number is given.
pub const DEFAULT_QUEUE: usize = 10_000;

/// The longest queue before a handler, in records: its places take memory before any
/// record comes.
pub const LONGEST_QUEUE: usize = 1_000_000;

/// All handlers, and which records they get.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Spec {
    /// The handlers, each under a name of its own.
    pub handlers: Vec<HandlerSpec>,
    /// Which records go where. Without any, every handler gets every record. With
    /// some, a handler that no route names gets none.
    pub routes: Vec<RouteSpec>,
}

/// A handler, and which of the records that reach it it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct HandlerSpec {
    /// What routes and messages call it.
    pub name: String,
    /// Where records go.
    pub target: Target,
    /// This level and above; a record without a level passes.
    pub level: Option<Level>,
    /// Topics, by prefix, byte by byte; any of them. None: all.
    pub topics: Vec<String>,
    /// Regular expressions, at least one of which matches the message or the traceback.
    pub grep: Vec<String>,
    /// Regular expressions, none of which matches the message or the traceback.
    pub exclude: Vec<String>,
    /// How records look.
    pub formatter: FormatterSpec,
    /// The queue before it. `None`: it runs on the thread that the records come from.
    pub queue: Option<QueueSpec>,
}

/// Where a handler's records go.
#[derive(Clone, Debug, PartialEq)]
#[allow(
    clippy::large_enum_variant,
    reason = "there is one for each handler, and none is moved about"
)]
pub enum Target {
    /// Standard output.
    Console,
    /// A file, appended to.
    File {
        /// The file.
        path: PathBuf,
        /// How far each record has come when the next is taken.
        sync: Sync,
    },
    /// A file that is replaced when it has grown.
    Rotating {
        /// The file.
        path: PathBuf,
        /// When, and what is kept.
        rotation: Rotation,
    },
    /// A file that is replaced by the clock.
    Timed {
        /// The file.
        path: PathBuf,
        /// When, and what is kept.
        timing: Timing,
    },
    /// Mails.
    Smtp {
        /// From whom, to whom, how many records in each.
        options: SmtpOptions,
        /// How the subject is made of the worst record in a mail. Without a format:
        /// level, topic and message.
        subject: FormatterSpec,
    },
    /// A syslog daemon.
    Syslog(SyslogOptions),
    /// A command, run with records on its standard input.
    Exec(ExecOptions),
    /// A ZeroMQ socket of its own.
    Publish(PublishTarget),
}

/// Where and how records are published.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishTarget {
    /// Endpoints to bind.
    pub bind: Vec<String>,
    /// Endpoints to connect to. At least one endpoint is needed in all.
    pub connect: Vec<String>,
    /// What the topic of a record without one begins with; may be empty.
    pub root: String,
    /// What bodies are written as.
    pub wire: Wire,
    /// What happens while a subscriber has no room: with [`OnFull::Block`] this
    /// handler waits, and with it, unless there is a queue before it, all others.
    pub on_full: OnFull,
    /// High-water mark: messages held for each subscriber.
    pub hwm: u32,
}

impl Default for PublishTarget {
    fn default() -> PublishTarget {
        PublishTarget {
            bind: Vec::new(),
            connect: Vec::new(),
            root: String::new(),
            wire: Wire::default(),
            on_full: OnFull::Drop,
            hwm: DEFAULT_HWM,
        }
    }
}

/// A queue before a handler, which then has a thread of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueSpec {
    /// How many records may wait; at least one.
    pub capacity: usize,
    /// What happens to a record that finds it full.
    pub on_full: OnFull,
}

/// Where some of the records go: a logger of Python's logging, or a topic.
///
/// A record looks for its routes from the nearest to the farthest: first those by
/// topic, the longest prefix first, then those by its logger's name and that name's
/// parents, the root logger last. As in Python, the first of them that has a level
/// decides whether the record passes at all; if it does, it goes to the handlers of
/// each route, up to and including one that does not propagate. Unlike in Python, a
/// handler that several routes lead to gets the record once.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteSpec {
    /// Which records.
    pub matches: Match,
    /// This level and above; `None` and `NOTSET`: as the next farther route has it.
    /// A root without a level lets everything pass (Python's has WARNING).
    pub level: Option<Level>,
    /// The names of the handlers.
    pub handlers: Vec<String>,
    /// Whether the record goes on to the routes that are farther away.
    pub propagate: bool,
}

/// Which records a route is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Match {
    /// Those of this logger and of its children: `app` is for `app` and `app.db`, not
    /// for `apple`. The empty name, and `root`, are the root logger: all records.
    Logger(String),
    /// Those whose topic begins with this, byte by byte: `app.ERROR` is also for
    /// `app.ERROR.db` and `app.ERRORS`.
    Topic(String),
}

impl HandlerSpec {
    /// A handler that takes every record and has nothing but defaults.
    pub fn new(name: impl Into<String>, target: Target) -> HandlerSpec {
        HandlerSpec {
            name: name.into(),
            target,
            level: None,
            topics: Vec::new(),
            grep: Vec::new(),
            exclude: Vec::new(),
            formatter: FormatterSpec::default(),
            queue: None,
        }
    }
}

impl Target {
    /// Its class.
    pub fn class(&self) -> &'static Class {
        let name = match self {
            Target::Console => "console",
            Target::File { .. } => "file",
            Target::Rotating { .. } => "rotating",
            Target::Timed { .. } => "timed",
            Target::Smtp { .. } => "smtp",
            Target::Syslog(_) => "syslog",
            Target::Exec(_) => "exec",
            Target::Publish(_) => "publish",
        };
        // Every name above has its line in the table: see the tests.
        Class::named(name).unwrap_or(CLASSES[0])
    }

    /// What a handler is called that nobody gave a name.
    pub fn default_name(&self) -> String {
        match self {
            Target::Console => "console".to_owned(),
            Target::File { path, .. }
            | Target::Rotating { path, .. }
            | Target::Timed { path, .. } => path.to_string_lossy().into_owned(),
            Target::Smtp { options, .. } => {
                format!("mail to {}", options.to.first().map_or("", String::as_str))
            }
            Target::Syslog(options) => format!("syslog {}", options.address),
            Target::Exec(options) => options.command.first().cloned().unwrap_or_default(),
            Target::Publish(target) => {
                let mut endpoints = target.bind.iter().chain(&target.connect);
                format!("publish {}", endpoints.next().map_or("", String::as_str))
            }
        }
    }

    /// The file that is written to, for those that write to one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Target::File { path, .. }
            | Target::Rotating { path, .. }
            | Target::Timed { path, .. } => Some(path),
            _ => None,
        }
    }

    /// The files that are read when it is opened.
    pub fn inputs(&self) -> impl Iterator<Item = &Path> {
        let (login, trust) = match self {
            Target::Smtp { options, .. } => {
                let login = match &options.login {
                    LoginFrom::File(path) => Some(path.as_path()),
                    _ => None,
                };
                (login, options.trust.as_deref())
            }
            _ => (None, None),
        };
        login.into_iter().chain(trust)
    }

    /// Whether it may keep whoever gives it a record waiting for long, so that it
    /// stands behind a queue unless asked otherwise.
    pub fn is_slow(&self) -> bool {
        match self {
            Target::File { .. }
            | Target::Rotating { .. }
            | Target::Timed { .. }
            | Target::Publish(_) => false,
            // A terminal may be stopped, and nobody may read a pipe.
            Target::Console => true,
            Target::Smtp { .. } | Target::Syslog(_) | Target::Exec(_) => true,
        }
    }
}

impl Match {
    /// `root` is what Python calls the logger whose name is empty here.
    pub fn logger(name: &str) -> Match {
        Match::Logger(if name == "root" { "" } else { name }.to_owned())
    }
}

impl Spec {
    /// Refuses what can't be meant. Nothing is opened.
    ///
    /// # Errors
    /// A name or a file that two handlers have, a route that leads to no handler or
    /// is there twice, an expression, a format or an address that is none.
    pub fn check(&self) -> Result<()> {
        let mut check = Validator::default();
        self.handlers.iter().try_for_each(|handler| check.handler(handler))?;
        self.routes.iter().try_for_each(|route| check.route(route))
    }
}

/// Checks handlers, then routes, one by one: each against those that passed before it, in
/// a time that does not grow with their number.
#[derive(Default)]
pub struct Validator<'s> {
    /// Names of handlers, in their order and to look them up.
    names: Vec<&'s str>,
    known: HashSet<&'s str>,
    files: HashMap<PathBuf, &'s HandlerSpec>,
    routes: HashSet<Match>,
}

impl<'s> Validator<'s> {
    /// Checks a handler. One that is refused leaves its name and file to others.
    ///
    /// # Errors
    /// As [`Spec::check`]'s.
    pub fn handler(&mut self, handler: &'s HandlerSpec) -> Result<()> {
        handler.check()?;
        if self.known.contains(&*handler.name) {
            return Err(Error::usage(format!("two handlers are called {}", handler.shown()))
                .hint("Give each a name of its own."));
        }
        if let Some(path) = handler.target.path().filter(|path| !is_device(path)) {
            match self.files.entry(real_path(path)) {
                Entry::Occupied(first) => {
                    let path = escape(&path.display().to_string());
                    let (first, second) = (first.get().shown(), handler.shown());
                    return Err(Error::usage(format!(
                        "handlers {first} and {second} would both write to {path}"
                    ))
                    .hint("Name another file for one of them."));
                }
                Entry::Vacant(place) => _ = place.insert(handler),
            }
        }
        self.known.insert(&handler.name);
        self.names.push(&handler.name);
        Ok(())
    }

    /// Checks a route to handlers that were checked.
    ///
    /// # Errors
    /// As [`Spec::check`]'s.
    pub fn route(&mut self, route: &RouteSpec) -> Result<()> {
        let which = route.matches.normal();
        if self.routes.contains(&which) {
            return Err(Error::usage(format!("there are two routes for {which}"))
                .hint("Name all their handlers in one."));
        }
        let unknown = |name: &&String| !self.known.contains(name.as_str());
        if let Some(unknown) = route.handlers.iter().find(unknown) {
            return Err(unknown_handler(&which, unknown, &self.names));
        }
        self.routes.insert(which);
        Ok(())
    }
}

impl HandlerSpec {
    /// Its name, for a message.
    fn shown(&self) -> String {
        escape(&self.name)
    }

    fn check(&self) -> Result<()> {
        let name = self.shown();
        if name.is_empty() {
            return Err(Error::usage("a handler has no name").hint("Give it one."));
        }
        expressions(&name, "grep", &self.grep)?;
        expressions(&name, "exclude", &self.exclude)?;
        if let Target::Publish(target) = &self.target
            && target.bind.is_empty()
            && target.connect.is_empty()
        {
            let what = format!("handler {name} has no endpoint to publish on");
            return Err(Error::usage(what)
                .hint("Name one to bind or to connect to, as tcp://127.0.0.1:12346."));
        }
        factory::check(self).map_err(|error| error.within(format_args!("handler {name}")))
    }
}

impl Match {
    /// With one name for the root logger.
    fn normal(&self) -> Match {
        match self {
            Match::Logger(name) => Match::logger(name),
            Match::Topic(_) => self.clone(),
        }
    }
}

impl std::fmt::Display for Match {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Match::Logger(name) if name.is_empty() => f.write_str("the root logger"),
            Match::Logger(name) => write!(f, "logger {}", escape(name)),
            Match::Topic(prefix) => write!(f, "topic {:?}", escape(prefix)),
        }
    }
}

/// Compiles `which` expressions of the handler `name`.
///
/// # Errors
/// When one is no regular expression.
pub(super) fn expressions(name: &str, which: &str, expressions: &[String]) -> Result<Vec<Regex>> {
    let compile = |text: &String| {
        Regex::new(text).map_err(|error| {
            Error::usage(format!("{which} of handler {name} is no regular expression: {error}"))
                .hint("Put a backslash before ( [ { . * + ? | ^ $ that are to be themselves.")
        })
    };
    expressions.iter().map(compile).collect()
}

fn unknown_handler(route: &Match, handler: &str, names: &[&str]) -> Error {
    let hint = match names.is_empty() {
        true => "There are no handlers.".to_owned(),
        false => suggest(handler, names),
    };
    Error::usage(format!("{route}: unknown handler {}", escape(handler))).hint(hint)
}

/// Whether it is there and is no file, so that any number may write to it: `/dev/null`.
fn is_device(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| !metadata.is_file())
}

/// The path by which two names of one file are known to be the same, though it or its
/// directories may not be there yet.
pub(super) fn real_path(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match (whole.parent(), whole.file_name()) {
        (Some(parent), Some(name)) => real_path(parent).join(name),
        _ => whole,
    }
}

#[cfg(test)]
mod tests;
