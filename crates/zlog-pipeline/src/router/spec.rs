//! Handlers and routes as plain data, from the command line or a configuration. They can be
//! checked ([`Spec::check`]) and compared with those that run.

use super::options::HandlerSpec;
use zlog_core::Level;
use zlog_core::text::escape::escape;

/// All handlers and routes.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Spec {
    /// The handlers, each with a unique name.
    pub handlers: Vec<HandlerSpec>,
    /// Which records go where. Without routes, every handler gets every record. With routes, a
    /// handler that no route names gets none.
    pub routes: Vec<RouteSpec>,
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
