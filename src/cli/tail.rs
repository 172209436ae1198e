//! `zlog tail`: what may be typed.

use std::path::PathBuf;

use clap::Args;
use regex::Regex;

use super::handlers::HEADING;
use super::value_parsers;
use super::{EndpointArgs, FormatArgs, HandlerArgs};
use zlog_core::format::{Output, Show};
use zlog_core::record::Level;
use zlog_core::text::parsers::{self, Seconds};
use zlog_pipeline::os::terminal::ColorChoice;
use zlog_pipeline::socket::DEFAULT_HWM;

/// `zlog tail`.
#[derive(Args, Debug)]
pub struct TailArgs {
    /// Topics to subscribe to, as prefixes (none: all); what contains :// is an endpoint
    #[arg(value_name = "TOPIC")]
    pub topics: Vec<String>,
    /// Another way to give TOPIC
    #[arg(short, long = "topic", value_name = "TOPIC", help_heading = "Which records")]
    pub topic: Vec<String>,
    /// Only this root, exactly; with --level, the publisher already leaves the rest out
    #[arg(short, long, value_parser = parsers::root, help_heading = "Which records")]
    pub root: Vec<String>,
    /// Leave these topics out
    #[arg(long, value_name = "TOPIC", help_heading = "Which records")]
    pub not: Vec<String>,
    /// Topics match only at dots: app.ERROR leaves out app.ERRORS
    #[arg(long, help_heading = "Which records")]
    pub whole_parts: bool,
    /// Only this level and above: a name, or a number as Python has them
    #[arg(short, long, value_parser = value_parsers::LevelParser, hide_possible_values = true, help_heading = "Which records")]
    pub level: Option<Level>,
    /// Only records whose message or traceback matches one of these
    #[arg(short = 'i', long, value_name = "REGEX", help_heading = "Which records")]
    pub grep: Vec<Regex>,
    /// Leave out records whose message or traceback matches one of these
    #[arg(short, long, value_name = "REGEX", help_heading = "Which records")]
    pub exclude: Vec<Regex>,
    /// Only records from these senders
    #[arg(long, value_name = "SOURCE", help_heading = "Which records")]
    pub from_source: Vec<String>,
    /// Only records made since then: 10m, 14:30, 2026-11-21 14:30, RFC 3339
    #[arg(long, value_name = "WHEN", help_heading = "Which records")]
    pub since: Option<String>,
    /// Only records made before then
    #[arg(long, value_name = "WHEN", help_heading = "Which records")]
    pub until: Option<String>,
    /// Stop after N records
    #[arg(short = 'n', long, value_name = "N", value_parser = parsers::at_least_one::<u64>)]
    #[arg(help_heading = "Which records")]
    pub count: Option<u64>,
    /// Stop after this long; exits with 3 when -n records have not come by then
    #[arg(long, value_name = "DURATION", value_parser = parsers::nonzero_duration)]
    #[arg(help_heading = "Which records")]
    pub timeout: Option<Seconds>,

    /// Read stored records or logs from these files instead (- is stdin)
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "Where from")]
    #[arg(conflicts_with_all = ["bind", "connect"])]
    pub input: Vec<PathBuf>,
    /// Endpoints
    #[command(flatten)]
    pub endpoints: EndpointArgs,
    /// First the last N records, of a relay with --keep; then what comes
    #[arg(long, value_name = "N", value_parser = value_parsers::history_count, conflicts_with = "input")]
    #[arg(help_heading = "Where from")]
    pub last: Option<usize>,
    /// Whom to ask for them [default: the port after the endpoint's, or its path and .ask]
    #[arg(long, value_name = "ENDPOINT", requires = "last", help_heading = "Where from")]
    pub ask: Option<String>,
    /// High-water mark: messages held for this subscriber; 0 is no limit
    #[arg(long, value_name = "N", default_value_t = DEFAULT_HWM, help_heading = "Where from")]
    pub hwm: u32,
    /// Hang up on a publisher that sends a larger message
    #[arg(long, value_name = "SIZE", default_value = "128M", value_parser = parsers::size)]
    #[arg(help_heading = "Where from")]
    pub max_message: usize,

    /// How to print records [default: pretty, or not at all with handlers]
    #[arg(short, long, value_parser = value_parsers::choice::<Output>(), value_name = "HOW")]
    #[arg(help_heading = "Output", conflicts_with = "format")]
    pub output: Option<Output>,
    /// Format strings
    #[command(flatten)]
    pub format: FormatArgs,
    /// Colour what matches, without leaving anything out
    #[arg(short = 'H', long, value_name = "REGEX", help_heading = "Output")]
    pub highlight: Vec<Regex>,
    /// When to colour; without a value, always
    #[arg(
        long, value_parser = value_parsers::choice::<ColorChoice>(), value_name = "WHEN",
        num_args = 0..=1, require_equals = true, default_value = "auto", default_missing_value = "always", help_heading = "Output"
    )]
    pub color: ColorChoice,
    /// Time and topic before the message in `text` output too, as `python -m zmq.log` does
    #[arg(long, help_heading = "Output")]
    pub timestamp: bool,
    /// What stands after the level: the topic or the logger's name
    #[arg(long, value_parser = value_parsers::choice::<Show>(), value_name = "WHAT")]
    #[arg(default_value = "topic", help_heading = "Output")]
    pub show: Show,
    /// What stands between the columns
    #[arg(long, value_name = "TEXT", help_heading = "Output")]
    pub separator: Option<String>,
    /// Line up the columns (the default for `pretty`)
    #[arg(long, overrides_with = "no_align", help_heading = "Output")]
    pub align: bool,
    /// Do not line up the columns
    #[arg(long, help_heading = "Output")]
    pub no_align: bool,
    /// Hold records this long and print those of all senders in order of creation
    #[arg(long, value_name = "WINDOW", value_parser = parsers::nonzero_duration, help_heading = "Output")]
    pub reorder: Option<Seconds>,
    /// Print rates for each topic and level to stderr, at the end or every INTERVAL
    #[arg(
        long, value_name = "INTERVAL", num_args = 0..=1, require_equals = true,
        value_parser = parsers::nonzero_duration, help_heading = "Output"
    )]
    pub stats: Option<Option<Seconds>>,

    /// Handlers
    #[command(flatten)]
    pub handlers: HandlerArgs,
    /// How long handlers, and a slow reader of what is printed, may take at the end
    #[arg(long, value_name = "DURATION", default_value = "5s", help_heading = HEADING)]
    pub linger: Seconds,

    /// Exit with 3 when a record was lost, or may have been; also at a signal
    #[arg(long, help_heading = "Reports")]
    pub fail_on_loss: bool,
    /// Tell of connects, disconnects and failed handshakes on stderr
    #[arg(short, long, help_heading = "Reports")]
    pub verbose: bool,
    /// No reports on stderr but errors
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Reports")]
    pub quiet: bool,
}

impl TailArgs {
    /// Whether there are handlers besides the console.
    pub fn has_handlers(&self) -> bool {
        !self.handlers.is_empty()
    }

    /// Whether records are printed: unless handlers take them, and nothing says how.
    pub fn prints(&self) -> bool {
        let asked = self.output.is_some() || self.format.format.is_some();
        asked || self.handlers.console.is_some() || !self.has_handlers()
    }

    /// How records are printed.
    pub fn shape(&self) -> Output {
        self.output.unwrap_or_default()
    }
}
