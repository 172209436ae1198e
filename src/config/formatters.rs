//! `[formatters.NAME]`: named formats.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::diagnostics::Located;
use super::table_reader::TableReader;
use zlog_core::Result;
use zlog_core::format::READY_MADE;
use zlog_core::format::{Options, Output};
use zlog_core::text::escape::escape;
use zlog_pipeline::router::{FormatterSpec, options};

/// The formatters of a configuration.
pub(super) struct Formatters(BTreeMap<String, FormatterSpec>);

impl Formatters {
    /// Reads all of them.
    pub(super) fn read(document: &mut TableReader<'_>) -> Formatters {
        let mut all = BTreeMap::new();
        for (name, mut reader) in document.tables("formatters") {
            let (name, offset) = (name.value, name.offset);
            if is_ready_made(&name) {
                let what = format!("formatters.{name}: {name} is the name of a ready-made format");
                reader.diagnostics().add(offset, what, "Choose another name.");
            }
            let spec = keys(&mut reader);
            reader.finish(|_| None);
            all.insert(name, spec);
        }
        Formatters(all)
    }

    /// The formatter of a handler, from its key `formatter` or from format keys of its own.
    /// Also returns whether its own keys set UTC, which rotation by time uses too.
    pub(super) fn of(&self, handler: &mut TableReader<'_>) -> (FormatterSpec, bool) {
        let own = keys(handler);
        let utc = own.utc;
        let Some(Located { offset, value: name }) = handler.text("formatter") else {
            return (own, utc);
        };
        if own != (FormatterSpec { utc, ..FormatterSpec::default() }) {
            let what = "the handler has both a formatter and format keys of its own";
            handler.error(offset, "formatter", what, "Move the format keys to [formatters.NAME].");
        }
        if let Some(found) = self.0.get(&name) {
            return (found.clone(), utc);
        }
        if is_ready_made(&name) {
            return (FormatterSpec { format: Some(name), ..FormatterSpec::default() }, utc);
        }
        let ready = READY_MADE.iter().map(|(name, _)| *name);
        let known = || self.0.keys().map(String::as_str).chain(ready).collect();
        let what = format!("unknown formatter {:?}", escape(&name));
        let hint = handler.diagnostics().suggest(&name, known);
        handler.error(offset, "formatter", what, &hint);
        (own, utc)
    }
}

fn is_ready_made(name: &str) -> bool {
    READY_MADE.iter().any(|(ready, _)| *ready == name)
}

/// Reads the format keys, and checks that they make a valid format.
fn keys(reader: &mut TableReader<'_>) -> FormatterSpec {
    let before = reader.diagnostics().count();
    let mut spec = options::formatter(reader);
    spec.extras.extend(defaults(reader));
    spec.validate = reader.maybe_flag("validate").unwrap_or(true);
    // A key that could not be read would cause another error here.
    if reader.diagnostics().count() == before
        && let Err(error) = build(&spec)
    {
        let key = wrong_key(&spec);
        let offset = reader.offset_of(&[key]).unwrap_or(reader.offset);
        reader.error_from(offset, key, &error);
    }
    spec
}

fn build(spec: &FormatterSpec) -> Result<()> {
    spec.build(Output::Text, Options::default()).map(drop)
}

/// The key that makes the format invalid.
fn wrong_key(spec: &FormatterSpec) -> &'static str {
    if build(&FormatterSpec { default_msec_format: None, ..spec.clone() }).is_ok() {
        return "msec-format";
    }
    match build(&FormatterSpec { datefmt: None, ..spec.clone() }) {
        Ok(()) => "datefmt",
        Err(_) => "format",
    }
}

/// Extras with their defaults, as in `dictConfig`.
fn defaults(reader: &mut TableReader<'_>) -> Vec<(String, Option<String>)> {
    let mut extras = Vec::new();
    if let Some(defaults) = reader.table("defaults") {
        for (name, value) in defaults.entries() {
            match value.get_ref() {
                DeValue::String(text) => {
                    extras.push((name.value.to_owned(), Some(text.clone().into_owned())));
                }
                _ => defaults.error(value.span().start, name.value, "must be a string", ""),
            }
        }
    }
    extras
}
