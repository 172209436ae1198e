//! `[root]`, `[loggers.NAME]` and `[topics.PREFIX]`: which handlers get which records.

use std::collections::BTreeSet;

use super::diagnostics::Located;
use super::table_reader::TableReader;
use zlog_core::Level;
use zlog_core::text::escape::escape;
use zlog_pipeline::router::{Match, RouteSpec};

/// Reads all of them. `handlers` are the names of all handlers.
pub(super) fn read(document: &mut TableReader<'_>, handlers: &[String]) -> Vec<Located<RouteSpec>> {
    let mut routes = Vec::new();
    let handlers = &handlers.iter().map(String::as_str).collect();
    if let Some(mut reader) = document.table("root") {
        let offset = reader.offset;
        let value = route(&mut reader, Match::logger("root"), handlers);
        reader.finish(|key| {
            (key == "propagate").then(|| "Leave it out: the root logger has no parent.".into())
        });
        routes.push(Located { offset, value });
    }
    for (name, mut reader) in document.tables("loggers") {
        let value = non_root_route(&mut reader, Match::logger(&name.value), handlers);
        reader.finish(|_| None);
        routes.push(Located { offset: name.offset, value });
    }
    for (prefix, mut reader) in document.tables("topics") {
        let value = non_root_route(&mut reader, Match::Topic(prefix.value), handlers);
        reader.finish(|_| None);
        routes.push(Located { offset: prefix.offset, value });
    }
    routes
}

fn non_root_route(
    reader: &mut TableReader<'_>,
    matches: Match,
    handlers: &BTreeSet<&str>,
) -> RouteSpec {
    let propagate = reader.maybe_flag("propagate").unwrap_or(true);
    RouteSpec { propagate, ..route(reader, matches, handlers) }
}

fn route(reader: &mut TableReader<'_>, matches: Match, handlers: &BTreeSet<&str>) -> RouteSpec {
    let level = reader.read("level", Level::from_typed);
    let list = reader.list("handlers");
    for name in list.iter().filter(|name| !handlers.contains(name.value.as_str())) {
        let what = format!("unknown handler {:?}", escape(&name.value));
        let hint = match handlers.is_empty() {
            true => "Define it under [handlers.NAME].".to_owned(),
            false => {
                reader.diagnostics().suggest(&name.value, || handlers.iter().copied().collect())
            }
        };
        reader.error(name.offset, "handlers", what, &hint);
    }
    let names = list.into_iter().map(|name| name.value);
    let handlers = names.filter(|name| handlers.contains(name.as_str())).collect();
    RouteSpec { matches, level, handlers, propagate: true }
}
