//! The arguments that say how records are printed.

use clap::Args;

use super::value_parsers;
use zlog_core::format::{FormatterSpec, Style};
use zlog_core::text::escape::Newlines;
use zlog_core::text::parsers;

const HEADING: &str = "Output";

/// `--format` and the options that modify it.
#[derive(Args, Debug, Clone, Default, PartialEq, Eq)]
pub struct FormatArgs {
    /// A format string of Python's logging
    ///
    /// '%(asctime)s %(levelname)-8s %(message)s', also in the styles { and $. Or a ready-made
    /// format: basic, bare, syslog, pretty, json or logfmt.
    #[arg(long, value_name = "FORMAT", help_heading = HEADING)]
    pub format: Option<String>,
    /// Style of --format: %, {, $ or auto
    #[arg(
        long, value_parser = value_parsers::choice::<Style>(), default_value = "auto",
        value_name = "STYLE", requires = "format", hide_default_value = true,
        help_heading = HEADING, hide_short_help = true
    )]
    pub style: Style,
    /// Declare an extra that --format uses; DEFAULT is for records without it
    #[arg(
        long, value_name = "NAME[=DEFAULT]", value_parser = parsers::extra, requires = "format",
        help_heading = HEADING, hide_short_help = true
    )]
    pub extra: Vec<(String, Option<String>)>,
    /// short, full, iso, unix, elapsed, delta or a strftime format
    ///
    /// `short` is the time without the date: the default of pretty on a terminal, where a line
    /// with the date precedes the first record of another day. `full` is
    /// %Y-%m-%d %H:%M:%S.%3f, the default elsewhere. `iso` is RFC 3339. `unix` and `unix-ms`
    /// count from 1970, `elapsed` from the first record and `delta` from the record before.
    #[arg(
        long, value_name = "FORMAT", visible_aliases = ["datefmt", "dateformat"],
        help_heading = HEADING, hide_short_help = true
    )]
    pub time_format: Option<String>,
    /// Format of the milliseconds after the time in --format; empty for none
    /// [default: %s,%03d, and none with --time-format]
    #[arg(
        long, value_name = "FORMAT", requires = "format",
        help_heading = HEADING, hide_short_help = true
    )]
    pub msec_format: Option<String>,
    /// Newlines in messages and tracebacks
    ///
    /// Newlines in names and other fields are always escaped. json and logfmt write one line
    /// per record in any case.
    #[arg(long, value_parser = value_parsers::choice::<Newlines>(), value_name = "WHAT")]
    #[arg(default_value = "keep", help_heading = HEADING, hide_short_help = true)]
    pub newlines: Newlines,
    /// Times in UTC instead of local time
    #[arg(long, help_heading = HEADING, hide_short_help = true)]
    pub utc: bool,
}

impl FormatArgs {
    /// The settings of the formatter.
    pub fn spec(&self) -> FormatterSpec {
        FormatterSpec {
            format: self.format.clone(),
            style: self.style,
            datefmt: self.time_format.clone(),
            default_msec_format: self.msec_format.clone(),
            utc: self.utc,
            extras: self.extra.clone(),
            newlines: self.newlines,
            ..FormatterSpec::default()
        }
    }
}
