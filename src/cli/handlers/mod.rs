//! The options of handlers: `--file PATH,KEY=VALUE…` and the like.
//!
//! `key_values` splits a value into keys. [`zlog_pipeline::router::options`] says which
//! keys there are and what they mean.

mod key_values;

use std::collections::HashMap;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use self::key_values::KeyValues;
use super::value_parsers::is_nats;
use zlog_core::format::FormatterSpec;
use zlog_core::format::{Options, Output};
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};
use zlog_pipeline::handler::queue::OnFull;
use zlog_pipeline::router::options::{self, Class, Key, Reader as _, SharedSettings, nats};
use zlog_pipeline::router::{HandlerKind, HandlerSpec, Spec};
use zlog_pipeline::source::nats::NatsSourceOptions;

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

/// The options of handlers as they were typed, in the order of the registry. Each may be
/// repeated, except `--console`.
#[derive(Debug, Clone, Default)]
pub struct HandlerArgs {
    typed: Vec<(&'static Class, String)>,
}

/// One option for each that the registry of handlers names.
impl Args for HandlerArgs {
    fn augment_args(command: Command) -> Command {
        command.args(Class::of_options().map(option))
    }

    fn augment_args_for_update(command: Command) -> Command {
        HandlerArgs::augment_args(command)
    }
}

impl FromArgMatches for HandlerArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<HandlerArgs, clap::Error> {
        Ok(HandlerArgs::of(Class::of_options(), matches))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = HandlerArgs::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The options of the handlers that `emit` has besides its socket: those that store records. For
/// others, a relay gives them records of many emitters.
#[derive(Debug, Clone, Default)]
pub struct StoreArgs(pub HandlerArgs);

impl StoreArgs {
    fn classes() -> impl Iterator<Item = &'static Class> {
        Class::of_options().filter(|class| class.stores)
    }
}

impl Args for StoreArgs {
    fn augment_args(command: Command) -> Command {
        // Where records go: beside the endpoints.
        let options = StoreArgs::classes().map(option);
        command.args(options.map(|option| option.help_heading(super::ENDPOINTS)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        StoreArgs::augment_args(command)
    }
}

impl FromArgMatches for StoreArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<StoreArgs, clap::Error> {
        Ok(StoreArgs(HandlerArgs::of(StoreArgs::classes(), matches)))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = StoreArgs::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The stream of NATS that an option names: `nats://HOST:4222,stream=NAME`.
///
/// # Errors
/// An unknown key or an invalid value.
pub fn nats_source(text: &str) -> Result<NatsSourceOptions> {
    // A URL may have been typed without the option.
    let option = if is_nats(text) { "" } else { "--from-nats" };
    let mut typed = KeyValues::new(option, nats::SERVERS.name, text, nats::SERVER)?;
    let options = NatsSourceOptions {
        server: nats::server(&mut typed),
        stream: nats::stream_name(&mut typed),
        prefix: nats::prefix(&mut typed),
        ..NatsSourceOptions::default()
    };
    typed.finish(HandlerKind::Nats.class())?;
    options.server.validate()?;
    Ok(options)
}

/// The option of a class.
fn option(class: &Class) -> Arg {
    let arg = Arg::new(id(class)).long(id(class)).help_heading(HEADING);
    let short = class.about.split("\n\n").next().unwrap_or_default();
    let arg = arg.help(short).long_help(class.about);
    match class.main {
        Some(main) => arg.value_name(format!("{}[,KEY=…]", main.value)).action(ArgAction::Append),
        None => {
            arg.value_name("KEY=…").num_args(0..=1).require_equals(true).default_missing_value("")
        }
    }
}

/// Where the handler of an option sends to by default, if there is such a place.
pub(super) fn default_of(option: &str) -> Option<&'static str> {
    let main = Class::of_option(option).find_map(|class| class.main)?;
    Some(main.default).filter(|default| !default.is_empty())
}

/// The name of an option without its dashes.
fn id(class: &Class) -> &'static str {
    class.option.trim_start_matches('-')
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
        (formatted_handlers(), options::FORMAT.iter().map(describe).collect()),
    ];
    for class in Class::of_options() {
        let (option, Some(main)) = (class.option, class.main) else { continue };
        let (_, meaning) = describe(&Key { repeats: false, ..main });
        let first = (main.value.to_owned(), meaning);
        let keys = std::iter::once(first).chain(own_keys(option).iter().map(describe)).collect();
        groups.push((format!("{option} {}", main.value), keys));
    }
    groups
}

/// The title of the keys of formats: some handlers send whole records.
fn formatted_handlers() -> String {
    let others = Class::of_options().filter(|class| !class.formatted).map(|class| class.option);
    format!("All handlers but {}", others.collect::<Vec<_>>().join(", "))
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
    /// What was typed for the options of `classes`.
    fn of(classes: impl Iterator<Item = &'static Class>, matches: &ArgMatches) -> HandlerArgs {
        let texts = |class: &'static Class| {
            let texts = matches.get_many::<String>(id(class)).into_iter().flatten();
            texts.map(move |text| (class, text.clone()))
        };
        HandlerArgs { typed: classes.flat_map(texts).collect() }
    }

    /// The options with a main value: all except `--console`.
    fn others(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let others = self.typed.iter().filter(|(class, _)| class.main.is_some());
        others.map(|(class, text)| (class.option, text.as_str()))
    }

    /// The value of `--console`, if it was given.
    fn console_text(&self) -> Option<(&'static str, &str)> {
        let console = self.typed.iter().find(|(class, _)| class.main.is_none());
        console.map(|(class, text)| (class.option, text.as_str()))
    }

    /// Whether there is no handler besides the console.
    pub fn is_empty(&self) -> bool {
        self.others().next().is_none()
    }

    /// Whether `--console` was given.
    pub fn has_console(&self) -> bool {
        self.console_text().is_some()
    }

    /// The console, if `--console` was given. `on_full` is the default for its queue; `None`
    /// means that it has no queue.
    ///
    /// # Errors
    /// As [`HandlerArgs::spec`].
    pub fn console(&self, on_full: Option<OnFull>) -> Result<Option<HandlerSpec>> {
        let Some((option, text)) = self.console_text() else { return Ok(None) };
        let console = read(option, text, on_full.unwrap_or(OnFull::Block), on_full.is_some())?;
        check(&Spec { handlers: vec![console.clone()], routes: Vec::new() })?;
        Ok(Some(console))
    }

    /// The handlers without the console. `on_full` is the default for their queues.
    ///
    /// # Errors
    /// Unknown keys, invalid values, keys that exclude each other; errors of [`Spec::check`].
    pub fn spec(&self, on_full: OnFull) -> Result<Spec> {
        let mut handlers = Vec::new();
        for (option, text) in self.others() {
            handlers.push(read(option, text, on_full, true)?);
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
impl HandlerArgs {
    /// The arguments with one option and these values.
    pub(crate) fn typed(option: &str, texts: &[&str]) -> HandlerArgs {
        let class = Class::of_options().find(|class| class.option == option).expect("an option");
        HandlerArgs { typed: texts.iter().map(|text| (class, (*text).to_owned())).collect() }
    }
}

#[cfg(test)]
mod tests;
