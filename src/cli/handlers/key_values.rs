//! Splits `VALUE,KEY=VALUE,…` into keys and values.
//!
//! # Grammar
//! - The text before the first `,KEY=` is the main value: a path, an address, a command. The
//!   text after each `KEY=` is the value of that key.
//! - A comma that is not followed by `KEY=` belongs to the value around it. Two commas are
//!   one comma and never begin a key.
//! - A switch needs no `=VALUE`: `,sync`.
//! - `format=` takes the rest of the text, so it must be last.

use zlog_core::text::escape::escape;
use zlog_core::text::suggest::{did_you_mean, nearest};
use zlog_core::{Error, Result};
use zlog_pipeline::router::options::{Class, Key, Reader, nats};
use zlog_pipeline::typed_url::{servers_without_logins, without_logins};

/// The key whose value is the rest of the text.
const FORMAT: &str = "format";

/// The value of an option, split into keys and values.
#[derive(Debug)]
pub(super) struct KeyValues {
    /// The option, for messages: `--file`. Empty if the value was typed without one.
    option: &'static str,
    /// The key of the main value; empty for an option without one.
    main: &'static str,
    /// The main value.
    value: String,
    /// Keys with their values, in order. Reading a key removes it.
    keys: Vec<(String, String)>,
    /// The first error.
    error: Option<Error>,
}

impl KeyValues {
    /// Splits the value of `option`. `main` is the key of the main value.
    ///
    /// # Errors
    /// An empty main value, or a key that is not in `known`.
    pub(super) fn new(
        option: &'static str,
        main: &'static str,
        text: &str,
        known: &[Key],
    ) -> Result<KeyValues> {
        let mut typed = KeyValues::empty(option, main);
        typed.parse(text, known)?;
        if typed.value.is_empty() {
            let what = format!("{option} {:?} has no value before the first key", escape(text));
            return Err(Error::usage(what).hint("Put the value first: VALUE,KEY=VALUE."));
        }
        Ok(typed)
    }

    /// Splits the value of an option without a main value.
    ///
    /// # Errors
    /// A main value, or a key that is not in `known`.
    pub(super) fn all_keys(option: &'static str, text: &str, known: &[Key]) -> Result<KeyValues> {
        let mut typed = KeyValues::empty(option, "");
        if text.is_empty() {
            return Ok(typed);
        }
        typed.parse(&format!(",{text}"), known)?;
        if !typed.value.is_empty() {
            let what = format!("{option}={} does not begin with KEY=VALUE", escape(text));
            return Err(Error::usage(what).hint(key_list(known)));
        }
        Ok(typed)
    }

    fn empty(option: &'static str, main: &'static str) -> KeyValues {
        KeyValues { option, main, value: String::new(), keys: Vec::new(), error: None }
    }

    /// Makes the main value that of the key `other` if the switch of that name is set.
    pub(super) fn move_main(&mut self, other: &'static str) {
        if self.has(other) && self.flag(other) {
            self.main = other;
        }
    }

    fn parse(&mut self, text: &str, known: &[Key]) -> Result<()> {
        let mut rest = text;
        while let Some(at) = rest.find(',') {
            let (before, after) = (&rest[..at], &rest[at + 1..]);
            self.current_value().push_str(before);
            rest = after;
            if let Some(after) = after.strip_prefix(',') {
                self.current_value().push(',');
                rest = after;
            } else if let Some((key, value)) = key(after) {
                if !known.iter().any(|known| known.name == key) {
                    return Err(self.unknown(key, known));
                }
                self.keys.push((key.to_owned(), String::new()));
                rest = value;
                if key == FORMAT {
                    break;
                }
            } else if let Some((switch, after)) = switch(after, known) {
                self.keys.push((switch.to_owned(), "yes".to_owned()));
                rest = after;
                // A comma or nothing follows.
            } else {
                self.current_value().push(',');
            }
        }
        self.current_value().push_str(rest);
        Ok(())
    }

    /// Where text is appended: the value of the last key, or the main value.
    fn current_value(&mut self) -> &mut String {
        match self.keys.last_mut() {
            Some((_, value)) => value,
            None => &mut self.value,
        }
    }

    /// All values of a key, in order.
    fn all(&mut self, key: &str) -> Vec<String> {
        if !self.main.is_empty() && key == self.main {
            return vec![self.value.clone()];
        }
        self.keys.extract_if(.., |(known, _)| known == key).map(|(_, value)| value).collect()
    }

    fn record_error(&mut self, error: Error) {
        self.error.get_or_insert(error);
    }

    /// An error about a key, or about the main value if `key` is empty.
    pub(super) fn error_about(&self, key: &str, what: &str) -> Error {
        let of = if self.option.is_empty() || self.value.is_empty() { "" } else { " " };
        let value = match self.main == nats::SERVERS.name {
            true => servers_without_logins(&self.value),
            false => without_logins(&self.value),
        };
        let place = format!("{}{of}{}", self.option, escape(&value));
        let space = if what.starts_with(':') { "" } else { " " };
        let separator = if key.is_empty() { "" } else { ": " };
        Error::usage(format!("{place}{separator}{key}{space}{what}"))
    }

    fn unknown(&self, key: &str, known: &[Key]) -> Error {
        let nearest = nearest(key, known.iter().map(|key| key.name));
        let error = self.error_about("unknown key", &format!("{}=", escape(key))).hint(format!(
            "{} If it is part of a value, double the comma before it.",
            key_list(known)
        ));
        match nearest {
            Some(nearest) => error.note(did_you_mean(&format!("{nearest}="))),
            None => error,
        }
    }

    /// Ends the reading of a handler of `class`.
    ///
    /// # Errors
    /// The first error, or a key that only another class of the same option has.
    pub(super) fn finish(self, class: &Class) -> Result<()> {
        let left = self.keys.iter().map(|(key, _)| key).find(|key| !class.has(key));
        let Some(key) = left else { return self.error.map_or(Ok(()), Err) };
        let others = Class::of_option(self.option).filter(|other| other.has(key));
        let pickers: Vec<&str> = others.filter_map(|other| other.picked_by).collect();
        if let (true, Some(picker)) = (pickers.is_empty(), class.picked_by) {
            return Err(self
                .error_about(key, &format!("can't be used with {picker}"))
                .hint(format!("Leave out {key} or {picker}.")));
        }
        let pickers = pickers.join(" or ");
        Err(self
            .error_about(key, &format!("requires {pickers}"))
            .hint(format!("Add {pickers}, or leave out {key}.")))
    }
}

impl Reader for KeyValues {
    fn has(&self, key: &str) -> bool {
        key == self.main || self.keys.iter().any(|(known, _)| known == key)
    }

    fn text(&mut self, key: &str) -> Option<String> {
        let mut values = self.all(key);
        let last = values.pop();
        if !values.is_empty() {
            self.record_error(self.error_about(key, "is given twice").hint("Give it once."));
        }
        last
    }

    fn typed(&mut self, key: &str) -> Option<String> {
        self.text(key)
    }

    fn list(&mut self, key: &str, check: &dyn Fn(&str) -> Result<()>) -> Vec<String> {
        let values = self.all(key);
        for value in &values {
            if let Err(error) = check(value) {
                self.refuse(key, value, error);
            }
        }
        values
    }

    fn flag(&mut self, key: &str) -> bool {
        let reader: &mut dyn Reader = self;
        let set = reader.read(key, |text| match text {
            "yes" | "true" | "on" | "1" => Ok(true),
            "no" | "false" | "off" | "0" => Ok(false),
            _ => Err("write yes or no"),
        });
        set.unwrap_or(false)
    }

    fn refuse(&mut self, key: &str, value: &str, error: Error) {
        let key = match key == self.main {
            true => String::new(),
            false => format!("{key}={}", escape(value)),
        };
        let about = self.error_about(&key, &format!(": {}", error.message()));
        self.record_error(match error.next_step() {
            Some(hint) => about.hint(hint),
            None => about,
        });
    }

    fn wrong(&mut self, key: &str, what: &str, hint: &str) {
        let key = if key == self.main { "" } else { key };
        self.record_error(self.error_about(key, what).hint(hint));
    }

    fn missing(&mut self, key: &str, why: &str, example: &str) {
        let why = if why.is_empty() { String::new() } else { format!(": {why}") };
        let error = self.error_about(key, &format!("is missing{why}"));
        self.record_error(error.hint(format!("Add it: {key}={}.", example.trim_matches('"'))));
    }

    fn words(&mut self, _: &str) -> Option<Vec<String>> {
        None
    }
}

/// The known keys, as a sentence.
fn key_list(known: &[Key]) -> String {
    let mut names: Vec<_> = known.iter().map(|key| key.name).collect();
    names.sort_unstable();
    format!("The keys are {}.", names.join(", "))
}

/// A part of a format that looks like a key of the option (`level=error`, `utc`) and has no
/// field of a record. It was probably meant as a key.
pub(super) fn likely_misplaced_key<'f>(format: &'f str, known: &[Key]) -> Option<&'f str> {
    let mut parts = format.split(',');
    let mut doubled = parts.next().is_some_and(str::is_empty);
    parts.find(|part| {
        // A doubled comma begins no key.
        let after_double = std::mem::replace(&mut doubled, part.is_empty());
        let is_key = match key(part) {
            Some((key, value)) => known.iter().any(|known| known.name == key) && !has_field(value),
            None => known.iter().any(|known| known.is_switch() && known.name == *part),
        };
        is_key && !after_double
    })
}

/// Whether a text may contain a field of a record, in any style.
fn has_field(text: &str) -> bool {
    text.contains("%(") || text.contains(['{', '$'])
}

/// Splits `KEY=` from the beginning.
fn key(text: &str) -> Option<(&str, &str)> {
    let (key, value) = text.split_once('=')?;
    let word = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    word.then_some((key, value))
}

/// Splits a switch from the beginning. A comma or nothing must follow.
fn switch<'t>(text: &'t str, known: &[Key]) -> Option<(&'static str, &'t str)> {
    known.iter().filter(|key| key.is_switch()).find_map(|switch| {
        let after = text.strip_prefix(switch.name)?;
        (after.is_empty() || after.starts_with(',')).then_some((switch.name, after))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEYS: &[Key] = &[
        Key::new("level", "LEVEL", ""),
        Key::new("topic", "PREFIX", "").repeated(),
        Key::new("format", "FORMAT", ""),
        Key::new("max-bytes", "SIZE", ""),
        Key::switch("sync", ""),
    ];

    fn parse(text: &str) -> Result<KeyValues> {
        KeyValues::new("--file", "path", text, KEYS)
    }

    fn typed(text: &str) -> KeyValues {
        parse(text).unwrap()
    }

    /// The error that `read` causes.
    fn error(text: &str, read: impl Fn(&mut dyn Reader)) -> String {
        let mut typed = typed(text);
        read(&mut typed);
        typed.error.unwrap().to_string()
    }

    /// The main value, and each key with its value.
    fn parts(text: &str) -> String {
        let typed = typed(text);
        let keys = typed.keys.iter().map(|(key, value)| format!("[{key}={value}]"));
        format!("{}{}", typed.value, keys.collect::<String>())
    }

    #[test]
    fn keys_follow_the_main_value() {
        assert_eq!(parts("app.log"), "app.log");
        assert_eq!(
            parts("app.log,level=error,topic=a,topic=b"),
            "app.log[level=error][topic=a][topic=b]"
        );
        assert_eq!(parts("x,sync"), "x[sync=yes]");
        assert_eq!(parts("x,sync,level=info"), "x[sync=yes][level=info]");
        assert_eq!(parts("x,sync=no"), "x[sync=no]");
        assert_eq!(parts("x,level="), "x[level=]");
    }

    #[test]
    fn a_comma_without_a_key_after_it_belongs_to_the_value() {
        assert_eq!(parts("a,b.log"), "a,b.log");
        assert_eq!(parts("a,"), "a,");
        assert_eq!(parts("awk -F, a=1"), "awk -F, a=1");
        assert_eq!(parts("x,syncing,topic=a,b"), "x,syncing[topic=a,b]");
        assert_eq!(parts("a=b,level=info"), "a=b[level=info]");
    }

    #[test]
    fn two_commas_are_one_comma_and_begin_no_key() {
        assert_eq!(parts("dd,,of=y"), "dd,of=y");
        assert_eq!(parts("x,,sync,topic=a,,level=b"), "x,sync[topic=a,level=b]");
        assert_eq!(parts("x,,,level=info"), "x,[level=info]");
    }

    #[test]
    fn the_format_takes_the_rest_of_the_text() {
        let text = "x,level=info,format={message},level={levelname},,sync";
        assert_eq!(parts(text), "x[level=info][format={message},level={levelname},,sync]");
    }

    #[test]
    fn a_key_in_the_format_is_found_and_a_field_is_not_taken_for_one() {
        for (format, key) in [
            ("%(message)s,level=error", Some("level=error")),
            ("%(levelname)s,sync,level=info %(message)s", Some("sync")),
            ("{message},sync", Some("sync")),
            ("bare,max-bytes=10M", Some("max-bytes=10M")),
            ("${message},topic=", Some("topic=")),
            ("msg=%(message)s,level=%(levelname)s", None),
            ("{message},level={levelname},,sync", None),
            ("$message,level=$levelname", None),
            ("%(message)s, level=error", None),
            ("%(message)s,user=none,syncing", None),
            ("level=info,%(message)s", None),
            ("level=info", None),
            ("", None),
        ] {
            assert_eq!(likely_misplaced_key(format, KEYS), key, "{format}");
        }
    }

    #[test]
    fn the_error_about_an_unknown_key_suggests_the_nearest() {
        for (text, nearest) in [("x,levle=info", "level"), ("x,maxBytes=3", "max-bytes")] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(&format!("Did you mean {nearest}=?")), "{error}");
        }
        let error = parse("x,\u{1b}=").map(|typed| typed.value);
        assert_eq!(error.unwrap(), "x,\u{1b}=", "this is not a key");
    }

    #[test]
    fn a_main_value_is_required() {
        let error = parse(",level=info").unwrap_err().to_string();
        assert!(error.contains("has no value before the first key"), "{error}");
    }

    #[test]
    fn the_error_about_a_value_names_option_key_and_next_step() {
        let parser = |_: &str| Err::<(), _>(Error::new("no").hint("Yes."));
        let wrong = error("x,level=loud", |reader| assert!(reader.read("level", parser).is_none()));
        assert_eq!(wrong, "--file x: level=loud: no\n  Yes.");
        let wrong = error("x,level=a,level=b", |reader| drop(reader.text("level")));
        assert!(wrong.starts_with("--file x: level is given twice"), "{wrong}");
        let wrong = error("x,sync=maybe", |reader| assert!(!reader.flag("sync")));
        assert_eq!(wrong, "--file x: sync=maybe: write yes or no");
        let wrong = error("x", |reader| assert!(reader.read("path", parser).is_none()));
        assert_eq!(wrong, "--file x: no\n  Yes.");
    }

    proptest! {
        #[test]
        fn any_value_can_be_written_with_doubled_commas(
            value in "[a-c,=]{1,8}",
            topic in "[a-c,=]{0,8}",
        ) {
            let double = |text: &str| text.replace(',', ",,");
            let text = format!("{},topic={}", double(&value), double(&topic));
            let mut read = typed(&text);
            prop_assert_eq!(&read.value, &value);
            prop_assert_eq!(read.all("topic"), vec![topic]);
        }

        #[test]
        fn no_text_causes_a_panic(text in "[a-z,=]{0,6}(,(level|format|sync|x)=?){0,3}.{0,4}") {
            let _ = parse(&text);
        }
    }
}
