//! Which records a subscriber takes: arguments of `zlog tail` and `zlog top`.

use clap::Args;
use regex::Regex;

use super::value_parsers;
use zlog_core::Level;
use zlog_core::filter::Condition;
use zlog_core::wire::topic;

/// The heading of these options.
pub(super) const SELECT: &str = "Which records";

/// Which records to subscribe to, and which of them pass.
#[derive(Args, Debug, Clone, Default)]
pub struct SelectArgs {
    /// Prefixes of topics to subscribe to [default: all]
    ///
    /// An argument that contains :// is an endpoint to connect to.
    #[arg(value_name = "TOPIC", value_parser = value_parsers::topic_or_endpoint())]
    pub topics: Vec<String>,
    /// Another way to give TOPIC
    #[arg(short, long = "topic", value_name = "TOPIC", help_heading = SELECT)]
    #[arg(hide_short_help = true)]
    pub topic: Vec<String>,
    /// Only topics with this root
    ///
    /// The root must match exactly, unlike TOPIC. With --level, publishers do not send the
    /// other levels.
    #[arg(short, long, value_parser = topic::typed_root, help_heading = SELECT)]
    pub root: Vec<String>,
    /// Exclude topics with this prefix
    #[arg(long, value_name = "TOPIC", help_heading = SELECT)]
    pub not: Vec<String>,
    /// Match a prefix only up to a dot or the end: app.ERROR excludes app.ERRORS
    #[arg(long, help_heading = SELECT, hide_short_help = true)]
    pub whole_parts: bool,
    /// Only this level and above, or without a level
    ///
    /// A name (debug, info, warning, error, critical) or a number on Python's scale. A record
    /// without a level passes: nobody would see that it is missing. --strict-level excludes it.
    #[arg(short, long, value_parser = value_parsers::LevelParser, hide_possible_values = true)]
    #[arg(help_heading = SELECT)]
    pub level: Option<Level>,
    /// With --level: exclude records without a level
    #[arg(long, requires = "level", help_heading = SELECT, hide_short_help = true)]
    pub strict_level: bool,
    /// Only if this holds: 'status>=500 and user.name=bo'
    ///
    /// Compares a field of the record (level, message, name, process, or any extra) with a
    /// value: = != ~ !~ < <= > >=, where ~ is for a regular expression. A field alone means that
    /// the record has it. Dots lead into nested fields. created and received are compared with
    /// times as --since takes them: created>=yesterday. Combine with and, or, not and parentheses.
    /// If --where is repeated, all must hold.
    #[arg(long = "where", value_name = "CONDITION", help_heading = SELECT)]
    pub conditions: Vec<Condition>,
    /// Only if message, traceback or fields match
    ///
    /// Fields are searched as they are shown: key=value. If it is repeated, one of the
    /// expressions must match, or all of them with --all.
    #[arg(short = 'i', long, value_name = "REGEX", help_heading = SELECT)]
    pub grep: Vec<Regex>,
    /// All of several -i must match, not one of them
    #[arg(long, requires = "grep", help_heading = SELECT, hide_short_help = true)]
    pub all: bool,
    /// Exclude if message, traceback or fields match
    #[arg(short, long, value_name = "REGEX", help_heading = SELECT)]
    pub exclude: Vec<Regex>,
    /// Only records from this source
    #[arg(long, value_name = "SOURCE", help_heading = SELECT, hide_short_help = true)]
    pub from_source: Vec<String>,
}
