//! `[root]`, `[loggers.NAME]` and `[topics.PREFIX]`: which records go where.
//!
//! What may be here: from keys to [`RouteSpec`]s. How a record finds its way is
//! `route`'s.

use super::fault::At;
use super::section::Section;
use zlog_core::text::escape::visible;
use zlog_core::text::parsers;
use zlog_core::text::suggest::suggest;
use zlog_pipeline::router::{Match, RouteSpec};

/// Reads them all, each with the place where it stands. `handlers` are those that may
/// be named.
pub(super) fn read(whole: &mut Section<'_>, handlers: &[String]) -> Vec<At<RouteSpec>> {
    let mut routes = Vec::new();
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

fn below_root(section: &mut Section<'_>, matches: Match, handlers: &[String]) -> RouteSpec {
    let propagate = section.maybe_flag("propagate").unwrap_or(true);
    RouteSpec { propagate, ..route(section, matches, handlers) }
}

fn route(section: &mut Section<'_>, matches: Match, handlers: &[String]) -> RouteSpec {
    let level = section.read("level", parsers::level);
    let list = section.list("handlers");
    let known: Vec<&str> = handlers.iter().map(String::as_str).collect();
    for name in list.iter().filter(|name| !known.contains(&name.value.as_str())) {
        let what = format!("there is no handler {:?}", visible(&name.value));
        let hint = match known.is_empty() {
            true => "Describe it under [handlers.NAME].".to_owned(),
            false => suggest(&name.value, &known),
        };
        section.wrong(name.at, "handlers", what, &hint);
    }
    let handlers = list.into_iter().map(|name| name.value).filter(|n| known.contains(&n.as_str()));
    RouteSpec { matches, level, handlers: handlers.collect(), propagate: true }
}
