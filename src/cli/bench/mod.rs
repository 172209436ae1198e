//! The arguments of `zlog bench`.

mod pipeline;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

pub use self::pipeline::{BareReceiveArgs, BareSendArgs, PipelineArgs, PipelineOutput};
use zlog_bench::target::BenchTarget;
use zlog_core::text::parsers::{self, Seconds};

/// The longest message that test records may have: a line that `emit` takes whole.
const MAX_SIZE: usize = 16 << 20;

/// `zlog bench`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub struct BenchArgs {
    /// Measure something else
    #[command(subcommand)]
    pub command: Option<BenchCommand>,

    /// Handlers to measure
    ///
    /// pub and queue stand for each of their kinds.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "HANDLER,…")]
    #[arg(default_value = "all", help_heading = "What is measured")]
    pub handlers: Vec<HandlerArg>,
    /// Bytes of each message
    ///
    /// 100, 4K, 1M.
    #[arg(long, value_name = "SIZE", default_value = "100", value_parser = message_size)]
    #[arg(help_heading = "What is measured")]
    pub size: usize,
    /// Log the lines of this file instead
    ///
    /// Repeatedly, instead of test records.
    #[arg(long, value_name = "FILE", conflicts_with = "size", help_heading = "What is measured")]
    pub lines: Option<PathBuf>,
    /// Also measure Python's handlers
    ///
    /// And PyZMQ's, with the same records.
    #[arg(long, help_heading = "What is measured")]
    pub compare_python: bool,
    /// Python interpreter [default: python3]
    #[arg(long, value_name = "PATH", requires = "compare_python")]
    #[arg(help_heading = "What is measured")]
    pub python: Option<PathBuf>,
    /// Number of callers
    ///
    /// Each has its own thread.
    #[arg(long, value_name = "N", default_value = "1")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024))]
    #[arg(help_heading = "What is measured")]
    pub threads: u16,
    /// Make N calls per second
    ///
    /// Latency then counts from the time when each call was due.
    #[arg(long, value_name = "N/s", value_parser = parsers::rate, help_heading = "What is measured")]
    pub rate: Option<f64>,

    /// Rounds
    ///
    /// Each measures every handler once.
    #[arg(long, value_name = "N", default_value = "5")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1000))]
    #[arg(help_heading = "How long")]
    pub runs: u16,
    /// End a run after N calls
    #[arg(short = 'n', long, value_name = "N", value_parser = parsers::at_least_one::<u64>)]
    #[arg(help_heading = "How long")]
    pub count: Option<u64>,
    /// End a run after this long [default: 500ms]
    ///
    /// With --count there is no default.
    #[arg(long, value_name = "DURATION", value_parser = parsers::nonzero_duration, help_heading = "How long")]
    pub duration: Option<Seconds>,
    /// Warm-up before each run
    #[arg(long, value_name = "DURATION", default_value = "100ms", help_heading = "How long")]
    pub warm_up: Seconds,

    /// Capacity of a queue
    #[arg(long, value_name = "N", default_value = "256", help_heading = "Set-up")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub queue: u32,
    /// Mail server [default: an embedded one]
    ///
    /// smtp://HOST:PORT.
    #[arg(long, value_name = "URL", help_heading = "Set-up")]
    pub smtp: Option<String>,
    /// File with its login, user:password [default: ZLOG_SMTP_USER and ZLOG_SMTP_PASSWORD]
    #[arg(long, value_name = "FILE", requires = "smtp", help_heading = "Set-up")]
    #[arg(hide_short_help = true)]
    pub smtp_login_file: Option<PathBuf>,
    /// How long the embedded mail server holds each mail
    #[arg(long, value_name = "DURATION", default_value = "0s", conflicts_with = "smtp")]
    #[arg(help_heading = "Set-up", hide_short_help = true)]
    pub smtp_delay: Seconds,
    /// Directory for temporary files
    ///
    /// Default: the temporary directory of the system.
    #[arg(long, value_name = "DIR", help_heading = "Set-up")]
    pub dir: Option<PathBuf>,

    /// Format of the report: table or json
    #[arg(short, long, value_enum, default_value_t, value_name = "HOW", help_heading = "Reports")]
    #[arg(hide_default_value = true)]
    pub output: BenchOutput,
    /// Also write tables as Markdown
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub export_markdown: Option<PathBuf>,
    /// Also write figures as CSV
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub export_csv: Option<PathBuf>,
    /// Also draw a chart: .svg or .png
    ///
    /// The chart shows throughput and latencies. May be repeated.
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub plot: Vec<PathBuf>,
    /// Exit with 3 if slower than this report
    ///
    /// FILE comes from --output json.
    #[arg(long, value_name = "FILE", conflicts_with = "rate", help_heading = "Reports")]
    pub baseline: Option<PathBuf>,
    /// Slowdown that is allowed
    #[arg(long, value_name = "N%", default_value = "10%", value_parser = percent)]
    #[arg(requires = "baseline", help_heading = "Reports")]
    pub tolerance: f64,
    /// Compare calls/s instead of ratios
    ///
    /// The ratios are those to `file` and `null`.
    #[arg(long, requires = "baseline", help_heading = "Reports")]
    pub absolute: bool,
}

/// Other benchmarks, and the processes that `zlog bench` starts.
#[derive(Subcommand, Debug)]
pub enum BenchCommand {
    /// End to end, from emit to tail, beside bare libzmq
    Pipeline(Box<PipelineArgs>),
    /// Bare libzmq, sending: started by `zlog bench pipeline`
    #[command(hide = true)]
    BareSend(BareSendArgs),
    /// Bare libzmq, receiving: started by `zlog bench pipeline`
    #[command(hide = true)]
    BareReceive(BareReceiveArgs),
    /// One handler or one counter; the task comes from standard input
    #[command(hide = true)]
    Worker,
}

/// The output of `zlog bench`.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum BenchOutput {
    /// Tables, with bars on a terminal
    #[default]
    Table,
    /// The report as one JSON object
    Json,
}

/// A handler, or a group of them.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum HandlerArg {
    /// All of them
    All,
    /// A file, one write per record
    File,
    /// A file, synced to disk before each call returns
    FileSync,
    /// A rotating file
    Rotating,
    /// One mail per record
    Smtp,
    /// Publishing: inproc, ipc and tcp
    Pub,
    /// Publishing within a process
    PubInproc,
    /// Publishing to another process, over a Unix socket
    PubIpc,
    /// Publishing to another process, over TCP
    PubTcp,
    /// A queue and a thread before a file, and before mail
    Queue,
    /// A queue and a thread before a file
    QueueFile,
    /// A queue and a thread before mail
    QueueSmtp,
    /// Formatting alone
    Null,
}

impl HandlerArg {
    /// The targets that it stands for.
    pub fn targets(self) -> &'static [BenchTarget] {
        match self {
            HandlerArg::All => &BenchTarget::ALL,
            HandlerArg::File => &[BenchTarget::File],
            HandlerArg::FileSync => &[BenchTarget::FileSync],
            HandlerArg::Rotating => &[BenchTarget::Rotating],
            HandlerArg::Smtp => &[BenchTarget::Smtp],
            HandlerArg::Pub => &[BenchTarget::PubInproc, BenchTarget::PubIpc, BenchTarget::PubTcp],
            HandlerArg::PubInproc => &[BenchTarget::PubInproc],
            HandlerArg::PubIpc => &[BenchTarget::PubIpc],
            HandlerArg::PubTcp => &[BenchTarget::PubTcp],
            HandlerArg::Queue => &[BenchTarget::QueueFile, BenchTarget::QueueSmtp],
            HandlerArg::QueueFile => &[BenchTarget::QueueFile],
            HandlerArg::QueueSmtp => &[BenchTarget::QueueSmtp],
            HandlerArg::Null => &[BenchTarget::Null],
        }
    }
}

impl BenchArgs {
    /// The targets to measure, without duplicates, in the order of reports.
    pub fn targets(&self) -> Vec<BenchTarget> {
        let wanted = |target: &BenchTarget| {
            self.handlers.iter().any(|handler| handler.targets().contains(target))
        };
        BenchTarget::ALL.into_iter().filter(wanted).collect()
    }
}

/// A size that test records can have.
fn message_size(text: &str) -> Result<usize, String> {
    match parsers::size(text)? {
        size if size > MAX_SIZE => Err("must be at most 16M".into()),
        size => Ok(size),
    }
}

/// A share: `10%` or `10` is 0.1.
fn percent(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').trim_end().parse::<f64>() {
        Ok(percent) if (0.0..100.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err("not a share: write 10%, from 0% to less than 100%".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_has_its_own_name_on_the_command_line() {
        for target in BenchTarget::ALL {
            let handler = HandlerArg::from_str(target.name(), false).unwrap();
            assert_eq!(handler.targets(), [target]);
        }
        assert_eq!(HandlerArg::All.targets(), BenchTarget::ALL);
    }

    #[test]
    fn invalid_values_are_refused() {
        assert_eq!(percent("10%"), Ok(0.1));
        assert_eq!(percent("5 %"), Ok(0.05));
        for text in ["", "%", "-1%", "100%", "ten", "NaN"] {
            assert!(percent(text).is_err(), "{text}");
        }
        assert!(message_size("17M").is_err() && message_size("0").is_err());
        assert_eq!(message_size("4K"), Ok(4096));
    }
}
