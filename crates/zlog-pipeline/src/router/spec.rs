//! Handlers and routes as plain data, from the command line or a configuration. They can be
//! checked ([`Spec::check`]) and compared with those that run.

use super::options::Target;
use crate::handler::queue::OnFull;
use zlog_core::Level;
pub use zlog_core::format::FormatterSpec;
use zlog_core::text::escape::escape;

/// The default length of the queue in front of a handler that may block.
pub(super) const DEFAULT_QUEUE: usize = 10_000;

/// The longest queue in front of a handler, in records. Its memory is allocated before the first
/// record.
pub(super) const LONGEST_QUEUE: usize = 1_000_000;

/// All handlers and routes.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Spec {
    /// The handlers, each with a unique name.
    pub handlers: Vec<HandlerSpec>,
    /// Which records go where. Without routes, every handler gets every record. With routes, a
    /// handler that no route names gets none.
    pub routes: Vec<RouteSpec>,
}

/// A handler and the filter in front of it.
#[derive(Clone, Debug, PartialEq)]
pub struct HandlerSpec {
    /// Its name in routes and messages.
    pub name: String,
    /// Where records go.
    pub target: Target,
    /// This level and above; a record without a level passes.
    pub level: Option<Level>,
    /// Topic prefixes, compared byte by byte; one of them must match. Empty: all topics.
    pub topics: Vec<String>,
    /// Conditions on fields; all of them must hold.
    pub conditions: Vec<String>,
    /// Regular expressions; one of them must match the message, a traceback or the fields.
    pub grep: Vec<String>,
    /// Regular expressions; none of them may match the message, a traceback or the fields.
    pub exclude: Vec<String>,
    /// The format of records.
    pub formatter: FormatterSpec,
    /// The queue in front of it. `None`: it runs on the thread that the records come from.
    pub queue: Option<QueueSpec>,
}

impl HandlerSpec {
    /// A handler that takes every record, with defaults for everything.
    pub fn new(name: impl Into<String>, target: Target) -> HandlerSpec {
        HandlerSpec {
            name: name.into(),
            target,
            level: None,
            topics: Vec::new(),
            conditions: Vec::new(),
            grep: Vec::new(),
            exclude: Vec::new(),
            formatter: FormatterSpec::default(),
            queue: None,
        }
    }
}

/// A queue in front of a handler, which then has its own thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueSpec {
    /// How many records may wait; at least one.
    pub capacity: usize,
    /// The policy when it is full.
    pub on_full: OnFull,
}

/// Where some of the records go, selected by logger or topic.
///
/// A record goes through its routes from the most to the least specific: first those by topic,
/// longest prefix first, then those by its logger and the logger's parents, ending with the root
/// logger. As in Python, the first of them with a level decides whether the record passes. If it
/// does, it goes to the handlers of each route, up to and including one that does not propagate.
/// Unlike in Python, a handler that several routes lead to gets the record once.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteSpec {
    /// Which records.
    pub matches: Match,
    /// This level and above. `None` and `NOTSET` defer to the next route. A root without a level
    /// lets everything pass (Python's has WARNING).
    pub level: Option<Level>,
    /// The names of the handlers.
    pub handlers: Vec<String>,
    /// Whether the record continues to less specific routes.
    pub propagate: bool,
}

/// Which records a route is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Match {
    /// Records of this logger and its children: `app` matches `app` and `app.db`, but not
    /// `apple`. The empty name, and `root`, are the root logger: all records.
    Logger(String),
    /// Records whose topic starts with this, byte by byte: `app.ERROR` also matches
    /// `app.ERROR.db` and `app.ERRORS`.
    Topic(String),
}

impl Match {
    /// Matches a logger. The root logger, `root` in Python, has the empty name here.
    pub fn logger(name: &str) -> Match {
        Match::Logger(if name == "root" { "" } else { name }.to_owned())
    }

    /// The same with one name for the root logger.
    pub(super) fn normalized(&self) -> Match {
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
