//! How records look: the arguments that commands with handlers share.

use clap::Args;

use super::value_parsers;
use zlog_core::format::{FormatterSpec, Style};
use zlog_core::text::escape::Newlines;
use zlog_core::text::parsers;

/// `--format` and what belongs to it.
#[derive(Args, Debug, Clone, Default, PartialEq, Eq)]
pub struct FormatArgs {
    /// A format string as in Python's logging ('%(asctime)s %(levelname)-8s %(message)s'),
    /// or one of basic, bare, syslog, pretty, json, logfmt
    #[arg(long, value_name = "FORMAT", help_heading = "Output")]
    pub format: Option<String>,
    /// The style of --format: %, {, $, or auto
    #[arg(
        long,
        value_parser = value_parsers::choice::<Style>(),
        default_value = "auto",
        value_name = "STYLE",
        requires = "format",
        hide_default_value = true,
        help_heading = "Output"
    )]
    pub style: Style,
    /// Name an extra field that --format may use, and what stands for it where a record
    /// lacks it; may be repeated
    #[arg(
        long, value_name = "NAME[=DEFAULT]", value_parser = parsers::extra, requires = "format",
        help_heading = "Output"
    )]
    pub extra: Vec<(String, Option<String>)>,
    /// How to write times (strftime) [default: %Y-%m-%d %H:%M:%S and milliseconds]
    #[arg(
        long, value_name = "FORMAT", visible_aliases = ["datefmt", "dateformat"],
        help_heading = "Output"
    )]
    pub time_format: Option<String>,
    /// How milliseconds stand after the time in --format, where --time-format does not
    /// say; empty for none [default: %s,%03d]
    #[arg(
        long,
        value_name = "FORMAT",
        requires = "format",
        conflicts_with = "time_format",
        help_heading = "Output"
    )]
    pub msec_format: Option<String>,
    /// Newlines in messages and tracebacks; those of names and other fields are always
    /// escaped. json and logfmt have one line for each record anyway
    #[arg(long, value_parser = value_parsers::choice::<Newlines>(), value_name = "WHAT")]
    #[arg(default_value = "keep", help_heading = "Output")]
    pub newlines: Newlines,
    /// Times in UTC instead of local time
    #[arg(long, help_heading = "Output")]
    pub utc: bool,
}

impl FormatArgs {
    /// What a formatter is made from.
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
