//! The arguments of `zlog emit`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgGroup, Args};
use regex::Regex;

use super::value_parsers;
use super::{EndpointArgs, ListenArgs, StoreArgs};
use zlog_core::Level;
use zlog_core::text::parsers::{self, Seconds};
use zlog_core::wire::topic;
use zlog_pipeline::handler::publish::{OnFull, Wire};
use zlog_pipeline::socket::DEFAULT_HWM;
use zlog_pipeline::source::SourceKind;
use zlog_pipeline::spool;

const SOURCE: &str = "Source (default: stdin)";
const RECORDS: &str = "Records";
const DELIVERY: &str = "Delivery";

/// The options that name the source. At most one of them may be given.
const SOURCES: [&str; 5] = ["file", "test", "replay", "message", "command"];

/// The options of the other sources. An option that requires `source` must also conflict with
/// them: if one of them is given, clap no longer insists on `source`, which excludes it.
fn without(source: &str) -> impl Iterator<Item = &'static str> {
    SOURCES.into_iter().filter(move |other| *other != source)
}

/// `zlog emit`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("from").args(SOURCES))]
#[command(group = ArgGroup::new("listening").args(["listen", "listen_udp", "otlp_listen"]).multiple(true).conflicts_with("from"))]
#[command(group = ArgGroup::new("python").args(["listen", "listen_udp"]).multiple(true).conflicts_with("otlp_listen"))]
pub struct EmitArgs {
    /// Publish the lines of these files
    #[arg(long, value_name = "PATH", num_args = 1.., help_heading = SOURCE)]
    pub file: Vec<PathBuf>,
    /// Continue as the files grow or are rotated
    #[arg(short, long, requires = "file", conflicts_with_all = without("file"))]
    #[arg(help_heading = SOURCE)]
    pub follow: bool,
    /// Start at the end of the files: publish only what is added from now on
    #[arg(long, requires = "follow", help_heading = SOURCE, hide_short_help = true)]
    pub from_end: bool,
    /// How long to keep reading a file that was renamed
    ///
    /// Its writer may still write to it. The time starts again whenever the file grows.
    #[arg(long, value_name = "DURATION", default_value = "5s", requires = "follow")]
    #[arg(help_heading = SOURCE, hide_short_help = true)]
    pub rotate_wait: Seconds,
    /// Remember in FILE where each file was read to
    ///
    /// The next run continues there: no line is repeated or skipped, also if the files were rotated
    /// and compressed meanwhile. Without --follow, emit publishes what is new and ends.
    #[arg(long, value_name = "FILE", requires = "file", conflicts_with_all = without("file"))]
    #[arg(help_heading = SOURCE)]
    pub position: Option<PathBuf>,
    /// Publish N test records; without N, endlessly
    #[arg(long, value_name = "N", num_args = 0..=1, value_parser = parsers::at_least_one::<u64>)]
    #[arg(help_heading = SOURCE)]
    pub test: Option<Option<u64>>,
    /// Make the same test records for the same seed
    #[arg(long, value_name = "SEED", requires = "test", conflicts_with_all = without("test"))]
    #[arg(help_heading = SOURCE, hide_short_help = true)]
    pub seed: Option<u64>,
    /// Publish stored records at their original pace
    ///
    /// FILE is the output of `zlog tail --output json`.
    #[arg(long, value_name = "FILE", help_heading = SOURCE)]
    pub replay: Option<PathBuf>,
    /// Pace of --replay: 10x, 0.5x or max
    #[arg(
        long, value_name = "SPEED", default_value = "1x", hide_short_help = true, value_parser = parsers::speed,
        requires = "replay", conflicts_with_all = without("replay"), help_heading = SOURCE
    )]
    pub speed: f64,
    /// Publish this one record
    #[arg(short, long, value_name = "TEXT", help_heading = SOURCE)]
    pub message: Option<OsString>,
    /// Run this command and publish its stdout and stderr
    #[arg(last = true, num_args = 1.., value_names = ["COMMAND", "ARGS"], help_heading = SOURCE)]
    pub command: Vec<OsString>,

    /// Python's network handlers, or OpenTelemetry
    #[command(flatten)]
    pub listen: ListenArgs,

    /// First part of topics
    #[arg(short, long, value_parser = topic::typed_root, default_value = "", hide_default_value = true)]
    #[arg(help_heading = RECORDS)]
    pub root: String,
    /// Level of lines that name none [default: INFO]
    #[arg(short, long, value_parser = value_parsers::LevelParser, hide_possible_values = true)]
    #[arg(help_heading = RECORDS)]
    pub level: Option<Level>,
    /// The same for stderr [default: WARNING]
    #[arg(long, value_parser = value_parsers::LevelParser, hide_possible_values = true)]
    #[arg(value_name = "LEVEL", requires = "command", conflicts_with_all = without("command"))]
    #[arg(help_heading = RECORDS)]
    pub stderr_level: Option<Level>,
    /// Last part of topics
    #[arg(long, value_parser = topic::typed_part, help_heading = RECORDS)]
    pub subtopic: Option<String>,
    /// Read the subtopic from lines: `db::text`
    ///
    /// The text before DELIM moves to the topic. Without a value, DELIM is ::.
    #[arg(long, value_name = "DELIM", num_args = 0..=1, default_missing_value = "::")]
    #[arg(help_heading = RECORDS)]
    pub topic_delim: Option<String>,
    /// Keep topics of JSON and logfmt lines that are outside the root
    #[arg(long, help_heading = RECORDS, hide_short_help = true)]
    pub trust_topic: bool,
    /// Logger [default: the root, or `root`]
    #[arg(long, help_heading = RECORDS)]
    pub name: Option<String>,
    /// Source name, unique per emitter [default: made from host and process]
    #[arg(long, help_heading = RECORDS, hide_short_help = true)]
    pub source: Option<String>,
    /// Do not look for levels, JSON and logfmt
    #[arg(long, help_heading = RECORDS)]
    pub no_detect: bool,
    /// Parse lines by named groups
    ///
    /// The groups are time, level, name, message and subtopic. Others become extras.
    #[arg(long, value_name = "REGEX", help_heading = RECORDS)]
    pub pattern: Option<Regex>,
    /// Read all lines as this format of `zlog formats`
    #[arg(long, value_name = "NAME", conflicts_with = "pattern", help_heading = RECORDS)]
    pub format_in: Option<String>,
    /// Regular expression that matches the first line of a record
    ///
    /// Lines that do not match are attached to the record before them.
    #[arg(long, value_name = "REGEX", conflicts_with = "no_multiline", help_heading = RECORDS)]
    pub multiline: Option<Regex>,
    /// Do not look for tracebacks
    ///
    /// Every line is then a record.
    #[arg(long, help_heading = RECORDS)]
    pub no_multiline: bool,
    /// How long a record waits for the rest of its traceback
    ///
    /// A line that reports an error waits a tenth of that for a traceback. Other lines are
    /// published at once.
    #[arg(long, value_name = "DURATION", default_value = "100ms", help_heading = RECORDS)]
    #[arg(hide_short_help = true)]
    pub multiline_wait: Seconds,
    /// Drop empty lines
    #[arg(long, help_heading = RECORDS)]
    pub skip_empty: bool,
    /// Publish a longer line in pieces
    ///
    /// A line that begins with { may be eight times as long, because JSON is longer than the
    /// message in it.
    #[arg(long, value_name = "SIZE", default_value = "16M", value_parser = parsers::size)]
    #[arg(help_heading = RECORDS, hide_short_help = true)]
    pub max_line: usize,

    /// Endpoints
    #[command(flatten)]
    pub endpoints: EndpointArgs,
    /// Handlers that store records. With one of them, nothing is published unless --bind or
    /// --connect is given.
    #[command(flatten)]
    pub stores: StoreArgs,

    /// Dialect: json or text
    #[arg(long, value_parser = value_parsers::choice::<Wire>(), default_value = "json")]
    #[arg(help_heading = DELIVERY)]
    pub wire: Wire,
    /// How long to wait for subscribers [default: 1s]
    ///
    /// The first record waits, not the command or the program that writes to stdin. With
    /// --follow, records wait without limit, and again when all subscribers have left.
    #[arg(long, value_name = "DURATION", help_heading = DELIVERY)]
    pub wait: Option<Seconds>,
    /// How many of them to wait for
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = DELIVERY)]
    pub wait_for: usize,
    /// Slow subscriber: block or drop
    #[arg(long, value_parser = value_parsers::choice::<OnFull>(), default_value = "block")]
    #[arg(value_name = "WHAT", help_heading = DELIVERY)]
    pub on_full: OnFull,
    /// Disconnect a subscriber that takes nothing for this long [default: never]
    ///
    /// For --on-full block, while records wait for it: it is named, and what was queued for it is
    /// counted as lost. 0 is never. Only on the native engine.
    #[arg(long, value_name = "DURATION", help_heading = DELIVERY, hide_short_help = true)]
    pub stall: Option<Seconds>,
    /// High-water mark: messages queued for each subscriber; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = DEFAULT_HWM, help_heading = DELIVERY)]
    #[arg(hide_short_help = true)]
    pub hwm: u32,
    /// How long to send the rest at the end
    #[arg(long, value_name = "DURATION", default_value = "5s", help_heading = DELIVERY)]
    #[arg(hide_short_help = true)]
    pub linger: Seconds,
    /// Keep records in DIR until a relay confirms them
    ///
    /// The relay needs --spool, too. What is not confirmed at the end stays in DIR, and the next
    /// `zlog emit --spool DIR` sends it. --connect names where the relay collects.
    #[arg(long, value_name = "DIR", help_heading = DELIVERY, conflicts_with = "bind")]
    pub spool: Option<PathBuf>,
    /// Exit with 3 unless all records were confirmed within --linger
    #[arg(long, requires = "spool", help_heading = DELIVERY, hide_short_help = true)]
    pub confirm: bool,
    /// Most bytes of --spool
    ///
    /// If it is full, --on-full says whether the input waits, or records are dropped and counted.
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = spool::bound)]
    #[arg(requires = "spool", help_heading = DELIVERY, hide_short_help = true)]
    pub spool_bytes: usize,
    /// Where the relay confirms [default: the port before --connect, or its path and .confirm]
    #[arg(long, value_name = "ENDPOINT", value_parser = value_parsers::endpoint())]
    #[arg(requires = "spool", help_heading = DELIVERY, hide_short_help = true)]
    pub confirm_at: Option<String>,
    /// At most this rate: 20, 20/s, 100/m
    #[arg(long, value_name = "N/s", value_parser = parsers::rate, help_heading = DELIVERY)]
    pub rate: Option<f64>,
    /// Stop after N records
    #[arg(short = 'n', long, value_name = "N", value_parser = parsers::at_least_one::<u64>)]
    #[arg(help_heading = DELIVERY)]
    pub count: Option<u64>,
    /// Stop after this long
    #[arg(long, value_name = "DURATION", value_parser = parsers::nonzero_duration)]
    #[arg(help_heading = DELIVERY)]
    pub duration: Option<Seconds>,
    /// Fail if an endpoint can't be used
    ///
    /// Otherwise a command still runs, or stdin is read to its end, and nothing is published.
    /// Nothing is started before the check.
    #[arg(long, help_heading = DELIVERY, hide_short_help = true)]
    pub strict: bool,
    /// Exit with 3 if a record was lost
    ///
    /// Also if one may have been lost, after a signal, and if it was published before there was a
    /// subscriber. Records that all subscribers have left out do not count.
    #[arg(long, help_heading = DELIVERY)]
    pub fail_on_loss: bool,
    /// Also copy the input to stdout
    ///
    /// It is copied byte for byte. The stderr of a command goes to stderr.
    #[arg(long, help_heading = DELIVERY)]
    pub tee: bool,
    /// Print nothing unless records were lost
    ///
    /// With --confirm, also if some are not confirmed.
    #[arg(short, long, help_heading = DELIVERY)]
    pub quiet: bool,
}

impl EmitArgs {
    /// Whether somebody depends on the input being read: a wrapped command, or a program that
    /// writes to standard input.
    pub fn has_writer(&self) -> bool {
        match self.source_kind() {
            SourceKind::Stdin | SourceKind::Command => true,
            SourceKind::File => self.file.iter().any(|path| path == "-"),
            SourceKind::Message
            | SourceKind::Synthetic
            | SourceKind::Replay
            | SourceKind::Python
            | SourceKind::Otlp => false,
        }
    }

    /// Whether records are published: not if they are only stored.
    pub fn publishes(&self) -> bool {
        let EndpointArgs { bind, connect, .. } = &self.endpoints;
        let publishes_too = self.spool.is_some() || !(bind.is_empty() && connect.is_empty());
        self.stores.0.is_empty() || publishes_too
    }

    /// Whether files are read from their positions to their ends, and what is not published now is
    /// read by the next run.
    pub fn reads_what_is_new(&self) -> bool {
        self.position.is_some() && !self.follow
    }

    /// The source that was chosen. The parser refuses two.
    pub fn source_kind(&self) -> SourceKind {
        match self {
            args if args.listen.python() => SourceKind::Python,
            args if args.listen.any() => SourceKind::Otlp,
            args if !args.command.is_empty() => SourceKind::Command,
            args if !args.file.is_empty() => SourceKind::File,
            EmitArgs { message: Some(_), .. } => SourceKind::Message,
            EmitArgs { test: Some(_), .. } => SourceKind::Synthetic,
            EmitArgs { replay: Some(_), .. } => SourceKind::Replay,
            _ => SourceKind::Stdin,
        }
    }
}
