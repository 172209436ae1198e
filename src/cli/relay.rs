//! `zlog relay`: what may be typed.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

use super::value_parsers;
use super::{ENDPOINT_VARIABLE, HandlerArgs, ListenArgs};
use zlog_core::record::Level;
use zlog_core::text::parsers::{self, Seconds};
use zlog_pipeline::socket::DEFAULT_HWM;

const CONFIGURATION: &str = "Configuration";
const COLLECT: &str = "Collect: where records come from";
const PUBLISH: &str = "Publish: where subscribers find them";
const LATE: &str = "For those who come late";
const REPORTS: &str = "Reports";

/// Where a relay collects unless told otherwise: the port before the one on which it
/// publishes.
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

/// What happens to a message for which a subscriber has no room, and to a record that
/// finds the queue of a handler full.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RelayOnFull {
    /// Drop it for that subscriber or handler alone: the others lose nothing.
    #[default]
    Drop,
    /// Take nothing more from anybody until there is room: nothing is lost here.
    Block,
}

/// `zlog relay`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("listening").args(["listen", "listen_udp"]).multiple(true))]
pub struct RelayArgs {
    /// Read handlers, routes to them, and any of these options from this TOML file. What is
    /// typed goes before it; SIGHUP reads it again
    #[arg(long, value_name = "FILE", help_heading = CONFIGURATION)]
    pub config: Option<PathBuf>,
    /// Only say what is wrong with --config, all of it. Nothing is opened, and no command,
    /// login file or path is looked for
    #[arg(long, requires = "config", help_heading = CONFIGURATION)]
    pub check: bool,

    /// Collect here, from publishers that connect; may be repeated [default: tcp://127.0.0.1:12344]
    #[arg(short, long, value_name = "ENDPOINT", help_heading = COLLECT)]
    pub bind: Vec<String>,
    /// Collect there, from a publisher that binds; may be repeated
    #[arg(short, long, value_name = "ENDPOINT", help_heading = COLLECT)]
    pub connect: Vec<String>,
    /// Collect lines of standard input, too; the relay goes on when they end
    #[arg(long, help_heading = COLLECT)]
    pub stdin: bool,
    /// What the topics of these lines begin with
    #[arg(short, long, value_parser = parsers::root, default_value = "", hide_default_value = true)]
    #[arg(requires = "stdin", help_heading = COLLECT)]
    pub root: String,
    /// Keep the topics that JSON and logfmt lines bring along, whatever they begin with
    #[arg(long, requires = "stdin", help_heading = COLLECT)]
    pub trust_topic: bool,
    /// The level of a line that does not say its own [default: INFO]
    #[arg(long, value_parser = value_parsers::LevelParser, hide_possible_values = true, value_name = "LEVEL")]
    #[arg(requires = "stdin", help_heading = COLLECT)]
    pub stdin_level: Option<Level>,
    /// Hang up on a publisher that sends a larger message
    #[arg(long, value_name = "SIZE", default_value = "128M", value_parser = parsers::size)]
    #[arg(help_heading = COLLECT)]
    pub max_message: usize,

    /// Python's network handlers
    #[command(flatten)]
    pub listen: ListenArgs,

    /// Publish here, to subscribers that connect; may be repeated
    #[arg(short, long, value_name = "ENDPOINT", help_heading = PUBLISH)]
    pub publish_bind: Vec<String>,
    /// Publish there, to a subscriber that binds; may be repeated
    #[arg(long, value_name = "ENDPOINT", help_heading = PUBLISH)]
    pub publish_connect: Vec<String>,
    /// Where to publish when neither --publish-bind nor --publish-connect says so
    #[arg(
        long,
        env = ENDPOINT_VARIABLE,
        value_name = "ENDPOINT",
        default_value = zlog_pipeline::socket::DEFAULT_ENDPOINT,
        help_heading = PUBLISH
    )]
    pub endpoint: String,
    /// When a subscriber does not keep up, or a handler whose queue is full
    #[arg(long, value_enum, default_value_t, value_name = "WHAT", help_heading = PUBLISH)]
    pub on_full: RelayOnFull,
    /// High-water mark: messages held for each publisher and each subscriber; 0 is no limit
    #[arg(long, value_name = "N", default_value_t = DEFAULT_HWM, help_heading = PUBLISH)]
    pub hwm: u32,
    /// At the end, how long to go on sending what has come, to subscribers and handlers
    #[arg(long, value_name = "DURATION", default_value = "5s", help_heading = PUBLISH)]
    pub linger: Seconds,

    /// Handlers
    #[command(flatten)]
    pub handlers: HandlerArgs,

    /// Keep the last N messages of each topic, for `zlog tail --last`. Publishers are then
    /// asked for everything
    #[arg(long, value_name = "N", value_parser = parsers::at_least_one::<u64>, help_heading = LATE)]
    pub keep: Option<u64>,
    /// Keep at most this much of all topics together; the oldest goes first
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = parsers::size)]
    #[arg(requires = "keep", help_heading = LATE)]
    pub keep_bytes: usize,
    /// Take questions here [default: the next port after each --publish-bind, or its path and .ask]
    #[arg(long, value_name = "ENDPOINT", help_heading = LATE)]
    pub ask: Vec<String>,
    /// Take no questions: no --status, no --last
    #[arg(long, conflicts_with = "ask", help_heading = LATE)]
    pub no_ask: bool,

    /// Ask the relay that publishes on ENDPOINT how it stands, and end
    #[arg(
        long, value_name = "ENDPOINT", num_args = 0..=1, help_heading = REPORTS,
        conflicts_with_all = [
            "config", "bind", "connect", "stdin", "publish_bind", "publish_connect", "keep", "no_ask"
        ]
    )]
    pub status: Option<Option<String>>,
    /// How to print the status
    #[arg(short, long, value_enum, default_value_t, value_name = "HOW", requires = "status")]
    #[arg(help_heading = REPORTS)]
    pub output: StatusOutput,
    /// Print a line about rates, drops and peers to stderr every INTERVAL
    #[arg(long, value_name = "INTERVAL", value_parser = parsers::nonzero_duration, help_heading = REPORTS)]
    pub report: Option<Seconds>,
    /// Exit with 3 when a record was lost, or may have been; also at a signal
    #[arg(long, help_heading = REPORTS)]
    pub fail_on_loss: bool,
    /// Tell of connects, disconnects and failed handshakes on stderr
    #[arg(short, long, help_heading = REPORTS)]
    pub verbose: bool,
    /// No summary at the end
    #[arg(short, long, conflicts_with = "verbose", help_heading = REPORTS)]
    pub quiet: bool,
}
