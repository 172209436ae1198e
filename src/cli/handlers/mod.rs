//! Handlers as they are typed: the options that commands with several handlers share.
//!
//! How a value is taken apart is `key_values`', what its keys mean is
//! `zlog_pipeline::router::options`'s.

mod key_values;

use std::collections::HashMap;

use clap::Args;

use self::key_values::KeyValues;
use zlog_core::error::{Error, Result};
use zlog_core::format::FormatterSpec;
use zlog_core::format::{Options, Output};
use zlog_core::text::escape::escape;
use zlog_pipeline::handler::queue::OnFull;
use zlog_pipeline::router::options::{self, CLASSES, Class, Key, Reader as _, SharedSettings};
use zlog_pipeline::router::{HandlerSpec, Spec};

/// The key of `--publish` that connects instead of binding.
const CONNECT: &str = "connect";

/// The heading of these options.
pub(super) const HEADING: &str = "Handlers";

/// Where records go, several at once.
#[derive(Args, Debug, Clone, Default)]
pub struct HandlerArgs {
    /// Write to this file; may be repeated, as all handlers. With max-bytes= it is replaced
    /// as it grows, with when= by the clock, as Python does both
    #[arg(long, value_name = "PATH[,KEY=VALUE…]", help_heading = HEADING)]
    pub file: Vec<String>,
    /// Send mails, of many records each, through the server smtp://HOST:PORT; to= is needed
    #[arg(long, value_name = "URL,to=…[,KEY=VALUE…]", help_heading = HEADING)]
    pub smtp: Vec<String>,
    /// Send to a syslog daemon: unix:/dev/log, udp://HOST:514, tcp://HOST:601
    #[arg(long, value_name = "ADDRESS[,KEY=VALUE…]", help_heading = HEADING)]
    pub syslog: Vec<String>,
    /// Run this command, without a shell, for each batch of records: they are its input
    #[arg(long, value_name = "COMMAND[,KEY=VALUE…]", help_heading = HEADING)]
    pub exec: Vec<String>,
    /// Publish again here, on a socket of its own
    #[arg(long, value_name = "ENDPOINT[,KEY=VALUE…]", help_heading = HEADING)]
    pub publish: Vec<String>,
    /// Print records too
    #[arg(
        long, value_name = "KEY=VALUE…", num_args = 0..=1, require_equals = true,
        default_missing_value = "", help_heading = HEADING
    )]
    pub console: Option<String>,
}

/// The keys of an option, as they are typed: without the main one, whose value stands
/// first.
fn typed_keys(option: &str, has_queue: bool) -> Vec<Key> {
    let mut keys = Vec::new();
    for class in Class::of_option(option) {
        let own = class.all_keys().filter(|key| has_queue || !options::QUEUE.contains(key));
        for key in own.chain(has_queue.then_some(&options::NAME)) {
            // A second endpoint has an option of its own: here it is a switch.
            let key = if is_main_switch(key) { Key::switch(key.name, key.help) } else { *key };
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    keys
}

/// Whether the key takes the place of the main one, as `connect` of `bind`.
fn is_main_switch(key: &Key) -> bool {
    key.name == CONNECT
}

/// Reads what was given to `option`. `has_queue` is false for the console of `tail`, which
/// prints as records come.
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
    let spec = spec.ok_or_else(|| Error::usage(format!("{option}: it can't be read")))?;
    Ok(HandlerSpec { queue: spec.queue.filter(|_| has_queue), ..spec })
}

/// The class that the keys ask for, among those of the option.
fn picked_class(option: &str, typed: &KeyValues) -> Result<&'static Class> {
    let picked: Vec<(&str, &'static Class)> = Class::of_option(option)
        .filter_map(|class| Some((class.picked_by.filter(|key| typed.has(key))?, class)))
        .collect();
    match picked.as_slice() {
        [(_, class)] => Ok(class),
        [] => Class::of_option(option)
            .find(|class| class.picked_by.is_none())
            .ok_or_else(|| Error::usage(format!("{option}: it needs a key"))),
        [(first, _), (second, _), ..] => Err(typed
            .error_about(&format!("{first} and {second}"), "are two ways to replace a file")
            .hint("Give one of them.")),
    }
}

/// What help texts and man pages say of the keys: those of all handlers, then those of
/// each option.
pub fn keys_help() -> Vec<(String, String)> {
    let line = |key: &Key| {
        let value = if key.is_switch() { String::new() } else { format!("={}", key.value) };
        let default = match key.default {
            "" => String::new(),
            default => format!(" [default: {default}]"),
        };
        let repeats = if key.repeats { "; may be repeated" } else { "" };
        (format!("{}{value}", key.name), format!("{}{repeats}{default}", key.help))
    };
    let common = options::FILTER.iter().chain(options::QUEUE).chain([&options::NAME]);
    let mut lines: Vec<_> = common.chain(options::FORMAT).map(line).collect();
    let mut shown = Vec::new();
    for class in CLASSES {
        for key in class.keys.iter().copied().flatten() {
            let key = if is_main_switch(key) { Key::switch(key.name, key.help) } else { *key };
            if shown.contains(&(class.option, key)) {
                continue;
            }
            shown.push((class.option, key));
            let (name, what) = line(&key);
            lines.push((format!("{} {name}", class.option), what));
        }
    }
    let commas = "A comma that no KEY= follows belongs to the value. Two commas are one comma and \
                  begin no key. format= takes the rest, commas and all: it stands last";
    lines.push(("Commas".to_owned(), commas.to_owned()));
    lines
}

impl HandlerArgs {
    /// Whether there is any handler but the console.
    pub fn is_empty(&self) -> bool {
        self.file.is_empty()
            && self.smtp.is_empty()
            && self.syslog.is_empty()
            && self.exec.is_empty()
            && self.publish.is_empty()
    }

    /// The console as data, if it was asked for. `on_full` is what its queue does where
    /// that is not said; `None`: it has no queue.
    ///
    /// # Errors
    /// As [`HandlerArgs::spec`]'s.
    pub fn console(&self, on_full: Option<OnFull>) -> Result<Option<HandlerSpec>> {
        let Some(text) = &self.console else { return Ok(None) };
        let console = read("--console", text, on_full.unwrap_or(OnFull::Block), on_full.is_some())?;
        check(&Spec { handlers: vec![console.clone()], routes: Vec::new() })?;
        Ok(Some(console))
    }

    /// The handlers as data, without the console. `on_full` is what queues do that do
    /// not say.
    ///
    /// # Errors
    /// Keys that are not known, values that can't be read, keys that do not go together;
    /// [`Spec::check`]'s.
    pub fn spec(&self, on_full: OnFull) -> Result<Spec> {
        let options: [(&'static str, &[String]); 5] = [
            ("--file", &self.file),
            ("--smtp", &self.smtp),
            ("--syslog", &self.syslog),
            ("--exec", &self.exec),
            ("--publish", &self.publish),
        ];
        let mut handlers = Vec::new();
        for (option, texts) in options {
            for text in texts {
                handlers.push(read(option, text, on_full, true)?);
            }
        }
        number_duplicates(&mut handlers);
        let spec = Spec { handlers, routes: Vec::new() };
        check(&spec)?;
        Ok(spec)
    }

    /// What is allowed but hardly meant: a line each. Nothing of handlers that can't be
    /// read, which is an error anyway.
    pub fn remarks(&self) -> Vec<String> {
        let spec = self.spec(OnFull::Drop).unwrap_or_default();
        let console = self.console(Some(OnFull::Drop)).unwrap_or_default();
        let remark = |handler: &HandlerSpec| {
            let format = handler.formatter.format.as_deref()?;
            let option = handler.target.kind().class().option;
            let misplaced = key_values::likely_misplaced_key(format, &typed_keys(option, true))?;
            Some(format!(
                "handler {}: \",{}\" is a part of its format, since format= takes the rest; a key \
                 stands before format=",
                escape(&handler.name),
                escape(misplaced)
            ))
        };
        spec.handlers.iter().chain(&console).filter_map(remark).collect()
    }
}

/// [`Spec::check`], with what may be behind a format that is refused.
fn check(spec: &Spec) -> Result<()> {
    let refused = |handler: &HandlerSpec| {
        let format = &handler.formatter;
        format.format.as_ref().is_some_and(|text| text.contains(','))
            && format.build(Output::Text, Options::default()).is_err()
    };
    spec.check().map_err(|error| match spec.handlers.iter().any(refused) {
        true => error.also("format= takes the rest of the text, commas and all: it stands last."),
        false => error,
    })
}

/// Numbers handlers that would have the same name.
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
