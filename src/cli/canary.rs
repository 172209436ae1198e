//! The arguments of `zlog canary`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{ENDPOINT_VARIABLE, value_parsers};
use zlog_core::text::parsers::{self, Seconds};
use zlog_core::wire::topic;
use zlog_pipeline::socket::{DEFAULT_ENDPOINT, ENGINE_VARIABLE};

const WAY_IN: &str = "Where records go in";
const WAY_OUT: &str = "Where they come out";
const RECORDS: &str = "Records";
const CONNECTIONS: &str = "Connections";
const REPORT: &str = "Report";

/// Most records of a run: what was received is kept in a bit for each.
const MAX_RECORDS: u64 = 1 << 30;

/// How `zlog canary` prints.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CanaryOutput {
    /// A table.
    #[default]
    Table,
    /// One JSON object.
    Json,
}

/// `zlog canary`.
#[derive(Args, Debug)]
pub struct CanaryArgs {
    /// Publish to this endpoint [default: where this user's relay collects]
    ///
    /// Or tcp://127.0.0.1:12344. Connects; with bind: before the endpoint, binds. May be repeated:
    /// each record then takes several ways.
    #[arg(long, value_name = "ENDPOINT")]
    #[arg(value_parser = value_parsers::endpoint(), help_heading = WAY_IN)]
    pub send: Vec<String>,
    /// Send as Python's SocketHandler does, to what listens here
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "send", help_heading = WAY_IN)]
    pub send_socket: Option<String>,
    /// Append lines to this file, which something follows
    ///
    /// `emit --follow` or another shipper of log files.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["send", "send_socket"])]
    #[arg(help_heading = WAY_IN)]
    pub send_file: Option<PathBuf>,

    /// Subscribe to this endpoint [default: where that relay publishes]
    ///
    /// Or tcp://127.0.0.1:12345. Connects; with bind: before the endpoint, binds. May be repeated.
    #[arg(long, value_name = "ENDPOINT", help_heading = WAY_OUT)]
    #[arg(value_parser = value_parsers::endpoint())]
    pub read: Vec<String>,
    /// Default (tcp://127.0.0.1:12345)
    ///
    /// Where a relay of this user is looked for without --send and --read. ZLOG_ENDPOINT sets another
    /// default.
    #[arg(
        long, env = ENDPOINT_VARIABLE, hide_env = true, value_name = "ENDPOINT",
        value_parser = value_parsers::endpoint(), default_value = DEFAULT_ENDPOINT,
        hide_default_value = true, help_heading = WAY_OUT, hide_short_help = true
    )]
    pub endpoint: String,
    /// Follow this file, which something at the end of the pipeline writes
    ///
    /// One record in each line, in any format: a handler's file, or that of a syslog server. The file
    /// need not exist yet. May be repeated.
    #[arg(long, value_name = "FILE", help_heading = WAY_OUT)]
    pub read_file: Vec<PathBuf>,

    /// Number of records
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1000)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=MAX_RECORDS), help_heading = RECORDS)]
    pub count: u64,
    /// Records per second: 20, 20/s, 100/m
    #[arg(long, value_name = "N/s", default_value = "1000/s", value_parser = parsers::rate)]
    #[arg(help_heading = RECORDS)]
    pub rate: f64,
    /// Length of the messages, at least
    #[arg(long, value_name = "SIZE", default_value = "100", value_parser = parsers::size)]
    #[arg(help_heading = RECORDS)]
    pub size: usize,
    /// First part of their topics, and the logger
    #[arg(short, long, value_parser = topic::typed_root, default_value = "canary")]
    #[arg(help_heading = RECORDS)]
    pub root: String,
    /// How long to wait for the first record to come through
    ///
    /// Until then, test records without numbers are sent, which do not count.
    #[arg(long, value_name = "DURATION", default_value = "10s", help_heading = RECORDS)]
    pub wait: Seconds,
    /// How long to wait for missing records, since the last one
    #[arg(long, value_name = "DURATION", default_value = "5s", help_heading = RECORDS)]
    pub timeout: Seconds,

    /// Encrypt all tcp connections with this key
    #[arg(long, value_name = "FILE", help_heading = CONNECTIONS, conflicts_with = "insecure")]
    pub key: Option<PathBuf>,
    /// Bind beyond loopback without encryption
    #[arg(long, help_heading = CONNECTIONS)]
    pub insecure: bool,
    /// Engine of the sockets: native or libzmq
    #[arg(
        long, env = ENGINE_VARIABLE, hide_env = true, value_name = "ENGINE",
        value_parser = value_parsers::engine(), help_heading = CONNECTIONS
    )]
    pub engine: Option<String>,

    /// table or json
    #[arg(short, long, value_enum, default_value_t, value_name = "HOW", help_heading = REPORT)]
    #[arg(hide_default_value = true)]
    pub output: CanaryOutput,
    /// Exit with 3 if a record was lost
    ///
    /// Also after a signal. Duplicates and records out of order do not count.
    #[arg(long, help_heading = REPORT)]
    pub fail_on_loss: bool,
    /// Print the report alone
    #[arg(short, long, help_heading = REPORT)]
    pub quiet: bool,
}
