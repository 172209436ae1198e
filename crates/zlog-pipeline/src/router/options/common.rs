//! The keys that every handler has.

use regex::Regex;
use zlog_core::error::{Error, Result};
use zlog_core::format::{FormatterSpec, Style};
use zlog_core::text::choice::Choice as _;
use zlog_core::text::escape::Newlines;
use zlog_core::text::parsers;

use super::super::spec::{DEFAULT_QUEUE, HandlerSpec, LONGEST_QUEUE, QueueSpec, Target};
use super::{Class, Key, Reader};
use crate::handler::queue::OnFull;
use crate::handler::spool::{BatchOptions, SpoolOptions};

/// Which records it takes.
pub const FILTER: &[Key] = &[
    Key::new("level", "LEVEL", "This level and above"),
    Key::new("topic", "PREFIX", "Topics that begin with this").repeated(),
    Key::new("grep", "REGEX", "What the message must match").repeated(),
    Key::new("exclude", "REGEX", "What the message must not match").repeated(),
];

/// How records wait for it.
pub const QUEUE: &[Key] = &[
    Key::new("queue", "N", "Records that may wait for it, so that it holds up no other handler")
        .default("10000 for smtp, syslog, exec and a relay's console; 0, no queue, for others"),
    Key::new(
        "on-full",
        "block|drop",
        "Whether a record waits when the queue is full, or is dropped",
    )
    .default("drop; block for `tail --input`"),
];

/// How records look.
pub const FORMAT: &[Key] = &[
    Key::new("style", "%|{|$|auto", "The style of format").default("auto"),
    Key::new("datefmt", "FORMAT", "How times are written (strftime)"),
    Key::new("msec-format", "FORMAT", "How milliseconds stand after the time"),
    Key::new("extra", "NAME[=DEFAULT]", "An extra that format may use").repeated(),
    Key::new(
        "newlines",
        "keep|escape",
        "Newlines in messages and tracebacks: as they are, as Python's handlers write them, or \
         as \\x0a, so that each record is one line; those of names, levels and other fields are \
         always escaped",
    )
    .default("keep"),
    Key::switch("utc", "Times in UTC"),
    Key::new("format", "FORMAT", "A format string, or a ready-made format by name")
        .default("%(asctime)s %(levelname)s %(name)s %(message)s; with syslog the message alone"),
];

/// What messages call it. A configuration has the name in the table's header.
pub const NAME: Key = Key::new("name", "NAME", "What messages call it");

/// How many records make a batch.
pub(super) const BATCH: &[Key] = &[
    Key::new("batch", "N", "Records that make a batch").default("1000"),
    Key::new(
        "every",
        "TIME",
        "How long the first record of a batch waits at most; 0 for not at all",
    )
    .default("10s"),
];

/// What is kept while the target is away.
pub(super) const SPOOL: &[Key] = &[
    Key::new("timeout", "TIME", "How long an attempt may take"),
    Key::new("spool", "N", "Records that are kept while it is away").default("10000"),
    Key::new("spool-bytes", "SIZE", "Bytes that are kept while it is away").default("16M"),
    Key::new("retry", "TIME", "The first pause before another attempt; each is twice as long")
        .default("1s"),
    Key::new("retry-max", "TIME", "The longest pause before another attempt").default("60s"),
];

/// Standard output.
pub(super) static CONSOLE: Class = Class {
    name: "console",
    option: "--console",
    main: None,
    keys: &[],
    picked_by: None,
    formatted: true,
    read: |_, _| Some(Target::Console),
};

/// What is known of a handler besides its keys.
pub struct SharedSettings {
    /// Replaces the name that follows from its target.
    pub name: Option<String>,
    /// How its records look.
    pub formatter: FormatterSpec,
    /// Whether its own keys ask for UTC, for files that are replaced by the clock.
    pub utc: bool,
    /// What its queue does when it is full, where no key says so.
    pub on_full: OnFull,
}

/// Reads a handler of `class`. `None` when something is wrong, which the reader was told.
pub fn handler(
    reader: &mut dyn Reader,
    class: &Class,
    given: SharedSettings,
) -> Option<HandlerSpec> {
    let level = reader.read("level", parsers::level);
    let topics = reader.list("topic", &|_| Ok(()));
    let grep = reader.list("grep", &expression);
    let exclude = reader.list("exclude", &expression);
    let capacity = reader.read("queue", queue_length);
    let asked = reader.read("on-full", on_full_named);
    let mut target = (class.read)(reader, &given)?;
    let SharedSettings { name, formatter, on_full, .. } = given;
    let queue = queue(reader, &mut target, capacity, (asked, on_full));
    let name = name.unwrap_or_else(|| target.default_name());
    Some(HandlerSpec { name, target, level, topics, grep, exclude, formatter, queue })
}

/// Reads the keys of [`FORMAT`].
pub fn formatter(reader: &mut dyn Reader) -> FormatterSpec {
    let named = |text: &str| Style::from_name(text).ok_or("write %, {, $ or auto");
    let style = reader.read("style", named);
    let extras = reader.list("extra", &|text| Ok(parsers::extra(text).map(drop)?));
    FormatterSpec {
        format: reader.text("format"),
        style: style.unwrap_or_default(),
        datefmt: reader.text("datefmt"),
        default_msec_format: reader.text("msec-format"),
        utc: reader.flag("utc"),
        extras: extras.iter().filter_map(|text| parsers::extra(text).ok()).collect(),
        newlines: reader.read("newlines", newlines_named).unwrap_or_default(),
        ..FormatterSpec::default()
    }
}

/// The queue before the handler, if there is one.
fn queue(
    reader: &mut dyn Reader,
    target: &mut Target,
    capacity: Option<usize>,
    (asked, usual): (Option<OnFull>, OnFull),
) -> Option<QueueSpec> {
    let default = if target.is_slow() { DEFAULT_QUEUE } else { 0 };
    let queue = match capacity.unwrap_or(default) {
        0 => None,
        capacity => Some(QueueSpec { capacity, on_full: asked.unwrap_or(usual) }),
    };
    match (target, queue, asked) {
        // The queue decides, and this handler waits behind it.
        (Target::Publish(publish), Some(_), _) => publish.on_full = OnFull::Block,
        (Target::Publish(publish), None, Some(asked)) => publish.on_full = asked,
        (_, None, Some(_)) => {
            let what = "says what a full queue does, and there is none";
            reader.wrong("on-full", what, "Give queue too, or leave out on-full.");
        }
        _ => {}
    }
    queue
}

/// How many records may wait for a handler; 0 is no queue.
///
/// # Errors
/// No number, or more than [`LONGEST_QUEUE`].
pub fn queue_length(text: &str) -> Result<usize, String> {
    match parsers::number(text)? {
        n if n > LONGEST_QUEUE => Err(format!("at most {LONGEST_QUEUE} records can be queued")),
        n => Ok(n),
    }
}

fn newlines_named(text: &str) -> Result<Newlines, &'static str> {
    Newlines::from_name(text).ok_or("write keep or escape")
}

fn on_full_named(text: &str) -> Result<OnFull, &'static str> {
    match text {
        "block" => Ok(OnFull::Block),
        "drop" => Ok(OnFull::Drop),
        _ => Err("write block or drop"),
    }
}

fn expression(text: &str) -> Result<()> {
    Regex::new(text).map(drop).map_err(|error| {
        // The last line says what is wrong, those before it show where.
        let text = error.to_string();
        let cause = text.lines().last().unwrap_or_default();
        let cause = cause.trim_start_matches("error: ");
        Error::usage(format!("no regular expression: {cause}"))
            .hint("Put a backslash before ( [ { . * + ? | ^ $ that are to be themselves.")
    })
}

/// Reads the keys of [`BATCH`].
pub(super) fn batch(reader: &mut dyn Reader) -> BatchOptions {
    let default = BatchOptions::default();
    let every = reader.read("every", str::parse::<parsers::Seconds>);
    BatchOptions {
        count: reader.read("batch", parsers::at_least_one).unwrap_or(default.count),
        time: every.map_or(default.time, |time| time.0),
    }
}

/// Reads the keys of [`SPOOL`], without `timeout`.
pub(super) fn spool(reader: &mut dyn Reader) -> SpoolOptions {
    let default = SpoolOptions::default();
    SpoolOptions {
        records: reader.read("spool", parsers::at_least_one).unwrap_or(default.records),
        bytes: reader.read("spool-bytes", parsers::size).unwrap_or(default.bytes),
        retry: some_time(reader, "retry", default.retry),
        retry_max: some_time(reader, "retry-max", default.retry_max),
    }
}

/// A time of more than nothing.
pub(super) fn some_time(
    reader: &mut dyn Reader,
    key: &str,
    default: std::time::Duration,
) -> std::time::Duration {
    reader.read(key, parsers::nonzero_duration).map_or(default, |time| time.0)
}
