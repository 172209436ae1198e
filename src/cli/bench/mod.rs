//! `zlog bench`: what may be typed.

mod codec;
mod pipeline;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

pub use self::codec::CodecArgs;
pub use self::pipeline::{BareReceiveArgs, BareSendArgs, PipelineArgs, PipelineOutput};
use zlog_bench::subject::Subject;
use zlog_core::text::parsers::{self, Seconds};

/// The longest message that test records may have: a line that `emit` takes whole.
const MOST_SIZE: usize = 16 << 20;

/// `zlog bench`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub struct BenchArgs {
    /// Something else to measure
    #[command(subcommand)]
    pub command: Option<BenchCommand>,

    /// What to measure; pub and queue stand for each of their kinds
    #[arg(long, value_enum, value_delimiter = ',', value_name = "HANDLER,…")]
    #[arg(default_value = "all", help_heading = "What is measured")]
    pub handlers: Vec<HandlerArg>,
    /// Log messages of this many bytes: 100, 4K, 1M
    #[arg(long, value_name = "SIZE", default_value = "100", value_parser = message_size)]
    #[arg(help_heading = "What is measured")]
    pub size: usize,
    /// Log the lines of this file, over and over, instead of test records
    #[arg(long, value_name = "FILE", conflicts_with = "size", help_heading = "What is measured")]
    pub lines: Option<PathBuf>,
    /// Measure Python's handlers and PyZMQ's, too, with the same records
    #[arg(long, help_heading = "What is measured")]
    pub compare_python: bool,
    /// The Python for that [default: python3]
    #[arg(long, value_name = "PATH", requires = "compare_python")]
    #[arg(help_heading = "What is measured")]
    pub python: Option<PathBuf>,
    /// Callers at the same time, each on a thread of its own
    #[arg(long, value_name = "N", default_value = "1")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024))]
    #[arg(help_heading = "What is measured")]
    pub threads: u16,
    /// Make so many calls each second, due or not, and time each from when it was due
    #[arg(long, value_name = "N/s", value_parser = parsers::rate, help_heading = "What is measured")]
    pub rate: Option<f64>,

    /// Rounds: each measures every handler once
    #[arg(long, value_name = "N", default_value = "5")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1000))]
    #[arg(help_heading = "How long")]
    pub runs: u16,
    /// End a run after N calls
    #[arg(short = 'n', long, value_name = "N", value_parser = parsers::at_least_one::<u64>)]
    #[arg(help_heading = "How long")]
    pub count: Option<u64>,
    /// End a run after this long [default: 500ms, or none with --count]
    #[arg(long, value_name = "DURATION", value_parser = parsers::some_time, help_heading = "How long")]
    pub duration: Option<Seconds>,
    /// Log for so long before each run, unmeasured
    #[arg(long, value_name = "DURATION", default_value = "100ms", help_heading = "How long")]
    pub warm_up: Seconds,

    /// Records that a queue holds
    #[arg(long, value_name = "N", default_value = "256", help_heading = "Set-up")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub queue: u32,
    /// Mail through this server: smtp://HOST:PORT [default: one of zlog's own, on loopback]
    #[arg(long, value_name = "URL", help_heading = "Set-up")]
    pub smtp: Option<String>,
    /// Log in there as this file says, user:password, not as ZLOG_SMTP_USER and _PASSWORD say
    #[arg(long, value_name = "FILE", requires = "smtp", help_heading = "Set-up")]
    pub smtp_login_file: Option<PathBuf>,
    /// How long zlog's own mail server holds each mail
    #[arg(long, value_name = "DURATION", default_value = "0s", conflicts_with = "smtp")]
    #[arg(help_heading = "Set-up")]
    pub smtp_delay: Seconds,
    /// Where files are written while they are measured [default: the system's for temporary files]
    #[arg(long, value_name = "DIR", help_heading = "Set-up")]
    pub dir: Option<PathBuf>,

    /// What to print
    #[arg(short, long, value_enum, default_value_t, value_name = "WHAT", help_heading = "Reports")]
    pub output: BenchOutput,
    /// Write the tables as Markdown, too
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub export_markdown: Option<PathBuf>,
    /// Write every figure as CSV, too
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub export_csv: Option<PathBuf>,
    /// Draw throughput and latencies, too: FILE.svg or FILE.png (may be given again)
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub plot: Vec<PathBuf>,
    /// Exit with 3 when a handler has become slower than in this report (--output json)
    #[arg(long, value_name = "FILE", conflicts_with = "rate", help_heading = "Reports")]
    pub baseline: Option<PathBuf>,
    /// How much slower it may be
    #[arg(long, value_name = "N%", default_value = "10%", value_parser = percent)]
    #[arg(requires = "baseline", help_heading = "Reports")]
    pub tolerance: f64,
    /// Compare calls per second, not their ratio to `file` and `null`
    #[arg(long, requires = "baseline", help_heading = "Reports")]
    pub absolute: bool,
}

/// What else can be measured, and what `zlog bench` starts itself.
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
    /// Records as JSON and as MessagePack: bytes, and how fast
    ///
    /// Three questions are answered, each by itself: bytes, encoding, decoding. A gain is
    /// one of 10 % or more over JSON, in every round; a loss is any, in the median.
    /// MessagePack pays when there is a gain and no loss; with both it is a trade.
    Codec(CodecArgs),
    /// One handler, or one far end: told on standard input
    #[command(hide = true)]
    Worker,
}

/// What `zlog bench` prints.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum BenchOutput {
    /// Tables, with bars on a terminal
    #[default]
    Table,
    /// The report as one JSON object
    Json,
}

/// A handler, or several under one name.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum HandlerArg {
    /// Every one
    All,
    /// A file, one write for each record
    File,
    /// A file, each record on the disk before the call returns
    FileSync,
    /// A file that is renamed and begun anew as it grows
    Rotating,
    /// A mail for each record
    Smtp,
    /// Publishing: inproc, ipc and tcp
    Pub,
    /// Publishing within a process
    PubInproc,
    /// Publishing to another process, over a socket of the file system
    PubIpc,
    /// Publishing to another process, over TCP
    PubTcp,
    /// A queue and a thread: before a file, and before mail
    Queue,
    /// A queue and a thread before a file
    QueueFile,
    /// A queue and a thread before mail
    QueueSmtp,
    /// Formatting alone
    Null,
}

impl HandlerArg {
    /// What it stands for.
    pub fn subjects(self) -> &'static [Subject] {
        match self {
            HandlerArg::All => &Subject::ALL,
            HandlerArg::File => &[Subject::File],
            HandlerArg::FileSync => &[Subject::FileSync],
            HandlerArg::Rotating => &[Subject::Rotating],
            HandlerArg::Smtp => &[Subject::Smtp],
            HandlerArg::Pub => &[Subject::PubInproc, Subject::PubIpc, Subject::PubTcp],
            HandlerArg::PubInproc => &[Subject::PubInproc],
            HandlerArg::PubIpc => &[Subject::PubIpc],
            HandlerArg::PubTcp => &[Subject::PubTcp],
            HandlerArg::Queue => &[Subject::QueueFile, Subject::QueueSmtp],
            HandlerArg::QueueFile => &[Subject::QueueFile],
            HandlerArg::QueueSmtp => &[Subject::QueueSmtp],
            HandlerArg::Null => &[Subject::Null],
        }
    }
}

impl BenchArgs {
    /// What is to be measured, each once, in the order of reports.
    pub fn subjects(&self) -> Vec<Subject> {
        let wanted = |subject: &Subject| {
            self.handlers.iter().any(|handler| handler.subjects().contains(subject))
        };
        Subject::ALL.into_iter().filter(wanted).collect()
    }
}

/// A size that test records can have.
fn message_size(text: &str) -> Result<usize, String> {
    match parsers::size(text)? {
        size if size > MOST_SIZE => Err("must be at most 16M".into()),
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
    fn every_subject_has_a_name_of_its_own_on_the_command_line() {
        for subject in Subject::ALL {
            let handler = HandlerArg::from_str(subject.name(), false).unwrap();
            assert_eq!(handler.subjects(), [subject]);
        }
        assert_eq!(HandlerArg::All.subjects(), Subject::ALL);
    }

    #[test]
    fn values_that_mean_nothing_are_refused() {
        assert_eq!(percent("10%"), Ok(0.1));
        assert_eq!(percent("5 %"), Ok(0.05));
        for text in ["", "%", "-1%", "100%", "ten", "NaN"] {
            assert!(percent(text).is_err(), "{text}");
        }
        assert!(message_size("17M").is_err() && message_size("0").is_err());
        assert_eq!(message_size("4K"), Ok(4096));
    }
}
