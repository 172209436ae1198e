//! The arguments of `zlog relay`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

use super::value_parsers;
use super::{ENDPOINT_VARIABLE, HandlerArgs, ListenArgs};
use zlog_core::Level;
use zlog_core::text::parsers::{self, Seconds};
use zlog_core::wire::topic;
use zlog_pipeline::handler::publish::OnFull;
use zlog_pipeline::socket::{ConfirmWhen, DEFAULT_HWM, ENGINE_VARIABLE};
use zlog_pipeline::spool;

const CONFIGURATION: &str = "Configuration";
const COLLECT: &str = "Collect records";
const PUBLISH: &str = "Publish records";
const HISTORY: &str = "Past records and queries";
const REPORTS: &str = "Reports";

/// Where a relay collects by default: the port before the one on which it publishes.
pub const DEFAULT_COLLECT: &str = "tcp://127.0.0.1:12344";

/// How `zlog relay --status` prints.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum StatusOutput {
    /// Tables.
    #[default]
    Table,
    /// One JSON object.
    Json,
}

/// `zlog relay`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("listening").args(["listen", "listen_udp", "otlp_listen"]).multiple(true))]
pub struct RelayArgs {
    /// TOML file with options, handlers and routes
    ///
    /// Options on the command line have precedence. SIGHUP reloads the file. The man page
    /// zlog-relay.toml(5) describes its keys.
    #[arg(long, value_name = "FILE", help_heading = CONFIGURATION)]
    pub config: Option<PathBuf>,
    /// Only report the errors in --config
    ///
    /// Each is printed with line and column. Nothing is opened. Commands, login files and paths
    /// are not looked up.
    #[arg(long, requires = "config", help_heading = CONFIGURATION)]
    pub check: bool,

    /// Collect here [default: tcp://127.0.0.1:12344]
    ///
    /// Publishers connect to this endpoint. May be repeated.
    #[arg(short, long, value_name = "ENDPOINT", help_heading = COLLECT)]
    #[arg(value_parser = value_parsers::endpoint())]
    pub bind: Vec<String>,
    /// Collect from a publisher that binds
    ///
    /// May be repeated.
    #[arg(short, long, value_name = "ENDPOINT", help_heading = COLLECT)]
    #[arg(value_parser = value_parsers::endpoint())]
    pub connect: Vec<String>,
    /// Also collect lines of stdin
    ///
    /// The relay continues when stdin ends.
    #[arg(long, help_heading = COLLECT)]
    pub stdin: bool,
    /// First part of the topics of these lines
    #[arg(short, long, value_parser = topic::typed_root, default_value = "", hide_default_value = true)]
    #[arg(requires = "stdin", help_heading = COLLECT)]
    pub root: String,
    /// Keep topics of JSON and logfmt lines that are outside the root
    #[arg(long, requires = "stdin", help_heading = COLLECT, hide_short_help = true)]
    pub trust_topic: bool,
    /// Level of lines that name none [default: INFO]
    #[arg(long, value_parser = value_parsers::LevelParser, hide_possible_values = true)]
    #[arg(value_name = "LEVEL", requires = "stdin", help_heading = COLLECT)]
    #[arg(hide_short_help = true)]
    pub stdin_level: Option<Level>,
    /// Disconnect a publisher that sends a larger message
    #[arg(long, value_name = "SIZE", default_value = "128M", value_parser = parsers::size)]
    #[arg(help_heading = COLLECT, hide_short_help = true)]
    pub max_message: usize,

    /// Keep records of `emit --spool`, and confirm them
    ///
    /// A record is kept until it is published and handed to the handlers. After a crash, the next
    /// relay with the same DIR continues.
    #[arg(long, value_name = "DIR", help_heading = COLLECT)]
    pub spool: Option<PathBuf>,
    /// Most bytes of --spool; if it is full, senders wait
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = spool::bound)]
    #[arg(requires = "spool", help_heading = COLLECT, hide_short_help = true)]
    pub spool_bytes: usize,
    /// When records are confirmed: stored (on disk) or handled (by the handlers)
    #[arg(long, value_parser = value_parsers::choice::<ConfirmWhen>(), default_value = "stored")]
    #[arg(value_name = "WHEN", requires = "spool", help_heading = COLLECT, hide_short_help = true)]
    pub confirm_when: ConfirmWhen,
    /// Confirm here [default: the port before each --bind, or its path and .confirm]
    #[arg(long, value_name = "ENDPOINT", help_heading = COLLECT, hide_short_help = true)]
    #[arg(value_parser = value_parsers::endpoint(), requires = "spool")]
    pub confirm_at: Vec<String>,

    /// Python's network handlers, and OpenTelemetry
    #[command(flatten)]
    pub listen: ListenArgs,

    /// Publish to subscribers that connect
    ///
    /// May be repeated.
    #[arg(short, long, value_name = "ENDPOINT", help_heading = PUBLISH)]
    #[arg(value_parser = value_parsers::endpoint())]
    pub publish_bind: Vec<String>,
    /// Publish to a subscriber that binds
    ///
    /// May be repeated.
    #[arg(long, value_name = "ENDPOINT", help_heading = PUBLISH)]
    #[arg(value_parser = value_parsers::endpoint())]
    pub publish_connect: Vec<String>,
    /// Default (tcp://127.0.0.1:12345)
    ///
    /// Used without --publish-bind and --publish-connect. ZLOG_ENDPOINT sets another default, with
    /// bind: or connect: before it if nothing else may be used.
    #[arg(
        long, env = ENDPOINT_VARIABLE, hide_env = true, value_name = "ENDPOINT",
        value_parser = value_parsers::endpoint(),
        default_value = zlog_pipeline::socket::DEFAULT_ENDPOINT, hide_default_value = true,
        help_heading = PUBLISH
    )]
    pub endpoint: String,
    /// Engine of the sockets: native or libzmq
    ///
    /// The default is `native`, or libzmq where an endpoint needs it. ZLOG_ENGINE sets another one.
    /// Queries always use `native`.
    #[arg(
        long, env = ENGINE_VARIABLE, hide_env = true, value_name = "ENGINE",
        value_parser = value_parsers::engine(), help_heading = PUBLISH, hide_short_help = true
    )]
    pub engine: Option<String>,
    /// Encrypt all tcp connections with this key
    ///
    /// Loopback is encrypted, too. Without --key, this machine's key, if there is one, encrypts what
    /// other machines can reach, and connections to servers whose keys are trusted. See `zlog keygen`.
    #[arg(long, value_name = "FILE", help_heading = PUBLISH, conflicts_with = "insecure")]
    #[arg(hide_short_help = true)]
    pub key: Option<PathBuf>,
    /// Bind beyond loopback without encryption
    ///
    /// It applies to all endpoints of the relay. Anyone who can reach them can then read its records, and
    /// write others.
    #[arg(long, help_heading = PUBLISH, hide_short_help = true)]
    pub insecure: bool,
    /// Slow subscriber: drop or block
    ///
    /// `drop` loses a message for the slow subscriber only. This also applies to a handler whose
    /// queue is full.
    #[arg(long, value_parser = value_parsers::choice::<OnFull>(), default_value = "drop")]
    #[arg(value_name = "WHAT", help_heading = PUBLISH)]
    pub on_full: OnFull,
    /// Disconnect a subscriber that takes nothing for this long [default: 30s]
    ///
    /// For --on-full block, while records wait for it: it is named, and what was queued for it is
    /// counted as lost. 0 is never. Only on the native engine.
    #[arg(long, value_name = "DURATION", help_heading = PUBLISH, hide_short_help = true)]
    pub stall: Option<Seconds>,
    /// High-water mark: messages queued for each publisher and each subscriber; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = DEFAULT_HWM, help_heading = PUBLISH)]
    #[arg(hide_short_help = true)]
    pub hwm: u32,
    /// How long to send the rest to subscribers and handlers at the end
    #[arg(long, value_name = "DURATION", default_value = "5s", help_heading = PUBLISH)]
    #[arg(hide_short_help = true)]
    pub linger: Seconds,

    /// Handlers
    #[command(flatten)]
    pub handlers: HandlerArgs,

    /// Keep the last N messages of each topic
    ///
    /// `zlog tail --last` prints them. The relay then subscribes to everything.
    #[arg(long, value_name = "N", value_parser = parsers::at_least_one::<u64>)]
    #[arg(help_heading = HISTORY)]
    pub keep: Option<u64>,
    /// Keep at most this much of all topics together; the oldest is discarded first
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = parsers::size)]
    #[arg(requires = "keep", help_heading = HISTORY, hide_short_help = true)]
    pub keep_bytes: usize,
    /// Answer queries here [default: the port after each --publish-bind, or its path and .ask]
    #[arg(long, value_name = "ENDPOINT", help_heading = HISTORY, hide_short_help = true)]
    #[arg(value_parser = value_parsers::endpoint())]
    pub ask: Vec<String>,
    /// Answer no queries: no --status, no --last
    #[arg(long, conflicts_with = "ask", help_heading = HISTORY, hide_short_help = true)]
    pub no_ask: bool,

    /// Print the status of a running relay
    ///
    /// ENDPOINT is the one that it publishes on.
    #[arg(
        long, value_name = "ENDPOINT", num_args = 0..=1, help_heading = REPORTS,
        value_parser = value_parsers::endpoint(),
        conflicts_with_all = [
            "config", "bind", "connect", "stdin", "publish_bind", "publish_connect", "keep", "no_ask",
            "spool"
        ]
    )]
    pub status: Option<Option<String>>,
    /// Format of the status: table or json
    #[arg(short, long, value_enum, default_value_t, value_name = "HOW", requires = "status")]
    #[arg(help_heading = REPORTS, hide_default_value = true)]
    pub output: StatusOutput,
    /// Print rates, drops and peers at this interval
    ///
    /// Each time, one line is printed on stderr.
    #[arg(long, value_name = "INTERVAL", value_parser = parsers::nonzero_duration)]
    #[arg(help_heading = REPORTS)]
    pub report: Option<Seconds>,
    /// Exit with 3 if a record was lost
    ///
    /// The code is also 3 if a record may have been lost, and after a signal. Records that nobody had
    /// subscribed to do not count.
    #[arg(long, help_heading = REPORTS)]
    pub fail_on_loss: bool,
    /// Report connects, disconnects and failed handshakes
    #[arg(short, long, help_heading = REPORTS)]
    pub verbose: bool,
    /// No summary at the end
    #[arg(short, long, conflicts_with = "verbose", help_heading = REPORTS)]
    pub quiet: bool,
}
