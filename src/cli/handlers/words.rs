//! `VALUE,KEY=VALUE,…` taken apart.
//!
//! What may be here: where a value ends and a key begins. Which keys there are, and
//! what their values mean, is `keys`'.
//!
//! # Grammar
//! - What stands before the first `,KEY=` is the value itself: a path, an address, a
//!   command. What follows each `KEY=` is that key's value.
//! - A comma that no `KEY=` follows belongs to the value that it stands in. Two commas
//!   are one, and never begin a key.
//! - A key that is only set or not may stand without `=VALUE`: `,sync`.
//! - `format=` takes the rest, whatever is in it: it stands last.

use std::fmt::Display;

use zlog_core::error::{Error, Result};
use zlog_core::text::escape::visible;

/// The key whose value is the rest.
const LAST: &str = "format";

/// The keys that an option takes.
#[derive(Clone, Copy)]
pub(super) struct Keys {
    /// Those with a value.
    pub(super) valued: &'static [&'static [&'static str]],
    /// Those that are set or not.
    pub(super) switches: &'static [&'static str],
}

impl Keys {
    fn all(self) -> impl Iterator<Item = &'static str> {
        self.valued.iter().copied().flatten().chain(self.switches).copied()
    }
}

/// What was given to an option.
#[derive(Debug)]
pub(super) struct Given {
    /// The option, for messages: `--file`.
    option: &'static str,
    /// The value itself.
    pub(super) value: String,
    /// Keys with their values, in their order. What has been read is taken out.
    keys: Vec<(String, String)>,
}

impl Given {
    /// Takes `text`, which was given to `option`, apart.
    ///
    /// # Errors
    /// No value, or a key that the option does not know.
    pub(super) fn new(option: &'static str, text: &str, known: Keys) -> Result<Given> {
        let mut given = Given { option, value: String::new(), keys: Vec::new() };
        given.take_apart(text, known)?;
        if given.value.is_empty() {
            let what = format!("{option} {:?} begins with nothing", visible(text));
            return Err(Error::usage(what).hint("Its value stands before the first key."));
        }
        Ok(given)
    }

    /// Takes `text` apart, which is all keys.
    ///
    /// # Errors
    /// A value, or a key that the option does not know.
    pub(super) fn keys(option: &'static str, text: &str, known: Keys) -> Result<Given> {
        let mut given = Given { option, value: String::new(), keys: Vec::new() };
        if text.is_empty() {
            return Ok(given);
        }
        given.take_apart(&format!(",{text}"), known)?;
        if !given.value.is_empty() {
            let what = format!("{option}={}: that is no key with a value", visible(text));
            return Err(Error::usage(what).hint(Given::takes(known)));
        }
        Ok(given)
    }

    fn take_apart(&mut self, text: &str, known: Keys) -> Result<()> {
        let given = self;
        let mut rest = text;
        while let Some(at) = rest.find(',') {
            let (before, after) = (&rest[..at], &rest[at + 1..]);
            given.current().push_str(before);
            rest = after;
            if let Some(after) = after.strip_prefix(',') {
                given.current().push(',');
                rest = after;
            } else if let Some((key, value)) = key(after) {
                if !known.all().any(|known| known == key) {
                    return Err(given.unknown(key, known));
                }
                given.keys.push((key.to_owned(), String::new()));
                rest = value;
                if key == LAST {
                    break;
                }
            } else if let Some((switch, after)) = switch(after, known) {
                given.keys.push((switch.to_owned(), "yes".to_owned()));
                rest = after;
                // What follows, if anything, is a comma.
            } else {
                given.current().push(',');
            }
        }
        given.current().push_str(rest);
        Ok(())
    }

    /// Where text goes: to the last key's value, or to the value itself.
    fn current(&mut self) -> &mut String {
        match self.keys.last_mut() {
            Some((_, value)) => value,
            None => &mut self.value,
        }
    }

    /// All values of a key that may be given several times.
    pub(super) fn all(&mut self, key: &str) -> Vec<String> {
        self.keys.extract_if(.., |(known, _)| known == key).map(|(_, value)| value).collect()
    }

    /// The value of a key that may be given once.
    ///
    /// # Errors
    /// It is given twice.
    pub(super) fn one(&mut self, key: &str) -> Result<Option<String>> {
        let mut values = self.all(key);
        let last = values.pop();
        match values.is_empty() {
            true => Ok(last),
            false => Err(self.wrong(key, "is given twice").hint("Give it once.")),
        }
    }

    /// The value of a key, read by `parser`.
    ///
    /// # Errors
    /// The parser's.
    pub(super) fn read<T, E: Display>(
        &mut self,
        key: &str,
        parser: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>> {
        let Some(text) = self.one(key)? else { return Ok(None) };
        match parser(&text) {
            Ok(value) => Ok(Some(value)),
            Err(why) => {
                let why = why.to_string();
                let (why, hint) = why.split_once("\n  ").unwrap_or((&why, ""));
                let error = self.wrong(&format!("{key}={}", visible(&text)), &format!(": {why}"));
                Err(if hint.is_empty() { error } else { error.hint(hint) })
            }
        }
    }

    /// Whether a switch is set.
    ///
    /// # Errors
    /// Its value is neither yes nor no.
    pub(super) fn switch(&mut self, key: &str) -> Result<bool> {
        let set = self.read(key, |text| match text {
            "yes" | "true" | "on" | "1" => Ok(true),
            "no" | "false" | "off" | "0" => Ok(false),
            _ => Err("write yes or no"),
        })?;
        Ok(set.unwrap_or(false))
    }

    /// An error about a key.
    pub(super) fn wrong(&self, key: &str, what: &str) -> Error {
        let space = if what.starts_with(':') { "" } else { " " };
        let of = if self.value.is_empty() { "" } else { " " };
        Error::usage(format!("{}{of}{}: {key}{space}{what}", self.option, visible(&self.value)))
    }

    /// Which keys there are.
    fn takes(known: Keys) -> String {
        let mut names: Vec<_> = known.all().collect();
        names.sort_unstable();
        format!("It takes {}.", names.join(", "))
    }

    fn unknown(&self, key: &str, known: Keys) -> Error {
        let likeness = |name: &&str| strsim::normalized_damerau_levenshtein(name, &plain(key));
        let nearest = known.all().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let error = self.wrong(&format!("{}=", visible(key)), "is no key of it").hint(format!(
            "{} A comma before something else that looks like a key is written twice.",
            Given::takes(known)
        ));
        match nearest.filter(|name| likeness(name) >= 0.5) {
            Some(nearest) => error.note(format!("Did you mean {nearest}=?")),
            None => error,
        }
    }
}

/// What stands in a format as a key of the option would, `level=error` or `utc`, and shows
/// nothing of a record: it was hardly meant as a part of the format, which takes the rest.
pub(super) fn swallowed(format: &str, known: Keys) -> Option<&str> {
    let mut parts = format.split(',');
    let mut doubled = parts.next().is_some_and(str::is_empty);
    parts.find(|part| {
        // As everywhere, a comma that is written twice begins no key.
        let after_double = std::mem::replace(&mut doubled, part.is_empty());
        let is_key = match key(part) {
            Some((key, value)) => known.all().any(|known| known == key) && !has_field(value),
            None => known.switches.contains(part),
        };
        is_key && !after_double
    })
}

/// Whether a text may show something of a record, in any of the styles.
fn has_field(text: &str) -> bool {
    text.contains("%(") || text.contains(['{', '$'])
}

/// As Python spells a key, in zlog's way: `maxBytes`, `backup_count`.
fn plain(key: &str) -> String {
    let mut out = String::with_capacity(key.len() + 2);
    for c in key.chars() {
        if c.is_ascii_uppercase() {
            out.push('-');
        }
        out.push(if c == '_' { '-' } else { c.to_ascii_lowercase() });
    }
    out
}

/// `KEY=` at the beginning, and what follows it.
fn key(text: &str) -> Option<(&str, &str)> {
    let (key, value) = text.split_once('=')?;
    let word = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    word.then_some((key, value))
}

/// A switch at the beginning, and what follows it: a comma, or nothing.
fn switch(text: &str, known: Keys) -> Option<(&'static str, &str)> {
    known.switches.iter().find_map(|switch| {
        let after = text.strip_prefix(switch)?;
        (after.is_empty() || after.starts_with(',')).then_some((*switch, after))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEYS: Keys =
        Keys { valued: &[&["level", "topic", "format"], &["max-bytes"]], switches: &["sync"] };

    fn given(text: &str) -> Given {
        Given::new("--file", text, KEYS).unwrap()
    }

    /// The value, and each key with its own.
    fn parts(text: &str) -> String {
        let given = given(text);
        let keys = given.keys.iter().map(|(key, value)| format!("[{key}={value}]"));
        format!("{}{}", given.value, keys.collect::<String>())
    }

    #[test]
    fn keys_follow_the_value() {
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
    fn a_comma_that_no_key_follows_belongs_to_the_value() {
        assert_eq!(parts("a,b.log"), "a,b.log");
        assert_eq!(parts("a,"), "a,");
        assert_eq!(parts("awk -F, a=1"), "awk -F, a=1");
        assert_eq!(parts("x,syncing,topic=a,b"), "x,syncing[topic=a,b]");
        assert_eq!(parts("a=b,level=info"), "a=b[level=info]");
    }

    #[test]
    fn two_commas_are_one_and_begin_no_key() {
        assert_eq!(parts("dd,,of=y"), "dd,of=y");
        assert_eq!(parts("x,,sync,topic=a,,level=b"), "x,sync[topic=a,level=b]");
        assert_eq!(parts("x,,,level=info"), "x,[level=info]");
    }

    #[test]
    fn the_format_takes_the_rest() {
        let text = "x,level=info,format={message},level={levelname},,sync";
        assert_eq!(parts(text), "x[level=info][format={message},level={levelname},,sync]");
    }

    #[test]
    fn a_key_that_stands_in_the_format_is_seen_and_a_field_is_none() {
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
            assert_eq!(swallowed(format, KEYS), key, "{format}");
        }
    }

    #[test]
    fn an_unknown_key_is_an_error_with_the_nearest() {
        for (text, nearest) in [("x,levle=info", "level"), ("x,maxBytes=3", "max-bytes")] {
            let error = Given::new("--file", text, KEYS).unwrap_err().to_string();
            assert!(error.contains(&format!("Did you mean {nearest}=?")), "{error}");
        }
        let error = Given::new("--file", "x,\u{1b}=", KEYS).map(|given| given.value);
        assert_eq!(error.unwrap(), "x,\u{1b}=", "no key looks like that");
    }

    #[test]
    fn a_value_is_needed() {
        let error = Given::new("--file", ",level=info", KEYS).unwrap_err().to_string();
        assert!(error.contains("begins with nothing"), "{error}");
    }

    #[test]
    fn a_wrong_value_names_option_key_and_next_step() {
        let parser = |_: &str| Err::<(), _>(Error::new("no").hint("Yes."));
        let error = given("x,level=loud").read("level", parser).unwrap_err();
        assert_eq!(error.to_string(), "--file x: level=loud: no\n  Yes.");
        let error = given("x,level=a,level=b").one("level").unwrap_err();
        assert!(error.to_string().starts_with("--file x: level is given twice"), "{error}");
        let error = given("x,sync=maybe").switch("sync").unwrap_err();
        assert_eq!(error.to_string(), "--file x: sync=maybe: write yes or no");
    }

    proptest! {
        #[test]
        fn any_value_can_be_written_with_its_commas_doubled(
            value in "[a-c,=]{1,8}",
            topic in "[a-c,=]{0,8}",
        ) {
            let double = |text: &str| text.replace(',', ",,");
            let text = format!("{},topic={}", double(&value), double(&topic));
            let mut read = given(&text);
            prop_assert_eq!(&read.value, &value);
            prop_assert_eq!(read.all("topic"), vec![topic]);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[a-z,=]{0,6}(,(level|format|sync|x)=?){0,3}.{0,4}") {
            let _ = Given::new("--file", &text, KEYS);
        }
    }
}
