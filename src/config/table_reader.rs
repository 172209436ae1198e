//! A table of the text, read key by key: each value of its kind, and no key left over.
//!
//! What may be here: what TOML is, and how a wrong kind or an unknown key is told.
//! What the keys mean is the business of the files beside this one.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Display;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::diagnostics::{Diagnostics, Located};
use super::dict_config;
use zlog_core::error::Error;
use zlog_core::text::escape::escape;
use zlog_core::text::suggest::suggest;
use zlog_pipeline::router::options::Reader;

/// A value as it stands in the text.
type Value<'t> = Spanned<DeValue<'t>>;

/// What all sections of one text share.
#[derive(Debug, Default)]
pub(super) struct Context {
    /// What is wrong.
    pub(super) diagnostics: Diagnostics,
    /// Kinds of sections, the keys that were looked for there, and whether they stood
    /// there: what the annotated example must show is known by it.
    pub(super) lookups: RefCell<BTreeSet<(String, String, bool)>>,
}

/// A table, and which of its keys were looked for.
pub(super) struct TableReader<'t> {
    /// `handlers.errors`; empty for the whole text.
    pub(super) name: String,
    /// Which keys may stand there: `handlers (rotating)`.
    kind: String,
    /// Where it begins.
    pub(super) offset: usize,
    table: &'t DeTable<'t>,
    looked_up: Vec<String>,
    context: &'t Context,
}

impl<'t> TableReader<'t> {
    /// The whole text.
    pub(super) fn root_table(table: &'t DeTable<'t>, context: &'t Context) -> TableReader<'t> {
        let (name, kind, looked_up) = (String::new(), String::new(), Vec::new());
        TableReader { name, kind, offset: 0, table, looked_up, context }
    }

    /// Says which keys may stand there, once that is known.
    pub(super) fn set_kind(&mut self, kind: impl Into<String>) {
        self.kind = kind.into();
    }

    /// The key with the names of the tables around it.
    pub(super) fn path(&self, key: &str) -> String {
        let key = match key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
            true if !key.is_empty() => key.to_owned(),
            _ => format!("{:?}", escape(key)),
        };
        if self.name.is_empty() { key } else { format!("{}.{key}", self.name) }
    }

    /// Whether a key stands there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Where the value of the first of these keys stands that is there.
    pub(super) fn offset_of(&self, keys: &[&str]) -> Option<usize> {
        keys.iter().find_map(|key| Some(self.table.get(*key)?.span().start))
    }

    /// The value of a key that may stand there.
    pub(super) fn value(&mut self, key: &str) -> Option<&'t Value<'t>> {
        self.looked_up.push(key.to_owned());
        self.table.get(key)
    }

    /// Tells what is wrong with the value of `key`.
    pub(super) fn error(&self, offset: usize, key: &str, what: impl Display, hint: &str) {
        self.context.diagnostics.add(offset, format!("{}: {what}", self.path(key)), hint);
    }

    /// As [`TableReader::error`], with the words of an error met elsewhere.
    pub(super) fn error_from(&self, offset: usize, key: &str, error: &Error) {
        self.context.diagnostics.add_error(offset, &self.path(key), error);
    }

    /// What is wrong with the text so far.
    pub(super) fn diagnostics(&self) -> &'t Diagnostics {
        &self.context.diagnostics
    }

    fn type_error(&self, key: &str, value: &Value<'_>, wanted: &str) {
        let found = value.get_ref().type_str();
        self.error(
            value.span().start,
            key,
            format!("must be {wanted}, and is {}", with_article(found)),
            "",
        );
    }

    /// A text in quotes.
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

    /// A text in quotes that the section can't do without.
    pub(super) fn required_text(&mut self, key: &str, example: &str) -> Option<Located<String>> {
        self.require(key, example);
        self.text(key)
    }

    /// Tells when a key is missing.
    pub(super) fn require(&self, key: &str, example: &str) {
        if !self.has(key) {
            let hint = format!("Add it: {key} = {example}.");
            self.context.diagnostics.add(
                self.offset,
                format!("{}: {key} is missing", self.name),
                hint,
            );
        }
    }

    /// true or false; false when it is not there.
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

    /// A text, or several in brackets.
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

    /// As [`TableReader::list`], each of them checked where it stands.
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

    /// What a parser of the command line makes of the value: a text, or a number as it
    /// is written.
    pub(super) fn read<T, E: Into<Error>>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let Located { offset, value: text } = self.argument(key)?;
        parse(&text).map_err(|error| self.parse_error(offset, key, &text, &error.into())).ok()
    }

    /// The value as it would be typed, and where it stands.
    fn argument(&mut self, key: &str) -> Option<Located<String>> {
        let value = self.value(key)?;
        let Some(text) = as_argument(value.get_ref()) else {
            self.type_error(key, value, "a string or a number");
            return None;
        };
        Some(Located { offset: value.span().start, value: text })
    }

    /// A parser's error about the value of a key.
    pub(super) fn parse_error(&self, offset: usize, key: &str, value: &str, error: &Error) {
        let (cause, hint) = (error.headline(), error.next_step().unwrap_or_default());
        if mentions(&cause, &escape(value)) {
            self.error(offset, key, cause, hint);
        } else {
            self.error(offset, key, format!("{:?}: {cause}", escape(value)), hint);
        }
    }

    /// A table below this one.
    pub(super) fn table(&mut self, key: &str) -> Option<TableReader<'t>> {
        let offset = self.table.get_key_value(key).map_or(0, |(key, _)| key.span().start);
        let value = self.value(key)?;
        self.subtable(key, offset, value)
    }

    /// All the tables below `[key]`, in the order of the text: `[handlers.NAME]`.
    pub(super) fn tables(&mut self, key: &str) -> Vec<(Located<String>, TableReader<'t>)> {
        let Some(parent) = self.table(key) else { return Vec::new() };
        let named = |(name, value): (Located<&'t str>, &'t Value<'t>)| {
            let mut below = parent.subtable(name.value, name.offset, value)?;
            below.set_kind(key);
            Some((Located { offset: name.offset, value: name.value.to_owned() }, below))
        };
        parent.entries().into_iter().filter_map(named).collect()
    }

    fn subtable(&self, key: &str, offset: usize, value: &'t Value<'t>) -> Option<TableReader<'t>> {
        let DeValue::Table(table) = value.get_ref() else {
            self.type_error(key, value, "a table");
            return None;
        };
        let (name, context) = (self.path(key), self.context);
        Some(TableReader {
            name,
            kind: key.to_owned(),
            offset,
            table,
            looked_up: Vec::new(),
            context,
        })
    }

    /// Every key and value, in the order of the text.
    pub(super) fn entries(&self) -> Vec<(Located<&'t str>, &'t Value<'t>)> {
        let entry = |(name, value): (&'t Spanned<DeString<'t>>, _)| {
            (Located { offset: name.span().start, value: &**name.get_ref() }, value)
        };
        let mut entries: Vec<_> = self.table.iter().map(entry).collect();
        entries.sort_by_key(|(name, _)| name.offset);
        entries
    }

    /// For a table whose keys are names that anybody may choose.
    pub(super) fn allow_any_key(&mut self) {
        self.looked_up.clear();
    }

    /// Refuses every key that was not looked for. `elsewhere` may know where it belongs.
    pub(super) fn finish(self, elsewhere: impl Fn(&str) -> Option<String>) {
        let known: Vec<&str> = self.looked_up.iter().map(String::as_str).collect();
        for (key, _) in self.entries() {
            if known.contains(&key.value) {
                continue;
            }
            let hint = elsewhere(key.value)
                .or_else(|| dict_config::suggest_key(key.value, &known))
                .unwrap_or_else(|| suggest(key.value, &known));
            let what = format!("there is no key {}", self.path(key.value));
            self.context.diagnostics.add(key.offset, what, hint);
        }
        let mut lookups = self.context.lookups.borrow_mut();
        lookups.extend(
            known
                .iter()
                .map(|key| (self.kind.clone(), (*key).to_owned(), self.table.contains_key(*key))),
        );
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

    fn list(
        &mut self,
        key: &str,
        check: &dyn Fn(&str) -> zlog_core::error::Result<()>,
    ) -> Vec<String> {
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

/// A value as one would type it on a command line; `None` for tables, lists and the like.
pub(super) fn as_argument(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.clone().into_owned()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Integer(number) => {
            let value = i128::from_str_radix(number.as_str(), number.radix()).ok()?;
            Some(value.to_string())
        }
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        // 03:30:00, for times of the day.
        DeValue::Datetime(time) => Some(time.to_string()),
        DeValue::Boolean(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// Whether an error names the value itself: as some do, and not as a part of a word or of
/// a number that it gives for an example.
fn mentions(cause: &str, value: &str) -> bool {
    let apart = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    let mut found = cause.match_indices(value).filter(|_| !value.is_empty());
    found.any(|(at, _)| {
        let (before, after) = (&cause[..at], &cause[at + value.len()..]);
        apart(before.chars().next_back()) && apart(after.chars().next())
    })
}

/// TOML's name of a kind, with its article.
fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {kind}")
}
