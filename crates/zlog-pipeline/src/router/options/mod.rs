//! The kinds of handlers: their keys, and how each is opened. A key is described once and read
//! by one function, for the command line (`--file PATH,max-bytes=10M`) and the configuration
//! (`max-bytes = "10M"`) alike. Help texts, the man page and docs/handlers.md are generated from
//! the same tables.
//!
//! To add a kind, imitate `exec.rs`: a file here with its keys and its [`HandlerTarget`], and a
//! line in the registry below. tests/parity.rs does not compile until it runs the new kind.

mod common;
mod console;
mod exec;
mod file;
mod handler_spec;
mod input;
pub mod nats;
mod otlp;
mod publish;
mod smtp;
mod syslog;

use std::path::Path;

use super::context::HandlerContext;
use super::monitor::OutageReporter;
use crate::handler::Handler;
use crate::handler::exec::ExecOptions;
use crate::handler::nats::NatsOptions;
use crate::handler::otlp::OtlpOptions;
use crate::handler::queue::OnFull;
use crate::handler::smtp::SmtpOptions;
use crate::handler::syslog::SyslogOptions;
use zlog_core::format::Format;
use zlog_core::format::FormatterSpec;
use zlog_core::{Error, Result};

pub use common::{FILTER, FORMAT, NAME, QUEUE, SharedSettings, formatter, handler};
pub use console::ConsoleTarget;
pub use file::{FileTarget, RotatingTarget, TimedTarget};
pub use handler_spec::{HandlerSpec, QueueSpec};
pub use input::RecordInput;
pub use publish::PublishTarget;

/// Where the records of one kind of handler go, and how the handler is opened.
pub trait HandlerTarget {
    /// Opens the handler, for records formatted by `format`.
    ///
    /// # Errors
    /// The handler's own.
    fn open(&self, format: Box<dyn Format>, with: &Opening<'_>) -> Result<Box<dyn Handler + Send>>;

    /// Checks what can be checked without opening anything: without creating files, connecting
    /// or looking for programs.
    ///
    /// # Errors
    /// The handler could not be opened.
    fn validate(&self) -> Result<()> {
        Ok(())
    }

    /// Builds the formatter. Without a format, most kinds use
    /// `%(asctime)s %(levelname)s %(name)s: %(message)s`.
    ///
    /// # Errors
    /// The format is invalid.
    fn format(&self, spec: &FormatterSpec) -> Result<Box<dyn Format>> {
        common::default_format(spec)
    }

    /// The name of a handler without one.
    fn default_name(&self) -> String;

    /// Whether its errors end the command.
    fn is_required(&self) -> bool {
        false
    }

    /// Sets what the handler itself does when it is full. Returns whether it may be full without a queue
    /// in front of it.
    fn set_on_full(&mut self, _on_full: OnFull) -> bool {
        false
    }

    /// The file that is written to, if any.
    fn path(&self) -> Option<&Path> {
        None
    }

    /// The files that are read when the handler is opened.
    fn inputs(&self) -> Vec<&Path> {
        Vec::new()
    }

    /// Whether its records arrive at this input of the same process.
    fn sends_to(&self, _: &RecordInput) -> bool {
        false
    }

    /// The directory that only one handler at a time can use, if any. What it has not sent when it
    /// is closed stays there.
    fn directory(&self) -> Option<&Path> {
        None
    }

    /// Whether it can block its caller for long. Such handlers get a queue by default.
    fn may_block(&self) -> bool {
        false
    }
}

/// The context that a handler is opened in.
pub struct Opening<'o> {
    pub(super) context: &'o HandlerContext,
    pub(super) reporter: &'o OutageReporter,
}

/// Defines [`Target`], [`HandlerKind`] and [`CLASSES`] from one line for each kind.
macro_rules! registry {
    ($($(#[doc = $doc:literal])+ $Kind:ident($Options:ty) = $class:expr;)+) => {
        /// Where a handler's records go, as the command line or a configuration says.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(clippy::large_enum_variant, reason = "there is one per handler, rarely moved")]
        pub enum Target {
            $($(#[doc = $doc])+ $Kind($Options),)+
        }

        /// The kinds of [`Target`].
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum HandlerKind {
            $($(#[doc = $doc])+ $Kind,)+
        }

        impl HandlerKind {
            /// All kinds, in the order of the documentation.
            pub const ALL: [HandlerKind; [$(stringify!($Kind)),+].len()] =
                [$(HandlerKind::$Kind),+];

            /// Its name, option and keys.
            pub fn class(self) -> &'static Class {
                match self {
                    $(HandlerKind::$Kind => &$class,)+
                }
            }
        }

        impl Target {
            /// Its kind.
            pub fn kind(&self) -> HandlerKind {
                match self {
                    $(Target::$Kind(_) => HandlerKind::$Kind,)+
                }
            }

            /// The interface that all kinds have in common.
            pub fn as_dyn(&self) -> &dyn HandlerTarget {
                match self {
                    $(Target::$Kind(target) => target,)+
                }
            }

            /// The same, to change it.
            fn as_dyn_mut(&mut self) -> &mut dyn HandlerTarget {
                match self {
                    $(Target::$Kind(target) => target,)+
                }
            }
        }

        /// The classes of all kinds, in the order of the documentation.
        pub const CLASSES: [&Class; HandlerKind::ALL.len()] = [$(&$class),+];
    };
}

registry! {
    /// A file that is appended to.
    File(FileTarget) = file::FILE;
    /// A file that is replaced when it has grown.
    Rotating(RotatingTarget) = file::ROTATING;
    /// A file that is replaced by the clock.
    Timed(TimedTarget) = file::TIMED;
    /// Mails.
    Smtp(SmtpOptions) = smtp::SMTP;
    /// A syslog daemon.
    Syslog(SyslogOptions) = syslog::SYSLOG;
    /// A command that reads records on its standard input.
    Exec(ExecOptions) = exec::EXEC;
    /// A ZeroMQ socket.
    Publish(PublishTarget) = publish::PUBLISH;
    /// A stream of NATS JetStream.
    Nats(NatsOptions) = nats::NATS;
    /// A collector of OpenTelemetry.
    Otlp(OtlpOptions) = otlp::OTLP;
    /// Standard output.
    Console(ConsoleTarget) = console::CONSOLE;
}

/// A key: how it is written and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name: `max-bytes`.
    pub name: &'static str,
    /// The placeholder of its value in help texts: `SIZE`. Empty for a switch.
    pub value: &'static str,
    /// The default, in words or as it would be typed. Empty for none.
    pub default: &'static str,
    /// Its effect, for help.
    pub help: &'static str,
    /// Whether it may be given more than once.
    pub repeats: bool,
}

impl Key {
    /// A key with a value.
    pub const fn new(name: &'static str, value: &'static str, help: &'static str) -> Key {
        Key { name, value, default: "", help, repeats: false }
    }

    /// A key without a value.
    pub const fn switch(name: &'static str, help: &'static str) -> Key {
        Key::new(name, "", help)
    }

    /// The same key with a default.
    #[must_use]
    pub const fn default(self, default: &'static str) -> Key {
        Key { default, ..self }
    }

    /// The same key, which may be given more than once.
    #[must_use]
    pub const fn repeated(self) -> Key {
        Key { repeats: true, ..self }
    }

    /// Whether it has no value.
    pub const fn is_switch(&self) -> bool {
        self.value.is_empty()
    }
}

/// The name, option and keys of a kind of handlers.
#[derive(Debug)]
pub struct Class {
    /// Its name in a configuration: `rotating`.
    pub name: &'static str,
    /// Its option on the command line: `--file`.
    pub option: &'static str,
    /// The help of the option: one line, then an empty line and the text that only `--help` shows.
    /// Empty if a key selects this class.
    pub about: &'static str,
    /// The key that says where records go. On the command line its value comes first, without
    /// the key. `None` for the console.
    pub main: Option<Key>,
    /// The keys that only this class, or a few others, have.
    pub keys: &'static [&'static [Key]],
    /// The key that selects this class among those with the same option.
    pub picked_by: Option<&'static str>,
    /// Whether it has the keys of [`FORMAT`].
    pub formatted: bool,
    /// Whether it keeps records for readers that come later: `emit` has these handlers, too.
    pub stores: bool,
    /// Variables of the environment that it reads, as help names them, and what they set.
    pub variables: &'static [(&'static str, &'static str)],
    /// Reads its own keys. `None` if a required one is missing or invalid, which the reader
    /// knows.
    pub read: fn(&mut dyn Reader, &SharedSettings) -> Option<Target>,
}

impl Class {
    /// The class with this name.
    pub fn named(name: &str) -> Option<&'static Class> {
        CLASSES.into_iter().find(|class| class.name == name)
    }

    /// A class for each option: the one that no key selects.
    pub fn of_options() -> impl Iterator<Item = &'static Class> {
        CLASSES.into_iter().filter(|class| class.picked_by.is_none())
    }

    /// The classes with this option.
    pub fn of_option(option: &str) -> impl Iterator<Item = &'static Class> {
        CLASSES.into_iter().filter(move |class| class.option == option)
    }

    /// Its own keys, the main one first.
    #[cfg(test)]
    fn own_keys(&self) -> impl Iterator<Item = &Key> {
        self.main.iter().chain(self.keys.iter().copied().flatten())
    }

    /// All its keys, except the main one and the name.
    pub fn all_keys(&self) -> impl Iterator<Item = &Key> {
        let format: &[Key] = if self.formatted { FORMAT } else { &[] };
        FILTER.iter().chain(QUEUE).chain(format).chain(self.keys.iter().copied().flatten())
    }

    /// Whether it has a key with this name.
    pub fn has(&self, key: &str) -> bool {
        self.main.iter().chain(self.all_keys()).any(|known| known.name == key)
    }
}

/// The source of values: the command line or a configuration. A reader collects all errors with
/// their places, so that they can be reported together.
pub trait Reader {
    /// Whether the key was given.
    fn has(&self, key: &str) -> bool;

    /// The text of a key that is given once.
    fn text(&mut self, key: &str) -> Option<String>;

    /// The value of a key as it would be typed, numbers included.
    fn typed(&mut self, key: &str) -> Option<String>;

    /// All values of a repeated key. Collects those that `check` refuses as errors.
    fn list(&mut self, key: &str, check: &dyn Fn(&str) -> Result<()>) -> Vec<String>;

    /// Whether a switch is set.
    fn flag(&mut self, key: &str) -> bool;

    /// Adds an error about the value of `key`.
    fn refuse(&mut self, key: &str, value: &str, error: Error);

    /// Adds an error about `key` itself.
    fn wrong(&mut self, key: &str, what: &str, hint: &str);

    /// Adds the error that a required key is missing. `why` says what it is needed for.
    fn missing(&mut self, key: &str, why: &str, example: &str);

    /// The words of a command, if they are given as a list.
    fn words(&mut self, key: &str) -> Option<Vec<String>>;
}

impl dyn Reader + '_ {
    /// The value of a key as `parse` reads it. Collects a refused value as an error.
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

    /// Like [`Reader::text`], for a value that `check` must accept.
    pub fn checked<T, E: Into<Error>>(
        &mut self,
        key: &str,
        check: impl Fn(&str) -> Result<T, E>,
    ) -> Option<String> {
        self.read(key, |text| check(text).map(|_| text.to_owned()))
    }

    /// Adds an error if a required key is missing.
    fn require(&mut self, key: &str, example: &str) {
        if !self.has(key) {
            self.missing(key, "", example);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn class_names_are_unique_and_no_class_has_a_key_twice() {
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
    fn a_key_shared_by_classes_is_described_once() {
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
    fn each_option_has_one_class_that_no_key_selects() {
        for class in CLASSES {
            let unpicked = Class::of_option(class.option).filter(|class| class.picked_by.is_none());
            assert_eq!(unpicked.count(), 1, "{}", class.option);
            assert_eq!(class.about.is_empty(), class.picked_by.is_some(), "{}", class.name);
            assert!(class.picked_by.is_none_or(|key| class.has(key)), "{}", class.name);
        }
    }
}
