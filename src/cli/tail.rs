//! The arguments of `zlog tail`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use regex::Regex;

use super::handlers::HEADING;
use super::select::{SELECT, SelectArgs};
use super::value_parsers;
use super::{EndpointArgs, FormatArgs, HandlerArgs};
use zlog_core::format::Output;
use zlog_core::stats::CountBy;
use zlog_core::text::parsers::{self, Seconds};
use zlog_pipeline::nats::stream;
use zlog_pipeline::os::terminal::ColorChoice;
use zlog_pipeline::socket::DEFAULT_HWM;

const INPUT: &str = "Where from";
const OUTPUT: &str = "Output";
const REPORTS: &str = "Reports";

/// `zlog tail`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("asking").args(["last", "heal"]).multiple(true))]
pub struct TailArgs {
    /// Which records
    #[command(flatten)]
    pub select: SelectArgs,
    /// Only records created since then
    ///
    /// 10m (ago), yesterday, 14:30 (the last one), "yesterday 14:30", "2026-11-21 14:30" or RFC
    /// 3339.
    #[arg(long, value_name = "WHEN", help_heading = SELECT)]
    pub since: Option<String>,
    /// Only records created before then
    ///
    /// As --since. 15:30 is the first one after --since, if that has a day or a time of day.
    #[arg(long, value_name = "WHEN", help_heading = SELECT)]
    pub until: Option<String>,
    /// Stop after N records
    #[arg(short = 'n', long, value_name = "N", value_parser = parsers::at_least_one::<u64>)]
    #[arg(help_heading = SELECT)]
    pub count: Option<u64>,
    /// Stop after this long
    ///
    /// With -n, zlog exits with 3 if fewer records have arrived by then.
    #[arg(long, value_name = "DURATION", value_parser = parsers::nonzero_duration)]
    #[arg(help_heading = SELECT)]
    pub timeout: Option<Seconds>,

    /// Read stored records or logs from files; - is stdin
    ///
    /// Files may be compressed with gzip, zstd, xz or bzip2, whatever they are called.
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = INPUT)]
    #[arg(conflicts_with_all = ["bind", "connect"])]
    pub input: Vec<PathBuf>,
    /// Read all lines of --input as this format of `zlog formats`
    #[arg(long, value_name = "NAME", requires = "input", help_heading = INPUT)]
    #[arg(conflicts_with_all = ["bind", "connect"])]
    #[arg(hide_short_help = true)]
    pub format_in: Option<String>,
    /// Read a stream of NATS JetStream
    ///
    /// Prints its history, from --since or --last on, and with --follow what is added. The
    /// argument nats://HOST:4222 means the same. Keys may follow: stream, prefix, and those for
    /// logins and TLS, as of --nats, the handler that writes to a stream.
    #[arg(long, value_name = "URL", help_heading = INPUT)]
    #[arg(conflicts_with_all = ["input", "bind", "connect", "ask"])]
    pub from_nats: Option<String>,
    /// Continue where the last tail with this NAME has stopped
    ///
    /// For a stream of NATS. Several that run at the same time divide the records. A record is done
    /// when the handlers have it: otherwise it comes again.
    #[arg(long, value_name = "NAME", value_parser = stream::typed_name, help_heading = INPUT)]
    #[arg(conflicts_with_all = ["input", "bind", "connect", "last", "reorder"])]
    #[arg(hide_short_help = true)]
    pub durable: Option<String>,
    /// Continue at the end of files or of a stream
    ///
    /// Without --input and --from-nats, the arguments are the files: `zlog tail -f app.log`.
    #[arg(short, long, help_heading = INPUT)]
    pub follow: bool,
    /// Merge the files by time
    ///
    /// The order within each file stays as it is. For files that are not sorted, add --reorder.
    #[arg(long, requires = "input", conflicts_with_all = ["follow", "bind", "connect"], help_heading = INPUT)]
    #[arg(hide_short_help = true)]
    pub sort: bool,
    /// Endpoints
    #[command(flatten)]
    pub endpoints: EndpointArgs,
    /// Start with the last N records
    ///
    /// A relay must run with --keep. New records follow. Of files and streams, the last N records that
    /// pass the filters are printed.
    #[arg(long, value_name = "N", value_parser = value_parsers::history_count)]
    #[arg(help_heading = INPUT)]
    pub last: Option<usize>,
    /// Ask the relay for records that did not arrive, and wait this long
    ///
    /// The relay must run with --keep. A record after a hole is held until the missing ones have
    /// come, or there was no answer for this time: 2s. Records that no relay has are reported as lost.
    #[arg(long, value_name = "DURATION", value_parser = parsers::nonzero_duration)]
    #[arg(help_heading = INPUT, hide_short_help = true)]
    pub heal: Option<Seconds>,
    /// Endpoint for --last and --heal [default: the port after the endpoint's, or its path
    /// and .ask]
    #[arg(long, value_name = "ENDPOINT", requires = "asking", help_heading = INPUT)]
    #[arg(value_parser = value_parsers::endpoint())]
    #[arg(hide_short_help = true)]
    pub ask: Option<String>,
    /// High-water mark: messages queued for this subscriber; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = DEFAULT_HWM, help_heading = INPUT)]
    #[arg(hide_short_help = true)]
    pub hwm: u32,
    /// Disconnect a publisher that sends a larger message
    #[arg(long, value_name = "SIZE", default_value = "128M", value_parser = parsers::size)]
    #[arg(help_heading = INPUT, hide_short_help = true)]
    pub max_message: usize,

    /// pretty (default), json, logfmt, text or raw
    ///
    /// With handlers, records are printed only if --console, --output or --format is given.
    #[arg(short, long, value_parser = value_parsers::choice::<Output>(), value_name = "HOW")]
    #[arg(help_heading = OUTPUT, conflicts_with = "format")]
    pub output: Option<Output>,
    /// Format strings
    #[command(flatten)]
    pub format: FormatArgs,
    /// Colour matches
    #[arg(short = 'H', long, value_name = "REGEX", help_heading = OUTPUT)]
    pub highlight: Vec<Regex>,
    /// Colour: auto, always or never
    ///
    /// --color without a value means always.
    #[arg(
        long, value_parser = value_parsers::choice::<ColorChoice>(), value_name = "WHEN",
        num_args = 0..=1, require_equals = true, default_value = "auto",
        default_missing_value = "always", help_heading = OUTPUT
    )]
    pub color: ColorChoice,
    /// Also print time and topic in `text` output, as `python -m zmq.log` does
    #[arg(long, help_heading = OUTPUT, hide_short_help = true)]
    pub timestamp: bool,
    /// Show these fields: name, source, process, ...
    ///
    /// Several are separated by commas. `topic` is the whole topic, with its level; `name` is
    /// the logger's name in place of the topic; `source` is the sender's whole name, which is
    /// otherwise shown only if there are several. Any other attribute or extra follows the
    /// message, as in process=17. --show has precedence over --hide.
    #[arg(long, value_name = "FIELD", value_delimiter = ',', help_heading = OUTPUT)]
    pub show: Vec<String>,
    /// Hide these fields: time, topic, extras, ...
    ///
    /// Only for `pretty`. FIELD is time, level, topic, name, source, exc_text, stack_info, the
    /// name of an extra, or `extras` for all of them.
    #[arg(long, value_name = "FIELD", value_delimiter = ',', help_heading = OUTPUT, hide_short_help = true)]
    pub hide: Vec<String>,
    /// Whether --show or --hide is on the command line, and not only in the user's file.
    #[arg(skip)]
    pub has_typed_fields: bool,
    /// Text between the columns
    #[arg(long, value_name = "TEXT", help_heading = OUTPUT, hide_short_help = true)]
    pub separator: Option<String>,
    /// Align the columns (the default for `pretty`)
    #[arg(long, overrides_with = "no_align", help_heading = OUTPUT, hide_short_help = true)]
    pub align: bool,
    /// Do not align the columns
    #[arg(long, help_heading = OUTPUT, hide_short_help = true)]
    pub no_align: bool,
    /// Sort by time within this window
    ///
    /// Holds each record this long and prints the records of all senders in order of
    /// creation.
    #[arg(long, value_name = "WINDOW", value_parser = parsers::nonzero_duration, help_heading = OUTPUT)]
    #[arg(hide_short_help = true)]
    pub reorder: Option<Seconds>,
    /// Print rates to stderr
    ///
    /// Per topic and level, at the end or at every INTERVAL.
    #[arg(
        long, value_name = "INTERVAL", num_args = 0..=1, require_equals = true,
        value_parser = parsers::nonzero_duration, help_heading = OUTPUT
    )]
    pub stats: Option<Option<Seconds>>,
    /// Print counts in place of records: level, topic, ...
    ///
    /// FIELD is level, topic, source, another attribute or an extra. With --every, prints one
    /// line for each interval, otherwise a table at the end. --output json prints JSON.
    #[arg(long, value_name = "FIELD", help_heading = OUTPUT)]
    #[arg(conflicts_with_all = ["format", "console"])]
    pub count_by: Option<CountBy>,
    /// Print the counts of each interval: 1m, 1h, ...
    ///
    /// Intervals begin at whole minutes, hours or days. Live records count when they arrive,
    /// stored ones at their time.
    #[arg(long, value_name = "INTERVAL", requires = "count_by", help_heading = OUTPUT)]
    #[arg(value_parser = parsers::nonzero_duration, hide_short_help = true)]
    pub every: Option<Seconds>,

    /// Handlers
    #[command(flatten)]
    pub handlers: HandlerArgs,
    /// How long handlers and a slow reader of the output may take at the end
    #[arg(long, value_name = "DURATION", default_value = "5s", help_heading = HEADING)]
    #[arg(hide_short_help = true)]
    pub linger: Seconds,

    /// Exit with 3 if a record was lost
    ///
    /// Also if one may have been lost, and after a signal.
    #[arg(long, help_heading = REPORTS)]
    pub fail_on_loss: bool,
    /// Report connects, disconnects and failed handshakes
    #[arg(short, long, help_heading = REPORTS)]
    pub verbose: bool,
    /// Report only errors
    #[arg(short, long, conflicts_with = "verbose", help_heading = REPORTS)]
    pub quiet: bool,
}

impl TailArgs {
    /// Whether stored records are read, and not a subscription.
    pub fn reads_stored(&self) -> bool {
        !self.input.is_empty() || self.from_nats.is_some()
    }

    /// Whether there are handlers besides the console.
    pub fn has_handlers(&self) -> bool {
        !self.handlers.is_empty()
    }

    /// Whether records are printed. With handlers, only if an option asks for it. With
    /// `--count-by`, counts are printed in their place.
    pub fn prints(&self) -> bool {
        if self.count_by.is_some() {
            return false;
        }
        let asked = self.output.is_some() || self.format.format.is_some();
        asked || self.handlers.has_console() || !self.has_handlers()
    }

    /// Whether `--show` and `--hide` have an effect.
    pub fn shows_fields(&self) -> bool {
        let format = self.format.format.as_deref().unwrap_or("pretty");
        self.prints() && self.output_format() == Output::Pretty && format == "pretty"
    }

    /// The format of printed records.
    pub fn output_format(&self) -> Output {
        self.output.unwrap_or_default()
    }
}
