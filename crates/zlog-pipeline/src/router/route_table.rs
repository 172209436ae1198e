//! Finds the handlers of a record by its topic and its logger's name, following the rule in
//! [`RouteSpec`], and caches the results. Handlers are indices here.

use std::collections::HashMap;

use super::spec::{Match, RouteSpec, Spec};
use zlog_core::Level;
use zlog_core::topic_table::TopicTable;

/// The most names that are cached, since they come from outside. Beyond that, the rule is applied
/// each time.
const MAX_NAMES: usize = 8192;

/// The result for a name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct RouteMatch {
    /// This level and above pass; `NOTSET`: all levels.
    pub(super) level: Level,
    /// The handlers, each once, most specific route first.
    pub(super) handlers: Vec<usize>,
}

/// All routes, with a cache.
pub(super) struct RouteTable {
    /// By topic, longest prefix first.
    topics: Vec<Route>,
    /// By logger, longest name first, so the root is last.
    loggers: Vec<Route>,
    /// Results by logger name and topic.
    cache: TopicTable<RouteMatch>,
    /// The result for a name that the cache has refused.
    other: RouteMatch,
}

struct Route {
    name: Box<str>,
    level: Level,
    handlers: Vec<usize>,
    propagate: bool,
}

impl RouteTable {
    /// The routes of a validated specification; `None` if it has none.
    pub(super) fn new(spec: &Spec) -> Option<RouteTable> {
        if spec.routes.is_empty() {
            return None;
        }
        let names = spec.handlers.iter().enumerate().map(|(at, handler)| (&*handler.name, at));
        let places: HashMap<&str, usize> = names.collect();
        let place = |name: &String| places.get(name.as_str()).copied();
        let route = |name: &str, route: &RouteSpec| Route {
            name: name.into(),
            level: route.level.unwrap_or_default(),
            handlers: route.handlers.iter().filter_map(place).collect(),
            propagate: route.propagate,
        };
        let mut table = RouteTable {
            topics: Vec::new(),
            loggers: Vec::new(),
            cache: TopicTable::new(MAX_NAMES),
            other: RouteMatch::default(),
        };
        for asked in &spec.routes {
            match &asked.matches {
                Match::Logger(name) => table.loggers.push(route(plain(name), asked)),
                Match::Topic(prefix) => table.topics.push(route(prefix, asked)),
            }
        }
        for routes in [&mut table.topics, &mut table.loggers] {
            routes.sort_by_key(|route| std::cmp::Reverse(route.name.len()));
        }
        Some(table)
    }

    /// Whether the topic of a record matters.
    pub(super) fn needs_topics(&self) -> bool {
        !self.topics.is_empty()
    }

    /// The result for records of the logger `name` with `topic`.
    pub(super) fn look_up(&mut self, name: &str, topic: &str) -> &RouteMatch {
        // Names that no route looks at share one entry.
        let name = if self.loggers.iter().all(|route| route.name.is_empty()) { "" } else { name };
        let topic = if self.topics.is_empty() { "" } else { topic };
        let RouteTable { topics, loggers, cache, other } = self;
        let find = || find(topics, loggers, name, topic);
        match cache.get_or_insert_with(name, topic, find, |_| true) {
            Some(cached) => cached,
            None => {
                *other = find();
                other
            }
        }
    }
}

/// Applies the rule.
fn find(topics: &[Route], loggers: &[Route], name: &str, topic: &str) -> RouteMatch {
    let mut route_match = RouteMatch::default();
    let name = plain(name);
    let topics = topics.iter().filter(|route| topic.starts_with(&*route.name));
    let loggers = loggers.iter().filter(|route| is_parent(&route.name, name));
    let mut goes_on = true;
    for route in topics.chain(loggers) {
        if route_match.level == Level::NOTSET {
            route_match.level = route.level;
        }
        if goes_on {
            for handler in &route.handlers {
                if !route_match.handlers.contains(handler) {
                    route_match.handlers.push(*handler);
                }
            }
            goes_on = route.propagate;
        }
    }
    route_match
}

/// The root logger has the empty name here, and is called `root` in Python's records.
fn plain(name: &str) -> &str {
    if name == "root" { "" } else { name }
}

/// Whether `parent` is the logger `name` or one of its parents.
fn is_parent(parent: &str, name: &str) -> bool {
    match name.strip_prefix(parent) {
        Some(rest) => parent.is_empty() || rest.is_empty() || rest.starts_with('.'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use proptest::prelude::*;
    use zlog_core::topic_table::MAX_KEY_BYTES;

    use super::*;
    use crate::handler::file::Sync;
    use crate::router::HandlerSpec;
    use crate::router::options::{FileTarget, Target};

    fn handler(name: &str) -> HandlerSpec {
        HandlerSpec::new(
            name,
            Target::File(FileTarget { path: PathBuf::from(name), sync: Sync::None }),
        )
    }

    fn route(matches: Match, level: i32, handlers: &str, propagate: bool) -> RouteSpec {
        let handlers = handlers.chars().map(String::from).collect();
        RouteSpec { matches, level: Some(Level(level)), handlers, propagate }
    }

    /// A table with the handlers a to d.
    fn table(routes: Vec<RouteSpec>) -> RouteTable {
        let handlers = ["a", "b", "c", "d"].map(handler).to_vec();
        let spec = Spec { handlers, routes };
        spec.check().unwrap();
        RouteTable::new(&spec).unwrap()
    }

    /// The level, and the handlers as letters.
    fn of(table: &mut RouteTable, name: &str, topic: &str) -> (i32, String) {
        let route_match = table.look_up(name, topic);
        let letter = |at: &usize| char::from(b"abcd"[*at]);
        (route_match.level.0, route_match.handlers.iter().map(letter).collect())
    }

    fn logger(name: &str) -> Match {
        Match::logger(name)
    }

    fn topic(prefix: &str) -> Match {
        Match::Topic(prefix.into())
    }

    #[test]
    fn a_logger_has_the_handlers_of_its_parents_and_the_nearest_level() {
        let mut table = table(vec![
            route(logger("root"), 30, "a", true),
            route(logger("app"), 0, "b", true),
            route(logger("app.db"), 10, "cb", true),
            route(logger("quiet"), 20, "d", false),
        ]);
        assert_eq!(of(&mut table, "app.db.pool", ""), (10, "cba".into()));
        assert_eq!(of(&mut table, "app.db", ""), (10, "cba".into()));
        assert_eq!(of(&mut table, "app.dbs", ""), (30, "ba".into()));
        assert_eq!(of(&mut table, "apple", ""), (30, "a".into()));
        assert_eq!(of(&mut table, "root", ""), (30, "a".into()));
        assert_eq!(of(&mut table, "", ""), (30, "a".into()));
        assert_eq!(of(&mut table, "quiet.one", ""), (20, "d".into()));
    }

    #[test]
    fn topics_match_by_prefix_and_come_before_loggers() {
        let mut table = table(vec![
            route(logger(""), 30, "a", true),
            route(topic("app"), 0, "b", true),
            route(topic("app.ERROR"), 40, "c", true),
            route(topic("secret"), 0, "d", false),
        ]);
        assert_eq!(of(&mut table, "app", "app.ERRORS"), (40, "cba".into()));
        assert_eq!(of(&mut table, "app", "apple.INFO"), (30, "ba".into()));
        assert_eq!(of(&mut table, "app", "web.INFO"), (30, "a".into()));
        assert_eq!(of(&mut table, "app", "secret.INFO"), (30, "d".into()));
    }

    #[test]
    fn a_route_that_does_not_propagate_still_inherits_the_level() {
        // Like Python's getEffectiveLevel, which ignores propagation.
        let mut table =
            table(vec![route(logger(""), 30, "a", true), route(logger("app"), 0, "b", false)]);
        assert_eq!(of(&mut table, "app", ""), (30, "b".into()));
    }

    #[test]
    fn a_flood_of_names_does_not_grow_the_cache_without_limit() {
        let mut table = table(vec![route(logger("app"), 10, "a", true)]);
        for number in 0..2 * MAX_NAMES {
            table.look_up(&format!("app.{number}"), "");
        }
        assert!(table.cache.len() <= MAX_NAMES);
        let long = format!("app.{}", "x".repeat(MAX_KEY_BYTES));
        let before = table.cache.len();
        assert_eq!(of(&mut table, &long, ""), (10, "a".into()));
        assert_eq!(table.cache.len(), before);
    }

    #[test]
    fn without_routes_there_is_no_table() {
        assert!(RouteTable::new(&Spec { handlers: vec![handler("a")], routes: vec![] }).is_none());
    }

    proptest! {
        #[test]
        fn cached_results_equal_the_rule(
            names in prop::collection::vec(("[ab]{0,2}(\\.[ab]){0,2}", "[ab.]{0,4}"), 1..40),
            routes in prop::collection::hash_map("[LT](|[ab](\\.[ab])?)", ("[abcd]{0,2}", 0..3i32, any::<bool>()), 1..6),
        ) {
            let routes: Vec<_> = routes.into_iter().map(|(key, (handlers, level, propagate))| {
                let matches = match key.split_at(1) {
                    ("L", name) => logger(name),
                    (_, prefix) => topic(prefix),
                };
                route(matches, level * 10, &handlers, propagate)
            }).collect();
            let mut table = table(routes);
            for (name, topic) in &names {
                let fresh = find(&table.topics, &table.loggers, name, topic);
                prop_assert_eq!(table.look_up(name, topic), &fresh);
                prop_assert_eq!(table.look_up(name, topic), &fresh);
            }
        }
    }
}
