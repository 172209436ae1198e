//! `[root]`, `[loggers.NAME]` and `[topics.PREFIX]`: which records go where.
//!
//! What may be here: from keys to [`RouteSpec`]s. How a record finds its way is
//! `route`'s.

use std::collections::BTreeSet;

use super::fault::At;
use super::section::Section;
use zlog_core::text::escape::escape;
use zlog_core::text::parsers;
use zlog_pipeline::router::{Match, RouteSpec};

/// Reads them all, each with the place where it stands. `handlers` are those that may
/// be named.
pub(super) fn read(whole: &mut Section<'_>, handlers: &[String]) -> Vec<At<RouteSpec>> {
    let mut routes = Vec::new();
    let handlers = &handlers.iter().map(String::as_str).collect();
    if let Some(mut section) = whole.table("root") {
        let at = section.at;
        let value = route(&mut section, Match::logger("root"), handlers);
        section.finish(|key| {
            (key == "propagate").then(|| "Nothing is above the root logger: leave it out.".into())
        });
        routes.push(At { at, value });
    }
    for (name, mut section) in whole.tables("loggers") {
        let value = below_root(&mut section, Match::logger(&name.value), handlers);
        section.finish(|_| None);
        routes.push(At { at: name.at, value });
    }
    for (prefix, mut section) in whole.tables("topics") {
        let value = below_root(&mut section, Match::Topic(prefix.value), handlers);
        section.finish(|_| None);
        routes.push(At { at: prefix.at, value });
    }
    routes
}

fn below_root(section: &mut Section<'_>, matches: Match, handlers: &BTreeSet<&str>) -> RouteSpec {
    let propagate = section.maybe_flag("propagate").unwrap_or(true);
    RouteSpec { propagate, ..route(section, matches, handlers) }
}

fn route(section: &mut Section<'_>, matches: Match, handlers: &BTreeSet<&str>) -> RouteSpec {
    let level = section.read("level", parsers::level);
    let list = section.list("handlers");
    for name in list.iter().filter(|name| !handlers.contains(name.value.as_str())) {
        let what = format!("there is no handler {:?}", escape(&name.value));
        let hint = match handlers.is_empty() {
            true => "Describe it under [handlers.NAME].".to_owned(),
            false => section.faults().suggest(&name.value, || handlers.iter().copied().collect()),
        };
        section.wrong(name.at, "handlers", what, &hint);
    }
    let names = list.into_iter().map(|name| name.value);
    let handlers = names.filter(|name| handlers.contains(name.as_str())).collect();
    RouteSpec { matches, level, handlers, propagate: true }
}
