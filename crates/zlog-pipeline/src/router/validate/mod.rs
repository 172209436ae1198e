//! Checks handlers and routes without opening anything.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::expressions::{conditions, expressions};
use super::options::HandlerSpec;
use super::spec::{Match, RouteSpec, Spec};
use zlog_core::text::escape::escape;
use zlog_core::text::suggest::suggest;
use zlog_core::{Error, Result};

impl Spec {
    /// Checks all handlers and routes.
    ///
    /// # Errors
    /// Two handlers share a name or a file, a route names an unknown handler or exists twice, or
    /// an expression, a format or an address is invalid.
    pub fn check(&self) -> Result<()> {
        let mut validator = Validator::default();
        self.handlers.iter().try_for_each(|handler| validator.handler(handler))?;
        self.routes.iter().try_for_each(|route| validator.route(route))
    }
}

/// Checks handlers, then routes, one at a time, each against those that passed before it. The
/// time for one does not grow with their number.
#[derive(Default)]
pub struct Validator<'s> {
    /// The names of handlers in their order, and as a set.
    names: Vec<&'s str>,
    known: HashSet<&'s str>,
    files: HashMap<PathBuf, &'s HandlerSpec>,
    routes: HashSet<Match>,
}

impl<'s> Validator<'s> {
    /// Checks a handler. If it is refused, others may use its name and file.
    ///
    /// # Errors
    /// See [`Spec::check`].
    pub fn handler(&mut self, handler: &'s HandlerSpec) -> Result<()> {
        let name = escape(&handler.name);
        if name.is_empty() {
            return Err(Error::usage("a handler has no name").hint("Add a name."));
        }
        check(handler).map_err(|error| error.within(format_args!("handler {name}")))?;
        if self.known.contains(&*handler.name) {
            return Err(Error::usage(format!("two handlers are called {name}"))
                .hint("Give each a unique name."));
        }
        let path = handler.target.as_dyn().path();
        if let Some(path) = path.filter(|path| !is_device(path)) {
            match self.files.entry(real_path(path)) {
                Entry::Occupied(first) => {
                    let path = escape(&path.display().to_string());
                    let first = escape(&first.get().name);
                    return Err(Error::usage(format!(
                        "handlers {first} and {name} would both write to {path}"
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
    /// See [`Spec::check`].
    pub fn route(&mut self, route: &RouteSpec) -> Result<()> {
        let matches = route.matches.normalized();
        if self.routes.contains(&matches) {
            return Err(Error::usage(format!("there are two routes for {matches}"))
                .hint("Put all handlers into one of them."));
        }
        let unknown = |name: &&String| !self.known.contains(name.as_str());
        if let Some(unknown) = route.handlers.iter().find(unknown) {
            return Err(unknown_handler(&matches, unknown, &self.names));
        }
        self.routes.insert(matches);
        Ok(())
    }
}

/// Checks a handler by itself.
fn check(handler: &HandlerSpec) -> Result<()> {
    conditions(&handler.conditions)?;
    expressions("grep", &handler.grep)?;
    expressions("exclude", &handler.exclude)?;
    let target = handler.target.as_dyn();
    target.format(&handler.formatter)?;
    target.validate()
}

fn unknown_handler(route: &Match, handler: &str, names: &[&str]) -> Error {
    let hint = match names.is_empty() {
        true => "There are no handlers.".to_owned(),
        false => suggest(handler, names),
    };
    Error::usage(format!("{route}: unknown handler {}", escape(handler))).hint(hint)
}

/// Whether the path exists and is not a file, so that any number of handlers may write to it:
/// `/dev/null`.
fn is_device(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| !metadata.is_file())
}

/// A path that is equal for two names of one file, even if the file or its directories do not
/// exist yet.
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
