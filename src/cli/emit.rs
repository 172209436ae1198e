//! `zlog emit`: what may be typed.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use regex::Regex;

use super::value_parsers;
use super::{EndpointArgs, ListenArgs};
use zlog_core::record::Level;
use zlog_core::text::parsers::{self, Seconds};
use zlog_pipeline::socket::DEFAULT_HWM;
use zlog_pipeline::source::SourceKind;

/// The dialect to send.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WireArg {
    /// Whole records, as JSON under Python's LogRecord attribute names.
    #[default]
    Json,
    /// The message alone, as PyZMQ's PUBHandler sends it.
    Text,
}

/// What to do with a record when a subscriber does not keep up.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnFull {
    /// Wait: the input is read no faster than the slowest subscriber takes it.
    #[default]
    Block,
    /// Drop the record and count it.
    Drop,
}

/// `zlog emit`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("from").args(["file", "test", "replay", "message", "command"]))]
#[command(group = ArgGroup::new("listening").args(["listen", "listen_udp"]).multiple(true).conflicts_with("from"))]
pub struct EmitArgs {
    /// Publish the lines of these files
    #[arg(long, value_name = "PATH", num_args = 1.., help_heading = "Source (stdin without one)")]
    pub file: Vec<PathBuf>,
    /// Go on as the files grow, are truncated or rotated
    #[arg(short, long, requires = "file", help_heading = "Source (stdin without one)")]
    pub follow: bool,
    /// Start at the end of the files: publish only what is added from now on
    #[arg(long, requires = "follow", help_heading = "Source (stdin without one)")]
    pub from_end: bool,
    /// Publish N test records at random levels; without N, until stopped
    #[arg(long, value_name = "N", num_args = 0..=1, value_parser = parsers::at_least_one::<u64>)]
    #[arg(help_heading = "Source (stdin without one)")]
    pub test: Option<Option<u64>>,
    /// The same test records again for the same seed
    #[arg(
        long,
        value_name = "SEED",
        requires = "test",
        help_heading = "Source (stdin without one)"
    )]
    pub seed: Option<u64>,
    /// Publish stored records (`zlog tail --output json`) with their own spacing
    #[arg(long, value_name = "FILE", help_heading = "Source (stdin without one)")]
    pub replay: Option<PathBuf>,
    /// How much faster than recorded: 10x, 0.5x, max
    #[arg(
        long, value_name = "SPEED", default_value = "1x", value_parser = parsers::speed,
        requires = "replay", help_heading = "Source (stdin without one)"
    )]
    pub speed: f64,
    /// Publish this one record; stdin is not read
    #[arg(short, long, value_name = "TEXT", help_heading = "Source (stdin without one)")]
    pub message: Option<OsString>,
    /// Run this command and publish its stdout and stderr
    #[arg(last = true, num_args = 1.., value_names = ["COMMAND", "ARGS"])]
    #[arg(help_heading = "Source (stdin without one)")]
    pub command: Vec<OsString>,

    /// Programs that log through Python's own handlers
    #[command(flatten)]
    pub listen: ListenArgs,

    /// What topics begin with
    #[arg(short, long, value_parser = parsers::root, default_value = "", hide_default_value = true)]
    #[arg(help_heading = "Records")]
    pub root: String,
    /// The level of what does not say its own [default: INFO]
    #[arg(short, long, value_parser = value_parsers::LevelParser, hide_possible_values = true, help_heading = "Records")]
    pub level: Option<Level>,
    /// The same for a command's stderr [default: WARNING]
    #[arg(long, value_parser = value_parsers::LevelParser, hide_possible_values = true, value_name = "LEVEL")]
    #[arg(requires = "command", help_heading = "Records")]
    pub stderr_level: Option<Level>,
    /// What topics end with
    #[arg(long, value_parser = parsers::topic_part, help_heading = "Records")]
    pub subtopic: Option<String>,
    /// Move what stands before DELIM in a line to the topic [DELIM is :: unless given]
    #[arg(long, value_name = "DELIM", num_args = 0..=1, default_missing_value = "::")]
    #[arg(help_heading = "Records")]
    pub topic_delim: Option<String>,
    /// Keep the topics that JSON and logfmt lines bring along, whatever they begin with
    #[arg(long, help_heading = "Records")]
    pub trust_topic: bool,
    /// The logger's name [default: the root, or `root`]
    #[arg(long, help_heading = "Records")]
    pub name: Option<String>,
    /// Who sends; must be unique among emitters [default: made from host and process]
    #[arg(long, help_heading = "Records")]
    pub source: Option<String>,
    /// Do not look for levels, JSON or logfmt in the lines
    #[arg(long, help_heading = "Records")]
    pub no_detect: bool,
    /// Take lines apart by named groups: time, level, name, message, subtopic; others become extras
    #[arg(long, value_name = "REGEX", help_heading = "Records")]
    pub pattern: Option<Regex>,
    /// A line that matches begins a record; other lines belong to the one before
    #[arg(long, value_name = "REGEX", conflicts_with = "no_multiline", help_heading = "Records")]
    pub multiline: Option<Regex>,
    /// Every line is a record: do not look for tracebacks
    #[arg(long, help_heading = "Records")]
    pub no_multiline: bool,
    /// How long a record waits for the rest of its traceback
    #[arg(long, value_name = "DURATION", default_value = "100ms", help_heading = "Records")]
    pub multiline_wait: Seconds,
    /// Leave out empty lines
    #[arg(long, help_heading = "Records")]
    pub skip_empty: bool,
    /// A longer line is published in pieces; one that begins with { may be eight times as
    /// long, since JSON is longer than the message in it
    #[arg(long, value_name = "SIZE", default_value = "16M", value_parser = parsers::size)]
    #[arg(help_heading = "Records")]
    pub max_line: usize,

    /// Endpoints
    #[command(flatten)]
    pub endpoints: EndpointArgs,

    /// What to send
    #[arg(long, value_enum, default_value_t, help_heading = "Delivery")]
    pub wire: WireArg,
    /// How long to wait for subscribers before the first record
    #[arg(long, value_name = "DURATION", default_value = "1s", help_heading = "Delivery")]
    pub wait: Seconds,
    /// How many subscribers to wait for; 0 is not to wait
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Delivery")]
    pub wait_for: usize,
    /// What to do when a subscriber does not keep up
    #[arg(long, value_enum, default_value_t, value_name = "WHAT", help_heading = "Delivery")]
    pub on_full: OnFull,
    /// High-water mark: messages held for each subscriber; 0 is no limit
    #[arg(long, value_name = "N", default_value_t = DEFAULT_HWM, help_heading = "Delivery")]
    pub hwm: u32,
    /// How long to go on sending what is held when the input has ended
    #[arg(long, value_name = "DURATION", default_value = "5s", help_heading = "Delivery")]
    pub linger: Seconds,
    /// Send at most this many records each second: 20, 20/s, 100/m
    #[arg(long, value_name = "N/s", value_parser = parsers::rate, help_heading = "Delivery")]
    pub rate: Option<f64>,
    /// Stop after N records
    #[arg(short = 'n', long, value_name = "N", value_parser = parsers::at_least_one::<u64>)]
    #[arg(help_heading = "Delivery")]
    pub count: Option<u64>,
    /// Stop after this long
    #[arg(long, value_name = "DURATION", value_parser = parsers::nonzero_duration)]
    #[arg(help_heading = "Delivery")]
    pub duration: Option<Seconds>,
    /// Exit with 3 when a record was lost, or may have been; also at a signal
    #[arg(long, help_heading = "Delivery")]
    pub fail_on_loss: bool,
    /// Also copy the input to stdout, untouched (a command's stderr to stderr)
    #[arg(long, conflicts_with_all = ["test", "replay", "message", "listening"], help_heading = "Delivery")]
    pub tee: bool,
    /// Leave out the summary and the progress line
    #[arg(short, long, help_heading = "Delivery")]
    pub quiet: bool,
}

impl EmitArgs {
    /// The source that was chosen. The parser refuses two.
    pub fn source_kind(&self) -> SourceKind {
        match self {
            args if args.listen.any() => SourceKind::Python,
            args if !args.command.is_empty() => SourceKind::Command,
            args if !args.file.is_empty() => SourceKind::File,
            EmitArgs { message: Some(_), .. } => SourceKind::Message,
            EmitArgs { test: Some(_), .. } => SourceKind::Synthetic,
            EmitArgs { replay: Some(_), .. } => SourceKind::Replay,
            _ => SourceKind::Stdin,
        }
    }
}
