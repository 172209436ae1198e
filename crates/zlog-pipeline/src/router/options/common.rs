//! The keys that all handlers, or many of them, have.

use std::path::PathBuf;

use zlog_core::format::{Format, Options, Output};
use zlog_core::format::{FormatterSpec, Style};
use zlog_core::text::choice::Choice;
use zlog_core::text::parsers;
use zlog_core::{Level, Result};

use super::super::expressions::{condition, expression};
use super::handler_spec::{DEFAULT_QUEUE, HandlerSpec, LONGEST_QUEUE, QueueSpec};
use super::{Class, Key, Reader, Target};
use crate::handler::queue::OnFull;
use crate::handler::retry::{BatchOptions, RetryOptions};
use crate::tls::TlsOptions;

/// Which records the handler takes.
pub const FILTER: &[Key] = &[
    Key::new("level", "LEVEL", "This level and above"),
    Key::new("topic", "PREFIX", "Topics with this prefix").repeated(),
    Key::new("where", "CONDITION", "Condition on fields, as `tail --where`; all must hold")
        .repeated(),
    Key::new("grep", "REGEX", "Message, traceback or fields must match").repeated(),
    Key::new("exclude", "REGEX", "Message, traceback and fields must not match").repeated(),
];

/// The queue in front of it.
pub const QUEUE: &[Key] = &[
    Key::new("queue", "N", "Records that may wait for the handler, which then has its own thread")
        .default(
            "10000 for smtp, syslog, exec, nats, otlp, pipes and a relay's console; 0, no queue, for \
             others",
        ),
    Key::new("on-full", "block|drop", "What happens to a record when the queue is full")
        .default("drop; block with `tail --input`"),
];

/// The format of records.
pub const FORMAT: &[Key] = &[
    Key::new("style", "%|{|$|auto", "Style of format").default("auto"),
    Key::new("datefmt", "FORMAT", "Format of times (strftime)"),
    Key::new("msec-format", "FORMAT", "Format of the milliseconds after the time"),
    Key::new(
        "extra",
        "NAME[=DEFAULT]",
        "An extra that format uses; DEFAULT is for records without it",
    )
    .repeated(),
    Key::new(
        "newlines",
        "keep|indent|escape",
        "Newlines in messages and tracebacks: as they are, with further lines indented, or as \
         \\x0a; those in other fields are always escaped",
    )
    .default("keep"),
    Key::switch("utc", "Times in UTC"),
    Key::new(
        "format",
        "FORMAT",
        "A format string or a ready-made format; takes the rest of the text",
    )
    .default("%(asctime)s %(levelname)s %(name)s: %(message)s; with syslog the message alone"),
];

/// Its name in messages. In a configuration, the table's header contains the name.
pub const NAME: Key = Key::new("name", "NAME", "Name of the handler in messages");

/// The size of a batch.
pub(super) const BATCH: &[Key] = &[
    Key::new("batch", "N", "Records in a batch").default("1000"),
    Key::new("every", "TIME", "How long the first record of a batch waits at most").default("10s"),
];

/// How many records wait in memory while the target is unreachable, and when it is tried again.
pub(super) const RETRY: &[Key] = &[
    Key::new("timeout", "TIME", "How long an attempt may take"),
    Key::new("spool", "N", "Records kept while the target is unreachable").default("10000"),
    Key::new("spool-bytes", "SIZE", "Bytes kept while the target is unreachable").default("16M"),
    Key::new("retry", "TIME", "Delay of the first retry; each further delay is twice as long")
        .default("1s"),
    Key::new("retry-max", "TIME", "Longest delay of a retry").default("60s"),
];

/// A certificate to trust, for TLS.
pub(super) const TRUST: Key = Key::new("trust", "FILE", "Certificate to trust, in PEM");
/// The certificate of the client, for TLS.
pub(super) const CERTIFICATE: Key =
    Key::new("certificate", "FILE", "Certificate of this client, in PEM");
/// The private key of [`CERTIFICATE`].
pub(super) const PRIVATE_KEY: Key = Key::new("key", "FILE", "Its private key, in PEM");

/// The default format of records in files, mails and the input of commands. Python's
/// `basicConfig` has no time, which is needed where many programs write to one file.
/// `tail --input` reads such lines back (`zlog_core::parse`): the colon tells the logger from
/// the first word of a message.
const DEFAULT_FORMAT: &str = "%(asctime)s %(levelname)s %(name)s: %(message)s";

/// Builds the formatter of a handler, with [`DEFAULT_FORMAT`] if none is given.
pub(super) fn default_format(spec: &FormatterSpec) -> Result<Box<dyn Format>> {
    if spec.format.is_some() {
        return spec.build(Output::Text, Options::default());
    }
    let format = Some(DEFAULT_FORMAT.to_owned());
    FormatterSpec { format, style: Style::Percent, ..spec.clone() }
        .build(Output::Text, Options::default())
}

/// Settings of a handler that do not come from its own keys.
pub struct SharedSettings {
    /// Its name; `None` for [`HandlerTarget::default_name`](super::HandlerTarget::default_name).
    pub name: Option<String>,
    /// The format of its records.
    pub formatter: FormatterSpec,
    /// Whether its own keys say UTC, for files that are replaced by the clock.
    pub utc: bool,
    /// The policy when its queue is full, unless a key says so.
    pub on_full: OnFull,
}

/// Reads a handler of `class`. `None` if something is wrong, which the reader knows.
pub fn handler(
    reader: &mut dyn Reader,
    class: &Class,
    shared: SharedSettings,
) -> Option<HandlerSpec> {
    let level = reader.read("level", Level::from_typed);
    let topics = reader.list("topic", &|_| Ok(()));
    let conditions = reader.list("where", &|text| condition(text).map(drop));
    let grep = reader.list("grep", &|text| expression(text).map(drop));
    let exclude = reader.list("exclude", &|text| expression(text).map(drop));
    let capacity = reader.read("queue", queue_length);
    let asked = reader.read("on-full", choice);
    let mut target = (class.read)(reader, &shared)?;
    let SharedSettings { name, formatter, on_full, .. } = shared;
    let queue = queue(reader, &mut target, capacity, (asked, on_full));
    let name = name.unwrap_or_else(|| target.as_dyn().default_name());
    Some(HandlerSpec { name, target, level, topics, conditions, grep, exclude, formatter, queue })
}

/// Reads the keys of [`FORMAT`].
pub fn formatter(reader: &mut dyn Reader) -> FormatterSpec {
    // Its aliases are Python's names.
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
        newlines: reader.read("newlines", choice).unwrap_or_default(),
        ..FormatterSpec::default()
    }
}

/// The queue in front of the handler, if any.
fn queue(
    reader: &mut dyn Reader,
    target: &mut Target,
    capacity: Option<usize>,
    (asked, usual): (Option<OnFull>, OnFull),
) -> Option<QueueSpec> {
    let default = if target.as_dyn().may_block() { DEFAULT_QUEUE } else { 0 };
    let queue = match capacity.unwrap_or(default) {
        0 => None,
        capacity => Some(QueueSpec { capacity, on_full: asked.unwrap_or(usual) }),
    };
    // A queue drops records; the handler behind it waits.
    let own = if queue.is_some() { Some(OnFull::Block) } else { asked };
    let takes_it = own.is_none_or(|on_full| target.as_dyn_mut().set_on_full(on_full));
    if queue.is_none() && !takes_it {
        let what = "has no effect without a queue";
        reader.wrong("on-full", what, "Add queue, or leave out on-full.");
    }
    queue
}

/// Reads the length of a queue; 0 is no queue.
///
/// # Errors
/// Not a number, or more than [`LONGEST_QUEUE`].
fn queue_length(text: &str) -> Result<usize, String> {
    match parsers::number(text)? {
        n if n > LONGEST_QUEUE => Err(format!("must be at most {LONGEST_QUEUE}")),
        n => Ok(n),
    }
}

/// Reads a name of `T`.
///
/// # Errors
/// Another name; the text lists the names.
pub(super) fn choice<T: Choice>(text: &str) -> Result<T, String> {
    T::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = T::all().map(Choice::name).collect();
        let (last, others) = names.split_last().unwrap_or((&"", &[]));
        format!("write {} or {last}", others.join(", "))
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

/// Reads the keys of [`RETRY`], without `timeout`.
pub(super) fn retry(reader: &mut dyn Reader) -> RetryOptions {
    let default = RetryOptions::default();
    RetryOptions {
        records: reader.read("spool", parsers::at_least_one).unwrap_or(default.records),
        bytes: reader.read("spool-bytes", parsers::size).unwrap_or(default.bytes),
        retry: positive_time(reader, "retry", default.retry),
        retry_max: positive_time(reader, "retry-max", default.retry_max),
    }
}

/// Reads URLs that `parse` accepts. Where they contain a login, it is refused without being shown.
pub(super) fn urls(
    reader: &mut dyn Reader,
    key: &str,
    parse: impl Fn(&str) -> Result<()>,
    has_login: impl Fn(&str) -> bool,
) -> Option<String> {
    let typed = reader.typed(key)?;
    let Err(error) = parse(&typed) else { return Some(typed) };
    if has_login(&typed) {
        reader.wrong(key, "contains a login", error.next_step().unwrap_or_default());
    } else {
        reader.refuse(key, &typed, error);
    }
    None
}

/// Reads [`TRUST`], [`CERTIFICATE`] and [`PRIVATE_KEY`].
pub(super) fn tls(reader: &mut dyn Reader) -> TlsOptions {
    TlsOptions {
        trust: reader.text("trust").map(PathBuf::from),
        certificate: reader.text("certificate").map(PathBuf::from),
        key: reader.text("key").map(PathBuf::from),
    }
}

/// Reads a time greater than zero.
pub(super) fn positive_time(
    reader: &mut dyn Reader,
    key: &str,
    default: std::time::Duration,
) -> std::time::Duration {
    reader.read(key, parsers::nonzero_duration).map_or(default, |time| time.0)
}
