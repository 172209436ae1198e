//! The options of handlers. Each key is described once, and read by one function for the
//! command line (`--file PATH,max-bytes=10M`) and the configuration (`max-bytes = "10M"`)
//! alike. Help texts, the man page and docs/handlers.md are made from the same tables.
//!
//! To add a class, imitate `exec.rs`: a file here with its keys and its reader, and a line
//! in [`CLASSES`].

mod common;
mod exec;
mod file;
mod publish;
mod smtp;
mod syslog;

use zlog_core::error::{Error, Result};

use super::spec::Target;

pub use common::{FILTER, FORMAT, NAME, QUEUE, SharedSettings, formatter, handler, queue_length};

/// A key: how it is written and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name: `max-bytes`.
    pub name: &'static str,
    /// Placeholder of its value in help texts: `SIZE`. Empty for a switch.
    pub value: &'static str,
    /// What holds without it, in words or as it would be typed. Empty for nothing.
    pub default: &'static str,
    /// What it does.
    pub help: &'static str,
    /// Whether it may be given more than once.
    pub repeats: bool,
}

impl Key {
    /// A key with a value.
    pub const fn new(name: &'static str, value: &'static str, help: &'static str) -> Key {
        Key { name, value, default: "", help, repeats: false }
    }

    /// A key that is set or not.
    pub const fn switch(name: &'static str, help: &'static str) -> Key {
        Key::new(name, "", help)
    }

    /// The same, with what holds without it.
    #[must_use]
    pub const fn default(self, default: &'static str) -> Key {
        Key { default, ..self }
    }

    /// The same, for a key that may be given more than once.
    #[must_use]
    pub const fn repeated(self) -> Key {
        Key { repeats: true, ..self }
    }

    /// Whether it is set or not, and has no value.
    pub const fn is_switch(&self) -> bool {
        self.value.is_empty()
    }
}

/// A class of handlers.
#[derive(Debug)]
pub struct Class {
    /// Its name in a configuration: `rotating`.
    pub name: &'static str,
    /// Its option on the command line: `--file`.
    pub option: &'static str,
    /// The key that says where records go. The command line has its value first, without
    /// the key. `None` for the console.
    pub main: Option<Key>,
    /// The keys that this class alone, or with a few others, has.
    pub keys: &'static [&'static [Key]],
    /// The key that picks this class, among those that share an option.
    pub picked_by: Option<&'static str>,
    /// Whether it takes the keys of [`FORMAT`].
    pub formatted: bool,
    /// Reads its own keys. `None` when one that it can't do without is missing or wrong,
    /// which the reader was told.
    pub read: fn(&mut dyn Reader, &SharedSettings) -> Option<Target>,
}

/// Every class, in the order of the documentation.
pub const CLASSES: [&Class; 8] = [
    &common::CONSOLE,
    &file::FILE,
    &file::ROTATING,
    &file::TIMED,
    &smtp::SMTP,
    &syslog::SYSLOG,
    &exec::EXEC,
    &publish::PUBLISH,
];

impl Class {
    /// The class of this name.
    pub fn named(name: &str) -> Option<&'static Class> {
        CLASSES.into_iter().find(|class| class.name == name)
    }

    /// The classes that an option of the command line makes.
    pub fn of_option(option: &str) -> impl Iterator<Item = &'static Class> {
        CLASSES.into_iter().filter(move |class| class.option == option)
    }

    /// Its own keys, the main one first.
    pub fn own_keys(&self) -> impl Iterator<Item = &Key> {
        self.main.iter().chain(self.keys.iter().copied().flatten())
    }

    /// Every key that it takes, but for the main one and its name.
    pub fn all_keys(&self) -> impl Iterator<Item = &Key> {
        let format: &[Key] = if self.formatted { FORMAT } else { &[] };
        FILTER.iter().chain(QUEUE).chain(format).chain(self.keys.iter().copied().flatten())
    }

    /// Whether it has a key of this name.
    pub fn has(&self, key: &str) -> bool {
        self.main.iter().chain(self.all_keys()).any(|known| known.name == key)
    }
}

/// Where the values of keys come from: the command line or a configuration. A reader keeps
/// what is wrong, with its place; reading goes on, so that all of it can be said at once.
pub trait Reader {
    /// Whether a key was given.
    fn has(&self, key: &str) -> bool;

    /// The text of a key that is given once.
    fn text(&mut self, key: &str) -> Option<String>;

    /// A key's value as it would be typed, numbers included.
    fn typed(&mut self, key: &str) -> Option<String>;

    /// All values of a key that may be given more than once; those that `check` refuses
    /// are kept as wrong.
    fn list(&mut self, key: &str, check: &dyn Fn(&str) -> Result<()>) -> Vec<String>;

    /// Whether a switch is set.
    fn flag(&mut self, key: &str) -> bool;

    /// Keeps that the value of `key` is wrong, and why.
    fn refuse(&mut self, key: &str, value: &str, error: Error);

    /// Keeps what is wrong with `key`, whatever its value.
    fn wrong(&mut self, key: &str, what: &str, hint: &str);

    /// Keeps that a key is missing that the handler can't do without. `why` says what for.
    fn missing(&mut self, key: &str, why: &str, example: &str);

    /// The words of a command, when they are given as a list.
    fn words(&mut self, key: &str) -> Option<Vec<String>>;
}

impl dyn Reader + '_ {
    /// The value of a key, as `parse` reads it. A value that it refuses is kept as wrong.
    pub fn read<T, E: Into<Error>>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.typed(key)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(key, &text, error.into());
                None
            }
        }
    }

    /// As [`Reader::text`], for a value that `check` must let pass.
    pub fn checked<T, E: Into<Error>>(
        &mut self,
        key: &str,
        check: impl Fn(&str) -> Result<T, E>,
    ) -> Option<String> {
        self.read(key, |text| check(text).map(|_| text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_class_has_a_name_of_its_own_and_no_key_twice() {
        let names: HashSet<_> = CLASSES.iter().map(|class| class.name).collect();
        assert_eq!(names.len(), CLASSES.len());
        for class in CLASSES {
            let mut keys = HashSet::new();
            for key in class.main.iter().chain(class.all_keys()) {
                assert!(keys.insert(key.name), "{} has {} twice", class.name, key.name);
            }
        }
    }

    #[test]
    fn a_key_that_classes_share_is_described_once() {
        for class in CLASSES {
            for key in class.own_keys() {
                let others = CLASSES.iter().flat_map(|class| class.own_keys());
                for other in others.filter(|other| other.name == key.name) {
                    assert_eq!(other.value, key.value, "{}", key.name);
                }
            }
        }
    }

    #[test]
    fn each_option_picks_its_class_by_a_key_or_has_one_class() {
        for class in CLASSES {
            let unpicked = Class::of_option(class.option).filter(|class| class.picked_by.is_none());
            assert_eq!(unpicked.count(), 1, "{}", class.option);
            assert!(class.picked_by.is_none_or(|key| class.has(key)), "{}", class.name);
        }
    }
}
