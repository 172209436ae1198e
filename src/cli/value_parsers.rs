//! Value parsers that need clap. [`zlog_core::text::parsers`] has the others.

use std::ffi::{OsStr, OsString};

use clap::builder::{OsStringValueParser, PossibleValue, PossibleValuesParser, TypedValueParser};

use zlog_core::Level;
use zlog_core::text::choice::Choice;
use zlog_core::text::parsers::Seconds;
use zlog_pipeline::socket::{ENGINE_VARIABLE, Engine, endpoint_text};

/// How many past records to query.
pub fn history_count(text: &str) -> Result<usize, String> {
    let most = zlog_core::wire::query::MAX_MESSAGES;
    match text.parse::<usize>() {
        Ok(0) => Err("must be at least 1".into()),
        Ok(n) if n > most => Err(format!("must be at most {most}")),
        Ok(n) => Ok(n),
        Err(_) => Err("not a whole number".into()),
    }
}

/// Reads an endpoint. An ipc path may have bytes that are not UTF-8.
pub fn endpoint() -> impl TypedValueParser<Value = String> {
    OsStringValueParser::new().map(|argument| endpoint_text(&argument))
}

/// Whether an argument is the address of a NATS server, with or without keys.
pub fn is_nats(text: &str) -> bool {
    text.starts_with("nats://") || text.starts_with("tls://")
}

/// Reads the prefix of a topic, or an endpoint.
pub fn topic_or_endpoint() -> impl TypedValueParser<Value = String> {
    OsStringValueParser::new().try_map(|argument| {
        let text = argument.to_string_lossy();
        match text.contains("://") && !is_nats(&text) {
            true => Ok(endpoint_text(&argument)),
            false => argument.into_string().map_err(|_| "a topic is UTF-8"),
        }
    })
}

/// Parses like [`Level::from_typed`], with names that shells complete.
#[derive(Clone)]
pub struct LevelParser;

impl TypedValueParser for LevelParser {
    type Value = Level;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Level, clap::Error> {
        Level::from_typed.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let names = ["debug", "info", "warning", "error", "critical"];
        Some(Box::new(names.into_iter().map(PossibleValue::new)))
    }
}

/// Reads one of the names of a [`Choice`].
pub fn choice<T: Choice + Send + Sync>() -> impl TypedValueParser<Value = T> {
    let values = T::CHOICES
        .iter()
        .map(|choice| PossibleValue::new(choice.name).help(choice.help).aliases(choice.alias));
    PossibleValuesParser::new(values)
        .try_map(|name| T::from_name(&name).ok_or("not one of the possible values"))
}

/// Reads the name of an engine, or whatever the environment says, which is no mistake in the command
/// line: [`Engine::of_name`] reports it.
pub fn engine() -> impl TypedValueParser<Value = String> {
    let values = Engine::CHOICES.iter().map(|it| PossibleValue::new(it.name).help(it.help));
    let other = std::env::var(ENGINE_VARIABLE).ok();
    let other = other.filter(|name| Engine::from_name(name).is_none());
    PossibleValuesParser::new(values.chain(other.map(|name| PossibleValue::new(name).hide(true))))
}

/// Options with an optional value that a topic may follow, each with the test that tells
/// its value from a topic.
type IsValue = fn(&str) -> bool;
const OPTIONAL_VALUES: [(&str, IsValue); 2] = [
    ("--color", |next| matches!(next, "auto" | "always" | "never")),
    ("--stats", |next| next.parse::<Seconds>().is_ok()),
];

/// Joins an option and its optional value with `=`, so that clap accepts both
/// `--color always` and `--color tcp://…`. The second is how `python -m zmq.log` is called,
/// whose `--color` has no value.
pub fn join_optional_values(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut joined: Vec<OsString> = Vec::new();
    let mut args = args.into_iter().peekable();
    while let Some(mut arg) = args.next() {
        if arg == "--" {
            joined.push(arg);
            joined.extend(args);
            return joined;
        }
        let is_value =
            OPTIONAL_VALUES.iter().find(|(name, _)| arg == *name).map(|(_, is_value)| is_value);
        if let (Some(is_value), Some(next)) = (is_value, args.peek().and_then(|next| next.to_str()))
            && is_value(next)
        {
            arg.push(OsStr::new("="));
            arg.push(args.next().unwrap_or_default());
        }
        joined.push(arg);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(line: &str) -> String {
        let args = join_optional_values(line.split(' ').map(OsString::from));
        args.join(OsStr::new(" ")).into_string().unwrap()
    }

    #[test]
    fn an_optional_value_is_told_from_a_topic_that_follows() {
        assert_eq!(joined("tail --color always x"), "tail --color=always x");
        assert_eq!(joined("tail --color tcp://h:1"), "tail --color tcp://h:1");
        assert_eq!(joined("tail --stats 5s app"), "tail --stats=5s app");
        assert_eq!(joined("tail --stats app"), "tail --stats app");
        assert_eq!(joined("emit -- ls --color always"), "emit -- ls --color always");
    }
}
