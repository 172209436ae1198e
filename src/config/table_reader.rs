//! Reads a TOML table key by key: checks the type of each value, and that no key is unknown.

use std::fmt::Display;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::diagnostics::{Diagnostics, Located};
use super::dict_config;
use zlog_core::Error;
use zlog_core::text::escape::escape;
use zlog_core::text::suggest::suggest;
use zlog_pipeline::router::options::Reader;

/// A value with its position in the file.
type Value<'t> = Spanned<DeValue<'t>>;

/// A table, and the keys that were read from it.
pub(super) struct TableReader<'t> {
    /// `handlers.errors`; empty for the root table.
    name: String,
    /// The offset of its name in the file.
    pub(super) offset: usize,
    table: &'t DeTable<'t>,
    /// The keys that were read, or looked for: the keys that the table may have.
    known: Vec<String>,
    diagnostics: &'t Diagnostics,
}

impl<'t> TableReader<'t> {
    /// The table of the whole file.
    pub(super) fn root_table(
        table: &'t DeTable<'t>,
        diagnostics: &'t Diagnostics,
    ) -> TableReader<'t> {
        TableReader { name: String::new(), offset: 0, table, known: Vec::new(), diagnostics }
    }

    /// The key after the names of its tables: `handlers.errors.path`.
    fn path(&self, key: &str) -> String {
        let key = match key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
            true if !key.is_empty() => key.to_owned(),
            _ => format!("{:?}", escape(key)),
        };
        if self.name.is_empty() { key } else { format!("{}.{key}", self.name) }
    }

    /// Whether the table has a key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The offset of the value of the first of these keys that the table has.
    pub(super) fn offset_of(&self, keys: &[&str]) -> Option<usize> {
        keys.iter().find_map(|key| Some(self.table.get(*key)?.span().start))
    }

    /// The value of an optional key.
    pub(super) fn value(&mut self, key: &str) -> Option<&'t Value<'t>> {
        self.known.push(key.to_owned());
        self.table.get(key)
    }

    /// Adds an error about the value of `key`.
    pub(super) fn error(&self, offset: usize, key: &str, what: impl Display, hint: &str) {
        self.diagnostics.add(offset, format!("{}: {what}", self.path(key)), hint);
    }

    /// As [`TableReader::error`], with the message and the hint of `error`.
    pub(super) fn error_from(&self, offset: usize, key: &str, error: &Error) {
        self.diagnostics.add_error(offset, &self.path(key), error);
    }

    /// The errors and warnings of the file so far.
    pub(super) fn diagnostics(&self) -> &'t Diagnostics {
        self.diagnostics
    }

    fn type_error(&self, key: &str, value: &Value<'_>, wanted: &str) {
        let found = value.get_ref().type_str();
        self.error(
            value.span().start,
            key,
            format!("must be {wanted}, but is {}", with_article(found)),
            "",
        );
    }

    /// A string.
    pub(super) fn text(&mut self, key: &str) -> Option<Located<String>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) => {
                Some(Located { offset: value.span().start, value: text.clone().into_owned() })
            }
            _ => {
                self.type_error(key, value, "a string");
                None
            }
        }
    }

    /// A string that is required.
    pub(super) fn required_text(&mut self, key: &str, example: &str) -> Option<Located<String>> {
        self.require(key, example);
        self.text(key)
    }

    /// Adds an error if a key is missing.
    pub(super) fn require(&self, key: &str, example: &str) {
        if !self.has(key) {
            let hint = format!("Add it: {key} = {example}.");
            let place =
                if self.name.is_empty() { String::new() } else { format!("{}: ", self.name) };
            self.diagnostics.add(self.offset, format!("{place}{key} is missing"), hint);
        }
    }

    /// true or false; false if the key is missing.
    pub(super) fn flag(&mut self, key: &str) -> bool {
        self.maybe_flag(key).unwrap_or(false)
    }

    /// true or false.
    pub(super) fn maybe_flag(&mut self, key: &str) -> Option<bool> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            _ => {
                self.type_error(key, value, "true or false");
                None
            }
        }
    }

    /// A string, or an array of strings.
    pub(super) fn list(&mut self, key: &str) -> Vec<Located<String>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let items = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![value],
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item.get_ref() {
                DeValue::String(text) => {
                    texts.push(Located {
                        offset: item.span().start,
                        value: text.clone().into_owned(),
                    });
                }
                _ => self.type_error(key, item, "a string, or several in brackets"),
            }
        }
        texts
    }

    /// As [`TableReader::list`], with a check of each string.
    pub(super) fn checked_list<E: Into<Error>>(
        &mut self,
        key: &str,
        check: impl Fn(&str) -> Result<(), E>,
    ) -> Vec<String> {
        let list = self.list(key);
        for item in &list {
            if let Err(error) = check(&item.value) {
                self.parse_error(item.offset, key, &item.value, &error.into());
            }
        }
        list.into_iter().map(|item| item.value).collect()
    }

    /// A string or a number, parsed as on the command line.
    pub(super) fn read<T, E: Into<Error>>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let Located { offset, value: text } = self.argument(key)?;
        parse(&text).map_err(|error| self.parse_error(offset, key, &text, &error.into())).ok()
    }

    /// A string or a number as it is written on the command line.
    fn argument(&mut self, key: &str) -> Option<Located<String>> {
        let value = self.value(key)?;
        let Some(text) = as_argument(value.get_ref()) else {
            self.type_error(key, value, "a string or a number");
            return None;
        };
        Some(Located { offset: value.span().start, value: text })
    }

    /// Adds the error of a parser about the value of a key.
    pub(super) fn parse_error(&self, offset: usize, key: &str, value: &str, error: &Error) {
        let (cause, hint) = (error.message(), error.next_step().unwrap_or_default());
        self.error(offset, key, format!("{:?}: {cause}", escape(value)), hint);
    }

    /// A table below this one.
    pub(super) fn table(&mut self, key: &str) -> Option<TableReader<'t>> {
        let offset = self.table.get_key_value(key).map_or(0, |(key, _)| key.span().start);
        let value = self.value(key)?;
        self.subtable(key, offset, value)
    }

    /// All tables below `[key]` in the order of the file: `[handlers.NAME]`.
    pub(super) fn tables(&mut self, key: &str) -> Vec<(Located<String>, TableReader<'t>)> {
        let Some(parent) = self.table(key) else { return Vec::new() };
        let named = |(name, value): (Located<&'t str>, &'t Value<'t>)| {
            let below = parent.subtable(name.value, name.offset, value)?;
            Some((Located { offset: name.offset, value: name.value.to_owned() }, below))
        };
        parent.entries().into_iter().filter_map(named).collect()
    }

    /// The tables of `[[key]]`.
    pub(super) fn array_of_tables(&mut self, key: &str) -> Vec<TableReader<'t>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            self.type_error(key, value, "an array of tables: [[…]]");
            return Vec::new();
        };
        items.iter().filter_map(|item| self.subtable(key, item.span().start, item)).collect()
    }

    fn subtable(&self, key: &str, offset: usize, value: &'t Value<'t>) -> Option<TableReader<'t>> {
        let DeValue::Table(table) = value.get_ref() else {
            self.type_error(key, value, "a table");
            return None;
        };
        let (name, diagnostics) = (self.path(key), self.diagnostics);
        Some(TableReader { name, offset, table, known: Vec::new(), diagnostics })
    }

    /// Every key and value in the order of the file.
    pub(super) fn entries(&self) -> Vec<(Located<&'t str>, &'t Value<'t>)> {
        let entry = |(name, value): (&'t Spanned<DeString<'t>>, _)| {
            (Located { offset: name.span().start, value: &**name.get_ref() }, value)
        };
        let mut entries: Vec<_> = self.table.iter().map(entry).collect();
        entries.sort_by_key(|(name, _)| name.offset);
        entries
    }

    /// Adds an error for each unknown key. `elsewhere` may know where the key belongs.
    pub(super) fn finish(self, elsewhere: impl Fn(&str) -> Option<String>) {
        let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
        for (key, _) in self.entries().iter().filter(|(key, _)| !known.contains(&key.value)) {
            let hint = elsewhere(key.value)
                .or_else(|| dict_config::suggest_key(key.value, &known))
                .unwrap_or_else(|| suggest(key.value, &known));
            self.diagnostics.add(key.offset, format!("unknown key {}", self.path(key.value)), hint);
        }
    }
}

impl Reader for TableReader<'_> {
    fn has(&self, key: &str) -> bool {
        TableReader::has(self, key)
    }

    fn text(&mut self, key: &str) -> Option<String> {
        TableReader::text(self, key).map(|found| found.value)
    }

    fn typed(&mut self, key: &str) -> Option<String> {
        self.argument(key).map(|found| found.value)
    }

    fn list(&mut self, key: &str, check: &dyn Fn(&str) -> zlog_core::Result<()>) -> Vec<String> {
        self.checked_list(key, check)
    }

    fn flag(&mut self, key: &str) -> bool {
        TableReader::flag(self, key)
    }

    fn refuse(&mut self, key: &str, value: &str, error: Error) {
        let offset = self.offset_of(&[key]).unwrap_or(self.offset);
        self.parse_error(offset, key, value, &error);
    }

    fn wrong(&mut self, key: &str, what: &str, hint: &str) {
        let offset = self.offset_of(&[key]).unwrap_or(self.offset);
        TableReader::error(self, offset, key, what, hint);
    }

    fn missing(&mut self, key: &str, _: &str, example: &str) {
        self.require(key, example);
    }

    fn words(&mut self, key: &str) -> Option<Vec<String>> {
        let is_list = self.table.get(key).is_some_and(|value| value.get_ref().is_array());
        is_list.then(|| TableReader::list(self, key).into_iter().map(|word| word.value).collect())
    }
}

/// A value as it is written on the command line; `None` for tables, arrays and booleans.
pub(super) fn as_argument(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.clone().into_owned()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Integer(number) => {
            let value = i128::from_str_radix(number.as_str(), number.radix()).ok()?;
            Some(value.to_string())
        }
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        // A time of day: 03:30:00.
        DeValue::Datetime(time) => Some(time.to_string()),
        DeValue::Boolean(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// TOML's name of a type, with its article.
fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {kind}")
}
