//! The arguments of `zlog bench pipeline`, and of the bare libzmq processes that it starts.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::super::value_parsers;
use super::message_size;
use zlog_bench::pipeline::{Dimension, Dimensions, MAX_SUBSCRIPTIONS, Transport, sweep};
use zlog_core::text::parsers::{self, Seconds};
use zlog_core::{Error, Result};
use zlog_pipeline::handler::publish::Wire;

/// Limit on the processes of each side, so as not to overload the machine.
const MAX_PROCESSES: usize = 64;

/// `zlog bench pipeline`.
#[derive(Args, Debug)]
pub struct PipelineArgs {
    /// Transports
    #[arg(long, value_enum, value_delimiter = ',', value_name = "TRANSPORT,…")]
    #[arg(default_value = "tcp,ipc", help_heading = "What is measured")]
    pub transport: Vec<TransportArg>,
    /// Dialects
    #[arg(long, value_parser = value_parsers::choice::<Wire>(), value_delimiter = ',')]
    #[arg(value_name = "WIRE,…", default_value = "json,text", help_heading = "What is measured")]
    pub wire: Vec<Wire>,
    /// Bytes of each message
    ///
    /// 100, 4K. Several values make a sweep.
    #[arg(long, value_delimiter = ',', value_name = "SIZE,…", default_value = "100")]
    #[arg(value_parser = message_size, help_heading = "What is measured")]
    pub size: Vec<usize>,
    /// Number of emit processes
    ///
    /// Several values make a sweep.
    #[arg(long, value_delimiter = ',', value_name = "N,…", default_value = "1")]
    #[arg(value_parser = processes, help_heading = "What is measured")]
    pub publishers: Vec<usize>,
    /// Number of tail processes
    ///
    /// Each gets every record. Several values make a sweep.
    #[arg(long, value_delimiter = ',', value_name = "N,…", default_value = "1")]
    #[arg(value_parser = processes, help_heading = "What is measured")]
    pub subscribers: Vec<usize>,
    /// Subscriptions of each tail
    ///
    /// One of them matches the records. Several values make a sweep.
    #[arg(long, value_delimiter = ',', value_name = "N,…", default_value = "1")]
    #[arg(value_parser = subscriptions, help_heading = "What is measured")]
    pub topics: Vec<usize>,

    /// Rounds
    ///
    /// Each measures every pipeline once, with zlog and with bare libzmq.
    #[arg(long, value_name = "N", default_value = "3")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1000))]
    #[arg(help_heading = "How long")]
    pub runs: u16,
    /// Records of each emit in a run
    ///
    /// Default: 200000, and fewer large ones.
    #[arg(short = 'n', long, value_name = "N", value_parser = parsers::at_least_one::<u64>)]
    #[arg(help_heading = "How long")]
    pub count: Option<u64>,
    /// Directory for temporary files
    ///
    /// Default: the temporary directory of the system.
    #[arg(long, value_name = "DIR", help_heading = "Set-up")]
    pub dir: Option<PathBuf>,

    /// Format: table, markdown or json
    #[arg(short, long, value_enum, default_value_t, value_name = "HOW", help_heading = "Reports")]
    #[arg(hide_default_value = true)]
    pub output: PipelineOutput,
    /// Also write tables as Markdown
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub export_markdown: Option<PathBuf>,
    /// Draw the sweep: .svg or .png
    ///
    /// How rate and cost change along the sweep. May be repeated.
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub plot: Vec<PathBuf>,
}

/// How records travel between publishers and subscribers.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum TransportArg {
    /// TCP on loopback
    Tcp,
    /// A Unix socket
    Ipc,
}

impl From<TransportArg> for Transport {
    fn from(transport: TransportArg) -> Transport {
        match transport {
            TransportArg::Tcp => Transport::Tcp,
            TransportArg::Ipc => Transport::Ipc,
        }
    }
}

/// The output of `zlog bench pipeline`.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PipelineOutput {
    /// Aligned tables
    #[default]
    Table,
    /// Markdown tables
    Markdown,
    /// One JSON object
    Json,
}

impl PipelineArgs {
    /// The points of the sweep, the base first.
    ///
    /// # Errors
    /// There are more subscriptions than a publisher can track.
    pub fn points(&self) -> Result<Vec<Dimensions>> {
        let values = [
            (Dimension::Size, &*self.size),
            (Dimension::Publishers, &*self.publishers),
            (Dimension::Subscribers, &*self.subscribers),
            (Dimension::Topics, &*self.topics),
        ];
        let points = sweep(&values);
        for point in &points {
            let subscriptions = point.subscribers * point.topics;
            if subscriptions > MAX_SUBSCRIPTIONS {
                let (subscribers, topics) = (point.subscribers, point.topics);
                return Err(Error::usage(format!(
                    "{subscribers} subscribers of {topics} topics make {subscriptions} \
                     subscriptions, and a publisher tracks at most {MAX_SUBSCRIPTIONS}"
                ))
                .hint("Use fewer --topics or fewer --subscribers."));
            }
        }
        Ok(points)
    }
}

/// `zlog bench bare-send`: `zlog emit` with bare libzmq.
#[derive(Args, Debug)]
pub struct BareSendArgs {
    /// Endpoint of a receiver
    #[arg(long, required = true)]
    pub connect: Vec<String>,
    /// The format of bodies
    #[arg(long, value_parser = value_parsers::choice::<Wire>())]
    pub wire: Wire,
    /// Messages to send
    #[arg(long)]
    pub count: u64,
    /// Receivers to wait for
    #[arg(long)]
    pub wait_for: usize,
    /// How long to wait for them
    #[arg(long)]
    pub wait: Seconds,
    /// How long the last messages may take to leave
    #[arg(long)]
    pub linger: Seconds,
}

/// `zlog bench bare-receive`: `zlog tail` with bare libzmq.
#[derive(Args, Debug)]
pub struct BareReceiveArgs {
    /// Endpoint to bind
    #[arg(long)]
    pub bind: String,
    /// Topic prefix to subscribe to
    #[arg(long, required = true)]
    pub topic: Vec<String>,
    /// Messages to receive
    #[arg(long)]
    pub count: u64,
}

fn processes(text: &str) -> Result<usize, String> {
    bounded(text, MAX_PROCESSES)
}

fn subscriptions(text: &str) -> Result<usize, String> {
    bounded(text, MAX_SUBSCRIPTIONS)
}

fn bounded(text: &str, most: usize) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(format!("must be a number from 1 to {most}")),
    }
}
