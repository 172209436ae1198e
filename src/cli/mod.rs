//! The parser: what may be typed. Subcommands, the argument groups that commands
//! share, and the examples that `--help` and the man pages show.
//!
//! What may be here: declarations, and checks that need nothing but the command
//! line. What was typed becomes a pipeline in `cmd`.

mod bench;
mod emit;
pub mod examples;
mod format;
pub mod handlers;
mod listen;
mod relay;
mod tail;
pub mod value_parsers;

use std::ffi::OsString;

use clap::builder::styling::{AnsiColor, Styles};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

pub use self::bench::{
    BareReceiveArgs, BareSendArgs, BenchArgs, BenchCommand, BenchOutput, HandlerArg, PipelineArgs,
    PipelineOutput,
};
pub use self::emit::{EmitArgs, OnFull, WireArg};
pub use self::format::FormatArgs;
pub use self::handlers::HandlerArgs;
pub use self::listen::ListenArgs;
pub use self::relay::{DEFAULT_COLLECT, RelayArgs, RelayOnFull, StatusOutput};
pub use self::tail::TailArgs;
use zlog_core::text::escape::escape;
use zlog_core::text::parsers::{self, rate};
use zlog_pipeline::os::terminal::ColorChoice;

/// Help in the colours of a plain terminal theme.
const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default().bold())
    .usage(AnsiColor::Yellow.on_default().bold())
    .literal(AnsiColor::Green.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

/// Carries log records over ZeroMQ publish/subscribe.
#[derive(Parser, Debug)]
#[command(name = "zlog", version, styles = STYLES, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Publish records: lines of stdin or files, a command's output, test records
    Emit(Box<EmitArgs>),
    /// Subscribe to records and print them
    Tail(Box<TailArgs>),
    /// Collect from many publishers, publish to many subscribers
    Relay(Box<RelayArgs>),
    /// Measure what a log call costs: publishing, files, mail
    Bench(Box<BenchArgs>),
    /// An emitter and a tail in one terminal, to look at
    Demo(DemoArgs),
    /// Write shell completions or man pages to standard output
    #[command(hide = true)]
    Generate(GenerateArgs),
}

/// The environment's default endpoint.
pub const ENDPOINT_VARIABLE: &str = "ZLOG_ENDPOINT";

/// Where a command binds and connects.
#[derive(Args, Debug, Clone, Default)]
pub struct EndpointArgs {
    /// Bind this endpoint, and print the one really bound to stderr; may be repeated
    #[arg(short, long, value_name = "ENDPOINT", help_heading = "Endpoints")]
    pub bind: Vec<String>,
    /// Connect to this endpoint; may be repeated
    #[arg(short, long, value_name = "ENDPOINT", help_heading = "Endpoints")]
    pub connect: Vec<String>,
    /// The endpoint when neither --bind nor --connect names one
    #[arg(
        long,
        env = ENDPOINT_VARIABLE,
        value_name = "ENDPOINT",
        default_value = zlog_pipeline::socket::DEFAULT_ENDPOINT,
        help_heading = "Endpoints"
    )]
    pub endpoint: String,
}

/// `zlog demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Stop after N records; without it, at Ctrl-C
    #[arg(short = 'n', long, value_name = "N", value_parser = parsers::at_least_one::<u64>)]
    pub count: Option<u64>,
    /// Records each second
    #[arg(long, value_name = "N[/s]", default_value = "5", value_parser = rate)]
    pub rate: f64,
    /// The same records again for the same seed
    #[arg(long, value_name = "SEED")]
    pub seed: Option<u64>,
    /// When to colour
    #[arg(long, value_parser = value_parsers::choice::<ColorChoice>(), value_name = "WHEN")]
    #[arg(default_value = "auto")]
    pub color: ColorChoice,
}

/// `zlog generate`.
#[derive(Args, Debug)]
pub struct GenerateArgs {
    /// What to generate
    #[command(subcommand)]
    pub what: Generate,
}

/// What `zlog generate` writes.
#[derive(Subcommand, Debug)]
pub enum Generate {
    /// A completion script
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// A man page, in roff
    Man {
        /// The command whose page it is; zlog's own without one
        command: Option<String>,
    },
}

impl Cli {
    /// Parses a command line, the program's name first.
    ///
    /// # Errors
    /// clap's: wrong usage, or a request for help or the version. Wrong usage has no
    /// styles, and quotes arguments escaped where that can be.
    pub fn parse_line(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
        let args = value_parsers::join_optional_values(args);
        parse(command(), &args).map_err(|error| match error.use_stderr() {
            true => without_escapes(error, &args),
            false => error,
        })
    }
}

fn parse(parser: clap::Command, args: &[OsString]) -> Result<Cli, clap::Error> {
    let matches = parser.try_get_matches_from(args).map_err(explain_plain_word)?;
    Cli::from_arg_matches(&matches)
}

/// The same error without styles, so that every escape sequence in its text is from
/// outside, and about escaped arguments, so that none of them begins a line of its own.
///
/// clap lets nobody change the texts of an error, so the arguments are parsed again. Where
/// the escaped ones have another error or none, a control character is what is wrong. Then
/// only newlines are replaced, by a control character that begins no line.
fn without_escapes(error: clap::Error, args: &[OsString]) -> clap::Error {
    let again = |change: &dyn Fn(&str) -> String| {
        let args: Vec<OsString> =
            args.iter().map(|arg| change(&arg.to_string_lossy()).into()).collect();
        let again = parse(command().styles(Styles::plain()), &args).err()?;
        (again.kind() == error.kind()).then_some(again)
    };
    again(&escape).or_else(|| again(&|arg| arg.replace('\n', "\r"))).unwrap_or(error)
}

/// `zlog emit ./backup.sh` and `zlog emit app.log` are what comes to mind first, and
/// clap knows no more of them than that they are unexpected.
fn explain_plain_word(mut error: clap::Error) -> clap::Error {
    let word = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(word)) if error.kind() == ErrorKind::UnknownArgument => word,
        _ => return error,
    };
    let emits = matches!(error.get(ContextKind::Usage),
        Some(ContextValue::StyledStr(usage)) if usage.to_string().contains("zlog emit"));
    if emits && !word.starts_with('-') {
        let tips = vec![
            format!("to run a command and publish its output: zlog emit -- {word}").into(),
            format!("to publish the lines of a file: zlog emit --file {word}").into(),
        ];
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
    error
}

/// The whole parser, as completions and man pages need it too.
pub fn command() -> clap::Command {
    let mut whole = Cli::command().version(version());
    for notes in examples::ALL {
        whole = with_notes(whole, notes.command, notes.after_help());
    }
    whole
}

/// `command` with `help` at the end of the help of the subcommand that `path` leads to.
fn with_notes(command: clap::Command, path: &str, help: String) -> clap::Command {
    match path.split_once(' ').unwrap_or((path, "")) {
        ("", _) => command.after_help(help),
        (name, rest) => command.mut_subcommand(name, |inner| with_notes(inner, rest, help)),
    }
}

/// zlog's version, and what its libzmq is and can do.
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
