//! The options of handlers: `--file PATH,KEY=VALUE…` and the like.
//!
//! `key_values` splits a value into keys. [`zlog_pipeline::router::options`] says which
//! keys there are and what they mean.

mod key_values;

use std::collections::HashMap;

use clap::Args;

use self::key_values::KeyValues;
use zlog_core::format::FormatterSpec;
use zlog_core::format::{Options, Output};
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};
use zlog_pipeline::handler::queue::OnFull;
use zlog_pipeline::router::options::{self, CLASSES, Class, Key, Reader as _, SharedSettings};
use zlog_pipeline::router::{HandlerSpec, Spec};

/// The key of `--publish` that connects instead of binding.
const CONNECT: &str = "connect";

/// The heading of these options.
pub(super) const HEADING: &str = "Handlers (`zlog help handlers` explains KEY)";

/// How the keys of handlers are written.
pub const KEYS_ABOUT: &str = "\
Keys of handlers: zlog tail --file app.log,level=error,max-bytes=10M

A comma begins the next key only if KEY= or a switch follows it. Two commas are
one comma and begin no key. format= takes the rest of the text, commas included,
so it must be last. A configuration file has the same keys.";

/// Where records go. Each option may be repeated.
#[derive(Args, Debug, Clone, Default)]
pub struct HandlerArgs {
    /// Append to a file, or rotate it
    ///
    /// max-bytes= rotates by size and when= by time, as Python's handlers do. May be repeated,
    /// as all handlers.
    #[arg(long, value_name = "PATH[,KEY=…]", help_heading = HEADING)]
    pub file: Vec<String>,
    /// Send mail; to= is required
    ///
    /// URL is that of the mail server: smtp://HOST:PORT. A mail holds many records.
    #[arg(long, value_name = "URL[,KEY=…]", help_heading = HEADING)]
    pub smtp: Vec<String>,
    /// Send to a syslog daemon
    ///
    /// unix:/dev/log, udp://HOST:514 or tcp://HOST:601.
    #[arg(long, value_name = "ADDRESS[,KEY=…]", help_heading = HEADING)]
    pub syslog: Vec<String>,
    /// Run a command for each batch
    ///
    /// The command gets the records on its standard input. No shell is started.
    #[arg(long, value_name = "COMMAND[,KEY=…]", help_heading = HEADING)]
    pub exec: Vec<String>,
    /// Publish on another socket
    #[arg(long, value_name = "ENDPOINT[,KEY=…]", help_heading = HEADING)]
    pub publish: Vec<String>,
    /// Also print records
    #[arg(
        long, value_name = "KEY=…", num_args = 0..=1, require_equals = true,
        default_missing_value = "", help_heading = HEADING
    )]
    pub console: Option<String>,
}

/// The keys of an option without those that all handlers have, as they are typed. The main
/// one is not among them: its value comes first, without a key.
fn own_keys(option: &str) -> Vec<Key> {
    let mut keys = Vec::new();
    for key in Class::of_option(option).flat_map(|class| class.keys.iter().copied().flatten()) {
        // On the command line, `connect` says what to do with the endpoint that comes first.
        let key = if is_main_switch(key) { Key::switch(key.name, key.help) } else { *key };
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

/// All keys of an option, as they are typed.
fn typed_keys(option: &str, has_queue: bool) -> Vec<Key> {
    let mut keys = own_keys(option);
    keys.extend(options::FILTER);
    if Class::of_option(option).any(|class| class.formatted) {
        keys.extend(options::FORMAT);
    }
    if has_queue {
        keys.extend(options::QUEUE);
        keys.push(options::NAME);
    }
    keys
}

/// Whether the key replaces the main one, as `connect` replaces `bind`.
fn is_main_switch(key: &Key) -> bool {
    key.name == CONNECT
}

/// Reads the value of `option`. `has_queue` is false for the console of `tail`, which prints
/// records as they arrive.
fn read(option: &'static str, text: &str, on_full: OnFull, has_queue: bool) -> Result<HandlerSpec> {
    let known = typed_keys(option, has_queue);
    let main = Class::of_option(option).find_map(|class| class.main).map_or("", |key| key.name);
    let mut typed = match main {
        "" => KeyValues::all_keys(option, text, &known)?,
        main => KeyValues::new(option, main, text, &known)?,
    };
    let class = picked_class(option, &typed)?;
    typed.move_main(CONNECT);
    let formatter = match class.formatted {
        true => options::formatter(&mut typed),
        false => FormatterSpec::default(),
    };
    let name = typed.text("name");
    let utc = formatter.utc;
    let spec =
        options::handler(&mut typed, class, SharedSettings { name, formatter, utc, on_full });
    typed.finish(class)?;
    let spec = spec.ok_or_else(|| Error::usage(format!("{option} can't be read")))?;
    Ok(HandlerSpec { queue: spec.queue.filter(|_| has_queue), ..spec })
}

/// The class that the keys select among those of the option.
fn picked_class(option: &str, typed: &KeyValues) -> Result<&'static Class> {
    let picked: Vec<(&str, &'static Class)> = Class::of_option(option)
        .filter_map(|class| Some((class.picked_by.filter(|key| typed.has(key))?, class)))
        .collect();
    match picked.as_slice() {
        [(_, class)] => Ok(class),
        [] => Class::of_option(option)
            .find(|class| class.picked_by.is_none())
            .ok_or_else(|| Error::usage(format!("{option} needs a key"))),
        [(first, _), (second, _), ..] => Err(typed
            .error_about(&format!("{first} and {second}"), "can't be combined")
            .hint("Rotate by size or by time.")),
    }
}

/// A title, and keys as they are written, each with its meaning.
pub type KeyGroup = (String, Vec<(String, String)>);

/// The keys that all handlers have, then those of each option, as help, man page and
/// documents list them.
pub fn key_groups() -> Vec<KeyGroup> {
    let common = options::FILTER.iter().chain(options::QUEUE).chain([&options::NAME]);
    let mut groups = vec![
        ("All handlers".to_owned(), common.map(describe).collect()),
        ("All handlers but --publish".to_owned(), options::FORMAT.iter().map(describe).collect()),
    ];
    let mut options: Vec<&str> = CLASSES.iter().map(|class| class.option).collect();
    options.dedup();
    for option in options {
        let Some(main) = Class::of_option(option).find_map(|class| class.main) else { continue };
        let (_, meaning) = describe(&Key { repeats: false, ..main });
        let first = (main.value.to_owned(), meaning);
        let keys = std::iter::once(first).chain(own_keys(option).iter().map(describe)).collect();
        groups.push((format!("{option} {}", main.value), keys));
    }
    groups
}

/// A key as it is written, and its meaning.
fn describe(key: &Key) -> (String, String) {
    let value = if key.is_switch() { String::new() } else { format!("={}", key.value) };
    let default = match key.default {
        "" => String::new(),
        default => format!(" [default: {default}]"),
    };
    let repeats = if key.repeats { "; may be repeated" } else { "" };
    (format!("{}{value}", key.name), format!("{}{repeats}{default}", key.help))
}

impl HandlerArgs {
    /// The options of handlers and their values, without the console.
    fn options(&self) -> [(&'static str, &[String]); 5] {
        [
            ("--file", &self.file),
            ("--smtp", &self.smtp),
            ("--syslog", &self.syslog),
            ("--exec", &self.exec),
            ("--publish", &self.publish),
        ]
    }

    /// Whether there is no handler besides the console.
    pub fn is_empty(&self) -> bool {
        self.options().iter().all(|(_, texts)| texts.is_empty())
    }

    /// The console, if `--console` was given. `on_full` is the default for its queue; `None`
    /// means that it has no queue.
    ///
    /// # Errors
    /// As [`HandlerArgs::spec`].
    pub fn console(&self, on_full: Option<OnFull>) -> Result<Option<HandlerSpec>> {
        let Some(text) = &self.console else { return Ok(None) };
        let console = read("--console", text, on_full.unwrap_or(OnFull::Block), on_full.is_some())?;
        check(&Spec { handlers: vec![console.clone()], routes: Vec::new() })?;
        Ok(Some(console))
    }

    /// The handlers without the console. `on_full` is the default for their queues.
    ///
    /// # Errors
    /// Unknown keys, invalid values, keys that exclude each other; errors of [`Spec::check`].
    pub fn spec(&self, on_full: OnFull) -> Result<Spec> {
        let mut handlers = Vec::new();
        for (option, texts) in self.options() {
            for text in texts {
                handlers.push(read(option, text, on_full, true)?);
            }
        }
        number_duplicates(&mut handlers);
        let spec = Spec { handlers, routes: Vec::new() };
        check(&spec)?;
        Ok(spec)
    }

    /// Warnings about values that are allowed but probably a mistake. Empty if a handler can't
    /// be read, which is an error anyway.
    pub fn remarks(&self) -> Vec<String> {
        let spec = self.spec(OnFull::Drop).unwrap_or_default();
        let console = self.console(Some(OnFull::Drop)).unwrap_or_default();
        let remark = |handler: &HandlerSpec| {
            let format = handler.formatter.format.as_deref()?;
            let option = handler.target.kind().class().option;
            let misplaced = key_values::likely_misplaced_key(format, &typed_keys(option, true))?;
            Some(format!(
                "handler {}: \",{}\" is part of its format. Put keys before format=, which takes the \
                 rest of the text.",
                escape(&handler.name),
                escape(misplaced)
            ))
        };
        spec.handlers.iter().chain(&console).filter_map(remark).collect()
    }
}

/// [`Spec::check`], with a hint if the format that it refuses contains a comma.
fn check(spec: &Spec) -> Result<()> {
    let refused = |handler: &HandlerSpec| {
        let format = &handler.formatter;
        format.format.as_ref().is_some_and(|text| text.contains(','))
            && format.build(Output::Text, Options::default()).is_err()
    };
    spec.check().map_err(|error| match spec.handlers.iter().any(refused) {
        true => error.also("format= takes the rest of the text, commas included: put it last."),
        false => error,
    })
}

/// Numbers handlers that have the same name.
fn number_duplicates(handlers: &mut [HandlerSpec]) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for handler in handlers {
        let times = seen.entry(handler.name.clone()).or_default();
        *times += 1;
        if *times > 1 {
            handler.name = format!("{} #{times}", handler.name);
        }
    }
}

#[cfg(test)]
mod tests;
