//! The arguments of `zlog top`.

use clap::{Args, ValueEnum};

use super::select::SelectArgs;
use super::{EndpointArgs, value_parsers};
use zlog_core::text::parsers::{self, Seconds};
use zlog_pipeline::os::terminal::ColorChoice;

const INPUT: &str = "Where from";
const REPORT: &str = "One report";

/// How `zlog top --once` prints.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TopOutput {
    /// Tables.
    #[default]
    Table,
    /// One JSON object.
    Json,
}

/// `zlog top`.
#[derive(Args, Debug)]
pub struct TopArgs {
    /// Which records
    #[command(flatten)]
    pub select: SelectArgs,

    /// Watch a stream of NATS JetStream, from now on
    ///
    /// The argument nats://HOST:4222 means the same. Keys may follow: stream, prefix, and those for
    /// logins and TLS, as of --nats.
    #[arg(long, value_name = "URL", help_heading = INPUT)]
    #[arg(conflicts_with_all = ["bind", "connect", "ask"])]
    pub from_nats: Option<String>,
    /// Query endpoint of a relay, whose status is shown [default: the port after the
    /// endpoint's, or its path and .ask]
    #[arg(long, value_name = "ENDPOINT", help_heading = INPUT, hide_short_help = true)]
    #[arg(value_parser = value_parsers::endpoint())]
    pub ask: Option<String>,
    /// Endpoints
    #[command(flatten)]
    pub endpoints: EndpointArgs,

    /// Count for --interval, print the numbers, and end
    ///
    /// Needs no terminal. The interval begins with the first publisher, or after a second.
    #[arg(long, help_heading = REPORT)]
    pub once: bool,
    /// How long --once counts
    #[arg(long, value_name = "DURATION", default_value = "1s", requires = "once")]
    #[arg(value_parser = parsers::nonzero_duration, help_heading = REPORT)]
    pub interval: Seconds,
    /// table or json
    #[arg(short, long, value_enum, default_value_t, value_name = "HOW", requires = "once")]
    #[arg(hide_default_value = true, hide_possible_values = true, help_heading = REPORT)]
    pub output: TopOutput,
    /// Most topics and sources in each table [default: 20; all in JSON]
    #[arg(short = 'n', long, value_name = "N", requires = "once", help_heading = REPORT)]
    #[arg(value_parser = parsers::at_least_one::<usize>)]
    pub limit: Option<usize>,

    /// Colour: auto, always or never
    #[arg(long, value_parser = value_parsers::choice::<ColorChoice>(), value_name = "WHEN")]
    #[arg(default_value = "auto")]
    pub color: ColorChoice,
}
