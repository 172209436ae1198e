//! Fields of events and spans, as extras of a record.

use std::error::Error;
use std::fmt::{Debug, Write};

use tracing_core::field::{Field, Visit};
use zlog_core::RawJson;
use zlog_core::text::json;

/// Fields with their values in JSON, each name once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    /// The field `message`, as text.
    pub(crate) message: Option<String>,
    /// The field `subtopic`, as text.
    pub(crate) subtopic: Option<String>,
    /// All others.
    pub(crate) others: Vec<(String, String)>,
}

impl Fields {
    /// Adds a value in JSON. A later one of the same name replaces it.
    pub(crate) fn set(&mut self, name: &str, json: String) {
        match self.others.iter_mut().find(|(known, _)| known == name) {
            Some((_, value)) => *value = json,
            None => self.others.push((name.to_owned(), json)),
        }
    }

    /// Adds a text.
    pub(crate) fn set_text(&mut self, name: &str, text: String) {
        match name {
            "message" => self.message = Some(text),
            "subtopic" => self.subtopic = Some(text),
            name => self.set(name, json::quoted(&text)),
        }
    }

    /// The values as extras of a record.
    pub(crate) fn extras(&self) -> Vec<(zlog_core::Text<'_>, RawJson<'_>)> {
        let pair = |(name, value): &'_ (String, String)| {
            (name.clone().into(), RawJson(value.clone().into()))
        };
        self.others.iter().map(pair).collect()
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        match value.is_finite() {
            true => self.set(field.name(), format!("{value:?}")),
            // JSON has none; Python prints them so.
            false => self.set_text(field.name(), value.to_string().to_lowercase()),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), value.to_string());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), value.to_string());
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.set(field.name(), value.to_string());
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.set(field.name(), value.to_string());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), value.to_string());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set_text(field.name(), value.to_owned());
    }

    /// The error and its causes, separated by colons.
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            // A string takes every write.
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        self.set_text(field.name(), text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set_text(field.name(), format!("{value:?}"));
    }
}
