//! `[formatters.NAME]`: how records look, under a name that handlers use.
//!
//! What may be here: from keys to a [`FormatterSpec`]. What a format string means is
//! `format`'s.

use std::collections::BTreeMap;

use clap::ValueEnum;
use toml::de::DeValue;

use super::fault::At;
use super::section::Section;
use crate::cli::value;
use crate::error::Result;
use crate::format::formatter::{READY_MADE, Style};
use crate::format::{Options, Output};
use crate::route::FormatterSpec;
use crate::term::visible;

/// The formatters of a configuration.
pub(super) struct Formatters(BTreeMap<String, FormatterSpec>);

impl Formatters {
    /// Reads them all.
    pub(super) fn read(whole: &mut Section<'_>) -> Formatters {
        let mut all = BTreeMap::new();
        for (name, mut section) in whole.tables("formatters") {
            let (name, at) = (name.value, name.at);
            if is_ready_made(&name) {
                let what = format!("formatters.{name}: {name} is a ready-made format already");
                section.faults().add(at, what, "Choose another name.");
            }
            let utc = section.flag("utc");
            let spec = keys(&mut section, utc);
            section.finish(|_| None);
            all.insert(name, spec);
        }
        Formatters(all)
    }

    /// The one that a handler asks for: by `formatter`, or by keys of its own. `utc` is
    /// that of the handler's own.
    pub(super) fn of(&self, handler: &mut Section<'_>, utc: bool) -> FormatterSpec {
        let own = keys(handler, utc);
        let Some(At { at, value: name }) = handler.text("formatter") else { return own };
        if own != (FormatterSpec { utc, ..FormatterSpec::default() }) {
            let what = "beside formatter, the handler has a format of its own";
            handler.wrong(at, "formatter", what, "Put it all under [formatters.NAME].");
        }
        if let Some(found) = self.0.get(&name) {
            return found.clone();
        }
        if is_ready_made(&name) {
            return FormatterSpec { format: Some(name), ..FormatterSpec::default() };
        }
        let ready = READY_MADE.iter().map(|(name, _)| *name);
        let known = || self.0.keys().map(String::as_str).chain(ready).collect();
        let what = format!("there is no formatter {:?}", visible(&name));
        let hint = handler.faults().suggest(&name, known);
        handler.wrong(at, "formatter", what, &hint);
        own
    }
}

fn is_ready_made(name: &str) -> bool {
    READY_MADE.iter().any(|(ready, _)| *ready == name)
}

/// The keys that say how records look, and whether they make a format together.
fn keys(section: &mut Section<'_>, utc: bool) -> FormatterSpec {
    let before = section.faults().count();
    let format = section.text("format");
    let datefmt = section.text("datefmt");
    let msec_format = section.text("msec-format");
    let place = |found: &Option<At<String>>| found.as_ref().map_or(section.at, |found| found.at);
    let places = [place(&format), place(&datefmt), place(&msec_format)];
    let spec = FormatterSpec {
        format: format.map(|found| found.value),
        style: section.read("style", style).unwrap_or_default(),
        datefmt: datefmt.map(|found| found.value),
        default_msec_format: msec_format.map(|found| found.value),
        utc,
        extras: extras(section),
        newlines: section.read("newlines", value::newlines).unwrap_or_default(),
        validate: section.maybe_flag("validate").unwrap_or(true),
        ..FormatterSpec::default()
    };
    // With a key that could not be read, it is not what was meant.
    if section.faults().count() == before
        && let Err(error) = build(&spec)
    {
        let (key, place) = culprit(&spec);
        section.wrong_error(places[place], key, &error);
    }
    spec
}

fn build(spec: &FormatterSpec) -> Result<()> {
    spec.build(Output::Text, Options::default()).map(drop)
}

/// The key without which the rest would do, and its number among those with places.
fn culprit(spec: &FormatterSpec) -> (&'static str, usize) {
    if build(&FormatterSpec { default_msec_format: None, ..spec.clone() }).is_ok() {
        return ("msec-format", 2);
    }
    match build(&FormatterSpec { datefmt: None, ..spec.clone() }) {
        Ok(()) => ("datefmt", 1),
        Err(_) => ("format", 0),
    }
}

fn style(text: &str) -> Result<Style, &'static str> {
    Style::from_str(text, false).map_err(|_| "must be auto, % (percent), { (brace) or $ (dollar)")
}

/// Names of extras, and what stands for them: `extra` as the option has it, and
/// `defaults` as `dictConfig` has it.
fn extras(section: &mut Section<'_>) -> Vec<(String, Option<String>)> {
    let list = section.checked_list("extra", |text| value::extra(text).map(drop));
    let mut extras: Vec<_> = list.iter().filter_map(|text| value::extra(text).ok()).collect();
    if let Some(mut defaults) = section.table("defaults") {
        for (name, value) in defaults.entries() {
            match value.get_ref() {
                DeValue::String(text) => {
                    extras.push((name.value.to_owned(), Some(text.clone().into_owned())));
                }
                _ => defaults.wrong(value.span().start, name.value, "must be a string", ""),
            }
        }
        defaults.leave();
    }
    extras
}
