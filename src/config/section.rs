//! A table of the text, read key by key: each value of its kind, and no key left over.
//!
//! What may be here: what TOML is, and how a wrong kind or an unknown key is told.
//! What the keys mean is the business of the files beside this one.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Display;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::fault::{At, Faults};
use super::python;
use zlog_core::error::Error;
use zlog_core::text::escape::visible;
use zlog_core::text::suggest::suggest;
use zlog_pipeline::router::options::Reader;

/// A value as it stands in the text.
type Value<'t> = Spanned<DeValue<'t>>;

/// What all sections of one text share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// What is wrong.
    pub(super) faults: Faults,
    /// Kinds of sections, the keys that were looked for there, and whether they stood
    /// there: what the annotated example must show is known by it.
    pub(super) asked: RefCell<BTreeSet<(String, String, bool)>>,
}

/// A table, and which of its keys were looked for.
pub(super) struct Section<'t> {
    /// `handlers.errors`; empty for the whole text.
    pub(super) name: String,
    /// Which keys may stand there: `handlers (rotating)`.
    kind: String,
    /// Where it begins.
    pub(super) at: usize,
    table: &'t DeTable<'t>,
    asked: Vec<String>,
    shared: &'t Shared,
}

impl<'t> Section<'t> {
    /// The whole text.
    pub(super) fn whole(table: &'t DeTable<'t>, shared: &'t Shared) -> Section<'t> {
        let (name, kind, asked) = (String::new(), String::new(), Vec::new());
        Section { name, kind, at: 0, table, asked, shared }
    }

    /// Says which keys may stand there, once that is known.
    pub(super) fn set_kind(&mut self, kind: impl Into<String>) {
        self.kind = kind.into();
    }

    /// The key with the names of the tables around it.
    pub(super) fn path(&self, key: &str) -> String {
        let key = match key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
            true if !key.is_empty() => key.to_owned(),
            _ => format!("{:?}", visible(key)),
        };
        if self.name.is_empty() { key } else { format!("{}.{key}", self.name) }
    }

    /// Whether a key stands there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Where the value of the first of these keys stands that is there.
    pub(super) fn place_of(&self, keys: &[&str]) -> Option<usize> {
        keys.iter().find_map(|key| Some(self.table.get(*key)?.span().start))
    }

    /// The value of a key that may stand there.
    pub(super) fn value(&mut self, key: &str) -> Option<&'t Value<'t>> {
        self.asked.push(key.to_owned());
        self.table.get(key)
    }

    /// Tells what is wrong with the value of `key`.
    pub(super) fn wrong(&self, at: usize, key: &str, what: impl Display, hint: &str) {
        self.shared.faults.add(at, format!("{}: {what}", self.path(key)), hint);
    }

    /// As [`Section::wrong`], with the words of an error met elsewhere.
    pub(super) fn wrong_error(&self, at: usize, key: &str, error: &Error) {
        self.shared.faults.add_error(at, &self.path(key), error);
    }

    /// What is wrong with the text so far.
    pub(super) fn faults(&self) -> &'t Faults {
        &self.shared.faults
    }

    fn wrong_kind(&self, key: &str, value: &Value<'_>, wanted: &str) {
        let found = value.get_ref().type_str();
        self.wrong(value.span().start, key, format!("must be {wanted}, and is {}", a(found)), "");
    }

    /// A text in quotes.
    pub(super) fn text(&mut self, key: &str) -> Option<At<String>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) => {
                Some(At { at: value.span().start, value: text.clone().into_owned() })
            }
            _ => {
                self.wrong_kind(key, value, "a string");
                None
            }
        }
    }

    /// A text in quotes that the section can't do without.
    pub(super) fn needed(&mut self, key: &str, example: &str) -> Option<At<String>> {
        self.need(key, example);
        self.text(key)
    }

    /// Tells when a key is missing.
    pub(super) fn need(&self, key: &str, example: &str) {
        if !self.has(key) {
            let hint = format!("Add it: {key} = {example}.");
            self.shared.faults.add(self.at, format!("{}: {key} is missing", self.name), hint);
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
                self.wrong_kind(key, value, "true or false");
                None
            }
        }
    }

    /// A text, or several in brackets.
    pub(super) fn list(&mut self, key: &str) -> Vec<At<String>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let items = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![value],
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item.get_ref() {
                DeValue::String(text) => {
                    texts.push(At { at: item.span().start, value: text.clone().into_owned() });
                }
                _ => self.wrong_kind(key, item, "a string, or several in brackets"),
            }
        }
        texts
    }

    /// As [`Section::list`], each of them checked where it stands.
    pub(super) fn checked_list<E: Into<Error>>(
        &mut self,
        key: &str,
        check: impl Fn(&str) -> Result<(), E>,
    ) -> Vec<String> {
        let list = self.list(key);
        for item in &list {
            if let Err(error) = check(&item.value) {
                self.refused(item.at, key, &item.value, &error.into());
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
        let At { at, value: text } = self.typed_at(key)?;
        parse(&text).map_err(|error| self.refused(at, key, &text, &error.into())).ok()
    }

    /// The value as it would be typed, and where it stands.
    fn typed_at(&mut self, key: &str) -> Option<At<String>> {
        let value = self.value(key)?;
        let Some(text) = as_typed(value.get_ref()) else {
            self.wrong_kind(key, value, "a string or a number");
            return None;
        };
        Some(At { at: value.span().start, value: text })
    }

    /// A parser's error about the value of a key.
    pub(super) fn refused(&self, at: usize, key: &str, value: &str, error: &Error) {
        let (cause, hint) = (error.message(), error.next_step().unwrap_or_default());
        if names(cause, &visible(value)) {
            self.wrong(at, key, cause, hint);
        } else {
            self.wrong(at, key, format!("{:?}: {cause}", visible(value)), hint);
        }
    }

    /// A table below this one.
    pub(super) fn table(&mut self, key: &str) -> Option<Section<'t>> {
        let at = self.table.get_key_value(key).map_or(0, |(key, _)| key.span().start);
        let value = self.value(key)?;
        self.below(key, at, value)
    }

    /// All the tables below `[key]`, in the order of the text: `[handlers.NAME]`.
    pub(super) fn tables(&mut self, key: &str) -> Vec<(At<String>, Section<'t>)> {
        let Some(whole) = self.table(key) else { return Vec::new() };
        let named = |(name, value): (At<&'t str>, &'t Value<'t>)| {
            let mut below = whole.below(name.value, name.at, value)?;
            below.set_kind(key);
            Some((At { at: name.at, value: name.value.to_owned() }, below))
        };
        whole.entries().into_iter().filter_map(named).collect()
    }

    fn below(&self, key: &str, at: usize, value: &'t Value<'t>) -> Option<Section<'t>> {
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong_kind(key, value, "a table");
            return None;
        };
        let (name, shared) = (self.path(key), self.shared);
        Some(Section { name, kind: key.to_owned(), at, table, asked: Vec::new(), shared })
    }

    /// Every key and value, in the order of the text.
    pub(super) fn entries(&self) -> Vec<(At<&'t str>, &'t Value<'t>)> {
        let entry = |(name, value): (&'t Spanned<DeString<'t>>, _)| {
            (At { at: name.span().start, value: &**name.get_ref() }, value)
        };
        let mut entries: Vec<_> = self.table.iter().map(entry).collect();
        entries.sort_by_key(|(name, _)| name.at);
        entries
    }

    /// For a table whose keys are names that anybody may choose.
    pub(super) fn leave(&mut self) {
        self.asked.clear();
    }

    /// Refuses every key that was not looked for. `elsewhere` may know where it belongs.
    pub(super) fn finish(self, elsewhere: impl Fn(&str) -> Option<String>) {
        let known: Vec<&str> = self.asked.iter().map(String::as_str).collect();
        for (key, _) in self.entries() {
            if known.contains(&key.value) {
                continue;
            }
            let hint = elsewhere(key.value)
                .or_else(|| python::key(key.value, &known))
                .unwrap_or_else(|| suggest(key.value, &known));
            let what = format!("there is no key {}", self.path(key.value));
            self.shared.faults.add(key.at, what, hint);
        }
        let mut asked = self.shared.asked.borrow_mut();
        asked.extend(
            known
                .iter()
                .map(|key| (self.kind.clone(), (*key).to_owned(), self.table.contains_key(*key))),
        );
    }
}

impl Reader for Section<'_> {
    fn has(&self, key: &str) -> bool {
        Section::has(self, key)
    }

    fn text(&mut self, key: &str) -> Option<String> {
        Section::text(self, key).map(|found| found.value)
    }

    fn typed(&mut self, key: &str) -> Option<String> {
        self.typed_at(key).map(|found| found.value)
    }

    fn list(
        &mut self,
        key: &str,
        check: &dyn Fn(&str) -> zlog_core::error::Result<()>,
    ) -> Vec<String> {
        self.checked_list(key, check)
    }

    fn flag(&mut self, key: &str) -> bool {
        Section::flag(self, key)
    }

    fn refuse(&mut self, key: &str, value: &str, error: Error) {
        let at = self.place_of(&[key]).unwrap_or(self.at);
        self.refused(at, key, value, &error);
    }

    fn wrong(&mut self, key: &str, what: &str, hint: &str) {
        let at = self.place_of(&[key]).unwrap_or(self.at);
        Section::wrong(self, at, key, what, hint);
    }

    fn missing(&mut self, key: &str, _: &str, example: &str) {
        self.need(key, example);
    }

    fn words(&mut self, key: &str) -> Option<Vec<String>> {
        let is_list = self.table.get(key).is_some_and(|value| value.get_ref().is_array());
        is_list.then(|| Section::list(self, key).into_iter().map(|word| word.value).collect())
    }
}

/// A value as one would type it on a command line; `None` for tables, lists and the like.
pub(super) fn as_typed(value: &DeValue<'_>) -> Option<String> {
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
fn names(cause: &str, value: &str) -> bool {
    let apart = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    let mut found = cause.match_indices(value).filter(|_| !value.is_empty());
    found.any(|(at, _)| {
        let (before, after) = (&cause[..at], &cause[at + value.len()..]);
        apart(before.chars().next_back()) && apart(after.chars().next())
    })
}

/// TOML's name of a kind, with its article.
fn a(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {kind}")
}
