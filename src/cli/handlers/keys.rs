//! From what was typed to a handler: which keys each option takes, and what they mean.
//!
//! What may be here: one function for each kind of handler. What they have in common is
//! [`common`]'s; what makes sense together is checked here, what is possible at all by
//! the handler when it is opened.

use std::path::PathBuf;
use std::str::FromStr;

use jiff::civil::Time;

use super::words::{self, Given, Keys};
use crate::cli::value::{self, Seconds, number};
use crate::error::Result;
use crate::format::formatter::{FormatterSpec, Style};
use crate::handler::exec::ExecOptions;
use crate::handler::file::Sync;
use crate::handler::publish::Wire;
use crate::handler::queue::OnFull;
use crate::handler::rotating::{Compression, Rotation};
use crate::handler::smtp::{LoginFrom, SmtpOptions};
use crate::handler::spool::{BatchOptions, SpoolOptions};
use crate::handler::syslog::{Facility, Protocol, SyslogOptions};
use crate::handler::timed::{Timing, When};
use crate::route::spec::DEFAULT_QUEUE;
use crate::route::{HandlerSpec, PublishTarget, QueueSpec, Target};

/// How many replaced files are kept when only their size is given.
const DEFAULT_BACKUPS: u32 = 5;

const TAKES: &[&str] = &["level", "topic", "grep", "exclude"];
const RUNS: &[&str] = &["name", "queue", "on-full"];
const LOOKS: &[&str] = &["format", "style", "datefmt", "extra", "newlines"];
const FILE: &[&str] = &["max-bytes", "backups", "when", "interval", "at", "compress"];
const SMTP: &[&str] =
    &["from", "to", "subject", "batch", "every", "spool", "timeout", "login", "trust"];
const SYSLOG: &[&str] =
    &["protocol", "facility", "app", "hostname", "max-message", "spool", "timeout"];
const EXEC: &[&str] = &["batch", "every", "spool", "timeout"];
const PUBLISH: &[&str] = &["root", "wire", "hwm"];

/// What each option takes.
const FILE_KEYS: Keys = Keys { valued: &[TAKES, RUNS, LOOKS, FILE], switches: &["sync", "utc"] };
const SMTP_KEYS: Keys = Keys { valued: &[TAKES, RUNS, LOOKS, SMTP], switches: &["utc"] };
const SYSLOG_KEYS: Keys = Keys { valued: &[TAKES, RUNS, LOOKS, SYSLOG], switches: &["utc"] };
const EXEC_KEYS: Keys = Keys { valued: &[TAKES, RUNS, LOOKS, EXEC], switches: &["utc"] };
const PUBLISH_KEYS: Keys = Keys { valued: &[TAKES, RUNS, PUBLISH], switches: &["connect"] };
const CONSOLE_KEYS: Keys = Keys { valued: &[TAKES, RUNS, LOOKS], switches: &["utc"] };

/// What stands in a handler's format and would be a key before it.
pub(super) fn swallowed(handler: &HandlerSpec) -> Option<&str> {
    let known = match &handler.target {
        Target::File { .. } | Target::Rotating { .. } | Target::Timed { .. } => FILE_KEYS,
        Target::Smtp { .. } => SMTP_KEYS,
        Target::Syslog(_) => SYSLOG_KEYS,
        Target::Exec(_) => EXEC_KEYS,
        Target::Publish(_) => PUBLISH_KEYS,
        Target::Console => CONSOLE_KEYS,
    };
    words::swallowed(handler.formatter.format.as_deref()?, known)
}

/// `--file`
pub(super) fn file(text: &str, on_full: OnFull) -> Result<HandlerSpec> {
    let mut given = Given::new("--file", text, FILE_KEYS)?;
    let formatter = formatter(&mut given)?;
    let target = file_target(&mut given, formatter.utc)?;
    let name = given.value.clone();
    common(given, name, target, formatter, on_full)
}

/// Appended to, replaced by size, or replaced by the clock: as the keys have it.
fn file_target(given: &mut Given, utc: bool) -> Result<Target> {
    let path = PathBuf::from(&given.value);
    let max_bytes = given.read("max-bytes", value::size)?;
    let backups = given.read("backups", number::<u32>)?;
    let when = given.read("when", When::from_str)?;
    let interval = given.read("interval", value::at_least_one::<u32>)?;
    let at_time = given.read("at", time_of_day)?;
    let compress = given.read("compress", Compression::from_str)?;
    let sync = given.switch("sync")?;
    if sync && (max_bytes.is_some() || when.is_some()) {
        let error = given.wrong("sync", "is for a file that is not replaced");
        return Err(error.hint("Leave out sync, or what replaces the file."));
    }
    match (max_bytes, when) {
        (Some(_), Some(_)) => Err(given
            .wrong("max-bytes and when", "are two ways to replace a file")
            .hint("Give one of them.")),
        (Some(max_bytes), None) => {
            only_with(
                given,
                "when",
                &[("interval", interval.is_some()), ("at", at_time.is_some())],
            )?;
            let rotation = Rotation {
                max_bytes: max_bytes as u64,
                backup_count: backups.unwrap_or(DEFAULT_BACKUPS),
                compress: compress.unwrap_or_default(),
            };
            Ok(Target::Rotating { path, rotation })
        }
        (None, Some(when)) => {
            let timing = Timing {
                when,
                interval: interval.unwrap_or(1),
                backup_count: backups.unwrap_or(0),
                utc,
                at_time,
                compress: compress.unwrap_or_default(),
            };
            Ok(Target::Timed { path, timing })
        }
        (None, None) => {
            only_with(
                given,
                "when",
                &[("interval", interval.is_some()), ("at", at_time.is_some())],
            )?;
            let others = [("backups", backups.is_some()), ("compress", compress.is_some())];
            only_with(given, "max-bytes or when", &others)?;
            let sync = if sync { Sync::Data } else { Sync::Block };
            Ok(Target::File { path, sync })
        }
    }
}

/// Refuses keys that mean nothing without another.
fn only_with(given: &Given, other: &str, keys: &[(&str, bool)]) -> Result<()> {
    match keys.iter().find(|(_, is_given)| *is_given) {
        Some((key, _)) => {
            let what = format!("goes with {other}");
            Err(given.wrong(key, &what).hint(format!("Give {other} too, or leave out {key}.")))
        }
        None => Ok(()),
    }
}

/// `--smtp`
pub(super) fn smtp(text: &str, on_full: OnFull) -> Result<HandlerSpec> {
    let mut given = Given::new("--smtp", text, SMTP_KEYS)?;
    let formatter = formatter(&mut given)?;
    let usual = SmtpOptions::default();
    let options = SmtpOptions {
        server: given.value.clone(),
        trust: given.one("trust")?.map(PathBuf::from),
        from: given.one("from")?.unwrap_or(usual.from),
        to: given.all("to"),
        timeout: given.read("timeout", value::some_time)?.map_or(usual.timeout, |time| time.0),
        login: match given.one("login")? {
            Some(path) => LoginFrom::File(PathBuf::from(path)),
            None => usual.login,
        },
        batch: batch(&mut given)?,
        spool: spool(&mut given)?,
    };
    if options.to.is_empty() {
        let error = given.wrong("to", "is missing: nobody is named to get the mails");
        return Err(error.hint("Name at least one recipient: to=ops@example.org."));
    }
    let format = given.one("subject")?;
    // The same names as in the body; how else the body looks does not matter here.
    let extras = formatter.extras.clone();
    let subject = FormatterSpec { format, extras, ..FormatterSpec::default() };
    let name = format!("mail to {}", options.to[0]);
    common(given, name, Target::Smtp { options, subject }, formatter, on_full)
}

/// `--syslog`
pub(super) fn syslog(text: &str, on_full: OnFull) -> Result<HandlerSpec> {
    let mut given = Given::new("--syslog", text, SYSLOG_KEYS)?;
    let formatter = formatter(&mut given)?;
    let usual = SyslogOptions::default();
    let options = SyslogOptions {
        address: given.value.clone(),
        protocol: given.read("protocol", Protocol::from_str)?,
        facility: given.read("facility", Facility::from_str)?.unwrap_or_default(),
        app_name: given.one("app")?,
        hostname: given.one("hostname")?,
        max_message: given.read("max-message", value::size)?.unwrap_or(usual.max_message),
        timeout: given.read("timeout", value::some_time)?.map_or(usual.timeout, |time| time.0),
        spool: spool(&mut given)?,
    };
    let name = format!("syslog {}", given.value);
    common(given, name, Target::Syslog(options), formatter, on_full)
}

/// `--exec`
pub(super) fn exec(text: &str, on_full: OnFull) -> Result<HandlerSpec> {
    let mut given = Given::new("--exec", text, EXEC_KEYS)?;
    let formatter = formatter(&mut given)?;
    let parsed = ExecOptions::parse(&given.value)?;
    let options = ExecOptions {
        timeout: given.read("timeout", value::some_time)?.map_or(parsed.timeout, |time| time.0),
        batch: batch(&mut given)?,
        spool: spool(&mut given)?,
        ..parsed
    };
    let name = options.command.first().cloned().unwrap_or_default();
    common(given, name, Target::Exec(options), formatter, on_full)
}

/// `--publish`
pub(super) fn publish(text: &str, on_full: OnFull) -> Result<HandlerSpec> {
    let mut given = Given::new("--publish", text, PUBLISH_KEYS)?;
    let endpoint = vec![given.value.clone()];
    let (bind, connect) = match given.switch("connect")? {
        true => (Vec::new(), endpoint),
        false => (endpoint, Vec::new()),
    };
    let usual = PublishTarget::default();
    let wire = given.read("wire", |text| match text {
        "json" => Ok(Wire::Json),
        "text" => Ok(Wire::Text),
        _ => Err("write json or text"),
    })?;
    let target = PublishTarget {
        bind,
        connect,
        root: given.read("root", value::root)?.unwrap_or_default(),
        wire: wire.unwrap_or_default(),
        on_full: usual.on_full,
        hwm: given.read("hwm", number::<u32>)?.unwrap_or(usual.hwm),
    };
    let name = format!("publish {}", given.value);
    common(given, name, Target::Publish(target), FormatterSpec::default(), on_full)
}

/// `--console`. Without `on_full` there is no queue, and no key for one.
pub(super) fn console(text: &str, on_full: Option<OnFull>) -> Result<HandlerSpec> {
    let valued: &[&[&str]] = match on_full {
        Some(_) => CONSOLE_KEYS.valued,
        None => &[TAKES, LOOKS],
    };
    let mut given = Given::keys("--console", text, Keys { valued, ..CONSOLE_KEYS })?;
    let formatter = formatter(&mut given)?;
    let name = "console".to_owned();
    match on_full {
        Some(on_full) => common(given, name, Target::Console, formatter, on_full),
        None => {
            let spec = common(given, name, Target::Console, formatter, OnFull::Block)?;
            Ok(HandlerSpec { queue: None, ..spec })
        }
    }
}

/// What every handler takes. `on_full` is for a queue that does not say.
fn common(
    mut given: Given,
    name: String,
    mut target: Target,
    formatter: FormatterSpec,
    on_full: OnFull,
) -> Result<HandlerSpec> {
    let asked = given.read("on-full", |text| match text {
        "block" => Ok(OnFull::Block),
        "drop" => Ok(OnFull::Drop),
        _ => Err("write block or drop"),
    })?;
    let capacity = given.read("queue", value::queue)?;
    let usual = if target.is_slow() { DEFAULT_QUEUE } else { 0 };
    let queue = match capacity.unwrap_or(usual) {
        0 => None,
        capacity => Some(QueueSpec { capacity, on_full: asked.unwrap_or(on_full) }),
    };
    match (&mut target, &queue, asked) {
        // The queue decides, and this handler waits behind it.
        (Target::Publish(publish), Some(_), _) => publish.on_full = OnFull::Block,
        (Target::Publish(publish), None, Some(asked)) => publish.on_full = asked,
        (_, None, Some(_)) => {
            let error = given.wrong("on-full", "says what a full queue does, and there is none");
            return Err(error.hint("Give queue=N too, or leave out on-full."));
        }
        _ => {}
    }
    Ok(HandlerSpec {
        name: given.one("name")?.unwrap_or(name),
        target,
        level: given.read("level", value::level)?,
        topics: given.all("topic"),
        grep: given.all("grep"),
        exclude: given.all("exclude"),
        formatter,
        queue,
    })
}

fn formatter(given: &mut Given) -> Result<FormatterSpec> {
    let style = given.read("style", |text| match text {
        "%" | "percent" => Ok(Style::Percent),
        "{" | "brace" => Ok(Style::Brace),
        "$" | "dollar" => Ok(Style::Dollar),
        "auto" => Ok(Style::Auto),
        _ => Err("write %, {, $ or auto"),
    })?;
    let newlines = given.read("newlines", value::newlines)?;
    let extras = given.all("extra");
    let extras = extras.iter().map(|text| value::extra(text)).collect::<Result<Vec<_>, _>>();
    let extras = extras.map_err(|why| given.wrong("extra", &format!(": {why}")))?;
    Ok(FormatterSpec {
        format: given.one("format")?,
        style: style.unwrap_or_default(),
        datefmt: given.one("datefmt")?,
        utc: given.switch("utc")?,
        extras,
        newlines: newlines.unwrap_or_default(),
        ..FormatterSpec::default()
    })
}

fn batch(given: &mut Given) -> Result<BatchOptions> {
    let usual = BatchOptions::default();
    let count = given.read("batch", value::at_least_one)?;
    let time = given.read("every", Seconds::from_str)?;
    Ok(BatchOptions {
        count: count.unwrap_or(usual.count),
        time: time.map_or(usual.time, |time| time.0),
    })
}

fn spool(given: &mut Given) -> Result<SpoolOptions> {
    let usual = SpoolOptions::default();
    let records = given.read("spool", value::at_least_one)?;
    Ok(SpoolOptions { records: records.unwrap_or(usual.records), ..usual })
}

fn time_of_day(text: &str) -> Result<Time, &'static str> {
    text.parse().map_err(|_| "not a time of day: write it as 03:30 or 03:30:00")
}
