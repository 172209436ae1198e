//! The command line: subcommands, the argument groups that they share, and their help.
//!
//! Declarations, and checks that need nothing but the command line. [`crate::command`] makes
//! pipelines of it.

mod bench;
mod canary;
mod emit;
pub mod examples;
mod format;
mod formats;
pub mod handlers;
pub mod help;
mod keygen;
mod listen;
pub mod no_effect;
mod relay;
mod select;
mod tail;
mod top;
pub mod value_parsers;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

pub use self::bench::{
    BareReceiveArgs, BareSendArgs, BenchArgs, BenchCommand, BenchOutput, HandlerArg, PipelineArgs,
    PipelineOutput,
};
pub use self::canary::{CanaryArgs, CanaryOutput};
pub use self::emit::EmitArgs;
use self::examples::Notes;
pub use self::format::FormatArgs;
pub use self::formats::FormatsArgs;
pub use self::handlers::{HandlerArgs, StoreArgs, nats_source};
pub use self::keygen::KeygenArgs;
pub use self::listen::ListenArgs;
pub use self::relay::{DEFAULT_COLLECT, RelayArgs, StatusOutput};
pub use self::select::SelectArgs;
pub use self::tail::TailArgs;
pub use self::top::{TopArgs, TopOutput};
use crate::switches;
use zlog_core::text::escape::escape;
use zlog_core::text::parsers;
use zlog_core::text::suggest::nearest;
use zlog_pipeline::os::terminal::ColorChoice;
use zlog_pipeline::socket::ENGINE_VARIABLE;

/// Help in the colours of a plain terminal theme.
const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default().bold())
    .usage(AnsiColor::Yellow.on_default().bold())
    .literal(AnsiColor::Green.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

/// Carries log records over ZeroMQ publish/subscribe.
#[derive(Parser, Debug)]
#[command(name = "zlog", version, styles = STYLES, max_term_width = 80)]
#[command(subcommand_required = true, arg_required_else_help = true)]
#[command(disable_help_subcommand = true)]
pub struct Cli {
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands. `help` is not among them: see [`help`].
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Publish lines, the output of a command or test records
    Emit(Box<EmitArgs>),
    /// Subscribe to records and print them
    Tail(Box<TailArgs>),
    /// Show rates, losses and lag of a stream, live
    ///
    /// In a terminal: rates of topics, levels and sources, lost records, lag, slow subscribers of a
    /// relay, and the newest errors. ? lists the keys. With --once, prints the numbers and ends.
    Top(Box<TopArgs>),
    /// Collect from many publishers, publish to many subscribers
    Relay(Box<RelayArgs>),
    /// Measure what a log call costs: publishing, files, mail
    Bench(Box<BenchArgs>),
    /// Send numbered records through a pipeline, and say what was lost
    Canary(Box<CanaryArgs>),
    /// Show an emitter and a tail in one terminal
    Demo(DemoArgs),
    /// List the formats of lines, or explain which one the lines of a file have
    Formats(FormatsArgs),
    /// Show the user's defaults and named endpoints
    ///
    /// They are in ~/.config/zlog/config.toml, or in the file that ZLOG_CONFIG names. An empty
    /// ZLOG_CONFIG leaves out all of them. An option on the command line replaces a default, and
    /// --FLAG=false switches off a flag that is true in the file.
    Config(ConfigArgs),
    /// Make keys for encryption, and say whose keys are trusted
    ///
    /// With a key, zlog encrypts by CURVE what it binds beyond loopback. Only clients whose keys are
    /// trusted may connect. Running commands notice changes within a second.
    Keygen(Box<KeygenArgs>),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print a man page, in roff
    Man(ManArgs),
}

impl Command {
    /// Its name on the command line. Each message on stderr begins with it: `zlog NAME: …`.
    pub fn name(&self) -> &'static str {
        match self {
            Command::Emit(_) => "emit",
            Command::Tail(_) => "tail",
            Command::Top(_) => "top",
            Command::Relay(_) => "relay",
            Command::Bench(_) => "bench",
            Command::Canary(_) => "canary",
            Command::Demo(_) => "demo",
            Command::Formats(_) => "formats",
            Command::Config(_) => "config",
            Command::Keygen(_) => "keygen",
            Command::Completions(_) => "completions",
            Command::Man(_) => "man",
        }
    }
}

/// The environment variable with the default endpoint.
pub const ENDPOINT_VARIABLE: &str = "ZLOG_ENDPOINT";

const ENDPOINTS: &str = "Endpoints";

/// Where a command binds and connects.
#[derive(Args, Debug, Clone, Default)]
pub struct EndpointArgs {
    /// Bind this endpoint
    ///
    /// Prints the endpoint that was bound to stderr. May be repeated. PORT is tcp://127.0.0.1:PORT,
    /// and port 0 takes a free one.
    #[arg(short, long, value_name = "ENDPOINT", help_heading = ENDPOINTS)]
    #[arg(value_parser = value_parsers::endpoint())]
    pub bind: Vec<String>,
    /// Connect to this endpoint
    ///
    /// May be repeated.
    #[arg(short, long, value_name = "ENDPOINT", help_heading = ENDPOINTS)]
    #[arg(value_parser = value_parsers::endpoint())]
    pub connect: Vec<String>,
    /// Default endpoint (tcp://127.0.0.1:12345)
    ///
    /// Used without --bind and --connect. ZLOG_ENDPOINT sets another default. Any number of processes
    /// of one user can use it, since they also find each other by a directory. With bind: or connect:
    /// before the endpoint, zlog only binds or only connects there.
    #[arg(
        long, env = ENDPOINT_VARIABLE, hide_env = true, value_name = "ENDPOINT",
        value_parser = value_parsers::endpoint(),
        default_value = zlog_pipeline::socket::DEFAULT_ENDPOINT, hide_default_value = true,
        help_heading = ENDPOINTS, hide_short_help = true
    )]
    pub endpoint: String,
    /// Encrypt all tcp connections with this key
    ///
    /// Loopback is encrypted, too. Without --key, this machine's key, if there is one, encrypts what
    /// other machines can reach, and connections to servers whose keys are trusted. See `zlog keygen`.
    #[arg(long, value_name = "FILE", help_heading = ENDPOINTS, conflicts_with = "insecure")]
    #[arg(hide_short_help = true)]
    pub key: Option<PathBuf>,
    /// Bind beyond loopback without encryption
    ///
    /// Anyone who can reach the endpoint can then read its records, and write to one that collects.
    #[arg(long, help_heading = ENDPOINTS, hide_short_help = true)]
    pub insecure: bool,
    /// Engine of the sockets: native or libzmq
    ///
    /// The default is `native`, or libzmq where an endpoint needs it. ZLOG_ENGINE sets another one.
    #[arg(
        long, env = ENGINE_VARIABLE, hide_env = true, value_name = "ENGINE",
        value_parser = value_parsers::engine(), help_heading = ENDPOINTS, hide_short_help = true
    )]
    pub engine: Option<String>,
}

/// `zlog demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Stop after N records [default: at Ctrl-C]
    #[arg(short = 'n', long, value_name = "N", value_parser = parsers::at_least_one::<u64>)]
    pub count: Option<u64>,
    /// Records per second
    #[arg(long, value_name = "N[/s]", default_value = "5", value_parser = parsers::rate)]
    pub rate: f64,
    /// Make the same records for the same seed
    #[arg(long, value_name = "SEED")]
    pub seed: Option<u64>,
    /// Colour: auto, always or never
    #[arg(long, value_parser = value_parsers::choice::<ColorChoice>(), value_name = "WHEN")]
    #[arg(default_value = "auto")]
    pub color: ColorChoice,
}

/// `zlog config`.
#[derive(Args, Debug)]
pub struct ConfigArgs {
    /// Print the path of the file
    #[arg(long)]
    pub path: bool,
    /// Make a file in which everything is a comment
    #[arg(long, conflicts_with = "path")]
    pub init: bool,
}

/// `zlog completions`.
#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// bash, zsh, fish, elvish or powershell
    #[arg(value_enum, hide_possible_values = true)]
    pub shell: clap_complete::Shell,
}

/// `zlog man`.
#[derive(Args, Debug)]
pub struct ManArgs {
    /// Command, `handlers` or `relay.toml` [default: zlog itself]
    ///
    /// A command below another one is written with a dash: bench-pipeline.
    pub page: Option<String>,
}

impl Cli {
    /// Parses a command line, the program's name first.
    ///
    /// # Errors
    /// Errors of clap: wrong usage, or a request for help or the version. Wrong usage has no
    /// styles and quotes arguments escaped where possible.
    pub fn parse_line(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
        let parser = command();
        let args = switches::applied(&value_parsers::join_optional_values(args), &parser);
        parse(help::with_listed_values(parser), &args).map_err(|error| match error.use_stderr() {
            true => without_escapes(error, &args),
            false => error,
        })
    }
}

fn parse(parser: clap::Command, args: &[OsString]) -> Result<Cli, clap::Error> {
    let matches = parser.try_get_matches_from(args);
    let matches = matches.map_err(|error| with_suggestions(error, args))?;
    match matches.subcommand() {
        Some((help::NAME, topics)) => help::show(topics),
        _ => Cli::from_arg_matches(&matches),
    }
}

/// The same error without styles, so that every escape sequence in its text comes from an
/// argument, and with escaped arguments, so that none of them begins a new line.
///
/// The text of a clap error can't be changed, so the escaped arguments are parsed again. If
/// that gives another error or none, a control character is the cause of the error. Then
/// only newlines are replaced, by a control character that does not begin a line.
fn without_escapes(error: clap::Error, args: &[OsString]) -> clap::Error {
    let again = |change: &dyn Fn(&str) -> String| {
        let args: Vec<OsString> =
            args.iter().map(|arg| change(&arg.to_string_lossy()).into()).collect();
        let again = parse(command().styles(Styles::plain()), &args).err()?;
        (again.kind() == error.kind()).then_some(again)
    };
    again(&escape).or_else(|| again(&|arg| arg.replace('\n', "\r"))).unwrap_or(error)
}

/// Replaces clap's suggestions where it can't know what was meant.
fn with_suggestions(mut error: clap::Error, args: &[OsString]) -> clap::Error {
    forget_far_suggestions(&mut error);
    let has_near = error.get(ContextKind::SuggestedArg).is_some();
    let has_input = |missing: &[String]| missing.iter().any(|arg| arg.starts_with("--input "));
    let value = error.get(ContextKind::InvalidValue);
    let is_missing = matches!(value, Some(ContextValue::String(value)) if value.is_empty());
    let tips = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        // clap suggests to give it as a value, as a command to run for example.
        (ErrorKind::UnknownArgument, Some(ContextValue::String(word))) if word.starts_with('-') => {
            let tip = same_option(word, args).map(str::to_owned);
            let other = || commands_with(word, args).filter(|_| !has_near);
            tip.or_else(other).into_iter().collect()
        }
        (ErrorKind::UnknownArgument, Some(ContextValue::String(word))) => {
            match tips_for_plain_word(word, args) {
                Some(tips) => tips,
                None => return error,
            }
        }
        (ErrorKind::MissingRequiredArgument, Some(ContextValue::Strings(missing)))
            if has_input(missing) =>
        {
            vec![
                "the option is for files, which follow --input: zlog tail --input FILE ..."
                    .to_owned(),
            ]
        }
        (ErrorKind::InvalidValue, Some(ContextValue::String(arg))) if is_missing => {
            let option = arg.split([' ', '=']).next().unwrap_or_default();
            match handlers::default_of(option).or(listen::default_of(option)) {
                Some(default) => vec![format!("for the default, write: {option} {default}")],
                None => return error,
            }
        }
        _ => return error,
    };
    error.remove(ContextKind::Suggested);
    if !tips.is_empty() {
        let tips = tips.into_iter().map(Into::into).collect();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
    error
}

/// Leaves out suggestions of clap that have little in common with what was typed.
fn forget_far_suggestions(error: &mut clap::Error) {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    for (given, suggested) in [
        (ContextKind::InvalidArg, ContextKind::SuggestedArg),
        (ContextKind::InvalidValue, ContextKind::SuggestedValue),
    ] {
        let (Some(word), Some(suggestion)) = (text(given), text(suggested)) else { continue };
        if nearest(word, [suggestion]).is_none() {
            error.remove(suggested);
            // It has the suggestion in it.
            error.remove(ContextKind::Usage);
            return;
        }
    }
}

/// Commands, options that they do not have, and what does the same.
const SAME_AS: [(&str, &str, &str); 5] = [
    ("emit", "--topic", "topics are ROOT.LEVEL.SUBTOPIC: --root and --subtopic set their parts"),
    ("tail", "--replay", "to print stored records: zlog tail --input FILE"),
    ("top", "--input", "to count stored records: zlog tail --input FILE --count-by FIELD"),
    ("top", "--replay", "to count stored records: zlog tail --input FILE --count-by FIELD"),
    (
        "emit",
        "--input",
        "to publish the lines of a file: zlog emit --file FILE; stored records: zlog emit --replay FILE",
    ),
];

/// Suggests what does the same as an option that the command does not have.
fn same_option(word: &str, args: &[OsString]) -> Option<&'static str> {
    let typed = args.get(1)?.to_str()?;
    let same = SAME_AS.iter().find(|(command, option, _)| (*command, *option) == (typed, word));
    same.map(|(.., tip)| *tip)
}

/// Names the commands that have an option which the typed one does not have.
fn commands_with(word: &str, args: &[OsString]) -> Option<String> {
    let typed = args.get(1)?.to_str()?;
    let name = word.strip_prefix("--")?;
    let has_it = |command: &&clap::Command| {
        command.get_arguments().any(|argument| argument.get_long() == Some(name))
    };
    let whole = Cli::command();
    let commands: Vec<&str> =
        whole.get_subcommands().filter(has_it).map(clap::Command::get_name).collect();
    let known = whole.find_subcommand(typed).is_some() && !commands.is_empty();
    known.then(|| format!("`{word}` is an option of `zlog {}`", commands.join("`, `zlog ")))
}

/// Suggests a command line for `zlog emit ./backup.sh`, `zlog emit app.log` and `zlog emit @prod`,
/// which people try first and which clap only calls unexpected.
fn tips_for_plain_word(word: &str, args: &[OsString]) -> Option<Vec<String>> {
    let emits = args.get(1).is_some_and(|command| command == "emit");
    emits.then(|| match word.starts_with('@') || word.contains("://") {
        true => vec![format!("to publish to an endpoint: zlog emit --connect {word}")],
        false => vec![
            format!("to run a command and publish its output: zlog emit -- {word}"),
            format!("to publish the lines of a file: zlog emit --file {word}"),
        ],
    })
}

/// The whole parser. Completions and man pages are generated from it.
pub fn command() -> clap::Command {
    let root = Cli::command().version(version());
    let help = help::command(&root);
    let mut root = root.subcommand(help);
    for notes in examples::ALL {
        root = with_notes(root, notes.command, notes);
    }
    root
}

/// `command` with the notes at the end of the help of the subcommand at `path`.
fn with_notes(command: clap::Command, path: &str, notes: &Notes) -> clap::Command {
    match path.split_once(' ').unwrap_or((path, "")) {
        ("", _) => command.after_help(notes.short_help()).after_long_help(notes.long_help()),
        (name, rest) => command.mut_subcommand(name, |inner| with_notes(inner, rest, notes)),
    }
}

/// The version of zlog, and the version and features of its libzmq.
fn version() -> String {
    let curve = if zlog_pipeline::socket::has_curve() { "with CURVE" } else { "without CURVE" };
    let (major, minor, patch) = zlog_pipeline::socket::libzmq_version();
    format!("{}\nlibzmq {major}.{minor}.{patch} {curve}", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parser_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn no_value_and_no_words_on_it_are_a_variable_to_fish() {
        for command in command().get_subcommands() {
            for argument in command.get_arguments() {
                for value in argument.get_possible_values() {
                    let words = value.get_help().map(ToString::to_string).unwrap_or_default();
                    // clap_complete puts them between double quotes.
                    let found = value.get_name().contains('$') || words.contains('$');
                    assert!(!found, "{}: {words}", value.get_name());
                }
            }
        }
    }
}
